package wal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSuffix = ".wal"
	tempSuffix    = ".tmp"
	lockName      = "lock"
	// markBytes is how far apart the places are at which reading from disk can begin.
	markBytes = 64 << 10
)

// segment is what is known of a file of the log. Its fields are guarded by Log.mu, but for path, salt and first, which never change.
type segment struct {
	path  string
	salt  uint32
	first uint64

	last     uint64 // first-1 while it is empty
	end      int64  // of the durable frames; 0 if not indexed
	bytes    int64  // on disk
	modified time.Time
	marks    []mark // by seq; nil if the file was not verified yet
}

// mark is a frame from which on entries can be read: the one with entry seq as its first, and the run in force there.
type mark struct {
	seq uint64
	off int64
	run [16]byte
}

// addMark notes a place to begin reading at, if the one before is far enough away.
func addMark(marks []mark, m mark) []mark {
	if n := len(marks); n > 0 && m.off-marks[n-1].off < markBytes {
		return marks
	}
	return append(marks, m)
}

// activeFile is the writing side of the last segment.
type activeFile struct {
	file    File
	seg     *segment
	end     int64 // where the next frame goes
	room    int64 // up to here the file is preallocated
	entries bool  // whether it holds any
	run     bool  // whether the run frame of this opening is in it
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// parseSegmentName returns the sequence number that name begins with.
func parseSegmentName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

// rotate begins a new file with room for at least need bytes of frames and makes it the active one.
// Until the file has its name nothing has changed, so that a full disk (ErrFull) or a lack of file descriptors passes. Any
// other failure is final.
func (l *Log) rotate(need int64) error {
	path := filepath.Join(l.dir, segmentName(l.last+1))
	room := max(l.segmentBytes, fileHeaderBytes+need)
	f, err := l.fs.OpenFile(path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR)
	if err != nil {
		return fmt.Errorf("begin file: %w", err)
	}
	next, err := l.prepare(f, room)
	if err != nil {
		err = errors.Join(err, f.Close(), l.fs.Remove(path+tempSuffix))
		if isFull(err) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return l.fail(fmt.Errorf("begin file: %w", err))
	}
	if err := l.fs.Rename(path+tempSuffix, path); err != nil {
		return l.fail(errors.Join(fmt.Errorf("begin file: %w", err), next.file.Close()))
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return l.fail(errors.Join(fmt.Errorf("begin file: %w", err), next.file.Close()))
	}
	next.seg.path = path
	old := l.active
	l.active = next
	l.mu.Lock()
	l.segments = append(l.segments, next.seg)
	l.stats.Rotations++
	l.mu.Unlock()
	l.logger.Debug("log file begun", "file", path, "first", next.seg.first)
	if old != nil {
		l.finish(old)
	}
	return nil
}

// prepare makes a new file a durable one without entries.
func (l *Log) prepare(f File, room int64) (*activeFile, error) {
	var salt [4]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, err
	}
	seg := &segment{
		salt: binary.LittleEndian.Uint32(salt[:]), first: l.last + 1, last: l.last,
		end: fileHeaderBytes, bytes: room, modified: time.Now(), marks: []mark{},
	}
	if err := f.Preallocate(0, room); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(encodeFileHeader(seg.salt, seg.first), 0); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return &activeFile{file: f, seg: seg, end: fileHeaderBytes, room: room}, nil
}

// finish gives back what a full file did not need. If that fails, the zeros stay, and do no harm.
func (l *Log) finish(a *activeFile) {
	err := a.file.Truncate(a.end)
	if err == nil {
		l.mu.Lock()
		a.seg.bytes = a.end
		l.mu.Unlock()
	}
	if err = errors.Join(err, a.file.Close()); err != nil {
		l.logger.Warn("cannot shrink a finished log file", "file", a.seg.path, "error", err)
	}
}

// reserve makes sure that the active file has room up to end. ErrFull if the disk has none.
func (l *Log) reserve(end int64) error {
	a := l.active
	if end <= a.room {
		return nil
	}
	room := max(l.segmentBytes, end)
	if err := a.file.Preallocate(a.room, room-a.room); err != nil {
		if isFull(err) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return l.fail(fmt.Errorf("preallocate: %w", err))
	}
	a.room = room
	l.mu.Lock()
	a.seg.bytes = max(a.seg.bytes, room)
	l.mu.Unlock()
	return nil
}

// SegmentInfo describes a file of the log.
type SegmentInfo struct {
	// First and Last are the sequence numbers in it; Last is First-1 while it is empty.
	First, Last uint64
	// Bytes is its size on disk, preallocated room included.
	Bytes int64
	// Modified is when its newest entry was written.
	Modified time.Time
}

// Segments describes the files of the log, oldest first. The last is the one being written, which Release never removes.
func (l *Log) Segments() []SegmentInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	infos := make([]SegmentInfo, len(l.segments))
	for i, s := range l.segments {
		infos[i] = SegmentInfo{First: s.first, Last: s.last, Bytes: s.bytes, Modified: s.modified}
	}
	return infos
}

// Size returns the bytes that the log's entries take on disk, preallocated room included.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, s := range l.segments {
		n += s.bytes
	}
	return n
}

// Release removes the files whose entries all have a sequence number below before, oldest first, and returns what that
// freed. The file being written stays. Readers that are behind get ErrTruncated from then on.
func (l *Log) Release(before uint64) (bytes int64, err error) {
	l.releaseMu.Lock()
	defer l.releaseMu.Unlock()
	for {
		s, err := l.takeOldest(before)
		if s == nil || err != nil {
			return bytes, err
		}
		if err := l.fs.Remove(s.path); err != nil {
			l.mu.Lock()
			l.segments = slices.Insert(l.segments, 0, s)
			l.mu.Unlock()
			return bytes, fmt.Errorf("release log file: %w", err)
		}
		bytes += l.sizeOf(s)
		// After each, lest a crash keep an older file and lose a newer one.
		if err := l.fs.SyncDir(l.dir); err != nil {
			return bytes, fmt.Errorf("release log file: %w", err)
		}
		l.logger.Debug("log file released", "file", s.path, "last", s.last)
	}
}

func (l *Log) sizeOf(s *segment) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.bytes
}

// takeOldest takes the oldest file off the list if all of it is below before.
func (l *Log) takeOldest(before uint64) (*segment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if len(l.segments) < 2 || l.segments[0].last >= before {
		return nil, nil
	}
	s := l.segments[0]
	l.segments = slices.Delete(l.segments, 0, 1)
	return s, nil
}
