package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"vigil/wal"

	"github.com/prometheus/client_golang/prometheus"
)

// OnFailure says what happens to a request whose events cannot be recorded.
type OnFailure string

// The answers to a log that does not work.
const (
	// Refuse makes Record, Begin and End fail, so that the request is not served.
	Refuse OnFailure = "refuse"
	// Allow lets the request be served. What is missing is counted exactly and told by an event of category Gap as soon as
	// the log works again.
	Allow OnFailure = "allow"
)

// Errors of a trail.
var (
	// ErrNotRecorded is why a request must not be served.
	ErrNotRecorded = errors.New("events could not be recorded")
	// ErrLogFull says that the log has reached Options.MaxBytes because a sink does not keep up.
	ErrLogFull = errors.New("audit log has reached its limit")
	// ErrFilling is the warning before ErrLogFull.
	ErrFilling = errors.New("audit log is filling up")
)

const (
	defaultMaxBody = 4 << 20
	defaultKeep    = 24 * time.Hour
	maxSegment     = 64 << 20
	minSegment     = 64 << 10
	// maxAppend is the size from which on the events of one call are written in several appends, far below what the log takes
	// at once.
	maxAppend = 64 << 20
	// fillingAt and fillingOf are the part of MaxBytes from which on the log is filling up.
	fillingAt, fillingOf = 7, 10
)

// Options says where a trail keeps events and how it behaves. Dir and Policy are required.
type Options struct {
	// Dir is the folder of the trail: the log is in "wal" below it, the gap page and rejected events are beside that.
	Dir  string
	Node Node
	// Policy is the first policy, see SetPolicy.
	Policy *Policy
	// OnFailure is Refuse by default.
	OnFailure OnFailure
	// Redact takes out of events what its rules say, before they are encoded; nothing if nil.
	Redact *Redactor
	// MaxBodyBytes is the length at which bodies and differences are cut; 4 MiB by default.
	MaxBodyBytes int
	// Keep is how long delivered events stay in the log; 24 h by default.
	Keep time.Duration
	// MaxBytes bounds the log; 0 means no limit. At least 1 MiB.
	MaxBytes int64
	// Fold turns repeats into one event; off by default.
	Fold Fold
	// FS is where the log is; the operating system's by default. Tests inject faults here.
	FS wal.FS
	// Logger is silent by default.
	Logger *slog.Logger
	// Registerer receives the metrics, if there is one. Two trails need two, or one with labels.
	Registerer prometheus.Registerer
}

// Trail records events and lets sinks read them. What Record, Begin and End return from without an error is on disk, except
// that under Allow it may be counted as missing. All methods are safe for concurrent use; Attach comes before Run.
type Trail struct {
	log      *wal.Log
	dir      string
	node     Node
	allow    bool
	maxBody  int
	redact   *Redactor
	keep     time.Duration
	maxBytes int64
	segment  int64
	split    int // maxAppend but in tests
	logger   *slog.Logger
	metrics  *metrics

	policy  atomic.Pointer[Policy]
	gap     *gap
	intents intents
	folds   *folds
	sinks   []*reader

	roomMu    sync.Mutex // held while room is made
	roomTried time.Time

	batches sync.Pool
}

// Open opens the trail in o.Dir or begins one. It finds the intents that a crash left open, see OpenIntents, and tells of
// the events that are missing since the last run, if there are any and the log can take it.
func Open(o Options) (*Trail, error) {
	t, err := newTrail(o)
	if err != nil {
		return nil, fmt.Errorf("open audit trail: %w", err)
	}
	verify := int64(4 * maxSegment) // the rest is verified when it is read
	t.log, err = wal.Open(wal.Options{
		Dir: filepath.Join(o.Dir, "wal"), SegmentBytes: t.segment, VerifyBytes: verify, FS: o.FS, Logger: t.logger, OnSync: t.metrics.synced,
	})
	if err != nil {
		return nil, fmt.Errorf("open audit trail: %w", err)
	}
	if t.gap, err = openGap(o.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open audit trail: %w", err), t.log.Close())
	}
	if err = t.recover(); err == nil && o.Registerer != nil {
		err = o.Registerer.Register(newCollector(t))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open audit trail: %w", err), t.Close())
	}
	if err := t.tellGap(context.Background()); err != nil {
		t.logger.Warn("audit gap cannot be told yet", "error", err)
	}
	if err := t.tellFolds(context.Background(), true); err != nil {
		t.logger.Warn("folded events cannot be told yet", "error", err)
	}
	return t, nil
}

func newTrail(o Options) (*Trail, error) {
	switch {
	case o.Dir == "":
		return nil, errors.New("no folder given")
	case o.Policy == nil:
		return nil, errors.New("no policy given")
	case o.OnFailure != "" && o.OnFailure != Refuse && o.OnFailure != Allow:
		return nil, fmt.Errorf("on_failure %q is neither refuse nor allow", o.OnFailure)
	case o.MaxBodyBytes < 0 || o.MaxBodyBytes > wal.MaxEntryBytes:
		return nil, fmt.Errorf("body limit of %d bytes is not between 0 and %d", o.MaxBodyBytes, wal.MaxEntryBytes)
	case o.MaxBytes < 0 || o.MaxBytes > 0 && o.MaxBytes < 16*minSegment:
		return nil, fmt.Errorf("log limit of %d bytes is below %d", o.MaxBytes, 16*minSegment)
	}
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = defaultMaxBody
	}
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Trail{
		dir: o.Dir, node: o.Node, allow: o.OnFailure == Allow, maxBody: o.MaxBodyBytes, redact: o.Redact, keep: o.Keep,
		maxBytes: o.MaxBytes, segment: maxSegment, split: maxAppend, logger: o.Logger, metrics: newMetrics(),
		intents: intents{open: make(map[uint64]*openIntent)},
	}
	if o.MaxBytes > 0 {
		t.segment = min(o.MaxBytes/16, maxSegment)
	}
	var err error
	if t.folds, err = newFolds(o.Fold, t.segment); err != nil {
		return nil, err
	}
	t.batches.New = func() any { return new(batch) }
	t.policy.Store(o.Policy)
	return t, nil
}

// Close closes the log. Events that come later are refused, even under Allow.
func (t *Trail) Close() error {
	var errs []error
	for _, r := range t.sinks {
		if err := r.sink.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close sink %s: %w", r.name, err))
		}
	}
	return errors.Join(append(errs, t.log.Close(), t.gap.close())...)
}

// Policy returns the policy in force.
func (t *Trail) Policy() *Policy { return t.policy.Load() }

// SetPolicy puts a policy in force for records that begin from now on.
func (t *Trail) SetPolicy(p *Policy) { t.policy.Store(p) }

// Record makes those of the events durable that the policy keeps, in order; all or nothing up to 64 MiB, beyond which an error
// or a crash may leave the first of them. Cancelling ctx does not stop it: a client that hangs up hides nothing. See
// [WithPolicy] for which policy judges.
func (t *Trail) Record(ctx context.Context, events ...*Event) error {
	_, _, err := t.write(ctx, step{events: events, request: true})
	return err
}

// Begin records what is known before something is changed, and with the last of it the intent to change it.
func (t *Trail) Begin(ctx context.Context, in Intent, events ...*Event) (Ticket, error) {
	token := t.intents.begin(t.log, in)
	seq, missed, err := t.write(ctx, step{events: events, intent: &in, request: true})
	if seq == 0 {
		t.intents.end(token)
		return Ticket{counted: missed}, err
	}
	return Ticket{token: token, seq: seq}, nil
}

// End records what came of it and, with the last of it, closes the intent. If it fails, the change stands and the client does not learn of it; the
// intent stays open and OpenIntents tells.
func (t *Trail) End(ctx context.Context, k Ticket, events ...*Event) error {
	_, _, err := t.write(ctx, step{events: events, closes: k.seq, request: !k.counted})
	if k.seq == 0 {
		return err
	}
	if err != nil {
		t.intents.leave(k.token, k.seq)
		return err
	}
	t.intents.end(k.token)
	return nil
}

// OpenIntents returns the intents whose outcome is not known: left by a crash, or by an End that failed. Somebody should
// look what became of each and Resolve it.
func (t *Trail) OpenIntents() []Intent { return t.intents.list() }

// Resolve closes an open intent with the events that were found missing, whose Recovered should be set; with none if nothing
// had happened.
func (t *Trail) Resolve(ctx context.Context, in Intent, events ...*Event) error {
	if _, _, err := t.write(ctx, step{events: events, closes: in.seq, request: true}); err != nil {
		return fmt.Errorf("resolve intent %d: %w", in.seq, err)
	}
	t.intents.end(in.token)
	return nil
}

// step is what one call records.
type step struct {
	events  []*Event
	intent  *Intent
	closes  uint64 // the intent that ends, or 0
	request bool   // whether the request is not part of a gap yet
}

// write appends what the policy keeps of a step, in pieces that bound what is in memory at once. Intent and close go with the
// last: nothing is done before an intent is there, and what a crash cuts short stays open. seq is that of the intent. Under
// Allow a failure is counted instead of returned, and missed says so.
func (t *Trail) write(ctx context.Context, s step) (seq uint64, missed bool, err error) {
	b := t.batches.Get().(*batch)
	defer t.putBatch(b)
	p, ok := ctx.Value(policyKey{}).(*Policy)
	if !ok {
		p = t.Policy()
	}
	missing, _ := ctx.Value(requestKey{}).(*atomic.Bool)
	if missing != nil && missing.Load() {
		s.request = false
	}
	for left := s.events; ; b.reset() {
		left = b.fill(t, p, left, s.request)
		if len(left) == 0 {
			b.addMarks(s)
		}
		intent := len(b.ends) - 1
		if len(b.ends) == 0 {
			return 0, false, nil
		}
		first, err := t.append(ctx, b)
		t.metrics.folded.Add(float64(t.folds.settle(b.joined, first, err)))
		if err != nil {
			return t.failed(ctx, err, s, b.events()+p.count(left))
		}
		t.metrics.recorded(b.categories)
		if len(left) > 0 {
			continue
		}
		if s.intent != nil {
			seq = first + uint64(intent)
		}
		return seq, false, nil
	}
}

// failed says what becomes of a step of which so many events that the policy keeps were not written.
func (t *Trail) failed(ctx context.Context, err error, s step, kept int) (seq uint64, missed bool, _ error) {
	t.metrics.failures.Inc()
	if t.allow && t.count(ctx, err, s, kept) {
		if missing, ok := ctx.Value(requestKey{}).(*atomic.Bool); ok && kept > 0 {
			missing.Store(true)
		}
		return 0, kept > 0, nil
	}
	return 0, false, fmt.Errorf("%w: %w", ErrNotRecorded, err)
}

// count notes what is missing. Only the first miss of a gap is logged: there may be thousands a second, on a full disk.
func (t *Trail) count(ctx context.Context, err error, s step, kept int) bool {
	counted, first := t.gap.add(time.Now(), t.missOf(err, s, kept))
	if counted {
		t.metrics.missed.Add(float64(kept))
	}
	if first {
		t.logger.ErrorContext(ctx, "requests are served without a record from now on", "error", err)
	}
	return counted
}

func (t *Trail) missOf(err error, s step, kept int) miss {
	m := miss{events: kept, request: s.request, intent: s.closes}
	if errors.Is(err, wal.ErrFailed) {
		m.failedAt = t.log.Last() + 1
	}
	return m
}

// append makes a batch durable, and behind it what is to be told of a gap.
func (t *Trail) append(ctx context.Context, b *batch) (first uint64, err error) {
	if t.room() != nil {
		if err := t.makeRoom(ctx); err != nil {
			return 0, err
		}
	}
	told, telling := t.gap.claim()
	if telling {
		b.addGap(t, told)
	}
	first, err = t.log.Append(context.WithoutCancel(ctx), b.entries()...)
	switch {
	case telling && err == nil:
		t.gap.settle(told)
		t.metrics.told(told)
		t.logger.WarnContext(ctx, "missing events were told by a gap record", "events", told.events, "requests", told.requests)
	case telling:
		t.gap.release()
	}
	if err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	return first, nil
}

// tellGap records a gap that nobody else's append has told of.
func (t *Trail) tellGap(ctx context.Context) error {
	if !t.gap.pending.Load() || t.log.Err() != nil && errors.Is(t.log.Err(), wal.ErrFailed) {
		return nil
	}
	b := t.batches.Get().(*batch)
	defer t.putBatch(b)
	_, err := t.append(ctx, b)
	return err
}

// room keeps one file's size free, because a log grows by whole files.
func (t *Trail) room() error {
	if t.maxBytes > 0 && t.log.Size() > t.maxBytes-t.segment {
		return fmt.Errorf("%w of %d bytes", ErrLogFull, t.maxBytes)
	}
	return nil
}
