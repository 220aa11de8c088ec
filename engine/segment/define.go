package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rootParams are what a mapping may hold beside dynamic and properties. The metadata fields are kept and told, and have
// no further effect here.
var rootParams = []string{
	"dynamic_templates", "date_detection", "numeric_detection", "dynamic_date_formats", "_meta", "_source", "_routing", "_size",
	timestampParam,
}

// maxDefinitionDepth bounds the nesting of a mapping definition before its own depth limit is known.
const maxDefinitionDepth = 100

// ParseMapping reads a mapping as clients write it: {"properties": …}, or the same below "_doc". The error is an [*Error].
func ParseMapping(raw json.RawMessage) (*Mapping, error) {
	m := EmptyMapping()
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return m, nil
	}
	def, err := object(raw, "_doc")
	if err != nil {
		return nil, err
	}
	if inner, ok := def["_doc"]; ok && len(def) == 1 {
		if def, err = object(inner, "_doc"); err != nil {
			return nil, err
		}
	}
	var unknown []string
	for _, k := range slices.Sorted(maps.Keys(def)) {
		switch {
		case k == "properties":
			if err := m.root.defineProps(def[k], 0); err != nil {
				return nil, err
			}
		case k == "dynamic":
			if m.root.dynamic, err = parseDynamic(def[k], "_doc"); err != nil {
				return nil, err
			}
		case slices.Contains(rootParams, k):
			m.meta[k] = compact(def[k])
		default:
			unknown = append(unknown, fmt.Sprintf("[%s : %s]", k, javaString(def[k])))
		}
	}
	if len(unknown) > 0 {
		return nil, mapperParsing("Root mapping definition has unsupported parameters:  " + strings.Join(unknown, " "))
	}
	if err := m.checkMeta(); err != nil {
		return nil, err
	}
	m.index()
	if err := m.checkTargets(); err != nil {
		return nil, err
	}
	return m, nil
}

// object decodes a JSON object; what names the thing in the error.
func object(raw json.RawMessage, what string) (map[string]json.RawMessage, *Error) {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, mapperParsing("Expected map for [" + what + "] but got " + javaString(raw))
	}
	return o, nil
}

func parseDynamic(raw json.RawMessage, what string) (string, *Error) {
	switch v := strings.Trim(string(compact(raw)), `"`); v {
	case "true", "false", "strict":
		return v, nil
	default:
		return "", mapperParsing("Could not convert [" + what + ".dynamic] to boolean: only [true], [false] and [strict] are supported but got [" + v + "]")
	}
}

func (m *mapper) defineProps(raw json.RawMessage, depth int) *Error {
	if depth > maxDefinitionDepth {
		return illegalArgument(fmt.Sprintf("Limit of mapping depth [%d] has been exceeded", maxDefinitionDepth))
	}
	props, err := object(raw, "properties")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if err := m.define(name, props[name], depth); err != nil {
			return err
		}
	}
	return nil
}

// define adds the property of that (possibly dotted) name to the object.
func (m *mapper) define(name string, raw json.RawMessage, depth int) *Error {
	head, rest, dotted := strings.Cut(name, ".")
	if strings.TrimSpace(head) == "" {
		return mapperParsing("field name cannot be an empty string")
	}
	full := join(m.path, head)
	if dotted {
		child := m.props[head]
		if child == nil {
			child = newObject(head, full)
			m.props[head] = child
		}
		if !child.isObject() {
			return illegalArgument("can't merge a non object mapping [" + full + "] with an object mapping")
		}
		return child.define(rest, raw, depth+1)
	}
	def, err := object(raw, name)
	if err != nil {
		return err
	}
	typ, err := definedType(def, name)
	if err != nil {
		return err
	}
	var child *mapper
	if typ == Object || typ == Nested {
		child, err = defineObject(head, full, typ, def, depth)
	} else {
		child, err = defineLeaf(head, full, typ, def, true)
	}
	if err != nil {
		return err
	}
	if old := m.props[head]; old != nil {
		child, err = old.merge(child)
	}
	m.props[head] = child
	return err
}

func definedType(def map[string]json.RawMessage, name string) (Type, *Error) {
	raw, ok := def["type"]
	if !ok {
		for _, k := range []string{"properties", "dynamic", "enabled"} {
			if _, ok := def[k]; ok {
				return Object, nil
			}
		}
		if len(def) == 0 {
			return Object, nil
		}
		return "", mapperParsing("No type specified for field [" + name + "]")
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", mapperParsing("No type specified for field [" + name + "]")
	}
	typ := Type(s)
	if _, ok := typeParams[typ]; !ok && typ != Object && typ != Nested {
		return "", mapperParsing("No handler for type [" + s + "] declared on field [" + name + "]")
	}
	return typ, nil
}

func defineObject(name, full string, typ Type, def map[string]json.RawMessage, depth int) (*mapper, *Error) {
	m := newObject(name, full)
	m.typ = typ
	for _, k := range slices.Sorted(maps.Keys(def)) {
		var err *Error
		switch k {
		case "type":
		case "dynamic":
			m.dynamic, err = parseDynamic(def[k], full)
		case "enabled":
			var on bool
			on, err = parseBool(def[k], "enabled", full)
			m.disabled = !on
		case "properties":
			err = m.defineProps(def[k], depth+1)
		case "include_in_parent", "include_in_root":
			if typ != Nested {
				return nil, unknownParam(k, name, typ)
			}
			var on bool
			on, err = parseBool(def[k], k, full)
			if k == "include_in_root" {
				m.inRoot = on
			} else {
				m.inParent = on
			}
		default:
			return nil, mapperParsing(fmt.Sprintf("Mapping definition for [%s] has unsupported parameters:  [%s : %s]", name, k, javaString(def[k])))
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func parseBool(raw json.RawMessage, name, full string) (bool, *Error) {
	v, err := param{kind: "bool"}.normalize(name, full, raw)
	return string(v) == "true", err
}

func unknownParam(k, name string, typ Type) *Error {
	return mapperParsing(fmt.Sprintf("unknown parameter [%s] on mapper [%s] of type [%s]", k, name, typ))
}

// defineLeaf reads the mapping of a field. Sub-fields have no sub-fields.
func defineLeaf(name, full string, typ Type, def map[string]json.RawMessage, subs bool) (*mapper, *Error) {
	m := &mapper{name: name, path: full, typ: typ, params: map[string]json.RawMessage{}}
	for _, k := range slices.Sorted(maps.Keys(def)) {
		switch {
		case k == "type":
			continue
		case k == "fields" && subs && typ != Alias:
			if err := m.defineSubs(def[k]); err != nil {
				return nil, err
			}
			continue
		}
		p, ok := lookupParam(typ, k)
		if !ok {
			return nil, unknownParam(k, name, typ)
		}
		v, err := p.normalize(k, full, def[k])
		if err != nil {
			return nil, err
		}
		if v != nil {
			m.params[k] = v
		}
	}
	return m, m.makeField()
}

func (m *mapper) defineSubs(raw json.RawMessage) *Error {
	subs, err := object(raw, "fields")
	if err != nil {
		return err
	}
	m.subs = map[string]*mapper{}
	for _, name := range slices.Sorted(maps.Keys(subs)) {
		def, err := object(subs[name], name)
		if err != nil {
			return err
		}
		typ, err := definedType(def, name)
		if err != nil {
			return err
		}
		if typ == Object || typ == Nested || typ == Alias {
			return mapperParsing(fmt.Sprintf("Type [%s] cannot be used in multi field", typ))
		}
		if strings.Contains(name, ".") || name == "" {
			return mapperParsing("Field name [" + name + "] which is a multi field of [" + m.name + "] cannot contain '.'")
		}
		if m.subs[name], err = defineLeaf(name, join(m.path, name), typ, def, false); err != nil {
			return err
		}
	}
	return nil
}

// checkTargets refuses aliases that point nowhere or to another alias.
func (m *Mapping) checkTargets() error {
	for _, name := range m.names {
		f := m.fields[name]
		if f.Type != Alias {
			continue
		}
		switch to := m.fields[f.Target]; {
		case f.Target == name:
			return mapperParsing(fmt.Sprintf("Invalid [path] value [%s] for field alias [%s]: an alias cannot refer to itself.", f.Target, name))
		case to == nil:
			return mapperParsing(fmt.Sprintf("Invalid [path] value [%s] for field alias [%s]: an alias must refer to an existing field in the mappings.", f.Target, name))
		case to.Type == Alias:
			return mapperParsing(fmt.Sprintf("Invalid [path] value [%s] for field alias [%s]: an alias cannot refer to another alias.", f.Target, name))
		}
	}
	return nil
}

// javaString prints a JSON value as Java prints the map or list that OpenSearch made of it: {a=1, b=[x, y]}.
func javaString(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return string(raw)
	}
	return javaValue(v)
}

func javaValue(v any) string {
	switch v := v.(type) {
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+"="+javaValue(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = javaValue(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case nil:
		return "null"
	default:
		return fmt.Sprint(v)
	}
}
