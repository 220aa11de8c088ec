package query

import (
	"strconv"
	"strings"

	"vigil/engine/segment"
)

type boolQuery struct {
	clause
	must, filter, mustNot, should []Query
	adjust                        bool
	minimum                       string
}

func (p *parser) boolean(n *Node) (Query, error) {
	q := boolQuery{clause: clause{boost: 1}, adjust: true}
	err := q.objectOptions(n, "bool", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "must":
			q.must, err = p.list(v)
		case "filter":
			q.filter, err = p.list(v)
		case "must_not":
			inner := len(p.inner)
			q.mustNot, err = p.list(v)
			p.ignored(inner)
		case "should":
			q.should, err = p.list(v)
		case "minimum_should_match":
			if v.Kind != Null {
				q.minimum, err = v.Text()
			}
		case "adjust_pure_negative":
			q.adjust, err = v.Bool()
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil && len(q.must)+len(q.filter)+len(q.mustNot)+len(q.should) > maxClauses {
		err = tooManyClauses()
	}
	return q, err
}

func (p *parser) list(n *Node) ([]Query, error) {
	items := []*Node{n}
	switch n.Kind {
	case Null:
		return nil, nil
	case Array:
		items = n.Items
	default:
	}
	out := make([]Query, 0, len(items))
	for _, it := range items {
		if it.Kind == Null {
			continue
		}
		q, err := p.query(it)
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

func (q boolQuery) bind(c *Context, w weight) (Matcher, error) {
	w = w.times(q.boost)
	must, err := bindAll(c, q.must, w)
	if err != nil {
		return nil, err
	}
	filter, err := bindAll(c, q.filter, weight{boost: 1})
	if err != nil {
		return nil, err
	}
	notes := c.notes
	c.notes = false // what must not match has no inner hits
	not, err := bindAll(c, q.mustNot, weight{boost: 1})
	c.notes = notes
	if err != nil {
		return nil, err
	}
	should, err := bindAll(c, q.should, w)
	if err != nil {
		return nil, err
	}
	if len(must)+len(filter)+len(not)+len(should) == 0 {
		return constant(w.boost, always), nil
	}
	if len(must)+len(filter)+len(should) == 0 && !q.adjust {
		return constant(0, never), nil
	}
	least, err := minimumShouldMatch(len(should), q.minimum)
	if err != nil {
		return nil, err
	}
	if least <= 0 && len(must)+len(filter) == 0 && len(should) > 0 {
		least = 1
	}
	return combine(must, append(filter, negate(not)...), should, least), nil
}

func bindAll(c *Context, qs []Query, w weight) ([]Matcher, error) {
	out := make([]Matcher, len(qs))
	for i, q := range qs {
		var err error
		if out[i], err = q.bind(c, w); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func negate(ms []Matcher) []Matcher {
	out := make([]Matcher, len(ms))
	for i, m := range ms {
		out[i] = func(d *segment.Doc) (float32, bool) {
			_, ok := m(d)
			return 0, !ok
		}
	}
	return out
}

// combine adds scores as Lucene does: 64 bits within required and within optional clauses, 32 bits between the two.
func combine(must, filter, should []Matcher, least int) Matcher {
	return func(d *segment.Doc) (float32, bool) {
		for _, m := range filter {
			if _, ok := m(d); !ok {
				return 0, false
			}
		}
		var required, optional float64
		for _, m := range must {
			s, ok := m(d)
			if !ok {
				return 0, false
			}
			required += float64(s)
		}
		n := 0
		for _, m := range should {
			if s, ok := m(d); ok {
				n++
				optional += float64(s)
			}
		}
		return float32(required) + float32(optional), n >= least
	}
}

// minimumShouldMatch evaluates 2, -1, 75%, -25%, 2<75% and lists of the last form.
func minimumShouldMatch(optional int, spec string) (int, error) {
	spec = strings.TrimSpace(spec)
	if spec == "" {
		return 0, nil
	}
	bad := func() (int, error) {
		return 0, Errorf("number_format_exception", "For input string: \"%s\"", spec)
	}
	if strings.Contains(spec, "<") {
		result := optional
		for part := range strings.FieldsSeq(spec) {
			limit, then, ok := strings.Cut(part, "<")
			upper, err := strconv.Atoi(limit)
			if !ok || err != nil || strings.Contains(then, "<") {
				return bad()
			}
			if optional <= upper {
				return result, nil
			}
			if result, err = minimumShouldMatch(optional, then); err != nil {
				return 0, err
			}
		}
		return result, nil
	}
	result := 0
	if percent, ok := strings.CutSuffix(spec, "%"); ok {
		v, err := strconv.Atoi(percent)
		if err != nil {
			return bad()
		}
		result = int(float32(optional*v) * (1 / 100.0))
	} else {
		v, err := strconv.Atoi(spec)
		if err != nil {
			return bad()
		}
		result = v
	}
	if result < 0 {
		result += optional
	}
	return max(result, 0), nil
}

func (q boolQuery) print(w *Printer) {
	w.wrap("bool", func() {
		for _, part := range []struct {
			name string
			qs   []Query
		}{{"must", q.must}, {"filter", q.filter}, {"must_not", q.mustNot}, {"should", q.should}} {
			if len(part.qs) > 0 {
				w.Key(part.name)
				w.queries(part.qs)
			}
		}
		w.Key("adjust_pure_negative")
		w.Bool(q.adjust)
		if q.minimum != "" {
			w.Key("minimum_should_match")
			w.Str(q.minimum)
		}
		w.nameBoost(q.clause)
	})
}

func (w *Printer) queries(qs []Query) {
	w.Open('[')
	for _, q := range qs {
		q.print(w)
	}
	w.Close(']')
}
