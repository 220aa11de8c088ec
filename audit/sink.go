package audit

import (
	"context"
	"fmt"
	"time"
)

// Entry is an event as sinks see it.
type Entry struct {
	// Seq is the event's place in this log. There are holes: not everything in the log is delivered.
	Seq uint64
	// ID names the event for ever and is the same whenever it is delivered again.
	ID string
	// Time and Category are those of the event.
	Time     time.Time
	Category Category
	// Again says that the sink may have had the entry before: behind a failure or a start, and in a replay.
	Again bool
	// Doc is the event as AppendJSON wrote it. It belongs to the log and must not be changed.
	Doc []byte
}

// Sink takes events somewhere. Write is never called twice at a time, and gets entries in order (a replay's among them); an entry may come again under its ID,
// after a crash or a failed Write. If Write returns nil, none of the batch needs to be sent again. A [*RejectedError] says
// the same, but names entries that the sink will never take: they go to the dead letters. Any other error means that
// the batch comes again, after a while, for ever. The context ends when the trail stops.
type Sink interface {
	// Name is unique among a trail's sinks; it consists of letters, digits, '.', '_' and '-'.
	Name() string
	Write(ctx context.Context, batch []Entry) error
	Close() error
}

// Rejection is an entry that a sink will never take.
type Rejection struct {
	Entry  Entry
	Reason string
}

// RejectedError says that a batch was delivered but for some entries.
type RejectedError struct {
	Rejections []Rejection
}

func (e *RejectedError) Error() string {
	if len(e.Rejections) == 0 {
		return "no entries rejected"
	}
	first := e.Rejections[0]
	return fmt.Sprintf("%d entries rejected; the first, %s: %s", len(e.Rejections), first.Entry.ID, first.Reason)
}

// SinkOptions bounds the batches of a sink.
type SinkOptions struct {
	// BatchEntries is 1,000 by default, BatchBytes 4 MiB. A single larger entry makes a batch of its own.
	BatchEntries int
	BatchBytes   int
	// Spacing is the least time between the beginnings of two batches, unless the next one is full; none by default. What a
	// batch costs, a sync or a request, is shared by what comes within it, and a lone event is not held up.
	Spacing time.Duration
	// DeadLetterBytes bounds the file of rejected entries; 1 GiB by default. When it is reached the sink waits.
	DeadLetterBytes int64
	// Categories are those that the sink gets; all if empty. Gap records go to every sink.
	Categories []Category
	// SkipWhenFull lets a full log pass over what this sink has not taken, see [Skipped]. Otherwise the log waits for it.
	SkipWhenFull bool
}

// SinkStatus is how a sink is doing.
type SinkStatus struct {
	Name string
	// Lag counts the log's entries that are not delivered yet, Behind says since when the oldest of them waits; 0 if none.
	Lag    uint64
	Behind time.Duration
	// Rejected counts dead letters since the start.
	Rejected uint64
	// Skipped counts the events that a full log passed over since the start.
	Skipped uint64
	// Err is why the sink does not advance at the moment, nil if it does.
	Err error
}
