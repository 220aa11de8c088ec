package alerting

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// delegates is the input of a workflow.
func delegates(list string) string {
	return `{"name":"w","schedule":{"period":{"interval":1,"unit":"MINUTES"}},"inputs":[{"composite_input":{"sequence":{"delegates":[` + list + `]}}}]}`
}

func TestWorkflowsRefused(t *testing.T) {
	var many []string
	for i := range 26 {
		many = append(many, `{"order":`+string(encode(i+1))+`,"monitor_id":"m`+string(encode(i))+`"}`)
	}
	good := delegates(`{"order":1,"monitor_id":"a"}`)
	for _, tt := range []struct{ body, want string }{
		{delegates(``), "Validation Failed: 1: Delegates list can not be empty.;"},
		{strings.Replace(good, `"inputs":[`, `"inputs":[{"composite_input":{"sequence":{"delegates":[]}}},`, 1), "Validation Failed: 1: Input list can contain only one element.;"},
		{`{"name":"w","schedule":{"period":{"interval":1,"unit":"MINUTES"}}}`, "Validation Failed: 1: Input list can not be empty.;"},
		{strings.Replace(good, "composite_input", "search", 1), "Unexpected input type when reading Input"},
		{strings.Replace(good, `"name":"w"`, `"workflow_type":"loop","name":"w"`, 1), "Workflow type should be one of [composite]"},
		{strings.Replace(good, `"name":"w",`, ``, 1), "Workflow name is null"},
		{`{"name":"w","inputs":[]}`, "Workflow schedule is null"},
		{strings.Replace(good, `"name":"w"`, `"triggers":[{"query_level_trigger":{"name":"q"}}],"name":"w"`, 1), "Incompatible trigger [q] for workflow. "},
		{strings.Replace(good, `"name":"w"`, `"triggers":[{"chained_alert_trigger":{"name":"q"}}],"name":"w"`, 1), "Trigger severity is null"},
		{strings.Replace(good, `"name":"w"`, `"triggers":[{"chained_alert_trigger":{"name":"q","severity":"1","condition":{"script":{"source":"x","lang":"groovy"}}}}],"name":"w"`, 1), "Invalid script language. Allowed languages are [painless]"},
		{delegates(strings.Join(many, ",")), "Validation Failed: 1: Delegates list can not be larger then 25.;"},
		{delegates(`{"order":0,"monitor_id":"a"}`), "Invalid delgate order"},
		{delegates(`{"order":1,"monitor_id":"a b"}`), "Invalid characters in id"},
		{delegates(`{"order":1}`), "Invalid characters in id"},
		{delegates(`{"order":1,"monitor_id":"a"},{"order":1,"monitor_id":"a"}`), "Validation Failed: 1: Duplicate delegates not allowed;2: Sequence ordering of delegate monitor shouldn't contain duplicate order values;"},
		{delegates(`{"order":1,"monitor_id":"a","chained_monitor_findings":{}}`), "at least one of fields, 'monitorIds' and 'monitorId' should be provided"},
		{delegates(`{"order":1,"monitor_id":"a","chained_monitor_findings":{"monitor_id":"b"}}`), "Validation Failed: 1: Chained Findings Monitor b doesn't exist in sequence;"},
		{delegates(`{"order":1,"monitor_id":"a","chained_monitor_findings":{"monitor_ids":["b"]}},{"order":2,"monitor_id":"b"}`), "Validation Failed: 1: Chained Findings Monitor b should be executed before monitor a;"},
	} {
		if got, err := ParseWorkflow([]byte(tt.body)); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s", tt.body, got, err, tt.want)
		}
	}
	w, err := ParseWorkflow([]byte(delegates(`{"order":2,"monitor_id":"b","chained_monitor_findings":{"monitor_id":"a"}},{"order":1,"monitor_id":"a"}`)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseWorkflow(w.JSON(viewStored))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, again); diff != "" {
		t.Errorf("written and read (-first +again):\n%s", diff)
	}
	doc := func(index string) *Monitor {
		return &Monitor{Type: DocLevel, Inputs: []Input{{Doc: &DocInput{Indices: []string{index}}}}}
	}
	query := &Monitor{Type: QueryLevel, Inputs: []Input{{Search: &SearchInput{Indices: []string{"x", "y"}}}}}
	for _, tt := range []struct {
		a, b *Monitor
		want string
	}{
		{doc("x"), query, ""},
		{doc("z"), query, "Delegate monitor indices x, y doesn't query all of chained findings monitor's indices z}"},
		{query, doc("x"), "Query level monitor can't be part of chained findings"},
		{&Monitor{Type: BucketLevel}, doc("x"), "Bucket level monitor can't be part of chained findings: it has none"},
		{nil, doc("x"), "a are not valid monitor ids"},
	} {
		monitors := map[string]*Monitor{"b": tt.b}
		if tt.a != nil {
			monitors["a"] = tt.a
		}
		got := ""
		if err := CheckDelegates(w, monitors); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// chain is a workflow with two query-level monitors a and b, whose names are in place of their ids.
type chain struct {
	*rig
	a, b *Monitor
	w    *Monitor
}

func newChain(t *testing.T, condition string, change func(*Monitor)) *chain {
	t.Helper()
	c := &chain{rig: newRig(t)}
	c.channel("chime-1")
	c.a = c.monitor(func(m *Monitor) { m.Name, m.Triggers[0].ID = "a", "ta" })
	c.b = c.monitor(func(m *Monitor) { m.Name, m.Triggers[0].ID = "b", "tb" })
	w := &Monitor{
		Type: Composite, Name: "both", Enabled: true, Owner: "alerting", AuditDelegates: true, Schedule: Schedule{Period: &Period{1, "MINUTES"}},
		Inputs: []Input{{Sequence: &Sequence{Delegates: []Delegate{{Order: 2, MonitorID: c.b.ID}, {Order: 1, MonitorID: c.a.ID}}}}},
		Triggers: []Trigger{{
			ID: "tw", Name: "chained", Severity: "2",
			Condition: Script{Source: strings.NewReplacer("[a]", "[id="+c.a.ID+"]", "[b]", "[id="+c.b.ID+"]").Replace(condition), Lang: "painless"},
			Actions: []Action{{
				ID: "aw", Name: "tell", DestinationID: "chime-1",
				Message: Script{Source: "{{ctx.monitor.name}}: {{#ctx.alertGeneratingMonitors}}{{.}} {{/ctx.alertGeneratingMonitors}}{{ctx.error}}", Lang: "mustache"},
			}},
		}},
	}
	if change != nil {
		change(w)
	}
	var err error
	if c.w, err = c.store.CreateMonitor(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs the workflow: its monitors find these hits, in their order.
func (c *chain) run(dry bool, hits ...int) RunResult {
	c.t.Helper()
	c.answers = nil
	for _, n := range hits {
		c.answers = append(c.answers, json.RawMessage(`{"hits":{"total":{"value":`+string(encode(n))+`}}}`))
	}
	res, err := c.runner.Run(c.t.Context(), Request{Monitor: c.w, Cause: Manual, DryRun: dry})
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// state is every alert as "trigger STATE", in the order of their beginnings.
func (c *chain) state() []string {
	c.t.Helper()
	alerts, _, err := c.store.Alerts(c.t.Context(), AlertQuery{AnyState: true, SortField: "start_time", Order: "asc", Size: 100})
	if err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, a := range alerts {
		out = append(out, a.TriggerID+" "+string(a.State))
	}
	return out
}

func TestChainedAlertLifeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, "monitor[a] && monitor[b]", nil)
		if res := c.run(true, 2, 2); !res.Triggers[0].Triggered || c.state() != nil || c.messages() != 0 {
			t.Errorf("dry: %+v, %v, %d messages", res.Triggers, c.state(), c.messages())
		}
		c.run(false, 2, 0)
		if diff := cmp.Diff([]string{"ta AUDIT"}, c.state()); diff != "" || c.messages() != 0 {
			t.Errorf("a alone: %s, %d messages", diff, c.messages())
		}
		pass(time.Second)
		res := c.run(false, 2, 2)
		if diff := cmp.Diff([]string{"ta AUDIT", "ta AUDIT", "tb AUDIT", "tw ACTIVE"}, c.state()); diff != "" {
			t.Errorf("both: %s", diff)
		}
		if got, want := c.message(0).Body, "both: "+c.b.ID+" "+c.a.ID+" "; c.messages() != 1 || got != want {
			t.Errorf("%d messages, the first is %q, want %q", c.messages(), got, want)
		}
		alerts, _, err := c.store.Alerts(t.Context(), AlertQuery{Chained: true, WorkflowIDs: []string{c.w.ID}, SortField: "id", Order: "asc", Size: 10})
		if err != nil || len(alerts) != 1 {
			t.Fatalf("%+v, %v", alerts, err)
		}
		chained := alerts[0]
		if chained.MonitorID != "" || chained.MonitorName != "" || chained.WorkflowName != "both" || chained.ExecutionID != res.Workflow.ExecutionID || len(chained.AssociatedAlerts) != 2 {
			t.Errorf("chained alert: %+v", chained)
		}
		associated, _, err := c.store.Alerts(t.Context(), AlertQuery{IDs: chained.AssociatedAlerts, AnyState: true, SortField: "id", Order: "asc", Size: 10})
		if err != nil || len(associated) != 2 || associated[0].WorkflowID != c.w.ID || associated[0].ExecutionID != chained.ExecutionID {
			t.Errorf("associated alerts: %+v, %v", associated, err)
		}
		if done, failed, err := c.store.Acknowledge(t.Context(), c.a.ID, []string{chained.ID}); err != nil || done != nil || len(failed) != 1 {
			t.Errorf("acknowledged as an alert of a monitor: %v %v %v", done, failed, err)
		}
		if done, _, err := c.store.AcknowledgeChained(t.Context(), c.w.ID, []string{chained.ID}); err != nil || len(done) != 1 {
			t.Fatalf("acknowledge: %v, %v", done, err)
		}
		c.run(false, 2, 2)
		if c.messages() != 1 {
			t.Error("an acknowledged alert sends")
		}
		c.run(false, 0, 2)
		if got := strings.Join(c.state(), ","); !strings.Contains(got, "tw COMPLETED") || strings.Contains(got, "tw ACK") {
			t.Errorf("b alone: %s", got)
		}
	})
}

// TestWorkflowsOfOrdinaryMonitors: monitors whose alerts are not for the record alone send and raise as on their own, beside
// what their own runs do.
func TestWorkflowsOfOrdinaryMonitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, "monitor[a] || monitor[b]", func(w *Monitor) { w.AuditDelegates = false })
		for range 2 {
			c.run(false, 2, 0)
		}
		if diff := cmp.Diff([]string{"ta ACTIVE", "tw ACTIVE"}, c.state()); diff != "" {
			t.Error(diff)
		}
		if got := c.messages(); got != 4 {
			t.Errorf("%d messages, want two of the monitor and two of the workflow", got)
		}
		c.answers = []json.RawMessage{json.RawMessage(`{"hits":{"total":{"value":5}}}`)}
		if _, err := c.runner.Run(t.Context(), Request{Monitor: c.a, Cause: Manual}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"ta ACTIVE", "ta ACTIVE", "tw ACTIVE"}, sorted(c.state())); diff != "" {
			t.Errorf("with its own run: %s", diff)
		}
		own, _, err := c.store.Alerts(t.Context(), AlertQuery{MonitorID: c.a.ID, SortField: "id", Order: "asc", Size: 10})
		if err != nil || len(own) != 1 || own[0].WorkflowID != "" {
			t.Errorf("listed by the monitor: %+v, %v", own, err)
		}
		c.run(false, 0, 0)
		if diff := cmp.Diff([]string{"ta ACTIVE", "ta COMPLETED", "tw COMPLETED"}, sorted(c.state())); diff != "" {
			t.Errorf("over: %s", diff)
		}
	})
}

func TestWorkflowsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, "monitor[a] and monitor[b]", nil)
		res := c.run(false, 2, 2)
		if res.Triggers[0].Triggered || !strings.Contains(res.Triggers[0].Error, "expected the end") {
			t.Errorf("malformed condition: %+v", res.Triggers)
		}
		if got := strings.Join(c.state(), ","); !strings.Contains(got, "tw ERROR") || c.messages() != 0 {
			t.Errorf("malformed condition: %s, %d messages", got, c.messages())
		}
		// A monitor that cannot ask raises nothing that counts.
		c = newChain(t, "!monitor[a] && monitor[b]", nil)
		c.fault = errors.New("the cluster is away")
		res = c.run(false)
		if res.Triggers[0].Triggered || res.Error != "" || res.Workflow.Monitors[0].InputError == "" {
			t.Errorf("away: %+v", res)
		}
		// A monitor that is not there ends the run, and the alert says so.
		c.fault = nil
		if _, err := c.store.remove(t.Context(), c.store.ix.Config, c.a.ID); err != nil {
			t.Fatal(err)
		}
		res = c.run(false, 2, 2)
		if !strings.Contains(res.Error, "Delegate monitors don't exist "+c.a.ID) || len(res.Workflow.Monitors) != 0 {
			t.Errorf("missing monitor: %+v", res)
		}
		alerts, _, err := c.store.Alerts(t.Context(), AlertQuery{Chained: true, SortField: "id", Order: "asc", Size: 10})
		if err != nil || len(alerts) != 1 || alerts[0].State != Errored || !strings.HasPrefix(alerts[0].ErrorMessage, "Failed running monitor:\nDelegate") {
			t.Errorf("missing monitor: %+v, %v", alerts, err)
		}
	})
}

// TestChainedFindings has a query-level monitor look at what a document-level one has found, and at nothing else.
func TestChainedFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		doc := r.monitor(intruders)
		query := r.monitor(nil)
		w, err := r.store.CreateMonitor(t.Context(), &Monitor{
			Type: Composite, Name: "w", Enabled: true, AuditDelegates: true, Schedule: Schedule{Period: &Period{1, "MINUTES"}},
			Inputs: []Input{{Sequence: &Sequence{Delegates: []Delegate{
				{Order: 1, MonitorID: doc.ID}, {Order: 2, MonitorID: query.ID, Findings: &ChainedFindings{MonitorID: &doc.ID}},
			}}}},
		})
		if !strings.Contains(err.Error(), "doesn't query all of chained findings") {
			t.Fatal(err)
		}
		query.Inputs[0].Search.Indices = []string{"logs-*"}
		if query, err = r.store.UpdateMonitor(t.Context(), query.ID, query, nil); err != nil {
			t.Fatal(err)
		}
		w, err = r.store.CreateMonitor(t.Context(), &Monitor{
			Type: Composite, Name: "w", Enabled: true, AuditDelegates: true, Schedule: Schedule{Period: &Period{1, "MINUTES"}},
			Inputs: []Input{{Sequence: &Sequence{Delegates: []Delegate{
				{Order: 1, MonitorID: doc.ID}, {Order: 2, MonitorID: query.ID, Findings: &ChainedFindings{MonitorID: &doc.ID}},
			}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		run := func(answers ...json.RawMessage) string {
			t.Helper()
			r.answers = answers
			if _, err := r.runner.Run(t.Context(), Request{Monitor: w, Cause: Manual}); err != nil {
				t.Fatal(err)
			}
			return r.bodies[len(r.bodies)-1]
		}
		none := json.RawMessage(`{"hits":{"total":{"value":0},"hits":[]}}`)
		last := run(json.RawMessage(standing), hits(42, 2), none)
		if !strings.Contains(last, `{"term":{"_index":"logs-1"}},{"terms":{"_id":["d42","d43"]}}`) || !strings.Contains(last, "FAILED_LOGIN") {
			t.Errorf("with findings: %s", last)
		}
		if last = run(none, none); !strings.Contains(last, `"match_none"`) {
			t.Errorf("without findings: %s", last)
		}
		// What the workflow has seen, the monitor's own runs have not.
		if marks, err := r.store.bookmarks(t.Context(), marksID(w.ID, doc.ID)); err != nil || marks["logs-1"] != 43 {
			t.Errorf("bookmarks of the workflow: %v, %v", marks, err)
		}
		if _, err := r.store.bookmarks(t.Context(), doc.ID); err == nil {
			t.Error("the workflow moved the monitor's own bookmarks")
		}
		if _, err := r.store.DeleteMonitor(t.Context(), doc.ID); err == nil || err.Error() != "Monitor can't be deleted because it is a part of workflow(s)" {
			t.Errorf("a monitor of a workflow is deleted: %v", err)
		}
		if _, err := r.store.DeleteWorkflow(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.store.bookmarks(t.Context(), marksID(w.ID, doc.ID)); err == nil {
			t.Error("the bookmarks of a deleted workflow stay")
		}
		if _, err := r.store.DeleteMonitor(t.Context(), doc.ID); err != nil {
			t.Error(err)
		}
	})
}

// TestWorkflowsAreScheduled: the scheduler runs a workflow by its clock, and one that is deleted takes its alerts along.
func TestWorkflowsAreScheduled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, "monitor[a] || monitor[b]", nil)
		for _, m := range []*Monitor{c.a, c.b} {
			off := *m
			off.Enabled = false
			if _, err := c.store.UpdateMonitor(t.Context(), m.ID, &off, nil); err != nil {
				t.Fatal(err)
			}
		}
		c.set(3)
		stop := c.start()
		defer func() { stop() }()
		pass(time.Minute + time.Second)
		if got := strings.Join(sorted(c.state()), ","); got != "ta AUDIT,tb AUDIT,tw ACTIVE" {
			t.Errorf("after a minute: %s", got)
		}
		pass(time.Minute)
		if got := c.messages(); got != 2 {
			t.Errorf("%d messages after two minutes", got)
		}
		// A start anew finds the workflow where it was, and no alert of it astray.
		stop()
		c.restart()
		stop = c.start()
		pass(time.Second)
		if got := strings.Join(c.state(), ","); strings.Contains(got, "DELETED") {
			t.Errorf("after a restart: %s", got)
		}
		if _, err := c.store.DeleteWorkflow(t.Context(), c.w.ID); err != nil {
			t.Fatal(err)
		}
		if err := c.runner.Retire(t.Context(), c.w.ID); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.state(), ","); !strings.Contains(got, "tw DELETED") || strings.Contains(got, "tw ACTIVE") {
			t.Errorf("deleted: %s", got)
		}
		sent := c.messages()
		pass(3 * time.Minute)
		if c.messages() != sent {
			t.Error("a deleted workflow runs on")
		}
	})
}

// TestEditedWorkflows: alerts of triggers and of monitors that a workflow no longer has are over; all others stay.
func TestEditedWorkflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, "monitor[a] || monitor[b]", func(w *Monitor) { w.AuditDelegates = false })
		c.run(false, 2, 2)
		edited := *c.w
		edited.Inputs = []Input{{Sequence: &Sequence{Delegates: []Delegate{{Order: 1, MonitorID: c.a.ID}}}}}
		edited.Triggers = []Trigger{{ID: "other", Name: "o", Severity: "1", Condition: Script{Source: "monitor[id=x]", Lang: "painless"}}}
		w, err := c.store.UpdateMonitor(t.Context(), c.w.ID, &edited, nil)
		if err == nil {
			err = c.runner.Edited(t.Context(), w)
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"ta ACTIVE", "tb DELETED", "tw DELETED"}, sorted(c.state())); diff != "" {
			t.Error(diff)
		}
	})
}
