package authz

import (
	"crypto/tls"
	"slices"
	"strings"

	"vigil/authn"
)

// accountEndpoint is everybody's own: it is audited like the others, but any caller may use it.
const accountEndpoint = "ACCOUNT"

// RESTAdmin decides whether the caller may use an endpoint of the security API ("ROLES", "AUDIT", …): with one of the roles
// of [Config.RESTAdminRoles], or as an administrator by certificate. The reason of a refusal is the audit event's privilege
// too; the client reads it after "No permission to access REST API: ". State is that of the connection, nil without TLS.
func (e *Evaluator) RESTAdmin(who *authn.Principal, roles []string, endpoint, method string, state *tls.ConnectionState) (ok bool, reason string) {
	if who.IsAdmin || endpoint == accountEndpoint {
		return true, ""
	}
	user := "User " + who.Name + " with Security roles [" + strings.Join(roles, ", ") + "]"
	text := "Role based access not enabled"
	if len(e.restAdmins) > 0 {
		text = user + " does not have any role privileged for admin access"
	}
	for _, role := range roles {
		if !slices.Contains(e.restAdmins, role) {
			continue
		}
		if !e.isDisabled("global", endpoint, method) && !e.isDisabled(role, endpoint, method) {
			return true, ""
		}
		text = user + " does not have any access to endpoint " + endpoint + " and method " + method
	}
	return false, text + ". " + certificateText(state)
}

func (e *Evaluator) isDisabled(role, endpoint, method string) bool {
	methods := e.disabled[role][endpoint]
	return slices.Contains(methods, method) || slices.Contains(methods, "*")
}

func certificateText(state *tls.ConnectionState) string {
	if state == nil {
		return "No ssl info found in request."
	}
	if len(state.PeerCertificates) == 0 {
		return "No client TLS certificate found in request"
	}
	dn, err := authn.SubjectDN(state.PeerCertificates[0])
	if err != nil {
		return "No client TLS certificate found in request"
	}
	return "Security admin permissions required but " + dn.String() + " is not an admin"
}
