package alerting

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	core "vigil/alerting"
)

func TestMonitorsAreSharedByBackendRole(t *testing.T) {
	r := newRig(t)
	r.docs.Set("plugins.alerting.filter_by_backend_roles", "true")
	as := func(name string, roles ...string) {
		r.caller = core.User{Name: name, BackendRoles: roles, Roles: []string{"alerting_full_access"}}
	}
	const monitors = "/_plugins/_alerting/monitors"
	as("nobody")
	if w := r.do("POST", monitors, seed); w.Code != 403 || !strings.Contains(w.Body.String(), "doesn't have backend roles configured") {
		t.Errorf("without backend roles: %d %s", w.Code, w.Body)
	}
	as("ann", "ops", "dev")
	if w := r.do("POST", monitors, strings.Replace(seed, "{", `{"rbac_roles":["hr"],`, 1)); w.Code != 403 {
		t.Errorf("shared with a role that the author has not: %d %s", w.Code, w.Body)
	}
	if w := r.do("POST", monitors, strings.Replace(seed, "{", `{"rbac_roles":[],`, 1)); w.Code != 403 {
		t.Errorf("shared with nobody: %d %s", w.Code, w.Body)
	}
	id := r.json("POST", monitors, strings.Replace(seed, "{", `{"rbac_roles":["ops"],`, 1), 201)["_id"].(string)
	r.json("POST", monitors+"/"+id+"/_execute", "", 200)
	alerts := r.json("GET", monitors+"/alerts", "", 200)["alerts"].([]any)
	if len(alerts) != 1 {
		t.Fatalf("alerts of the author: %v", alerts)
	}
	ack := `{"alerts":["` + alerts[0].(map[string]any)["id"].(string) + `"]}`
	requests := []struct {
		method, path, body string
		list               string
	}{
		{"GET", monitors + "/" + id, "", ""},
		{"PUT", monitors + "/" + id, seed, ""},
		{"POST", monitors + "/" + id + "/_execute?dryrun=true", "", ""},
		{"POST", monitors + "/" + id + "/_acknowledge/alerts", ack, ""},
		{"GET", monitors + "/alerts", "", `"totalAlerts":0`},
		{"POST", monitors + "/_search", `{"query":{"match_all":{}}}`, `"value":0`},
		{"POST", monitors + "/_search?index=.opendistro-alerting-alert*", `{"query":{"match_all":{}}}`, `"value":0`},
		{"DELETE", monitors + "/" + id, "", ""},
	}
	for _, tt := range requests {
		as("eve", "dev")
		w := r.do(tt.method, tt.path, tt.body)
		if tt.list != "" {
			if w.Code != 200 || !strings.Contains(w.Body.String(), tt.list) {
				t.Errorf("%s %s shows what it must not: %d %s", tt.method, tt.path, w.Code, w.Body)
			}
		} else if w.Code != 403 || !strings.Contains(w.Body.String(), "Do not have permissions to resource, monitor, with id, "+id) {
			t.Errorf("%s %s by a stranger: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
		as("bob", "ops")
		if w := r.do(tt.method, tt.path, tt.body); w.Code != 200 || tt.list != "" && strings.Contains(w.Body.String(), tt.list) {
			t.Errorf("%s %s by a colleague: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
	as("bob", "ops")
	if w := r.do("POST", monitors+"/_search", `{"aggs":{"a":{"global":{}}}}`); w.Code != 400 {
		t.Errorf("an aggregation that looks past the filter: %d", w.Code)
	}
}

func TestSettingsBoundMonitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		const monitors = "/_plugins/_alerting/monitors"
		throttled := strings.Replace(seed, `"destination_id"`, `"throttle_enabled":true,"throttle":{"value":20,"unit":"MINUTES"},"destination_id"`, 1)
		r.json("POST", monitors, throttled, 201)
		r.docs.Set("plugins.alerting.action_throttle_max_value", "10m")
		<-time.After(2 * time.Second) // what was read counts for a second
		refused := func(body, want string) {
			t.Helper()
			if w := r.do("POST", monitors, body); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%d %s, want %s", w.Code, w.Body, want)
			}
		}
		refused(throttled, "Can only set throttle period less than or equal to 10m")
		r.docs.Set("plugins.alerting.monitor.max_triggers", "0")
		<-time.After(2 * time.Second)
		refused(seed, "Monitors can only support up to 0 triggers.")
		r.docs.Set("plugins.alerting.monitor.max_triggers", "nonsense")
		r.docs.Set("plugins.alerting.monitor.max_monitors", "1")
		<-time.After(2 * time.Second)
		refused(seed, "This request would create more than the allowed monitors [1].")
	})
}

// TestWorkflowsAreSharedByBackendRole: who shares no backend role with the author of a workflow cannot see, run, change or
// delete it, and nobody can put a monitor of strangers into one.
func TestWorkflowsAreSharedByBackendRole(t *testing.T) {
	r := newRig(t)
	r.docs.Set("plugins.alerting.filter_by_backend_roles", "true")
	as := func(name string, roles ...string) {
		r.caller = core.User{Name: name, BackendRoles: roles, Roles: []string{"alerting_full_access"}}
	}
	const workflows = "/_plugins/_alerting/workflows"
	as("ann", "ops")
	monitor := r.json("POST", "/_plugins/_alerting/monitors", seed, 201)["_id"].(string)
	body := `{"name":"w","schedule":{"period":{"interval":1,"unit":"MINUTES"}},"inputs":[{"composite_input":{"sequence":{"delegates":[{"order":1,"monitor_id":"` + monitor + `"}]}}}]}`
	id := r.json("POST", workflows, body, 201)["_id"].(string)
	as("eve", "dev")
	for _, tt := range [][3]string{
		{"GET", workflows + "/" + id, ""},
		{"DELETE", workflows + "/" + id, ""},
		{"POST", workflows + "/" + id + "/_execute?dryrun=true", ""},
		{"POST", workflows + "/" + id + "/_acknowledge/alerts", `{"alerts":["x"]}`},
	} {
		if w := r.do(tt[0], tt[1], tt[2]); w.Code != 403 || !strings.Contains(w.Body.String(), "Do not have permissions to resource, workflow, with id, "+id) {
			t.Errorf("%s %s by a stranger: %d %s", tt[0], tt[1], w.Code, w.Body)
		}
	}
	for _, q := range [][2]string{{"POST", workflows}, {"PUT", workflows + "/" + id}} {
		if w := r.do(q[0], q[1], body); w.Code != 403 || !strings.Contains(w.Body.String(), "User doesn't have read permissions for one or more configured monitors "+monitor) {
			t.Errorf("%s %s with a monitor of strangers: %d %s", q[0], q[1], w.Code, w.Body)
		}
	}
	if w := r.do("GET", workflows+"/alerts", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"totalAlerts":0`) {
		t.Errorf("alerts: %d %s", w.Code, w.Body)
	}
	as("bob", "ops", "dev")
	r.json("GET", workflows+"/"+id, "", 200)
	r.json("DELETE", workflows+"/"+id, "", 200)
}

// TestWhatMonitorsLeaveIsSharedAsTheyAre asks for what became of messages and for findings.
func TestWhatMonitorsLeaveIsSharedAsTheyAre(t *testing.T) {
	r := newRig(t)
	r.docs.Set("plugins.alerting.filter_by_backend_roles", "true")
	as := func(name string, roles ...string) {
		r.caller = core.User{Name: name, BackendRoles: roles, Roles: []string{"alerting_full_access"}}
	}
	as("ann", "ops")
	r.json("POST", "/_plugins/_notifications/configs", `{"config_id":"chime-1","config":{"name":"c","config_type":"chime","chime":{"url":"http://192.0.2.1/fail"}}}`, 200)
	id := r.json("POST", "/_plugins/_alerting/monitors", seed, 201)["_id"].(string)
	r.json("POST", "/_plugins/_alerting/monitors/"+id+"/_execute", "", 200)
	r.docs.Put(".opensearch-alerting-finding-history-2026.11.27-1", "f", `{"id":"f","monitor_id":"`+id+`","monitor_name":"m","index":"logs","related_doc_ids":["1"],"queries":[],"timestamp":1}`)
	dead := r.json("GET", "/_vigil/alerting/outbox", "", 200)["deliveries"].([]any)
	if len(dead) != 1 {
		t.Fatalf("dead letters of the author: %v", dead)
	}
	d := dead[0].(map[string]any)
	alert := "/_vigil/alerting/outbox/" + d["alert_id"].(string)
	requests := []struct{ method, path, none string }{
		{"GET", "/_vigil/alerting/outbox", `"deliveries":[]`},
		{"GET", alert + "/receipts", ""},
		{"GET", "/_plugins/_alerting/findings/_search", `"total_findings":0`},
		{"POST", alert + "/" + d["delivery_id"].(string) + "/_resend", ""},
	}
	for _, tt := range requests {
		as("eve", "dev")
		w := r.do(tt.method, tt.path, "")
		if tt.none == "" && w.Code != 403 || tt.none != "" && !strings.Contains(w.Body.String(), tt.none) {
			t.Errorf("%s %s by a stranger: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
		as("bob", "ops")
		if w := r.do(tt.method, tt.path, ""); w.Code/100 != 2 || tt.none != "" && strings.Contains(w.Body.String(), tt.none) {
			t.Errorf("%s %s by a colleague: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
}

// TestSearchesDoNotLookPastTheirQuery is about our own indices, in which there is more than a search for monitors, alerts or comments
// may show: destinations, above all.
func TestSearchesDoNotLookPastTheirQuery(t *testing.T) {
	r := newRig(t)
	r.docs.Set("plugins.alerting.comments_enabled", "true")
	r.json("POST", "/_plugins/_alerting/monitors", seed, 201)
	for _, body := range []string{
		`{"aggs":{"a":{"global":{},"aggs":{"d":{"top_hits":{}}}}}}`,
		`{"aggregations":{"a":{"terms":{"field":"x"},"aggs":{"b":{"\u0067lobal":{}}}}}}`,
		`{"suggest":{"s":{"text":"x","term":{"field":"destination.name"}}}}`,
		`{"pit":{"id":"x"}}`,
		`{"query":{"terms":{"monitor.name":{"index":"secrets","id":"1","path":"word"}}}}`,
		`{"query":{"bool":{"must":[{"more_like_this":{"like":[{"_index":"secrets","_id":"1"}]}}]}}}`,
	} {
		for _, path := range []string{"monitors/_search", "monitors/_search?index=.opendistro-alerting-alert*", "comments/_search"} {
			if w := r.do("POST", "/_plugins/_alerting/"+path, body); w.Code != 400 {
				t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
			}
		}
	}
	const harmless = `{"query":{"match_all":{}},"aggs":{"index":{"terms":{"field":"monitor.type"}},"id":{"terms":{"field":"global"}}}}`
	if w := r.do("POST", "/_plugins/_alerting/monitors/_search", harmless); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDestinationsAreSharedByBackendRole(t *testing.T) {
	r := newRig(t)
	r.docs.Set("plugins.alerting.filter_by_backend_roles", "true")
	as := func(name string, roles ...string) {
		r.caller = core.User{Name: name, BackendRoles: roles, Roles: []string{"alerting_full_access"}}
	}
	const (
		configs      = "/_plugins/_notifications/configs"
		channel      = `{"config_id":"hook","config":{"name":"hook","config_type":"chime","chime":{"url":"https://192.0.2.1/x"}}}`
		destinations = "/_opendistro/_alerting/destinations"
		destination  = `{"name":"old","type":"chime","chime":{"url":"https://192.0.2.1/x"}}`
	)
	as("nobody")
	for path, body := range map[string]string{configs: channel, destinations: destination} {
		if w := r.do("POST", path, body); w.Code != 403 || !strings.Contains(w.Body.String(), "doesn't have backend roles configured") {
			t.Errorf("POST %s without backend roles: %d %s", path, w.Code, w.Body)
		}
	}
	as("ann", "ops")
	r.json("POST", configs, channel, 200)
	id := r.json("POST", destinations, destination, 201)["_id"].(string)
	for _, tt := range []struct{ method, path, body, shows, refuses string }{
		{"GET", configs + "/hook", "", "", "Permission denied for NotificationConfig hook"},
		{"GET", configs, "", `"total_hits":0`, ""},
		{"GET", "/_plugins/_notifications/channels", "", `"total_hits":0`, ""},
		{"POST", "/_plugins/_notifications/feature/test/hook", "", "", "Permission denied for NotificationConfig hook"},
		{"PUT", configs + "/hook", channel, "", "Permission denied for NotificationConfig hook"},
		{"GET", destinations, "", `"totalDestinations":0`, ""},
		{"PUT", destinations + "/" + id, destination, "", "Do not have permissions to resource, destination, with id, " + id},
		{"DELETE", destinations + "/" + id, "", "", "Do not have permissions to resource, destination, with id, " + id},
		{"DELETE", configs + "/hook", "", "", "Permission denied for NotificationConfig hook"},
	} {
		as("eve", "dev")
		w := r.do(tt.method, tt.path, tt.body)
		if tt.refuses != "" && (w.Code != 403 || !strings.Contains(w.Body.String(), tt.refuses)) ||
			tt.shows != "" && (w.Code != 200 || !strings.Contains(w.Body.String(), tt.shows)) {
			t.Errorf("%s %s by a stranger: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
		as("bob", "dev", "ops")
		if w := r.do(tt.method, tt.path, tt.body); w.Code != 200 || tt.shows != "" && strings.Contains(w.Body.String(), tt.shows) {
			t.Errorf("%s %s by somebody it is shared with: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
}
