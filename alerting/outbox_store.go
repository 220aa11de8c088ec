package alerting

import (
	"context"
	"errors"
	"time"

	"vigil/cluster"
)

// Owed is a message that is not delivered, and the alert that owes it.
type Owed struct {
	Delivery
	MonitorID, MonitorName string
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// Outbox returns messages that are not delivered, at most size: those that are waiting for another attempt, or those that
// are given up. Roles, if not nil, are those of which a monitor's author must have one.
func (s *Store) Outbox(ctx context.Context, dead bool, size int, roles []string) ([]Owed, error) {
	count := "vigil_owed"
	if dead {
		count = "vigil_dead"
	}
	filter := []any{map[string]any{"range": map[string]any{count: map[string]any{"gt": 0}}}}
	if roles != nil {
		filter = append(filter, map[string]any{"terms": map[string]any{"monitor_user.backend_roles.keyword": roles}})
	}
	query := map[string]any{"bool": map[string]any{"filter": filter}}
	var out []Owed
	seen := map[string]bool{}
	err := s.scan(ctx, s.ix.all(), query, "id", func(doc cluster.Doc) error {
		a, err := s.readAlert(doc)
		if err != nil {
			return err
		}
		for _, d := range a.Owed {
			// An alert on its way into the history is in two places.
			if d.Dead != dead || seen[d.ID] {
				continue
			}
			if len(out) == size {
				return errEnough
			}
			seen[d.ID] = true
			out = append(out, Owed{d, a.MonitorID, a.MonitorName})
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// Receipts returns the messages of an alert that arrived, the last ones of them.
func (s *Store) Receipts(ctx context.Context, alertID string) ([]DeliveryReceipt, error) {
	a, err := s.alert(ctx, alertID)
	if errors.Is(err, cluster.ErrNotFound) {
		return nil, errorf(NotFound, "Alert [%s] is not found", alertID)
	}
	return a.Receipts, err
}

// Resend has a message of an alert tried again at once, under the same delivery id, although it was given up or is waiting.
func (r *Runner) Resend(ctx context.Context, alertID, deliveryID string) error {
	for range maxAttempts {
		a, err := r.claim(ctx, alertID)
		if errors.Is(err, cluster.ErrNotFound) {
			return errorf(NotFound, "Alert [%s] is not found", alertID)
		}
		if err != nil {
			return err
		}
		found := false
		now := time.Now().UnixMilli()
		for i := range a.Owed {
			if d := &a.Owed[i]; d.ID == deliveryID {
				// It has a day again until it is given up.
				d.Dead, d.NextAttempt, d.Created = false, now, now
				found = true
			}
		}
		if !found {
			return errorf(NotFound, "Delivery [%s] of alert [%s] is not found: it has arrived, or a newer message has replaced it", deliveryID, alertID)
		}
		err = r.o.Store.saveAlert(ctx, &a)
		if err == nil {
			r.retry.add(&a)
			return nil
		}
		if !errors.Is(err, cluster.ErrConflict) {
			return err
		}
	}
	return errorf(Conflict, "Alert [%s] is being changed by somebody else", alertID)
}
