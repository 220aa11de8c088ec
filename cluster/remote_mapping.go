package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"sync"

	"github.com/valyala/fastjson"

	"vigil/rest"
)

const (
	// maxUnknown bounds the new fields that are looked at in one document, maxIgnored those that are remembered not to be mapped.
	maxUnknown, maxIgnored = 100, 10_000
	// maxDepth bounds the objects within objects of a document, as OpenSearch's limit on mappings does by default.
	maxDepth = 20
)

// properties is the mapping of an index or object, by field.
type properties map[string]json.RawMessage

// remoteMapping is what is remembered of the fields of one index. Fields only ever come to be.
type remoteMapping struct {
	mu    sync.Mutex // held while the cluster is asked: who sees a field first tells of it
	uuid  string
	props properties
	// known holds the path of every field, and whether it is an object with fields below it.
	known map[string]bool
	// ignored are paths that documents had and no mapping was made for.
	ignored map[string]bool
}

// mappings is what is remembered of the fields of indices that were written to.
type mappings struct {
	mu sync.Mutex
	of map[string]*remoteMapping
}

// keep forgets the indices that are no longer those that they were.
func (m *mappings) keep(t *nameTable) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, known := range m.of {
		if x := t.indices[name]; x == nil || x.uuid != known.uuid {
			delete(m.of, name)
		}
	}
}

func (m *mappings) get(index, uuid string) *remoteMapping {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.of[index]; known != nil && known.uuid == uuid {
		return known
	}
	if m.of == nil {
		m.of = map[string]*remoteMapping{}
	}
	known := &remoteMapping{uuid: uuid}
	m.of[index] = known
	return known
}

// newFields returns the paths in a document for which the cluster may make a mapping. The index must exist.
func (r *Remote) newFields(ctx context.Context, index string, docs ...json.RawMessage) ([]string, error) {
	x := r.table().indices[index]
	if x == nil {
		return nil, nil
	}
	m := r.mappings.get(index, x.uuid)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		props, err := r.readMapping(ctx, index)
		if err != nil {
			return nil, err
		}
		m.set(props)
	}
	return m.unknown(docs), nil
}

func (r *Remote) readMapping(ctx context.Context, index string) (properties, error) {
	var answer map[string]struct {
		Mappings struct {
			Properties properties `json:"properties"`
		} `json:"mappings"`
	}
	if err := r.get(ctx, Path(index, "_mapping"), url.Values{}, &answer); err != nil {
		return nil, err
	}
	return answer[index].Mappings.Properties, nil
}

func (m *remoteMapping) set(props properties) {
	m.props, m.known = props, map[string]bool{}
	m.addKnown("", props, 0)
}

func (m *remoteMapping) addKnown(prefix string, props properties, depth int) {
	for name, raw := range props {
		children := childrenOf(raw)
		m.known[prefix+name] = children != nil
		if depth < maxDepth {
			m.addKnown(prefix+name+".", children, depth+1)
		}
	}
}

// childrenOf returns the fields of an object; nil if it is none, or one whose fields are not looked at.
func childrenOf(raw json.RawMessage) properties {
	var def struct {
		Type       string     `json:"type"`
		Enabled    any        `json:"enabled"`
		Properties properties `json:"properties"`
	}
	if json.Unmarshal(raw, &def) != nil || def.Enabled == false || def.Enabled == "false" {
		return nil
	}
	if def.Type == "" || def.Type == "object" || def.Type == "nested" {
		if def.Properties == nil {
			return properties{}
		}
		return def.Properties
	}
	return nil
}

func (m *remoteMapping) unknown(docs []json.RawMessage) []string {
	var found []string
	var p fastjson.Parser
	for _, doc := range docs {
		if v, err := p.ParseBytes(doc); err == nil {
			m.walk("", v, 0, &found)
		}
	}
	return found
}

func (m *remoteMapping) walk(path string, v *fastjson.Value, depth int, found *[]string) {
	if len(*found) >= maxUnknown || depth > maxDepth {
		return
	}
	switch v.Type() {
	case fastjson.TypeNull:
		return
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			m.walk(path, e, depth, found)
		}
		return
	default:
	}
	if path != "" {
		object, known := m.known[path]
		if !known {
			if !m.ignored[path] && !slices.Contains(*found, path) {
				*found = append(*found, path)
			}
			return
		}
		if !object {
			return
		}
		path += "."
	}
	if v.Type() == fastjson.TypeObject {
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) { m.walk(path+string(key), child, depth+1, found) })
	}
}

// noteMapping asks the cluster what became of new fields, and notes the mapping that it made on the way. The effect stands
// already: a refusal is recorded, and the client told.
func (x *passage) noteMapping(index string, fields []string) error {
	ctx := context.WithoutCancel(x.req.Context())
	known := x.r.table().indices[index]
	if known == nil || len(fields) == 0 {
		return nil
	}
	m := x.r.mappings.get(index, known.uuid)
	made, err := x.madeMapping(ctx, m, index, fields)
	if err != nil || made == nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"_doc": map[string]any{"properties": made}})
	if err != nil {
		return err
	}
	return x.fx.Begin(rest.Action{
		Name: "indices:admin/mapping/auto_put", Request: "PutMappingRequest", Resolved: []string{index}, Body: body, Internal: true,
	})
}

func (x *passage) madeMapping(ctx context.Context, m *remoteMapping, index string, fields []string) (properties, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known != nil && !slices.ContainsFunc(fields, func(f string) bool { _, ok := m.known[f]; return !ok }) {
		return nil, nil // somebody else's request made the same fields first, and told
	}
	props, err := x.r.readMapping(ctx, index)
	if err != nil {
		return nil, err
	}
	before := m.props
	m.set(props)
	made := false
	for _, f := range fields {
		if _, ok := m.known[f]; ok {
			made = true
		} else if len(m.ignored) < maxIgnored {
			if m.ignored == nil {
				m.ignored = map[string]bool{}
			}
			m.ignored[f] = true
		}
	}
	if !made {
		return nil, nil
	}
	diff := added(before, props)
	if before == nil {
		// What a template gave the new index did not come from the document.
		maps.DeleteFunc(diff, func(name string, _ json.RawMessage) bool { return !slices.Contains(fields, name) })
	}
	return diff, nil
}

// added returns the fields of after that before does not have.
func added(before, after properties) properties {
	diff := properties{}
	for name, def := range after {
		was, ok := before[name]
		if !ok {
			diff[name] = def
			continue
		}
		below := added(childrenOf(was), childrenOf(def))
		if len(below) == 0 {
			continue
		}
		if raw, err := json.Marshal(map[string]any{"properties": below}); err == nil {
			diff[name] = raw
		}
	}
	return diff
}
