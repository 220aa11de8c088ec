package audit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/wal/waltest"
)

// traffic is a few requests; serve is told of each call and whether it succeeded.
func traffic(t *testing.T, trail *Trail, called func(err error, users ...string)) {
	t.Helper()
	ctx := t.Context()
	for i := range 12 {
		name := func(part string) string { return part + strconv.Itoa(i) }
		switch i % 3 {
		case 0:
			called(trail.Record(ctx, login(name("a")), login(name("b"))), name("a"), name("b"))
		case 1:
			k, err := trail.Begin(ctx, Intent{Action: name("i")}, login(name("c")))
			called(err, name("c"))
			if err == nil {
				called(trail.End(ctx, k, login(name("d"))), name("d"))
			}
		default:
			called(errors.Join(trail.commit(), trail.release()))
		}
	}
}

// stops is more than the calls that change something in traffic.
const stops = 60

func TestCrashAnywhereLosesNothingThatWasAcknowledged(t *testing.T) {
	for n := 1; n <= stops; n++ {
		dir, fs := t.TempDir(), waltest.New()
		trail := openTrail(t, Options{Dir: dir, FS: fs, MaxBytes: 4 << 20})
		fs.StopAfter(n)
		var acknowledged []string
		traffic(t, trail, func(err error, users ...string) {
			if err == nil {
				acknowledged = append(acknowledged, users...)
			}
		})
		trail = openTrail(t, Options{Dir: dir, FS: fs.Crash(rand.New(rand.NewPCG(uint64(n), 1))), MaxBytes: 4 << 20})
		list := events(t, trail)
		for _, user := range acknowledged {
			if !slices.Contains(list, "FAILED_LOGIN "+user) {
				t.Errorf("stop %d: %s was acknowledged and is gone", n, user)
			}
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(list))); len(unique) != len(list) {
			t.Errorf("stop %d: an event is there twice: %v", n, list)
		}
		for _, in := range trail.OpenIntents() {
			outcome := "d" + strings.TrimPrefix(in.Action, "i")
			if slices.Contains(list, "FAILED_LOGIN "+outcome) {
				t.Errorf("stop %d: intent %s is open though its outcome is there", n, in.Action)
			}
		}
		for i := 1; i < 12; i += 3 {
			begun := slices.Contains(list, fmt.Sprintf("FAILED_LOGIN c%d", i))
			ended := slices.Contains(list, fmt.Sprintf("FAILED_LOGIN d%d", i))
			open := slices.ContainsFunc(trail.OpenIntents(), func(in Intent) bool { return in.Action == fmt.Sprintf("i%d", i) })
			if begun != (ended || open) {
				t.Errorf("stop %d: change %d begun %t, ended %t, open %t", n, i, begun, ended, open)
			}
		}
	}
}

func TestKillAnywhereKeepsTheCountExact(t *testing.T) {
	for n := 1; n <= stops; n++ {
		dir, fs := t.TempDir(), waltest.New()
		trail := openTrail(t, Options{Dir: dir, FS: fs, OnFailure: Allow, MaxBytes: 4 << 20})
		fs.StopAfter(n)
		served := 0
		traffic(t, trail, func(err error, users ...string) {
			if err != nil && len(users) > 0 {
				t.Fatalf("stop %d: a request is refused: %v", n, err)
			}
			served += len(users)
		})
		trail = openTrail(t, Options{Dir: dir, FS: fs.Kill(), OnFailure: Allow, MaxBytes: 4 << 20})
		there, missing := 0, 0
		for _, e := range events(t, trail) {
			if _, err := fmt.Sscanf(e, "AUDIT_GAP %d/", &missing); err != nil {
				there++
			}
		}
		if there+missing != served {
			t.Errorf("stop %d: %d events are there and %d are told missing, want %d together", n, there, missing, served)
		}
		if open := trail.OpenIntents(); len(open) > 0 {
			t.Errorf("stop %d: got open intents %v, want none: whoever was served is counted", n, open)
		}
	}
}

func TestCountSurvivesKill(t *testing.T) {
	const variable = "VIGIL_TEST_GAP_DIR"
	if dir := os.Getenv(variable); dir != "" {
		g, err := openGap(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			g.add(time.Now(), miss{events: 3, request: true})
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCountSurvivesKill$")
	child.Env = append(os.Environ(), variable+"="+dir)
	if out, err := child.CombinedOutput(); err == nil {
		t.Fatalf("the process was not killed: %s", out)
	}
	trail := openTrail(t, Options{Dir: dir, OnFailure: Allow})
	wantEvents(t, trail, "AUDIT_GAP 3000/1000 exact=true")
}
