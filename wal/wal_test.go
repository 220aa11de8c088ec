package wal_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/wal"
	"vigil/wal/waltest"

	"github.com/google/go-cmp/cmp"
)

func TestEntriesSurviveReopening(t *testing.T) {
	// On the real file system; most other tests use the one in memory.
	root := t.TempDir() + "/a/b"
	var want []string
	var runs [][16]byte
	for i := range 3 {
		l := openWith(t, wal.Options{Dir: root, VerifyBytes: int64(i)})
		for range 20 {
			group := lines(len(want), 3, 100)
			if got := appendTo(t, l, group...); got != uint64(len(want)+1) {
				t.Fatalf("got first %d, want %d", got, len(want)+1)
			}
			want = append(want, group...)
			runs = append(runs, l.Run(), l.Run(), l.Run())
		}
		got := readAll(t, l)
		if diff := cmp.Diff(want, texts(got)); diff != "" {
			t.Fatal(diff)
		}
		for j, e := range got {
			if e.Run != runs[j] {
				t.Fatalf("entry %d has run %x, want %x", e.Seq, e.Run, runs[j])
			}
		}
		if len(l.Segments()) < 2 {
			t.Fatal("no rotation took place")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIDsAreUniqueAndSafeInURLs(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	appendTo(t, l, "a", "b")
	clone := disk(t, image(t, fsys))
	l.Close()
	seen := map[string]bool{}
	var old []string
	for _, fsys := range []wal.FS{fsys, clone} {
		l := open(t, fsys)
		appendTo(t, l, "c")
		entries := readAll(t, l)
		for i, e := range entries {
			if !regexp.MustCompile(`^[A-Za-z0-9_-]{22,}$`).MatchString(e.ID()) {
				t.Errorf("id %q", e.ID())
			}
			if i < 2 && len(old) == 2 && e.ID() != old[i] {
				t.Errorf("entry %d changed its id", e.Seq)
			}
			if i == 2 && seen[e.ID()] {
				t.Errorf("id %q was given twice", e.ID())
			}
			seen[e.ID()] = true
		}
		old = []string{entries[0].ID(), entries[1].ID()}
	}
	if len(seen) != 4 {
		t.Errorf("got %d ids, want 4", len(seen))
	}
}

func TestAppendRefusesBeforeItWrites(t *testing.T) {
	l := open(t, waltest.New())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(cancelled, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := l.Append(t.Context(), []byte("a"), make([]byte, wal.MaxEntryBytes+1)); !errors.Is(err, wal.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	group := slices.Repeat([][]byte{make([]byte, wal.MaxEntryBytes)}, 33)
	if _, err := l.Append(t.Context(), group...); !errors.Is(err, wal.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if first, err := l.Append(t.Context()); first != 0 || err != nil {
		t.Errorf("got %d, %v for no entries", first, err)
	}
	if l.Last() != 0 || l.First() != 1 || l.Size() != 0 {
		t.Errorf("something was written: last %d, first %d, %d bytes", l.Last(), l.First(), l.Size())
	}
}

func TestLargestEntryAndLargeGroup(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	appendTo(t, l, "small", "")
	large := strings.Repeat("x", wal.MaxEntryBytes)
	appendTo(t, l, "before", large, strings.Repeat("y", 3<<20), "after")
	want := texts(readAll(t, l))
	l.Close()
	l = open(t, fsys)
	if got := texts(readAll(t, l)); !slices.Equal(got, want) || len(got) != 6 || got[3] != large || got[5] != "after" {
		t.Errorf("got %d entries that differ from %d", len(got), len(want))
	}
}

func TestWritersShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := waltest.New()
		var synced []int
		l := openWith(t, wal.Options{FS: fsys, SegmentBytes: 1 << 20, OnSync: func(_ time.Duration, entries, bytes int) {
			synced = append(synced, entries)
			if bytes < entries*len("text") {
				t.Errorf("%d bytes for %d entries", bytes, entries)
			}
		}})
		appendTo(t, l, "first")
		_, release := fsys.BlockSyncs()
		var wg sync.WaitGroup
		put := func() {
			wg.Go(func() {
				if _, err := l.Append(t.Context(), []byte("text"), []byte("text")); err != nil {
					t.Error(err)
				}
			})
		}
		put()
		synctest.Wait()
		for range 50 {
			put()
		}
		synctest.Wait()
		if got, err := l.Read(1, 0, 0); err != nil || len(got) != 0 {
			t.Errorf("got %d entries, %v before they are durable", len(got), err)
		}
		release()
		wg.Wait()
		if diff := cmp.Diff([]int{1, 2, 100}, synced); diff != "" {
			t.Error(diff)
		}
		if s := l.Stats(); s.Appends != 52 || s.Entries != 103 || s.Syncs != 3 || s.Rotations != 1 {
			t.Errorf("got stats %+v", s)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	l := openWith(t, wal.Options{FS: waltest.New(), SegmentBytes: 16 << 10, RecentBytes: 4 << 10})
	const writers, each = 8, 100
	firsts := make([][]uint64, writers)
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				first, err := l.Append(t.Context(), fmt.Appendf(nil, "%d %d a", w, i), fmt.Appendf(nil, "%d %d b", w, i))
				if err != nil {
					t.Error(err)
				}
				firsts[w] = append(firsts[w], first)
			}
		})
	}
	for r := range 3 {
		reading.Go(func() {
			for after := uint64(0); after < 2*writers*each; {
				if err := l.Wait(t.Context(), after); err != nil {
					t.Error(err)
					return
				}
				got, err := l.Read(after, 7+r, 0)
				if truncated, ok := errors.AsType[*wal.TruncatedError](err); ok {
					after = truncated.First - 1
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range got {
					if after++; e.Seq != after {
						t.Errorf("got entry %d, want %d", e.Seq, after)
					}
				}
				if r == 0 {
					if err := l.Commit("reader", after); err != nil {
						t.Error(err)
					}
					if _, err := l.Release(after / 2); err != nil {
						t.Error(err)
					}
				}
				l.Segments()
				l.Size()
			}
		})
	}
	writing.Wait()
	reading.Wait()
	for w := range writers {
		if !slices.IsSorted(firsts[w]) {
			t.Errorf("writer %d got numbers out of order", w)
		}
	}
	entries := readAll(t, l)
	for i, e := range entries[:len(entries)-1] {
		a, b := string(e.Payload), string(entries[i+1].Payload)
		if strings.HasSuffix(a, "a") && b != a[:len(a)-1]+"b" {
			t.Errorf("group torn apart: %q, %q", a, b)
		}
	}
}

func TestCloseWaitsForWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := waltest.New()
		l := open(t, fsys)
		_, release := fsys.BlockSyncs()
		done := make(chan error, 2)
		put := func() {
			_, err := l.Append(t.Context(), []byte("a"))
			done <- err
		}
		go put()
		synctest.Wait()
		go put()
		closed := make(chan error, 1)
		synctest.Wait()
		go func() { closed <- l.Close() }()
		synctest.Wait()
		if len(done) > 0 || len(closed) > 0 {
			t.Fatal("something returned before the sync")
		}
		release()
		if err := errors.Join(<-done, <-done, <-closed); err != nil {
			t.Fatal(err)
		}
		if got := len(readAll(t, open(t, fsys))); got != 2 {
			t.Errorf("got %d entries, want 2", got)
		}
	})
}

func TestEverythingIsRefusedAfterClose(t *testing.T) {
	l := open(t, waltest.New())
	appendTo(t, l, "a")
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	_, appendErr := l.Append(t.Context(), []byte("b"))
	_, readErr := l.Read(0, 0, 0)
	_, cursorErr := l.Cursor("a")
	_, releaseErr := l.Release(1)
	for i, err := range []error{
		appendErr, readErr, cursorErr, releaseErr, l.Wait(t.Context(), 0), l.Commit("a", 1), l.Drop("a"), l.Err(),
	} {
		if !errors.Is(err, wal.ErrClosed) {
			t.Errorf("call %d: got %v, want ErrClosed", i, err)
		}
	}
}

func TestFolderIsLocked(t *testing.T) {
	for _, fsys := range []wal.FS{wal.OS(), waltest.New()} {
		o := wal.Options{Dir: t.TempDir(), FS: fsys}
		l := openWith(t, o)
		if _, err := wal.Open(o); !errors.Is(err, wal.ErrLocked) {
			t.Errorf("got %v, want ErrLocked", err)
		}
		l.Close()
		openWith(t, o).Close()
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []wal.Options{{}, {Dir: dir, SegmentBytes: 1}, {Dir: dir, SegmentBytes: 2 << 30}, {Dir: dir, VerifyBytes: -1}} {
		o.FS = waltest.New()
		if _, err := wal.Open(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestReleaseRemovesWholeFiles(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	for i := range 60 {
		appendTo(t, l, lines(i, 1, 500)...)
	}
	before := l.Segments()
	second := before[1]
	if n, err := l.Release(second.Last); n != before[0].Bytes || err != nil {
		t.Fatalf("released %d bytes, %v; want %d", n, err, before[0].Bytes)
	}
	if got := l.First(); got != second.First {
		t.Errorf("got first %d, want %d", got, second.First)
	}
	_, err := l.Read(0, 1, 0)
	var truncated *wal.TruncatedError
	if !errors.Is(err, wal.ErrTruncated) || !errors.As(err, &truncated) || truncated.First != second.First {
		t.Errorf("got %v, want ErrTruncated", err)
	}
	if _, err := l.Release(1 << 60); err != nil {
		t.Fatal(err)
	}
	rest := l.Segments()
	if len(rest) != 1 || rest[0] != before[len(before)-1] || l.Size() != rest[0].Bytes || l.Last() != 60 {
		t.Errorf("the active file did not stay alone: %+v", rest)
	}
	want := texts(readAll(t, l))
	l.Close()
	l = open(t, fsys)
	if got := texts(readAll(t, l)); !slices.Equal(got, want) || l.Last() != 60 {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := appendTo(t, l, "next"); got != 61 {
		t.Errorf("got number %d, want 61", got)
	}
}
