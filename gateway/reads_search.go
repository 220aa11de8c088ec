package gateway

import (
	"slices"

	"vigil/rest"

	"github.com/valyala/fastjson"
)

// read notes what an answer shows.
func (r *reader) read(v *fastjson.Value) {
	if !r.derived {
		r.find(v, &r.search.top)
		return
	}
	x := r.x
	switch x.call.Route.Op {
	case "msearch":
		r.readMany(v)
	case "search", "count", "explain":
		r.readSearch(newSearch(x.call.Body, x.call.Query), x.call.Indices, v)
	case "scroll":
		r.readSearch(x.g.scrolls.get(scrollID(x.call)), nil, v)
	case "search_template", "msearch_template", "rank_eval":
		for _, e := range append([]*fastjson.Value{v}, v.GetArray("responses")...) {
			if e.Exists("aggregations") || e.Exists("suggest") || e == v {
				r.readSearch(unknownSearch(), x.call.Indices, e)
			}
		}
	default:
		r.find(v, &r.search.top)
	}
}

// readMany reads the answers of a multi-search beside its searches.
func (r *reader) readMany(v *fastjson.Value) {
	answers := v.GetArray("responses")
	i := 0
	for item, err := range rest.Searches(r.x.call.Body, r.x.call.Indices) {
		if err != nil || i == len(answers) {
			break
		}
		r.readSearch(newSearch(item.Body, nil), item.Indices, answers[i])
		i++
	}
	for ; i < len(answers); i++ {
		r.readSearch(unknownSearch(), nil, answers[i])
	}
}

// readSearch reads the answer of one search.
func (r *reader) readSearch(s *search, expressions []string, v *fastjson.Value) {
	r.search, r.hits = s, 0
	r.find(v, &s.top)
	reads := indexReads{}
	r.readAggregations(reads, expressions, v.Get("aggregations"))
	r.readSuggestions(reads, expressions, v.Get("suggest"))
	if s.top.script != "" && r.hits == 0 && found(v) {
		// Of which documents the script told is not known, only that it told of some.
		r.everyIndex(expressions, func(index string, w *watchedIndex) {
			d := reads.of(index)
			d.Fields, d.Script = w.watch.Names(), s.top.script
		})
	}
	r.noteIndices(reads)
	if id := text(v.Get("_scroll_id")); id != "" {
		r.x.g.scrolls.put(id, s, len(r.x.call.Body))
	}
}

// found reports whether an answer says that documents matched.
func found(v *fastjson.Value) bool {
	return v.GetInt("hits", "total", "value") > 0 || v.GetInt("hits", "total") > 0 || v.GetInt("count") > 0
}

// everyIndex calls f for each watched index that a search looked into.
func (r *reader) everyIndex(expressions []string, f func(index string, w *watchedIndex)) {
	concrete, _ := r.x.g.Indices.Resolve(expressions)
	for _, index := range concrete {
		if slices.Contains(r.x.call.Hidden, index) {
			continue
		}
		if w := r.index(index); w != nil {
			f(index, w)
		}
	}
}

func (r *reader) readAggregations(reads indexReads, expressions []string, v *fastjson.Value) {
	if v == nil {
		return
	}
	note := func(name string, a *aggregation) {
		r.everyIndex(expressions, func(index string, w *watchedIndex) {
			var fields []string
			for _, f := range a.fields {
				if r.shows(index, w, f) {
					fields = append(fields, f)
				}
			}
			if a.script != "" {
				fields = w.watch.Names()
			}
			if len(fields) == 0 {
				return
			}
			d := reads.of(index)
			d.Fields, d.Aggregations = append(d.Fields, fields...), append(d.Aggregations, name)
			if a.script != "" {
				d.Script = a.script
			}
		})
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

func (r *reader) readSuggestions(reads indexReads, expressions []string, v *fastjson.Value) {
	for _, m := range members(v) {
		if !slices.ContainsFunc(m.value.GetArray(), func(e *fastjson.Value) bool { return len(e.GetArray("options")) > 0 }) {
			continue
		}
		name := afterType(m.name)
		fields, known := r.search.suggests[name]
		r.everyIndex(expressions, func(index string, w *watchedIndex) {
			var list []string
			for _, f := range fields {
				if r.shows(index, w, f) {
					list = append(list, f)
				}
			}
			if !known {
				list = w.watch.Names()
			}
			if len(list) == 0 {
				return
			}
			d := reads.of(index)
			d.Fields, d.Suggestions = append(d.Fields, list...), append(d.Suggestions, name)
			if !known {
				d.Script = unknownScript
			}
		})
	}
}

func unknownSearch() *search { return &search{top: ask{unknown: true}} }
