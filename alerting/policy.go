package alerting

import (
	"encoding/json"
	"maps"
	"slices"
)

// Category says what a run of a bucket- or document-level monitor found out about an alert.
type Category string

// The categories of alerts.
const (
	CategoryNew       Category = "NEW"
	CategoryDeduped   Category = "DEDUPED"
	CategoryCompleted Category = "COMPLETED"
)

// Policy is how the alerts of one run share the messages of an action.
type Policy struct {
	// PerExecution has one message tell of all alerts of a run. Otherwise there is one for each alert of a category in
	// Actionable.
	PerExecution bool
	Actionable   []Category
}

// policy returns an action's policy, or the default: a message for each alert that is new or goes on.
func (a *Action) policy() Policy {
	if a.Policy == nil {
		return Policy{Actionable: []Category{CategoryDeduped, CategoryNew}}
	}
	return *a.Policy
}

type policyWire struct {
	Scope struct {
		PerAlert *struct {
			Actionable []Category `json:"actionable_alerts"`
		} `json:"per_alert,omitempty"`
		PerExecution *struct{} `json:"per_execution,omitempty"`
	} `json:"action_execution_scope"`
}

// MarshalJSON writes the policy as OpenSearch does.
func (p *Policy) MarshalJSON() ([]byte, error) {
	var w policyWire
	if p.PerExecution {
		w.Scope.PerExecution = &struct{}{}
		return json.Marshal(w)
	}
	w.Scope.PerAlert = &struct {
		Actionable []Category `json:"actionable_alerts"`
	}{p.Actionable}
	return json.Marshal(w)
}

func parsePolicy(raw json.RawMessage) (*Policy, error) {
	var w policyWire
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, errorf(BadArgument, "action_execution_policy: %w", err)
	}
	var members struct {
		Scope map[string]json.RawMessage `json:"action_execution_scope"`
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, errorf(BadArgument, "action_execution_policy: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members.Scope)) {
		if name != "per_alert" && name != "per_execution" {
			return nil, errorf(BadArgument, "Invalid field [%s] found in action execution scope.", name)
		}
	}
	switch {
	case w.Scope.PerAlert != nil && w.Scope.PerExecution != nil:
		return nil, errorf(BadArgument, "You can only specify one type of action execution scope.")
	case w.Scope.PerAlert == nil && w.Scope.PerExecution == nil:
		return nil, errorf(BadArgument, "Action execution scope is null.")
	}
	p := &Policy{PerExecution: w.Scope.PerExecution != nil}
	if p.PerExecution {
		return p, nil
	}
	for _, c := range w.Scope.PerAlert.Actionable {
		if !slices.Contains([]Category{CategoryNew, CategoryDeduped, CategoryCompleted}, c) {
			return nil, errorf(BadState, "Actionable alerts should be one of [DEDUPED, NEW, COMPLETED]")
		}
		if !slices.Contains(p.Actionable, c) {
			p.Actionable = append(p.Actionable, c)
		}
	}
	if p.Actionable == nil {
		p.Actionable = []Category{}
	}
	return p, nil
}
