package alerting

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	core "vigil/alerting"
	"vigil/rest"
)

// monitorAnswer is the plugin's answer to reads and writes of one monitor.
type monitorAnswer struct {
	ID          string          `json:"_id"`
	Version     int64           `json:"_version"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Monitor     json.RawMessage `json:"monitor"`
	// Workflows is told by reads alone.
	Workflows []any `json:"associated_workflows,omitzero"`
}

func monitorBody(m *core.Monitor, v core.View) monitorAnswer {
	return monitorAnswer{m.ID, m.Version.Version, m.Version.SeqNo, m.Version.PrimaryTerm, m.JSON(v), nil}
}

// viewOf shows the visual editor's state to the console alone, as the plugin does.
func viewOf(r *request) core.View {
	agent := r.Header.Get("User-Agent")
	if strings.Contains(agent, "OpenSearch-Dashboards") || strings.Contains(agent, "Kibana") {
		return core.ViewConsole
	}
	return core.ViewClient
}

// parse reads the monitor of a request. Its query is written out in full, and the caller may run it.
func (a *API) parse(ctx context.Context, r *request) (*core.Monitor, error) {
	if err := r.object(); err != nil {
		return nil, err
	}
	m, err := core.ParseMonitor(r.body)
	if err != nil {
		return nil, err
	}
	for i := range m.Inputs {
		in := m.Inputs[i].Search
		if in == nil {
			continue
		}
		if in.Query, err = a.o.Normalize(in.Query); err != nil {
			return nil, queryError(err)
		}
	}
	limits, err := a.o.Store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if err := limits.Check(m); err != nil {
		return nil, err
	}
	user := a.o.Caller(ctx)
	m.User = &user
	return m, nil
}

// probe searches the monitor's indices as its author: who may not read them must not have them read.
func (a *API) probe(ctx context.Context, m *core.Monitor) error {
	for _, in := range m.Inputs {
		indices := in.Indices()
		if len(indices) == 0 {
			continue
		}
		body := json.RawMessage(`{"size":1,"query":{"match_all":{}}}`)
		if _, err := a.o.Searcher.Search(ctx, m.User, indices, body); err != nil {
			return inputError(err, indices)
		}
	}
	return nil
}

func (a *API) createMonitor(ctx context.Context, r *request) (answer, error) {
	if err := checkRefresh(r); err != nil {
		return answer{}, err
	}
	m, err := a.parse(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if err := a.share(ctx, r, m, nil); err != nil {
		return answer{}, err
	}
	if err := a.probe(ctx, m); err != nil {
		return answer{}, err
	}
	marks, err := a.o.Runner.Bookmarks(ctx, m)
	if err != nil {
		return answer{}, inputError(err, nil)
	}
	if m, err = a.o.Store.CreateMonitor(ctx, m); err != nil {
		return answer{}, err
	}
	if err := a.o.Store.KeepBookmarks(ctx, m, marks); err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, "/_plugins/_alerting/monitors/" + m.ID, monitorBody(m, core.ViewConsole)}, nil
}

func (a *API) updateMonitor(ctx context.Context, r *request) (answer, error) {
	if err := checkRefresh(r); err != nil {
		return answer{}, err
	}
	version, err := ifVersion(r)
	if err != nil {
		return answer{}, err
	}
	m, err := a.parse(ctx, r)
	if err != nil {
		return answer{}, err
	}
	old, err := a.mayUseStored(ctx, r.call.Vars["monitorID"])
	if err != nil {
		return answer{}, err
	}
	if err := a.share(ctx, r, m, old); err != nil {
		return answer{}, err
	}
	if err := a.probe(ctx, m); err != nil {
		return answer{}, err
	}
	marks, err := a.o.Runner.Bookmarks(ctx, m)
	if err != nil {
		return answer{}, inputError(err, nil)
	}
	if m, err = a.o.Store.UpdateMonitor(ctx, r.call.Vars["monitorID"], m, version); err != nil {
		return answer{}, err
	}
	if err := a.o.Store.KeepBookmarks(ctx, m, marks); err != nil {
		return answer{}, err
	}
	if err := a.o.Runner.Edited(ctx, m); err != nil {
		return answer{}, err
	}
	return ok(monitorBody(m, core.ViewConsole)), nil
}

func checkRefresh(r *request) error {
	switch v, _ := r.call.Param("refresh"); v {
	case "", "true", "false", "wait_for":
		return nil
	default:
		return illegalArgument("Unknown value for refresh: [%s].", v)
	}
}

// ifVersion reads if_seq_no and if_primary_term; nil if the write is unconditional.
func ifVersion(r *request) (*core.Version, error) {
	var v core.Version
	given := 0
	for name, into := range map[string]*int64{"if_seq_no": &v.SeqNo, "if_primary_term": &v.PrimaryTerm} {
		text, ok := r.call.Param(name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, illegalArgument("Failed to parse long parameter [%s] with value [%s]", name, text)
		}
		*into = n
		given++
	}
	switch given {
	case 0:
		return nil, nil
	case 1:
		return nil, illegalArgument("if_seq_no and if_primary_term must be given together")
	}
	return &v, nil
}

func (a *API) getMonitor(ctx context.Context, r *request) (answer, error) {
	m, err := a.o.Store.Monitor(ctx, r.call.Vars["monitorID"])
	if err != nil {
		return answer{}, err
	}
	if err := a.mayUse(ctx, m); err != nil {
		return answer{}, err
	}
	body := monitorBody(m, viewOf(r))
	body.Workflows = []any{}
	return ok(body), nil
}

func (a *API) deleteMonitor(ctx context.Context, r *request) (answer, error) {
	if err := checkRefresh(r); err != nil {
		return answer{}, err
	}
	id := r.call.Vars["monitorID"]
	if _, err := a.mayUseStored(ctx, id); err != nil {
		return answer{}, err
	}
	v, err := a.o.Store.DeleteMonitor(ctx, id)
	if err != nil {
		return answer{}, err
	}
	if err := a.o.Runner.Retire(ctx, id); err != nil {
		return answer{}, err
	}
	return ok(struct {
		ID      string `json:"_id"`
		Version int64  `json:"_version"`
	}{id, v.Version}), nil
}

// searchAnswer is a search's answer, its members in OpenSearch's order.
type searchAnswer struct {
	Took         json.RawMessage `json:"took"`
	TimedOut     bool            `json:"timed_out"`
	Shards       json.RawMessage `json:"_shards"`
	Hits         searchHits      `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations,omitempty"`
}

type searchHits struct {
	Total    json.RawMessage `json:"total,omitempty"`
	MaxScore json.RawMessage `json:"max_score"`
	Hits     []searchHit     `json:"hits"`
}

type searchHit struct {
	Index       string          `json:"_index"`
	ID          string          `json:"_id"`
	Version     int64           `json:"_version"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Score       json.RawMessage `json:"_score"`
	Source      json.RawMessage `json:"_source,omitempty"`
	Sort        json.RawMessage `json:"sort,omitempty"`
}

func (a *API) searchMonitors(ctx context.Context, r *request) (answer, error) {
	ix := a.o.Store.Indices()
	index := r.param("index", ix.Config)
	alerts := index == ".opendistro-alerting-alert*" || index == ix.Alerts+"*"
	if !alerts && index != ix.Config {
		return answer{}, exception(http.StatusBadRequest, "java.lang.IllegalArgumentException", "Invalid index name.")
	}
	roles, err := a.visible(ctx)
	if err != nil {
		return answer{}, err
	}
	body, err := searchBody(r, !alerts, roles)
	if err != nil {
		return answer{}, err
	}
	raw, err := a.o.Store.Search(ctx, alerts, body)
	if err != nil {
		if _, _, reason := describe(err); reason != "" {
			return answer{}, inputError(err, []string{index})
		}
		return answer{}, err
	}
	var found searchAnswer
	if err := json.Unmarshal(raw, &found); err != nil {
		return answer{}, err
	}
	if found.Hits.Hits == nil {
		found.Hits.Hits = []searchHit{}
	}
	for i := range found.Hits.Hits {
		h := &found.Hits.Hits[i]
		if alerts {
			h.Source = core.ShowAlert(h.Source)
			continue
		}
		if err := showMonitor(h, viewOf(r)); err != nil {
			return answer{}, err
		}
	}
	return ok(found), nil
}

// showMonitor unwraps a hit's monitor and leaves out what is stored only. A source that was filtered stays as it is.
func showMonitor(h *searchHit, v core.View) error {
	var doc struct {
		Monitor map[string]json.RawMessage `json:"monitor"`
	}
	if len(h.Source) == 0 {
		return nil
	}
	if err := json.Unmarshal(h.Source, &doc); err != nil || doc.Monitor == nil {
		return err
	}
	if m, err := core.ParseMonitor(mustJSON(doc.Monitor)); err == nil {
		h.Source = m.JSON(v)
		return nil
	}
	delete(doc.Monitor, "user")
	if v == core.ViewClient {
		delete(doc.Monitor, "ui_metadata")
	}
	h.Source = mustJSON(doc.Monitor)
	return nil
}

// mustJSON encodes a map of raw values, which cannot fail.
func mustJSON(m map[string]json.RawMessage) json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

// searchBody takes the body of a search, or the parameter source, and has it find monitors alone, with their versions.
func searchBody(r *request, monitors bool, roles []string) (json.RawMessage, error) {
	text := r.body
	if len(text) == 0 {
		text = []byte(r.param("source", "{}"))
	}
	if err := validJSON(text); err != nil {
		return nil, err
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, rest.Errorf(http.StatusBadRequest, "parsing_exception", "the body is not an object")
	}
	body["seq_no_primary_term"], body["version"] = json.RawMessage("true"), json.RawMessage("true")
	if monitors || roles != nil {
		var must []json.RawMessage
		field := "monitor_user.backend_roles.keyword"
		if monitors {
			must = append(must, json.RawMessage(`{"exists":{"field":"monitor.type"}}`))
			field = "monitor.user.backend_roles.keyword"
		}
		if roles != nil {
			for _, hides := range []string{"suggest", "post_filter", "aggs", "aggregations"} {
				if strings.Contains(string(body[hides]), `"global"`) || hides == "suggest" && body[hides] != nil {
					return nil, illegalArgument("[%s] could show monitors of others", hides)
				}
			}
			own, err := json.Marshal(map[string]any{"terms": map[string]any{field: roles}})
			if err != nil {
				return nil, illegalArgument("the backend roles cannot be searched for: %v", err)
			}
			must = append(must, own)
		}
		if q, ok := body["query"]; ok {
			must = append([]json.RawMessage{q}, must...)
		}
		q, err := json.Marshal(map[string]any{"bool": map[string]any{"must": must}})
		if err != nil {
			return nil, illegalArgument("the query is not valid: %v", err)
		}
		body["query"] = q
	}
	return mustJSON(body), nil
}
