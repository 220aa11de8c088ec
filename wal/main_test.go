package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vigil/wal"
	"vigil/wal/waltest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dir = "/log"

// open opens a log with small files; t closes it.
func open(t testing.TB, fsys wal.FS) *wal.Log {
	t.Helper()
	return openWith(t, wal.Options{FS: fsys})
}

func openWith(t testing.TB, o wal.Options) *wal.Log {
	t.Helper()
	if o.Dir == "" {
		o.Dir = dir
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 4 << 10
	}
	l, err := wal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func appendTo(t testing.TB, l *wal.Log, entries ...string) uint64 {
	t.Helper()
	first, err := l.Append(t.Context(), payloads(entries)...)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func payloads(entries []string) [][]byte {
	var b [][]byte
	for _, e := range entries {
		b = append(b, []byte(e))
	}
	return b
}

// readAll returns what the log holds, and fails unless the sequence numbers are without holes.
func readAll(t testing.TB, l *wal.Log) []wal.Entry {
	t.Helper()
	var all []wal.Entry
	for after := l.First() - 1; ; {
		got, err := l.Read(after, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			if after != l.Last() {
				t.Fatalf("read up to %d, want %d", after, l.Last())
			}
			return all
		}
		for _, e := range got {
			if after++; e.Seq != after {
				t.Fatalf("got entry %d, want %d", e.Seq, after)
			}
		}
		all = append(all, got...)
	}
}

func texts(entries []wal.Entry) []string {
	s := []string{}
	for _, e := range entries {
		s = append(s, string(e.Payload))
	}
	return s
}

// lines returns n entries that say their number and are size bytes long at least.
func lines(from, n, size int) []string {
	var s []string
	for i := range n {
		line := fmt.Sprintf("entry %d ", from+i)
		s = append(s, line+string(bytes.Repeat([]byte{'x'}, max(0, size-len(line)))))
	}
	return s
}

// image returns the files of the log.
func image(t testing.TB, fsys wal.FS) map[string][]byte {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, d := range list {
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		f, err := fsys.OpenFile(filepath.Join(dir, d.Name()), os.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, info.Size())
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		files[d.Name()] = b
	}
	return files
}

// disk returns a file system that holds the files.
func disk(t testing.TB, files map[string][]byte) *waltest.FS {
	t.Helper()
	fsys := waltest.New()
	err := fsys.MkdirAll(dir)
	for name, b := range files {
		f, openErr := fsys.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR)
		if openErr != nil {
			t.Fatal(openErr)
		}
		_, writeErr := f.WriteAt(b, 0)
		err = errors.Join(err, writeErr, f.Sync())
	}
	if err = errors.Join(err, fsys.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	return fsys
}

const firstFile = "00000000000000000001.wal"
