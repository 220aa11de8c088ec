package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"vigil/app/apptest"
)

const workflows = "/_plugins/_alerting/workflows"

// watch makes a monitor over logs-* that fires if a document has the level.
func watch(t *testing.T, s *apptest.Server, name, level string) string {
	t.Helper()
	return created(t, s.Must("POST", "/_plugins/_alerting/monitors", `{"name":"`+name+`","enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},
		"inputs":[{"search":{"indices":["logs-*"],"query":{"query":{"term":{"level.keyword":"`+level+`"}}}}}],
		"triggers":[{"query_level_trigger":{"id":"t-`+name+`","name":"t","severity":"1","condition":{"script":{"source":"ctx.results[0].hits.total.value > 0"}}}}]}`))
}

func created(t *testing.T, a apptest.Reply) string {
	t.Helper()
	var doc struct {
		ID string `json:"_id"`
	}
	a.JSON(t, &doc)
	return doc.ID
}

// both is a workflow of two monitors whose trigger wants both.
func both(a, b string) string {
	return fmt.Sprintf(`{"name":"both","enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},
		"inputs":[{"composite_input":{"sequence":{"delegates":[{"order":1,"monitor_id":%q},{"order":2,"monitor_id":%q}]}}}],
		"triggers":[{"chained_alert_trigger":{"id":"t-both","name":"chained","severity":"1","condition":{"script":{"source":"monitor[id=%[1]s] && monitor[id=%[2]s]"}}}}]}`, a, b)
}

type workflowRun struct {
	ID       string `json:"workflow_id"`
	Triggers map[string]struct {
		Triggered bool
		Error     *string
	} `json:"trigger_results"`
	Monitors []struct {
		Name string `json:"monitor_name"`
	} `json:"monitor_run_results"`
}

type alertList struct {
	Alerts     []map[string]any
	Associated []map[string]any `json:"associatedAlerts"`
	Total      int              `json:"totalAlerts"`
}

// TestWorkflow follows a workflow through the API: what it tells, and what can be done to it.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	if a := s.Admin("POST", workflows, json.RawMessage(both("x", "y"))); a.Status != http.StatusNotFound || !strings.Contains(string(a.Body), `"Monitors not found"`) {
		t.Errorf("before any monitor: %d %s", a.Status, a.Body)
	}
	s.Must("PUT", "/logs-1/_doc/1?refresh=true", `{"level":"error"}`)
	errs, fatal := watch(t, s, "errors", "error"), watch(t, s, "fatal", "fatal")
	a := s.Must("POST", workflows, both(errs, fatal))
	id := created(t, a)
	if a.Status != http.StatusCreated || a.Header.Get("Location") != workflows+"/"+id || strings.Contains(string(a.Body), `"user"`) {
		t.Errorf("create: %d %v %s", a.Status, a.Header, a.Body)
	}
	run := func(path, body string) (out workflowRun) {
		t.Helper()
		var raw any
		if body != "" {
			raw = json.RawMessage(body)
		}
		s.Must("POST", path, raw).JSON(t, &out)
		return out
	}
	if got := run(workflows+"/"+id+"/_execute", ""); got.Triggers["t-both"].Triggered || len(got.Monitors) != 2 || got.Monitors[0].Name != "errors" || got.ID != id {
		t.Errorf("errors alone: %+v", got)
	}
	s.Must("PUT", "/logs-1/_doc/2?refresh=true", `{"level":"fatal"}`)
	if got := run(workflows+"/_execute?dryrun=true", both(errs, fatal)); !got.Triggers["t-both"].Triggered || got.ID != "" {
		t.Errorf("inline: %+v", got)
	}
	if got := run(workflows+"/"+id+"/_execute?dryrun=true", ""); !got.Triggers["t-both"].Triggered {
		t.Errorf("dry: %+v", got)
	}
	list := func(path string) (out alertList) {
		t.Helper()
		s.Must("GET", path, nil).JSON(t, &out)
		return out
	}
	if got := list(workflows + "/alerts?workflowIds=" + id); got.Total != 0 || len(got.Alerts) != 0 {
		t.Errorf("before the run that counts: %+v", got)
	}
	run(workflows+"/"+id+"/_execute", "")
	got := list(workflows + "/alerts?workflowIds=" + id + "&getAssociatedAlerts=true")
	if got.Total != 1 || len(got.Alerts) != 1 || got.Alerts[0]["state"] != "ACTIVE" || got.Alerts[0]["monitor_id"] != "" || len(got.Associated) != 2 || got.Associated[0]["state"] != "AUDIT" {
		t.Fatalf("chained alerts: %+v", got)
	}
	chained := got.Alerts[0]["id"].(string)
	if got := list(workflows + "/alerts?getAssociatedAlerts=true&size=1&startIndex=1&alertIds=" + chained); len(got.Alerts) != 1 || len(got.Associated) != 1 {
		t.Errorf("by id, a page of the associated: %+v", got)
	}
	const alerts = "/_plugins/_alerting/monitors/alerts"
	for path, want := range map[string]int{
		alerts: 1, alerts + "?alertState=AUDIT": 3, alerts + "?monitorId=" + errs: 0, alerts + "?alertState=AUDIT&workflowIds=" + id + "&monitorId=" + errs: 2,
		alerts + "?workflowIds=" + id: 1, workflows + "/alerts?alertState=COMPLETED": 0, workflows + "/alerts?searchString=chained": 1,
	} {
		if got := list(path); got.Total != want {
			t.Errorf("%s: %d alerts, want %d: %+v", path, got.Total, want, got)
		}
	}
	if a := s.Must("POST", workflows+"/"+id+"/_acknowledge/alerts", `{"alerts":["`+chained+`","x"]}`); !strings.Contains(string(a.Body), `"success":["`+chained+`"]`) || !strings.Contains(string(a.Body), "Alert: x does not exist") {
		t.Errorf("acknowledge: %s", a.Body)
	}
	// The monitor tells which workflows it is in, is found beside them, and cannot go before them.
	if a := s.Must("GET", "/_plugins/_alerting/monitors/"+errs, nil); !strings.Contains(string(a.Body), `"associated_workflows":[{"id":"`+id+`","name":"both"}]`) {
		t.Errorf("monitor: %s", a.Body)
	}
	if a := s.Must("POST", "/_plugins/_alerting/monitors/_search", `{"query":{"nested":{"path":"workflow.inputs.composite_input.sequence.delegates","query":{"term":{"workflow.inputs.composite_input.sequence.delegates.monitor_id":"`+errs+`"}}}}}`); !strings.Contains(string(a.Body), `"_source":{"type":"workflow"`) || strings.Contains(string(a.Body), `"user"`) {
		t.Errorf("search: %s", a.Body)
	}
	other := created(t, s.Must("POST", workflows, both(fatal, errs)))
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"DELETE", "/_plugins/_alerting/monitors/" + errs, "", 403, "Monitor can't be deleted because it is a part of workflow(s)"},
		{"DELETE", workflows + "/" + id + "?deleteDelegateMonitors=true", "", 403, "Not allowed to delete " + errs + ", " + fatal + " monitors"},
		{"GET", workflows + "/" + errs, "", 404, "Workflow not found."},
		{"GET", "/_plugins/_alerting/monitors/" + id, "", 404, "Monitor not found."},
		{"PUT", workflows + "/nope", both(errs, fatal), 404, "Workflow with nope is not found"},
		{"PUT", workflows + "/" + id + "?if_seq_no=0&if_primary_term=1", both(errs, fatal), 409, "version conflict"},
		{"POST", workflows + "/nope/_execute", "", 404, "Can't find workflow with id: nope"},
		{"POST", workflows + "/nope/_acknowledge/alerts", `{"alerts":["x"]}`, 404, "No workflow found with id [nope]"},
		{"POST", workflows + "/" + id + "/_acknowledge/alerts", `{"alerts":[]}`, 400, "You must provide at least one alert id."},
		{"POST", workflows, both(errs, "nope"), 400, "nope are not valid monitor ids"},
		{"POST", workflows, both(errs, errs), 400, "Validation Failed: 1: Duplicate delegates not allowed;"},
		{"POST", workflows, both("no", "nope"), 403, "User doesn't have read permissions for one or more configured monitors no, nope"},
		{"POST", workflows, `[]`, 400, "Failed to parse object"},
		{"GET", workflows + "/alerts?monitorId=x", "", 400, "unrecognized parameter: [monitorId]"},
	} {
		var body any
		if tt.body != "" {
			body = json.RawMessage(tt.body)
		}
		if a := s.Admin(tt.method, tt.path, body); a.Status != tt.status || !strings.Contains(string(a.Body), tt.want) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, a.Status, a.Body, tt.status, tt.want)
		}
	}
	// Rights are those of the row; whoever makes a workflow must be able to read what its monitors read.
	s.User("full", "alerting_full_access")
	s.User("reader", "alerting_read_access")
	if a := s.As("full", apptest.Password, "POST", workflows, json.RawMessage(both(errs, fatal))); a.Status != 403 || !strings.Contains(string(a.Body), "User doesn't have read permissions for one or more configured index") {
		t.Errorf("without read: %d %s", a.Status, a.Body)
	}
	if a := s.As("reader", apptest.Password, "DELETE", workflows+"/"+id, nil); a.Status != 403 || !strings.Contains(string(a.Body), "cluster:admin/opensearch/alerting/workflow/delete") {
		t.Errorf("reader deletes: %d %s", a.Status, a.Body)
	}
	if a := s.As("reader", apptest.Password, "GET", workflows+"/"+id, nil); a.Status != 200 {
		t.Errorf("reader reads: %d %s", a.Status, a.Body)
	}
	s.Must("PUT", workflows+"/"+other, strings.Replace(both(fatal, errs), `"name":"both"`, `"name":"turned"`, 1))
	s.Must("DELETE", workflows+"/"+other, nil)
	if a := s.Must("DELETE", workflows+"/"+id+"?deleteDelegateMonitors=true", nil); !strings.Contains(string(a.Body), `"NON_DELETED_MONITORS":[]`) {
		t.Errorf("delete: %s", a.Body)
	}
	if got := list(alerts + "?alertState=DELETED"); got.Total != 1 {
		t.Errorf("after the end: %+v", got)
	}
	if a := s.Admin("GET", "/_plugins/_alerting/monitors/"+errs, nil); a.Status != 404 {
		t.Errorf("a monitor of a deleted workflow: %d %s", a.Status, a.Body)
	}
}
