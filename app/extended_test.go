package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"vigil/app/apptest"
	"vigil/audit/sink"
	"vigil/config"

	"github.com/google/go-cmp/cmp"
)

// TestExtendedFormat runs the whole program in the extended format: the events of a request share its id, the last one tells
// how it ended, and a change of the configuration tells what it changed.
func TestExtendedFormat(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.Audit.Format = "extended" })
	s.Must("PUT", "/accounts/_doc/1?refresh=true", `{"a":1}`)
	s.Audit(apptest.Everything)

	r := s.Request("POST", "/accounts/_search", `{"query":{"match_all":{}}}`)
	r.SetBasicAuth("admin", apptest.Password)
	r.Header.Set("X-Request-Id", "mine")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	answer := s.Send(r)
	events := s.Events(3, `{"term":{"audit_request_id":"mine"}}`)
	var categories []string
	for _, e := range events {
		categories = append(categories, e.Text("audit_category"))
		got := map[string]string{}
		for _, name := range []string{"audit_vigil_trace_id", "audit_request_auth_method", "audit_vigil_socket_address", "audit_request_user_agent"} {
			got[name] = e.Text(name)
		}
		want := map[string]string{
			"audit_vigil_trace_id": "0af7651916cd43dd8448eb211c80319c", "audit_request_auth_method": "basic",
			"audit_vigil_socket_address": "127.0.0.1", "audit_request_user_agent": "Go-http-client/1.1",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.Text("audit_category"), diff)
		}
		if roles, _ := e["audit_request_user_roles"].([]any); !slices.Contains(roles, any("all_access")) {
			t.Errorf("%s: roles are %v", e.Text("audit_category"), roles)
		}
	}
	if diff := cmp.Diff([]string{"AUTHENTICATED", "GRANTED_PRIVILEGES", "REQUEST_OUTCOME"}, categories); diff != "" {
		t.Errorf("categories (-want +got):\n%s", diff)
	}
	outcome := events[len(events)-1]
	for name, want := range map[string]any{
		"audit_vigil_response_status": 200.0, "audit_vigil_response_bytes": float64(len(answer.Body)), "audit_vigil_request_bytes": 26.0,
		"audit_vigil_hits": 1.0, "audit_vigil_documents": 1.0, "audit_rest_request_path": "/accounts/_search",
	} {
		if outcome[name] != want {
			t.Errorf("outcome: %s is %v, want %v", name, outcome[name], want)
		}
	}

	// write_metadata_only and write_log_diffs are as they are shipped, and the change is told all the same.
	s.Must("PUT", "/_plugins/_security/api/roles/watcher", `{"cluster_permissions":["cluster_monitor"]}`)
	changed := s.Events(1, `{"bool":{"filter":[{"term":{"audit_category":"COMPLIANCE_INTERNAL_CONFIG_WRITE"}},{"term":{"audit_trace_doc_id":"roles"}}]}}`)
	if diff := changed[0].Text("audit_compliance_diff_content"); !strings.Contains(diff, `"path":"/watcher"`) || !strings.Contains(diff, "cluster_monitor") {
		t.Errorf("the change is told as %q", diff)
	}
	s.As("admin", "wrong", "GET", "/", nil)
	failed := s.Events(1, `{"bool":{"filter":[{"term":{"audit_category":"REQUEST_OUTCOME"}},{"term":{"audit_vigil_response_status":401}}]}}`)
	if failed[0].Text("audit_request_effective_user") != "admin" || failed[0].Text("audit_request_auth_method") != "basic" {
		t.Errorf("the failed login ended as %v", failed[0])
	}
}

// TestExtendedMonitorRun shows that alerting's own requests are told as far as they are known.
func TestExtendedMonitorRun(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.Audit.Format = "extended" })
	s.Audit(apptest.Everything)
	s.Must("PUT", "/watched/_doc/1?refresh=true", `{"a":1}`)
	var created struct {
		ID string `json:"_id"`
	}
	s.Must("POST", "/_plugins/_alerting/monitors", `{"type":"monitor","name":"m","enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},`+
		`"inputs":[{"search":{"indices":["watched"],"query":{"query":{"match_all":{}}}}}],"triggers":[]}`).JSON(t, &created)
	s.Must("POST", "/_plugins/_alerting/monitors/"+created.ID+"/_execute", nil)
	events := s.Events(2, `{"bool":{"filter":[{"term":{"audit_request_origin":"LOCAL"}},{"term":{"audit_trace_indices":"watched"}}]}}`)
	if id := events[0].Text("audit_request_id"); id == "" || events[0].Text("audit_vigil_socket_address") != "" {
		t.Errorf("the run is told as %v", events[0])
	}
	outcome := s.Events(1, `{"bool":{"filter":[{"term":{"audit_request_origin":"LOCAL"}},{"term":{"audit_category":"REQUEST_OUTCOME"}}]}}`)
	if outcome[0]["audit_vigil_response_status"] != float64(http.StatusOK) || outcome[0]["audit_vigil_hits"] != 1.0 {
		t.Errorf("the run ended as %v", outcome[0])
	}
}

// TestEventsPage shows that the page explains every field that the audit index has.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/audit-events.md")
	if err != nil {
		t.Fatal(err)
	}
	name, err := sink.ParseIndexName(sink.DefaultIndex)
	if err != nil {
		t.Fatal(err)
	}
	_, body := sink.Template(name)
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Template struct {
			Mappings struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	if len(template.Template.Mappings.Properties) < 60 {
		t.Errorf("the template has %d fields", len(template.Template.Mappings.Properties))
	}
	for field := range template.Template.Mappings.Properties {
		if !strings.Contains(string(page), "`"+field+"`") {
			t.Errorf("docs/audit-events.md does not explain %s", field)
		}
	}
}
