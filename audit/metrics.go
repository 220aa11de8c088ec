package audit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the counters of a trail. What can be read from its state is read when somebody asks, see collector.
type metrics struct {
	events   *prometheus.CounterVec
	written  prometheus.Counter
	fsync    prometheus.Histogram
	failures prometheus.Counter
	missed   prometheus.Counter
	gaps     prometheus.Counter
	cut      prometheus.Counter
	folded   prometheus.Counter
	retries  *prometheus.CounterVec
	rejected *prometheus.CounterVec
	skipped  *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "vigil_audit_" + name, Help: help})
	}
	vec := func(name, label, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigil_audit_" + name, Help: help}, []string{label})
	}
	return &metrics{
		events:  vec("events_total", "category", "Events made durable."),
		written: counter("log_written_bytes_total", "Bytes appended to the audit log, framing included."),
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "vigil_audit_fsync_seconds", Help: "Time of one fdatasync of the audit log.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		failures: counter("append_failures_total", "Appends to the audit log that failed."),
		missed:   counter("dropped_events_total", "Events that were not recorded while on_failure was allow."),
		gaps:     counter("gaps_total", "Gap records written."),
		cut:      counter("bodies_cut_total", "Events whose body or difference was longer than audit.max_body_bytes."),
		folded:   counter("folded_events_total", "Events made durable that are told by the count of another one, see audit.fold."),
		retries:  vec("sink_retries_total", "sink", "Batches that a sink did not take and will be offered again."),
		rejected: vec("sink_rejected_total", "sink", "Events that a sink will never take, kept as dead letters."),
		skipped:  vec("sink_skipped_total", "sink", "Events that a full log passed over because the sink had not taken them."),
	}
}

func (m *metrics) synced(d time.Duration, _, bytes int) {
	m.fsync.Observe(d.Seconds())
	m.written.Add(float64(bytes))
}

// recorded counts events; neighbours are often of one category.
func (m *metrics) recorded(categories []Category) {
	for len(categories) > 0 {
		n := 1
		for n < len(categories) && categories[n] == categories[0] {
			n++
		}
		m.events.WithLabelValues(string(categories[0])).Add(float64(n))
		categories = categories[n:]
	}
}

func (m *metrics) told(s gapState) {
	if s.events > 0 {
		m.gaps.Inc()
		m.events.WithLabelValues(string(Gap)).Inc()
	}
}

// collector gives a trail's metrics to Prometheus.
type collector struct {
	t                           *Trail
	size, gap, intents, healthy *prometheus.Desc
	lag, behind                 *prometheus.Desc
}

func newCollector(t *Trail) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("vigil_audit_"+name, help, labels, nil)
	}
	return &collector{
		t:       t,
		size:    desc("log_bytes", "Size of the audit log on disk."),
		gap:     desc("gap_pending_events", "Missing events that no gap record tells of yet."),
		intents: desc("open_intents", "Intents whose outcome is not known."),
		healthy: desc("healthy", "1 if events can be recorded and the log is not filling up."),
		lag:     desc("sink_lag_entries", "Entries of the log that the sink has not taken.", "sink"),
		behind:  desc("sink_lag_seconds", "Age of the oldest event that the sink has not taken.", "sink"),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.events, m.written, m.fsync, m.failures, m.missed, m.gaps, m.cut, m.folded, m.retries, m.rejected, m.skipped,
	}
}

// Describe sends what every trail has.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range c.t.metrics.all() {
		v.Describe(ch)
	}
	for _, d := range []*prometheus.Desc{c.size, c.gap, c.intents, c.healthy, c.lag, c.behind} {
		ch <- d
	}
}

// Collect reads the counters and the trail's state.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, v := range c.t.metrics.all() {
		v.Collect(ch)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	state, _ := c.t.gap.snapshot()
	gauge(c.size, float64(c.t.log.Size()))
	gauge(c.gap, float64(state.events))
	gauge(c.intents, float64(len(c.t.OpenIntents())))
	healthy := 0.0
	if c.t.Healthy() == nil {
		healthy = 1
	}
	gauge(c.healthy, healthy)
	for _, s := range c.t.Sinks() {
		gauge(c.lag, float64(s.Lag), s.Name)
		gauge(c.behind, s.Behind.Seconds(), s.Name)
	}
}
