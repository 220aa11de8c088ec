package query

import (
	"slices"
	"strings"

	"vigil/engine/segment"
)

type termQuery struct {
	clause
	field string
	value *Node
	fold  bool // case_insensitive
}

func (p *parser) term(n *Node) (Query, error) {
	q := termQuery{clause: clause{boost: 1}}
	field, v, err := q.single(n, "term")
	if err != nil {
		return nil, err
	}
	q.field = field
	switch v.Kind {
	case Array:
		return nil, v.Parsing("[term] query does not support array of values")
	case Object:
		err = q.options(v, "term", func(key string, v *Node) (bool, error) {
			switch key {
			case "value", "term":
				if v.Kind == Array || v.Kind == Object {
					return false, nil
				}
				q.value = v
			case "case_insensitive":
				var err error
				q.fold, err = v.Bool()
				return true, err
			default:
				return false, nil
			}
			return true, nil
		})
	default:
		q.value = v
	}
	if err == nil && (q.value == nil || q.value.Kind == Null) {
		err = illegal("value cannot be null")
	}
	return q, err
}

func (q termQuery) bind(c *Context, w weight) (Matcher, error) {
	w = w.times(q.boost)
	f := c.Field(q.field)
	if f == nil {
		return constant(0, never), nil
	}
	if err := searchable(f); err != nil {
		return nil, err
	}
	if q.fold {
		if !hasTerms(f.Type) {
			return nil, c.shard("[%s] field which is of type [%s], does not support case insensitive term queries", f.Name, f.Type)
		}
		return constant(w.boost, c.anyTerm(f, func(t string) bool { return strings.EqualFold(t, q.value.Raw) })), nil
	}
	return c.termMatcher(f, q.value.Raw, w)
}

func (c *Context) shard(format string, args ...any) *Error {
	e := Errorf("query_shard_exception", format, args...)
	e.Shard, e.Index = true, c.Index
	return e
}

// termMatcher matches one exact value; where values are terms it scores by BM25.
func (c *Context) termMatcher(f *segment.Field, value string, w weight) (Matcher, error) {
	if f.Name == "_id" || f.Name == "_index" {
		return constant(w.boost, c.metaTest(f.Name, value)), nil
	}
	if !hasTerms(f.Type) {
		ok, err := c.equals(f, value)
		if err != nil {
			return nil, err
		}
		return constant(w.boost, c.anyValue(f, ok)), nil
	}
	if f.Type == segment.Keyword {
		value = normalize(f, value)
	}
	if !w.scores {
		return constant(w.boost, c.anyTerm(f, func(t string) bool { return t == value })), nil
	}
	sim := c.similarity(f, w.boost, value)
	if f.Type != segment.Text {
		return func(d *segment.Doc) (float32, bool) {
			vs := c.Values(d, f)
			if !slices.ContainsFunc(vs, func(v segment.Value) bool { return v.Str == value }) {
				return 0, false
			}
			return sim.score(1, len(vs)), true
		}, nil
	}
	return func(d *segment.Doc) (float32, bool) {
		terms := c.terms(d, f)
		freq := 0
		for _, t := range terms {
			if t == value {
				freq++
			}
		}
		if freq == 0 {
			return 0, false
		}
		return sim.score(float32(freq), len(terms)), true
	}, nil
}

func (c *Context) metaTest(field, value string) func(*segment.Doc) bool {
	if field == "_id" {
		return func(d *segment.Doc) bool { return d.ID == value }
	}
	if c.Index == value || strings.Contains(value, "*") && glob(value, c.Index) {
		return always
	}
	return never
}

// anyTerm is a test of documents: does one term of the field pass?
func (c *Context) anyTerm(f *segment.Field, ok func(string) bool) func(*segment.Doc) bool {
	if f.Type != segment.Text {
		return c.anyValue(f, func(v segment.Value) bool { return ok(v.Str) })
	}
	return func(d *segment.Doc) bool {
		return slices.ContainsFunc(c.terms(d, f), ok)
	}
}

func (q termQuery) print(w *Printer) {
	w.wrap("term", func() {
		w.Key(q.field)
		w.Open('{')
		w.Key("value")
		w.Node(q.value)
		if q.fold {
			w.Key("case_insensitive")
			w.Bool(true)
		}
		w.nameBoost(q.clause)
		w.Close('}')
	})
}

type termsQuery struct {
	clause
	field  string
	values []*Node
}

func (p *parser) terms(n *Node) (Query, error) {
	q := termsQuery{clause: clause{boost: 1}}
	found := false
	err := q.options(n, "terms", func(key string, v *Node) (bool, error) {
		switch {
		case v.Kind == Array && found:
			return true, v.Parsing("[terms] query does not support multiple fields")
		case v.Kind == Array:
			q.field, q.values, found = key, v.Items, true
			for _, it := range v.Items {
				if it.Kind == Null {
					return true, it.Parsing("No value specified for terms query")
				}
				if !it.Scalar() {
					return true, it.Parsing("[terms] query does not support values that are objects or arrays")
				}
			}
			return true, nil
		case v.Kind == Object && found:
			return true, v.Parsing("[terms] query does not support more than one field. Already got: [%s] but also found [%s]", q.field, key)
		case v.Kind == Object:
			return true, v.Parsing("[terms] lookup of terms in another document is not supported")
		case key == "value_type" && v.Raw == "default":
			return true, nil
		}
		return false, nil
	})
	if err == nil && !found {
		err = n.Parsing("[terms] query requires a field name, followed by array of terms or a document lookup specification")
	}
	return q, err
}

func (q termsQuery) bind(c *Context, w weight) (Matcher, error) {
	if len(q.values) > maxTerms {
		return nil, illegal("The number of terms [%d] used in the Terms Query request has exceeded the allowed maximum of [%d]. "+
			"This maximum can be set by changing the [index.max_terms_count] index level setting.", len(q.values), maxTerms)
	}
	f := c.Field(q.field)
	if f == nil {
		return constant(0, never), nil
	}
	if err := searchable(f); err != nil {
		return nil, err
	}
	if hasTerms(f.Type) && f.Name != "_index" {
		set := make(map[string]bool, len(q.values))
		for _, v := range q.values {
			s := v.Raw
			if f.Type == segment.Keyword {
				s = normalize(f, s)
			}
			set[s] = true
		}
		return constant(w.boost*q.boost, c.anyTerm(f, func(t string) bool { return set[t] })), nil
	}
	ms := make([]Matcher, len(q.values))
	for i, v := range q.values {
		var err error
		if ms[i], err = c.termMatcher(f, v.Raw, weight{boost: 1}); err != nil {
			return nil, err
		}
	}
	return constant(w.boost*q.boost, anyOf(ms)), nil
}

func anyOf(ms []Matcher) func(*segment.Doc) bool {
	return func(d *segment.Doc) bool {
		for _, m := range ms {
			if _, ok := m(d); ok {
				return true
			}
		}
		return false
	}
}

func (q termsQuery) print(w *Printer) {
	w.wrap("terms", func() {
		w.Key(q.field)
		w.Open('[')
		for _, v := range q.values {
			w.Node(v)
		}
		w.Close(']')
		w.nameBoost(q.clause)
	})
}
