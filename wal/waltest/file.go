package waltest

import (
	"io/fs"
	"syscall"
)

// file is an open file; it outlives its name, as on Unix.
type file struct {
	fs   *FS
	name string
	node *node
}

func (f *file) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.stopped {
		return 0, ErrStopped
	}
	return f.node.readAt(b, off)
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	stopping, err := f.fs.change()
	if err != nil {
		return 0, err
	}
	if stopping {
		b, err = b[:len(b)/2], ErrStopped
	}
	if f.fs.writeErr != nil && int64(len(b)) > f.fs.writeLeft {
		b, err = b[:f.fs.writeLeft], f.fail("write", f.fs.writeErr)
	}
	if e := f.allocate(off + int64(len(b))); e != nil {
		return 0, e
	}
	f.fs.writeLeft -= int64(len(b))
	f.node.writeAt(b, off)
	return len(b), err
}

// allocate takes room up to end.
func (f *file) allocate(end int64) error {
	grow := end - f.node.allocated
	if grow <= 0 {
		return nil
	}
	if f.fs.limit > 0 && f.fs.used()+grow > f.fs.limit {
		return f.fail("allocate", syscall.ENOSPC)
	}
	f.node.allocated = end
	return nil
}

func (f *file) Preallocate(off, n int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if stopping, err := f.fs.change(); err != nil || stopping {
		return ErrStopped
	}
	if err := f.allocate(off + n); err != nil {
		return err
	}
	f.node.size = max(f.node.size, off+n)
	return nil
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.fs.change(); err != nil {
		return err
	}
	f.node.truncate(size)
	return nil
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for f.fs.blocked != nil {
		blocked := f.fs.blocked
		select {
		case f.fs.entered <- struct{}{}:
		default:
		}
		f.fs.mu.Unlock()
		<-blocked
		f.fs.mu.Lock()
	}
	stopping, err := f.fs.change()
	switch {
	case err != nil:
		return err
	case stopping:
		return ErrStopped
	case f.fs.syncErr != nil:
		return f.fail("sync", f.fs.syncErr)
	}
	f.node.sync()
	return nil
}

func (f *file) Close() error { return nil }
