package cluster

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"vigil/rest"
)

// remoteWrite is one operation on a document on its way to the cluster.
type remoteWrite struct {
	rest.BulkItem
	// index is the concrete index; that of a write which will make its index is the name that it was given.
	index  string
	shard  int
	watch  rest.Watch
	fields []string // for which a mapping may come to be
	before docState
	err    error // of being refused; the operation is not sent
	// fresh says that the cluster makes the index for it.
	fresh bool
	// asks says that the operation was sent with the wish to see the new document, which the client did not have.
	asks bool
	// unanswered says that what became of it was found by looking.
	unanswered bool
}

// docState is a document as it was read.
type docState struct {
	Index   string          `json:"_index"`
	ID      string          `json:"_id"`
	Version int64           `json:"_version"`
	Found   bool            `json:"found"`
	Source  json.RawMessage `json:"_source"`
}

// writeResult is what the cluster says of an operation.
type writeResult struct {
	Index   string `json:"_index"`
	ID      string `json:"_id"`
	Version int64  `json:"_version"`
	Result  string `json:"result"`
	Get     struct {
		Source json.RawMessage `json:"_source"`
	} `json:"get"`
}

// tells reports whether something must be found out after the operation. The answer is kept until then, because what is found
// may have to be refused.
func (w *remoteWrite) tells() bool { return w.watch.Writes || len(w.fields) > 0 || w.fresh }

// shown is the body of an operation as the audit log shows it: of an update the partial document.
func (w *remoteWrite) shown() json.RawMessage {
	if w.Op != "update" {
		return w.Source
	}
	return w.update().Doc
}

type updateBody struct {
	Doc    json.RawMessage `json:"doc"`
	Upsert json.RawMessage `json:"upsert"`
	Source json.RawMessage `json:"_source"`
}

func (w *remoteWrite) update() updateBody {
	var u updateBody
	if json.Unmarshal(w.Source, &u) != nil {
		return updateBody{} // the cluster says what is wrong with it
	}
	return u
}

// documents are the parts of the operation in which new fields can come.
func (w *remoteWrite) documents() []json.RawMessage {
	switch w.Op {
	case "delete":
		return nil
	case "update":
		u := w.update()
		return slices.DeleteFunc([]json.RawMessage{u.Doc, u.Upsert}, func(d json.RawMessage) bool { return len(d) == 0 })
	default:
		return []json.RawMessage{w.Source}
	}
}

// prepare finds out where the operations go, asks whether they may, and reads the documents as they are. Operations that
// must not be sent have an error afterwards.
func (x *passage) prepare(writes []*remoteWrite) error {
	if err := x.assign(writes); err != nil {
		return err
	}
	x.allowShards(writes)
	if err := x.findFields(writes); err != nil {
		return err
	}
	return x.readBefore(writes)
}

// assign finds the concrete index of each operation, and asks for those that the cluster will make.
func (x *passage) assign(writes []*remoteWrite) error {
	made := map[string]error{}
	for _, w := range writes {
		name, err := rest.ExpandDateMath(w.Index, time.Now())
		if err != nil {
			w.err = err
			continue
		}
		index, routing, missing := x.r.table().writable(name)
		if _, asked := made[name]; missing && !asked {
			there, err := x.r.exists(x.req.Context(), name)
			if err != nil {
				return err
			}
			if there {
				index, routing, missing = x.r.table().writable(name)
			}
		}
		if missing {
			err, asked := made[name]
			if !asked && x.makesIndex(w, name) {
				err = x.fx.Begin(rest.Action{
					Name: "indices:admin/auto_create", Request: "CreateIndexRequest",
					Indices: []string{name}, Resolved: []string{name}, Body: json.RawMessage("{}"),
				})
				made[name] = err
			}
			w.err, w.fresh = err, true
		}
		x.place(w, index, routing)
	}
	return nil
}

// makesIndex reports whether the cluster makes a missing index for the operation.
func (x *passage) makesIndex(w *remoteWrite, name string) bool {
	if w.RequireAlias || x.call.Flag("require_alias") || rest.ValidateIndexName(name) != nil {
		return false
	}
	return w.Op != "delete" || w.VersionType == "external" || w.VersionType == "external_gte"
}

func (x *passage) place(w *remoteWrite, index, aliasRouting string) {
	w.index, w.watch = index, x.fx.Wants(index)
	if w.Routing == "" {
		w.Routing, _ = x.call.Param("routing")
	}
	if w.Routing == "" {
		w.Routing = aliasRouting
	}
	w.shard = x.r.shardOf(index, w.ID, w.Routing)
}

// pipelined reports whether what is stored may differ from what was sent.
func (x *passage) pipelined(w *remoteWrite) bool {
	pipeline := w.Pipeline
	if pipeline == "" {
		pipeline, _ = x.call.Param("pipeline")
	}
	known := x.r.table().indices[w.index]
	return pipeline != "" && pipeline != "_none" || known == nil || known.pipelined
}

func (r *Remote) shardOf(index, id, routing string) int {
	if routing == "" {
		routing = id
	}
	return rest.ShardOf(routing, r.Shards(index))
}

// allowShards asks for every shard that the operations touch, in the order in which it is first touched.
func (x *passage) allowShards(writes []*remoteWrite) {
	type part struct {
		index string
		shard int
	}
	var order []part
	groups := map[part][]*remoteWrite{}
	for _, w := range writes {
		if w.err != nil {
			continue
		}
		p := part{w.index, w.shard}
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], w)
	}
	for run, p := range order {
		items := make([]rest.Item, 0, len(groups[p]))
		var kinds []string
		for _, w := range groups[p] {
			if !slices.Contains(kinds, w.Op) {
				kinds = append(kinds, w.Op)
			}
			items = append(items, rest.Item{Op: w.Op, Index: w.index, ID: w.ID, Shard: w.shard, Body: w.shown()})
		}
		err := x.fx.Begin(rest.Action{
			Name: "indices:data/write/bulk[s]", Request: "BulkShardRequest", Parent: "indices:data/write/bulk", Run: run,
			Indices: []string{p.index}, Resolved: []string{p.index}, Shard: &p.shard, Items: items, ItemOps: kinds,
		})
		for _, w := range groups[p] {
			w.err = err
		}
	}
}

// findFields finds the fields for which a mapping may come to be.
func (x *passage) findFields(writes []*remoteWrite) error {
	for _, w := range writes {
		if w.err != nil {
			continue
		}
		var err error
		if w.fields, err = x.r.newFields(x.req.Context(), w.index, w.documents()...); err != nil {
			return unreachable(err)
		}
	}
	return nil
}

// readBefore reads the documents that somebody wants to know the earlier content of.
func (x *passage) readBefore(writes []*remoteWrite) error {
	var wanted []*remoteWrite
	for _, w := range writes {
		if w.err == nil && w.watch.Writes && w.watch.Before && w.ID != "" {
			wanted = append(wanted, w)
		}
	}
	docs, err := x.r.read(x.req.Context(), wanted)
	if err != nil {
		return err
	}
	for i, w := range wanted {
		w.before = docs[i]
	}
	return nil
}

// readBatch is how many documents are read at once.
const readBatch = 500

// read reads documents as they are now, in order. One that is not there, or whose index is not, is not found.
func (r *Remote) read(ctx context.Context, writes []*remoteWrite) ([]docState, error) {
	type doc struct {
		Index   string `json:"_index"`
		ID      string `json:"_id"`
		Routing string `json:"routing,omitempty"`
	}
	var out []docState
	for batch := range slices.Chunk(writes, readBatch) {
		docs := make([]doc, len(batch))
		for i, w := range batch {
			docs[i] = doc{Index: w.index, ID: w.ID, Routing: w.Routing}
		}
		body, err := json.Marshal(map[string]any{"docs": docs})
		if err != nil {
			return nil, err
		}
		resp, err := r.ask(ctx, http.MethodPost, "/_mget", url.Values{}, body)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Docs []docState `json:"docs"`
		}
		if resp.Status >= http.StatusBadRequest {
			return nil, unreachable(errorOf(resp))
		}
		if err := json.Unmarshal(resp.Body, &answer); err != nil {
			return nil, unreachable(err)
		}
		if len(answer.Docs) != len(batch) {
			return nil, unreachable(errNoNode)
		}
		out = append(out, answer.Docs...)
	}
	return out, nil
}

// finish notes what the operations did: the writes, by what the cluster says of them, and the mappings that came of them.
func (x *passage) finish(writes []*remoteWrite, results []*writeResult) error {
	for _, w := range writes {
		if w.err == nil && w.fresh {
			x.refresh() // the index was made on the way
			break
		}
	}
	if err := x.noteWrites(writes, results); err != nil {
		return err
	}
	fields := map[string][]string{}
	var order []string
	for _, w := range writes {
		if w.err != nil {
			continue
		}
		if w.fresh {
			w.fields = (&remoteMapping{}).unknown(w.documents()) // nothing was known of it
		}
		if len(w.fields) == 0 {
			continue
		}
		if fields[w.index] == nil {
			order = append(order, w.index)
		}
		fields[w.index] = append(fields[w.index], w.fields...)
	}
	for _, index := range order {
		if err := x.noteMapping(index, fields[index]); err != nil {
			return err
		}
	}
	return nil
}

// noteWrites notes the operations that succeeded. results has one element for each operation, nil for those that failed.
func (x *passage) noteWrites(writes []*remoteWrite, results []*writeResult) error {
	var unseen []*remoteWrite
	after, versions := map[*remoteWrite]json.RawMessage{}, map[*remoteWrite]int64{}
	last := map[string]docState{} // of documents that the request writes more than once
	for i, w := range writes {
		res := resultOf(results, i)
		if res == nil || !w.watch.Writes {
			continue
		}
		w.ID = res.ID
		switch {
		case res.Result == "deleted":
		case w.Op != "update" && !w.unanswered && !x.pipelined(w):
			after[w] = w.Source
		case w.asks && res.Get.Source != nil:
			after[w] = res.Get.Source
		default:
			unseen = append(unseen, w)
			versions[w] = res.Version
		}
	}
	docs, err := x.r.read(context.WithoutCancel(x.req.Context()), unseen)
	if err != nil {
		return err
	}
	for i, w := range unseen {
		if docs[i].Version == versions[w] { // else somebody wrote it since
			after[w] = docs[i].Source
		}
	}
	for i, w := range writes {
		res := resultOf(results, i)
		if res == nil || !w.watch.Writes {
			continue
		}
		if was, again := last[w.index+"/"+res.ID]; again {
			w.before = was
		}
		x.wrote(w, res, after[w])
		last[w.index+"/"+res.ID] = docState{Found: res.Result != "deleted", Version: res.Version, Source: after[w]}
	}
	return nil
}

func resultOf(results []*writeResult, i int) *writeResult {
	if i >= len(results) {
		return nil
	}
	return results[i]
}

// unreadable stands for an earlier document that is not known, so that nobody takes it for one that was not there.
const unreadable = "?"

func (x *passage) wrote(w *remoteWrite, res *writeResult, after json.RawMessage) {
	out := rest.Write{Index: res.Index, ID: res.ID, Version: res.Version, Shard: x.r.shardOf(res.Index, res.ID, w.Routing), After: after}
	switch res.Result {
	case "created":
		out.Operation = rest.OpCreate
	case "updated":
		out.Operation = rest.OpUpdate
	case "deleted":
		out.Operation, out.After = rest.OpDelete, nil
	default:
		return
	}
	if w.watch.Before && out.Operation != rest.OpCreate {
		out.Before = w.before.Source
		// Internal versions count by one: another request came in between, and what it wrote was not read.
		external := w.VersionType != "" && w.VersionType != "internal"
		if !w.before.Found || !external && w.before.Version+1 != res.Version {
			out.Before = json.RawMessage(unreadable)
		}
	}
	x.fx.Wrote(out)
}
