package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
)

// Action is an action that a handler runs on behalf of a request: an index created on the way, the shard part of a bulk,
// one search of a msearch. It is to a handler what a transport action passing the action filter is to OpenSearch.
type Action struct {
	Name    ActionName
	Request string
	// Parent names the action under which this one runs; it shares that one's task if Shares is set.
	Parent ActionName
	Shares bool
	// Indices as written by the client; Resolved are the concrete ones. The resolved list decides about permission.
	Indices  []string
	Resolved []string
	// Run tells apart several runs of the same action in one request (the searches of a msearch): each is its own task.
	Run   int
	DocID string
	Shard *int
	Body  json.RawMessage
	// Internal marks the hop to the cluster manager that carries transport headers in the original (auto mapping).
	Internal bool
	// Items are the parts of a shard-level bulk, and ItemOps the kinds of all its items. A large one begins several times, each
	// time with the items that come next: all but the first are Continued. The kinds decide which privileges are needed beyond
	// Name; they are the same every time, and so is the decision.
	Items     []Item
	ItemOps   []string
	Continued bool
	// Quiet marks what is judged beside the action that is recorded, such as the creation of a clone's target: OpenSearch makes
	// no event of it, and it becomes one only if it is refused. See compat/scenarios/audit/04a-index-event-default.json.
	Quiet bool
}

// Item is one operation of a bulk as it reaches its shard.
type Item struct {
	// Op is "index", "create", "update" or "delete".
	Op    string
	Index string
	ID    string
	Shard int
	// Body is the source of an index or create, the partial document or script of an update.
	Body json.RawMessage
}

// Operation is what happened to a document, in the words of audit_compliance_operation.
type Operation string

// The operations on documents.
const (
	OpCreate Operation = "CREATE"
	OpUpdate Operation = "UPDATE"
	OpDelete Operation = "DELETE"
)

// Write is a document that was written. No-ops and failed operations are not writes.
type Write struct {
	// Index is the concrete index.
	Index     string
	ID        string
	Operation Operation
	// Version is the document's version after the operation; of a delete that of the tombstone.
	Version int64
	Shard   int
	// Before is the source before the operation, set only if [Watch.Before] asked for it and there was one.
	Before json.RawMessage
	// After is the stored source; nil for deletes.
	After json.RawMessage
}

// Read is a document that was read on the way, without the answer showing it: what a reindex or an update by query found.
type Read struct {
	// Index is the concrete index.
	Index, ID string
	Shard     int
	// Source is what was read of the document.
	Source json.RawMessage
}

// Watch says what the caller wants to know about an index.
type Watch struct {
	// Reads asks for every [Read].
	Reads bool
	// Writes asks for every [Write].
	Writes bool
	// Before asks for the document as it was.
	Before bool
}

// Effects is where a handler says what it did that its answer does not show. The gateway puts one into the request's
// context and reads it after the handler has returned. All methods may be called on nil, by handlers that run without a
// gateway in front (sinks, internal state), and concurrently.
type Effects struct {
	// Allow decides whether an action may run, before it runs. Nil allows everything. The error is what the client reads.
	Allow func(Action) error
	// Deny notes that an action was refused for a reason that only the handler knows, and words the refusal. Nil notes nothing.
	Deny func(Action) error
	// Hidden tells whether an action that was allowed on a concrete index must not show its documents. Nil hides nothing.
	Hidden func(index string) bool
	// Watches tells what is wanted for a concrete index. Nil wants nothing.
	Watches func(index string) Watch
	// Take takes over the writes noted so far whenever there are many, so that they do not pile up. Nil lets them.
	Take func([]Write)
	// TakeReads does so for reads.
	TakeReads func([]Read)

	mu      sync.Mutex
	writes  []Write
	reads   []Read
	section json.RawMessage
}

// ManyWrites is how many writes, or reads, are noted before they are taken.
const ManyWrites = 10_000

// Begin asks whether the action may run. On an error the handler must not run it, and must answer with the error: for the
// whole request, or for the items that the action covers.
func (e *Effects) Begin(a Action) error {
	if e == nil || e.Allow == nil {
		return nil
	}
	return e.Allow(a)
}

// Denied notes the refusal of an action that the caller's privileges alone would allow, such as reading on in another user's
// scroll. It always returns an error, which the handler must answer with.
func (e *Effects) Denied(a Action) error {
	if e == nil || e.Deny == nil {
		return Errorf(http.StatusForbidden, "security_exception", "no permissions for [%s]", a.Name)
	}
	return e.Deny(a)
}

// Hides reports whether the caller must not see documents of a concrete index although an action on it may run, as
// [Call.Hidden] lists them of the request's own action. It is asked after [Effects.Begin].
func (e *Effects) Hides(index string) bool {
	return e != nil && e.Hidden != nil && e.Hidden(index)
}

// Wants tells what the caller wants to know about a concrete index.
func (e *Effects) Wants(index string) Watch {
	if e == nil || e.Watches == nil {
		return Watch{}
	}
	return e.Watches(index)
}

// Wrote notes a document write after it succeeded. Writes that nobody asked for are dropped.
func (e *Effects) Wrote(w Write) {
	if !e.Wants(w.Index).Writes {
		return
	}
	e.mu.Lock()
	e.writes = append(e.writes, w)
	var many []Write
	if e.Take != nil && len(e.writes) >= ManyWrites {
		many, e.writes = e.writes, nil
	}
	e.mu.Unlock()
	if many != nil {
		e.Take(many)
	}
}

// ReadSection notes the section of the security configuration that an answer is taken from, as it is stored.
func (e *Effects) ReadSection(section json.RawMessage) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.section = section
}

// Section returns what was noted last by ReadSection, nil if nothing was.
func (e *Effects) Section() json.RawMessage {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.section
}

// Read notes a document that was read on the way. Reads that nobody asked for are dropped.
func (e *Effects) Read(r Read) {
	if !e.Wants(r.Index).Reads {
		return
	}
	e.mu.Lock()
	e.reads = append(e.reads, r)
	var many []Read
	if e.TakeReads != nil && len(e.reads) >= ManyWrites {
		many, e.reads = e.reads, nil
	}
	e.mu.Unlock()
	if many != nil {
		e.TakeReads(many)
	}
}

// Reads returns the noted reads that were not taken, in their order.
func (e *Effects) Reads() []Read {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reads
}

// Writes returns the noted writes that were not taken, in their order.
func (e *Effects) Writes() []Write {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writes
}

type effectsKey struct{}

// WithEffects returns a context in which [EffectsFrom] finds e.
func WithEffects(ctx context.Context, e *Effects) context.Context {
	return context.WithValue(ctx, effectsKey{}, e)
}

// EffectsFrom returns the request's effects, or nil if nobody wants to know.
func EffectsFrom(ctx context.Context) *Effects {
	e, _ := ctx.Value(effectsKey{}).(*Effects)
	return e
}
