package alerting

import (
	"encoding/json"
	"slices"
)

// Document tells that a document of an index is found from now on as it is after, and not any more as it was before; nil if it
// was, or is, not there. The monitors whose result that may change run at once. It does not wait, and keeps nothing of either.
func (s *Scheduler) Document(index string, before, after json.RawMessage) {
	s.Nudge(s.Match(index, before, after))
}

// Match returns the monitors whose result may change with a document, given in its forms before and after; nil ones do not count.
func (s *Scheduler) Match(index string, forms ...json.RawMessage) (ids []string) {
	if s.o.Fields != nil && s.index.meet(index) {
		s.reread(index)
	}
	for _, source := range forms {
		if source == nil {
			continue
		}
		for _, id := range s.index.match(index, source) {
			if !slices.Contains(ids, id) { // one run sees all
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// reread asks anew what the fields mean of the monitors that read an index which is new.
func (s *Scheduler) reread(index string) {
	for _, id := range s.index.over(index) {
		if m := s.enabled(id); m != nil {
			f := prepare(m, s.o.Fields)
			s.mu.Lock()
			if e := s.entries[id]; e != nil && e.monitor == m { // else somebody has done so who knows better
				s.index.put(f)
			}
			s.mu.Unlock()
		}
	}
}

// enabled returns a monitor that runs by itself, nil if it does not.
func (s *Scheduler) enabled(id string) *Monitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil {
		return e.monitor
	}
	return nil
}

// Changed tells that an index has another mapping than before, or is gone: its next document is one of a new index.
func (s *Scheduler) Changed(index string) { s.index.forget(index) }

// Over returns the monitors that read an index.
func (s *Scheduler) Over(index string) []string { return s.index.over(index) }

// Nudge has monitors run at once, here or where they are held: once, also those that are named twice.
func (s *Scheduler) Nudge(ids []string) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if s.o.Members != nil {
		var elsewhere []string
		ids = slices.DeleteFunc(ids, func(id string) bool {
			if s.o.Members.Holds(id) {
				return false
			}
			elsewhere = append(elsewhere, id)
			return true
		})
		s.o.Members.Note(elsewhere)
	}
	if len(ids) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if e := s.entries[id]; e != nil {
			e.poke()
		}
	}
}

// noted has monitors run of which other members saw something, as far as they are ours.
func (s *Scheduler) noted(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.entries {
		if (slices.Contains(ids, id) || slices.Contains(ids, everyMonitor)) && s.o.Members.Holds(id) {
			e.poke()
		}
	}
}

func (e *entry) poke() {
	select {
	case e.nudge <- struct{}{}:
	default: // a run is owed already
	}
}

// pokeSuccessor has a monitor run at once as it is now, if it is still there.
func (s *Scheduler) pokeSuccessor(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil && e.monitor != nil {
		e.poke()
	}
}
