package engine

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"iter"
	mathrand "math/rand/v2"

	"vigil/rest"
)

// bulkPart is how many operations of a bulk are in memory at once.
const bulkPart = 5000

// bulkBody is the body of a bulk that can be read as often as needed, each time with the same result.
type bulkBody struct {
	e     *Engine
	body  []byte
	index string // of operations that name none
	parts int

	routing, pipeline string
	requireAlias      bool
	filter            json.RawMessage
	// seed makes the ids that the engine chooses.
	seed [32]byte
	// only are the operations if there is one part.
	only []*docOp
}

// readBulk reads all operations once and refuses the bulk if one cannot be read. Bodies of updates count, as in OpenSearch.
func (e *Engine) readBulk(q *request) (*bulkBody, error) {
	b := &bulkBody{
		e: e, body: q.body, index: q.call.Vars["index"],
		routing: q.str("routing", ""), pipeline: q.str("pipeline", ""), filter: q.sourceParams(),
	}
	var err error
	if b.requireAlias, err = q.flag("require_alias", false); err != nil {
		return nil, err
	}
	_, _ = rand.Read(b.seed[:]) // never fails
	var last []*docOp
	for ops, err := range b.read() {
		if err != nil {
			return nil, err
		}
		b.parts++
		last = ops
	}
	if b.parts == 1 {
		b.only = last
	}
	return b, nil
}

// all yields the parts of a bulk that has been read before.
func (b *bulkBody) all() iter.Seq[[]*docOp] {
	return func(yield func([]*docOp) bool) {
		if b.only != nil {
			yield(b.only)
			return
		}
		for ops, err := range b.read() {
			if err != nil || !yield(ops) { // it read without an error before
				return
			}
		}
	}
}

// read yields the operations, a part at a time.
func (b *bulkBody) read() iter.Seq2[[]*docOp, error] {
	return func(yield func([]*docOp, error) bool) {
		ids := mathrand.NewChaCha8(b.seed)
		var ops []*docOp
		for item, err := range rest.Bulk(b.body, b.index) {
			var op *docOp
			if err == nil {
				op, err = b.op(item, ids)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			ops = append(ops, op)
			if len(ops) == b.e.opts.bulkPart {
				if !yield(ops, nil) {
					return
				}
				ops = nil
			}
		}
		if len(ops) > 0 {
			yield(ops, nil)
		}
	}
}

// op completes an operation with what the request says of all of them.
func (b *bulkBody) op(item rest.BulkItem, ids io.Reader) (*docOp, error) {
	op := &docOp{BulkItem: item}
	op.RequireAlias = op.RequireAlias || b.requireAlias
	if op.Routing == "" {
		op.Routing = b.routing
	}
	if op.Pipeline == "" {
		op.Pipeline = b.pipeline
	}
	if op.ID == "" {
		op.ID, op.autoID = b.e.newID(ids), true
	}
	if op.Op != "update" {
		return op, nil
	}
	var err error
	if op.update, err = parseUpdate(item.Source); err != nil {
		return nil, err
	}
	if op.update.source == nil {
		op.update.source = b.filter
	}
	if item.SourceFilter != nil {
		op.update.source = item.SourceFilter
	}
	return op, nil
}

// survey finds which shards operations touch and how, and makes the indices that are missing, before the first part is
// executed: a shard's part of a bulk is judged as a whole.
func (e *Engine) survey(q *request, w *writeRequest, ops []*docOp) {
	results := e.ingest(q, newResults(ops))
	e.assignIndices(q, w, results)
	for _, r := range results {
		if r.err == nil && !r.dropped {
			w.shard(r).add(r.op.Op)
		}
	}
}
