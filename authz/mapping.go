package authz

import (
	"maps"
	"net/netip"
	"slices"

	"vigil/authn"
)

// Roles returns the caller's roles: those that the identity source assigned and those mapped to the name, the backend roles
// or the address. Administrators by certificate have none and need none. The slice is shared: do not change it.
//
// The order is that of a Java HashSet, because refusals print it: "Security roles [own_index, sc_limited]".
func (e *Evaluator) Roles(who *authn.Principal, remote netip.Addr) []string {
	if who.IsAdmin {
		return nil
	}
	var buf [16]string
	names := append(buf[:0], who.SecurityRoles...)
	if who.Settled {
		return e.set(hashOrder(names)).names
	}
	names = append(names, e.mappings.users[who.Name]...)
	for _, b := range who.BackendRoles {
		names = append(names, e.mappings.backends[b]...)
	}
	for i := range e.mappings.rules {
		if r := &e.mappings.rules[i]; r.match(who, remote) {
			names = append(names, r.role)
		}
	}
	return e.set(hashOrder(names)).names
}

// mappings is the compiled form of all role mappings.
type mappings struct {
	users    map[string][]string // exact user name to roles
	backends map[string][]string // exact backend role to roles
	rules    []rule              // whatever is not exact
}

type rule struct {
	role     string
	users    patterns
	backends patterns
	all      []patterns // and_backend_roles
	hosts    patterns
}

func (e *Evaluator) compileMappings(all map[string]RoleMapping) mappings {
	m := mappings{users: map[string][]string{}, backends: map[string][]string{}}
	for _, role := range slices.Sorted(maps.Keys(all)) {
		doc := all[role]
		r := rule{role: role}
		var err error
		r.users, err = compilePatterns(doc.Users)
		e.problem(err, "mapping of role %q: users", role)
		r.backends, err = compilePatterns(doc.BackendRoles)
		e.problem(err, "mapping of role %q: backend_roles", role)
		r.hosts, err = compilePatterns(doc.Hosts)
		e.problem(err, "mapping of role %q: hosts", role)
		for _, s := range doc.AndBackendRoles {
			p, err := compilePatterns([]string{s})
			e.problem(err, "mapping of role %q: and_backend_roles", role)
			r.all = append(r.all, p)
		}
		for name := range r.users.exact {
			m.users[name] = append(m.users[name], role)
		}
		for name := range r.backends.exact {
			m.backends[name] = append(m.backends[name], role)
		}
		if r.users.open() || r.backends.open() || len(r.all) > 0 || r.hosts.open() || len(r.hosts.exact) > 0 {
			m.rules = append(m.rules, r)
		}
	}
	return m
}

// open reports whether there are patterns beyond exact names.
func (p *patterns) open() bool { return p.any || len(p.globs) > 0 || len(p.regexps) > 0 }

func (r *rule) match(who *authn.Principal, remote netip.Addr) bool {
	if r.users.match(who.Name) || slices.ContainsFunc(who.BackendRoles, r.backends.match) {
		return true
	}
	if len(r.all) > 0 && !slices.ContainsFunc(r.all, func(p patterns) bool {
		return !slices.ContainsFunc(who.BackendRoles, p.match)
	}) {
		return true
	}
	return (r.hosts.open() || len(r.hosts.exact) > 0) && remote.IsValid() && r.hosts.match(remote.Unmap().String())
}
