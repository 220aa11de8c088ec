package alerting

import (
	"bytes"
	"encoding/json"
	"regexp"
	"time"
)

const (
	// maxTriggers is the most that settings can allow, defaultTriggers what they do.
	maxTriggers     = 50
	defaultTriggers = 10
	maxThrottle     = 24 * time.Hour
	mustacheLang    = "mustache"
	painlessLang    = "painless"
	defaultOwner    = "alerting"
	maxActions      = 50
	maxIndices      = 100
	maxMonitorName  = 32 << 10
)

// monitorWire is a monitor as clients send it and as it is stored. Members that we do not know are skipped, as in OpenSearch.
type monitorWire struct {
	Name             *string           `json:"name"`
	MonitorType      *string           `json:"monitor_type"`
	Enabled          *bool             `json:"enabled"`
	EnabledTime      *int64            `json:"enabled_time"`
	Schedule         json.RawMessage   `json:"schedule"`
	Inputs           []json.RawMessage `json:"inputs"`
	Triggers         []json.RawMessage `json:"triggers"`
	LastUpdateTime   *int64            `json:"last_update_time"`
	SchemaVersion    int               `json:"schema_version"`
	UIMetadata       json.RawMessage   `json:"ui_metadata"`
	DataSources      json.RawMessage   `json:"data_sources"`
	DeleteQueryIndex bool              `json:"delete_query_index_in_every_run"`
	SingleAlert      bool              `json:"should_create_single_alert_for_findings"`
	Owner            *string           `json:"owner"`
	User             *User             `json:"user"`
}

var typePattern = regexp.MustCompile(`^[a-zA-Z0-9_]{5,25}$`)

// ParseMonitor reads a monitor as clients send it and checks it. Ids that are missing stay empty. The error is an *[Error]
// with the words of OpenSearch 2.19; see 03-monitor-crud-execute.json in compat/.
func ParseMonitor(body []byte) (*Monitor, error) {
	var w monitorWire
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, errorf(BadArgument, "monitor: %w", err)
	}
	m := &Monitor{
		Type: QueryLevel, Enabled: true, SchemaVersion: w.SchemaVersion, Owner: defaultOwner, User: w.User,
		DeleteQueryIndex: w.DeleteQueryIndex, SingleAlert: w.SingleAlert,
	}
	if err := w.readType(m); err != nil {
		return nil, err
	}
	if err := w.readInputs(m); err != nil {
		return nil, err
	}
	if err := w.readTriggers(m); err != nil {
		return nil, err
	}
	if err := w.readRest(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (w *monitorWire) readType(m *Monitor) error {
	if w.MonitorType == nil {
		return nil
	}
	if !typePattern.MatchString(*w.MonitorType) {
		return errorf(BadState, "Monitor type should follow pattern [a-zA-Z0-9_]{5,25}")
	}
	m.Type = MonitorType(*w.MonitorType)
	if !m.Type.IsSupported() {
		return errorf(Unsupported, "monitor_type [%s] is not supported", m.Type)
	}
	return nil
}

func (w *monitorWire) readInputs(m *Monitor) error {
	if len(w.Inputs) > 1 {
		return errorf(BadArgument, "Monitors can only have 1 search input.")
	}
	for _, raw := range w.Inputs {
		in, err := parseInput(raw)
		if err != nil {
			return err
		}
		m.Inputs = append(m.Inputs, in)
		if (in.Doc != nil) != (m.Type == DocLevel) || m.Type == BucketLevel && in.Search == nil {
			return errorf(BadArgument, "Unsupported input for monitor type [%s]", m.Type)
		}
		if m.Type == BucketLevel && !in.Search.hasAggregations() {
			return errorf(BadArgument, "At least one aggregation is required for the input")
		}
	}
	return nil
}

func parseInput(raw json.RawMessage) (Input, error) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(raw, &in); err != nil || len(in) != 1 {
		return Input{}, errorf(BadArgument, "an input is an object with one member")
	}
	for name, body := range in {
		switch name {
		case "search":
			in, err := parseSearchInput(body)
			return Input{Search: in}, err
		case "doc_level_input":
			in, err := parseDocInput(body)
			return Input{Doc: in}, err
		case "uri":
			in, err := parseClusterInput(body)
			return Input{Cluster: in}, err
		}
		return Input{}, errorf(Unsupported, "input [%s] is not supported", name)
	}
	return Input{}, nil
}

func parseSearchInput(body json.RawMessage) (*SearchInput, error) {
	var s struct {
		Indices []string        `json:"indices"`
		Query   json.RawMessage `json:"query"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, errorf(BadArgument, "search input: %w", err)
	}
	if len(s.Indices) > maxIndices {
		return nil, errorf(BadArgument, "search input: more than %d indices", maxIndices)
	}
	if q := bytes.TrimSpace(s.Query); len(q) == 0 || q[0] != '{' {
		return nil, errorf(BadArgument, "search input: query is not an object")
	}
	return &SearchInput{Indices: s.Indices, Query: s.Query}, nil
}

func (w *monitorWire) readTriggers(m *Monitor) error {
	if len(w.Triggers) > maxTriggers {
		return errorf(BadArgument, "Monitors can only support up to %d triggers.", maxTriggers)
	}
	seen := map[string]bool{}
	for _, raw := range w.Triggers {
		t, err := parseTrigger(raw, m.Type)
		if err != nil {
			return err
		}
		if t.ID != "" && seen[t.ID] {
			return errorf(BadArgument, "Duplicate trigger id: %s. Trigger ids must be unique.", t.ID)
		}
		seen[t.ID] = true
		m.Triggers = append(m.Triggers, t)
	}
	return nil
}

func (w *monitorWire) readRest(m *Monitor) error {
	switch {
	case w.Name == nil:
		return errorf(BadArgument, "%s name is null", m.Type.noun())
	case len(*w.Name) > maxMonitorName:
		return errorf(BadArgument, "%s name is longer than %d bytes", m.Type.noun(), maxMonitorName)
	case isNull(w.Schedule):
		return errorf(BadArgument, "%s schedule is null", m.Type.noun())
	}
	var err error
	if m.Schedule, err = ParseSchedule(w.Schedule); err != nil {
		return err
	}
	m.Name = *w.Name
	if w.Enabled != nil {
		m.Enabled = *w.Enabled
	}
	m.EnabledTime, m.LastUpdateTime = fromMillis(w.EnabledTime), fromMillis(w.LastUpdateTime)
	if !isNull(w.UIMetadata) && !bytes.Equal(bytes.TrimSpace(w.UIMetadata), []byte("{}")) {
		m.UIMetadata = w.UIMetadata
	}
	if !isNull(w.DataSources) && !isDefaultDataSources(w.DataSources) {
		return errorf(BadArgument, "Custom Data Sources are not allowed.")
	}
	if w.Owner != nil {
		m.Owner = *w.Owner
	}
	return nil
}

// parseTrigger takes a trigger in its wrapper or bare, as Open Distro's console sends it.
func parseTrigger(raw json.RawMessage, t MonitorType) (Trigger, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return Trigger{}, errorf(BadArgument, "a trigger is an object")
	}
	if inner, ok := members[t.wrapper()]; ok {
		raw = inner
	} else if t == Composite {
		var bare struct{ Name string }
		for _, value := range members {
			_ = json.Unmarshal(value, &bare) // for its name, if it has one
		}
		return Trigger{}, errorf(BadArgument, "Incompatible trigger [%s] for workflow. ", bare.Name)
	} else if len(members) == 1 {
		for name := range members {
			return Trigger{}, errorf(BadArgument, "Incompatible trigger [%s] for monitor type [%s]", name, t)
		}
	}
	return readTrigger(raw, t)
}

// wrapper is the member that holds a trigger of the type.
func (t MonitorType) wrapper() string {
	switch t {
	case BucketLevel:
		return "bucket_level_trigger"
	case DocLevel:
		return "document_level_trigger"
	case Composite:
		return "chained_alert_trigger"
	case QueryLevel, ClusterMetrics:
	}
	return "query_level_trigger"
}

func readTrigger(raw json.RawMessage, t MonitorType) (Trigger, error) {
	var w struct {
		ID        string            `json:"id"`
		Name      *string           `json:"name"`
		Severity  *string           `json:"severity"`
		Condition json.RawMessage   `json:"condition"`
		Actions   []json.RawMessage `json:"actions"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return Trigger{}, errorf(BadArgument, "trigger: %w", err)
	}
	switch {
	case w.Name == nil:
		return Trigger{}, errorf(BadArgument, "Trigger name is null")
	case w.Severity == nil:
		return Trigger{}, errorf(BadArgument, "Trigger severity is null")
	case len(w.Actions) > maxActions:
		return Trigger{}, errorf(BadArgument, "trigger [%s] has more than %d actions", *w.Name, maxActions)
	}
	out := Trigger{ID: w.ID, Name: *w.Name, Severity: *w.Severity}
	if err := out.readCondition(w.Condition, t); err != nil {
		return Trigger{}, err
	}
	for _, rawAction := range w.Actions {
		a, err := parseAction(rawAction, t)
		if err != nil {
			return Trigger{}, err
		}
		out.Actions = append(out.Actions, a)
	}
	return out, nil
}

func (t *Trigger) readCondition(raw json.RawMessage, kind MonitorType) (err error) {
	var w struct {
		Script json.RawMessage `json:"script"`
	}
	if !isNull(raw) {
		if err := json.Unmarshal(raw, &w); err != nil {
			return errorf(BadArgument, "condition: %w", err)
		}
	}
	if isNull(w.Script) {
		return errorf(BadArgument, "Trigger condition is null")
	}
	if t.Condition, err = parseScript(w.Script, painlessLang); err != nil {
		return err
	}
	if t.Condition.Lang != painlessLang {
		return errorf(BadArgument, "Invalid script language. Allowed languages are [painless]")
	}
	if kind == BucketLevel {
		t.Bucket, err = parseBucketCondition(raw)
	}
	return err
}

func parseScript(raw json.RawMessage, lang string) (Script, error) {
	s := Script{Lang: lang}
	if json.Unmarshal(raw, &s.Source) == nil {
		return s, nil
	}
	var w struct {
		Source *string        `json:"source"`
		Inline *string        `json:"inline"`
		ID     *string        `json:"id"`
		Lang   *string        `json:"lang"`
		Params map[string]any `json:"params"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&w); err != nil {
		return s, errorf(BadArgument, "script: %w", err)
	}
	switch {
	case w.ID != nil:
		return s, errorf(BadArgument, "stored scripts are not supported: [%s]", *w.ID)
	case w.Source != nil:
		s.Source = *w.Source
	case w.Inline != nil:
		s.Source = *w.Inline
	default:
		return s, errorf(BadArgument, "must specify either [source] for an inline script or [id] for a stored script")
	}
	if w.Lang != nil {
		s.Lang = *w.Lang
	}
	if len(w.Params) > 0 {
		s.Params = w.Params
	}
	return s, nil
}

func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

func fromMillis(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}
