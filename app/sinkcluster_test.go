package app_test

import (
	"net/http"
	"path/filepath"
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

// TestIndexSinkWithACertificate delivers to a cluster that knows the sink by its certificate, and not to one that it does not
// believe.
func TestIndexSinkWithACertificate(t *testing.T) {
	pki := apptest.NewTLS(t)
	far := apptest.Start(t, pki.Apply)
	file := func(name string) string { return filepath.Join(pki.Dir, name) }
	near := apptest.Start(t, func(c *config.Config) {
		c.Audit.Log.MaxBytes = 256 << 20
		withSinks(t, c, `{index: {type: index},
			known: {type: index, index: "'known-'YYYY", cluster: {urls: ['`+far.URL+`'], ca_file: `+file("ca.pem")+`, cert_file: `+file("admin.pem")+`, key_file: `+file("admin.key")+`}},
			unknown: {type: index, index: "'unknown-'YYYY", cluster: {urls: ['`+far.URL+`'], cert_file: `+file("admin.pem")+`, key_file: `+file("admin.key")+`}}}`)
	})
	near.As("eve", "wrong", "GET", "/_cat/health", nil)
	if a := near.Admin("POST", "/_vigil/sinks/known/_test", nil); a.Status != http.StatusOK {
		t.Errorf("the test answered %d %s", a.Status, a.Body)
	}
	if a := near.Admin("POST", "/_vigil/sinks/unknown/_test", nil); a.Status != http.StatusBadGateway || !strings.Contains(string(a.Body), "certificate") {
		t.Errorf("the test of a cluster that nobody vouches for answered %d %s", a.Status, a.Body)
	}
	resp, err := far.App().Store().Do(t.Context(), "GET", "/known-*/_count", nil, nil)
	if err != nil || !strings.Contains(string(resp.Body), `"count":`) || strings.Contains(string(resp.Body), `"count":0`) {
		t.Errorf("the far cluster counts %s (%v)", resp.Body, err)
	}
	if resp, err := far.App().Store().Do(t.Context(), "GET", "/unknown-*/_count", nil, nil); err != nil || !strings.Contains(string(resp.Body), `"count":0`) {
		t.Errorf("the far cluster counts %s (%v)", resp.Body, err)
	}
}
