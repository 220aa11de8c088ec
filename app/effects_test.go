package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
	"vigil/config"
)

// allOn keeps every event that the requests of [settingsWorld.act] make.
const allOn = `{"enabled":true,
	"audit":{"disabled_rest_categories":[],"disabled_transport_categories":[],"ignore_users":[],"resolve_bulk_requests":true},
	"compliance":{"internal_config":true,"read_metadata_only":true,"write_metadata_only":true,"read_ignore_users":[],"write_ignore_users":[],
		"read_watched_fields":{"acc*":["ss?"]},"write_watched_indices":["acc*"]}}`

// settingsWorld is a server whose events are read from a file, in their order.
type settingsWorld struct {
	*apptest.Server
	t    *testing.T
	file string
	read int
}

func (w *settingsWorld) act() {
	w.t.Helper()
	w.As("eve", "wrong", "GET", "/_cat/health", nil)
	w.As("ann", apptest.Password, "GET", "/accounts/_search?q=ssn:123", nil)
	w.As("ann", apptest.Password, "PUT", "/accounts/_doc/1", `{"ssn":"123","name":"ann"}`)
	w.As("ann", apptest.Password, "POST", "/_bulk", "{\"index\":{\"_index\":\"accounts\",\"_id\":\"2\"}}\n{\"ssn\":\"456\"}\n{\"delete\":{\"_index\":\"accounts\",\"_id\":\"2\"}}\n")
	w.As("ann", apptest.Password, "DELETE", "/other", nil)
	w.Must("GET", "/accounts/_mapping", nil)
	w.Must("GET", "/_plugins/_security/api/roles/none-such", nil)
}

// events returns what has been recorded since the last call.
func (w *settingsWorld) events() []apptest.Event {
	w.t.Helper()
	if err := w.App().Drain(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	b, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []apptest.Event
	for line := range bytes.Lines(b[w.read:]) {
		var e apptest.Event
		if err := json.Unmarshal(line, &e); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, e)
	}
	w.read = len(b)
	return list
}

// describe is what an event says, but for times and numbers that differ from run to run.
func describe(list []apptest.Event) []string {
	var out []string
	for _, e := range list {
		if e == nil {
			continue
		}
		e = maps.Clone(e)
		for _, name := range []string{"@timestamp", "audit_vigil_id", "audit_vigil_sequence", "audit_trace_task_id", "audit_trace_task_parent_id", "audit_compliance_doc_version"} {
			delete(e, name)
		}
		if h, ok := e["audit_rest_request_headers"].(map[string]any); ok {
			e["audit_rest_request_headers"] = slices.Sorted(maps.Keys(h))
		}
		b, err := json.Marshal(e)
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

// Each setting by itself takes from the events of the same requests, or changes in them, what it should and nothing else.
func TestEverySettingHasItsEffect(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { withSinks(t, c, `{lines: {type: file, path: audit.json}}`) })
	w := &settingsWorld{Server: s, t: t, file: filepath.Join(s.Config.Data, "audit.json")}
	s.Must("PUT", "/_plugins/_security/api/roles/clerk", `{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["accounts"],"allowed_actions":["crud","indices:admin/mapping/put","create_index"]}]}`)
	s.Must("PUT", "/_plugins/_security/api/roles/none-such", `{"cluster_permissions":[]}`)
	s.User("ann", "clerk")
	s.Must("PUT", "/accounts/_doc/1?refresh=true", `{"ssn":"123","name":"ann"}`)
	s.Must("PUT", "/other", nil)
	s.Audit(allOn)
	w.act()
	w.events()
	w.act()
	all := w.events()

	apply := func(change func(e apptest.Event) apptest.Event) []string {
		list := make([]apptest.Event, 0, len(all))
		for _, e := range all {
			list = append(list, change(maps.Clone(e)))
		}
		return describe(list)
	}
	// takes is the effect of a setting that takes events.
	takes := func(taken func(e apptest.Event) bool) func(apptest.Event) apptest.Event {
		return func(e apptest.Event) apptest.Event {
			if taken(e) {
				return nil
			}
			return e
		}
	}
	is := func(field, value string) func(apptest.Event) bool {
		return func(e apptest.Event) bool { return e.Text("audit_"+field) == value }
	}
	both := func(a, b func(apptest.Event) bool) func(apptest.Event) bool {
		return func(e apptest.Event) bool { return a(e) && b(e) }
	}
	layer := func(e apptest.Event) bool { return e["audit_request_layer"] != nil }
	compliance := func(e apptest.Event) bool { return strings.HasPrefix(e.Text("audit_category"), "COMPLIANCE_") }
	none := func(e apptest.Event) apptest.Event { return e }
	ann := is("request_effective_user", "ann")
	read, write := is("category", "COMPLIANCE_DOC_READ"), is("category", "COMPLIANCE_DOC_WRITE")

	f := func(setting string, effect func(apptest.Event) apptest.Event) {
		t.Helper()
		path, value, _ := strings.Cut(setting, "=")
		s.Audit(allOn)
		s.Must("PATCH", "/_plugins/_security/api/audit", fmt.Sprintf(`[{"op":"add","path":"/config/%s","value":%s}]`, strings.ReplaceAll(path, ".", "/"), value))
		w.events()
		w.act()
		got, want := describe(w.events()), apply(effect)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", setting, diff)
		}
		// A space behind the setting says that it is not to have any.
		if (cmp.Diff(describe(all), want) == "") != strings.HasSuffix(setting, " ") {
			t.Errorf("%s: the requests do not show its effect", setting)
		}
	}
	f("enabled=false", takes(func(apptest.Event) bool { return true }))
	f("audit.enable_rest=false", takes(is("request_layer", "REST")))
	f("audit.enable_transport=false", takes(is("request_layer", "TRANSPORT")))
	f(`audit.disabled_rest_categories=["failed_login"]`, takes(is("category", "FAILED_LOGIN")))
	f(`audit.disabled_rest_categories=["GRANTED_PRIVILEGES"]`, takes(both(is("category", "GRANTED_PRIVILEGES"), is("request_layer", "REST"))))
	f(`audit.disabled_transport_categories=["GRANTED_PRIVILEGES"]`, takes(both(is("category", "GRANTED_PRIVILEGES"), is("request_layer", "TRANSPORT"))))
	f(`audit.disabled_transport_categories=["INDEX_EVENT"]`, takes(is("category", "INDEX_EVENT")))
	f(`audit.disabled_categories=["GRANTED_PRIVILEGES","COMPLIANCE_DOC_WRITE"]`, takes(is("category", "GRANTED_PRIVILEGES")))
	f("audit.resolve_bulk_requests=false", takes(is("request_privilege", "indices:data/write/bulk[s]")))
	f("audit.log_request_body=false", func(e apptest.Event) apptest.Event {
		if layer(e) {
			delete(e, "audit_request_body")
		}
		return e
	})
	f("audit.resolve_indices=false ", none) // with bodies, only auto_put shows it; see compat/scenarios/audit/08c
	f(`audit.ignore_users=["ann"]`, takes(both(ann, layer)))
	f(`audit.ignore_users=["e?e","ANN"]`, takes(is("request_effective_user", "eve")))
	f(`audit.ignore_users=["/a.*|e../"]`, takes(both(layer, func(e apptest.Event) bool { return true })))
	f(`audit.ignore_requests=["SearchRequest"]`, takes(is("transport_request_type", "SearchRequest")))
	f(`audit.ignore_requests=["indices:data/write/*"]`, takes(func(e apptest.Event) bool {
		return strings.HasPrefix(e.Text("audit_request_privilege"), "indices:data/write/")
	}))
	f(`audit.ignore_requests=["/accounts/_search","/_CAT/*"]`, takes(is("rest_request_path", "/accounts/_search")))
	f(`audit.ignore_requests=["/_cat/"] `, none) // the expression "_cat"
	f(`audit.ignore_headers=["User-*","host"]`, func(e apptest.Event) apptest.Event {
		if h, ok := e["audit_rest_request_headers"].(map[string]any); ok {
			h = maps.Clone(h)
			delete(h, "User-Agent")
			e["audit_rest_request_headers"] = h
		}
		return e
	})
	f(`audit.ignore_url_params=["q"] `, none)
	f("audit.exclude_sensitive_headers=false", func(e apptest.Event) apptest.Event {
		if h, ok := e["audit_rest_request_headers"].(map[string]any); ok {
			h = maps.Clone(h)
			h["Authorization"] = true
			e["audit_rest_request_headers"] = h
		}
		return e
	})
	f("compliance.enabled=false", takes(compliance))
	f("compliance.internal_config=false", takes(is("category", "COMPLIANCE_INTERNAL_CONFIG_READ")))
	f("compliance.read_watched_fields={}", takes(read))
	f(`compliance.read_watched_fields={"acc*":[],"other":["*"]}`, takes(read))
	f(`compliance.read_watched_fields={"acc*":["SSN","s"]}`, takes(read))
	f(`compliance.read_watched_fields={"ACC*":["*"]}`, takes(read))
	f(`compliance.read_ignore_users=["an*"]`, takes(both(ann, read)))
	f(`compliance.write_ignore_users=["ann"]`, takes(both(ann, write)))
	f("compliance.write_watched_indices=[]", takes(write))
	f(`compliance.write_watched_indices=["acc","/account/"]`, takes(write))
	f("compliance.read_metadata_only=false", func(e apptest.Event) apptest.Event {
		switch e.Text("audit_category") {
		case "COMPLIANCE_DOC_READ":
			e["audit_request_body"] = `{"ssn":"123"}`
		case "COMPLIANCE_INTERNAL_CONFIG_READ":
			// The whole section, as it is stored.
			section, err := json.Marshal(map[string]string{"roles": `{"_meta":{"config_version":2,"type":"roles"},` +
				`"clerk":{"cluster_permissions":["cluster_composite_ops"],"hidden":false,"index_permissions":[{"allowed_actions":` +
				`["crud","indices:admin/mapping/put","create_index"],"fls":[],"index_patterns":["accounts"],"masked_fields":[]}],` +
				`"reserved":false,"static":false,"tenant_permissions":[]},` +
				`"none-such":{"cluster_permissions":[],"hidden":false,"index_permissions":[],"reserved":false,"static":false,"tenant_permissions":[]}}`})
			if err != nil {
				t.Fatal(err)
			}
			e["audit_request_body"] = string(section)
		}
		return e
	})
	f("compliance.write_metadata_only=false", func(e apptest.Event) apptest.Event {
		if write(e) && e.Text("audit_compliance_operation") != "DELETE" {
			e["audit_request_body"] = map[string]string{"1": `{"ssn":"123","name":"ann"}`, "2": `{"ssn":"456"}`}[e.Text("audit_trace_doc_id")]
		}
		return e
	})
	f("compliance.write_log_diffs=true ", none) // only with write_metadata_only off
	f(`compliance={"internal_config":true,"read_metadata_only":true,"write_log_diffs":true,"read_watched_fields":{"acc*":["ss?"]},"write_watched_indices":["acc*"]}`, func(e apptest.Event) apptest.Event {
		if !write(e) || e.Text("audit_compliance_operation") == "DELETE" {
			return e
		}
		e["audit_compliance_diff_is_noop"] = true
		if e.Text("audit_trace_doc_id") == "2" {
			e["audit_compliance_diff_is_noop"] = false
			e["audit_compliance_diff_content"] = `[{"op":"add","path":"/ssn","value":"456"}]`
		}
		return e
	})
}
