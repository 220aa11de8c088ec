package engine

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"vigil/engine/aggs"
	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

const searchParams = expandNames + "q df analyzer analyze_wildcard default_operator lenient from size sort track_total_hits track_scores version " +
	"seq_no_primary_term timeout terminate_after _source _source_includes _source_excludes stored_fields docvalue_fields explain stats " +
	"routing preference request_cache search_type batched_reduce_size max_concurrent_shard_requests pre_filter_shard_size " +
	"allow_partial_search_results ccs_minimize_roundtrips typed_keys rest_total_hits_as_int scroll cancel_after_time_interval phase_took "

// searchSpec is one search with what the URL says about it.
type searchSpec struct {
	*query.Request
	exprs      []string
	expand     expand
	routing    string
	typedKeys  bool
	totalAsInt bool
	scroll     string
	whole      bool       // a search that ran out of time is refused
	aggs       *aggs.Aggs // nil if there are none
	pit        string     // the id of the point in time that is searched
	pitKeep    time.Duration
}

func (q *request) searchSpec(exprs []string, body []byte) (*searchSpec, error) {
	r, err := query.ParseRequest(body)
	if err != nil {
		return nil, err
	}
	if err := r.ApplyParams(q.call.Query); err != nil {
		return nil, err
	}
	s := &searchSpec{Request: r, exprs: exprs, routing: q.str("routing", ""), scroll: q.str("scroll", "")}
	if s.expand, err = q.expandParams(searchExpand()); err != nil {
		return nil, err
	}
	if s.typedKeys, err = q.flag("typed_keys", false); err != nil {
		return nil, err
	}
	if s.totalAsInt, err = q.flag("rest_total_hits_as_int", false); err != nil {
		return nil, err
	}
	if r.PIT != nil {
		if err := s.readPIT(q); err != nil {
			return nil, err
		}
	}
	if r.Aggs != nil {
		parsed, err := aggs.Parse(r.Aggs)
		if err != nil {
			return nil, err
		}
		s.aggs = &parsed
		r.Warnings = append(r.Warnings, parsed.Warnings()...)
	}
	if s.scroll != "" && s.Timeout > 0 {
		s.Timeout = 0
		r.Inert("timeout", "the pages of a scroll are not bounded")
	}
	if s.whole, err = q.flag("allow_partial_search_results", true); err != nil {
		return nil, err
	}
	s.whole = !s.whole
	switch t := q.str("search_type", "query_then_fetch"); t {
	case "query_then_fetch", "dfs_query_then_fetch":
	default:
		return nil, badRequest("No search type for [%s]", t)
	}
	for _, w := range r.Warnings {
		q.warn("%s", w)
	}
	return s, nil
}

func (e *Engine) handleSearch(q *request) (*answer, error) {
	s, err := q.searchSpec(q.indices(), q.body)
	if err != nil {
		return nil, err
	}
	body, err := e.runSearch(q, s)
	if err != nil {
		return nil, err
	}
	return ok(json.RawMessage(body))
}

func (e *Engine) runSearch(q *request, s *searchSpec) ([]byte, error) {
	if s.scroll != "" {
		return e.openScroll(q, s)
	}
	return e.search(q, s)
}

// searched are the indices of a search with their documents, and how many shards that are.
func (e *Engine) searched(q *request, spec *searchSpec) (targets []query.Target, shards int, err error) {
	if spec.pit != "" {
		return e.searchedPIT(q, spec)
	}
	s := e.state.Load()
	indices, err := e.targets(q, s, spec.exprs, spec.expand)
	if err != nil {
		return nil, 0, err
	}
	for _, x := range indices {
		if x.setting("blocks.read", "false") == "true" {
			return nil, 0, readBlocked(x)
		}
		t := query.Target{Index: x.Name, Fields: x.mapping, Stored: s.program}
		if !q.hides(x) {
			t.Docs = x.docs.within(spec.Spans(q, x.mapping, q.now))
		}
		if filters := s.filters(x, spec.exprs, q.now); filters != nil {
			if t.Docs, err = filterDocs(q, t, filters); err != nil {
				return nil, 0, err
			}
		}
		if spec.routing != "" && x.shards() > 1 {
			t.Docs = onShards(t.Docs, x, spec.routing)
		}
		targets = append(targets, t)
		shards += x.shards()
	}
	return targets, shards, nil
}

func readBlocked(x *index) error {
	return rest.Errorf(http.StatusForbidden, "cluster_block_exception", "index [%s] blocked by: [FORBIDDEN/7/index read (api)];", x.Name)
}

// filterDocs keeps the documents that one of an alias's filters lets through.
func filterDocs(q *request, t query.Target, filters []string) ([]*segment.Doc, error) {
	c := &query.Context{Index: t.Index, Fields: t.Fields, Docs: t.Docs, Now: q.now}
	var matchers []query.Matcher
	for _, f := range filters {
		parsed, err := query.Parse(json.RawMessage(f))
		if err != nil {
			return nil, err
		}
		m, err := c.BindFilter(parsed)
		if err != nil {
			return nil, err
		}
		matchers = append(matchers, m)
	}
	var out []*segment.Doc
	for _, d := range t.Docs {
		for _, m := range matchers {
			if _, match := m(d); match {
				out = append(out, d)
				break
			}
		}
	}
	return out, c.Err()
}

func onShards(docs []*segment.Doc, x *index, routing string) []*segment.Doc {
	wanted := map[int]bool{}
	for _, r := range rest.SplitIndices(routing) {
		wanted[rest.ShardOf(r, x.shards())] = true
	}
	var out []*segment.Doc
	for _, d := range docs {
		if wanted[d.Shard] {
			out = append(out, d)
		}
	}
	return out
}

// search runs a search and returns its answer.
func (e *Engine) search(q *request, spec *searchSpec) ([]byte, error) {
	targets, shards, err := e.searched(q, spec)
	if err != nil {
		return nil, err
	}
	res, err := query.Run(q, spec.Request, targets, q.now)
	if err != nil {
		return nil, inIndex(err, targets)
	}
	if res.TimedOut && spec.whole {
		return nil, inIndex(&query.Error{Shard: true, Status: http.StatusInternalServerError, Type: "query_phase_execution_exception", Reason: "Time exceeded"}, targets)
	}
	if len(targets) == 0 {
		res.MaxScore = new(float32) // OpenSearch answers 0.0 where there is nothing to search
	}
	return e.searchAnswer(q, spec, res, shards, "")
}

// inIndex names the first index in an error that any shard would have raised.
func inIndex(err error, targets []query.Target) error {
	e, ok := errors.AsType[*query.Error](err)
	if !ok || !e.Shard || e.Index != "" || len(targets) == 0 {
		return err
	}
	named := *e
	named.Index = targets[0].Index
	return &named
}

// searchAnswer writes the answer of a search or a scroll.
func (e *Engine) searchAnswer(q *request, spec *searchSpec, res *query.Result, shards int, scroll string) ([]byte, error) {
	b := []byte{'{'}
	if spec.pit != "" {
		b = append(b, `"pit_id":"`+spec.pit+`",`...)
	}
	if scroll != "" {
		b = append(b, `"_scroll_id":"`+scroll+`",`...)
	}
	b = append(b, `"took":`+strconv.FormatInt(e.took(q), 10)+`,"timed_out":`+strconv.FormatBool(res.TimedOut)+`,`...)
	if res.TerminatedEarly != nil {
		b = append(b, `"terminated_early":`+strconv.FormatBool(*res.TerminatedEarly)+`,`...)
	}
	n := strconv.Itoa(shards)
	b = append(b, `"_shards":{"total":`+n+`,"successful":`+n+`,"skipped":0,"failed":0},"hits":`...)
	for _, h := range res.Hits {
		h.OnNode(e.nodeID)
	}
	b = res.AppendHits(b, spec.totalAsInt)
	if spec.aggs != nil {
		out, err := aggs.Run(q, *spec.aggs, res.Shards, aggs.Options{TypedKeys: spec.typedKeys, Stored: e.state.Load().program})
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"aggregations":`...), out...)
	}
	return append(b, '}'), nil
}
