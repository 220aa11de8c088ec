package aggs

import (
	"math"
	"slices"
	"strconv"

	"vigil/engine/query"
)

type percentiles struct {
	source
	percents    []float64
	list        bool // keyed: false
	compression float64
}

func parsePercentiles(n *query.Node) (kind, error) {
	p := percentiles{compression: 100}
	err := options(n, "percentiles", func(key string, v *query.Node) (bool, error) {
		switch key {
		case "percents":
			for _, it := range v.Items {
				f, err := it.Float()
				if err != nil {
					return true, err
				}
				if f < 0 || f > 100 {
					return true, query.Errorf("illegal_argument_exception", "percent must be in [0,100], got [%s]", query.AppendDouble(nil, f))
				}
				p.percents = append(p.percents, f)
			}
			if len(p.percents) == 0 {
				return true, query.Errorf("illegal_argument_exception", "[percents] must not be empty")
			}
		case "keyed":
			keyed, err := v.Bool()
			p.list = !keyed
			return true, err
		case "tdigest":
			return true, options(v, "tdigest", func(key string, v *query.Node) (bool, error) {
				if key != "compression" {
					return false, nil
				}
				var err error
				p.compression, err = v.Float()
				return true, err
			})
		case "hdr":
			return true, v.Parsing("[percentiles] method [hdr] is not supported")
		default:
			return p.option(key, v)
		}
		return true, nil
	})
	if p.percents == nil {
		p.percents = []float64{1, 5, 25, 50, 75, 95, 99}
	}
	slices.Sort(p.percents)
	if err == nil {
		err = p.check(n)
	}
	return p, err
}

func (p percentiles) run(r *runner, a aggregation, docs []doc) (result, error) {
	v, err := r.values(p.source)
	if err != nil {
		return nil, err
	}
	if err := v.numeric(a.name, "percentiles"); err != nil {
		return nil, err
	}
	out := &quantiles{percentiles: p, v: v}
	for _, d := range docs {
		for _, x := range v.of(d) {
			out.sorted = append(out.sorted, query.Float(x))
		}
	}
	slices.Sort(out.sorted)
	return out, nil
}

func (p percentiles) print(w *query.Printer) {
	p.source.print(w)
	w.Key("percents")
	w.Open('[')
	for _, x := range p.percents {
		w.Double(x)
	}
	w.Close(']')
	w.Key("keyed")
	w.Bool(!p.list)
	w.Key("tdigest")
	w.Open('{')
	w.Key("compression")
	w.Double(p.compression)
	w.Close('}')
}

// quantiles are exact percentiles; between two values they interpolate as a digest whose centroids are single values does.
type quantiles struct {
	percentiles
	v      *values
	sorted []float64
}

func (*quantiles) typ() string { return "tdigest_percentiles" }

func (q *quantiles) at(percent float64) float64 {
	n := len(q.sorted)
	if n == 0 {
		return math.NaN()
	}
	pos := percent/100*float64(n) - 0.5
	if pos <= 0 {
		return q.sorted[0]
	}
	if pos >= float64(n-1) {
		return q.sorted[n-1]
	}
	i := int(pos)
	return q.sorted[i] + (q.sorted[i+1]-q.sorted[i])*(pos-float64(i))
}

func (q *quantiles) number(name string) (float64, bool) {
	f, err := strconv.ParseFloat(name, 64)
	return q.at(f), err == nil && slices.Contains(q.percents, f)
}

func (q *quantiles) write(w *query.Printer, _ Options) {
	w.Key("values")
	open, end := byte('{'), byte('}')
	if q.list {
		open, end = '[', ']'
	}
	w.Open(open)
	for _, p := range q.percents {
		key := string(query.AppendDouble(nil, p))
		x := q.at(p)
		text := ""
		if !math.IsNaN(x) {
			text = q.v.text(x)
		}
		if q.list {
			w.Open('{')
			w.Key("key")
			w.Double(p)
			w.Key("value")
			number(w, x)
			w.TextField("value_as_string", text)
			w.Close('}')
			continue
		}
		w.Key(key)
		number(w, x)
		w.TextField(key+"_as_string", text)
	}
	w.Close(end)
}

func number(w *query.Printer, x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		w.Null()
		return
	}
	w.Double(x)
}
