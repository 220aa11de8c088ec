// Package querytest builds small indices for tests of queries and aggregations.
//
// It maps values straight from JSON, without the engine's dynamic mapping. Read [Mapping] and [Index] first.
package querytest

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// Mapping is a [segment.Fields] of a test: types by field name. "alias:target" makes an alias.
type Mapping map[string]string

// Field returns the field of that name, aliases resolved.
func (m Mapping) Field(name string) *segment.Field {
	t, ok := m[name]
	if !ok {
		return nil
	}
	if target, ok := strings.CutPrefix(t, "alias:"); ok {
		return m.Field(target)
	}
	if isObject(t) {
		return nil
	}
	t, normalizer, _ := strings.Cut(t, "/")
	return &segment.Field{Name: name, Type: segment.Type(t), Normalizer: normalizer, Scale: 100}
}

// Objects returns the objects and nested objects; as in the engine's mappings, those are no fields.
func (m Mapping) Objects() map[string]segment.Type {
	out := map[string]segment.Type{}
	for name, t := range m {
		if isObject(t) {
			out[name] = segment.Type(t)
		}
	}
	return out
}

func isObject(typ string) bool { return typ == string(segment.Object) || typ == string(segment.Nested) }

// Match returns the fields whose name matches a pattern.
func (m Mapping) Match(pattern string) []*segment.Field {
	var out []*segment.Field
	for name := range m {
		if ok, _ := path.Match(pattern, name); ok && !isObject(m[name]) {
			out = append(out, m.Field(name))
		}
	}
	slices.SortFunc(out, func(a, b *segment.Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Index makes an index of the documents, with ids 1, 2, … and consecutive sequence numbers.
func Index(t testing.TB, name string, m Mapping, sources ...string) query.Target {
	t.Helper()
	target := query.Target{Index: name, Fields: m}
	for i, s := range sources {
		var src map[string]any
		dec := json.NewDecoder(strings.NewReader(s))
		dec.UseNumber()
		if err := dec.Decode(&src); err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
		d := &segment.Doc{
			ID: strconv.Itoa(i + 1), Seq: int64(i), Term: 1, Version: 1, Source: json.RawMessage(s),
			Values: map[string][]segment.Value{}, Nested: map[string][]*segment.Doc{},
		}
		add(t, m, d, "", src)
		target.Docs = append(target.Docs, d)
	}
	return target
}

func add(t testing.TB, m Mapping, d *segment.Doc, prefix string, src map[string]any) {
	for k, v := range src {
		name := prefix + k
		items, ok := v.([]any)
		if !ok {
			items = []any{v}
		}
		for _, it := range items {
			if it == nil {
				continue
			}
			o, nests := it.(map[string]any)
			switch {
			case nests && m[name] == string(segment.Nested):
				n := &segment.Doc{ID: d.ID, Values: map[string][]segment.Value{}, Nested: map[string][]*segment.Doc{}}
				add(t, m, n, name+".", o)
				d.Nested[name] = append(d.Nested[name], n)
			case nests && m[name] == string(segment.FlatObject):
				flat(d, name, name, o)
			case nests:
				add(t, m, d, name+".", o)
			default:
				leaf(t, m, d, name, it)
				leaf(t, m, d, name+".keyword", it)
			}
		}
	}
}

func flat(d *segment.Doc, root, at string, o map[string]any) {
	for k, v := range o {
		if inner, ok := v.(map[string]any); ok {
			flat(d, root, at+"."+k, inner)
			continue
		}
		x := segment.Value{Str: fmt.Sprint(v)}
		d.Values[root] = append(d.Values[root], x)
		d.Values[at+"."+k] = append(d.Values[at+"."+k], x)
	}
}

func leaf(t testing.TB, m Mapping, d *segment.Doc, name string, v any) {
	f := m.Field(name)
	if f == nil || f.Name != name {
		return
	}
	x := segment.Value{Str: fmt.Sprint(v)}
	switch f.Type {
	case segment.Date:
		at, err := query.ParseDate(fmt.Sprint(v), f.Formats, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		x = segment.Value{Kind: segment.KindInt, Int: at.UnixMilli()}
	case segment.Long, segment.Integer, segment.Short, segment.Byte:
		x = segment.Value{Kind: segment.KindInt, Int: integer(t, v)}
	case segment.Double, segment.Float, segment.HalfFloat, segment.ScaledFl:
		x = segment.Value{Kind: segment.KindFloat, Float: float(t, v)}
	case segment.Boolean:
		x = segment.Value{Kind: segment.KindInt}
		if v == true {
			x.Int = 1
		}
	default:
	}
	d.Values[name] = append(d.Values[name], x)
}

func integer(t testing.TB, v any) int64 {
	n, err := v.(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func float(t testing.TB, v any) float64 {
	f, err := v.(json.Number).Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}
