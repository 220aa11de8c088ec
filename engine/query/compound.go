package query

import "vigil/engine/segment"

type constantScoreQuery struct {
	clause
	filter Query
}

func (p *parser) constantScore(n *Node) (Query, error) {
	q := constantScoreQuery{clause: clause{boost: 1}}
	err := q.options(n, "constant_score", func(key string, v *Node) (bool, error) {
		if key != "filter" {
			return false, nil
		}
		if v.Kind == Array {
			return true, v.Parsing("unexpected token [START_ARRAY]")
		}
		var err error
		q.filter, err = p.query(v)
		return true, err
	})
	if err == nil && q.filter == nil {
		err = n.Parsing("[constant_score] requires a 'filter' element")
	}
	return q, err
}

func (q constantScoreQuery) bind(c *Context, w weight) (Matcher, error) {
	m, err := q.filter.bind(c, weight{boost: 1})
	if err != nil {
		return nil, err
	}
	return constant(w.boost*q.boost, anyOf([]Matcher{m})), nil
}

func (q constantScoreQuery) print(w *Printer) {
	w.wrap("constant_score", func() {
		w.Key("filter")
		q.filter.print(w)
		w.nameBoost(q.clause)
	})
}

type disMaxQuery struct {
	clause
	queries []Query
	tie     float32
}

func (p *parser) disMax(n *Node) (Query, error) {
	q := disMaxQuery{clause: clause{boost: 1}}
	err := q.options(n, "dis_max", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "queries":
			q.queries, err = p.list(v)
		case "tie_breaker":
			var f float64
			f, err = v.Float()
			q.tie = float32(f)
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil && len(q.queries) == 0 {
		err = n.Parsing("[dis_max] requires 'queries' field with at least one clause")
	}
	return q, err
}

func (q disMaxQuery) bind(c *Context, w weight) (Matcher, error) {
	ms, err := bindAll(c, q.queries, w.times(q.boost))
	if err != nil {
		return nil, err
	}
	return best(ms, q.tie), nil
}

// best scores by the best matcher and, times tie, by the others.
func best(ms []Matcher, tie float32) Matcher {
	if len(ms) == 1 {
		return ms[0]
	}
	return func(d *segment.Doc) (float32, bool) {
		var top float32
		var others float64
		found := false
		for _, m := range ms {
			s, ok := m(d)
			switch {
			case !ok:
			case !found || s >= top:
				if found {
					others += float64(top)
				}
				top = s
			default:
				others += float64(s)
			}
			found = found || ok
		}
		return float32(float64(top) + others*float64(tie)), found
	}
}

func (q disMaxQuery) print(w *Printer) {
	w.wrap("dis_max", func() {
		w.Key("tie_breaker")
		w.Float(q.tie)
		w.Key("queries")
		w.queries(q.queries)
		w.nameBoost(q.clause)
	})
}

type boostingQuery struct {
	clause
	positive, negative Query
	factor             float32
}

func (p *parser) boosting(n *Node) (Query, error) {
	q := boostingQuery{clause: clause{boost: 1}, factor: -1}
	err := q.options(n, "boosting", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "positive":
			q.positive, err = p.query(v)
		case "negative":
			q.negative, err = p.query(v)
		case "negative_boost":
			var f float64
			f, err = v.Float()
			q.factor = float32(f)
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case err != nil:
	case q.positive == nil:
		err = n.Parsing("[boosting] query requires 'positive' query to be set'")
	case q.negative == nil:
		err = n.Parsing("[boosting] query requires 'negative' query to be set'")
	case q.factor < 0:
		err = n.Parsing("[boosting] query requires 'negative_boost' to be set to be a positive value'")
	}
	return q, err
}

func (q boostingQuery) bind(c *Context, w weight) (Matcher, error) {
	m, err := q.positive.bind(c, w.times(q.boost))
	if err != nil {
		return nil, err
	}
	less, err := q.negative.bind(c, weight{boost: 1})
	if err != nil {
		return nil, err
	}
	return func(d *segment.Doc) (float32, bool) {
		s, ok := m(d)
		if ok {
			if _, bad := less(d); bad {
				s *= q.factor
			}
		}
		return s, ok
	}, nil
}

func (q boostingQuery) print(w *Printer) {
	w.wrap("boosting", func() {
		w.Key("positive")
		q.positive.print(w)
		w.Key("negative")
		q.negative.print(w)
		w.Key("negative_boost")
		w.Float(q.factor)
		w.nameBoost(q.clause)
	})
}

type nestedQuery struct {
	clause
	path   string
	query  Query
	mode   string
	ignore bool       // ignore_unmapped
	inner  *InnerHits // nil if they are not wanted
}

func (p *parser) nested(n *Node) (Query, error) {
	q := nestedQuery{clause: clause{boost: 1}, mode: "avg"}
	inside := len(p.inner)
	var asked *Node
	err := q.options(n, "nested", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "query":
			q.query, err = p.query(v)
		case "path":
			q.path, err = v.Text()
		case "score_mode":
			if q.mode, err = v.Text(); err == nil {
				switch q.mode {
				case "none", "min", "max", "avg", "sum":
				default:
					err = illegal("No score mode for child query [%s] found", q.mode)
				}
			}
		case "ignore_unmapped":
			q.ignore, err = v.Bool()
		case "inner_hits":
			asked = v
			if q.inner, err = parseInnerHits(v); err == nil && q.inner.Collapse != "" {
				v.Inert("inner_hits", "collapse")
			}
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case err != nil:
	case q.path == "":
		err = illegal("[nested] requires 'path' field")
	case q.query == nil:
		err = illegal("[nested] requires 'query' field")
	}
	if asked == nil {
		p.ignored(inside)
	} else {
		p.inner = append(p.inner, asked)
	}
	return q, err
}

func (q nestedQuery) bind(c *Context, w weight) (Matcher, error) {
	if typ := c.typeOf(q.path); typ != segment.Nested {
		switch {
		case q.ignore:
			return constant(0, never), nil
		case typ == "":
			return nil, illegal("[nested] failed to find nested object under path [%s]", q.path)
		}
		return nil, illegal("[nested] nested object under path [%s] is not of nested type", q.path)
	}
	below := c.below(q.path)
	below.named = nil // a hit does not tell the names of what matched within
	m, err := q.query.bind(below, w.times(q.boost))
	if err != nil {
		return nil, err
	}
	if err := c.noteInner(&q); err != nil {
		return nil, err
	}
	return func(d *segment.Doc) (float32, bool) {
		var scores []float32
		for _, n := range Nested(d, q.path) {
			if s, ok := m(n); ok {
				scores = append(scores, s)
			}
		}
		return joinScores(q.mode, scores), len(scores) > 0
	}, nil
}

func joinScores(mode string, scores []float32) float32 {
	if len(scores) == 0 || mode == "none" {
		return 0
	}
	low, high, sum := scores[0], scores[0], 0.0
	for _, s := range scores {
		low, high, sum = min(low, s), max(high, s), sum+float64(s)
	}
	switch mode {
	case "min":
		return low
	case "max":
		return high
	case "sum":
		return float32(sum)
	}
	return float32(sum / float64(len(scores)))
}

func (q nestedQuery) print(w *Printer) {
	w.wrap("nested", func() {
		w.Key("query")
		q.query.print(w)
		w.Key("path")
		w.Str(q.path)
		w.Key("ignore_unmapped")
		w.Bool(q.ignore)
		w.Key("score_mode")
		w.Str(q.mode)
		w.nameBoost(q.clause)
		if q.inner != nil {
			w.Key("inner_hits")
			w.innerHits(q.inner)
		}
	})
}
