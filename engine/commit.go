package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"vigil/rest"
	"vigil/wal"
)

// maxFlush is the size in bytes from which a flush takes no more entries.
const maxFlush = 16 << 20

// errClosed is what writers get after Close.
var errClosed = errors.New("engine is closed")

// flush is a group of entries that become durable, and then visible, together. Its done is closed when that has happened or
// has failed with err.
type flush struct {
	entries [][]byte
	publish []func() // run when durable
	settle  []func() // run after that, under mu; may be nil
	bytes   int
	done    chan struct{}
	err     error
}

func (f *flush) add(entry []byte) {
	f.entries = append(f.entries, entry)
	f.bytes += len(entry)
}

// wait returns when the flush is durable and visible. It does not listen to a context: the write happens anyway.
func (f *flush) wait() error {
	<-f.done
	return f.err
}

// enqueue puts an entry at the end of what is to be logged. The caller holds mu and has applied the entry to what is
// prepared (next, or a store's pending part) in the same critical section: so the order of the log is the order in which
// writers saw each other. publish makes the entry visible; it runs after the entry is durable, in the same order. settle,
// if not nil, runs after that and under mu.
//
// This is the whole path of a write: parse without a lock, decide under mu against what is prepared, enqueue, unlock, wait
// for the flush. One goroutine takes what queued meanwhile, appends it to the log with one fsync and publishes it, so
// writers share fsyncs and never wait for each other's.
func (e *Engine) enqueue(entry []byte, publish, settle func()) *flush {
	var f *flush
	if n := len(e.queue); n > 0 && e.queue[n-1].bytes < maxFlush {
		f = e.queue[n-1]
	} else {
		f = &flush{done: make(chan struct{})}
		e.queue = append(e.queue, f)
		e.newest = f
	}
	f.add(entry)
	f.publish = append(f.publish, publish)
	if settle != nil {
		f.settle = append(f.settle, settle)
	}
	e.signal()
	return f
}

// settled waits until what is prepared at this moment is visible. A failure is its writer's to tell.
func (e *Engine) settled() {
	e.mu.Lock()
	f := e.newest
	e.mu.Unlock()
	if f != nil {
		<-f.done
	}
}

func (e *Engine) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// begin must be called under mu before anything is prepared: it refuses writers after Close and logs the opening once.
func (e *Engine) begin() error {
	if e.closing {
		return errClosed
	}
	if e.next.opening > e.base {
		return nil
	}
	_, err := e.prepareChanges([]change{{Cluster: e.next.uuid}, {Open: e.base + 1}})
	return err
}

// prepareChanges applies changes to the prepared metadata and enqueues them. The caller holds mu.
func (e *Engine) prepareChanges(changes []change) (*flush, error) {
	next, err := e.next.with(changes)
	if err != nil {
		return nil, err
	}
	entry, err := encodeMeta(changes)
	if err != nil {
		return nil, err
	}
	if len(entry) > wal.MaxEntryBytes {
		return nil, tooLarge("metadata", len(entry))
	}
	e.next = next
	return e.enqueue(entry, func() { e.publishChanges(changes, next) }, nil), nil
}

// publishChanges makes the metadata visible and tells whose.
func (e *Engine) publishChanges(changes []change, next *state) {
	var after []func()
	if e.opts.OnChange != nil {
		before := e.state.Load()
		for i := range changes {
			if name := changes[i].index(before); name != "" {
				after = append(after, e.opts.OnChange(name, changes[i].Mapping != nil))
			}
		}
	}
	e.state.Store(next)
	for _, f := range after {
		if f != nil {
			f()
		}
	}
}

// index returns the name of the index that a change is about, "" if it is about none that is there.
func (c *change) index(s *state) string {
	uuid := c.Drop
	switch {
	case c.Put != nil:
		uuid = c.Put.UUID
	case c.Mapping != nil:
		uuid = c.Mapping.UUID
	}
	if x := s.byUUID(uuid); uuid != "" && x != nil {
		return x.Name
	}
	return ""
}

// change lets decide look at the prepared metadata and makes the changes it returns durable and visible. No changes: nothing
// to do.
func (e *Engine) change(decide func(s *state) ([]change, error)) error {
	f, err := e.tryChange(decide)
	if err != nil || f == nil {
		return err
	}
	return logRefused(f.wait())
}

func (e *Engine) tryChange(decide func(s *state) ([]change, error)) (*flush, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.begin(); err != nil {
		return nil, logRefused(err)
	}
	changes, err := decide(e.next)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	return e.prepareChanges(changes)
}

// commit writes what is queued until the engine closes.
func (e *Engine) commit() {
	defer close(e.committed)
	for {
		f, closing := e.take()
		if f == nil {
			if closing {
				if e.snapshot != nil {
					e.noteSnapshot(<-e.snapshot)
				}
				return
			}
			<-e.wake
			continue
		}
		first, err := e.log.Append(context.Background(), f.entries...)
		if err != nil {
			e.rollback(f, err)
			continue
		}
		for _, publish := range f.publish {
			publish()
		}
		e.logged = first + uint64(len(f.entries)) - 1
		e.settle(f)
		close(f.done)
		e.sinceCompact += int64(f.bytes)
		select {
		case err := <-e.snapshot: // never, if none is being written
			e.noteSnapshot(err)
		default:
		}
		if e.sinceCompact >= e.opts.MaxLog && e.snapshot == nil {
			e.startSnapshot()
		}
	}
}

func (e *Engine) settle(f *flush) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, settle := range f.settle {
		settle()
	}
}

func (e *Engine) take() (f *flush, closing bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		return nil, e.closing
	}
	f = e.queue[0]
	e.queue = e.queue[1:]
	return f, e.closing
}

// rollback gives up a flush that could not be logged and everything that was decided after it.
func (e *Engine) rollback(f *flush, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	lost := append([]*flush{f}, e.queue...)
	e.queue = nil
	e.next = e.state.Load()
	for _, x := range e.next.indices {
		x.docs.rollback()
	}
	for _, f := range lost {
		f.err = err
		close(f.done)
	}
	e.opts.Logger.Error("log refused a write", "error", err)
}

// logRefused words what the log or a closed engine answered.
func logRefused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wal.ErrFull):
		return &rest.Error{
			Status: http.StatusTooManyRequests, Type: "cluster_block_exception",
			Reason: "blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];",
			Cause:  err,
		}
	case errors.Is(err, wal.ErrTooLarge):
		return rest.Errorf(http.StatusRequestEntityTooLarge, "illegal_argument_exception", "the operation is too large for the log: %w", err)
	}
	return &rest.Error{
		Status: http.StatusServiceUnavailable, Type: "unavailable_shards_exception", Reason: "the write is not durable",
		Cause: fmt.Errorf("write log: %w", err),
	}
}

func tooLarge(what string, n int) error {
	return rest.Errorf(http.StatusRequestEntityTooLarge, "illegal_argument_exception",
		"%s of %d bytes exceeds the limit of %d", what, n, wal.MaxEntryBytes)
}
