package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vigil/wal/waltest"
)

// cloneSource makes an index of n documents of 1 MB, more than what one group of ordinary writes takes.
func cloneSource(t *testing.T, e *Engine, n int) {
	t.Helper()
	text := strings.Repeat("x", 1<<20)
	for i := range n {
		want(t, e, 201, "PUT", fmt.Sprintf("/a/_doc/%d?routing=r", i), `{"s":"`+text+`"}`)
	}
	want(t, e, 200, "PUT", "/a/_block/write", "")
}

func TestCloneThatDoesNotFitLeavesNothing(t *testing.T) {
	disk := waltest.New()
	e := open(t, Options{Dir: "/data", FS: disk})
	cloneSource(t, e, 20)
	disk.Limit(disk.Used() + 19<<20)
	if body := want(t, e, 429, "POST", "/a/_clone/b", ""); !strings.Contains(body, "cluster_block_exception") {
		t.Errorf("got %s", body)
	}
	want(t, e, 404, "GET", "/b", "")
	disk.Limit(1 << 40)
	killed := open(t, Options{Dir: "/data", FS: disk.Kill()})
	want(t, killed, 404, "GET", "/b", "")
	want(t, killed, 200, "POST", "/a/_clone/b", "")
	if body := want(t, killed, 200, "GET", "/b/_count", ""); !strings.Contains(body, `"count":20,`) {
		t.Errorf("got %s", body)
	}
}

func TestCrashLeavesAllOfACloneOrNothing(t *testing.T) {
	none, all := 0, 0
	for seed := range uint64(12) {
		disk := waltest.New()
		e := open(t, Options{Dir: "/data", FS: disk})
		cloneSource(t, e, 18)
		disk.StopAfter(int(seed))
		status, _ := call(e, "POST", "/a/_clone/b", "")
		after := open(t, Options{Dir: "/data", FS: disk.Crash(rand.New(rand.NewPCG(seed, 1)))})
		x := after.state.Load().indices["b"]
		switch {
		case x == nil && status == 200:
			t.Errorf("seed %d: a clone that was acknowledged is gone", seed)
		case x == nil:
			none++
		case x.docs.stats().Docs != 18:
			t.Errorf("seed %d: %d documents of 18 are in the clone", seed, x.docs.stats().Docs)
		default:
			all++
		}
		_ = e.Close()
		_ = after.Close()
	}
	if none == 0 || all == 0 {
		t.Errorf("the machine stopped before %d clones and after %d: both have to happen", none, all)
	}
}

func TestCloneCanBeWrittenToAtOnce(t *testing.T) {
	e := open(t, Options{})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	want(t, e, 200, "PUT", "/a/_block/write", "")
	want(t, e, 200, "POST", "/a/_clone/b", "")
	if body := want(t, e, 200, "PUT", "/b/_doc/1", `{"n":2}`); !strings.Contains(body, `"_version":2,`) || !strings.Contains(body, `"_seq_no":1,`) {
		t.Errorf("got %s", body)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.next.indices["b"].docs.pending); n != 0 {
		t.Errorf("%d operations are still pending", n)
	}
}
