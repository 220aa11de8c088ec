package alerting

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Composite is the type of workflows. A workflow is a monitor whose input is other monitors: it has a schedule, triggers,
// alerts and an owner like any other, and runs those monitors one after the other to ask its triggers which of them have
// something to tell.
const Composite MonitorType = "composite"

// Sequence is the input of a workflow: the monitors that it runs.
type Sequence struct {
	// Delegates are as they were written; see [Sequence.ordered].
	Delegates []Delegate
}

// Delegate is a monitor in a workflow.
type Delegate struct {
	Order     int
	MonitorID string
	// Findings, if not nil, has the monitor look only at the documents that earlier monitors of this run have found.
	Findings *ChainedFindings
}

// ChainedFindings names the monitors whose findings count: one, or several.
type ChainedFindings struct {
	MonitorID  *string  `json:"monitor_id"`
	MonitorIDs []string `json:"monitor_ids"`
}

// sources are the monitors that are named. A single one has precedence.
func (f *ChainedFindings) sources() []string {
	if f.MonitorID != nil && *f.MonitorID != "" {
		return []string{*f.MonitorID}
	}
	return f.MonitorIDs
}

// maxDelegates bounds the monitors of a workflow, as in OpenSearch.
const maxDelegates = 25

// ordered returns the monitors in the order in which they run.
func (s *Sequence) ordered() []Delegate {
	return slices.SortedFunc(slices.Values(s.Delegates), func(a, b Delegate) int { return a.Order - b.Order })
}

// MonitorIDs returns the monitors of a workflow as they were written.
func (s *Sequence) MonitorIDs() []string {
	ids := make([]string, len(s.Delegates))
	for i, d := range s.Delegates {
		ids[i] = d.MonitorID
	}
	return ids
}

// Sequence returns what a workflow runs, nil if it is none.
func (m *Monitor) Sequence() *Sequence {
	if len(m.Inputs) == 0 {
		return nil
	}
	return m.Inputs[0].Sequence
}

// workflowWire is what a workflow has besides what monitors have.
type workflowWire struct {
	monitorWire
	WorkflowType   *string `json:"workflow_type"`
	AuditDelegates *bool   `json:"audit_delegate_monitor_alerts"`
}

// ParseWorkflow reads a workflow as clients send it and checks it, as [ParseMonitor] does with monitors. Whether the monitors
// are there is for the store to say.
func ParseWorkflow(body []byte) (*Monitor, error) {
	var w workflowWire
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, errorf(BadArgument, "workflow: %w", err)
	}
	if w.WorkflowType != nil && *w.WorkflowType != string(Composite) {
		return nil, errorf(BadState, "Workflow type should be one of [composite]")
	}
	m := &Monitor{Type: Composite, Enabled: true, SchemaVersion: w.SchemaVersion, Owner: defaultOwner, User: w.User}
	m.AuditDelegates = w.AuditDelegates == nil || *w.AuditDelegates
	for _, raw := range w.Inputs {
		in, err := parseSequence(raw)
		if err != nil {
			return nil, err
		}
		m.Inputs = append(m.Inputs, Input{Sequence: in})
	}
	if err := w.readTriggers(m); err != nil {
		return nil, err
	}
	if err := w.readRest(m); err != nil {
		return nil, err
	}
	if err := checkSequence(m); err != nil {
		return nil, err
	}
	return m, nil
}

var idPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

func parseSequence(raw json.RawMessage) (*Sequence, error) {
	var w struct {
		Composite *struct {
			Sequence struct {
				Delegates []struct {
					Order     int              `json:"order"`
					MonitorID string           `json:"monitor_id"`
					Findings  *ChainedFindings `json:"chained_monitor_findings"`
				} `json:"delegates"`
			} `json:"sequence"`
		} `json:"composite_input"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, errorf(BadArgument, "composite_input: %w", err)
	}
	if w.Composite == nil {
		return nil, errorf(BadState, "Unexpected input type when reading Input")
	}
	s := &Sequence{}
	for _, d := range w.Composite.Sequence.Delegates {
		if d.Order <= 0 {
			return nil, errorf(BadArgument, "Invalid delgate order")
		}
		ids := []string{d.MonitorID}
		if f := d.Findings; f != nil {
			if len(f.sources()) == 0 {
				return nil, errorf(BadArgument, "at least one of fields, 'monitorIds' and 'monitorId' should be provided")
			}
			if f.MonitorIDs == nil {
				f.MonitorIDs = []string{}
			}
			ids = append(ids, f.sources()...)
		}
		if slices.ContainsFunc(ids, func(id string) bool { return !idPattern.MatchString(id) }) {
			return nil, errorf(BadArgument, "Invalid characters in id")
		}
		s.Delegates = append(s.Delegates, Delegate{d.Order, d.MonitorID, d.Findings})
	}
	return s, nil
}

// checkSequence refuses a workflow that cannot run, with everything that is wrong about it.
func checkSequence(m *Monitor) error {
	switch {
	case len(m.Inputs) == 0:
		return invalid("Input list can not be empty.")
	case len(m.Inputs) > 1:
		return invalid("Input list can contain only one element.")
	case len(m.Inputs[0].Sequence.Delegates) == 0:
		return invalid("Delegates list can not be empty.")
	}
	s := m.Inputs[0].Sequence
	var wrong []string
	order, orders := map[string]int{}, map[int]bool{}
	for _, d := range s.Delegates {
		order[d.MonitorID], orders[d.Order] = d.Order, true
	}
	if len(s.Delegates) > maxDelegates {
		wrong = append(wrong, fmt.Sprintf("Delegates list can not be larger then %d.", maxDelegates))
	}
	if len(order) != len(s.Delegates) {
		wrong = append(wrong, "Duplicate delegates not allowed")
	}
	if len(orders) != len(s.Delegates) {
		wrong = append(wrong, "Sequence ordering of delegate monitor shouldn't contain duplicate order values")
	}
	for _, d := range s.Delegates {
		if d.Findings == nil {
			continue
		}
		for _, id := range d.Findings.sources() {
			if at, ok := order[id]; !ok {
				wrong = append(wrong, fmt.Sprintf("Chained Findings Monitor %s doesn't exist in sequence", id))
			} else if at >= d.Order {
				wrong = append(wrong, fmt.Sprintf("Chained Findings Monitor %s should be executed before monitor %s", id, d.MonitorID))
			}
		}
	}
	return invalid(wrong...)
}

// invalid words failed checks of a whole request as OpenSearch does; nil if there are none.
func invalid(wrong ...string) error {
	if len(wrong) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("Validation Failed: ")
	for i, w := range wrong {
		fmt.Fprintf(&b, "%d: %s;", i+1, w)
	}
	return &Error{Kind: Invalid, Reason: b.String()}
}

// CheckDelegates refuses a workflow whose monitors are not there or cannot stand beside each other. The monitors are by id.
func CheckDelegates(m *Monitor, monitors map[string]*Monitor) error {
	var missing []string
	for _, id := range m.Sequence().MonitorIDs() {
		if monitors[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return errorf(BadArgument, "%s are not valid monitor ids", strings.Join(missing, ", "))
	}
	for _, d := range m.Sequence().Delegates {
		if d.Findings == nil {
			continue
		}
		for _, id := range d.Findings.sources() {
			if err := checkFindings(monitors[d.MonitorID], monitors[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFindings refuses a monitor that cannot look at what another one finds.
func checkFindings(m, source *Monitor) error {
	switch {
	case source.Type == BucketLevel:
		// OpenSearch accepts it, and then has no findings to restrict anything to.
		return errorf(BadArgument, "Bucket level monitor can't be part of chained findings: it has none")
	case source.Type != DocLevel:
		return errorf(BadArgument, "Query level monitor can't be part of chained findings")
	}
	own, other := indicesOf(m), indicesOf(source)
	if slices.ContainsFunc(other, func(name string) bool { return !slices.Contains(own, name) }) {
		return errorf(BadArgument, "Delegate monitor indices %s doesn't query all of chained findings monitor's indices %s}",
			strings.Join(own, ", "), strings.Join(other, ", "))
	}
	return nil
}

func indicesOf(m *Monitor) []string {
	var out []string
	for _, in := range m.Inputs {
		out = append(out, in.Indices()...)
	}
	return out
}

type workflowOut struct {
	Type           string   `json:"type"`
	SchemaVersion  int      `json:"schema_version"`
	Name           string   `json:"name"`
	WorkflowType   string   `json:"workflow_type"`
	User           *User    `json:"user,omitempty"`
	Enabled        bool     `json:"enabled"`
	EnabledTime    *int64   `json:"enabled_time"`
	Schedule       Schedule `json:"schedule"`
	Inputs         []any    `json:"inputs"`
	Triggers       []any    `json:"triggers"`
	LastUpdateTime *int64   `json:"last_update_time"`
	Owner          string   `json:"owner"`
	AuditDelegates bool     `json:"audit_delegate_monitor_alerts"`
}

func (m *Monitor) workflowJSON(v View) json.RawMessage {
	out := workflowOut{
		Type: "workflow", SchemaVersion: m.SchemaVersion, Name: m.Name, WorkflowType: string(Composite), Enabled: m.Enabled,
		EnabledTime: millis(m.EnabledTime), Schedule: m.Schedule, Inputs: m.inputsWire(), Triggers: m.triggersWire(),
		LastUpdateTime: millis(m.LastUpdateTime), Owner: m.Owner, AuditDelegates: m.AuditDelegates,
	}
	if v == viewStored {
		out.User = m.User
	}
	return encode(out)
}

func (s *Sequence) wire() any {
	type delegate struct {
		Order     int              `json:"order"`
		MonitorID string           `json:"monitor_id"`
		Findings  *ChainedFindings `json:"chained_monitor_findings,omitempty"`
	}
	list := make([]delegate, len(s.Delegates))
	for i, d := range s.Delegates {
		list[i] = delegate(d)
	}
	return map[string]any{"composite_input": map[string]any{"sequence": map[string]any{"delegates": list}}}
}
