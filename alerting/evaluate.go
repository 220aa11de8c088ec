package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

	settings Settings
	// clusterName is told by alerts of cluster-metrics monitors.
	clusterName string
	// triggerID restricts the evaluation to the alerts of one trigger, unless empty.
	triggerID string
}

// tooMany reports whether so many alerts share one message in any case.
func (e *Evaluation) tooMany(alerts int) bool {
	limit := e.settings.MaxActionable
	if e.settings == (Settings{}) {
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
	failedInputs  = "Failed fetching inputs:\n"
	failedTrigger = "Failed evaluating trigger:\n"
	failedAction  = "Failed running action:\n"
)

// Evaluate decides which triggers fire, what becomes of the alerts, and what is to be sent. It reads no clock, no disk and no
// network; ctx only bounds the scripts. The rules are those of the alerting plugin for query-level monitors, with one
// addition: a run caused by a document may only raise.
func Evaluate(ctx context.Context, e Evaluation) Outcome {
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
	if res.Triggered, err = condition(ctx, t, vars); err != nil {
		// As in OpenSearch a condition that cannot be evaluated counts as met: somebody must look.
		res.Triggered, res.Error = true, scriptError(err)
	}
	problem := e.problem(res)
	switch {
	case !res.Triggered && alert == nil:
		return res, nil
	case !res.Triggered:
		done := alert.end(Completed, e.Now)
		done.ErrorMessage = ""
		return res, &done
	case alert != nil && alert.State == Acknowledged && problem == "":
		return res, nil
	}
	next := e.next(t, alert)
	if next.Clusters = nil; e.Monitor.Type == ClusterMetrics && problem == "" {
		next.Clusters = []string{e.clusterName}
	}
	e.actions(ctx, t, vars, &res, &next)
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
	return Alert{
		ID: e.NewID(), Version: 1, MonitorID: m.ID, MonitorVersion: m.Version.Version, MonitorName: m.Name,
		ExecutionID: e.ExecutionID, TriggerID: t.ID, TriggerName: t.Name, Severity: t.Severity, State: Active,
		StartTime: e.Now, LastNotification: e.Now, Nudged: e.Cause == Nudged, MonitorUser: m.User,
	}
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

// write renders a message and has the alert owe it.
func (e *Evaluation) write(ctx context.Context, a *Action, vars *runContext, r *ActionResult, alert *Alert) {
	if err := r.render(ctx, a, vars); err != nil {
		r.Error = err.Error()
		return
	}
	r.Delivery = &Delivery{
		ID: e.NewID(), AlertID: alert.ID, ActionID: a.ID, DestinationID: a.DestinationID, Severity: alert.Severity,
		Subject: r.Subject, Body: r.Message, Created: e.Now.UnixMilli(),
	}
	alert.owe(*r.Delivery)
}

func (r *ActionResult) render(ctx context.Context, a *Action, vars *runContext) (err error) {
	if a.Subject.Source != "" {
		if r.Subject, err = render(ctx, a.Subject, vars); err != nil {
			return err
		}
	}
	if r.Message, err = render(ctx, a.Message, vars); err != nil {
		return err
	}
	if r.Message == "" {
		return fmt.Errorf("Message content missing in the Destination with id: %s", a.DestinationID) //nolint:staticcheck // OpenSearch's words
	}
	r.Rendered = true
	return nil
}

func render(ctx context.Context, s Script, vars *runContext) (string, error) {
	t, err := script.ParseTemplate(s.Source)
	if err != nil {
		return "", fmt.Errorf("Error running template: %w", err)
	}
	text, err := t.Render(ctx, map[string]any{"ctx": vars.forTemplate(), "params": s.Params}, script.Limits{})
	if err != nil {
		return "", fmt.Errorf("Error running template: %w", err)
	}
	return text, nil
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

// owe adds a message. An older one of the same action that could not be delivered gives way: the new one says how it is now.
func (a *Alert) owe(d Delivery) {
	a.Owed = slices.DeleteFunc(a.Owed, func(o Delivery) bool { return o.ActionID == d.ActionID && o.Attempts > 0 })
	a.Owed = append(a.Owed, d)
}
