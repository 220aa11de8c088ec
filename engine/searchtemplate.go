package engine

import (
	"encoding/json"

	"vigil/engine/query"
	"vigil/rest"
	"vigil/script"
)

const searchTemplateParams = expandNames + "preference routing scroll search_type typed_keys rest_total_hits_as_int ccs_minimize_roundtrips " +
	"allow_partial_search_results max_concurrent_shard_requests pre_filter_shard_size batched_reduce_size cancel_after_time_interval phase_took "

// searchTemplate is the body of a search or rendering by a template.
type searchTemplate struct {
	template *script.Template
	params   map[string]any
	explain  bool
}

// searchTemplate reads a body. A template's id may stand in the path instead.
func (s *state) searchTemplate(body []byte, id string) (*searchTemplate, error) {
	n := &query.Node{Kind: query.Object}
	if len(body) > 0 {
		var err error
		if n, err = query.ParseJSON(body); err != nil {
			return nil, err
		}
	}
	if n.Kind != query.Object {
		return nil, n.Parsing("Expected [START_OBJECT] but found [%s]", n.Token())
	}
	t := &searchTemplate{params: map[string]any{}}
	source := ""
	for i, key := range n.Keys {
		v := n.Items[i]
		var err error
		switch key {
		case "source":
			if source = v.Raw; v.Kind == query.Object {
				source = v.JSON()
			}
		case "id":
			id, err = v.Text()
		case "params":
			if v.Kind != query.Object {
				return nil, v.Parsing("[search_template] params doesn't support values of type: %s", v.Token())
			}
			t.params, _ = v.Value().(map[string]any)
		case "explain":
			t.explain, err = v.Bool()
		case "profile":
			var on bool
			if on, err = v.Bool(); err == nil && on {
				err = v.Parsing("[profile] is not supported")
			}
		default:
			err = v.UnknownField("search_template", key)
		}
		if err != nil {
			return nil, err
		}
	}
	var err error
	switch {
	case source != "" && id != "":
		return nil, n.Parsing("[search_template] only one of [source] and [id] may be given")
	case id != "":
		var stored *storedScript
		if stored, err = s.storedOf(id, "mustache"); err == nil {
			t.template = stored.template
		}
	case source != "":
		t.template, err = parseTemplate(source, "")
	default:
		err = validation("template is missing")
	}
	return t, err
}

// render returns the search that a template becomes.
func (t *searchTemplate) render(q *request) ([]byte, error) {
	out, err := t.template.Render(q, t.params, script.Limits{})
	if err != nil {
		return nil, query.WordScript(err)
	}
	return []byte(out), nil
}

// spec returns the search that a template becomes, and its body as OpenSearch runs it.
func (t *searchTemplate) spec(q *request, exprs []string) (*searchSpec, error) {
	body, err := t.render(q)
	if err != nil {
		return nil, err
	}
	s, err := q.searchSpec(exprs, body)
	if err != nil {
		return nil, err
	}
	if s.Explain = &t.explain; t.explain {
		s.Inert("explain", "scores are not explained")
		q.warn("%s", s.Warnings[len(s.Warnings)-1])
	}
	return s, nil
}

func (e *Engine) handleSearchTemplate(q *request) (*answer, error) {
	t, err := e.state.Load().searchTemplate(q.body, "")
	if err != nil {
		return nil, err
	}
	s, err := t.spec(q, q.indices())
	if err != nil {
		return nil, err
	}
	// The search is an action of its own, which nobody's task is above.
	if err := e.beginSpec(q, "", s, 0); err != nil {
		return nil, err
	}
	body, err := e.runSearch(q, s)
	if err != nil {
		return nil, err
	}
	return ok(json.RawMessage(append(body[:len(body)-1], `,"status":200}`...)))
}

func (e *Engine) handleRenderTemplate(q *request) (*answer, error) {
	t, err := e.state.Load().searchTemplate(q.body, q.call.Vars["id"])
	if err != nil {
		return nil, err
	}
	out, err := t.render(q)
	if err != nil {
		return nil, err
	}
	n, err := query.ParseJSON(out)
	if err != nil {
		return nil, err
	}
	if n.Kind != query.Object {
		return nil, n.Parsing("Expected [START_OBJECT] but found [%s]", n.Token())
	}
	return ok(map[string]any{"template_output": json.RawMessage(out)})
}

// handleMsearchTemplate runs the searches that templates become, one after the other. Each fails for itself: what cannot be
// rendered, too.
func (e *Engine) handleMsearchTemplate(q *request) (*answer, error) {
	s := e.state.Load()
	type part struct {
		rest.SearchItem
		template *searchTemplate
		err      error
	}
	var parts []part
	for item, err := range rest.Searches(q.body, q.indices()) {
		if err != nil {
			return nil, err
		}
		p := part{SearchItem: item}
		p.template, p.err = s.searchTemplate(item.Body, "")
		if known := asRest(p.err); p.err != nil && known.Type != "script_exception" && known.Type != "resource_not_found_exception" {
			return nil, p.err // what cannot be read refuses the whole request
		}
		parts = append(parts, p)
	}
	out := make([]json.RawMessage, len(parts))
	for i, p := range parts {
		body, err := json.RawMessage(nil), p.err
		if err == nil {
			body, err = e.searchPart(q, p.SearchItem, p.template, i)
		}
		if err != nil {
			body = searchFailed(err)
		}
		out[i] = body
	}
	return ok(multiSearched{e.took(q), out})
}

func (e *Engine) searchPart(q *request, item rest.SearchItem, t *searchTemplate, run int) (json.RawMessage, error) {
	sub := q.sub(item)
	sub.warnParams("search")
	spec, err := t.spec(sub, item.Indices)
	if err != nil {
		return nil, err
	}
	// The call itself, not its part: what is hidden from the caller is noted in it.
	if err := e.beginSpec(q, "indices:data/read/msearch", spec, run); err != nil {
		return nil, err
	}
	own := *q
	own.now = e.opts.Now()
	body, err := e.search(&own, spec)
	if err != nil {
		return nil, err
	}
	return append(body[:len(body)-1], `,"status":200}`...), nil
}
