// Package wal is an append-only, checksummed, group-committing log: what Append has returned from is on disk, in order, under a
// sequence number without holes. It keeps bytes and must not know what they mean, decide how long they are kept, or retry
// what the disk refused. Start reading at [Open] and [Log.Append].
//
// A log is a folder of preallocated files, each named after the first sequence number in it, and small cursor files in which
// readers keep how far they have come. FORMAT in frame.go describes the bytes.
package wal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// Limits of a log.
const (
	// MaxEntryBytes is the size of the largest entry: a frame of 32 MiB with nothing else in it.
	MaxEntryBytes = maxFrameBytes - frameHeaderBytes - entryHeaderBytes
	// MaxGroupBytes bounds what one Append may write, framing included.
	MaxGroupBytes = 1 << 30

	minSegmentBytes     = 4 << 10
	maxSegmentBytes     = 1 << 30
	defaultSegmentBytes = 64 << 20
	defaultRecentBytes  = 8 << 20
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrFailed is the end of a log: a write or fsync failed, and what the disk holds since is unknown until the next Open.
	// It wraps the cause. Reading what was durable before goes on working.
	ErrFailed = errors.New("log failed")
	// ErrFull says that the disk had no room for the group. None of it was written, and a later Append may succeed.
	ErrFull = errors.New("no room for the log")
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("log is closed")
	// ErrTruncated says that the entry asked for was released. The error is a *TruncatedError.
	ErrTruncated = errors.New("entries were released")
	// ErrTooLarge says that an entry exceeds MaxEntryBytes or a group MaxGroupBytes.
	ErrTooLarge = errors.New("too large for the log")
	// ErrLocked says that another process, or another Log of this one, has the folder open.
	ErrLocked = errors.New("log is open elsewhere")
)

// TruncatedError is the ErrTruncated of a Read behind the beginning of the log.
type TruncatedError struct {
	// First is the first sequence number that can be read.
	First uint64
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("%v: the log begins at %d", ErrTruncated, e.First)
}

// Is makes the error an ErrTruncated.
func (e *TruncatedError) Is(target error) bool { return target == ErrTruncated }

// CorruptError is damage that a crash does not explain: Open and Read report it and change nothing.
type CorruptError struct {
	// File is the path of the damaged file and Offset the byte at which the damaged frame begins.
	File   string
	Offset int64
	// Reason says what is wrong there.
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}

// Entry is one durable entry of a log.
type Entry struct {
	// Seq counts from 1 without holes.
	Seq uint64
	// Run is the random id of the opening that wrote the entry.
	Run [16]byte
	// Payload belongs to the log and its other readers: it must not be modified.
	Payload []byte
}

// ID identifies the entry for ever, in 32 characters that are safe in a URL. It depends on Run and Seq alone, and because
// every opening has a Run of its own, a torn tail, a restored backup or a cloned disk never gives one ID to two entries.
func (e Entry) ID() string {
	var b [24]byte
	copy(b[:], e.Run[:])
	binary.BigEndian.PutUint64(b[16:], e.Seq)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Options says where a log is and how it behaves. Dir is required; the zero value of the others is the default.
type Options struct {
	// Dir is the folder of the log; it is created if missing. Nothing else should write into it.
	Dir string
	// SegmentBytes is the size that files are preallocated to, between 4 KiB and 1 GiB; 64 MiB by default. A group
	// larger than that gets a larger file.
	SegmentBytes int64
	// RecentBytes bounds the memory in which the newest entries wait for readers; 8 MiB by default, none if negative.
	RecentBytes int
	// VerifyBytes bounds how much of the finished files Open verifies, newest first, so that a long log opens fast.
	// The default, 0, verifies all of them. A file that was left out is verified when Read comes to it.
	// The last file is always verified.
	VerifyBytes int64
	// FS is where files are; the operating system's by default. Tests inject faults here, see package waltest.
	FS FS
	// Logger receives rotations and releases at debug level and failed housekeeping as warnings; silent by default.
	Logger *slog.Logger
	// OnSync is called after every successful fdatasync of entries with its duration and what it made durable (bytes
	// include framing). It runs in the path of Append and must be fast.
	OnSync func(d time.Duration, entries, bytes int)
}

// Recovered says what Open had to repair. The zero value means nothing.
type Recovered struct {
	// File is the path of the last file if a torn or unfinished tail was cut off it, at Offset. Bytes is the length of
	// that tail. None of it had been acknowledged.
	File   string
	Offset int64
	Bytes  int64
	// Cursors holds, with the position that it had, every cursor that pointed behind the end of the log and was moved
	// back to it. That happens when a disk lost what it had confirmed, or after a partial restore.
	Cursors map[string]uint64
}

// Stats are counters since Open.
type Stats struct {
	// Appends counts successful calls of Append, Entries what they wrote, Bytes the same with framing.
	Appends, Entries, Bytes uint64
	// Syncs counts successful fdatasyncs of entries, and SyncTime is their sum.
	Syncs    uint64
	SyncTime time.Duration
	// Rotations counts files begun.
	Rotations uint64
}

// Log is an open log. All methods may be called concurrently.
type Log struct {
	fs           FS
	dir          string
	segmentBytes int64
	recentBytes  int
	verifyBytes  int64
	logger       *slog.Logger
	onSync       func(d time.Duration, entries, bytes int)
	run          [16]byte
	recovered    Recovered
	lock         io.Closer

	// active is the file being written and belongs to whoever leads; nil until the first Append of an empty log.
	active *activeFile
	// shared says that the last write carried several groups. It belongs to whoever leads, too.
	shared bool

	mu       sync.Mutex
	idle     sync.Cond // signalled when nobody leads any more
	leading  bool
	closed   bool
	failed   error // final
	refused  error // until an append succeeds
	queue    []*group
	segments []*segment // by first; the last is the one of active
	last     uint64     // durable
	recent   recent
	advanced chan struct{} // closed and forgotten when last moves or the log closes; nil while nobody waits
	stats    Stats

	releaseMu sync.Mutex // one Release at a time: files go in order

	cursorMu sync.Mutex
	cursors  map[string]*cursor

	closeOnce sync.Once
	closeErr  error
}

// Open opens the log in o.Dir, or begins one, and takes an exclusive lock on it (ErrLocked if somebody else has it).
//
// It drops the torn frame or unfinished group that a crash may leave at the end of the last file; Recovered tells. Damage
// anywhere else, and in the last file damage to what was durable before later frames were written, is a *CorruptError, and
// nothing is changed. A damaged final write cannot be told from a torn one and counts as torn.
// Open needs no room on the disk.
func Open(o Options) (*Log, error) {
	l, err := newLog(o)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := l.fs.MkdirAll(l.dir); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if l.lock, err = l.fs.Lock(filepath.Join(l.dir, lockName)); err != nil {
		return nil, fmt.Errorf("open log %s: %w", l.dir, err)
	}
	if err := l.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open log %s: %w", l.dir, err), l.release())
	}
	return l, nil
}

func newLog(o Options) (*Log, error) {
	if o.Dir == "" {
		return nil, errors.New("no folder given")
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxSegmentBytes {
		return nil, fmt.Errorf("segment size %d is not between %d and %d", o.SegmentBytes, minSegmentBytes, maxSegmentBytes)
	}
	if o.VerifyBytes < 0 {
		return nil, fmt.Errorf("bytes to verify %d are negative", o.VerifyBytes)
	}
	if o.RecentBytes == 0 {
		o.RecentBytes = defaultRecentBytes
	}
	if o.FS == nil {
		o.FS = OS()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{
		fs: o.FS, dir: o.Dir, segmentBytes: o.SegmentBytes, recentBytes: o.RecentBytes, verifyBytes: o.VerifyBytes,
		logger: o.Logger, onSync: o.OnSync, cursors: map[string]*cursor{},
	}
	l.idle.L = &l.mu
	if _, err := rand.Read(l.run[:]); err != nil {
		return nil, fmt.Errorf("choose run id: %w", err)
	}
	return l, nil
}

// Close refuses new calls, lets what is queued become durable, waits for it and unlocks the folder. Waiting readers wake
// with ErrClosed. Calling it again returns the same answer.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.wakeReaders()
	for l.leading {
		l.idle.Wait()
	}
	l.mu.Unlock()
	l.closeOnce.Do(func() {
		if err := l.release(); err != nil {
			l.closeErr = fmt.Errorf("close log %s: %w", l.dir, err)
		}
	})
	return l.closeErr
}

// release closes what the log holds open; the lock comes last.
func (l *Log) release() error {
	var errs []error
	if l.active != nil {
		errs = append(errs, l.active.file.Close())
	}
	l.cursorMu.Lock()
	for _, c := range l.cursors {
		errs = append(errs, c.file.Close())
	}
	l.cursorMu.Unlock()
	errs = append(errs, l.lock.Close())
	return errors.Join(errs...)
}

// Run returns the id of this opening: the Run of every entry appended to it.
func (l *Log) Run() [16]byte { return l.run }

// Recovered returns what Open had to repair.
func (l *Log) Recovered() Recovered { return l.recovered }

// Err is for readiness: nil while appends are expected to succeed, an ErrFailed for ever after a failed write or fsync, what an
// append was refused with (ErrFull, or no file descriptors) until the next that succeeds, and ErrClosed after Close.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failed != nil:
		return l.failed
	case l.closed:
		return ErrClosed
	}
	return l.refused
}

// First returns the first sequence number that can be read; Last()+1 if there is none.
func (l *Log) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first()
}

func (l *Log) first() uint64 {
	if len(l.segments) == 0 {
		return l.last + 1
	}
	return l.segments[0].first
}

// Last returns the last durable sequence number, 0 if nothing was ever appended.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Stats returns counters since Open.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}
