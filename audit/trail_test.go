package audit

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"vigil/wal"
	"vigil/wal/waltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openTrail(t testing.TB, o Options) *Trail {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Policy == nil {
		o.Policy = newPolicy(t, nil)
	}
	trail, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trail.Close() })
	return trail
}

// login is an event that the default policy keeps, told from others by its user.
func login(user string) *Event {
	e := restEvent(FailedLogin, user, "/")
	e.Time = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	return e
}

// events returns what the log holds for sinks, as "category user", gaps as "AUDIT_GAP events/requests".
func events(t testing.TB, trail *Trail) []string {
	t.Helper()
	var list []string
	for _, e := range logged(t, trail) {
		list = append(list, describe(t, e))
	}
	return list
}

func describe(t testing.TB, e Entry) string {
	t.Helper()
	var doc struct {
		User string `json:"audit_request_effective_user"`
		Gap  *struct {
			Events, Requests int
			Exact            bool
		} `json:"audit_vigil_gap"`
	}
	if err := json.Unmarshal(e.Doc, &doc); err != nil {
		t.Fatalf("%v in %s", err, e.Doc)
	}
	if doc.Gap != nil {
		return fmt.Sprintf("%s %d/%d exact=%t", e.Category, doc.Gap.Events, doc.Gap.Requests, doc.Gap.Exact)
	}
	return string(e.Category) + " " + doc.User
}

func wantEvents(t testing.TB, trail *Trail, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, events(t, trail)); diff != "" {
		t.Errorf("events in the log differ (-want +got):\n%s", diff)
	}
}

func TestRecordKeepsWhatThePolicyKeeps(t *testing.T) {
	ctx := t.Context()
	trail := openTrail(t, Options{Node: Node{Cluster: "c", ID: "n"}})
	if err := trail.Record(ctx, login("bob"), restEvent(Authenticated, "bob", "/"), login("eve")); err != nil {
		t.Fatal(err)
	}
	last := trail.log.Last()
	if err := trail.Record(ctx, restEvent(Authenticated, "bob", "/")); err != nil {
		t.Fatal(err)
	}
	if trail.log.Last() != last {
		t.Error("something was appended though nothing is kept")
	}
	before := WithPolicy(ctx, trail.Policy())
	trail.SetPolicy(newPolicy(t, func(c *Config) { c.Enabled = false }))
	if err := errors.Join(trail.Record(ctx, login("unseen")), trail.Record(before, login("changer"))); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, trail, "FAILED_LOGIN bob", "FAILED_LOGIN eve", "FAILED_LOGIN changer")
}

func TestClientThatHangsUpHidesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	trail := openTrail(t, Options{})
	if err := trail.Record(ctx, login("bob")); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, trail, "FAILED_LOGIN bob")
}

func TestLongBodiesAreCutAtACharacter(t *testing.T) {
	trail := openTrail(t, Options{MaxBodyBytes: 10})
	long, short := "123456789€x", "1234567890"
	for _, body := range []string{long, short} {
		e := login("bob")
		e.Body = &body
		if err := trail.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if *e.Body != body {
			t.Error("the caller's event was changed")
		}
	}
	diff := login("bob")
	diff.DiffContent = long
	if err := trail.Record(t.Context(), diff); err != nil {
		t.Fatal(err)
	}
	var got []string
	entries, err := trail.log.Read(0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		d, err := decodeEntry(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		m := decodeObject(t, d.doc)
		got = append(got, fmt.Sprintln(m["audit_request_body"], m["audit_compliance_diff_content"], m["audit_vigil_body"]))
	}
	cut := fmt.Sprintf("map[length:13 sha256:%x]", sha256.Sum256([]byte(long)))
	want := []string{
		fmt.Sprintln("123456789", nil, cut), fmt.Sprintln(short, nil, nil), fmt.Sprintln(nil, "123456789", cut),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bodies differ (-want +got):\n%s", diff)
	}
	if n := testutil.ToFloat64(trail.metrics.cut); n != 2 {
		t.Errorf("counted %v cuts, want 2", n)
	}
}

func TestBodyThatGrowsByEscapingFitsAnEntry(t *testing.T) {
	trail := openTrail(t, Options{MaxBodyBytes: 20 << 20})
	e := login("bob")
	body := strings.Repeat("\x01", 20<<20)
	e.Body = &body
	if err := trail.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, trail, "FAILED_LOGIN bob")
}

func TestIntentsAreClosedByTheirOutcome(t *testing.T) {
	ctx := t.Context()
	trail := openTrail(t, Options{})
	k, err := trail.Begin(ctx, Intent{Action: "indices:data/write/index"}, restEvent(Authenticated, "bob", "/"))
	if err != nil {
		t.Fatal(err)
	}
	if trail.log.Last() != 1 {
		t.Error("the intent was not written because no event is kept")
	}
	if err := trail.End(ctx, k, login("bob")); err != nil {
		t.Fatal(err)
	}
	if got := trail.OpenIntents(); got != nil {
		t.Errorf("got open intents %v, want none", got)
	}
	if err := trail.End(ctx, Ticket{}); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, trail, "FAILED_LOGIN bob")
}

func TestIntentsLeftByACrashAreFoundAndResolvedOnce(t *testing.T) {
	ctx, dir, fs := t.Context(), t.TempDir(), waltest.New()
	trail := openTrail(t, Options{Dir: dir, FS: fs})
	in := Intent{
		Time: time.Unix(1, 5).UTC(), Origin: OriginREST, User: "bob \"", RemoteAddress: "192.0.2.1", Action: "a", RequestType: "r",
		Method: "PUT", Path: "/i/_doc/1", Index: "i", DocID: "1", Expects: []Category{DocWrite, IndexEvent},
	}
	closed, err := trail.Begin(ctx, Intent{Action: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Begin(ctx, in, login("bob")); err != nil {
		t.Fatal(err)
	}
	if err := trail.End(ctx, closed); err != nil {
		t.Fatal(err)
	}
	if err := trail.commit(); err != nil {
		t.Fatal(err)
	}
	fs = fs.Crash(rand.New(rand.NewPCG(1, 2)))

	trail = openTrail(t, Options{Dir: dir, FS: fs})
	open := trail.OpenIntents()
	if len(open) != 1 {
		t.Fatalf("got %d open intents, want 1", len(open))
	}
	got := open[0]
	got.seq, got.token = 0, 0
	if diff := cmp.Diff(in, got, cmp.AllowUnexported(Intent{})); diff != "" {
		t.Errorf("intent differs (-want +got):\n%s", diff)
	}
	if err := trail.Resolve(ctx, open[0], login("recovered")); err != nil {
		t.Fatal(err)
	}
	fs = fs.Crash(rand.New(rand.NewPCG(1, 2)))

	trail = openTrail(t, Options{Dir: dir, FS: fs})
	if got := trail.OpenIntents(); got != nil {
		t.Errorf("got open intents %v after they were resolved, want none", got)
	}
	wantEvents(t, trail, "FAILED_LOGIN bob", "FAILED_LOGIN recovered")
}

func TestOpenIntentKeepsItsLogFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		trail := openTrail(t, Options{MaxBytes: 1 << 20, Keep: time.Nanosecond})
		k, err := trail.Begin(ctx, Intent{Action: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		fill := func() {
			body := strings.Repeat("x", 40<<10)
			for range 5 {
				e := login("bob")
				e.Body = &body
				if err := trail.Record(ctx, e); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second) //nolint:forbidigo // the clock of the bubble
			if err := errors.Join(trail.commit(), trail.release()); err != nil {
				t.Fatal(err)
			}
		}
		fill()
		if first := trail.log.First(); first != 1 {
			t.Errorf("the log begins at %d while the intent at 1 is open", first)
		}
		if err := trail.End(ctx, k); err != nil {
			t.Fatal(err)
		}
		fill()
		if first := trail.log.First(); first == 1 {
			t.Error("no file was released after the intent was closed")
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(appendClose(nil, 7))
	f.Add(appendEventHeader(nil, kindEvent, 1, time.Unix(0, 0), FailedLogin))
	f.Add([]byte{1, 4, 0})
	f.Add([]byte{2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decodeEntry(b); err != nil {
			return
		}
		_, _ = deliverable([]wal.Entry{{Payload: b}})
	})
}

func BenchmarkRecord(b *testing.B) {
	trail := openTrail(b, Options{FS: waltest.New()})
	e := login("bob")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := trail.Record(context.Background(), e); err != nil {
				b.Error(err)
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	trail := openTrail(t, Options{Registerer: registry})
	attach(t, trail, &fakeSink{name: "s"}, SinkOptions{})
	record(t, trail, "1", "2")
	want := `# HELP vigil_audit_events_total Events made durable.
# TYPE vigil_audit_events_total counter
vigil_audit_events_total{category="FAILED_LOGIN"} 2
# HELP vigil_audit_sink_lag_entries Entries of the log that the sink has not taken.
# TYPE vigil_audit_sink_lag_entries gauge
vigil_audit_sink_lag_entries{sink="s"} 2
# HELP vigil_audit_healthy 1 if events can be recorded and the log is not filling up.
# TYPE vigil_audit_healthy gauge
vigil_audit_healthy 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"vigil_audit_events_total", "vigil_audit_sink_lag_entries", "vigil_audit_healthy"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "vigil_audit_fsync_seconds", "vigil_audit_log_bytes"); n != 2 || err != nil {
		t.Errorf("got %d of 2 metrics, error %v", n, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	p := newPolicy(t, nil)
	for want, o := range map[string]Options{
		"no folder": {Policy: p}, "no policy": {Dir: t.TempDir()}, "on_failure": {Dir: t.TempDir(), Policy: p, OnFailure: "shrug"},
		"body limit": {Dir: t.TempDir(), Policy: p, MaxBodyBytes: -1}, "log limit": {Dir: t.TempDir(), Policy: p, MaxBytes: 5},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one about %q", err, want)
		}
	}
}
