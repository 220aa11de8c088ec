package engine

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vigil/rest"
)

// diskCheck says whether there is room for more documents. It asks at most once a second.
type diskCheck struct {
	min  int64
	free func() (int64, error)
	now  func() time.Time

	mu   sync.Mutex
	last time.Time
	err  error
}

func (d *diskCheck) check() error {
	if d.min < 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if !d.last.IsZero() && now.Sub(d.last).Abs() < time.Second {
		return d.err
	}
	d.last, d.err = now, nil
	// A disk that cannot be asked is not taken for a full one: the log notices when it is.
	if free, err := d.free(); err == nil && free < d.min {
		d.err = errFull
	}
	return d.err
}

var errFull = errors.New("less than the required space is left on the disk")

// blocked is the refusal of a document for want of space.
func blocked(index string) error {
	return rest.Errorf(http.StatusTooManyRequests, "cluster_block_exception",
		"index [%s] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];", index)
}

func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the types differ between systems
}
