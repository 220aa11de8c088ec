package aggs

import (
	"math"
	"strconv"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// metric is an aggregation that makes numbers of a field's values.
type metric struct {
	source
	kind      string
	sigma     float64
	precision *int // precision_threshold, accepted: the count is exact
}

func parseMetric(typ string) kindParser {
	return func(n *query.Node) (kind, error) {
		m := metric{kind: typ, sigma: 2}
		err := options(n, typ, func(key string, v *query.Node) (bool, error) {
			var err error
			switch {
			case key == "sigma" && typ == "extended_stats":
				if m.sigma, err = v.Float(); err == nil && m.sigma < 0 {
					err = query.Errorf("illegal_argument_exception", "[sigma] must be greater than or equal to 0. Found [%s]", v.Raw)
				}
				return true, err
			case typ == "cardinality" && key == "precision_threshold":
				var p int
				p, err = v.Int()
				m.precision = &p
				return true, err
			case typ == "cardinality" && key == "execution_hint":
				return true, nil
			}
			return m.option(key, v)
		})
		if err == nil {
			err = m.check(n)
		}
		return m, err
	}
}

func (m metric) print(w *query.Printer) {
	m.source.print(w)
	if m.kind == "extended_stats" {
		w.Key("sigma")
		w.Double(m.sigma)
	}
	if m.precision != nil {
		w.Key("precision_threshold")
		w.Int(*m.precision)
	}
}

func (m metric) run(r *runner, a aggregation, docs []doc) (result, error) {
	v, err := r.values(m.source)
	if err != nil {
		return nil, err
	}
	switch m.kind {
	case "value_count":
		n := 0
		for _, d := range docs {
			n += len(v.of(d))
		}
		return &value{kind: m.kind, x: float64(n), whole: true}, nil
	case "cardinality":
		seen := map[segment.Value]bool{}
		for _, d := range docs {
			for _, x := range v.of(d) {
				seen[x] = true
			}
		}
		return &value{kind: m.kind, x: float64(len(seen)), whole: true}, nil
	}
	if err := v.numeric(a.name, m.kind); err != nil {
		return nil, err
	}
	return m.reduce(v, docs), nil
}

func (m metric) reduce(v *values, docs []doc) result {
	s := &stats{kind: m.kind, sigma: m.sigma, min: math.Inf(1), max: math.Inf(-1), v: v}
	for _, d := range docs {
		for _, x := range v.of(d) {
			s.add(query.Float(x))
		}
	}
	x := math.NaN()
	switch m.kind {
	case "min":
		x = s.min
	case "max":
		x = s.max
	case "sum":
		x = s.sum
	case "avg":
		if s.count > 0 {
			x = s.sum / float64(s.count)
		}
	default:
		return s
	}
	out := &value{kind: m.kind, x: x}
	if s.count > 0 {
		out.text = v.text(x)
	}
	return out
}

// stats is the result of stats, extended_stats and stats_bucket.
type stats struct {
	kind                             string
	count                            int
	min, max, sum, carry, squares, c float64
	sigma                            float64
	v                                *values // for texts; nil has none
}

// add sums with Kahan's correction, as the original does.
func (s *stats) add(x float64) {
	s.count++
	s.min, s.max = min(s.min, x), max(s.max, x)
	s.sum, s.carry = kahan(s.sum, s.carry, x)
	s.squares, s.c = kahan(s.squares, s.c, x*x)
}

func kahan(sum, carry, x float64) (newSum, newCarry float64) {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return sum + x, carry
	}
	corrected := x + carry
	updated := sum + corrected
	return updated, corrected - (updated - sum)
}

func (s *stats) typ() string { return s.kind }

func (s *stats) avg() float64 { return s.sum / float64(s.count) }

func (s *stats) variance(sampling bool) float64 {
	n := float64(s.count)
	if sampling {
		return max((s.squares-s.sum*s.sum/n)/(n-1), 0)
	}
	return max((s.squares-s.sum*s.sum/n)/n, 0)
}

func (s *stats) deviation(sampling bool) float64 { return math.Sqrt(s.variance(sampling)) }

func (s *stats) number(name string) (float64, bool) {
	switch name {
	case "count":
		return float64(s.count), true
	case "sum":
		return s.sum, true
	}
	if s.kind == "extended_stats" {
		if x, ok := s.extended(name); ok {
			return x, true
		}
	}
	x := math.NaN()
	switch {
	case name != "min" && name != "max" && name != "avg":
		return 0, false
	case s.count == 0:
	case name == "min":
		x = s.min
	case name == "max":
		x = s.max
	default:
		x = s.avg()
	}
	return x, true
}

func (s *stats) extended(name string) (float64, bool) {
	if s.count == 0 {
		return math.NaN(), true
	}
	switch name {
	case "sum_of_squares":
		return s.squares, true
	case "variance", "variance_population":
		return s.variance(false), true
	case "variance_sampling":
		return s.variance(true), true
	case "std_deviation", "std_deviation_population":
		return s.deviation(false), true
	case "std_deviation_sampling":
		return s.deviation(true), true
	case "std_upper", "std_upper_population":
		return s.avg() + s.sigma*s.deviation(false), true
	case "std_lower", "std_lower_population":
		return s.avg() - s.sigma*s.deviation(false), true
	case "std_upper_sampling":
		return s.avg() + s.sigma*s.deviation(true), true
	case "std_lower_sampling":
		return s.avg() - s.sigma*s.deviation(true), true
	}
	return 0, false
}

func (s *stats) write(w *query.Printer, _ Options) {
	w.Key("count")
	w.Raw(strconv.Itoa(s.count))
	for _, k := range []string{"min", "max", "avg", "sum"} {
		s.member(w, k, k)
	}
	if s.kind != "extended_stats" {
		s.texts(w, "min", "max", "avg", "sum")
		return
	}
	for _, k := range []string{
		"sum_of_squares", "variance", "variance_population", "variance_sampling",
		"std_deviation", "std_deviation_population", "std_deviation_sampling",
	} {
		s.member(w, k, k)
	}
	w.Key("std_deviation_bounds")
	w.Open('{')
	for _, k := range []string{"upper", "lower", "upper_population", "lower_population", "upper_sampling", "lower_sampling"} {
		s.member(w, k, "std_"+k)
	}
	w.Close('}')
	s.texts(w, "min", "max", "avg", "sum")
}

func (s *stats) member(w *query.Printer, key, name string) {
	x, _ := s.number(name)
	w.Key(key)
	switch {
	case s.count == 0 && name != "sum":
		w.Null()
	default:
		w.Double(x)
	}
}

func (s *stats) texts(w *query.Printer, names ...string) {
	if s.v == nil || s.count == 0 {
		return
	}
	for _, k := range names {
		x, _ := s.number(k)
		w.TextField(k+"_as_string", s.v.text(x))
	}
}
