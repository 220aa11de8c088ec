package query

import (
	"math"
	"slices"

	"vigil/engine/segment"
)

type functionScoreQuery struct {
	clause
	query     Query
	functions []scoreFunction
	scoreMode string
	boostMode string
	maxBoost  float32
	minScore  *float32
}

// scoreFunction is one member of "functions": a filter, a weight and at most one function.
type scoreFunction struct {
	filter Query
	weight *float32
	// of field_value_factor
	field    string
	factor   float32
	missing  *float64
	modifier string
	// of random_score
	random bool
	seed   string
	by     string
}

func (p *parser) functionScore(n *Node) (Query, error) {
	q := functionScoreQuery{clause: clause{boost: 1}, scoreMode: "multiply", boostMode: "multiply", maxBoost: math.MaxFloat32}
	var direct scoreFunction
	given := false
	err := q.options(n, "function_score", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "query":
			q.query, err = p.query(v)
		case "functions":
			err = q.list(p, v)
		case "score_mode":
			q.scoreMode, err = oneOf(v, "multiply", "sum", "avg", "first", "max", "min")
		case "boost_mode":
			q.boostMode, err = oneOf(v, "multiply", "replace", "sum", "avg", "max", "min")
		case "max_boost":
			var f *float32
			if f, err = floatPointer(v); err == nil {
				q.maxBoost = *f
			}
		case "min_score":
			q.minScore, err = floatPointer(v)
		default:
			var ok bool
			ok, err = direct.option(key, v)
			given = given || ok
			return ok, err
		}
		return true, err
	})
	if err == nil && given {
		q.functions = append(q.functions, direct)
	}
	return q, err
}

func oneOf(v *Node, names ...string) (string, error) {
	s, err := v.Text()
	if err != nil {
		return "", err
	}
	if slices.Contains(names, s) {
		return s, nil
	}
	return "", illegal("illegal score_mode [%s]", s)
}

func (q *functionScoreQuery) list(p *parser, v *Node) error {
	for _, it := range v.Items {
		f := scoreFunction{}
		for i, key := range it.Keys {
			if key == "filter" {
				var err error
				if f.filter, err = p.query(it.Items[i]); err != nil {
					return err
				}
				continue
			}
			ok, err := f.option(key, it.Items[i])
			if err != nil {
				return err
			}
			if !ok {
				return it.Items[i].Parsing("field [%s] is not allowed in [function_score] functions", key)
			}
		}
		if f.weight == nil && f.field == "" && !f.random {
			return it.Parsing("an entry in functions list is missing a function.")
		}
		q.functions = append(q.functions, f)
	}
	return nil
}

func (q functionScoreQuery) bind(c *Context, w weight) (Matcher, error) {
	inner := Query(matchAllQuery{clause{boost: 1}})
	if q.query != nil {
		inner = q.query
	}
	m, err := inner.bind(c, weight{boost: 1, scores: true})
	if err != nil {
		return nil, err
	}
	fs := make([]valuation, len(q.functions))
	for i, f := range q.functions {
		if fs[i], err = f.bind(c); err != nil {
			return nil, err
		}
	}
	boost := w.boost * q.boost
	return func(d *segment.Doc) (float32, bool) {
		s, ok := m(d)
		if !ok {
			return 0, false
		}
		total := q.boosted(s, q.combined(d, fs)) * boost
		return total, q.minScore == nil || total >= *q.minScore
	}, nil
}

func (q functionScoreQuery) combined(d *segment.Doc, fs []valuation) float64 {
	var out, weights float64
	n := 0
	for _, f := range fs {
		x, weight, ok := f(d)
		if !ok {
			continue
		}
		weights += weight
		if n++; n == 1 {
			out = x
			if q.scoreMode == "first" {
				break
			}
			continue
		}
		switch q.scoreMode {
		case "sum", "avg":
			out += x
		case "max":
			out = max(out, x)
		case "min":
			out = min(out, x)
		default:
			out *= x
		}
	}
	switch {
	case n == 0:
		return 1
	case q.scoreMode == "avg" && weights != 0:
		return out / weights
	}
	return out
}

func (q functionScoreQuery) boosted(score float32, function float64) float32 {
	function = min(function, float64(q.maxBoost))
	s := float64(score)
	switch q.boostMode {
	case "replace":
		return float32(function)
	case "sum":
		return float32(s + function)
	case "avg":
		return float32((s + function) / 2)
	case "max":
		return float32(max(s, function))
	case "min":
		return float32(min(s, function))
	}
	return float32(s * function)
}

func (q functionScoreQuery) print(w *Printer) {
	w.wrap("function_score", func() {
		w.Key("query")
		if q.query != nil {
			q.query.print(w)
		} else {
			matchAllQuery{clause{boost: 1}}.print(w)
		}
		w.Key("functions")
		w.Open('[')
		for _, f := range q.functions {
			f.print(w)
		}
		w.Close(']')
		w.TextField("score_mode", q.scoreMode)
		if q.boostMode != "multiply" {
			w.TextField("boost_mode", q.boostMode)
		}
		w.Key("max_boost")
		w.Float(q.maxBoost)
		if q.minScore != nil {
			w.Key("min_score")
			w.Float(*q.minScore)
		}
		w.nameBoost(q.clause)
	})
}
