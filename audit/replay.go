package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"vigil/wal"
)

// SinkTest is the category of the event that TestSink sends. It is in no log.
const SinkTest Category = "AUDIT_SINK_TEST"

// ErrNoSink says that no sink has the name.
var ErrNoSink = errors.New("no such sink")

// Span is a part of the log: by sequence numbers, both included, or by the events' times, To excluded. Zero means no bound.
type Span struct {
	FromSeq, ToSeq uint64
	From, To       time.Time
}

// Replayed tells what a replay gave to its sink.
type Replayed struct {
	Events uint64 `json:"events"`
	// First and Last are the sequence numbers of the first and the last event; 0 if there was none.
	First uint64 `json:"first_sequence"`
	Last  uint64 `json:"last_sequence"`
}

// Replay gives a sink once more what it has had and the log still holds, under the same ids. Delivery of new events goes on
// meanwhile. It ends at the first failure and then tells how far it came; it can be repeated from there.
func (t *Trail) Replay(ctx context.Context, name string, s Span) (Replayed, error) {
	r, err := t.sink(name)
	if err != nil {
		return Replayed{}, err
	}
	first := t.log.First()
	if s.FromSeq > 0 && s.FromSeq < first {
		return Replayed{}, fmt.Errorf("replay from %d: the log begins at %d", s.FromSeq, first)
	}
	last := r.position()
	if s.ToSeq > 0 {
		last = min(last, s.ToSeq)
	}
	var done Replayed
	for after := max(s.FromSeq, t.firstAt(s.From), first) - 1; after < last; {
		entries, err := t.log.Read(after, r.BatchEntries, r.BatchBytes)
		if released, ok := errors.AsType[*wal.TruncatedError](err); ok {
			return done, fmt.Errorf("replay from %d: the log begins at %d by now", after+1, released.First)
		}
		if err != nil {
			return done, fmt.Errorf("replay: read audit log: %w", err)
		}
		if len(entries) == 0 {
			break
		}
		after = entries[len(entries)-1].Seq
		batch, err := r.deliverable(entries)
		if err == nil {
			err = r.again(ctx, s.cut(batch, last), &done)
		}
		if err != nil {
			return done, fmt.Errorf("replay to sink %s: %w", name, err)
		}
	}
	return done, nil
}

// firstAt skips the files that were finished before a time, because an event is not later than its place in the log.
func (t *Trail) firstAt(from time.Time) uint64 {
	if from.IsZero() {
		return 0
	}
	for _, s := range t.log.Segments() {
		// A minute for events that were appended before their own time by a clock that was set back.
		if s.Modified.After(from.Add(-time.Minute)) {
			return s.First
		}
	}
	return t.log.Last() + 1
}

// cut returns those of the entries that lie in the span.
func (s Span) cut(batch []Entry, last uint64) []Entry {
	kept := batch[:0]
	for _, e := range batch {
		early := !s.From.IsZero() && e.Time.Before(s.From)
		late := !s.To.IsZero() && !e.Time.Before(s.To)
		if e.Seq <= last && !early && !late {
			e.Again = true
			kept = append(kept, e)
		}
	}
	return kept
}

// again gives a batch to the sink between two others.
func (r *reader) again(ctx context.Context, batch []Entry, done *Replayed) error {
	if len(batch) == 0 {
		return ctx.Err()
	}
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.leave()
	if err := r.write(ctx, batch); err != nil {
		return err
	}
	if done.Events == 0 {
		done.First = batch[0].Seq
	}
	done.Events += uint64(len(batch))
	done.Last = batch[len(batch)-1].Seq
	return nil
}

// TestSink gives a sink one event of category SinkTest, which is recorded nowhere else, and returns its id. Routes do not count.
func (t *Trail) TestSink(ctx context.Context, name string) (id string, err error) {
	r, err := t.sink(name)
	if err != nil {
		return "", err
	}
	if err := r.take(ctx); err != nil {
		return "", fmt.Errorf("test sink %s: it is busy: %w", name, err)
	}
	defer r.leave()
	now := time.Now()
	e := Entry{ID: "test-" + rand.Text(), Time: now, Category: SinkTest}
	e.Doc = AppendJSON(nil, &t.node, &Event{Time: now, Category: SinkTest, Origin: OriginLocal})
	err = r.sink.Write(ctx, []Entry{e})
	if err != nil {
		return "", fmt.Errorf("test sink %s: %w", name, err)
	}
	return e.ID, nil
}

func (t *Trail) sink(name string) (*reader, error) {
	for _, r := range t.sinks {
		if r.name == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoSink, name)
}
