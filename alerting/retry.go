package alerting

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"vigil/cluster"
)

// retries knows which alerts owe messages, to which destinations, and when those may be tried again.
type retries struct {
	mu   sync.Mutex
	due  map[string]map[string]time.Time // by alert and destination
	wake chan struct{}
	// reload asks for what others left.
	reload chan struct{}
}

const (
	// owedEvery is how often what is owed is read where several processes share the monitors: a run that somebody asked for on
	// another one may have left messages there.
	owedEvery = 5 * time.Second
	// firstAttempt is how long the first attempt at a message may be under way elsewhere.
	firstAttempt = 15 * time.Second
)

func (q *retries) add(a *Alert) {
	due := a.due()
	q.mu.Lock()
	if len(due) > 0 {
		q.due[a.ID] = due
	} else {
		delete(q.due, a.ID)
	}
	q.mu.Unlock()
	if len(due) > 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// retry is what is owed to one destination by one alert.
type retry struct {
	alertID, destinationID string
	at                     time.Time
}

// next returns what is due first among the destinations that are not busy.
func (q *retries) next(busy map[string]bool) (first retry, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for alert, due := range q.due {
		for dest, at := range due {
			if !busy[dest] && (!ok || at.Before(first.at)) {
				first, ok = retry{alert, dest, at}, true
			}
		}
	}
	return first, ok
}

func (q *retries) drop(alertID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.due, alertID)
}

func (q *retries) later(t retry, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.due[t.alertID] == nil {
		q.due[t.alertID] = map[string]time.Time{}
	}
	q.due[t.alertID][t.destinationID] = time.Now().Add(d)
}

// Deliver sends what is owed, first of all what earlier processes left, until ctx ends. One message at a time goes to a
// destination, so that their order stays; destinations do not wait for each other.
func (r *Runner) Deliver(ctx context.Context) error {
	if err := r.loadOwed(ctx); err != nil {
		return err
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	busy := map[string]bool{}
	done := make(chan string, maxParallel)
	var poll <-chan time.Time
	if r.o.Holds != nil {
		t := time.NewTicker(owedEvery)
		defer t.Stop()
		poll = t.C
	}
	for {
		var due <-chan time.Time
		next, ok := r.retry.next(busy)
		if ok = ok && len(busy) < maxParallel; ok {
			due = time.After(time.Until(next.at))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.retry.wake:
		case <-r.retry.reload:
			r.tryLoadOwed(ctx, 0)
		case <-poll:
			r.tryLoadOwed(ctx, firstAttempt)
		case dest := <-done:
			delete(busy, dest)
		case <-due:
			busy[next.destinationID] = true
			workers.Go(func() {
				if err := r.retryAlert(ctx, next); err != nil {
					if ctx.Err() == nil {
						r.o.Log.WarnContext(ctx, "cannot deliver owed messages", "alert_id", next.alertID, "error", err)
					}
					r.retry.later(next, firstRetry*5)
				}
				done <- next.destinationID
			})
		}
	}
}

// loadOwed reads what earlier processes left, however long that takes.
func (r *Runner) loadOwed(ctx context.Context) error {
	for {
		if r.tryLoadOwed(ctx, 0) {
			return nil
		}
		if !wait(ctx, time.After(firstRetry*5)) {
			return ctx.Err()
		}
	}
}

// tryLoadOwed reads what is owed by alerts of our monitors, but for messages that are younger than so much and were not tried yet.
func (r *Runner) tryLoadOwed(ctx context.Context, younger time.Duration) bool {
	alerts, err := r.o.Store.owing(ctx)
	if err != nil {
		r.o.Log.WarnContext(ctx, "cannot read owed messages", "error", err)
		return false
	}
	since := time.Now().Add(-younger).UnixMilli()
	for i := range alerts {
		a := &alerts[i]
		fresh := slices.ContainsFunc(a.Owed, func(d Delivery) bool { return d.Attempts == 0 && d.Created > since })
		if !fresh && r.holds(a.holder()) {
			r.retry.add(a)
		}
	}
	return true
}

func (r *Runner) holds(monitorID string) bool { return r.o.Holds == nil || r.o.Holds(monitorID) }

// reload has what others left be read and sent.
func (r *Runner) reload() {
	select {
	case r.retry.reload <- struct{}{}:
	default:
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

// retryAlert tries the messages of an alert to one destination that are due. What it finds owed is not under way in a run of
// the monitor, because it asks while none is; it sends without keeping runs waiting.
func (r *Runner) retryAlert(ctx context.Context, t retry) error {
	a, err := r.claim(ctx, t.alertID)
	if errors.Is(err, cluster.ErrNotFound) || err == nil && !r.holds(a.holder()) {
		r.retry.drop(t.alertID)
		return nil
	}
	if err != nil {
		return err
	}
	sent := map[string]error{}
	now := time.Now().UnixMilli()
	for _, d := range a.Owed {
		if d.Dead || d.NextAttempt > now || d.DestinationID != t.destinationID {
			continue
		}
		_, err := r.deliver(ctx, d)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		sent[d.ID] = err
		if err != nil {
			break // those that follow keep their place
		}
	}
	if len(sent) == 0 {
		r.retry.add(&a)
		return nil
	}
	return r.settle(ctx, a, sent)
}

// claim reads an alert while no run of its monitor is under way.
func (r *Runner) claim(ctx context.Context, id string) (Alert, error) {
	a, err := r.o.Store.alert(ctx, id)
	if err != nil {
		return a, err
	}
	unlock, err := r.locks.lock(ctx, a.job())
	if err != nil {
		return a, err
	}
	defer unlock()
	return r.o.Store.alert(ctx, id)
}
