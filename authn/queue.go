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
// addresses), so that a flood from one address delays the others by one turn each and not by the whole flood. When it is
// full, who comes last in the longest line makes room for a key with a shorter one, so that a few addresses cannot hold it.
type queue struct {
	total, perKey int // how many may wait, altogether and per key

	mu      sync.Mutex
	busy    bool
	waiting int
	keys    []string // keys that have somebody waiting, the next one first
	lines   map[string][]waiter
}

// waiter is told true when its turn has come, false when it has to make room.
type waiter chan bool

func newQueue(total, perKey int) *queue {
	return &queue{total: total, perKey: perKey, lines: map[string][]waiter{}}
}

// enter waits for the caller's turn. After a nil error the caller must call leave. The error is errBusy or the context's.
func (q *queue) enter(ctx context.Context, key string) error {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return nil
	}
	if len(q.lines[key]) >= q.perKey || q.waiting >= q.total && !q.makeRoom(key) {
		q.mu.Unlock()
		return errBusy
	}
	turn := make(waiter, 1)
	if len(q.lines[key]) == 0 {
		q.keys = append(q.keys, key)
	}
	q.lines[key] = append(q.lines[key], turn)
	q.waiting++
	q.mu.Unlock()

	select {
	case ours := <-turn:
		if !ours {
			return errBusy
		}
		return nil
	case <-ctx.Done():
		if !q.cancel(key, turn) && <-turn {
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
	line[0] <- true
	q.waiting--
	if len(line) == 1 {
		delete(q.lines, key)
		return
	}
	q.lines[key] = line[1:]
	q.keys = append(q.keys, key)
}

// makeRoom sends away who comes last in the longest line, if that stays longer than the line of key then gets. The caller
// holds mu.
func (q *queue) makeRoom(key string) bool {
	longest := ""
	for _, k := range q.keys {
		if len(q.lines[k]) > len(q.lines[longest]) {
			longest = k
		}
	}
	line := q.lines[longest]
	if len(line) < len(q.lines[key])+2 {
		return false
	}
	end := len(line) - 1
	line[end] <- false
	q.remove(longest, end)
	return true
}

// cancel takes a waiter out of its line; false says that it has been told something already.
func (q *queue) cancel(key string, turn waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.lines[key], turn)
	if i < 0 {
		return false
	}
	q.remove(key, i)
	return true
}

// remove takes the ith waiter out of a line. The caller holds mu.
func (q *queue) remove(key string, i int) {
	q.waiting--
	if len(q.lines[key]) == 1 {
		delete(q.lines, key)
		q.keys = slices.DeleteFunc(q.keys, func(k string) bool { return k == key })
		return
	}
	q.lines[key] = slices.Delete(slices.Clone(q.lines[key]), i, i+1)
}
