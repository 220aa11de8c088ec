package app

import (
	"errors"
	"fmt"

	"vigil/audit"
	"vigil/config"
)

// newRedactor compiles the rules of a configuration; nil if there are none. Its error names the lines of all bad ones.
func newRedactor(cfg config.Audit) (*audit.Redactor, error) {
	var errs []error
	key := []byte(cfg.RedactKey)
	rules := make([]audit.RedactRule, 0, len(cfg.Redact))
	for _, c := range cfg.Redact {
		r := audit.RedactRule{
			Index: c.Index, Field: c.Field, Header: c.Header, Param: c.Param, Pattern: c.Pattern, Action: audit.RedactAction(c.Action),
		}
		if err := r.Check(key); err != nil {
			errs = append(errs, fmt.Errorf("line %d: audit.redact: %w", c.Line, err))
		}
		rules = append(rules, r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	r, err := audit.NewRedactor(rules, key)
	if err != nil {
		return nil, fmt.Errorf("audit.redact: %w", err)
	}
	return r, nil
}
