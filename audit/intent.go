package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"vigil/wal"
)

// Intent says what a request is about to change, durably, before it is done. If the process dies before the outcome is
// recorded, the intent is found at the next start and somebody looks what became of it.
type Intent struct {
	Time          time.Time  `json:"time"`
	Origin        Origin     `json:"origin,omitempty"`
	User          string     `json:"user,omitempty"`
	RemoteAddress string     `json:"remote_address,omitempty"`
	Action        string     `json:"action,omitempty"`
	RequestType   string     `json:"request_type,omitempty"`
	Method        string     `json:"method,omitempty"`
	Path          string     `json:"path,omitempty"`
	Index         string     `json:"index,omitempty"`
	DocID         string     `json:"doc_id,omitempty"`
	RequestID     string     `json:"request_id,omitempty"` // in the extended format
	Expects       []Category `json:"expects,omitempty"`    // the events that the outcome may be

	token uint64
	seq   uint64
}

// Seq is the intent's place in the log; 0 before it was written.
func (in *Intent) Seq() uint64 { return in.seq }

// Ticket is what Begin hands out for End. The zero value has no intent.
type Ticket struct {
	token uint64
	seq   uint64
	// counted says that the request is already part of a gap.
	counted bool
}

// Versions returns the versions of the intent's document in one of its indices that events behind the intent tell of. Events
// that were themselves found missing do not count: they may tell of the same write. Whether there is one is returned too.
func (t *Trail) Versions(in Intent, index string) (versions map[int64]bool, recovered bool, err error) {
	versions = map[int64]bool{}
	err = t.writes(in, index, in.seq, func(_ uint64, w writeTold, _ time.Time) {
		if w.Recovered != "" {
			recovered = true
		} else {
			versions[w.Version] = true
		}
	})
	return versions, recovered, err
}

// lookBack is how many entries before an intent may be of the same millisecond.
const lookBack = 10_000

// ToldBefore reports whether an event before the intent tells of a write of its document, to that version and at that time: then
// the request, which came in the same millisecond, has not done it.
func (t *Trail) ToldBefore(in Intent, index string, version int64, at time.Time) (told bool, err error) {
	err = t.writes(in, index, in.seq-min(in.seq, lookBack), func(seq uint64, w writeTold, noted time.Time) {
		told = told || seq < in.seq && w.Version == version && !noted.Before(at.Truncate(time.Millisecond))
	})
	return told, err
}

// writeTold is what an event tells of a write.
type writeTold struct {
	Indices   []string `json:"audit_trace_resolved_indices"`
	ID        string   `json:"audit_trace_doc_id"`
	Version   int64    `json:"audit_compliance_doc_version"`
	Recovered string   `json:"audit_vigil_recovered"`
}

// writes calls each for the events behind an entry that tell of a write of an intent's document in one of its indices.
func (t *Trail) writes(in Intent, index string, after uint64, each func(seq uint64, w writeTold, noted time.Time)) error {
	err := t.each(after, func(e wal.Entry) error {
		d, err := decodeEntry(e.Payload)
		if err != nil || d.kind != kindEvent || d.category != DocWrite && d.category != InternalConfigWrite {
			return err
		}
		var w writeTold
		if err := json.Unmarshal(d.doc, &w); err != nil {
			return err
		}
		if w.ID == in.DocID && slices.Contains(w.Indices, index) {
			each(e.Seq, w, d.time)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("find writes around intent %d: %w", in.seq, err)
	}
	return nil
}

func appendIntent(b []byte, in *Intent) []byte {
	w := writer{append(b, entryVersion, byte(kindIntent))}
	w.b = append(in.Time.UTC().AppendFormat(append(w.b, `{"time":"`...), time.RFC3339Nano), '"')
	w.text("origin", string(in.Origin))
	w.text("user", in.User)
	w.text("remote_address", in.RemoteAddress)
	w.text("action", in.Action)
	w.text("request_type", in.RequestType)
	w.text("method", in.Method)
	w.text("path", in.Path)
	w.text("index", in.Index)
	w.text("doc_id", in.DocID)
	w.text("request_id", in.RequestID)
	if len(in.Expects) > 0 {
		w.name("expects")
		w.b = append(w.b, '[')
		for i, c := range in.Expects {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = appendString(w.b, string(c))
		}
		w.b = append(w.b, ']')
	}
	return append(w.b, '}')
}

func decodeIntent(doc []byte, seq uint64) (Intent, error) {
	in := Intent{seq: seq}
	if err := json.Unmarshal(doc, &in); err != nil {
		return Intent{}, fmt.Errorf("intent at %d: %w", seq, err)
	}
	return in, nil
}

// intents are the intents that are not closed, by token.
type intents struct {
	mu   sync.Mutex
	next uint64
	open map[uint64]*openIntent
}

type openIntent struct {
	Intent

	after uint64 // a sequence number before the intent's
	left  bool   // nobody works on it any more: its process died or its outcome could not be recorded
}

// begin notes, before an intent is written, that it will be behind what is durable now.
func (o *intents) begin(log *wal.Log, in Intent) (token uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next++
	in.token = o.next
	o.open[o.next] = &openIntent{Intent: in, after: log.Last()}
	return o.next
}

func (o *intents) end(token uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, token)
}

// leave gives an intent up: it is open and waits for somebody who looks.
func (o *intents) leave(token, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if in := o.open[token]; in != nil {
		in.seq, in.left = seq, true
	}
}

// found notes an intent that a process left.
func (o *intents) found(in Intent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next++
	in.token = o.next
	o.open[o.next] = &openIntent{Intent: in, after: in.seq - 1, left: true}
}

// floor is the sequence number up to which no intent is open.
func (o *intents) floor(log *wal.Log) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	lowest := log.Last()
	for _, in := range o.open {
		lowest = min(lowest, in.after)
	}
	return lowest
}

func (o *intents) list() []Intent {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []Intent
	for _, in := range o.open {
		if in.left {
			list = append(list, in.Intent)
		}
	}
	slices.SortFunc(list, func(a, b Intent) int { return cmp.Compare(a.seq, b.seq) })
	return list
}
