package security

import (
	"net/http"
	"slices"
	"strings"

	"vigil/rest"
)

// prefixes are the two names of the plugin. Both answer alike.
var prefixes = []string{"/_plugins/_security", "/_opendistro/_security"}

// Routes returns the rows of the API. Those that are not built answer 501; [NotBuilt] tells them by their Op.
func (a *API) Routes() []rest.Route {
	var rows []rest.Route
	for _, prefix := range prefixes {
		rows = append(rows, a.entityRoutes(prefix+"/api")...)
		rows = append(rows, a.otherRoutes(prefix)...)
		rows = append(rows, a.missingRoutes(prefix)...)
	}
	return rows
}

// Endpoints returns the names by which settings call the endpoints of the API, sorted.
func Endpoints() []string {
	var names []string
	for _, r := range (&API{}).Routes() {
		if r.Admin != "" && !slices.Contains(names, r.Admin) {
			names = append(names, r.Admin)
		}
	}
	slices.Sort(names)
	return names
}

const notBuilt = "security.not_built."

// NotBuilt reports whether an operation (a row's Op) is known and not built.
func NotBuilt(op string) bool { return strings.HasPrefix(op, notBuilt) }

// entityRoutes are the types whose documents hold named entities, each under its path and, of some, an older name of it.
func (a *API) entityRoutes(api string) []rest.Route {
	var rows []rest.Route
	for _, t := range []struct{ path, typ, endpoint, op, plural string }{
		{"internalusers", typeUsers, "INTERNALUSERS", "user", "users"},
		{"user", typeUsers, "INTERNALUSERS", "user_legacy", "users_legacy"},
		{"roles", typeRoles, "ROLES", "role", "roles"},
		{"rolesmapping", typeMappings, "ROLESMAPPING", "role_mapping", "role_mappings"},
		{"actiongroups", typeGroups, "ACTIONGROUPS", "action_group", "action_groups"},
		{"actiongroup", typeGroups, "ACTIONGROUPS", "action_group_legacy", "action_groups_legacy"},
		{"tenants", typeTenants, "TENANTS", "tenant", "tenants"},
	} {
		k, all := a.kinds[t.typ], api+"/"+t.path
		one := all + "/{name}"
		row := func(method, path, op string, f func(*request) (int, any, error)) {
			r := rest.Route{Method: method, Path: path, Op: "security." + op, Admin: t.endpoint, Handler: a.handle(f)}
			if method != http.MethodGet {
				r.Changes = true
			}
			if method == http.MethodPut || method == http.MethodPatch {
				r.Body = rest.BodyJSON
			}
			rows = append(rows, r)
		}
		row(http.MethodGet, all, "get_"+t.plural, a.getAll(k))
		row(http.MethodGet, one, "get_"+t.op, a.get(k))
		row(http.MethodPut, one, "create_"+t.op, a.put(k))
		row(http.MethodDelete, one, "delete_"+t.op, a.remove(k))
		row(http.MethodPatch, one, "patch_"+t.op, a.patch(k))
		row(http.MethodPatch, all, "patch_"+t.plural, a.patchAll(k))
	}
	return rows
}

// otherRoutes are the rest of what is built.
func (a *API) otherRoutes(prefix string) []rest.Route {
	api := prefix + "/api"
	rows := []rest.Route{
		{
			Method: http.MethodGet, Path: api + "/audit", Op: "security.get_audit_configuration", Admin: "AUDIT",
			Handler: a.handle(a.getAudit),
		},
		{
			Method: http.MethodPut, Path: api + "/audit/config", Op: "security.update_audit_configuration", Admin: "AUDIT",
			Body: rest.BodyJSON, Changes: true, Handler: a.handle(a.putAudit),
		},
		{
			Method: http.MethodPatch, Path: api + "/audit", Op: "security.patch_audit_configuration", Admin: "AUDIT",
			Body: rest.BodyJSON, Changes: true, Handler: a.handle(a.patchAudit),
		},
		{
			Method: http.MethodGet, Path: api + "/account", Op: "security.get_account_details", Admin: "ACCOUNT",
			Handler: a.handle(a.getAccount),
		},
		{
			Method: http.MethodPut, Path: api + "/account", Op: "security.change_password", Admin: "ACCOUNT",
			Body: rest.BodyJSON, Changes: true, Handler: a.handle(a.putAccount),
		},
		{
			Method: http.MethodDelete, Path: api + "/cache", Op: "security.flush_cache", Admin: "CACHE",
			Handler: a.handle(a.flush),
		},
	}
	// The plugin registers these methods and then refuses them.
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost} {
		rows = append(rows, rest.Route{
			Method: method, Path: api + "/cache", Op: "security.cache_unsupported", Admin: "CACHE", Handler: a.handle(unsupported),
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		rows = append(rows,
			rest.Route{Method: method, Path: prefix + "/authinfo", Op: "security.authinfo", Self: true, Handler: a.handle(a.getAuthInfo)},
			rest.Route{Method: method, Path: prefix + "/whoami", Op: "security.who_am_i", Self: true, Handler: a.handle(a.getWhoAmI)},
			rest.Route{Method: method, Path: prefix + "/health", Op: "security.health", Open: true, Handler: a.handle(a.getHealth)},
		)
	}
	return rows
}

func unsupported(q *request) (int, any, error) {
	return 0, nil, refuse(http.StatusNotImplemented, "Method %s not supported for this action.", q.Method)
}

// missingRoutes are the plugin's requests that are known and not built. They are authorized and audited all the same.
func (a *API) missingRoutes(prefix string) []rest.Route {
	var rows []rest.Route
	add := func(endpoint, path string, methods ...string) {
		op := notBuilt + strings.Trim(strings.NewReplacer("/", "_", "{", "", "}", "").Replace(path), "_")
		for _, m := range methods {
			r := rest.Route{Method: m, Path: prefix + path, Op: op, Admin: endpoint, Handler: http.HandlerFunc(answerNotBuilt)}
			if m == http.MethodPut || m == http.MethodPatch || m == http.MethodPost {
				r.Body = rest.BodyJSON
			}
			rows = append(rows, r)
		}
	}
	const get, put, post, patch, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete
	add("NODESDN", "/api/nodesdn", get, patch)
	add("NODESDN", "/api/nodesdn/{name}", get, put, patch, del)
	add("ALLOWLIST", "/api/allowlist", get, put, patch)
	add("CONFIG", "/api/securityconfig", get, patch)
	add("CONFIG", "/api/securityconfig/config", put)
	add("CONFIG", "/api/tenancy/config", get, put)
	add("RATELIMITERS", "/api/authfailurelisteners", get)
	add("RATELIMITERS", "/api/authfailurelisteners/{name}", put, del)
	add("CACHE", "/api/cache/user/{name}", del)
	add("INTERNALUSERS", "/api/internalusers/{name}/authtoken", post)
	add("SSL", "/api/ssl/certs", get)
	add("SSL", "/api/certificates", get)
	add("SSL", "/api/certificates/{node}", get)
	add("SSL", "/api/ssl/http/reloadcerts", put)
	add("SSL", "/api/ssl/transport/reloadcerts", put)
	add("CONFIG", "/api/_upgrade_check", get)
	add("CONFIG", "/api/_upgrade_perform", post)
	add("CONFIG", "/api/validate", get)
	add("CONFIG", "/api/migrate", post)
	add("AUTHTOKEN", "/api/generateonbehalfoftoken", post)
	add("AUTHTOKEN", "/api/authtoken", post)
	add("PERMISSIONSINFO", "/api/permissionsinfo", get)
	add("TENANTS", "/tenantinfo", get, post)
	add("CONFIG", "/dashboardsinfo", get, post)
	add("CONFIG", "/whoamiprotected", get)
	add("CONFIG", "/configupdate", put)
	return rows
}

func answerNotBuilt(w http.ResponseWriter, r *http.Request) {
	rest.AnswerError(w, r, rest.Errorf(http.StatusNotImplemented, "unsupported_operation_exception",
		"the security API does not implement [%s %s]", r.Method, r.URL.Path))
}
