package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

// request is a call on its way through a handler.
type request struct {
	context.Context //nolint:containedctx // it is the request's own and ends with it

	http *http.Request
	call *rest.Call
	body []byte
	fx   *rest.Effects
	now  time.Time
	// warned is what was accepted without effect; the parts of a request share it.
	warned *[]string
}

// operation is one entry of the API: which query parameters it knows, and what it does.
type operation struct {
	params string // separated by spaces
	handle func(q *request) (*answer, error)
}

// answer is what a handler says.
type answer struct {
	status int
	body   any      // encoded as JSON, unless ctype is set
	text   []byte   // sent as it is
	parts  [][]byte // JSON in pieces, instead of body
	ctype  string
	pretty bool // unless the client says otherwise
	header map[string]string
}

func ok(body any) (*answer, error) { return &answer{status: http.StatusOK, body: body}, nil }

func acknowledged() (*answer, error) { return ok(map[string]any{"acknowledged": true}) }

// everywhere are the parameters that every request may carry. The front applies them to the answer.
const everywhere = "pretty human error_trace filter_path format source source_content_type"

// unbuilt are parameters that are known and may be off.
const unbuilt = "include_defaults include_type_name rewrite groups include_unmapped"

// serve reads the body, runs the handler and checks the parameters.
func (e *Engine) serve(op operation, w http.ResponseWriter, q *request) (*answer, error) {
	if err := checkParams(q.http, q.call, op.params); err != nil {
		return nil, err
	}
	for name := range strings.FieldsSeq(unbuilt) {
		if q.call.Flag(name) {
			return nil, badRequest("[%s] is not supported", name)
		}
	}
	q.body = q.call.Body
	if q.body == nil && q.http.Body != nil {
		b, err := readAll(http.MaxBytesReader(w, q.http.Body, e.opts.MaxBody), q.http.ContentLength)
		if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
			return nil, rest.Errorf(http.StatusRequestEntityTooLarge, "too_long_http_content_exception",
				"entity content is too long for the configured buffer limit [%d]", e.opts.MaxBody)
		}
		if err != nil {
			return nil, rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", "read body: %w", err)
		}
		q.body = b
	}
	if s, ok := q.call.Param("source"); ok && len(q.body) == 0 {
		q.body = []byte(s)
	}
	q.warnParams(q.call.Route.Op)
	a, err := op.handle(q)
	if err == nil && len(*q.warned) > 0 {
		a.header = maps.Clone(a.header)
		if a.header == nil {
			a.header = map[string]string{}
		}
		a.header["Warning"] = warningHeader(*q.warned)
	}
	return a, err
}

func (a *answer) write(w http.ResponseWriter, q *request) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.ctype == "" {
		r := q.http
		if _, given := q.call.Param("pretty"); a.pretty && !given {
			call := *q.call
			call.Query = maps.Clone(call.Query)
			call.Query.Set("pretty", "true")
			r = r.WithContext(rest.NewContext(r.Context(), &call))
		}
		if a.parts != nil {
			rest.AnswerParts(w, r, a.status, a.parts)
			return
		}
		rest.Answer(w, r, a.status, a.body)
		return
	}
	w.Header().Set("Content-Type", a.ctype)
	w.WriteHeader(a.status)
	// The status line has left; a client that went away is all that can fail here.
	_, _ = w.Write(a.text)
}

// believed is how long a body is believed to be before it has come.
const believed = 4 << 20

// readAll reads a body that says it has n bytes, if n is not negative.
func readAll(body io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(n, 0), believed)) + bytes.MinRead)
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// CheckParams refuses query parameters that the operation of a call does not know. OpenSearch does so before it asks for
// privileges; the gateway asks here. See compat/scenarios/audit/08l-ignore-headers-params.json.
func (e *Engine) CheckParams(r *http.Request, c *rest.Call) error {
	op, built := e.ops[c.Route.Op]
	if !built {
		return nil
	}
	return checkParams(r, c, op.params)
}

// checkParams refuses query parameters that the operation does not know, as OpenSearch does.
func checkParams(r *http.Request, c *rest.Call, known string) error {
	if len(c.Query) == 0 {
		return nil // nearly every request
	}
	var unknown []string
	names := strings.Fields(known + " " + everywhere)
	for _, name := range slices.Sorted(maps.Keys(c.Query)) {
		if !slices.Contains(names, name) {
			unknown = append(unknown, "["+name+"]")
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	plural := ""
	if len(unknown) > 1 {
		plural = "s"
	}
	return badRequest("request [%s] contains unrecognized parameter%s: %s", r.URL.Path, plural, strings.Join(unknown, ", "))
}

func badRequest(format string, args ...any) *rest.Error {
	return rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", format, args...)
}

// str returns a query parameter or def.
func (q *request) str(name, def string) string {
	if v, ok := q.call.Param(name); ok {
		return v
	}
	return def
}

// flag returns a boolean query parameter: "" and "true" are on.
func (q *request) flag(name string, def bool) (bool, error) {
	v, ok := q.call.Param(name)
	if !ok {
		return def, nil
	}
	switch v {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badRequest("Failed to parse value [%s] as only [true] or [false] are allowed.", v)
}

func (q *request) number(name string, def int64) (int64, error) {
	v, ok := q.call.Param(name)
	if !ok {
		return def, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, badRequest("Failed to parse int parameter [%s] with value [%s]", name, v)
	}
	return n, nil
}

// list returns a query parameter split at commas.
func (q *request) list(name string) []string {
	v, _ := q.call.Param(name)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// indices are the index expressions of the path; nil means all.
func (q *request) indices() []string { return q.call.Indices }

// decode reads the body as a JSON object into v, refusing members that v does not have.
func (q *request) decode(v any) error { return decodeStrict(q.body, v) }

func decodeStrict(body []byte, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if dec.More() {
			return badRequest("unexpected content after the end of the object")
		}
		return nil
	}
	if field, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return rest.Errorf(http.StatusBadRequest, "x_content_parse_exception", "unknown field [%s]", strings.Trim(field, `"`))
	}
	if _, perr := query.ParseJSON(body); perr != nil {
		return perr
	}
	return rest.Errorf(http.StatusBadRequest, "parse_exception", "%s", strings.TrimPrefix(err.Error(), "json: "))
}

// asRest words an error of the packages below for the client.
func asRest(err error) *rest.Error {
	if e, ok := errors.AsType[*rest.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*segment.Error](err); ok {
		return fromSegment(e)
	}
	if e, ok := errors.AsType[*query.Error](err); ok {
		return fromQuery(e)
	}
	if errors.Is(err, errClosed) {
		return rest.AsError(logRefused(err))
	}
	return rest.AsError(err)
}

func fromSegment(e *segment.Error) *rest.Error {
	out := &rest.Error{Status: http.StatusBadRequest, Type: e.Type, Reason: e.Reason}
	if e.Cause != nil {
		out.CausedBy = fromSegment(e.Cause)
	}
	return out
}

// fromQuery words an error of a search. What a shard raised is a search_phase_execution_exception to the client.
func fromQuery(e *query.Error) *rest.Error {
	out := plainQuery(e)
	if !e.Shard {
		return out
	}
	failed := map[string]any{"shard": 0, "index": e.Index, "reason": out.Object()}
	phase := &rest.Error{
		Status: out.Status, Type: "search_phase_execution_exception", Reason: "all shards failed", CausedBy: out,
		Extra: map[string]any{"phase": "query", "grouped": true, "failed_shards": []any{failed}},
	}
	if e.Type == "query_shard_exception" {
		phase.CausedBy = out.With("index", e.Index)
	}
	return phase
}

func plainQuery(e *query.Error) *rest.Error {
	out := &rest.Error{Status: e.Status, Type: e.Type, Reason: e.Reason}
	if out.Status == 0 {
		out.Status = http.StatusBadRequest
	}
	if e.Type == "json_parse_exception" && strings.HasPrefix(e.Reason, "Unexpected end-of-input") {
		out.Type = "json_e_o_f_exception" // Jackson has a class of its own for it (compat: 07b malformed)
	}
	if e.Line > 0 {
		out.Extra = map[string]any{"line": e.Line, "col": e.Column}
	}
	if e.CausedBy != nil {
		out.CausedBy = plainQuery(e.CausedBy)
	}
	return out
}

// timeValue reads "30s", "1m", "2d", "100ms" or "-1" as OpenSearch's time values.
func timeValue(name, v string) (time.Duration, error) {
	units := []struct {
		suffix string
		unit   time.Duration
	}{{"nanos", 1}, {"micros", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}
	if v == "0" || v == "-1" {
		return time.Duration(-len(v) + 1), nil
	}
	for _, u := range units {
		num, ok := strings.CutSuffix(v, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(num, 10, 64)
		if err != nil || n < 0 || n > int64(1<<62)/int64(u.unit) {
			break
		}
		return time.Duration(n) * u.unit, nil
	}
	return 0, badRequest("failed to parse setting [%s] with value [%s] as a time value: unit is missing or unrecognized", name, v)
}

func (x *index) gcDeletes() time.Duration {
	d, err := timeValue("index.gc_deletes", x.setting("gc_deletes", "60s"))
	if err != nil {
		return time.Minute
	}
	return d
}

// shardsOf is the _shards member of answers.
type shardsOf struct {
	Total      int `json:"total"`
	Successful int `json:"successful"`
	Failed     int `json:"failed"`
}

// searchShards is the same for searches.
type searchShards struct {
	Total      int `json:"total"`
	Successful int `json:"successful"`
	Skipped    int `json:"skipped"`
	Failed     int `json:"failed"`
}

func (x *index) writeShards() shardsOf { return shardsOf{Total: 1 + x.replicas(), Successful: 1} }

func notFound(name string) *rest.Error {
	return &rest.Error{
		Status: http.StatusNotFound, Type: "index_not_found_exception", Reason: fmt.Sprintf("no such index [%s]", name),
		Extra: map[string]any{"index": name, "resource.id": name, "resource.type": "index_or_alias", "index_uuid": "_na_"},
	}
}
