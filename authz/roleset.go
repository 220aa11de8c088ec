package authz

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"vigil/authn"
	"vigil/rest"
)

// maxRoleSets bounds how many combinations of roles an evaluator remembers; a cluster has a few dozen.
const maxRoleSets = 4096

// roleSet is a combination of roles with what it permits, worked out action by action as they are asked for.
type roleSet struct {
	names []string
	roles []*compiledRole

	mu     sync.Mutex
	grants atomic.Pointer[map[rest.ActionName]*grant]
}

// grant is what a role set permits of one action.
type grant struct {
	cluster bool
	all     bool        // on every index
	on      []*patterns // on the indices that one of these matches
}

// set finds the role set of names, in which order and capitals count.
func (e *Evaluator) set(names []string) *roleSet {
	var h maphash.Hash
	h.SetSeed(e.seed)
	for _, n := range names {
		_, _ = h.WriteString(n)
		_ = h.WriteByte(0)
	}
	key := h.Sum64()
	if s := (*e.sets.Load())[key]; s != nil && slices.Equal(s.names, names) {
		return s
	}
	s := &roleSet{names: slices.Clone(names)}
	for _, n := range names {
		if r := e.roles[n]; r != nil {
			s.roles = append(s.roles, r)
		}
	}
	s.grants.Store(&map[rest.ActionName]*grant{})
	e.mu.Lock()
	defer e.mu.Unlock()
	known := *e.sets.Load()
	if len(known) >= maxRoleSets {
		known = nil
	}
	next := make(map[uint64]*roleSet, len(known)+1)
	maps.Copy(next, known)
	next[key] = s
	e.sets.Store(&next)
	return s
}

// grant works out what the set permits of an action, once.
func (s *roleSet) grant(action rest.ActionName) *grant {
	if g := (*s.grants.Load())[action]; g != nil {
		return g
	}
	g := &grant{}
	for _, r := range s.roles {
		g.cluster = g.cluster || r.cluster.match(string(action))
		for i := range r.blocks {
			if b := &r.blocks[i]; b.actions.match(string(action)) {
				g.all = g.all || b.on.any
				g.on = append(g.on, &b.on)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(*s.grants.Load())
	next[action] = g
	s.grants.Store(&next)
	return g
}

// permits reports whether the action is permitted on a concrete index, under its own name or that of an alias.
func (g *grant) permits(index string, aliases func(string) []string, who *authn.Principal, roles []string) bool {
	if g.all {
		return true
	}
	for _, p := range g.on {
		if p.matchFor(index, who, roles) {
			return true
		}
	}
	if aliases == nil || len(g.on) == 0 {
		return false
	}
	for _, alias := range aliases(index) {
		for _, p := range g.on {
			if p.matchFor(alias, who, roles) {
				return true
			}
		}
	}
	return false
}

// Tenants returns the Dashboards tenants that the caller may use, and whether for writing. One's own is always among them.
func (e *Evaluator) Tenants(who *authn.Principal, roles []string) map[string]bool {
	tenants := map[string]bool{who.Name: true}
	const read, write = "kibana:saved_objects/x/read", "kibana:saved_objects/x/write"
	for _, r := range e.set(roles).roles {
		for i := range r.tenants {
			b := &r.tenants[i]
			writes := b.actions.match(write)
			if !writes && !b.actions.match(read) {
				continue
			}
			for _, t := range e.tenants {
				if b.on.matchFor(t, who, roles) {
					tenants[t] = tenants[t] || writes
				}
			}
		}
	}
	return tenants
}
