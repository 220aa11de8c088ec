package alerting

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// State is where an alert stands in its life.
type State string

// The states of alerts. COMPLETED, DELETED and AUDIT are final.
const (
	Active       State = "ACTIVE"
	Acknowledged State = "ACKNOWLEDGED"
	Completed    State = "COMPLETED"
	Errored      State = "ERROR"
	Deleted      State = "DELETED"
	// Audit is the state of alerts that a workflow's monitors leave for the record. Nobody is told of them.
	Audit State = "AUDIT"
)

// IsFinal reports whether an alert in the state belongs into the history.
func (s State) IsFinal() bool { return s == Completed || s == Deleted || s == Audit }

const (
	alertSchema  = 5 // as recorded of OpenSearch 2.19
	maxHistory   = 10
	maxErrorText = 10_000
)

// Alert tells that a trigger's condition holds, since when, and what was done about it.
type Alert struct {
	ID string
	// Version counts the changes that people see; it is not the document's version.
	Version        int64
	MonitorID      string
	MonitorVersion int64
	MonitorName    string
	// WorkflowID is set if the monitor ran in a workflow; without MonitorID the alert is the workflow's own.
	WorkflowID, WorkflowName string
	// AssociatedAlerts are those for which a workflow raised its own.
	AssociatedAlerts []string
	ExecutionID      string
	TriggerID        string
	TriggerName      string
	Severity         string
	State            State
	// ErrorMessage is set in state ERROR alone; ErrorHistory holds the last ten, newest first.
	ErrorMessage  string
	ErrorHistory  []AlertError
	ActionResults []ActionExecution
	StartTime     time.Time
	// LastNotification is the last evaluation that found the condition to hold, whether a message went out or not.
	LastNotification time.Time
	EndTime          time.Time
	AcknowledgedTime time.Time
	// Nudged is set while no scheduled run has seen the alert: it was raised by a document.
	Nudged bool
	// Owed are messages that were decided upon and not delivered yet. They are stored with the alert, in one write.
	Owed []Delivery
	// Receipts tell of the last messages that arrived.
	Receipts []DeliveryReceipt
	// Bucket is what an alert of a bucket-level monitor is about; nil for all others, and for errors.
	Bucket *AlertBucket
	// FindingIDs and RelatedDocIDs ("id|index") are what an alert of a document-level monitor is about.
	FindingIDs    []string
	RelatedDocIDs []string
	// Clusters are those whose state an alert of a cluster-metrics monitor is about.
	Clusters []string
	// MonitorUser is who may see the alert where backend roles decide.
	MonitorUser *User
	// comments are the newest that people wrote, for messages.
	comments []Comment
	// seq names the stored document for the next conditional write; nil for one that is not stored.
	seq *Version
	// index is where it is stored.
	index string
}

// AlertError is one line of an alert's history of errors.
type AlertError struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// ActionExecution is when an action last ran for an alert, and how often it was throttled.
type ActionExecution struct {
	ActionID       string `json:"action_id"`
	LastExecution  int64  `json:"last_execution_time"`
	ThrottledCount int    `json:"throttled_count"`
}

// alertWire is an alert on the wire and in the index, its members in OpenSearch's order.
type alertWire struct {
	ID               string            `json:"id"`
	Version          int64             `json:"version"`
	MonitorID        string            `json:"monitor_id"`
	WorkflowID       string            `json:"workflow_id"`
	WorkflowName     string            `json:"workflow_name"`
	AssociatedAlerts []string          `json:"associated_alert_ids"`
	SchemaVersion    int               `json:"schema_version"`
	MonitorVersion   int64             `json:"monitor_version"`
	MonitorName      string            `json:"monitor_name"`
	ExecutionID      string            `json:"execution_id"`
	TriggerID        string            `json:"trigger_id"`
	TriggerName      string            `json:"trigger_name"`
	FindingIDs       []string          `json:"finding_ids"`
	RelatedDocIDs    []string          `json:"related_doc_ids"`
	State            State             `json:"state"`
	ErrorMessage     *string           `json:"error_message"`
	AlertHistory     []AlertError      `json:"alert_history"`
	Severity         string            `json:"severity"`
	ActionResults    []ActionExecution `json:"action_execution_results"`
	StartTime        *int64            `json:"start_time"`
	LastNotification *int64            `json:"last_notification_time"`
	EndTime          *int64            `json:"end_time"`
	AcknowledgedTime *int64            `json:"acknowledged_time"`
	Bucket           *AlertBucket      `json:"agg_alert_content,omitempty"`
	Clusters         []string          `json:"clusters,omitempty"`
	// What follows is stored only.
	MonitorUser *User             `json:"monitor_user,omitempty"`
	Nudged      bool              `json:"vigil_nudged,omitempty"`
	OwedCount   int               `json:"vigil_owed,omitempty"`
	DeadCount   int               `json:"vigil_dead,omitempty"`
	Outbox      []Delivery        `json:"vigil_outbox,omitempty"`
	Receipts    []DeliveryReceipt `json:"vigil_receipts,omitempty"`
}

// JSON returns the alert as the plugin answers it.
func (a *Alert) JSON() json.RawMessage { return encode(a.wire()) }

func (a *Alert) stored() json.RawMessage {
	w := a.wire()
	w.MonitorUser, w.Nudged, w.Outbox, w.Receipts = a.MonitorUser, a.Nudged, a.Owed, a.Receipts
	for _, d := range a.Owed {
		if d.Dead {
			w.DeadCount++
		} else {
			w.OwedCount++
		}
	}
	return encode(w)
}

func (a *Alert) wire() alertWire {
	w := alertWire{
		ID: a.ID, Version: a.Version, MonitorID: a.MonitorID, WorkflowID: a.WorkflowID, WorkflowName: a.WorkflowName,
		AssociatedAlerts: a.AssociatedAlerts, SchemaVersion: alertSchema,
		MonitorVersion: a.MonitorVersion, MonitorName: a.MonitorName, ExecutionID: a.ExecutionID,
		TriggerID: a.TriggerID, TriggerName: a.TriggerName, FindingIDs: a.FindingIDs, RelatedDocIDs: a.RelatedDocIDs,
		State: a.State, AlertHistory: a.ErrorHistory, Severity: a.Severity, ActionResults: a.ActionResults,
		StartTime: millis(a.StartTime), LastNotification: millis(a.LastNotification), EndTime: millis(a.EndTime),
		AcknowledgedTime: millis(a.AcknowledgedTime), Bucket: a.Bucket, Clusters: a.Clusters,
	}
	if a.ErrorMessage != "" {
		w.ErrorMessage = &a.ErrorMessage
	}
	if w.AssociatedAlerts == nil {
		w.AssociatedAlerts = []string{}
	}
	if w.FindingIDs == nil {
		w.FindingIDs = []string{}
	}
	if w.RelatedDocIDs == nil {
		w.RelatedDocIDs = []string{}
	}
	if w.AlertHistory == nil {
		w.AlertHistory = []AlertError{}
	}
	if w.ActionResults == nil {
		w.ActionResults = []ActionExecution{}
	}
	return w
}

// parseAlert reads an alert as it is stored.
func parseAlert(source json.RawMessage) (Alert, error) {
	var w alertWire
	if err := json.Unmarshal(source, &w); err != nil {
		return Alert{}, err
	}
	a := Alert{
		ID: w.ID, Version: w.Version, MonitorID: w.MonitorID, WorkflowID: w.WorkflowID, WorkflowName: w.WorkflowName,
		AssociatedAlerts: w.AssociatedAlerts, MonitorVersion: w.MonitorVersion, MonitorName: w.MonitorName,
		ExecutionID: w.ExecutionID, TriggerID: w.TriggerID, TriggerName: w.TriggerName, Severity: w.Severity, State: w.State,
		ErrorHistory: w.AlertHistory, ActionResults: w.ActionResults,
		StartTime: fromMillis(w.StartTime), LastNotification: fromMillis(w.LastNotification), EndTime: fromMillis(w.EndTime),
		AcknowledgedTime: fromMillis(w.AcknowledgedTime), Nudged: w.Nudged, Owed: w.Outbox, MonitorUser: w.MonitorUser,
		Receipts: w.Receipts, Bucket: w.Bucket, FindingIDs: w.FindingIDs, RelatedDocIDs: w.RelatedDocIDs, Clusters: w.Clusters,
	}
	if w.ErrorMessage != nil {
		a.ErrorMessage = *w.ErrorMessage
	}
	return a, nil
}

// job is the monitor or workflow whose run made the alert.
func (a *Alert) job() string {
	if a.MonitorID == "" {
		return a.WorkflowID
	}
	return a.MonitorID
}

// holder is the monitor or workflow whose holder sends what the alert owes.
func (a *Alert) holder() string {
	if a.WorkflowID != "" {
		return a.WorkflowID
	}
	return a.MonitorID
}

// belongsToHistory reports whether nothing more becomes of the alert. As in OpenSearch that is so of an alert of a
// document-level monitor as soon as it is acknowledged.
func (a *Alert) belongsToHistory() bool {
	return a.State.IsFinal() || a.State == Acknowledged && len(a.FindingIDs) > 0
}

// clone returns a copy that shares nothing with a.
func (a *Alert) clone() Alert {
	c := *a
	c.ErrorHistory, c.ActionResults, c.Owed = slices.Clone(a.ErrorHistory), slices.Clone(a.ActionResults), slices.Clone(a.Owed)
	c.Receipts = slices.Clone(a.Receipts)
	return c
}

// fail puts the alert into state ERROR.
func (a *Alert) fail(message string, now time.Time) {
	message = clip(message)
	if a.ErrorMessage = message; a.State != Audit {
		a.State = Errored
	}
	a.ErrorHistory = append([]AlertError{{now.UnixMilli(), message}}, a.ErrorHistory...)
	a.ErrorHistory = a.ErrorHistory[:min(len(a.ErrorHistory), maxHistory)]
}

// clip bounds what receivers and engines can make an alert hold.
func clip(message string) string {
	if len(message) <= maxErrorText {
		return message
	}
	return strings.ToValidUTF8(message[:maxErrorText], "")
}

// ShowAlert returns a stored alert without what is for us alone.
func ShowAlert(source json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(source, &members) != nil {
		return nil
	}
	for _, name := range []string{"monitor_user", "vigil_nudged", "vigil_owed", "vigil_dead", "vigil_outbox", "vigil_receipts"} {
		delete(members, name)
	}
	return encode(members)
}

// executed returns when an action last ran for the alert; zero if it did not.
func (a *Alert) executed(actionID string) time.Time {
	for _, r := range a.ActionResults {
		if r.ActionID == actionID && r.LastExecution > 0 {
			return time.UnixMilli(r.LastExecution)
		}
	}
	return time.Time{}
}

// note keeps what became of an action in this run.
func (a *Alert) note(actionID string, throttled bool, now time.Time) {
	i := slices.IndexFunc(a.ActionResults, func(r ActionExecution) bool { return r.ActionID == actionID })
	if i < 0 {
		a.ActionResults = append(a.ActionResults, ActionExecution{ActionID: actionID})
		i = len(a.ActionResults) - 1
	}
	if throttled {
		a.ActionResults[i].ThrottledCount++
		return
	}
	a.ActionResults[i].LastExecution = now.UnixMilli()
}
