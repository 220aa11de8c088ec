package audit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingChanges(t *testing.T) {
	v := func(s string) *string { return &s }
	old := map[string]string{"index.a": "1", "index.gone": "x", "index.same": "s", "plugin.API_TOKEN": "canary-1"}
	changes := SettingChanges("index", old, map[string]*string{
		"index.new": v("é\"\n"), "index.a": v("2"), "index.gone": nil, "index.same": v("s"), "plugin.API_TOKEN": v("canary-2"),
		"x.Password.hash": v("canary-3"), "x.secretly": nil,
	})
	got := string(AppendJSON(nil, &Node{}, &Event{Category: IndexSettingsChanged, Settings: changes}))
	want := `"audit_settings_changes":[` + strings.Join([]string{
		`{"setting":"index.a","old_value":"1","new_value":"2","operation":"set","scope":"index"}`,
		`{"setting":"index.gone","old_value":"x","new_value":null,"operation":"removed","scope":"index"}`,
		`{"setting":"index.new","old_value":null,"new_value":"é\"\n","operation":"set","scope":"index"}`,
		`{"setting":"index.same","old_value":"s","new_value":"s","operation":"set","scope":"index"}`,
		`{"setting":"plugin.API_TOKEN","old_value":"***REDACTED***","new_value":"***REDACTED***","operation":"set","scope":"index"}`,
		`{"setting":"x.Password.hash","old_value":null,"new_value":"***REDACTED***","operation":"set","scope":"index"}`,
		`{"setting":"x.secretly","old_value":null,"new_value":null,"operation":"removed","scope":"index"}`,
	}, ",") + `]`
	start := strings.Index(got, `"audit_settings_changes"`)
	if start < 0 {
		t.Fatalf("no changes in %s", got)
	}
	end := start + strings.IndexByte(got[start:], ']') + 1
	if diff := cmp.Diff(want, got[start:end]); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if none := string(AppendJSON(nil, &Node{}, &Event{Category: IndexEvent})); strings.Contains(none, "audit_settings_changes") {
		t.Errorf("other events have the field: %s", none)
	}
}

func TestDisabledCategoriesCountOnBothLayers(t *testing.T) {
	f := func(c Category, rest, transport bool) {
		t.Helper()
		p := newPolicy(t, func(c *Config) {
			c.Audit.DisabledRESTCategories, c.Audit.DisabledTransportCategories = []Category{FailedLogin}, []Category{IndexSettingsChanged}
			c.Audit.DisabledCategories = []Category{MissingPrivileges, DocWrite}
			c.Compliance.WriteWatchedIndices = []string{"*"}
		})
		if got := p.WantsREST(c, "bob", "/"); got != rest {
			t.Errorf("%s on REST: %t, want %t", c, got, rest)
		}
		if got := p.WantsTransport(c, "bob", "indices:admin/settings/update", "UpdateSettingsRequest"); got != transport {
			t.Errorf("%s on transport: %t, want %t", c, got, transport)
		}
		if !p.WatchesWrite("accounts", "bob") {
			t.Error("disabled_categories took a compliance event")
		}
	}
	f(MissingPrivileges, false, false)
	f(FailedLogin, false, true)
	f(ClusterSettingsChanged, true, true)
	f(IndexSettingsChanged, true, false)
}
