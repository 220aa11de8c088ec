package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// ReadOnly are the parts of the configuration that only administrators by certificate may change: /enabled,
// /audit/<member>, /compliance/<member>.
type ReadOnly []string

// Check names the first element that is no part of the configuration.
func (r ReadOnly) Check() error {
	known, err := parts(DefaultConfig())
	if err != nil {
		return err
	}
	known["/audit/disabled_categories"] = nil // shown only if it is not empty
	for _, path := range r {
		if _, ok := known[path]; !ok {
			return fmt.Errorf("%q is not one of %s", path, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return nil
}

// Changed returns the first part whose value differs, "" if none does. The order of lists counts, that of members does not.
func (r ReadOnly) Changed(from, to Config) (string, error) {
	if len(r) == 0 {
		return "", nil
	}
	was, err := parts(from)
	if err != nil {
		return "", err
	}
	is, err := parts(to)
	if err != nil {
		return "", err
	}
	for _, path := range r {
		if !reflect.DeepEqual(was[path], is[path]) {
			return path, nil
		}
	}
	return "", nil
}

// parts returns the values of a configuration by their paths.
func parts(c Config) (map[string]any, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var sections map[string]any
	if err := json.Unmarshal(b, &sections); err != nil {
		return nil, err
	}
	all := map[string]any{"/enabled": sections["enabled"]}
	for _, name := range []string{"audit", "compliance"} {
		section, _ := sections[name].(map[string]any)
		for member, value := range section {
			all["/"+name+"/"+member] = value
		}
	}
	return all, nil
}
