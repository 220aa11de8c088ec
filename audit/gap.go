package audit

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// gap counts what could not be recorded, and hands the count over to the log once it works again.
type gap struct {
	pending atomic.Bool // something waits to be told and nobody tells it

	mu      sync.Mutex
	page    *gapPage // nil after close
	state   gapState
	claimed bool
	dirty   bool
	boot    [16]byte
}

func openGap(dir string) (*gap, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create audit folder: %w", err)
	}
	page, state, err := openGapPage(dir)
	if err != nil {
		return nil, err
	}
	g := &gap{page: page, state: state, boot: bootID()}
	g.pending.Store(!state.empty())
	return g, nil
}

// miss is what one append could not record.
type miss struct {
	events   int
	request  bool   // whether the request was not counted yet
	intent   uint64 // whose outcome is among the events, or 0
	failedAt uint64 // the log's next sequence number if it failed for good, or 0
}

// add counts. counted is false if it cannot any more, after close; first is true for the first miss of a gap.
func (g *gap) add(now time.Time, m miss) (counted, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.page == nil {
		return false, false
	}
	s := &g.state
	if s.empty() {
		s.boot, first = g.boot, true
	}
	if m.events > 0 {
		if s.events == 0 {
			s.first = now.UnixNano()
		}
		s.last = now.UnixNano()
		s.events += uint64(m.events)
		if m.request {
			s.requests++
		}
	}
	if s.failedAt == 0 {
		s.failedAt = m.failedAt
	}
	if m.intent != 0 && len(s.closes) < maxCloses {
		s.closes = append(s.closes, m.intent)
	}
	g.store()
	return true, first
}

// claim returns what is to be told, and true, to one caller at a time, who must settle or release it.
func (g *gap) claim() (gapState, bool) {
	if !g.pending.Load() {
		return gapState{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.claimed || g.page == nil || g.state.empty() {
		return gapState{}, false
	}
	g.claimed = true
	g.pending.Store(false)
	told := g.state
	told.closes = append([]uint64(nil), told.closes...)
	return told, true
}

func (g *gap) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claimed = false
	g.pending.Store(!g.state.empty())
}

// settle takes off what is durable in the log now. What was counted meanwhile stays.
func (g *gap) settle(told gapState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claimed = false
	// What remains was counted since told was claimed, and so by this process.
	g.state.first, g.state.boot = told.last, g.boot
	g.subtract(counted{told.generation, told.events, told.requests}, len(told.closes))
}

func (g *gap) subtract(c counted, closes int) {
	s := &g.state
	s.generation++
	s.events -= min(s.events, c.events)
	s.requests -= min(s.requests, c.requests)
	s.closes = s.closes[min(closes, len(s.closes)):]
	g.store()
}

// repair makes the count exact after a start: told are gap records found in the log, found are entries that were counted as
// missing and are there after all, and intents those of the same fate, which nobody needs to look after.
func (g *gap) repair(told []counted, found counted, intents []uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range told {
		if c.generation == g.state.generation {
			g.subtract(c, 0)
		}
	}
	s := &g.state
	s.events -= min(s.events, found.events)
	s.requests -= min(s.requests, found.requests)
	if s.events > 0 {
		s.requests = max(s.requests, 1)
	}
	s.failedAt = 0
	s.closes = append(s.closes, intents[:min(len(intents), maxCloses-len(s.closes))]...)
	g.store()
}

// store writes the state to the page. The caller holds mu.
func (g *gap) store() {
	if g.page == nil {
		return // closed; the next start finds in the log what was told
	}
	g.page.store(g.state)
	g.dirty = true
	if !g.claimed {
		g.pending.Store(!g.state.empty())
	}
}

// snapshot is for health, metrics and housekeeping.
func (g *gap) snapshot() (state gapState, claimed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.claimed
}

// sync brings the page to the disk, so that even a power loss loses little of the count.
func (g *gap) sync() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dirty || g.page == nil {
		return nil
	}
	g.dirty = false
	return g.page.sync()
}

func (g *gap) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.page == nil {
		return nil
	}
	p := g.page
	g.page = nil
	g.pending.Store(false)
	return p.close()
}

// event is the record of a gap.
func (s *gapState) event(now time.Time, boot [16]byte) *Event {
	return &Event{
		Time: now, Category: Gap, Origin: OriginLocal,
		Gap: &Missing{
			Events: s.events, Requests: s.requests,
			First: time.Unix(0, s.first), Last: time.Unix(0, s.last), Exact: s.boot == boot,
		},
	}
}
