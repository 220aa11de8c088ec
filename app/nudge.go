package app

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"vigil/audit"
	"vigil/rest"
)

// refreshEvery bounds how often an index of a cluster is refreshed so that monitors see what was just written.
const refreshEvery = time.Second

// nudges has monitors over a remote cluster run when what may change their result can be found: it refreshes the index first, each
// at most once a second.
type nudges struct {
	refresh func(ctx context.Context, index string) error
	poke    func(monitors []string)
	log     *slog.Logger

	mu      sync.Mutex
	pending map[string]map[string]bool // monitors by index
	last    map[string]time.Time       // when an index was refreshed
	wake    chan struct{}
}

func newNudges(refresh func(context.Context, string) error, poke func([]string), log *slog.Logger) *nudges {
	return &nudges{
		refresh: refresh, poke: poke, log: log, pending: map[string]map[string]bool{}, last: map[string]time.Time{}, wake: make(chan struct{}, 1),
	}
}

// add notes that monitors must run when the index has been refreshed. It does not wait.
func (n *nudges) add(index string, monitors []string) {
	if len(monitors) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending[index] == nil {
		n.pending[index] = map[string]bool{}
	}
	for _, id := range monitors {
		n.pending[index][id] = true
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// run refreshes and pokes until ctx ends.
func (n *nudges) run(ctx context.Context) error {
	for {
		index, monitors, wait := n.next(time.Now())
		if monitors != nil {
			if err := n.refresh(ctx, index); err != nil && ctx.Err() == nil {
				n.log.WarnContext(ctx, "an index could not be refreshed for its monitors", "index", index, "error", err)
			}
			n.poke(monitors)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		case <-due:
		}
	}
}

// next takes an index that may be refreshed now, or says how long to wait for one; 0 if there is none.
func (n *nudges) next(now time.Time) (index string, monitors []string, wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, at := range n.last {
		if now.Sub(at) >= refreshEvery && n.pending[name] == nil {
			delete(n.last, name)
		}
	}
	for name, ids := range n.pending {
		if left := refreshEvery - now.Sub(n.last[name]); left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		delete(n.pending, name)
		n.last[name] = now
		return name, slices.Collect(maps.Keys(ids)), 0
	}
	return "", nil, wait
}

// delivered takes note of events that a cluster holds now.
func (s *Server) delivered(index string, entries []audit.Entry) {
	if s.alerting == nil {
		return
	}
	for _, e := range entries {
		if !isLocal(e.Doc) {
			s.nudges.add(index, s.alerting.scheduler.Match(index, e.Doc))
		}
	}
}

// wrote takes note of a request that may have changed documents of the guarded cluster. What it changed does not always show, so
// all monitors over its indices run.
func (s *Server) wrote(call *rest.Call, resolve func([]string) (concrete, missing []string)) {
	if s.alerting == nil || s.alerting.scheduler.Running() == 0 {
		return
	}
	names := call.Indices
	switch call.Route.Op {
	case "index", "create", "update", "delete", "update_by_query", "delete_by_query", "indices.delete":
	case "reindex":
		names = []string{"*"} // its target is in the body
	case "bulk":
		seen := map[string]bool{}
		for item, err := range rest.Bulk(call.Body, call.Vars["index"]) {
			if err != nil {
				return // refused as a whole
			}
			seen[item.Index] = true
		}
		names = slices.Collect(maps.Keys(seen))
	default:
		return
	}
	concrete, missing := resolve(names)
	for _, index := range slices.Concat(concrete, missing) {
		s.nudges.add(index, s.alerting.scheduler.Over(index))
	}
}

// documentWritten hands every document that the engine holds now to alerting, which runs the monitors whose result may have
// changed. Events of our own searches are left out: a monitor of the audit index would nudge itself for ever. Of the indices with a dot
// only those of data streams are anybody's to monitor.
func (s *Server) documentWritten(index, _ string, before, after json.RawMessage) {
	if s.alerting == nil || isSystemIndex(index) {
		return
	}
	if s.isAuditIndex(index) && isLocal(after) {
		return
	}
	s.alerting.scheduler.Document(index, before, after)
}

// indexChanged has the monitors run that read an index before or after it was changed: it may have been opened, closed or deleted, or
// got or lost a name.
func (s *Server) indexChanged(index string, mapping bool) (after func()) {
	if s.alerting == nil || isSystemIndex(index) {
		return nil
	}
	sched := s.alerting.scheduler
	if mapping {
		return func() { sched.Changed(index) }
	}
	before := sched.Over(index)
	return func() {
		sched.Changed(index)
		sched.Nudge(append(before, sched.Over(index)...))
	}
}

// isLocal reports whether an event's request came from within. Nearly no event says so anywhere.
func isLocal(event json.RawMessage) bool {
	if !bytes.Contains(event, []byte(`"`+audit.OriginLocal+`"`)) {
		return false
	}
	var e struct {
		Origin string `json:"audit_request_origin"`
	}
	return json.Unmarshal(event, &e) == nil && e.Origin == string(audit.OriginLocal)
}
