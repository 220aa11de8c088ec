package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"vigil/audit"
	"vigil/rest"
)

// watches says what compliance wants to know about an index.
func (x *exchange) watches(index string) rest.Watch {
	w := rest.Watch{Reads: x.policy.WatchesRead(index, x.principal.Name) != nil}
	if x.policy.WatchesWrite(index, x.principal.Name) {
		w.Writes, w.Before = true, x.policy.WriteDiffs() || x.tellsChange(index)
	}
	return w
}

// tellsChange reports whether writes to an index are told by what they change, whatever the configuration says: in the
// extended format those of the configuration.
func (x *exchange) tellsChange(index string) bool {
	return x.about != nil && index == x.g.SecurityIndex
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
		exprs = slices.Sorted(maps.Keys(x.bulk))
	case x.call.Route.Targets == rest.TargetBody:
		exprs = bodyTargets(x.call).exprs
	}
	if len(exprs) == 0 {
		return nil
	}
	concrete, missing := x.g.Indices.Resolve(exprs)
	return append(slices.Clip(concrete), missing...)
}

// checkBulk refuses a bulk whose items would leave more events than one request may, before any of it is done.
func (x *exchange) checkBulk() error {
	if x.call.Route.Op != "bulk" {
		return nil
	}
	x.bulk = bulkTargets(x.call)
	if x.g.MaxAuditedItems <= 0 {
		return nil
	}
	all, items := 0, 0
	for _, n := range x.bulk {
		all += n
	}
	if all <= x.g.MaxAuditedItems {
		return nil
	}
	each := x.notesItems()
	for index, n := range x.bulk {
		concrete, missing := x.g.Indices.Resolve([]string{index})
		if each || slices.ContainsFunc(append(slices.Clip(concrete), missing...), func(i string) bool { return x.watches(i).Writes }) {
			items += n
		}
	}
	if items > x.g.MaxAuditedItems {
		return rest.Errorf(http.StatusRequestEntityTooLarge, "content_too_long_exception",
			"bulk has [%d] items that are audited one by one, which is more than the limit of [%d]; send it in parts", items, x.g.MaxAuditedItems)
	}
	return nil
}

// notesItems reports whether every item of a bulk may be an event of its own, granted or refused.
func (x *exchange) notesItems() bool {
	wants := func(c audit.Category) bool {
		return x.policy.WantsTransport(c, x.principal.Name, "indices:data/write/bulk[s]", "")
	}
	return x.policy.ResolvesBulk() && (wants(audit.GrantedPrivileges) || wants(audit.MissingPrivileges))
}

// recordWrites makes events of writes durable while the handler goes on writing.
func (x *exchange) recordWrites(writes []rest.Write) {
	x.noteWrites(writes)
	if x.ticket != nil {
		x.recordNow()
	}
}

// recordReads makes events of what was read on the way durable while the handler goes on reading.
func (x *exchange) recordReads(reads []rest.Read) {
	x.noteSources(reads)
	x.recordNow()
}

func (x *exchange) recordNow() {
	events := x.take()
	if err := x.g.Audit.Record(x.ctx, events...); err != nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.unrecorded = notRecorded(err)
		x.pending = append(events, x.pending...)
	}
}

// noteWrites turns writes that the handler reported into events.
func (x *exchange) noteWrites(writes []rest.Write) {
	for _, w := range writes {
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
		if category == audit.InternalConfigWrite && x.tellsChange(w.Index) && w.After != nil {
			x.policy.DescribeChange(e, w.Before, w.After)
		} else {
			x.policy.DescribeWrite(e, w.Before, w.After)
		}
		x.note(e)
	}
}

// noteConfigRead notes that a section of the security configuration was read through its API.
func (x *exchange) noteConfigRead() {
	route := x.call.Route
	if route.Admin == "" || x.r.Method != http.MethodGet || x.effects.Section() == nil {
		return // of what is not there the section was read all the same
	}
	typ := x.g.ConfigType(route.Admin)
	if reads, _ := x.policy.InternalConfig(x.principal.Name); typ == "" || !reads {
		return
	}
	e := x.event(audit.InternalConfigRead, audit.LayerNone)
	e.DocID = typ
	e.Indices, e.Resolved = []string{x.g.SecurityIndex}, []string{x.g.SecurityIndex}
	x.policy.DescribeConfigRead(e, typ, x.effects.Section())
	x.note(e)
}
