package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"vigil/audit"
)

// FileOptions says where the lines go. Name and Path are required.
type FileOptions struct {
	Name string
	Path string
	// MaxBytes ends a file before it would grow beyond that; 100 MiB by default.
	MaxBytes int64
	// MaxAge ends a file at every multiple of it since 1970 UTC; 24 h, midnight, by default.
	MaxAge time.Duration
	// Keep is how many ended files stay and KeepFor for how long; 0 means no bound.
	Keep    int
	KeepFor time.Duration
	// Compress packs ended files with gzip.
	Compress bool
	// Logger is silent by default.
	Logger *slog.Logger
}

// File appends events to a file, one line of JSON each, readable by its owner alone. What Write returned from is on the disk.
// A file that somebody renamed or removed is begun anew. Ended files have the time of their end in their name.
type File struct {
	o        FileOptions
	f        *os.File
	size     int64
	period   int64
	reopen   atomic.Bool
	cleaning sync.WaitGroup
	oneClean sync.Mutex
}

// NewFile returns the sink. It makes the folder and opens the file, so that what cannot work is known at the start.
func NewFile(o FileOptions) (*File, error) {
	if o.Path == "" || o.Name == "" {
		return nil, errors.New("file sink: no path or no name")
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 100 << 20
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &File{o: o}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("file sink %s: %w", o.Name, err)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("file sink %s: %w", o.Name, err)
	}
	s.cleanUp()
	return s, nil
}

// Name implements [audit.Sink].
func (s *File) Name() string { return s.o.Name }

// Reopen makes the next Write begin with opening the file. It may be called at any time, by anybody.
func (s *File) Reopen() { s.reopen.Store(true) }

// Close implements [audit.Sink]. It waits for what is being packed.
func (s *File) Close() error {
	s.cleaning.Wait()
	return s.close()
}

func (s *File) close() error {
	if s.f == nil {
		return nil
	}
	f := s.f
	s.f = nil
	return f.Close()
}

// Write appends a batch, all of it or nothing as far as the disk allows, and brings it to the disk.
func (s *File) Write(ctx context.Context, batch []audit.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := lines(batch)
	if err := s.ready(int64(len(b))); err != nil {
		return fmt.Errorf("file sink: %w", err)
	}
	_, err := s.f.Write(b)
	if err != nil {
		// A part of a batch would make its events come twice.
		return fmt.Errorf("file sink: %w", errors.Join(err, s.f.Truncate(s.size), s.close()))
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("file sink: %w", errors.Join(err, s.close()))
	}
	s.size += int64(len(b))
	return nil
}

// ready opens the file if it is not the one at the path any more, and ends it if it is full or old.
func (s *File) ready(n int64) error {
	if s.f != nil && (s.reopen.Swap(false) || s.moved()) {
		if err := s.close(); err != nil {
			return err
		}
	}
	if s.f == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	full := s.size+n > s.o.MaxBytes
	if s.size > 0 && (full || s.period != s.periodOf(time.Now())) {
		return s.rotate()
	}
	s.period = s.periodOf(time.Now())
	return nil
}

// moved reports whether the path leads to another file than the open one, or to none.
func (s *File) moved() bool {
	at, err := os.Stat(s.o.Path)
	if err != nil {
		return true
	}
	open, err := s.f.Stat()
	return err != nil || !os.SameFile(at, open)
}

func (s *File) periodOf(t time.Time) int64 { return t.UnixNano() / int64(s.o.MaxAge) }

// open opens the file and cuts off the line that a crash left unfinished; its batch comes again.
func (s *File) open() error {
	f, err := os.OpenFile(s.o.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", s.o.Path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	size, err := wholeLines(f, info.Size())
	if err == nil && size < info.Size() {
		err = f.Truncate(size)
	}
	if err == nil {
		err = syncDir(filepath.Dir(s.o.Path))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.f, s.size, s.period = f, size, s.periodOf(time.Now())
	if size > 0 {
		s.period = s.periodOf(info.ModTime())
	}
	return nil
}

// wholeLines is the length of a file up to its last line feed.
func wholeLines(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], size-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return size - n + int64(i) + 1, nil
		}
		size -= n
	}
	return 0, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
