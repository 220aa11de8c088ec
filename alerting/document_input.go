package alerting

import (
	"encoding/json"
	"strings"
)

// DocInput is the input of a document-level monitor: every new document of the indices is matched against the queries.
type DocInput struct {
	Description string
	Indices     []string
	Queries     []DocQuery
	FanOut      bool
}

// DocQuery is a query in Lucene's syntax that has a name and tags.
type DocQuery struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Fields          []string `json:"fields"`
	Query           string   `json:"query"`
	Tags            []string `json:"tags"`
	QueryFieldNames []string `json:"query_field_names"`
}

type docInputWire struct {
	Description string     `json:"description"`
	Indices     []string   `json:"indices"`
	Queries     []DocQuery `json:"queries"`
	FanOut      *bool      `json:"fan_out_enabled,omitempty"`
}

const (
	maxDocQueries   = 1000
	maxDocQuerySize = 32 << 10
	maxDocQueryName = 256
)

func parseDocInput(raw json.RawMessage) (*DocInput, error) {
	var w docInputWire
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, errorf(BadArgument, "doc_level_input: %w", err)
	}
	if len(w.Indices) > maxIndices || len(w.Queries) > maxDocQueries {
		return nil, errorf(BadArgument, "doc_level_input: more than %d indices or %d queries", maxIndices, maxDocQueries)
	}
	in := &DocInput{Description: w.Description, Indices: w.Indices, FanOut: w.FanOut == nil || *w.FanOut}
	for _, q := range w.Queries {
		if err := q.check(); err != nil {
			return nil, err
		}
		if q.ID == "" {
			q.ID = newUUID()
		}
		for _, list := range []*[]string{&q.Fields, &q.Tags, &q.QueryFieldNames} {
			if *list == nil {
				*list = []string{}
			}
		}
		in.Queries = append(in.Queries, q)
	}
	return in, nil
}

func (q *DocQuery) check() error {
	switch {
	case q.Name == "" || len(q.Name) > maxDocQueryName:
		return errorf(BadArgument, "The query name, %s, should be between 1 - %d characters.", q.Name, maxDocQueryName)
	case strings.ContainsAny(q.Name[:1], "_+-") || strings.Contains(q.Name, "..") || strings.ContainsAny(q.Name, `^*?<>|#`):
		return errorf(BadArgument, "Doc level query name may not start with [_, +, -], contain '..', or contain: [^, *, ?, <, >, |, #]")
	case q.Query == "" || len(q.Query) > maxDocQuerySize:
		return errorf(BadArgument, "Doc level query [%s] must have between 1 and %d bytes", q.Name, maxDocQuerySize)
	case len(q.Fields) > 0:
		return errorf(Unsupported, "fields of doc level queries are not supported: [%s]", q.Name)
	}
	for _, t := range q.Tags {
		if strings.ContainsAny(t, " [](){}") {
			return errorf(BadArgument, "The query tag, %s, contains an invalid character: [' ','[',']','{','}','(',')']", t)
		}
	}
	return nil
}

func (in *DocInput) wire() any {
	w := docInputWire{Description: in.Description, Indices: in.Indices, Queries: in.Queries, FanOut: &in.FanOut}
	if w.Indices == nil {
		w.Indices = []string{}
	}
	if w.Queries == nil {
		w.Queries = []DocQuery{}
	}
	return map[string]docInputWire{"doc_level_input": w}
}

// search returns the search for documents after the bookmarks that match at least one query.
func (in *DocInput) search(marks Bookmarks, size int) json.RawMessage {
	var queries []any
	for _, q := range in.Queries {
		queries = append(queries, map[string]any{"query_string": map[string]any{"query": q.Query, "_name": q.ID}})
	}
	known := []string{}
	var fresh []any
	for index, mark := range marks {
		known = append(known, index)
		fresh = append(fresh, map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"_index": index}},
			map[string]any{"range": map[string]any{"_seq_no": map[string]any{"gt": mark}}},
		}}})
	}
	// An index that was not there before is new as a whole.
	fresh = append(fresh, map[string]any{"bool": map[string]any{"must_not": []any{map[string]any{"terms": map[string]any{"_index": known}}}}})
	return encode(map[string]any{
		"size": size, "sort": []any{map[string]any{"_seq_no": "asc"}}, "seq_no_primary_term": true, "track_total_hits": false,
		"query": map[string]any{"bool": map[string]any{
			"should": queries, "minimum_should_match": 1,
			"filter": []any{map[string]any{"bool": map[string]any{"should": fresh, "minimum_should_match": 1}}},
		}},
	})
}

// baseline is the search for where every index stands.
const baseline = `{"size":0,"aggs":{"indices":{"terms":{"field":"_index","size":10000},"aggs":{"last":{"max":{"field":"_seq_no"}}}}}}`
