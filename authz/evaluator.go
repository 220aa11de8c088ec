// Package authz says what a caller may do.
//
// An [Evaluator] is compiled once from roles, role mappings and action groups and never changes; a new configuration is a
// new evaluator. It decides about one action on known indices at a time and is a pure function: it reads no request, resolves
// no index and records nothing. Start reading at [New] and [Evaluator.Evaluate].
package authz

import (
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Config is what an [Evaluator] is made of. What [Static] returns is added to it and wins over entries of the same name.
type Config struct {
	Roles        map[string]Role
	Mappings     map[string]RoleMapping
	ActionGroups map[string]ActionGroup
	Tenants      map[string]Tenant
	// SystemIndices are patterns of indices that hold state of ours or of plugins. Nobody but administrators by certificate
	// may change them or see documents of them, whatever their roles permit.
	SystemIndices []string
	// GuardedNames are patterns of names that nobody but administrators by certificate may give to an alias or match with a
	// template, such as those of tomorrow's audit indices. The indices themselves are not protected by it.
	GuardedNames []string
	// RESTAdminRoles may use the security API: all_access, security_rest_api_access and security_manager if nil. An empty list
	// leaves it to administrators by certificate.
	RESTAdminRoles []string
	// RESTDisabled takes endpoints ("AUDIT") or some of their methods from such a role again: role to endpoint to methods, of which
	// "*" is all. What "global" lacks, all lack.
	RESTDisabled map[string]map[string][]string
}

// Evaluator decides. It is immutable and safe for concurrent use.
type Evaluator struct {
	roles    map[string]*compiledRole
	mappings mappings
	tenants  []string
	system   patterns
	// systemPatterns are the same as they were written.
	systemPatterns []string
	guarded        patterns
	// guardedNames are names that no alias and no template may take.
	guardedNames patterns
	restAdmins   []string
	disabled     map[string]map[string][]string
	problems     []error

	seed maphash.Seed
	mu   sync.Mutex
	sets atomic.Pointer[map[uint64]*roleSet]
}

type compiledRole struct {
	cluster patterns
	blocks  []block
	tenants []block
}

// block permits actions on what the patterns match.
type block struct{ on, actions patterns }

// New compiles a configuration. Entries that cannot be compiled, or that have restrictions we don't support, grant nothing;
// [Evaluator.Problems] names them. The error is about the settings: SystemIndices, GuardedNames.
func New(c Config) (*Evaluator, error) {
	e := &Evaluator{roles: map[string]*compiledRole{}, restAdmins: c.RESTAdminRoles, disabled: c.RESTDisabled, seed: maphash.MakeSeed()}
	if c.RESTAdminRoles == nil {
		e.restAdmins = []string{"all_access", "security_rest_api_access", "security_manager"}
	}
	var err error
	e.systemPatterns = c.SystemIndices
	if e.system, err = compilePatterns(c.SystemIndices); err != nil {
		return nil, fmt.Errorf("system indices: %w", err)
	}
	if e.guardedNames, err = compilePatterns(c.GuardedNames); err != nil {
		return nil, fmt.Errorf("guarded names: %w", err)
	}
	if e.guarded, err = compilePatterns(guardedActions); err != nil {
		return nil, err
	}
	roles, groups := Static()
	for name, r := range c.Roles {
		if _, static := roles[name]; !static {
			roles[name] = r
		}
	}
	for name, g := range c.ActionGroups {
		if _, static := groups[name]; !static {
			groups[name] = g
		}
	}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		e.roles[name] = e.compileRole(name, roles[name], groups)
	}
	e.mappings = e.compileMappings(c.Mappings)
	e.tenants = append(slices.Sorted(maps.Keys(c.Tenants)), "global_tenant")
	e.sets.Store(&map[uint64]*roleSet{})
	return e, nil
}

// Problems returns what of the configuration grants nothing because it cannot be understood, one error for each entry.
func (e *Evaluator) Problems() []error { return e.problems }

func (e *Evaluator) problem(err error, format string, args ...any) {
	if err != nil {
		e.problems = append(e.problems, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err))
	}
}

var errRestricted = errors.New("dls, fls and masked_fields are not supported: the permission grants nothing")

func (e *Evaluator) compileRole(name string, r Role, groups map[string]ActionGroup) *compiledRole {
	c := &compiledRole{}
	var err error
	c.cluster, err = compilePatterns(expand(r.ClusterPermissions, groups))
	e.problem(err, "role %q: cluster_permissions", name)
	for i, p := range r.IndexPermissions {
		if p.Restricted() {
			e.problem(errRestricted, "role %q: index_permissions[%d]", name, i)
			continue
		}
		var b block
		b.on, err = compilePatterns(p.IndexPatterns)
		e.problem(err, "role %q: index_permissions[%d].index_patterns", name, i)
		b.actions, err = compilePatterns(expand(p.AllowedActions, groups))
		e.problem(err, "role %q: index_permissions[%d].allowed_actions", name, i)
		c.blocks = append(c.blocks, b)
	}
	for i, p := range r.TenantPermissions {
		var b block
		b.on, err = compilePatterns(p.TenantPatterns)
		e.problem(err, "role %q: tenant_permissions[%d].tenant_patterns", name, i)
		b.actions, err = compilePatterns(expand(p.AllowedActions, groups))
		e.problem(err, "role %q: tenant_permissions[%d].allowed_actions", name, i)
		c.tenants = append(c.tenants, b)
	}
	return c
}

// expand replaces names of action groups by what they stand for, to any depth. Other names are action patterns.
func expand(names []string, groups map[string]ActionGroup) []string {
	var out []string
	seen := map[string]bool{}
	todo := slices.Clone(names)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if g, ok := groups[name]; ok {
			todo = append(todo, g.AllowedActions...)
			continue
		}
		out = append(out, name)
	}
	return out
}
