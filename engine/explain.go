package engine

import (
	"bytes"
	"net/http"

	"vigil/engine/query"
	"vigil/engine/segment"
)

const explainParams = "q df analyzer analyze_wildcard default_operator lenient preference routing realtime stored_fields " +
	"_source _source_includes _source_excludes "

// explainSpec reads what is to be explained.
func (q *request) explainSpec() (*query.Request, error) {
	if err := onlyQuery(q.body); err != nil {
		return nil, err
	}
	r, err := query.ParseRequest(q.body)
	if err != nil {
		return nil, err
	}
	if err := r.ApplyParams(q.call.Query); err != nil {
		return nil, err
	}
	if r.Query == nil {
		return nil, validation("query is missing")
	}
	return r, nil
}

// explained is the answer of an explain.
type explained struct {
	Index       string             `json:"_index"`
	ID          string             `json:"_id"`
	Matched     bool               `json:"matched"`
	Explanation *query.Explanation `json:"explanation,omitempty"`
	Get         *getResult         `json:"get,omitempty"`
}

func (e *Engine) handleExplain(q *request) (*answer, error) {
	r, err := q.explainSpec()
	if err != nil {
		return nil, err
	}
	x, d, err := e.find(q)
	if err != nil {
		return nil, err
	}
	a := explained{Index: x.Name, ID: q.call.Vars["id"]}
	s := e.state.Load()
	t := query.Target{Index: x.Name, Fields: x.mapping, Docs: x.docs.snapshot(), Stored: s.program}
	if d != nil {
		if d, err = e.visible(q, s, t, d); err != nil {
			return nil, err
		}
	}
	if d == nil {
		return &answer{status: http.StatusNotFound, body: a}, nil
	}
	if a.Matched, a.Explanation, err = query.Explain(q, t, r.Query, d, q.now); err != nil {
		return nil, err
	}
	raw := q.sourceParams()
	if raw == nil || bytes.Equal(raw, []byte("false")) {
		return ok(a)
	}
	filter, err := sourceFilter(raw)
	if err != nil {
		return nil, err
	}
	a.Get = &getResult{SeqNo: &d.Seq, PrimaryTerm: &d.Term, Found: true, Source: filtered(filter, d.Source)}
	return ok(a)
}

// visible returns a document that was found by its id if the expression that names the index lets it through: an alias may
// have a filter.
func (e *Engine) visible(q *request, s *state, t query.Target, d *segment.Doc) (*segment.Doc, error) {
	x := s.indices[t.Index]
	if x == nil {
		return nil, notFound(t.Index)
	}
	filters := s.filters(x, []string{q.call.Vars["index"]}, q.now)
	if filters == nil {
		return d, nil
	}
	t.Docs = []*segment.Doc{d}
	found, err := filterDocs(q, t, filters)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return d, nil
}
