package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// FS is the little that a log needs of a file system, so that tests can make it fail. Names are paths.
type FS interface {
	// MkdirAll creates the folder and its parents, and makes a new one durable.
	MkdirAll(dir string) error
	// OpenFile opens a file with the flags of os.OpenFile, for its owner alone if it creates it.
	OpenFile(name string, flag int) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	ReadDir(dir string) ([]fs.DirEntry, error)
	// SyncDir makes what was created, renamed and removed in the folder durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock that ends with the process, or returns ErrLocked. It creates the file if needed.
	Lock(name string) (io.Closer, error)
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the content durable, as fdatasync does.
	Sync() error
	Truncate(size int64) error
	// Preallocate takes room for the n bytes at off, so that writing them cannot fill the disk, and extends the file with
	// zeros if they lie behind its end. What the file holds in them stays, or was zero.
	Preallocate(off, n int64) error
}

// OS returns the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) MkdirAll(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := (osFS{}).MkdirAll(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, osFS{}.SyncDir(filepath.Dir(dir)))
}

func (osFS) OpenFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error              { return os.Rename(from, to) }
func (osFS) Remove(name string) error                  { return os.Remove(name) }
func (osFS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return lockFile{f}, nil
}

// lockFile is a file whose lock ends when it is closed. It says so itself: a process that is being started has a copy of the
// descriptor for a moment, and would hold the lock until it is another program.
type lockFile struct{ *os.File }

// Close unlocks.
func (f lockFile) Close() error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.File.Close())
}

type osFile struct{ *os.File }

// writeZeros preallocates where the file system has no call for it.
func writeZeros(f io.WriterAt, off, n int64) error {
	zeros := make([]byte, min(n, pieceBytes))
	for end := off + n; off < end; {
		m, err := f.WriteAt(zeros[:min(int64(len(zeros)), end-off)], off)
		if err != nil {
			return err
		}
		off += int64(m)
	}
	return nil
}

// isFull reports whether err says that there is no room left, on the disk or in a quota.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
