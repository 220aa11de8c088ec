package security

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/audit"
)

const auditPrefixes = "/_plugins/_security/api/audit /_opendistro/_security/api/audit"

const (
	updated      = `{"status":"OK","message":"'config' updated."}`
	patched      = `{"status":"OK","message":"Resource updated."}`
	noUpdates    = `{"status":"OK","message":"No updates required"}`
	unparsable   = `{"status":"error","reason":"Could not parse content of request."}`
	nullInAList  = "{\"status\":\"error\",\"reason\":\"`null` is not allowed as json array element\"}"
	readOnlyPart = `{"status":"CONFLICT","message":"Attempted to update read-only property."}`
)

// What the recordings do not try; see audit-config.jsonl for what they do.
func TestAuditConfigurationIsValidated(t *testing.T) {
	put := func(section, members string) string { return `{"` + section + `":{` + members + `}}` }
	for prefix := range strings.FieldsSeq(auditPrefixes) {
		p := start(t)
		p.world()
		f := func(body string, status int, want string) {
			t.Helper()
			for _, user := range []string{"root1", "@admin-cert"} {
				got, answer := p.do(user, "PUT", prefix+"/config", body)
				if got != status || strings.TrimSpace(answer) != want {
					t.Errorf("%s PUT %s: %d %s, want %d %s", user, body, got, answer, status, want)
				}
			}
		}
		for _, key := range []string{"enable_rest", "enable_transport", "resolve_bulk_requests", "log_request_body", "resolve_indices", "exclude_sensitive_headers"} {
			f(put("audit", `"`+key+`":false`), 200, updated)
			f(put("audit", `"`+key+`":null`), 200, updated)
			f(put("audit", `"`+key+`":"false"`), 400, unparsable)
			f(put("audit", `"`+key+`":[true]`), 400, unparsable)
		}
		for _, key := range []string{"enabled", "internal_config", "external_config", "read_metadata_only", "write_metadata_only", "write_log_diffs"} {
			f(put("compliance", `"`+key+`":true`), 200, updated)
			f(put("compliance", `"`+key+`":1`), 400, unparsable)
		}
		for section, keys := range map[string]string{
			"audit":      "ignore_users ignore_requests ignore_headers ignore_url_params",
			"compliance": "read_ignore_users write_ignore_users write_watched_indices",
		} {
			for key := range strings.FieldsSeq(keys) {
				f(put(section, `"`+key+`":["b","*","/x/","b"]`), 200, updated)
				f(put(section, `"`+key+`":[]`), 200, updated)
				f(put(section, `"`+key+`":[""," "]`), 200, updated)
				f(put(section, `"`+key+`":[null]`), 400, nullInAList)
				f(put(section, `"`+key+`":[true]`), 400, unparsable)
				f(put(section, `"`+key+`":{}`), 400, unparsable)
				f(put(section, `"`+key+`":"a"`), 400, unparsable)
			}
		}
		for _, list := range []string{"disabled_rest_categories", "disabled_transport_categories", "disabled_categories"} {
			f(put("audit", `"`+list+`":["authenticated","Failed_Login"]`), 200, updated)
			f(put("audit", `"`+list+`":[]`), 200, updated)
			f(put("audit", `"`+list+`":["NONE"]`), 400, unparsable) // 3.6 takes it, 2.19 does not
			f(put("audit", `"`+list+`":["NOPE"]`), 400, unparsable)
			f(put("audit", `"`+list+`":["AUDIT_GAP"]`), 400, unparsable)
		}
		f(put("audit", `"disabled_transport_categories":["opensearch_security_index_attempt","INDEX_EVENT","CLUSTER_SETTINGS_CHANGED","index_settings_changed"]`), 200, updated)
		f(put("audit", `"disabled_rest_categories":["INDEX_SETTINGS_CHANGED"]`), 400, unparsable)
		f(put("audit", `"disabled_categories":["COMPLIANCE_DOC_READ","INDEX_EVENT"]`), 200, updated)
		f(put("compliance", `"read_watched_fields":{"a*":["x"],"b":[]}`), 200, updated)
		f(put("compliance", `"read_watched_fields":{"a":null}`), 400, unparsable)
		f(put("compliance", `"read_watched_fields":{"a":[null]}`), 400, nullInAList)
		f(put("compliance", `"read_watched_fields":[]`), 400, unparsable)
		f(put("audit", `"ignore_users":["/(/"]`), 400, `{"status":"error","reason":"Unsupported audit.ignore_users: pattern \"/(/\": error parsing regexp: missing closing ): `+"`(`"+`"}`)
	}
}

func TestEveryAuditSettingCanBePatched(t *testing.T) {
	values := map[string]string{
		"enabled": "bool", "audit/enable_rest": "bool", "audit/enable_transport": "bool", "audit/resolve_bulk_requests": "bool",
		"audit/log_request_body": "bool", "audit/resolve_indices": "bool", "audit/exclude_sensitive_headers": "bool",
		"audit/ignore_users": `["a"]`, "audit/ignore_requests": `["a"]`, "audit/ignore_headers": `["a"]`, "audit/ignore_url_params": `["a"]`,
		"audit/disabled_rest_categories": `["FAILED_LOGIN"]`, "audit/disabled_transport_categories": `["INDEX_EVENT"]`,
		"compliance/enabled": "bool", "compliance/internal_config": "bool", "compliance/external_config": "bool",
		"compliance/read_metadata_only": "bool", "compliance/write_metadata_only": "bool", "compliance/write_log_diffs": "bool",
		"compliance/read_ignore_users": `["a"]`, "compliance/write_ignore_users": `["a"]`, "compliance/write_watched_indices": `["a"]`,
		"compliance/read_watched_fields": `{"a":["b"]}`,
	}
	for prefix := range strings.FieldsSeq(auditPrefixes) {
		p := start(t)
		p.world()
		var before struct{ Config map[string]any }
		if err := json.Unmarshal([]byte(p.must("root1", "GET", prefix, "")), &before); err != nil {
			t.Fatal(err)
		}
		for member, value := range values {
			was, at := before.Config, member
			if section, key, ok := strings.Cut(member, "/"); ok {
				was, at = was[section].(map[string]any), key
			}
			if value == "bool" {
				value = strconv.FormatBool(was[at] != true)
			}
			patch := func(op string) (int, string) {
				return p.do("root1", "PATCH", prefix, `[{"op":"`+op+`","path":"/config/`+member+`","value":`+value+`}]`)
			}
			if status, answer := patch("replace"); status != 200 || strings.TrimSpace(answer) != patched {
				t.Errorf("replace %s: %d %s", member, status, answer)
			}
			if status, answer := patch("add"); status != 200 || strings.TrimSpace(answer) != noUpdates || len(p.writes) > 0 {
				t.Errorf("add %s again: %d %s, %d writes", member, status, answer, len(p.writes))
			}
		}
		var after struct{ Config map[string]any }
		if err := json.Unmarshal([]byte(p.must("root1", "GET", prefix, "")), &after); err != nil {
			t.Fatal(err)
		}
		for section, members := range before.Config {
			if cmp.Equal(members, after.Config[section]) {
				t.Errorf("%s is what it was", section)
			}
		}
		// A whole section can go in one operation, and one wrong operation refuses the others.
		p.must("root1", "PATCH", prefix, `[{"op":"remove","path":"/config/audit"},{"op":"replace","path":"/config/compliance","value":{}}]`)
		want, err := audit.ParseConfig([]byte(`{"enabled":false}`))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text(t, want), text(t, p.state.Audit)); diff != "" {
			t.Errorf("after removing the sections (-want +got):\n%s", diff)
		}
		status, _ := p.do("root1", "PATCH", prefix, `[{"op":"replace","path":"/config/enabled","value":true},{"op":"remove","path":"/config/nope"}]`)
		if status != 400 || p.state.Audit.Enabled {
			t.Errorf("status %d, enabled %t after a patch that is wrong in part", status, p.state.Audit.Enabled)
		}
	}
}

func TestReadOnlyParts(t *testing.T) {
	p := start(t, "/audit/enable_rest", "/audit/ignore_users", "/compliance/read_watched_fields")
	p.world()
	p.must("@admin-cert", "PUT", api+"/audit/config", `{"audit":{"ignore_users":["a","b"]},"compliance":{"read_watched_fields":{"x":["1"],"y":["2"]}}}`)
	const same = `"ignore_users":["a","b"]`
	const fields = `"compliance":{"read_watched_fields":{"y":["2"],"x":["1"]}}`
	for prefix := range strings.FieldsSeq(auditPrefixes) {
		f := func(user, method, body string, status int, want string) {
			t.Helper()
			path := prefix
			if method == "PUT" {
				path += "/config"
			}
			got, answer := p.do(user, method, path, body)
			if got != status || strings.TrimSpace(answer) != want {
				t.Errorf("%s %s %s: %d %s, want %d %s", user, method, body, got, answer, status, want)
			}
		}
		if answer := p.must("root1", "GET", prefix, ""); !strings.HasPrefix(answer, `{"_readonly":["/audit/enable_rest","/audit/ignore_users","/compliance/read_watched_fields"],"config":`) {
			t.Errorf("GET: %s", answer)
		}
		f("root1", "PUT", `{"audit":{`+same+`,"log_request_body":false},`+fields+`}`, 200, updated)
		f("root1", "PUT", `{"audit":{`+same+`,"enable_rest":false},`+fields+`}`, 409, readOnlyPart)
		f("root1", "PUT", `{"audit":{"ignore_users":["b","a"]},`+fields+`}`, 409, readOnlyPart)
		f("root1", "PUT", `{"audit":{`+same+`}}`, 409, readOnlyPart)
		f("root1", "PUT", `{"audit":{`+same+`,"enable_rest":1}}`, 400, unparsable)
		f("root1", "PATCH", `[{"op":"replace","path":"/config/audit/enable_rest","value":false}]`, 409, readOnlyPart)
		f("root1", "PATCH", `[{"op":"remove","path":"/config/audit/ignore_users"}]`, 409, readOnlyPart)
		f("root1", "PATCH", `[{"op":"replace","path":"/config/audit/enable_rest","value":true}]`, 200, noUpdates)
		f("root1", "PATCH", `[{"op":"replace","path":"/config/audit/resolve_indices","value":false}]`, 200, patched)
		f("@admin-cert", "PATCH", `[{"op":"replace","path":"/config/audit/enable_rest","value":false}]`, 200, patched)
		f("@admin-cert", "PATCH", `[{"op":"replace","path":"/config/audit/enable_rest","value":true}]`, 200, patched)
	}
	if _, err := New(Options{
		Client: p.client, Index: index, Changed: p.reload, Caller: p.api.o.Caller, Evaluator: p.api.o.Evaluator,
		CheckPassword: p.basic.CheckPassword, ReadOnly: audit.ReadOnly{"/audit/nope"},
	}); err == nil || !strings.Contains(err.Error(), "/audit/nope") {
		t.Errorf("a part that does not exist: %v", err)
	}
}

func TestSettingsWithoutEffectAreNamed(t *testing.T) {
	p := start(t)
	p.world()
	f := func(method, path, body, want string) {
		t.Helper()
		p.must("root1", method, api+path, body)
		if got := p.header.Get("Warning"); got != want {
			t.Errorf("%s: warning %q, want %q", body, got, want)
		}
	}
	const params = `299 Vigil "[audit.ignore_url_params] has no effect"`
	f("PUT", "/audit/config", `{"audit":{"ignore_url_params":["token"]}}`, params)
	f("GET", "/audit", "", "")
	f("PATCH", "/audit", `[{"op":"replace","path":"/config/enabled","value":false}]`, params)
	f("PUT", "/audit/config", `{"audit":{"ignore_url_params":["token"],"disabled_categories":["COMPLIANCE_DOC_READ"]}}`,
		params+`, 299 Vigil "[audit.disabled_categories: COMPLIANCE_DOC_READ] has no effect"`)
	f("PUT", "/audit/config", `{"audit":{"ignore_users":["a"]}}`, "")
}

func TestAnotherGatewayWasFaster(t *testing.T) {
	p := start(t)
	p.world()
	p.store.before = func(id string) {
		p.store.mu.Lock()
		defer p.store.mu.Unlock()
		d := p.store.docs[id]
		d.seqNo++
		p.store.docs[id] = d
	}
	for _, body := range []string{`{"enabled":false}`, `[{"op":"replace","path":"/config/enabled","value":false}]`} {
		method, path := http.MethodPut, "/audit/config"
		if body[0] == '[' {
			method, path = http.MethodPatch, "/audit"
		}
		status, answer := p.do("root1", method, api+path, body)
		if status != http.StatusConflict || strings.TrimSpace(answer) != `{"status":"CONFLICT","message":"[audit]: version conflict"}` || !p.state.Audit.Enabled {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

func text(t *testing.T, c audit.Config) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
