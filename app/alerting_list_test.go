package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vigil/app/apptest"
)

// TestAlertsAreListedByEveryFilter raises three alerts, acknowledges one and ends another, and asks for them in all ways, under
// both names of the plugin.
func TestAlertsAreListedByEveryFilter(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.Must("PUT", "/logs-1/_doc/1?refresh=true", `{"n":1}`)
	const monitors = "/_plugins/_alerting/monitors"
	monitor := func(name, trigger, severity, condition string) string {
		return fmt.Sprintf(`{"name":%q,"enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},
			"inputs":[{"search":{"indices":["logs-*"],"query":{"query":{"match_all":{}}}}}],
			"triggers":[{"query_level_trigger":{"id":%q,"name":%[2]q,"severity":%q,"condition":{"script":{"source":%q}}}}]}`, name, trigger, severity, condition)
	}
	ids := map[string]string{}
	for _, m := range [][3]string{{"disk space", "full", "1"}, {"disk errors", "broken", "2"}, {"login", "many failures", "2"}} {
		id := created(t, s.Must("POST", monitors, monitor(m[0], m[1], m[2], "return true")))
		s.Must("POST", monitors+"/"+id+"/_execute", nil)
		ids[m[0]] = id
	}
	list := func(prefix, query string) (names []string, total int) {
		t.Helper()
		var out alertList
		a := s.Must("GET", prefix+"/_alerting/monitors/alerts?"+query, nil)
		a.JSON(t, &out)
		for _, alert := range out.Alerts {
			names = append(names, alert["monitor_name"].(string))
		}
		return names, out.Total
	}
	var login alertList
	s.Must("GET", monitors+"/alerts?monitorId="+ids["login"], nil).JSON(t, &login)
	s.Must("POST", "/_opendistro/_alerting/monitors/"+ids["login"]+"/_acknowledge/alerts", `{"alerts":["`+login.Alerts[0]["id"].(string)+`"]}`)
	s.Must("PUT", "/_opendistro/_alerting/monitors/"+ids["disk errors"], monitor("disk errors", "broken", "2", "return false"))
	s.Must("POST", "/_opendistro/_alerting/monitors/"+ids["disk errors"]+"/_execute", nil)

	for _, tt := range []struct {
		query string
		want  string
		total int
	}{
		{"", "disk errors,disk space,login", 3},
		{"sortOrder=desc", "login,disk space,disk errors", 3},
		{"sortString=trigger_name.keyword", "disk errors,disk space,login", 3},
		{"sortString=start_time&sortOrder=desc", "login,disk errors,disk space", 3},
		{"sortString=end_time&missing=_first&sortOrder=asc", "", 3},
		{"size=1&startIndex=1", "disk space", 3},
		{"size=0", "", 3},
		{"severityLevel=2", "disk errors,login", 2},
		{"severityLevel=ALL&alertState=ALL", "disk errors,disk space,login", 3},
		{"alertState=ACTIVE", "disk space", 1},
		{"alertState=ACKNOWLEDGED", "login", 1},
		{"alertState=COMPLETED", "disk errors", 1},
		{"alertState=NOPE", "", 0},
		{"monitorId=" + ids["login"], "login", 1},
		{"monitorId=nope", "", 0},
		{"workflowIds=nope", "", 0},
		{"searchString=disk", "disk errors,disk space", 2},
		{"searchString=" + url.QueryEscape("*dis* *spac*"), "disk space", 1},
		{"searchString=failures", "login", 1},
		{"searchString=disk&severityLevel=2&alertState=COMPLETED", "disk errors", 1},
	} {
		for _, prefix := range []string{"/_plugins", "/_opendistro"} {
			names, total := list(prefix, tt.query)
			if got := strings.Join(names, ","); total != tt.total || tt.want != "" && got != tt.want || tt.want == "" && tt.total == 0 && got != "" {
				t.Errorf("%s %s: %d: %s, want %d: %s", prefix, tt.query, total, got, tt.total, tt.want)
			}
		}
	}
	if names, _ := list("/_plugins", "sortString=end_time&missing=_first"); names[2] != "disk errors" {
		t.Errorf("what has not ended is not first: %v", names)
	}
	if names, _ := list("/_plugins", "size=0"); names != nil {
		t.Errorf("no alerts are wanted: %v", names)
	}
	for _, query := range []string{"size=-1", "size=many", "startIndex=10001", "sortOrder=up", "nope=1", "searchString=" + url.QueryEscape(`"`)} {
		if a := s.Admin("GET", monitors+"/alerts?"+query, nil); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}
