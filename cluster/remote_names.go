package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vigil/rest"
)

// remoteIndex is what is remembered of a concrete index.
type remoteIndex struct {
	uuid    string
	shards  int
	aliases map[string]remoteAlias
	// pipelined says that the cluster may store something else than what was sent.
	pipelined bool
}

type remoteAlias struct {
	writeIndex *bool
	routing    string
}

// nameTable is one reading of the cluster's names. It is never changed.
type nameTable struct {
	version string
	indices map[string]*remoteIndex
	aliases map[string][]string
}

// names is the last reading. One goroutine reads at a time.
type names struct {
	current atomic.Pointer[nameTable]
	mu      sync.Mutex
}

// Refresh reads the cluster's names if its metadata has changed since they were read last.
func (r *Remote) Refresh(ctx context.Context) error {
	r.names.mu.Lock()
	defer r.names.mu.Unlock()
	var state struct {
		Version int64  `json:"version"`
		UUID    string `json:"state_uuid"`
	}
	if err := r.get(ctx, "/_cluster/state/version", nil, &state); err != nil {
		return err
	}
	version := strconv.FormatInt(state.Version, 10) + "/" + state.UUID
	if was := r.names.current.Load(); was != nil && was.version == version {
		return nil
	}
	t := &nameTable{version: version, indices: map[string]*remoteIndex{}, aliases: map[string][]string{}}
	if err := r.readSettings(ctx, t); err != nil {
		return err
	}
	if err := r.readAliases(ctx, t); err != nil {
		return err
	}
	r.names.current.Store(t)
	r.mappings.keep(t)
	return nil
}

func (r *Remote) readSettings(ctx context.Context, t *nameTable) error {
	var answer map[string]struct {
		Settings map[string]string `json:"settings"`
	}
	err := r.get(ctx, "/_settings/index.uuid,index.number_of_shards,index.default_pipeline,index.final_pipeline",
		url.Values{"flat_settings": {"true"}, "expand_wildcards": {"all"}}, &answer)
	if err != nil {
		return err
	}
	for name, a := range answer {
		x := &remoteIndex{uuid: a.Settings["index.uuid"], shards: 1}
		if n, err := strconv.Atoi(a.Settings["index.number_of_shards"]); err == nil {
			x.shards = n
		}
		for _, key := range []string{"index.default_pipeline", "index.final_pipeline"} {
			if p := a.Settings[key]; p != "" && p != "_none" {
				x.pipelined = true
			}
		}
		t.indices[name] = x
	}
	return nil
}

func (r *Remote) readAliases(ctx context.Context, t *nameTable) error {
	var answer map[string]struct {
		Aliases map[string]struct {
			IsWriteIndex *bool  `json:"is_write_index"`
			IndexRouting string `json:"index_routing"`
		} `json:"aliases"`
	}
	if err := r.get(ctx, "/_alias", url.Values{"expand_wildcards": {"all"}}, &answer); err != nil {
		return err
	}
	for index, a := range answer {
		x := t.indices[index]
		if x == nil || len(a.Aliases) == 0 {
			continue
		}
		x.aliases = make(map[string]remoteAlias, len(a.Aliases))
		for name, def := range a.Aliases {
			x.aliases[name] = remoteAlias{writeIndex: def.IsWriteIndex, routing: def.IndexRouting}
			t.aliases[name] = append(t.aliases[name], index)
		}
	}
	for _, list := range t.aliases {
		slices.Sort(list)
	}
	return nil
}

// get asks a question of our own and decodes the answer.
func (r *Remote) get(ctx context.Context, path string, query url.Values, out any) error {
	resp, err := r.ask(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	if resp.Status >= http.StatusBadRequest {
		return fmt.Errorf("GET %s: %w", path, errorOf(resp))
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		return fmt.Errorf("GET %s: reading the answer: %w", path, err)
	}
	return nil
}

// table is the last reading; an empty one before the first.
func (r *Remote) table() *nameTable {
	if t := r.names.current.Load(); t != nil {
		return t
	}
	return &nameTable{}
}

// Resolve returns the concrete indices that expressions mean, aliases, wildcards and date math resolved, and the plain names
// among them that do not exist. No expressions means all indices. Both lists are sorted. An exclusion takes out an index only
// by its plain name: what a pattern excludes depends on options that the cluster applies, and privileges must be asked for all
// that may be meant.
func (r *Remote) Resolve(expressions []string) (concrete, missing []string) {
	t := r.table()
	if len(expressions) == 0 || len(expressions) == 1 && slices.Contains([]string{"_all", "*", ""}, expressions[0]) {
		return slices.Sorted(maps.Keys(t.indices)), nil
	}
	found, lost := map[string]bool{}, map[string]bool{}
	wild := false
	for _, name := range expressions {
		exclude := wild && strings.HasPrefix(name, "-")
		if exclude {
			name = name[1:]
		}
		if math, err := rest.ExpandDateMath(name, time.Now()); err == nil {
			name = math
		}
		isWild := strings.Contains(name, "*") || name == "_all"
		wild = wild || isWild
		means := t.means(name, isWild)
		if means == nil && !isWild && !exclude {
			lost[name] = true
		}
		for _, n := range means {
			switch {
			case !exclude:
				found[n] = true
			case n == name:
				delete(found, n)
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(lost))
}

// means returns the indices of one expression; nil if a plain name does not exist.
func (t *nameTable) means(name string, wild bool) []string {
	switch {
	case !wild && t.indices[name] != nil:
		return []string{name}
	case !wild:
		return t.aliases[name]
	case name == "_all":
		name = "*"
	}
	var list []string
	for index, x := range t.indices {
		if rest.MatchName(name, index) || slices.ContainsFunc(slices.Collect(maps.Keys(x.aliases)), func(a string) bool { return rest.MatchName(name, a) }) {
			list = append(list, index)
		}
	}
	return list
}

// Aliases returns the aliases of a concrete index, sorted; none if it is not there.
func (r *Remote) Aliases(index string) []string {
	x := r.table().indices[index]
	if x == nil || len(x.aliases) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(x.aliases))
}

// Shards returns how many primary shards a concrete index has; 1 if it is not there.
func (r *Remote) Shards(index string) int {
	if x := r.table().indices[index]; x != nil {
		return x.shards
	}
	return 1
}

// writable returns the concrete index that a write to name goes to and the routing that an alias gives it. An index that
// does not exist is its own name, and missing. So is what the cluster will refuse.
func (t *nameTable) writable(name string) (index, routing string, missing bool) {
	if t.indices[name] != nil {
		return name, "", false
	}
	list := t.aliases[name]
	for _, n := range list {
		if a := t.indices[n].aliases[name]; len(list) == 1 || a.writeIndex != nil && *a.writeIndex {
			return n, a.routing, false
		}
	}
	return name, "", len(list) == 0
}

// exists asks the cluster itself whether a name that is not remembered is there, because another client may just have made it.
func (r *Remote) exists(ctx context.Context, name string) (bool, error) {
	resp, err := r.ask(ctx, http.MethodHead, Path(name), nil, nil)
	if err != nil {
		return false, err
	}
	if resp.Status != http.StatusOK {
		return false, nil
	}
	return true, r.Refresh(ctx)
}

// without returns the expressions of a request such that the hidden indices are not among what they mean; nothing if no index
// remains.
func (r *Remote) without(expressions, hide []string) []string {
	if len(expressions) == 0 {
		expressions = []string{"*"}
	}
	var list []string
	wild := false
	for _, e := range expressions {
		if strings.Contains(e, "*") || e == "_all" || strings.HasPrefix(e, "-") {
			list, wild = append(list, e), true
			continue
		}
		name := e
		if math, err := rest.ExpandDateMath(e, time.Now()); err == nil {
			name = math
		}
		if slices.Contains(hide, name) {
			continue // also if it was made a moment ago and is not known here yet
		}
		// A plain name may be an alias that means a hidden index among others.
		means, _ := r.Resolve([]string{e})
		left := slices.DeleteFunc(slices.Clone(means), func(n string) bool { return slices.Contains(hide, n) })
		if len(left) == len(means) {
			list = append(list, e)
		} else {
			list = append(list, left...)
		}
	}
	if wild {
		for _, h := range hide {
			list = append(list, "-"+h)
		}
	}
	return list
}
