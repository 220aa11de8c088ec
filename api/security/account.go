package security

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"vigil/authn"
	"vigil/authz"
)

// account is what the API tells callers about themselves.
type account struct {
	UserName       string          `json:"user_name"`
	Reserved       bool            `json:"is_reserved"`
	Hidden         bool            `json:"is_hidden"`
	Internal       bool            `json:"is_internal_user"`
	Tenant         *string         `json:"user_requested_tenant"`
	BackendRoles   []string        `json:"backend_roles"`
	AttributeNames []string        `json:"custom_attribute_names"`
	Tenants        map[string]bool `json:"tenants"`
	Roles          []string        `json:"roles"`
}

// authInfo is the answer of _plugins/_security/authinfo.
type authInfo struct {
	User             string          `json:"user"`
	UserName         string          `json:"user_name"`
	Tenant           *string         `json:"user_requested_tenant"`
	RemoteAddress    string          `json:"remote_address"`
	BackendRoles     []string        `json:"backend_roles"`
	AttributeNames   []string        `json:"custom_attribute_names"`
	Roles            []string        `json:"roles"`
	Tenants          map[string]bool `json:"tenants"`
	Principal        *string         `json:"principal"`
	PeerCertificates string          `json:"peer_certificates"`
	LogoutURL        *string         `json:"sso_logout_url"`
}

func (a *API) getAccount(q *request) (int, any, error) {
	p, roles := a.o.Caller(q.Context())
	if p == nil {
		return 0, nil, errNoCaller
	}
	answer := account{
		UserName: p.Name, Internal: p.Internal, Tenant: orNull(p.RequestedTenant), BackendRoles: present(p.BackendRoles),
		AttributeNames: attributeNames(p), Tenants: a.o.Evaluator().Tenants(p, roles), Roles: present(roles),
	}
	if p.Internal {
		d, err := a.read(q.Context(), typeUsers)
		if err != nil {
			return 0, nil, err
		}
		answer.Reserved, answer.Hidden = d.all[p.Name]["reserved"] == true, d.all[p.Name]["hidden"] == true
	}
	return http.StatusOK, answer, nil
}

var errNoCaller = errors.New("request without a caller")

// accountFields are the members of the body of a change of one's own password.
var accountFields = map[string]dataType{"current_password": aString, "password": aString, "hash": aString}

// putAccount changes the caller's own password.
func (a *API) putAccount(q *request) (int, any, error) {
	p, _ := a.o.Caller(q.Context())
	if p == nil {
		return 0, nil, errNoCaller
	}
	body, err := q.body()
	if err != nil {
		return 0, nil, err
	}
	k := kind{typ: typeUsers, fields: accountFields, mandatory: []string{"current_password"}, oneOf: []string{"hash", "password"}}
	v, err := k.parseBody(body, false)
	if err != nil {
		return 0, nil, err
	}
	users := a.kinds[typeUsers]
	if !p.Internal {
		return 0, nil, refuse(http.StatusNotFound, "%s '%s' not found.", users.noun, p.Name)
	}
	current, _ := v["current_password"].(string)
	if err := a.verify(q, p.Name, current); err != nil {
		return 0, nil, err
	}
	if err := a.hashPassword(users, p.Name, v); err != nil {
		return 0, nil, err
	}
	hash, _ := v["hash"].(string)
	if err := authn.CheckHash(hash); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%s", err)
	}
	err = a.change(q.Context(), users, func(d *document) (bool, error) {
		if err := users.mutable(d, p.Name, false); err != nil {
			return false, err
		}
		if err := users.visible(d, p.Name, false); err != nil {
			return false, err
		}
		d.all[p.Name]["hash"] = hash
		return true, nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, messageBody(http.StatusOK, "'%s' updated.", p.Name), nil
}

// verify asks for the current password. A wrong one is the client's mistake, everything else is told as it is.
func (a *API) verify(q *request, name, password string) error {
	err := a.o.CheckPassword(q.Context(), q.Request, name, password)
	if failed, ok := errors.AsType[*authn.FailedError](err); ok && failed.Status != http.StatusTooManyRequests {
		return refuse(http.StatusBadRequest, "Could not validate your current password.")
	}
	return err
}

func (a *API) getAuthInfo(q *request) (int, any, error) {
	p, roles := a.o.Caller(q.Context())
	if p == nil {
		return 0, nil, errNoCaller
	}
	answer := authInfo{
		User: authz.UserText(p), UserName: p.Name, Tenant: orNull(p.RequestedTenant), RemoteAddress: q.RemoteAddr,
		BackendRoles: present(p.BackendRoles), AttributeNames: attributeNames(p), Roles: present(roles),
		Tenants: a.o.Evaluator().Tenants(p, roles), PeerCertificates: "0",
	}
	if q.TLS != nil && len(q.TLS.PeerCertificates) > 0 {
		answer.PeerCertificates = strconv.Itoa(len(q.TLS.PeerCertificates))
		dn, err := authn.SubjectDN(q.TLS.PeerCertificates[0])
		if err != nil {
			return 0, nil, err
		}
		answer.Principal = orNull(dn.String())
	}
	return http.StatusOK, answer, nil
}

// getWhoAmI tells which certificate the caller has shown.
func (a *API) getWhoAmI(q *request) (int, any, error) {
	answer := map[string]any{"dn": nil, "is_admin": a.super(q.Context()), "is_node_certificate_request": false}
	if q.TLS != nil && len(q.TLS.PeerCertificates) > 0 {
		dn, err := authn.SubjectDN(q.TLS.PeerCertificates[0])
		if err != nil {
			return 0, nil, err
		}
		answer["dn"] = dn.String()
	}
	return http.StatusOK, answer, nil
}

func (a *API) getHealth(*request) (int, any, error) {
	if !a.o.Ready() {
		return http.StatusServiceUnavailable, health("Not initialized", "DOWN"), nil
	}
	return http.StatusOK, health(nil, "UP"), nil
}

func health(message any, status string) map[string]any {
	return map[string]any{"message": message, "mode": "strict", "status": status}
}

func (a *API) flush(*request) (int, any, error) {
	a.o.Flush()
	return http.StatusOK, messageBody(http.StatusOK, "Cache flushed successfully."), nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func attributeNames(p *authn.Principal) []string {
	return present(slices.Sorted(maps.Keys(p.Attributes)))
}
