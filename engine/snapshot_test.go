package engine

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/wal"
	"vigil/wal/waltest"
)

// openSmall opens an engine whose log's files hold one document of putLarge each, so that releasing an entry too much loses it.
func openSmall(t *testing.T, fs wal.FS, maxLog int64) *Engine {
	t.Helper()
	e, err := Open(Options{Dir: "/data", FS: fs, MinFree: -1, MaxLog: maxLog, Now: noon, segmentBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func putLarge(t *testing.T, e *Engine, id int) {
	t.Helper()
	want(t, e, 201, "PUT", fmt.Sprintf("/a/_doc/%d", id), `{"s":"`+strings.Repeat("x", 3000)+`"}`)
}

func TestSnapshotReleasesWhatItHoldsAndNoMore(t *testing.T) {
	for behind := range 4 {
		disk := waltest.New()
		e := openSmall(t, disk, 1<<30)
		for id := range 5 {
			putLarge(t, e, id)
		}
		want(t, e, 200, "DELETE", "/a/_doc/0", "")
		v, err := e.view()
		if err != nil {
			t.Fatal(err)
		}
		// What comes after the moment of the snapshot is not in it: the log keeps it, the snapshot does not show it.
		for id := range behind {
			putLarge(t, e, 10+id)
			want(t, e, 200, "DELETE", fmt.Sprintf("/a/_doc/%d", 1+id), "")
			want(t, e, 200, "PUT", fmt.Sprintf("/b%d", id), "")
		}
		if err := e.compact(v); err != nil {
			t.Fatal(err)
		}
		if first := e.log.First(); first <= 3 {
			t.Errorf("the log still begins at %d", first)
		}
		before := contents(t, e)
		killed := open(t, Options{Dir: "/data", FS: disk.Kill()})
		if diff := cmp.Diff(before, contents(t, killed)); diff != "" {
			t.Errorf("%d changes behind the snapshot (-want +got):\n%.600s", behind, diff)
		}
	}
}

// heldFS stops where a snapshot takes its place until it is let go.
type heldFS struct {
	wal.FS
	reached chan struct{}
	release chan error
}

func (f heldFS) Rename(from, to string) error {
	if filepath.Base(to) == snapshotName {
		select {
		case f.reached <- struct{}{}:
		default:
		}
		if err := <-f.release; err != nil {
			return err
		}
	}
	return f.FS.Rename(from, to)
}

var errKilled = errors.New("killed")

func TestWritesGoOnWhileASnapshotIsWritten(t *testing.T) {
	for _, outcome := range []error{nil, errors.New("broken"), errKilled} {
		disk := waltest.New()
		held := heldFS{FS: disk, reached: make(chan struct{}, 1), release: make(chan error)}
		e := openSmall(t, held, 10<<10)
		id := 0
		for len(held.reached) == 0 {
			putLarge(t, e, id)
			id++
		}
		for range 20 {
			putLarge(t, e, id)
			id++
		}
		before := contents(t, e)
		if errors.Is(outcome, errKilled) {
			killed := open(t, Options{Dir: "/data", FS: disk.Kill()})
			if diff := cmp.Diff(before, contents(t, killed)); diff != "" {
				t.Errorf("killed while the snapshot is written (-want +got):\n%.600s", diff)
			}
		}
		held.release <- outcome
		close(held.release) // the one of Close passes
		err := e.Close()
		if errors.Is(outcome, errKilled) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		again := open(t, Options{Dir: "/data", FS: disk})
		if diff := cmp.Diff(before, contents(t, again)); diff != "" {
			t.Errorf("opened again after %v (-want +got):\n%.600s", outcome, diff)
		}
		if again.log.First() < uint64(id) {
			t.Errorf("after %v the log still begins at %d", outcome, again.log.First())
		}
	}
}
