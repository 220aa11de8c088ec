package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/notify"
)

// slow is a sender with a destination that hangs.
type slow struct {
	rig  *rig
	hang string
	down bool
}

func (s *slow) Send(ctx context.Context, d notify.Destination, m notify.Message) (notify.Result, error) {
	down := false
	s.rig.with(func() { down = s.down })
	if d.ID == s.hang && down {
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
		}
		return notify.Result{}, &notify.Error{Retry: true, Err: errors.New("timeout")}
	}
	return s.rig.Send(ctx, d, m)
}

func TestDestinationThatIsDownDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := &slow{rig: r, hang: "chime-1", down: true}
		r.runner = NewRunner(RunnerOptions{Store: r.store, Searcher: r, Sender: s})
		r.sched = NewScheduler(SchedulerOptions{Store: r.store, Runner: r.runner})
		r.channel("chime-1")
		r.channel("chime-2")
		defer r.start()()
		r.set(2)
		r.refuse = &notify.Error{Status: 503, Retry: true, Err: errors.New("503")}
		for range 12 {
			r.monitor(func(m *Monitor) {
				m.Schedule.Period.Interval = 100
				second := m.Triggers[0].Actions[0]
				second.ID, second.DestinationID = "a2", "chime-2"
				m.Triggers[0].Actions = append(m.Triggers[0].Actions, second)
			})
		}
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
		pass(20 * time.Second) // all have been tried once and failed
		tried := r.tried()
		if tried < 12 {
			t.Fatalf("the second destination was tried %d times, want 12", tried)
		}
		r.with(func() { r.refuse = nil })
		pass(20 * time.Second)
		if got := r.messages(); got != 12 {
			t.Errorf("%d messages to the destination that works, want 12", got)
		}
		r.with(func() { s.down = false })
		pass(10 * time.Minute)
		if got := r.messages(); got != 24 {
			t.Errorf("%d messages in all, want 24", got)
		}
	})
}

func TestDeadLetterIsSeenAndSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.set(2)
		r.refuse = &notify.Error{Status: 404, Body: "gone", Err: errors.New("404")}
		m := r.monitor(nil)
		if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); err != nil {
			t.Fatal(err)
		}
		box := func(dead bool) []Owed {
			t.Helper()
			out, err := r.store.Outbox(t.Context(), dead, 10, nil)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		letters := box(true)
		if len(letters) != 1 || letters[0].MonitorID != m.ID || letters[0].LastError == "" || len(box(false)) != 0 {
			t.Fatalf("dead letters: %+v", letters)
		}
		d := letters[0]
		r.with(func() { r.refuse = nil })
		if err := r.runner.Resend(t.Context(), d.AlertID, "nope"); !isNotFound(err) {
			t.Errorf("a delivery that is not there: %v", err)
		}
		if err := r.runner.Resend(t.Context(), "nope", d.ID); !isNotFound(err) {
			t.Errorf("an alert that is not there: %v", err)
		}
		if err := r.runner.Resend(t.Context(), d.AlertID, d.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if r.messages() != 1 || r.message(0).DeliveryID != d.ID || len(box(true)) != 0 {
			t.Errorf("%d messages, dead letters %v", r.messages(), box(true))
		}
		receipts, err := r.store.Receipts(t.Context(), d.AlertID)
		if err != nil {
			t.Fatal(err)
		}
		want := []DeliveryReceipt{{d.ID, "a1", "chime-1", time.Now().Add(-time.Second).UnixMilli(), 2}}
		if diff := cmp.Diff(want, receipts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
			t.Errorf("the alert does not leave its error: %s", diff)
		}
	})
}
