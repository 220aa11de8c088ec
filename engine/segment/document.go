package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// maxNestedDocs is index.mapping.nested_objects.limit.
const maxNestedDocs = 10_000

// ErrSyntax says that a document is not JSON. The caller knows how to tell where.
var ErrSyntax = errors.New("document is not valid JSON")

// Parsed is what a document's source means under a mapping.
type Parsed struct {
	Values map[string][]Value
	Nested map[string][]*Doc
	// Mapping is the one the document was parsed by. It is not the receiver of Parse if the document brought new fields.
	Mapping *Mapping
	// Update holds the new fields as OpenSearch reports them, {"_doc":{"properties":…}}; nil if there are none.
	Update json.RawMessage
}

// Parse reads a document. New fields are mapped as the mapping's dynamic rules say, within the limits. Errors are an
// [*Error] or wrap [ErrSyntax].
func (m *Mapping) Parse(id string, source []byte, limits Limits) (*Parsed, error) {
	p := m.parser()
	defer m.release(p)
	v, err := p.parseJSON(source)
	if err != nil {
		return nil, err
	}
	out, needs, perr := m.parse(p, id, v, false)
	if perr != nil {
		return nil, perr
	}
	if !needs {
		return out, m.checkTimestamp(out)
	}
	d := discovery{parser: p, m: m}
	add := newObject("", "")
	if perr := d.object(m.root, add, v, m.root.dynamic); perr != nil {
		return nil, perr
	}
	prune(add, m.root)
	update := &Mapping{root: add}
	if m.timestamp {
		update.meta = map[string]json.RawMessage{timestampParam: m.meta[timestampParam]}
	}
	merged, err := m.Merge(update, limits)
	if err != nil {
		return nil, err
	}
	out, _, perr = merged.parse(p, id, v, false)
	if perr != nil {
		return nil, perr
	}
	if err := m.checkTimestamp(out); err != nil {
		return nil, err
	}
	if merged != m {
		body, _ := update.MarshalJSON()
		out.Update = append(append([]byte(`{"_doc":`), body...), '}')
	}
	return out, nil
}

// Reparse reads a document that was accepted before, perhaps under an older mapping: what does not fit is left out.
func (m *Mapping) Reparse(id string, source []byte) (*Parsed, error) {
	p := m.parser()
	defer m.release(p)
	v, err := p.parseJSON(source)
	if err != nil {
		return nil, err
	}
	out, _, perr := m.parse(p, id, v, true)
	if perr != nil {
		return nil, perr
	}
	return out, nil
}

// parser is what parsing one document leaves for the next.
type parser struct {
	fastjson.Parser

	keys  [][]byte // of the objects that are being read, the outer first
	large bool
}

// parser returns one that nobody else uses until it is released, and with it what it has parsed.
func (m *Mapping) parser() *parser {
	if p, ok := m.parsers.Get().(*parser); ok {
		return p
	}
	return &parser{}
}

func (m *Mapping) release(p *parser) {
	if p.large {
		return // it would keep its memory
	}
	m.parsers.Put(p)
}

// largeSource is the size from which on a document's parser is not used for another.
const largeSource = 1 << 20

func (p *parser) parseJSON(source []byte) (*fastjson.Value, error) {
	p.large = p.large || len(source) > largeSource
	if err := fastjson.ValidateBytes(source); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if !utf8.Valid(source) {
		return nil, fmt.Errorf("%w: invalid UTF-8", ErrSyntax)
	}
	v, err := p.ParseBytes(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if v.Type() != fastjson.TypeObject {
		return nil, &Error{
			Type: "mapper_parsing_exception", Reason: "failed to parse",
			Cause: &Error{Type: "not_x_content_exception", Reason: "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes"},
		}
	}
	return v, nil
}

// docParser reads one document. It notes in needs that there are fields the mapping does not know yet.
type docParser struct {
	*parser

	m       *Mapping
	id      string
	lenient bool
	needs   bool
	root    *Doc
	nested  int
	room    []Value // for the first values of fields
	text    strings.Builder
}

func (m *Mapping) parse(with *parser, id string, v *fastjson.Value, lenient bool) (*Parsed, bool, *Error) {
	n := 0
	if o, err := v.Object(); err == nil {
		n = min(o.Len(), maxRoom)
	}
	// Most members are a field with one sub-field, which share one value.
	root := &Doc{Values: make(map[string][]Value, 2*n)}
	p := docParser{parser: with, m: m, id: id, lenient: lenient, root: root, room: make([]Value, 0, n)}
	if err := p.object(m.root, v, p.root, m.root.dynamic); err != nil {
		return nil, false, err
	}
	return &Parsed{Values: p.root.Values, Nested: p.root.Nested, Mapping: m}, p.needs, nil
}

// maxRoom bounds what is set aside for the members of a document before they are read.
const maxRoom = 1 << 10

// manyKeys is the number of members from which on their keys are compared by a table.
const manyKeys = 64

// visit calls f for the members of an object in their order and refuses a key that comes twice. The key is the parser's.
func (p *parser) visit(v *fastjson.Value, f func(key []byte, v *fastjson.Value) *Error) *Error {
	o, err := v.Object()
	if err != nil {
		return mapperParsing("failed to parse")
	}
	begin := len(p.keys)
	var many map[string]bool
	if o.Len() > manyKeys {
		many = make(map[string]bool, o.Len())
	}
	var fault *Error
	o.Visit(func(k []byte, v *fastjson.Value) {
		if fault != nil {
			return
		}
		if many[string(k)] || slices.ContainsFunc(p.keys[begin:], func(seen []byte) bool { return bytes.Equal(seen, k) }) {
			fault = mapperParsing("failed to parse")
			fault.Cause = &Error{Type: "json_parse_exception", Reason: "Duplicate field '" + string(k) + "'"}
			return
		}
		if many != nil {
			many[string(k)] = true
		} else {
			p.keys = append(p.keys, k)
		}
		fault = f(k, v)
	})
	p.keys = p.keys[:begin]
	return fault
}

func inherit(dynamic, parent string) string {
	if dynamic == "" {
		return parent
	}
	return dynamic
}

func (p *docParser) object(m *mapper, v *fastjson.Value, into *Doc, dynamic string) *Error {
	return p.visit(v, func(key []byte, v *fastjson.Value) *Error {
		if sub := m.props[string(key)]; sub != nil {
			return p.value(sub, v, into, dynamic)
		}
		return p.member(m, string(key), v, into, dynamic)
	})
}

// member reads the member of an object. A dotted key is the path of members below.
func (p *docParser) member(m *mapper, key string, v *fastjson.Value, into *Doc, dynamic string) *Error {
	if sub := m.props[key]; sub != nil {
		return p.value(sub, v, into, dynamic)
	}
	head, rest, dotted := strings.Cut(key, ".")
	if err := checkName(head, key); err != nil && !p.lenient {
		return err
	}
	sub := m.props[head]
	switch {
	case sub == nil:
		return p.unknown(m, key, v, dynamic)
	case !dotted:
		return p.value(sub, v, into, dynamic)
	case sub.typ == Object && sub.disabled:
		return nil
	case sub.isObject():
		return p.member(sub, rest, v, into, inherit(sub.dynamic, dynamic))
	case p.lenient:
		return nil
	}
	return mapperParsing(fmt.Sprintf("Could not dynamically add mapping for field [%s]. Existing mapping for [%s] must be of type object but found [%s].",
		key, sub.path, sub.typ))
}

func checkName(head, key string) *Error {
	if head != "" {
		return nil
	}
	if key == "" {
		return mapperParsing("field name cannot be an empty string")
	}
	return mapperParsing("object field starting or ending with a [.] makes object resolution ambiguous: [" + key + "]")
}

// unknown decides about a field that the mapping does not have.
func (p *docParser) unknown(m *mapper, key string, v *fastjson.Value, dynamic string) *Error {
	switch dynamic {
	case "false":
		return nil
	case "strict":
		if p.lenient {
			return nil
		}
		within := m.path
		if within == "" {
			within = "_doc"
		}
		return &Error{
			Type:   "strict_dynamic_mapping_exception",
			Reason: fmt.Sprintf("mapping set to strict, dynamic introduction of [%s] within [%s] is not allowed", key, within),
		}
	}
	if v.Type() != fastjson.TypeNull {
		p.needs = true
	}
	return nil
}

func (p *docParser) value(m *mapper, v *fastjson.Value, into *Doc, dynamic string) *Error {
	if !m.isObject() {
		return p.leaf(m, v, into)
	}
	if m.disabled {
		return nil
	}
	dynamic = inherit(m.dynamic, dynamic)
	switch v.Type() {
	case fastjson.TypeNull:
		return nil
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			if err := p.value(m, e, into, dynamic); err != nil {
				return err
			}
		}
		return nil
	case fastjson.TypeObject:
		if m.typ == Nested {
			return p.nestedObject(m, v, into, dynamic)
		}
		return p.object(m, v, into, dynamic)
	default:
	}
	if p.lenient {
		return nil
	}
	return mapperParsing(fmt.Sprintf("object mapping for [%s] tried to parse field [%s] as object, but found a concrete value", m.path, m.name))
}

func (p *docParser) nestedObject(m *mapper, v *fastjson.Value, into *Doc, dynamic string) *Error {
	if p.nested++; p.nested > maxNestedDocs && !p.lenient {
		return mapperParsing(fmt.Sprintf("The number of nested documents has exceeded the allowed limit of [%d]. This limit can be set by changing the [index.mapping.nested_objects.limit] index level setting.", maxNestedDocs))
	}
	child := &Doc{ID: p.id, Values: map[string][]Value{}}
	if err := p.object(m, v, child, dynamic); err != nil {
		return err
	}
	if into.Nested == nil {
		into.Nested = map[string][]*Doc{}
	}
	into.Nested[m.path] = append(into.Nested[m.path], child)
	var outer []*Doc
	if m.inParent {
		outer = append(outer, into)
	}
	if m.inRoot && (!m.inParent || into != p.root) {
		outer = append(outer, p.root)
	}
	for _, d := range outer {
		for name, vs := range child.Values {
			d.Values[name] = append(d.Values[name], vs...)
		}
	}
	return nil
}

// leaf reads the values of a field: one, or an array of them.
func (p *docParser) leaf(m *mapper, v *fastjson.Value, into *Doc) *Error {
	if v.Type() == fastjson.TypeArray && (m.typ != GeoPoint || !isPair(v)) {
		for _, e := range v.GetArray() {
			if err := p.leaf(m, e, into); err != nil {
				return err
			}
		}
		return nil
	}
	if m.typ == FlatObject {
		return p.flat(m, v, into)
	}
	if err := p.index(m, v, into); err != nil {
		return err
	}
	for _, to := range m.field.CopyTo {
		if err := p.copyTo(m, to, v, into); err != nil {
			return err
		}
	}
	return nil
}

func (p *docParser) copyTo(m *mapper, to string, v *fastjson.Value, into *Doc) *Error {
	target := p.m.find(to)
	switch {
	case target == nil && p.m.root.dynamic == "":
		p.needs = p.needs || v.Type() != fastjson.TypeNull
		return nil
	case target == nil || target.isObject() || target == m:
		return nil
	}
	return p.index(target, v, into)
}

// index adds a single value to a field and its sub-fields.
func (p *docParser) index(m *mapper, v *fastjson.Value, into *Doc) *Error {
	if m.typ == Alias {
		return mapperParsing("Cannot write to a field alias [" + m.path + "].")
	}
	val, ok, err := p.convert(m.field, v)
	if err != nil {
		if p.lenient || m.field.IgnoreMalformed {
			into.Values["_ignored"] = append(into.Values["_ignored"], Value{Str: m.path})
			ok = false
		} else {
			return p.malformed(m, v, err)
		}
	}
	if ok {
		p.add(into, m.path, val)
	}
	for _, sub := range m.subs {
		if err == nil && sub.field.indexesLike(m.field) {
			if ok {
				into.Values[sub.path] = slices.Clip(into.Values[m.path])
			}
		} else if err := p.index(sub, v, into); err != nil {
			return err
		}
	}
	return nil
}

// add adds a value to a field. The first values of all fields of a document lie side by side.
func (p *docParser) add(into *Doc, field string, val Value) {
	values := into.Values[field]
	if values == nil && len(p.room) < cap(p.room) {
		n := len(p.room)
		p.room = append(p.room, val)
		into.Values[field] = p.room[n : n+1 : n+1]
		return
	}
	into.Values[field] = append(values, val)
}

// indexesLike reports whether a keyword has exactly the values of another.
func (f *Field) indexesLike(g *Field) bool {
	return f.Type == Keyword && g.Type == Keyword && f.IgnoreAbove == g.IgnoreAbove && f.Normalizer == g.Normalizer &&
		f.NullValue == nil && g.NullValue == nil && f.NotIndexed == g.NotIndexed && f.NoDocValues == g.NoDocValues
}

// maxPreview bounds the value that an error repeats.
const maxPreview = 1000

func (p *docParser) malformed(m *mapper, v *fastjson.Value, cause *Error) *Error {
	preview := javaString(v.MarshalTo(nil))
	if r := []rune(preview); len(r) > maxPreview {
		preview = string(r[:maxPreview])
	}
	return &Error{
		Type: "mapper_parsing_exception",
		Reason: fmt.Sprintf("failed to parse field [%s] of type [%s] in document with id '%s'. Preview of field's value: '%s'",
			m.path, m.typ, p.id, preview),
		Cause: cause,
	}
}

// find returns the mapper of a full name.
func (m *Mapping) find(name string) *mapper {
	n := m.root
	for part := range strings.SplitSeq(name, ".") {
		next := n.props[part]
		if next == nil {
			next = n.subs[part]
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}
