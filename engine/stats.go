package engine

import "strings"

// handleStats answers documents and sizes; other sections of OpenSearch's answer describe machinery that is not here.
func (e *Engine) handleStats(q *request) (*answer, error) {
	for m := range strings.SplitSeq(q.call.Vars["metric"], ",") {
		switch m {
		case "", "_all", "docs", "store":
		default:
			return nil, badRequest("[indices.stats] metric [%s] is not supported", m)
		}
	}
	if level := q.str("level", "indices"); level != "indices" && level != "cluster" {
		return nil, badRequest("[indices.stats] level [%s] is not supported", level)
	}
	o, err := q.expandParams(searchExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	var all stats
	out := map[string]any{}
	for _, x := range indices {
		st := x.docs.stats()
		all.Docs += st.Docs
		all.Deleted += st.Deleted
		all.Bytes += st.Bytes
		out[x.Name] = map[string]any{"uuid": x.UUID, "primaries": st.shown(), "total": st.shown()}
	}
	return ok(map[string]any{
		"_shards": shardTotals(indices), "_all": map[string]any{"primaries": all.shown(), "total": all.shown()}, "indices": out,
	})
}

func (s stats) shown() map[string]any {
	return map[string]any{
		"docs":  map[string]any{"count": s.Docs, "deleted": s.Deleted},
		"store": map[string]any{"size_in_bytes": s.Bytes, "reserved_in_bytes": 0},
	}
}
