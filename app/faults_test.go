package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"vigil/app"
	"vigil/app/apptest"
	"vigil/audit"
	"vigil/config"
	"vigil/wal/waltest"
)

// diskFaults are what can happen to the disk of the audit log. One that heals is over when the disk is well again, the others
// when the program has been started anew.
var diskFaults = map[string]struct {
	breaks func(*waltest.FS)
	heals  bool
}{
	"write error": {func(f *waltest.FS) { f.FailWrites(0, syscall.EIO) }, false},
	"short write": {func(f *waltest.FS) { f.FailWrites(100, syscall.EIO) }, false},
	// In the middle of a request: what it intends is on disk, what it did is not.
	"write error later": {func(f *waltest.FS) { f.FailWrites(20_000, syscall.EIO) }, false},
	"fsync error":       {func(f *waltest.FS) { f.FailSyncs(syscall.EIO) }, false},
	"disk full":         {func(f *waltest.FS) { f.Limit(f.Used()) }, true},
}

// faultKinds are the requests that are sent to a program with a fault, by how they are answered without one.
var faultKinds = []struct {
	name   string
	status int
	send   func(s *apptest.Server, id string) apptest.Reply
}{
	{"read", http.StatusOK, func(s *apptest.Server, _ string) apptest.Reply { return s.Admin("GET", "/watched/_doc/1", nil) }},
	{"write", http.StatusCreated, func(s *apptest.Server, id string) apptest.Reply {
		return s.Admin("PUT", "/docs/_doc/"+id, `{"text":"`+strings.Repeat("x", 4000)+`"}`)
	}},
	{"bulk", http.StatusOK, func(s *apptest.Server, id string) apptest.Reply {
		var body strings.Builder
		for i := range 3 {
			fmt.Fprintf(&body, `{"create":{"_index":"docs","_id":"%s.%d"}}`+"\n"+`{"text":"%s"}`+"\n", id, i, strings.Repeat("x", 1000))
		}
		return s.Admin("POST", "/_bulk", body.String())
	}},
	{"config change", http.StatusCreated, func(s *apptest.Server, id string) apptest.Reply {
		return s.Admin("PUT", "/_plugins/_security/api/roles/"+id, `{"cluster_permissions":["cluster_monitor"]}`)
	}},
	{"failed login", http.StatusUnauthorized, func(s *apptest.Server, id string) apptest.Reply { return s.As("ghost-"+id, "wrong", "GET", "/", nil) }},
}

// faulty is a server whose audit log is on a disk that can break.
type faulty struct {
	*apptest.Server
	t    *testing.T
	disk *waltest.FS
	each map[string]int // how many events a request of a kind leaves
	n    int
}

func newFaulty(t *testing.T, onFailure string) *faulty {
	t.Helper()
	f := &faulty{t: t, disk: waltest.New()}
	f.start(func() app.Seams { return app.Seams{LogFS: f.disk} }, func(c *config.Config) { c.Audit.OnFailure = onFailure })
	return f
}

// start starts the server with what between returns at every start, and counts what each kind of request leaves.
func (f *faulty) start(between func() app.Seams, change func(*config.Config)) {
	t := f.t
	t.Helper()
	f.each = map[string]int{}
	open := func(ctx context.Context, cfg config.Config, log *slog.Logger) (*app.Server, error) {
		return app.Open(ctx, cfg, log, between())
	}
	f.Server = apptest.StartWith(t, open, func(c *config.Config) {
		c.Audit.Log.MaxBytes = 16 << 20 // files of 1 MiB
		change(c)
	})
	f.Must("PUT", "/docs", `{"mappings":{"properties":{"text":{"type":"text"}}}}`) // else the first write leaves more events
	f.Must("PUT", "/watched/_doc/1", `{"f":1}`)
	f.Audit(strings.Replace(apptest.Everything, `"internal_config"`, `"read_watched_fields":{"watched":["*"]},"internal_config"`, 1))
	for _, k := range faultKinds {
		before := len(recorded(t, f.Server))
		if reply := k.send(f.Server, f.name(k.name)); reply.Status != k.status {
			t.Fatalf("%s is answered %d %s", k.name, reply.Status, reply.Body)
		}
		if f.each[k.name] = len(recorded(t, f.Server)) - before; f.each[k.name] == 0 {
			t.Fatalf("%s leaves no event", k.name)
		}
	}
}

func (f *faulty) name(kind string) string {
	f.n++
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(kind, " ", "-"), f.n)
}

// done returns the text of everything that the requests can have done.
func (f *faulty) done() string {
	f.t.Helper()
	var all strings.Builder
	for path, body := range map[string]string{
		"/docs/_search": `{"size":10000,"_source":false}`, "/" + apptest.SecurityIndex + "/_doc/roles": "",
	} {
		resp, err := f.App().Store().Do(f.t.Context(), "GET", path, nil, []byte(body))
		if err != nil {
			f.t.Fatal(err)
		}
		all.Write(resp.Body)
	}
	return all.String()
}

// gaps adds up what gap records say is missing.
func gaps(events []apptest.Event) (told, missing, requests int) {
	for _, e := range of(events, string(audit.Gap)) {
		g, _ := e["audit_vigil_gap"].(map[string]any)
		events, _ := g["events"].(float64)
		of, _ := g["requests"].(float64)
		told, missing, requests = told+1, missing+int(events), requests+int(of)
	}
	return told, missing, requests
}

// TestFaultsOfTheDisk crosses what can happen to the disk of the log with on_failure and every kind of request. The checker
// counts what was answered; after the fault that must be in the index, or under allow in gap records, exactly. What was
// refused must not have been done, or be recorded later.
func TestFaultsOfTheDisk(t *testing.T) {
	t.Parallel()
	for fault, disk := range diskFaults {
		for _, onFailure := range []string{"refuse", "allow"} {
			t.Run(fault+", "+onFailure, func(t *testing.T) {
				t.Parallel()
				f := newFaulty(t, onFailure)
				before := recorded(t, f.Server)
				disk.breaks(f.disk)
				sent := f.sendAll()
				f.heal(disk.heals)
				f.check(before, sent, onFailure)
			})
		}
	}
}

// sentRequests is what the checker knows.
type sentRequests struct {
	served, servedEvents int
	refused              []string
	refusedEvents        int
}

// sendAll sends requests of all kinds, again and again until the disk has let the log down for a while: a disk that is full
// still has the room that the log took before.
func (f *faulty) sendAll() (sent sentRequests) {
	f.t.Helper()
	for failing := 0; failing < 2; {
		for _, k := range faultKinds {
			id := f.name(k.name)
			switch reply := k.send(f.Server, id); reply.Status {
			case k.status:
				sent.served++
				sent.servedEvents += f.each[k.name]
			case http.StatusServiceUnavailable:
				sent.refused = append(sent.refused, id)
				sent.refusedEvents += f.each[k.name]
			default:
				f.t.Fatalf("%s is answered %d %s", k.name, reply.Status, reply.Body)
			}
		}
		health := string(f.As("", "", "GET", "/_vigil/health", nil).Body)
		if !strings.Contains(health, `"live":true`) {
			f.t.Fatalf("health is %s", health)
		}
		if strings.Contains(health, `"ready":false`) {
			failing++
		}
	}
	return sent
}

// heal repairs the disk and, where that is needed, starts the program anew as after kill -9.
func (f *faulty) heal(heals bool) {
	f.t.Helper()
	f.disk.FailWrites(0, nil)
	f.disk.FailSyncs(nil)
	f.disk.Limit(0)
	if !heals {
		f.Failed = true
		f.Stop()
		f.disk, f.Failed = f.disk.Kill(), false
		f.Restart()
	}
	f.Must("GET", "/watched/_doc/1", nil)
}

func (f *faulty) check(before []apptest.Event, sent sentRequests, onFailure string) {
	f.t.Helper()
	f.Restart() // looks after what was left open, as the program does once a minute
	events := recorded(f.t, f.Server)[len(before):]
	told, missing, requests := gaps(events)
	there := len(events) - told - f.each["read"] // the one that healed
	f.t.Logf("served %d requests with %d events, refused %d; %d events are there, %d are told missing of %d requests by %d records",
		sent.served, sent.servedEvents, len(sent.refused), there, missing, requests, told)
	if onFailure == "allow" {
		if len(sent.refused) > 0 || missing == 0 || requests > sent.served {
			f.t.Errorf("refused %v", sent.refused)
		}
		if there+missing != sent.servedEvents {
			f.t.Errorf("%d events are there and %d are told missing, want %d together", there, missing, sent.servedEvents)
		}
		return
	}
	// The group that failed may be found after a start, though what it tells of was refused.
	if missing > 0 || there < sent.servedEvents || there > sent.servedEvents+sent.refusedEvents {
		f.t.Errorf("%d events are there and %d are told missing, want %d", there, missing, sent.servedEvents)
	}
	// What a request intended may have had room where what it did had none: it was done, and the client was told that it is not
	// recorded. Then looking after it records it.
	done, doneAll, recovered := f.done(), 0, 0
	for _, id := range sent.refused {
		if strings.Contains(done, `"`+id+`"`) || strings.Contains(done, `"`+id+`.0"`) {
			doneAll++
		}
	}
	for _, e := range events {
		if e.Text("audit_vigil_recovered") != "" {
			recovered++
		}
	}
	f.t.Logf("%d refused requests were done and are recorded now", doneAll)
	if recovered != doneAll {
		f.t.Errorf("%d refused requests were done, and %d were recorded afterwards", doneAll, recovered)
	}
}

// TestSlowSyncDelaysAndLosesNothing holds the disk's syncs back, and lets them go. Meanwhile nothing is answered that has
// events, and everything else is.
func TestSlowSyncDelaysAndLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, "refuse")
	before := recorded(t, f.Server)
	entered, release := f.disk.BlockSyncs()
	defer release()
	var clients sync.WaitGroup
	var answered atomic.Int32
	want := 0
	for _, k := range faultKinds {
		id := f.name(k.name)
		want += f.each[k.name]
		clients.Go(func() {
			reply := k.send(f.Server, id)
			answered.Add(1)
			if reply.Status != k.status {
				t.Errorf("%s is answered %d %s", k.name, reply.Status, reply.Body)
			}
		})
	}
	<-entered
	if health := string(f.As("", "", "GET", "/_vigil/health", nil).Body); !strings.Contains(health, `"ready":true`) {
		t.Errorf("health is %s", health)
	}
	if n := answered.Load(); n != 0 {
		t.Errorf("%d requests are answered before their events are on disk", n)
	}
	release()
	clients.Wait()
	if got := len(recorded(t, f.Server)) - len(before); got != want {
		t.Errorf("%d events are recorded, want %d", got, want)
	}
}

// unsureSink fails a batch twice: without having taken it, and after having taken it.
type unsureSink struct {
	audit.Sink
	turn *atomic.Int64
}

func (s unsureSink) Write(ctx context.Context, batch []audit.Entry) error {
	switch s.turn.Add(1) % 3 {
	case 1:
		return io.ErrUnexpectedEOF
	case 2:
		return errors.Join(s.Sink.Write(ctx, batch), io.ErrUnexpectedEOF)
	}
	return s.Sink.Write(ctx, batch)
}

// TestSinkThatFailsAndIsUnsureHasEveryEventOnce lets every batch come three times. How an hour without the sink passes is in
// audit/again_test.go.
func TestSinkThatFailsAndIsUnsureHasEveryEventOnce(t *testing.T) {
	t.Parallel()
	var turn atomic.Int64
	f := &faulty{t: t, disk: waltest.New()}
	f.start(func() app.Seams {
		return app.Seams{LogFS: f.disk, Sink: func(to audit.Sink) audit.Sink { return unsureSink{to, &turn} }}
	}, func(*config.Config) {})
	want := len(recorded(t, f.Server))
	for range 2 {
		for _, k := range faultKinds {
			if reply := k.send(f.Server, f.name(k.name)); reply.Status != k.status {
				t.Fatalf("%s is answered %d %s", k.name, reply.Status, reply.Body)
			}
			want += f.each[k.name]
		}
	}
	if got := len(recorded(t, f.Server)); got != want {
		t.Errorf("%d events are recorded, want %d", got, want)
	}
}
