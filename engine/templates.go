package engine

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"vigil/rest"
)

// legacyTemplate is the body of a /_template.
type legacyTemplate struct {
	Order    int             `json:"order"`
	Patterns stringList      `json:"index_patterns"`
	Version  *int64          `json:"version,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	Mappings json.RawMessage `json:"mappings,omitempty"`
	Aliases  aliasMap        `json:"aliases,omitempty"`
}

type aliasMap = map[string]json.RawMessage

// indexTemplate is the body of an /_index_template.
type indexTemplate struct {
	Patterns   stringList      `json:"index_patterns"`
	Template   *indexSpec      `json:"template,omitempty"`
	ComposedOf []string        `json:"composed_of"`
	Priority   *int64          `json:"priority,omitempty"`
	Version    *int64          `json:"version,omitempty"`
	Meta       json.RawMessage `json:"_meta,omitempty"`
	DataStream json.RawMessage `json:"data_stream,omitempty"`
}

// componentTemplate is the body of a /_component_template.
type componentTemplate struct {
	Template indexSpec       `json:"template"`
	Version  *int64          `json:"version,omitempty"`
	Meta     json.RawMessage `json:"_meta,omitempty"`
}

// stringList is a list that may be written as a single string.
type stringList []string

// UnmarshalJSON reads "a" and ["a","b"].
func (l *stringList) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*l = strings.Split(s, ",")
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*l = list
	return nil
}

// match reports whether one of the patterns of a template matches. A template for everything is not for names with a dot in
// front: what the product keeps there must not depend on it.
func (l stringList) match(name string) bool {
	return slices.ContainsFunc(l, func(p string) bool { return rest.MatchName(p, name) && (p != "*" || !strings.HasPrefix(name, ".")) })
}

// templated returns what a new index is made of: the client's words over those of the templates that match its name.
func (s *state) templated(name string, spec indexSpec) (indexSpec, error) {
	layers, err := s.layers(name)
	if err != nil {
		return spec, err
	}
	return mergeSpecs(name, append(layers, spec))
}

// layers returns the descriptions that templates give, the strongest last. One composable template, if any matches, hides
// all legacy ones.
func (s *state) layers(name string) ([]indexSpec, error) {
	if n, t := s.composable(name); t != nil {
		if t.DataStream != nil {
			return nil, badRequest("cannot create index with name [%s], because it matches with template [%s] that creates data streams only, "+
				"use create data stream api instead", name, n)
		}
		return s.composed(t)
	}
	var found []legacyTemplate
	for _, n := range slices.Sorted(maps.Keys(s.templates)) {
		var t legacyTemplate
		if err := json.Unmarshal(s.templates[n], &t); err != nil {
			return nil, err
		}
		if t.Patterns.match(name) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b legacyTemplate) int { return cmp.Compare(a.Order, b.Order) })
	var out []indexSpec
	for _, t := range found {
		out = append(out, indexSpec{Settings: t.Settings, Mappings: t.Mappings, Aliases: t.Aliases})
	}
	return out, nil
}

// composable returns the template of the highest priority that matches.
func (s *state) composable(name string) (string, *indexTemplate) {
	var best *indexTemplate
	bestName := ""
	for _, n := range slices.Sorted(maps.Keys(s.indexTemplates)) {
		var t indexTemplate
		if json.Unmarshal(s.indexTemplates[n], &t) != nil || !t.Patterns.match(name) {
			continue
		}
		if best == nil || t.priority() > best.priority() {
			best, bestName = &t, n
		}
	}
	return bestName, best
}

func (t *indexTemplate) priority() int64 {
	if t.Priority == nil {
		return 0
	}
	return *t.Priority
}

func (s *state) composed(t *indexTemplate) ([]indexSpec, error) {
	var out []indexSpec
	for _, c := range t.ComposedOf {
		var comp componentTemplate
		if err := json.Unmarshal(s.components[c], &comp); err != nil {
			return nil, err
		}
		out = append(out, comp.Template)
	}
	if t.Template != nil {
		out = append(out, *t.Template)
	}
	return out, nil
}

// mergeSpecs lays descriptions over each other.
func mergeSpecs(name string, layers []indexSpec) (indexSpec, error) {
	settings := map[string]any{}
	mappings := map[string]any{}
	out := indexSpec{Aliases: map[string]json.RawMessage{}}
	for _, l := range layers {
		flat, err := flattenSettings(l.Settings)
		if err != nil {
			return out, err
		}
		maps.Copy(settings, flat)
		for a, def := range l.Aliases {
			out.Aliases[strings.ReplaceAll(a, "{index}", name)] = def
		}
		if len(l.Mappings) == 0 {
			continue
		}
		var m map[string]any
		if err := decodeNumbers(l.Mappings, &m); err != nil {
			return out, err
		}
		if inner, ok := m["_doc"].(map[string]any); ok && len(m) == 1 {
			m = inner
		}
		mergeMappings(mappings, m)
	}
	var err error
	if out.Settings, err = json.Marshal(settings); err != nil {
		return out, err
	}
	if len(mappings) > 0 {
		out.Mappings, err = json.Marshal(mappings)
	}
	return out, err
}

// mergeMappings lays one mapping over another: objects are merged, fields replaced, dynamic templates of the same name
// replaced and others appended.
func mergeMappings(to, from map[string]any) {
	for k, v := range from {
		switch k {
		case "properties":
			props, _ := to[k].(map[string]any)
			if props == nil {
				props = map[string]any{}
				to[k] = props
			}
			add, _ := v.(map[string]any)
			for name, def := range add {
				old, isObject := props[name].(map[string]any)
				d, _ := def.(map[string]any)
				if isObject && old["properties"] != nil && d["properties"] != nil {
					mergeMappings(old, d)
				} else {
					props[name] = def
				}
			}
		case "dynamic_templates":
			to[k] = mergeDynamic(to[k], v)
		default:
			to[k] = v
		}
	}
}

func mergeDynamic(to, from any) any {
	old, _ := to.([]any)
	add, ok := from.([]any)
	if !ok {
		return from
	}
	named := func(t any) string {
		m, _ := t.(map[string]any)
		for k := range m {
			return k
		}
		return ""
	}
	out := slices.Clone(old)
	for _, t := range add {
		i := slices.IndexFunc(out, func(o any) bool { return named(o) == named(t) })
		if i >= 0 {
			out[i] = t
		} else {
			out = append(out, t)
		}
	}
	return out
}
