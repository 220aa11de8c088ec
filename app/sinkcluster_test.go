package app_test

import (
	"strings"
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// TestIndexSinkInAnotherCluster delivers into a second cluster, which is away for a while.
func TestIndexSinkInAnotherCluster(t *testing.T) {
	far := apptest.Start(t, func(c *config.Config) {
		c.ClusterName = "far"
	})
	// What docs/sinks.md says that the sink's user needs.
	far.Must("PUT", "/_plugins/_security/api/roles/audit_writer", `{"cluster_permissions":["indices:admin/index_template/put","indices:data/write/bulk"],
		"index_permissions":[{"index_patterns":["audit-of-near-*"],"allowed_actions":["indices:admin/create","indices:admin/auto_create",
		"indices:admin/mapping/auto_put","indices:admin/aliases/get","indices:data/write/bulk*","indices:data/write/index",
		"indices:admin/refresh*","indices:data/read/search"]}]}`)
	far.User("near", "audit_writer")
	address := strings.TrimPrefix(far.URL, "http://")
	near := apptest.Start(t, func(c *config.Config) {
		withSinks(t, c, `{index: {type: index}, far: {type: index, index: "'audit-of-near-'YYYY", cluster: {urls: ['`+far.URL+`'],
			username: near, password: '`+apptest.Password+`', gzip: true, timeout: 5s}}}`)
	})
	near.Audit(apptest.Everything)
	near.As("eve", "wrong", "GET", "/_cat/health", nil)
	near.Must("PUT", "/things/_doc/1", `{"a":"ä"}`)
	count := func() int {
		var found struct{ Count int }
		far.Must("POST", "/audit-of-near-*/_count", nil).JSON(t, &found)
		return found.Count
	}
	if want, got := len(recorded(t, near)), count(); got != want || got == 0 {
		t.Fatalf("the far cluster has %d events, want %d", got, want)
	}
	var mapping map[string]struct {
		Mappings struct {
			Properties map[string]struct{ Type string }
		}
	}
	far.Must("GET", "/audit-of-near-*/_mapping", nil).JSON(t, &mapping)
	for index, m := range mapping {
		if m.Mappings.Properties["audit_request_body"].Type != "text" {
			t.Errorf("%s was made without the template", index)
		}
	}
	far.Stop()
	near.As("eve", "wrong", "GET", "/_cat/health", nil)
	near.Must("GET", "/things/_doc/1", nil)
	far.Config.HTTP.Listen = address
	far.Restart()
	if want, got := len(recorded(t, near)), count(); got != want {
		t.Errorf("after a while without it the far cluster has %d events, want %d", got, want)
	}
	if a := near.Admin("POST", "/_vigil/sinks/far/_test", nil); a.Status != 200 {
		t.Errorf("the test answered %d %s", a.Status, a.Body)
	}
	if strings.Contains(near.Log(), apptest.Password) {
		t.Error("the log shows the password")
	}
}
