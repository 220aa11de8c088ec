package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"vigil/rest"
)

const adminParams = expandNames + "timeout master_timeout cluster_manager_timeout local "

func (e *Engine) handleGetIndex(q *request) (*answer, error) {
	o, err := q.expandParams(expand{noIndices: true, open: true, closed: true, closedOK: true})
	if err != nil {
		return nil, err
	}
	s := e.state.Load()
	indices, err := e.targets(q, s, q.indices(), o)
	if err != nil {
		return nil, err
	}
	flat, err := q.flag("flat_settings", false)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, x := range indices {
		settings := x.shownSettings()
		if !flat {
			settings = nest(settings)
		}
		shown := map[string]any{"aliases": x.Aliases, "mappings": x.mapping, "settings": settings}
		if stream := s.streamOf[x.Name]; stream != "" {
			shown["data_stream"] = stream
		}
		out[x.Name] = shown
	}
	return ok(out)
}

func (e *Engine) handleIndexExists(q *request) (*answer, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err == nil && len(indices) == 0 {
		err = notFound(strings.Join(q.indices(), ","))
	}
	if err != nil {
		return headAnswer(err), nil
	}
	return ok(map[string]any{})
}

// headAnswer tells the status of an error to a HEAD request, which has no body.
func headAnswer(err error) *answer {
	return &answer{status: asRest(err).Status, body: map[string]any{}}
}

func (e *Engine) handleDeleteIndex(q *request) (*answer, error) {
	o, err := q.expandParams(expand{noIndices: true, open: true, closed: true, noAliases: true, closedOK: true})
	if err != nil {
		return nil, err
	}
	err = e.change(func(s *state) ([]change, error) {
		if s.clusterSetting("action.destructive_requires_name", "false") == "true" && hasWildcard(q.indices()) {
			return nil, badRequest("Wildcard expressions or all indices are not allowed")
		}
		indices, err := e.targets(q, s, q.indices(), o)
		if err != nil {
			return nil, err
		}
		var out []change
		for _, x := range indices {
			if err := s.keepsWriteIndex(x); err != nil {
				return nil, err
			}
			out = append(out, change{Drop: x.UUID})
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func hasWildcard(exprs []string) bool {
	return len(exprs) == 0 || slices.ContainsFunc(exprs, func(x string) bool { return x == "_all" || strings.Contains(x, "*") })
}

func (e *Engine) handleGetSettings(q *request) (*answer, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	flat, err := q.flag("flat_settings", false)
	if err != nil {
		return nil, err
	}
	var names []string
	if v := q.call.Vars["name"]; v != "" && v != "_all" {
		names = strings.Split(v, ",")
	}
	out := map[string]any{}
	for _, x := range indices {
		shown := x.shownSettings()
		for k := range shown {
			if names != nil && !slices.ContainsFunc(names, func(p string) bool { return rest.MatchName(p, k) }) {
				delete(shown, k)
			}
		}
		if len(shown) == 0 {
			continue
		}
		if !flat {
			shown = nest(shown)
		}
		out[x.Name] = map[string]any{"settings": shown}
	}
	return ok(out)
}

func (e *Engine) handlePutSettings(q *request) (*answer, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	preserve, err := q.flag("preserve_existing", false)
	if err != nil {
		return nil, err
	}
	body := q.body
	var wrapped struct {
		Settings json.RawMessage `json:"settings"`
	}
	if json.Unmarshal(body, &wrapped) == nil && wrapped.Settings != nil {
		body = wrapped.Settings
	}
	flat, err := flattenSettings(body)
	if err != nil {
		return nil, err
	}
	if len(flat) == 0 {
		return nil, validation("no settings to update")
	}
	if err := checkSettings(flat); err != nil {
		return nil, err
	}
	if err := q.warnSettings(body); err != nil {
		return nil, err
	}
	err = e.change(func(s *state) ([]change, error) {
		indices, err := e.targets(q, s, q.indices(), o)
		if err != nil {
			return nil, err
		}
		return s.putSettings(indices, flat, preserve)
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func (s *state) putSettings(indices []*index, flat map[string]any, preserve bool) ([]change, error) {
	var out []change
	for _, x := range indices {
		var static []string
		meta := x.indexMeta
		if meta.Settings = maps.Clone(x.Settings); meta.Settings == nil {
			meta.Settings = map[string]any{}
		}
		for k, v := range flat {
			if !settingIn(dynamicSettings(), strings.TrimPrefix(k, "index.")) {
				static = append(static, "["+k+"]")
			}
			if _, has := meta.Settings[k]; !has || !preserve {
				meta.Settings[k] = v
			}
		}
		if len(static) > 0 && (!x.Closed || slices.Contains(static, "[index.number_of_shards]")) {
			slices.Sort(static)
			return nil, badRequest("Can't update non dynamic settings [%s] for open indices [[%s/%s]]", strings.Join(static, ", "), x.Name, x.UUID)
		}
		dropNil(meta.Settings)
		out = append(out, change{Put: &meta})
	}
	return out, nil
}

// openClose opens or closes indices. Documents stay where they are.
func (e *Engine) openClose(q *request, closed bool) ([]*index, error) {
	o, err := q.expandParams(expand{noIndices: true, open: closed, closed: !closed, closedOK: true})
	if err != nil {
		return nil, err
	}
	var touched []*index
	err = e.change(func(s *state) ([]change, error) {
		indices, err := e.targets(q, s, q.indices(), o)
		if err != nil {
			return nil, err
		}
		touched = indices
		var out []change
		for _, x := range indices {
			if x.Closed != closed {
				meta := x.indexMeta
				meta.Closed = closed
				out = append(out, change{Put: &meta})
			}
		}
		return out, nil
	})
	return touched, err
}

func (e *Engine) handleOpen(q *request) (*answer, error) {
	if _, err := e.openClose(q, false); err != nil {
		return nil, err
	}
	return ok(map[string]any{"acknowledged": true, "shards_acknowledged": true})
}

func (e *Engine) handleClose(q *request) (*answer, error) {
	o, err := q.expandParams(expand{noIndices: true, open: true, closedOK: true})
	if err != nil {
		return nil, err
	}
	before, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	// OpenSearch runs two phases over the shards.
	for phase := range 2 {
		if err := e.beginShards(q, before, "indices:admin/close", "ShardRequest", phase); err != nil {
			return nil, err
		}
	}
	indices, err := e.openClose(q, true)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, x := range indices {
		out[x.Name] = map[string]any{"closed": true}
	}
	return ok(map[string]any{"acknowledged": true, "shards_acknowledged": true, "indices": out})
}

func (e *Engine) handleAddBlock(q *request) (*answer, error) {
	block := q.call.Vars["block"]
	switch block {
	case "read", "write", "read_only", "metadata":
	default:
		return nil, badRequest("No block found with name %s", block)
	}
	o, err := q.expandParams(expand{noIndices: true, open: true})
	if err != nil {
		return nil, err
	}
	before, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	if err := e.beginShards(q, before, "indices:admin/block/add", "ShardRequest", 0); err != nil {
		return nil, err
	}
	out := []any{}
	err = e.change(func(s *state) ([]change, error) {
		indices, err := e.targets(q, s, q.indices(), o)
		if err != nil {
			return nil, err
		}
		for _, x := range indices {
			out = append(out, map[string]any{"name": x.Name, "blocked": true})
		}
		return s.putSettings(indices, map[string]any{"index.blocks." + block: "true"}, false)
	})
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"acknowledged": true, "shards_acknowledged": true, "indices": out})
}

// beginShards asks for the shard-level part of an administrative action, shard by shard.
func (e *Engine) beginShards(q *request, indices []*index, action rest.ActionName, class string, run int) error {
	for _, x := range indices {
		for shard := range x.shards() {
			if err := q.fx.Begin(rest.Action{
				Name: action + "[s]", Request: class, Parent: action, Run: run,
				Indices: []string{x.Name}, Resolved: []string{x.Name}, Shard: &shard,
			}); err != nil {
				return err
			}
			run++
		}
	}
	return nil
}

// handleMaintenance answers requests that tend segments, which there are none of: everything is searchable and durable
// when it is acknowledged.
func (e *Engine) handleMaintenance(action rest.ActionName, class string) func(q *request) (*answer, error) {
	return func(q *request) (*answer, error) {
		o, err := q.expandParams(searchExpand())
		if err != nil {
			return nil, err
		}
		indices, err := e.targets(q, e.state.Load(), q.indices(), o)
		if err != nil {
			return nil, err
		}
		if class != "" {
			if err := e.beginShards(q, indices, action, class, 0); err != nil {
				return nil, err
			}
		}
		return ok(map[string]any{"_shards": shardTotals(indices)})
	}
}

// shardTotals counts the shards of indices with their replicas, none of which is assigned.
func shardTotals(indices []*index) shardsOf {
	var s shardsOf
	for _, x := range indices {
		s.Total += x.shards() * (1 + x.replicas())
		s.Successful += x.shards()
	}
	return s
}

func (e *Engine) handleResolveIndex(q *request) (*answer, error) {
	o, err := q.expandParams(expand{noIndices: true, open: true, closed: true, closedOK: true, ignoreUnavailable: true})
	if err != nil {
		return nil, err
	}
	s := e.state.Load()
	exprs := rest.SplitIndices(q.call.Vars["name"])
	indices, err := e.targets(q, s, exprs, o)
	if err != nil {
		return nil, err
	}
	outIndices, outAliases := []any{}, []any{}
	for _, x := range indices {
		if !slices.ContainsFunc(exprs, func(p string) bool { return p == "_all" || rest.MatchName(p, x.Name) }) {
			continue
		}
		attr := "open"
		if x.Closed {
			attr = "closed"
		}
		entry := map[string]any{"name": x.Name, "attributes": []string{attr}}
		if x.hidden() {
			entry["attributes"] = []string{attr, "hidden"}
		}
		if a := sortedKeys(x.Aliases); len(a) > 0 {
			entry["aliases"] = a
		}
		if stream := s.streamOf[x.Name]; stream != "" {
			entry["data_stream"] = stream
		}
		outIndices = append(outIndices, entry)
	}
	for _, a := range sortedKeys(s.aliases) {
		if slices.ContainsFunc(exprs, func(p string) bool { return p == "_all" || rest.MatchName(p, a) }) {
			outAliases = append(outAliases, map[string]any{"name": a, "indices": s.aliases[a]})
		}
	}
	outStreams := []any{}
	for _, name := range sortedKeys(s.streams) {
		if slices.ContainsFunc(exprs, func(p string) bool { return p == "_all" || rest.MatchName(p, name) }) {
			d := s.streams[name]
			outStreams = append(outStreams, map[string]any{"name": name, "backing_indices": d.Indices, "timestamp_field": "@timestamp"})
		}
	}
	return ok(map[string]any{"indices": outIndices, "aliases": outAliases, "data_streams": outStreams})
}
