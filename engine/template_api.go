package engine

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"vigil/engine/segment"
	"vigil/rest"
)

const templateParams = "order create cause timeout master_timeout cluster_manager_timeout local flat_settings include_type_name include_defaults "

// checkSpec refuses a template whose settings, mappings or aliases no index could have.
func checkSpec(spec indexSpec) error {
	flat, err := flattenSettings(spec.Settings)
	if err != nil {
		return err
	}
	if err := checkSettings(flat); err != nil {
		return err
	}
	for name, raw := range spec.Aliases {
		if err := rest.ValidateAliasName(strings.ReplaceAll(name, "{index}", "x")); err != nil {
			return err
		}
		if _, err := parseAlias(raw); err != nil {
			return err
		}
	}
	if _, err := segment.ParseMapping(spec.Mappings); err != nil {
		return mappingRefused(err)
	}
	return nil
}

// checkSpec is the function of that name, and names in the answer the settings that have no effect.
func (q *request) checkSpec(spec indexSpec) error {
	if err := checkSpec(spec); err != nil {
		return err
	}
	return q.warnSettings(spec.Settings)
}

// shownSpec is a description as clients read it; missing members are left out.
func shownSpec(spec indexSpec) (map[string]any, error) {
	out := map[string]any{}
	if len(spec.Settings) > 0 {
		flat, err := flattenSettings(spec.Settings)
		if err != nil {
			return nil, err
		}
		out["settings"] = nest(flat)
	}
	if len(spec.Mappings) > 0 {
		m, err := segment.ParseMapping(spec.Mappings)
		if err != nil {
			return nil, err
		}
		out["mappings"] = m
	}
	if spec.Aliases != nil {
		shown := map[string]alias{}
		for name, raw := range spec.Aliases {
			a, err := parseAlias(raw)
			if err != nil {
				return nil, err
			}
			shown[name] = a
		}
		out["aliases"] = shown
	}
	return out, nil
}

func (e *Engine) handlePutTemplate(q *request) (*answer, error) {
	var t legacyTemplate
	if err := q.decode(&t); err != nil {
		return nil, err
	}
	name := q.call.Vars["name"]
	if v, err := q.number("order", int64(t.Order)); err == nil {
		t.Order = int(v)
	}
	if len(t.Patterns) == 0 {
		return nil, validation("index patterns are missing")
	}
	if err := q.checkSpec(indexSpec{Settings: t.Settings, Mappings: t.Mappings, Aliases: t.Aliases}); err != nil {
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
		if s.templates[name] != nil && create {
			return nil, badRequest("index_template [%s] already exists", name)
		}
		return []change{{Template: &named{name, body}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

// matching returns the names that a list of names and patterns selects; nothing selects all.
func matching[V any](m map[string]V, list string) []string {
	patterns := rest.SplitIndices(list)
	var out []string
	for _, name := range sortedKeys(m) {
		if patterns == nil || slices.ContainsFunc(patterns, func(p string) bool { return rest.MatchName(p, name) }) {
			out = append(out, name)
		}
	}
	return out
}

func (e *Engine) handleGetTemplate(q *request) (*answer, error) {
	s := e.state.Load()
	out := map[string]any{}
	for _, name := range matching(s.templates, q.call.Vars["name"]) {
		var t legacyTemplate
		if err := json.Unmarshal(s.templates[name], &t); err != nil {
			return nil, err
		}
		shown, err := shownSpec(indexSpec{Settings: t.Settings, Mappings: t.Mappings, Aliases: t.Aliases})
		if err != nil {
			return nil, err
		}
		for _, k := range []string{"settings", "mappings", "aliases"} {
			if shown[k] == nil {
				shown[k] = map[string]any{}
			}
		}
		shown["order"], shown["index_patterns"] = t.Order, t.Patterns
		if t.Version != nil {
			shown["version"] = *t.Version
		}
		out[name] = shown
	}
	status := http.StatusOK
	if v := q.call.Vars["name"]; len(out) == 0 && v != "" && !strings.Contains(v, "*") {
		status = http.StatusNotFound
	}
	return &answer{status: status, body: out}, nil
}

// deleteNamed deletes what a list of names and patterns selects.
func (e *Engine) deleteNamed(q *request, of func(*state) map[string]json.RawMessage, drop func(*state, string) (change, error), missing func(string) error) (*answer, error) {
	list := q.call.Vars["name"]
	err := e.change(func(s *state) ([]change, error) {
		names := matching(of(s), list)
		if len(names) == 0 && list != "*" {
			return nil, missing(list)
		}
		var out []change
		for _, name := range names {
			c, err := drop(s, name)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func templateMissing(kind string) func(string) error {
	return func(name string) error {
		return rest.Errorf(http.StatusNotFound, "index_template_missing_exception", "%s [%s] missing", kind, name)
	}
}

func (e *Engine) handleDeleteTemplate(q *request) (*answer, error) {
	return e.deleteNamed(q, legacyTemplates,
		func(_ *state, name string) (change, error) { return change{Template: &named{Name: name}}, nil }, templateMissing("index_template"))
}

func (e *Engine) handlePutIndexTemplate(q *request) (*answer, error) {
	var t indexTemplate
	if err := q.decode(&t); err != nil {
		return nil, err
	}
	name := q.call.Vars["name"]
	if len(t.Patterns) == 0 {
		return nil, validation("index patterns are missing")
	}
	if t.ComposedOf == nil {
		t.ComposedOf = []string{}
	}
	if t.Template != nil {
		if err := q.checkSpec(*t.Template); err != nil {
			return nil, err
		}
	}
	if err := t.checkDataStream(); err != nil {
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
		if s.indexTemplates[name] != nil && create {
			return nil, badRequest("index template [%s] already exists", name)
		}
		if err := s.checkIndexTemplate(name, &t); err != nil {
			return nil, err
		}
		return []change{{IndexTemplate: &named{name, body}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func (s *state) checkIndexTemplate(name string, t *indexTemplate) error {
	var missing []string
	for _, c := range t.ComposedOf {
		if s.components[c] == nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return rest.Errorf(http.StatusBadRequest, "invalid_index_template_exception",
			"index_template [%s] invalid, cause [index template [%s] specifies component templates [%s] that do not exist]", name, name, strings.Join(missing, ", "))
	}
	for _, other := range sortedKeys(s.indexTemplates) {
		var o indexTemplate
		if other == name || json.Unmarshal(s.indexTemplates[other], &o) != nil || o.priority() != t.priority() {
			continue
		}
		if overlap(t.Patterns, o.Patterns) {
			return badRequest("index template [%s] has index patterns [%s] matching patterns from existing templates [%s] with patterns (%s => [%s])"+
				" that have the same priority [%d], multiple index templates may not match during index creation, please use a different priority",
				name, strings.Join(t.Patterns, ", "), other, other, strings.Join(o.Patterns, ", "), t.priority())
		}
	}
	// The whole must make an index.
	layers, err := s.composed(t)
	if err != nil {
		return err
	}
	full, err := mergeSpecs("x", layers)
	if err == nil && t.DataStream != nil {
		full, err = s.backingSpec(t, "x")
	}
	if err != nil {
		return err
	}
	if err := checkSpec(full); err != nil || t.DataStream == nil {
		return err
	}
	m, err := segment.ParseMapping(full.Mappings)
	if err != nil {
		return err
	}
	if f := m.Field("@timestamp"); f == nil || f.Type != segment.Date && f.Type != segment.DateNanos {
		return badRequest("the configured timestamp field [@timestamp] is not of type [date,date_nanos]")
	}
	return nil
}

// overlap reports whether some name matches both lists of patterns.
func overlap(a, b []string) bool {
	for _, p := range a {
		for _, q := range b {
			if intersect(p, q) {
				return true
			}
		}
	}
	return false
}

// intersect reports whether some name matches both patterns.
func intersect(p, q string) bool {
	reach := make([]bool, len(q)+1) // reach[j]: p[:i] and q[:j] can stand for the same text
	for i := range len(p) + 1 {
		row := make([]bool, len(q)+1)
		for j := range len(q) + 1 {
			switch {
			case i == 0 && j == 0:
				row[j] = true
			case i > 0 && p[i-1] == '*' && (reach[j] || j > 0 && row[j-1]), j > 0 && q[j-1] == '*' && (row[j-1] || i > 0 && reach[j]):
				row[j] = true
			case i > 0 && j > 0 && p[i-1] == q[j-1]:
				row[j] = reach[j-1]
			}
		}
		reach = row
	}
	return reach[len(q)]
}

func (e *Engine) handleGetIndexTemplate(q *request) (*answer, error) {
	s := e.state.Load()
	list := []any{}
	for _, name := range matching(s.indexTemplates, q.call.Vars["name"]) {
		var t indexTemplate
		if err := json.Unmarshal(s.indexTemplates[name], &t); err != nil {
			return nil, err
		}
		shown := map[string]any{"index_patterns": t.Patterns, "composed_of": t.ComposedOf}
		if t.Template != nil {
			spec, err := shownSpec(*t.Template)
			if err != nil {
				return nil, err
			}
			shown["template"] = spec
		}
		addOptional(shown, t.Priority, t.Version, t.Meta)
		if t.DataStream != nil {
			shown["data_stream"] = map[string]any{"timestamp_field": map[string]any{"name": "@timestamp"}}
		}
		list = append(list, map[string]any{"name": name, "index_template": shown})
	}
	if v := q.call.Vars["name"]; len(list) == 0 && v != "" && !strings.Contains(v, "*") {
		return nil, rest.Errorf(http.StatusNotFound, "resource_not_found_exception", "index template matching [%s] not found", v)
	}
	return ok(map[string]any{"index_templates": list})
}

func addOptional(shown map[string]any, priority, version *int64, meta json.RawMessage) {
	if priority != nil {
		shown["priority"] = *priority
	}
	if version != nil {
		shown["version"] = *version
	}
	if meta != nil {
		shown["_meta"] = meta
	}
}

func (e *Engine) handleDeleteIndexTemplate(q *request) (*answer, error) {
	drop := func(s *state, name string) (change, error) {
		if using := s.streamsUsing(name); len(using) > 0 {
			return change{}, badRequest("unable to remove composable templates [%s] as they are in use by a data streams [%s]", name, strings.Join(using, ", "))
		}
		return change{IndexTemplate: &named{Name: name}}, nil
	}
	return e.deleteNamed(q, indexTemplates, drop, templateMissing("index_template"))
}

// handleTemplateExists answers whether there is a template of that name.
func (e *Engine) handleTemplateExists(of func(*state) map[string]json.RawMessage) func(q *request) (*answer, error) {
	return func(q *request) (*answer, error) {
		if len(matching(of(e.state.Load()), q.call.Vars["name"])) == 0 {
			return &answer{status: http.StatusNotFound, body: map[string]any{}}, nil
		}
		return ok(map[string]any{})
	}
}
