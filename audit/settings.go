package audit

import (
	"cmp"
	"slices"
	"strings"
)

// SettingChange is one setting of the cluster or of an index that a request changes, an element of audit_settings_changes.
type SettingChange struct {
	// Setting is the whole key.
	Setting string
	// Old and New are nil if there is no value.
	Old, New *string
	// Scope is persistent, transient or index.
	Scope string
}

// redactedSetting stands for values of settings whose name says that they are secret, as OpenSearch 3.8 writes it.
const redactedSetting = "***REDACTED***"

// SettingChanges compares settings by key. A nil value in changes removes the setting. Keys come sorted, and what may be a secret
// by its name is told without its values.
func SettingChanges(scope string, old map[string]string, changes map[string]*string) []SettingChange {
	list := make([]SettingChange, 0, len(changes))
	for key, value := range changes {
		c := SettingChange{Setting: key, New: value, Scope: scope}
		if was, ok := old[key]; ok {
			c.Old = &was
		}
		list = append(list, c.redacted())
	}
	slices.SortFunc(list, func(a, b SettingChange) int { return cmp.Compare(a.Setting, b.Setting) })
	return list
}

func (c SettingChange) redacted() SettingChange {
	name := strings.ToLower(c.Setting)
	if !strings.Contains(name, "password") && !strings.Contains(name, "secret") && !strings.Contains(name, "token") {
		return c
	}
	hide := func(v *string) *string {
		if v == nil {
			return nil
		}
		text := redactedSetting
		return &text
	}
	c.Old, c.New = hide(c.Old), hide(c.New)
	return c
}

func (w *writer) settings(list []SettingChange) {
	if len(list) == 0 {
		return
	}
	w.name("audit_settings_changes")
	w.b = append(w.b, '[')
	value := func(name string, v *string) {
		w.name(name)
		if v == nil {
			w.b = append(w.b, "null"...)
			return
		}
		w.b = appendString(w.b, *v)
	}
	for i, c := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		operation := "set"
		if c.New == nil {
			operation = "removed"
		}
		w.b = appendString(append(w.b, `{"setting":`...), c.Setting)
		value("old_value", c.Old)
		value("new_value", c.New)
		w.text("operation", operation)
		w.text("scope", c.Scope)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}
