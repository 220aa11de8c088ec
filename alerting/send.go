package alerting

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"vigil/notify"
)

// maxParallel bounds how many destinations one run, or all retries together, send to at the same time.
const maxParallel = 8

// send makes the first attempt at every message of the run and keeps what became of it. Messages to one destination keep
// their order; destinations do not wait for each other.
func (r *Runner) send(ctx context.Context, e *Evaluation, out *Outcome) error {
	queues := map[string][]*ActionResult{}
	for i := range out.Triggers {
		for j := range out.Triggers[i].Actions {
			if a := &out.Triggers[i].Actions[j]; a.Delivery != nil {
				queues[a.Delivery.DestinationID] = append(queues[a.Delivery.DestinationID], a)
			}
		}
	}
	var mu sync.Mutex
	sent := map[string]map[string]error{} // by alert and delivery
	var g errgroup.Group
	g.SetLimit(maxParallel)
	for _, queue := range queues {
		g.Go(func() error {
			return r.sendQueue(ctx, e, queue, func(d *Delivery, err error) {
				mu.Lock()
				defer mu.Unlock()
				if sent[d.AlertID] == nil {
					sent[d.AlertID] = map[string]error{}
				}
				sent[d.AlertID][d.ID] = err
			})
		})
	}
	errs := []error{g.Wait()}
	if e.Monitor.ID == "" {
		return errors.Join(errs...)
	}
	for i := range out.Alerts {
		a := &out.Alerts[i]
		if results := sent[a.ID]; len(results) > 0 {
			errs = append(errs, r.settle(ctx, *a, results))
		} else if len(a.Owed) > 0 {
			r.retry.add(a)
		}
	}
	return errors.Join(errs...)
}

// sendQueue sends messages to one destination, one after the other. After one that nobody answered to, those that follow
// take its error: trying each of many would hold up the run.
func (r *Runner) sendQueue(ctx context.Context, e *Evaluation, queue []*ActionResult, done func(*Delivery, error)) error {
	var silent error
	for _, a := range queue {
		if err := r.released(e); err != nil {
			return err // it stays owed, and whoever holds the monitor now sends it
		}
		told, err := "", silent
		if silent == nil {
			raw, sendErr := r.deliver(ctx, *a.Delivery)
			told, err = string(raw), sendErr
		}
		if err != nil && ctx.Err() != nil {
			// The caller gave up, or we are going down: the message stays owed as if it had not been tried.
			return ctx.Err()
		}
		done(a.Delivery, err)
		if err == nil {
			a.MessageID = told
			continue
		}
		if refused, ok := errors.AsType[*notify.Error](err); ok && refused.Status == 0 && refused.Retry {
			silent = err
		}
		a.Error, a.Rendered = userError(err), false
		r.o.Log.WarnContext(ctx, "message not delivered", "monitor_id", e.Monitor.ID, "action_id", a.ID,
			"destination_id", a.Delivery.DestinationID, "delivery_id", a.Delivery.ID, "error", brief(err))
	}
	return nil
}
