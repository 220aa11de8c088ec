package alerting

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// actionWire is an action on the wire, its members in OpenSearch's order.
type actionWire struct {
	ID              string      `json:"id"`
	Name            *string     `json:"name"`
	DestinationID   *string     `json:"destination_id"`
	MessageTemplate *scriptWire `json:"message_template"`
	ThrottleEnabled bool        `json:"throttle_enabled"`
	SubjectTemplate *scriptWire `json:"subject_template,omitempty"`
	Throttle        *Throttle   `json:"throttle,omitempty"`
	Policy          *Policy     `json:"action_execution_policy,omitempty"`
}

type scriptWire struct {
	Source string         `json:"source"`
	Lang   string         `json:"lang"`
	Params map[string]any `json:"params,omitempty"`
}

// parseAction is strict about unknown members, as OpenSearch is of actions alone.
func parseAction(raw json.RawMessage, t MonitorType) (Action, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return Action{}, errorf(BadArgument, "an action is an object")
	}
	var a Action
	var throttled bool
	for name, value := range members {
		if err := a.read(name, value, &throttled); err != nil {
			return Action{}, err
		}
	}
	switch {
	case isNull(members["name"]):
		return Action{}, errorf(BadArgument, "Action name is null")
	case isNull(members["destination_id"]):
		return Action{}, errorf(BadArgument, "Destination id is null")
	case isNull(members["message_template"]):
		return Action{}, errorf(BadArgument, "Action message template is null")
	case throttled && a.ThrottleValue == nil:
		return Action{}, errorf(BadArgument, "Action throttle enabled but not set throttle value")
	}
	if throttled {
		a.Throttle = time.Duration(a.ThrottleValue.Value) * time.Minute
	}
	if a.Throttle > maxThrottle {
		return Action{}, errorf(BadArgument, "Can only set throttle period less than or equal to %s", shortTime(maxThrottle))
	}
	switch {
	case a.Policy == nil:
	case t.oneAlert():
		return Action{}, errorf(Unsupported, "action_execution_policy is not supported for monitors of type [%s]", t)
	case a.Policy.PerExecution && a.ThrottleValue != nil:
		return Action{}, errorf(BadArgument, "Throttle is currently not supported for per execution action scope")
	}
	return a, nil
}

func (a *Action) read(name string, value json.RawMessage, throttled *bool) (err error) {
	switch name {
	case "id":
		err = json.Unmarshal(value, &a.ID)
	case "name":
		err = json.Unmarshal(value, &a.Name)
	case "destination_id":
		err = json.Unmarshal(value, &a.DestinationID)
	case "subject_template":
		if isNull(value) {
			return nil
		}
		a.Subject, err = parseTemplate(name, value)
		return err
	case "message_template":
		if isNull(value) {
			return nil
		}
		a.Message, err = parseTemplate(name, value)
		return err
	case "throttle_enabled":
		err = json.Unmarshal(value, throttled)
	case "throttle":
		if isNull(value) {
			return nil
		}
		return a.readThrottle(value)
	case "action_execution_policy":
		if isNull(value) {
			return nil
		}
		a.Policy, err = parsePolicy(value)
		return err
	default:
		return errorf(BadState, "Unexpected field: %s, while parsing action", name)
	}
	if err != nil {
		return errorf(BadArgument, "action: %s: %w", name, err)
	}
	return nil
}

func (a *Action) readThrottle(value json.RawMessage) error {
	var members map[string]json.RawMessage
	var t Throttle
	if err := errors.Join(json.Unmarshal(value, &members), json.Unmarshal(value, &t)); err != nil {
		return errorf(BadArgument, "throttle: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "value" && name != "unit" {
			return errorf(BadState, "Unexpected field: %s, while parsing action", name)
		}
	}
	if raw, there := members["value"]; there && isNull(raw) {
		return errorf(BadArgument, "Throttle value can't be null")
	}
	if t.Unit != "MINUTES" {
		return errorf(BadArgument, "Only support MINUTES throttle unit currently")
	}
	if t.Value <= 0 {
		return errorf(BadArgument, "Can only set positive throttle period")
	}
	a.ThrottleValue = &Throttle{Value: min(t.Value, 1<<31-1), Unit: t.Unit}
	return nil
}

func parseTemplate(name string, value json.RawMessage) (Script, error) {
	s, err := parseScript(value, mustacheLang)
	if err == nil && s.Lang != mustacheLang {
		return s, errorf(BadArgument, "%s must be a mustache script", name)
	}
	return s, err
}

func (a *Action) wire() actionWire {
	w := actionWire{
		ID: a.ID, Name: &a.Name, DestinationID: &a.DestinationID, MessageTemplate: a.Message.wire(),
		ThrottleEnabled: a.Throttle > 0, Throttle: a.ThrottleValue, Policy: a.Policy,
	}
	if a.Subject.Lang != "" {
		w.SubjectTemplate = a.Subject.wire()
	}
	return w
}

func (s Script) wire() *scriptWire { return &scriptWire{s.Source, s.Lang, s.Params} }
