package aggs

import (
	"vigil/engine/query"
	"vigil/engine/segment"
)

type fieldValue = segment.Value

// one makes a result of one bucket.
func (r *runner) one(typ string, a aggregation, docs []doc) (result, error) {
	subs, err := r.level(a.subs, docs)
	return &single{kind: typ, bucket: bucket{docs: docs, count: len(docs), subs: subs}}, err
}

// matching returns the documents that a query matches.
func matching(q query.Query, docs []doc) ([]doc, error) {
	by := map[*query.Shard]query.Matcher{}
	var out []doc
	for _, d := range docs {
		m := by[d.shard]
		if m == nil {
			var err error
			if m, err = d.shard.Context.BindFilter(q); err != nil {
				return nil, err
			}
			by[d.shard] = m
		}
		if _, ok := m(d.Doc); ok {
			out = append(out, d)
		}
		if err := d.shard.Context.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type filter struct{ query query.Query }

func parseFilter(n *query.Node) (kind, error) {
	q, err := query.ParseNode(n)
	return filter{q}, err
}

func (f filter) run(r *runner, a aggregation, docs []doc) (result, error) {
	found, err := matching(f.query, docs)
	if err != nil {
		return nil, err
	}
	return r.one("filter", a, found)
}

func (f filter) print(w *query.Printer) { w.Raw(string(query.Print(f.query))) }

// filters makes one bucket for each of several queries.
type filters struct {
	names    []string // nil: the answer is a list
	queries  []query.Query
	other    bool
	otherKey string
}

func parseFilters(n *query.Node) (kind, error) {
	f := filters{otherKey: "_other_"}
	given := n.Get("other_bucket") != nil
	for i, key := range n.Keys {
		v := n.Items[i]
		var err error
		switch key {
		case "filters":
			err = f.parse(v)
		case "other_bucket":
			f.other, err = v.Bool()
		case "other_bucket_key":
			f.other = f.other || !given
			f.otherKey, err = v.Text()
		default:
			err = v.Parsing("Unknown key for a %s in [filters]: [%s].", v.Token(), key)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(f.queries) == 0 {
		return nil, query.Errorf("illegal_argument_exception", "[filters] cannot be empty")
	}
	return f, nil
}

func (f *filters) parse(v *query.Node) error {
	if v.Kind == query.Object {
		f.names = v.Keys
	}
	for _, it := range v.Items {
		q, err := query.ParseNode(it)
		if err != nil {
			return err
		}
		f.queries = append(f.queries, q)
	}
	return nil
}

func (f filters) run(r *runner, a aggregation, docs []doc) (result, error) {
	var list []*bucket
	taken := map[*segment.Doc]bool{}
	add := func(name string, found []doc) {
		list = append(list, &bucket{name: name, docs: found, count: len(found)})
	}
	for i, q := range f.queries {
		found, err := matching(q, docs)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			taken[d.Doc] = true
		}
		name := ""
		if f.names != nil {
			name = f.names[i]
		}
		add(name, found)
	}
	if f.other {
		var rest []doc
		for _, d := range docs {
			if !taken[d.Doc] {
				rest = append(rest, d)
			}
		}
		add(f.otherKey, rest)
	}
	list, err := r.finish(a.subs, list)
	return &multi{kind: "filters", list: list, keyed: f.names != nil}, err
}

func (f filters) print(w *query.Printer) {
	w.Key("filters")
	open, end := byte('['), byte(']')
	if f.names != nil {
		open, end = '{', '}'
	}
	w.Open(open)
	for i, q := range f.queries {
		if f.names != nil {
			w.Key(f.names[i])
		}
		w.Raw(string(query.Print(q)))
	}
	w.Close(end)
	w.Key("other_bucket")
	w.Bool(f.other)
	w.Key("other_bucket_key")
	w.Str(f.otherKey)
}

type missing struct{ source }

func parseMissing(n *query.Node) (kind, error) {
	var m missing
	err := options(n, "missing", m.option)
	if err == nil {
		err = m.check(nil)
	}
	return m, err
}

func (m missing) run(r *runner, a aggregation, docs []doc) (result, error) {
	v, err := r.values(m.source)
	if err != nil {
		return nil, err
	}
	var out []doc
	for _, d := range docs {
		if len(v.of(d)) == 0 {
			out = append(out, d)
		}
	}
	return r.one("missing", a, out)
}

type global struct{}

func parseGlobal(n *query.Node) (kind, error) {
	return global{}, options(n, "global", func(string, *query.Node) (bool, error) { return false, nil })
}

func (global) run(r *runner, a aggregation, _ []doc) (result, error) {
	var all []doc
	for i := range r.shards {
		for _, d := range r.shards[i].Context.Docs {
			all = append(all, doc{Doc: d, shard: &r.shards[i], score: 1})
		}
	}
	return r.one("global", a, all)
}

func (global) print(*query.Printer) {}

type nested struct{ path string }

func parseNested(n *query.Node) (kind, error) {
	var a nested
	err := options(n, "nested", func(key string, v *query.Node) (bool, error) {
		if key != "path" {
			return false, nil
		}
		var err error
		a.path, err = v.Text()
		return true, err
	})
	if err == nil && a.path == "" {
		err = n.Parsing("Missing [path] field for nested aggregation")
	}
	return a, err
}

func (n nested) run(r *runner, a aggregation, docs []doc) (result, error) {
	var out []doc
	for _, d := range docs {
		for _, inner := range query.Nested(d.Doc, n.path) {
			out = append(out, doc{Doc: inner, shard: d.shard, score: d.score, root: &d})
		}
	}
	return r.one("nested", a, out)
}

func (n nested) print(w *query.Printer) {
	w.Key("path")
	w.Str(n.path)
}

type reverseNested struct{}

func parseReverseNested(n *query.Node) (kind, error) {
	var a reverseNested
	err := options(n, "reverse_nested", func(key string, v *query.Node) (bool, error) {
		if key != "path" {
			return false, nil
		}
		return true, v.Parsing("[reverse_nested] [path] is not supported")
	})
	return a, err
}

func (reverseNested) run(r *runner, a aggregation, docs []doc) (result, error) {
	seen := map[*segment.Doc]bool{}
	var out []doc
	for _, d := range docs {
		if d.root == nil {
			return nil, query.Errorf("illegal_argument_exception", "Reverse nested aggregation [%s] can only be used inside a [nested] aggregation", a.name)
		}
		for d.root != nil {
			d = *d.root
		}
		if !seen[d.Doc] {
			seen[d.Doc] = true
			out = append(out, d)
		}
	}
	return r.one("reverse_nested", a, out)
}

func (reverseNested) print(*query.Printer) {}
