package compat

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rules takes out of the events of one scenario what another implementation cannot or should not repeat, and nothing else.
// These are the rules of scenarios/diff_golden.py, which says why each is there (diff_golden.py --rules); the letters in
// comments are its letters. A value serves one scenario, because versions count from step to step.
type rules struct {
	versions map[string]int // last version seen of a security document
}

var (
	entity    = regexp.MustCompile(`^(_meta|sc_.*|tmpuser|root1|limited|writer|norole)$`)
	rewritten = []string{
		"SearchRequest", "UpdateRequest", "CreateIndexRequest", "UpdateSettingsRequest", "ClusterUpdateSettingsRequest", "PutMappingRequest",
	}
	newer      = []string{"CLUSTER_SETTINGS_CHANGED", "INDEX_SETTINGS_CHANGED"}
	anyPort    = regexp.MustCompile(`:(\d+|<port>)$`)
	oneSection = regexp.MustCompile(`"field_names": \["[a-z]+"\]`)
)

// fair returns the events of one step after the rules.
func (r *rules) fair(events []event) []event {
	var out []event
	for _, e := range events {
		if !slices.Contains(newer, text(e, "audit_category")) { // g
			out = append(out, maps.Clone(e))
		}
	}
	nameTasks(out)
	seen := map[string]bool{}
	kept := out[:0]
	for _, e := range out {
		r.one(e)
		key := dump(e)
		if text(e, "audit_category") != "SSL_EXCEPTION" || !seen[key] { // x
			kept = append(kept, e)
		}
		seen[key] = true
	}
	return kept
}

// nameTasks names each task by the actions that ran in it (t).
func nameTasks(events []event) {
	ran := map[string][]string{}
	for _, e := range events {
		id, ok := e["audit_trace_task_id"]
		if !ok {
			continue
		}
		action := text(e, "audit_request_privilege")
		if action == "" {
			action = text(e, "audit_transport_action")
		}
		ran[fmt.Sprint(id)] = append(ran[fmt.Sprint(id)], action)
	}
	for _, e := range events {
		for _, k := range []string{"audit_trace_task_id", "audit_trace_task_parent_id"} {
			id, ok := e[k]
			if !ok {
				continue
			}
			actions := slices.Clone(ran[fmt.Sprint(id)])
			if actions == nil {
				e[k] = "<task not recorded>"
				continue
			}
			slices.Sort(actions)
			e[k] = "<task of " + strings.Join(slices.Compact(actions), "+") + ">"
		}
	}
}

func (r *rules) one(e event) {
	fairHeaders(e)
	cat := text(e, "audit_category")
	switch {
	case strings.HasPrefix(cat, "COMPLIANCE_INTERNAL_CONFIG_"):
		r.config(e, cat)
	case cat == "SSL_EXCEPTION":
		if text(e, "audit_request_exception_stacktrace") != "" {
			e["audit_request_exception_stacktrace"] = "<stack>" // x
		}
	case cat == "COMPLIANCE_EXTERNAL_CONFIG":
		fairExternal(e)
	case cat == "COMPLIANCE_DOC_READ":
		if body, ok := e["audit_request_body"].(string); ok {
			e["audit_request_body"] = members(body)
		}
	}
	fairBody(e)
	fairTransport(e)
	if text(e, "audit_request_origin") == "LOCAL" { // l
		e["audit_request_effective_user"] = "<internal>"
		delete(e, "audit_request_remote_address")
	}
}

// fairHeaders is rule h.
func fairHeaders(e event) {
	headers, ok := e["audit_rest_request_headers"].(map[string]any)
	if !ok {
		return
	}
	out := map[string]any{}
	for k, v := range headers {
		k = strings.ToLower(k)
		switch l, isList := v.([]any); {
		case k == "content-length":
			if len(l) == 1 && l[0] == "0" {
				continue
			}
			v = []any{"<n>"}
		case k == "host" && isList:
			hosts := texts(l)
			for i := range hosts {
				hosts[i] = anyPort.ReplaceAllLiteralString(hosts[i], ":<port>")
			}
			v = anys(hosts)
		}
		out[k] = v
	}
	e["audit_rest_request_headers"] = out
}

// config holds the rules v and c.
func (r *rules) config(e event, cat string) {
	doc := text(e, "audit_trace_doc_id")
	if v, ok := e["audit_compliance_doc_version"].(json.Number); ok && cat == "COMPLIANCE_INTERNAL_CONFIG_WRITE" {
		version, err := strconv.Atoi(string(v))
		if err == nil {
			before, known := r.versions[doc]
			e["audit_compliance_doc_version"] = "<first>"
			if known {
				e["audit_compliance_doc_version"] = fmt.Sprintf("<+%d>", version-before)
			}
			r.versions[doc] = version
		}
	}
	if _, searched := e["audit_trace_shard_id"]; searched && cat == "COMPLIANCE_INTERNAL_CONFIG_READ" {
		e["audit_trace_doc_id"] = "<section>" // which section a search meets first is chance
		e["audit_request_body"] = oneSection.ReplaceAllLiteralString(text(e, "audit_request_body"), `"field_names": ["<section>"]`)
	}
	if body, ok := e["audit_request_body"].(string); ok {
		e["audit_request_body"] = configBody(body)
	}
	if _, ok := e["audit_compliance_diff_content"]; ok && !strings.Contains(text(e, "audit_request_effective_user"), "=") {
		e["audit_compliance_diff_content"] = "<diff>"
	}
}

// configBody leaves only the entities that the scenarios make.
func configBody(body string) string {
	v, err := decode(body)
	if err != nil {
		return body
	}
	o, ok := v.(map[string]any)
	if !ok {
		return dump(v)
	}
	for _, k := range []string{"roles", "internalusers", "rolesmapping", "actiongroups", "tenants", "nodesdn", "allowlist"} {
		if entities, ok := o[k].(map[string]any); ok {
			maps.DeleteFunc(entities, func(name string, _ any) bool { return !entity.MatchString(name) })
		}
	}
	return dump(o)
}

// fairExternal is rule e.
func fairExternal(e event) {
	delete(e, "audit_compliance_file_infos")
	v, err := decode(text(e, "audit_request_body"))
	if err != nil {
		return
	}
	o, _ := v.(map[string]any)
	if parts, ok := o["external_configuration"].(map[string]any); ok {
		e["audit_request_body"] = dump(anys(slices.Sorted(maps.Keys(parts))))
	}
}

// members is rule j: objects whose members are there too are left out (address beside address.city).
func members(body string) string {
	v, err := decode(body)
	if err != nil {
		return body
	}
	o, ok := v.(map[string]any)
	if !ok {
		return dump(v)
	}
	listed, isList := o["field_names"].([]any)
	names := slices.Sorted(maps.Keys(o))
	if isList {
		names = texts(listed)
	}
	leaf := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return slices.ContainsFunc(names, func(m string) bool { return strings.HasPrefix(m, n+".") })
	})
	if _, ok := o["field_names"]; ok {
		return dump(map[string]any{"field_names": anys(leaf)})
	}
	maps.DeleteFunc(o, func(n string, _ any) bool { return !slices.Contains(leaf, n) })
	return dump(o)
}

// fairBody holds the rules u and b.
func fairBody(e event) {
	body, ok := e["audit_request_body"].(string)
	if !ok {
		return
	}
	if i := strings.IndexRune(body, '\uFFFD'); i >= 0 {
		body = body[:i] + "<not utf-8>"
	}
	kind := text(e, "audit_transport_request_type")
	if text(e, "audit_request_layer") == "TRANSPORT" && slices.Contains(rewritten, kind) {
		if v, err := decode(body); err == nil {
			v = oneNumber(v)
			if kind == "SearchRequest" {
				v = canonSearch(v)
			}
			body = dump(v)
		}
	}
	e["audit_request_body"] = body
}

// fairTransport holds the rules n and i.
func fairTransport(e event) {
	if headers, ok := e["audit_transport_headers"].(map[string]any); ok {
		headers = maps.Clone(headers)
		delete(headers, "_opendistro_security_remotecn")
		delete(headers, "_opendistro_security_source_field_context")
		e["audit_transport_headers"] = headers
		if len(headers) == 0 {
			delete(e, "audit_transport_headers")
		}
	}
	if resolved, ok := e["audit_trace_resolved_indices"].([]any); ok {
		named := texts(e["audit_trace_indices"])
		kept := slices.DeleteFunc(texts(resolved), func(name string) bool {
			return strings.HasPrefix(name, ".") && name != ".opendistro_security" && !slices.Contains(named, name)
		})
		slices.Sort(kept)
		e["audit_trace_resolved_indices"] = anys(slices.Compact(kept))
	}
}

// compare returns the events that only one side has.
func compare(want, got []event) (missing, extra []event) {
	count := map[string]int{}
	for _, e := range got {
		count[dump(e)]++
	}
	for _, e := range want {
		if count[dump(e)] > 0 {
			count[dump(e)]--
		} else {
			missing = append(missing, e)
		}
	}
	for _, e := range slices.Backward(got) {
		if key := dump(e); count[key] > 0 {
			count[key]--
			extra = append(extra, e)
		}
	}
	slices.Reverse(extra)
	return missing, extra
}
