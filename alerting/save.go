package alerting

import (
	"context"
	"errors"
	"slices"

	"vigil/cluster"
)

// save stores what was decided, each alert with the messages it owes. Where somebody was faster it decides again; where the
// store fails it takes the decision back.
func (r *Runner) save(ctx context.Context, e *Evaluation, out *Outcome) error {
	var errs []error
	decided := out.Alerts
	out.Alerts = nil
	for i := range decided {
		a := &decided[i]
		err := r.released(e)
		if err == nil {
			err = r.o.Store.saveAlert(ctx, a)
		}
		for n := 0; n < maxAttempts && errors.Is(err, cluster.ErrConflict); n++ {
			again := r.decideAgain
			if !e.Monitor.Type.oneAlert() {
				again = r.rebase
			}
			if a, err = again(ctx, e, out, a); a == nil || err != nil {
				break
			}
			err = r.o.Store.saveAlert(ctx, a)
		}
		switch {
		case err != nil:
			errs = append(errs, err)
			out.forget(&decided[i], e.Monitor.Type, err)
		case a != nil:
			out.Alerts = append(out.Alerts, *a)
		}
	}
	return errors.Join(errs...)
}

// decideAgain evaluates a query-level trigger anew, with the alerts as they are now. It returns nil if there is nothing to
// store any more.
func (r *Runner) decideAgain(ctx context.Context, e *Evaluation, out *Outcome, a *Alert) (*Alert, error) {
	if err := r.loadAlerts(ctx, e); err != nil {
		return nil, err
	}
	again := Evaluate(ctx, e.only(a.TriggerID))
	out.replace(a.TriggerID, again.Triggers)
	if len(again.Alerts) == 0 {
		return nil, nil
	}
	return &again.Alerts[0], nil
}

// rebase puts the decision about one of many alerts on top of what somebody did to it meanwhile: nothing if it has ended;
// else it was acknowledged and stays so.
func (r *Runner) rebase(ctx context.Context, e *Evaluation, out *Outcome, a *Alert) (*Alert, error) {
	if e.Monitor.Type == DocLevel && a.seq == nil {
		// An earlier run raised it and died before it could note so. What it owes is in the outbox.
		out.forget(a, e.Monitor.Type, errors.New("raised before"))
		return nil, nil
	}
	now, err := r.o.Store.alert(ctx, a.ID)
	switch {
	case errors.Is(err, cluster.ErrNotFound) || err == nil && now.State.IsFinal():
		out.forget(a, e.Monitor.Type, errors.New("the alert has ended meanwhile"))
		return nil, nil
	case err != nil:
		return nil, err
	}
	c := a.clone()
	c.seq, c.index, c.Receipts = now.seq, now.index, now.Receipts
	// What was owed before this run may have arrived meanwhile.
	c.Owed = slices.DeleteFunc(c.Owed, func(d Delivery) bool { return d.Created != e.Now.UnixMilli() })
	c.Owed = append(slices.Clone(now.Owed), c.Owed...)
	if now.State == Acknowledged && !c.State.IsFinal() {
		c.State, c.AcknowledgedTime = Acknowledged, now.AcknowledgedTime
	}
	return &c, nil
}

// forget takes back what an alert that was not stored would have sent.
func (o *Outcome) forget(a *Alert, t MonitorType, why error) {
	if t.oneAlert() {
		o.replace(a.TriggerID, nil)
		return
	}
	for i := range o.Triggers {
		for j := range o.Triggers[i].Actions {
			if r := &o.Triggers[i].Actions[j]; r.Delivery != nil && r.Delivery.AlertID == a.ID {
				r.Delivery, r.Rendered, r.Error = nil, false, userError(why)
			}
		}
	}
}

// replace puts the results of a second evaluation in the place of a trigger's first.
func (o *Outcome) replace(triggerID string, with []TriggerResult) {
	i := slices.IndexFunc(o.Triggers, func(t TriggerResult) bool { return t.ID == triggerID })
	if i >= 0 {
		o.Triggers = slices.Replace(o.Triggers, i, i+1, with...)
	}
}
