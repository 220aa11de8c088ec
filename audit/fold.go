package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"vigil/wal"
)

// Fold turns repeats into one event. The first event of its kind is recorded as it is and can be seen at once. Whatever says
// the same within the window is an entry of 31 bytes, as durable as an event before the request is answered, and when the
// window ends one event says how many there were. So neither kill -9 nor a power loss changes a count: it is read from the log.
type Fold struct {
	// Window is how long repeats are gathered, from the first event on; 0 folds nothing.
	Window time.Duration
	// Categories are those whose events fold. Compliance events and gap records never do.
	Categories []Category
}

// Folded is the member audit_vigil_folded of an event that stands for repeats of one before it. Count does not count that one.
type Folded struct {
	Count       uint64
	First, Last time.Time
}

const (
	// maxFolds bounds the windows that are open at a time. What finds no place is recorded as it is.
	maxFolds = 10_000
	// maxFoldedBytes is the size beyond which an event does not fold.
	maxFoldedBytes = 64 << 10
	// foldOverhead is what the event of a fold has beyond the document that it repeats, framing included.
	foldOverhead = 256
)

// foldKey is the digest of what an event says, but for when it was and what names the request.
type foldKey [16]byte

// fold is one window. Only its folds' mu guards it.
type fold struct {
	key      foldKey
	category Category
	after    uint64 // a sequence number before that of the first event
	first    uint64 // of the first event; 0 while that is on its way to the log
	doc      []byte // of the first event
	ends     time.Time
	flying   int // repeats on their way to the log
	folded   Folded
}

func (f *fold) add(at time.Time) {
	c := &f.folded
	if c.Count == 0 || at.Before(c.First) {
		c.First = at
	}
	if c.Count == 0 || at.After(c.Last) {
		c.Last = at
	}
	c.Count++
}

// folds are the windows of a trail.
type folds struct {
	window     time.Duration
	categories []Category
	limit      int // of the bytes of documents

	telling sync.Mutex // held while somebody writes the events of ended windows

	mu    sync.Mutex
	open  map[foldKey]*fold
	ended []*fold // that are still to be told
	bytes int
}

// Folds reports whether events of a category can fold. Those that tell what was read or written, or how a request ended, cannot:
// each says something else.
func (c Category) Folds() bool {
	return !c.compliance() && c != Gap && c != RequestOutcome && c != AlertDelivery
}

func newFolds(o Fold, segment int64) (*folds, error) {
	for _, c := range o.Categories {
		if !c.Folds() {
			return nil, fmt.Errorf("events of category %s do not fold", c)
		}
	}
	// What a full log has to take when all windows end is less than the room that is kept for that.
	return &folds{window: o.Window, categories: o.Categories, limit: int(segment / 4), open: map[foldKey]*fold{}}, nil
}

// folds reports whether an event may be a repeat or have some.
func (fs *folds) folds(e *Event) bool {
	long := e.Body != nil && len(*e.Body) > maxFoldedBytes
	return fs.window > 0 && !long && slices.Contains(fs.categories, e.Category)
}

// appendFoldKey appends what an event says to b, and returns it and its digest.
func appendFoldKey(b []byte, e *Event) ([]byte, foldKey) {
	same := *e
	same.Time, same.TaskID, same.ParentTaskID, same.Headers = time.Time{}, "", "", nil
	if e.REST != nil {
		request := *e.REST
		request.Header = nil
		same.REST = &request
	}
	if e.Request != nil {
		asked := *e.Request
		asked.ID, asked.TraceID, asked.SpanID, asked.UserAgent = "", "", "", ""
		same.Request = &asked
	}
	b = AppendJSON(b, &Node{}, &same)
	sum := sha256.Sum256(b)
	return b, foldKey(sum[:len(foldKey{})])
}

// join returns the window of an event that is about to be written, and whether the event is a repeat in it or its first. Nil
// means that it is written as it is: there is no place, or the first of its kind is not durable yet. Who joins must settle.
func (fs *folds) join(key foldKey, e *Event, log *wal.Log) (f *fold, repeat bool) {
	now := time.Now()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f = fs.open[key]
	if f != nil && f.first != 0 && !now.Before(f.ends) {
		fs.end(f)
		f = nil
	}
	switch {
	case f == nil && len(fs.open)+len(fs.ended) >= maxFolds:
		return nil, false
	case f == nil:
		f = &fold{key: key, category: e.Category, after: log.Last(), ends: now.Add(fs.window)}
		fs.open[key] = f
		return f, false
	case f.first == 0:
		return nil, false
	}
	f.flying++
	return f, true
}

// end closes a window. The caller holds mu.
func (fs *folds) end(f *fold) {
	delete(fs.open, f.key)
	fs.ended = append(fs.ended, f)
}

// joined is an event in a batch that has a window.
type joined struct {
	*fold

	repeat bool
	at     time.Time
	entry  int    // in the batch
	doc    []byte // of a first event, belongs to the batch
}

// settle tells windows whether what joined them is durable, and returns how many repeats are. First is the sequence number of the
// batch.
func (fs *folds) settle(list []joined, first uint64, err error) (repeats int) {
	if len(list) == 0 {
		return 0
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, j := range list {
		size := len(j.doc) + foldOverhead
		switch {
		case j.repeat:
			j.flying--
			if err == nil {
				j.add(j.at)
				repeats++
			}
		case err != nil || size > maxFoldedBytes || fs.bytes+size > fs.limit:
			delete(fs.open, j.key)
		default:
			j.first = first + uint64(j.entry)
			j.after = j.first - 1
			j.fold.doc = slices.Clone(j.doc)
			fs.bytes += size
		}
	}
	return repeats
}

// floor is a sequence number before the first events of all windows that are not told.
func (fs *folds) floor() uint64 {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	lowest := ^uint64(0)
	for _, f := range fs.open {
		lowest = min(lowest, f.after)
	}
	for _, f := range fs.ended {
		lowest = min(lowest, f.after)
	}
	return lowest
}

// due ends the windows whose time has come, or all, and returns those that can be told.
func (fs *folds) due(all bool) []*fold {
	now := time.Now()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.open {
		if f.first != 0 && (all || !now.Before(f.ends)) {
			fs.end(f)
		}
	}
	var list []*fold
	for _, f := range fs.ended {
		if f.flying == 0 {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *fold) int { return a.folded.Last.Compare(b.folded.Last) })
	return list
}

// told forgets windows.
func (fs *folds) told(list []*fold) {
	gone := make(map[*fold]bool, len(list))
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range list {
		gone[f] = true
		fs.bytes -= len(f.doc) + foldOverhead
	}
	fs.ended = slices.DeleteFunc(fs.ended, func(f *fold) bool { return gone[f] })
}

// tellFolds writes the events of windows that have ended; with all, of those that are open too. They go beyond the limit of
// the log, for which room keeps a file's size.
func (t *Trail) tellFolds(ctx context.Context, all bool) error {
	if errors.Is(t.log.Err(), wal.ErrFailed) {
		return nil // the next start finds them
	}
	t.folds.telling.Lock()
	defer t.folds.telling.Unlock()
	list := t.folds.due(all)
	var entries [][]byte
	for _, f := range list {
		if f.folded.Count > 0 {
			entries = append(entries, appendFold(nil, f))
		}
	}
	if len(entries) > 0 {
		if _, err := t.log.Append(context.WithoutCancel(ctx), entries...); err != nil {
			return fmt.Errorf("tell of folded events: %w", err)
		}
	}
	t.folds.told(list)
	return nil
}

// appendRepeat appends the entry of a repeat.
func appendRepeat(b []byte, flags byte, e *Event, first uint64) []byte {
	return binary.BigEndian.AppendUint64(appendEventHeader(b, kindRepeat, flags, e.Time, e.Category), first)
}

// appendFold appends the entry of a window's event: the first one's document, with the time of the last repeat.
func appendFold(b []byte, f *fold) []byte {
	b = binary.BigEndian.AppendUint64(appendEventHeader(b, kindFold, 0, f.folded.Last, f.category), f.first)
	const at = len(`{"@timestamp":"`)
	b = append(b, f.doc[:at]...)
	b = f.folded.Last.UTC().AppendFormat(b, timeLayout)
	b = append(b, f.doc[at+len(timeLayout):len(f.doc)-1]...)
	b = strconv.AppendUint(append(b, `,"audit_vigil_folded":{"count":`...), f.folded.Count, 10)
	b = f.folded.First.UTC().AppendFormat(append(b, `,"first":"`...), timeLayout)
	b = f.folded.Last.UTC().AppendFormat(append(b, `","last":"`...), timeLayout)
	return append(b, `"}}`...)
}

// restoreFolds ends the windows that the last process left.
func (t *Trail) restoreFolds(found map[uint64]*fold) {
	t.folds.mu.Lock()
	defer t.folds.mu.Unlock()
	for first, f := range found {
		doc, err := t.document(first)
		if err != nil {
			// The count is worth telling though the files with the event are gone.
			t.logger.Error("an event that was repeated cannot be read", "sequence", first, "error", err)
			doc = AppendJSON(nil, &t.node, &Event{Time: f.folded.First, Category: f.category})
		}
		f.doc = doc
		t.folds.ended = append(t.folds.ended, f)
		t.folds.bytes += len(f.doc) + foldOverhead
	}
}

// document reads an event.
func (t *Trail) document(seq uint64) ([]byte, error) {
	entries, err := t.log.Read(seq-1, 1, 0)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, errEntry
	}
	d, err := decodeEntry(entries[0].Payload)
	if err == nil && (d.kind != kindEvent || len(d.doc) < len(`{"@timestamp":"`+timeLayout+`"}`)) {
		err = errEntry
	}
	return slices.Clone(d.doc), err
}
