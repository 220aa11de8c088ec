package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"vigil/audit"
	"vigil/config"
)

// readAudit takes an audit.yml. What a node would not have loaded is left out and told; members that are missing have the
// values that they have on a node.
func (m *migration) readAudit(f *importFile, root *yaml.Node) error {
	if m.audit != nil {
		return fmt.Errorf("%s: there is an audit configuration already", f.path)
	}
	doc := child(root, "config")
	if doc == nil || doc.Kind != yaml.MappingNode {
		return fmt.Errorf("%s: has no mapping config", f.path)
	}
	kept := map[string]any{}
	for i := 0; i+1 < len(doc.Content); i += 2 {
		key, value := doc.Content[i], doc.Content[i+1]
		if key.Value != "audit" && key.Value != "compliance" {
			takeMember(f, kept, "", key, value)
			continue
		}
		section := map[string]any{}
		for j := 0; value.Kind == yaml.MappingNode && j+1 < len(value.Content); j += 2 {
			takeMember(f, section, key.Value, value.Content[j], value.Content[j+1])
		}
		kept[key.Value] = section
	}
	if len(kept) == 0 {
		kept["audit"] = map[string]any{}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	c, err := audit.ParseConfig(b)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	m.audit = &c
	tellInert(f, doc, c)
	return nil
}

// takeMember takes one setting if it is valid by itself.
func takeMember(f *importFile, kept map[string]any, section string, key, value *yaml.Node) {
	path := "config." + key.Value
	if section != "" {
		path = "config." + section + "." + key.Value
	}
	var v any
	if err := value.Decode(&v); err != nil {
		f.note(path, key.Line, config.NoEffect, "a node does not load it: %v", err)
		return
	}
	if strings.HasPrefix(key.Value, "disabled_") {
		v = takeCategories(f, path, key, value, v)
	}
	if err := valid(section, key.Value, v); err != nil {
		f.note(path, key.Line, config.NoEffect, "a node does not load a configuration with it: %v", err)
		return
	}
	f.note(path, key.Line, config.Taken, "audit.initial.%s", strings.TrimPrefix(path, "config."))
	kept[key.Value] = v
}

// takeCategories leaves out what is no category of its layer.
func takeCategories(f *importFile, path string, key, value *yaml.Node, v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	if len(list) == 1 && strings.EqualFold(fmt.Sprint(list[0]), "none") {
		return []any{}
	}
	kept := []any{}
	for i, name := range list {
		_, known := audit.ParseCategory(fmt.Sprint(name))
		switch {
		case valid("audit", key.Value, []any{name}) == nil:
			kept = append(kept, name)
		case known:
			f.note(path+": "+fmt.Sprint(name), value.Content[i].Line, config.NoEffect, "the layer has no such events")
		default:
			f.note(path+": "+fmt.Sprint(name), value.Content[i].Line, config.NoEffect, "is no category, and a node does not load a configuration with it")
		}
	}
	return kept
}

// valid judges one member of a configuration by itself.
func valid(section, member string, v any) error {
	doc := map[string]any{member: v}
	if section != "" {
		doc = map[string]any{section: doc}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return errors.New("is not what JSON can say")
	}
	if _, err = audit.DefaultConfig().With(b); err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*audit.ConfigError](err); ok {
		return errors.New(refused.Reason)
	}
	return err
}

// tellInert tells what is valid and changes nothing.
func tellInert(f *importFile, doc *yaml.Node, c audit.Config) {
	filter, compliance := child(doc, "audit"), child(doc, "compliance")
	line := func(section *yaml.Node, key string) int {
		if n := child(section, key); n != nil {
			return n.Line
		}
		return doc.Line
	}
	for _, name := range c.WithoutEffect() {
		member, _, _ := strings.Cut(strings.TrimPrefix(name, "audit."), ":")
		f.note("config."+name, line(filter, member), config.NoEffect, "is kept, and has no effect here either")
	}
	for _, pattern := range c.Audit.IgnoreRequests {
		if len(pattern) > 1 && strings.HasPrefix(pattern, "/") && strings.HasSuffix(pattern, "/") {
			f.note("config.audit.ignore_requests: "+pattern, line(filter, "ignore_requests"), config.NoEffect,
				"between slashes stands a regular expression, and no path begins without one; meant is %s*", pattern)
		}
	}
	if c.Compliance.WriteLogDiffs && c.Compliance.WriteMetadataOnly {
		f.note("config.compliance.write_log_diffs", line(compliance, "write_log_diffs"), config.NoEffect,
			"there are differences only if write_metadata_only is false")
	}
	for index, fields := range c.Compliance.ReadWatchedFields {
		if len(fields) == 0 {
			f.note("config.compliance.read_watched_fields: "+index, line(compliance, "read_watched_fields"), config.NoEffect, "no fields watch nothing")
		}
	}
}

// asMap is a configuration as vigil.yml has it.
func asMap(c *audit.Config) map[string]any {
	var v map[string]any
	if b, err := json.Marshal(c); err == nil {
		_ = json.Unmarshal(b, &v) // what was marshalled is an object
	}
	return v
}
