package aggs

import (
	"math"
	"slices"

	"vigil/engine/query"
)

type histogram struct {
	source
	interval, offset float64
	minCount         int
	keyed            bool
	orders           []order
	extended, hard   *limits
}

// limits are extended_bounds or hard_bounds; nil is open.
type limits struct{ min, max *query.Node }

func parseLimits(v *query.Node) (*limits, error) {
	l := &limits{}
	err := options(v, "bounds", func(key string, v *query.Node) (bool, error) {
		if !v.Scalar() && v.Kind != query.Null {
			return false, nil
		}
		if v.Kind == query.Null {
			v = nil
		}
		switch key {
		case "min":
			l.min = v
		case "max":
			l.max = v
		default:
			return false, nil
		}
		return true, nil
	})
	return l, err
}

func (l *limits) print(w *query.Printer, key string) {
	if l == nil {
		return
	}
	w.Key(key)
	w.Open('{')
	for _, o := range []struct {
		key string
		n   *query.Node
	}{{"min", l.min}, {"max", l.max}} {
		if o.n != nil {
			w.Key(o.key)
			w.Node(o.n)
		}
	}
	w.Close('}')
}

func parseHistogram(n *query.Node) (kind, error) {
	h := histogram{}
	err := options(n, "histogram", func(key string, v *query.Node) (bool, error) {
		var err error
		switch key {
		case "interval":
			if h.interval, err = v.Float(); err == nil && h.interval <= 0 {
				err = query.Errorf("illegal_argument_exception", "[interval] must be >0 for histogram aggregation [histogram]")
			}
		case "offset":
			h.offset, err = v.Float()
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
	case h.interval == 0:
		err = query.Errorf("illegal_argument_exception", "[interval] must be >0 for histogram aggregation [histogram]")
	default:
		err = h.check(n)
	}
	if h.orders == nil {
		h.orders = []order{{by: "_key"}}
	}
	return h, err
}

// floats reads the ends of a numeric histogram; open ends are infinite.
func (l *limits) floats() (low, high float64, err error) {
	low, high = math.Inf(-1), math.Inf(1)
	if l == nil {
		return low, high, nil
	}
	if l.min != nil {
		if low, err = l.min.Float(); err != nil {
			return
		}
	}
	if l.max != nil {
		high, err = l.max.Float()
	}
	return low, high, err
}

func (h histogram) run(r *runner, a aggregation, docs []doc) (result, error) {
	v, err := r.values(h.source)
	if err != nil {
		return nil, err
	}
	if err := v.numeric(a.name, "histogram"); err != nil {
		return nil, err
	}
	low, high, err := h.hard.floats()
	if err != nil {
		return nil, err
	}
	round := func(x float64) float64 { return math.Floor((x - h.offset) / h.interval) }
	by := map[float64][]doc{}
	for _, d := range docs {
		last := math.NaN()
		for _, x := range v.distinct(d) {
			f := query.Float(x)
			if f < low || f > high {
				continue
			}
			if k := round(f); k != last {
				by[k] = append(by[k], d)
				last = k
			}
		}
	}
	from, to := math.Inf(1), math.Inf(-1)
	for k := range by {
		from, to = min(from, k), max(to, k)
	}
	if h.extended != nil {
		low, high, err := h.extended.floats()
		if err != nil {
			return nil, err
		}
		if !math.IsInf(low, 0) {
			from = min(from, round(low))
		}
		if !math.IsInf(high, 0) {
			to = max(to, round(high))
		}
	}
	if spread := to - from; h.minCount == 0 && spread > maxBuckets || math.IsNaN(spread) {
		return nil, tooMany(spread)
	}
	var keys []float64
	if h.minCount == 0 {
		for i := 0.0; i <= to-from; i++ {
			keys = append(keys, from+i)
		}
	} else {
		for k, ds := range by {
			if len(ds) >= h.minCount {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
	}
	var list []*bucket
	for _, k := range keys {
		x := k*h.interval + h.offset
		list = append(list, &bucket{
			name: string(query.AppendDouble(nil, x)), value: x, docs: by[k], count: len(by[k]),
			head: func(w *query.Printer) {
				w.Key("key")
				w.Double(x)
			},
		})
	}
	return h.done(r, a, list, "histogram", h.orders)
}

func tooMany(n float64) error {
	e := query.Errorf("too_many_buckets_exception", "Trying to create too many buckets. Must be less than or equal to: [%d] but was [%.0f]. "+
		"This limit can be set by changing the [search.max_buckets] cluster level setting.", maxBuckets, n)
	e.Status = 503
	return e
}

func (h histogram) done(r *runner, a aggregation, list []*bucket, typ string, orders []order) (result, error) {
	list, err := r.fill(a.subs, list)
	if err != nil {
		return nil, err
	}
	err = sortBuckets(list, tied(orders), func(a, b *bucket) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	if err != nil {
		return nil, err
	}
	if list, err = r.pipe(a.subs, list); err != nil {
		return nil, err
	}
	return &multi{kind: typ, list: list, keyed: h.keyed}, nil
}

func (h histogram) print(w *query.Printer) {
	h.source.print(w)
	w.Key("interval")
	w.Double(h.interval)
	w.Key("offset")
	w.Double(h.offset)
	printOrders(w, h.orders)
	w.Key("keyed")
	w.Bool(h.keyed)
	w.Key("min_doc_count")
	w.Int(h.minCount)
	h.extended.print(w, "extended_bounds")
	h.hard.print(w, "hard_bounds")
}
