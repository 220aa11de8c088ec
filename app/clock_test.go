package app_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/app"
	"vigil/app/apptest"
	"vigil/audit"
	"vigil/config"
	"vigil/gateway"
	"vigil/wal/waltest"
)

// shiftedClock is a recorder for events from a clock that somebody has set.
type shiftedClock struct {
	gateway.Recorder
	by *atomic.Int64
}

func (c shiftedClock) shift(events []*audit.Event) []*audit.Event {
	for _, e := range events {
		e.Time = e.Time.Add(time.Duration(c.by.Load()))
	}
	return events
}

func (c shiftedClock) Record(ctx context.Context, events ...*audit.Event) error {
	return c.Recorder.Record(ctx, c.shift(events)...)
}

func (c shiftedClock) Begin(ctx context.Context, in audit.Intent, events ...*audit.Event) (audit.Ticket, error) {
	return c.Recorder.Begin(ctx, in, c.shift(events)...)
}

func (c shiftedClock) End(ctx context.Context, k audit.Ticket, events ...*audit.Event) error {
	return c.Recorder.End(ctx, k, c.shift(events)...)
}

// TestClockThatJumps sets the clock of events a day on, an hour back, and to a midnight that passes between two requests.
// Every event is there once, in the index of its own time.
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	var by atomic.Int64
	f := &faulty{t: t, disk: waltest.New()}
	f.start(func() app.Seams {
		return app.Seams{LogFS: f.disk, Gateway: func(o *gateway.Options) { o.Audit = shiftedClock{o.Audit, &by} }}
	}, func(*config.Config) {})
	want := len(recorded(t, f.Server))
	now := time.Now().UTC()
	midnight := now.Truncate(24 * time.Hour).Add(48 * time.Hour).Sub(now)
	for _, jump := range []time.Duration{0, 24 * time.Hour, -time.Hour, midnight - time.Hour, midnight, 0} {
		by.Store(int64(jump))
		for _, k := range faultKinds {
			if reply := k.send(f.Server, f.name(k.name)); reply.Status != k.status {
				t.Fatalf("%s is answered %d %s", k.name, reply.Status, reply.Body)
			}
			want += f.each[k.name]
		}
	}
	f.Restart()
	if got := len(recorded(t, f.Server)); got != want {
		t.Errorf("%d events are recorded, want %d", got, want)
	}
	resp, err := f.App().Store().Do(t.Context(), "POST", "/security-auditlog-*/_search", nil, []byte(`{"size":10000}`))
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Index  string        `json:"_index"`
				ID     string        `json:"_id"`
				Source apptest.Event `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(resp.Body, &found); err != nil {
		t.Fatal(err)
	}
	ids, days := map[string]bool{}, map[string]int{}
	for _, h := range found.Hits.Hits {
		day := strings.ReplaceAll(h.Source.Text("@timestamp")[:len("2026-01-02")], "-", ".")
		if h.Index != "security-auditlog-"+day || ids[h.ID] {
			t.Errorf("the event %s of %s is in %s", h.ID, day, h.Index)
		}
		ids[h.ID] = true
		days[day]++
	}
	if len(ids) != want || len(days) < 3 {
		t.Errorf("%d ids on the days %v, want %d on at least 3 days", len(ids), days, want)
	}
}
