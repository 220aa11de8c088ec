package audit

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/wal/waltest"
)

// againOf tells which of what a sink took it was told may have come before.
func againOf(t *testing.T, s *fakeSink) []string {
	t.Helper()
	users := s.users(t)
	for i, e := range s.all() {
		users[i] += " " + strconv.FormatBool(e.Again)
	}
	return users
}

func TestEntriesSayWhetherTheyMayHaveComeBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Dir: t.TempDir(), FS: waltest.New()}
		trail := openTrail(t, o)
		s := &fakeSink{name: "s"}
		attach(t, trail, s, SinkOptions{})
		stop := start(t, trail)
		record(t, trail, "1")
		drain(t, trail)
		s.set(func([]Entry) error { return errors.New("unsure") })
		record(t, trail, "2")
		synctest.Wait()
		s.set(nil)
		record(t, trail, "3")
		drain(t, trail)
		if _, err := trail.Replay(t.Context(), "s", Span{FromSeq: 3}); err != nil {
			t.Fatal(err)
		}
		stop()
		record(t, trail, "4")
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		trail = openTrail(t, o)
		attach(t, trail, s, SinkOptions{})
		stop = start(t, trail)
		defer stop()
		record(t, trail, "5")
		drain(t, trail)
		want := []string{"1 false", "2 true", "3 false", "3 true", "4 true", "5 false"}
		if diff := cmp.Diff(want, againOf(t, s)); diff != "" {
			t.Errorf("entries differ (-want +got):\n%s", diff)
		}
	})
}

// TestSinkThatIsDownForAnHourCatchesUpOnce runs on a clock of its own.
func TestSinkThatIsDownForAnHourCatchesUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{FS: waltest.New()})
		good, bad := &fakeSink{name: "good"}, &stuckSink{fakeSink: fakeSink{name: "bad"}}
		attempts := 0
		bad.write = func(context.Context) error { attempts++; return errors.New("down") }
		attach(t, trail, good, SinkOptions{})
		attach(t, trail, bad, SinkOptions{BatchEntries: 50, SkipWhenFull: true})
		stop := start(t, trail)
		defer stop()
		var want []string
		for i := range 720 {
			user := strconv.Itoa(i)
			e := login(user)
			e.Time = time.Now()
			if err := trail.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			want = append(want, user)
			time.Sleep(5 * time.Second) //nolint:forbidigo // the clock of the bubble
			if len(good.users(t)) != i+1 {
				t.Fatalf("the good sink has %d events of %d", len(good.users(t)), i+1)
			}
		}
		status := trail.Sinks()[1]
		if status.Lag != 720 || status.Behind != time.Hour || status.Err == nil {
			t.Errorf("after an hour got status %+v, want a lag of 720 entries and an hour", status)
		}
		// 100 ms, doubled nine times, then half a minute, each less up to a quarter.
		if attempts < 120 || attempts > 180 {
			t.Errorf("a dead sink was tried %d times in an hour", attempts)
		}
		bad.heal()
		drain(t, trail)
		if diff := cmp.Diff(want, bad.users(t)); diff != "" {
			t.Errorf("the sink that was down got (-want +got):\n%s", diff)
		}
		if status := trail.Sinks()[1]; status.Lag != 0 || status.Behind != 0 || status.Err != nil || status.Skipped != 0 {
			t.Errorf("in the end got status %+v", status)
		}
	})
}

// TestReplayWhileEventsAreDelivered has a slow sink, so that a replay and new events take turns.
func TestReplayWhileEventsAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := openTrail(t, Options{FS: waltest.New()})
		s := &stuckSink{fakeSink: fakeSink{name: "s"}}
		attach(t, trail, s, SinkOptions{BatchEntries: 2})
		stop := start(t, trail)
		defer stop()
		for i := range 20 {
			record(t, trail, strconv.Itoa(i))
		}
		drain(t, trail)
		busy := false
		s.write = func(context.Context) error {
			if busy {
				t.Error("two batches are written at once")
			}
			busy = true
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the clock of the bubble
			busy = false
			return nil
		}
		var done Replayed
		replayed := make(chan error)
		go func() {
			var err error
			done, err = trail.Replay(t.Context(), "s", Span{FromSeq: 5})
			replayed <- err
		}()
		for i := range 20 {
			record(t, trail, strconv.Itoa(20+i))
			time.Sleep(50 * time.Millisecond) //nolint:forbidigo // the clock of the bubble
		}
		if err := <-replayed; err != nil || done != (Replayed{Events: 16, First: 5, Last: 20}) {
			t.Errorf("got %+v and error %v, want the 16 events that had been delivered", done, err)
		}
		drain(t, trail)
		times, live := map[uint64]int{}, uint64(0)
		for _, e := range s.all() {
			times[e.Seq]++
			if !e.Again {
				if e.Seq != live+1 {
					t.Errorf("new event %d came behind %d", e.Seq, live)
				}
				live = e.Seq
			}
		}
		for seq := uint64(1); seq <= 40; seq++ {
			want := 1
			if seq >= 5 && seq <= 20 {
				want = 2
			}
			if times[seq] != want {
				t.Errorf("event %d was delivered %d times, want %d", seq, times[seq], want)
			}
		}
	})
}
