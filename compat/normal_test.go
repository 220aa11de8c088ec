package compat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// event is an audit event as JSON decodes it.
type event = map[string]any

// normalizer replaces what differs from run to run: times, names of the node, ids that the server made up. It is the class
// Norm of scenarios/run_scenarios.py, value for value.
type normalizer struct {
	port  int
	saved []standsFor
	made  map[string]bool // document ids that the server made up
}

// standsFor is an id that the server made up and a step sent back.
type standsFor struct{ value, name string }

func newNormalizer(port int, saved map[string]string, made map[string]bool) *normalizer {
	n := &normalizer{port: port, made: made}
	for _, k := range slices.Sorted(maps.Keys(saved)) {
		if len([]rune(saved[k])) < 8 {
			continue
		}
		name := "<generated>"
		switch k {
		case "sid":
			name = "<scroll-id>"
		case "pit":
			name = "<long-token>"
		}
		n.saved = append(n.saved, standsFor{saved[k], name})
	}
	slices.SortStableFunc(n.saved, func(a, b standsFor) int { return cmp.Compare(len(b.value), len(a.value)) })
	return n
}

var (
	taskID    = regexp.MustCompile(`^[^:\s]+:\d+$`)
	autoID    = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)
	lastPort  = regexp.MustCompile(`:\d+$`)
	word      = regexp.MustCompile(`[A-Za-z0-9_-]+`)
	localPort = regexp.MustCompile(`\b127\.0\.0\.1:(\d{4,5})\b`)
	bcrypt    = regexp.MustCompile(`\$2[aby]\$\d\d\$[A-Za-z0-9./]{53}`)

	patterns = []struct {
		find *regexp.Regexp
		put  string
	}{
		{regexp.MustCompile(`"scroll_id"\s*:\s*"[^"]{20,}"`), `"scroll_id":"<scroll-id>"`},
		{regexp.MustCompile(`\b[A-Za-z0-9+/=_-]{60,}\b={0,2}`), "<long-token>"},
		{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`), "<time>"},
		{regexp.MustCompile(`security-auditlog-20\d\d\.\d\d\.\d\d`), "security-auditlog-<date>"},
	}

	volatile = map[string]string{
		"@timestamp": "<timestamp>", "audit_node_id": "<node-id>", "audit_node_name": "<node-name>",
		"audit_cluster_name": "<cluster>", "audit_node_host_address": "<node-address>",
		"audit_node_host_name": "<node-host>", "audit_trace_shard_id": "<shard>",
	}
	shape = map[string]*regexp.Regexp{
		"@timestamp":              regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"$`),
		"audit_trace_shard_id":    regexp.MustCompile(`^-?\d+$`),
		"audit_node_host_address": regexp.MustCompile(`^"[0-9a-f.:]+"$`),
	}
)

func (n *normalizer) text(s string, path bool) string {
	if n.port != 9200 {
		s = localPort.ReplaceAllStringFunc(s, func(m string) string {
			if m == "127.0.0.1:"+strconv.Itoa(n.port) {
				return "127.0.0.1:9200"
			}
			return m
		})
	}
	if !path {
		s = n.ids(s)
	}
	for _, p := range patterns {
		s = p.find.ReplaceAllLiteralString(s, p.put)
	}
	if path {
		s = n.ids(s)
	}
	s = word.ReplaceAllStringFunc(s, generated)
	s = localPort.ReplaceAllStringFunc(s, func(m string) string {
		if m == "127.0.0.1:9200" || m == "127.0.0.1:9300" {
			return m
		}
		return "127.0.0.1:<port>"
	})
	return bcrypt.ReplaceAllLiteralString(s, "<bcrypt>")
}

// generated replaces a word that looks like an id: 20 or 22 characters with digits, capitals and small letters.
func generated(w string) string {
	if (len(w) == 20 || len(w) == 22) && strings.ContainsAny(w, "0123456789") && strings.ToLower(w) != w && strings.ToUpper(w) != w {
		return "<generated>"
	}
	return w
}

func (n *normalizer) ids(s string) string {
	for _, v := range n.saved {
		if v.name == "<scroll-id>" {
			s = regexp.MustCompile(`"scroll_id"\s*:\s*"`+regexp.QuoteMeta(v.value)+`"`).ReplaceAllLiteralString(s, `"scroll_id":"<scroll-id>"`)
			s = strings.ReplaceAll(s, v.value, "<long-token>")
			continue
		}
		s = strings.ReplaceAll(s, v.value, v.name)
	}
	return s
}

// sortedJSON writes JSON text with sorted members; with lists its elements are sorted too.
func sortedJSON(s string, lists bool) string {
	v, err := decode(s)
	if err != nil {
		return s
	}
	switch v := v.(type) {
	case map[string]any:
		if names, ok := v["field_names"].([]any); ok {
			slices.SortFunc(names, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		for k, e := range v { // the security configuration has JSON inside of JSON
			if s, ok := e.(string); ok && strings.HasPrefix(s, "{") {
				if inner, err := decode(s); err == nil {
					v[k] = inner
				}
			}
		}
	case []any:
		if lists {
			slices.SortStableFunc(v, func(a, b any) int { return cmp.Compare(dump(a), dump(b)) })
		}
	}
	return dump(v)
}

func (n *normalizer) event(e event) event {
	out := event{}
	compliance := strings.HasPrefix(text(e, "audit_category"), "COMPLIANCE_")
	for k, v := range e {
		s, isText := v.(string)
		switch {
		case volatile[k] != "":
			out[k] = volatile[k]
			if rx := shape[k]; rx != nil && !rx.MatchString(dump(v)) {
				out[k] = fmt.Sprintf("%s of a wrong shape: %s", volatile[k], repr(v))
			}
		case k == "audit_trace_task_id" || k == "audit_trace_task_parent_id":
			out[k] = v // numbered after sorting
		case k == "audit_trace_doc_id" && isText && (n.made[s] || autoID.MatchString(s)):
			out[k] = "<auto-id>"
		case k == "audit_request_remote_address" && isText:
			out[k] = lastPort.ReplaceAllLiteralString(s, "")
		case k == "audit_request_exception_stacktrace":
			first, _, _ := strings.Cut(s, "\n")
			out[k] = n.text(first, false) + " <stack>"
		case k == "audit_request_body" && compliance && isText:
			out[k] = n.text(sortedJSON(s, false), false)
		case k == "audit_compliance_diff_content" && text(e, "audit_category") != "COMPLIANCE_DOC_WRITE" && isText:
			out[k] = n.text(sortedJSON(s, true), false)
		case isText:
			out[k] = n.text(s, k == "audit_rest_request_path")
		default:
			out[k] = n.container(k, v)
		}
	}
	return out
}

func (n *normalizer) container(name string, v any) any {
	switch l := v.(type) {
	case []any:
		if name == "audit_trace_indices" || name == "audit_trace_resolved_indices" {
			var names []string
			for _, s := range texts(l) {
				names = append(names, n.text(s, false))
			}
			slices.Sort(names)
			return anys(slices.Compact(names))
		}
	case map[string]any:
	default:
		return v
	}
	again, err := decode(n.text(dump(v), false))
	if err != nil {
		return v
	}
	return again
}

// repr writes a value as Python's %r does, for the kinds that events have.
func repr(v any) string {
	if s, ok := v.(string); ok {
		return "'" + s + "'"
	}
	return dump(v)
}

// response returns what an answer says without what differs from run to run.
func (n *normalizer) response(body string) any {
	v, err := decode(body)
	if err != nil {
		return n.text(body, false)
	}
	return n.walk(v)
}

var droppedMembers = map[string]string{
	"took": "<took>", "_scroll_id": "<scroll-id>", "uuid": "<uuid>", "cluster_uuid": "<uuid>", "took_ms": "<took>",
}

func (n *normalizer) walk(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if d, ok := droppedMembers[k]; ok {
				out[k] = d
			} else {
				out[k] = n.walk(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = n.walk(e)
		}
		return out
	case string:
		return n.text(v, false)
	}
	return v
}

// normalize fills in the normalized events and answers of a run's steps.
func (r *run) normalize() {
	n := newNormalizer(r.Port, r.Saved, madeUp(r.Steps))
	for _, s := range r.Steps {
		s.Normalized = n.events(s.Raw)
		if body, ok := s.Response["body"].(string); ok {
			s.Answer = n.response(body)
		}
	}
}

func (n *normalizer) events(raw []event) []event {
	out := make([]event, 0, len(raw))
	for _, e := range raw {
		out = append(out, n.event(e))
	}
	slices.SortStableFunc(out, func(a, b event) int { return slices.Compare(sortKey(a), sortKey(b)) })
	tasks := map[string]string{}
	for _, k := range []string{"audit_trace_task_id", "audit_trace_task_parent_id"} {
		for _, e := range out {
			v, ok := e[k]
			if !ok {
				continue
			}
			id := fmt.Sprint(v)
			if !taskID.MatchString(id) {
				e[k] = "<task> of a wrong shape: " + repr(v)
				continue
			}
			if tasks[id] == "" {
				tasks[id] = fmt.Sprintf("<task-%d>", len(tasks)+1)
			}
			e[k] = tasks[id]
		}
	}
	return out
}

func sortKey(e event) []string {
	var key []string
	for _, k := range []string{"audit_request_layer", "audit_category", "audit_request_privilege", "audit_transport_request_type", "audit_trace_doc_id"} {
		key = append(key, text(e, k))
	}
	rest := event{}
	for k, v := range e {
		if !strings.Contains(k, "task") {
			rest[k] = v
		}
	}
	return append(key, dump(rest))
}

// madeUp finds the ids in answers that no request had named.
func madeUp(steps []*step) map[string]bool {
	var sent strings.Builder
	for _, s := range steps {
		sent.WriteString(dump(s.Request) + " ")
	}
	out := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if id := text(v, "_id"); len([]rune(id)) >= 12 && !strings.Contains(sent.String(), `"`+id+`"`) {
				out[id] = true
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for _, s := range steps {
		if status := s.status(); status != "200" && status != "201" {
			continue
		}
		if v, err := decode(text(s.Response, "body")); err == nil {
			walk(v)
		}
	}
	return out
}

// status is that of the answer, "none" if there was no answer.
func (s *step) status() string {
	switch v := s.Response["status"].(type) {
	case json.Number:
		return string(v)
	case int:
		return strconv.Itoa(v)
	}
	return "none"
}
