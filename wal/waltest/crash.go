package waltest

import (
	"maps"
	"math/rand/v2"
)

// Crash stops the machine without warning and returns the file system that the next start finds: what was synced, whatever of
// the rest r lets survive, torn, and some first part of the changes of folders that were not synced. No faults are set in it.
func (f *FS) Crash(r *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	next := New()
	next.dirs, next.limit = maps.Clone(f.dirs), f.limit
	names := maps.Clone(f.durable)
	for _, op := range f.pending[:r.IntN(len(f.pending)+1)] {
		op.applyTo(names)
	}
	for name, n := range names {
		next.current[name] = n.crash(r)
	}
	next.durable = maps.Clone(next.current)
	return next
}

// Kill ends the process but not the machine, as kill -9 does, and returns the file system as the next process finds it: with
// all that was written, synced or not, and no locks. No faults are set in it.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	next := New()
	next.current, next.durable, next.pending = f.current, f.durable, f.pending
	next.dirs, next.limit = f.dirs, f.limit
	f.current, f.durable, f.pending = map[string]*node{}, map[string]*node{}, nil
	return next
}
