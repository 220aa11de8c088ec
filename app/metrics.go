package app

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vigil/gateway"
	"vigil/rest"
)

// requestMetrics counts requests and how long they took.
type requestMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newRequestMetrics(r prometheus.Registerer) (*requestMetrics, error) {
	m := &requestMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigil_gateway_requests_total", Help: "Requests by kind of action and status class.",
		}, []string{"kind", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "vigil_gateway_request_seconds", Help: "Time from receiving a request to its last byte, by kind of action.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
		}, []string{"kind"}),
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// done counts a request. The kind is the first words of its action, so that clients cannot make series.
func (m *requestMetrics) done(s gateway.Summary) {
	kind := "none"
	if s.Action != "" {
		kind = "cluster"
		if parts := strings.SplitN(string(s.Action), "/", 3); parts[0] != "cluster:admin" && len(parts) > 1 && strings.HasPrefix(parts[0], "indices:") {
			kind = parts[0] + "/" + parts[1]
			if parts[0] != "indices:data" {
				kind = parts[0]
			}
		}
	}
	m.requests.WithLabelValues(kind, strconv.Itoa(s.Status/100)+"xx").Inc()
	m.seconds.WithLabelValues(kind).Observe(s.Took.Seconds())
}

// ownRoutes are the rows of Vigil itself. All but health are authorized and audited like any other.
func (s *Server) ownRoutes() []rest.Route {
	metrics := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
	return []rest.Route{
		{Method: "GET", Path: "/_vigil/health", Op: "vigil.health", Open: true, Handler: http.HandlerFunc(s.health)},
		{Method: "GET", Path: "/metrics", Op: "vigil.metrics", Action: "cluster:monitor/vigil/metrics", Request: "MetricsRequest", Handler: metrics},
	}
}

// health tells whether the process lives and whether it can serve, and nothing else: everybody may ask.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	ready := s.ready() == nil
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	rest.WriteJSON(w, status, map[string]bool{"live": true, "ready": ready})
}
