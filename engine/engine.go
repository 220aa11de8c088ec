// Package engine is the embedded search engine: OpenSearch's document, search and index APIs over documents that are kept in
// memory and in a log.
//
// It is the plain one: a question is answered by looking at every document. It must not authenticate, authorize or audit;
// what it does on behalf of a request it says through [rest.Effects]. What it acknowledged is durable, and what readers see
// is durable too. Read [Engine] and, for the path of a write, [Engine.enqueue] first.
package engine

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigil/rest"
	"vigil/wal"
)

// Options says where an engine is and how it behaves. Dir is required; the zero value of the others is the default.
type Options struct {
	// Dir is the folder that holds everything; it is created if missing and locked while the engine is open.
	Dir string
	// ClusterName and NodeName are told to clients: "vigil" and "node-0" by default.
	ClusterName, NodeName string
	// Logger receives what goes wrong behind a request; silent by default.
	Logger *slog.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// MinFree is the space in bytes that must be left on the disk for documents to be taken; 1 GiB by default, negative
	// switches the check off. Deletes are always taken.
	MinFree int64
	// Free returns the space left on the disk of Dir; by default it asks the operating system.
	Free func() (int64, error)
	// MaxLog is the size in bytes at which the log is replaced by a snapshot; 256 MiB by default.
	MaxLog int64
	// MaxBody bounds the body of a request that comes without a [rest.Call]; 100 MB by default.
	MaxBody int64
	// OnWrite is called after a document became visible, in the order of the operations of its index, with its source before and
	// after: nil if there was none, or is none any more. It runs in the path of every write: it must not block and must not call
	// the engine's handlers.
	OnWrite func(index, id string, before, after json.RawMessage)
	// OnChange is called before a change of an index or its deletion becomes visible, and what it returns, if not nil, right after.
	// Mapping is set if only the mapping changes. It runs where OnWrite does, under the same rules.
	OnChange func(index string, mapping bool) (after func())
	// CheckSetting judges a cluster setting that is not the engine's own; nil as value resets it. Mine is whether it is known to
	// whoever is asked, idle why it has no effect, if it has none; the error is for what cannot be set. Nil keeps all without effect.
	CheckSetting func(name string, value any) (mine bool, idle string, err error)
	// FS is where files are; the operating system's by default. Tests inject faults here.
	FS wal.FS

	segmentBytes int64 // of the log's files; tests make them small
	bulkPart     int   // operations; tests make it small
}

// Engine is an open engine. All methods may be called concurrently.
type Engine struct {
	opts   Options
	fs     wal.FS
	log    *wal.Log
	table  *rest.Table
	ops    map[string]operation
	nodeID string

	// state is the durable metadata; readers load it once per request.
	state atomic.Pointer[state]

	// mu guards what is prepared: next, base, queue, closing, and the pending part of every store.
	mu      sync.Mutex
	next    *state
	base    int64 // opening found when the log was opened
	queue   []*flush
	newest  *flush // the last that was queued; it may be done
	closing bool
	wake    chan struct{} // holds a token when the queue may have work

	committed chan struct{} // closed when the committer has ended
	stop      chan struct{} // closed by Close; ends the sweeper
	swept     chan struct{} // closed when the sweeper has ended
	// logged is the newest published entry. It and what follows are the committer's and, after it, Close's.
	logged uint64
	// sinceCompact is the size in bytes of what was logged since the newest snapshot was begun.
	sinceCompact int64
	// snapshot gets the outcome of the snapshot that is being written; nil if none is.
	snapshot <-chan error
	// compacted is the newest entry in the snapshot.
	compacted atomic.Uint64

	scrolls scrolls
	pits    pits
	disk    diskCheck
	started time.Time
}

// Open opens the engine in o.Dir, or begins one. It reads the snapshot and what the log holds beyond it. Damage that a crash
// does not explain is an error.
func Open(o Options) (*Engine, error) {
	if o.Dir == "" {
		return nil, errors.New("open engine: no folder given")
	}
	setDefaults(&o)
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	log, err := wal.Open(wal.Options{Dir: filepath.Join(o.Dir, "log"), FS: o.FS, Logger: o.Logger, SegmentBytes: o.segmentBytes})
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	e := &Engine{
		opts: o, fs: o.FS, log: log, table: table,
		wake: make(chan struct{}, 1), committed: make(chan struct{}), stop: make(chan struct{}),
		swept: make(chan struct{}), started: o.Now(),
	}
	e.ops = e.operations()
	e.disk = diskCheck{min: o.MinFree, free: o.Free, now: o.Now}
	if err := e.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open engine: %w", err), log.Close())
	}
	go e.commit()
	go e.sweep()
	return e, nil
}

func setDefaults(o *Options) {
	if o.ClusterName == "" {
		o.ClusterName = "vigil"
	}
	if o.NodeName == "" {
		o.NodeName = "node-0"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MinFree == 0 {
		o.MinFree = 1 << 30
	}
	if o.Free == nil {
		dir := o.Dir
		o.Free = func() (int64, error) { return freeBytes(dir) }
	}
	if o.MaxLog == 0 {
		o.MaxLog = 256 << 20
	}
	if o.MaxBody == 0 {
		o.MaxBody = 100_000_000
	}
	if o.FS == nil {
		o.FS = wal.OS()
	}
	if o.bulkPart == 0 {
		o.bulkPart = bulkPart
	}
}

// recover loads the durable state and names a new cluster.
func (e *Engine) recover() error {
	s, err := e.load()
	if err != nil {
		return err
	}
	e.nodeID = newUUID()
	if s.uuid == "" {
		// The name of a cluster that nothing was written to yet is logged with its first change.
		s.uuid = newUUID()
	}
	e.base = s.opening
	e.state.Store(s)
	e.next = s
	return nil
}

// Close waits for what is being written, writes a snapshot if the log holds anything, and closes the log. Requests that come
// later are refused.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closing {
		e.mu.Unlock()
		<-e.committed
		return nil
	}
	e.closing = true
	e.signal()
	e.mu.Unlock()
	close(e.stop)
	<-e.committed
	<-e.swept
	var err error
	if e.log.Err() == nil && e.logged > e.compacted.Load() {
		var v *view
		if v, err = e.view(); err == nil {
			err = e.compact(v)
		}
	}
	return errors.Join(err, e.log.Close())
}

// sweepEvery is how often what ran out is dropped.
const sweepEvery = time.Minute

// sweep frees the scrolls and points in time that ran out until the engine closes.
func (e *Engine) sweep() {
	defer close(e.swept)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			e.scrolls.expire(e.opts.Now())
			e.pits.expire(e.opts.Now())
		case <-e.stop:
			return
		}
	}
}

// Healthy returns nil, or why documents are not taken at the moment.
func (e *Engine) Healthy() error {
	if err := e.log.Err(); err != nil {
		return err
	}
	return e.disk.check()
}

// newUUID returns a name in the form that OpenSearch gives its indices: 22 characters of URL-safe base64.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ServeHTTP answers a request. Its meaning is taken from the context if the gateway has put it there, and found otherwise.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := rest.FromContext(r.Context())
	if call == nil {
		var err error
		if call, err = e.table.Resolve(r); err != nil {
			rest.WriteError(w, err)
			return
		}
		if call.Route.Handler != nil { // OPTIONS
			call.Route.Handler.ServeHTTP(w, r)
			return
		}
		r = r.WithContext(rest.NewContext(r.Context(), call))
	}
	op, ok := e.ops[call.Route.Op]
	if !ok {
		rest.AnswerError(w, r, rest.Errorf(http.StatusNotImplemented, "unsupported_operation_exception",
			"the embedded engine does not implement [%s %s]", r.Method, r.URL.Path))
		return
	}
	q := &request{Context: r.Context(), http: r, call: call, fx: rest.EffectsFrom(r.Context()), now: e.opts.Now(), warned: new([]string)}
	answer, err := e.serve(op, w, q)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	answer.write(w, q)
}

func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, err error) {
	known := asRest(err)
	if known.Status >= http.StatusInternalServerError {
		e.opts.Logger.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	rest.AnswerError(w, r, known)
}

// Ops returns the names of the operations that are built, sorted.
func (e *Engine) Ops() []string { return slices.Sorted(maps.Keys(e.ops)) }
