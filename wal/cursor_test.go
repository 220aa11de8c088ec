package wal_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"vigil/wal"
	"vigil/wal/waltest"

	"github.com/google/go-cmp/cmp"
)

func TestCursorsSurviveReopening(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	appendTo(t, l, lines(1, 9, 0)...)
	for seq := range uint64(10) {
		if err := errors.Join(l.Commit("index", seq), l.Commit("s3.eu-west_1", seq/2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.Commit("gone", 3), l.Drop("gone"), l.Drop("never")); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"index": 9, "s3.eu-west_1": 4}
	for range 2 {
		if diff := cmp.Diff(want, l.Cursors()); diff != "" {
			t.Error(diff)
		}
		if got, err := l.Cursor("gone"); got != 0 || err != nil {
			t.Errorf("got %d, %v for a dropped cursor", got, err)
		}
		l.Close()
		l = open(t, fsys)
	}
}

func TestCommitRefusesWhatCannotBe(t *testing.T) {
	l := open(t, waltest.New())
	appendTo(t, l, lines(1, 5, 0)...)
	if err := l.Commit("a", 3); err != nil {
		t.Fatal(err)
	}
	for name, seq := range map[string]uint64{"a": 2, "b": 6, "": 1, "../x": 1, "a/b": 1, ".a": 1, "é": 1, strings.Repeat("a", 101): 1} {
		if err := l.Commit(name, seq); err == nil {
			t.Errorf("Commit(%q, %d) was accepted", name, seq)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"a": 3}, l.Cursors()); diff != "" {
		t.Error(diff)
	}
	if _, err := l.Cursor("../x"); err == nil {
		t.Error("Cursor accepted a bad name")
	}
	if err := l.Drop("../x"); err == nil {
		t.Error("Drop accepted a bad name")
	}
}

func TestFailedCommitMayBeRepeated(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	appendTo(t, l, lines(1, 5, 0)...)
	fsys.FailSyncs(syscall.EIO)
	if err := l.Commit("a", 1); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v, want EIO", err)
	}
	if got := l.Cursors(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	fsys.FailSyncs(nil)
	if err := l.Commit("a", 1); err != nil {
		t.Fatal(err)
	}
	fsys.FailWrites(10, syscall.EIO)
	if err := l.Commit("a", 2); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v, want EIO", err)
	}
	if got, _ := l.Cursor("a"); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	fsys.FailWrites(0, nil)
	if err := errors.Join(l.Commit("a", 2), l.Err()); err != nil {
		t.Fatal(err)
	}
	if got, _ := l.Cursor("a"); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
}

func TestCrashedCommitIsOldOrNew(t *testing.T) {
	for seed := range uint64(200) {
		fsys := waltest.New()
		l := open(t, fsys)
		appendTo(t, l, lines(1, 5, 0)...)
		if err := errors.Join(l.Commit("a", 1), l.Commit("a", 2)); err != nil {
			t.Fatal(err)
		}
		fsys.StopAfter(1 + int(seed%2))
		if err := l.Commit("a", 5); !errors.Is(err, waltest.ErrStopped) {
			t.Fatalf("got %v, want ErrStopped", err)
		}
		l = open(t, fsys.Crash(rand.New(rand.NewPCG(seed, 0))))
		if got, err := l.Cursor("a"); err != nil || got != 2 && got != 5 {
			t.Fatalf("seed %d: got %d, %v", seed, got, err)
		}
	}
}

func TestDamagedCursorIsReported(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	appendTo(t, l, lines(1, 5, 0)...)
	if err := errors.Join(l.Commit("a", 1), l.Commit("a", 2)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	files := image(t, fsys)
	for _, at := range []int{20, 4096 + 20} {
		files["a.cursor"][at] ^= 1
	}
	_, err := wal.Open(wal.Options{Dir: dir, FS: disk(t, files)})
	var corrupt *wal.CorruptError
	if !errors.As(err, &corrupt) || corrupt.File != dir+"/a.cursor" {
		t.Errorf("got %v, want a CorruptError", err)
	}
}

func TestCursorBehindTheEndIsMovedBack(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	appendTo(t, l, lines(1, 5, 0)...)
	short := image(t, fsys)
	appendTo(t, l, lines(6, 5, 0)...)
	if err := l.Commit("a", 9); err != nil {
		t.Fatal(err)
	}
	l.Close()
	files := image(t, fsys)
	files[firstFile] = short[firstFile]
	fsys = disk(t, files)
	l = open(t, fsys)
	want := wal.Recovered{Cursors: map[string]uint64{"a": 9}}
	if diff := cmp.Diff(want, l.Recovered()); diff != "" {
		t.Error(diff)
	}
	appendTo(t, l, lines(6, 9, 0)...)
	l.Close()
	if got, err := open(t, fsys).Cursor("a"); got != 5 || err != nil {
		t.Errorf("got %d, %v; want 5", got, err)
	}
}
