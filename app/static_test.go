package app_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app"
	"vigil/app/apptest"
	"vigil/audit"
	"vigil/config"
)

// A route in the plugin's words goes over all categories, which the configuration keeps a list of its own of.
func TestCategoriesAreThoseOfAudit(t *testing.T) {
	t.Parallel()
	var want []string
	for _, c := range audit.Categories() {
		want = append(want, string(c))
	}
	got := config.Categories()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("categories (-audit +config):\n%s", diff)
	}
}

func withYAML(t *testing.T, cfg *config.Config, text string) {
	t.Helper()
	if err := config.Decode([]byte(text), cfg); err != nil {
		t.Fatal(err)
	}
}

func TestInitialAuditConfiguration(t *testing.T) {
	t.Parallel()
	cfg := apptest.Config(t)
	withYAML(t, &cfg, `
plugins.security.audit.config.disabled_rest_categories: [failed_login]
opendistro_security.compliance.history.write.watched_indices: ['logs-*']
`)
	var log bytes.Buffer
	start := func() audit.Config {
		t.Helper()
		log.Reset()
		s, err := app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		r := httptest.NewRequest(http.MethodGet, "/_plugins/_security/api/audit", nil)
		r.SetBasicAuth("admin", apptest.Password)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var answer struct{ Config json.RawMessage }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		c, err := audit.ParseConfig(answer.Config)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := start()
	if !slices.Equal(c.Audit.DisabledRESTCategories, []audit.Category{audit.FailedLogin}) ||
		!slices.Equal(c.Compliance.WriteWatchedIndices, []string{"logs-*"}) || !c.Compliance.InternalConfig || !c.Compliance.WriteMetadataOnly {
		t.Errorf("got %+v, want what was given over the defaults of a first start", c)
	}
	if strings.Contains(log.String(), "audit.initial") {
		t.Errorf("a warning at the first start: %s", log.String())
	}
	if start(); strings.Contains(log.String(), "audit.initial") {
		t.Errorf("a warning although nothing differs: %s", log.String())
	}
	cfg.Audit.Initial = map[string]any{"enabled": false}
	if c := start(); !c.Enabled || !strings.Contains(log.String(), "audit.initial has no effect") {
		t.Errorf("enabled is %t, the log says %s", c.Enabled, log.String())
	}
}

func TestStaticSettingsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`audit: {initial: {audit: {enable_rst: true}}}`:                        "audit.initial: audit configuration: audit.enable_rst is not known",
		`audit: {initial: {enabled: maybe}}`:                                   "audit.initial: audit configuration: enabled is not a boolean",
		`audit: {initial: {nope: 1}}`:                                          "unknown keys nope",
		`plugins.security.audit.config.disabled_transport_categories: [NOPE]`:  `audit.disabled_transport_categories holds "NOPE"`,
		`audit: {read_only: [/audit/nope]}`:                                    `audit.read_only: "/audit/nope" is not one of /audit/disabled_categories,`,
		`security: {rest_disabled: {global: {NOPE: [GET]}}}`:                   `security.rest_disabled.global: "NOPE" is not one of [ACCOUNT`,
		`plugins.security.restapi.endpoints_disabled.global.AUDIT: [FETCH]`:    "not one of GET, PUT, POST, PATCH, DELETE",
		`audit: {initial: {audit: {ignore_users: ["/(?=a)/"]}}}`:               "invalid or unsupported Perl syntax",
		`audit: {initial: {compliance: {read_watched_fields: {a: {b: "c"}}}}}`: "read_watched_fields is not a list",
	} {
		cfg := apptest.Config(t)
		withYAML(t, &cfg, text)
		err := cfg.Validate()
		if err == nil {
			var s *app.Server
			if s, err = app.New(t.Context(), cfg, slog.New(slog.DiscardHandler)); err == nil {
				_ = s.Close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}

func TestStaticSettingsOfTheAuditAPI(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) {
		withYAML(t, c, `
audit: {read_only: [/audit/enable_rest]}
plugins.security.restapi.endpoints_disabled:
  security_rest_api_access.AUDIT: PUT
  global.ROLES: [DELETE]
`)
	})
	s.User("manager", "security_manager")
	s.User("helper", "security_rest_api_access")
	s.User("nobody")
	for _, prefix := range []string{"/_plugins/_security/api/", "/_opendistro/_security/api/"} {
		f := func(user, method, path, body string, status int, want string) {
			t.Helper()
			a := s.As(user, apptest.Password, method, prefix+path, body)
			if a.Status != status || !strings.Contains(string(a.Body), want) {
				t.Errorf("%s %s %s: %d %s, want %d %s", user, method, path, a.Status, a.Body, status, want)
			}
		}
		const noAccess = "does not have any access to endpoint "
		f("manager", "GET", "audit", "", 200, `"_readonly":["/audit/enable_rest"]`)
		f("manager", "PUT", "audit/config", `{"audit":{"log_request_body":false}}`, 200, "updated")
		f("manager", "PUT", "audit/config", `{"audit":{"enable_rest":false}}`, 409, "read-only property")
		f("helper", "GET", "audit", "", 200, "_readonly")
		f("helper", "PUT", "audit/config", `{"enabled":true}`, 403, "User helper with Security roles [security_rest_api_access] "+noAccess+"AUDIT and method PUT. No ssl info found in request.")
		f("helper", "PATCH", "audit", `[{"op":"replace","path":"/config/audit/resolve_indices","value":true}]`, 200, "No updates required")
		f("nobody", "GET", "audit", "", 403, "User nobody with Security roles [] does not have any role privileged for admin access. No ssl info found in request.")
		f("", "GET", "audit", "", 401, "Unauthorized")
		f("manager", "DELETE", "roles/any", "", 403, noAccess+"ROLES and method DELETE")
	}
}

func TestChangesOfSettingsAreRecorded(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"embedded": "", "upstream": upstreams(t)["engine"]} {
		t.Run(name, func(t *testing.T) {
			s := apptest.Start(t, func(c *config.Config) {
				c.Audit.SettingsChanges = true
				if address != "" {
					c.Cluster.Upstream.URLs, c.Store.Place = []string{address}, "embedded"
				}
			})
			s.Must("PUT", "/logs", `{"settings":{"index":{"number_of_replicas":0}}}`)
			s.Must("PUT", "/logs/_settings", `{"number_of_replicas":1,"refresh_interval":"5s"}`)
			s.Must("PUT", "/_cluster/settings", `{"persistent":{"action.auto_create_index":"true"}}`)
			s.Must("PUT", "/_cluster/settings", `{"persistent":{"action.auto_create_index":null},"transient":{"logger.org":"INFO"}}`)
			var got []string
			for _, e := range s.Events(3, `{"terms":{"audit_category":["INDEX_SETTINGS_CHANGED","CLUSTER_SETTINGS_CHANGED"]}}`) {
				b, err := json.Marshal(e["audit_settings_changes"])
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e.Text("audit_transport_request_type")+" "+string(b))
			}
			slices.Sort(got)
			want := []string{
				`ClusterUpdateSettingsRequest [{"new_value":"true","old_value":null,"operation":"set","scope":"persistent","setting":"action.auto_create_index"}]`,
				`ClusterUpdateSettingsRequest [{"new_value":null,"old_value":"true","operation":"removed","scope":"persistent","setting":"action.auto_create_index"},{"new_value":"INFO","old_value":null,"operation":"set","scope":"transient","setting":"logger.org"}]`,
				`UpdateSettingsRequest [{"new_value":"1","old_value":"0","operation":"set","scope":"index","setting":"index.number_of_replicas"},{"new_value":"5s","old_value":null,"operation":"set","scope":"index","setting":"index.refresh_interval"}]`,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// A change of the audit configuration is an event of its own, with what changed if differences are wanted.
func TestAChangeOfTheAuditConfigurationIsAnEvent(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	const diffs = `{"audit":{"ignore_users":["a"]},"compliance":{"internal_config":true,"write_metadata_only":false,"write_log_diffs":true}}`
	s.Audit(diffs)
	s.Must("PATCH", "/_plugins/_security/api/audit", `[{"op":"add","path":"/config/audit/ignore_users/-","value":"b"},{"op":"replace","path":"/config/audit/enable_rest","value":false}]`)
	s.Must("PATCH", "/_opendistro/_security/api/audit", `[{"op":"replace","path":"/config/compliance/write_log_diffs","value":false}]`)
	s.Must("PUT", "/_plugins/_security/api/audit/config", `{"enabled":true}`)
	var got []string
	for _, e := range s.Events(4, `{"bool":{"filter":[{"term":{"audit_category":"COMPLIANCE_INTERNAL_CONFIG_WRITE"}},{"term":{"audit_trace_doc_id":"audit"}}]}}`) {
		var body any
		if err := json.Unmarshal([]byte(e.Text("audit_request_body")), &body); err == nil {
			body = "a body"
		}
		b, err := json.Marshal([]any{e["audit_compliance_operation"], e.Text("audit_compliance_diff_content"), body, e["audit_request_effective_user"]})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b))
	}
	want := []string{
		`["UPDATE","",null,"admin"]`, // judged by the configuration before it
		`["UPDATE","[{\"op\":\"replace\",\"path\":\"/config/audit/enable_rest\",\"value\":false},` +
			`{\"op\":\"add\",\"path\":\"/config/audit/ignore_users/1\",\"value\":\"b\"}]",null,"admin"]`,
		`["UPDATE","[{\"op\":\"replace\",\"path\":\"/config/compliance/write_log_diffs\",\"value\":false}]",null,"admin"]`,
		`["UPDATE","","a body","admin"]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
