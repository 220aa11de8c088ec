package engine

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"vigil/engine/segment"
	"vigil/rest"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (e *Engine) handlePutMapping(q *request) (*answer, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	writeIndexOnly, err := q.flag("write_index_only", false)
	if err != nil {
		return nil, err
	}
	if len(q.body) == 0 {
		return nil, validation("mapping source is missing")
	}
	if err := checkJSON(q.body); err != nil {
		return nil, err
	}
	add, err := segment.ParseMapping(q.body)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(add)
	if err != nil {
		return nil, err
	}
	err = e.change(func(s *state) ([]change, error) {
		indices, err := e.targets(q, s, q.indices(), o)
		if err != nil {
			return nil, err
		}
		if writeIndexOnly && len(q.indices()) == 1 {
			x, err := s.writable(q.indices()[0])
			if err != nil {
				return nil, err
			}
			indices = []*index{x}
		}
		return mappingChanges(indices, add, body)
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func mappingChanges(indices []*index, add *segment.Mapping, body []byte) ([]change, error) {
	var out []change
	for _, x := range indices {
		merged, err := x.mapping.Merge(add, x.limits())
		if err != nil {
			return nil, err
		}
		if merged != x.mapping {
			out = append(out, change{Mapping: &mappingChange{UUID: x.UUID, Body: body}})
		}
	}
	return out, nil
}

func (e *Engine) handleGetMapping(q *request) (*answer, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, x := range indices {
		out[x.Name] = map[string]any{"mappings": x.mapping}
	}
	return ok(out)
}

func (e *Engine) handleGetFieldMapping(q *request) (*answer, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	if _, err := q.beginEach(indices, "indices:admin/mappings/fields/get[index]", "GetFieldMappingsIndexRequest"); err != nil {
		return nil, err
	}
	patterns := strings.Split(q.call.Vars["fields"], ",")
	out := map[string]any{}
	for _, x := range indices {
		fields := map[string]any{}
		for _, name := range x.mapping.Names() {
			if !slices.ContainsFunc(patterns, func(p string) bool { return rest.MatchName(p, name) }) {
				continue
			}
			short := name[strings.LastIndexByte(name, '.')+1:]
			fields[name] = map[string]any{"full_name": name, "mapping": map[string]any{short: x.mapping.Definition(name)}}
		}
		out[x.Name] = map[string]any{"mappings": fields}
	}
	return ok(out)
}

// beginEach asks for the part of an action that concerns one index, for each, and returns their names. Each is told and judged
// by what the whole request names, as in OpenSearch; see compat/scenarios/audit v50 field-caps-all and mapping-field-all.
func (q *request) beginEach(indices []*index, action rest.ActionName, class string) (names []string, err error) {
	names = make([]string, len(indices))
	for i, x := range indices {
		names[i] = x.Name
	}
	for run := range indices {
		if err := q.fx.Begin(rest.Action{Name: action, Request: class, Indices: q.indices(), Resolved: names, Run: run}); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// fieldCap is what field_caps says about one type of a field.
type fieldCap struct {
	Type         string   `json:"type"`
	Searchable   bool     `json:"searchable"`
	Aggregatable bool     `json:"aggregatable"`
	Indices      []string `json:"indices,omitempty"`
}

// metaFields are those that every index has (compat: 10b field-caps).
func metaFields() map[string]fieldCap {
	return map[string]fieldCap{
		"_routing": {Type: "_routing", Searchable: true}, "_doc_count": {Type: "long"},
		"_index": {Type: "_index", Searchable: true, Aggregatable: true}, "_feature": {Type: "_feature"},
		"_ignored": {Type: "_ignored", Searchable: true}, "_version": {Type: "_version"},
		"_nested_path": {Type: "_nested_path", Searchable: true}, "_field_names": {Type: "_field_names", Searchable: true},
		"_data_stream_timestamp": {Type: "_data_stream_timestamp"}, "_source": {Type: "_source"},
		"_id": {Type: "_id", Searchable: true, Aggregatable: true}, "_seq_no": {Type: "_seq_no", Searchable: true, Aggregatable: true},
	}
}

func (e *Engine) handleFieldCaps(q *request) (*answer, error) {
	if len(q.body) > 0 {
		return nil, badRequest("[field_caps] [index_filter] is not supported")
	}
	patterns := q.list("fields")
	if len(patterns) == 0 {
		return nil, validation("no fields specified")
	}
	o, err := q.expandParams(searchExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	caps := map[string]map[string]*fieldCap{}
	add := func(x *index, name string, c fieldCap) {
		if !slices.ContainsFunc(patterns, func(p string) bool { return rest.MatchName(p, name) }) {
			return
		}
		if caps[name] == nil {
			caps[name] = map[string]*fieldCap{}
		}
		if caps[name][c.Type] == nil {
			caps[name][c.Type] = &c
		}
		caps[name][c.Type].Indices = append(caps[name][c.Type].Indices, x.Name)
	}
	names, err := q.beginEach(indices, "indices:data/read/field_caps[index]", "FieldCapabilitiesIndexRequest")
	if err != nil {
		return nil, err
	}
	for _, x := range indices {
		for name, c := range metaFields() {
			add(x, name, c)
		}
		for name, t := range x.mapping.Objects() {
			add(x, name, fieldCap{Type: string(t)})
		}
		for _, name := range x.mapping.Names() {
			if f := x.mapping.Field(name); f != nil {
				add(x, name, fieldCap{Type: string(f.Type), Searchable: !f.NotIndexed, Aggregatable: !f.NoDocValues})
			}
		}
	}
	for _, types := range caps {
		if len(types) == 1 { // the indices are told only where they differ
			for _, c := range types {
				c.Indices = nil
			}
		}
	}
	return ok(map[string]any{"indices": names, "fields": caps})
}

// checkJSON refuses a body that is not a JSON object.
func checkJSON(body []byte) error {
	var v map[string]json.RawMessage
	if json.Unmarshal(body, &v) == nil && v != nil {
		return nil
	}
	if err := decodeStrict(body, &v); err != nil {
		return err
	}
	return rest.Errorf(http.StatusBadRequest, "parse_exception", "the body must be an object")
}
