package alerting

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/cluster"
)

// nudgeInterval is the least time between two runs of a monitor that documents cause.
const nudgeInterval = 100 * time.Millisecond

// lookAtClock is how long a slot is waited for at once. A timer does not see that the clock was put forward or back, or that the machine
// slept.
const lookAtClock = time.Minute

// SchedulerOptions configure a [Scheduler].
type SchedulerOptions struct {
	Store  *Store
	Runner *Runner
	// Workers bounds how many monitors run at the same time; default 16.
	Workers int
	// Poll is how often the stored monitors are read, for changes by other gateways; default once at the start.
	Poll time.Duration
	// Fields tells what a field of a query is in documents of the indices. Nil takes the mapping that documents make
	// themselves: no aliases, standard analyzer, sub-fields keyword.
	Fields func(indices []string, name string) Field
	// Names returns the aliases and data streams that an index belongs to. Nil means none. It is called by Document.
	Names func(index string) []string
	// Members shares the monitors with other processes over the same store. Nil means that all are ours.
	Members *Members
	Log     *slog.Logger
}

// Scheduler runs enabled monitors: by their schedules, and at once when a document arrives that may change a result.
// Its methods are safe for concurrent use.
type Scheduler struct {
	o     SchedulerOptions
	index *predicateIndex
	slots chan struct{}
	wake  chan struct{}

	mu      sync.Mutex
	entries map[string]*entry
	dirty   map[string]bool
	ran     map[string]time.Time // starts of the last scheduled runs
	// swept is set once the stored monitors have been read.
	swept bool
	began time.Time // in milliseconds, as monitors tell their times
}

// entry is what the scheduler knows about a monitor. What follows catchUp belongs to Run and the goroutine of the monitor.
type entry struct {
	monitor *Monitor // nil once it is gone or disabled
	version int64    // sequence number of what is known
	local   time.Time
	nudge   chan struct{}
	// catchUp is set for monitors that were there before we were: they may have missed a slot.
	catchUp bool

	stop, done chan struct{}
	last       time.Time // start of the last run that a document caused

	// held is whether the monitor was ours at the last look; taken tells its goroutine that it has become so.
	held  bool
	taken chan struct{}
}

// NewScheduler returns a scheduler. From now on it follows what the store writes.
func NewScheduler(o SchedulerOptions) *Scheduler {
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Scheduler{
		o: o, index: newPredicateIndex(o.Names), slots: make(chan struct{}, o.Workers), wake: make(chan struct{}, 1),
		entries: map[string]*entry{}, dirty: map[string]bool{}, ran: map[string]time.Time{},
		began: time.Now().Truncate(time.Millisecond),
	}
	if o.Members != nil {
		o.Members.changed, o.Members.noted = s.take, s.noted
		o.Runner.o.Holds = o.Members.Holds
	}
	o.Store.changed = func(_ context.Context, id string, m *Monitor) { s.put(id, m, time.Now(), false) }
	return s
}

// take finds the monitors that have become ours. Whoever had them may have missed a slot, or what documents changed, and may owe
// messages.
func (s *Scheduler) take() {
	s.mu.Lock()
	defer s.mu.Unlock()
	gained := false
	for id, e := range s.entries {
		before := e.held
		if e.held = s.o.Members.Holds(id); !e.held || before {
			continue
		}
		gained = true
		select {
		case e.taken <- struct{}{}:
		default:
		}
	}
	if gained {
		s.o.Runner.reload()
	}
}

// put takes note of a monitor as it is stored now; nil means that it is gone.
func (s *Scheduler) put(id string, m *Monitor, at time.Time, catchUp bool) {
	var f *filed
	if m != nil && m.Enabled {
		// Without a lock: what a field means is asked of others.
		f = prepare(m, s.o.Fields)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	if e == nil {
		if m == nil {
			return
		}
		e = &entry{nudge: make(chan struct{}, 1), taken: make(chan struct{}, 1), version: -1}
		s.entries[id] = e
	}
	if m != nil && m.Version.SeqNo <= e.version {
		return
	}
	e.local, e.monitor = at, nil
	if m != nil {
		e.version = m.Version.SeqNo
		if m.Enabled {
			e.monitor, e.catchUp = m, catchUp
		}
	}
	if f != nil {
		s.index.put(f)
	} else {
		s.index.remove(id)
	}
	s.dirty[id] = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Running returns how many monitors are enabled.
func (s *Scheduler) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.entries {
		if e.monitor != nil {
			n++
		}
	}
	return n
}

// Run schedules until ctx ends, and returns when everything that it started has stopped.
func (s *Scheduler) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.o.Runner.Deliver(ctx) })
	g.Go(func() error {
		return s.o.Store.keepHistories(ctx, s.holds, func(err error) {
			s.o.Log.WarnContext(ctx, "cannot keep the histories in bounds", "error", err)
		})
	})
	if s.o.Members != nil {
		g.Go(func() error { return s.o.Members.Run(ctx) })
	}
	g.Go(func() error {
		for {
			s.apply(ctx, g)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.wake:
			}
		}
	})
	return g.Wait()
}

// follow reads the stored monitors: at the start, and whenever others may have changed them.
func (s *Scheduler) follow(ctx context.Context) error {
	w := cluster.NewWatch(cluster.WatchOptions{
		Client: s.o.Store.c, Index: s.o.Store.ix.Config, Every: s.o.Poll, Log: s.o.Log,
		Changed: func(docs map[string]cluster.Doc) { s.sync(ctx, docs) },
	})
	if s.o.Poll > 0 {
		return w.Run(ctx)
	}
	for {
		if err := w.Read(ctx); err == nil {
			return nil
		}
		if !wait(ctx, time.After(time.Second)) {
			return ctx.Err()
		}
	}
}

// sync compares what is stored with what is known.
func (s *Scheduler) sync(ctx context.Context, docs map[string]cluster.Doc) {
	now := time.Now()
	s.mu.Lock()
	first := !s.swept
	s.swept = true
	var gone []string
	for id, e := range s.entries {
		// What was written here a moment ago may not have been there yet when the documents were read.
		if _, ok := docs[id]; !ok && now.Sub(e.local) > 2*s.o.Poll+time.Second {
			gone = append(gone, id)
		}
	}
	s.mu.Unlock()
	for id, d := range docs {
		m, err := ReadMonitor(d)
		if err != nil {
			s.o.Log.ErrorContext(ctx, "monitor cannot be read", "monitor_id", id, "error", err)
			continue
		}
		if m != nil {
			s.put(id, m, time.Time{}, first && m.LastUpdateTime.Before(s.began))
		}
	}
	for _, id := range gone {
		s.put(id, nil, now, false)
		if !s.holds(id) {
			continue
		}
		// Who deleted it ended its alerts, but for what a run of ours raised meanwhile.
		if err := s.o.Runner.Retire(ctx, id); err != nil && ctx.Err() == nil {
			s.o.Log.WarnContext(ctx, "cannot end the alerts of a deleted monitor", "monitor_id", id, "error", err)
		}
	}
	if first {
		s.retireOrphans(ctx, docs)
	}
}

// retireOrphans ends the alerts of monitors that were deleted by somebody who could not finish.
func (s *Scheduler) retireOrphans(ctx context.Context, docs map[string]cluster.Doc) {
	ids, err := s.o.Store.monitorsWithAlerts(ctx)
	for _, id := range ids {
		if _, ok := docs[id]; !ok {
			err = errors.Join(err, s.o.Runner.Retire(ctx, id))
		}
	}
	if err != nil {
		s.o.Log.WarnContext(ctx, "cannot end the alerts of deleted monitors", "error", err)
	}
}

// apply starts, stops and restarts the goroutines of monitors that changed.
func (s *Scheduler) apply(ctx context.Context, g *errgroup.Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.dirty {
		delete(s.dirty, id)
		e := s.entries[id]
		previous := e.done
		if e.stop != nil {
			// A run that is under way ends as it would have.
			close(e.stop)
			e.stop = nil
		}
		if e.monitor == nil {
			delete(s.entries, id)
			continue
		}
		m, catchUp := e.monitor, e.catchUp
		e.catchUp = false
		stop, done := make(chan struct{}), make(chan struct{})
		e.stop, e.done = stop, done
		g.Go(func() error {
			defer close(done)
			if previous != nil {
				<-previous
			}
			s.task(ctx, stop, e, m, catchUp)
			return nil
		})
	}
}

// task runs one monitor until it is told to stop or ctx ends.
func (s *Scheduler) task(ctx context.Context, stop <-chan struct{}, e *entry, m *Monitor, catchUp bool) {
	now := time.Now()
	slot := m.Schedule.Next(m.EnabledTime, now)
	if missed := m.Schedule.last(m.EnabledTime, now); catchUp && !missed.IsZero() {
		slot = missed
		s.o.Log.InfoContext(ctx, "catching up on a slot that may have been missed", "monitor_id", m.ID, "slot", missed)
	}
	if catchUp {
		e.poke() // what documents changed before we died may not have been looked at
	}
	var early <-chan time.Time // ends the pause between two runs by documents
	nudge := e.nudge
	for {
		var due <-chan time.Time
		if !slot.IsZero() {
			due = time.After(min(time.Until(slot), lookAtClock))
		}
		select {
		case <-ctx.Done():
			return
		case <-stop:
			if early != nil { // a run is owed: leave it to the successor
				select {
				case e.nudge <- struct{}{}:
				default:
				}
			}
			return
		case <-due:
			if now := time.Now(); now.Before(slot) {
				slot = m.Schedule.resync(m.EnabledTime, slot, now)
				continue
			}
			s.run(ctx, m, Scheduled, slot)
			slot = s.nextSlot(ctx, m, slot)
		case <-e.taken:
			if last := m.Schedule.last(m.EnabledTime, time.Now()); !last.IsZero() {
				s.o.Log.InfoContext(ctx, "taking over a monitor, with the slot that may have been missed", "monitor_id", m.ID, "slot", last)
				s.run(ctx, m, Scheduled, last)
			}
			e.poke()
		case <-nudge:
			if pause := time.Until(e.last.Add(nudgeInterval)); pause > 0 {
				nudge, early = nil, time.After(pause)
				continue
			}
			s.nudged(ctx, e, m)
		case <-early:
			nudge, early = e.nudge, nil
			s.nudged(ctx, e, m)
		}
	}
}

func (s *Scheduler) nudged(ctx context.Context, e *entry, m *Monitor) {
	e.last = time.Now()
	s.run(ctx, m, Nudged, time.Time{})
}

// nextSlot returns the slot after one that was run. If the run took longer than to the next slot, the last one that passed
// meanwhile is caught up, and said so.
func (s *Scheduler) nextSlot(ctx context.Context, m *Monitor, slot time.Time) time.Time {
	now := time.Now()
	if missed := m.Schedule.last(m.EnabledTime, now); missed.After(slot) && s.holds(m.ID) {
		s.o.Log.WarnContext(ctx, "catching up on a slot that was missed", "monitor_id", m.ID, "slot", missed)
		return missed
	}
	return m.Schedule.Next(m.EnabledTime, now)
}

// holds reports whether a monitor is ours to run.
func (s *Scheduler) holds(id string) bool { return s.o.Members == nil || s.o.Members.Holds(id) }

func (s *Scheduler) run(ctx context.Context, m *Monitor, c Cause, slot time.Time) {
	if settings, err := s.o.Store.Settings(ctx); !s.holds(m.ID) || err == nil && !settings.Scheduled {
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return
	}
	if c == Scheduled {
		s.mu.Lock()
		s.ran[m.ID] = time.Now()
		s.mu.Unlock()
	}
	_, err := s.o.Runner.Run(ctx, Request{
		Monitor: m, Cause: c, PeriodEnd: slot, stale: func() bool { return s.enabled(m.ID) != m },
	})
	switch {
	case err == nil, errors.Is(err, context.Canceled):
	case errors.Is(err, errStale):
		s.pokeSuccessor(m.ID) // what this run would have seen is for the monitor as it is now
	case errors.Is(err, errReleased):
		s.o.Log.InfoContext(ctx, "a run is left to another member", "monitor_id", m.ID, "cause", string(c))
	default:
		s.o.Log.ErrorContext(ctx, "monitor run failed", "monitor_id", m.ID, "cause", string(c), "error", err)
	}
}
