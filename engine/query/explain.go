package query

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vigil/engine/segment"
)

// Explanation says how a score came about.
type Explanation struct {
	// value is an int for counts, a float32 for all else.
	value       any
	description string
	details     []Explanation
}

// MarshalJSON returns the explanation as OpenSearch writes it.
func (e *Explanation) MarshalJSON() ([]byte, error) {
	w := &Printer{}
	w.explanation(e)
	return w.Buf, nil
}

func (w *Printer) explanation(e *Explanation) {
	w.Open('{')
	w.Key("value")
	switch v := e.value.(type) {
	case int:
		w.Int(v)
	case float32:
		w.Float(v)
	}
	w.Key("description")
	w.Str(e.description)
	w.Key("details")
	w.Open('[')
	for i := range e.details {
		w.sep()
		w.explanation(&e.details[i])
	}
	w.Close(']')
	w.Close('}')
}

// Explain says whether a document of the target matches, and why. A nil query matches everything. Terms, matches of terms
// and what bool makes of them are explained as OpenSearch does; of other clauses the score is told and how they are written.
func Explain(ctx context.Context, t Target, q Query, d *segment.Doc, now time.Time) (matched bool, e *Explanation, err error) {
	for _, c := range t.shards(ctx, now) {
		if !slices.Contains(c.Docs, d) {
			continue
		}
		found, err := c.explain(q, d, weight{boost: 1, scores: true})
		if err == nil {
			err = c.Err()
		}
		if err != nil {
			return false, nil, c.refuse(err)
		}
		return found.matched, &found.Explanation, nil
	}
	return false, &Explanation{value: float32(0), description: "no matching term"}, nil
}

// explained is the explanation of one clause.
type explained struct {
	matched bool
	Explanation
}

func unmatched(format string, args ...any) explained {
	return explained{Explanation: Explanation{value: float32(0), description: fmt.Sprintf(format, args...)}}
}

// explainHit explains the score of a hit. What binding notes in the context is not noted again.
func (c *Context) explainHit(q Query, d *segment.Doc) (*Explanation, error) {
	own := *c
	own.named = &[]named{}
	e, err := own.explain(q, d, weight{boost: 1, scores: true})
	if err == nil {
		err = own.failed
	}
	return &e.Explanation, err
}

func (c *Context) explain(q Query, d *segment.Doc, w weight) (explained, error) {
	switch q := q.(type) {
	case nil:
		return explained{true, Explanation{value: float32(1), description: "*:*"}}, nil
	case matchAllQuery:
		return explained{true, Explanation{value: w.boost * q.boost, description: "*:*"}}, nil
	case termQuery:
		if f := c.Field(q.field); f != nil && hasTerms(f.Type) && !q.fold && f.Name != "_id" && f.Name != "_index" {
			return c.explainTerm(f, q.value.Raw, d, w.times(q.boost))
		}
	case matchQuery:
		f := c.Field(q.field)
		if f != nil && f.Type == segment.Text && q.kind == kindMatch && q.fuzziness == "" {
			return c.explainMatch(&q, f, d, w.times(q.boost))
		}
	case boolQuery:
		return c.explainBool(&q, d, w)
	}
	m, err := q.bind(c, w)
	if err != nil {
		return explained{}, err
	}
	score, ok := m(d)
	if !ok {
		return unmatched("no match on %s", String(q)), nil
	}
	return explained{true, Explanation{value: score, description: String(q)}}, nil
}

// explainMatch explains a match by its terms.
func (c *Context) explainMatch(q *matchQuery, f *segment.Field, d *segment.Doc, w weight) (explained, error) {
	m, err := c.match(q.kind, q.field, q.text.Raw, q.textOptions, w)
	if err != nil {
		return explained{}, err
	}
	var parts []explained
	for _, t := range c.searchTokens(f, q.analyzer, q.text.Raw) {
		e, err := c.explainTerm(f, t.Term, d, w)
		if err != nil {
			return explained{}, err
		}
		parts = append(parts, e)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	score, ok := m(d)
	return sumOf(parts, score, ok), nil
}

func (c *Context) explainBool(q *boolQuery, d *segment.Doc, w weight) (explained, error) {
	m, err := q.bind(c, w)
	if err != nil {
		return explained{}, err
	}
	score, ok := m(d)
	w = w.times(q.boost)
	var parts []explained
	for _, clause := range slices.Concat(q.must, q.should) {
		e, err := c.explain(clause, d, w)
		if err != nil {
			return explained{}, err
		}
		parts = append(parts, e)
	}
	for _, clause := range q.filter {
		e, err := c.explain(clause, d, weight{boost: 1})
		if err != nil {
			return explained{}, err
		}
		if e.matched {
			e.Explanation = Explanation{value: float32(0), description: "match on required clause, product of:", details: []Explanation{
				{value: float32(0), description: "# clause"}, e.Explanation,
			}}
		}
		parts = append(parts, e)
	}
	if len(parts) == 0 && ok {
		return explained{true, Explanation{value: score, description: String(*q)}}, nil
	}
	return sumOf(parts, score, ok), nil
}

// sumOf explains a score by what its parts add.
func sumOf(parts []explained, score float32, ok bool) explained {
	out := unmatched("Failure to meet condition(s) of required/prohibited clause(s)")
	if ok {
		out = explained{true, Explanation{value: score, description: "sum of:"}}
	}
	for _, p := range parts {
		if p.matched || !ok {
			out.details = append(out.details, p.Explanation)
		}
	}
	if !ok && !slices.ContainsFunc(parts, func(p explained) bool { return p.matched }) {
		return unmatched("No matching clauses")
	}
	return out
}

// explainTerm explains the BM25 score of a term as Lucene does.
func (c *Context) explainTerm(f *segment.Field, term string, d *segment.Doc, w weight) (explained, error) {
	if f.Type == segment.Keyword {
		term = normalize(f, term)
	}
	terms := c.terms(d, f)
	freq := 0
	for _, t := range terms {
		if t == term {
			freq++
		}
	}
	if freq == 0 {
		return unmatched("no matching term"), nil
	}
	if f.Type != segment.Text {
		freq = 1
	}
	sim := c.similarity(f, w.boost, term)
	stats := c.stats(f)
	df := max(stats.df[term], 1)
	idf := float32(math.Log(1 + (float64(stats.docs)-float64(df)+0.5)/(float64(df)+0.5)))
	score := sim.score(float32(freq), len(terms))
	at := slices.Index(c.Docs, d)
	return explained{true, Explanation{
		value: score, description: fmt.Sprintf("weight(%s:%s in %d) [PerFieldSimilarity], result of:", f.Name, term, at),
		details: []Explanation{{
			value: score, description: fmt.Sprintf("score(freq=%s), computed as boost * idf * tf from:", AppendFloat(nil, float32(freq))),
			details: []Explanation{
				{value: 2.2 * w.boost, description: "boost"},
				{value: idf, description: "idf, computed as log(1 + (N - n + 0.5) / (n + 0.5)) from:", details: []Explanation{
					{value: df, description: "n, number of documents containing term"},
					{value: stats.docs, description: "N, total number of documents with field"},
				}},
				sim.explainTF(float32(freq), len(terms)),
			},
		}},
	}}, nil
}

func (s similarity) explainTF(freq float32, length int) Explanation {
	if !s.norms {
		length = 1
	}
	dl := float32(quantize(length))
	inverse := 1 / (1.2 * ((1 - 0.75) + 0.75*dl/s.avg))
	e := Explanation{value: 1 - 1/(1+freq*inverse)}
	of := []Explanation{
		{value: freq, description: "freq, occurrences of term within document"},
		{value: float32(1.2), description: "k1, term saturation parameter"},
	}
	if !s.norms {
		e.description, e.details = "tf, computed as freq / (freq + k1) from:", of
		return e
	}
	exact := "dl, length of field"
	if quantize(length) != length {
		exact += " (approximate)"
	}
	e.description = "tf, computed as freq / (freq + k1 * (1 - b + b * dl / avgdl)) from:"
	e.details = append(of,
		Explanation{value: float32(0.75), description: "b, length normalization parameter"},
		Explanation{value: dl, description: exact}, Explanation{value: s.avg, description: "avgdl, average length of field"})
	return e
}
