package alerting

import (
	"context"
	"sync"
)

// locks lets one run of a monitor at a time pass. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]*lockState
}

type lockState struct {
	token   chan struct{}
	waiting int
}

// lock waits until id is free or ctx ends.
func (l *locks) lock(ctx context.Context, id string) (unlock func(), err error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lockState{}
	}
	s := l.held[id]
	if s == nil {
		s = &lockState{token: make(chan struct{}, 1)}
		l.held[id] = s
	}
	s.waiting++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s.waiting--; s.waiting == 0 {
			delete(l.held, id)
		}
	}
	select {
	case s.token <- struct{}{}:
		return func() { <-s.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
