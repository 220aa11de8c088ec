package engine

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
	"vigil/wal"
)

// docOp is one operation on a document, from whatever API it comes.
type docOp struct {
	rest.BulkItem
	// autoID says that the engine chose the id: it is new.
	autoID bool
	// update is the parsed body of an update.
	update *updateSpec
}

// docResult is what became of an operation.
type docResult struct {
	op      *docOp
	x       *index
	err     error
	dropped bool   // by a pipeline: there is nothing to write
	result  string // "created", "updated", "deleted", "not_found", "noop"

	version, seq, term int64
	shard              int
	before, after      json.RawMessage
	flush              *flush
	handed             bool // an update's outcome was asked for
}

// writeRequest is a list of operations with what they have in common. Operations may come in several parts, one after the
// other.
type writeRequest struct {
	ops []*docOp
	// parent names the action under which shard bulks run.
	parent rest.ActionName
	// made are the indices that were to be made, and why they were not.
	made map[string]error
	// shards are those that the operations touch.
	shards map[shardKey]*shardBulk
}

// shardBulk is the part of a bulk that a shard gets.
type shardBulk struct {
	run   int      // its place among the others
	ops   []string // the kinds of its operations
	begun bool
}

func newWriteRequest(parent rest.ActionName, ops ...*docOp) *writeRequest {
	return &writeRequest{ops: ops, parent: parent, made: map[string]error{}, shards: map[shardKey]*shardBulk{}}
}

// shard returns what is known of the shard that an operation goes to.
func (w *writeRequest) shard(r *docResult) *shardBulk {
	k := shardKey{r.x.Name, r.shard}
	s := w.shards[k]
	if s == nil {
		s = &shardBulk{run: len(w.shards)}
		w.shards[k] = s
	}
	return s
}

func (s *shardBulk) add(op string) {
	if !slices.Contains(s.ops, op) {
		s.ops = append(s.ops, op)
	}
}

func newResults(ops []*docOp) []*docResult {
	results := make([]*docResult, len(ops))
	for i, op := range ops {
		results[i] = &docResult{op: op}
	}
	return results
}

// write runs operations in their order and returns when all that succeeded are durable and visible. Failures are in the
// results; they do not touch each other.
func (e *Engine) write(q *request, w *writeRequest) []*docResult {
	results := e.ingest(q, newResults(w.ops))
	e.assignIndices(q, w, results)
	if q.call.Route.Op != "update" {
		e.allowShards(q, w, results)
	}
	for _, r := range results {
		if r.err == nil && !r.dropped {
			e.writeOne(q, r)
		}
	}
	for _, r := range results {
		if r.flush == nil {
			continue
		}
		if err := r.flush.wait(); err != nil {
			r.err = logRefused(err)
		} else {
			e.wrote(q, r)
		}
	}
	return results
}

// assignIndices finds the index of each operation and makes those that are missing.
func (e *Engine) assignIndices(q *request, w *writeRequest, results []*docResult) {
	for _, r := range results {
		if r.err != nil || r.dropped {
			continue
		}
		name, err := rest.ExpandDateMath(r.op.Index, q.now)
		if err != nil {
			r.err = err
			continue
		}
		x, err := e.state.Load().writable(name)
		if err == nil && x == nil {
			if again, tried := w.made[name]; tried {
				err = again
			} else {
				err = e.autoCreate(q, name, r.op)
				w.made[name] = err
			}
			if err == nil {
				x, err = e.state.Load().writable(name)
			}
		}
		switch {
		case err != nil:
			r.err = err
		case x == nil:
			r.err = notFound(name)
		case x.Closed:
			r.err = closedIndex(x)
		case r.op.RequireAlias && x.Name == name:
			r.err = rest.Errorf(http.StatusNotFound, "index_not_found_exception",
				"no such index [%s] and [require_alias] request flag is [true] and [%s] is not an alias", name, name)
		default:
			if r.err = x.writeBlock(); r.err == nil {
				r.err = e.state.Load().appendOnly(name, x, r.op)
			}
			r.assign(x, name)
		}
	}
}

func (r *docResult) assign(x *index, name string) {
	r.x = x
	if a, ok := x.Aliases[name]; ok && r.op.Routing == "" {
		r.op.Routing = a.IndexRouting
	}
	routing := r.op.Routing
	if routing == "" {
		routing = r.op.ID
	}
	r.shard = rest.ShardOf(routing, x.shards())
}

// writeBlock returns why an index does not take writes.
func (x *index) writeBlock() error {
	for _, b := range []struct{ setting, text string }{
		{"blocks.read_only", "FORBIDDEN/5/index read-only (api)"},
		{"blocks.write", "FORBIDDEN/8/index write (api)"},
		{"blocks.read_only_allow_delete", "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block"},
	} {
		if x.setting(b.setting, "false") == "true" {
			return rest.Errorf(http.StatusForbidden, "cluster_block_exception", "index [%s] blocked by: [%s];", x.Name, b.text)
		}
	}
	return nil
}

// allowShards asks for every shard that the operations touch, in the order in which it is first touched.
func (e *Engine) allowShards(q *request, w *writeRequest, results []*docResult) {
	var order []shardKey
	groups := map[shardKey][]*docResult{}
	for _, r := range results {
		if r.err != nil || r.dropped {
			continue
		}
		w.shard(r).add(r.op.Op)
		k := shardKey{r.x.Name, r.shard}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	for _, k := range order {
		items := make([]rest.Item, 0, len(groups[k]))
		for _, r := range groups[k] {
			items = append(items, rest.Item{Op: r.op.Op, Index: k.index, ID: r.op.ID, Shard: k.shard, Body: r.op.shown()})
		}
		s := w.shards[k]
		err := q.fx.Begin(rest.Action{
			Name: "indices:data/write/bulk[s]", Request: "BulkShardRequest", Parent: w.parent, Run: s.run,
			Indices: []string{k.index}, Resolved: []string{k.index}, Shard: &k.shard, Items: items, ItemOps: s.ops, Continued: s.begun,
		})
		s.begun = true
		if err != nil {
			for _, r := range groups[k] {
				r.err = err
			}
		}
	}
}

// shown is the body of an operation as the audit log shows it: of an update the partial document.
func (op *docOp) shown() json.RawMessage {
	if op.update != nil {
		return op.update.doc
	}
	return op.Source
}

// plan is an operation decided against the newest state of its document.
type plan struct {
	result string
	source json.RawMessage // nil for deletes and no-ops
	parsed *segment.Parsed
}

// maxTries bounds how often an operation is decided anew because its document or mapping changed meanwhile.
const maxTries = 1000

// writeOne prepares one operation: it decides without a lock, and starts over if the decision is outdated when it has it.
func (e *Engine) writeOne(q *request, r *docResult) {
	if r.op.Op != "delete" {
		if err := e.disk.check(); err != nil {
			r.err = blocked(r.x.Name)
			return
		}
	}
	for range maxTries {
		done, err := e.tryOne(q, r)
		if err != nil {
			r.err = err
			return
		}
		if done {
			return
		}
	}
	r.err = rest.Errorf(http.StatusConflict, "version_conflict_engine_exception", "[%s]: version conflict, the document changes too often", r.op.ID)
}

func (e *Engine) tryOne(q *request, r *docResult) (done bool, err error) {
	e.mu.Lock()
	x := e.next.indices[r.x.Name]
	if x == nil || x.UUID != r.x.UUID {
		e.mu.Unlock()
		return true, notFound(r.x.Name)
	}
	was := x.docs.latest(r.op.ID, q.now, x.gcDeletes())
	e.mu.Unlock()

	p, err := e.decide(q, r, x, was)
	if err != nil || p.result == "noop" {
		r.noop(was)
		return true, err
	}
	if err := q.handOver(r, p); err != nil {
		return true, err
	}
	if p.parsed != nil && p.parsed.Update != nil {
		if err := q.fx.Begin(rest.Action{
			Name: "indices:admin/mapping/auto_put", Request: "PutMappingRequest", Resolved: []string{x.Name},
			Body: p.parsed.Update, Internal: true,
		}); err != nil {
			return true, err
		}
		return false, e.addFields(x, p.parsed)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.begin(); err != nil {
		return true, logRefused(err)
	}
	now := e.next.indices[x.Name]
	if now == nil || now.UUID != x.UUID {
		return true, notFound(x.Name)
	}
	is := now.docs.latest(r.op.ID, q.now, x.gcDeletes())
	if now.mapping != x.mapping || is != was {
		return false, nil
	}
	e.prepare(q, r, now, was, p)
	return true, nil
}

// handOver asks for the bulk in which OpenSearch writes what an update of one document comes to, and which it does not run if
// nothing changes. See compat/scenarios/audit v08 update-doc and update-noop.
func (q *request) handOver(r *docResult, p plan) error {
	if q.call.Route.Op != "update" || r.handed {
		return nil
	}
	r.handed = true
	const bulk = "indices:data/write/bulk"
	if err := q.fx.Begin(rest.Action{Name: bulk, Request: "BulkRequest", Internal: true}); err != nil {
		return err
	}
	op := "index"
	if p.source == nil {
		op = "delete"
	}
	return q.fx.Begin(rest.Action{
		Name: bulk + "[s]", Request: "BulkShardRequest", Parent: bulk, Indices: []string{r.x.Name}, Resolved: []string{r.x.Name}, Shard: &r.shard,
		Internal: true, Items: []rest.Item{{Op: op, Index: r.x.Name, ID: r.op.ID, Shard: r.shard, Body: p.source}},
	})
}

// addFields merges the fields that a document brings into the mapping that is prepared. The document is then parsed anew.
func (e *Engine) addFields(x *index, p *segment.Parsed) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.begin(); err != nil {
		return logRefused(err)
	}
	_, err := e.prepareChanges([]change{{Mapping: &mappingChange{UUID: x.UUID, Body: p.Update}}})
	if _, changed := errors.AsType[*segment.Error](err); changed {
		return nil // the mapping has changed meanwhile; parsing anew tells how
	}
	return err
}

// decide checks an operation's conditions and makes what is to be stored. It only reads.
func (e *Engine) decide(q *request, r *docResult, x *index, was record) (plan, error) {
	op := r.op
	if op.Op == "update" {
		return e.decideUpdate(q, r, x, was)
	}
	if err := r.checkConditions(x, was); err != nil {
		return plan{}, err
	}
	if op.Op == "delete" {
		if was.exists() {
			return plan{result: "deleted"}, nil
		}
		return plan{result: "not_found"}, nil
	}
	return e.planSource(x, op.ID, op.Source, was)
}

func (e *Engine) planSource(x *index, id string, source json.RawMessage, was record) (plan, error) {
	if len(source)+1024 > wal.MaxEntryBytes {
		return plan{}, tooLarge("the document", len(source))
	}
	parsed, err := x.mapping.Parse(id, source, x.limits())
	if errors.Is(err, segment.ErrSyntax) {
		return plan{}, badDocument(source, err)
	}
	if err != nil {
		return plan{}, err
	}
	p := plan{result: "updated", source: source, parsed: parsed}
	if !was.exists() {
		p.result = "created"
	}
	return p, nil
}

// badDocument words a syntax error as OpenSearch's parser does.
func badDocument(source []byte, err error) error {
	out := &rest.Error{Status: http.StatusBadRequest, Type: "mapper_parsing_exception", Reason: "failed to parse", Cause: err}
	if _, perr := query.ParseJSON(source); perr != nil {
		out.CausedBy = asRest(perr)
	}
	return out
}

func (r *docResult) noop(was record) {
	if was.exists() {
		r.result, r.version, r.seq, r.term = "noop", was.doc.Version, was.doc.Seq, was.doc.Term
		r.after = was.doc.Source
	}
}

// prepare gives an operation its version and sequence number and enqueues it. The caller holds mu.
func (e *Engine) prepare(q *request, r *docResult, x *index, was record, p plan) {
	r.result = p.result
	r.version = was.version() + 1
	if r.op.Version != nil {
		r.version = *r.op.Version
	}
	r.seq = x.docs.nextSeq[r.shard]
	r.term = e.next.term(x)
	entry := docEntry{
		uuid: x.UUID, id: r.op.ID, routing: r.op.Routing, shard: r.shard, seq: r.seq, term: r.term, version: r.version,
		time: q.now.UnixMilli(), source: p.source, deleted: p.source == nil,
	}
	rec := record{tomb: tombstone{version: r.version, seq: r.seq, term: r.term, shard: r.shard, at: time.UnixMilli(entry.time)}}
	logged := entry.encode()
	if p.source != nil {
		doc := newDoc(p.parsed, slices.Clip(logged[len(logged)-len(p.source):]))
		doc.ID, doc.Routing, doc.Shard, doc.Indexed = entry.id, entry.routing, entry.shard, time.UnixMilli(entry.time)
		doc.Seq, doc.Term, doc.Version = r.seq, r.term, r.version
		rec = record{doc: doc}
		r.after = doc.Source
	}
	if was.exists() {
		r.before = was.doc.Source
	}
	x.docs.nextSeq[r.shard]++
	x.docs.prepare(entry.id, rec)
	name, docs := x.Name, x.docs
	r.flush = e.enqueue(logged, func() {
		docs.publish(entry.id, entry.shard, rec)
		if e.opts.OnWrite != nil {
			e.opts.OnWrite(name, entry.id, was.source(), rec.source())
		}
	}, func() { docs.settle(entry.id, entry.seq) })
}

// wrote tells the effects of an operation that succeeded.
func (e *Engine) wrote(q *request, r *docResult) {
	w := rest.Write{Index: r.x.Name, ID: r.op.ID, Version: r.version, Shard: r.shard, After: r.after}
	switch r.result {
	case "created":
		w.Operation = rest.OpCreate
	case "updated":
		w.Operation = rest.OpUpdate
	case "deleted":
		w.Operation, w.After = rest.OpDelete, nil
	default:
		return
	}
	if q.fx.Wants(r.x.Name).Before {
		w.Before = r.before
	}
	q.fx.Wrote(w)
}
