package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/wal/waltest"
)

// fakeSink takes batches as its function says and keeps what it took.
type fakeSink struct {
	name string

	mu    sync.Mutex
	write func(batch []Entry) error
	taken []Entry
}

func (s *fakeSink) Name() string { return s.name }
func (s *fakeSink) Close() error { return nil }

func (s *fakeSink) set(write func(batch []Entry) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write = write
}

func (s *fakeSink) Write(_ context.Context, batch []Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.write != nil {
		if err := s.write(batch); err != nil {
			return err
		}
	}
	for _, e := range batch {
		e.Doc = bytes.Clone(e.Doc)
		s.taken = append(s.taken, e)
	}
	return nil
}

func (s *fakeSink) all() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

func (s *fakeSink) users(t testing.TB) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, len(s.taken))
	for i, e := range s.taken {
		list[i] = strings.TrimPrefix(describe(t, e), "FAILED_LOGIN ")
	}
	return list
}

// start runs a trail until stop is called.
func start(t *testing.T, trail *Trail) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- trail.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func record(t *testing.T, trail *Trail, users ...string) {
	t.Helper()
	for _, user := range users {
		if err := trail.Record(t.Context(), login(user)); err != nil {
			t.Fatal(err)
		}
	}
}

func attach(t *testing.T, trail *Trail, s Sink, o SinkOptions) {
	t.Helper()
	if err := trail.Attach(s, o); err != nil {
		t.Fatal(err)
	}
}

func drain(t *testing.T, trail *Trail) {
	t.Helper()
	if err := trail.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSinksGetEverythingInOrderAtTheirOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{})
		down := errors.New("sink is down")
		good, bad := &fakeSink{name: "good"}, &fakeSink{name: "bad", write: func([]Entry) error { return down }}
		attach(t, trail, good, SinkOptions{})
		attach(t, trail, bad, SinkOptions{BatchEntries: 2})
		if err := trail.Attach(&fakeSink{name: "bad"}, SinkOptions{}); err == nil {
			t.Error("two sinks of one name were attached")
		}
		k, err := trail.Begin(t.Context(), Intent{}, login("1"))
		if err != nil {
			t.Fatal(err)
		}
		stop := start(t, trail)
		defer stop()
		if err := trail.End(t.Context(), k, login("2")); err != nil {
			t.Fatal(err)
		}
		record(t, trail, "3", "4")
		synctest.Wait()
		want := []string{"1", "2", "3", "4"}
		if diff := cmp.Diff(want, good.users(t)); diff != "" {
			t.Errorf("the good sink's events differ (-want +got):\n%s", diff)
		}
		status := trail.Sinks()[1]
		if status.Lag != 6 || !errors.Is(status.Err, down) {
			t.Errorf("got lag %d and error %v of the bad sink, want 6 and %v", status.Lag, status.Err, down)
		}
		bad.set(nil)
		drain(t, trail)
		if diff := cmp.Diff(want, bad.users(t)); diff != "" {
			t.Errorf("the recovered sink's events differ (-want +got):\n%s", diff)
		}
		if status := trail.Sinks()[1]; status.Lag != 0 || status.Err != nil {
			t.Errorf("got lag %d and error %v after recovery, want none", status.Lag, status.Err)
		}
	})
}

func TestBatchesKeepTheirSpacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{})
		began := time.Now()
		var at []time.Duration
		sink := &fakeSink{name: "s", write: func([]Entry) error { at = append(at, time.Since(began)); return nil }}
		attach(t, trail, sink, SinkOptions{BatchEntries: 3, Spacing: time.Second})
		stop := start(t, trail)
		defer stop()
		batch := func(users ...string) {
			for _, u := range users {
				record(t, trail, u)
			}
			synctest.Wait()
		}
		batch("1")                                           // at once
		batch("2", "3")                                      // together, a second later
		time.Sleep(1500 * time.Millisecond)                  //nolint:forbidigo // the clock of the bubble
		record(t, trail, "4", "5", "6", "7", "8", "9", "10") // full batches do not wait
		drain(t, trail)
		want := []time.Duration{0, time.Second, 2 * time.Second, 2 * time.Second, 3 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("batches were written at (-want +got):\n%s", diff)
		}
	})
}

func TestRetriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{})
		attempts := 0
		sink := &fakeSink{name: "s", write: func([]Entry) error { attempts++; return errors.New("down") }}
		attach(t, trail, sink, SinkOptions{})
		record(t, trail, "1")
		stop := start(t, trail)
		time.Sleep(10 * time.Minute) //nolint:forbidigo // the clock of the bubble
		stop()
		if attempts < 20 || attempts > 40 {
			t.Errorf("got %d attempts in 10 minutes, want one in about 30 s after the first few", attempts)
		}
	})
}

func TestRejectedEntriesGoToTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{})
		sink := &fakeSink{name: "s"}
		sink.write = func(batch []Entry) error {
			var e RejectedError
			for _, entry := range batch {
				if strings.Contains(string(entry.Doc), `"poison"`) {
					e.Rejections = append(e.Rejections, Rejection{Entry: entry, Reason: `cannot "take" it`})
				} else {
					sink.taken = append(sink.taken, entry)
				}
			}
			if len(e.Rejections) > 0 {
				return fmt.Errorf("sink: %w", &e)
			}
			sink.taken = sink.taken[:len(sink.taken)-len(batch)]
			return nil
		}
		attach(t, trail, sink, SinkOptions{})
		record(t, trail, "1", "poison", "2")
		stop := start(t, trail)
		drain(t, trail)
		record(t, trail, "3")
		drain(t, trail)
		stop()
		if diff := cmp.Diff([]string{"1", "2", "3"}, sink.users(t)); diff != "" {
			t.Errorf("events differ (-want +got):\n%s", diff)
		}
		data, err := os.ReadFile(filepath.Join(trail.dir, "rejected.s.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		letter := decodeObject(t, data)
		event, _ := letter["event"].(map[string]any)
		if letter["reason"] != `cannot "take" it` || letter["id"] == "" || event["audit_request_effective_user"] != "poison" {
			t.Errorf("got dead letter %s", data)
		}
		if got := trail.Sinks()[0].Rejected; got != 1 {
			t.Errorf("counted %d rejected events, want 1", got)
		}
	})
}

func TestFullDeadLettersHoldTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{})
		sink := &fakeSink{name: "s", write: func(batch []Entry) error {
			return &RejectedError{Rejections: []Rejection{{Entry: batch[0], Reason: "no"}}}
		}}
		attach(t, trail, sink, SinkOptions{DeadLetterBytes: 100})
		record(t, trail, "1")
		stop := start(t, trail)
		defer stop()
		synctest.Wait()
		if s := trail.Sinks()[0]; s.Lag != 1 || s.Err == nil {
			t.Errorf("got lag %d and error %v, want the sink to wait", s.Lag, s.Err)
		}
	})
}

func TestRestartDeliversAgainUnderTheSameIDs(t *testing.T) {
	dir, fs := t.TempDir(), waltest.New()
	o := Options{Dir: dir, FS: fs}
	trail := openTrail(t, o)
	sink := &fakeSink{name: "s"}
	attach(t, trail, sink, SinkOptions{})
	record(t, trail, "1", "2")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- trail.sinks[0].run(ctx) }()
	drain(t, trail)
	o.FS = fs.Kill() // before the cursor is committed
	cancel()
	<-done

	trail = openTrail(t, o)
	attach(t, trail, sink, SinkOptions{})
	stop := start(t, trail)
	drain(t, trail)
	record(t, trail, "3")
	drain(t, trail)
	stop()
	_ = trail.Close()
	trail = openTrail(t, o)
	attach(t, trail, sink, SinkOptions{})
	stop = start(t, trail)
	drain(t, trail)
	stop()

	if diff := cmp.Diff([]string{"1", "2", "1", "2", "3"}, sink.users(t)); diff != "" {
		t.Errorf("deliveries differ (-want +got):\n%s", diff)
	}
	for i, e := range sink.taken[2:4] {
		if e.ID != sink.taken[i].ID || e.Seq != sink.taken[i].Seq || !e.Time.Equal(sink.taken[i].Time) {
			t.Errorf("entry %d came again as %s, was %s", i, e.ID, sink.taken[i].ID)
		}
	}
}

func TestFullLogRefusesUntilASinkCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{MaxBytes: 1 << 20, FS: waltest.New()})
		sink := &fakeSink{name: "s", write: func([]Entry) error { return errors.New("down") }}
		attach(t, trail, sink, SinkOptions{})
		stop := start(t, trail)
		defer stop()
		var err error
		filling := false
		for n := 0; err == nil; n++ {
			if n > 1000 {
				t.Fatal("the log has no limit")
			}
			err = trail.Record(t.Context(), big("bob"))
			time.Sleep(housekeeping / 5) //nolint:forbidigo // the clock of the bubble
			filling = filling || errors.Is(trail.Healthy(), ErrFilling)
		}
		if !errors.Is(err, ErrNotRecorded) || !errors.Is(err, ErrLogFull) || !errors.Is(trail.Healthy(), ErrLogFull) {
			t.Errorf("got error %v and health %v, want both to say that the log is full", err, trail.Healthy())
		}
		if !filling {
			t.Error("there was no warning")
		}
		if size := trail.log.Size(); size > 1<<20 {
			t.Errorf("the log has %d bytes, more than its limit", size)
		}
		sink.set(nil)
		drain(t, trail)
		time.Sleep(2 * housekeeping) //nolint:forbidigo // the clock of the bubble
		if err := errors.Join(trail.Healthy(), trail.Record(t.Context(), big("bob"))); err != nil {
			t.Errorf("the log does not recover: %v", err)
		}
	})
}
