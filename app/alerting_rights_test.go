package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"vigil/app/apptest"
)

// TestEditorsOfSharedMonitorsGainNothing has somebody edit a monitor that its author shares by a backend role. The monitor keeps the
// author's backend roles, so that those who see it still do; what it reads is what the editor may read.
func TestEditorsOfSharedMonitorsGainNothing(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.Must("PUT", "/_cluster/settings", `{"persistent":{"plugins.alerting.filter_by_backend_roles":"true"}}`)
	s.Must("PUT", "/secrets/_doc/1?refresh=true", `{"word":"swordfish"}`)
	s.Must("PUT", "/logs/_doc/1?refresh=true", `{"level":"error"}`)
	user := func(name, backendRoles string) {
		t.Helper()
		s.Must("PUT", "/_plugins/_security/api/internalusers/"+name, `{"password":"`+apptest.Password+`","backend_roles":`+backendRoles+`}`)
	}
	s.Must("PUT", "/_plugins/_security/api/roles/logs", `{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["logs"],"allowed_actions":["read"]}]}`)
	s.Must("PUT", "/_plugins/_security/api/roles/everything", `{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["*"],"allowed_actions":["read"]}]}`)
	s.Must("PUT", "/_plugins/_security/api/rolesmapping/logs", `{"backend_roles":["ops"]}`)
	s.Must("PUT", "/_plugins/_security/api/rolesmapping/everything", `{"backend_roles":["chiefs"]}`)
	s.Must("PUT", "/_plugins/_security/api/rolesmapping/alerting_full_access", `{"backend_roles":["ops"]}`)
	user("author", `["ops","chiefs"]`)
	user("editor", `["ops"]`)
	monitor := func(index string) json.RawMessage {
		return json.RawMessage(`{"name":"m","enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},
			"inputs":[{"search":{"indices":["` + index + `"],"query":{"query":{"match_all":{}}}}}],"triggers":[]}`)
	}
	const monitors = "/_plugins/_alerting/monitors"
	a := s.As("author", apptest.Password, "POST", monitors, monitor("secrets"))
	if a.Status != http.StatusCreated {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	path := monitors + "/" + created(t, a)
	if a := s.As("editor", apptest.Password, "PUT", path, monitor("secrets")); a.Status != http.StatusForbidden {
		t.Errorf("the editor has the author's rights: %d %s", a.Status, a.Body)
	}
	if a := s.As("editor", apptest.Password, "PUT", path, monitor("logs")); a.Status != http.StatusOK {
		t.Fatalf("edit: %d %s", a.Status, a.Body)
	}
	// The pattern means what the editor may read, although chiefs may still see the monitor.
	if a := s.As("editor", apptest.Password, "PUT", path, monitor("*")); a.Status == http.StatusOK {
		if run := s.As("author", apptest.Password, "POST", path+"/_execute?dryrun=true", nil); strings.Contains(string(run.Body), "swordfish") {
			t.Errorf("an edited monitor reads more than its editor: %s", run.Body)
		}
	}
	// An administrator's edit leaves it shared as it was.
	s.Must("PUT", path, monitor("logs"))
	if a := s.As("author", apptest.Password, "GET", path, nil); a.Status != http.StatusOK {
		t.Errorf("after an administrator's edit: %d %s", a.Status, a.Body)
	}
}
