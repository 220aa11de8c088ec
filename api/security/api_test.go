package security

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"vigil/authn"
	"vigil/authz"
	"vigil/cluster"
	"vigil/rest"
)

func TestAnswersNeverShowHashes(t *testing.T) {
	p := start(t)
	p.world()
	for _, path := range []string{"/internalusers", "/internalusers/root1", "/user/root1", "/account"} {
		for _, user := range []string{"root1", "@admin-cert"} {
			if body := p.must(user, "GET", api+path, ""); strings.Contains(body, "$2a$") {
				t.Errorf("GET %s by %s: %s", path, user, body)
			}
		}
	}
	want := `{"root1":{"attributes":{},"backend_roles":[],"hash":"","hidden":false,"opendistro_security_roles":["all_access"],"reserved":false,"static":false}}`
	if got := strings.TrimSpace(p.must("root1", "GET", api+"/internalusers/root1", "")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestChangesAreInForceAndToldWhenTheAnswerComes(t *testing.T) {
	p := start(t)
	p.world()
	p.watch = rest.Watch{Writes: true, Before: true}
	p.must("root1", "PUT", api+"/internalusers/new", `{"password":"some-password","attributes":{"a":"b"},"backend_roles":["x"]}`)
	if _, ok := p.state.Users["new"]; !ok {
		t.Error("the user is not in force")
	}
	if len(p.writes) != 1 {
		t.Fatalf("%d writes told, want 1", len(p.writes))
	}
	w := p.writes[0]
	if w.Index != index || w.ID != "internalusers" || w.Operation != rest.OpUpdate || w.Version != 5 {
		t.Errorf("write %+v", w)
	}
	if strings.Contains(string(w.Before), `"new"`) || !strings.Contains(string(w.Before), `"root1"`) || !strings.Contains(string(w.After), `"new"`) {
		t.Errorf("before %s\nafter %s", w.Before, w.After)
	}
	p.watch.Before = false
	p.must("root1", "DELETE", api+"/internalusers/new", "")
	if w := p.writes[0]; w.Operation != rest.OpUpdate || w.Before != nil || w.Version != 6 {
		t.Errorf("write %+v; the deletion of a user updates the document", w)
	}
	if _, ok := p.state.Users["new"]; ok {
		t.Error("the user is still there")
	}
}

func TestFirstWriteCreatesIndexAndDocument(t *testing.T) {
	p := start(t)
	p.store.made, p.store.docs = false, nil
	p.must("@admin-cert", "PUT", api+"/tenants/x", `{"description":"y"}`)
	if w := p.writes[0]; w.Operation != rest.OpCreate || w.Version != 1 {
		t.Errorf("write %+v", w)
	}
}

func TestPutKeepsHashAndFlagsThatItDoesNotGive(t *testing.T) {
	p := start(t)
	p.world()
	p.must("@admin-cert", "PUT", api+"/internalusers/u", `{"password":"some-password","reserved":true}`)
	was := p.state.Users["u"]
	p.must("@admin-cert", "PUT", api+"/internalusers/u", `{"description":"d"}`)
	now := p.state.Users["u"]
	if now.Hash != was.Hash || !now.Reserved || now.Description != "d" {
		t.Errorf("user %+v", now)
	}
	p.must("@admin-cert", "PUT", api+"/internalusers/u", `{"password":"other-password","reserved":false}`)
	if now = p.state.Users["u"]; now.Hash == was.Hash || now.Reserved || now.Description != "" {
		t.Errorf("user %+v", now)
	}
}

func TestPatches(t *testing.T) {
	p := start(t)
	p.world()
	for _, c := range []struct{ path, body, want string }{
		{"/roles/sc_limited", `[{"op":"add","path":"/cluster_permissions/0","value":"x"}]`, "'sc_limited' updated."},
		{"/roles/sc_limited", `[{"op":"replace","path":"/cluster_permissions/0","value":"x"}]`, "No updates required"},
		{"/roles/sc_limited", `[{"op":"remove","path":"/index_permissions"}]`, "'sc_limited' updated."},
		{"/internalusers/limited", `[{"op":"add","path":"/password","value":"quite-another-1"}]`, "'limited' updated."},
		{"/internalusers", `[{"op":"add","path":"/a","value":{"password":"some-password"}},{"op":"remove","path":"/norole"}]`, "Resource updated."},
		{"/internalusers", `[{"op":"add","path":"/limited/backend_roles/-","value":"x"}]`, "Resource updated."},
		{"/tenants", `[{"op":"add","path":"/t1","value":{"description":"d"}}]`, "Resource updated."},
		{"/tenants", `[{"op":"replace","path":"/t1/description","value":"d"}]`, "No updates required"},
	} {
		var got message
		if err := json.Unmarshal([]byte(p.must("root1", "PATCH", api+c.path, c.body)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Message != c.want {
			t.Errorf("%s %s: %s, want %s", c.path, c.body, got.Message, c.want)
		}
	}
	s := p.state
	if got := s.Roles["sc_limited"]; got.ClusterPermissions[0] != "x" || len(got.IndexPermissions) != 0 {
		t.Errorf("role %+v", got)
	}
	_, gone := s.Users["norole"]
	if gone || s.Users["a"].Hash == "" || s.Users["limited"].BackendRoles[0] != "x" || s.Tenants["t1"].Description != "d" {
		t.Errorf("users %+v, tenants %+v", s.Users, s.Tenants)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := p.basic.CheckPassword(t.Context(), r, "limited", "quite-another-1"); err != nil {
		t.Errorf("the new password is not in force: %v", err)
	}
}

func TestOneBadPartOfAPatchRejectsAll(t *testing.T) {
	p := start(t)
	before := fmt.Sprint(p.store.docs)
	body := `[{"op":"add","path":"/a","value":{"description":"x"}},{"op":"add","path":"/b","value":{"nope":"x"}}]`
	if status, answer := p.do("@admin-cert", "PATCH", api+"/tenants", body); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, answer)
	}
	if fmt.Sprint(p.store.docs) != before {
		t.Error("something was stored")
	}
}

func TestPatchThatSetsManyPasswordsIsRefused(t *testing.T) {
	p := start(t)
	var ops []string
	for i := range maxPasswords + 1 {
		ops = append(ops, fmt.Sprintf(`{"op":"add","path":"/u%d","value":{"password":"some-password"}}`, i))
	}
	status, answer := p.do("@admin-cert", "PATCH", api+"/internalusers", "["+strings.Join(ops, ",")+"]")
	if status != http.StatusBadRequest || !strings.Contains(answer, "at most 10 passwords") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestAccountChangesOnesOwnPassword(t *testing.T) {
	p := start(t)
	p.world()
	for _, c := range []struct {
		user, body string
		status     int
		want       string
	}{
		{"limited", `{"current_password":"wrong","password":"next-password"}`, 400, "Could not validate your current password."},
		{"limited", `{"password":"next-password"}`, 400, "missing_mandatory_keys"},
		{"limited", `{"current_password":"Zq7#amber-Stone2"}`, 400, "specify_one_of"},
		{"limited", `{"current_password":"Zq7#amber-Stone2","password":"short"}`, 400, "Password is too short"},
		{"limited", `{"current_password":"Zq7#amber-Stone2","hash":"x"}`, 400, "hash is not bcrypt"},
		{"limited", `{"current_password":"Zq7#amber-Stone2","password":"next-password"}`, 200, "'limited' updated."},
		{"limited", `{"current_password":"Zq7#amber-Stone2","password":"next-password"}`, 400, "Could not validate"},
		{"@admin-cert", `{"current_password":"x","password":"next-password"}`, 404, "user 'CN=admin' not found."},
	} {
		status, body := p.do(c.user, "PUT", api+"/account", c.body)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.user, c.body, status, body, c.status, c.want)
		}
	}
	if got := p.state.Users["limited"].SecurityRoles; len(got) != 1 {
		t.Errorf("the user lost roles: %v", got)
	}
}

func TestConcurrentChangeIsAConflict(t *testing.T) {
	p := start(t)
	p.store.before = func(id string) {
		p.store.before = nil
		d := p.store.docs[id]
		d.seqNo++
		p.store.docs[id] = d
	}
	status, body := p.do("@admin-cert", "PUT", api+"/tenants/x", `{"description":"x"}`)
	if want := `{"status":"CONFLICT","message":"[tenants]: version conflict"}`; status != http.StatusConflict || strings.TrimSpace(body) != want {
		t.Errorf("%d %s, want %s", status, body, want)
	}
}

func TestChangesOfOneProcessWaitForEachOther(t *testing.T) {
	p := start(t)
	a, err := New(Options{
		Client: p.client, Index: index, Changed: func(context.Context) error { return nil }, Cost: bcrypt.MinCost,
		Caller:        func(context.Context) (*authn.Principal, []string) { return p.principal("@admin-cert"), nil },
		Evaluator:     func() *authz.Evaluator { return p.eval },
		CheckPassword: p.basic.CheckPassword,
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := rest.NewTable(a.Routes())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodPut, fmt.Sprintf("%s/tenants/t%d", api, i), nil)
			call, err := table.Resolve(r)
			if err != nil {
				t.Error(err)
				return
			}
			call.Body = []byte(`{"description":"x"}`)
			w := httptest.NewRecorder()
			call.Route.Handler.ServeHTTP(w, r.WithContext(rest.NewContext(r.Context(), call)))
			if w.Code != http.StatusCreated {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
}

func TestStoreThatFailsIsToldWithoutDetails(t *testing.T) {
	p := start(t)
	p.store.fail = rest.Errorf(http.StatusInternalServerError, "io_exception", "disk sda1 is broken")
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/roles", ""}, {"GET", "/audit", ""}, {"PUT", "/tenants/x", `{"description":"x"}`}, {"PUT", "/audit/config", `{"enabled":true}`},
	} {
		status, body := p.do("@admin-cert", c.method, api+c.path, c.body)
		if want := `{"status":"SERVICE_UNAVAILABLE","message":"The security configuration is not available"}`; status != 503 || strings.TrimSpace(body) != want {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.path, status, body, want)
		}
	}
}

func TestChangeThatDoesNotTakeEffectIsNotASuccess(t *testing.T) {
	p := start(t)
	p.fail = errors.New("no")
	status, body := p.do("@admin-cert", "PUT", api+"/tenants/x", `{"description":"x"}`)
	if status != http.StatusInternalServerError || !strings.Contains(body, "not yet in force") {
		t.Errorf("%d %s", status, body)
	}
	if len(p.writes) != 1 {
		t.Error("the write happened and must be told")
	}
}

func TestBothPrefixesAnswerAlike(t *testing.T) {
	p := start(t)
	p.world()
	p.must("root1", "PUT", "/_opendistro/_security/api/tenants/x", `{"description":"x"}`)
	if a, b := p.must("root1", "GET", api+"/tenants", ""), p.must("root1", "GET", "/_opendistro/_security/api/tenants", ""); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	if a, b := p.must("root1", "GET", api+"/internalusers/root1", ""), p.must("root1", "GET", api+"/user/root1", ""); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestEveryRowIsAuthorizedAndChangesAreMarked(t *testing.T) {
	p := start(t)
	open := map[string]bool{}
	for _, r := range p.table.Routes() {
		if r.Handler == nil || r.Op == "" || r.Action != "" {
			t.Errorf("%s %s has no handler, no name, or an action", r.Method, r.Path)
		}
		if r.Open {
			open[r.Method+" "+r.Path] = true
			continue
		}
		if r.Admin == "" && !r.Self {
			t.Errorf("%s %s is open to all", r.Method, r.Path)
		}
		if writes := r.Method != http.MethodGet && !r.Self && !NotBuilt(r.Op) && !strings.HasSuffix(r.Path, "/cache"); writes != r.Changes {
			t.Errorf("%s %s: Changes %v", r.Method, r.Path, r.Changes)
		}
	}
	want := map[string]bool{}
	for _, prefix := range prefixes {
		want["GET "+prefix+"/health"], want["POST "+prefix+"/health"] = true, true
	}
	if diff := cmp.Diff(want, open); diff != "" {
		t.Errorf("open rows (-want +got):\n%s", diff)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "Client") {
		t.Errorf("error %v", err)
	}
	if _, err := New(Options{Client: cluster.NewClient(nil), Index: "x"}); err == nil || !strings.Contains(err.Error(), "Changed") {
		t.Errorf("error %v", err)
	}
}
