package gateway

import (
	"net/http"
	"slices"
	"strings"

	"vigil/audit"
	"vigil/rest"
)

// watches says what compliance wants to know about writes to an index.
func (x *exchange) watches(index string) rest.Watch {
	if !x.policy.WatchesWrite(index, x.principal.Name) {
		return rest.Watch{}
	}
	return rest.Watch{Writes: true, Before: x.policy.WriteDiffs()}
}

// writesDocuments reports whether the row's action writes documents.
func writesDocuments(r *rest.Route) bool {
	return strings.HasPrefix(string(r.Action), "indices:data/write/")
}

// writeTargets lists the concrete indices that the request is known to write to.
func (x *exchange) writeTargets() []string {
	exprs := x.call.Indices
	switch {
	case x.call.Route.Op == "bulk":
		exprs = bulkTargets(x.call)
	case x.call.Route.Targets == rest.TargetBody:
		exprs = bodyTargets(x.call).exprs
	}
	if len(exprs) == 0 {
		return nil
	}
	concrete, missing := x.g.Indices.Resolve(exprs)
	return append(slices.Clip(concrete), missing...)
}

// noteWrites turns the writes that the handler reported into events.
func (x *exchange) noteWrites() {
	if x.effects == nil {
		return
	}
	for _, w := range x.effects.Writes() {
		category := audit.DocWrite
		// Every delete is a document event, even in the security index, as in OpenSearch 2.19.
		if w.Index == x.g.SecurityIndex && w.Operation != rest.OpDelete {
			category = audit.InternalConfigWrite
		}
		e := x.event(category, audit.LayerNone)
		e.Operation, e.DocVersion, e.DocID = string(w.Operation), w.Version, w.ID
		shard := w.Shard
		e.ShardID = &shard
		e.Indices, e.Resolved = []string{w.Index}, []string{w.Index}
		x.policy.DescribeWrite(e, w.Before, w.After)
		x.note(e)
	}
}

// noteConfigRead notes that a section of the security configuration was read through its API.
func (x *exchange) noteConfigRead() {
	route := x.call.Route
	if route.Admin == "" || x.r.Method != http.MethodGet || x.w.status != http.StatusOK {
		return
	}
	typ := x.g.ConfigType(route.Admin)
	if reads, _ := x.policy.InternalConfig(x.principal.Name); typ == "" || !reads {
		return
	}
	e := x.event(audit.InternalConfigRead, audit.LayerNone)
	e.DocID = typ
	e.Indices, e.Resolved = []string{x.g.SecurityIndex}, []string{x.g.SecurityIndex}
	x.policy.DescribeConfigRead(e, typ, x.w.buf)
	x.note(e)
}
