package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Error is an error as a client of the OpenSearch API expects to read it. Fields of Extra appear beside type and reason
// ("index", "index_uuid", "line", …). The wrapped Cause is for logs; CausedBy is for the client.
type Error struct {
	Status int
	// Type is a name such as "index_not_found_exception". Without one the error is told as a plain sentence,
	// {"error":reason,"status":status}, which is how OpenSearch's router and its parameter checks answer.
	Type     string
	Reason   string
	Extra    map[string]any
	CausedBy *Error
	Cause    error
	// Bare leaves the status out of a plain sentence: {"error":reason}.
	Bare bool
	// Header goes out with the answer (Allow, Retry-After).
	Header http.Header
}

// Errorf returns an Error with a formatted reason. A %w operand becomes its Cause.
func Errorf(status int, typ, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Status: status, Type: typ, Reason: err.Error(), Cause: errors.Unwrap(err)}
}

// Error returns type and reason.
func (e *Error) Error() string {
	if e.Type == "" {
		return e.Reason
	}
	return e.Type + ": " + e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// With returns a copy that carries one more field beside type and reason.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Extra = make(map[string]any, len(e.Extra)+1)
	maps.Copy(c.Extra, e.Extra)
	c.Extra[key] = value
	return &c
}

// Object returns the error as the object that items of a bulk and root causes hold.
func (e *Error) Object() map[string]any {
	o := make(map[string]any, len(e.Extra)+3)
	maps.Copy(o, e.Extra)
	o["type"], o["reason"] = e.Type, e.Reason
	if e.CausedBy != nil {
		o["caused_by"] = e.CausedBy.Object()
	}
	return o
}

// AsError returns err as an Error. What is not one becomes a 500 that tells nothing of the inside; the caller logs err.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Type: "exception", Reason: "internal error", Cause: err}
}

// Body returns the whole answer as a value: {"error":{"root_cause":[…],"type":…,"reason":…},"status":…}, or the plain
// sentence of an error without a type.
func (e *Error) Body() map[string]any {
	if e.Type == "" {
		if e.Bare {
			return map[string]any{"error": e.Reason}
		}
		return map[string]any{"error": e.Reason, "status": e.Status}
	}
	body := e.Object()
	cause := e.root().Object()
	delete(cause, "caused_by")
	body["root_cause"] = []any{cause}
	return map[string]any{"error": body, "status": e.Status}
}

// root returns the error that OpenSearch 2.19 tells as the root cause: it looks below an exception of its own as long as the
// cause is one of its own, too, below one of its content parser as long as the cause is either, and below a failed search
// in any case. It never looks below those of the language and of libraries.
func (e *Error) root() *Error {
	for e.CausedBy != nil {
		below := e.CausedBy.own()
		switch {
		case e.Type == "search_phase_execution_exception":
			below = true
		case e.parser():
			below = below || e.CausedBy.parser()
		case !e.own():
			below = false
		}
		if !below {
			break
		}
		e = e.CausedBy
	}
	return e
}

// parser says whether the exception is one of OpenSearch's content parser, which are not among its own.
func (e *Error) parser() bool {
	return e.Type == "x_content_parse_exception" || e.Type == "named_object_not_found_exception"
}

// own says whether the exception is one of OpenSearch's own: not the parser's, the language's or a library's.
func (e *Error) own() bool {
	switch e.Type {
	case "exception", "runtime_exception", "illegal_argument_exception", "illegal_state_exception", "null_pointer_exception",
		"number_format_exception", "arithmetic_exception", "class_cast_exception", "unsupported_operation_exception",
		"index_out_of_bounds_exception", "array_index_out_of_bounds_exception", "string_index_out_of_bounds_exception",
		"i_o_exception", "unchecked_i_o_exception", "no_such_file_exception", "unknown_host_exception", "connect_exception",
		"date_time_exception", "date_time_parse_exception", "zone_rules_exception", "pattern_syntax_exception",
		"json_parse_exception", "json_e_o_f_exception", "input_coercion_exception", "not_x_content_exception", "mustache_exception",
		"too_many_clauses", "too_many_nested_clauses", "max_bytes_length_exceeded_exception",
		"validation_exception", "action_request_validation_exception", "too_long_http_content_exception", "painless_error":
		return false
	case "parse_exception":
		return !strings.HasPrefix(e.Reason, "Cannot parse") // that is the one of Lucene's query syntax
	}
	return !e.parser()
}

// WriteError answers with err in OpenSearch's shape, see [Error.Body].
func WriteError(w http.ResponseWriter, err error) {
	e := AsError(err)
	maps.Copy(w.Header(), e.Header)
	WriteJSON(w, e.Status, e.Body())
}

// WriteJSON answers with v as JSON. HTML characters are not escaped: the answer is data.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// The status line has left; a client that went away is all that can fail here.
	_ = enc.Encode(v)
}
