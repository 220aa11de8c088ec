package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// store is a cluster that holds documents, by id their sequence numbers.
type store struct {
	mu    sync.Mutex
	docs  map[string]int
	fail  bool
	total int
	reads int
}

func (s *store) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.fail {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if s.docs == nil {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}`)
		return
	}
	var hits []string
	for id, seq := range s.docs {
		hits = append(hits, fmt.Sprintf(`{"_id":%q,"found":true,"_seq_no":%d,"_primary_term":1,"_source":{}}`, id, seq))
	}
	list := strings.Join(hits, ",")
	if strings.HasSuffix(r.URL.Path, "/_mget") {
		fmt.Fprintf(w, `{"docs":[%s]}`, list)
		return
	}
	fmt.Fprintf(w, `{"hits":{"total":{"value":%d,"relation":"eq"},"hits":[%s]}}`, max(s.total, len(hits)), list)
}

// changes notes what a watch told.
type changes struct {
	mu  sync.Mutex
	all []string
}

func (c *changes) told(docs map[string]Doc) {
	var s []string
	for id, d := range docs {
		s = append(s, fmt.Sprintf("%s@%d", id, d.SeqNo))
	}
	slices.Sort(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, strings.Join(s, " "))
}

func (c *changes) want(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.all, want) {
		t.Errorf("got %q, want %q", c.all, want)
	}
}

// run runs f beside a watch of s, in time that passes by itself.
func run(t *testing.T, s *store, o WatchOptions, f func(t *testing.T, w *Watch, got *changes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		got := &changes{}
		o.Client, o.Index, o.Changed = NewClient(s), "state", got.told
		w := NewWatch(o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		f(t, w, got)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the context was canceled", err)
		}
	})
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestWatchTellsChangesWithinASecond(t *testing.T) {
	for name, ids := range map[string][]string{"by search": nil, "by id": {"a", "b"}} {
		t.Run(name, func(t *testing.T) {
			s := &store{docs: map[string]int{"a": 1}}
			run(t, s, WatchOptions{IDs: ids}, func(t *testing.T, _ *Watch, got *changes) {
				got.want(t, "a@1")
				pass(3 * time.Second)
				got.want(t, "a@1")
				s.set(func() { s.docs["a"] = 2 })
				pass(time.Second)
				got.want(t, "a@1", "a@2")
				s.set(func() { s.docs["b"] = 3 })
				pass(time.Second)
				got.want(t, "a@1", "a@2", "a@2 b@3")
				s.set(func() { delete(s.docs, "a") })
				pass(time.Second)
				got.want(t, "a@1", "a@2", "a@2 b@3", "b@3")
				s.set(func() { s.docs = nil })
				pass(time.Second)
				got.want(t, "a@1", "a@2", "a@2 b@3", "b@3", "")
			})
		})
	}
}

func TestWatchTellsThatThereIsNothing(t *testing.T) {
	run(t, &store{}, WatchOptions{}, func(t *testing.T, _ *Watch, got *changes) { got.want(t, "") })
}

func TestPokeReadsAtOnce(t *testing.T) {
	s := &store{docs: map[string]int{"a": 1}}
	run(t, s, WatchOptions{Every: time.Hour}, func(t *testing.T, w *Watch, got *changes) {
		s.set(func() { s.docs["a"] = 2 })
		for range 3 {
			w.Poke()
		}
		synctest.Wait()
		got.want(t, "a@1", "a@2")
	})
}

func TestPokeDuringAReadIsNotLost(t *testing.T) {
	s := &store{docs: map[string]int{"a": 1}}
	synctest.Test(t, func(t *testing.T) {
		start, got, slow := time.Now(), &changes{}, make(chan struct{})
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.ServeHTTP(w, r)
			<-slow
		})
		w := NewWatch(WatchOptions{Client: NewClient(h), Index: "state", Every: time.Hour, Changed: got.told})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		// The first read has its answer; what is written now it does not see.
		s.set(func() { s.docs["a"] = 2 })
		w.Poke()
		slow <- struct{}{}
		slow <- struct{}{}
		synctest.Wait()
		got.want(t, "a@1", "a@2")
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the second read came after %v, want it at once", waited)
		}
		cancel()
		<-done
	})
}

func TestWatchKeepsStateWhileTheClusterIsAway(t *testing.T) {
	s := &store{docs: map[string]int{"a": 1}}
	run(t, s, WatchOptions{}, func(t *testing.T, w *Watch, got *changes) {
		first := w.LastRead()
		if first.IsZero() {
			t.Fatal("got no time of the first read")
		}
		s.set(func() { s.fail = true; s.docs["a"] = 2 })
		pass(5 * time.Second)
		got.want(t, "a@1")
		if age := time.Since(w.LastRead()); age != 5*time.Second {
			t.Errorf("got state %v old, want 5s", age)
		}
		s.set(func() { s.fail = false })
		pass(time.Second)
		got.want(t, "a@1", "a@2")
		if age := time.Since(w.LastRead()); age != 0 {
			t.Errorf("got state %v old, want it new", age)
		}
	})
}

func TestWatchLogsTheBeginningAndTheEndOfAnOutage(t *testing.T) {
	var out bytes.Buffer
	s := &store{docs: map[string]int{"a": 1}}
	o := WatchOptions{Log: slog.New(slog.NewTextHandler(&out, nil))}
	run(t, s, o, func(t *testing.T, _ *Watch, _ *changes) {
		for range 2 {
			s.set(func() { s.fail = true })
			pass(3 * time.Second)
			s.set(func() { s.fail = false })
			pass(3 * time.Second)
		}
	})
	for _, level := range []string{"WARN", "INFO"} {
		if n := strings.Count(out.String(), "level="+level); n != 2 {
			t.Errorf("got %d lines of level %s, want 2:\n%s", n, level, out.String())
		}
	}
}

func TestWatchDoesNotTakeAPartForTheWhole(t *testing.T) {
	s := &store{docs: map[string]int{"a": 1}, total: 2}
	run(t, s, WatchOptions{}, func(t *testing.T, w *Watch, got *changes) {
		got.want(t)
		if err := w.Read(t.Context()); err == nil || !w.LastRead().IsZero() {
			t.Errorf("got %v, last read %v, want an error and no read", err, w.LastRead())
		}
	})
}

func TestReadServesTheStart(t *testing.T) {
	got := &changes{}
	w := NewWatch(WatchOptions{Client: NewClient(&store{docs: map[string]int{"a": 1}}), Index: "state", Changed: got.told})
	if err := w.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.want(t, "a@1")
	down := NewWatch(WatchOptions{Client: NewClient(&store{fail: true}), Index: "state", Changed: got.told})
	if err := down.Read(t.Context()); err == nil {
		t.Error("got no error from a cluster that is away")
	}
	got.want(t, "a@1")
}
