package audit

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/wal/waltest"
)

// large returns n events of some 10 KiB.
func large(n int) (list []*Event, said []string) {
	body := strings.Repeat("x", 10<<10)
	for i := range n {
		e := login(strconv.Itoa(i))
		e.Body = &body
		list, said = append(list, e), append(said, "FAILED_LOGIN "+strconv.Itoa(i))
	}
	return list, said
}

func TestManyEventsAreSeveralAppendsInOrder(t *testing.T) {
	ctx := t.Context()
	appends := 0
	trail := openTrail(t, Options{FS: waltest.New()})
	trail.split = 64 << 10
	list, said := large(50)
	k, err := trail.Begin(ctx, Intent{Action: "bulk"}, list[:20]...)
	if err != nil {
		t.Fatal(err)
	}
	if k.seq != 21 {
		t.Errorf("the intent is entry %d, want it behind all that was known before", k.seq)
	}
	if err := trail.End(ctx, k, list[20:]...); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, trail, said...)
	if got := trail.OpenIntents(); got != nil {
		t.Errorf("got open intents %v", got)
	}
	entries, err := trail.log.Read(0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if d, err := decodeEntry(e.Payload); err != nil || d.flags&flagRequest != 0 {
			appends++
		}
	}
	if appends != 3+5 {
		t.Errorf("got %d appends, want 8 of seven events at most", appends)
	}
}

func TestEndThatACrashCutsShortLeavesTheIntentOpen(t *testing.T) {
	for n := 1; n < 40; n++ {
		dir, fs := t.TempDir(), waltest.New()
		trail := openTrail(t, Options{Dir: dir, FS: fs, MaxBytes: 16 << 20})
		trail.split = 64 << 10
		k, err := trail.Begin(t.Context(), Intent{Action: "bulk"})
		if err != nil {
			t.Fatal(err)
		}
		fs.StopAfter(n)
		list, _ := large(50)
		err = trail.End(t.Context(), k, list...)
		trail = openTrail(t, Options{Dir: dir, FS: fs.Crash(rand.New(rand.NewPCG(uint64(n), 1))), MaxBytes: 16 << 20})
		there, open := len(events(t, trail)), len(trail.OpenIntents())
		if err == nil && there < len(list) || there < len(list) && open != 1 {
			t.Errorf("stop %d: %d of %d events are there, %d intents are open, the error was %v", n, there, len(list), open, err)
		}
	}
}

func TestAllowCountsWhatIsLeftOfManyEvents(t *testing.T) {
	ctx, dir, fs := t.Context(), t.TempDir(), waltest.New()
	trail := openTrail(t, Options{Dir: dir, FS: fs, OnFailure: Allow})
	trail.split = 64 << 10
	k, err := trail.Begin(ctx, Intent{Action: "bulk"})
	if err != nil {
		t.Fatal(err)
	}
	fs.FailWrites(200<<10, syscall.EIO)
	list, _ := large(50)
	if err := trail.End(ctx, k, append(list, restEvent(Authenticated, "bob", "/"))...); err != nil {
		t.Fatal(err)
	}
	there := len(events(t, trail))
	state, _ := trail.gap.snapshot()
	if there == 0 || there+int(state.events) != len(list) || state.requests != 1 {
		t.Errorf("%d events are there and %d of %d requests are counted, want %d and 1", there, state.events, state.requests, len(list))
	}
}

func TestVersionsAreThoseOfOthersBehindTheIntent(t *testing.T) {
	ctx := t.Context()
	trail := openTrail(t, Options{Policy: newPolicy(t, func(c *Config) { c.Compliance.Enabled, c.Compliance.WriteWatchedIndices = true, []string{"i"} })})
	write := func(id string, version int64, recovered string) *Event {
		return &Event{Time: time.Now(), Category: DocWrite, Origin: OriginREST, EffectiveUser: "b", Resolved: []string{"i"}, DocID: id, DocVersion: version, Recovered: recovered}
	}
	began := time.Now()
	k, err := trail.Begin(ctx, Intent{Index: "i", DocID: "1"}, write("1", 1, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.Record(ctx, write("1", 2, ""), write("2", 3, ""), write("1", 4, "true")); err != nil {
		t.Fatal(err)
	}
	got, recovered, err := trail.Versions(Intent{DocID: "1", seq: k.seq}, "i")
	if err != nil || len(got) != 1 || !got[2] || !recovered {
		t.Errorf("got versions %v, recovered %t, %v, want 2 alone and another found missing", got, recovered, err)
	}
	for _, tt := range []struct {
		version int64
		at      time.Time
		want    bool
	}{
		{1, began, true},                   // told before the intent, and written no later than told
		{1, began.Add(time.Minute), false}, // that one was written later: another one of the same number
		{2, began, false},                  // told behind the intent
	} {
		if got, err := trail.ToldBefore(Intent{DocID: "1", seq: k.seq}, "i", tt.version, tt.at); err != nil || got != tt.want {
			t.Errorf("version %d at %v: told before %t, %v, want %t", tt.version, tt.at, got, err, tt.want)
		}
	}
	if got, recovered, err := trail.Versions(Intent{DocID: "1", seq: k.seq}, "other"); err != nil || len(got) != 0 || recovered {
		t.Errorf("got versions %v, recovered %t, %v of another index", got, recovered, err)
	}
	if err := trail.End(ctx, k); err != nil {
		t.Fatal(err)
	}
}
