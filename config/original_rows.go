package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Places of the first audit configuration, which is the plugin's document.
const (
	initialFilter     = "audit.initial.audit."
	initialCompliance = "audit.initial.compliance."
)

// legacyNames are the settings that Open Distro spelled otherwise than by their prefix, by the names that they have since.
func legacyNames() map[string]string {
	names := map[string]string{
		"compliance.history.internal_config_enabled": "audit.compliance.internal_config",
		"compliance.history.external_config_enabled": "audit.compliance.external_config",
		"compliance.history.read.metadata_only":      "audit.compliance.read_metadata_only",
		"compliance.history.read.ignore_users":       "audit.compliance.read_ignore_users",
		"compliance.history.read.watched_fields":     "audit.compliance.read_watched_fields",
		"compliance.history.write.metadata_only":     "audit.compliance.write_metadata_only",
		"compliance.history.write.log_diffs":         "audit.compliance.write_log_diffs",
		"compliance.history.write.ignore_users":      "audit.compliance.write_ignore_users",
		"compliance.history.write.watched_indices":   "audit.compliance.write_watched_indices",
	}
	for _, key := range []string{
		"enable_rest", "enable_transport", "resolve_bulk_requests", "log_request_body", "resolve_indices", "exclude_sensitive_headers",
		"ignore_users", "ignore_requests",
	} {
		names["audit."+key] = "audit.config." + key
	}
	return names
}

// row says what becomes of a setting: the place it has here and how its value is written there, or why it has none.
type row struct {
	to string
	as func(*yaml.Node) (*yaml.Node, error)
	// unless is the one value that is taken although there is no place for it, because Vigil does nothing else.
	unless string
	fate   Fate
	text   string
}

// rows are the settings that stand for themselves, by their newer name without prefix.
func rows() map[string]row {
	r := map[string]row{
		"audit.enabled":                    {to: "audit.initial.enabled", as: boolean},
		"audit.config.ignore_headers":      {to: initialFilter + "ignore_headers", as: list},
		"audit.ignore_headers":             {to: initialFilter + "ignore_headers", as: list},
		"audit.config.disabled_categories": {to: initialFilter + "disabled_categories", as: list},
		"audit.compliance.enabled":         {to: initialCompliance + "enabled", as: boolean},
		"authcz.admin_dn":                  {to: "admin_dns", as: names},
		"restapi.roles_enabled":            {to: "security.rest_roles", as: list},
		"ssl.http.pemcert_filepath":        {to: "http.tls.cert_file", as: text},
		"ssl.http.pemkey_filepath":         {to: "http.tls.key_file", as: text},
		"ssl.http.pemtrustedcas_filepath":  {to: "http.tls.client_ca_file", as: text},
		"ssl.http.clientauth_mode":         {to: "http.tls.client_auth", as: clientAuth},
		"ssl.http.enabled":                 {unless: "true", text: "TLS is on when http.tls.cert_file is set"},
		"system_indices.enabled":           {unless: "true", text: "system indices are always protected"},
		"allow_default_init_securityindex": {unless: "true", text: "the first documents are always made at the first start"},
		"disabled":                         {unless: "false", text: "Vigil serves nobody without authentication"},
		"ssl_only":                         {unless: "false", text: "Vigil serves nobody without authentication"},
		"restapi.admin.enabled":            {unless: "false", text: "there are no restapi:admin/ permissions; name roles in security.rest_roles"},
		"audit.enable_standalone":          {unless: "false", text: "Vigil authenticates before it audits"},
		"filter_securityindex_from_all_requests": {
			unless: "false", text: "a request for everything that would change the security index is refused",
		},
		"audit.threadpool.size": {text: "Vigil makes events durable before it answers, and each sink reads at its own pace"},
		"audit.threadpool.max_queue_len": {
			text: "events wait on disk, not in memory; audit.log.max_bytes bounds them and on_full of a sink says what then happens",
		},
		"audit.config.retry_count":    {text: "a sink is tried again for ever"},
		"audit.config.retry_delay_ms": {text: "a sink is tried again after 100 ms, then ever less often, at most every 30 s"},
		"audit.config.timezone":       {unless: "UTC", text: "names of audit indices follow UTC"},
		"audit.config.type":           {fate: NoEffect, text: "document types are read and not used"},
		"compliance.salt":             {text: "masked fields are not supported"},
		"compliance.immutable_indices": {
			text: "immutable indices are not supported; take the right to change them from the roles",
		},
	}
	for _, key := range []string{
		"enable_rest", "enable_transport", "resolve_bulk_requests", "log_request_body", "resolve_indices", "exclude_sensitive_headers",
	} {
		r["audit.config."+key] = row{to: initialFilter + key, as: boolean}
		r["audit."+key] = unknownThere("audit.config." + key)
	}
	for _, key := range []string{"ignore_users", "ignore_requests", "disabled_rest_categories", "disabled_transport_categories"} {
		r["audit.config."+key] = row{to: initialFilter + key, as: list}
		r["audit."+key] = unknownThere("audit.config." + key)
	}
	for _, key := range []string{"internal_config", "external_config", "read_metadata_only", "write_metadata_only", "write_log_diffs"} {
		r["audit.compliance."+key] = row{to: initialCompliance + key, as: boolean}
	}
	for _, key := range []string{"read_ignore_users", "write_ignore_users", "write_watched_indices"} {
		r["audit.compliance."+key] = row{to: initialCompliance + key, as: list}
	}
	r["audit.compliance.read_watched_fields"] = row{to: initialCompliance + "read_watched_fields", as: watchedFields}
	return r
}

// unknownThere is a name that is often written and that a node does not start with.
func unknownThere(meant string) row {
	return row{fate: NoEffect, text: "a node does not start with this name; the setting is " + newPrefix + meant}
}

// transportOnly are the beginnings of settings about the way between nodes.
var transportOnly = []string{"ssl.transport.", "nodes_dn", "cert.", "ssl_cert_reload"}

// simple translates a setting that stands for itself, and reports whether it is one.
func (t *translator) simple(o *original) bool {
	if t.disabledEndpoint(o) {
		return true
	}
	if slices.ContainsFunc(transportOnly, func(prefix string) bool { return strings.HasPrefix(o.name, prefix) }) {
		t.tell(o, Refused, "there are no other nodes to speak to")
		return true
	}
	r, ok := rows()[o.name]
	below, config := strings.CutPrefix(o.key, legacyPrefix+"audit.config.")
	switch {
	case strings.HasPrefix(o.name, "compliance.history."):
		t.tell(o, NoEffect, "a node does not start with this name; the setting is %s", legacyPrefix+o.name)
		return true
	case !ok:
		return false
	case config && strings.HasPrefix(r.to, initialFilter) && !strings.HasPrefix(below, "disabled_"):
		// Open Distro wrote the lists of categories, and no other filter, below config.
		t.tell(o, NoEffect, "a node does not start with this name; the setting is %s", legacyPrefix+"audit."+below)
		return true
	case r.to == "":
		t.without(o, r)
		return true
	}
	value, err := r.as(o.value)
	if err != nil {
		t.tell(o, Refused, "%v", err)
		return true
	}
	t.put(o, r.to, value)
	return true
}

// without tells of a setting that has no place here.
func (t *translator) without(o *original, r row) {
	switch {
	case r.unless != "" && strings.EqualFold(o.value.Value, r.unless):
		t.tell(o, Taken, "%s", r.text)
	case r.fate != "":
		t.tell(o, r.fate, "%s", r.text)
	default:
		t.tell(o, Refused, "%s", r.text)
	}
}

// disabledEndpoint translates restapi.endpoints_disabled.ROLE.ENDPOINT. A role's name may hold dots, an endpoint's does not.
func (t *translator) disabledEndpoint(o *original) bool {
	name, ok := strings.CutPrefix(o.name, "restapi.endpoints_disabled.")
	if !ok {
		return false
	}
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		t.tell(o, Refused, "is not restapi.endpoints_disabled.ROLE.ENDPOINT")
		return true
	}
	methods, err := list(o.value)
	if err != nil {
		t.tell(o, Refused, "%v", err)
		return true
	}
	for _, m := range methods.Content {
		m.Value = strings.ToUpper(m.Value)
	}
	path := []string{"security", "rest_disabled", name[:i], strings.ToUpper(name[i+1:])}
	if line, ok := put(t.root, path, methods, o.line); !ok {
		t.tell(o, Refused, "line %d says it already; keep one of them", line)
		return true
	}
	t.tell(o, Taken, "%s", strings.Join(path, "."))
	return true
}

// node translates the settings of an OpenSearch node that are not the plugin's, and tells that the others stay where they are.
func (t *translator) node() {
	before := len(t.settings)
	t.take(func(string) bool { return true })
	others := t.settings[before:]
	t.settings = t.settings[:before:before]
	for _, o := range others {
		switch o.key {
		case "cluster.name":
			t.put(o, "cluster_name", o.value)
		case "node.name":
			t.put(o, "node_name", o.value)
		default:
			t.tell(o, Left, "is not a setting of the security plugin")
		}
	}
}

// text takes a value as it is.
func text(n *yaml.Node) (*yaml.Node, error) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		return nil, errors.New("is not a text")
	}
	s := scalar(n.Value)
	s.Line = n.Line
	return s, nil
}

// boolean takes true and false, in quotes too.
func boolean(n *yaml.Node) (*yaml.Node, error) {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		return nil, errors.New("is neither true nor false")
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: n.Value, Line: n.Line}, nil
}

// list takes a sequence, or its elements in one text with commas between. NONE alone is the empty list.
func list(n *yaml.Node) (*yaml.Node, error) {
	values, err := elements(n)
	if err != nil {
		return nil, err
	}
	return sequence(values, n.Line), nil
}

func elements(n *yaml.Node) ([]string, error) {
	var values []string
	switch n.Kind {
	case yaml.ScalarNode:
		for v := range strings.SplitSeq(n.Value, ",") {
			if v = strings.TrimSpace(v); v != "" {
				values = append(values, v)
			}
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if e.Kind != yaml.ScalarNode || e.Tag == "!!null" {
				return nil, fmt.Errorf("line %d is not a text", e.Line)
			}
			values = append(values, e.Value)
		}
	default:
		return nil, errors.New("is not a list")
	}
	if len(values) == 1 && strings.EqualFold(values[0], "none") {
		return nil, nil
	}
	return values, nil
}

// names takes a sequence of names that may hold commas.
func names(n *yaml.Node) (*yaml.Node, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, errors.New("is not a list; a node splits a text at its commas, and then no name is whole")
	}
	return list(n)
}

// watchedFields takes a list of "index,field,field"; an index alone stands for all of its fields.
func watchedFields(n *yaml.Node) (*yaml.Node, error) {
	var entries []string
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		entries = []string{n.Value} // the commas are the entry's
	} else if list, err := elements(n); err == nil {
		entries = list
	} else {
		return nil, err
	}
	fields := mapping()
	for _, e := range entries {
		if strings.EqualFold(e, "none") {
			continue
		}
		parts := strings.Split(e, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		if len(parts) == 1 {
			parts = append(parts, "*")
		}
		if _, ok := put(fields, parts[:1], sequence(parts[1:], n.Line), n.Line); !ok {
			return nil, fmt.Errorf("names %s twice", parts[0])
		}
	}
	return fields, nil
}

// clientAuth takes whether clients show certificates.
func clientAuth(n *yaml.Node) (*yaml.Node, error) {
	switch strings.ToUpper(n.Value) {
	case "OPTIONAL":
		return scalar("optional"), nil
	case "REQUIRE":
		return scalar("required"), nil
	}
	return nil, errors.New("is neither OPTIONAL nor REQUIRE; clients are asked for certificates where http.tls.client_ca_file is set")
}
