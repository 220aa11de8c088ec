package gateway

import (
	"maps"
	"slices"
	"strings"

	"vigil/audit"
	"vigil/rest"

	"github.com/valyala/fastjson"
)

// reader finds in one answer what it shows of watched fields.
type reader struct {
	x       *exchange
	derived bool
	search  *search // what is being read answers it
	indices map[string]*watchedIndex
	// hits counts those that the search showed, noted or not.
	hits int
}

func (x *exchange) newReader() *reader {
	return &reader{x: x, derived: x.g.ReadDerived, search: &search{}, indices: map[string]*watchedIndex{}}
}

// watchedIndex is what is watched of an index, with what has been asked of it already.
type watchedIndex struct {
	watch *audit.FieldWatch
	// also are the fields that watched ones show the values of.
	also map[string]bool
	// source and shown remember which fields are watched, by name.
	source, shown map[string]bool
}

// index returns what is watched of an index; nil if nothing is.
func (r *reader) index(name string) *watchedIndex {
	w, known := r.indices[name]
	if known {
		return w
	}
	if watch := r.x.policy.WatchesRead(name, r.x.principal.Name); watch != nil {
		w = &watchedIndex{watch: watch, also: map[string]bool{}, source: map[string]bool{}, shown: map[string]bool{}}
		if r.derived {
			for _, field := range watch.Literals() {
				for _, from := range r.x.g.Indices.Sources(name, field) {
					w.also[from] = true
				}
			}
		}
	}
	r.indices[name] = w
	return w
}

// inSource reports whether a field of a document is watched, by its flattened name. As OpenSearch 2.19 does, an element of an
// array has a name of its own; only derived reads know that it is the field's.
func (r *reader) inSource(w *watchedIndex, name string) bool {
	if !r.derived {
		return w.watch.Match(name)
	}
	is, known := w.source[name]
	if !known {
		plain := withoutElements(name)
		is = w.watch.Match(name) || w.watch.Match(plain) || w.also[plain]
		w.source[name] = is
	}
	return is
}

// shows reports whether a field is watched that is shown under its name in the mapping: itself, an object around it, or one
// whose values it shows.
func (r *reader) shows(index string, w *watchedIndex, name string) bool {
	is, known := w.shown[name]
	if known {
		return is
	}
	plain := withoutElements(name)
	is = w.watch.Match(name)
	for _, field := range append([]string{plain}, r.x.g.Indices.Sources(index, plain)...) {
		for !is && field != "" {
			is = w.watch.Match(field) || w.also[field]
			field = field[:max(0, strings.LastIndexByte(field, '.'))]
		}
	}
	w.shown[name] = is
	return is
}

// withoutElements takes the numbers of array elements out of a flattened name.
func withoutElements(name string) string {
	if strings.IndexByte(name, '[') < 0 {
		return name
	}
	var b strings.Builder
	for {
		head, tail, some := strings.Cut(name, "[")
		b.WriteString(head)
		if !some {
			return b.String()
		}
		digits, after, closed := strings.Cut(tail, "]")
		if !closed || digits == "" || strings.Trim(digits, "0123456789") != "" {
			b.WriteByte('[')
			after = tail
		}
		name = after
	}
}

// hit is a document in an answer.
type hit struct {
	index, id, routing string
	value              *fastjson.Value
	nested             string // the path of the object within the document that it is
	shard              *int   // nil where it follows from the routing
}

// find walks the answer for documents, wherever they are: hits, inner hits, top hits, parts of a multi-search or -get. What was
// asked of those that come next is a.
func (r *reader) find(v *fastjson.Value, a *ask) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			r.find(e, a)
		}
	case fastjson.TypeObject:
		h, isHit := r.hit(v)
		if isHit {
			r.hits++
			r.noteHit(&h, r.shown(&h, a))
		}
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
			switch k := string(key); {
			case isHit && k == "_source", isHit && r.derived && inHit[k]:
			case !r.derived:
				r.find(child, a)
			case isHit && k == "inner_hits":
				r.findNamed(child, r.search.inner)
			case k == "aggregations":
				r.findNamed(child, r.search.tops)
			case a.unknown && r.search.tops[afterType(k)] != nil:
				r.find(child, r.search.tops[afterType(k)])
			default:
				r.find(child, a)
			}
		})
	default:
	}
}

// inHit are the members of a hit in which there are no further documents.
var inHit = map[string]bool{"fields": true, "highlight": true, "sort": true, "term_vectors": true, "get": true}

// findNamed walks an object whose members answer what was asked for under their names.
func (r *reader) findNamed(v *fastjson.Value, asked map[string]*ask) {
	for _, m := range members(v) {
		a := asked[afterType(m.name)]
		if a == nil {
			a = notKnown
		}
		r.find(m.value, a)
	}
}

// afterType returns the name of an aggregation without the type that may stand before it.
func afterType(name string) string { return name[strings.IndexByte(name, '#')+1:] }

// hit reports whether an object of the answer is a document. One that was asked for without its id has none.
func (r *reader) hit(v *fastjson.Value) (h hit, ok bool) {
	index, id := v.GetStringBytes("_index"), v.GetStringBytes("_id")
	if index == nil || id == nil && (!r.derived || !v.Exists("_source") && !v.Exists("fields") && !v.Exists("sort") && !v.Exists("highlight")) {
		return hit{}, false
	}
	h = hit{index: string(index), id: string(id), routing: text(v.Get("_routing")), value: v}
	for n := v.Get("_nested"); n != nil && r.derived; n = n.Get("_nested") {
		h.nested = join(h.nested, text(n.Get("field")))
	}
	return h, true
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// shown returns what is shown of a document.
func (r *reader) shown(h *hit, a *ask) audit.DerivedRead {
	var d audit.DerivedRead
	w := r.index(h.index)
	if w == nil {
		return d
	}
	d = r.source(h, h.value.Get("_source"))
	if !r.derived {
		return d
	}
	v := h.value
	if got := v.Get("get"); got != nil {
		d = r.source(h, got.Get("_source"))
		r.fields(h, w, a, got.Get("fields"), &d)
	}
	r.fields(h, w, a, v.Get("fields"), &d)
	for _, kind := range []string{"highlight", "term_vectors"} {
		for _, m := range members(v.Get(kind)) {
			if r.shows(h.index, w, m.name) && holds(m.value) {
				add(&d, m.name, m.value)
			}
		}
	}
	r.sorts(h, w, a, v, &d)
	if v.Exists("_explanation") || v.GetBool("matched") && v.Exists("explanation") {
		d.ToldBy = "explanation"
	}
	if a.script != "" {
		d.Script = a.script
	}
	if d.Script != "" || d.ToldBy != "" {
		d.Fields = w.watch.Names()
	}
	return d
}

// source returns what is shown of a document as its source.
func (r *reader) source(h *hit, source *fastjson.Value) audit.DerivedRead {
	d := audit.DerivedRead{Shown: map[string]string{}}
	w := r.index(h.index)
	if w == nil || source == nil {
		return d
	}
	if h.index == r.x.g.SecurityIndex {
		// A document there is one section, which in the original is its one field. See compat/scenarios/audit/05a, admincert-search.
		if o := source.GetObject(); o != nil && o.Len() > 0 {
			d.Shown[h.id] = source.String()
		}
		return d
	}
	flatten(source, "", func(name string, value *fastjson.Value) {
		if r.inSource(w, name) {
			d.Shown[name] = javaString(value)
		} else if h.nested != "" && r.inSource(w, h.nested+"."+name) {
			d.Shown[h.nested+"."+name] = javaString(value)
		}
	})
	return d
}

// fields adds what is shown as fields: stored, from doc values, from the source, or computed by scripts.
func (r *reader) fields(h *hit, w *watchedIndex, a *ask, v *fastjson.Value, d *audit.DerivedRead) {
	for _, m := range members(v) {
		switch script := a.computed[m.name]; {
		case script != "":
			d.Script = script // also if it made nothing of what it read
			if holds(m.value) {
				add(d, m.name, m.value)
			}
		case !holds(m.value):
		case r.shows(h.index, w, m.name):
			add(d, m.name, m.value)
		case a.unknown:
			d.Script = unknownScript
		default:
			flatten(m.value, m.name, func(name string, value *fastjson.Value) {
				if scalar(value) && r.shows(h.index, w, name) {
					add(d, name, value)
				}
			})
		}
	}
}

func scalar(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeObject, fastjson.TypeArray, fastjson.TypeNull:
		return false
	default:
		return true
	}
}

// sorts adds what the values show that the hit was sorted by.
func (r *reader) sorts(h *hit, w *watchedIndex, a *ask, v *fastjson.Value, d *audit.DerivedRead) {
	for i, value := range v.GetArray("sort") {
		switch {
		case value.Type() == fastjson.TypeNull:
		case a.unknown || i >= len(a.sorts):
			d.Script = unknownScript
		case a.sorts[i].script != "":
			d.Script = a.sorts[i].script
		case r.shows(h.index, w, a.sorts[i].field):
			add(d, a.sorts[i].field, value)
		}
	}
}

// add notes a field that is shown. What the document itself says of it comes first.
func add(d *audit.DerivedRead, name string, v *fastjson.Value) {
	if _, there := d.Shown[name]; there {
		return
	}
	if list := v.GetArray(); len(list) == 1 {
		v = list[0]
	}
	d.Shown[name] = javaString(v)
}

// holds reports whether a value is something else than nothing.
func holds(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeNull:
		return false
	case fastjson.TypeArray:
		return slices.ContainsFunc(v.GetArray(), holds)
	case fastjson.TypeObject:
		return v.GetObject().Len() > 0
	default:
		return true
	}
}

// noteHit notes that a document was shown, if what was shown of it is watched.
func (r *reader) noteHit(h *hit, d audit.DerivedRead) {
	if len(d.Shown) == 0 && d.Script == "" && d.ToldBy == "" {
		return
	}
	e := r.event(h.index)
	e.DocID = h.id
	switch {
	case h.shard != nil:
		e.ShardID = h.shard
	case h.id != "":
		routing := h.routing
		if routing == "" {
			routing = h.id
		}
		shard := rest.ShardOf(routing, r.x.g.Indices.Shards(h.index))
		e.ShardID = &shard
	}
	if d.Script == "" && d.ToldBy == "" {
		r.x.policy.DescribeRead(e, d.Shown)
	} else {
		r.x.policy.DescribeDerivedRead(e, d)
	}
	r.x.note(e)
}

// event returns the event of a read of an index.
func (r *reader) event(index string) *audit.Event {
	category := audit.DocRead
	if index == r.x.g.SecurityIndex {
		category = audit.InternalConfigRead
	}
	e := r.x.event(category, audit.LayerNone)
	e.Indices, e.Resolved = []string{index}, []string{index}
	return e
}

// indexReads are what an answer shows of each index without a document.
type indexReads map[string]*audit.DerivedRead

func (m indexReads) of(index string) *audit.DerivedRead {
	if m[index] == nil {
		m[index] = &audit.DerivedRead{}
	}
	return m[index]
}

// noteIndices notes what was shown of indices without documents.
func (r *reader) noteIndices(m indexReads) {
	for _, index := range slices.Sorted(maps.Keys(m)) {
		e := r.event(index)
		r.x.policy.DescribeDerivedRead(e, *m[index])
		r.x.note(e)
	}
}
