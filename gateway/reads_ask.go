package gateway

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// maxScript is how much of a script's text an event tells, in bytes.
const maxScript = 1 << 10

// unknownScript stands for the script where it is not known what a request asked for: templates, pages of scrolls begun
// elsewhere, bodies that are not JSON. Then all that is watched counts as read.
const unknownScript = "(request not known)"

// search is what one search asked to be shown, as far as its answer does not say so itself.
type search struct {
	top ask
	// inner and tops are what inner hits and top_hits aggregations ask for, by name. A name that is there twice is not known.
	inner, tops map[string]*ask
	aggs        []aggregation
	suggests    map[string][]string // fields
	// scripted is one of its scripts, wherever it stands; "" if it has none.
	scripted string
}

// ask is what a list of hits shows.
type ask struct {
	unknown  bool
	sorts    []sortKey
	computed map[string]string // scripts by the field that they compute
	script   string            // of the query or of a field that may fail: scores, matches and what is missing tell what it read
	loads    bool              // the source of every hit is loaded, whatever is shown of it
}

// sortKey is what one sort value shows.
type sortKey struct{ field, script string }

// aggregation is one aggregation of a search with what it reads.
type aggregation struct {
	name   string
	fields []string
	script string
	subs   []aggregation
}

var notKnown = &ask{unknown: true}

// newSearch reads what a search asks for from its body and parameters.
func newSearch(body []byte, params url.Values) *search {
	s := &search{inner: map[string]*ask{}, tops: map[string]*ask{}}
	v := fastjson.MustParse("{}")
	if len(strings.TrimSpace(string(body))) > 0 {
		var err error
		if v, err = fastjson.ParseBytes(body); err != nil {
			s.top.unknown = true
			return s
		}
	}
	s.top = s.newAsk(v, nil)
	s.aggs = s.readAggs(slices.Concat(members(v.Get("aggs")), members(v.Get("aggregations"))))
	s.readSuggest(v.Get("suggest"))
	s.scripted = anyScript(v, "")
	if keys := params.Get("sort"); keys != "" {
		s.top.sorts = nil
		for key := range strings.SplitSeq(keys, ",") {
			field, _, _ := strings.Cut(key, ":")
			s.top.sorts = append(s.top.sorts, s.top.sortKey(field))
		}
	}
	if field := params.Get("suggest_field"); field != "" {
		s.suggests[field] = []string{field}
	}
	return s
}

// newAsk reads the object that asks for hits: a whole search, inner hits or top_hits. Fields that were defined around it are
// known in it.
func (s *search) newAsk(v *fastjson.Value, defined map[string]string) ask {
	a := ask{computed: map[string]string{}}
	maps.Copy(a.computed, defined)
	for _, kind := range []string{"derived", "runtime_mappings", "script_fields"} {
		for _, m := range members(v.Get(kind)) {
			a.computed[m.name] = cut(scriptIn(m.value))
			a.loads = a.loads || strings.Contains(a.computed[m.name], "_source")
			if kind == "script_fields" && m.value.Exists("ignore_failure") {
				a.script = a.computed[m.name] // a hit without the field tells something, too
			}
		}
	}
	a.loads = a.loads || len(v.GetArray("fields")) > 0
	for _, m := range members(v) {
		switch m.name {
		case "query", "post_filter", "rescore", "collapse", "min_score", "knn", "ext":
			s.readQuery(&a, m.value, m.name)
		}
	}
	for _, key := range elements(v.Get("sort")) {
		if key.Type() == fastjson.TypeString {
			field, _, _ := strings.Cut(text(key), ":")
			a.sorts = append(a.sorts, a.sortKey(field))
			continue
		}
		for _, m := range members(key) {
			switch m.name {
			case "_script":
				a.sorts = append(a.sorts, sortKey{script: cut(scriptIn(m.value))})
			case "_geo_distance":
				a.sorts = append(a.sorts, a.sortKey(distanceField(m.value)))
			default:
				a.sorts = append(a.sorts, a.sortKey(m.name))
			}
		}
	}
	return a
}

// distanceField returns the field that a sort by distance measures from: the member that is no option.
func distanceField(v *fastjson.Value) string {
	for _, m := range members(v) {
		switch m.name {
		case "order", "unit", "mode", "distance_type", "ignore_unmapped", "validation_method", "nested", "nested_path", "nested_filter":
		default:
			return m.name
		}
	}
	return ""
}

// sortKey returns what values that are sorted by a field show.
func (a *ask) sortKey(field string) sortKey { return sortKey{field: field, script: a.computed[field]} }

// readQuery looks through a query for scripts and inner hits. Parent is the name of the member that v is.
func (s *search) readQuery(a *ask, v *fastjson.Value, parent string) {
	for _, e := range v.GetArray() {
		s.readQuery(a, e, parent)
	}
	for _, m := range members(v) {
		switch {
		case m.name == "inner_hits":
			for _, inner := range elements(m.value) {
				s.readInner(a, v, inner)
			}
		case isScript(m.name, m.value, parent):
			a.script = cut(scriptText(m.value))
		default:
			s.readQuery(a, m.value, m.name)
		}
	}
}

func (s *search) readInner(a *ask, around, v *fastjson.Value) {
	name := text(v.Get("name"))
	for _, key := range []string{"path", "type", "parent_type"} {
		if name == "" {
			name = text(around.Get(key))
		}
	}
	inner := s.newAsk(v, a.computed)
	inner.script = a.script
	put(s.inner, name, &inner)
}

func put(m map[string]*ask, name string, a *ask) {
	if _, twice := m[name]; twice {
		a = notKnown
	}
	m[name] = a
}

// leaves are the queries whose members are names of fields: what is called script there is a field.
var leaves = map[string]bool{
	"term": true, "match": true, "match_phrase": true, "match_phrase_prefix": true, "match_bool_prefix": true, "prefix": true,
	"wildcard": true, "regexp": true, "fuzzy": true, "params": true,
}

// isScript reports whether a member is a script.
func isScript(name string, v *fastjson.Value, parent string) bool {
	if name != "script" && !strings.HasSuffix(name, "_script") {
		return false
	}
	if v.Type() == fastjson.TypeString {
		return !leaves[parent]
	}
	return v.Exists("source") || v.Exists("id") || v.Exists("inline") || v.Exists("stored")
}

// anyScript returns the text of the first script in a value; "" if there is none. Parent is the name of the member that it is.
func anyScript(v *fastjson.Value, parent string) string {
	for _, e := range v.GetArray() {
		if s := anyScript(e, parent); s != "" {
			return s
		}
	}
	for _, m := range members(v) {
		if isScript(m.name, m.value, parent) {
			return cut(scriptText(m.value))
		}
		if s := anyScript(m.value, m.name); s != "" {
			return s
		}
	}
	return ""
}

// scriptIn returns the text of the script that a definition holds.
func scriptIn(v *fastjson.Value) string {
	if script := v.Get("script"); script != nil {
		return scriptText(script)
	}
	return unknownScript
}

// scriptText is what an event tells of a script: its source, or the name that it is stored under.
func scriptText(v *fastjson.Value) string {
	if v.Type() == fastjson.TypeString {
		return text(v)
	}
	for _, key := range []string{"source", "inline"} {
		if source := v.Get(key); source != nil {
			return javaString(source)
		}
	}
	for _, key := range []string{"id", "stored"} {
		if id := text(v.Get(key)); id != "" {
			return "id:" + id
		}
	}
	return unknownScript
}

// cut shortens the text of a script at a character.
func cut(s string) string {
	if len(s) <= maxScript {
		return s
	}
	n := maxScript
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// readSuggest notes the fields that suggestions are made from.
func (s *search) readSuggest(v *fastjson.Value) {
	s.suggests = map[string][]string{}
	for _, m := range members(v) {
		if m.value.Type() == fastjson.TypeObject {
			var a aggregation
			a.readFields(m.value, "")
			s.suggests[m.name] = a.fields
		}
	}
}

// member is a member of an object.
type member struct {
	name  string
	value *fastjson.Value
}

// members returns the members of an object; none of anything else.
func members(v *fastjson.Value) []member {
	if v == nil || v.Type() != fastjson.TypeObject {
		return nil
	}
	o := v.GetObject()
	list := make([]member, 0, o.Len())
	o.Visit(func(key []byte, child *fastjson.Value) { list = append(list, member{string(key), child}) })
	return list
}

// elements returns the elements of an array, and what is none as the only one.
func elements(v *fastjson.Value) []*fastjson.Value {
	switch {
	case v == nil || v.Type() == fastjson.TypeNull:
		return nil
	case v.Type() == fastjson.TypeArray:
		return v.GetArray()
	}
	return []*fastjson.Value{v}
}

// text returns a string's value; "" of anything else.
func text(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	return string(v.GetStringBytes())
}
