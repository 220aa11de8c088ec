package gateway

import (
	"errors"
	"net/http"

	"vigil/audit"
	"vigil/authn"
	"vigil/rest"
)

// authenticate finds out who is calling. A request that means nothing (unknown is its error) is still asked for
// credentials, and a failed login is recorded before the client is told that there is no such path.
func (x *exchange) authenticate(known *authn.Principal, unknown error) error {
	x.evaluator = x.g.Authz()
	p := known
	if p == nil {
		var err error
		if p, err = x.g.Authn.Authenticate(x.r.Context(), x.r); err != nil {
			return x.loginFailed(err, unknown)
		}
	}
	x.principal = p
	if reason, refused := authn.ImpersonationRefusal(p, x.r); refused && known == nil {
		// As OpenSearch 2.19 does for users without the right to impersonate: refused, and no event.
		// See compat/scenarios/audit/06-bad-headers-ssl.json, step impersonate.
		return &plain{status: http.StatusForbidden, json: map[string]any{"error": map[string]any{"status": "error", "reason": reason}}}
	}
	x.roles = x.evaluator.Roles(p, x.remote)
	x.describeCaller()
	return nil
}

// loginFailed records the attempt and answers it.
func (x *exchange) loginFailed(err, unknown error) error {
	failed, ok := errors.AsType[*authn.FailedError](err)
	if !ok && !errors.Is(err, authn.ErrNoCredentials) {
		return rest.Errorf(http.StatusServiceUnavailable, "security_exception", "authentication is not available: %w", err)
	}
	user, status := "<NONE>", http.StatusUnauthorized
	if ok {
		user = failed.User
		if failed.Status != 0 {
			status = failed.Status
		}
	}
	x.describeAttempt(user)
	if x.policy.WantsREST(audit.FailedLogin, user, x.r.URL.Path) {
		e := x.restEvent(audit.FailedLogin, nil)
		e.EffectiveUser, e.IsAdmin = user, new(bool)
		x.note(e)
	}
	switch {
	case status == http.StatusTooManyRequests:
		return &plain{status: status, text: "Too many login attempts", header: map[string]string{"Retry-After": "1"}, cause: err}
	case unknown != nil:
		return unknown
	}
	return &plain{
		status: status, text: "Unauthorized", cause: err,
		header: map[string]string{"WWW-Authenticate": `Basic realm="OpenSearch Security"`},
	}
}

// noteAuthenticated notes the AUTHENTICATED event, if anybody keeps it.
func (x *exchange) noteAuthenticated() {
	if x.origin != audit.OriginREST || !x.policy.WantsREST(audit.Authenticated, x.principal.Name, x.r.URL.Path) {
		return
	}
	e := x.restEvent(audit.Authenticated, x.call)
	e.EffectiveUser = x.principal.Name
	e.IsAdmin = &x.principal.IsAdmin
	if !x.principal.IsAdmin {
		e.InitiatingUser = x.principal.Name
	}
	x.note(e)
}
