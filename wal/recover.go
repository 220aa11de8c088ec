package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// load reads the folder: segments, the tail of the last one, cursors.
func (l *Log) load() error {
	list, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var cursors []string
	for _, d := range list {
		name := d.Name()
		if strings.HasSuffix(name, tempSuffix) {
			if err := l.fs.Remove(filepath.Join(l.dir, name)); err != nil {
				return fmt.Errorf("remove an unfinished file: %w", err)
			}
			continue
		}
		if first, ok := parseSegmentName(name); ok {
			if err := l.addSegment(d, first); err != nil {
				return err
			}
		}
		if cursor, ok := strings.CutSuffix(name, cursorSuffix); ok {
			cursors = append(cursors, cursor)
		}
	}
	slices.SortFunc(l.segments, func(a, b *segment) int { return strings.Compare(a.path, b.path) })
	// A process that was killed may have left a name that is not durable yet.
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	if err := l.loadFinished(); err != nil {
		return err
	}
	if err := l.loadLast(); err != nil {
		return err
	}
	return l.loadCursors(cursors)
}

// addSegment notes a file of the log and reads its header.
func (l *Log) addSegment(d fs.DirEntry, first uint64) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	s := &segment{
		path: filepath.Join(l.dir, d.Name()), first: first, last: first - 1,
		bytes: info.Size(), modified: info.ModTime(),
	}
	return l.with(s, os.O_RDONLY, func(f File) error {
		if s.bytes < fileHeaderBytes {
			return &CorruptError{File: s.path, Reason: "shorter than a file header"}
		}
		b := make([]byte, fileHeaderBytes)
		if n, err := f.ReadAt(b, 0); n < len(b) {
			return err
		}
		if s.salt, err = decodeFileHeader(b, first); err != nil {
			return corrupt(s.path, 0, err)
		}
		l.segments = append(l.segments, s)
		return nil
	})
}

// with runs fn with the segment's file open.
func (l *Log) with(s *segment, flag int, fn func(File) error) error {
	f, err := l.fs.OpenFile(s.path, flag)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}

// loadFinished verifies the files before the last, newest first, as far as Options.VerifyBytes asks.
func (l *Log) loadFinished() error {
	var verified int64
	for i := len(l.segments) - 2; i >= 0; i-- {
		s := l.segments[i]
		s.last = l.segments[i+1].first - 1
		if l.verifyBytes > 0 && verified >= l.verifyBytes {
			continue
		}
		verified += s.bytes
		err := l.with(s, os.O_RDONLY, func(f File) error {
			sc, err := l.scanFinished(s, f)
			s.marks, s.end = sc.marks, sc.end
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scanFinished verifies a file that must be whole and end where the next begins.
func (l *Log) scanFinished(s *segment, f File) (scan, error) {
	sc, err := scanFile(s, f, s.bytes)
	if err != nil {
		return sc, corrupt(s.path, sc.end, err)
	}
	if sc.next != s.last+1 {
		reason := fmt.Sprintf("entries %d to %d are missing: the next file begins with %d", sc.next, s.last, s.last+1)
		if sc.next > s.last+1 {
			reason = fmt.Sprintf("holds entries up to %d, but the next file begins with %d", sc.next-1, s.last+1)
		}
		return sc, &CorruptError{File: s.path, Offset: sc.end, Reason: reason}
	}
	return sc, nil
}

// loadLast verifies the last file, cuts its torn tail off, makes sure that what is left is durable, and keeps it for writing.
func (l *Log) loadLast() error {
	if len(l.segments) == 0 {
		return nil
	}
	s := l.segments[len(l.segments)-1]
	f, err := l.fs.OpenFile(s.path, os.O_RDWR)
	if err != nil {
		return err
	}
	l.active = &activeFile{file: f, seg: s}
	sc, err := scanFile(s, f, s.bytes)
	var bad *frameError
	if err != nil && !errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if bad != nil {
		if err := l.cutTail(s, f, sc, bad); err != nil {
			return err
		}
	}
	if err := persist(f, sc.base, sc.end); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	s.last, s.end, s.marks = sc.next-1, sc.end, sc.marks
	l.last = s.last
	// Room is asked for again with the first write: a copied file may have lost it.
	l.active.end, l.active.room, l.active.entries = sc.end, sc.end, s.last >= s.first
	return nil
}

// cutTail cuts the last file at the end of the last whole group, unless bad is more than a tear.
func (l *Log) cutTail(s *segment, f File, sc scan, bad *frameError) error {
	r := frameReader{file: f, salt: s.salt, end: s.bytes}
	if later, err := r.laterBase(bad.off); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	} else if later || sc.foreign {
		return corrupt(s.path, bad.off, bad)
	}
	end, err := r.lastNonZero(sc.end)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	// Frames behind the tear may be whole; they must not come back when new ones are written up to them.
	if err := f.Truncate(sc.end); err != nil {
		return err
	}
	l.recovered.File, l.recovered.Offset, l.recovered.Bytes = s.path, sc.end, end-sc.end
	s.bytes = sc.end
	return nil
}

// persist makes the last write durable again by repeating it: it may be in the kernel's memory only, where a failed fsync of
// the process before could have left it without being written ever.
func persist(f File, base, end int64) error {
	buf := make([]byte, min(end-base, pieceBytes))
	for at := base; at < end; {
		n := min(end-at, pieceBytes)
		if got, err := f.ReadAt(buf[:n], at); int64(got) < n {
			return err
		}
		if _, err := f.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += n
	}
	return f.Sync()
}

// scan is what a walk over the frames of a file found.
type scan struct {
	next  uint64 // the sequence number expected next
	end   int64  // of the last whole group
	base  int64  // of the write that brought it
	marks []mark
	// foreign says that the walk ended at a frame whose checksum is right and whose content is not: no tear does that.
	foreign bool

	run    [16]byte
	hasRun bool
	off    int64  // of the next frame
	seq    uint64 // next, with the group that is not finished
}

// scanFile walks over all frames. A *frameError says where and why it ended early; everything before scan.end is good.
func scanFile(s *segment, f File, size int64) (scan, error) {
	sc := scan{next: s.first, seq: s.first, end: fileHeaderBytes, base: fileHeaderBytes, off: fileHeaderBytes, marks: []mark{}}
	r := frameReader{file: f, salt: s.salt, off: fileHeaderBytes, end: size}
	for {
		fr, err := r.next()
		if errors.Is(err, errEnd) {
			return sc, sc.finish(&r)
		}
		if err != nil {
			return sc, err
		}
		if err := sc.add(fr); err != nil {
			sc.foreign = true
			return sc, err
		}
	}
}

// finish looks at what lies behind the last frame.
func (s *scan) finish(r *frameReader) error {
	end, err := r.lastNonZero(r.off)
	switch {
	case err != nil:
		return err
	case end > r.off:
		return &frameError{r.off, "a frame is missing"}
	case s.seq != s.next:
		return &frameError{r.off, "a group is not finished"}
	}
	return nil
}

func (s *scan) add(f frame) error {
	if f.base < s.base || f.base > f.off {
		return &frameError{f.off, fmt.Sprintf("frame of a write at %d", f.base)}
	}
	if f.first != s.seq {
		return &frameError{f.off, fmt.Sprintf("entry %d where %d belongs", f.first, s.seq)}
	}
	switch f.kind {
	case kindRun:
		if len(f.payload) != len(s.run) || f.more || f.count != 0 || s.seq != s.next {
			return &frameError{f.off, "misplaced run frame"}
		}
		copy(s.run[:], f.payload)
		s.hasRun = true
	case kindEntries:
		if err := s.checkEntries(f); err != nil {
			return err
		}
		s.marks = addMark(s.marks, mark{seq: f.first, off: f.off, run: s.run})
		s.seq += uint64(f.count)
	default:
		return &frameError{f.off, fmt.Sprintf("frame of unknown kind %d", f.kind)}
	}
	s.off = f.end
	if !f.more {
		s.next, s.end, s.base = s.seq, f.end, f.base
	}
	return nil
}

func (s *scan) checkEntries(f frame) error {
	if !s.hasRun {
		return &frameError{f.off, "entries before the first run frame"}
	}
	rest, ok := f.payload, f.count > 0
	for range f.count {
		if _, rest, ok = cutEntry(rest); !ok {
			break
		}
	}
	if !ok || len(rest) > 0 {
		return &frameError{f.off, fmt.Sprintf("frame does not hold %d entries", f.count)}
	}
	return nil
}

// corrupt turns a bad frame into the error that names the file; other errors get the file's name only.
func corrupt(path string, off int64, err error) error {
	var bad *frameError
	switch {
	case errors.As(err, &bad):
		return &CorruptError{File: path, Offset: bad.off, Reason: bad.reason}
	case errors.Is(err, errEnd):
		return &CorruptError{File: path, Offset: off, Reason: "a frame is missing"}
	}
	return fmt.Errorf("%s: %w", path, err)
}
