package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/engine/segment"
	"vigil/wal/waltest"
)

// contents is everything a client can read: metadata and documents.
func contents(t *testing.T, e *Engine) map[string]string {
	t.Helper()
	out := map[string]string{"templates": want(t, e, 200, "GET", "/_template", ""), "settings": want(t, e, 200, "GET", "/_cluster/settings", "")}
	for _, x := range e.state.Load().names() {
		out[x] = want(t, e, 200, "GET", "/"+x, "") +
			want(t, e, 200, "POST", "/"+x+"/_search", `{"size":1000,"version":true,"seq_no_primary_term":true,"sort":["_doc"]}`)
	}
	return out
}

// churn makes random changes.
func churn(e *Engine, r *rand.Rand, n int) {
	for range n {
		x, id := fmt.Sprintf("x%d", r.IntN(3)), strconv.Itoa(r.IntN(20))
		switch r.IntN(12) {
		case 0:
			call(e, "DELETE", "/"+x, "")
		case 1:
			call(e, "PUT", "/"+x+"/_alias/al", "")
		case 2:
			call(e, "PUT", "/_template/t"+id, `{"index_patterns":["q*"]}`)
		case 3, 4:
			call(e, "DELETE", "/"+x+"/_doc/"+id, "")
		case 5:
			call(e, "POST", "/"+x+"/_update/"+id, `{"doc":{"u":1}}`)
		case 6:
			call(e, "PUT", "/_cluster/settings", `{"persistent":{"cluster.x":"`+id+`"}}`)
		default:
			call(e, "PUT", "/"+x+"/_doc/"+id+"?routing=r", fmt.Sprintf(`{"n":%d,"f%d":"v"}`, r.IntN(100), r.IntN(5)))
		}
	}
}

func TestReopenGivesTheSameState(t *testing.T) {
	for seed := range uint64(8) {
		disk := waltest.New()
		r := rand.New(rand.NewPCG(seed, 1))
		e := open(t, Options{Dir: "/data", FS: disk, MaxLog: 4 << 10})
		churn(e, r, 150)
		want1 := contents(t, e)
		e.mu.Lock()
		seqs := e.next.indices
		e.mu.Unlock()

		// Killed without closing: only what was durable is there.
		disk = disk.Kill()
		killed := open(t, Options{Dir: "/data", FS: disk, MaxLog: 4 << 10})
		if diff := cmp.Diff(want1, contents(t, killed)); diff != "" {
			t.Fatalf("seed %d: after kill (-want +got):\n%s", seed, diff)
		}
		if err := killed.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, Options{Dir: "/data", FS: disk})
		if diff := cmp.Diff(want1, contents(t, again)); diff != "" {
			t.Fatalf("seed %d: after close (-want +got):\n%s", seed, diff)
		}
		for name, x := range again.state.Load().indices {
			if diff := cmp.Diff(seqs[name].docs.durable(), x.docs.durable()); diff != "" {
				t.Errorf("seed %d: sequence numbers of %s: %s", seed, name, diff)
			}
		}
		churn(again, r, 20)
	}
}

func TestAcknowledgedWritesSurviveACrash(t *testing.T) {
	stopped := 0
	for seed := range uint64(60) {
		disk := waltest.New()
		e := open(t, Options{Dir: "/data", FS: disk, MaxLog: 200})
		disk.StopAfter(5 + int(seed)*3)
		acked := map[string]int64{}
		for i := range 60 {
			id := strconv.Itoa(i % 7)
			status, body := call(e, "PUT", "/a/_doc/"+id, fmt.Sprintf(`{"n":%d}`, i))
			if status >= 300 {
				stopped++
				continue
			}
			var a docAnswer
			if err := json.Unmarshal([]byte(body), &a); err != nil {
				t.Fatal(err)
			}
			acked[id] = a.Version
		}
		after := open(t, Options{Dir: "/data", FS: disk.Crash(rand.New(rand.NewPCG(seed, 2)))})
		for id, version := range acked {
			d := after.state.Load().indices["a"].docs.get(id)
			if d == nil || d.Version < version {
				t.Errorf("seed %d: document %s: version %d was acknowledged, found %v", seed, id, version, d)
			}
		}
		_ = e.Close()
	}
	if stopped == 0 {
		t.Error("the machine never stopped")
	}
}

func TestFailedLogRefusesWritesAndForgetsThem(t *testing.T) {
	disk := waltest.New()
	e := open(t, Options{Dir: "/data", FS: disk})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	disk.FailSyncs(errors.New("broken"))
	status, body := call(e, "PUT", "/a/_doc/2", `{"n":2,"new":1}`)
	if status != 503 {
		t.Fatalf("got %d %s, want 503", status, body)
	}
	want(t, e, 404, "GET", "/a/_doc/2", "")
	if m := want(t, e, 200, "GET", "/a/_mapping", ""); strings.Contains(m, "new") {
		t.Errorf("a mapping that is not durable is visible: %s", m)
	}
	if e.Healthy() == nil {
		t.Error("a failed log is said to be healthy")
	}
	want(t, e, 200, "GET", "/a/_search", "")
	want(t, e, 503, "PUT", "/b", "")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next != e.state.Load() {
		t.Error("the prepared metadata is not the durable one")
	}
}

func TestReadersSeeOneMoment(t *testing.T) {
	s := newStore(1)
	put := func(id string, seq int64) {
		s.publish(id, 0, record{doc: &segment.Doc{ID: id, Seq: seq}})
	}
	put("a", 0)
	put("b", 1)
	slots, at := s.view()
	put("a", 2)
	s.publish("b", 0, record{tomb: tombstone{seq: 3}})
	for i := range int64(3000) { // enough to drop dead slots
		put("c", 4+i)
	}
	var got []int64
	for _, d := range alive(slots, at) {
		got = append(got, d.Seq)
	}
	if diff := cmp.Diff([]int64{0, 1}, got); diff != "" {
		t.Errorf("a reader's view has changed: %s", diff)
	}
	got = nil
	for _, d := range s.snapshot() {
		got = append(got, d.Seq)
	}
	if diff := cmp.Diff([]int64{2, 3003}, got); diff != "" {
		t.Errorf("the present view: %s", diff)
	}
}

func TestFullLogRecovers(t *testing.T) {
	disk := waltest.New()
	e := open(t, Options{Dir: "/data", FS: disk})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	disk.Limit(disk.Used())
	big := `{"s":"` + strings.Repeat("x", 1<<20) + `"}`
	full, docs := false, 1
	for i := 0; i < 20 && !full; i++ {
		status, body := call(e, "PUT", fmt.Sprintf("/a/_doc/big%d", i), big)
		full = status == 429 && strings.Contains(body, "cluster_block_exception")
		if status == 201 {
			docs++
		}
	}
	if !full {
		t.Fatal("the full disk was not noticed")
	}
	status, body := call(e, "PUT", "/a/_doc/lost", `{"lost":"`+strings.Repeat("x", 1<<20)+`"}`)
	if status != 429 {
		t.Fatalf("got %d %s, want 429", status, body)
	}
	disk.Limit(1 << 40)
	// What was refused left no trace in what is prepared.
	e.mu.Lock()
	if e.next != e.state.Load() {
		t.Error("the prepared metadata is not the durable one")
	}
	e.mu.Unlock()
	body = want(t, e, 201, "PUT", "/a/_doc/2", `{"n":2}`)
	if !strings.Contains(body, fmt.Sprintf(`"_seq_no":%d,`, docs)) {
		t.Errorf("got %s, want sequence number %d", body, docs)
	}
}

func TestMinFreeStopsDocumentsButNotDeletes(t *testing.T) {
	free := int64(10 << 30)
	now := noon()
	e := open(t, Options{MinFree: 1 << 30, Free: func() (int64, error) { return free, nil }, Now: func() time.Time { return now }})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	free, now = 1<<20, now.Add(time.Minute)
	if body := want(t, e, 429, "PUT", "/a/_doc/2", `{"n":1}`); !strings.Contains(body, "flood-stage") {
		t.Errorf("got %s", body)
	}
	want(t, e, 429, "PUT", "/b", "")
	want(t, e, 200, "DELETE", "/a/_doc/1", "")
	free, now = 10<<30, now.Add(time.Minute)
	want(t, e, 201, "PUT", "/a/_doc/2", `{"n":1}`)
}

func TestTombstonesExpire(t *testing.T) {
	now := noon()
	e := open(t, Options{Now: func() time.Time { return now }})
	want(t, e, 201, "PUT", "/a/_doc/1", `{}`)
	want(t, e, 200, "DELETE", "/a/_doc/1", "")
	now = now.Add(59 * time.Second)
	if body := want(t, e, 201, "PUT", "/a/_doc/1", `{}`); !strings.Contains(body, `"_version":3`) {
		t.Errorf("within gc_deletes the version goes on: got %s", body)
	}
	want(t, e, 200, "DELETE", "/a/_doc/1", "")
	now = now.Add(61 * time.Second)
	if body := want(t, e, 201, "PUT", "/a/_doc/1", `{}`); !strings.Contains(body, `"_version":1`) {
		t.Errorf("after gc_deletes it begins anew: got %s", body)
	}
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	e := open(t, Options{MaxLog: 64 << 10})
	want(t, e, 201, "PUT", "/a/_doc/counter", `{"n":0}`)
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if status, body := call(e, "POST", "/a/_update/counter", `{"script":"ctx._source.n += 1"}`); status != 200 {
					t.Errorf("update: %d %s", status, body)
				}
				bulk := fmt.Sprintf("{\"index\":{\"_id\":\"%d-%d\"}}\n{\"f%d\":1}\n{\"index\":{}}\n{\"g\":2}\n", w, i, i%5)
				if status, body := call(e, "POST", "/a/_bulk", bulk); status != 200 || strings.Contains(body, `"errors":true`) {
					t.Errorf("bulk: %d %s", status, body)
				}
				// What was acknowledged is found at once.
				if status, body := call(e, "GET", fmt.Sprintf("/a/_count?q=_id:%d-%d", w, i), ""); status != 200 || !strings.Contains(body, `"count":1`) {
					t.Errorf("search after write: %d %s", status, body)
				}
			}
		})
	}
	wg.Wait()
	if body := want(t, e, 200, "GET", "/a/_source/counter", ""); body != fmt.Sprintf(`{"n":%d}`, writers*each) {
		t.Errorf("counter: got %s", body)
	}
	if body := want(t, e, 200, "GET", "/a/_count", ""); !strings.Contains(body, fmt.Sprintf(`"count":%d,`, 1+2*writers*each)) {
		t.Errorf("count: got %s", body)
	}
	seen := map[int64]bool{}
	for _, d := range e.state.Load().indices["a"].docs.snapshot() {
		if seen[d.Seq] {
			t.Errorf("sequence number %d was given twice", d.Seq)
		}
		seen[d.Seq] = true
	}
}

func TestOnWriteFollowsPublication(t *testing.T) {
	var mu sync.Mutex
	var got []string
	var e *Engine
	e = open(t, Options{OnWrite: func(index, id string, before, after json.RawMessage) {
		visible := e.state.Load().indices[index].docs.get(id) != nil
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s/%s %s→%s %v", index, id, before, after, visible))
	}})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	want(t, e, 200, "PUT", "/a/_doc/1", `{"n":2}`)
	want(t, e, 200, "DELETE", "/a/_doc/1", "")
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{`a/1 →{"n":1} true`, `a/1 {"n":1}→{"n":2} true`, `a/1 {"n":2}→ false`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestClosedEngineRefuses(t *testing.T) {
	e := open(t, Options{})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := call(e, "PUT", "/a/_doc/1", "{}"); status != 503 {
		t.Errorf("got %d, want 503", status)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestDamagedSnapshotIsReported(t *testing.T) {
	disk := waltest.New()
	e := open(t, Options{Dir: "/data", FS: disk})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := disk.OpenFile("/data/snapshot", 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 60); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: "/data", FS: disk, MinFree: -1}); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %v, want a wrong checksum", err)
	}
}

func TestBodyLimit(t *testing.T) {
	e := open(t, Options{MaxBody: 100})
	if status, body := call(e, "PUT", "/a/_doc/1", `{"s":"`+strings.Repeat("x", 200)+`"}`); status != 413 {
		t.Errorf("got %d %s, want 413", status, body)
	}
}

func FuzzBulk(f *testing.F) {
	f.Add("{\"index\":{\"_id\":\"1\"}}\n{\"a\":1}\n")
	f.Add("{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{\"a\":{\"b\":[1,null,{\"c\":\"2024-01-01\"}]}},\"doc_as_upsert\":true}\n")
	f.Add("{\"create\":{\"_id\":\"1\",\"routing\":\"x\"}}\n{\"a.b\":1,\"a\":{\"b\":2}}\n{\"delete\":{\"_id\":\"1\"}}\n")
	e, err := Open(Options{Dir: "/data", FS: waltest.New(), MinFree: -1, MaxLog: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() })
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/fuzz/_bulk", strings.NewReader(body)))
		if w.Code >= 500 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q: answer is not JSON: %s", body, w.Body)
		}
	})
}
