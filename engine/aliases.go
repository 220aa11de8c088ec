package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"vigil/rest"
)

const aliasParams = "timeout master_timeout cluster_manager_timeout "

// aliasAction is one action of update_aliases.
type aliasAction struct {
	kind    string // "add", "remove", "remove_index"
	indices []string
	aliases []string
	def     alias
	must    bool // must_exist
}

func (e *Engine) handleUpdateAliases(q *request) (*answer, error) {
	var body struct {
		Actions []map[string]json.RawMessage `json:"actions"`
	}
	if err := q.decode(&body); err != nil {
		return nil, err
	}
	if len(body.Actions) == 0 {
		return nil, badRequest("No action specified")
	}
	var actions []aliasAction
	for _, named := range body.Actions {
		for kind, raw := range named {
			a, err := parseAliasAction(kind, raw)
			if err != nil {
				return nil, err
			}
			actions = append(actions, a)
		}
	}
	return e.applyAliases(q, actions)
}

func parseAliasAction(kind string, raw json.RawMessage) (aliasAction, error) {
	a := aliasAction{kind: kind}
	if kind != "add" && kind != "remove" && kind != "remove_index" {
		return a, badRequest("[aliases] unknown field [%s]", kind)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return a, badRequest("[alias_action] [%s] must be an object", kind)
	}
	rest := map[string]json.RawMessage{}
	for k, v := range m {
		var list stringList
		switch k {
		case "index", "indices", "alias", "aliases":
			if json.Unmarshal(v, &list) != nil {
				return a, badRequest("[%s] must be a string or a list of strings", k)
			}
			if strings.HasPrefix(k, "index") || k == "indices" {
				a.indices = append(a.indices, list...)
			} else {
				a.aliases = append(a.aliases, list...)
			}
		case "must_exist":
			a.must = string(v) == "true"
		default:
			rest[k] = v
		}
	}
	if len(a.indices) == 0 {
		return a, badRequest("One of [index] or [indices] is required")
	}
	if len(a.aliases) == 0 && kind != "remove_index" {
		return a, badRequest("One of [alias] or [aliases] is required")
	}
	def, err := json.Marshal(rest)
	if err != nil {
		return a, err
	}
	a.def, err = parseAlias(def)
	return a, err
}

// applyAliases runs all actions or none.
func (e *Engine) applyAliases(q *request, actions []aliasAction) (*answer, error) {
	err := e.change(func(s *state) ([]change, error) {
		var out []change
		for _, a := range actions {
			changes, err := e.aliasChanges(q, s, a)
			if err != nil {
				return nil, err
			}
			if s, err = s.with(changes); err != nil {
				return nil, err
			}
			out = append(out, changes...)
		}
		for _, x := range s.indices {
			if err := s.oneWriteIndex(&x.indexMeta); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func (e *Engine) aliasChanges(q *request, s *state, a aliasAction) ([]change, error) {
	o := expand{open: true, closed: true, noAliases: true, closedOK: true}
	indices, err := e.targets(q, s, a.indices, o)
	if err != nil {
		return nil, err
	}
	var out []change
	removed := false
	for _, x := range indices {
		if a.kind == "remove_index" {
			if err := s.keepsWriteIndex(x); err != nil {
				return nil, err
			}
			out = append(out, change{Drop: x.UUID})
			continue
		}
		meta := x.indexMeta
		meta.Aliases = maps.Clone(x.Aliases)
		if meta.Aliases == nil {
			meta.Aliases = map[string]alias{}
		}
		for _, name := range a.aliases {
			if a.kind == "add" {
				if err := s.aliasFree(name); err != nil {
					return nil, err
				}
				meta.Aliases[name] = a.def
				continue
			}
			for have := range x.Aliases {
				if rest.MatchName(name, have) || name == "_all" {
					delete(meta.Aliases, have)
					removed = true
				}
			}
		}
		out = append(out, change{Put: &meta})
	}
	if a.kind == "remove" && !removed {
		return nil, aliasesMissing(a.aliases)
	}
	return out, nil
}

func aliasesMissing(names []string) error {
	list := strings.Join(names, ",")
	return &rest.Error{
		Status: http.StatusNotFound, Type: "aliases_not_found_exception", Reason: fmt.Sprintf("aliases [%s] missing", list),
		Extra: map[string]any{"resource.id": list, "resource.type": "aliases"},
	}
}

func (e *Engine) handlePutAlias(q *request) (*answer, error) {
	name, indices := q.call.Vars["name"], q.indices()
	m := map[string]json.RawMessage{}
	if len(q.body) > 0 {
		if err := q.decode(&m); err != nil {
			return nil, err
		}
	}
	for key, into := range map[string]*string{"alias": &name} {
		if raw, given := m[key]; given {
			if json.Unmarshal(raw, into) != nil {
				return nil, badRequest("[%s] must be a string", key)
			}
			delete(m, key)
		}
	}
	if raw, given := m["index"]; given {
		var list stringList
		if json.Unmarshal(raw, &list) != nil {
			return nil, badRequest("[index] must be a string")
		}
		indices = list
		delete(m, "index")
	}
	if len(indices) == 0 {
		return nil, validation("index is missing")
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	def, err := parseAlias(raw)
	if err != nil {
		return nil, err
	}
	return e.applyAliases(q, []aliasAction{{kind: "add", indices: indices, aliases: []string{name}, def: def}})
}

func (e *Engine) handleDeleteAlias(q *request) (*answer, error) {
	return e.applyAliases(q, []aliasAction{{kind: "remove", indices: q.indices(), aliases: strings.Split(q.call.Vars["name"], ",")}})
}

// findAliases returns the aliases of indices by a list of names or patterns, and the plain names that were not found.
func (e *Engine) findAliases(q *request) (map[string]any, []string, error) {
	o, err := q.expandParams(expand{noIndices: true, open: true, closed: true, hidden: true, closedOK: true})
	if err != nil {
		return nil, nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, nil, err
	}
	names := rest.SplitIndices(q.call.Vars["name"])
	out := map[string]any{}
	seen := map[string]bool{}
	for _, x := range indices {
		found := map[string]alias{}
		for a, def := range x.Aliases {
			for _, n := range names {
				if n == "_all" || rest.MatchName(n, a) {
					found[a] = def
					seen[n] = true
				}
			}
			if names == nil {
				found[a] = def
			}
		}
		if len(found) > 0 || names == nil {
			out[x.Name] = map[string]any{"aliases": found}
		}
	}
	var missing []string
	for _, n := range names {
		if !seen[n] && !strings.Contains(n, "*") && n != "_all" {
			missing = append(missing, n)
		}
	}
	slices.Sort(missing)
	return out, missing, nil
}

func (e *Engine) handleGetAlias(q *request) (*answer, error) {
	out, missing, err := e.findAliases(q)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return ok(out)
	}
	text := "alias [" + missing[0] + "] missing"
	if len(missing) > 1 {
		text = "aliases [" + strings.Join(missing, ",") + "] missing"
	}
	out["error"], out["status"] = text, http.StatusNotFound
	return &answer{status: http.StatusNotFound, body: out}, nil
}

func (e *Engine) handleAliasExists(q *request) (*answer, error) {
	out, missing, err := e.findAliases(q)
	switch {
	case err != nil:
		return headAnswer(err), nil
	case len(missing) > 0 || len(out) == 0:
		return &answer{status: http.StatusNotFound, body: map[string]any{}}, nil
	}
	return ok(out)
}
