package engine

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"vigil/engine/aggs"
	"vigil/engine/query"
	"vigil/rest"
)

const msearchParams = "max_concurrent_searches max_concurrent_shard_requests pre_filter_shard_size typed_keys rest_total_hits_as_int " +
	"search_type ccs_minimize_roundtrips cancel_after_time_interval phase_took " + expandNames

// handleMsearch runs searches one after the other; each is allowed and fails for itself.
func (e *Engine) handleMsearch(q *request) (*answer, error) {
	var items []rest.SearchItem
	for item, err := range rest.Searches(q.body, q.indices()) {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	// A search that cannot be read refuses the whole request, as in OpenSearch.
	specs := make([]*searchSpec, len(items))
	for i, item := range items {
		var err error
		sub := q.sub(item)
		sub.warnParams("search")
		if specs[i], err = sub.searchSpec(item.Indices, item.Body); err != nil {
			return nil, err
		}
	}
	out := make([]json.RawMessage, len(items))
	for i := range items {
		sub := *q
		sub.now = e.opts.Now()
		if err := e.beginSpec(q, "indices:data/read/msearch", specs[i], i); err != nil {
			out[i] = searchFailed(err)
			continue
		}
		body, err := e.search(&sub, specs[i])
		if err != nil {
			out[i] = searchFailed(err)
			continue
		}
		out[i] = append(body[:len(body)-1], `,"status":200}`...)
	}
	return ok(multiSearched{e.took(q), out})
}

// multiSearched is the answer of a msearch.
type multiSearched struct {
	Took      int64             `json:"took"`
	Responses []json.RawMessage `json:"responses"`
}

// sub is the request for one of several searches.
func (q *request) sub(item rest.SearchItem) *request {
	params := url.Values{}
	for _, name := range []string{"typed_keys", "rest_total_hits_as_int", "search_type", "ignore_unavailable", "allow_no_indices", "expand_wildcards"} {
		if v, given := q.call.Param(name); given {
			params.Set(name, v)
		}
	}
	for k, v := range item.Params {
		params.Set(k, v)
	}
	call := *q.call
	call.Query = params
	s := *q
	s.call = &call
	return &s
}

// beginSpec asks whether a search that is a part of something else may run. Its body is told as OpenSearch writes it.
func (e *Engine) beginSpec(q *request, parent rest.ActionName, spec *searchSpec, run int) error {
	if q.fx == nil {
		return nil
	}
	var parsed aggs.Aggs
	if spec.aggs != nil {
		parsed = *spec.aggs
	}
	resolved, missing := e.Resolve(spec.exprs)
	q.call.Judged = append(slices.Clone(resolved), missing...)
	return q.fx.Begin(rest.Action{
		Name: "indices:data/read/search", Request: "SearchRequest", Parent: parent, Run: run,
		Indices: spec.exprs, Resolved: resolved, Body: aggs.Print(spec.Request, parsed),
	})
}

func searchFailed(err error) json.RawMessage {
	b, encodeErr := json.Marshal(asRest(err).Body())
	if encodeErr != nil {
		return json.RawMessage(`{"error":"internal error","status":500}`)
	}
	return b
}

const countParams = expandNames + "q df analyzer analyze_wildcard default_operator lenient min_score preference routing terminate_after "

func (e *Engine) handleCount(q *request) (*answer, error) {
	if err := onlyQuery(q.body); err != nil {
		return nil, err
	}
	spec, err := q.searchSpec(q.indices(), q.body)
	if err != nil {
		return nil, err
	}
	spec.Size, spec.From = 0, -1
	exact := 1<<31 - 1
	spec.TrackTotal = &exact
	targets, shards, err := e.searched(q, spec)
	if err != nil {
		return nil, err
	}
	res, err := query.Run(q, spec.Request, targets, q.now)
	if err != nil {
		return nil, err
	}
	return ok(struct {
		Count  int          `json:"count"`
		Shards searchShards `json:"_shards"`
	}{res.Total, searchShards{Total: shards, Successful: shards}})
}

// onlyQuery refuses a body that holds more than a query.
func onlyQuery(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	n, err := query.ParseJSON(body)
	if err != nil {
		return err
	}
	for i, k := range n.Keys {
		if k != "query" {
			line, col := n.Items[i].Pos()
			return &query.Error{Type: "parsing_exception", Reason: "request does not support [" + k + "]", Line: line, Column: col}
		}
	}
	return nil
}

func (e *Engine) handleValidate(q *request) (*answer, error) {
	err := onlyQuery(q.body)
	var spec *searchSpec
	if err == nil {
		spec, err = q.searchSpec(q.indices(), q.body)
	}
	if err == nil {
		var targets []query.Target
		if targets, _, err = e.searched(q, spec); err != nil {
			return nil, err
		}
		spec.Size = 0
		_, err = query.Run(q, spec.Request, targets, q.now)
	}
	out := map[string]any{"_shards": shardsOf{Total: 1, Successful: 1}, "valid": err == nil}
	if err != nil {
		known := asRest(err)
		if known.Status >= http.StatusInternalServerError {
			return nil, err
		}
		out["error"] = known.Error()
	}
	return ok(out)
}
