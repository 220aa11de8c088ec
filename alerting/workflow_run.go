package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// part is how a monitor runs in a workflow. A nil part is a run of its own.
type part struct {
	// workflow is whose run it is; without an id if that is not stored.
	workflow    *Monitor
	executionID string
	periodStart time.Time
	// documents, if not nil, are all that the monitor may look at: ids by index.
	documents map[string][]string
}

// WorkflowResult is what a run of a workflow came to, besides its triggers.
type WorkflowResult struct {
	ID, ExecutionID string
	Start, End      time.Time
	// Monitors are the runs of the monitors, in their order, up to the one that could not be run.
	Monitors []RunResult
}

// owner says whose alerts an evaluation is about.
func (e *Evaluation) owner() owner {
	switch {
	case e.Monitor.Type == Composite:
		return owner{workflowID: e.Monitor.ID}
	case e.part != nil:
		return owner{e.Monitor.ID, e.part.workflow.ID}
	}
	return owner{monitorID: e.Monitor.ID}
}

// job is the monitor or workflow whose run this is a part of.
func (e *Evaluation) job() string {
	if e.part != nil {
		return e.part.workflow.ID
	}
	return e.Monitor.ID
}

// audits reports whether alerts are kept for the record alone.
func (e *Evaluation) audits() bool { return e.part != nil && e.part.workflow.AuditDelegates }

// silent returns the monitor without its actions.
func (m *Monitor) silent() *Monitor {
	c := *m
	c.Triggers = slices.Clone(m.Triggers)
	for i := range c.Triggers {
		c.Triggers[i].Actions = nil
	}
	return &c
}

// inWorkflow tells a new alert that it belongs to a workflow, if it does.
func (e *Evaluation) inWorkflow(a *Alert) {
	switch {
	case e.Monitor.Type == Composite:
		a.WorkflowID, a.WorkflowName = a.MonitorID, a.MonitorName
		a.MonitorID, a.MonitorName = "", ""
	case e.part != nil:
		a.WorkflowID = e.part.workflow.ID
	}
	if e.audits() {
		a.State = Audit
	}
}

// marksID names the bookmarks of a document-level monitor in this run, and what it finds.
func (e *Evaluation) marksID() string {
	if e.part == nil {
		return e.Monitor.ID
	}
	return marksID(e.part.workflow.ID, e.Monitor.ID)
}

// raised returns the alerts that hold after a run and tell of no error.
func (e *Evaluation) raised(out *Outcome) []string {
	var ids []string
	for i := range out.Triggers {
		t := &out.Triggers[i]
		if t.Error != "" || !t.Triggered {
			continue
		}
		for j := range out.Alerts {
			if a := &out.Alerts[j]; a.TriggerID == t.ID && a.ErrorMessage == "" && (a.State == Active || a.State == Audit) {
				ids = append(ids, a.ID)
			}
		}
		for j := range e.Alerts {
			a := &e.Alerts[j]
			picked := a.Bucket == nil || slices.ContainsFunc(t.Buckets, func(b AlertBucket) bool { return b.Key() == a.Bucket.Key() })
			if a.TriggerID == t.ID && a.State == Acknowledged && picked {
				ids = append(ids, a.ID) // it holds on, and nothing was to be stored
			}
		}
	}
	return ids
}

// find notes the documents of findings.
func (r *RunResult) find(findings []Finding) {
	if r.documents == nil {
		r.documents = map[string][]string{}
	}
	for i := range findings {
		f := &findings[i]
		r.documents[f.Index] = append(r.documents[f.Index], f.RelatedDocIDs...)
	}
}

// restrict has a search find nothing but the documents that the monitor may look at.
func (p *part) restrict(body json.RawMessage) (json.RawMessage, error) {
	if p == nil || p.documents == nil {
		return body, nil
	}
	var search map[string]json.RawMessage
	if err := json.Unmarshal(body, &search); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	among := []any{}
	for index, ids := range p.documents {
		among = append(among, map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"_index": index}}, map[string]any{"terms": map[string]any{"_id": ids}},
		}}})
	}
	filter := map[string]any{"bool": map[string]any{"should": among, "minimum_should_match": 1}}
	if len(among) == 0 {
		filter = map[string]any{"match_none": map[string]any{}}
	}
	query := map[string]any{"filter": []any{filter}}
	if q := search["query"]; !isNull(q) {
		query["must"] = []any{q}
	}
	search["query"] = encode(map[string]any{"bool": query})
	return encode(search), nil
}

// WorkflowBookmarks asks where the indices of a workflow's document-level monitors stand. They are by monitor.
func (r *Runner) WorkflowBookmarks(ctx context.Context, w *Monitor) (map[string]Bookmarks, error) {
	monitors, err := r.o.Store.DelegatesOf(ctx, w)
	if err != nil {
		return nil, err
	}
	out := map[string]Bookmarks{}
	for id, m := range monitors {
		marks, err := r.Bookmarks(ctx, m)
		if err != nil {
			return nil, err
		}
		if marks != nil {
			out[id] = marks
		}
	}
	return out, nil
}

// runWorkflow runs the monitors of a workflow one after the other, each with the rights of its own user, and then asks the
// workflow's triggers. A monitor that cannot be run ends the sequence; what it can tell is still judged.
func (r *Runner) runWorkflow(ctx context.Context, e *Evaluation, dry bool) (RunResult, error) {
	w := e.Monitor
	res := RunResult{MonitorName: w.Name, MonitorType: w.Type, PeriodStart: e.PeriodStart, PeriodEnd: e.PeriodEnd}
	res.Workflow = &WorkflowResult{ID: w.ID, ExecutionID: e.ExecutionID, Start: e.Now}
	e.Fired = map[string][]string{}
	if err := r.runDelegates(ctx, e, res.Workflow, dry); err != nil {
		if ctx.Err() != nil {
			return res, ctx.Err()
		}
		e.InputError = userError(err)
		r.o.Log.WarnContext(ctx, "workflow cannot run a monitor", "workflow_id", w.ID, "cause", e.Cause, "error", err)
	}
	e.Now = time.Now()
	out, err := r.conclude(ctx, e, dry)
	res.Workflow.End, res.Triggers, res.Error = time.Now(), out.Triggers, e.InputError
	return res, err
}

func (r *Runner) runDelegates(ctx context.Context, e *Evaluation, res *WorkflowResult, dry bool) error {
	dry = dry || e.Monitor.ID == "" // what a workflow that is not stored had its monitors store, nobody could find
	if !dry {
		// Ended alerts alone would not be found.
		if err := r.o.Store.ensure(ctx, r.o.Store.ix.Alerts, json.RawMessage(alertMapping)); err != nil {
			return err
		}
	}
	monitors, err := r.o.Store.DelegatesOf(ctx, e.Monitor)
	if err != nil {
		return err
	}
	found := map[string]map[string][]string{} // by monitor, documents by index
	for _, d := range e.Monitor.Sequence().ordered() {
		m := monitors[d.MonitorID]
		if m == nil {
			return errorf(NotFound, "Delegate monitors don't exist %s for the workflow %s", d.MonitorID, e.Monitor.ID)
		}
		p := &part{workflow: e.Monitor, executionID: e.ExecutionID, periodStart: e.PeriodStart}
		if d.Findings != nil {
			p.documents = map[string][]string{}
			for _, id := range d.Findings.sources() {
				for index, ids := range found[id] {
					p.documents[index] = append(p.documents[index], ids...)
				}
			}
		}
		run, err := r.Run(ctx, Request{Monitor: m, Cause: e.Cause, PeriodEnd: e.PeriodEnd, DryRun: dry, part: p})
		if err != nil {
			return fmt.Errorf("monitor %s: %w", m.ID, err)
		}
		res.Monitors = append(res.Monitors, run)
		found[m.ID] = run.documents
		if len(run.raised) > 0 {
			e.Fired[m.ID] = run.raised
		}
	}
	return nil
}

// chained evaluates the condition of a workflow's trigger: an expression over monitor[id=…], which is true of a monitor that
// raised an alert in this run, or kept one up.
func (e *Evaluation) chained(t *Trigger, vars *runContext, res *TriggerResult) error {
	x, err := parseExpression(t.Condition.Source, "monitor", "id")
	if err != nil {
		return err
	}
	res.Triggered = x.holds(func(o operand) bool { return len(e.Fired[o.value]) > 0 })
	if res.Triggered {
		x.each(func(o operand) {
			for _, id := range e.Fired[o.value] {
				if !slices.Contains(vars.associated, id) {
					vars.associated = append(vars.associated, id)
				}
			}
		})
	}
	return nil
}

// chained completes what the messages of a workflow see as ctx.
func (c *runContext) chained() {
	m := c.e.Monitor
	alerts := map[string]any{}
	generating := []any{}
	for _, id := range m.Sequence().MonitorIDs() {
		if fired := c.e.Fired[id]; len(fired) > 0 {
			generating = append(generating, id)
			alerts[id] = anyList(fired)
		}
	}
	c.template["monitor"] = map[string]any{"_id": m.ID, "_version": m.Version.Version, "name": m.Name, "enabled": m.Enabled}
	c.template["results"] = map[string]any{"workflow_id": m.ID, "workflow_name": m.Name, "execution_id": c.e.ExecutionID}
	c.template["alertGeneratingMonitors"], c.template["monitorIdToAlertIdsMap"] = generating, alerts
	c.template["alert"] = c.alert.forTemplate()
}
