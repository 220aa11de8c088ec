package wal

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A process that is being started has a copy of every descriptor until it is another program. The copy must not keep the lock.
func TestALockEndsWithItsOwner(t *testing.T) {
	name := filepath.Join(t.TempDir(), lockName)
	held, err := osFS{}.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	dup, err := syscall.Dup(int(held.(lockFile).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Close(dup); err != nil {
			t.Error(err)
		}
	}()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := osFS{}.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
