package alerting

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var evaluationTime = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// evaluate runs the seed's monitor over a number of hits.
func evaluation(hits int, alerts ...Alert) Evaluation {
	m := seedMonitor()
	m.ID = "m1"
	n := 0
	return Evaluation{
		Monitor: m, Cause: Scheduled, Results: []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"hits":{"total":{"value":%d}}}`, hits))},
		Alerts: alerts, PeriodStart: evaluationTime.Add(-time.Minute), PeriodEnd: evaluationTime, Now: evaluationTime,
		NewID: func() string { n++; return fmt.Sprint("id", n) },
	}
}

func alertIn(s State) Alert {
	a := Alert{
		ID: "old", Version: 3, MonitorID: "m1", TriggerID: "t1", State: s, StartTime: evaluationTime.Add(-time.Hour),
		LastNotification: evaluationTime.Add(-time.Hour),
	}
	if s == Errored {
		a.ErrorMessage, a.ErrorHistory = "was bad", []AlertError{{1, "was bad"}}
	}
	return a
}

// TestLifeCycle is the state machine of the alerting plugin, row by row.
func TestLifeCycle(t *testing.T) {
	const yes, no = 2, 0
	failing := func(e *Evaluation) {
		e.Results, e.InputError = nil, "no such index [x]"
		e.Monitor.Triggers[0].Actions[0].Message.Source = "{{ctx.error}}"
	}
	throwing := func(e *Evaluation) { e.Monitor.Triggers[0].Condition.Source = "throw new RuntimeException('oops')" }
	badAction := func(e *Evaluation) { e.Monitor.Triggers[0].Actions[0].Message.Source = "" }
	byDocument := func(e *Evaluation) { e.Cause = Nudged }
	byHand := func(e *Evaluation) { e.Cause = Manual }
	tests := []struct {
		name   string
		from   State
		hits   int
		change func(*Evaluation)
		// want is the state that is stored, empty if nothing is.
		want  State
		sends int
	}{
		{"nothing holds", "", no, nil, "", 0},
		{"raise", "", yes, nil, Active, 1},
		{"raise, input fails", "", yes, failing, Errored, 1},
		{"raise, condition throws", "", yes, throwing, Errored, 1},
		{"raise, action fails", "", yes, badAction, Errored, 0},
		{"active repeats", Active, yes, nil, Active, 1},
		{"active completes", Active, no, nil, Completed, 0},
		{"active, input fails", Active, yes, failing, Errored, 1},
		{"acknowledged is left alone", Acknowledged, yes, nil, "", 0},
		{"acknowledged completes", Acknowledged, no, nil, Completed, 0},
		{"acknowledged, input fails", Acknowledged, yes, failing, Errored, 1},
		{"error recovers", Errored, yes, nil, Active, 1},
		{"error completes", Errored, no, nil, Completed, 0},
		{"error stays", Errored, yes, throwing, Errored, 1},
		{"completed is over: raise anew", Completed, yes, nil, Active, 1},
		{"document raises", "", yes, byDocument, Active, 1},
		{"document does not repeat", Active, yes, byDocument, "", 0},
		{"document does not complete", Active, no, byDocument, "", 0},
		{"document does not revive", Errored, yes, byDocument, "", 0},
		{"document makes no error", "", yes, func(e *Evaluation) { byDocument(e); failing(e) }, "", 0},
		{"by hand repeats", Active, yes, byHand, Active, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := evaluation(tt.hits)
			if tt.from != "" {
				e.Alerts = []Alert{alertIn(tt.from)}
			}
			if tt.change != nil {
				tt.change(&e)
			}
			out := Evaluate(t.Context(), e)
			var got State
			sends := 0
			for _, a := range out.Alerts {
				got = a.State
				sends += len(a.Owed)
			}
			if got != tt.want || sends != tt.sends {
				t.Errorf("got state %q and %d messages, want %q and %d", got, sends, tt.want, tt.sends)
			}
			if got.IsFinal() && out.Alerts[0].EndTime != e.Now {
				t.Error("an ended alert does not tell when it ended")
			}
			if got == Active && out.Alerts[0].ErrorMessage != "" {
				t.Error("an active alert has an error message")
			}
		})
	}
}

func TestRaisedAlert(t *testing.T) {
	e := evaluation(2)
	e.ExecutionID = "run"
	got := Evaluate(t.Context(), e).Alerts
	want := []Alert{{
		ID: "id1", Version: 1, MonitorID: "m1", MonitorName: "Audit Unauthorized Access Events", ExecutionID: "run",
		TriggerID: "t1", TriggerName: "Unauthorized Access Events on ES Cluster", Severity: "1", State: Active,
		ActionResults: []ActionExecution{{"a1", evaluationTime.UnixMilli(), 0}},
		StartTime:     evaluationTime, LastNotification: evaluationTime, MonitorUser: &User{Name: "admin", Roles: []string{"all_access"}},
		Owed: []Delivery{{
			ID: "id2", AlertID: "id1", ActionID: "a1", DestinationID: "chime-1", Severity: "1", Subject: "Unauthorized Access Events on ES Cluster",
			Body:    "Monitor Audit Unauthorized Access Events: 2 from 2026-11-21T09:59:00Z to 2026-11-21T10:00:00Z",
			Created: evaluationTime.UnixMilli(),
		}},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Alert{}), cmp.Comparer(func(a, b *Version) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestThrottle(t *testing.T) {
	tests := []struct {
		name      string
		ago       time.Duration
		throttled bool
	}{
		{"just sent", time.Second, true},
		{"to the millisecond", 10 * time.Minute, true},
		{"over", 10*time.Minute + time.Millisecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := alertIn(Active)
			a.ActionResults = []ActionExecution{{"a1", evaluationTime.Add(-tt.ago).UnixMilli(), 4}}
			e := evaluation(2, a)
			e.Monitor.Triggers[0].Actions[0].Throttle = 10 * time.Minute
			out := Evaluate(t.Context(), e)
			if got := out.Triggers[0].Actions[0].Throttled; got != tt.throttled {
				t.Errorf("throttled: got %t, want %t", got, tt.throttled)
			}
			next := out.Alerts[0]
			if next.LastNotification != evaluationTime {
				t.Error("the alert does not tell that the condition still holds")
			}
			wantCount, wantOwed := 4, 1
			if tt.throttled {
				wantCount, wantOwed = 5, 0
			}
			if next.ActionResults[0].ThrottledCount != wantCount || len(next.Owed) != wantOwed {
				t.Errorf("got %+v and %d messages", next.ActionResults[0], len(next.Owed))
			}
		})
	}
}

func TestNewAlertIsNotThrottledByTheLast(t *testing.T) {
	done := alertIn(Completed)
	done.ActionResults = []ActionExecution{{"a1", evaluationTime.Add(-time.Second).UnixMilli(), 0}}
	e := evaluation(2, done)
	e.Monitor.Triggers[0].Actions[0].Throttle = time.Hour
	if got := Evaluate(t.Context(), e).Alerts[0]; len(got.Owed) != 1 || got.ID == done.ID {
		t.Errorf("got %+v", got)
	}
}

func TestErrorHistoryKeepsTen(t *testing.T) {
	a := alertIn(Active)
	for i := range 15 {
		e := evaluation(2, a)
		e.InputError = fmt.Sprint("error ", i)
		a = Evaluate(t.Context(), e).Alerts[0]
	}
	if len(a.ErrorHistory) != 10 || a.ErrorHistory[0].Message != "Failed fetching inputs:\nerror 14" {
		t.Errorf("history: %v", a.ErrorHistory)
	}
}

func TestConditionsAndContext(t *testing.T) {
	live := alertIn(Active)
	tests := []struct {
		source string
		want   bool
		fails  bool
	}{
		{"ctx.results[0].hits.total.value == 2", true, false},
		{"return false", false, false},
		{"if (ctx.results[0].hits.total.value > 100) return true", false, false},
		{"ctx.alert != null && ctx.alert.id == 'old' && ctx.alert.alert.version == 3", true, false},
		{"ctx.alert.acknowledged", false, false},
		{"ctx.monitor.name.startsWith('Audit')", true, false},
		{"ctx.trigger.severity == '1' && ctx.trigger.actions.size() == 1", true, false},
		{"ctx.periodEnd.toEpochMilli() - ctx.periodStart.toEpochMilli() == 60000", true, false},
		{"ctx.error == null", true, false},
		{"params.limit < ctx.results[0].hits.total.value", true, false},
		{"ctx.nope", true, true},
		{"ctx.results[3].hits", true, true},
		{"'text'", true, true},
		{"while (true) {}", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			e := evaluation(2, live)
			e.Monitor.Triggers[0].Condition = Script{Source: tt.source, Lang: "painless", Params: map[string]any{"limit": json.Number("1")}}
			got := Evaluate(t.Context(), e).Triggers[0]
			if got.Triggered != tt.want || (got.Error != "") != tt.fails {
				t.Errorf("triggered %t, error %q", got.Triggered, got.Error)
			}
		})
	}
}

func TestMessagesSeeTheRun(t *testing.T) {
	live := alertIn(Active)
	tests := []struct{ source, want string }{
		{"{{ctx.monitor._id}} {{ctx.monitor.monitor_type}} {{ctx.monitor.schedule.period.interval}}", "m1 query_level_monitor 1"},
		{"{{ctx.trigger.actions.0.name}} {{ctx.trigger.condition.script.lang}}", "Notify OnCall painless"},
		{"{{ctx.results.0.hits.total.value}}", "2"},
		{"{{ctx.alert.id}} {{ctx.alert.state}}{{ctx.alert.end_time}}", "old ACTIVE"},
		{"{{ctx.monitor.inputs.0.search.indices.0}}", "security-auditlog-*"},
		{"[{{ctx.error}}{{ctx.nothing}}]", "[]"},
	}
	for _, tt := range tests {
		e := evaluation(2, live)
		e.Monitor.Triggers[0].Actions[0].Message.Source = tt.source
		if got := Evaluate(t.Context(), e).Triggers[0].Actions[0].Message; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.source, got, tt.want)
		}
	}
}

func TestFirstMessageHasNoAlert(t *testing.T) {
	e := evaluation(2)
	e.Monitor.Triggers[0].Actions[0].Message.Source = "alert [{{ctx.alert.id}}]"
	if got := Evaluate(t.Context(), e).Triggers[0].Actions[0].Message; got != "alert []" {
		t.Errorf("got %q", got)
	}
}

func TestNewerMessageReplacesOneThatFailed(t *testing.T) {
	a := alertIn(Active)
	a.Owed = []Delivery{{ID: "failed", ActionID: "a1", Attempts: 1}, {ID: "untried", ActionID: "a1"}, {ID: "other", ActionID: "a2", Attempts: 1}}
	var got []string
	for _, d := range Evaluate(t.Context(), evaluation(2, a)).Alerts[0].Owed {
		got = append(got, d.ID)
	}
	if diff := cmp.Diff([]string{"untried", "other", "id1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEvaluateChangesNothingItWasGiven(t *testing.T) {
	a := alertIn(Errored)
	a.ActionResults = []ActionExecution{{"a1", 1, 0}}
	before := string(a.stored())
	e := evaluation(2, a)
	e.InputError = "x"
	Evaluate(t.Context(), e)
	if after := string(e.Alerts[0].stored()); after != before {
		t.Errorf("the alert was changed:\n%s\n%s", before, after)
	}
}

func TestAlertsSurviveStorage(t *testing.T) {
	e := evaluation(2)
	e.InputError = "broken"
	a := Evaluate(t.Context(), e).Alerts[0]
	got, err := parseAlert(a.stored())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(a.stored()), string(got.stored())); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(string(a.JSON()), "outbox") || strings.Contains(string(a.JSON()), "monitor_user") {
		t.Errorf("people see what is stored only: %s", a.JSON())
	}
}
