package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/valyala/fastjson"

	"vigil/engine/query"
	"vigil/rest"
	"vigil/script"
)

// parseScript reads the script of an update or by-query request.
func parseScript(v *query.Node) (*query.Script, error) {
	s, err := query.ParseScript(v)
	if e, ok := errors.AsType[*query.Error](err); ok && e.Script != nil {
		return nil, scriptFailed(e.Script)
	}
	return s, err
}

// scriptFailed words an error of a script.
func scriptFailed(err error) error {
	return &rest.Error{
		Status: http.StatusBadRequest, Type: "illegal_argument_exception", Reason: "failed to execute script",
		CausedBy: &rest.Error{Status: http.StatusBadRequest, Type: "script_exception", Reason: err.Error()}, Cause: err,
	}
}

// scriptInput is what a script may read and change as ctx.
type scriptInput struct {
	op      string
	source  json.RawMessage
	id      string
	index   string
	routing string
	version int64
	now     time.Time
}

type scriptOutput struct {
	op     string
	source json.RawMessage
}

func (e *Engine) runScript(q *request, s *query.Script, in scriptInput) (scriptOutput, error) {
	program, err := s.Program(e.state.Load().program)
	if err != nil {
		return scriptOutput{}, &rest.Error{
			Status: http.StatusBadRequest, Type: "illegal_argument_exception", Reason: "failed to execute script", CausedBy: asRest(err), Cause: err,
		}
	}
	var source map[string]any
	if err := decodeNumbers(in.source, &source); err != nil {
		return scriptOutput{}, err
	}
	vars := map[string]any{
		"op": in.op, "_source": source, "_index": in.index, "_id": in.id, "_version": in.version, "_now": in.now.UnixMilli(),
		"_routing": nil,
	}
	if in.routing != "" {
		vars["_routing"] = in.routing
	}
	params := s.Params
	if params == nil {
		params = map[string]any{}
	}
	if _, err := program.Eval(q, map[string]any{"ctx": vars, "params": params}, script.Limits{}); err != nil {
		return scriptOutput{}, scriptFailed(err)
	}
	op, _ := vars["op"].(string)
	changed, isObject := vars["_source"].(map[string]any)
	if !isObject {
		return scriptOutput{}, badRequest("ctx._source must be an object")
	}
	out, err := encodeLike(changed, in.source)
	return scriptOutput{op: op, source: out}, err
}

func decodeNumbers(raw json.RawMessage, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}

// encodeLike encodes a value with the members of objects in the order that they had in the original, and new ones after
// them in order of their names.
func encodeLike(v any, original json.RawMessage) (json.RawMessage, error) {
	like, err := fastjson.ParseBytes(original)
	if err != nil {
		like = nil
	}
	return query.AppendLike(nil, v, like)
}
