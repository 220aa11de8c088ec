package alerting

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"vigil/notify"
)

// Delivery is a message that an alert owes. It keeps its id over all attempts and restarts.
type Delivery struct {
	ID            string `json:"id"`
	AlertID       string `json:"alert_id"`
	ActionID      string `json:"action_id"`
	DestinationID string `json:"destination_id"`
	Severity      string `json:"severity,omitempty"`
	Subject       string `json:"subject"`
	Body          string `json:"body"`
	Created       int64  `json:"created"`
	Attempts      int    `json:"attempts"`
	// NextAttempt is when it may be tried again, in epoch milliseconds.
	NextAttempt int64  `json:"next_attempt,omitempty"`
	LastError   string `json:"last_error,omitempty"`
	// Dead marks a message that is not tried any more.
	Dead bool `json:"dead,omitempty"`
}

const (
	firstRetry  = time.Second
	maxBackoff  = 5 * time.Minute
	giveUpAfter = 24 * time.Hour
	// maxDead bounds what an alert keeps of messages that nobody got.
	maxDead = 10
)

// settle tells the alert what became of an attempt at a delivery. A message that arrived is owed no longer, and takes the
// alert out of the error that its failure was; one that did not stays owed until it is hopeless.
func (a *Alert) settle(id string, err error, now time.Time) {
	i := slices.IndexFunc(a.Owed, func(d Delivery) bool { return d.ID == id })
	if i < 0 {
		return
	}
	if err == nil {
		retried := a.Owed[i].Attempts > 0
		a.receive(a.Owed[i], now)
		a.Owed = slices.Delete(a.Owed, i, i+1)
		if retried && a.State == Errored && !slices.ContainsFunc(a.Owed, func(d Delivery) bool { return d.Attempts > 0 }) {
			a.State, a.ErrorMessage = Active, ""
		}
		return
	}
	d := &a.Owed[i]
	first := d.Attempts == 0
	d.Attempts++
	d.LastError = clip(userError(err))
	wait := backoff(d.Attempts)
	retry := false
	if e, ok := errors.AsType[*notify.Error](err); ok {
		retry, wait = e.Retry, max(wait, e.After)
	}
	d.Dead = !retry || now.Sub(time.UnixMilli(d.Created)) > giveUpAfter
	d.NextAttempt = now.Add(wait).UnixMilli()
	if first && !a.State.IsFinal() {
		a.fail(failedAction+d.LastError, now)
	}
	a.trimDead()
}

// DeliveryReceipt tells that a message arrived.
type DeliveryReceipt struct {
	ID            string `json:"delivery_id"`
	ActionID      string `json:"action_id"`
	DestinationID string `json:"destination_id"`
	Delivered     int64  `json:"delivered"`
	Attempts      int    `json:"attempts"`
}

// maxReceipts bounds what an alert keeps of messages that arrived: the newest.
const maxReceipts = 20

func (a *Alert) receive(d Delivery, now time.Time) {
	a.Receipts = append(a.Receipts, DeliveryReceipt{d.ID, d.ActionID, d.DestinationID, now.UnixMilli(), d.Attempts + 1})
	a.Receipts = a.Receipts[max(0, len(a.Receipts)-maxReceipts):]
}

func (a *Alert) trimDead() {
	dead := 0
	for _, d := range a.Owed {
		if d.Dead {
			dead++
		}
	}
	a.Owed = slices.DeleteFunc(a.Owed, func(d Delivery) bool {
		if !d.Dead || dead <= maxDead {
			return false
		}
		dead--
		return true
	})
}

// due returns when the alert's next message to each destination may be tried. Messages to one destination keep their order.
func (a *Alert) due() map[string]time.Time {
	due := map[string]time.Time{}
	for _, d := range a.Owed {
		if _, waits := due[d.DestinationID]; !d.Dead && !waits {
			due[d.DestinationID] = time.UnixMilli(d.NextAttempt)
		}
	}
	return due
}

func backoff(attempts int) time.Duration {
	if attempts > 10 {
		return maxBackoff
	}
	return min(firstRetry<<(attempts-1), maxBackoff)
}

// receipt is the notifications plugin's account of a delivery: what output.messageId holds, and what errors embed.
type receipt struct {
	ConfigID        string            `json:"config_id"`
	ConfigType      string            `json:"config_type"`
	ConfigName      string            `json:"config_name"`
	RecipientStatus []recipientStatus `json:"email_recipient_status"`
	Delivery        receiptStatus     `json:"delivery_status"`
}

type recipientStatus struct {
	Recipient string        `json:"recipient"`
	Delivery  receiptStatus `json:"delivery_status"`
}

func recipients(d notify.Destination, s receiptStatus) []recipientStatus {
	out := make([]recipientStatus, len(d.Recipients))
	for i, r := range d.Recipients {
		out[i] = recipientStatus{r, s}
	}
	return out
}

type receiptStatus struct {
	Code string `json:"status_code"`
	Text string `json:"status_text"`
}

// EventSource names what a message was about.
type EventSource struct {
	Title       string   `json:"title"`
	ReferenceID string   `json:"reference_id"`
	Severity    string   `json:"severity"`
	Tags        []string `json:"tags"`
}

// Receipt returns what the notifications plugin tells of a delivery that succeeded.
func Receipt(title string, d notify.Destination, r notify.Result) json.RawMessage {
	text := r.Body
	if text == "" {
		text = "{}"
	}
	status := receiptStatus{strconv.Itoa(r.Status), text}
	return encode(struct {
		Source EventSource `json:"event_source"`
		Status []receipt   `json:"status_list"`
	}{
		EventSource{title, d.ID, "info", []string{}},
		[]receipt{{d.ID, string(d.Type), d.Name, recipients(d, status), status}},
	})
}

// FailedReceipt returns the status of a failed delivery and what the notifications plugin tells of it.
func FailedReceipt(d notify.Destination, err error) (int, string) {
	status, text := 500, "Failed to send message "+err.Error()
	e, ok := errors.AsType[*notify.Error](err)
	switch {
	case ok && e.Status != 0 && (d.SES != nil || d.Type == notify.SNS):
		status, text = e.Status, e.Error()
	case ok && d.Type == notify.Email:
		// As in OpenSearch: 503 if there was no connection, 502 if the server refused.
		if status = 503; e.Status != 0 {
			status = 502
		}
		text = "sendEmail Error, status:" + e.Error()
	case ok && e.Status != 0:
		reason := e.Body
		if reason == "" {
			reason = e.Error()
		}
		text = "Failed to send webhook message Failed: " + reason
	}
	s := receiptStatus{strconv.Itoa(status), text}
	r := receipt{d.ID, string(d.Type), d.Name, recipients(d, s), s}
	return status, `{"event_status_list": [` + string(encode(r)) + `]}`
}

// MissingReceipt is what the notifications plugin tells of a delivery to a channel that does not exist.
func MissingReceipt(id string) string {
	r := receipt{id, "none", "invalid-config", []recipientStatus{}, receiptStatus{"404", "Channel " + id + " not found"}}
	return `{"event_status_list": [` + string(encode(r)) + `]}`
}
