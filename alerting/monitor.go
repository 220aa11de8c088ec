// Package alerting watches data by people's queries and tells them when a condition holds: monitors, triggers, actions, alerts.
//
// Whether a trigger fires and what should then be sent is decided by [Evaluate], which reads no clock, disk or network; a
// [Runner] fetches, evaluates, stores and sends; a [Scheduler] runs monitors by their schedules and whenever a document
// arrives that may change a result. The package must not know HTTP or how callers are authenticated.
// Start reading at [Monitor] and [Evaluate].
package alerting

import (
	"encoding/json"
	"time"
)

// MonitorType says what a monitor's triggers look at.
type MonitorType string

// The types of monitors. Only those of [MonitorType.IsSupported] can be stored and run.
const (
	QueryLevel     MonitorType = "query_level_monitor"
	BucketLevel    MonitorType = "bucket_level_monitor"
	DocLevel       MonitorType = "doc_level_monitor"
	ClusterMetrics MonitorType = "cluster_metrics_monitor"
)

// IsSupported reports whether monitors of the type can be run.
func (t MonitorType) IsSupported() bool {
	return t == QueryLevel || t == BucketLevel || t == DocLevel || t == ClusterMetrics
}

// noun is what people call a monitor of the type.
func (t MonitorType) noun() string {
	if t == Composite {
		return "Workflow"
	}
	return "Monitor"
}

// oneAlert reports whether each trigger of such a monitor has at most one live alert: all that tell of the whole result.
func (t MonitorType) oneAlert() bool { return t != BucketLevel && t != DocLevel }

// Monitor is a query, a schedule, and what to do about the result. It is immutable once it was stored: whoever changes one
// works on a copy.
type Monitor struct {
	// ID is empty for a monitor that is not stored.
	ID             string
	Version        Version
	Name           string
	Type           MonitorType
	Enabled        bool
	EnabledTime    time.Time // zero if disabled
	Schedule       Schedule
	Inputs         []Input
	Triggers       []Trigger
	LastUpdateTime time.Time
	SchemaVersion  int
	// UIMetadata is the visual editor's state, opaque to us. Nil if there is none.
	UIMetadata json.RawMessage
	// User is whose rights the monitor's search has. Nil for a monitor without owner.
	User *User
	// DeleteQueryIndex and SingleAlert are kept for document-level monitors.
	DeleteQueryIndex bool
	SingleAlert      bool
	// AuditDelegates has the monitors of a workflow keep their alerts for the record alone, in state AUDIT, and send nothing.
	AuditDelegates bool
	Owner          string
}

// Version is the state of a stored document, as conditional writes name it.
type Version struct {
	Version     int64
	SeqNo       int64
	PrimaryTerm int64
}

// User is the identity with which a monitor was stored, and with which it searches.
type User struct {
	Name                 string   `json:"name"`
	BackendRoles         []string `json:"backend_roles"`
	Roles                []string `json:"roles"`
	CustomAttributeNames []string `json:"custom_attribute_names"`
}

// Input is where a monitor's data comes from. Exactly one member is set.
type Input struct {
	Search  *SearchInput
	Doc     *DocInput
	Cluster *ClusterInput
	// Sequence is the input of a workflow; no monitor has it.
	Sequence *Sequence
}

// Indices are where the input looks; none for one that asks the cluster about itself.
func (in Input) Indices() []string {
	switch {
	case in.Doc != nil:
		return in.Doc.Indices
	case in.Search != nil:
		return in.Search.Indices
	}
	return nil
}

// SearchInput is a search. Query is the whole search body, a mustache template over period_start and period_end.
type SearchInput struct {
	Indices []string
	Query   json.RawMessage
}

// Trigger is a condition on the result and what is done while it holds.
type Trigger struct {
	ID       string
	Name     string
	Severity string
	// Condition is a Painless script that returns a boolean: over ctx, or over the params of one bucket. That of a
	// document-level trigger names queries; see [DocQuery].
	Condition Script
	// Bucket says which buckets a trigger of a bucket-level monitor looks at; nil for all others.
	Bucket  *BucketCondition
	Actions []Action
}

// Script is a text in one of the languages of package script.
type Script struct {
	Source string
	Lang   string
	Params map[string]any
}

// Action is a message to a destination.
type Action struct {
	ID            string
	Name          string
	DestinationID string
	// Subject may be empty.
	Subject Script
	Message Script
	// Throttle is the least time between two messages about the same alert; 0 sends every time.
	Throttle time.Duration
	// ThrottleValue is what was written, kept although it may be switched off; nil if nothing was.
	ThrottleValue *Throttle
	// Policy is how the alerts of a run share messages; nil means the default, and for query-level monitors that there is
	// but one.
	Policy *Policy
}

// Throttle is an action's throttle as it was written. The unit is always MINUTES.
type Throttle struct {
	Value int    `json:"value"`
	Unit  string `json:"unit"`
}

func (m *Monitor) trigger(id string) *Trigger {
	for i := range m.Triggers {
		if m.Triggers[i].ID == id {
			return &m.Triggers[i]
		}
	}
	return nil
}
