package gateway

import (
	"vigil/audit"
	"vigil/rest"
)

// actionBody returns what the event of an action says as audit_request_body: of the request's own action what the dialect
// makes of the request, of an action that a handler runs what the handler gives.
func (x *exchange) actionBody(a rest.Action) *string {
	if !x.policy.LogsBody() {
		return nil
	}
	if len(a.Body) > 0 {
		s := string(a.Body)
		return &s
	}
	if a.Name != x.call.Route.Action || a.Parent != "" {
		return nil
	}
	for _, index := range a.Resolved {
		if index == x.g.SecurityIndex && x.call.Route.Request == "IndexRequest" {
			return nil // what is written to the security index is never in an event of the transport layer
		}
	}
	s, ok := x.g.Dialect.Body(x.call)
	if !ok {
		return nil
	}
	for _, index := range a.Resolved {
		s = audit.RedactDocument(index, a.DocID, s)
	}
	return &s
}
