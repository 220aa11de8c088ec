package audit

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// rewriter prints JSON anew with some values left out or replaced. Members of one name are all seen, however often an object
// has it. Paths are dotted names without array elements; what a JSON patch says is at the path that it names.
type rewriter struct {
	// field says what becomes of the value at a path; nil leaves it.
	field func(path string) *replacement
	// text says what is left of a text that stays: a string, a number, or the name of a member.
	text func(s string, isName bool) string
	// subject says what becomes of the other members of an object that names a field as the value of a member, as queries do.
	// It may be nil.
	subject func(path string, v *fastjson.Value) *replacement

	b       []byte
	changed bool
}

// replacement is what stands for a value.
type replacement struct {
	remove bool
	// value returns the text for the text of a scalar. Nil replaces objects and lists as a whole.
	each func(scalar string) string
	mask string
}

// rewrite returns the JSON text, or the lines of JSON, after the replacements; as it was if there were none. It reports false
// if the text cannot be read.
func (w *rewriter) rewrite(text string) (string, bool) {
	var p fastjson.Parser
	if v, err := p.Parse(text); err == nil {
		w.b, w.changed = w.b[:0], false
		w.value(v, "")
		if !w.changed {
			return text, true
		}
		return string(w.b), true
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		content := strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(content) != "" {
			v, err := p.Parse(content)
			if err != nil {
				return "", false
			}
			w.b, w.changed = w.b[:0], false
			w.value(v, "")
			if w.changed {
				out.Write(w.b)
				out.WriteString(line[len(content):])
				continue
			}
		}
		out.WriteString(line)
	}
	return out.String(), true
}

func (w *rewriter) value(v *fastjson.Value, path string) {
	switch v.Type() {
	case fastjson.TypeObject:
		if pointer, ok := operation(v); ok {
			w.operation(v, pointer)
			return
		}
		w.object(v, path)
	case fastjson.TypeArray:
		w.b = append(w.b, '[')
		first := true
		for _, e := range v.GetArray() {
			if w.drops(e) {
				w.changed = true
				continue
			}
			if !first {
				w.b = append(w.b, ',')
			}
			first = false
			w.value(e, path)
		}
		w.b = append(w.b, ']')
	case fastjson.TypeString:
		s := string(v.GetStringBytes())
		w.string(s, w.text(s, false))
	case fastjson.TypeNumber:
		s := string(v.MarshalTo(nil))
		if left := w.text(s, false); left != s {
			w.string(s, left)
			return
		}
		w.b = append(w.b, s...)
	default:
		w.b = v.MarshalTo(w.b)
	}
}

func (w *rewriter) string(was, is string) {
	w.changed = w.changed || was != is
	w.b = appendString(w.b, is)
}

func (w *rewriter) object(v *fastjson.Value, path string) {
	var subject *replacement
	if w.subject != nil {
		subject = w.subject(path, v)
	}
	w.members(v, func(name string) (*replacement, string) {
		r := w.at(path, name)
		if r == nil && !namesField[name] {
			r = subject
		}
		return r, join(path, name)
	})
}

// operation prints an operation of a JSON patch.
func (w *rewriter) operation(v *fastjson.Value, pointer string) {
	r, at := w.pointer(pointer)
	w.members(v, func(name string) (*replacement, string) {
		switch name {
		case "op", "path", "from":
			return &replacement{each: func(s string) string { return w.text(s, true) }}, ""
		case "value":
			return r, at
		}
		return nil, ""
	})
}

// members prints an object. Decide says what becomes of a member, and at which path its value is.
func (w *rewriter) members(v *fastjson.Value, decide func(name string) (*replacement, string)) {
	w.b = append(w.b, '{')
	first := true
	v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
		name := string(key)
		r, at := decide(name)
		if r != nil && r.remove {
			w.changed = true
			return
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.string(name, w.text(name, true))
		w.b = append(w.b, ':')
		if r == nil {
			w.value(child, at)
			return
		}
		begin := len(w.b)
		w.replace(r, child)
		w.changed = w.changed || string(w.b[begin:]) != raw(child)
	})
	w.b = append(w.b, '}')
}

func (w *rewriter) replace(r *replacement, v *fastjson.Value) {
	switch {
	case v.Type() == fastjson.TypeNull:
		w.b = append(w.b, "null"...)
	case r.each == nil:
		w.b = appendString(w.b, r.mask)
	case v.Type() == fastjson.TypeArray:
		w.b = append(w.b, '[')
		for i, e := range v.GetArray() {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.replace(r, e)
		}
		w.b = append(w.b, ']')
	case v.Type() == fastjson.TypeObject:
		w.members(v, func(string) (*replacement, string) { return r, "" })
	case v.Type() == fastjson.TypeString:
		w.b = appendString(w.b, r.each(string(v.GetStringBytes())))
	default:
		w.b = appendString(w.b, r.each(string(v.MarshalTo(nil))))
	}
}

// drops reports whether an operation of a patch goes with the value that it would set: without one it is none.
func (w *rewriter) drops(v *fastjson.Value) bool {
	pointer, ok := operation(v)
	if !ok || !v.Exists("value") {
		return false
	}
	r, _ := w.pointer(pointer)
	return r != nil && r.remove
}

// pointer returns what becomes of the value at a JSON pointer, and its path.
func (w *rewriter) pointer(pointer string) (*replacement, string) {
	path := ""
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if _, err := strconv.Atoi(token); err == nil || token == "-" {
			continue
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if r := w.at(path, token); r != nil {
			return r, ""
		}
		path = join(path, token)
	}
	return nil, path
}

// at returns what becomes of a member. A name with dots is a path in itself: "ssn.keyword" is below "ssn".
func (w *rewriter) at(path, name string) *replacement {
	name = plainName(name)
	for i := range len(name) + 1 {
		if i == len(name) || name[i] == '.' {
			if r := w.field(join(path, name[:i])); r != nil {
				return r
			}
		}
	}
	return nil
}

// operation returns the pointer of an object that is an operation of a JSON patch.
func operation(v *fastjson.Value) (pointer string, ok bool) {
	if v.Type() != fastjson.TypeObject {
		return "", false
	}
	switch string(v.GetStringBytes("op")) {
	case "add", "remove", "replace", "move", "copy", "test":
		pointer = string(v.GetStringBytes("path"))
		return pointer, strings.HasPrefix(pointer, "/") || v.Exists("path") && pointer == ""
	}
	return "", false
}

func join(path, name string) string {
	name = plainName(name)
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "." + name
}

// plainName takes the elements out of a flattened name: a[0].b is a.b.
func plainName(name string) string {
	for {
		open := strings.IndexByte(name, '[')
		if open < 0 {
			return name
		}
		end := strings.IndexByte(name[open:], ']')
		if end < 0 {
			return name
		}
		name = name[:open] + name[open+end+1:]
	}
}

// namesField are the members by which queries and aggregations name the field that they are about.
var namesField = map[string]bool{"field": true, "fields": true, "default_field": true, "path": true}
