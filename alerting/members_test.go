package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerting/alertingtest"
	"vigil/cluster"
)

// gateway is a process over a store that others are over, too. It can be cut off from the store, and stopped without leaving.
type gateway struct {
	*rig
	members *Members
	cut     atomic.Bool
	stop    func()
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.cut.Load() {
		http.Error(w, `{"error":{"type":"no_route","reason":"cut off"},"status":503}`, http.StatusServiceUnavailable)
		return
	}
	g.docs.ServeHTTP(w, r)
}

func newGateway(t *testing.T, docs *alertingtest.Store, name string) *gateway {
	g := &gateway{rig: &rig{t: t, docs: docs, runs: map[string]int{}}}
	client := cluster.NewClient(g)
	g.members = NewMembers(MembersOptions{Client: client, Index: ".vigil-state", ID: name, Takes: true})
	g.store = NewStore(StoreOptions{Client: client})
	g.runner = NewRunner(RunnerOptions{Store: g.store, Searcher: g, Sender: g, OnRun: g.ran})
	g.sched = NewScheduler(SchedulerOptions{Store: g.store, Runner: g.runner, Poll: time.Second, Members: g.members})
	g.stop = g.start()
	return g
}

// kill ends the process as kill -9 does: it does not leave.
func (g *gateway) kill() {
	g.cut.Store(true)
	g.stop()
}

func (g *gateway) scheduled() int { return g.count("scheduled ok") + g.count("scheduled triggered") }

func holders(all []*gateway, id string) (names []string) {
	for _, g := range all {
		if g.members.Holds(id) {
			names = append(names, g.members.o.ID)
		}
	}
	return names
}

// three starts three gateways over one store, with monitors that run every minute.
func three(t *testing.T, monitors int) (all []*gateway, ids []string) {
	docs := alertingtest.New()
	for _, name := range []string{"one", "two", "three"} {
		all = append(all, newGateway(t, docs, name))
	}
	all[0].channel("chime-1")
	for range monitors {
		ids = append(ids, all[0].monitor(nil).ID)
	}
	pass(4 * time.Second)
	return all, ids
}

func TestEveryMonitorRunsOnOneMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 30)
		held := map[string]int{}
		for _, id := range ids {
			names := holders(all, id)
			if len(names) != 1 {
				t.Fatalf("monitor %s is held by %v", id, names)
			}
			held[names[0]]++
		}
		if len(held) != 3 {
			t.Errorf("monitors by member: %v", held)
		}
		before := 0
		for _, g := range all {
			before += g.scheduled()
		}
		pass(3 * time.Minute)
		runs := -before
		for _, g := range all {
			runs += g.scheduled()
			g.stop()
		}
		if runs != 3*len(ids) {
			t.Errorf("%d scheduled runs in three minutes, want %d", runs, 3*len(ids))
		}
	})
}

func TestAMemberThatDiesIsReplacedWithinThreeSeconds(t *testing.T) {
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 370 * time.Millisecond, 990 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			all, ids := three(t, 30)
			pass(after)
			all[0].kill()
			left := all[1:]
			pass(3 * time.Second)
			for _, id := range ids {
				if names := holders(left, id); len(names) != 1 {
					t.Errorf("after %v: monitor %s is held by %v", after, id, names)
				}
			}
			for _, g := range left {
				g.stop()
			}
		})
	}
}

func TestAMemberThatLeavesIsReplacedAtTheNextLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 30)
		all[0].stop()
		pass(2 * lookEvery)
		for _, id := range ids {
			if names := holders(all, id); len(names) != 1 {
				t.Errorf("monitor %s is held by %v", id, names)
			}
		}
		for _, g := range all[1:] {
			g.stop()
		}
	})
}

// TestNeverTwoHolders looks every ten milliseconds while members come, die, leave, are cut off and return.
func TestNeverTwoHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 12)
		check := func(during string, d time.Duration) {
			t.Helper()
			for range d / (10 * time.Millisecond) {
				<-time.After(10 * time.Millisecond)
				for _, id := range ids {
					if names := holders(all, id); len(names) > 1 {
						t.Fatalf("%s: monitor %s is held by %v", during, id, names)
					}
				}
			}
		}
		all = append(all, newGateway(t, all[0].docs, "four"))
		check("a fourth joins", 4*time.Second)
		all[1].cut.Store(true)
		check("the second is cut off", 4*time.Second)
		all[1].cut.Store(false)
		check("the second is back", 4*time.Second)
		all[2].kill()
		check("the third is killed", 4*time.Second)
		all = append(all, newGateway(t, all[0].docs, "three"))
		check("the third is started again", 4*time.Second)
		all[0].stop()
		check("the first leaves", 2*time.Second)
		for _, g := range []*gateway{all[1], all[3], all[4]} {
			g.stop()
		}
	})
}

func TestWhatOneMemberSeesAnotherRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 1)
		var holder, other *gateway
		for _, g := range all {
			g.set(2)
			if g.members.Holds(ids[0]) {
				holder = g
			} else {
				other = g
			}
		}
		other.sched.Document("security-auditlog-2026.11.21", nil, json.RawMessage(failedLogin))
		pass(2 * lookEvery)
		if holder.messages() != 1 || other.messages() != 0 {
			t.Errorf("%d messages by the holder, %d by the other", holder.messages(), other.messages())
		}
		for _, g := range all {
			g.stop()
		}
	})
}

// TestASlotMissedByADeadMemberIsCaughtUp has the holder die right before a slot.
func TestASlotMissedByADeadMemberIsCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 1)
		m, err := all[0].store.Monitor(t.Context(), ids[0])
		if err != nil {
			t.Fatal(err)
		}
		slot := m.EnabledTime.Add(time.Minute)
		<-time.After(time.Until(slot.Add(-time.Millisecond)))
		var left []*gateway
		for _, g := range all {
			g.set(2)
			if g.members.Holds(ids[0]) {
				g.kill()
			} else {
				left = append(left, g)
			}
		}
		pass(3*time.Second + 2*time.Millisecond)
		var bodies []string
		for _, g := range left {
			g.with(func() {
				for _, m := range g.sent {
					bodies = append(bodies, m.Body)
				}
			})
		}
		want := "from " + instant(slot.Add(-time.Minute)) + " to " + instant(slot)
		if len(bodies) != 1 || !strings.HasSuffix(bodies[0], want) {
			t.Errorf("messages %q, want one %q", bodies, want)
		}
		for _, g := range left {
			g.stop()
		}
	})
}

// TestWhatADeadMemberOwesIsSent has the holder die after it stored an alert and before it sent the message.
func TestWhatADeadMemberOwesIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 1)
		var left []*gateway
		for _, g := range all {
			g.set(2)
			if !g.members.Holds(ids[0]) {
				left = append(left, g)
				continue
			}
			g.with(func() { g.refuse = context.DeadlineExceeded }) // the attempt hangs, and then the process is gone
			g.docs.Fail(func(r *http.Request) int {
				if strings.Contains(r.URL.Path, "alerts/_doc/") && r.Method == http.MethodPut && g.tried() > 0 {
					g.cut.Store(true)
					return http.StatusServiceUnavailable
				}
				return 0
			})
			g.sched.Document("security-auditlog-2026.11.21", nil, json.RawMessage(failedLogin))
			synctest.Wait()
			g.docs.Fail(nil)
			g.kill()
		}
		pass(4 * time.Second)
		messages := map[string]int{}
		for _, g := range left {
			g.with(func() {
				for _, m := range g.sent {
					messages[m.DeliveryID]++
				}
			})
			g.stop()
		}
		if len(messages) != 1 {
			t.Errorf("deliveries: %v, want one", messages)
		}
	})
}

// TestAPausedMemberChangesNothing stops a member between its search and what follows from it, until another has taken over.
func TestAPausedMemberChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, ids := three(t, 1)
		var left []*gateway
		var paused *gateway
		for _, g := range all {
			g.set(2)
			if g.members.Holds(ids[0]) {
				paused = g
			} else {
				left = append(left, g)
			}
		}
		paused.with(func() {
			paused.onSearch = func() {
				paused.cut.Store(true) // its signs stop, too
				<-time.After(10 * time.Second)
				paused.cut.Store(false)
			}
		})
		paused.sched.Document("security-auditlog-2026.11.21", nil, json.RawMessage(failedLogin))
		pass(8 * time.Second)
		sent := left[0].messages() + left[1].messages()
		if sent != 1 {
			t.Errorf("%d messages by those that took over, want 1", sent)
		}
		pass(10 * time.Second)
		if got := paused.messages(); got != 0 {
			t.Errorf("%d messages by the one that was paused", got)
		}
		if got := fmt.Sprint(left[0].alerts()); got != "[ACTIVE]" {
			t.Errorf("alerts %s", got)
		}
		for _, g := range all {
			g.stop()
		}
	})
}

func TestAMemberThatTakesNoMonitorsStillTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := alertingtest.New()
		taker := newGateway(t, docs, "taker")
		taker.channel("chime-1")
		taker.monitor(nil)
		taker.set(2)
		teller := NewMembers(MembersOptions{Client: docs.Client(), Index: ".vigil-state", ID: "teller"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- teller.Run(ctx) }()
		pass(4 * time.Second)
		teller.Note([]string{everyMonitor})
		pass(2 * lookEvery)
		if got := taker.messages(); got != 1 {
			t.Errorf("%d messages, want 1", got)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		taker.stop()
	})
}
