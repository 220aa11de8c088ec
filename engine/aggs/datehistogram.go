package aggs

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
)

type dateHistogram struct {
	histogram
	calendar, fixed, legacy string // as written
	shift                   string // offset
	unit                    calendarUnit
	every                   time.Duration // of fixed intervals
	shifted                 time.Duration
}

type calendarUnit uint8

const (
	noUnit calendarUnit = iota
	second
	minute
	hour
	day
	week
	month
	quarter
	year
)

func calendarUnitOf(s string) calendarUnit {
	switch s {
	case "second", "1s":
		return second
	case "minute", "1m":
		return minute
	case "hour", "1h":
		return hour
	case "day", "1d":
		return day
	case "week", "1w":
		return week
	case "month", "1M":
		return month
	case "quarter", "1q":
		return quarter
	case "year", "1y":
		return year
	}
	return noUnit
}

func parseDateHistogram(n *query.Node) (kind, error) {
	h := dateHistogram{}
	err := options(n, "date_histogram", func(key string, v *query.Node) (bool, error) {
		ok, err := h.intervals(key, v)
		if ok || err != nil {
			return ok, err
		}
		switch key {
		case "offset":
			h.shift = v.Raw
			h.shifted, err = parseOffset(v)
		case "min_doc_count":
			h.minCount, err = positive(v, "minDocCount", 0)
		case "keyed":
			h.keyed, err = v.Bool()
		case "order":
			h.orders, err = parseOrders(v)
		case "extended_bounds":
			h.extended, err = parseLimits(v)
		case "hard_bounds":
			h.hard, err = parseLimits(v)
		default:
			return h.option(key, v)
		}
		return true, err
	})
	switch {
	case err != nil:
	case h.unit == noUnit && h.every == 0:
		err = query.Errorf("illegal_argument_exception", "Invalid interval specified, must be non-null and non-empty")
	default:
		err = h.check(n)
	}
	if h.orders == nil {
		h.orders = []order{{by: "_key"}}
	}
	return h, err
}

// intervals reads the three ways of saying how wide buckets are.
func (h *dateHistogram) intervals(key string, v *query.Node) (bool, error) {
	var err error
	given := h.calendar + h.fixed + h.legacy
	switch key {
	case "calendar_interval":
		if h.calendar, err = v.Text(); err == nil {
			if h.unit = calendarUnitOf(h.calendar); h.unit == noUnit {
				err = query.Errorf("illegal_argument_exception", "The supplied interval [%s] could not be parsed as a calendar interval.", h.calendar)
			}
		}
	case "fixed_interval":
		if h.fixed, err = v.Text(); err == nil {
			h.every, err = fixedInterval(h.fixed)
		}
	case "interval":
		if h.legacy, err = v.Text(); err == nil {
			if h.unit = calendarUnitOf(h.legacy); h.unit == noUnit {
				h.every, err = fixedInterval(millis(v))
			}
		}
	default:
		return false, nil
	}
	if err == nil && given != "" {
		err = query.Errorf("illegal_argument_exception", "Cannot use [%s] with another interval configuration option.", key)
	}
	return true, err
}

// millis spells a bare number of milliseconds as an interval.
func millis(v *query.Node) string {
	if v.Kind == query.Number {
		return v.Raw + "ms"
	}
	return v.Raw
}

func fixedInterval(s string) (time.Duration, error) {
	d, err := query.ParseTime(s, "fixed_interval")
	if err != nil || d < time.Millisecond {
		return 0, query.Errorf("illegal_argument_exception", "failed to parse setting [date_histogram.fixedInterval] with value [%s] as a time value: unit is missing or unrecognized", s)
	}
	return d, nil
}

func parseOffset(v *query.Node) (time.Duration, error) {
	s := millis(v)
	sign := time.Duration(1)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		s, sign = rest, -1
	}
	d, err := query.ParseTime(strings.TrimPrefix(s, "+"), "DateHistogramAggregationBuilder.parseOffset")
	return sign * d, err
}

// floor returns where the bucket of a moment begins.
func (h dateHistogram) floor(ms int64) int64 {
	loc := h.loc
	if loc == nil {
		loc = time.UTC
	}
	ms -= h.shifted.Milliseconds()
	t := time.UnixMilli(ms).In(loc)
	var out int64
	if h.unit == noUnit {
		every := h.every.Milliseconds()
		_, zone := t.Zone()
		local := ms + int64(zone)*1000
		out = local - mod(local, every) - int64(zone)*1000
	} else {
		out = h.unit.floor(t).UnixMilli()
	}
	return out + h.shifted.Milliseconds()
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

func (u calendarUnit) floor(t time.Time) time.Time {
	y, mo, d := t.Date()
	loc := t.Location()
	switch u {
	case second:
		return t.Truncate(time.Second)
	case minute:
		return t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case hour:
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case week:
		return time.Date(y, mo, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, loc)
	case month:
		return time.Date(y, mo, 1, 0, 0, 0, 0, loc)
	case quarter:
		return time.Date(y, (mo-1)/3*3+1, 1, 0, 0, 0, 0, loc)
	case year:
		return time.Date(y, 1, 1, 0, 0, 0, 0, loc)
	default:
		return time.Date(y, mo, d, 0, 0, 0, 0, loc)
	}
}

// next returns where the bucket behind the one that begins at ms begins.
func (h dateHistogram) next(ms int64) int64 {
	loc := h.loc
	if loc == nil {
		loc = time.UTC
	}
	if h.unit == noUnit {
		next := h.floor(ms + h.every.Milliseconds())
		if next <= ms { // the clocks were set back
			next = ms + h.every.Milliseconds()
		}
		return next
	}
	t := time.UnixMilli(ms - h.shifted.Milliseconds()).In(loc)
	switch h.unit {
	case second:
		t = t.Add(time.Second)
	case minute:
		t = t.Add(time.Minute)
	case hour:
		t = t.Add(time.Hour)
	case week:
		t = t.AddDate(0, 0, 7)
	case month:
		t = t.AddDate(0, 1, 0)
	case quarter:
		t = t.AddDate(0, 3, 0)
	case year:
		t = t.AddDate(1, 0, 0)
	default:
		t = t.AddDate(0, 0, 1)
	}
	return t.UnixMilli() + h.shifted.Milliseconds()
}

func (h dateHistogram) run(r *runner, a aggregation, docs []doc) (result, error) {
	v, err := r.values(h.source)
	if err != nil {
		return nil, err
	}
	if v.typ != "" && !v.date() && v.typ != segment.Long {
		return nil, query.Errorf("illegal_argument_exception", "Field [%s] of type [%s] is not supported for aggregation [date_histogram]", v.field, v.typ)
	}
	if len(v.formats) == 0 && v.typ == segment.Long {
		v.typ = segment.Date
	}
	low, high, err := h.dates(r, v, h.hard)
	if err != nil {
		return nil, err
	}
	by := map[int64][]doc{}
	for _, d := range docs {
		last := int64(math.MinInt64)
		for _, x := range v.distinct(d) {
			if low != nil && x.Int < *low || high != nil && x.Int > *high {
				continue
			}
			if k := h.floor(x.Int); k != last {
				by[k] = append(by[k], d)
				last = k
			}
		}
	}
	keys, err := h.keys(r, v, by)
	if err != nil {
		return nil, err
	}
	var list []*bucket
	for _, k := range keys {
		text := v.dateText(k)
		list = append(list, &bucket{
			name: text, value: float64(k), docs: by[k], count: len(by[k]),
			head: func(w *query.Printer) {
				w.Key("key_as_string")
				w.Str(text)
				w.Key("key")
				w.Raw(strconv.FormatInt(k, 10))
			},
		})
	}
	return h.done(r, a, list, "date_histogram", h.orders)
}

// keys returns where buckets begin, the empty ones included if they are wanted.
func (h dateHistogram) keys(r *runner, v *values, by map[int64][]doc) ([]int64, error) {
	var keys []int64
	for k, ds := range by {
		if len(ds) >= h.minCount {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if h.minCount > 0 {
		return keys, nil
	}
	low, high, err := h.dates(r, v, h.extended)
	if err != nil {
		return nil, err
	}
	if low != nil && (len(keys) == 0 || h.floor(*low) < keys[0]) && (len(keys) > 0 || high != nil) {
		keys = append([]int64{h.floor(*low)}, keys...)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	end := keys[len(keys)-1]
	if high != nil {
		end = max(end, h.floor(*high))
	}
	var out []int64
	for k := keys[0]; k <= end; k = h.next(k) {
		if out = append(out, k); len(out) > maxBuckets {
			return nil, tooMany(float64(len(out)))
		}
	}
	return out, nil
}

// dates reads the ends of a date histogram: dates, date math or milliseconds; nil is open.
func (h dateHistogram) dates(r *runner, v *values, l *limits) (low, high *int64, err error) {
	if l == nil || len(r.shards) == 0 {
		return nil, nil, nil
	}
	read := func(n *query.Node) (*int64, error) {
		if n == nil {
			return nil, nil
		}
		formats := v.formats
		if n.Kind == query.Number {
			formats = []string{"epoch_millis"}
		}
		t, err := query.DateMath(n.Raw, r.shards[0].Context.Now, false, formats, h.loc)
		ms := t.UnixMilli()
		return &ms, err
	}
	if low, err = read(l.min); err != nil {
		return nil, nil, err
	}
	high, err = read(l.max)
	if err == nil && low != nil && high != nil && *low > *high {
		err = query.Errorf("parsing_exception", "[extended_bounds.min][%s] cannot be greater than [extended_bounds.max][%s] for histogram aggregation", l.min.Raw, l.max.Raw)
	}
	return low, high, err
}

func (h dateHistogram) print(w *query.Printer) {
	h.source.print(w)
	w.TextField("calendar_interval", h.calendar)
	w.TextField("fixed_interval", h.fixed)
	w.TextField("interval", h.legacy)
	w.Key("offset")
	w.Raw(strconv.FormatInt(h.shifted.Milliseconds(), 10))
	printOrders(w, h.orders)
	w.Key("keyed")
	w.Bool(h.keyed)
	w.Key("min_doc_count")
	w.Int(h.minCount)
	h.extended.print(w, "extended_bounds")
	h.hard.print(w, "hard_bounds")
}
