package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// maxWatched bounds how many documents a watch without ids follows. It is the largest window a search may ask for.
const maxWatched = 10_000

// pollTimeout bounds one read, so that a cluster that hangs is noticed and tried again.
const pollTimeout = 30 * time.Second

// WatchOptions says what a [Watch] follows.
type WatchOptions struct {
	Client *Client
	Index  string
	// IDs are the documents to follow. They are read by id, hence as soon as they are written. None means all documents of
	// the index, at most 10,000, read by a search, hence as of its last refresh.
	IDs []string
	// Every is the time between reads; 1 s if zero.
	Every time.Duration
	// Changed is told the documents by id: after the first read in any case, then whenever one appeared, went or was written.
	// An index that does not exist has none. It runs in the goroutine that reads, so it delays the next read, and calls
	// never overlap. The map is its to keep.
	Changed func(docs map[string]Doc)
	// Log is told when reads begin to fail and when they work again. May be nil.
	Log *slog.Logger
}

// Watch follows documents that hold state: users, roles, the audit configuration, monitors. It is the one way to do so:
// everybody who keeps such state in memory is told of changes within a second, whoever made them.
type Watch struct {
	o    WatchOptions
	poke chan struct{}

	// reading makes reads, and with them calls of Changed, exclusive. It guards seen.
	reading sync.Mutex
	seen    map[string]stamp

	mu       sync.Mutex
	lastRead time.Time
}

// stamp identifies one state of a document.
type stamp struct{ seqNo, primaryTerm int64 }

// NewWatch returns a watch that has read nothing yet. [Watch.Run] or [Watch.Read] must be called.
func NewWatch(o WatchOptions) *Watch {
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Watch{o: o, poke: make(chan struct{}, 1)}
}

// Run reads until ctx ends and returns its error. Failed reads are tried again at the next turn and change nothing;
// how old the state is by then tells [Watch.LastRead].
func (w *Watch) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.o.Every)
	defer ticker.Stop()
	failing := false
	for {
		failing = w.note(ctx, w.Read(ctx), failing)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-w.poke:
		}
	}
}

// note logs when reads begin to fail and when they work again, and returns whether they fail.
func (w *Watch) note(ctx context.Context, err error, failing bool) bool {
	switch {
	case ctx.Err() != nil:
	case err != nil && !failing:
		w.o.Log.WarnContext(ctx, "cannot read watched documents", "index", w.o.Index, "error", err)
	case err == nil && failing:
		w.o.Log.InfoContext(ctx, "reading watched documents again", "index", w.o.Index)
	}
	return err != nil
}

// Poke makes [Watch.Run] read at once, for a caller that has just written what is watched. It does not wait.
func (w *Watch) Poke() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// LastRead returns when the last read that succeeded was started; zero if none did. The state told to Changed is at least as
// new as that.
func (w *Watch) LastRead() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastRead
}

// Read reads once, in the caller's goroutine, and tells Changed if something did. Starting programs use it to have the
// state before they serve.
func (w *Watch) Read(ctx context.Context) error {
	w.reading.Lock()
	defer w.reading.Unlock()
	start := time.Now()
	docs, err := w.fetch(ctx)
	if err != nil {
		return err
	}
	if w.changed(docs) {
		w.o.Changed(docs)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastRead = start
	return nil
}

func (w *Watch) fetch(ctx context.Context) (map[string]Doc, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if len(w.o.IDs) > 0 {
		return w.o.Client.GetMany(ctx, w.o.Index, w.o.IDs)
	}
	body := json.RawMessage(fmt.Sprintf(`{"size":%d,"seq_no_primary_term":true,"version":true,"track_total_hits":true}`, maxWatched))
	found, err := w.o.Client.Search(ctx, []string{w.o.Index}, body)
	switch {
	case errors.Is(err, ErrNotFound):
		return map[string]Doc{}, nil
	case err != nil:
		return nil, err
	case found.TimedOut || found.Total != int64(len(found.Hits)):
		return nil, fmt.Errorf("watching %s: read %d of %d documents", w.o.Index, len(found.Hits), found.Total)
	}
	docs := make(map[string]Doc, len(found.Hits))
	for _, h := range found.Hits {
		docs[h.ID] = h.Doc
	}
	return docs, nil
}

// changed compares the documents with those read before, and remembers them.
func (w *Watch) changed(docs map[string]Doc) bool {
	now := make(map[string]stamp, len(docs))
	differs := w.seen == nil || len(docs) != len(w.seen)
	for id, d := range docs {
		now[id] = stamp{d.SeqNo, d.PrimaryTerm}
		if was, ok := w.seen[id]; !ok || was != now[id] {
			differs = true
		}
	}
	w.seen = now
	return differs
}
