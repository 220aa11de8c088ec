package engine

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

const writeParams = "routing timeout refresh wait_for_active_shards if_seq_no if_primary_term version version_type pipeline require_alias op_type "

// docAnswer is what a write of a document answers, and what an item of a bulk holds.
type docAnswer struct {
	Index         string     `json:"_index"`
	ID            string     `json:"_id"`
	Version       int64      `json:"_version"`
	Result        string     `json:"result"`
	ForcedRefresh bool       `json:"forced_refresh,omitempty"`
	Shards        shardsOf   `json:"_shards"`
	SeqNo         int64      `json:"_seq_no"`
	PrimaryTerm   int64      `json:"_primary_term"`
	Get           *getResult `json:"get,omitempty"`
	Status        int        `json:"status,omitempty"`
}

func (r *docResult) answer(refresh bool) docAnswer {
	if r.dropped {
		return docAnswer{Index: r.op.Index, ID: r.op.ID, Version: r.version, Result: r.result, SeqNo: r.seq}
	}
	a := docAnswer{
		Index: r.x.Name, ID: r.op.ID, Version: r.version, Result: r.result, ForcedRefresh: refresh && r.result != "noop",
		Shards: r.x.writeShards(), SeqNo: r.seq, PrimaryTerm: r.term,
	}
	if r.result == "noop" {
		a.Shards = shardsOf{}
	}
	return a
}

func (r *docResult) status() int {
	switch r.result {
	case "created":
		return http.StatusCreated
	case "not_found":
		return http.StatusNotFound
	}
	return http.StatusOK
}

// newID makes an id in the form of OpenSearch's: 20 characters of URL-safe base64.
func (e *Engine) newID(random io.Reader) string {
	var b [15]byte
	_, _ = io.ReadFull(random, b[:]) // neither of the readers in use fails
	binary.BigEndian.PutUint32(b[:4], uint32(e.opts.Now().Unix()))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// refreshed reads the parameter refresh. Everything acknowledged is visible anyway; only the answer tells a forced one.
func (q *request) refreshed() (bool, error) {
	switch v := q.str("refresh", "false"); v {
	case "", "true":
		return true, nil
	case "false", "wait_for":
		return false, nil
	default:
		return false, badRequest("Unknown value for refresh: [%s].", v)
	}
}

// docOp reads the operation of a request for a single document.
func (q *request) docOp(kind string) (*docOp, error) {
	op := &docOp{BulkItem: rest.BulkItem{Op: kind, Index: q.call.Vars["index"], ID: q.call.Vars["id"], Routing: q.str("routing", "")}}
	if len(op.ID) > 512 {
		return nil, validation(fmt.Sprintf("id [%s] is too long, must be no longer than 512 bytes but was: %d", op.ID, len(op.ID)))
	}
	if op.Pipeline = q.str("pipeline", ""); op.Pipeline != "" && kind != "index" && kind != "create" {
		return nil, badRequest("[pipeline] is not supported for a %s", kind)
	}
	for name, to := range map[string]**int64{"if_seq_no": &op.IfSeqNo, "if_primary_term": &op.IfPrimaryTerm, "version": &op.Version} {
		if v, given := q.call.Param(name); given {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return nil, badRequest("Failed to parse long parameter [%s] with value [%s]", name, v)
			}
			*to = &n
		}
	}
	if (op.IfSeqNo == nil) != (op.IfPrimaryTerm == nil) {
		if op.IfSeqNo != nil {
			return nil, validation("ifSeqNo is set, but primary term is [0]")
		}
		return nil, validation(fmt.Sprintf("ifSeqNo is unassigned, but primary term is [%d]", *op.IfPrimaryTerm))
	}
	var err error
	if op.RequireAlias, err = q.flag("require_alias", false); err != nil {
		return nil, err
	}
	switch op.VersionType = q.str("version_type", "internal"); op.VersionType {
	case "internal", "external", "external_gte":
	case "external_gt":
		op.VersionType = "external"
	default:
		return nil, badRequest("No version type match [%s]", op.VersionType)
	}
	if op.VersionType != "internal" && op.Version == nil {
		return nil, validation("illegal version value [-3] for version type [" + strings.ToUpper(op.VersionType) + "]")
	}
	return op, nil
}

func (e *Engine) handleIndex(q *request) (*answer, error) {
	kind := q.str("op_type", "index")
	switch {
	case q.call.Route.Op == "create":
		kind = "create"
	case kind != "index" && kind != "create":
		return nil, badRequest("opType must be 'create' or 'index', found: [%s]", kind)
	}
	op, err := q.docOp(kind)
	if err != nil {
		return nil, err
	}
	if op.ID == "" {
		op.ID, op.autoID = e.newID(rand.Reader), true
		if op.Version != nil {
			return nil, validation("an id must be provided if version type or value are set")
		}
	}
	if kind == "create" && (op.Version != nil || op.IfSeqNo != nil) {
		return nil, validation("create operations do not support compare and set. use index instead")
	}
	if len(q.body) == 0 {
		return nil, rest.Errorf(http.StatusBadRequest, "parse_exception", "request body is required")
	}
	op.Source = q.body
	return e.writeSingle(q, op)
}

func (e *Engine) handleDelete(q *request) (*answer, error) {
	op, err := q.docOp("delete")
	if err != nil {
		return nil, err
	}
	return e.writeSingle(q, op)
}

func (e *Engine) handleUpdate(q *request) (*answer, error) {
	op, err := q.docOp("update")
	if err != nil {
		return nil, err
	}
	if op.Version != nil {
		return nil, badRequest("internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead")
	}
	if op.update, err = parseUpdate(q.body); err != nil {
		return nil, err
	}
	if filter := q.sourceParams(); filter != nil {
		op.update.source = filter
	}
	op.Source = q.body
	return e.writeSingle(q, op)
}

func (e *Engine) writeSingle(q *request, op *docOp) (*answer, error) {
	refresh, err := q.refreshed()
	if err != nil {
		return nil, err
	}
	r := e.write(q, newWriteRequest("indices:data/write/bulk", op))[0]
	if r.err != nil {
		return nil, r.err
	}
	body := r.answer(refresh)
	if op.update != nil && op.update.source != nil {
		if body.Get, err = r.got(); err != nil {
			return nil, err
		}
	}
	a := &answer{status: r.status(), body: body}
	if r.result == "created" {
		a.header = map[string]string{"Location": "/" + r.x.Name + "/_doc/" + url.PathEscape(op.ID)}
	}
	return a, nil
}

// got is the document that an update may return.
func (r *docResult) got() (*getResult, error) {
	filter, err := sourceFilter(r.op.update.source)
	if err != nil {
		return nil, err
	}
	return &getResult{SeqNo: &r.seq, PrimaryTerm: &r.term, Found: true, Source: filtered(filter, r.after)}, nil
}

// getResult is a document as get and mget answer it.
type getResult struct {
	Index       string          `json:"_index,omitempty"`
	ID          string          `json:"_id,omitempty"`
	Version     *int64          `json:"_version,omitempty"`
	SeqNo       *int64          `json:"_seq_no,omitempty"`
	PrimaryTerm *int64          `json:"_primary_term,omitempty"`
	Routing     string          `json:"_routing,omitempty"`
	Found       bool            `json:"found"`
	Source      json.RawMessage `json:"_source,omitempty"`
}

const getParams = "routing preference realtime refresh stored_fields version version_type _source _source_includes _source_excludes "

// sourceParams joins the query parameters that select parts of the source; nil if there are none.
func (q *request) sourceParams() json.RawMessage {
	v, given := q.call.Param("_source")
	in, ex := q.list("_source_includes"), q.list("_source_excludes")
	if !given && in == nil && ex == nil {
		return nil
	}
	switch v {
	case "true", "false":
		if in == nil && ex == nil {
			return json.RawMessage(v)
		}
	case "":
	default:
		in = append(in, strings.Split(v, ",")...)
	}
	b, _ := json.Marshal(map[string][]string{"includes": in, "excludes": ex}) // strings always encode
	if in == nil {
		b, _ = json.Marshal(map[string][]string{"excludes": ex})
	} else if ex == nil {
		b, _ = json.Marshal(map[string][]string{"includes": in})
	}
	return b
}

// sourceFilter reads what of a source is wanted; nil is all of it.
func sourceFilter(raw json.RawMessage) (*query.SourceFilter, error) {
	if raw == nil {
		return nil, nil //nolint:nilnil // no filter
	}
	r, err := query.ParseRequest(slices.Concat([]byte(`{"_source":`), raw, []byte("}")))
	if err != nil {
		return nil, err
	}
	return r.Source, nil
}

// filtered returns what a filter leaves of a source; nil if it leaves the source out.
func filtered(f *query.SourceFilter, source json.RawMessage) json.RawMessage {
	switch {
	case f == nil:
		return source
	case f.Off:
		return nil
	}
	return query.FilterSource(source, f.Includes, f.Excludes)
}

// find returns a document for reading, or nil.
func (e *Engine) find(q *request) (*index, *segment.Doc, error) {
	x, err := e.single(e.state.Load(), q.call.Vars["index"])
	if err != nil {
		return nil, nil, err
	}
	if err := q.judged(x.Name); err != nil {
		return nil, nil, err
	}
	if v, given := q.call.Param("stored_fields"); given {
		return nil, nil, badRequest("stored_fields [%s] are not supported: no field is stored", v)
	}
	d := q.lookup(x, q.call.Vars["id"], q.str("routing", ""))
	if v, given := q.call.Param("version"); given && d != nil {
		if want, err := strconv.ParseInt(v, 10, 64); err != nil || want != d.Version {
			return nil, nil, rest.Errorf(http.StatusConflict, "version_conflict_engine_exception",
				"[%s]: version conflict, current version [%d] is different than the one provided [%s]", d.ID, d.Version, v)
		}
	}
	return x, d, nil
}

// hides reports whether the caller must not see documents of an index although its request may run.
func (q *request) hides(x *index) bool { return slices.Contains(q.call.Hidden, x.Name) }

// lookup returns a document that the caller may see.
func (q *request) lookup(x *index, id, routing string) *segment.Doc {
	if q.hides(x) {
		return nil
	}
	return x.lookup(id, routing)
}

// lookup returns a document by id. With several shards the routing must lead to the document's shard.
func (x *index) lookup(id, routing string) *segment.Doc {
	d := x.docs.get(id)
	if d == nil || x.shards() < 2 {
		return d
	}
	if routing == "" {
		routing = id
	}
	if rest.ShardOf(routing, x.shards()) != d.Shard {
		return nil
	}
	return d
}

func (e *Engine) handleGet(q *request) (*answer, error) {
	x, d, err := e.find(q)
	if err != nil {
		return nil, err
	}
	filter, err := sourceFilter(q.sourceParams())
	if err != nil {
		return nil, err
	}
	g := got(x, q.call.Vars["id"], d, filter)
	if d == nil {
		return &answer{status: http.StatusNotFound, body: g}, nil
	}
	return ok(g)
}

func got(x *index, id string, d *segment.Doc, filter *query.SourceFilter) *getResult {
	g := &getResult{Index: x.Name, ID: id}
	if d == nil {
		return g
	}
	g.Version, g.SeqNo, g.PrimaryTerm, g.Routing, g.Found = &d.Version, &d.Seq, &d.Term, d.Routing, true
	g.Source = filtered(filter, d.Source)
	return g
}

func (e *Engine) handleGetSource(q *request) (*answer, error) {
	x, d, err := e.find(q)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, rest.Errorf(http.StatusNotFound, "resource_not_found_exception", "Document not found [%s]/[%s]", x.Name, q.call.Vars["id"])
	}
	filter, err := sourceFilter(q.sourceParams())
	if err != nil {
		return nil, err
	}
	src := filtered(filter, d.Source)
	if src == nil {
		return nil, validation("fetching source can not be disabled")
	}
	return ok(src)
}
