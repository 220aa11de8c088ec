package engine

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"vigil/rest"
)

func (e *Engine) handlePutComponent(q *request) (*answer, error) {
	var t componentTemplate
	if err := q.decode(&t); err != nil {
		return nil, err
	}
	name := q.call.Vars["name"]
	if err := q.checkSpec(t.Template); err != nil {
		return nil, err
	}
	create, err := q.flag("create", false)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	err = e.change(func(s *state) ([]change, error) {
		if s.components[name] != nil && create {
			return nil, badRequest("component template [%s] already exists", name)
		}
		return []change{{Component: &named{name, body}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func (e *Engine) handleGetComponent(q *request) (*answer, error) {
	s := e.state.Load()
	list := []any{}
	for _, name := range matching(s.components, q.call.Vars["name"]) {
		var t componentTemplate
		if err := json.Unmarshal(s.components[name], &t); err != nil {
			return nil, err
		}
		spec, err := shownSpec(t.Template)
		if err != nil {
			return nil, err
		}
		shown := map[string]any{"template": spec}
		addOptional(shown, nil, t.Version, t.Meta)
		list = append(list, map[string]any{"name": name, "component_template": shown})
	}
	if v := q.call.Vars["name"]; len(list) == 0 && v != "" && !strings.Contains(v, "*") {
		return nil, rest.Errorf(http.StatusNotFound, "resource_not_found_exception", "component template matching [%s] not found", v)
	}
	return ok(map[string]any{"component_templates": list})
}

func (e *Engine) handleDeleteComponent(q *request) (*answer, error) {
	drop := func(s *state, name string) (change, error) {
		var users []string
		for _, n := range sortedKeys(s.indexTemplates) {
			var t indexTemplate
			if json.Unmarshal(s.indexTemplates[n], &t) == nil && slices.Contains(t.ComposedOf, name) {
				users = append(users, n)
			}
		}
		if len(users) > 0 {
			return change{}, badRequest("component templates [%s] cannot be removed as they are still in use by index templates [%s]", name, strings.Join(users, ", "))
		}
		return change{Component: &named{Name: name}}, nil
	}
	return e.deleteNamed(q, componentTemplates, drop, func(name string) error {
		return rest.Errorf(http.StatusNotFound, "index_template_missing_exception", "index_template [%s] missing", name)
	})
}
