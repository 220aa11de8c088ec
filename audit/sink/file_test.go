package sink

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/audit"
	"vigil/audit/sinktest"
)

func newFile(t testing.TB, o FileOptions) *File {
	t.Helper()
	o.Name = "file"
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "sub", "audit.json")
	}
	s, err := NewFile(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFileConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		s := newFile(t, FileOptions{})
		dir := filepath.Dir(s.o.Path)
		return sinktest.Harness{
			Sink:      WithFormat(s, Native),
			Delivered: func() []sinktest.Delivery { return deliveries(t, readAll(t, s.o.Path)) },
			Break: func(broken bool) {
				from, to := dir, dir+".away"
				if !broken {
					from, to = to, from
				}
				if err := os.Rename(from, to); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// readAll returns what a sink's file and the ended files beside it hold, oldest first.
func readAll(t testing.TB, path string) []byte {
	t.Helper()
	dir, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, d := range dir { // ended files sort before the current one, because '-' sorts before '.'
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), d.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(d.Name(), ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, b...)
	}
	return all
}

func TestFileRotatesBySizeWithoutLosingALine(t *testing.T) {
	s := newFile(t, FileOptions{MaxBytes: 4 << 10, Compress: true})
	batch := sinktest.Entries(1, 100)
	for part := range slices.Chunk(batch, 5) {
		if err := s.Write(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(readAll(t, s.o.Path), []byte("\n")); got != len(batch) {
		t.Errorf("got %d lines, want %d", got, len(batch))
	}
	names, _, err := s.ended()
	if err != nil || len(names) < 3 {
		t.Fatalf("got %d ended files (%v), want some", len(names), err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".json.gz") {
			t.Errorf("%s is not packed", name)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", name, info.Mode(), err)
		}
	}
}

func TestFileRotatesByAgeAndForgetsOldFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFile(t, FileOptions{MaxAge: time.Hour, Keep: 3})
		for i := range 10 {
			if err := s.Write(t.Context(), sinktest.Entries(uint64(i+1), 1)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) //nolint:forbidigo // the clock of the bubble
		}
		s.cleaning.Wait()
		names, times, err := s.ended()
		if err != nil || len(names) != 3 {
			t.Fatalf("got %d ended files (%v), want 3", len(names), err)
		}
		s.o.KeepFor = 90 * time.Minute
		if err := s.clean(times[names[2]].Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if names, _, _ = s.ended(); len(names) != 1 {
			t.Errorf("got %d ended files, want the one that is young enough", len(names))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFileFollowsItsPath(t *testing.T) {
	s := newFile(t, FileOptions{})
	write := func(seq uint64) {
		t.Helper()
		if err := s.Write(t.Context(), sinktest.Entries(seq, 1)); err != nil {
			t.Fatal(err)
		}
	}
	count := func(path string) int {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	write(1)
	if err := os.Rename(s.o.Path, s.o.Path+".old"); err != nil {
		t.Fatal(err)
	}
	write(2)
	if err := os.Remove(s.o.Path); err != nil {
		t.Fatal(err)
	}
	write(3)
	before := s.f
	s.Reopen()
	write(4)
	if s.f == before {
		t.Error("the file was not opened again")
	}
	if old, now := count(s.o.Path+".old"), count(s.o.Path); old != 1 || now != 2 {
		t.Errorf("got %d and %d lines, want 1 in the renamed file and 2 in the current one", old, now)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileCutsTheLineThatACrashLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.json")
	torn := append([]byte("{\"a\":1}\n"), bytes.Repeat([]byte("x"), 100_000)...)
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newFile(t, FileOptions{Path: path})
	if err := s.Write(t.Context(), []audit.Entry{{Doc: []byte(`{"b":2}`)}}); err != nil {
		t.Fatal(err)
	}
	if got := string(readAll(t, path)); got != "{\"a\":1}\n{\"b\":2}\n" {
		t.Errorf("got %.100q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsNotADevice(t *testing.T) {
	if _, err := NewFile(FileOptions{Name: "f", Path: os.DevNull}); err == nil {
		t.Error("a device was opened")
	}
}

func TestStdoutConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		w := &brittleWriter{}
		s, err := NewStdout("stdout", w)
		if err != nil {
			t.Fatal(err)
		}
		return sinktest.Harness{
			Sink:      WithFormat(s, Native),
			Delivered: func() []sinktest.Delivery { return deliveries(t, w.Bytes()) },
			Break:     func(broken bool) { w.broken = broken },
		}
	})
}

type brittleWriter struct {
	bytes.Buffer

	broken bool
}

func (w *brittleWriter) Write(b []byte) (int, error) {
	if w.broken {
		return 0, errors.New("broken pipe")
	}
	return w.Buffer.Write(b)
}

func TestStdoutThatNobodyReadsDoesNotHoldTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s, err := NewStdout("stdout", w)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextFor(t, time.Second)
		defer cancel()
		if err := s.Write(ctx, sinktest.Entries(1, 1)); err == nil {
			t.Error("a line was delivered that nobody read")
		}
		go func() { _, _ = io.Copy(io.Discard, r) }()
		if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err != nil {
			t.Error(err)
		}
		_ = w.Close()
	})
}
