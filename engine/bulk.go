package engine

import (
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

type bulkAnswer struct {
	Took   int64            `json:"took"`
	Errors bool             `json:"errors"`
	Items  []map[string]any `json:"items"`
}

const bulkParams = "_source _source_includes _source_excludes pipeline refresh require_alias routing timeout wait_for_active_shards type batch_size "

func (e *Engine) handleBulk(q *request) (*answer, error) {
	refresh, err := q.refreshed()
	if err != nil {
		return nil, err
	}
	ops, err := e.bulkOps(q)
	if err != nil {
		return nil, err
	}
	results := e.write(q, writeRequest{ops: ops, parent: "indices:data/write/bulk"})
	a := bulkAnswer{Took: e.took(q), Items: make([]map[string]any, len(results))}
	for i, r := range results {
		item, err := bulkItem(r, refresh)
		if err != nil {
			return nil, err
		}
		a.Items[i] = item
		a.Errors = a.Errors || r.err != nil
	}
	return ok(a)
}

// bulkOps reads all operations. Bodies of updates that cannot be read refuse the bulk, as in OpenSearch.
func (e *Engine) bulkOps(q *request) ([]*docOp, error) {
	requireAlias, err := q.flag("require_alias", false)
	if err != nil {
		return nil, err
	}
	pipeline := q.str("pipeline", "_none")
	filter := q.sourceParams()
	var ops []*docOp
	for item, err := range rest.Bulk(q.body, q.call.Vars["index"]) {
		if err != nil {
			return nil, err
		}
		op := &docOp{BulkItem: item}
		op.RequireAlias = op.RequireAlias || requireAlias
		if op.Routing == "" {
			op.Routing = q.str("routing", "")
		}
		if op.Pipeline == "" {
			op.Pipeline = pipeline
		}
		if op.Pipeline != "_none" {
			return nil, badRequest("pipeline with id [%s] does not exist", op.Pipeline)
		}
		if op.ID == "" {
			op.ID, op.autoID = e.newID(), true
		}
		if op.Op == "update" {
			if op.update, err = parseUpdate(item.Source); err != nil {
				return nil, err
			}
			if op.update.source == nil {
				op.update.source = filter
			}
			if item.SourceFilter != nil {
				op.update.source = item.SourceFilter
			}
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func bulkItem(r *docResult, refresh bool) (map[string]any, error) {
	if r.err != nil {
		name := r.op.Index
		if r.x != nil {
			name = r.x.Name
		}
		known := asRest(r.err)
		return map[string]any{r.op.Op: bulkError{name, r.op.ID, known.Status, known.Object()}}, nil
	}
	body := r.answer(refresh)
	body.Status = r.status()
	if r.op.update != nil && r.op.update.source != nil {
		var err error
		if body.Get, err = r.got(); err != nil {
			return nil, err
		}
	}
	return map[string]any{r.op.Op: body}, nil
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
	denied := e.allowMget(q, s, docs)
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

// allowMget asks for every shard that the documents are in.
func (e *Engine) allowMget(q *request, s *state, docs []mgetDoc) map[shardKey]error {
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
			Name: "indices:data/read/mget[shard]", Request: "MultiGetShardRequest", Run: run,
			Indices: []string{k.index}, Resolved: []string{k.index}, Shard: &shard,
		}); err != nil {
			denied[k] = err
		}
	}
	return denied
}
