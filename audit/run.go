package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vigil/wal"

	"golang.org/x/sync/errgroup"
)

// housekeeping is how often cursors are committed and files released. What was delivered since the last commit is
// delivered again after a crash.
const housekeeping = time.Second

// Run delivers events to the sinks until ctx ends, and returns nil then. Recording does not need it.
func (t *Trail) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range t.sinks {
		g.Go(func() error { return r.run(ctx) })
	}
	g.Go(func() error { return t.keepHouse(ctx) })
	err := g.Wait()
	// What was delivered at last need not be delivered again.
	return errors.Join(err, t.commit())
}

func (t *Trail) keepHouse(ctx context.Context) error {
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	healthy := true
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// In a log that is filling up no window keeps files that nothing else needs.
		err := errors.Join(t.tellFolds(ctx, t.filling(t.log.Size())), t.tellGap(ctx), t.commit(), t.gap.sync(), t.release())
		if err != nil && healthy {
			t.logger.WarnContext(ctx, "audit log housekeeping failed", "error", err)
		}
		healthy = err == nil
	}
}

// commit makes durable how far intents and sinks have come.
func (t *Trail) commit() error {
	var errs []error
	floor := min(t.intents.floor(t.log), t.folds.floor())
	// A gap record that is being written must be found by the next start.
	if _, claimed := t.gap.snapshot(); !claimed {
		errs = append(errs, t.advanceCursor(intentsCursor, floor))
	}
	for _, r := range t.sinks {
		errs = append(errs, t.advanceCursor(r.cursor, r.position()))
	}
	return errors.Join(errs...)
}

func (t *Trail) advanceCursor(name string, seq uint64) error {
	at, err := t.log.Cursor(name)
	if err != nil || seq <= at {
		return err
	}
	return t.log.Commit(name, seq)
}

// release gives up the files that everybody has passed and that are old enough. When the log is filling up, age does not
// count: history is worth less than the next request.
func (t *Trail) release() error {
	passed, err := t.log.Cursor(intentsCursor)
	if err != nil {
		return err
	}
	for _, r := range t.sinks {
		at, err := t.log.Cursor(r.cursor)
		if err != nil {
			return err
		}
		passed = min(passed, at)
	}
	var before uint64
	size := t.log.Size()
	for _, s := range t.log.Segments() {
		young := time.Since(s.Modified) < t.keep
		if s.Last < s.First || s.Last > passed || young && !t.filling(size) {
			break
		}
		before = s.Last + 1
		size -= s.Bytes
	}
	if before == 0 {
		return nil
	}
	_, err = t.log.Release(before)
	return err
}

func (t *Trail) filling(size int64) bool {
	return t.maxBytes > 0 && size > t.maxBytes/fillingOf*fillingAt
}

// Drain ends the windows in which events fold, and waits until the sinks have taken everything that is in the log now.
func (t *Trail) Drain(ctx context.Context) error {
	if err := t.tellFolds(ctx, true); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	last := t.log.Last()
	for _, r := range t.sinks {
		if err := r.reach(ctx, last); err != nil {
			return fmt.Errorf("drain: %w", err)
		}
	}
	return nil
}

// Healthy returns nil if events can be recorded. An ErrFilling is a warning: they still can. Any other error says why not.
func (t *Trail) Healthy() error {
	if err := t.log.Err(); err != nil {
		return err
	}
	// A full log that only sinks are behind that may be skipped makes room when the next event comes.
	if err := t.room(); err != nil && t.releasable() == 0 {
		return err
	}
	if size := t.log.Size(); t.filling(size) {
		return fmt.Errorf("%w: %d of %d bytes", ErrFilling, size, t.maxBytes)
	}
	return nil
}

// Sinks tells how the sinks are doing, in the order in which they were attached.
func (t *Trail) Sinks() []SinkStatus {
	last := t.log.Last()
	list := make([]SinkStatus, 0, len(t.sinks))
	for _, r := range t.sinks {
		list = append(list, r.status(last))
	}
	return slices.Clip(list)
}

// Recovered returns what opening the log had to repair.
func (t *Trail) Recovered() wal.Recovered { return t.log.Recovered() }
