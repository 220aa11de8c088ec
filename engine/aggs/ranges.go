package aggs

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"vigil/engine/query"
)

// ranges is a range or date_range aggregation.
type ranges struct {
	source
	list  []span
	keyed bool
	dates bool
}

// span is one range as the client wrote it; nil is open.
type span struct {
	key      string
	from, to *query.Node
}

func parseRange(n *query.Node) (kind, error) { return parseRanges(n, "range", false) }

func parseDateRange(n *query.Node) (kind, error) { return parseRanges(n, "date_range", true) }

func parseRanges(n *query.Node, typ string, dates bool) (kind, error) {
	a := ranges{dates: dates}
	err := options(n, typ, func(key string, v *query.Node) (bool, error) {
		var err error
		switch key {
		case "keyed":
			a.keyed, err = v.Bool()
		case "ranges":
			for _, it := range v.Items {
				s, err := parseSpan(it)
				if err != nil {
					return true, err
				}
				a.list = append(a.list, s)
			}
		default:
			return a.option(key, v)
		}
		return true, err
	})
	if err == nil && len(a.list) == 0 {
		err = query.Errorf("illegal_argument_exception", "No [ranges] specified for the [%s] aggregation", typ)
	}
	if err == nil {
		err = a.check(n)
	}
	return a, err
}

func parseSpan(n *query.Node) (span, error) {
	var s span
	if n.Kind != query.Object {
		return s, n.Parsing("[ranges] expects objects but found [%s]", n.Token())
	}
	err := options(n, "range", func(key string, v *query.Node) (bool, error) {
		if v.Kind == query.Null {
			return key == "from" || key == "to" || key == "key", nil
		}
		if !v.Scalar() {
			return false, nil
		}
		switch key {
		case "key":
			s.key = v.Raw
		case "from":
			s.from = v
		case "to":
			s.to = v
		default:
			return false, nil
		}
		return true, nil
	})
	return s, err
}

// bound reads one end of a range.
func (a ranges) bound(r *runner, v *values, n *query.Node, open float64) (float64, error) {
	switch {
	case n == nil:
		return open, nil
	case !a.dates:
		return n.Float()
	case n.Kind == query.Number && a.format == "":
		return n.Float()
	}
	now := time.Time{}
	if len(r.shards) > 0 {
		now = r.shards[0].Context.Now
	}
	t, err := query.DateMath(n.Raw, now, false, v.formats, a.loc)
	return float64(t.UnixMilli()), err
}

func (a ranges) run(r *runner, agg aggregation, docs []doc) (result, error) {
	v, err := r.values(a.source)
	if err != nil {
		return nil, err
	}
	typ := "range"
	if a.dates {
		typ = "date_range"
	}
	if err := v.numeric(agg.name, typ); err != nil {
		return nil, err
	}
	type placed struct {
		*bucket
		from, to float64
	}
	var all []placed
	for _, s := range a.list {
		from, err := a.bound(r, v, s.from, math.Inf(-1))
		if err != nil {
			return nil, err
		}
		to, err := a.bound(r, v, s.to, math.Inf(1))
		if err != nil {
			return nil, err
		}
		all = append(all, placed{a.bucket(v, s.key, from, to, docs), from, to})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	list := make([]*bucket, len(all))
	for i, p := range all {
		list[i] = p.bucket
	}
	list, err = r.finish(agg.subs, list)
	return &multi{kind: typ, list: list, keyed: a.keyed}, err
}

func (a ranges) bucket(v *values, key string, from, to float64, docs []doc) *bucket {
	show := func(x float64) string {
		switch {
		case math.IsInf(x, 0):
			return "*"
		case a.dates || v.date():
			return v.dateText(int64(x))
		}
		return string(query.AppendDouble(nil, x))
	}
	if key == "" {
		key = show(from) + "-" + show(to)
	}
	b := &bucket{name: key, value: from}
	for _, d := range docs {
		if slices.ContainsFunc(v.distinct(d), func(x fieldValue) bool { f := query.Float(x); return f >= from && f < to }) {
			b.docs = append(b.docs, d)
		}
	}
	b.count = len(b.docs)
	b.head = func(w *query.Printer) {
		if !a.keyed {
			w.Key("key")
			w.Str(key)
		}
		for _, end := range []struct {
			key string
			x   float64
		}{{"from", from}, {"to", to}} {
			if math.IsInf(end.x, 0) {
				continue
			}
			w.Key(end.key)
			w.Double(end.x)
			if a.dates || v.date() {
				w.Key(end.key + "_as_string")
				w.Str(v.dateText(int64(end.x)))
			}
		}
	}
	return b
}

func (a ranges) print(w *query.Printer) {
	a.source.print(w)
	w.Key("ranges")
	w.Open('[')
	for _, s := range a.list {
		w.Open('{')
		w.TextField("key", s.key)
		for _, end := range []struct {
			key string
			n   *query.Node
		}{{"from", s.from}, {"to", s.to}} {
			switch {
			case end.n == nil:
			case end.n.Kind == query.Number:
				f, _ := strconv.ParseFloat(end.n.Raw, 64)
				w.Key(end.key)
				w.Double(f)
			default:
				w.Key(end.key)
				w.Node(end.n)
			}
		}
		w.Close('}')
	}
	w.Close(']')
	w.Key("keyed")
	w.Bool(a.keyed)
}
