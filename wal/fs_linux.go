package wal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func (f osFile) Sync() error {
	return f.retry("fdatasync", func(fd int) error { return unix.Fdatasync(fd) })
}

func (f osFile) Preallocate(off, n int64) error {
	err := f.retry("fallocate", func(fd int) error { return unix.Fallocate(fd, 0, off, n) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return writeZeros(f, off, n)
	}
	return err
}

// retry makes a system call that a signal may interrupt.
func (f osFile) retry(op string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for failed = unix.EINTR; errors.Is(failed, unix.EINTR); {
			failed = call(int(fd))
		}
	})
	if failed != nil {
		return &os.PathError{Op: op, Path: f.Name(), Err: failed}
	}
	return err
}
