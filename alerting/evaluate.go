package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"vigil/script"
)

// Cause says why a monitor runs.
type Cause string

// The causes of a run. They decide what a run may do: one by a document may only raise.
const (
	Scheduled Cause = "scheduled"
	Nudged    Cause = "nudged"
	Manual    Cause = "manual"
)

// Evaluation is what [Evaluate] decides about. Nothing in it is changed.
type Evaluation struct {
	Monitor *Monitor
	Cause   Cause
	// Results are the answers to the monitor's inputs, empty if InputError tells why there are none.
	Results    []json.RawMessage
	InputError string
	// Documents are what a document-level monitor found, in place of Results.
	Documents []Document
	// More are the further pages of aggregations that come in pages, without anything else.
	More []json.RawMessage
	// Alerts are the live alerts of the monitor.
	Alerts                 []Alert
	PeriodStart, PeriodEnd time.Time
	Now                    time.Time
	ExecutionID            string
	// NewID makes ids of alerts and deliveries.
	NewID func() string

	// Fired are the alerts that the monitors of a workflow raised, by monitor. Results has no part in it.
	Fired map[string][]string

	settings Settings
	// batch is how many documents are fetched at once.
	batch int
	// part is set if the monitor runs in a workflow.
	part *part
	// clusterName is told by alerts of cluster-metrics monitors.
	clusterName string
	// triggerID restricts the evaluation to the alerts of one trigger, unless empty.
	triggerID string
}

// tooMany reports whether so many alerts share one message in any case.
func (e *Evaluation) tooMany(alerts int) bool {
	limit := e.settings.MaxActionable
	if e.settings.MaxMonitors == 0 && limit == 0 { // there are no settings
		limit = maxActionable
	}
	return limit >= 0 && alerts > limit
}

// only returns the same evaluation for one trigger.
func (e *Evaluation) only(triggerID string) Evaluation {
	c := *e
	c.triggerID = triggerID
	return c
}

func (e *Evaluation) concerns(triggerID string) bool {
	return e.triggerID == "" || e.triggerID == triggerID
}

// Outcome is what should be stored and sent.
type Outcome struct {
	// Results are those of the evaluation, with what bucket-level triggers selected from them.
	Results []json.RawMessage
	// Triggers are in the order of the monitor. A run by a document leaves out those that it has nothing to say about.
	Triggers []TriggerResult
	// Findings are of document-level monitors.
	Findings []Finding
	// Alerts are those that must be stored: new ones, and changed ones. Those in a final state go to the history.
	// What must be sent is owed by them.
	Alerts []Alert
}

// TriggerResult is what a trigger came to.
type TriggerResult struct {
	ID, Name  string
	Triggered bool
	Error     string
	Actions   []ActionResult
	// Buckets are those that a bucket-level trigger selected, in the order of the answer.
	Buckets []AlertBucket
	// Documents are those that a document-level trigger selected, as "id|index".
	Documents []string
}

// ActionResult is what an action came to. In a dry run, and before it was sent, MessageID is empty.
type ActionResult struct {
	ID, Name string
	// Subject and Message are what was rendered; neither counts unless Rendered is set.
	Rendered         bool
	Subject, Message string
	MessageID        string
	Throttled        bool
	ExecutionTime    time.Time
	Error            string
	// Delivery is the message that is owed, nil if there is none.
	Delivery *Delivery
	// Keys tell which alerts the message is about: as [AlertBucket.Key] does, or their ids in document-level monitors.
	Keys []string
}

// The beginnings of error texts, as in OpenSearch.
const (
	failedMonitor = "Failed running monitor:\n"
	failedInputs  = "Failed fetching inputs:\n"
	failedTrigger = "Failed evaluating trigger:\n"
	failedAction  = "Failed running action:\n"
)

// Evaluate decides which triggers fire, what becomes of the alerts, and what is to be sent. It reads no clock, no disk and no
// network; ctx only bounds the scripts. The rules are those of the alerting plugin for query-level monitors, with one
// addition: a run caused by a document may only raise.
func Evaluate(ctx context.Context, e Evaluation) Outcome {
	if e.audits() {
		e.Monitor = e.Monitor.silent()
	}
	out := Outcome{Results: e.Results}
	if e.Monitor.Type == BucketLevel {
		e.buckets(ctx, &out)
		if e.Cause != Nudged {
			out.Alerts = append(out.Alerts, e.orphans()...)
		}
		return out
	}
	if e.Monitor.Type == DocLevel {
		e.documents(ctx, &out)
		return out
	}
	results := decodeResults(e.Results)
	for i := range e.Monitor.Triggers {
		t := &e.Monitor.Triggers[i]
		alert := liveAlert(e.Alerts, t.ID)
		if !e.concerns(t.ID) || e.Cause == Nudged && alert != nil {
			continue
		}
		res, next := e.trigger(ctx, t, alert, results)
		if e.Cause == Nudged && (next == nil || next.State != Active) {
			continue
		}
		out.Triggers = append(out.Triggers, res)
		if next != nil {
			out.Alerts = append(out.Alerts, *next)
		}
	}
	if e.Cause != Nudged {
		out.Alerts = append(out.Alerts, e.orphans()...)
	}
	return out
}

func liveAlert(alerts []Alert, triggerID string) *Alert {
	for i := range alerts {
		if alerts[i].TriggerID == triggerID && !alerts[i].State.IsFinal() {
			return &alerts[i]
		}
	}
	return nil
}

// orphans are alerts whose trigger the monitor no longer has.
func (e *Evaluation) orphans() []Alert {
	var out []Alert
	for i := range e.Alerts {
		a := &e.Alerts[i]
		if a.State.IsFinal() || !e.concerns(a.TriggerID) || e.Monitor.trigger(a.TriggerID) != nil {
			continue
		}
		out = append(out, a.end(Deleted, e.Now))
	}
	return out
}

// end returns the alert in a final state.
func (a *Alert) end(s State, now time.Time) Alert {
	c := a.clone()
	c.State, c.EndTime = s, now
	c.Version++
	return c
}

// trigger decides about one trigger. The alert it returns is the one to store, nil if nothing changes.
func (e *Evaluation) trigger(ctx context.Context, t *Trigger, alert *Alert, results []any) (TriggerResult, *Alert) {
	res := TriggerResult{ID: t.ID, Name: t.Name}
	vars := &runContext{e: e, t: t, alert: alert, results: results}
	var err error
	if e.Monitor.Type == Composite {
		err = e.chained(t, vars, &res)
	} else {
		res.Triggered, err = condition(ctx, t, vars)
		// As in OpenSearch a condition that cannot be evaluated counts as met: somebody must look.
		res.Triggered = res.Triggered || err != nil
	}
	if err != nil {
		res.Error = scriptError(err)
	}
	problem := e.problem(res)
	switch {
	case problem != "":
	case res.Triggered && (alert == nil || alert.State != Acknowledged):
	case res.Triggered || alert == nil:
		return res, nil
	default:
		done := alert.end(Completed, e.Now)
		done.ErrorMessage = ""
		return res, &done
	}
	next := e.next(t, alert)
	if alert == nil {
		next.AssociatedAlerts = vars.associated
	}
	if next.Clusters = nil; e.Monitor.Type == ClusterMetrics && problem == "" {
		next.Clusters = []string{e.clusterName}
	}
	if res.Triggered {
		e.actions(ctx, t, vars, &res, &next)
	}
	if problem == "" {
		problem = actionProblem(res)
	}
	if problem != "" {
		next.fail(problem, e.Now)
	}
	return res, &next
}

// problem returns the error of the run as an alert tells it.
func (e *Evaluation) problem(res TriggerResult) string {
	switch {
	case e.InputError != "" && e.Monitor.Type == Composite:
		return failedMonitor + e.InputError
	case e.InputError != "":
		return failedInputs + e.InputError
	case res.Error != "":
		return failedTrigger + res.Error
	}
	return ""
}

func actionProblem(res TriggerResult) string {
	for _, a := range res.Actions {
		if a.Error != "" {
			return failedAction + a.Error
		}
	}
	return ""
}

// next returns the alert of a trigger that fires, as it is if nothing fails.
func (e *Evaluation) next(t *Trigger, alert *Alert) Alert {
	if alert != nil {
		c := alert.clone()
		c.State, c.ErrorMessage, c.LastNotification = Active, "", e.Now
		c.Version++
		return c
	}
	m := e.Monitor
	a := Alert{
		ID: e.NewID(), Version: 1, MonitorID: m.ID, MonitorVersion: m.Version.Version, MonitorName: m.Name,
		ExecutionID: e.ExecutionID, TriggerID: t.ID, TriggerName: t.Name, Severity: t.Severity, State: Active,
		StartTime: e.Now, LastNotification: e.Now, Nudged: e.Cause == Nudged, MonitorUser: m.User,
	}
	e.inWorkflow(&a)
	return a
}

// actions decides what is sent for an alert, and has the alert owe it.
func (e *Evaluation) actions(ctx context.Context, t *Trigger, vars *runContext, res *TriggerResult, next *Alert) {
	// The message that a document caused stands for that of the slot which follows, and a slot that is run again after a
	// restart repeats nothing: nobody gets more than by the clock.
	nudged := next.Nudged
	if e.Cause == Scheduled {
		next.Nudged = false
	}
	for i := range t.Actions {
		a := &t.Actions[i]
		last := next.executed(a.ID)
		if e.Cause == Scheduled && !last.IsZero() && (nudged || !last.Before(e.PeriodEnd)) {
			continue
		}
		r := ActionResult{ID: a.ID, Name: a.Name, ExecutionTime: e.Now}
		if r.Throttled = e.throttled(a, last); !r.Throttled {
			e.write(ctx, a, vars, &r, next)
		}
		next.note(a.ID, r.Throttled, e.Now)
		res.Actions = append(res.Actions, r)
	}
}

func (e *Evaluation) throttled(a *Action, last time.Time) bool {
	return a.Throttle > 0 && !last.IsZero() && !last.Before(e.Now.Add(-a.Throttle))
}

// scriptError tells what is wrong with a condition in the form in which OpenSearch prints script exceptions.
func scriptError(err error) string {
	if e, ok := errors.AsType[*script.Error](err); ok {
		return e.Report()
	}
	return err.Error()
}

var errNotBoolean = errors.New("the condition must return a boolean")

func condition(ctx context.Context, t *Trigger, vars *runContext) (bool, error) {
	p, err := script.Compile(t.Condition.Source)
	if err != nil {
		return false, err
	}
	params := t.Condition.Params
	if params == nil {
		params = map[string]any{}
	}
	return holds(ctx, p, map[string]any{"ctx": vars, "params": params})
}

// holds runs a condition.
func holds(ctx context.Context, p *script.Program, vars map[string]any) (bool, error) {
	v, err := p.Eval(ctx, vars, script.Limits{})
	if err != nil {
		return false, err
	}
	switch v := v.(type) {
	case bool:
		return v, nil
	case nil:
		// A script that falls off its end.
		return false, nil
	}
	return false, errNotBoolean
}
