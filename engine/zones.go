package engine

import (
	"math"
	"sync"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// zoneSlots is how many slots a zone has.
const zoneSlots = 1024

// zones know between which times the documents of each zone of a list of slots lie, so that a search for the last minutes need
// not look at the days before. What a zone holds is found out when a search asks for it first; slots that are full never
// change, but for the death of their documents.
type zones struct {
	mu     sync.Mutex
	fields map[string][]*query.Span // by zone; nil where nobody asked yet
}

func newZones() *zones { return &zones{fields: map[string][]*query.Span{}} }

// within returns the documents that were alive after operation at, without those of zones in which no document has a value
// in one of the spans.
func (z *zones) within(slots []*slot, at uint64, spans []query.Span) []*segment.Doc {
	if len(spans) == 0 {
		return alive(slots, at)
	}
	var out []*segment.Doc
	for i := 0; i < len(slots); i += zoneSlots {
		end := min(i+zoneSlots, len(slots))
		if end-i == zoneSlots && z.outside(slots[i:end], i/zoneSlots, spans) {
			continue
		}
		out = append(out, alive(slots[i:end], at)...)
	}
	return out
}

func (z *zones) outside(slots []*slot, n int, spans []query.Span) bool {
	for _, s := range spans {
		if held := z.span(slots, n, s.Field); held.To < s.From || held.From > s.To {
			return true
		}
	}
	return false
}

// span returns between which times the values of a field lie in zone n, which has these slots.
func (z *zones) span(slots []*slot, n int, field string) query.Span {
	z.mu.Lock()
	defer z.mu.Unlock()
	known := z.fields[field]
	for len(known) <= n {
		known = append(known, nil)
	}
	if known[n] == nil {
		s := query.Span{Field: field, From: math.MaxInt64, To: math.MinInt64}
		for _, sl := range slots {
			for _, v := range sl.doc.Values[field] {
				s.From, s.To = min(s.From, v.Int), max(s.To, v.Int)
			}
		}
		known[n] = &s
	}
	z.fields[field] = known
	return *known[n]
}
