package engine

import (
	"encoding/json"
	"net/http"
	"slices"

	"vigil/engine/query"
	"vigil/rest"
)

const storedParams = "timeout master_timeout cluster_manager_timeout "

// maxStoredScript is script.max_size_in_bytes.
const maxStoredScript = 65_535

// scriptContexts are what a stored script may be compiled for when it is put.
var scriptContexts = []string{
	"aggregation_selector", "aggs", "aggs_combine", "aggs_init", "aggs_map", "aggs_reduce", "analysis", "bucket_aggregation", "field",
	"filter", "ingest", "interval", "moving-function", "number_sort", "painless_test", "processor_conditional", "score",
	"script_heuristic", "similarity", "similarity_weight", "string_sort", "template", "terms_set", "trigger", "update",
}

func (e *Engine) handlePutScript(q *request) (*answer, error) {
	id := q.call.Vars["id"]
	source, err := q.storedSource()
	if err != nil {
		return nil, err
	}
	if n := len(source.Source); n > maxStoredScript {
		return nil, badRequest("exceeded max allowed stored script size in bytes [%d] with size [%d] for script [%s]", maxStoredScript, n, id)
	}
	if source.Lang != "painless" && source.Lang != "mustache" {
		return nil, badRequest("unable to put stored script with unsupported lang [%s]", source.Lang)
	}
	body, err := json.Marshal(source)
	if err != nil {
		return nil, err
	}
	stored, err := newStored(body)
	if err != nil {
		return nil, err
	}
	context := q.call.Vars["context"]
	if context == "" {
		context = q.str("context", "")
	}
	switch {
	case context == "":
	case !slices.Contains(scriptContexts, context):
		err := badRequest("failed to parse/compile stored script [%s]", id)
		err.CausedBy = badRequest("Unknown context [%s]", context)
		return nil, err
	case stored.err != nil:
		return nil, stored.err
	}
	err = e.change(func(s *state) ([]change, error) {
		if s.scripts[id] == nil && len(s.scripts) >= maxStored {
			return nil, badRequest("[%d] scripts are stored already, which is the limit", maxStored)
		}
		return []change{{Script: &named{id, body}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

// storedSource reads {"script":{"lang":…,"source":…}}.
func (q *request) storedSource() (*storedSource, error) {
	if len(q.body) == 0 {
		return nil, rest.Errorf(http.StatusBadRequest, "parse_exception", "request body is required")
	}
	n, err := query.ParseJSON(q.body)
	if err != nil {
		return nil, err
	}
	if n.Kind != query.Object {
		return nil, n.Parsing("unexpected token [%s], expected [{]", n.Token())
	}
	var def *query.Node
	for i, key := range n.Keys {
		if key != "script" {
			return nil, n.Items[i].Parsing("unexpected field [%s], expected [script]", key)
		}
		def = n.Items[i]
	}
	if def == nil || def.Kind != query.Object {
		return nil, n.Parsing("unexpected token, expected [{] for [script]")
	}
	s := &storedSource{Options: map[string]string{}}
	for i, key := range def.Keys {
		v := def.Items[i]
		switch key {
		case "lang":
			s.Lang, err = v.Text()
		case "source":
			if s.Source = v.Raw; v.Kind == query.Object {
				s.Source, s.Options["content_type"] = v.JSON(), "application/json; charset=UTF-8"
			}
		case "options":
			err = json.Unmarshal([]byte(v.JSON()), &s.Options)
		default:
			return nil, v.UnknownField("stored script source", key)
		}
		if err != nil {
			return nil, badRequest("[script] [%s] cannot be read: %w", key, err)
		}
	}
	switch {
	case s.Lang == "":
		return nil, badRequest("must specify lang for stored script")
	case s.Source == "":
		return nil, badRequest("must specify source for stored script")
	}
	return s, nil
}

func (e *Engine) handleGetScript(q *request) (*answer, error) {
	id := q.call.Vars["id"]
	out := map[string]any{"_id": id, "found": false}
	s := e.state.Load().scripts[id]
	if s == nil {
		return &answer{status: http.StatusNotFound, body: out}, nil
	}
	out["found"], out["script"] = true, s.body
	return ok(out)
}

func (e *Engine) handleDeleteScript(q *request) (*answer, error) {
	id := q.call.Vars["id"]
	err := e.change(func(s *state) ([]change, error) {
		if s.scripts[id] == nil {
			return nil, rest.Errorf(http.StatusNotFound, "resource_not_found_exception", "stored script [%s] does not exist and cannot be deleted", id)
		}
		return []change{{Script: &named{Name: id}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}
