package alerting

import (
	"context"
	"errors"
	"sync"
	"time"

	"vigil/cluster"
)

// retries knows which alerts owe messages and when they may be tried again.
type retries struct {
	mu   sync.Mutex
	due  map[string]time.Time // by alert id
	wake chan struct{}
}

func (q *retries) add(a *Alert) {
	at, ok := a.due()
	q.mu.Lock()
	if ok {
		q.due[a.ID] = at
	} else {
		delete(q.due, a.ID)
	}
	q.mu.Unlock()
	if ok {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// next returns the alert that is due first.
func (q *retries) next() (id string, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, t := range q.due {
		if id == "" || t.Before(at) {
			id, at = k, t
		}
	}
	return id, at
}

func (q *retries) drop(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.due, id)
}

func (q *retries) later(id string, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.due[id] = time.Now().Add(d)
}

// Deliver sends what is owed, first of all what earlier processes left, until ctx ends.
func (r *Runner) Deliver(ctx context.Context) error {
	for {
		alerts, err := r.o.Store.owing(ctx)
		if err == nil {
			for i := range alerts {
				r.retry.add(&alerts[i])
			}
			break
		}
		r.o.Log.WarnContext(ctx, "cannot read owed messages", "error", err)
		if !wait(ctx, time.After(firstRetry*5)) {
			return ctx.Err()
		}
	}
	for {
		id, at := r.retry.next()
		var due <-chan time.Time
		if id != "" {
			due = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.retry.wake:
			continue
		case <-due:
		}
		if err := r.retryAlert(ctx, id); err != nil {
			r.o.Log.WarnContext(ctx, "cannot deliver owed messages", "alert_id", id, "error", err)
			r.retry.later(id, firstRetry*5)
		}
	}
}

func wait(ctx context.Context, c <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c:
		return true
	}
}

// retryAlert tries the messages of an alert that are due.
func (r *Runner) retryAlert(ctx context.Context, id string) error {
	a, err := r.o.Store.alert(ctx, id)
	if errors.Is(err, cluster.ErrNotFound) {
		r.retry.drop(id)
		return nil
	}
	if err != nil {
		return err
	}
	// A run of the monitor may be at it right now.
	unlock, err := r.locks.lock(ctx, a.MonitorID)
	if err != nil {
		return err
	}
	defer unlock()
	if a, err = r.o.Store.alert(ctx, id); err != nil {
		return err
	}
	sent := map[string]error{}
	now := time.Now().UnixMilli()
	for _, d := range a.Owed {
		if d.Dead || d.NextAttempt > now {
			continue
		}
		_, err := r.deliver(ctx, d)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		sent[d.ID] = err
	}
	if len(sent) == 0 {
		r.retry.add(&a)
		return nil
	}
	return r.settle(ctx, a, sent)
}
