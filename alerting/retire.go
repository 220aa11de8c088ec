package alerting

import (
	"context"
	"errors"
	"slices"
	"time"

	"vigil/cluster"
)

// Retire ends the live alerts of a monitor or workflow that is gone.
func (r *Runner) Retire(ctx context.Context, id string) error {
	return r.retire(ctx, id, func(*Alert) bool { return true })
}

// Edited ends the alerts of triggers that a stored monitor or workflow no longer has, and those of monitors that a workflow
// no longer runs.
func (r *Runner) Edited(ctx context.Context, m *Monitor) error {
	return r.retire(ctx, m.ID, func(a *Alert) bool {
		if a.job() != m.ID {
			return m.Type == Composite && !slices.Contains(m.Sequence().MonitorIDs(), a.MonitorID)
		}
		return m.trigger(a.TriggerID) == nil
	})
}

func (r *Runner) retire(ctx context.Context, id string, gone func(*Alert) bool) error {
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	for range maxAttempts {
		alerts, err := r.o.Store.liveBy(ctx, "monitor_id", id)
		if err != nil {
			return err
		}
		chained, err := r.o.Store.liveBy(ctx, "workflow_id", id)
		if err != nil {
			return err
		}
		alerts = append(alerts, chained...)
		for i := range alerts {
			if gone(&alerts[i]) {
				ended := alerts[i].end(Deleted, time.Now())
				err = errors.Join(err, r.o.Store.saveAlert(ctx, &ended))
			}
		}
		if !errors.Is(err, cluster.ErrConflict) {
			return err
		}
	}
	return errorf(Conflict, "%s: its alerts are being changed by somebody else", id)
}
