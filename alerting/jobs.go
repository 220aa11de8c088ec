package alerting

import (
	"maps"
	"slices"
	"time"
)

// Job tells how a monitor or workflow keeps to its schedule.
type Job struct {
	ID string
	// Last is when its last scheduled run began; zero if there was none since the process began.
	Last   time.Time
	OnTime bool
}

// lateAfter is how long a slot may wait for its run.
const lateAfter = 10 * time.Second

// Jobs returns the enabled monitors and workflows that are this process's to run, by id.
func (s *Scheduler) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var out []Job
	for _, id := range slices.Sorted(maps.Keys(s.entries)) {
		m := s.entries[id].monitor
		if m == nil || !s.holds(id) {
			continue
		}
		slot, last := m.Schedule.last(m.EnabledTime, now), s.ran[id]
		out = append(out, Job{id, last, slot.IsZero() || !last.Before(slot) || now.Sub(slot) < lateAfter})
	}
	for id := range s.ran {
		if s.entries[id] == nil {
			delete(s.ran, id)
		}
	}
	return out
}
