package alerting

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	core "vigil/alerting"
)

// workflowAnswer is the plugin's answer to reads and writes of one workflow.
type workflowAnswer struct {
	ID          string          `json:"_id"`
	Version     int64           `json:"_version"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Workflow    json.RawMessage `json:"workflow"`
}

func workflowBody(w *core.Monitor) workflowAnswer {
	return workflowAnswer{w.ID, w.Version.Version, w.Version.SeqNo, w.Version.PrimaryTerm, w.JSON(core.ViewClient)}
}

// parseWorkflow reads the workflow of a request. The caller may use its monitors and read what they read.
func (a *API) parseWorkflow(ctx context.Context, r *request) (*core.Monitor, error) {
	if err := r.object(); err != nil {
		return nil, err
	}
	w, err := core.ParseWorkflow(r.body)
	if err != nil {
		return nil, err
	}
	if err := a.complete(ctx, w); err != nil {
		return nil, err
	}
	monitors, err := a.o.Store.DelegatesOf(ctx, w)
	if err != nil {
		return nil, err
	}
	for id, m := range monitors {
		switch err := a.mayUse(ctx, m); {
		case err != nil && convert(err).Status == http.StatusForbidden:
			delete(monitors, id) // as if it were not there
		case err != nil:
			return nil, err
		}
	}
	if err := a.o.Store.Exists(ctx); err != nil {
		if convert(err).Status == http.StatusNotFound {
			err = exception(http.StatusNotFound, "org.opensearch.OpenSearchStatusException", "Monitors not found")
		}
		return nil, err
	}
	if len(monitors) == 0 {
		return nil, forbidden("User doesn't have read permissions for one or more configured monitors " + strings.Join(w.Sequence().MonitorIDs(), ", "))
	}
	if err := core.CheckDelegates(w, monitors); err != nil {
		return nil, err
	}
	for _, m := range monitors {
		c := *m
		c.User = w.User
		if err := a.probe(ctx, &c); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (a *API) createWorkflow(ctx context.Context, r *request) (answer, error) {
	if err := checkRefresh(r); err != nil {
		return answer{}, err
	}
	w, err := a.parseWorkflow(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if err := a.share(ctx, r, w, nil); err != nil {
		return answer{}, err
	}
	return a.saveWorkflow(ctx, http.StatusCreated, w, a.o.Store.CreateMonitor)
}

func (a *API) updateWorkflow(ctx context.Context, r *request) (answer, error) {
	if err := checkRefresh(r); err != nil {
		return answer{}, err
	}
	version, err := ifVersion(r)
	if err != nil {
		return answer{}, err
	}
	id := r.call.Vars["workflowID"]
	w, err := a.parseWorkflow(ctx, r)
	if err != nil {
		return answer{}, err
	}
	old, err := a.mayUseRead(ctx, id, a.o.Store.Workflow)
	if err != nil {
		return answer{}, err
	}
	if err := a.share(ctx, r, w, old); err != nil {
		return answer{}, err
	}
	return a.saveWorkflow(ctx, http.StatusOK, w, func(ctx context.Context, w *core.Monitor) (*core.Monitor, error) {
		return a.o.Store.UpdateMonitor(ctx, id, w, version)
	})
}

// saveWorkflow stores a workflow and where the indices of its document-level monitors stand: what is written from now on is
// new to it.
func (a *API) saveWorkflow(
	ctx context.Context, status int, w *core.Monitor, save func(context.Context, *core.Monitor) (*core.Monitor, error),
) (answer, error) {
	marks, err := a.o.Runner.WorkflowBookmarks(ctx, w)
	if err != nil {
		return answer{}, inputError(err, nil)
	}
	if w, err = save(ctx, w); err != nil {
		return answer{}, err
	}
	if err := a.o.Store.KeepWorkflowBookmarks(ctx, w, marks); err != nil {
		return answer{}, err
	}
	out := answer{status: status, body: workflowBody(w)}
	if status == http.StatusCreated {
		out.location = "/_plugins/_alerting/workflows/" + w.ID
		return out, nil
	}
	return out, a.o.Runner.Edited(ctx, w)
}

func (a *API) getWorkflow(ctx context.Context, r *request) (answer, error) {
	w, err := a.workflow(ctx, r, "Workflow not found.")
	if err != nil {
		return answer{}, err
	}
	return ok(workflowBody(w)), nil
}

// workflow returns the workflow that a request names, if the caller may use it.
func (a *API) workflow(ctx context.Context, r *request, missing string) (*core.Monitor, error) {
	w, err := a.o.Store.Workflow(ctx, r.call.Vars["workflowID"])
	if err != nil {
		if convert(err).Status == http.StatusNotFound {
			err = exception(http.StatusNotFound, "org.opensearch.OpenSearchStatusException", missing)
		}
		return nil, err
	}
	return w, a.mayUse(ctx, w)
}

func (a *API) deleteWorkflow(ctx context.Context, r *request) (answer, error) {
	if err := checkRefresh(r); err != nil {
		return answer{}, err
	}
	all, err := flag(r, "deleteDelegateMonitors")
	if err != nil {
		return answer{}, err
	}
	w, err := a.workflow(ctx, r, "Workflow not found.")
	if err != nil {
		return answer{}, err
	}
	if all {
		if err := a.mayDeleteDelegates(ctx, w); err != nil {
			return answer{}, err
		}
	}
	v, err := a.o.Store.DeleteWorkflow(ctx, w.ID)
	if err != nil {
		return answer{}, err
	}
	if err := a.o.Runner.Retire(ctx, w.ID); err != nil {
		return answer{}, err
	}
	out := struct {
		ID      string   `json:"_id"`
		Version int64    `json:"_version"`
		Left    []string `json:"NON_DELETED_MONITORS"`
	}{ID: w.ID, Version: v.Version}
	if !all {
		return ok(out), nil
	}
	out.Left = []string{}
	for _, id := range w.Sequence().MonitorIDs() {
		_, err := a.o.Store.DeleteMonitor(ctx, id)
		if err == nil {
			err = a.o.Runner.Retire(ctx, id)
		}
		if err != nil && convert(err).Status != http.StatusNotFound {
			a.o.Log.WarnContext(ctx, "a monitor of a deleted workflow stays", "workflow_id", w.ID, "monitor_id", id, "error", err)
			out.Left = append(out.Left, id)
		}
	}
	return ok(out), nil
}

// mayDeleteDelegates refuses to delete a workflow with its monitors if another one runs any of them, or if the caller must not.
func (a *API) mayDeleteDelegates(ctx context.Context, w *core.Monitor) error {
	monitors, err := a.o.Store.DelegatesOf(ctx, w)
	if err != nil {
		return err
	}
	var shared []string
	for _, id := range w.Sequence().MonitorIDs() {
		of, err := a.o.Store.WorkflowsOf(ctx, id)
		if err != nil {
			return err
		}
		forbids := slices.ContainsFunc(of, func(o *core.Monitor) bool { return o.ID != w.ID })
		if m := monitors[id]; m != nil && a.mayUse(ctx, m) != nil {
			forbids = true
		}
		if forbids {
			shared = append(shared, id)
		}
	}
	if len(shared) > 0 {
		return exception(http.StatusForbidden, "java.lang.IllegalStateException", "Not allowed to delete "+strings.Join(shared, ", ")+" monitors")
	}
	return nil
}

func (a *API) executeWorkflow(ctx context.Context, r *request) (answer, error) {
	end, err := periodEnd(r)
	if err != nil {
		return answer{}, err
	}
	w, err := a.workflow(ctx, r, "Can't find workflow with id: "+r.call.Vars["workflowID"])
	if err != nil {
		return answer{}, err
	}
	return a.execute(ctx, r, w, end)
}

func (a *API) executeInlineWorkflow(ctx context.Context, r *request) (answer, error) {
	end, err := periodEnd(r)
	if err != nil {
		return answer{}, err
	}
	w, err := a.parseWorkflow(ctx, r)
	if err != nil {
		return answer{}, err
	}
	return a.execute(ctx, r, w.WithIDs(), end)
}

type workflowRunAnswer struct {
	ExecutionID string                   `json:"execution_id"`
	Name        string                   `json:"workflow_name"`
	ID          string                   `json:"workflow_id"`
	Triggers    map[string]triggerAnswer `json:"trigger_results"`
	Monitors    []runAnswer              `json:"monitor_run_results"`
	Start       int64                    `json:"execution_start_time"`
	End         int64                    `json:"execution_end_time"`
	Error       *string                  `json:"error"`
}

func (a *API) workflowRunBody(res core.RunResult) workflowRunAnswer {
	w := res.Workflow
	out := workflowRunAnswer{
		ExecutionID: w.ExecutionID, Name: res.MonitorName, ID: w.ID, Triggers: map[string]triggerAnswer{}, Monitors: []runAnswer{},
		Start: w.Start.UnixMilli(), End: w.End.UnixMilli(), Error: orNull(res.Error),
	}
	for _, t := range res.Triggers {
		out.Triggers[t.ID] = triggerBody(t)
	}
	for _, m := range w.Monitors {
		out.Monitors = append(out.Monitors, a.runBody(m))
	}
	return out
}

// getWorkflowAlerts lists the alerts of workflows, on demand with those of their monitors for which they were raised.
func (a *API) getWorkflowAlerts(ctx context.Context, r *request) (answer, error) {
	q, err := a.alertQuery(ctx, r)
	if err != nil {
		return answer{}, err
	}
	associated, err := flag(r, "getAssociatedAlerts")
	if err != nil {
		return answer{}, err
	}
	q.Chained = true
	page := q
	if id := r.param("alertIds", ""); id != "" {
		// Of a named alert the parameters page the associated ones.
		q.IDs, q.From = []string{id}, 0
	} else {
		page.From, page.Size = 0, maxWindow
	}
	alerts, total, err := a.o.Store.Alerts(ctx, q)
	if err != nil {
		if _, _, reason := describe(err); reason != "" {
			err = inputError(err, nil)
		}
		return answer{}, err
	}
	out := struct {
		Alerts     []json.RawMessage `json:"alerts"`
		Associated []json.RawMessage `json:"associatedAlerts"`
		Total      int64             `json:"totalAlerts"`
	}{[]json.RawMessage{}, []json.RawMessage{}, total}
	ids := []string{}
	for i := range alerts {
		out.Alerts = append(out.Alerts, alerts[i].JSON())
		ids = append(ids, alerts[i].AssociatedAlerts...)
	}
	if associated && len(ids) > 0 {
		out.Associated, _, err = a.alerts(ctx, core.AlertQuery{
			IDs: ids, AnyState: true, SortField: page.SortField, Order: page.Order, Missing: page.Missing, Size: page.Size, From: page.From,
			BackendRoles: page.BackendRoles,
		})
	}
	return ok(out), err
}
