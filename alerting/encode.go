package alerting

import (
	"bytes"
	"encoding/json"
)

// View says how a monitor is shown.
type View uint8

// The ways to show a monitor.
const (
	// ViewClient leaves out what the visual editor keeps.
	ViewClient View = iota
	// ViewConsole shows the visual editor's part, too.
	ViewConsole
	// viewStored is what is kept: it has the user.
	viewStored
)

type monitorOut struct {
	Type             string          `json:"type"`
	SchemaVersion    int             `json:"schema_version"`
	Name             string          `json:"name"`
	MonitorType      MonitorType     `json:"monitor_type"`
	User             *User           `json:"user,omitempty"`
	Enabled          bool            `json:"enabled"`
	EnabledTime      *int64          `json:"enabled_time"`
	Schedule         Schedule        `json:"schedule"`
	Inputs           []any           `json:"inputs"`
	Triggers         []any           `json:"triggers"`
	LastUpdateTime   *int64          `json:"last_update_time"`
	UIMetadata       json.RawMessage `json:"ui_metadata,omitempty"`
	DataSources      dataSources     `json:"data_sources"`
	DeleteQueryIndex bool            `json:"delete_query_index_in_every_run"`
	SingleAlert      bool            `json:"should_create_single_alert_for_findings"`
	Owner            string          `json:"owner"`
}

type triggerOut struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Severity  string       `json:"severity"`
	Condition conditionOut `json:"condition"`
	Actions   []actionWire `json:"actions"`
}

// conditionOut has its members in OpenSearch's order; all but the script belong to bucket-level triggers.
type conditionOut struct {
	BucketsPath json.RawMessage `json:"buckets_path,omitempty"`
	ParentPath  string          `json:"parent_bucket_path,omitempty"`
	Script      *scriptWire     `json:"script"`
	GapPolicy   string          `json:"gap_policy,omitempty"`
	Composite   json.RawMessage `json:"composite_agg_filter,omitempty"`
	Filter      json.RawMessage `json:"filter,omitempty"`
}

// JSON returns the monitor or workflow as the plugin answers it.
func (m *Monitor) JSON(v View) json.RawMessage {
	if m.Type == Composite {
		return m.workflowJSON(v)
	}
	out := monitorOut{
		Type: "monitor", SchemaVersion: m.SchemaVersion, Name: m.Name, MonitorType: m.Type, Enabled: m.Enabled,
		EnabledTime: millis(m.EnabledTime), Schedule: m.Schedule, Inputs: m.inputsWire(), Triggers: m.triggersWire(),
		LastUpdateTime: millis(m.LastUpdateTime), DataSources: defaultDataSources(),
		DeleteQueryIndex: m.DeleteQueryIndex, SingleAlert: m.SingleAlert, Owner: m.Owner,
	}
	if v != ViewClient {
		out.UIMetadata = m.UIMetadata
	}
	if v == viewStored {
		out.User = m.User
	}
	return encode(out)
}

func (m *Monitor) inputsWire() []any {
	out := []any{}
	for _, in := range m.Inputs {
		out = append(out, in.wire())
	}
	return out
}

func (m *Monitor) triggersWire() []any {
	out := []any{}
	for i := range m.Triggers {
		out = append(out, map[string]triggerOut{m.Type.wrapper(): m.Triggers[i].wire()})
	}
	return out
}

func (in Input) wire() any {
	switch {
	case in.Doc != nil:
		return in.Doc.wire()
	case in.Cluster != nil:
		return in.Cluster.wire()
	case in.Sequence != nil:
		return in.Sequence.wire()
	}
	type search struct {
		Indices []string        `json:"indices"`
		Query   json.RawMessage `json:"query"`
	}
	s := search{in.Search.Indices, in.Search.Query}
	if s.Indices == nil {
		s.Indices = []string{}
	}
	return map[string]search{"search": s}
}

func (t *Trigger) wire() triggerOut {
	out := triggerOut{
		ID: t.ID, Name: t.Name, Severity: t.Severity, Condition: conditionOut{Script: t.Condition.wire()}, Actions: []actionWire{},
	}
	if b := t.Bucket; b != nil {
		c := &out.Condition
		c.BucketsPath, c.ParentPath, c.GapPolicy, c.Composite, c.Filter = b.Paths, b.Parent, b.GapPolicy, b.Composite, b.Filter
	}
	for i := range t.Actions {
		out.Actions = append(out.Actions, t.Actions[i].wire())
	}
	return out
}

// dataSources are where the plugin keeps what belongs to a monitor; only these may be given.
type dataSources struct {
	QueryIndex             string   `json:"query_index"`
	FindingsIndex          string   `json:"findings_index"`
	FindingsIndexPattern   string   `json:"findings_index_pattern"`
	AlertsIndex            string   `json:"alerts_index"`
	AlertsHistoryIndex     string   `json:"alerts_history_index"`
	AlertsHistoryPattern   string   `json:"alerts_history_index_pattern"`
	CommentsIndex          string   `json:"comments_index"`
	CommentsIndexPattern   string   `json:"comments_index_pattern"`
	QueryIndexMappingsType struct{} `json:"query_index_mappings_by_type"`
	FindingsEnabled        bool     `json:"findings_enabled"`
}

func defaultDataSources() dataSources {
	return dataSources{
		QueryIndex:           ".opensearch-alerting-queries",
		FindingsIndex:        ".opensearch-alerting-finding-history-write",
		FindingsIndexPattern: "<.opensearch-alerting-finding-history-{now/d}-1>",
		AlertsIndex:          ".opendistro-alerting-alerts",
		AlertsHistoryIndex:   ".opendistro-alerting-alert-history-write",
		AlertsHistoryPattern: "<.opendistro-alerting-alert-history-{now/d}-1>",
		CommentsIndex:        ".opensearch-alerting-comments-history-write",
		CommentsIndexPattern: "<.opensearch-alerting-comments-history-{now/d}-1>",
	}
}

func isDefaultDataSources(raw json.RawMessage) bool {
	d := defaultDataSources()
	return json.Unmarshal(raw, &d) == nil && d == defaultDataSources()
}

// encode returns v as JSON without escaping for HTML. It is called with our own wire types, which cannot fail.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
