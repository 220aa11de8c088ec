package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// store holds the documents of one index in memory, twice: what is durable, which readers see, and what is prepared but
// not durable yet, which only writers see.
//
// The durable part is a list of slots in the order of the operations. A document that is replaced or deleted keeps its slot,
// with the number of the operation that ended it; a reader takes the list and the number of the newest operation, and sees
// exactly the slots that were alive then, without holding a lock while it scans.
type store struct {
	// Guarded by Engine.mu.
	pending map[string]record
	nextSeq []int64 // by shard

	mu         sync.RWMutex
	byID       map[string]*slot
	tombs      map[string]tombstone
	slots      []*slot
	zones      *zones // of slots
	dead       int    // slots of replaced and deleted documents, told as docs.deleted
	at         uint64 // operations published
	durableSeq []int64
	bytes      int64
}

type slot struct {
	doc  *segment.Doc
	died atomic.Uint64 // 0 while alive
}

// alive says whether the document was there after operation at.
func (s *slot) alive(at uint64) bool {
	died := s.died.Load()
	return died == 0 || died > at
}

// tombstone remembers a deleted id, so that versions go on.
type tombstone struct {
	version, seq, term int64
	shard              int
	at                 time.Time
}

// record is the newest operation on an id, as a writer sees it.
type record struct {
	doc  *segment.Doc // nil if deleted
	tomb tombstone
}

func (r record) exists() bool { return r.doc != nil }

// source is that of the document, nil if there is none.
func (r record) source() json.RawMessage {
	if r.doc == nil {
		return nil
	}
	return r.doc.Source
}

func (r record) version() int64 {
	if r.doc != nil {
		return r.doc.Version
	}
	return r.tomb.version
}

func (r record) seq() int64 {
	if r.doc != nil {
		return r.doc.Seq
	}
	return r.tomb.seq
}

func (r record) term() int64 {
	if r.doc != nil {
		return r.doc.Term
	}
	return r.tomb.term
}

func newStore(shards int) *store {
	return &store{
		pending: map[string]record{}, nextSeq: make([]int64, shards), durableSeq: make([]int64, shards),
		byID: map[string]*slot{}, tombs: map[string]tombstone{}, zones: newZones(),
	}
}

// get returns a durable document, or nil.
func (s *store) get(id string) *segment.Doc {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sl := s.byID[id]; sl != nil {
		return sl.doc
	}
	return nil
}

// latest returns the newest operation on an id, durable or not; the zero record if there is none, or only a delete older than keep.
// The caller holds Engine.mu.
func (s *store) latest(id string, now time.Time, keep time.Duration) record {
	if r, ok := s.pending[id]; ok {
		return r
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sl := s.byID[id]; sl != nil {
		return record{doc: sl.doc}
	}
	t, ok := s.tombs[id]
	if !ok || now.Sub(t.at) > keep {
		return record{}
	}
	return record{tomb: t}
}

// prepare notes an operation that is on its way to the log. The caller holds Engine.mu.
func (s *store) prepare(id string, r record) { s.pending[id] = r }

// settle drops an operation from what is pending once it is visible. The caller holds Engine.mu.
func (s *store) settle(id string, seq int64) {
	if r, ok := s.pending[id]; ok && r.seq() == seq {
		delete(s.pending, id)
	}
}

// rollback forgets what is not durable. The caller holds Engine.mu.
func (s *store) rollback() {
	s.pending = map[string]record{}
	s.nextSeq = s.durable()
}

func (s *store) durable() []int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]int64(nil), s.durableSeq...)
}

// publish makes an operation visible. Operations are published in the order in which they were prepared.
func (s *store) publish(id string, shard int, r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at++
	if old := s.byID[id]; old != nil {
		old.died.Store(s.at)
		delete(s.byID, id)
		s.dead++
		s.bytes -= int64(len(old.doc.Source))
	}
	if r.doc != nil {
		sl := &slot{doc: r.doc}
		s.byID[id] = sl
		s.slots = append(s.slots, sl)
		s.bytes += int64(len(r.doc.Source))
		delete(s.tombs, id)
	} else {
		s.tombs[id] = r.tomb
	}
	s.durableSeq[shard] = max(s.durableSeq[shard], r.seq()+1)
	if s.dead > len(s.byID)+1024 {
		s.compact()
	}
}

// compact drops dead slots. Readers keep the list that they have.
func (s *store) compact() {
	live := make([]*slot, 0, len(s.byID)+len(s.byID)/4)
	for _, sl := range s.slots {
		if sl.died.Load() == 0 {
			live = append(live, sl)
		}
	}
	s.slots, s.zones, s.dead = live, newZones(), 0
}

// expire forgets deletes older than keep.
func (s *store) expire(now time.Time, keep time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.tombs {
		if now.Sub(t.at) > keep {
			delete(s.tombs, id)
		}
	}
}

// snapshot returns the live documents in index order.
func (s *store) snapshot() []*segment.Doc {
	return alive(s.view())
}

// within returns the live documents in index order, but not all of those that have no value in one of the spans.
func (s *store) within(spans []query.Span) []*segment.Doc {
	s.mu.RLock()
	slots, at, zones := slices.Clip(s.slots), s.at, s.zones
	s.mu.RUnlock()
	return zones.within(slots, at, spans)
}

// alive returns the documents of slots that were alive after operation at.
func alive(slots []*slot, at uint64) []*segment.Doc {
	out := make([]*segment.Doc, 0, len(slots))
	for _, sl := range slots {
		if sl.alive(at) {
			out = append(out, sl.doc)
		}
	}
	return out
}

func (s *store) view() ([]*slot, uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clip(s.slots), s.at
}

// tombstones returns the deletes that are remembered.
func (s *store) tombstones() map[string]tombstone {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.tombs)
}

// stats are figures of an index that are told to clients.
type stats struct {
	Docs, Deleted int
	Bytes         int64
}

func (s *store) stats() stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return stats{Docs: len(s.byID), Deleted: s.dead, Bytes: s.bytes}
}

// newDoc joins what a document says and where it stands.
func newDoc(p *segment.Parsed, source json.RawMessage) *segment.Doc {
	return &segment.Doc{Source: source, Values: p.Values, Nested: p.Nested}
}
