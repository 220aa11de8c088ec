package segment

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Mapping is what an index knows about its fields: the tree of mappers as clients put and get it, and the table of fields
// that follows from it. It is immutable and safe for concurrent use; [Mapping.Merge] makes a new one.
type Mapping struct {
	root *mapper
	// meta holds the root's parameters besides dynamic and properties ("_meta", "dynamic_templates", …), compacted.
	meta      map[string]json.RawMessage
	templates []dynamicTemplate
	// dateFormats are the formats that make a string a date; nil switches detection off.
	dateFormats []string
	numbers     bool // numeric_detection
	timestamp   bool // every document needs one @timestamp

	fields map[string]*Field
	names  []string // of fields, sorted
	flat   []string // paths of flat_object fields
	count  int      // mappers, as index.mapping.total_fields.limit counts them

	parsers sync.Pool // of *parser
}

// Limits are an index's bounds on its mapping. Zero members mean OpenSearch's defaults.
type Limits struct {
	TotalFields  int // index.mapping.total_fields.limit, 1000
	Depth        int // index.mapping.depth.limit, 20
	NestedFields int // index.mapping.nested_fields.limit, 50
}

// mapper is a node of the tree: an object with properties or a leaf with a field and sub-fields.
type mapper struct {
	name string // last part of the path; empty for the root
	path string
	typ  Type

	// Objects.
	dynamic  string // "", "true", "false" or "strict"
	disabled bool
	props    map[string]*mapper
	// inParent and inRoot repeat a nested object's values in the enclosing and in the whole document.
	inParent, inRoot bool

	// Leaves.
	params map[string]json.RawMessage // what differs from the defaults
	subs   map[string]*mapper
	field  *Field
}

func (m *mapper) isObject() bool { return m.typ == Object || m.typ == Nested }

// EmptyMapping returns the mapping of an index without fields: everything is mapped dynamically.
func EmptyMapping() *Mapping {
	m := &Mapping{root: newObject("", ""), meta: map[string]json.RawMessage{}}
	m.index()
	return m
}

func newObject(name, full string) *mapper {
	return &mapper{name: name, path: full, typ: Object, props: map[string]*mapper{}}
}

// index builds the tables that follow from the tree.
func (m *Mapping) index() {
	m.fields = map[string]*Field{}
	m.flat = nil
	m.count = 0
	m.walk(m.root, func(n *mapper) {
		m.count++
		if n.field != nil {
			m.fields[n.path] = n.field
			if n.typ == FlatObject {
				m.flat = append(m.flat, n.path)
			}
		}
	})
	m.names = slices.Sorted(maps.Keys(m.fields))
	m.readMeta()
}

// walk calls f for every mapper below n in name order, sub-fields included.
func (m *Mapping) walk(n *mapper, f func(*mapper)) {
	for _, group := range []map[string]*mapper{n.props, n.subs} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			f(group[name])
			m.walk(group[name], f)
		}
	}
}

// Field implements [Fields]. Paths below a flat_object answer as flat_object fields of their own.
func (m *Mapping) Field(name string) *Field {
	f := m.fields[name]
	if f != nil && f.Type == Alias {
		return m.fields[f.Target]
	}
	if f != nil {
		return f
	}
	for _, p := range m.flat {
		if strings.HasPrefix(name, p+".") {
			return &Field{Name: name, Type: FlatObject}
		}
	}
	return nil
}

// Match implements [Fields].
func (m *Mapping) Match(pattern string) []*Field {
	var out []*Field
	for _, name := range m.names {
		if matchSimple(pattern, name) {
			if f := m.Field(name); f != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

// Alias returns the path that a field alias points to, or "" if name is no alias.
func (m *Mapping) Alias(name string) string {
	if f := m.fields[name]; f != nil && f.Type == Alias {
		return f.Target
	}
	return ""
}

// Objects returns the full paths of objects and nested objects with their types.
func (m *Mapping) Objects() map[string]Type {
	out := map[string]Type{}
	m.walk(m.root, func(n *mapper) {
		if n.isObject() {
			out[n.path] = n.typ
		}
	})
	return out
}

// Names returns the full names of all fields, aliases and sub-fields included, in order.
func (m *Mapping) Names() []string { return m.names }

// Definition returns what the client may read about one field: the mapping of its last path part, or nil.
func (m *Mapping) Definition(name string) json.RawMessage {
	var found json.RawMessage
	m.walk(m.root, func(n *mapper) {
		if n.path == name && !n.isObject() {
			found = n.appendTo(nil)
		}
	})
	return found
}

// IsEmpty reports whether there is nothing to tell a client.
func (m *Mapping) IsEmpty() bool {
	return len(m.root.props) == 0 && len(m.meta) == 0 && m.root.dynamic == ""
}

// MarshalJSON returns the mapping in OpenSearch's normal form: properties in name order, only what differs from the
// defaults, "type" first.
func (m *Mapping) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	if m.root.dynamic != "" {
		b = append(b, `"dynamic":"`+m.root.dynamic+`"`...)
	}
	for _, k := range slices.Sorted(maps.Keys(m.meta)) {
		b = appendKey(b, k)
		b = append(b, m.meta[k]...)
	}
	b = appendProps(b, m.root)
	return append(b, '}'), nil
}

func appendKey(b []byte, k string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendString(b, k), ':')
}

func appendString(b []byte, s string) []byte {
	var sb strings.Builder
	enc := json.NewEncoder(&sb)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(b, strings.TrimSuffix(sb.String(), "\n")...)
}

func appendProps(b []byte, n *mapper) []byte {
	if len(n.props) == 0 {
		return b
	}
	b = append(appendKey(b, "properties"), '{')
	for _, name := range slices.Sorted(maps.Keys(n.props)) {
		b = appendKey(b, name)
		b = n.props[name].appendTo(b)
	}
	return append(b, '}')
}

// appendTo writes the mapper without its name.
func (m *mapper) appendTo(b []byte) []byte {
	b = append(b, '{')
	if !m.isObject() || m.typ == Nested || len(m.props) == 0 {
		b = append(b, `"type":"`+string(m.typ)+`"`...)
	}
	if m.isObject() {
		b = m.appendObject(b)
		return append(appendProps(b, m), '}')
	}
	for _, p := range paramOrder {
		if raw, ok := m.params[p]; ok && p != "copy_to" {
			b = append(appendKey(b, p), raw...)
		}
	}
	if len(m.subs) > 0 {
		b = append(appendKey(b, "fields"), '{')
		for _, name := range slices.Sorted(maps.Keys(m.subs)) {
			b = appendKey(b, name)
			b = m.subs[name].appendTo(b)
		}
		b = append(b, '}')
	}
	if raw, ok := m.params["copy_to"]; ok {
		b = append(appendKey(b, "copy_to"), raw...)
	}
	return append(b, '}')
}

func (m *mapper) appendObject(b []byte) []byte {
	if m.inParent {
		b = append(appendKey(b, "include_in_parent"), "true"...)
	}
	if m.inRoot {
		b = append(appendKey(b, "include_in_root"), "true"...)
	}
	if m.dynamic != "" {
		b = append(appendKey(b, "dynamic"), `"`+m.dynamic+`"`...)
	}
	if m.disabled {
		b = append(appendKey(b, "enabled"), "false"...)
	}
	return b
}

// matchSimple reports whether name matches a pattern in which "*" stands for any characters.
func matchSimple(pattern, name string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == name
	}
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

// join returns the full path of a name below an object.
func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// base returns the last part of a dotted path.
func base(full string) string {
	return full[strings.LastIndexByte(full, '.')+1:]
}
