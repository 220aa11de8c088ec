package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/cluster"
	"vigil/notify"
)

// hanging is an engine that answers when it is given up.
type hanging struct{ *rig }

func (h hanging) Search(ctx context.Context, as *User, indices []string, body json.RawMessage) (json.RawMessage, error) {
	if h.fault != nil && h.fault.Error() == "hang" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.rig.Search(ctx, as, indices, body)
}

// TestBadMonitorsAreBoundedVisibleAndRecoveredFrom runs what people get wrong, and what fails around them: the run ends, the
// alert says why, and the next good run takes it out of the error.
func TestBadMonitorsAreBoundedVisibleAndRecoveredFrom(t *testing.T) {
	condition := func(source string) func(*rig, *Monitor) {
		return func(_ *rig, m *Monitor) { m.Triggers[0].Condition.Source = source }
	}
	message := func(source string) func(*rig, *Monitor) {
		return func(_ *rig, m *Monitor) { m.Triggers[0].Actions[0].Message.Source = source }
	}
	fails := func(err error) func(*rig, *Monitor) { return func(r *rig, _ *Monitor) { r.fault = err } }
	refuses := func(err *notify.Error) func(*rig, *Monitor) { return func(r *rig, _ *Monitor) { r.refuse = err } }
	nested := "x"
	for range 7 {
		nested = "{{#ctx.results.0.hits.hits}}" + nested + "{{/ctx.results.0.hits.hits}}"
	}
	tests := []struct {
		name string
		bad  func(*rig, *Monitor)
		want string // in the alert's error
	}{
		{"a condition that loops", condition("while (true) {} return true"), "loop"},
		{"one that calls itself", condition("boolean f(int n) { return f(n + 1) } return f(0)"), ""},
		{"one that grows", condition("String s = 'x'; for (int i = 0; i < 100; ++i) { s += s } return s.length() > 1"), ""},
		{"one that throws", condition("throw new RuntimeException('no')"), "no"},
		{"one that is no boolean", condition("return 1"), "the condition must return a boolean"},
		{"one that is no script", condition("ctx.results[0"), "script_exception"},
		{"one that reads what is not there", condition("ctx.results[0].nope.x > 1"), "null_pointer_exception"},
		{"a query that fails", fails(&cluster.Error{Status: 400, Type: "parsing_exception", Reason: "unknown query [nosuch]"}), "Failed fetching inputs:\nunknown query [nosuch]"},
		{"an index that is gone", fails(&cluster.Error{Status: 404, Type: "index_not_found_exception", Reason: "no such index [x]"}), "no such index [x]"},
		{"a query that hangs", fails(errors.New("hang")), "Failed fetching inputs:\ncontext deadline exceeded"},
		{"an answer that is nonsense", func(r *rig, _ *Monitor) { r.answers = []json.RawMessage{json.RawMessage(`[`)} }, "Failed evaluating trigger:"},
		{"a template that explodes", message(nested), "Failed running action:\nError running template"},
		{"one that includes itself", message("{{> self}}"), "Failed running action:\nError running template"},
		{"one that is not closed", message("{{#a}}"), "Failed running action:\nError running template"},
		{"one that says nothing", message("{{nope}}"), "Message content missing"},
		{"a receiver that refuses", refuses(&notify.Error{Status: 500, Body: "broken", Err: errors.New("500"), Retry: true}), "broken"},
		{"one that is too busy", refuses(&notify.Error{Status: 429, Body: "slow down", Err: errors.New("429"), Retry: true, After: time.Hour}), "slow down"},
		{"one that sends elsewhere", refuses(&notify.Error{Status: 302, Err: errors.New("302 Found")}), "302"},
		{"one that nobody hears of", refuses(&notify.Error{Err: errors.New("no answer within 50s"), Retry: true}), "no answer within 50s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.channel("chime-1")
				r.runner = NewRunner(RunnerOptions{Store: r.store, Searcher: hanging{r}, Sender: r})
				good := r.monitor(nil)
				bad := *good
				bad.Triggers = []Trigger{good.Triggers[0]}
				bad.Triggers[0].Actions = []Action{good.Triggers[0].Actions[0]}
				many := make([]string, 100)
				for i := range many {
					many[i] = "{}"
				}
				all := json.RawMessage(`{"hits":{"total":{"value":5},"hits":[` + strings.Join(many, ",") + `]}}`)
				r.answers = []json.RawMessage{all}
				tt.bad(r, &bad)
				if _, err := r.runner.Run(t.Context(), Request{Monitor: &bad, Cause: Scheduled, PeriodEnd: time.Now()}); err != nil {
					t.Fatal(err)
				}
				alerts, _, err := r.store.Alerts(t.Context(), AlertQuery{SortField: "id", Order: "asc", Size: 10})
				if err != nil || len(alerts) != 1 || alerts[0].State != Errored || !strings.Contains(alerts[0].ErrorMessage, tt.want) || len(alerts[0].ErrorHistory) != 1 {
					t.Fatalf("alerts %+v, %v; want one in ERROR with %q", alerts, err, tt.want)
				}
				r.fault, r.refuse, r.answers = nil, nil, []json.RawMessage{all}
				pass(time.Minute)
				if _, err := r.runner.Run(t.Context(), Request{Monitor: good, Cause: Scheduled, PeriodEnd: time.Now()}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
					t.Errorf("after a good run: %s", diff)
				}
				if r.messages() == 0 {
					t.Error("after a good run there is no message")
				}
			})
		})
	}
}
