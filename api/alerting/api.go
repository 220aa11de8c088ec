// Package alerting answers in the dialect of OpenSearch's alerting and notifications plugins, under their names and those of
// Open Distro.
//
// It reads requests and words answers; what a monitor does is decided in vigil/alerting. It must not ask who may do what:
// that was settled by the row of the request before a handler runs. Start reading at [API.Routes] and [Options].
package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	core "vigil/alerting"
	"vigil/rest"
)

// maxBody bounds a body that no gateway has read before.
const maxBody = 10 << 20

// Options are what the handlers work with. All are needed but Normalize and Log.
type Options struct {
	Store     *core.Store
	Runner    *core.Runner
	Scheduler *core.Scheduler
	// Searcher checks that a monitor's author may read what the monitor will.
	Searcher core.Searcher
	// Sender delivers test messages.
	Sender core.Sender
	// Caller returns who makes the request.
	Caller func(context.Context) core.User
	// Normalize parses a search body and writes it out again with all defaults, as OpenSearch answers and stores it. Its
	// errors are *rest.Error. Nil keeps bodies as they are.
	Normalize func(json.RawMessage) (json.RawMessage, error)
	// ClusterName and NodeName are told by the statistics.
	ClusterName, NodeName string
	Log                   *slog.Logger
}

// API holds the handlers. It is safe for concurrent use.
type API struct{ o Options }

// New returns the handlers.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Normalize == nil {
		o.Normalize = func(body json.RawMessage) (json.RawMessage, error) { return body, nil }
	}
	return &API{o: o}
}

// request is a call with its body read.
type request struct {
	*http.Request
	call *rest.Call
	body []byte
}

// answer is what a handler gives back.
type answer struct {
	status   int
	location string
	body     any
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

type handlerFunc func(context.Context, *request) (answer, error)

// handle makes a handler of a function that answers or fails. Nil params take any.
func (a *API) handle(f handlerFunc, params []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := read(w, r)
		var out answer
		if err == nil && params != nil {
			err = checkParams(q, params)
		}
		if err == nil {
			out, err = f(r.Context(), q)
		}
		if err != nil {
			e := convert(err)
			if e.Status >= http.StatusInternalServerError && e.Status != http.StatusNotImplemented {
				a.o.Log.ErrorContext(r.Context(), "alerting request failed", "method", r.Method, "path", r.URL.Path, "error", err)
			}
			if r.Method == http.MethodHead {
				head(w, e.Status)
				return
			}
			rest.AnswerError(w, r, e)
			return
		}
		if out.location != "" {
			w.Header().Set("Location", out.location)
		}
		if r.Method == http.MethodHead {
			head(w, out.status)
			return
		}
		rest.Answer(w, r, out.status, out.body)
	})
}

// head answers without a body, and with the type that it would have.
func head(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
}

func read(w http.ResponseWriter, r *http.Request) (*request, error) {
	q := &request{Request: r, call: rest.FromContext(r.Context())}
	if q.call == nil {
		q.call = &rest.Call{Query: r.URL.Query()}
	}
	q.body = q.call.Body
	if q.body == nil && r.Body != nil {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, rest.Errorf(http.StatusRequestEntityTooLarge, "content_too_long_exception", "the body is longer than %d bytes", maxBody)
		}
		if err != nil {
			return nil, rest.Errorf(http.StatusBadRequest, "parse_exception", "cannot read the body")
		}
		q.body = body
	}
	q.body = bytes.TrimSpace(q.body)
	return q, nil
}

func (q *request) param(name, standard string) string {
	if v, ok := q.call.Param(name); ok && v != "" {
		return v
	}
	return standard
}

// object demands a JSON object as body.
func (q *request) object() error {
	if len(q.body) == 0 {
		return rest.Errorf(http.StatusBadRequest, "parse_exception", "request body is required")
	}
	return validJSON(q.body)
}
