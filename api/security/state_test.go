package security

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"vigil/audit"
	"vigil/authn"
	"vigil/cluster"
)

func TestBootstrapMakesAnAdministratorAndNothingElse(t *testing.T) {
	p := start(t)
	if diff := cmp.Diff(audit.DefaultConfig(), p.state.Audit, cmp.Comparer(sameJSON)); diff != "" {
		t.Errorf("audit configuration (-want +got):\n%s", diff)
	}
	who, err := p.basic.Authenticate(t.Context(), login(t, "admin", "first-password"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.eval.Roles(who, netip.Addr{}); len(got) != 1 || got[0] != "all_access" {
		t.Errorf("admin has the roles %v", got)
	}
	if len(p.state.Users) != 1 || len(p.state.Mappings) != 1 || len(p.state.Roles)+len(p.state.ActionGroups)+len(p.state.Tenants) != 0 {
		t.Errorf("state %+v", p.state)
	}
	if got := p.eval.Roles(&authn.Principal{Name: "somebody"}, netip.Addr{}); len(got) != 0 {
		t.Errorf("everybody has the roles %v", got)
	}
}

func login(t *testing.T, name, password string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth(name, password)
	return r
}

func sameJSON(a, b audit.Config) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestBootstrapLeavesWhatIsThere(t *testing.T) {
	p := start(t)
	p.must("@admin-cert", "PUT", api+"/audit/config", `{"enabled":false}`)
	docs := p.store.docs
	created, err := Bootstrap(t.Context(), BootstrapOptions{Client: p.client, Index: index, AdminHash: func() (string, error) {
		t.Error("a password was asked for")
		return "", nil
	}})
	if err != nil || created {
		t.Errorf("created %v, %v", created, err)
	}
	if diff := cmp.Diff(docs, p.store.docs, cmp.AllowUnexported(savedDoc{})); diff != "" {
		t.Errorf("documents changed:\n%s", diff)
	}
}

func TestBootstrapOfTwoGatewaysHasOneWinner(t *testing.T) {
	store := &memory{}
	client := cluster.NewClient(store)
	hash, err := authn.HashPasswordCost("first-password", bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	other := false
	bootstrap := func(hash func() (string, error)) (bool, error) {
		return Bootstrap(t.Context(), BootstrapOptions{Client: client, Index: index, AdminHash: hash})
	}
	created, err := bootstrap(func() (string, error) {
		// While this one makes up a password another gateway goes all the way.
		var err error
		other, err = bootstrap(func() (string, error) { return hash, nil })
		return hash, err
	})
	if err != nil || created || !other {
		t.Errorf("created by this one %v, by the other %v, %v; want false, true", created, other, err)
	}
}

func TestBootstrapReportsWhyNot(t *testing.T) {
	client := cluster.NewClient(&memory{})
	for _, f := range []func() (string, error){
		func() (string, error) { return "", errors.New("no entropy") },
		func() (string, error) { return "plain text", nil },
	} {
		_, err := Bootstrap(t.Context(), BootstrapOptions{Client: client, Index: index, AdminHash: f})
		if err == nil || strings.Contains(err.Error(), "plain text") {
			t.Errorf("error %v", err)
		}
	}
}

func TestStateSurvivesAFile(t *testing.T) {
	p := start(t)
	p.world()
	p.must("root1", "PUT", api+"/actiongroups/g", `{"allowed_actions":["read"],"type":"index"}`)
	p.must("root1", "PUT", api+"/audit/config", `{"compliance":{"read_watched_fields":{"accounts":["ssn","id-"]}}}`)
	file, err := json.Marshal(p.state)
	if err != nil {
		t.Fatal(err)
	}
	var got State
	if err := json.Unmarshal(file, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.state, got, cmp.Comparer(sameJSON)); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if strings.Contains(string(file), "Zq7#") {
		t.Error("the file holds a password")
	}
	if len(got.Versions) != len(DocumentIDs()) {
		t.Errorf("versions %v", got.Versions)
	}
}

func TestParseRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, docs := range map[string]map[string]cluster.Doc{
		"not JSON":      {"roles": {Source: json.RawMessage(`{`)}},
		"no member":     {"roles": {Source: json.RawMessage(`{"x":{}}`)}},
		"wrong type":    {"roles": {Source: json.RawMessage(`{"roles":{"r":{"cluster_permissions":"a"}}}`)}},
		"unknown field": {"internalusers": {Source: json.RawMessage(`{"internalusers":{"u":{"nope":1}}}`)}},
		"base64":        {"roles": {Source: json.RawMessage(`{"roles":"e30="}`)}},
		"audit":         {"audit": {Source: json.RawMessage(`{"audit":{"config":{"nope":1}}}`)}},
	} {
		if _, err := Parse(docs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := Parse(nil)
	if err != nil || !s.Audit.Enabled || s.Users == nil {
		t.Errorf("without documents: %+v, %v", s, err)
	}
}

func TestHealthTellsWhetherUsersWereRead(t *testing.T) {
	ready := false
	api := &API{o: Options{Ready: func() bool { return ready }}}
	if status, _, _ := api.getHealth(nil); status != 503 {
		t.Errorf("status %d before", status)
	}
	ready = true
	if status, _, _ := api.getHealth(nil); status != 200 {
		t.Errorf("status %d after", status)
	}
}
