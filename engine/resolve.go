package engine

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigil/rest"
)

// expand says how index expressions of a request are understood (OpenSearch's IndicesOptions).
type expand struct {
	ignoreUnavailable bool
	noIndices         bool // allow_no_indices
	open, closed      bool // which indices wildcards mean
	hidden            bool
	noAliases         bool // wildcards do not match aliases, a plain alias is refused, and data streams are not there
	closedOK          bool // naming a closed index is no error
}

// The defaults of requests, as in OpenSearch.
func searchExpand() expand { return expand{noIndices: true, open: true} }

func adminExpand() expand { return expand{noIndices: true, open: true, closed: true, closedOK: true} }

// expandParams reads the parameters that change how expressions are understood.
func (q *request) expandParams(o expand) (expand, error) {
	var err error
	if o.ignoreUnavailable, err = q.flag("ignore_unavailable", o.ignoreUnavailable); err != nil {
		return o, err
	}
	if o.noIndices, err = q.flag("allow_no_indices", o.noIndices); err != nil {
		return o, err
	}
	v, given := q.call.Param("expand_wildcards")
	if !given {
		return o, nil
	}
	o.open, o.closed, o.hidden = false, false, false
	for w := range strings.SplitSeq(v, ",") {
		switch w {
		case "open":
			o.open = true
		case "closed":
			o.closed = true
		case "hidden":
			o.hidden = true
		case "all":
			o.open, o.closed, o.hidden = true, true, true
		case "none":
		default:
			return o, badRequest("No valid expand wildcard value [%s]", w)
		}
	}
	return o, nil
}

const expandNames = "ignore_unavailable allow_no_indices expand_wildcards ignore_throttled "

// Resolve returns the concrete indices that expressions name, as the audit log and privileges see them: wildcards, "_all"
// and no expression at all mean every index, hidden and dotted ones too, and a name that does not exist is listed in missing
// instead of being an error. Both lists are sorted. It is cheap and may be called from [rest.Effects.Allow].
func (e *Engine) Resolve(exprs []string) (concrete, missing []string) {
	s := e.state.Load()
	if len(exprs) == 1 && s.indices[exprs[0]] != nil {
		return exprs[:1:1], nil // what nearly every request asks
	}
	o := expand{ignoreUnavailable: true, noIndices: true, open: true, closed: true, hidden: true, closedOK: true}
	found, lost := s.expand(exprs, o, e)
	return found, lost
}

// expand returns the concrete names of expressions and the plain names that do not exist.
func (s *state) expand(exprs []string, o expand, e *Engine) (found, missing []string) {
	if len(exprs) == 0 || len(exprs) == 1 && (exprs[0] == "_all" || exprs[0] == "*" || exprs[0] == "") {
		return s.match("*", o), nil
	}
	set := map[string]bool{}
	lost := map[string]bool{}
	wild := false
	for _, expr := range exprs {
		name, exclude := expr, false
		if wild && strings.HasPrefix(expr, "-") {
			name, exclude = expr[1:], true
		}
		if math, err := rest.ExpandDateMath(name, e.opts.Now()); err == nil {
			name = math
		}
		isWild := strings.Contains(name, "*") || name == "_all"
		wild = wild || isWild
		if name == "_all" {
			name = "*"
		}
		var names []string
		switch {
		case isWild:
			names = s.match(name, o)
		case s.indices[name] != nil:
			names = []string{name}
		case s.aliases[name] != nil:
			names = s.aliases[name]
		case s.streams[name] != nil && !o.noAliases:
			names = s.streams[name].Indices
		case !exclude:
			lost[name] = true
		}
		for _, n := range names {
			if exclude {
				delete(set, n)
			} else {
				set[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set)), slices.Sorted(maps.Keys(lost))
}

// match returns the names that a pattern means.
func (s *state) match(pattern string, o expand) []string {
	set := map[string]bool{}
	dotted := strings.HasPrefix(pattern, ".")
	for name, x := range s.indices {
		if x.Closed && !o.closed || !x.Closed && !o.open || x.hidden() && !o.hidden && (!dotted || !strings.HasPrefix(name, ".")) {
			continue
		}
		if rest.MatchName(pattern, name) {
			set[name] = true
			continue
		}
		if o.noAliases {
			continue
		}
		for a, def := range x.Aliases {
			if rest.MatchName(pattern, a) && (o.hidden || def.IsHidden == nil || !*def.IsHidden) {
				set[name] = true
			}
		}
	}
	if o.noAliases {
		return slices.Sorted(maps.Keys(set))
	}
	// A data stream is not hidden, though its indices are.
	for name, d := range s.streams {
		if !rest.MatchName(pattern, name) {
			continue
		}
		for _, n := range d.Indices {
			if x := s.indices[n]; x.Closed && o.closed || !x.Closed && o.open {
				set[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// judged asks for indices that privileges were not asked for. The gateway judges by what expressions mean at most; an
// exclusion that means more with the request's own options than without would otherwise let other indices in.
func (q *request) judged(names ...string) error {
	if q.fx == nil || q.call.Judged == nil {
		return nil
	}
	var beyond []string
	for _, name := range names {
		if !slices.Contains(q.call.Judged, name) {
			beyond = append(beyond, name)
		}
	}
	if len(beyond) == 0 {
		return nil
	}
	a := rest.Action{Name: q.call.Route.Action, Request: q.call.Route.Request, Indices: beyond, Resolved: beyond, Run: judgedRun}
	if q.call.Route.Targets == rest.TargetBody && a.Name.IsCluster() {
		a.Name, a.Request = "indices:data/read/search", "SearchRequest"
	}
	return q.fx.Begin(a)
}

// judgedRun tells the task of such a question from the request's own.
const judgedRun = 1 << 30

// targets returns the indices that a request means, sorted by name, or why it cannot have them.
func (e *Engine) targets(q *request, s *state, exprs []string, o expand) ([]*index, error) {
	found, missing := s.expand(exprs, o, e)
	if len(missing) > 0 && !o.ignoreUnavailable {
		if err := rest.CheckExpressions(missing[:1]); err != nil {
			return nil, err
		}
		return nil, notFound(missing[0])
	}
	var out []*index
	for _, name := range found {
		x := s.indices[name]
		if x.Closed && !o.closedOK {
			if o.ignoreUnavailable {
				continue
			}
			return nil, closedIndex(x)
		}
		out = append(out, x)
	}
	names := make([]string, len(out))
	for i, x := range out {
		names[i] = x.Name
	}
	if err := q.judged(names...); err != nil {
		return nil, err
	}
	if o.noAliases {
		for _, expr := range exprs {
			if s.aliases[expr] != nil {
				return nil, badRequest("The provided expression [%s] matches an alias, specify the corresponding concrete indices instead.", expr)
			}
		}
	}
	if len(out) == 0 && !o.noIndices {
		name := strings.Join(exprs, ",")
		if name == "" {
			name = "_all"
		}
		return nil, notFound(name)
	}
	return out, nil
}

func closedIndex(x *index) *rest.Error {
	return &rest.Error{
		Status: http.StatusBadRequest, Type: "index_closed_exception", Reason: "closed",
		Extra: map[string]any{"index": x.Name, "index_uuid": x.UUID},
	}
}

// single returns the one index that a request for a document names, by its own name or an alias.
func (e *Engine) single(s *state, expr string) (*index, error) {
	if name, err := rest.ExpandDateMath(expr, e.opts.Now()); err == nil {
		expr = name
	}
	if names := s.aliases[expr]; len(names) > 1 {
		return nil, badRequest("alias [%s] has more than one index associated with it [%s], can't execute a single index op",
			expr, strings.Join(names, ", "))
	} else if len(names) == 1 {
		expr = names[0]
	}
	x := s.indices[expr]
	switch {
	case x == nil:
		if err := rest.CheckExpressions([]string{expr}); err != nil {
			return nil, err
		}
		return nil, notFound(expr)
	case x.Closed:
		return nil, closedIndex(x)
	}
	return x, nil
}

// writable returns the index that a write goes to, or nil if there is none of that name yet.
func (s *state) writable(name string) (*index, error) {
	if x := s.indices[name]; x != nil {
		return x, nil
	}
	if d := s.streams[name]; d != nil {
		return s.indices[d.writeIndex()], nil
	}
	names := s.aliases[name]
	if len(names) == 0 {
		return nil, nil //nolint:nilnil // the index is to be made
	}
	for _, n := range names {
		if a := s.indices[n].Aliases[name]; a.IsWriteIndex != nil && *a.IsWriteIndex {
			return s.indices[n], nil
		}
	}
	if a := s.indices[names[0]].Aliases[name]; len(names) == 1 && (a.IsWriteIndex == nil || *a.IsWriteIndex) {
		return s.indices[names[0]], nil
	}
	return nil, badRequest("no write index is defined for alias [%s]. The write index may be explicitly disabled using is_write_index=false"+
		" or the alias points to multiple indices without one being designated as a write index", name)
}

// filters returns the alias filters under which an index is searched; nil if it is named in a way without a filter.
func (s *state) filters(x *index, exprs []string, now time.Time) []string {
	var out []string
	if len(exprs) == 0 {
		return nil
	}
	for _, expr := range exprs {
		if strings.HasPrefix(expr, "-") {
			continue
		}
		if math, err := rest.ExpandDateMath(expr, now); err == nil {
			expr = math
		}
		if expr == "_all" || rest.MatchName(expr, x.Name) || s.streamOf[x.Name] != "" && rest.MatchName(expr, s.streamOf[x.Name]) {
			return nil
		}
		for name, a := range x.Aliases {
			if !rest.MatchName(expr, name) {
				continue
			}
			if len(a.Filter) == 0 {
				return nil
			}
			out = append(out, string(a.Filter))
		}
	}
	return out
}
