package security

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"vigil/audit"
	"vigil/authn"
	"vigil/cluster"
	"vigil/rest"
)

// maxBody bounds a request's body. The largest legitimate ones define a few hundred users.
const maxBody = 1 << 20

// refusal is an answer that is no success, as the plugin words it.
type refusal struct {
	status int
	body   any
	cause  error // for the log
}

func (e *refusal) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("security API: status %d: %v", e.status, e.cause)
	}
	return fmt.Sprintf("security API: status %d", e.status)
}

func (e *refusal) Unwrap() error { return e.cause }

// message is the body of successes and of most refusals.
type message struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

var statusNames = map[int]string{
	http.StatusOK: "OK", http.StatusCreated: "CREATED", http.StatusBadRequest: "BAD_REQUEST", http.StatusForbidden: "FORBIDDEN",
	http.StatusNotFound: "NOT_FOUND", http.StatusConflict: "CONFLICT", http.StatusRequestEntityTooLarge: "REQUEST_ENTITY_TOO_LARGE",
	http.StatusTooManyRequests: "TOO_MANY_REQUESTS", http.StatusInternalServerError: "INTERNAL_SERVER_ERROR",
	http.StatusNotImplemented: "NOT_IMPLEMENTED", http.StatusServiceUnavailable: "SERVICE_UNAVAILABLE",
}

func messageBody(status int, format string, args ...any) message {
	return message{Status: statusNames[status], Message: fmt.Sprintf(format, args...)}
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, body: messageBody(status, format, args...)}
}

// invalid is the other shape of a 400, for bodies that fail validation. Members follow status and reason, in order.
func invalid(reason string, members ...member) *refusal {
	b := []byte(`{"status":"error","reason":` + quote(reason))
	for _, m := range members {
		value, err := encode(m.value)
		if err != nil {
			continue // values are strings and objects of strings
		}
		b = append(append(b, ","+quote(m.key)+":"...), value...)
	}
	return &refusal{status: http.StatusBadRequest, body: json.RawMessage(append(b, '}'))}
}

type member struct {
	key   string
	value any
}

// keyList is how invalid keys are told: {"keys":"a,b"}.
func keyList(keys []string) map[string]string {
	slices.Sort(keys)
	return map[string]string{"keys": strings.Join(keys, ",")}
}

func quote(s string) string {
	b, err := encode(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

func notParsable() *refusal  { return invalid("Could not parse content of request.") }
func bodyRequired() *refusal { return invalid("Request body required for this action.") }

// asRefusal words an error for the client. What it does not know is ours: the client learns no details of it.
func asRefusal(err error) *refusal {
	if e, ok := errors.AsType[*refusal](err); ok {
		return e
	}
	if e, ok := errors.AsType[*audit.ConfigError](err); ok {
		return &refusal{status: http.StatusBadRequest, body: e.Body, cause: e}
	}
	if e, ok := errors.AsType[patchError](err); ok {
		return refuse(http.StatusBadRequest, "%s", string(e))
	}
	if e, ok := errors.AsType[*authn.FailedError](err); ok && e.Status == http.StatusTooManyRequests {
		return refuse(http.StatusTooManyRequests, "Too many passwords are being checked")
	}
	if errors.Is(err, cluster.ErrConflict) {
		text := "version conflict"
		if e, ok := errors.AsType[*cluster.Error](err); ok {
			text = e.Reason
		}
		return refuse(http.StatusConflict, "%s", text)
	}
	e := refuse(http.StatusServiceUnavailable, "The security configuration is not available")
	e.cause = err
	return e
}

// handle makes a handler of a function that returns what to answer.
func (a *API) handle(f func(q *request) (status int, body any, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r, call: rest.FromContext(r.Context())}
		if q.call == nil {
			rest.AnswerError(w, r, errors.New("request without a call"))
			return
		}
		if err := q.checkParams(); err != nil {
			rest.AnswerError(w, r, err)
			return
		}
		status, body, err := f(q)
		if errors.Is(err, errNoLeadingSlash) {
			rest.AnswerError(w, r, rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", "%s", errNoLeadingSlash))
			return
		}
		if err != nil {
			e := asRefusal(err)
			if e.status >= http.StatusInternalServerError && e.cause != nil {
				a.o.Log.ErrorContext(r.Context(), "security API request failed", "op", q.call.Route.Op, "error", e.cause)
			}
			status, body = e.status, e.body
		} else if len(q.inert) > 0 {
			w.Header().Set("Warning", warningHeader(q.inert))
		}
		rest.Answer(w, r, status, body)
	})
}

// request is a request with its meaning.
type request struct {
	*http.Request
	call *rest.Call
	// inert names settings that were accepted and have no effect.
	inert []string
}

func warningHeader(inert []string) string {
	list := make([]string, len(inert))
	for i, name := range inert {
		list[i] = "299 Vigil " + strconv.QuoteToASCII("["+name+"] has no effect")
	}
	return strings.Join(list, ", ")
}

// name is the entity's name, empty for requests about a whole type.
func (q *request) name() string { return q.call.Vars["name"] }

// commonParams are understood by every request of the API.
var commonParams = []string{"pretty", "human", "error_trace", "filter_path", "format"}

// checkParams refuses parameters that nobody reads, as OpenSearch does; see compat/ 11-config-api, get-unknown-param.
func (q *request) checkParams() error {
	var unknown []string
	for name := range q.call.Query {
		if !slices.Contains(commonParams, name) {
			unknown = append(unknown, "["+name+"]")
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	plural := ""
	if len(unknown) > 1 {
		plural = "s"
	}
	return rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", "request [%s] contains unrecognized parameter%s: %s",
		q.URL.Path, plural, strings.Join(unknown, ", "))
}

// body returns the body, or a refusal if it is too long.
func (q *request) body() ([]byte, error) {
	if len(q.call.Body) > maxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "The body is longer than %d bytes", maxBody)
	}
	return q.call.Body, nil
}
