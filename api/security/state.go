package security

import (
	"context"
	"errors"
	"fmt"

	"vigil/audit"
	"vigil/authn"
	"vigil/authz"
	"vigil/cluster"
)

// State is the whole security configuration as a program works by it. It holds hashes of passwords, and it survives a round trip
// through JSON, for the file that a gateway keeps while the store is away.
type State struct {
	Users        map[string]User              `json:"users"`
	Roles        map[string]authz.Role        `json:"roles"`
	Mappings     map[string]authz.RoleMapping `json:"mappings"`
	ActionGroups map[string]authz.ActionGroup `json:"action_groups"`
	Tenants      map[string]authz.Tenant      `json:"tenants"`
	Audit        audit.Config                 `json:"audit"`
	// Versions say which state of each document this is. A type without a document has none.
	Versions map[string]Version `json:"versions"`
}

// Version identifies one state of a document.
type Version struct {
	SeqNo       int64 `json:"seq_no"`
	PrimaryTerm int64 `json:"primary_term"`
}

// Load reads the security configuration. Types that have no document are empty, the audit configuration its default.
func Load(ctx context.Context, client *cluster.Client, index string) (State, error) {
	docs, err := client.GetMany(ctx, index, DocumentIDs())
	if err != nil {
		return State{}, fmt.Errorf("reading the security configuration: %w", err)
	}
	return Parse(docs)
}

// Parse makes the configuration of its documents, which a [cluster.Watch] on [DocumentIDs] hands out. An error means that a
// document is not what this program writes; nothing of it should then take effect.
func Parse(docs map[string]cluster.Doc) (State, error) {
	s := State{Versions: map[string]Version{}}
	for id, d := range docs {
		s.Versions[id] = Version{d.SeqNo, d.PrimaryTerm}
	}
	var errs [6]error
	s.Users, errs[0] = typed[User](docs, typeUsers)
	s.Roles, errs[1] = typed[authz.Role](docs, typeRoles)
	s.Mappings, errs[2] = typed[authz.RoleMapping](docs, typeMappings)
	s.ActionGroups, errs[3] = typed[authz.ActionGroup](docs, typeGroups)
	s.Tenants, errs[4] = typed[authz.Tenant](docs, typeTenants)
	s.Audit, errs[5] = auditOf(docs)
	return s, errors.Join(errs[:]...)
}

func typed[T any](docs map[string]cluster.Doc, typ string) (map[string]T, error) {
	d, ok := docs[typ]
	if !ok {
		return map[string]T{}, nil
	}
	all, err := parseSource(typ, d.Source)
	if err != nil {
		return nil, err
	}
	out, err := convert[map[string]T](all)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", typ, err)
	}
	return out, nil
}

func auditOf(docs map[string]cluster.Doc) (audit.Config, error) {
	doc := document{typ: typeAudit}
	if d, ok := docs[typeAudit]; ok {
		var err error
		if doc.all, err = parseSource(typeAudit, d.Source); err != nil {
			return audit.Config{}, err
		}
	}
	return doc.auditConfig()
}

// AuthnUsers returns the users as [authn.Basic] needs them.
func (s State) AuthnUsers() map[string]authn.User {
	users := make(map[string]authn.User, len(s.Users))
	for name, u := range s.Users {
		users[name] = authn.User{
			Hash: u.Hash, BackendRoles: u.BackendRoles, SecurityRoles: u.SecurityRoles, Attributes: u.Attributes,
		}
	}
	return users
}

// AuthzConfig returns what an evaluator of this state is made of, beside what is not state.
func (s State) AuthzConfig(systemIndices []string) authz.Config {
	return authz.Config{
		Roles: s.Roles, Mappings: s.Mappings, ActionGroups: s.ActionGroups, Tenants: s.Tenants, SystemIndices: systemIndices,
	}
}

// BootstrapOptions say what a new cluster starts with.
type BootstrapOptions struct {
	Client *cluster.Client
	Index  string
	// AdminHash returns the bcrypt hash of the password of the user "admin". It is called only if there are no users yet.
	AdminHash func() (string, error)
	// Audit is the first audit configuration; nil means the default.
	Audit *audit.Config
}

// Bootstrap creates the security index and those of its documents that are not there: the user admin with all_access, the
// default audit configuration, and otherwise nothing. Several gateways may do so at once; of each document the first wins. It
// reports whether admin was created by this call, and so with the hash that AdminHash returned.
func Bootstrap(ctx context.Context, o BootstrapOptions) (createdAdmin bool, err error) {
	if err := ensureIndex(ctx, o.Client, o.Index); err != nil {
		return false, err
	}
	there, err := o.Client.GetMany(ctx, o.Index, DocumentIDs())
	if err != nil {
		return false, fmt.Errorf("security index: %w", err)
	}
	// Users come last: a gateway that dies before has given nobody a password that another one then replaces.
	for _, typ := range []string{typeAudit, typeTenants, typeGroups, typeRoles, typeMappings, typeUsers} {
		if _, ok := there[typ]; ok {
			continue
		}
		all, err := o.first(typ)
		if err != nil {
			return false, err
		}
		src, err := source(typ, all)
		if err != nil {
			return false, err
		}
		_, err = o.Client.Create(ctx, o.Index, typ, src)
		switch {
		case errors.Is(err, cluster.ErrConflict): // another gateway was faster
		case err != nil:
			return false, fmt.Errorf("first document %s: %w", typ, err)
		default:
			createdAdmin = typ == typeUsers
		}
	}
	return createdAdmin, nil
}

// first returns what a document holds at first.
func (o *BootstrapOptions) first(typ string) (any, error) {
	switch typ {
	case typeAudit:
		c := audit.DefaultConfig()
		if o.Audit != nil {
			c = *o.Audit
		}
		return auditEntities(c)
	case typeMappings:
		return map[string]authz.RoleMapping{"all_access": {
			BackendRoles: []string{"admin"}, Users: []string{}, Hosts: []string{}, AndBackendRoles: []string{},
			Description: "Maps admin to all_access",
		}}, nil
	case typeUsers:
		hash, err := o.AdminHash()
		if err != nil {
			return nil, fmt.Errorf("password of admin: %w", err)
		}
		if err := authn.CheckHash(hash); err != nil {
			return nil, fmt.Errorf("password of admin: %w", err)
		}
		return map[string]User{"admin": {
			Hash: hash, BackendRoles: []string{"admin"}, SecurityRoles: []string{}, Attributes: map[string]string{},
			Description: "First administrator",
		}}, nil
	}
	return map[string]any{}, nil
}
