package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vigil/cluster"
	"vigil/notify"
	"vigil/script"
)

// Searcher searches with the rights of a user. The user is nil for monitors that have none. An index that does not
// exist is an error in OpenSearch's words: a *cluster.Error, or anything whose text people may read.
type Searcher interface {
	Search(ctx context.Context, as *User, indices []string, body json.RawMessage) (json.RawMessage, error)
}

// Sender makes one attempt at a delivery; *notify.Notifier is one.
type Sender interface {
	Send(ctx context.Context, d notify.Destination, m notify.Message) (notify.Result, error)
}

const (
	// maxAttempts bounds how often a change is tried again when somebody else was faster.
	maxAttempts = 5
	// defaultTitle is the subject of a message that has none; see all-webhooks.json in compat/.
	defaultTitle = "Alerting-Notification Action"
)

// RunnerOptions configure a [Runner].
type RunnerOptions struct {
	Store    *Store
	Searcher Searcher
	Sender   Sender
	// Cluster answers the inputs of cluster-metrics monitors. Without it they fail.
	Cluster ClusterReader
	// ClusterName is what alerts of cluster-metrics monitors tell.
	ClusterName string
	// OnRun, if set, is told every run that was not dry. The result is "ok", "triggered", "error" or "skipped".
	OnRun func(c Cause, result string, took time.Duration)
	// OnDelivery, if set, is told every attempt at a message that an alert owes: the answer's status, 0 if there was none, and the
	// error, nil if it arrived. It may wait.
	OnDelivery func(ctx context.Context, d Delivery, t notify.Type, status int, err error)
	// Holds reports whether a monitor is this process's to run, where several share the monitors. It is asked again before anything
	// is stored or sent: a process that was stopped meanwhile must not go on. A [Scheduler] with members sets it.
	Holds func(monitorID string) bool
	Log   *slog.Logger
}

// Runner runs monitors: fetch, evaluate, store, send. Of one stored monitor it makes one run at a time.
type Runner struct {
	o     RunnerOptions
	locks locks
	retry retries
}

// NewRunner returns a runner.
func NewRunner(o RunnerOptions) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{o: o, retry: retries{
		wake: make(chan struct{}, 1), reload: make(chan struct{}, 1), due: map[string]map[string]time.Time{},
	}}
}

// errReleased says that a monitor has become another process's to run.
var errReleased = errors.New("the monitor is another member's now")

// errStale says that a monitor is not what it was when its run was asked for.
var errStale = errors.New("the monitor has changed")

// released returns an error if a run that nobody asked for belongs to another process by now.
func (r *Runner) released(e *Evaluation) error {
	if r.o.Holds == nil || e.Cause == Manual || r.o.Holds(e.job()) {
		return nil
	}
	return errReleased
}

// Request asks for one run.
type Request struct {
	Monitor *Monitor
	Cause   Cause
	// PeriodEnd is the slot of a scheduled run; the zero value means now.
	PeriodEnd time.Time
	// DryRun stores and sends nothing.
	DryRun bool
	// part is set if the monitor runs in a workflow.
	part *part
	// stale, if set, reports whether the monitor was changed or deleted since. It is asked when no other run is under way: whoever
	// deletes a monitor and then ends its alerts finds all of them.
	stale func() bool
}

// RunResult is what a run came to.
type RunResult struct {
	MonitorName            string
	MonitorType            MonitorType
	PeriodStart, PeriodEnd time.Time
	Error                  string
	Results                []json.RawMessage
	InputError             string
	Triggers               []TriggerResult
	// Workflow is what a workflow has besides; nil for monitors. Results and InputError are not for it.
	Workflow *WorkflowResult
	// raised are the alerts that hold without an error, documents those with findings, by index.
	raised    []string
	documents map[string][]string
}

// Run runs a monitor once. What goes wrong with the input, a condition or a message is in the result and on the alert; the
// error is for what kept the run from having one. A monitor that is not stored sends, but stores nothing.
func (r *Runner) Run(ctx context.Context, q Request) (RunResult, error) {
	start := time.Now()
	if q.Monitor.ID != "" {
		unlock, err := r.locks.lock(ctx, q.Monitor.ID)
		if err != nil {
			return RunResult{}, err
		}
		defer unlock()
	}
	if q.stale != nil && q.stale() {
		return RunResult{}, errStale
	}
	if q.Cause == Manual && q.Monitor.ID != "" && q.part == nil && !q.DryRun {
		if err := r.o.Store.has(ctx, q.Monitor.ID); err != nil {
			return RunResult{}, err
		}
	}
	res, skipped, err := r.run(ctx, q)
	if r.o.OnRun != nil && !q.DryRun {
		r.o.OnRun(q.Cause, outcome(res, skipped, err), time.Since(start))
	}
	return res, err
}

func outcome(res RunResult, skipped bool, err error) string {
	result := "ok"
	switch {
	case skipped:
		return "skipped"
	case err != nil || res.InputError != "":
		return "error"
	}
	for _, t := range res.Triggers {
		if t.Error != "" {
			return "error"
		}
		if t.Triggered {
			result = "triggered"
		}
	}
	return result
}

func (r *Runner) run(ctx context.Context, q Request) (RunResult, bool, error) {
	m := q.Monitor
	e := Evaluation{Monitor: m, Cause: q.Cause, Now: time.Now(), PeriodEnd: q.PeriodEnd, NewID: NewID, clusterName: r.o.ClusterName}
	if e.PeriodEnd.IsZero() {
		e.PeriodEnd = e.Now
	}
	e.PeriodStart = m.Schedule.Start(e.PeriodEnd)
	if e.part = q.part; e.part != nil {
		e.PeriodStart = e.part.periodStart
	}
	e.ExecutionID = fmt.Sprintf("%s_%s_%s", m.ID, e.Now.UTC().Format("2006-01-02T15:04:05.000000000"), newUUID())
	if e.part != nil {
		e.ExecutionID = e.part.executionID
	}
	res := RunResult{MonitorName: m.Name, MonitorType: m.Type, PeriodStart: e.PeriodStart, PeriodEnd: e.PeriodEnd}
	settings, err := r.o.Store.Settings(ctx)
	if err != nil {
		r.o.Log.WarnContext(ctx, "settings cannot be read: the defaults count", "error", err)
	}
	e.settings = settings
	if q.Cause == Nudged && m.Type == Composite {
		// What raises nothing may be a reason to raise something: only whole runs tell.
		return res, true, nil
	}
	if err := r.loadAlerts(ctx, &e); err != nil {
		return res, false, err
	}
	switch m.Type {
	case DocLevel:
		res, err := r.runDocuments(ctx, &e, q.DryRun)
		return res, false, err
	case Composite:
		res, err := r.runWorkflow(ctx, &e, q.DryRun)
		return res, false, err
	case QueryLevel, BucketLevel, ClusterMetrics:
	}
	if q.Cause == Nudged && allRaised(m, e.Alerts) {
		// Nothing that this run could do: spare the search.
		return res, true, nil
	}
	if err = r.fetch(ctx, &e); err != nil {
		e.Results, e.More, e.InputError = nil, nil, userError(err)
		r.o.Log.WarnContext(ctx, "monitor cannot fetch its input", "monitor_id", m.ID, "cause", q.Cause, "error", err)
	}
	// The search took time; what is decided is decided now.
	e.Now = time.Now()
	out, err := r.conclude(ctx, &e, q.DryRun)
	res.Results, res.InputError, res.Triggers, res.raised = out.Results, e.InputError, out.Triggers, e.raised(&out)
	return res, false, err
}

func (r *Runner) loadAlerts(ctx context.Context, e *Evaluation) error {
	if e.Monitor.ID == "" {
		return nil
	}
	load := r.o.Store.live
	switch {
	case e.audits():
		return nil // what is kept for the record alone, is over at once
	case e.Monitor.Type == DocLevel:
		// All others are over as soon as they are raised, and there may be very many.
		load = r.o.Store.errorAlerts
	}
	alerts, err := load(ctx, e.owner())
	if err != nil {
		return fmt.Errorf("load alerts of monitor %s: %w", e.Monitor.ID, err)
	}
	e.Alerts = alerts
	r.loadComments(ctx, e)
	for i := range alerts {
		if len(alerts[i].Owed) > 0 {
			r.retry.add(&alerts[i])
		}
	}
	return nil
}

func allRaised(m *Monitor, alerts []Alert) bool {
	if !m.Type.oneAlert() {
		return false
	}
	for i := range m.Triggers {
		if liveAlert(alerts, m.Triggers[i].ID) == nil {
			return false
		}
	}
	return true
}

// fetch runs the monitor's input with its user's rights.
func (r *Runner) fetch(ctx context.Context, e *Evaluation) error {
	ctx, cancel := context.WithTimeout(ctx, e.settings.InputTimeout)
	defer cancel()
	e.Results = []json.RawMessage{}
	for _, in := range e.Monitor.Inputs {
		if in.Cluster != nil {
			answer, err := in.Cluster.read(ctx, r.o.Cluster, e.Monitor.User)
			if err != nil {
				return err
			}
			e.Results = append(e.Results, answer)
			continue
		}
		body, err := in.Search.render(ctx, e.PeriodStart, e.PeriodEnd)
		if err == nil {
			body, err = e.part.restrict(body)
		}
		if err != nil {
			return err
		}
		answer, err := r.o.Searcher.Search(ctx, e.Monitor.User, in.Search.Indices, body)
		if err != nil {
			return err
		}
		e.Results = append(e.Results, answer)
		if e.Monitor.Type != BucketLevel {
			continue
		}
		if e.More, err = r.morePages(ctx, e.Monitor, in.Search, body, answer); err != nil {
			return err
		}
	}
	return nil
}

func (in *SearchInput) render(ctx context.Context, start, end time.Time) (json.RawMessage, error) {
	if !strings.Contains(string(in.Query), "{{") {
		return in.Query, nil
	}
	t, err := script.ParseTemplate(string(in.Query))
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	text, err := t.Render(ctx, map[string]any{"period_start": start.UnixMilli(), "period_end": end.UnixMilli()}, script.Limits{})
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return json.RawMessage(text), nil
}

// conclude evaluates, stores and sends.
func (r *Runner) conclude(ctx context.Context, e *Evaluation, dry bool) (Outcome, error) {
	out := Evaluate(ctx, *e)
	if dry {
		return out, nil
	}
	var err error
	if e.Monitor.ID != "" {
		err = r.save(ctx, e, &out)
	}
	return out, errors.Join(err, r.send(ctx, e, &out))
}

// deliver makes one attempt at a message.
func (r *Runner) deliver(ctx context.Context, d Delivery) (json.RawMessage, error) {
	dest, err := r.o.Store.Destination(ctx, d.DestinationID)
	if err != nil {
		return nil, err
	}
	settings, err := r.o.Store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if kind := string(legacyType(dest.Type)); !settings.MayReach(kind) {
		return nil, errorf(Forbidden, "Destination type [%s] is not allowed", kind)
	}
	title := d.Subject
	if title == "" {
		title = defaultTitle
	}
	res, err := r.o.Sender.Send(ctx, dest, notify.Message{
		Subject: title, Body: d.Body, DeliveryID: d.ID, AlertID: d.AlertID, Severity: d.Severity,
	})
	if r.o.OnDelivery != nil {
		r.o.OnDelivery(ctx, d, dest.Type, res.Status, err)
	}
	if err != nil {
		return nil, deliveryError{dest, err}
	}
	return Receipt(title, dest, res), nil
}

// deliveryError is a failed delivery in the words of the notifications plugin.
type deliveryError struct {
	dest notify.Destination
	err  error
}

func (e deliveryError) Error() string {
	_, text := FailedReceipt(e.dest, e.err)
	return text
}

func (e deliveryError) Unwrap() error { return e.err }

// brief is what the log is told of a failed delivery: the receiver's answer is on the alert.
func brief(err error) error {
	if e, ok := errors.AsType[*notify.Error](err); ok {
		return e
	}
	return err
}

// settle writes what became of messages onto their alert. If the alert was changed meanwhile it is read again: the messages
// are the same.
func (r *Runner) settle(ctx context.Context, a Alert, sent map[string]error) error {
	// What has left has left: this must be noted though the caller gives up.
	ctx = context.WithoutCancel(ctx)
	for range maxAttempts {
		c := a.clone()
		for id, err := range sent {
			c.settle(id, err, time.Now())
		}
		err := r.o.Store.saveAlert(ctx, &c)
		if err == nil {
			r.retry.add(&c)
			return nil
		}
		if !errors.Is(err, cluster.ErrConflict) {
			return err
		}
		if a, err = r.o.Store.alert(ctx, a.ID); err != nil {
			return err
		}
	}
	return errorf(Conflict, "alert %s is being changed by somebody else", a.ID)
}

// userError is what people read about an error: the engine's reason without the way it came.
func userError(err error) string {
	if e, ok := errors.AsType[*cluster.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}
