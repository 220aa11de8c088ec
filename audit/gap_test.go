package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"vigil/wal/waltest"
)

// faults break a log and say what Append answers then.
var faults = map[string]struct {
	breaks func(*waltest.FS)
	heals  bool
}{
	"write fails": {func(f *waltest.FS) { f.FailWrites(0, syscall.EIO) }, false},
	"fsync fails": {func(f *waltest.FS) { f.FailSyncs(syscall.EIO) }, false},
	"disk full":   {func(f *waltest.FS) { f.Limit(f.Used()) }, true},
}

func heal(f *waltest.FS) {
	f.FailWrites(0, nil)
	f.FailSyncs(nil)
	f.Limit(0)
}

// fillFile leaves no room for a small event in the log's preallocated file.
func fillFile(t *testing.T, trail *Trail) (n int) {
	t.Helper()
	body := strings.Repeat("x", 50<<10)
	for int64(trail.log.Stats().Bytes) < trail.segment-60<<10 {
		e := login("filler")
		e.Body = &body
		if err := trail.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// big is an event that needs a new log file after fillFile.
func big(user string) *Event {
	e := login(user)
	body := strings.Repeat("y", 62<<10)
	e.Body = &body
	return e
}

func TestRefuseServesNothingThatIsNotRecorded(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			ctx, fs := t.Context(), waltest.New()
			trail := openTrail(t, Options{FS: fs, MaxBytes: 64 << 20})
			k, err := trail.Begin(ctx, Intent{Action: "write"})
			if err != nil {
				t.Fatal(err)
			}
			fillFile(t, trail)
			fault.breaks(fs)
			for _, err := range []error{
				trail.Record(ctx, big("bob")), trail.End(ctx, k, big("bob")),
			} {
				if !errors.Is(err, ErrNotRecorded) {
					t.Errorf("got error %v, want ErrNotRecorded", err)
				}
			}
			if _, err := trail.Begin(ctx, Intent{}, big("bob")); !errors.Is(err, ErrNotRecorded) {
				t.Errorf("got error %v, want ErrNotRecorded", err)
			}
			if err := trail.Record(ctx, restEvent(Authenticated, "bob", "/")); err != nil {
				t.Errorf("a request without an event is refused: %v", err)
			}
			if trail.Healthy() == nil {
				t.Error("the trail says that it is healthy")
			}
			if got := trail.OpenIntents(); len(got) != 1 || got[0].Action != "write" || got[0].Seq() == 0 {
				t.Errorf("got open intents %v, want the one whose outcome is not known", got)
			}
			if !fault.heals {
				return
			}
			heal(fs)
			if err := trail.Resolve(ctx, trail.OpenIntents()[0], big("found")); err != nil {
				t.Fatal(err)
			}
			if got := events(t, trail); got[len(got)-1] != "FAILED_LOGIN found" {
				t.Errorf("got last event %s, want the one that was found", got[len(got)-1])
			}
		})
	}
}

func TestAllowCountsExactlyWhatIsMissing(t *testing.T) {
	for name, fault := range faults {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, crash %t", name, crash), func(t *testing.T) {
				ctx, dir, fs := t.Context(), t.TempDir(), waltest.New()
				o := Options{Dir: dir, FS: fs, OnFailure: Allow, MaxBytes: 64 << 20}
				trail := openTrail(t, o)
				inFlight, err := trail.Begin(ctx, Intent{Action: "write"}, login("begun"))
				if err != nil {
					t.Fatal(err)
				}
				fillers := fillFile(t, trail)
				fault.breaks(fs)
				served := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatalf("a request is refused: %v", err)
					}
				}
				served(trail.Record(ctx, big("a"), big("b")))
				served(trail.Record(ctx, restEvent(Authenticated, "unseen", "/")))
				k, err := trail.Begin(ctx, Intent{Action: "x"}, big("c"))
				served(err)
				served(trail.End(ctx, k, big("d")))
				served(trail.End(ctx, inFlight, big("e")))
				if n := testutil.ToFloat64(trail.metrics.missed); n != 5 {
					t.Errorf("counted %v missing events, want 5", n)
				}
				heal(fs)
				if crash || !fault.heals {
					// A kill: memory is gone, what was written stays, synced or not.
					o.FS = fs.Kill()
					trail = openTrail(t, o)
				}
				served(trail.Record(ctx, login("after")))
				if got := trail.OpenIntents(); got != nil {
					t.Errorf("got open intents %v, want none: their outcome is counted", got)
				}

				list := events(t, trail)
				found := 0
				for _, user := range []string{"a", "b", "c", "d", "e"} {
					if slices.Contains(list, "FAILED_LOGIN "+user) {
						found++
					}
				}
				gaps := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !strings.HasPrefix(s, "AUDIT_GAP") })
				requests := 3
				if found > 0 {
					requests = 2 // a and b belong to one request, and they are written in one group
				}
				want := []string{fmt.Sprintf("AUDIT_GAP %d/%d exact=true", 5-found, requests)}
				if diff := cmp.Diff(want, gaps); diff != "" {
					t.Errorf("%d of the counted events are there; gaps differ (-want +got):\n%s", found, diff)
				}
				if n := len(list); n != fillers+found+3 {
					t.Errorf("the log holds %d events, want %d", n, fillers+found+3)
				}

				_ = trail.Close()
				trail = openTrail(t, o)
				if got := len(events(t, trail)); got != len(list) {
					t.Errorf("a restart made %d events of %d: the gap was told twice", got, len(list))
				}
			})
		}
	}
}

func TestEventsFoundAfterAFailedSyncAreNotMissing(t *testing.T) {
	ctx, dir, fs := t.Context(), t.TempDir(), waltest.New()
	o := Options{Dir: dir, FS: fs, OnFailure: Allow}
	trail := openTrail(t, o)
	record(t, trail, "before")
	fs.FailSyncs(syscall.EIO)
	k, err := trail.Begin(ctx, Intent{Action: "write"}, login("a"), login("b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.End(ctx, k, login("c")); err != nil {
		t.Fatal(err)
	}
	record(t, trail, "d")
	o.FS = fs.Kill() // the first group was written, the others were not

	trail = openTrail(t, o)
	wantEvents(t, trail, "FAILED_LOGIN before", "FAILED_LOGIN a", "FAILED_LOGIN b", "AUDIT_GAP 2/1 exact=true")
	if got := trail.OpenIntents(); got != nil {
		t.Errorf("got open intents %v, want none: their outcome is counted", got)
	}
}

func TestGapToldBeforeACrashIsNotToldAgain(t *testing.T) {
	ctx, dir, fs := t.Context(), t.TempDir(), waltest.New()
	o := Options{Dir: dir, FS: fs, OnFailure: Allow}
	trail := openTrail(t, o)
	trail.gap.add(time.Now(), miss{events: 2, request: true})
	told, ok := trail.gap.claim()
	if !ok {
		t.Fatal("nothing to tell")
	}
	var b batch
	b.addGap(trail, told)
	if _, err := trail.log.Append(ctx, b.entries()...); err != nil {
		t.Fatal(err)
	}
	trail.gap.add(time.Now(), miss{events: 1, request: true})
	o.FS = fs.Kill() // between the record and the page's reset

	trail = openTrail(t, o)
	wantEvents(t, trail, "AUDIT_GAP 2/1 exact=true", "AUDIT_GAP 1/1 exact=true")
}

func TestGapOfAnotherBootIsALowerBound(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, OnFailure: Allow}
	trail := openTrail(t, o)
	trail.gap.boot = [16]byte{1}
	trail.gap.add(time.Now(), miss{events: 7, request: true})
	if err := errors.Join(trail.gap.sync(), trail.Close()); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, openTrail(t, o), "AUDIT_GAP 7/1 exact=false")
}

func TestTornGapPageHoldsTheStateBefore(t *testing.T) {
	dir := t.TempDir()
	page, _, err := openGapPage(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := gapState{generation: 3, events: 4, requests: 2, first: 1, last: 2, failedAt: 9, boot: [16]byte{1}, closes: []uint64{5, 6}}
	page.store(want)
	page.store(gapState{generation: 3, events: 5})
	page.mapped[int(page.turn%2)*pageSlotBytes+30] ^= 1
	if err := page.close(); err != nil {
		t.Fatal(err)
	}
	page, got, err := openGapPage(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(gapState{})); diff != "" {
		t.Errorf("state differs (-want +got):\n%s", diff)
	}
	for i := range 2 {
		page.mapped[i*pageSlotBytes] ^= 1
	}
	if err := page.close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openGapPage(dir); err == nil {
		t.Error("a page with two damaged slots was opened")
	}
}

func TestGapIsToldWithoutAnotherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := waltest.New()
		trail := openTrail(t, Options{FS: fs, OnFailure: Allow, MaxBytes: 64 << 20})
		stop := start(t, trail)
		defer stop()
		fillFile(t, trail)
		fs.Limit(fs.Used())
		if err := trail.Record(t.Context(), big("bob")); err != nil {
			t.Fatal(err)
		}
		fs.Limit(0)
		time.Sleep(2 * housekeeping) //nolint:forbidigo // the clock of the bubble
		if got := events(t, trail); got[len(got)-1] != "AUDIT_GAP 1/1 exact=true" {
			t.Errorf("got last event %q, want the gap", got[len(got)-1])
		}
	})
}

func TestConcurrentRecordsTellAGapOnce(t *testing.T) {
	trail := openTrail(t, Options{OnFailure: Allow})
	trail.gap.add(time.Now(), miss{events: 3, request: true})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			if err := trail.Record(context.Background(), login(strconv.Itoa(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	gaps := 0
	list := events(t, trail)
	for _, s := range list {
		if strings.HasPrefix(s, "AUDIT_GAP") {
			gaps++
		}
	}
	if gaps != 1 || len(list) != 33 {
		t.Errorf("got %d gaps in %d events, want 1 in 33", gaps, len(list))
	}
}

func TestRequestIsMissingOnceInManySteps(t *testing.T) {
	ctx, fs := WithRequest(t.Context()), waltest.New()
	trail := openTrail(t, Options{FS: fs, OnFailure: Allow, MaxBytes: 64 << 20})
	fillFile(t, trail)
	fs.Limit(fs.Used())
	k, err := trail.Begin(ctx, Intent{Action: "write"}, big("a"))
	for _, err := range []error{err, trail.Record(ctx, big("b"), big("c")), trail.End(ctx, k, big("d")), trail.Record(ctx, big("e"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := trail.Record(WithRequest(t.Context()), big("f")); err != nil {
		t.Fatal(err)
	}
	heal(fs)
	if err := trail.tellGap(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := events(t, trail)
	if want := "AUDIT_GAP 6/2 exact=true"; got[len(got)-1] != want {
		t.Errorf("got %s, want %s", got[len(got)-1], want)
	}
}
