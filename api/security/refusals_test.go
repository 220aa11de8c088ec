package security

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		user, method, path, body string
		status                   int
		want                     string
	}{
		"user not found":        {"root1", "GET", "/internalusers/x", "", 404, `{"status":"NOT_FOUND","message":"user 'x' not found."}`},
		"role not found":        {"root1", "GET", "/roles/x", "", 404, `{"status":"NOT_FOUND","message":"role 'x' not found."}`},
		"delete what is not":    {"root1", "DELETE", "/tenants/x", "", 404, `{"status":"NOT_FOUND","message":"tenant 'x' not found."}`},
		"patch what is not":     {"root1", "PATCH", "/actiongroups/x", `[{"op":"add","path":"/a","value":1}]`, 404, `{"status":"NOT_FOUND","message":"actiongroup 'x' not found."}`},
		"static put":            {"root1", "PUT", "/roles/all_access", `{"cluster_permissions":[]}`, 403, `{"status":"FORBIDDEN","message":"Resource 'all_access' is static."}`},
		"static put by cert":    {"@admin-cert", "PUT", "/roles/all_access", `{"cluster_permissions":[]}`, 403, `{"status":"FORBIDDEN","message":"Resource 'all_access' is static."}`},
		"static delete":         {"root1", "DELETE", "/actiongroups/read", "", 403, `{"status":"FORBIDDEN","message":"Resource 'read' is static."}`},
		"static patch":          {"root1", "PATCH", "/roles", `[{"op":"remove","path":"/all_access"}]`, 403, `{"status":"FORBIDDEN","message":"Resource 'all_access' is static."}`},
		"reserved put":          {"root1", "PUT", "/internalusers/kept", `{"password":"some-password"}`, 403, `{"status":"FORBIDDEN","message":"Resource 'kept' is reserved."}`},
		"reserved delete":       {"root1", "DELETE", "/internalusers/kept", "", 403, `{"status":"FORBIDDEN","message":"Resource 'kept' is reserved."}`},
		"reserved patch":        {"root1", "PATCH", "/internalusers/kept", `[{"op":"add","path":"/description","value":"x"}]`, 403, `{"status":"FORBIDDEN","message":"Resource 'kept' is reserved."}`},
		"reserved patch of all": {"root1", "PATCH", "/internalusers", `[{"op":"remove","path":"/kept"}]`, 403, `{"status":"FORBIDDEN","message":"Resource 'kept' is reserved."}`},
		"hidden get":            {"root1", "GET", "/internalusers/unseen", "", 404, `{"status":"NOT_FOUND","message":"Resource 'unseen' is not available."}`},
		"hidden delete":         {"root1", "DELETE", "/internalusers/unseen", "", 404, `{"status":"NOT_FOUND","message":"Resource 'unseen' is not available."}`},
		"hidden patch":          {"root1", "PATCH", "/internalusers", `[{"op":"remove","path":"/unseen"}]`, 400, `{"status":"BAD_REQUEST","message":"Missing field \"unseen\""}`},
		"reserved flag":         {"root1", "PUT", "/tenants/x", `{"reserved":true}`, 400, `{"status":"error","reason":"Invalid configuration","invalid_keys":{"keys":"reserved"}}`},
		"reserved patched":      {"root1", "PATCH", "/roles/sc_limited", `[{"op":"add","path":"/reserved","value":true}]`, 400, `{"status":"error","reason":"Invalid configuration","invalid_keys":{"keys":"reserved"}}`},
		"no body":               {"root1", "PUT", "/roles/x", "", 400, `{"status":"error","reason":"Request body required for this action."}`},
		"empty body":            {"root1", "PUT", "/roles/x", "{}", 400, `{"status":"error","reason":"Request body required for this action."}`},
		"not JSON":              {"root1", "PUT", "/roles/x", "{", 400, `{"status":"error","reason":"Could not parse content of request."}`},
		"duplicate key":         {"root1", "PUT", "/roles/x", `{"description":"a","description":"b"}`, 400, `{"status":"error","reason":"Could not parse content of request."}`},
		"unknown keys":          {"root1", "PUT", "/roles/x", `{"b":1,"a":1}`, 400, `{"status":"error","reason":"Invalid configuration","invalid_keys":{"keys":"a,b"}}`},
		"unknown key below":     {"root1", "PUT", "/roles/x", `{"index_permissions":[{"nope":1}]}`, 400, `{"status":"error","reason":"Could not parse content of request."}`},
		"wrong type":            {"root1", "PUT", "/roles/x", `{"cluster_permissions":"a","description":1}`, 400, `{"status":"error","reason":"Wrong datatype","cluster_permissions":"Array expected","description":"String expected"}`},
		"null in a list":        {"root1", "PUT", "/roles/x", `{"cluster_permissions":[null]}`, 400, "{\"status\":\"error\",\"reason\":\"`null` is not allowed as json array element\"}"},
		"number in a list":      {"root1", "PUT", "/roles/x", `{"cluster_permissions":[1]}`, 400, `{"status":"error","reason":"Could not parse content of request."}`},
		"mapping of nobody":     {"root1", "PUT", "/rolesmapping/sc_limited", `{"description":"x"}`, 400, `{"status":"error","reason":"Invalid configuration","specify_one_of":{"keys":"and_backend_roles,backend_roles,hosts,users"}}`},
		"mapping of no role":    {"root1", "PUT", "/rolesmapping/x", `{"users":["a"]}`, 404, `{"status":"NOT_FOUND","message":"role 'x' not found."}`},
		"user with no role":     {"root1", "PUT", "/internalusers/x", `{"password":"some-password","opendistro_security_roles":["x"]}`, 404, `{"status":"NOT_FOUND","message":"role 'x' not found."}`},
		"group without actions": {"root1", "PUT", "/actiongroups/x", `{"type":"index"}`, 400, `{"status":"error","reason":"Invalid configuration","missing_mandatory_keys":{"keys":"allowed_actions"}}`},
		"group of itself":       {"root1", "PUT", "/actiongroups/x", `{"allowed_actions":["x"]}`, 400, `{"status":"BAD_REQUEST","message":"x cannot be an allowed_action of itself"}`},
		"group type":            {"root1", "PUT", "/actiongroups/x", `{"allowed_actions":["a"],"type":"z"}`, 400, `{"status":"BAD_REQUEST","message":"Invalid action group type: z. Supported types are: cluster, index."}`},
		"group like a role":     {"root1", "PUT", "/actiongroups/sc_limited", `{"allowed_actions":["a"]}`, 400, `{"status":"BAD_REQUEST","message":"sc_limited is an existing role. A action group cannot be named with an existing role name."}`},
		"user without password": {"root1", "PUT", "/internalusers/x", `{"description":"x"}`, 400, `{"status":"BAD_REQUEST","message":"Please specify either 'hash' or 'password' when creating a new internal user."}`},
		"short password":        {"root1", "PUT", "/internalusers/x", `{"password":"short"}`, 400, `{"status":"error","reason":"Password is too short"}`},
		"password like name":    {"root1", "PUT", "/internalusers/elisabeth", `{"password":"Elisabeth1"}`, 400, `{"status":"error","reason":"Password is similar to user name"}`},
		"foreign hash":          {"root1", "PUT", "/internalusers/x", `{"hash":"$argon2id$x"}`, 400, `{"status":"BAD_REQUEST","message":"hash is not bcrypt ($2a$, $2b$ or $2y$ with a cost of at most 16)"}`},
		"colon in a name":       {"root1", "PUT", "/internalusers/a:b", `{"password":"some-password"}`, 400, `{"status":"BAD_REQUEST","message":"A restricted character(s) was detected in the account name. Please remove: ':'"}`},
		"control character":     {"root1", "PUT", "/internalusers/a%07b", `{"password":"some-password"}`, 400, `{"status":"BAD_REQUEST","message":"A name must not contain control characters"}`},
		"dls":                   {"root1", "PUT", "/roles/x", `{"index_permissions":[{"index_patterns":["a"],"dls":"{}","allowed_actions":["read"]}]}`, 400, `{"status":"BAD_REQUEST","message":"index_permissions[0].dls is not supported"}`},
		"fls":                   {"root1", "PUT", "/roles/x", `{"index_permissions":[{},{"fls":["a"]}]}`, 400, `{"status":"BAD_REQUEST","message":"index_permissions[1].fls is not supported"}`},
		"masked fields":         {"root1", "PUT", "/roles/x", `{"index_permissions":[{"masked_fields":["a"]}]}`, 400, `{"status":"BAD_REQUEST","message":"index_permissions[0].masked_fields is not supported"}`},
		"bad pattern":           {"root1", "PUT", "/roles/x", `{"cluster_permissions":["/(/"]}`, 400, "{\"status\":\"BAD_REQUEST\",\"message\":\"cluster_permissions: pattern \\\"/(/\\\": error parsing regexp: missing closing ): `\\\\A(?:()\\\\z`\"}"},
		"audit second entity":   {"root1", "PATCH", "/audit", `[{"op":"add","path":"/test","value":{}}]`, 400, `{"status":"error","reason":"Invalid configuration","invalid_keys":{"keys":"test"}}`},
		"audit removed":         {"root1", "PATCH", "/audit", `[{"op":"remove","path":"/config"}]`, 400, `{"status":"error","reason":"Request body required for this action."}`},
		"cache get":             {"root1", "GET", "/cache", "", 501, `{"status":"NOT_IMPLEMENTED","message":"Method GET not supported for this action."}`},
		"not built":             {"root1", "GET", "/nodesdn", "", 501, `{"error":{"reason":"the security API does not implement [GET /_plugins/_security/api/nodesdn]","root_cause":[{"reason":"the security API does not implement [GET /_plugins/_security/api/nodesdn]","type":"unsupported_operation_exception"}],"type":"unsupported_operation_exception"},"status":501}`},
		"long body":             {"root1", "PUT", "/tenants/x", `{"description":"` + strings.Repeat("x", maxBody) + `"}`, 413, `{"status":"REQUEST_ENTITY_TOO_LARGE","message":"The body is longer than 1048576 bytes"}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.world()
			p.must("@admin-cert", "PUT", api+"/internalusers/kept", `{"password":"some-password","reserved":true}`)
			p.must("@admin-cert", "PUT", api+"/internalusers/unseen", `{"password":"some-password","hidden":true}`)
			before := fmt.Sprint(p.store.docs)
			status, body := p.do(c.user, c.method, api+c.path, c.body)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if diff := cmp.Diff(c.want, strings.TrimSpace(body)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if fmt.Sprint(p.store.docs) != before {
				t.Error("something was stored")
			}
			if len(p.writes) > 0 {
				t.Errorf("writes were told: %v", p.writes)
			}
		})
	}
}
