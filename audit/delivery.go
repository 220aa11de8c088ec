package audit

import "strconv"

// AlertDelivery is the category of the events of the extended format that tell of an attempt to deliver an alert's message.
// OpenSearch does not have it, so no list of categories in the audit configuration names it.
const AlertDelivery Category = "ALERT_DELIVERY"

// Delivery is an attempt to deliver a message; audit_vigil_delivery. What the message said is not in it.
type Delivery struct {
	ID              string // delivery_id, the same in every attempt
	AlertID         string // alert_id
	ActionID        string // action_id
	DestinationID   string // destination_id
	DestinationType string // destination_type, in the words of the notifications plugin
	Attempt         int    // attempt, from 1
	Delivered       bool   // delivered
	Status          int    // status of the receiver's answer, left out if 0
	Error           string // error, left out if there was none
}

// delivery appends the field.
func (w *writer) delivery(d *Delivery) {
	w.name("audit_vigil_delivery")
	w.b = appendString(append(w.b, `{"delivery_id":`...), d.ID)
	for _, m := range [...]struct{ name, value string }{
		{`,"alert_id":`, d.AlertID},
		{`,"action_id":`, d.ActionID},
		{`,"destination_id":`, d.DestinationID},
		{`,"destination_type":`, d.DestinationType},
		{`,"error":`, d.Error},
	} {
		if m.value != "" {
			w.b = appendString(append(w.b, m.name...), m.value)
		}
	}
	w.b = strconv.AppendInt(append(w.b, `,"attempt":`...), int64(d.Attempt), 10)
	if d.Status != 0 {
		w.b = strconv.AppendInt(append(w.b, `,"status":`...), int64(d.Status), 10)
	}
	w.b = append(strconv.AppendBool(append(w.b, `,"delivered":`...), d.Delivered), '}')
}
