package authz

import (
	"slices"
	"strings"

	"vigil/authn"
	"vigil/rest"
)

// Request is one action on known indices.
type Request struct {
	// Action is the action's name as the event will show it. What is evaluated may be another: see [Evaluator.Evaluate].
	Action rest.ActionName
	// Also are further actions that are needed on the same indices: those of the items of a shard-level bulk,
	// "indices:admin/aliases" when an index is created with aliases, "indices:admin/delete" for remove_index.
	Also []rest.ActionName
	// Expressions are the indices as the client wrote them, split at commas.
	Expressions []string
	// Resolved are the concrete indices that the expressions stand for. They decide; expressions are looked at only if there
	// are none of these: a new index, a name that does not exist.
	Resolved []string
	// Names are the names that the request gives: aliases, and the patterns of templates, in which * stands for any text. One that a
	// system index or [Config.GuardedNames] could have makes the request an attempt; nothing else is asked of them.
	Names []string
	// Aliases returns the aliases and the data stream of a concrete index. A permission on such a name holds for the
	// index, as in OpenSearch. Nil means that there are none.
	Aliases func(index string) []string
}

// Decision is what became of a [Request].
type Decision struct {
	Allowed bool
	// Missing are the needed actions that some index, or the cluster, lacks, in the order in which they were needed.
	Missing []rest.ActionName
	// Attempt says that a system index would have been changed, or its name taken: two events are made of it, and Missing is empty.
	Attempt bool
	// Reason is what the client reads when refused.
	Reason string
	// Hide are the system indices among Resolved, and patterns of such, whose documents the caller, though allowed, must not see: a
	// search finds nothing there, a get answers 404 (compat/ 05a-security-index-default, root-search and root-get).
	Hide []string
}

// guardedActions are the actions that nobody may run on a system index. The first block is that of the original; the rest would make a
// readable copy, take the index's name before it exists, or stop it working.
var guardedActions = []string{
	"indices:data/write*", "indices:admin/delete*", "indices:admin/mapping/delete*", "indices:admin/mapping/put*",
	"indices:admin/freeze*", "indices:admin/settings/update*", "indices:admin/aliases", "indices:admin/close*",
	restoreAction + "*",

	"indices:admin/create", "indices:admin/open*", "indices:admin/block*", "indices:admin/resize*", "indices:admin/rollover*",
	"indices:admin/data_stream/create*", "indices:admin/data_stream/delete*",
}

const restoreAction = "cluster:admin/snapshot/restore"

// rewrite gives the name under which an action is evaluated.
func rewrite(a rest.ActionName) rest.ActionName {
	switch a {
	case "indices:admin/auto_create":
		return "indices:admin/create"
	case "indices:admin/mapping/auto_put":
		return "indices:admin/mapping/put"
	}
	if tail, ok := strings.CutPrefix(string(a), "internal:indices/admin/upgrade"); ok {
		return rest.ActionName("indices:admin/upgrade" + tail)
	}
	return a
}

// Evaluate decides whether a caller with these roles ([Evaluator.Roles]) may run an action.
//
// System indices come first: changing one is refused whatever the roles say. Actions of the cluster
// ([rest.ActionName.IsCluster]) need a cluster permission and look at no index. All others need, on every index, the action and
// whatever else goes with it, though not all from one role. A request that could name indices, names none and finds none
// needs a permission on all ("*"). The creation of an index or a mapping on the way counts as the explicit action.
// Administrators by certificate may do everything.
func (e *Evaluator) Evaluate(who *authn.Principal, roles []string, r Request) Decision {
	if who.IsAdmin {
		return Decision{Allowed: true}
	}
	action := rewrite(r.Action)
	if e.attempt(action, &r) {
		return Decision{Attempt: true, Reason: Reason(nil, who)}
	}
	if meansNothing(action, &r) {
		return Decision{Allowed: true}
	}
	set := e.set(roles)
	names := r.Resolved
	if len(names) == 0 {
		names = r.Expressions
	}
	var missing []rest.ActionName
	if !set.permits(action, names, &r, who) {
		missing = append(missing, action)
	}
	if action == "indices:admin/shards/search_shards" && !set.permits("indices:data/read/search", names, &r, who) {
		missing = append(missing, "indices:data/read/search")
	}
	for _, also := range r.Also {
		also = rewrite(also)
		if !slices.Contains(missing, also) && !set.permits(also, names, &r, who) {
			missing = append(missing, also)
		}
	}
	if len(missing) > 0 {
		return Decision{Missing: missing, Reason: Reason(missing, who)}
	}
	return Decision{Allowed: true, Hide: e.hidden(action, &r)}
}

// meansNothing reports whether a request is about indices of which there is none: its patterns match nothing, and it makes
// nothing. OpenSearch lets everybody ask for nothing; see compat/scenarios/audit/v26-no-match.json.
func meansNothing(action rest.ActionName, r *Request) bool {
	if len(r.Resolved) > 0 || len(r.Expressions) == 0 || action.IsCluster() || slices.Contains(makers, action) {
		return false
	}
	return !slices.ContainsFunc(r.Expressions, func(x string) bool {
		return strings.Contains(x, ":") || !strings.Contains(x, "*") && !strings.HasPrefix(x, "-")
	})
}

// makers are the actions that a name matters to although nothing has it yet.
var makers = []rest.ActionName{
	"indices:data/write/index", "indices:data/write/update", "indices:data/write/delete", "indices:data/write/bulk[s]", "indices:admin/create",
	"indices:admin/resize", "indices:admin/rollover", "indices:admin/data_stream/create",
}

// attempt reports whether the request would change a system index.
func (e *Evaluator) attempt(action rest.ActionName, r *Request) bool {
	if e.takesName(r.Names) {
		return true
	}
	touches := false
	for _, name := range r.Resolved {
		touches = touches || e.system.match(name)
	}
	for _, name := range r.Expressions {
		touches = touches || e.system.match(name) || name == "*" || name == "_all"
	}
	if strings.HasPrefix(string(action), restoreAction) && len(r.Expressions) == 0 && len(r.Resolved) == 0 {
		touches = true // everything in the snapshot
	}
	if !touches {
		return false
	}
	return e.guarded.match(string(action)) || slices.ContainsFunc(r.Also, func(a rest.ActionName) bool {
		return e.guarded.match(string(rewrite(a)))
	})
}

// takesName reports whether one of the names could be that of a system index or a guarded one. A template for everything is
// for everything that has no better one, and takes no name.
func (e *Evaluator) takesName(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return n != "*" && (e.system.overlaps(n) || e.guardedNames.overlaps(n))
	})
}

// permits reports whether the set permits the action, on all of the names if it is about indices.
func (s *roleSet) permits(action rest.ActionName, names []string, r *Request, who *authn.Principal) bool {
	g := s.grant(action)
	if action.IsCluster() {
		return g.cluster
	}
	if len(names) == 0 {
		return g.all
	}
	for _, name := range names {
		if !g.permits(name, r.Aliases, who, s.names) {
			return false
		}
	}
	return true
}

// hidden returns the system indices of a read, and the patterns of those that a pattern for dotted names may mean, too, once
// somebody makes them: a remote cluster may know an index a moment before we do.
func (e *Evaluator) hidden(action rest.ActionName, r *Request) []string {
	if !strings.HasPrefix(string(action), "indices:data/read") {
		return nil
	}
	var hide []string
	for _, name := range r.Resolved {
		if e.system.match(name) {
			hide = append(hide, name)
		}
	}
	for _, expr := range r.Expressions {
		head, _, wild := strings.Cut(expr, "*")
		if !wild || !strings.HasPrefix(expr, ".") {
			continue
		}
		for _, p := range e.systemPatterns {
			own, _, _ := strings.Cut(p, "*")
			if (strings.HasPrefix(own, head) || strings.HasPrefix(head, own)) && !slices.Contains(hide, p) {
				hide = append(hide, p)
			}
		}
	}
	return hide
}

// System reports whether the index is a system index.
func (e *Evaluator) System(index string) bool { return e.system.match(index) }

// Reason returns the sentence that a refused client reads:
// "no permissions for [a, b] and User [name=n, backend_roles=[x], requestedTenant=null]".
func Reason(missing []rest.ActionName, who *authn.Principal) string {
	var b strings.Builder
	b.WriteString("no permissions for [")
	for i, m := range missing {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(m))
	}
	b.WriteString("] and " + UserText(who))
	return b.String()
}

// UserText describes a caller as OpenSearch prints one: "User [name=n, backend_roles=[x], requestedTenant=null]".
func UserText(who *authn.Principal) string {
	tenant := who.RequestedTenant
	if tenant == "" {
		tenant = "null"
	}
	return "User [name=" + who.Name + ", backend_roles=[" + strings.Join(hashOrder(slices.Clone(who.BackendRoles)), ", ") +
		"], requestedTenant=" + tenant + "]"
}
