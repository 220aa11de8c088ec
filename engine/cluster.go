package engine

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/rest"
)

// What the engine says it is: the version whose API it answers.
const (
	version   = "2.19.4"
	buildHash = "e2e89961c9a327daf514a7ce1320a6189bfd08cd"
)

func isoMillis(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func (e *Engine) handleInfo(*request) (*answer, error) {
	type versionInfo struct {
		Distribution string `json:"distribution"`
		Number       string `json:"number"`
		BuildType    string `json:"build_type"`
		BuildHash    string `json:"build_hash"`
		BuildDate    string `json:"build_date"`
		Snapshot     bool   `json:"build_snapshot"`
		Lucene       string `json:"lucene_version"`
		Wire         string `json:"minimum_wire_compatibility_version"`
		Index        string `json:"minimum_index_compatibility_version"`
	}
	a, err := ok(struct {
		Name    string      `json:"name"`
		Cluster string      `json:"cluster_name"`
		UUID    string      `json:"cluster_uuid"`
		Version versionInfo `json:"version"`
		Tagline string      `json:"tagline"`
	}{
		e.opts.NodeName, e.opts.ClusterName, e.state.Load().uuid,
		versionInfo{"opensearch", version, "tar", buildHash, "2025-11-01T02:35:07.862712745Z", false, "9.12.3", "7.10.0", "7.0.0"},
		"The OpenSearch Project: https://opensearch.org/",
	})
	a.pretty = true // as OpenSearch answers this one, unless asked not to
	return a, err
}

// health is the answer of _cluster/health.
type health struct {
	ClusterName   string          `json:"cluster_name"`
	Status        string          `json:"status"`
	TimedOut      bool            `json:"timed_out"`
	Nodes         int             `json:"number_of_nodes"`
	DataNodes     int             `json:"number_of_data_nodes"`
	Master        bool            `json:"discovered_master"`
	Manager       bool            `json:"discovered_cluster_manager"`
	ActivePrimary int             `json:"active_primary_shards"`
	ActiveShards  int             `json:"active_shards"`
	Relocating    int             `json:"relocating_shards"`
	Initializing  int             `json:"initializing_shards"`
	Unassigned    int             `json:"unassigned_shards"`
	Delayed       int             `json:"delayed_unassigned_shards"`
	Pending       int             `json:"number_of_pending_tasks"`
	InFlight      int             `json:"number_of_in_flight_fetch"`
	MaxWait       int             `json:"task_max_waiting_in_queue_millis"`
	Percent       json.RawMessage `json:"active_shards_percent_as_number"`
	Indices       any             `json:"indices,omitempty"`

	percent float64
}

// health counts the shards of the given indices, or of all.
func (e *Engine) health(s *state, indices []*index) health {
	h := health{ClusterName: e.opts.ClusterName, Status: "green", Nodes: 1, DataNodes: 1, Master: true, Manager: true}
	if indices == nil {
		for _, name := range s.names() {
			indices = append(indices, s.indices[name])
		}
	}
	for _, x := range indices {
		h.ActivePrimary += x.shards()
		h.ActiveShards += x.shards()
		h.Unassigned += x.shards() * x.replicas()
		if x.health() == "yellow" {
			h.Status = "yellow"
		}
	}
	h.percent = 100
	if total := h.ActiveShards + h.Unassigned; total > 0 {
		h.percent = 100 * float64(h.ActiveShards) / float64(total)
	}
	h.Percent = query.AppendDouble(nil, h.percent)
	return h
}

func (e *Engine) handleHealth(q *request) (*answer, error) {
	o, err := q.expandParams(expand{ignoreUnavailable: true, noIndices: true, open: true, closed: true, hidden: true, closedOK: true})
	if err != nil {
		return nil, err
	}
	s := e.state.Load()
	indices, err := e.targets(q, s, q.indices(), o)
	if err != nil {
		return nil, err
	}
	h := e.health(s, append([]*index{}, indices...))
	// A node alone never becomes greener by waiting.
	want := map[string]int{"green": 0, "yellow": 1, "red": 2, "GREEN": 0, "YELLOW": 1, "RED": 2}
	status := http.StatusOK
	if v, given := q.call.Param("wait_for_status"); given {
		level, known := want[v]
		if !known {
			return nil, badRequest("unknown cluster health status [%s]", v)
		}
		if want[h.Status] > level {
			h.TimedOut, status = true, http.StatusRequestTimeout
		}
	}
	switch level := q.str("level", "cluster"); level {
	case "cluster":
	case "indices", "shards":
		h.Indices = e.indexHealth(indices)
	default:
		return nil, badRequest("level parameter must be one of [cluster, indices, shards] but was [%s]", level)
	}
	return &answer{status: status, body: h}, nil
}

func (e *Engine) indexHealth(indices []*index) map[string]any {
	out := map[string]any{}
	for _, x := range indices {
		out[x.Name] = map[string]any{
			"status": x.health(), "number_of_shards": x.shards(), "number_of_replicas": x.replicas(), "active_primary_shards": x.shards(),
			"active_shards": x.shards(), "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": x.shards() * x.replicas(),
		}
	}
	return out
}

// handleState answers the parts of the cluster state that exist: version, nodes, metadata and routing in outline.
func (e *Engine) handleState(q *request) (*answer, error) {
	s := e.state.Load()
	metrics := rest.SplitIndices(q.call.Vars["metric"])
	all := len(metrics) == 0 || slices.Contains(metrics, "_all")
	for _, m := range metrics {
		if !slices.Contains([]string{"_all", "version", "master_node", "cluster_manager_node", "nodes", "metadata", "routing_table", "routing_nodes", "blocks", "customs"}, m) {
			return nil, badRequest("request [%s] contains unrecognized metric: [%s]", q.http.URL.Path, m)
		}
	}
	has := func(m string) bool { return all || slices.Contains(metrics, m) }
	out := map[string]any{"cluster_name": e.opts.ClusterName, "cluster_uuid": s.uuid}
	if has("version") {
		out["version"], out["state_uuid"] = s.version, s.uuid
	}
	if has("master_node") {
		out["master_node"] = e.nodeID
	}
	if has("cluster_manager_node") {
		out["cluster_manager_node"] = e.nodeID
	}
	if has("blocks") {
		out["blocks"] = map[string]any{}
	}
	if has("nodes") {
		out["nodes"] = map[string]any{e.nodeID: map[string]any{"name": e.opts.NodeName, "transport_address": "127.0.0.1:9300", "attributes": map[string]any{}}}
	}
	if has("metadata") {
		indices, err := e.targets(q, s, q.indices(), expand{ignoreUnavailable: true, noIndices: true, open: true, closed: true, hidden: true, closedOK: true})
		if err != nil {
			return nil, err
		}
		list := map[string]any{}
		for _, x := range indices {
			list[x.Name] = map[string]any{
				"state": x.status(), "settings": nest(x.shownSettings()), "mappings": map[string]any{"_doc": x.mapping}, "aliases": sortedKeys(x.Aliases),
			}
		}
		out["metadata"] = map[string]any{"cluster_uuid": s.uuid, "cluster_uuid_committed": true, "indices": list, "templates": s.templates}
	}
	return ok(out)
}

func (e *Engine) handleClusterStats(q *request) (*answer, error) {
	s := e.state.Load()
	h := e.health(s, nil)
	docs, bytes := 0, int64(0)
	for _, x := range s.indices {
		st := x.docs.stats()
		docs += st.Docs
		bytes += st.Bytes
	}
	return ok(map[string]any{
		"_nodes": oneNode(), "cluster_name": e.opts.ClusterName, "cluster_uuid": s.uuid, "timestamp": q.now.UnixMilli(), "status": h.Status,
		"indices": map[string]any{
			"count": len(s.indices), "shards": map[string]any{"total": h.ActiveShards, "primaries": h.ActivePrimary},
			"docs": map[string]any{"count": docs, "deleted": 0}, "store": map[string]any{"size_in_bytes": bytes},
		},
		"nodes": map[string]any{"count": map[string]any{"total": 1, "data": 1, "cluster_manager": 1, "ingest": 0}, "versions": []string{version}},
	})
}

func oneNode() map[string]any { return map[string]any{"total": 1, "successful": 1, "failed": 0} }

func (e *Engine) handleNodes(*request) (*answer, error) {
	return ok(map[string]any{
		"_nodes": oneNode(), "cluster_name": e.opts.ClusterName,
		"nodes": map[string]any{e.nodeID: map[string]any{
			"name": e.opts.NodeName, "version": version, "build_type": "tar", "build_hash": buildHash, "ip": "127.0.0.1", "host": "127.0.0.1",
			"roles": []string{"cluster_manager", "data", "ingest", "remote_cluster_client"},
		}},
	})
}

func (e *Engine) handleNodesStats(q *request) (*answer, error) {
	docs, bytes := 0, int64(0)
	for _, x := range e.state.Load().indices {
		st := x.docs.stats()
		docs += st.Docs
		bytes += st.Bytes
	}
	return ok(map[string]any{
		"_nodes": oneNode(), "cluster_name": e.opts.ClusterName,
		"nodes": map[string]any{e.nodeID: map[string]any{
			"timestamp": q.now.UnixMilli(), "name": e.opts.NodeName, "ip": "127.0.0.1", "host": "127.0.0.1",
			"roles":   []string{"cluster_manager", "data", "ingest", "remote_cluster_client"},
			"indices": map[string]any{"docs": map[string]any{"count": docs, "deleted": 0}, "store": map[string]any{"size_in_bytes": bytes}},
			"jvm":     map[string]any{"uptime_in_millis": e.opts.Now().Sub(e.started).Milliseconds()},
		}},
	})
}

// handleTasks lists no tasks, in the shape that group_by asks for: nothing here runs in the background for a client.
func (e *Engine) handleTasks(q *request) (*answer, error) {
	switch by := q.str("group_by", "nodes"); by {
	case "nodes":
		return ok(map[string]any{"nodes": map[string]any{}})
	case "parents":
		return ok(map[string]any{"tasks": map[string]any{}})
	case "none":
		return ok(map[string]any{"tasks": []any{}})
	default:
		return nil, badRequest("unknown value for [group_by]: [%s]", by)
	}
}

func (e *Engine) handleGetClusterSettings(q *request) (*answer, error) {
	s := e.state.Load()
	flat, err := q.flag("flat_settings", false)
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"persistent": shape(s.persistent, flat), "transient": shape(s.transient, flat)})
}

func shape(m map[string]any, flat bool) map[string]any {
	if flat {
		return m
	}
	return nest(m)
}

// handlePutClusterSettings keeps settings. But for action.auto_create_index and action.destructive_requires_name, which are
// heeded, they are accepted without effect, and the answer says so.
func (e *Engine) handlePutClusterSettings(q *request) (*answer, error) {
	var body struct {
		Persistent json.RawMessage `json:"persistent"`
		Transient  json.RawMessage `json:"transient"`
	}
	if err := q.decode(&body); err != nil {
		return nil, err
	}
	flat, err := q.flag("flat_settings", false)
	if err != nil {
		return nil, err
	}
	var changed [2]map[string]any
	for i, raw := range []json.RawMessage{body.Persistent, body.Transient} {
		if changed[i], err = flatten(raw); err != nil {
			return nil, err
		}
		for _, k := range sortedKeys(changed[i]) {
			if !slices.ContainsFunc([]string{"action.", "cluster.", "indices.", "logger.", "search.", "plugins.", "opendistro.", "script.", "ingest.", "node.", "http.", "transport.", "network.", "thread_pool.", "breaker."},
				func(p string) bool { return strings.HasPrefix(k, p) }) {
				return nil, badRequest("%s setting [%s], not recognized", []string{"persistent", "transient"}[i], k)
			}
			if _, _, err := e.checkSetting(k, changed[i][k]); err != nil {
				return nil, badRequest("%s", err.Error())
			}
		}
	}
	e.warnClusterSettings(q, changed[0])
	e.warnClusterSettings(q, changed[1])
	if len(changed[0])+len(changed[1]) == 0 {
		return nil, validation("no settings to update")
	}
	err = e.change(func(s *state) ([]change, error) {
		return []change{{Settings: &settingsChange{overlay(s.persistent, changed[0]), overlay(s.transient, changed[1])}}}, nil
	})
	if err != nil {
		return nil, err
	}
	for i := range changed {
		dropNil(changed[i])
	}
	return ok(map[string]any{"acknowledged": true, "persistent": shape(changed[0], flat), "transient": shape(changed[1], flat)})
}

func (e *Engine) checkSetting(name string, value any) (mine bool, idle string, err error) {
	if e.opts.CheckSetting == nil {
		return false, "", nil
	}
	return e.opts.CheckSetting(name, value)
}

// overlay returns settings with changes; nil removes one, and "a.*" all below a.
func overlay(old, changes map[string]any) map[string]any {
	out := maps.Clone(old)
	for k, v := range changes {
		if v != nil {
			out[k] = v
			continue
		}
		for have := range out {
			if rest.MatchName(k, have) {
				delete(out, have)
			}
		}
	}
	return out
}
