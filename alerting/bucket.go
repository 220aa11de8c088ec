package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vigil/script"
)

const (
	// maxActionable is how many alerts of one run get messages of their own; above, one message tells of all. OpenSearch's
	// plugins.alerting.max_actionable_alert_count.
	maxActionable = 50
	// maxSelected bounds the buckets that one trigger can raise alerts for.
	maxSelected = 10_000
)

// AlertBucket is a bucket that a trigger selected: what its alert is about.
type AlertBucket struct {
	Parent string   `json:"parent_bucket_path"`
	Keys   []string `json:"bucket_keys"`
	// Bucket is the bucket as the search answered it.
	Bucket json.RawMessage `json:"bucket"`
}

// Key tells the alerts of one trigger apart, as in OpenSearch.
func (b *AlertBucket) Key() string { return strings.Join(b.Keys, "#") }

// buckets evaluates a bucket-level monitor: each bucket that fulfils a trigger's condition has an alert.
func (e *Evaluation) buckets(ctx context.Context, out *Outcome) {
	selected := map[string]json.RawMessage{}
	for i := range e.Monitor.Triggers {
		t := &e.Monitor.Triggers[i]
		res := TriggerResult{ID: t.ID, Name: t.Name}
		var err error
		if e.InputError == "" {
			var first []int
			if res.Buckets, first, err = e.selectBuckets(ctx, t); err == nil {
				selected[t.ID] = encode(struct {
					Parent  string `json:"parent_bucket_path"`
					Indices []int  `json:"bucket_indices"`
				}{t.Bucket.Parent, first})
			}
		}
		if err != nil {
			res.Error = scriptError(err)
		}
		res.Triggered = len(res.Buckets) > 0
		out.Triggers = append(out.Triggers, res)
	}
	out.Results = addAggregations(e.Results, selected)
	results := decodeResults(out.Results)
	kept := out.Triggers[:0]
	for i := range out.Triggers {
		res, t := out.Triggers[i], &e.Monitor.Triggers[i]
		problem := e.problem(res)
		switch {
		case e.Cause != Nudged && problem != "":
			out.Alerts = append(out.Alerts, e.bucketError(ctx, t, &res, results, problem))
		case problem == "":
			out.Alerts = append(out.Alerts, e.bucketAlerts(ctx, t, &res, results)...)
		case e.Cause == Nudged:
			continue
		}
		kept = append(kept, res)
	}
	out.Triggers = kept
}

// bucketError raises or keeps up the one alert by which a trigger tells that it cannot be evaluated. The alerts of its
// buckets stay as they are: nobody knows.
func (e *Evaluation) bucketError(ctx context.Context, t *Trigger, res *TriggerResult, results []any, problem string) Alert {
	var old *Alert
	for i := range e.Alerts {
		if a := &e.Alerts[i]; a.TriggerID == t.ID && a.Bucket == nil && !a.State.IsFinal() {
			old = a
		}
	}
	next := e.next(t, old)
	vars := &runContext{e: e, t: t, results: results, extra: alertLists(nil)}
	e.actions(ctx, t, vars, res, &next)
	next.fail(problem, e.Now)
	return next
}

// found is what a run found out about one alert.
type found struct {
	alert    *Alert
	category Category
	// nudged is set if a document raised the alert and no scheduled run has seen it yet.
	nudged bool
}

// told reports that the receiver knows already: from the run by a document, or from an earlier try of the same slot.
func (f *found) told(e *Evaluation, a *Action) bool {
	last := f.alert.executed(a.ID)
	return f.category == CategoryDeduped && e.Cause == Scheduled && !last.IsZero() && (f.nudged || !last.Before(e.PeriodEnd))
}

// bucketAlerts decides what becomes of the alerts of a trigger and what they send.
func (e *Evaluation) bucketAlerts(ctx context.Context, t *Trigger, res *TriggerResult, results []any) []Alert {
	alerts, all := e.categorize(t, res.Buckets)
	vars := &runContext{e: e, t: t, results: results}
	acted := map[*Alert]bool{}
	for i := range t.Actions {
		a := &t.Actions[i]
		var done []ActionResult
		if p := a.policy(); p.PerExecution || e.tooMany(len(all)) {
			done = e.perExecution(ctx, a, vars, all, acted)
		} else {
			done = e.perAlert(ctx, a, vars, all, p.Actionable, acted)
		}
		res.Actions = append(res.Actions, done...)
	}
	for a := range acted {
		a.Version++
	}
	out := make([]Alert, 0, len(alerts))
	for _, a := range alerts {
		out = append(out, *a)
	}
	return out
}

// categorize pairs the selected buckets with the live alerts. What it returns first must be stored; the second part, new
// before deduped before completed, is what can be told about.
func (e *Evaluation) categorize(t *Trigger, selected []AlertBucket) (alerts []*Alert, all []found) {
	live := map[string]*Alert{}
	for i := range e.Alerts {
		if a := &e.Alerts[i]; a.TriggerID == t.ID && !a.State.IsFinal() {
			key := ""
			if a.Bucket != nil {
				key = "#" + a.Bucket.Key()
			}
			live[key] = a
		}
	}
	var deduped, completed []found
	for i := range selected {
		b := &selected[i]
		old := live["#"+b.Key()]
		delete(live, "#"+b.Key())
		switch {
		case old == nil:
			n := e.next(t, nil)
			n.Bucket = b
			all = append(all, found{&n, CategoryNew, false})
			alerts = append(alerts, &n)
		case e.Cause == Nudged || old.State == Acknowledged:
		default:
			n := e.next(t, old)
			n.Bucket = b
			if e.Cause == Scheduled {
				n.Nudged = false
			}
			deduped = append(deduped, found{&n, CategoryDeduped, old.Nudged})
			alerts = append(alerts, &n)
		}
	}
	if e.Cause != Nudged {
		for _, key := range slices.Sorted(maps.Keys(live)) {
			n := live[key].end(Completed, e.Now)
			n.ErrorMessage = ""
			alerts = append(alerts, &n)
			if n.Bucket != nil {
				completed = append(completed, found{&n, CategoryCompleted, false})
			}
		}
	}
	return alerts, append(append(all, deduped...), completed...)
}

func alertLists(all []found) map[string]any {
	lists := map[Category][]any{CategoryNew: {}, CategoryDeduped: {}, CategoryCompleted: {}}
	for _, f := range all {
		lists[f.category] = append(lists[f.category], f.alert.forTemplate())
	}
	return map[string]any{
		"newAlerts": lists[CategoryNew], "dedupedAlerts": lists[CategoryDeduped], "completedAlerts": lists[CategoryCompleted],
	}
}

// about returns the context of a message about some alerts.
func (c *runContext) about(all []found) *runContext {
	return &runContext{e: c.e, t: c.t, results: c.results, extra: alertLists(all)}
}

func (e *Evaluation) perAlert(
	ctx context.Context, a *Action, vars *runContext, all []found, actionable []Category, acted map[*Alert]bool,
) []ActionResult {
	var out []ActionResult
	for _, f := range all {
		if !slices.Contains(actionable, f.category) || f.told(e, a) {
			continue
		}
		r := ActionResult{ID: a.ID, Name: a.Name, ExecutionTime: e.Now, Keys: []string{f.alert.Bucket.Key()}}
		if r.Throttled = f.category == CategoryDeduped && e.throttled(a, f.alert.executed(a.ID)); !r.Throttled {
			e.write(ctx, a, vars.about([]found{f}), &r, f.alert)
		}
		f.alert.acted(a, r, e)
		acted[f.alert] = true
		out = append(out, r)
	}
	return out
}

// perExecution makes one message about all alerts. A throttled action can only come here because there are more than fit
// into messages of their own; unlike in OpenSearch it stays throttled for those that it has told about.
func (e *Evaluation) perExecution(ctx context.Context, a *Action, vars *runContext, all []found, acted map[*Alert]bool) []ActionResult {
	var about []found
	untold := false
	for _, f := range all {
		if f.category == CategoryDeduped && e.throttled(a, f.alert.executed(a.ID)) {
			f.alert.note(a.ID, true, e.Now)
			continue
		}
		about = append(about, f)
		untold = untold || !f.told(e, a)
	}
	if !untold {
		return nil
	}
	r := ActionResult{ID: a.ID, Name: a.Name, ExecutionTime: e.Now}
	// The message has to be owed by one of them.
	e.write(ctx, a, vars.about(about), &r, about[0].alert)
	for _, f := range about {
		r.Keys = append(r.Keys, f.alert.Bucket.Key())
		f.alert.acted(a, r, e)
		acted[f.alert] = true
	}
	return []ActionResult{r}
}

// acted notes what an action came to.
func (a *Alert) acted(by *Action, r ActionResult, e *Evaluation) {
	a.note(by.ID, r.Throttled, e.Now)
	if r.Error != "" && !a.State.IsFinal() {
		a.fail(failedAction+r.Error, e.Now)
	}
}

// selectBuckets returns the buckets that fulfil a trigger's condition, and where those of the first page stand in it.
func (e *Evaluation) selectBuckets(ctx context.Context, t *Trigger) (out []AlertBucket, first []int, err error) {
	p, err := script.Compile(t.Condition.Source)
	if err != nil {
		return nil, nil, err
	}
	params := maps.Clone(t.Condition.Params)
	if params == nil {
		params = map[string]any{}
	}
	first = []int{}
	for page, raw := range slices.Concat(e.Results, e.More) {
		buckets, err := parentBuckets(raw, t.Bucket.Parent)
		if err != nil && page == 0 {
			return nil, nil, err
		}
		for i, b := range buckets {
			yes, err := t.Bucket.fulfils(ctx, p, params, b)
			if err != nil {
				return nil, nil, err
			}
			if !yes {
				continue
			}
			if len(out) == maxSelected {
				return nil, nil, fmt.Errorf("more than %d buckets fulfil the condition", maxSelected)
			}
			if page == 0 {
				first = append(first, i)
			}
			out = append(out, AlertBucket{t.Bucket.Parent, b.texts(), b.raw})
		}
	}
	return out, first, nil
}

func (b *BucketCondition) fulfils(ctx context.Context, p *script.Program, params map[string]any, x rawBucket) (bool, error) {
	for name, f := range b.filter {
		for _, k := range x.keys {
			if (name == "" || name == k.source) && !f.accepts(k.text) {
				return false, nil
			}
		}
	}
	values, ok := decodeValue(x.raw).(map[string]any)
	if !ok {
		return false, fmt.Errorf("aggregation [%s] has a bucket that is not an object", b.Parent)
	}
	for name, path := range b.paths {
		n, err := b.value(values, path)
		if err != nil {
			return false, err
		}
		params[name] = n
	}
	return holds(ctx, p, map[string]any{"params": params})
}
