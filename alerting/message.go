package alerting

import (
	"context"
	"fmt"
	"slices"

	"vigil/script"
)

// write renders a message and has the alert owe it.
func (e *Evaluation) write(ctx context.Context, a *Action, vars *runContext, r *ActionResult, alert *Alert) {
	if err := r.render(ctx, a, vars); err != nil {
		r.Error = err.Error()
		return
	}
	r.Delivery = &Delivery{
		ID: e.NewID(), AlertID: alert.ID, ActionID: a.ID, DestinationID: a.DestinationID, Severity: alert.Severity,
		Subject: r.Subject, Body: r.Message, Created: e.Now.UnixMilli(),
	}
	alert.owe(*r.Delivery)
}

func (r *ActionResult) render(ctx context.Context, a *Action, vars *runContext) (err error) {
	if a.Subject.Source != "" {
		if r.Subject, err = render(ctx, a.Subject, vars); err != nil {
			return err
		}
	}
	if r.Message, err = render(ctx, a.Message, vars); err != nil {
		return err
	}
	if r.Message == "" {
		return fmt.Errorf("Message content missing in the Destination with id: %s", a.DestinationID) //nolint:staticcheck // OpenSearch's words
	}
	r.Rendered = true
	return nil
}

func render(ctx context.Context, s Script, vars *runContext) (string, error) {
	t, err := script.ParseTemplate(s.Source)
	if err != nil {
		return "", fmt.Errorf("Error running template: %w", err)
	}
	text, err := t.Render(ctx, map[string]any{"ctx": vars.forTemplate(), "params": s.Params}, script.Limits{})
	if err != nil {
		return "", fmt.Errorf("Error running template: %w", err)
	}
	return text, nil
}

// owe adds a message. An older one of the same action that could not be delivered gives way: the new one says how it is now.
func (a *Alert) owe(d Delivery) {
	a.Owed = slices.DeleteFunc(a.Owed, func(o Delivery) bool { return o.ActionID == d.ActionID && o.Attempts > 0 })
	a.Owed = append(a.Owed, d)
}
