package engine

import (
	"encoding/json"
	"net/http"

	"vigil/engine/query"
	"vigil/rest"
	"vigil/script"
)

const searchTemplateParams = expandNames + "preference routing scroll search_type typed_keys rest_total_hits_as_int ccs_minimize_roundtrips " +
	"allow_partial_search_results max_concurrent_shard_requests pre_filter_shard_size batched_reduce_size cancel_after_time_interval phase_took "

// searchTemplate is the body of a search or rendering by a template.
type searchTemplate struct {
	id, source string // one of them
	template   *script.Template
	params     map[string]any
	explain    bool
}

// searchTemplate reads a body and finds its template. A template's id may stand in the path instead.
func (s *state) searchTemplate(body []byte, id string) (*searchTemplate, error) {
	t, err := readTemplate(body, id)
	if err != nil {
		return nil, err
	}
	return t, t.find(s)
}

// find finds or parses the template.
func (t *searchTemplate) find(s *state) (err error) {
	if t.id == "" {
		t.template, err = parseTemplate(t.source, "")
		return err
	}
	stored, err := s.storedOf(t.id, "mustache")
	if err != nil {
		return err
	}
	t.template = stored.template
	return nil
}

// readTemplate reads the body of a search or rendering by a template.
func readTemplate(body []byte, id string) (*searchTemplate, error) {
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
	t := &searchTemplate{id: id, params: map[string]any{}}
	for i, key := range n.Keys {
		v := n.Items[i]
		var err error
		switch key {
		case "source":
			if t.source = v.Raw; v.Kind == query.Object {
				t.source = v.JSON()
			}
		case "id":
			t.id, err = v.Text()
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
	switch {
	case t.source != "" && t.id != "":
		return nil, n.Parsing("[search_template] only one of [source] and [id] may be given")
	case t.source == "" && t.id == "":
		return nil, validation("template is missing;2: template's script type is missing")
	}
	return t, nil
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
	s.Explain = &t.explain
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
	if len(q.body) == 0 { // as in OpenSearch, even if the path names a template
		return nil, rest.Errorf(http.StatusBadRequest, "parse_exception", "request body or source parameter is required")
	}
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
	var items []rest.SearchItem
	var templates []*searchTemplate
	for item, err := range rest.Searches(q.body, q.indices()) {
		if err != nil {
			return nil, err
		}
		t, err := readTemplate(item.Body, "")
		if err != nil {
			return nil, err // what cannot be read refuses the whole request
		}
		items, templates = append(items, item), append(templates, t)
	}
	if err := q.fx.Begin(rest.Action{Name: "indices:data/read/msearch", Request: "MultiSearchRequest"}); err != nil {
		return nil, err
	}
	out := make([]json.RawMessage, len(items))
	for i, t := range templates {
		var body json.RawMessage
		err := t.find(s)
		if err == nil {
			body, err = e.searchPart(q, items[i], t, i)
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
