package alerting

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/cluster"
	"vigil/engine"
)

// archive is a store over an engine, whose histories are kept in bounds.
type archive struct {
	t      *testing.T
	client *cluster.Client
	store  *Store
}

func newArchive(t *testing.T) *archive {
	e, err := engine.Open(engine.Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &archive{t: t, client: cluster.NewClient(e)}
	a.store = NewStore(StoreOptions{Client: a.client})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- a.store.keepHistories(ctx, func(string) bool { return true }, func(err error) { t.Errorf("histories: %v", err) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return a
}

func (a *archive) set(settings string) {
	a.t.Helper()
	if _, err := a.client.Do(context.Background(), http.MethodPut, "/_cluster/settings", nil, []byte(`{"persistent":{`+settings+`}}`)); err != nil {
		a.t.Fatal(err)
	}
	pass(2 * time.Second) // until the settings are read again
}

// end stores an alert that has ended.
func (a *archive) end(id string, s State) {
	a.t.Helper()
	alert := Alert{ID: id, Version: 1, MonitorID: "m", TriggerID: "t", State: s, StartTime: time.Now(), EndTime: time.Now()}
	if err := a.store.saveAlert(context.Background(), &alert); err != nil {
		a.t.Fatal(err)
	}
}

// ended returns the ended alerts by the number of their index.
func (a *archive) ended() (list []string) {
	a.t.Helper()
	r, err := a.client.Search(context.Background(), []string{a.store.ix.History + "*"}, map[string]any{"size": 100})
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		a.t.Fatal(err)
	}
	for _, h := range r.Hits {
		list = append(list, h.ID+" in "+h.Index[strings.LastIndexByte(h.Index, '-')+1:])
	}
	slices.Sort(list)
	return list
}

func (a *archive) want(list ...string) {
	a.t.Helper()
	if diff := cmp.Diff(list, a.ended()); diff != "" {
		a.t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestHistoryRollsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t)
		a.set(`"plugins.alerting.alert_history_max_docs":2,"plugins.alerting.alert_history_rollover_period":"5m","plugins.alerting.alert_history_max_age":"30m"`)
		for i := range 3 {
			a.end(fmt.Sprint("a", i), Completed)
		}
		pass(6 * time.Minute)
		a.end("b0", Completed)
		a.want("a0 in 1", "a1 in 1", "a2 in 1", "b0 in 000002")
		// A move that was cut short is finished where it was begun.
		a.end("a1", Completed)
		a.want("a0 in 1", "a1 in 1", "a2 in 1", "b0 in 000002")
		pass(5 * time.Minute)
		a.end("c0", Completed)
		a.want("a0 in 1", "a1 in 1", "a2 in 1", "b0 in 000002", "c0 in 000002")
		pass(30 * time.Minute) // the age at which an index ends
		a.end("d0", Completed)
		a.want("a0 in 1", "a1 in 1", "a2 in 1", "b0 in 000002", "c0 in 000002", "d0 in 000003")
	})
}

func TestHistoryExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t)
		a.set(`"plugins.alerting.alert_history_rollover_period":"1m","plugins.alerting.alert_history_max_age":"10m","opendistro.alerting.alert_history_retention_period":"30m"`)
		a.end("a", Completed)
		pass(5 * time.Minute)
		a.end("b", Completed)
		if _, err := a.store.CreateComment(t.Context(), "b", "seen", User{Name: "ann"}); err != nil {
			t.Fatal(err)
		}
		pass(7 * time.Minute)
		a.end("c", Completed)
		a.want("a in 1", "b in 1", "c in 000002")
		pass(20 * time.Minute)
		a.want("c in 000002")
		if list, err := a.store.commentsOf(t.Context(), []string{"b"}, 10); err != nil || len(list.comments) > 0 {
			t.Errorf("comments on an alert that is gone: %v, %v", list.comments, err)
		}
		pass(40 * time.Minute)
		a.want()
	})
}

func TestHistoryCanBeSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t)
		a.set(`"plugins.alerting.alert_history_enabled":false,"plugins.alerting.alert_finding_enabled":false`)
		a.end("completed", Completed)
		a.end("deleted", Deleted)
		a.want("deleted in 1")
		if err := a.store.saveFindings(t.Context(), []Finding{{ID: "f"}}); err != nil {
			t.Fatal(err)
		}
		if found, _, err := a.store.Findings(t.Context(), FindingQuery{SortField: "timestamp", Order: "asc", Size: 10}); err != nil || len(found) > 0 {
			t.Errorf("findings %v, %v", found, err)
		}
		if live, err := a.store.liveBy(t.Context(), "monitor_id", "m"); err != nil || len(live) > 0 {
			t.Errorf("live alerts %v, %v", live, err)
		}
	})
}

// TestHistoryThatSomebodyDeletedIsMadeAnew deletes the index that is written to, or the alias that says which that is.
func TestHistoryThatSomebodyDeletedIsMadeAnew(t *testing.T) {
	t.Run("index", func(t *testing.T) { losesHistory(t, cluster.Path("ALIAS*"), "b in 1") })
	t.Run("alias", func(t *testing.T) {
		losesHistory(t, cluster.Path("ALIAS*", "_alias", "ALIASwrite"), "a in 1", "b in 1")
	})
}

func losesHistory(t *testing.T, deleted string, want ...string) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t)
		a.end("a", Completed)
		if _, err := a.client.Do(t.Context(), http.MethodDelete, strings.ReplaceAll(deleted, "ALIAS", a.store.ix.History), nil, nil); err != nil {
			t.Fatal(err)
		}
		alert := Alert{ID: "b", Version: 1, MonitorID: "m", TriggerID: "t", State: Completed, StartTime: time.Now(), EndTime: time.Now()}
		if err := a.store.saveAlert(t.Context(), &alert); err == nil {
			t.Error("the first write found the index that was deleted")
		}
		if _, err := a.store.liveBy(t.Context(), "monitor_id", "m"); err != nil { // the next reader finishes the move
			t.Fatal(err)
		}
		a.want(want...)
	})
}
