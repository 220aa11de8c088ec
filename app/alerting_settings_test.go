package app_test

import (
	"strings"
	"testing"

	"vigil/app/apptest"
)

// TestAlertingSettings changes settings as people do, and looks at what they are told and at what then happens.
func TestAlertingSettings(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	const path = "/_cluster/settings"
	for _, tt := range []struct {
		body    string
		status  int
		want    string
		warning string
	}{
		{`{"persistent":{"plugins.alerting.monitor.max_monitors":1}}`, 200, `"max_monitors":"1"`, ""},
		{`{"transient":{"plugins":{"alerting":{"comments_enabled":true}}}}`, 200, `"comments_enabled":"true"`, ""},
		{`{"persistent":{"plugins.alerting.monitor.doc_level_monitor_fan_out_nodes":3}}`, 200, `"acknowledged":true`, "[plugins.alerting.monitor.doc_level_monitor_fan_out_nodes] has no effect: a monitor runs on one node"},
		{`{"persistent":{"plugins.alerting.nope":1}}`, 400, "setting [plugins.alerting.nope], not recognized", ""},
		{`{"persistent":{"plugins.alerting.monitor.max_triggers":51}}`, 400, "Failed to parse value [51] for setting [plugins.alerting.monitor.max_triggers] must be <= 50", ""},
		{`{"persistent":{"plugins.destination.host.deny_list":["x"]}}`, 400, "it is notify.deny_hosts in vigil.yml", ""},
		{`{"persistent":{"plugins.scheduled_jobs.enabled":false}}`, 200, `"enabled":"false"`, ""},
		{`{"persistent":{"plugins.alerting.destination.allow_list":["chime"]}}`, 200, `"allow_list":["chime"]`, ""},
	} {
		a := s.Admin("PUT", path, tt.body)
		warning := strings.Join(a.Header.Values("Warning"), " ")
		if a.Status != tt.status || !strings.Contains(string(a.Body), tt.want) || (warning == "") != (tt.warning == "") || !strings.Contains(warning, tt.warning) {
			t.Errorf("%s: %d %s, warning %q", tt.body, a.Status, a.Body, warning)
		}
	}
	// They are all in force within a second of the last look, which nobody has taken yet.
	if a := s.Must("GET", "/_plugins/_alerting/stats", nil); !strings.Contains(string(a.Body), `"plugins.scheduled_jobs.enabled":false`) {
		t.Errorf("stats: %s", a.Body)
	}
	if a := s.Admin("POST", "/_plugins/_alerting/destinations", `{"name":"d","type":"slack","slack":{"url":"http://192.0.2.1/"}}`); a.Status != 403 || !strings.Contains(string(a.Body), "Destination type is not allowed: slack") {
		t.Errorf("a type that is not allowed: %d %s", a.Status, a.Body)
	}
	s.Must("POST", "/_plugins/_alerting/destinations", `{"name":"d","type":"chime","chime":{"url":"http://192.0.2.1/"}}`)
	if a := s.Admin("POST", "/_plugins/_alerting/destinations/email_groups", `{"name":"g","emails":[]}`); a.Status != 403 {
		t.Errorf("e-mail: %d %s", a.Status, a.Body)
	}
	const monitor = `{"name":"m","enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},"inputs":[],"triggers":[]}`
	s.Must("POST", "/_plugins/_alerting/monitors", monitor)
	if a := s.Admin("POST", "/_plugins/_alerting/monitors", monitor); a.Status != 400 || !strings.Contains(string(a.Body), "more than the allowed monitors [1]") {
		t.Errorf("a second monitor: %d %s", a.Status, a.Body)
	}
	if a := s.Admin("GET", "/_plugins/_alerting/comments/_search", nil); a.Status != 200 {
		t.Errorf("comments: %d %s", a.Status, a.Body)
	}
}
