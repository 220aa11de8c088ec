package audit

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/wal/waltest"
)

// skippedOf returns the gap records among what a sink took, of those that tell of a sink of the name.
func skippedOf(t testing.TB, taken []Entry, name string) []Skipped {
	t.Helper()
	var list []Skipped
	for _, e := range taken {
		var doc struct {
			Skipped *Skipped `json:"audit_vigil_skipped"`
		}
		if err := json.Unmarshal(e.Doc, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Skipped != nil && doc.Skipped.Sink == name {
			list = append(list, *doc.Skipped)
		}
	}
	return list
}

// wantExact checks that what a sink took and what gap records say that it did not are together all there was, once.
func wantExact(t testing.TB, all, taken []Entry, name string) {
	t.Helper()
	gaps := skippedOf(t, taken, name)
	if diff := cmp.Diff(skippedOf(t, all, name), gaps); diff != "" {
		t.Errorf("the trail and the sink tell of other gaps (-trail +sink):\n%s", diff)
	}
	if len(gaps) == 0 {
		t.Fatal("nothing was skipped")
	}
	got := map[uint64]int{}
	for _, e := range taken {
		got[e.Seq]++
	}
	missing := make([]uint64, len(gaps))
	for _, e := range all {
		in := 0
		for i, g := range gaps {
			if e.Seq >= g.First && e.Seq <= g.Last && e.Category != Gap {
				missing[i]++
				in++
			}
		}
		if got[e.Seq]+in != 1 {
			t.Fatalf("event %d was delivered %d times and is in %d gaps", e.Seq, got[e.Seq], in)
		}
	}
	for i, g := range gaps {
		if g.Events != missing[i] {
			t.Errorf("gap %d to %d tells of %d events, want %d", g.First, g.Last, g.Events, missing[i])
		}
	}
}

func padded(user string, n int) *Event {
	e := login(user)
	body := strings.Repeat("x", n)
	e.Body = &body
	return e
}

func TestFullLogSkipsASinkExactly(t *testing.T) {
	refusing := func(context.Context) error { return errors.New("down") }
	hanging := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, write := range map[string]func(context.Context) error{"dead": refusing, "hanging": hanging} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { skipsExactly(t, 1<<20, 20<<10, 300, write) })
		})
	}
}

// TestLogOf64MiBSkipsASinkExactly is the size that operators are told of.
func TestLogOf64MiBSkipsASinkExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skipsExactly(t, 64<<20, 500<<10, 300, func(context.Context) error { return errors.New("down") })
	})
}

// skipsExactly records n events of a size into a log with a limit, past a sink that does not work at first.
func skipsExactly(t *testing.T, limit int64, size, n int, write func(context.Context) error) {
	trail := openTrail(t, Options{MaxBytes: limit, FS: waltest.New()})
	good, bad := &fakeSink{name: "good"}, &stuckSink{fakeSink: fakeSink{name: "bad"}, write: write}
	attach(t, trail, good, SinkOptions{})
	attach(t, trail, bad, SinkOptions{SkipWhenFull: true})
	stop := start(t, trail)
	defer stop()
	for i := range n {
		if err := trail.Record(t.Context(), padded(strconv.Itoa(i), size)); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if size := trail.log.Size(); size > limit {
			t.Fatalf("the log has %d bytes, more than its limit", size)
		}
		if err := trail.Healthy(); err != nil && !errors.Is(err, ErrFilling) {
			t.Fatalf("got health %v though requests are served", err)
		}
		synctest.Wait()
	}
	drainOf(t, trail, "good")
	bad.heal()
	drain(t, trail)
	if len(good.taken) < n {
		t.Errorf("the good sink got %d entries, want all %d", len(good.taken), n)
	}
	wantExact(t, good.taken, bad.taken, "bad")
	if got := trail.Sinks()[1].Skipped; got == 0 || got >= uint64(n) {
		t.Errorf("the status counts %d skipped events", got)
	}
}

// stuckSink fails as its function does until it is healed.
type stuckSink struct {
	fakeSink

	write func(context.Context) error
}

func (s *stuckSink) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write = nil
}

func (s *stuckSink) Write(ctx context.Context, batch []Entry) error {
	s.mu.Lock()
	write := s.write
	s.mu.Unlock()
	if write != nil {
		if err := write(ctx); err != nil {
			return err
		}
	}
	return s.fakeSink.Write(ctx, batch)
}

func drainOf(t *testing.T, trail *Trail, name string) {
	t.Helper()
	r, err := trail.sink(name)
	if err == nil {
		err = r.reach(t.Context(), trail.log.Last())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSkippedGapRecordsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{MaxBytes: 1 << 20, Dir: t.TempDir(), FS: waltest.New()}
		good := &fakeSink{name: "good"}
		bad := &stuckSink{fakeSink: fakeSink{name: "bad"}, write: func(context.Context) error { return errors.New("down") }}
		for round := range 3 {
			trail := openTrail(t, o)
			attach(t, trail, good, SinkOptions{})
			attach(t, trail, bad, SinkOptions{SkipWhenFull: true})
			stop := start(t, trail)
			for i := range 150 {
				if err := trail.Record(t.Context(), padded(strconv.Itoa(i), 20<<10)); err != nil {
					t.Fatalf("round %d, event %d: %v", round, i, err)
				}
				synctest.Wait()
			}
			drainOf(t, trail, "good")
			r, _ := trail.sink("bad")
			if _, err := os.Stat(r.owedPath()); round == 2 && err != nil {
				t.Errorf("no gap record was passed over, so the test shows nothing: %v", err)
			}
			if round == 2 {
				bad.heal()
				drain(t, trail)
				if _, err := os.Stat(r.owedPath()); err == nil {
					t.Error("the delivered gap records are still owed")
				}
			}
			stop()
			if err := trail.Close(); err != nil {
				t.Fatal(err)
			}
		}
		wantExact(t, good.taken, bad.taken, "bad")
	})
}

func TestSinkThatHoldsIsNotSkippedForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{MaxBytes: 1 << 20, FS: waltest.New()})
		down := func(context.Context) error { return errors.New("down") }
		first := &stuckSink{fakeSink: fakeSink{name: "first"}, write: down}
		second := &stuckSink{fakeSink: fakeSink{name: "second"}, write: down}
		attach(t, trail, first, SinkOptions{})
		attach(t, trail, second, SinkOptions{SkipWhenFull: true})
		stop := start(t, trail)
		defer stop()
		var err error
		n := 0
		for ; err == nil && n < 1000; n++ {
			err = trail.Record(t.Context(), padded("u", 20<<10))
		}
		if !errors.Is(err, ErrLogFull) || !errors.Is(trail.Healthy(), ErrLogFull) {
			t.Errorf("got %v and health %v, want the log to be full", err, trail.Healthy())
		}
		if s := trail.Sinks()[1]; s.Skipped != 0 {
			t.Errorf("%d events were taken from a sink for nothing", s.Skipped)
		}
		first.heal()
		second.heal()
		drain(t, trail)
		if len(first.taken) != n-1 || len(second.taken) != n-1 {
			t.Errorf("got %d and %d events, want %d each", len(first.taken), len(second.taken), n-1)
		}
	})
}

func TestRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{Policy: newPolicy(t, func(c *Config) { c.Audit.DisabledRESTCategories = nil })})
		logins, all := &fakeSink{name: "logins"}, &fakeSink{name: "all"}
		attach(t, trail, logins, SinkOptions{Categories: []Category{FailedLogin}})
		attach(t, trail, all, SinkOptions{})
		stop := start(t, trail)
		defer stop()
		events := []*Event{login("1"), restEvent(Authenticated, "2", "/"), login("3"), restEvent(Authenticated, "4", "/")}
		if err := trail.Record(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		drain(t, trail)
		if diff := cmp.Diff([]string{"1", "3"}, logins.users(t)); diff != "" {
			t.Errorf("the routed sink's events differ (-want +got):\n%s", diff)
		}
		if len(all.taken) != 4 || trail.Sinks()[0].Lag != 0 {
			t.Errorf("got %d events in the other sink and lag %d", len(all.taken), trail.Sinks()[0].Lag)
		}
		r, _ := trail.sink("logins")
		if err := r.tellSkipped(t.Context(), Skipped{Sink: "x", First: 1, Last: 2, Events: 1}); err != nil {
			t.Fatal(err)
		}
		drain(t, trail)
		if len(skippedOf(t, logins.taken, "x")) != 1 {
			t.Error("a gap record did not go to every sink")
		}
	})
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{})
		sink := &fakeSink{name: "s"}
		attach(t, trail, sink, SinkOptions{BatchEntries: 2, Categories: []Category{FailedLogin}})
		stop := start(t, trail)
		defer stop()
		begin := time.Now()
		for i := range 6 {
			e := login(strconv.Itoa(i + 1))
			e.Time = time.Now()
			if err := trail.Record(t.Context(), e, restEvent(BadHeaders, "other", "/")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) //nolint:forbidigo // the clock of the bubble
		}
		drain(t, trail)
		f := func(s Span, want ...string) {
			t.Helper()
			sink.taken = nil
			done, err := trail.Replay(t.Context(), "s", s)
			if err != nil {
				t.Fatal(err)
			}
			got := sink.users(t)
			if diff := cmp.Diff(want, got, cmp.Transformer("nil", func(l []string) string { return strings.Join(l, " ") })); diff != "" {
				t.Errorf("replay of %+v differs (-want +got):\n%s", s, diff)
			}
			if done.Events != uint64(len(want)) || len(want) > 0 && (done.First != sink.taken[0].Seq || done.Last != sink.taken[len(want)-1].Seq) {
				t.Errorf("got report %+v for %v", done, want)
			}
		}
		f(Span{FromSeq: 1}, "1", "2", "3", "4", "5", "6")
		f(Span{FromSeq: 3, ToSeq: 7}, "2", "3", "4")
		f(Span{FromSeq: 100})
		f(Span{From: begin.Add(2 * time.Minute), To: begin.Add(4 * time.Minute)}, "3", "4")
		f(Span{From: begin.Add(5 * time.Minute)}, "6")
		f(Span{From: begin.Add(time.Hour)})
		if _, err := trail.Replay(t.Context(), "t", Span{FromSeq: 1}); !errors.Is(err, ErrNoSink) {
			t.Errorf("got %v for a sink that is not there", err)
		}
		sink.taken = nil
		sink.set(func(batch []Entry) error {
			if batch[0].Seq > 4 {
				return errors.New("down")
			}
			return nil
		})
		done, err := trail.Replay(t.Context(), "s", Span{FromSeq: 1})
		if err == nil || done.Events != 2 || done.Last != 3 {
			t.Errorf("got %+v and error %v, want two events and then a failure", done, err)
		}
	})
}

func TestTestSink(t *testing.T) {
	trail := openTrail(t, Options{})
	sink := &fakeSink{name: "s"}
	attach(t, trail, sink, SinkOptions{Categories: []Category{FailedLogin}})
	id, err := trail.TestSink(t.Context(), "s")
	if err != nil || len(sink.taken) != 1 || sink.taken[0].ID != id || sink.taken[0].Category != SinkTest {
		t.Errorf("got %v and event %s, want the one that was sent: %+v", err, id, sink.taken)
	}
	sink.set(func([]Entry) error { return errors.New("down") })
	if _, err := trail.TestSink(t.Context(), "s"); err == nil {
		t.Error("a dead sink passed")
	}
	if trail.log.Last() != 0 {
		t.Error("a test left something in the log")
	}
}
