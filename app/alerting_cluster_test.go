package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"vigil/app/apptest"
)

// clusterMonitor is a monitor that looks at the cluster, with a condition that holds whatever it answers.
func clusterMonitor(path, params, condition string) string {
	return `{"name":"m","monitor_type":"cluster_metrics_monitor","schedule":{"period":{"interval":1,"unit":"MINUTES"}},
		"inputs":[{"uri":{"path":"` + path + `","path_params":"` + params + `"}}],
		"triggers":[{"query_level_trigger":{"id":"t","name":"t","severity":"1","condition":{"script":{"source":` + condition + `}}}}]}`
}

type runOf struct {
	Input struct {
		Results []map[string]any
		Error   *string
	} `json:"input_results"`
	Triggers map[string]struct {
		Triggered bool
		Error     *string
		Clusters  []map[string]any `json:"cluster_results"`
	} `json:"trigger_results"`
}

// TestClusterMetrics asks the embedded cluster everything that a monitor can ask it, by the conditions that consoles offer.
func TestClusterMetrics(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.Must("PUT", "/logs-a", nil)
	s.User("looker", "alerting_full_access")
	s.Must("PUT", "/_plugins/_security/api/roles/metrics", `{"cluster_permissions":["cluster:admin/opendistro/alerting/*","cluster:monitor/health"]}`)
	s.User("health", "metrics")
	for _, tt := range []struct{ path, params, condition, member string }{
		{"/_cluster/health", "", `"ctx.results[0].status == 'green' || ctx.results[0].number_of_pending_tasks >= 0"`, "status"},
		{"/_cluster/health/", "logs-*", `"ctx.results[0].status != null"`, "status"},
		{"/_cluster/stats", "", `"ctx.results[0].indices.count >= 0"`, "indices"},
		{"/_cluster/settings", "", `"ctx.results[0].transient != null"`, "persistent"},
		{"/_nodes/stats", "", `"ctx.results[0].nodes != null"`, "nodes"},
		{"/_cat/indices", "", `"for (int i = 0; i < ctx.results[0].indices.size(); ++i) if (ctx.results[0].indices[i].health != null) return true"`, "indices"},
		{"/_cat/indices/", "logs-a", `"ctx.results[0].indices[0].index == 'logs-a' && ctx.results[0].indices[0]['docs.count'] == '0'"`, "indices"},
		{"/_cat/shards", "", `"ctx.results[0].shards[0].primaryOrReplica == 'p'"`, "shards"},
		{"/_cat/tasks", "", `"ctx.results[0].tasks.size() >= 0"`, "tasks"},
	} {
		a := s.Admin("POST", "/_plugins/_alerting/monitors/_execute?dryrun=true", json.RawMessage(clusterMonitor(tt.path, tt.params, tt.condition)))
		var run runOf
		a.JSON(t, &run)
		if run.Input.Error != nil || len(run.Input.Results) != 1 || run.Input.Results[0][tt.member] == nil ||
			!run.Triggers["t"].Triggered || run.Triggers["t"].Error != nil || len(run.Triggers["t"].Clusters) != 1 {
			t.Errorf("%s%s: %s", tt.path, tt.params, a.Body)
		}
	}
	// What is not there is said, and counts as a reason to look.
	var run runOf
	s.Admin("POST", "/_plugins/_alerting/monitors/_execute?dryrun=true", json.RawMessage(clusterMonitor("/_cat/snapshots/", "nope", `"return false"`))).JSON(t, &run)
	if run.Input.Error == nil || len(run.Input.Results) != 0 {
		t.Errorf("a repository that is not there: %+v", run)
	}
	// A monitor may look at what its author may.
	for _, tt := range []struct {
		user, path string
		may        bool
	}{{"health", "/_cluster/health", true}, {"health", "/_cluster/stats", false}, {"looker", "/_cluster/stats", true}} {
		var run runOf
		a := s.As(tt.user, apptest.Password, "POST", "/_plugins/_alerting/monitors/_execute?dryrun=true", json.RawMessage(clusterMonitor(tt.path, "", `"return true"`)))
		a.JSON(t, &run)
		if a.Status != http.StatusOK || (run.Input.Error == nil) != tt.may {
			t.Errorf("%s asks %s: %d %s", tt.user, tt.path, a.Status, a.Body)
		}
		if !tt.may && !strings.Contains(*run.Input.Error, "no permissions for [cluster:monitor/stats]") {
			t.Errorf("%s asks %s: %s", tt.user, tt.path, *run.Input.Error)
		}
	}
}
