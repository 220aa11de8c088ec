package gateway

import (
	"net/http"
	"slices"

	"vigil/audit"
	"vigil/authz"
	"vigil/rest"
)

// authorize asks for every action of the row whether the caller may, and notes what follows: GRANTED_PRIVILEGES and
// INDEX_EVENT, or MISSING_PRIVILEGES. The first refusal ends the request.
func (x *exchange) authorize() error {
	route := x.call.Route
	switch {
	case route.Admin != "":
		return x.authorizeAdmin()
	case route.Self:
		return nil
	}
	targets := x.actions()
	for i := range targets {
		if err := x.admit(targets[i]); err != nil {
			return err
		}
	}
	x.targets = targets
	return nil
}

// authorizeAdmin judges a row of the security API, which is authorized and audited on the REST layer.
func (x *exchange) authorizeAdmin() error {
	ok, reason := x.evaluator.RESTAdmin(x.principal, x.roles, x.call.Route.Admin, x.r.Method, x.r.TLS)
	category := audit.GrantedPrivileges
	if !ok {
		category = audit.MissingPrivileges
	}
	if x.policy.WantsREST(category, x.principal.Name, x.r.URL.Path) {
		e := x.restEvent(category, x.call)
		e.EffectiveUser = x.principal.Name
		if !ok {
			e.Privilege = reason
		}
		x.note(e)
	}
	if !ok {
		return &plain{status: http.StatusForbidden, json: map[string]any{
			"status": "FORBIDDEN", "message": "No permission to access REST API: " + reason,
		}}
	}
	return nil
}

// admit judges one action and notes its events.
func (x *exchange) admit(t target) error {
	r := authz.Request{
		Action: t.action.Name, Also: t.extra, Expressions: t.action.Indices, Resolved: t.action.Resolved,
		Aliases: x.g.Indices.Aliases,
	}
	if t.action.Name == x.call.Route.Action {
		r.Names = given(x.call)
	}
	d := x.evaluator.Evaluate(x.principal, x.roles, r)
	x.noteAction(t, d)
	if !d.Allowed {
		return rest.Errorf(http.StatusForbidden, "security_exception", "%s", d.Reason)
	}
	if len(d.Hide) > 0 {
		x.mu.Lock()
		x.call.Hidden = append(x.call.Hidden, d.Hide...)
		x.mu.Unlock()
	}
	return nil
}

// allow judges an action that a handler is about to run. In a request that changes something its events are durable
// before it runs; in one that reads they are before the answer leaves.
func (x *exchange) allow(a rest.Action) error {
	x.mu.Lock()
	unrecorded := x.unrecorded
	x.mu.Unlock()
	if unrecorded != nil {
		return unrecorded // what was done is not on disk: nothing more is done
	}
	if err := x.admit(target{action: a, extra: itemActions(a.ItemOps)}); err != nil {
		return err
	}
	if x.call.Route.Changes {
		return x.durable()
	}
	if a.Name == "indices:data/read/search" {
		x.mu.Lock()
		x.searches = append(x.searches, a)
		x.mu.Unlock()
	}
	return nil
}

// hides reports whether some action of the request that was allowed must not show documents of an index.
func (x *exchange) hides(index string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Contains(x.call.Hidden, index)
}

// deny notes that a handler refuses an action, and returns what the client reads.
func (x *exchange) deny(a rest.Action) error {
	d := authz.Decision{Missing: []rest.ActionName{a.Name}}
	d.Reason = authz.Reason(d.Missing, x.principal)
	x.noteAction(target{action: a}, d)
	return rest.Errorf(http.StatusForbidden, "security_exception", "%s", d.Reason)
}

// itemActions lists what items of these kinds need beside the bulk itself.
func itemActions(ops []string) []rest.ActionName {
	var also []rest.ActionName
	for _, op := range ops {
		if a := itemAction[op].action; !slices.Contains(also, a) {
			also = append(also, a)
		}
	}
	return also
}

// itemAction says as what an item of a bulk is judged and reported.
var itemAction = map[string]struct {
	action  rest.ActionName
	request string
}{
	"index":  {"indices:data/write/index", "IndexRequest"},
	"create": {"indices:data/write/index", "IndexRequest"},
	"update": {"indices:data/write/update", "UpdateRequest"},
	"delete": {"indices:data/write/delete", "DeleteRequest"},
}
