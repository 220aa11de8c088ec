package app

import (
	"errors"
	"net/http"

	"vigil/engine/query"
	"vigil/rest"
)

// engineError tells an error of the query language in OpenSearch's shape.
func engineError(err error) error {
	e, ok := errors.AsType[*query.Error](err)
	if !ok {
		return err
	}
	out := rest.Errorf(http.StatusBadRequest, e.Type, "%s", e.Reason)
	if e.Line > 0 {
		out = out.With("line", e.Line).With("col", e.Column)
	}
	return out
}
