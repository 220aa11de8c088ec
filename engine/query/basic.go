package query

import (
	"slices"
	"strings"

	"vigil/engine/segment"
)

type matchAllQuery struct{ clause }

func (p *parser) matchAll(n *Node) (Query, error) {
	q := matchAllQuery{clause{boost: 1}}
	err := q.objectOptions(n, "match_all", func(string, *Node) (bool, error) { return false, nil })
	return q, err
}

func (q matchAllQuery) bind(_ *Context, w weight) (Matcher, error) {
	return constant(w.boost*q.boost, always), nil
}

func (q matchAllQuery) print(w *Printer) { w.wrap("match_all", func() { w.nameBoost(q.clause) }) }

func always(*segment.Doc) bool { return true }
func never(*segment.Doc) bool  { return false }

// constant gives every match the same score.
func constant(score float32, test func(*segment.Doc) bool) Matcher {
	return func(d *segment.Doc) (float32, bool) { return score, test(d) }
}

// wrap prints {"name":{…}}.
func (w *Printer) wrap(name string, body func()) {
	w.Open('{')
	w.Key(name)
	w.Open('{')
	body()
	w.Close('}')
	w.Close('}')
}

type matchNoneQuery struct{ clause }

func (p *parser) matchNone(n *Node) (Query, error) {
	q := matchNoneQuery{clause{boost: 1}}
	err := q.objectOptions(n, "match_none", func(string, *Node) (bool, error) { return false, nil })
	return q, err
}

func (matchNoneQuery) bind(*Context, weight) (Matcher, error) { return constant(0, never), nil }

func (q matchNoneQuery) print(w *Printer) { w.wrap("match_none", func() { w.nameBoost(q.clause) }) }

type existsQuery struct {
	clause
	field string
}

func (p *parser) exists(n *Node) (Query, error) {
	q := existsQuery{clause: clause{boost: 1}}
	err := q.options(n, "exists", func(key string, v *Node) (bool, error) {
		if key != "field" || !v.Scalar() {
			return false, nil
		}
		q.field = v.Raw
		return true, nil
	})
	if err == nil && q.field == "" {
		err = n.Parsing("[exists] must be provided with a [field]")
	}
	return q, err
}

func (q existsQuery) bind(c *Context, w weight) (Matcher, error) {
	return constant(w.boost*q.boost, c.existsTest(q.field)), nil
}

func (c *Context) existsTest(name string) func(*segment.Doc) bool {
	var fields []*segment.Field
	if f := c.Field(name); f != nil && f.Type != segment.Object && f.Type != segment.Nested {
		fields = []*segment.Field{f}
	} else {
		pattern := name
		if !strings.Contains(name, "*") {
			pattern = name + ".*"
		}
		fields = c.Fields.Match(pattern)
	}
	return func(d *segment.Doc) bool {
		return slices.ContainsFunc(fields, func(f *segment.Field) bool { return len(c.Values(d, f)) > 0 })
	}
}

func (q existsQuery) print(w *Printer) {
	w.wrap("exists", func() {
		w.Key("field")
		w.Str(q.field)
		w.nameBoost(q.clause)
	})
}

type idsQuery struct {
	clause
	values []string
}

func (p *parser) ids(n *Node) (Query, error) {
	q := idsQuery{clause: clause{boost: 1}}
	given := false
	err := q.objectOptions(n, "ids", func(key string, v *Node) (bool, error) {
		if key != "values" {
			return false, nil
		}
		given = true
		var err error
		q.values, err = v.strings()
		return true, err
	})
	if err == nil && !given {
		err = illegal("[ids] requires providing a non-null value for [values]")
	}
	return q, err
}

func (q idsQuery) bind(_ *Context, w weight) (Matcher, error) {
	set := make(map[string]bool, len(q.values))
	for _, v := range q.values {
		set[v] = true
	}
	return constant(w.boost*q.boost, func(d *segment.Doc) bool { return set[d.ID] }), nil
}

func (q idsQuery) print(w *Printer) {
	w.wrap("ids", func() {
		w.Key("values")
		w.Strings(q.values)
		w.nameBoost(q.clause)
	})
}
