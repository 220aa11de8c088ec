package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"vigil/wal/waltest"
)

var foldLogins = Fold{Window: 10 * time.Second, Categories: []Category{FailedLogin}}

// loginNow is a failed login of this moment.
func loginNow(user string) *Event {
	e := login(user)
	e.Time = time.Now()
	return e
}

// counts adds up what documents say of each user: one each, or the repeats that they stand for.
func counts(t testing.TB, taken []Entry) map[string]int {
	t.Helper()
	sum := map[string]int{}
	for _, e := range taken {
		var doc struct {
			User   string               `json:"audit_request_effective_user"`
			Folded *struct{ Count int } `json:"audit_vigil_folded"`
		}
		if err := json.Unmarshal(e.Doc, &doc); err != nil {
			t.Fatalf("%v in %s", err, e.Doc)
		}
		n := 1
		if doc.Folded != nil {
			n = doc.Folded.Count
		}
		sum[doc.User] += n
	}
	return sum
}

// logged returns everything in the log that is for sinks.
func logged(t testing.TB, trail *Trail) []Entry {
	t.Helper()
	var list []Entry
	for after := trail.log.First() - 1; ; {
		entries, err := trail.log.Read(after, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return list
		}
		batch, err := deliverable(entries)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, batch...)
		after = entries[len(entries)-1].Seq
	}
}

func TestRepeatsBecomeOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{FS: waltest.New(), Fold: foldLogins, Node: Node{Cluster: "c"}})
		s := &fakeSink{name: "s"}
		attach(t, trail, s, SinkOptions{Categories: []Category{FailedLogin}})
		stop := start(t, trail)
		defer stop()
		begin := time.Now()
		for i := range 5 {
			e := loginNow("eve")
			e.REST.Header = map[string][]string{"X-Request-Id": {strconv.Itoa(i)}}
			e.Request = &Request{ID: strconv.Itoa(i), TraceID: strconv.Itoa(i), AuthMethod: "basic"}
			if err := trail.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) //nolint:forbidigo // the clock of the bubble
		}
		synctest.Wait()
		if len(s.all()) != 1 {
			t.Fatalf("within the window the sink got %d events, want the first alone", len(s.all()))
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // the clock of the bubble
		synctest.Wait()
		if len(s.all()) != 2 {
			t.Fatalf("behind the window the sink got %d events, want 2", len(s.all()))
		}
		at := func(d time.Duration) string { return begin.Add(d).UTC().Format(timeLayout) }
		var want, got map[string]any
		if err := errors.Join(json.Unmarshal(s.all()[0].Doc, &want), json.Unmarshal(s.all()[1].Doc, &got)); err != nil {
			t.Fatal(err)
		}
		want["@timestamp"] = at(4 * time.Second)
		want["audit_vigil_folded"] = map[string]any{"count": 4.0, "first": at(time.Second), "last": at(4 * time.Second)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the event of the repeats differs (-want +got):\n%s", diff)
		}
		if got := s.all()[1]; got.Category != FailedLogin || !got.Time.Equal(begin.Add(4*time.Second)) || got.ID == s.all()[0].ID {
			t.Errorf("got entry %+v", got)
		}
		if n := testutil.ToFloat64(trail.metrics.folded); n != 4 {
			t.Errorf("the metric counts %v folded events, want 4", n)
		}
		// The next one begins a new window.
		if err := trail.Record(t.Context(), loginNow("eve")); err != nil {
			t.Fatal(err)
		}
		drain(t, trail)
		if len(s.all()) != 3 {
			t.Errorf("got %d events, want a third at once", len(s.all()))
		}
	})
}

func TestOnlyTheSameFolds(t *testing.T) {
	trail := openTrail(t, Options{Fold: foldLogins})
	body := func(s string) *Event {
		e := login("eve")
		e.Body = &s
		return e
	}
	other := login("eve")
	other.REST.Path = "/other"
	address := login("eve")
	address.RemoteAddress = "10.0.0.1"
	long := strings.Repeat("x", maxFoldedBytes)
	method := login("eve")
	method.Request = &Request{AuthMethod: "certificate"}
	list := []*Event{
		method, login("eve"), login("bob"), other, address, body("a"), body("b"), body(long), restEvent(BadHeaders, "eve", "/"),
	}
	for range 2 {
		for _, e := range list {
			if err := trail.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := trail.tellFolds(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	// Nine, two of which do not fold and come again, and seven that tell of a repeat.
	if got := logged(t, trail); len(got) != 9+2+7 {
		t.Errorf("got %d events, want 18", len(got))
	}
	if diff := cmp.Diff(map[string]int{"eve": 16, "bob": 2}, counts(t, logged(t, trail))); diff != "" {
		t.Errorf("counts differ (-want +got):\n%s", diff)
	}
	for _, c := range []Category{DocWrite, Gap, RequestOutcome} {
		if _, err := Open(Options{Dir: t.TempDir(), Policy: newPolicy(t, nil), Fold: Fold{Window: 1, Categories: []Category{c}}}); err == nil {
			t.Errorf("events of category %s fold", c)
		}
	}
}

func TestRepeatIsSmallInTheLog(t *testing.T) {
	trail := openTrail(t, Options{Fold: foldLogins})
	record(t, trail, "eve")
	before := trail.log.Stats().Bytes
	for range 100 {
		record(t, trail, "eve")
	}
	if n := (trail.log.Stats().Bytes - before) / 100; n > 80 {
		t.Errorf("a repeat takes %d bytes of the log", n)
	}
}

func TestCountsAreExactUnderConcurrency(t *testing.T) {
	trail := openTrail(t, Options{Fold: Fold{Window: time.Millisecond, Categories: foldLogins.Categories}})
	s := &fakeSink{name: "s"}
	attach(t, trail, s, SinkOptions{})
	stop := start(t, trail)
	var wg sync.WaitGroup
	const clients, each = 8, 500
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				if err := trail.Record(t.Context(), loginNow(strconv.Itoa((c+i)%5))); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					if err := trail.tellFolds(t.Context(), i%100 == 0); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	drain(t, trail)
	stop()
	sum := 0
	for _, n := range counts(t, s.all()) {
		sum += n
	}
	if sum != clients*each || len(s.all()) == sum {
		t.Errorf("%d documents stand for %d events, want %d", len(s.all()), sum, clients*each)
	}
	if trail.folds.bytes != 0 || len(trail.folds.ended) > 0 || len(trail.folds.open) > 0 {
		t.Errorf("%d bytes, %d and %d windows are left", trail.folds.bytes, len(trail.folds.open), len(trail.folds.ended))
	}
}

// foldTraffic records repeats with a failing disk in the way, and tells how many calls there were.
func foldTraffic(t *testing.T, trail *Trail, called func(err error)) {
	t.Helper()
	for i := range 30 {
		user := strconv.Itoa(i % 2)
		if i == 20 {
			_ = trail.tellFolds(t.Context(), true)
		}
		if i%7 == 6 {
			_ = errors.Join(trail.commit(), trail.release())
		}
		called(trail.Record(t.Context(), login(user), login(user)))
	}
}

func TestCrashAnywhereKeepsTheCountsOfFolds(t *testing.T) {
	for n := 1; n <= 2*stops; n++ {
		dir, fs := t.TempDir(), waltest.New()
		o := Options{Dir: dir, FS: fs, MaxBytes: 4 << 20, Fold: foldLogins}
		trail := openTrail(t, o)
		fs.StopAfter(n)
		acknowledged, asked := 0, 0
		foldTraffic(t, trail, func(err error) {
			asked += 2
			if err == nil {
				acknowledged += 2
			}
		})
		// A power loss, after which what was acknowledged is there, and of the rest perhaps something.
		o.FS = fs.Crash(rand.New(rand.NewPCG(uint64(n), 2)))
		trail = openTrail(t, o)
		if err := trail.tellFolds(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, c := range counts(t, logged(t, trail)) {
			sum += c
		}
		if sum < acknowledged || sum > min(asked, acknowledged+2) {
			t.Errorf("stop %d: documents stand for %d events of %d, want the %d acknowledged ones", n, sum, asked, acknowledged)
		}
		before := len(logged(t, trail))
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(logged(t, openTrail(t, o))); got != before {
			t.Errorf("stop %d: another start made %d events out of %d", n, got, before)
		}
	}
}

func TestKillAnywhereCountsWhatIsFoldedAndWhatIsMissing(t *testing.T) {
	for n := 1; n <= 2*stops; n++ {
		dir, fs := t.TempDir(), waltest.New()
		o := Options{Dir: dir, FS: fs, MaxBytes: 4 << 20, Fold: foldLogins, OnFailure: Allow}
		trail := openTrail(t, o)
		fs.StopAfter(n)
		served := 0
		foldTraffic(t, trail, func(err error) {
			if err != nil {
				t.Fatalf("stop %d: a request is refused: %v", n, err)
			}
			served += 2
		})
		o.FS = fs.Kill()
		trail = openTrail(t, o)
		there, missing := 0, 0
		for _, e := range logged(t, trail) {
			if _, err := fmt.Sscanf(describe(t, e), "AUDIT_GAP %d/", &missing); err != nil {
				for _, c := range counts(t, []Entry{e}) {
					there += c
				}
			}
		}
		if there+missing != served {
			t.Errorf("stop %d: documents stand for %d events and %d are told missing, want %d together", n, there, missing, served)
		}
	}
}

// TestKilledProcessLosesNoCount kills a process that records as fast as it can.
func TestKilledProcessLosesNoCount(t *testing.T) {
	const variable = "VIGIL_TEST_FOLD_DIR"
	if dir := os.Getenv(variable); dir != "" {
		trail := openTrail(t, Options{Dir: dir, Fold: foldLogins})
		for i := 1; ; i++ {
			record(t, trail, "eve")
			fmt.Fprintln(os.Stdout, "recorded", i)
		}
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledProcessLosesNoCount$", "-test.v")
	child.Env = append(os.Environ(), variable+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	var said strings.Builder
	for buffer := make([]byte, 4<<10); acknowledged < 200; {
		n, err := out.Read(buffer)
		if err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
		said.Write(buffer[:n])
		acknowledged = strings.Count(said.String(), "recorded ")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, 64<<10)
	for {
		n, err := out.Read(rest)
		said.Write(rest[:n])
		if err != nil {
			break
		}
	}
	_ = child.Wait()
	acknowledged = strings.Count(said.String(), "recorded ")
	trail := openTrail(t, Options{Dir: dir, Fold: foldLogins})
	list := logged(t, trail)
	// The last one may be durable and not yet said.
	if got := counts(t, list)["eve"]; got != acknowledged && got != acknowledged+1 || len(list) != 2 {
		t.Errorf("%d documents stand for %d events, want 2 for %d", len(list), got, acknowledged)
	}
}

func TestOpenWindowsDoNotKeepALogFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{MaxBytes: 1 << 20, FS: waltest.New(), Fold: Fold{Window: time.Hour, Categories: foldLogins.Categories}})
		s := &fakeSink{name: "s"}
		attach(t, trail, s, SinkOptions{})
		stop := start(t, trail)
		defer stop()
		for i := range 3000 {
			e := loginNow(strconv.Itoa(i / 3))
			body := strings.Repeat("x", 1000)
			e.Body = &body
			if err := trail.Record(t.Context(), e); err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
			if size := trail.log.Size(); size > 1<<20 {
				t.Fatalf("the log has %d bytes, more than its limit", size)
			}
			synctest.Wait()
		}
		drain(t, trail)
		sum := 0
		for _, n := range counts(t, s.all()) {
			sum += n
		}
		if sum != 3000 {
			t.Errorf("documents stand for %d events, want 3,000", sum)
		}
	})
}

// BenchmarkRecordRepeats is BenchmarkRecord where all but the first event are repeats.
func BenchmarkRecordRepeats(b *testing.B) {
	trail := openTrail(b, Options{FS: waltest.New(), Fold: Fold{Window: time.Hour, Categories: foldLogins.Categories}})
	e := login("bob")
	if err := trail.Record(b.Context(), e); err != nil {
		b.Fatal(err)
	}
	before := trail.log.Stats().Bytes
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := trail.Record(context.Background(), e); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(trail.log.Stats().Bytes-before)/float64(b.N), "logbytes/op")
}
