package aggs

import (
	"slices"
	"strconv"

	"vigil/engine/query"
	"vigil/engine/segment"
)

type terms struct {
	source
	size, shardSize         int
	minCount, shardMinCount int
	errors                  bool // show_term_doc_count_error
	orders                  []order
	include, exclude        *query.Node
	mode, hint              string // collect_mode, execution_hint: how, not what
}

func parseTerms(n *query.Node) (kind, error) {
	t := terms{size: 10, shardSize: -1, minCount: 1}
	err := options(n, "terms", func(key string, v *query.Node) (bool, error) {
		var err error
		switch key {
		case "include":
			t.include, err = v, checkFilter(v)
		case "exclude":
			t.exclude, err = v, checkFilter(v)
		case "execution_hint":
			t.hint, err = v.Text()
		default:
			return t.option(key, v)
		}
		return true, err
	})
	if err == nil {
		err = t.check(n)
	}
	if t.orders == nil {
		t.orders = []order{{by: "_count", desc: true}}
	}
	t.orders = tied(t.orders)
	return t, err
}

func (t *terms) option(key string, v *query.Node) (bool, error) {
	var err error
	switch key {
	case "size":
		t.size, err = positive(v, "size", 1)
	case "shard_size":
		t.shardSize, err = positive(v, "shardSize", 1)
	case "min_doc_count":
		t.minCount, err = positive(v, "minDocCount", 0)
	case "shard_min_doc_count":
		t.shardMinCount, err = positive(v, "shardMinDocCount", 0)
	case "show_term_doc_count_error":
		t.errors, err = v.Bool()
	case "order":
		t.orders, err = parseOrders(v)
	case "collect_mode":
		t.mode, err = v.Text()
	default:
		return t.source.option(key, v)
	}
	return true, err
}

func positive(v *query.Node, name string, least int) (int, error) {
	n, err := v.Int()
	if err == nil && n < least {
		word := "greater than 0"
		if least == 0 {
			word = "greater than or equal to 0"
		}
		err = query.Errorf("illegal_argument_exception", "[%s] must be %s. Found [%d]", name, word, n)
	}
	return n, err
}

func checkFilter(v *query.Node) error {
	switch v.Kind {
	case query.Array:
		return nil
	case query.Text:
		_, err := query.Regexp(v.Raw)
		return err
	default:
	}
	return v.Parsing("[include] and [exclude] take a regular expression or a list; partitions are not supported")
}

// accepts returns the test of keys that include and exclude make.
func (t terms) accepts(v *values) (func(segment.Value) bool, error) {
	in, err := keyTest(t.include, v)
	if err != nil {
		return nil, err
	}
	out, err := keyTest(t.exclude, v)
	return func(x segment.Value) bool { return (in == nil || in(x)) && (out == nil || !out(x)) }, err
}

func keyTest(n *query.Node, v *values) (func(segment.Value) bool, error) {
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == query.Text:
		if v.typ != "" && v.typ != segment.Keyword && v.typ != segment.FlatObject {
			return nil, query.Errorf("aggregation_execution_exception", "Aggregation [%s] cannot support regular expression style include/exclude settings as they can only be applied to string fields. Use an array of values for include/exclude clauses", v.field)
		}
		ok, err := query.Regexp(n.Raw)
		return func(x segment.Value) bool { return ok(x.Str) }, err
	}
	set := map[string]bool{}
	for _, it := range n.Items {
		set[it.Raw] = true
	}
	return func(x segment.Value) bool {
		if x.Kind == segment.KindFloat {
			for _, it := range n.Items {
				if f, err := it.Float(); err == nil && f == x.Float {
					return true
				}
			}
			return false
		}
		return set[v.plain(x)] || x.Kind == segment.KindInt && set[string(appendInt(x.Int))]
	}, nil
}

func (t terms) run(r *runner, a aggregation, docs []doc) (result, error) {
	v, err := r.values(t.source)
	if err != nil {
		return nil, err
	}
	accepts, err := t.accepts(v)
	if err != nil {
		return nil, err
	}
	by := map[segment.Value]*bucket{}
	keys := map[*bucket]segment.Value{}
	var list []*bucket
	add := func(d doc, count bool) {
		for _, x := range v.distinct(d) {
			if !accepts(x) {
				continue
			}
			b := by[x]
			if b == nil {
				b = &bucket{name: v.plain(x), value: query.Float(x), head: func(w *query.Printer) { v.key(w, x) }}
				by[x], keys[b] = b, x
				list = append(list, b)
			}
			if !count {
				continue
			}
			b.count++
			if !a.subs.Empty() {
				b.docs = append(b.docs, d)
			}
		}
	}
	for _, d := range docs {
		add(d, true)
	}
	if t.minCount == 0 {
		for i := range r.shards {
			for _, d := range r.shards[i].Context.Docs {
				add(doc{Doc: d, shard: &r.shards[i]}, false)
			}
		}
	}
	compare := func(a, b *bucket) int { return v.compare(keys[a], keys[b]) }
	m, err := t.choose(r, a, list, compare)
	if err != nil {
		return nil, err
	}
	m.kind = termsType(v)
	return m, nil
}

// choose orders the buckets and keeps the best.
func (t terms) choose(r *runner, a aggregation, list []*bucket, compare func(a, b *bucket) int) (*multi, error) {
	list = slices.DeleteFunc(list, func(b *bucket) bool { return b.count < t.minCount })
	if bySub(t.orders) {
		if _, err := r.fill(a.subs, list); err != nil {
			return nil, err
		}
	}
	if err := sortBuckets(list, t.orders, compare); err != nil {
		return nil, err
	}
	others := 0
	for _, b := range list[min(t.size, len(list)):] {
		others += b.count
	}
	list, err := r.finish(a.subs, list[:min(t.size, len(list))])
	if err != nil {
		return nil, err
	}
	if t.errors {
		for _, b := range list {
			b.errors = true
		}
	}
	return &multi{list: list, before: func(w *query.Printer) {
		w.Key("doc_count_error_upper_bound")
		w.Int(0)
		w.Key("sum_other_doc_count")
		w.Int(others)
	}}, nil
}

func appendInt(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

func termsType(v *values) string {
	switch v.typ {
	case "":
		return "umterms"
	case segment.Keyword, segment.IP, segment.FlatObject:
		return "sterms"
	case segment.Double, segment.Float, segment.HalfFloat, segment.ScaledFl:
		return "dterms"
	case segment.UnsignedLg:
		return "ulterms"
	default:
		return "lterms"
	}
}

func (t terms) print(w *query.Printer) {
	t.source.print(w)
	t.printThresholds(w)
	printOrders(w, t.orders)
	w.TextField("execution_hint", t.hint)
	w.TextField("collect_mode", t.mode)
	if t.include != nil {
		w.Key("include")
		w.Node(t.include)
	}
	if t.exclude != nil {
		w.Key("exclude")
		w.Node(t.exclude)
	}
}

func (t terms) printThresholds(w *query.Printer) {
	w.Key("size")
	w.Int(t.size)
	if t.shardSize > 0 {
		w.Key("shard_size")
		w.Int(t.shardSize)
	}
	w.Key("min_doc_count")
	w.Int(t.minCount)
	w.Key("shard_min_doc_count")
	w.Int(t.shardMinCount)
	w.Key("show_term_doc_count_error")
	w.Bool(t.errors)
}
