package wal_test

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"

	"vigil/wal"
	"vigil/wal/waltest"
)

func TestFailureIsFinal(t *testing.T) {
	for name, fault := range map[string]func(*waltest.FS){
		"sync":                              func(f *waltest.FS) { f.FailSyncs(syscall.EIO) },
		"write":                             func(f *waltest.FS) { f.FailWrites(0, syscall.EIO) },
		"short write":                       func(f *waltest.FS) { f.FailWrites(40, syscall.EIO) },
		"no space in the middle of a frame": func(f *waltest.FS) { f.FailWrites(40, syscall.ENOSPC) },
	} {
		t.Run(name, func(t *testing.T) {
			fsys := waltest.New()
			l := open(t, fsys)
			appendTo(t, l, "good")
			fault(fsys)
			if _, err := l.Append(t.Context(), []byte("bad"), []byte("worse")); !errors.Is(err, wal.ErrFailed) || errors.Is(err, wal.ErrFull) {
				t.Errorf("got %v, want ErrFailed", err)
			}
			fsys.FailSyncs(nil)
			fsys.FailWrites(0, nil)
			if _, err := l.Append(t.Context(), []byte("late")); !errors.Is(err, wal.ErrFailed) {
				t.Errorf("got %v, want ErrFailed", err)
			}
			if err := l.Err(); !errors.Is(err, wal.ErrFailed) || !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("got %v, want ErrFailed and its cause", err)
			}
			if got := texts(readAll(t, l)); !slices.Equal(got, []string{"good"}) {
				t.Errorf("got %q, want what was durable", got)
			}
			l.Close()
			l = open(t, fsys)
			if got := texts(readAll(t, l)); !slices.Equal(got, []string{"good"}) && !slices.Equal(got, []string{"good", "bad", "worse"}) {
				t.Errorf("after opening again: got %q", got)
			}
			appendTo(t, l, "next")
		})
	}
}

func TestFailureReachesEverybodyInTheQueue(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	entered, release := fsys.BlockSyncs()
	errs := make(chan error, 20)
	var wg sync.WaitGroup
	put := func() {
		wg.Go(func() {
			_, err := l.Append(t.Context(), []byte("a"))
			errs <- err
		})
	}
	put()
	<-entered
	for range 19 {
		put()
	}
	fsys.FailSyncs(syscall.EIO)
	release()
	wg.Wait()
	for range 20 {
		if err := <-errs; !errors.Is(err, wal.ErrFailed) {
			t.Errorf("got %v, want ErrFailed", err)
		}
	}
}

func TestFullDiskRefusesUntilThereIsRoom(t *testing.T) {
	fsys := waltest.New()
	fsys.Limit(3*4<<10 + 100)
	l := open(t, fsys)
	var want []string
	var err error
	for err == nil {
		group := lines(len(want), 2, 300)
		if _, err = l.Append(t.Context(), payloads(group)...); err == nil {
			want = append(want, group...)
		}
	}
	if !errors.Is(err, wal.ErrFull) || errors.Is(err, wal.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if err := l.Err(); !errors.Is(err, wal.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if _, err := l.Append(t.Context(), make([]byte, 3000)); !errors.Is(err, wal.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if used := fsys.Used(); used > 3*4<<10 {
		t.Errorf("%d bytes are used after the refusal", used)
	}

	l.Close()
	l = open(t, fsys) // A full disk does not keep a log from opening.
	if got := texts(readAll(t, l)); !slices.Equal(got, want) {
		t.Fatalf("got %d entries, want %d", len(got), len(want))
	}
	for err = nil; err == nil; {
		if _, err = l.Append(t.Context(), []byte("x")); err == nil {
			want = append(want, "x")
		}
	}
	released := l.Segments()[0]
	if _, err := l.Release(l.Last()); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, lines(len(want), 2, 300)...)
	want = append(want, lines(len(want), 2, 300)...)
	if err := l.Err(); err != nil {
		t.Errorf("got %v after an append", err)
	}
	l.Close()
	got := texts(readAll(t, open(t, fsys)))
	if !slices.Equal(got, want[len(want)-len(got):]) || len(got) >= len(want)-int(released.Last)+1 {
		t.Errorf("got %d entries of %d", len(got), len(want))
	}
}

func TestFullDiskRefusesALargeGroupWhole(t *testing.T) {
	fsys := waltest.New()
	fsys.Limit(1 << 20)
	l := open(t, fsys)
	appendTo(t, l, "a")
	if _, err := l.Append(t.Context(), make([]byte, 2<<20)); !errors.Is(err, wal.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if got := appendTo(t, l, "b"); got != 2 {
		t.Errorf("got number %d, want 2", got)
	}
	l.Close()
	l = open(t, fsys)
	if got := texts(readAll(t, l)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}
