package alerting

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	core "vigil/alerting"
)

// monitorAnswer is the plugin's answer to reads and writes of one monitor.
type monitorAnswer struct {
	ID          string          `json:"_id"`
	Version     int64           `json:"_version"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Monitor     json.RawMessage `json:"monitor"`
	// Workflows is told by reads alone.
	Workflows []workflowName `json:"associated_workflows,omitzero"`
}

type workflowName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
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
	return m, a.complete(ctx, m)
}

// complete writes out the queries of a monitor or workflow in full, has it belong to the caller, and refuses what the
// settings do not allow.
func (a *API) complete(ctx context.Context, m *core.Monitor) error {
	for i := range m.Inputs {
		in := m.Inputs[i].Search
		if in == nil {
			continue
		}
		query, err := a.o.Normalize(in.Query)
		if err != nil {
			return queryError(err)
		}
		in.Query = query
	}
	limits, err := a.o.Store.Settings(ctx)
	if err != nil {
		return err
	}
	if err := limits.Check(m); err != nil {
		return err
	}
	user := a.o.Caller(ctx)
	m.User = &user
	return nil
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
	of, err := a.o.Store.WorkflowsOf(ctx, m.ID)
	if err != nil {
		return answer{}, err
	}
	body.Workflows = []workflowName{}
	for _, w := range of {
		body.Workflows = append(body.Workflows, workflowName{w.ID, w.Name})
	}
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
