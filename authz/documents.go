package authz

// The documents that describe privileges, in the JSON of the security plugin. Reserved ones can be changed by administrators
// by certificate only, hidden ones are not shown, static ones are shipped with the program and never stored.

// Role is what a role permits. Permissions are patterns of action names, or names of action groups.
type Role struct {
	Reserved           bool               `json:"reserved"`
	Hidden             bool               `json:"hidden"`
	Description        string             `json:"description,omitempty"`
	ClusterPermissions []string           `json:"cluster_permissions"`
	IndexPermissions   []IndexPermission  `json:"index_permissions"`
	TenantPermissions  []TenantPermission `json:"tenant_permissions"`
	Static             bool               `json:"static"`
}

// IndexPermission permits actions on the indices that match a pattern.
//
// DLS, FLS and masked fields restrict what may be seen of them. They are not supported: a permission that has any of them
// grants nothing at all, since granting it without the restriction would show what it is there to hide.
type IndexPermission struct {
	IndexPatterns  []string `json:"index_patterns"`
	DLS            string   `json:"dls,omitempty"`
	FLS            []string `json:"fls"`
	MaskedFields   []string `json:"masked_fields"`
	AllowedActions []string `json:"allowed_actions"`
}

// Restricted reports whether the permission is limited to some documents or fields.
func (p IndexPermission) Restricted() bool {
	return p.DLS != "" || len(p.FLS) > 0 || len(p.MaskedFields) > 0
}

// TenantPermission permits the use of Dashboards tenants.
type TenantPermission struct {
	TenantPatterns []string `json:"tenant_patterns"`
	AllowedActions []string `json:"allowed_actions"`
}

// RoleMapping says who has a role: by user name, by any backend role, by all of some backend roles, or by address.
type RoleMapping struct {
	Reserved        bool     `json:"reserved"`
	Hidden          bool     `json:"hidden"`
	BackendRoles    []string `json:"backend_roles"`
	Hosts           []string `json:"hosts"`
	Users           []string `json:"users"`
	AndBackendRoles []string `json:"and_backend_roles"`
	Description     string   `json:"description,omitempty"`
}

// ActionGroup gives a name to a list of actions, which may name other groups.
type ActionGroup struct {
	Reserved       bool     `json:"reserved"`
	Hidden         bool     `json:"hidden"`
	AllowedActions []string `json:"allowed_actions"`
	Type           string   `json:"type,omitempty"` // "cluster", "index", "kibana", "all"
	Description    string   `json:"description,omitempty"`
	Static         bool     `json:"static"`
}

// Tenant is a Dashboards tenant.
type Tenant struct {
	Reserved    bool   `json:"reserved"`
	Hidden      bool   `json:"hidden"`
	Description string `json:"description,omitempty"`
	Static      bool   `json:"static"`
}
