package gateway

import (
	"slices"

	"github.com/valyala/fastjson"
)

// What OpenSearch 2.19 counts as reading is loading a document's source, whatever of it is shown: for term vectors, for the
// get part of an explanation, for hits within hits and within aggregations, and for fields, highlights and scripts that are
// taken from it. See compat/scenarios/audit/w01-reads-of-every-kind.json. Where the stored source is not at hand, such a read
// is of what the answer shows.

// readOriginal notes what OpenSearch notes of an answer, and nothing else.
func (r *reader) readOriginal(v *fastjson.Value) {
	switch r.x.call.Route.Op {
	case "search", "scroll", "msearch", "search_template", "msearch_template":
		for _, p := range r.parts(v) {
			r.search = p.search
			r.remember(p.answer)
			r.originalHits(p.answer.GetArray("hits", "hits"), &p.search.top)
			r.findLoaded(p.answer.Get("aggregations"))
		}
	case "explain":
		if v.Exists("get", "_source") {
			r.noteLoaded(v)
		}
	case "get":
		r.originalGet(v)
	case "mget":
		for _, d := range v.GetArray("docs") {
			r.originalGet(d)
		}
	case "termvectors":
		r.originalVectors(v)
	case "mtermvectors":
		for _, d := range v.GetArray("docs") {
			r.originalVectors(d)
		}
	default:
		r.find(v, &r.search.top)
	}
}

// originalGet notes a document that was got, as a whole whatever of it is answered.
func (r *reader) originalGet(v *fastjson.Value) {
	if v.Exists("_source") {
		r.noteLoaded(v)
	}
}

// noteStored notes the one document that the path names, which was loaded be it only to see whether it is there. Shown is what
// the answer holds of it, nil if nothing.
func (r *reader) noteStored(shown *fastjson.Value) {
	concrete, _ := r.x.g.Indices.Resolve(r.x.call.Indices)
	if len(concrete) != 1 || r.index(concrete[0]) == nil {
		return
	}
	h := hit{index: concrete[0], id: r.x.call.DocID}
	if !r.derived && r.x.g.Source != nil {
		if stored, err := fastjson.ParseBytes(r.x.g.Source(h.index, h.id)); err == nil {
			shown = stored
		}
	}
	r.noteHit(&h, r.source(&h, shown))
}

// originalVectors notes a document whose vectors were made from its source. Where the document has no terms in the fields that
// were asked for, the source was read to find that out; what was asked for is not looked at here.
func (r *reader) originalVectors(v *fastjson.Value) {
	if len(members(v.Get("term_vectors"))) > 0 && v.Exists("_id") {
		r.noteLoaded(v)
	}
}

// originalHits notes the hits of a search of which a was asked. Inner hits that are documents of their own, those of a collapse,
// are found by searches of their own.
func (r *reader) originalHits(hits []*fastjson.Value, a *ask) {
	for _, v := range hits {
		h, isHit := r.hit(v)
		if !isHit {
			continue
		}
		loaded := true
		switch {
		case v.Exists("_source"):
			r.noteHit(&h, r.source(&h, v.Get("_source")))
		case a.loads || v.Exists("highlight"):
			r.noteLoaded(v)
		default:
			loaded = false
		}
		for _, inner := range members(v.Get("inner_hits")) {
			list := inner.value.GetArray("hits", "hits")
			switch {
			case len(list) > 0 && !list[0].Exists("_nested"):
				asked := r.search.inner[inner.name]
				if asked == nil {
					asked = notKnown
				}
				r.originalHits(list, asked)
			case !loaded && r.showsSource(inner.value):
				r.noteLoaded(v) // once for all that are shown of it
				loaded = true
			}
		}
	}
}

// showsSource reports whether a source stands in a value, at whatever depth.
func (r *reader) showsSource(v *fastjson.Value) bool {
	for _, m := range members(v) {
		if m.name == "_source" || r.showsSource(m.value) {
			return true
		}
	}
	return slices.ContainsFunc(v.GetArray(), r.showsSource)
}

// findLoaded notes the documents below a value that are shown with their source.
func (r *reader) findLoaded(v *fastjson.Value) {
	if v == nil {
		return
	}
	if _, isHit := r.hit(v); isHit {
		if v.Exists("_source") {
			r.noteLoaded(v)
		}
		return
	}
	for _, m := range members(v) {
		r.findLoaded(m.value)
	}
	if v.Type() == fastjson.TypeArray {
		for _, e := range v.GetArray() {
			r.findLoaded(e)
		}
	}
}

// noteLoaded notes a document whose whole source was loaded.
func (r *reader) noteLoaded(v *fastjson.Value) {
	h, isHit := r.hit(v)
	if !isHit || r.index(h.index) == nil {
		return
	}
	source := v.Get("_source")
	if r.x.g.Source != nil {
		if stored, err := fastjson.ParseBytes(r.x.g.Source(h.index, h.id)); err == nil {
			source = stored
		}
	}
	r.noteHit(&h, r.source(&h, source))
}
