package query

import (
	"context"
	"time"

	"vigil/engine/segment"
)

// Span is an interval of times in milliseconds, ends included.
type Span struct {
	Field    string
	From, To int64
}

// Spans returns intervals in each of which every document has a value that the request counts or shows. There are none if
// other documents count too: for scores or for aggregations.
func (r *Request) Spans(ctx context.Context, fields segment.Fields, now time.Time) []Span {
	s := search{Request: r}
	if r.Aggs != nil || s.scored() && compares(r.Query) {
		return nil
	}
	c := &Context{Fields: fields, Now: now, ctx: ctx}
	return c.spans(r.Query, nil)
}

// compares reports whether a query's scores may depend on documents that it does not match.
func compares(q Query) bool {
	switch q := q.(type) {
	case nil, rangeQuery, constantScoreQuery:
		return false
	case boolQuery:
		return len(q.must)+len(q.should) > 0
	}
	return true
}

// spans appends what the clauses that must match say of times. What cannot be read is refused when the query runs.
func (c *Context) spans(q Query, to []Span) []Span {
	switch q := q.(type) {
	case rangeQuery:
		f := c.Field(q.field)
		if f == nil || !isDate(f.Type) {
			break
		}
		if low, high, err := c.dateLimits(f, q.dates()); err == nil {
			to = append(to, Span{Field: f.Name, From: low, To: high})
		}
	case constantScoreQuery:
		to = c.spans(q.filter, to)
	case boolQuery:
		for _, part := range [][]Query{q.must, q.filter} {
			for _, required := range part {
				to = c.spans(required, to)
			}
		}
	}
	return to
}
