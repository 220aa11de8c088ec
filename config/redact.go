package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// RedactRule takes something out of events before they are stored anywhere. One of Field, Header, Param and Pattern is set.
type RedactRule struct {
	// Index, with Field or Pattern, restricts the rule to events about indices of this pattern.
	Index string `yaml:"index,omitempty"`
	// Field is the dotted path of a member of documents, searches and differences; "ssn" is one at any depth.
	Field string `yaml:"field,omitempty"`
	// Header and Param are names of headers and parameters.
	Header string `yaml:"header,omitempty"`
	Param  string `yaml:"param,omitempty"`
	// Pattern is a regular expression (RE2) for parts of values, wherever a client wrote them.
	Pattern string `yaml:"pattern,omitempty"`
	// Action is remove, mask or hash.
	Action string `yaml:"action"`

	// Line is where the rule stands in the file; 0 if it is from nowhere.
	Line int `yaml:"-"`
}

// UnmarshalYAML reads a rule. An unknown key is an error that names its line.
func (r *RedactRule) UnmarshalYAML(n *yaml.Node) error {
	if err := unknownKeys(n, reflect.TypeFor[RedactRule](), "audit.redact."); err != nil {
		return err
	}
	type plain RedactRule
	if err := n.Decode((*plain)(r)); err != nil {
		return fmt.Errorf("audit.redact: %w", err)
	}
	r.Line = n.Line
	return nil
}
