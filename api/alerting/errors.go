package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode"

	core "vigil/alerting"
	"vigil/cluster"
	"vigil/rest"
)

// convert words an error as the plugins do: an alerting_exception around the name of a Java class, which clients match on.
// See 03-monitor-crud-execute.json in compat/.
func convert(err error) *rest.Error {
	if e, ok := errors.AsType[*rest.Error](err); ok {
		return e
	}
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		return rest.AsError(err)
	}
	switch e.Kind {
	case core.BadState:
		return exception(http.StatusInternalServerError, "java.lang.IllegalStateException", e.Reason)
	case core.NotFound:
		return exception(http.StatusNotFound, "org.opensearch.OpenSearchStatusException", e.Reason)
	case core.Conflict:
		return exception(http.StatusConflict, "org.opensearch.index.engine.VersionConflictEngineException", e.Reason)
	case core.Unsupported:
		return exception(http.StatusNotImplemented, "java.lang.UnsupportedOperationException", e.Reason)
	case core.MissingIndex:
		return missingIndices(e.Reason)
	case core.Forbidden:
		return exception(http.StatusForbidden, "java.lang.IllegalStateException", e.Reason)
	case core.Invalid:
		return rest.Errorf(http.StatusBadRequest, "action_request_validation_exception", "%s", e.Reason)
	case core.BadArgument:
	}
	return exception(http.StatusBadRequest, "java.lang.IllegalArgumentException", e.Reason)
}

func exception(status int, class, reason string) *rest.Error {
	return wrapped(status, reason, class+": "+reason)
}

func wrapped(status int, reason, cause string) *rest.Error {
	return &rest.Error{
		Status: status, Type: "alerting_exception", Reason: reason, CausedBy: &rest.Error{Type: "exception", Reason: cause},
	}
}

func missingIndices(name string) *rest.Error {
	return wrapped(http.StatusNotFound, fmt.Sprintf("Configured indices are not found: [%s]", name),
		fmt.Sprintf("org.opensearch.index.IndexNotFoundException: no such index [%s]", name))
}

// inputError words what the search of a monitor's input came to.
func inputError(err error, indices []string) error {
	status, typ, reason := describe(err)
	switch {
	case typ == "index_not_found_exception":
		return missingIndices(indexOf(reason, indices))
	case status == http.StatusForbidden:
		return exception(http.StatusForbidden, "org.opensearch.OpenSearchStatusException",
			fmt.Sprintf("User doesn't have read permissions for one or more configured index %v", indices))
	case status == 0:
		return err
	}
	return exception(status, "org.opensearch.OpenSearchStatusException", reason)
}

func describe(err error) (status int, typ, reason string) {
	if e, ok := errors.AsType[*cluster.Error](err); ok {
		return e.Status, e.Type, e.Reason
	}
	if e, ok := errors.AsType[*rest.Error](err); ok {
		return e.Status, e.Type, e.Reason
	}
	return 0, "", ""
}

// indexOf finds the name in "no such index [name]".
func indexOf(reason string, indices []string) string {
	var name string
	if _, err := fmt.Sscanf(reason, "no such index [%s", &name); err == nil && len(name) > 1 {
		return name[:len(name)-1]
	}
	if len(indices) > 0 {
		return indices[0]
	}
	return ""
}

// queryError words a search body that cannot be parsed: 500, as OpenSearch 2.19 does (execute-inline-bad-query in compat/).
func queryError(err error) error {
	_, _, reason := describe(err)
	if reason == "" {
		return exception(http.StatusBadRequest, "java.lang.IllegalArgumentException", err.Error())
	}
	return exception(http.StatusInternalServerError, "org.opensearch.core.common.ParsingException", reason)
}

// statusError is how the notifications plugin words most errors.
func statusError(status int, format string, args ...any) *rest.Error {
	return rest.Errorf(status, "status_exception", format, args...)
}

func illegalArgument(format string, args ...any) *rest.Error {
	return rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", format, args...)
}

// validJSON refuses what is not a JSON object, in the words of OpenSearch's parser where they are recorded.
func validJSON(body []byte) error {
	var v map[string]json.RawMessage
	err := json.Unmarshal(body, &v)
	if err == nil && v != nil {
		return nil
	}
	const source = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: %d]"
	if n := wordLength(body); n > 0 && !json.Valid(body) {
		return rest.Errorf(http.StatusBadRequest, "json_parse_exception",
			"Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"+source,
			body[:n], n+1)
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok || err == nil {
		return rest.Errorf(http.StatusBadRequest, "parsing_exception", "Failed to parse object: expecting token of type [START_OBJECT]")
	}
	return rest.Errorf(http.StatusBadRequest, "json_parse_exception", "the body is not valid JSON: %v", err)
}

func wordLength(body []byte) int {
	n := 0
	for _, c := range string(body) {
		if !unicode.IsLetter(c) && c != '_' || n > 64 {
			break
		}
		n += len(string(c))
	}
	return n
}

// unbuilt answers for a row whose handler is not there yet.
func (a *API) unbuilt(what string) handlerFunc {
	return func(_ context.Context, r *request) (answer, error) {
		return answer{}, rest.Errorf(http.StatusNotImplemented, "unsupported_operation_exception",
			"[%s] is not supported: %s %s", what, r.Method, r.URL.Path)
	}
}
