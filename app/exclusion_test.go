package app_test

import (
	"net/http"
	"strings"
	"testing"

	"vigil/app/apptest"
)

// TestExclusionsLetNothingIn has a user with rights on foo* try to reach other indices by expressions whose exclusions mean
// less to the handler than they seem to.
func TestExclusionsLetNothingIn(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.Must("PUT", "/_plugins/_security/api/roles/foos", `{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["foo*"],"allowed_actions":["*"]}]}`)
	s.Must("PUT", "/_plugins/_security/api/rolesmapping/foos", `{"users":["bob"]}`)
	s.Must("PUT", "/_plugins/_security/api/internalusers/bob", `{"hash":"`+apptest.Hash(t, "bobs-Password-1")+`"}`)
	for _, index := range []string{"foo", "foo-z", "top", "secret1"} {
		s.Must("PUT", "/"+index+"/_doc/1", `{"a":"canary-`+index+`"}`)
	}
	s.Must("PUT", "/secret1/_alias/pub1", nil)

	f := func(method, path, body string, want int) {
		t.Helper()
		a := s.As("bob", "bobs-Password-1", method, path, body)
		text := string(a.Body)
		if a.Status != want || strings.Contains(text, "canary-top") || strings.Contains(text, "canary-secret") || strings.Contains(text, "$2a$") {
			t.Errorf("%s %s: got %d %s, want %d", method, path, a.Status, a.Body, want)
		}
	}
	f("GET", "/foo*,top,-to*/_search?expand_wildcards=none", "", http.StatusForbidden)
	f("GET", "/foo*,.opendistro_security,-.opendistro_sec*/_search?expand_wildcards=none", "", http.StatusForbidden)
	f("GET", "/foo*,top,-to*/_count?expand_wildcards=none", "", http.StatusForbidden)
	f("GET", "/foo*,top,-to*/_mapping?expand_wildcards=none", "", http.StatusForbidden)
	f("GET", "/foo*,top,-to*/_settings?expand_wildcards=none", "", http.StatusForbidden)
	f("PUT", "/foo*,top,-to*/_settings?expand_wildcards=none", `{"index":{"blocks.read":true}}`, http.StatusForbidden)
	f("PUT", "/foo*,top,-to*/_mapping?expand_wildcards=none", `{"properties":{"x":{"type":"keyword"}}}`, http.StatusForbidden)
	f("POST", "/foo*,top,-to*/_delete_by_query?expand_wildcards=none", `{"query":{"match_all":{}}}`, http.StatusForbidden)
	f("DELETE", "/foo*,%3C.opendistro_securit%5Cy%3E,-.opendistro_sec*?expand_wildcards=none", "", http.StatusForbidden)
	f("DELETE", "/foo-z,secr*1,-pub*", "", http.StatusForbidden)
	f("GET", "/foo,.opens*,-*-config/_search", "", http.StatusOK)
	f("GET", "/foo*,-foo-z/_search", "", http.StatusOK)
	f("POST", "/_aliases", `{"actions":[{"add":{"indices":["foo*","secr*1","-pub*"],"alias":"foo-all"}}]}`, http.StatusForbidden)
	msearch := s.As("bob", "bobs-Password-1", "POST", "/_msearch", `{"index":["foo*","top","-to*"],"expand_wildcards":"none"}`+"\n"+`{"query":{"match_all":{}}}`+"\n")
	if text := string(msearch.Body); strings.Contains(text, "canary-top") || !strings.Contains(text, `"status":403`) {
		t.Errorf("msearch: got %s", text)
	}
	for _, index := range []string{"foo", "foo-z", "top", "secret1", ".opendistro_security"} {
		if a := s.Admin("HEAD", "/"+index, nil); a.Status != http.StatusOK {
			t.Errorf("%s is gone: %d", index, a.Status)
		}
	}
	if a := s.Admin("GET", "/top/_search", nil); !strings.Contains(string(a.Body), "canary-top") {
		t.Errorf("top was changed: %s", a.Body)
	}
}
