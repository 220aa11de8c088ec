package engine

import (
	"fmt"
	"strings"
	"testing"

	"vigil/wal"
	"vigil/wal/waltest"
)

// TestBulkIsSplitIntoGroupsThatTheLogTakes lets a bulk queue up behind a sync that hangs: that is when groups get largest.
func TestBulkIsSplitIntoGroupsThatTheLogTakes(t *testing.T) {
	disk := waltest.New()
	e := open(t, Options{Dir: "/data", FS: disk})
	want(t, e, 200, "PUT", "/a", `{"mappings":{"properties":{"s":{"type":"text"}}}}`)
	entered, release := disk.BlockSyncs()
	defer release()
	first := make(chan int, 1)
	go func() {
		status, _ := call(e, "PUT", "/a/_doc/first", "{}")
		first <- status
	}()
	<-entered
	const docs = 40
	var body strings.Builder
	for i := range docs {
		fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"s\":%q}\n", i, strings.Repeat("x", 1<<20))
	}
	answered := make(chan string, 1)
	go func() {
		status, text := call(e, "POST", "/a/_bulk", body.String())
		answered <- fmt.Sprint(status, strings.Contains(text, `"errors":false`))
	}()
	for queued := 0; queued < docs; {
		queued = 0
		e.mu.Lock()
		for _, f := range e.queue {
			queued += len(f.entries)
			if f.bytes > maxFlush+wal.MaxEntryBytes {
				t.Errorf("a group of %d bytes is queued", f.bytes)
			}
		}
		if queued == docs && len(e.queue) < 2 {
			t.Errorf("the bulk is in %d groups", len(e.queue))
		}
		e.mu.Unlock()
	}
	release()
	if status := <-first; status != 201 {
		t.Errorf("got %d, want 201", status)
	}
	if got := <-answered; got != "200 true" {
		t.Errorf("got %s", got)
	}
	if got := want(t, e, 200, "GET", "/a/_count", ""); !strings.Contains(got, `"count":41,`) {
		t.Errorf("got %s", got)
	}
}
