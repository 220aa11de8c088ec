package segment

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// discovery finds the fields of a document that a mapping lacks.
type discovery struct {
	*parser

	m *Mapping
}

// object walks a document's object beside the existing mapper (nil if it is new) and the one with the additions.
func (d *discovery) object(old, add *mapper, v *fastjson.Value, dynamic string) *Error {
	return d.visit(v, func(key []byte, v *fastjson.Value) *Error { return d.member(old, add, string(key), v, dynamic) })
}

func (m *mapper) prop(name string) *mapper {
	if m == nil {
		return nil
	}
	return m.props[name]
}

func (d *discovery) member(old, add *mapper, key string, v *fastjson.Value, dynamic string) *Error {
	head, rest, dotted := strings.Cut(key, ".")
	if err := checkName(head, key); err != nil {
		return err
	}
	was, is := old.prop(head), add.prop(head)
	known := is
	if known == nil {
		known = was
	}
	if known != nil && !known.isObject() {
		return d.copies(known, add, v)
	}
	if known != nil && known.disabled || known == nil && dynamic != "" && dynamic != "true" {
		return nil
	}
	if known == nil && !dotted {
		return d.introduce(add, head, v, dynamic)
	}
	if is == nil {
		is = newObject(head, join(add.path, head))
		if known != nil {
			is.typ = known.typ
		}
		add.props[head] = is
	}
	if known != nil {
		dynamic = inherit(known.dynamic, dynamic)
	}
	if dotted {
		return d.member(was, is, rest, v, dynamic)
	}
	return d.objects(was, is, v, dynamic)
}

// objects walks the value of a field that is an object: one, or an array of them.
func (d *discovery) objects(old, add *mapper, v *fastjson.Value, dynamic string) *Error {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			if err := d.objects(old, add, e, dynamic); err != nil {
				return err
			}
		}
	case fastjson.TypeObject:
		return d.object(old, add, v, dynamic)
	default: // null, or a value that the parser will refuse
	}
	return nil
}

// introduce maps a new field by its first value that is not null.
func (d *discovery) introduce(add *mapper, name string, v *fastjson.Value, dynamic string) *Error {
	full := join(add.path, name)
	switch v.Type() {
	case fastjson.TypeNull:
		return nil
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			if err := d.member(nil, add, name, e, dynamic); err != nil {
				return err
			}
		}
		return nil
	case fastjson.TypeObject:
		n, err := d.m.newMapper(full, "object", "")
		if err != nil {
			return err
		}
		add.props[name] = n
		if !n.isObject() || n.disabled {
			return nil
		}
		return d.object(nil, n, v, inherit(n.dynamic, dynamic))
	default:
		return d.introduceScalar(add, full, v)
	}
}

func (d *discovery) introduceScalar(add *mapper, full string, v *fastjson.Value) *Error {
	mappingType, format := d.m.detect(v)
	n, err := d.m.newMapper(full, mappingType, format)
	if err != nil {
		return err
	}
	add.props[n.name] = n
	return nil
}

// copies maps the targets of copy_to that do not exist yet.
func (d *discovery) copies(m, add *mapper, v *fastjson.Value) *Error {
	if m.field == nil {
		return nil
	}
	for _, to := range m.field.CopyTo {
		if d.m.find(to) != nil || add.path != "" || d.m.root.dynamic != "" {
			continue
		}
		if err := d.member(d.m.root, add, to, v, d.m.root.dynamic); err != nil {
			return err
		}
	}
	return nil
}

// detect returns what a scalar is to dynamic mapping, and the format of a date.
func (m *Mapping) detect(v *fastjson.Value) (mappingType, format string) {
	switch v.Type() {
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return "boolean", ""
	case fastjson.TypeNumber:
		if strings.ContainsAny(scalarText(v), ".eE") {
			return "double", ""
		}
		return "long", ""
	default:
		return m.detectString(scalarText(v))
	}
}

func (m *Mapping) detectString(s string) (mappingType, format string) {
	_, intErr := strconv.ParseInt(s, 10, 64)
	_, floatErr := strconv.ParseFloat(s, 64)
	switch {
	case intErr == nil && m.numbers:
		return "long", ""
	case floatErr == nil && m.numbers:
		return "double", ""
	case intErr == nil || floatErr == nil:
		return "string", ""
	}
	for _, f := range m.dateFormats {
		if _, err := ParseDate(strings.Split(f, "||"), s, nil); err == nil {
			return "date", f
		}
	}
	return "string", ""
}

// prune drops objects that exist already and got nothing new.
func prune(add, old *mapper) {
	for name, child := range add.props {
		was := old.prop(name)
		if was == nil || !child.isObject() {
			continue
		}
		if prune(child, was); len(child.props) == 0 {
			delete(add.props, name)
		}
	}
}
