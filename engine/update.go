package engine

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/valyala/fastjson"

	"vigil/engine/query"
	"vigil/rest"
)

// updateSpec is the body of an update.
type updateSpec struct {
	doc, upsert    json.RawMessage
	script         *query.Script
	docAsUpsert    bool
	scriptedUpsert bool
	detectNoop     bool
	// source is what of the new document the answer holds.
	source json.RawMessage
	// Conditions written into the body.
	ifSeqNo, ifPrimaryTerm *int64
}

func parseUpdate(body []byte) (*updateSpec, error) {
	n, err := query.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	if n.Kind != query.Object {
		return nil, rest.Errorf(http.StatusBadRequest, "parse_exception", "request body is required")
	}
	u := &updateSpec{detectNoop: true}
	for i, key := range n.Keys {
		if err := u.member(key, n.Items[i]); err != nil {
			return nil, err
		}
	}
	switch {
	case u.script == nil && u.doc == nil:
		return nil, validation("script or doc is missing")
	case u.script != nil && u.doc != nil:
		return nil, validation("can't provide both script and doc")
	case u.docAsUpsert && u.doc == nil:
		return nil, validation("doc must be specified if doc_as_upsert is enabled")
	}
	return u, nil
}

func (u *updateSpec) member(key string, v *query.Node) error {
	var err error
	switch key {
	case "doc", "upsert":
		if v.Kind != query.Object {
			return badRequest("[UpdateRequest] %s must be an object", key)
		}
		var written bytes.Buffer // OpenSearch writes them anew
		if err := json.Compact(&written, []byte(v.JSON())); err != nil {
			return err
		}
		if key == "doc" {
			u.doc = written.Bytes()
		} else {
			u.upsert = written.Bytes()
		}
	case "script":
		u.script, err = parseScript(v)
	case "doc_as_upsert":
		u.docAsUpsert, err = v.Bool()
	case "scripted_upsert":
		u.scriptedUpsert, err = v.Bool()
	case "detect_noop":
		u.detectNoop, err = v.Bool()
	case "_source":
		u.source = json.RawMessage(v.JSON())
	case "if_seq_no", "if_primary_term":
		var f float64
		if f, err = v.Float(); err == nil {
			n := int64(f)
			if key == "if_seq_no" {
				u.ifSeqNo = &n
			} else {
				u.ifPrimaryTerm = &n
			}
		}
	default:
		line, col := v.Pos()
		return rest.Errorf(http.StatusBadRequest, "x_content_parse_exception", "[%d:%d] [UpdateRequest] unknown field [%s]", line, col, key)
	}
	return err
}

func validation(reason string) *rest.Error {
	return rest.Errorf(http.StatusBadRequest, "action_request_validation_exception", "Validation Failed: 1: %s;", reason)
}

// decideUpdate makes the new source of an update.
func (e *Engine) decideUpdate(q *request, r *docResult, x *index, was record) (plan, error) {
	u := r.op.update
	if u.ifSeqNo != nil && u.ifPrimaryTerm != nil && r.op.IfSeqNo == nil {
		r.op.IfSeqNo, r.op.IfPrimaryTerm = u.ifSeqNo, u.ifPrimaryTerm
	}
	if !was.exists() {
		return e.decideUpsert(q, r, x, was)
	}
	if err := r.checkConditions(x, was); err != nil {
		return plan{}, err
	}
	if u.script != nil {
		return e.decideScript(q, r, x, was, was.doc.Source, "update")
	}
	merged, changed, err := mergeSource(was.doc.Source, u.doc)
	if err != nil {
		return plan{}, err
	}
	if u.detectNoop && !changed {
		return plan{result: "noop"}, nil
	}
	return e.planSource(x, r.op.ID, merged, was)
}

func (e *Engine) decideUpsert(q *request, r *docResult, x *index, was record) (plan, error) {
	u := r.op.update
	switch {
	case u.script != nil && u.scriptedUpsert && u.upsert != nil:
		return e.decideScript(q, r, x, was, u.upsert, "create")
	case u.upsert != nil:
		return e.planSource(x, r.op.ID, u.upsert, was)
	case u.docAsUpsert:
		return e.planSource(x, r.op.ID, u.doc, was)
	}
	return plan{}, r.onShard(x, rest.Errorf(http.StatusNotFound, "document_missing_exception", "[%s]: document missing", r.op.ID))
}

func (e *Engine) decideScript(q *request, r *docResult, x *index, was record, source json.RawMessage, op string) (plan, error) {
	out, err := e.runScript(q, r.op.update.script, scriptInput{
		op: op, source: source, id: r.op.ID, index: x.Name, routing: r.op.Routing, version: was.version(), now: q.now,
	})
	if err != nil {
		return plan{}, err
	}
	switch out.op {
	case "delete":
		if !was.exists() {
			return plan{result: "noop"}, nil
		}
		return plan{result: "deleted"}, nil
	case "none", "noop":
		return plan{result: "noop"}, nil
	case "index", "create", "update":
		return e.planSource(x, r.op.ID, out.source, was)
	}
	return plan{}, badRequest("Operation type [%s] not allowed, only [noop, index, delete] are allowed", out.op)
}

// mergeSource merges a partial document into a source, objects recursively, and says whether anything changed. Members keep
// their places and their text.
func mergeSource(source, partial json.RawMessage) (json.RawMessage, bool, error) {
	var base, add fastjson.Parser
	to, err := base.ParseBytes(source)
	if err != nil {
		return nil, false, badDocument(source, err)
	}
	from, err := add.ParseBytes(partial)
	if err != nil {
		return nil, false, badDocument(partial, err)
	}
	changed := mergeObject(to, from)
	return to.MarshalTo(nil), changed, nil
}

func mergeObject(to, from *fastjson.Value) bool {
	changed := false
	from.GetObject().Visit(func(k []byte, v *fastjson.Value) {
		key := string(k)
		old := to.GetObject().Get(key)
		if old != nil && old.Type() == fastjson.TypeObject && v.Type() == fastjson.TypeObject {
			changed = mergeObject(old, v) || changed
			return
		}
		if old == nil || string(old.MarshalTo(nil)) != string(v.MarshalTo(nil)) {
			to.GetObject().Set(key, v)
			changed = true
		}
	})
	return changed
}
