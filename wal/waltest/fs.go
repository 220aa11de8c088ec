// Package waltest helps tests that need a log on a bad disk: a file system in memory that can fail, fill up, stall, and lose
// what was not synced. It is no model of speed. Start reading at [New] and [FS.Crash].
package waltest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vigil/wal"
)

// ErrStopped is what every call on an FS answers after its machine stopped: see Crash, Kill and StopAfter.
var ErrStopped = errors.New("machine stopped")

// FS is a file system in memory for wal.Options.FS. Its methods may be called concurrently.
type FS struct {
	mu      sync.Mutex
	current map[string]*node
	durable map[string]*node // what a crash leaves of current
	pending []dirOp          // the difference between the two, in order
	locks   map[string]bool
	dirs    map[string]bool

	stopped   bool
	stopAfter int // calls; counted down while positive
	limit     int64
	writeErr  error
	writeLeft int64 // bytes until writeErr
	syncErr   error
	blocked   chan struct{} // closed by the release of BlockSyncs; nil while syncs run
	entered   chan struct{}
}

// dirOp is a change of a folder: name now means n, or nothing.
type dirOp struct {
	name string
	n    *node
	from string // the old name that goes with a rename
}

// New returns an empty file system with a root.
func New() *FS {
	return &FS{
		current: map[string]*node{}, durable: map[string]*node{},
		locks: map[string]bool{}, dirs: map[string]bool{},
	}
}

// FailWrites lets n more bytes be written and then answers err to every write; the write that crosses the border is short.
// A nil err heals.
func (f *FS) FailWrites(n int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writeLeft, f.writeErr = n, err
}

// FailSyncs answers err to every sync of a file, which then stays as volatile as before. A nil err heals.
func (f *FS) FailSyncs(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncErr = err
}

// BlockSyncs holds every sync of a file back until release is called. Something arrives on entered, which holds one, when
// a sync is held.
func (f *FS) BlockSyncs() (entered <-chan struct{}, release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	blocked, in := make(chan struct{}), make(chan struct{}, 1)
	f.blocked, f.entered = blocked, in
	return in, sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.blocked == blocked {
			f.blocked = nil
		}
		close(blocked)
	})
}

// Limit makes the disk n bytes large, preallocated room included; 0 is no limit. What exceeds it fails with ENOSPC.
func (f *FS) Limit(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = n
}

// Used returns the bytes that files occupy, preallocated room included.
func (f *FS) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used()
}

func (f *FS) used() int64 {
	var n int64
	for _, node := range f.current {
		n += node.allocated
	}
	return n
}

// StopAfter stops the machine in the middle of the nth call from now that changes something: from then on everything fails with
// ErrStopped. Crash tells what is left.
func (f *FS) StopAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopAfter = n
}

// change counts a call that changes something. stopping is true for the one in which the machine stops.
func (f *FS) change() (stopping bool, err error) {
	if f.stopped {
		return false, ErrStopped
	}
	if f.stopAfter > 0 {
		f.stopAfter--
		f.stopped = f.stopAfter == 0
	}
	return f.stopped, nil
}

// MkdirAll implements wal.FS. Folders are durable at once.
func (f *FS) MkdirAll(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return ErrStopped
	}
	f.dirs[filepath.Clean(dir)] = true
	return nil
}

// OpenFile implements wal.FS. Of the flags it knows os.O_CREATE and os.O_TRUNC.
func (f *FS) OpenFile(name string, flag int) (wal.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil, ErrStopped
	}
	name = filepath.Clean(name)
	n := f.current[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n == nil:
		if !f.dirs[filepath.Dir(name)] {
			return nil, &fs.PathError{Op: "open", Path: filepath.Dir(name), Err: fs.ErrNotExist}
		}
		if _, err := f.change(); err != nil {
			return nil, err
		}
		n = newNode()
		f.apply(dirOp{name: name, n: n})
	case flag&os.O_TRUNC != 0:
		if _, err := f.change(); err != nil {
			return nil, err
		}
		n.truncate(0)
	}
	return &file{fs: f, name: name, node: n}, nil
}

// Rename implements wal.FS.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	n := f.current[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if _, err := f.change(); err != nil {
		return err
	}
	f.apply(dirOp{name: to, n: n, from: from})
	return nil
}

// Remove implements wal.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = filepath.Clean(name)
	if f.current[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if _, err := f.change(); err != nil {
		return err
	}
	f.apply(dirOp{name: name})
	return nil
}

func (f *FS) apply(op dirOp) {
	op.applyTo(f.current)
	f.pending = append(f.pending, op)
}

func (op dirOp) applyTo(names map[string]*node) {
	delete(names, op.from)
	if op.n == nil {
		delete(names, op.name)
		return
	}
	names[op.name] = op.n
}

// ReadDir implements wal.FS.
func (f *FS) ReadDir(dir string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil, ErrStopped
	}
	dir = filepath.Clean(dir)
	if !f.dirs[dir] {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	}
	var list []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(f.current)) {
		if filepath.Dir(name) == dir {
			n := f.current[name]
			list = append(list, fs.FileInfoToDirEntry(info{filepath.Base(name), n.size, n.modified}))
		}
	}
	return list, nil
}

// SyncDir implements wal.FS. It fails as FailSyncs says.
func (f *FS) SyncDir(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	stopping, err := f.change()
	switch {
	case err != nil:
		return err
	case stopping:
		return ErrStopped
	case f.syncErr != nil:
		return f.syncErr
	}
	// Folders share one journal here, as they do on most disks.
	for _, op := range f.pending {
		op.applyTo(f.durable)
	}
	f.pending = nil
	return nil
}

// Lock implements wal.FS.
func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = filepath.Clean(name)
	switch {
	case f.stopped:
		return nil, ErrStopped
	case f.locks[name]:
		return nil, fmt.Errorf("lock %s: %w", name, wal.ErrLocked)
	}
	f.locks[name] = true
	return &lock{fs: f, name: name}, nil
}

type lock struct {
	fs   *FS
	name string
}

func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}

type info struct {
	name     string
	size     int64
	modified time.Time
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o600 }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }
