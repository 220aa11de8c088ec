package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"vigil/app"
	"vigil/config"
)

// TestDiskThatIsReallyFull fills a small file system. It needs the right to mount one.
func TestDiskThatIsReallyFull(t *testing.T) {
	t.Parallel()
	for _, onFailure := range []string{"refuse", "allow"} {
		t.Run(onFailure, func(t *testing.T) {
			t.Parallel()
			disk := t.TempDir()
			if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
				t.Skipf("no file system of our own: %v; TestFaultsOfTheDisk has one in memory", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(disk, 0); err != nil {
					t.Error(err)
				}
			})
			f := &faulty{t: t}
			f.start(func() app.Seams { return app.Seams{} }, func(c *config.Config) {
				c.Audit.OnFailure, c.Audit.Log.MaxBytes = onFailure, 8<<20
				// The engine has a disk of its own, else it would be the first to refuse.
				c.Cluster.Embedded.Path, c.Data = filepath.Join(c.Data, "engine"), disk
			})
			before := recorded(t, f.Server)
			filler, err := os.Create(filepath.Join(disk, "filler"))
			if err != nil {
				t.Fatal(err)
			}
			defer filler.Close()
			for err == nil {
				_, err = filler.Write(make([]byte, 64<<10))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			sent := f.sendAll()
			if err := errors.Join(filler.Truncate(0), os.Remove(filler.Name())); err != nil {
				t.Fatal(err)
			}
			f.Must("GET", "/watched/_doc/1", nil) // served again, without a restart
			f.check(before, sent, onFailure)
		})
	}
}
