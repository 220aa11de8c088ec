package engine

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

const byQueryParams = expandNames + "q df analyzer analyze_wildcard default_operator lenient conflicts max_docs scroll scroll_size search_timeout " +
	"search_type preference routing refresh requests_per_second slices timeout wait_for_active_shards wait_for_completion request_cache " +
	"from size sort stats terminate_after version pipeline _source _source_includes _source_excludes allow_partial_search_results "

// byQuery is a request that writes what a search finds: update or delete by query, or reindex.
type byQuery struct {
	action rest.ActionName
	spec   *searchSpec
	body   json.RawMessage // of the search, as OpenSearch would write it
	script *query.Script
	// pipeline is what documents are sent through before they are written; empty: what their index says.
	pipeline string
	proceed  bool
	refresh  bool
	max      int
	batch    int
	// make turns a document into an operation; nil skips it.
	make func(x string, d *segment.Doc) (*docOp, error)
	// read is what is read of a document; nil: nothing of its source.
	read func(d *segment.Doc) json.RawMessage
}

// byQueryAnswer counts what was done. The members that the API does not have are nil.
type byQueryAnswer struct {
	Took             int64           `json:"took"`
	TimedOut         bool            `json:"timed_out"`
	Total            int             `json:"total"`
	Updated          *int            `json:"updated,omitempty"`
	Created          *int            `json:"created,omitempty"`
	Deleted          int             `json:"deleted"`
	Batches          int             `json:"batches"`
	VersionConflicts int             `json:"version_conflicts"`
	Noops            int             `json:"noops"`
	Retries          map[string]int  `json:"retries"`
	Throttled        int             `json:"throttled_millis"`
	PerSecond        json.RawMessage `json:"requests_per_second"`
	ThrottledUntil   int             `json:"throttled_until_millis"`
	Failures         []any           `json:"failures"`
}

// byQueryOptions reads what the three requests have in common.
func (q *request) byQueryOptions(action rest.ActionName) (*byQuery, error) {
	b := &byQuery{action: action, batch: 1000, max: -1}
	switch v := q.str("conflicts", "abort"); v {
	case "abort", "proceed":
		b.proceed = v == "proceed"
	default:
		return nil, badRequest("conflicts may only be \"proceed\" or \"abort\" but was [%s]", v)
	}
	wait, err := q.flag("wait_for_completion", true)
	if err != nil {
		return nil, err
	}
	if !wait {
		return nil, badRequest("[wait_for_completion=false] is not supported")
	}
	if b.pipeline = q.str("pipeline", ""); b.pipeline != "" && action != "indices:data/write/update/byquery" {
		return nil, badRequest("[pipeline] is not supported here")
	}
	if b.refresh, err = q.refreshed(); err != nil {
		return nil, err
	}
	for name, into := range map[string]*int{"max_docs": &b.max, "scroll_size": &b.batch, "size": &b.max} {
		n, err := q.number(name, int64(*into))
		if err != nil {
			return nil, err
		}
		if _, given := q.call.Param(name); given && (n < 1 || n > 10_000 && name == "scroll_size") {
			return nil, badRequest("[%s] parameter must be positive, found [%d]", name, n)
		}
		*into = int(n)
	}
	return b, nil
}

// members takes the members of a by-query body that are not the search's own and returns the search.
func (b *byQuery) members(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return []byte("{}"), nil
	}
	n, err := query.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for i, key := range n.Keys {
		v := n.Items[i]
		switch key {
		case "script":
			b.script, err = parseScript(v)
		case "conflicts":
			b.proceed = v.Raw == "proceed"
		case "max_docs":
			b.max, err = v.Int()
		case "query", "sort":
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, strconv.Quote(key)+":"+v.JSON()...)
		default:
			line, col := v.Pos()
			err = &query.Error{Type: "parsing_exception", Reason: "Unknown key for a " + v.Token() + " in [" + key + "].", Line: line, Column: col}
		}
		if err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// shownSearch is the search of a by-query request as OpenSearch writes it (compat: 10b update-by-query).
func (b *byQuery) shownSearch(source, seqNo bool) json.RawMessage {
	out := []byte(`{"size":` + strconv.Itoa(b.batch))
	if b.spec.Query != nil {
		out = append(append(out, `,"query":`...), query.Print(b.spec.Query)...)
	}
	if !source {
		out = append(out, `,"_source":false`...)
	}
	return append(out, `,"version":false,"seq_no_primary_term":`+strconv.FormatBool(seqNo)+`,"sort":[{"_doc":{"order":"asc"}}]}`...)
}

func (e *Engine) handleUpdateByQuery(q *request) (*answer, error) {
	b, err := q.byQueryOptions("indices:data/write/update/byquery")
	if err != nil {
		return nil, err
	}
	if err := b.parse(q); err != nil {
		return nil, err
	}
	b.body = b.shownSearch(true, true)
	b.read = func(d *segment.Doc) json.RawMessage { return d.Source }
	b.make = func(x string, d *segment.Doc) (*docOp, error) {
		op := replacing("index", x, d)
		op.Source = d.Source
		if b.script == nil {
			return op, nil
		}
		return e.scripted(q, b.script, op, d)
	}
	return e.runByQuery(q, b, func(a *byQueryAnswer) { a.Created = nil })
}

func (e *Engine) handleDeleteByQuery(q *request) (*answer, error) {
	b, err := q.byQueryOptions("indices:data/write/delete/byquery")
	if err != nil {
		return nil, err
	}
	if err := b.parse(q); err != nil {
		return nil, err
	}
	if b.script != nil {
		return nil, badRequest("[delete_by_query] [script] is not supported")
	}
	if b.spec.Query == nil {
		return nil, validation("query is missing")
	}
	b.body = b.shownSearch(false, true)
	b.make = func(x string, d *segment.Doc) (*docOp, error) { return replacing("delete", x, d), nil }
	return e.runByQuery(q, b, func(a *byQueryAnswer) { a.Created, a.Updated = nil, nil })
}

func (b *byQuery) parse(q *request) error {
	body, err := b.members(q.body)
	if err != nil {
		return err
	}
	b.spec, err = q.searchSpec(q.indices(), body)
	if err != nil {
		return err
	}
	b.spec.Size, b.spec.From, b.spec.Timeout = -1, -1, 0 // the timeout is that of the writes
	return nil
}

// replacing is an operation on a document as it was found: it conflicts if the document has changed since.
func replacing(kind, x string, d *segment.Doc) *docOp {
	return &docOp{BulkItem: rest.BulkItem{
		Op: kind, Index: x, ID: d.ID, Routing: d.Routing, IfSeqNo: &d.Seq, IfPrimaryTerm: &d.Term, VersionType: "internal",
	}}
}

// scripted lets a script change an operation; nil is a no-op.
func (e *Engine) scripted(q *request, s *query.Script, op *docOp, d *segment.Doc) (*docOp, error) {
	out, err := e.runScript(q, s, scriptInput{
		op: "index", source: op.Source, id: d.ID, index: op.Index, routing: d.Routing, version: d.Version, now: q.now,
	})
	if err != nil {
		return nil, err
	}
	switch out.op {
	case "noop", "none":
		return nil, nil //nolint:nilnil // nothing to do
	case "delete":
		op.Op, op.Source = "delete", nil
	case "index":
		op.Source = out.source
	default:
		return nil, badRequest("Operation type [%s] not allowed, only [noop, index, delete] are allowed", out.op)
	}
	return op, nil
}

// found are the documents to write, in index order, with their indices.
type found struct {
	x string
	d *segment.Doc
}

func (e *Engine) runByQuery(q *request, b *byQuery, trim func(*byQueryAnswer)) (*answer, error) {
	if b.action == "indices:data/write/reindex" {
		// That the source is there is found out before anything is searched: compat/scenarios/audit v50 reindex-missing.
		if _, _, err := e.searched(q, b.spec); err != nil {
			return nil, err
		}
	}
	if err := e.beginFound(q, b); err != nil {
		return nil, err
	}
	docs, targets, err := e.findAll(q, b)
	if err != nil {
		return nil, err
	}
	// Only what was written is refreshed: of a reindex the destination, not the source.
	var touched []string
	updated, created := 0, 0
	a := &byQueryAnswer{
		Total: len(docs), Updated: &updated, Created: &created, Retries: map[string]int{"bulk": 0, "search": 0}, PerSecond: json.RawMessage("-1.0"), Failures: []any{},
	}
	status := http.StatusOK
	for batch := range slices.Chunk(docs, b.batch) {
		a.Batches++
		if status, err = e.writeBatch(q, b, batch, a, &touched); err != nil {
			return nil, err
		}
		if len(a.Failures) > 0 {
			break
		}
		err := q.fx.Begin(rest.Action{Name: "indices:data/read/scroll", Request: "SearchScrollRequest", Parent: b.action, Run: a.Batches})
		if err != nil {
			if status, err = a.refused(err); err != nil {
				return nil, err
			}
		}
		if len(a.Failures) > 0 {
			break
		}
	}
	if err := e.finishByQuery(q, b, touched); err != nil {
		if status, err = a.refused(err); err != nil {
			return nil, err
		}
	}
	if targets > 0 {
		if err := e.clearFound(q); err != nil {
			return nil, err
		}
	}
	a.Took = e.took(q)
	trim(a)
	return &answer{status: status, body: a}, nil
}

// refused turns the refusal of an action into a failure of the answer, which tells with it what was done before, and returns
// the status that it gives the answer. Other errors come back.
func (a *byQueryAnswer) refused(err error) (int, error) {
	known := asRest(err)
	if known.Status != http.StatusForbidden {
		return 0, err
	}
	a.Failures = append(a.Failures, map[string]any{"reason": known.Object(), "status": known.Status})
	return known.Status, nil
}

// beginFound asks for the search with the body that OpenSearch's worker would send.
func (e *Engine) beginFound(q *request, b *byQuery) error {
	resolved, _ := e.Resolve(b.spec.exprs)
	return q.fx.Begin(rest.Action{
		Name: "indices:data/read/search", Request: "SearchRequest", Parent: b.action, Indices: b.spec.exprs, Resolved: resolved, Body: b.body,
	})
}

// findAll returns the documents that match, and how many indices were searched.
func (e *Engine) findAll(q *request, b *byQuery) (docs []found, indices int, err error) {
	targets, _, err := e.searched(q, b.spec)
	if err != nil {
		return nil, 0, err
	}
	r := *b.spec.Request
	r.Size = 0
	res, err := query.Run(q, &r, targets, q.now)
	if err != nil {
		return nil, 0, err
	}
	for _, sh := range res.Shards {
		for _, d := range sh.Docs {
			if b.max >= 0 && len(docs) >= b.max {
				return docs, len(targets), nil
			}
			docs = append(docs, found{sh.Context.Index, d})
		}
	}
	return docs, len(targets), nil
}

func (e *Engine) writeBatch(q *request, b *byQuery, batch []found, a *byQueryAnswer, touched *[]string) (int, error) {
	if b.read != nil {
		for _, f := range batch {
			q.fx.Read(rest.Read{Index: f.x, ID: f.d.ID, Shard: f.d.Shard, Source: b.read(f.d)})
		}
	}
	var ops []*docOp
	for _, f := range batch {
		op, err := b.make(f.x, f.d)
		if err != nil {
			return 0, err
		}
		if op == nil {
			a.Noops++
			continue
		}
		op.Pipeline = b.pipeline
		ops = append(ops, op)
	}
	status := http.StatusOK
	if len(ops) == 0 {
		return status, nil
	}
	if err := q.fx.Begin(rest.Action{Name: "indices:data/write/bulk", Request: "BulkRequest", Parent: b.action, Run: a.Batches}); err != nil {
		return 0, err
	}
	for _, r := range e.write(q, newWriteRequest("indices:data/write/bulk", ops...)) {
		if r.x != nil && r.err == nil && !slices.Contains(*touched, r.x.Name) {
			*touched = append(*touched, r.x.Name)
		}
		if s := a.count(b, r); s != http.StatusOK {
			status = s
		}
	}
	return status, nil
}

// count adds a result and returns the status that it gives the answer.
func (a *byQueryAnswer) count(b *byQuery, r *docResult) int {
	switch {
	case r.err == nil && r.result == "created":
		*a.Created++
	case r.err == nil && r.result == "updated":
		*a.Updated++
	case r.err == nil && r.result == "deleted":
		a.Deleted++
	case r.err == nil:
		a.Noops++
	default:
		known := asRest(r.err)
		if known.Status == http.StatusConflict {
			a.VersionConflicts++
			if b.proceed {
				return http.StatusOK
			}
		}
		a.Failures = append(a.Failures, map[string]any{
			"index": r.op.Index, "id": r.op.ID, "cause": known.Object(), "status": known.Status,
		})
		return known.Status
	}
	return http.StatusOK
}

func (e *Engine) finishByQuery(q *request, b *byQuery, touched []string) error {
	if b.refresh && len(touched) > 0 {
		if err := q.fx.Begin(rest.Action{
			Name: "indices:admin/refresh", Request: "RefreshRequest", Parent: b.action, Indices: touched, Resolved: touched,
		}); err != nil {
			return err
		}
		s := e.state.Load()
		var indices []*index
		for _, name := range touched {
			if x := s.indices[name]; x != nil {
				indices = append(indices, x)
			}
		}
		if err := e.beginShards(q, indices, "indices:admin/refresh", "BasicReplicationRequest", 0); err != nil {
			return err
		}
	}
	return nil
}

// clearFound ends the search. As in OpenSearch 2.19 a caller who may not is recorded, and the answer stays what it is.
func (e *Engine) clearFound(q *request) error {
	err := q.fx.Begin(rest.Action{Name: "indices:data/read/scroll/clear", Request: "ClearScrollRequest"})
	if err != nil && asRest(err).Status == http.StatusForbidden {
		return nil
	}
	return err
}
