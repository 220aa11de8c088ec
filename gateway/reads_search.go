package gateway

import (
	"slices"

	"github.com/valyala/fastjson"
)

// read notes what an answer shows.
func (r *reader) read(v *fastjson.Value) {
	if !r.derived {
		r.readOriginal(v)
		return
	}
	switch r.x.call.Route.Op {
	case "search", "count", "msearch", "search_template", "msearch_template", "explain":
		for _, p := range r.parts(v) {
			r.readSearch(p)
		}
	case "scroll":
		p := r.parts(v)[0]
		r.search = p.search
		r.find(v, &r.search.top)
		r.remember(v)
	case "rank_eval":
		r.readUnknown(v)
	case "update", "bulk":
		r.find(v, &r.search.top)
		r.readFailedUpdates(v)
	default:
		r.find(v, &r.search.top)
	}
}

// readSearch reads the answer of one search.
func (r *reader) readSearch(p searchPart) {
	s, v := p.search, p.answer
	r.search, r.hits = s, 0
	r.find(v, &s.top)
	r.remember(v)
	scripted := s.top.script != "" && r.hits == 0 && found(v)
	failed := s.scripted != "" && fails(v)
	if !scripted && !failed && !v.Exists("aggregations") && !v.Exists("suggest") && !v.Exists("profile") {
		return
	}
	reads, indices := indexReads{}, r.watchedIn(p.indices)
	r.readAggregations(reads, indices, v.Get("aggregations"))
	r.readSuggestions(reads, indices, v.Get("suggest"))
	if v.Exists("profile") {
		for index, w := range indices {
			d := reads.of(index)
			d.Fields, d.ToldBy = w.watch.Names(), "profile"
		}
	}
	if failed {
		// The text of an error says whatever the script that failed puts into it.
		for index, w := range indices {
			d := reads.of(index)
			d.Fields, d.Script, d.ToldBy = w.watch.Names(), s.scripted, "error"
		}
	}
	if scripted {
		// Of which documents the script told is not known, only that it told of some.
		for index, w := range indices {
			d := reads.of(index)
			d.Fields, d.Script = w.watch.Names(), s.top.script
		}
	}
	r.noteIndices(reads)
}

// remember keeps what was asked for until the next page.
func (r *reader) remember(v *fastjson.Value) {
	if id := text(v.Get("_scroll_id")); id != "" {
		r.x.g.scrolls.put(id, r.search, len(r.x.call.Body))
	}
}

// readUnknown reads the answer of a request, or of several, that only the cluster knows.
func (r *reader) readUnknown(v *fastjson.Value) {
	r.search = unknownSearch()
	r.find(v, &r.search.top)
	reads, indices := indexReads{}, r.watchedIn(r.x.call.Indices)
	for _, e := range append([]*fastjson.Value{v}, v.GetArray("responses")...) {
		r.readAggregations(reads, indices, e.Get("aggregations"))
		r.readSuggestions(reads, indices, e.Get("suggest"))
	}
	r.noteIndices(reads)
}

// found reports whether an answer says that documents matched.
func found(v *fastjson.Value) bool {
	return v.GetInt("hits", "total", "value") > 0 || v.GetInt("hits", "total") > 0 || v.GetInt("count") > 0
}

// watchedIn returns the watched indices that a search looked into.
func (r *reader) watchedIn(expressions []string) map[string]*watchedIndex {
	watched := map[string]*watchedIndex{}
	concrete, _ := r.x.g.Indices.Resolve(expressions)
	for _, index := range concrete {
		if w := r.index(index); w != nil && !slices.Contains(r.x.call.Hidden, index) {
			watched[index] = w
		}
	}
	return watched
}

// watchedOf returns those fields that show something watched in an index.
func (r *reader) watchedOf(index string, w *watchedIndex, fields []string) []string {
	var list []string
	for _, f := range fields {
		if r.shows(index, w, f) {
			list = append(list, f)
		}
	}
	return list
}

func (r *reader) readAggregations(reads indexReads, indices map[string]*watchedIndex, v *fastjson.Value) {
	if v == nil {
		return
	}
	note := func(name string, a *aggregation) {
		for index, w := range indices {
			fields := r.watchedOf(index, w, a.fields)
			if a.script != "" {
				fields = w.watch.Names()
			}
			if len(fields) == 0 {
				continue
			}
			d := reads.of(index)
			d.Fields, d.Aggregations = append(d.Fields, fields...), append(d.Aggregations, name)
			if a.script != "" {
				d.Script = a.script
			}
		}
	}
	if !r.search.top.unknown {
		told(r.search.aggs, []*fastjson.Value{v}, "", note)
		return
	}
	for _, m := range members(v) {
		if tells(m.value) {
			note(afterType(m.name), &aggregation{script: unknownScript})
		}
	}
}

func (r *reader) readSuggestions(reads indexReads, indices map[string]*watchedIndex, v *fastjson.Value) {
	for _, m := range members(v) {
		if !slices.ContainsFunc(m.value.GetArray(), func(e *fastjson.Value) bool { return len(e.GetArray("options")) > 0 }) {
			continue
		}
		name := afterType(m.name)
		asked, known := r.search.suggests[name]
		for index, w := range indices {
			fields := r.watchedOf(index, w, asked)
			if !known {
				fields = w.watch.Names()
			}
			if len(fields) == 0 {
				continue
			}
			d := reads.of(index)
			d.Fields, d.Suggestions = append(d.Fields, fields...), append(d.Suggestions, name)
			if !known {
				d.Script = unknownScript
			}
		}
	}
}

func unknownSearch() *search { return &search{top: ask{unknown: true}} }
