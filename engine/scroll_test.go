package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/wal/waltest"
)

func TestScrollsThatRanOutAreFreedByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := Open(Options{Dir: "/data", FS: waltest.New(), MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		want(t, e, 201, "PUT", "/a/_doc/1", `{}`)
		want(t, e, 200, "GET", "/a/_search?scroll=90s", "")
		want(t, e, 200, "GET", "/a/_search?scroll=1h", "")
		held := func() (open, docs int) {
			synctest.Wait()
			e.scrolls.mu.Lock()
			defer e.scrolls.mu.Unlock()
			return len(e.scrolls.open), e.scrolls.docs
		}
		for _, step := range []struct {
			after      time.Duration
			open, docs int
		}{{80 * time.Second, 2, 2}, {2 * time.Minute, 1, 1}, {time.Hour, 0, 0}} {
			<-time.After(step.after)
			if open, docs := held(); open != step.open || docs != step.docs {
				t.Errorf("%v later: %d scrolls with %d documents are open, want %d with %d", step.after, open, docs, step.open, step.docs)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestScrollsAreBounded(t *testing.T) {
	var s scrolls
	big := &scroll{docs: maxScrollDocs, targets: []query.Target{{Docs: []*segment.Doc{}}}, until: noon()}
	id, err := s.add(big)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.add(&scroll{docs: 1}); err == nil || !strings.Contains(err.Error(), "rejected_execution_exception") {
		t.Errorf("got %v, want a rejection", err)
	}
	s.drop([]string{id})
	for range maxScrolls {
		if _, err := s.add(&scroll{docs: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.add(&scroll{docs: 1}); err == nil {
		t.Errorf("scroll %d was opened", maxScrolls+1)
	}
	s.drop([]string{"_all"})
	if s.docs != 0 {
		t.Errorf("%d documents are still held", s.docs)
	}
}
