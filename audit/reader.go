package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vigil/wal"
)

// How long a reader waits before it offers a batch again.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// reader takes the log to one sink.
type reader struct {
	t      *Trail
	name   string
	cursor string
	sink   Sink
	SinkOptions
	dead *deadLetters

	turn chan struct{} // holds one while somebody writes to the sink

	mu       sync.Mutex
	pos      uint64 // delivered or passed over
	offered  uint64 // what the sink may have had before, in this process or the last
	waiting  time.Time
	rejected uint64
	skipped  uint64
	owed     []Entry // gap records that the log let go of before they were delivered
	err      error
	moved    chan struct{}
	cancel   context.CancelCauseFunc // of the write that goes on, or nil
}

// Attach adds a sink, which Close will close. A new sink begins with the oldest event in the log, a known one where it stood.
// Attach comes before Run.
func (t *Trail) Attach(s Sink, o SinkOptions) error {
	r := &reader{
		t: t, name: s.Name(), cursor: "sink." + s.Name(), sink: s, SinkOptions: o,
		moved: make(chan struct{}), turn: make(chan struct{}, 1),
	}
	for _, other := range t.sinks {
		if other.name == r.name {
			return fmt.Errorf("attach sink %s: there is one of this name", r.name)
		}
	}
	if r.BatchEntries <= 0 {
		r.BatchEntries = 1000
	}
	if r.BatchBytes <= 0 {
		r.BatchBytes = 4 << 20
	}
	if r.DeadLetterBytes <= 0 {
		r.DeadLetterBytes = 1 << 30
	}
	pos, err := t.log.Cursor(r.cursor)
	if err != nil {
		return fmt.Errorf("attach sink %s: %w", r.name, err)
	}
	r.offered = t.log.Last()
	// The cursor is made now, because a full disk would not let it be made later.
	r.pos = max(pos, t.log.First()-1)
	if err := t.log.Commit(r.cursor, r.pos); err != nil {
		return fmt.Errorf("attach sink %s: %w", r.name, err)
	}
	if err := r.readOwed(); err != nil {
		return fmt.Errorf("attach sink %s: %w", r.name, err)
	}
	r.dead = &deadLetters{dir: t.dir, name: r.name, limit: r.DeadLetterBytes}
	t.sinks = append(t.sinks, r)
	return nil
}

// run delivers until ctx ends.
func (r *reader) run(ctx context.Context) error {
	for failures := 0; ; {
		if err := r.t.log.Wait(ctx, r.position()); err != nil {
			return r.stopped(ctx, err)
		}
		began := time.Now()
		err := r.offer(ctx)
		r.note(err)
		if err == nil {
			if failures > 0 {
				r.t.logger.InfoContext(ctx, "sink takes events again", "sink", r.name, "attempts", failures+1)
			}
			failures = 0
			r.gather(ctx, began)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, wal.ErrClosed) {
			return r.stopped(ctx, err)
		}
		if failures == 0 {
			r.t.logger.WarnContext(ctx, "sink does not take events", "sink", r.name, "error", err)
		}
		r.t.metrics.retries.WithLabelValues(r.name).Inc()
		select {
		case <-time.After(backoff(failures)):
		case <-ctx.Done():
			return nil
		}
		failures++
	}
}

// gather lets the next batch grow until the spacing has passed since the last one began.
func (r *reader) gather(ctx context.Context, began time.Time) {
	left := r.Spacing - time.Since(began)
	if left <= 0 || r.t.log.Last()-r.position() >= uint64(r.BatchEntries) {
		return
	}
	wait := time.NewTimer(left)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

func (r *reader) stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("sink %s: %w", r.name, err)
}

// backoff doubles, with a quarter of jitter lest many gateways come at once.
func backoff(failures int) time.Duration {
	d := lastRetry
	if failures < 16 {
		d = min(firstRetry<<failures, lastRetry)
	}
	return d - rand.N(d/4)
}

// take waits for the turn to write to the sink.
func (r *reader) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reader) leave() { <-r.turn }

// interrupt ends the write that goes on.
func (r *reader) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel(errInterrupted)
	}
}

// offer delivers the next batch in the reader's turn, unless a full log interrupts it.
func (r *reader) offer(ctx context.Context) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.mu.Lock()
	r.cancel = cancel
	r.mu.Unlock()
	err := r.payOwed(ctx)
	if err == nil {
		err = r.deliverSome(ctx, r.position())
	}
	r.mu.Lock()
	r.cancel = nil
	r.mu.Unlock()
	if err != nil && errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	return err
}

// deliverSome offers the next batch behind after.
func (r *reader) deliverSome(ctx context.Context, after uint64) error {
	entries, err := r.t.log.Read(after, r.BatchEntries, r.BatchBytes)
	if released, ok := errors.AsType[*wal.TruncatedError](err); ok {
		// Somebody removed files by hand: waiting would not bring them back.
		r.t.logger.ErrorContext(ctx, "audit log files are missing", "sink", r.name, "after", after, "first", released.First)
		r.advance(released.First - 1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	last := entries[len(entries)-1].Seq
	batch, err := r.deliverable(entries)
	if err != nil {
		return err
	}
	if len(batch) > 0 {
		r.offering(batch)
		if err := r.write(ctx, batch); err != nil {
			return err
		}
	}
	r.advance(last)
	return nil
}

// deliverable returns the entries that are the sink's.
func (r *reader) deliverable(entries []wal.Entry) ([]Entry, error) {
	batch, err := deliverable(entries)
	if err != nil || len(r.Categories) == 0 {
		return batch, err
	}
	return slices.DeleteFunc(batch, func(e Entry) bool {
		return e.Category != Gap && !slices.Contains(r.Categories, e.Category)
	}), nil
}

func deliverable(entries []wal.Entry) ([]Entry, error) {
	batch := make([]Entry, 0, len(entries))
	for _, e := range entries {
		d, err := decodeEntry(e.Payload)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		if d.kind == kindEvent || d.kind == kindGap || d.kind == kindSkip || d.kind == kindFold {
			batch = append(batch, Entry{Seq: e.Seq, ID: e.ID(), Time: d.time, Category: d.category, Doc: d.doc})
		}
	}
	return batch, nil
}

func (r *reader) write(ctx context.Context, batch []Entry) error {
	err := r.sink.Write(ctx, batch)
	rejected, ok := errors.AsType[*RejectedError](err)
	if !ok {
		return err
	}
	if err := r.dead.add(rejected.Rejections); err != nil {
		return err
	}
	r.t.logger.WarnContext(ctx, "sink rejected events", "sink", r.name, "file", r.dead.path(), "error", rejected)
	r.t.metrics.rejected.WithLabelValues(r.name).Add(float64(len(rejected.Rejections)))
	r.mu.Lock()
	r.rejected += uint64(len(rejected.Rejections))
	r.mu.Unlock()
	return nil
}

func (r *reader) position() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pos
}

// offering notes a batch that goes to the sink now, and marks what of it may have gone there before.
func (r *reader) offering(batch []Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = batch[0].Time
	for i := range batch {
		batch[i].Again = batch[i].Seq <= r.offered
	}
	r.offered = max(r.offered, batch[len(batch)-1].Seq)
}

func (r *reader) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *reader) advance(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A write that a skip did not wait for ends behind it.
	r.pos, r.waiting = max(r.pos, seq), time.Time{}
	close(r.moved)
	r.moved = make(chan struct{})
}

// reach waits until everything up to seq is delivered.
func (r *reader) reach(ctx context.Context, seq uint64) error {
	for {
		r.mu.Lock()
		pos, moved, err := r.pos, r.moved, r.err
		r.mu.Unlock()
		if pos >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("sink %s has %d entries to go: %w", r.name, seq-pos, ctx.Err()), err)
		}
	}
}

func (r *reader) status(last uint64) SinkStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := SinkStatus{Name: r.name, Lag: last - min(r.pos, last), Rejected: r.rejected, Skipped: r.skipped, Err: r.err}
	if !r.waiting.IsZero() {
		s.Behind = max(time.Since(r.waiting), 0)
	}
	return s
}
