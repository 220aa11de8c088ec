package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
	"vigil/config"
)

// The names of the event's parts are the original's: compat/scenarios/golden/external-config-at-start.json.
func TestExternalConfigIsToldOnceInAProcess(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yml")
	token := filepath.Join(dir, "token")
	for name, text := range map[string]string{file: "cluster_name: told\n", token: "guess-me\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SOME_TOKEN", "canary-in-the-environment")
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	s := apptest.Start(t, func(c *config.Config) {
		c.File = file
		withSinks(t, c, `{index: {type: index}, hook: {type: webhook, url: '`+hook.URL+`', token: canary-token, token_file: '`+token+`'}}`)
	})
	told := func(n int) []apptest.Event {
		t.Helper()
		if err := s.App().Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.Events(n, `{"term":{"audit_category":"COMPLIANCE_EXTERNAL_CONFIG"}}`)
	}
	set := func(on string) {
		t.Helper()
		s.Admin("PATCH", "/_plugins/_security/api/audit", `[{"op":"replace","path":"/config/compliance/external_config","value":`+on+`}]`)
	}
	if n := len(told(0)); n != 0 {
		t.Fatalf("%d events although nobody asked", n)
	}
	set("true")
	set("false")
	set("true")
	events := told(1)
	if len(events) != 1 {
		t.Fatalf("%d events after it was switched on twice, want 1", len(events))
	}
	e := events[0]
	for _, k := range []string{"audit_request_origin", "audit_request_layer", "audit_request_effective_user"} {
		if _, ok := e[k]; ok {
			t.Errorf("the event has %s", k)
		}
	}
	text := e.Text("audit_request_body")
	var body struct {
		External map[string]json.RawMessage `json:"external_configuration"`
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	parts := slices.Sorted(maps.Keys(body.External))
	if diff := cmp.Diff([]string{"java_properties", "opensearch_yml", "os_environment", "sha256_checksum"}, parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if strings.Contains(text, "canary") || !strings.Contains(text, `"token":"<hidden>"`) || !strings.Contains(text, `"SOME_TOKEN":"<hidden>"`) {
		t.Errorf("secrets are not hidden: %s", text)
	}
	infos, _ := e["audit_compliance_file_infos"].([]any)
	sums := map[string]any{}
	for _, i := range infos {
		info, _ := i.(map[string]any)
		key, _ := info["key"].(string)
		sums[key] = info["sha256"]
	}
	sum := sha256.Sum256([]byte("cluster_name: told\n"))
	if sums["vigil_yml"] != hex.EncodeToString(sum[:]) {
		t.Errorf("file infos %v", infos)
	}
	if v, ok := sums["audit.sinks.hook.token_file"]; !ok || v != nil {
		t.Errorf("the file of a secret is described with checksum %v", v)
	}
	s.Restart()
	if n := len(told(2)); n != 2 {
		t.Errorf("%d events after another start, want one more", n)
	}
}
