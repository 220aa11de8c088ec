package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vigil/wal"
)

const (
	// skipSegments is how many files of the log one skip passes over: enough for a slow sink to finish a batch before the
	// next, few enough to be counted while a request waits.
	skipSegments = 2
	// interruptTime is how long a skip waits for a write that it interrupted.
	interruptTime = 200 * time.Millisecond
	// roomPause is how long a log that could get no room is left alone.
	roomPause = 100 * time.Millisecond
)

// errInterrupted ends a write whose batch is passed over.
var errInterrupted = errors.New("the log is full and passes over the batch")

// makeRoom gets a full log below its limit, if nobody but sinks that may be skipped is in the way.
func (t *Trail) makeRoom(ctx context.Context) error {
	t.roomMu.Lock()
	defer t.roomMu.Unlock()
	full := t.room()
	if full == nil || time.Since(t.roomTried) < roomPause {
		return full
	}
	// Sinks may have passed since the last housekeeping.
	err := errors.Join(t.tellFolds(ctx, true), t.commit(), t.release())
	for err == nil && t.room() != nil {
		var freed bool
		if freed, err = t.skipOldest(ctx); !freed {
			break
		}
	}
	full = t.room()
	if full != nil {
		t.roomTried = time.Now()
		return errors.Join(full, err)
	}
	return nil
}

// skipOldest releases the oldest files after the sinks that may be skipped have passed over them. It does nothing if
// somebody else needs them.
func (t *Trail) skipOldest(ctx context.Context) (freed bool, err error) {
	to := t.releasable()
	if to == 0 {
		return false, nil
	}
	for _, r := range t.sinks {
		if err := r.skipTo(ctx, to); err != nil {
			return false, err
		}
	}
	n, err := t.log.Release(to + 1)
	return n > 0, err
}

// releasable is the last sequence number of the oldest files if nothing but sinks that may be skipped needs them, 0 otherwise.
func (t *Trail) releasable() uint64 {
	segments := t.log.Segments()
	held := t.held()
	to := uint64(0)
	for _, s := range segments[:max(min(skipSegments, len(segments)-1), 0)] {
		if s.Last > held {
			break
		}
		to = s.Last
	}
	return to
}

// held is how far intents and the sinks that the log waits for have come. After a crash a cursor may be found behind what was
// released then: all of that had been delivered.
func (t *Trail) held() uint64 {
	held := min(t.intents.floor(t.log), t.folds.floor())
	for _, r := range t.sinks {
		if !r.SkipWhenFull {
			held = min(held, r.position())
		}
	}
	return held
}

// skipTo moves the sink's cursor to a sequence number and tells the log of what was passed over. The record is durable before
// the cursor moves.
func (r *reader) skipTo(ctx context.Context, to uint64) error {
	if r.position() >= to {
		return nil
	}
	r.interrupt()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptTime)
	defer cancel()
	if r.take(wait) == nil {
		defer r.leave()
	}
	first := r.position() + 1
	if first > to {
		return nil
	}
	events, owed, err := r.passed(first, to)
	if err == nil {
		err = r.owe(owed)
	}
	if err == nil && events > 0 {
		err = r.tellSkipped(ctx, Skipped{Sink: r.name, First: first, Last: to, Events: events})
	}
	if err != nil {
		return fmt.Errorf("skip entries of sink %s: %w", r.name, err)
	}
	r.advance(to)
	return r.t.advanceCursor(r.cursor, to)
}

// tellSkipped records a skip beyond the limit of the log, for which room keeps a file's size.
func (r *reader) tellSkipped(ctx context.Context, s Skipped) error {
	e := &Event{Time: time.Now(), Category: Gap, Origin: OriginLocal, Skipped: &s}
	entry := AppendJSON(appendEventHeader(nil, kindSkip, 0, e.Time, e.Category), &r.t.node, e)
	if _, err := r.t.log.Append(context.WithoutCancel(ctx), entry); err != nil {
		return err
	}
	r.t.metrics.skipped.WithLabelValues(r.name).Add(float64(s.Events))
	r.t.metrics.recorded([]Category{Gap})
	r.mu.Lock()
	r.skipped += s.Events
	r.mu.Unlock()
	r.t.logger.WarnContext(ctx, "sink was skipped because the log is full",
		"sink", r.name, "first", s.First, "last", s.Last, "events", s.Events)
	return nil
}

// passed counts the sink's events in a range and returns the gap records in it, which are never passed over.
func (r *reader) passed(first, last uint64) (events uint64, owed []Entry, err error) {
	for after := first - 1; after < last; {
		entries, err := r.t.log.Read(after, 0, 0)
		if released, ok := errors.AsType[*wal.TruncatedError](err); ok {
			after = released.First - 1
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		if len(entries) == 0 {
			break
		}
		after = entries[len(entries)-1].Seq
		batch, err := r.deliverable(entries)
		if err != nil {
			return 0, nil, err
		}
		for _, e := range batch {
			switch {
			case e.Seq > last:
			case e.Category == Gap:
				e.Doc, e.Again = bytes.Clone(e.Doc), true
				owed = append(owed, e)
			default:
				events++
			}
		}
	}
	return events, owed, nil
}

// owedPath is the file of the gap records that a sink still has to get though the log let go of them.
func (r *reader) owedPath() string { return filepath.Join(r.t.dir, "owed."+r.name+".json") }

// owedEntry is an Entry on disk.
type owedEntry struct {
	Seq      uint64          `json:"seq"`
	ID       string          `json:"id"`
	Time     time.Time       `json:"time"`
	Category Category        `json:"category"`
	Doc      json.RawMessage `json:"doc"`
}

// owe keeps gap records for the sink, durably.
func (r *reader) owe(more []Entry) error {
	if len(more) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(slices.Clip(r.owed), more...)
	kept := make([]owedEntry, len(all))
	for i, e := range all {
		kept[i] = owedEntry{e.Seq, e.ID, e.Time, e.Category, json.RawMessage(e.Doc)}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := replaceFile(r.owedPath(), b); err != nil {
		return fmt.Errorf("keep gap records: %w", err)
	}
	r.owed = all
	return nil
}

// readOwed finds what the last process left.
func (r *reader) readOwed() error {
	b, err := os.ReadFile(r.owedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept []owedEntry
	if err := json.Unmarshal(b, &kept); err != nil {
		return fmt.Errorf("%s: %w", r.owedPath(), err)
	}
	for _, e := range kept {
		r.owed = append(r.owed, Entry{Seq: e.Seq, ID: e.ID, Time: e.Time, Category: e.Category, Again: true, Doc: e.Doc})
	}
	return nil
}

// payOwed delivers the gap records that the log let go of.
func (r *reader) payOwed(ctx context.Context) error {
	r.mu.Lock()
	owed := r.owed
	r.mu.Unlock()
	if len(owed) == 0 {
		return nil
	}
	if err := r.write(ctx, owed); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.owed) != len(owed) {
		return nil // more was added meanwhile; what is there twice has the same id
	}
	r.owed = nil
	if err := os.Remove(r.owedPath()); err != nil {
		return fmt.Errorf("forget gap records: %w", err)
	}
	return nil
}

// replaceFile writes a file durably, all of it or nothing.
func replaceFile(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
