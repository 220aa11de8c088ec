package alerting

import (
	"context"
	"net/http"

	core "vigil/alerting"
)

// owedItem is a message that is not delivered. Its text is not shown: who may send it again need not read it.
type owedItem struct {
	ID            string `json:"delivery_id"`
	AlertID       string `json:"alert_id"`
	MonitorID     string `json:"monitor_id"`
	MonitorName   string `json:"monitor_name"`
	ActionID      string `json:"action_id"`
	DestinationID string `json:"destination_id"`
	Subject       string `json:"subject"`
	Created       int64  `json:"created"`
	Attempts      int    `json:"attempts"`
	NextAttempt   *int64 `json:"next_attempt"`
	LastError     string `json:"last_error"`
}

// getOutbox lists messages that were given up, or with state=waiting those that will be tried again.
func (a *API) getOutbox(ctx context.Context, r *request) (answer, error) {
	state := r.param("state", "dead")
	if state != "dead" && state != "waiting" {
		return answer{}, illegalArgument("state [%s] is neither dead nor waiting", state)
	}
	size, _, err := window(r, "size", 100, "from")
	if err != nil {
		return answer{}, err
	}
	roles, err := a.visible(ctx)
	if err != nil {
		return answer{}, err
	}
	owed, err := a.o.Store.Outbox(ctx, state == "dead", size, roles)
	if err != nil {
		return answer{}, err
	}
	list := []owedItem{}
	for _, d := range owed {
		item := owedItem{
			d.ID, d.AlertID, d.MonitorID, d.MonitorName, d.ActionID, d.DestinationID, d.Subject, d.Created, d.Attempts, nil, d.LastError,
		}
		if !d.Dead {
			item.NextAttempt = &d.NextAttempt
		}
		list = append(list, item)
	}
	return ok(struct {
		Deliveries []owedItem `json:"deliveries"`
	}{list}), nil
}

// getReceipts lists the last messages of an alert that arrived.
func (a *API) getReceipts(ctx context.Context, r *request) (answer, error) {
	if err := a.mayUseAlert(ctx, r.call.Vars["alertID"]); err != nil {
		return answer{}, err
	}
	receipts, err := a.o.Store.Receipts(ctx, r.call.Vars["alertID"])
	if err != nil {
		return answer{}, err
	}
	if receipts == nil {
		receipts = []core.DeliveryReceipt{}
	}
	return ok(struct {
		Receipts []core.DeliveryReceipt `json:"receipts"`
	}{receipts}), nil
}

// resend queues a message again.
func (a *API) resend(ctx context.Context, r *request) (answer, error) {
	if err := a.mayUseAlert(ctx, r.call.Vars["alertID"]); err != nil {
		return answer{}, err
	}
	id := r.call.Vars["deliveryID"]
	if err := a.o.Runner.Resend(ctx, r.call.Vars["alertID"], id); err != nil {
		return answer{}, err
	}
	return answer{http.StatusAccepted, "", map[string]string{"delivery_id": id, "result": "queued"}}, nil
}
