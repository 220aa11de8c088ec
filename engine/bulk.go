package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"vigil/rest"
)

// bulkError is an item of a bulk that failed.
type bulkError struct {
	Index  string         `json:"_index"`
	ID     string         `json:"_id"`
	Status int            `json:"status"`
	Error  map[string]any `json:"error"`
}

const bulkParams = "_source _source_includes _source_excludes pipeline refresh require_alias routing timeout wait_for_active_shards type batch_size "

// handleBulk executes a bulk part by part, so that what a million operations need beside their documents is the text of the
// answer. Nothing is done before all of it has been read once, and no part is judged by less than the whole.
func (e *Engine) handleBulk(q *request) (*answer, error) {
	refresh, err := q.refreshed()
	if err != nil {
		return nil, err
	}
	b, err := e.readBulk(q)
	if err != nil {
		return nil, err
	}
	w := newWriteRequest("indices:data/write/bulk")
	if b.parts > 1 {
		for ops := range b.all() {
			e.survey(q, w, ops)
		}
	}
	a := bulkAnswer{refresh: refresh}
	for ops := range b.all() {
		w.ops = ops
		if err := a.add(e.write(q, w)); err != nil {
			return nil, err
		}
	}
	return &answer{status: http.StatusOK, parts: a.finish(e.took(q))}, nil
}

// bulkAnswer collects the JSON of an answer.
type bulkAnswer struct {
	refresh bool
	failed  bool
	parts   [][]byte // of the items; the first place is the beginning's
}

func (a *bulkAnswer) add(results []*docResult) error {
	var part bytes.Buffer
	if a.parts == nil {
		a.parts = make([][]byte, 1)
	} else {
		part.WriteByte(',')
	}
	enc := json.NewEncoder(&part)
	enc.SetEscapeHTML(false)
	for i, r := range results {
		if i > 0 {
			part.WriteByte(',')
		}
		item, err := r.bulkItem(a.refresh)
		if err != nil {
			return err
		}
		part.WriteString(`{"` + r.op.Op + `":`)
		if err := enc.Encode(item); err != nil {
			return fmt.Errorf("encode an item of a bulk: %w", err)
		}
		part.Truncate(part.Len() - 1) // the newline
		part.WriteByte('}')
		a.failed = a.failed || r.err != nil
	}
	a.parts = append(a.parts, slices.Clip(part.Bytes()))
	return nil
}

func (a *bulkAnswer) finish(took int64) [][]byte {
	a.parts[0] = fmt.Appendf(nil, `{"took":%d,"errors":%t,"items":[`, took, a.failed)
	return append(a.parts, []byte("]}"))
}

func (r *docResult) bulkItem(refresh bool) (any, error) {
	if r.err != nil {
		name := r.op.Index
		if r.x != nil {
			name = r.x.Name
		}
		known := asRest(r.err)
		return bulkError{name, r.op.ID, known.Status, known.Object()}, nil
	}
	body := r.answer(refresh)
	body.Status = r.status()
	if r.op.update != nil && r.op.update.source != nil {
		var err error
		if body.Get, err = r.got(); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// took is how long a request has lasted, in ms.
func (e *Engine) took(q *request) int64 { return e.opts.Now().Sub(q.now).Milliseconds() }

const mgetParams = getParams

// handleMget answers each document as a get of its own; what fails fails alone.
func (e *Engine) handleMget(q *request) (*answer, error) {
	docs, err := q.mgetDocs()
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, validation("no documents to get")
	}
	s := e.state.Load()
	denied := e.allowShardsOf(q, s, docs, "indices:data/read/mget[shard]", "MultiGetShardRequest")
	out := make([]any, len(docs))
	for i, d := range docs {
		out[i] = e.mgetOne(q, s, d, denied)
	}
	return ok(map[string]any{"docs": out})
}

func (e *Engine) mgetOne(q *request, s *state, d mgetDoc, denied map[shardKey]error) any {
	x, err := e.single(s, d.Index)
	if err != nil {
		return mgetFailed(d, d.Index, err)
	}
	if err := denied[shardKey{x.Name, x.shardOf(d.ID, d.Routing)}]; err != nil {
		return mgetFailed(d, x.Name, err)
	}
	return got(x, d.ID, q.lookup(x, d.ID, d.Routing), d.filter)
}

func mgetFailed(d mgetDoc, index string, err error) any {
	return map[string]any{"_index": index, "_id": d.ID, "error": asRest(err).Body()["error"]}
}

type shardKey struct {
	index string
	shard int
}

func (x *index) shardOf(id, routing string) int {
	if routing == "" {
		routing = id
	}
	return rest.ShardOf(routing, x.shards())
}

// allowShardsOf asks for an action on every shard that the documents are in.
func (e *Engine) allowShardsOf(q *request, s *state, docs []mgetDoc, action rest.ActionName, class string) map[shardKey]error {
	var order []shardKey
	for _, d := range docs {
		x, err := e.single(s, d.Index)
		if err != nil {
			continue
		}
		if k := (shardKey{x.Name, x.shardOf(d.ID, d.Routing)}); !slices.Contains(order, k) {
			order = append(order, k)
		}
	}
	denied := map[shardKey]error{}
	for run, k := range order {
		shard := k.shard
		if err := q.fx.Begin(rest.Action{
			Name: action, Request: class, Run: run,
			Indices: []string{k.index}, Resolved: []string{k.index}, Shard: &shard,
		}); err != nil {
			denied[k] = err
		}
	}
	return denied
}
