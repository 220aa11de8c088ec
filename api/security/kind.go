package security

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"vigil/authn"
	"vigil/authz"
)

// The types of configuration that are documents of the security index, each under its name as id.
const (
	typeUsers    = "internalusers"
	typeRoles    = "roles"
	typeMappings = "rolesmapping"
	typeGroups   = "actiongroups"
	typeTenants  = "tenants"
	typeAudit    = "audit"
)

// DocumentIDs are the ids of the documents that [Parse] reads.
func DocumentIDs() []string {
	return []string{typeUsers, typeRoles, typeMappings, typeGroups, typeTenants, typeAudit}
}

// ConfigType returns the type of configuration, and so the document id, that an endpoint of the API (a row's Admin field) is
// about. Endpoints that show none of it return "".
func ConfigType(endpoint string) string {
	switch endpoint {
	case "INTERNALUSERS":
		return typeUsers
	case "ROLES":
		return typeRoles
	case "ROLESMAPPING":
		return typeMappings
	case "ACTIONGROUPS":
		return typeGroups
	case "TENANTS":
		return typeTenants
	case "AUDIT":
		return typeAudit
	}
	return ""
}

// User is an internal user as it is stored. Answers show it without its hash.
type User struct {
	Hash          string            `json:"hash"`
	Reserved      bool              `json:"reserved"`
	Hidden        bool              `json:"hidden"`
	BackendRoles  []string          `json:"backend_roles"`
	Attributes    map[string]string `json:"attributes"`
	Description   string            `json:"description,omitempty"`
	SecurityRoles []string          `json:"opendistro_security_roles"`
	Static        bool              `json:"static"`
}

// entities are the members of a document by name, as decoded JSON objects.
type entities map[string]map[string]any

// dataType is what a field of a body must be.
type dataType string

const (
	anArray  dataType = "Array expected"
	aString  dataType = "String expected"
	anObject dataType = "Object expected"
	aBoolean dataType = "Boolean expected"
)

// kind is what the API knows of one type of configuration.
type kind struct {
	typ  string
	noun string // in "user 'x' not found."
	// fields may be in a body; of mandatory ones each must be, of oneOf at least one.
	fields           map[string]dataType
	mandatory, oneOf []string
	// static entities are part of the program and never stored.
	static entities
	// parse brings a body into the form that is stored. Its errors are refusals.
	parse func(name string, v map[string]any) (map[string]any, error)
	// roles returns the names of roles that an entity refers to; they must exist.
	roles func(name string, v map[string]any) []string
}

func kinds() (map[string]*kind, error) {
	roles, groups := authz.Static()
	tenants := map[string]authz.Tenant{"global_tenant": {Reserved: true, Static: true, Description: "Global tenant"}}
	staticRoles, err := convert[entities](roles)
	if err != nil {
		return nil, fmt.Errorf("static roles: %w", err)
	}
	staticGroups, err := convert[entities](groups)
	if err != nil {
		return nil, fmt.Errorf("static action groups: %w", err)
	}
	staticTenants, err := convert[entities](tenants)
	if err != nil {
		return nil, fmt.Errorf("static tenants: %w", err)
	}
	return map[string]*kind{
		typeUsers: {
			typ: typeUsers, noun: "user", parse: parseUser,
			fields: map[string]dataType{
				"backend_roles": anArray, "attributes": anObject, "description": aString, "opendistro_security_roles": anArray,
				"hash": aString, "password": aString,
			},
			roles: func(_ string, v map[string]any) []string { return texts(v["opendistro_security_roles"]) },
		},
		typeRoles: {
			typ: typeRoles, noun: "role", static: staticRoles, parse: parseRole,
			fields: map[string]dataType{
				"cluster_permissions": anArray, "tenant_permissions": anArray, "index_permissions": anArray, "description": aString,
			},
		},
		typeMappings: {
			typ: typeMappings, noun: "rolesmapping", parse: parseMapping,
			fields: map[string]dataType{
				"backend_roles": anArray, "and_backend_roles": anArray, "hosts": anArray, "users": anArray, "description": aString,
			},
			oneOf: []string{"backend_roles", "and_backend_roles", "hosts", "users"},
			roles: func(name string, _ map[string]any) []string { return []string{name} },
		},
		typeGroups: {
			typ: typeGroups, noun: "actiongroup", static: staticGroups, parse: parseGroup,
			fields:    map[string]dataType{"allowed_actions": anArray, "description": aString, "type": aString},
			mandatory: []string{"allowed_actions"},
		},
		typeTenants: {
			typ: typeTenants, noun: "tenant", static: staticTenants, parse: parseTenant,
			fields: map[string]dataType{"description": aString},
		},
	}, nil
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// decoded converts a body to a typed value. A wrong type below the first level is told as the plugin tells it: not at all.
func decoded[T any](v map[string]any) (T, error) {
	out, err := convert[T](v)
	if err != nil {
		e := notParsable()
		e.cause = err
		return out, e
	}
	return out, nil
}

// stored converts a typed value to what is stored.
func stored(v any) (map[string]any, error) { return convert[map[string]any](v) }

// parseUser expects that a password has been replaced by its hash.
func parseUser(name string, v map[string]any) (map[string]any, error) {
	u, err := decoded[User](v)
	if err != nil {
		return nil, err
	}
	if slices.Contains([]byte(name), ':') {
		return nil, refuse(http.StatusBadRequest, "A restricted character(s) was detected in the account name. Please remove: ':'")
	}
	if u.Hash == "" {
		return nil, refuse(http.StatusBadRequest, "Please specify either 'hash' or 'password' when creating a new internal user.")
	}
	if err := authn.CheckHash(u.Hash); err != nil {
		return nil, refuse(http.StatusBadRequest, "%s", err)
	}
	u.BackendRoles, u.SecurityRoles = present(u.BackendRoles), present(u.SecurityRoles)
	if u.Attributes == nil {
		u.Attributes = map[string]string{}
	}
	return stored(u)
}

func parseRole(_ string, v map[string]any) (map[string]any, error) {
	r, err := decoded[authz.Role](v)
	if err != nil {
		return nil, err
	}
	r.ClusterPermissions = present(r.ClusterPermissions)
	r.IndexPermissions, r.TenantPermissions = present(r.IndexPermissions), present(r.TenantPermissions)
	check := patternCheck{}
	check.all(r.ClusterPermissions, "cluster_permissions")
	for i := range r.IndexPermissions {
		p := &r.IndexPermissions[i]
		for field, restricted := range map[string]bool{"dls": p.DLS != "", "fls": len(p.FLS) > 0, "masked_fields": len(p.MaskedFields) > 0} {
			if restricted {
				return nil, refuse(http.StatusBadRequest, "index_permissions[%d].%s is not supported", i, field)
			}
		}
		p.IndexPatterns, p.AllowedActions = present(p.IndexPatterns), present(p.AllowedActions)
		p.FLS, p.MaskedFields = present(p.FLS), present(p.MaskedFields)
		check.all(p.IndexPatterns, "index_patterns")
		check.all(p.AllowedActions, "allowed_actions")
	}
	for i := range r.TenantPermissions {
		p := &r.TenantPermissions[i]
		p.TenantPatterns, p.AllowedActions = present(p.TenantPatterns), present(p.AllowedActions)
		check.all(p.TenantPatterns, "tenant_patterns")
		check.all(p.AllowedActions, "allowed_actions")
	}
	if check.err != nil {
		return nil, check.err
	}
	return stored(r)
}

func parseMapping(_ string, v map[string]any) (map[string]any, error) {
	m, err := decoded[authz.RoleMapping](v)
	if err != nil {
		return nil, err
	}
	m.Users, m.BackendRoles = present(m.Users), present(m.BackendRoles)
	m.AndBackendRoles, m.Hosts = present(m.AndBackendRoles), present(m.Hosts)
	check := patternCheck{}
	check.all(m.Users, "users")
	check.all(m.BackendRoles, "backend_roles")
	check.all(m.AndBackendRoles, "and_backend_roles")
	check.all(m.Hosts, "hosts")
	if check.err != nil {
		return nil, check.err
	}
	return stored(m)
}

func parseGroup(name string, v map[string]any) (map[string]any, error) {
	g, err := decoded[authz.ActionGroup](v)
	if err != nil {
		return nil, err
	}
	if g.Type != "" && g.Type != "cluster" && g.Type != "index" {
		return nil, refuse(http.StatusBadRequest, "Invalid action group type: %s. Supported types are: cluster, index.", g.Type)
	}
	if slices.Contains(g.AllowedActions, name) {
		return nil, refuse(http.StatusBadRequest, "%s cannot be an allowed_action of itself", name)
	}
	g.AllowedActions = present(g.AllowedActions)
	check := patternCheck{}
	check.all(g.AllowedActions, "allowed_actions")
	if check.err != nil {
		return nil, check.err
	}
	return stored(g)
}

func parseTenant(_ string, v map[string]any) (map[string]any, error) {
	t, err := decoded[authz.Tenant](v)
	if err != nil {
		return nil, err
	}
	return stored(t)
}

// patternCheck remembers the first pattern that cannot be compiled.
type patternCheck struct{ err error }

func (c *patternCheck) all(list []string, field string) {
	for _, s := range list {
		if err := authz.CheckPattern(s); err != nil && c.err == nil {
			c.err = refuse(http.StatusBadRequest, "%s: %s", field, err)
		}
	}
}

func present[E any](l []E) []E {
	if l == nil {
		return []E{}
	}
	return l
}

// shown returns an entity as answers show it: without a hash.
func (k *kind) shown(v map[string]any) map[string]any {
	if k.typ != typeUsers {
		return v
	}
	c := maps.Clone(v)
	c["hash"] = ""
	return c
}
