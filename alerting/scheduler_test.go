package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/notify"
)

// failedLogin is an audit event as it is stored.
const failedLogin = `{"audit_category":"FAILED_LOGIN","@timestamp":"2026-11-21T10:00:00.000+00:00","audit_format_version":4}`

func TestFirstScheduledRunComesOneIntervalAfterEnabling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.set(2)
		m := r.monitor(nil)

		pass(59 * time.Second)
		if got := r.messages(); got != 0 {
			t.Errorf("%d messages before the first slot", got)
		}
		pass(2 * time.Second)
		if got := r.messages(); got != 1 {
			t.Fatalf("%d messages after the first slot, want 1", got)
		}
		end := m.EnabledTime.Add(time.Minute)
		want := "Monitor Audit Unauthorized Access Events: 2 from " + instant(end.Add(-time.Minute)) + " to " + instant(end)
		if got := r.message(0).Body; got != want {
			t.Errorf("message:\n got %s\nwant %s", got, want)
		}
		if got, want := r.message(0).Subject, "Unauthorized Access Events on ES Cluster"; got != want {
			t.Errorf("subject: got %q, want %q", got, want)
		}
	})
}

func TestDocumentRaisesAtOnceAndTheSlotDoesNotRepeatIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.monitor(nil)
		pass(10 * time.Second)

		r.set(2)
		r.sched.Document("security-auditlog-2026.11.21", nil, json.RawMessage(failedLogin))
		synctest.Wait()
		if got := r.messages(); got != 1 {
			t.Fatalf("%d messages after the document, want 1", got)
		}
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
			t.Error(diff)
		}
		pass(51 * time.Second) // the slot that the document was ahead of
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages after the next slot, want 1", got)
		}
		pass(time.Minute) // as in the original: an active alert repeats
		if got := r.messages(); got != 2 {
			t.Errorf("%d messages one slot later, want 2", got)
		}
		r.set(0)
		pass(time.Minute)
		if diff := cmp.Diff([]State{Completed}, r.alerts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDocumentsOnlyRaise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.monitor(nil)
		synctest.Wait()
		nudge := func() {
			pass(200 * time.Millisecond)
			r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
			synctest.Wait()
		}
		r.with(func() { r.fault = errors.New("no such thing") })
		nudge()
		if got := r.alerts(); got != nil {
			t.Errorf("an input error raised %v before the schedule did", got)
		}
		r.with(func() { r.fault = nil })
		r.set(5)
		nudge()
		r.set(0)
		nudge()
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
			t.Errorf("a document ended an alert: %s", diff)
		}
		searches := r.searched()
		nudge()
		if r.searched() != searches {
			t.Error("a run that can do nothing searched")
		}
	})
}

func TestFloodRunsTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.monitor(nil)
		synctest.Wait()
		for i := range 5000 { // one second of it
			if i == 2500 {
				r.set(3)
			}
			r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
			pass(200 * time.Microsecond)
		}
		pass(100 * time.Millisecond)
		synctest.Wait()
		runs := r.count("nudged ok") + r.count("nudged triggered") + r.count("nudged skipped")
		if runs < 10 || runs > 12 {
			t.Errorf("%d runs in 1.1 s, want 11", runs)
		}
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages, want 1", got)
		}
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLastDocumentOfABurstIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.monitor(nil)
		synctest.Wait()
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
		synctest.Wait() // this run found one hit too few
		r.set(2)
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
		pass(101 * time.Millisecond)
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages, want 1", got)
		}
	})
}

func TestOtherDocumentsRunNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.start()()
		r.monitor(nil)
		synctest.Wait()
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(`{"audit_category":"GRANTED_PRIVILEGES"}`))
		r.sched.Document("logs-1", nil, json.RawMessage(failedLogin))
		synctest.Wait()
		if got := r.searched(); got != 0 {
			t.Errorf("%d searches, want none", got)
		}
		r.sched.Nudge(r.sched.Over("security-auditlog-x"))
		synctest.Wait()
		if got := r.searched(); got != 1 {
			t.Errorf("%d searches after a change that does not show, want 1", got)
		}
	})
}

func TestEditedMonitorRunsAsEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.set(2)
		m := r.monitor(nil)
		synctest.Wait()
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
		synctest.Wait()

		pass(10 * time.Second)
		edited := *m
		edited.Triggers = seedMonitor().Triggers
		edited.Triggers[0].ID = "t2"
		stored, err := r.store.UpdateMonitor(t.Context(), m.ID, &edited, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.runner.Edited(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]State{Deleted}, r.alerts()); diff != "" {
			t.Errorf("the alert of a trigger that is gone: %s", diff)
		}
		if stored.EnabledTime.UnixMilli() != m.EnabledTime.UnixMilli() {
			t.Error("an edit moved the schedule")
		}
		pass(51 * time.Second)
		if diff := cmp.Diff([]State{Deleted, Active}, r.alerts()); diff != "" {
			t.Error(diff)
		}
		if _, err := r.store.DeleteMonitor(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		if err := r.runner.Retire(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		searches := r.searched()
		pass(10 * time.Minute)
		if r.searched() != searches {
			t.Error("a deleted monitor ran")
		}
		if diff := cmp.Diff([]State{Deleted, Deleted}, r.alerts()); diff != "" {
			t.Error(diff)
		}
		if live := r.docs.Sources(r.store.ix.Alerts); len(live) != 0 {
			t.Errorf("%d live alerts are left", len(live))
		}
	})
}

func TestRestartCatchesUpOnceAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		stop := r.start()
		r.set(2)
		m := r.monitor(nil)
		pass(61 * time.Second)
		if got := r.messages(); got != 1 {
			t.Fatalf("%d messages, want 1", got)
		}
		stop()

		r.restart() // within the same slot
		stop = r.start()
		synctest.Wait()
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages after a restart within a slot, want 1", got)
		}
		stop()

		pass(5*time.Minute + 10*time.Second)
		r.restart()
		stop = r.start()
		synctest.Wait()
		if got := r.messages(); got != 2 {
			t.Errorf("%d messages after slots were missed, want 2", got)
		}
		slot := m.EnabledTime.Add(6 * time.Minute)
		if want := instant(slot); !strings.HasSuffix(r.message(1).Body, "to "+want) {
			t.Errorf("the period of a slot caught up ends elsewhere than %s: %s", want, r.message(1).Body)
		}
		stop()
	})
}

func TestOwedMessageIsSentAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		m := r.monitor(nil)
		a := Alert{
			ID: "x", MonitorID: m.ID, TriggerID: "t1", State: Active, StartTime: time.Now(),
			Owed: []Delivery{{ID: "d1", AlertID: "x", ActionID: "a1", DestinationID: "chime-1", Body: "owed", Created: time.Now().UnixMilli()}},
		}
		if err := r.store.saveAlert(t.Context(), &a); err != nil {
			t.Fatal(err)
		}
		r.restart()
		defer r.start()()
		synctest.Wait()
		if r.messages() != 1 || r.message(0).DeliveryID != "d1" {
			t.Fatalf("%d messages, want the owed one once", r.messages())
		}
		if got, err := r.store.alert(t.Context(), "x"); err != nil || len(got.Owed) != 0 {
			t.Errorf("the alert still owes %v, error %v", got.Owed, err)
		}
	})
}

func TestFailedMessageIsRetriedUnderItsIDAndTheAlertRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.set(2)
		r.monitor(nil)
		synctest.Wait()
		r.with(func() {
			r.refuse = &notify.Error{Status: 503, Retry: true, After: 7 * time.Second, Err: errors.New("busy")}
		})
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
		synctest.Wait()
		if diff := cmp.Diff([]State{Errored}, r.alerts()); diff != "" {
			t.Fatal(diff)
		}
		var id string
		for _, raw := range r.docs.Sources(r.store.ix.Alerts) {
			a, err := parseAlert(raw)
			if err != nil || len(a.Owed) != 1 {
				t.Fatalf("alert owes %v, error %v", a.Owed, err)
			}
			if !strings.HasPrefix(a.ErrorMessage, "Failed running action:\n") {
				t.Errorf("error message: %q", a.ErrorMessage)
			}
			id = a.Owed[0].ID
		}
		pass(6 * time.Second)
		r.with(func() { r.refuse = nil })
		if got := r.tried(); got != 1 {
			t.Errorf("%d attempts before the receiver wanted another", got)
		}
		pass(2 * time.Second)
		if r.messages() != 1 || r.message(0).DeliveryID != id {
			t.Fatalf("%d messages, want delivery %s once", r.messages(), id)
		}
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStoreAwaySendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.set(2)
		r.monitor(nil)
		synctest.Wait()
		r.docs.Fail(func(q *http.Request) int {
			if q.Method == http.MethodPut {
				return 503
			}
			return 0
		})
		r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
		synctest.Wait()
		if got := r.messages(); got != 0 {
			t.Errorf("%d messages although the alert could not be stored", got)
		}
		r.docs.Fail(nil)
		pass(61 * time.Second)
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages once the store is back, want 1", got)
		}
	})
}

func TestAcknowledgedAlertIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.set(2)
		m := r.monitor(nil)
		pass(61 * time.Second)
		alerts, _, _ := r.store.Alerts(t.Context(), AlertQuery{SortField: "start_time", Order: "asc", Size: 10})
		done, failed, err := r.store.Acknowledge(t.Context(), m.ID, []string{alerts[0].ID, "nope"})
		if err != nil || len(done) != 1 || len(failed) != 1 {
			t.Fatalf("acknowledged %v, failed %v, error %v", done, failed, err)
		}
		before := string(r.docs.Sources(r.store.ix.Alerts)[alerts[0].ID])
		pass(10 * time.Minute)
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages, want 1", got)
		}
		if after := string(r.docs.Sources(r.store.ix.Alerts)[alerts[0].ID]); after != before {
			t.Errorf("the alert was changed:\n%s\n%s", before, after)
		}
		r.set(0)
		pass(time.Minute)
		if diff := cmp.Diff([]State{Completed}, r.alerts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestADocumentThatCameRightBeforeACrashRaisesAtTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		stop := r.start()
		r.monitor(nil)
		pass(10 * time.Second)
		stop() // before the document's run
		r.set(2)
		r.restart()
		stop = r.start()
		pass(time.Second)
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages a second after the start and before any slot, want 1", got)
		}
		stop()
		r.restart()
		defer r.start()()
		pass(time.Second)
		if got := r.messages(); got != 1 {
			t.Errorf("%d messages after another start, want still 1", got)
		}
	})
}

// TestARunThatComesTooLateRaisesNothing has a run wait for a worker while its monitor is deleted, or changed.
func TestARunThatComesTooLateRaisesNothing(t *testing.T) {
	for name, change := range map[string]func(*rig, *Monitor) error{
		"deleted": func(r *rig, m *Monitor) error {
			if _, err := r.store.DeleteMonitor(context.Background(), m.ID); err != nil {
				return err
			}
			return r.runner.Retire(context.Background(), m.ID)
		},
		"without the trigger": func(r *rig, m *Monitor) error {
			c := *m
			c.Triggers = nil
			stored, err := r.store.UpdateMonitor(context.Background(), m.ID, &c, nil)
			if err != nil {
				return err
			}
			return r.runner.Edited(context.Background(), stored)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.channel("chime-1")
				defer r.start()()
				m := r.monitor(nil)
				pass(10 * time.Second)
				r.set(2)
				for range cap(r.sched.slots) {
					r.sched.slots <- struct{}{}
				}
				r.sched.Document("security-auditlog-2026.11.21", nil, json.RawMessage(failedLogin))
				synctest.Wait()
				if err := change(r, m); err != nil {
					t.Fatal(err)
				}
				for range cap(r.sched.slots) {
					<-r.sched.slots
				}
				pass(3 * time.Minute)
				if got := r.alerts(); len(got) > 0 || r.messages() > 0 {
					t.Errorf("alerts %v, %d messages", got, r.messages())
				}
			})
		})
	}
}

// TestAMonitorThatIsExecutedWhileItIsDeletedRaisesNothing has somebody read the monitor, and run it when it is gone.
func TestAMonitorThatIsExecutedWhileItIsDeletedRaisesNothing(t *testing.T) {
	r := newRig(t)
	r.set(2)
	m := r.monitor(nil)
	if _, err := r.store.DeleteMonitor(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); !isNotFound(err) {
		t.Errorf("got %v", err)
	}
	if got := r.alerts(); len(got) > 0 {
		t.Errorf("alerts %v", got)
	}
}
