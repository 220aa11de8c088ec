package authn

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// errBusy says that a queue is full.
var errBusy = errors.New("too many logins are being checked")

// queue lets one caller at a time do expensive work and makes the others wait in turn. Turns go round the keys (client
// addresses), so that a flood from one address delays the others by one turn each and not by the whole flood.
type queue struct {
	total, perKey int // how many may wait, altogether and per key

	mu      sync.Mutex
	busy    bool
	waiting int
	keys    []string // keys that have somebody waiting, the next one first
	lines   map[string][]chan struct{}
}

func newQueue(total, perKey int) *queue {
	return &queue{total: total, perKey: perKey, lines: map[string][]chan struct{}{}}
}

// enter waits for the caller's turn. After a nil error the caller must call leave. The error is errBusy or the context's.
func (q *queue) enter(ctx context.Context, key string) error {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return nil
	}
	if q.waiting >= q.total || len(q.lines[key]) >= q.perKey {
		q.mu.Unlock()
		return errBusy
	}
	turn := make(chan struct{})
	if len(q.lines[key]) == 0 {
		q.keys = append(q.keys, key)
	}
	q.lines[key] = append(q.lines[key], turn)
	q.waiting++
	q.mu.Unlock()

	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		if !q.cancel(key, turn) {
			q.leave() // the turn came at the same moment: pass it on
		}
		return context.Cause(ctx)
	}
}

// leave ends the caller's turn and gives it to the first waiter of the next key.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.keys) == 0 {
		q.busy = false
		return
	}
	key := q.keys[0]
	q.keys = q.keys[1:]
	line := q.lines[key]
	close(line[0])
	q.waiting--
	if len(line) == 1 {
		delete(q.lines, key)
		return
	}
	q.lines[key] = line[1:]
	q.keys = append(q.keys, key)
}

// cancel takes a waiter out of its line; false says that it has been given its turn already.
func (q *queue) cancel(key string, turn chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.lines[key], turn)
	if i < 0 {
		return false
	}
	q.waiting--
	if len(q.lines[key]) == 1 {
		delete(q.lines, key)
		q.keys = slices.DeleteFunc(q.keys, func(k string) bool { return k == key })
		return true
	}
	q.lines[key] = slices.Delete(slices.Clone(q.lines[key]), i, i+1)
	return true
}
