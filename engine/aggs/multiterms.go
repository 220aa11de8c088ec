package aggs

import (
	"slices"
	"strings"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// multiTerms makes a bucket of every combination of several fields' values.
type multiTerms struct {
	terms
	sources []source
}

func parseMultiTerms(n *query.Node) (kind, error) {
	t := multiTerms{terms: terms{size: 10, shardSize: -1, minCount: 1}}
	err := options(n, "multi_terms", func(key string, v *query.Node) (bool, error) {
		if key != "terms" {
			if slices.Contains([]string{"field", "missing", "format", "time_zone", "value_type", "script"}, key) {
				return false, nil
			}
			return t.option(key, v)
		}
		for _, it := range v.Items {
			var s source
			if err := options(it, "multi_terms", s.option); err != nil {
				return true, err
			}
			if err := s.check(it); err != nil {
				return true, err
			}
			t.sources = append(t.sources, s)
		}
		return true, nil
	})
	if err == nil && len(t.sources) < 2 {
		err = query.Errorf("illegal_argument_exception", "multi term aggregation must has at least 2 terms. Found [%d] in [multi_terms] Use terms aggregation for single term aggregation", len(t.sources))
	}
	if t.orders == nil {
		t.orders = []order{{by: "_count", desc: true}}
	}
	t.orders = tied(t.orders)
	return t, err
}

func (t multiTerms) run(r *runner, a aggregation, docs []doc) (result, error) {
	vs := make([]*values, len(t.sources))
	for i, s := range t.sources {
		var err error
		if vs[i], err = r.values(s); err != nil {
			return nil, err
		}
	}
	groups, err := combinations(docs, func(d doc) [][]segment.Value {
		out := make([][]segment.Value, len(vs))
		for i, v := range vs {
			out[i] = v.distinct(d)
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	keys := map[*bucket][]segment.Value{}
	var list []*bucket
	for _, g := range groups {
		b := &bucket{docs: g.docs, count: len(g.docs), head: func(w *query.Printer) { multiKey(w, vs, g.key) }}
		keys[b] = g.key
		list = append(list, b)
	}
	m, err := t.choose(r, a, list, func(a, b *bucket) int {
		for i, v := range vs {
			if n := v.compare(keys[a][i], keys[b][i]); n != 0 {
				return n
			}
		}
		return 0
	})
	if err != nil {
		return nil, err
	}
	m.kind = "multi_terms"
	return m, nil
}

func multiKey(w *query.Printer, vs []*values, key []segment.Value) {
	joined := ""
	w.Key("key")
	w.Open('[')
	var joinedSb340 strings.Builder
	for i, v := range vs {
		if i > 0 {
			joinedSb340.WriteString("|")
		}
		joinedSb340.WriteString(v.plain(key[i]))
		if v.date() || v.typ == segment.Boolean {
			w.Str(v.plain(key[i]))
		} else {
			v.raw(w, key[i])
		}
	}
	joined += joinedSb340.String()
	w.Close(']')
	w.Key("key_as_string")
	w.Str(joined)
}

// group is one combination of values and the documents that have it.
type group struct {
	key  []segment.Value
	docs []doc
}

// combinations groups documents by every combination of their values.
func combinations(docs []doc, of func(doc) [][]segment.Value) ([]*group, error) {
	by := map[string]*group{}
	var out []*group
	for _, d := range docs {
		keys := [][]segment.Value{nil}
		for _, vs := range of(d) {
			var next [][]segment.Value
			for _, k := range keys {
				for _, x := range vs {
					next = append(next, append(slices.Clone(k), x))
				}
			}
			keys = next
			if len(keys) > maxBuckets {
				return nil, query.Errorf("illegal_argument_exception", "a document has more than [%d] combinations of values", maxBuckets)
			}
		}
		for _, k := range keys {
			id := keyID(k)
			g := by[id]
			if g == nil {
				g = &group{key: k}
				by[id] = g
				out = append(out, g)
			}
			g.docs = append(g.docs, d)
		}
	}
	return out, nil
}

func keyID(k []segment.Value) string {
	var b []byte
	for _, x := range k {
		b = append(b, byte(x.Kind))
		b = appendKey(b, x)
		b = append(b, 0)
	}
	return string(b)
}

func appendKey(b []byte, x segment.Value) []byte {
	switch x.Kind {
	case segment.KindInt:
		return append(b, appendInt(x.Int)...)
	case segment.KindFloat:
		return query.AppendDouble(b, x.Float)
	default:
		return query.AppendString(b, x.Str)
	}
}

func (t multiTerms) print(w *query.Printer) {
	w.Key("terms")
	w.Open('[')
	for _, s := range t.sources {
		w.Open('{')
		s.print(w)
		w.Close('}')
	}
	w.Close(']')
	t.printThresholds(w)
	printOrders(w, t.orders)
	w.TextField("collect_mode", t.mode)
}
