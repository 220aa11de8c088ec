package gateway

import (
	"strings"

	"vigil/audit"

	"github.com/valyala/fastjson"
)

// fails reports whether an answer, or a part of one, tells of a script that failed: of all or of some shards. The text of
// such an error says whatever the script puts into it.
func fails(v *fastjson.Value) bool {
	for _, e := range append(v.GetArray("_shards", "failures"), v.Get("error")) {
		if e != nil && strings.Contains(e.String(), "script_exception") {
			return true
		}
	}
	return false
}

// readFailedUpdates notes the documents whose update by a script failed.
func (r *reader) readFailedUpdates(v *fastjson.Value) {
	c := r.x.call
	if c.Route.Op == "update" {
		if concrete, _ := r.x.g.Indices.Resolve(c.Indices); len(concrete) == 1 && fails(v) {
			r.noteFailed(concrete[0], c.DocID, newSearch(c.Body, nil).scripted)
		}
		return
	}
	for _, item := range v.GetArray("items") {
		if u := item.Get("update"); u != nil && fails(u) {
			r.noteFailed(text(u.Get("_index")), text(u.Get("_id")), unknownScript)
		}
	}
}

func (r *reader) noteFailed(index, id, script string) {
	if w := r.index(index); w != nil {
		r.noteHit(&hit{index: index, id: id, routing: r.x.call.Query.Get("routing")},
			audit.DerivedRead{Fields: w.watch.Names(), Script: script, ToldBy: "error"})
	}
}
