package app_test

import (
	"net/http"
	"testing"

	"vigil/app/apptest"
)

// TestNamesOfTheProductCannotBeTaken tries to put an alias, a template or a copy where the product's own indices are to be.
func TestNamesOfTheProductCannotBeTaken(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.User("boss", "all_access")
	s.Must("PUT", "/mine/_doc/1", `{"n":1}`)
	s.Must("PUT", "/mine/_block/write", nil)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"PUT", "/mine/_clone/.opendistro-alerting-config", "", http.StatusForbidden},
		{"PUT", "/mine/_clone/copy", `{"aliases":{".tasks":{}}}`, http.StatusForbidden},
		{"PUT", "/mine/_clone/copy", "", http.StatusOK},
		{"PUT", "/mine/_alias/.vigil-later", "", http.StatusForbidden},
		{"PUT", "/mine/_alias/security-auditlog-2999.01.01", "", http.StatusForbidden},
		{"PUT", "/mine/_alias/copy", "", http.StatusBadRequest},
		{"PUT", "/mine/_alias/other", "", http.StatusOK},
		{"PUT", "/_index_template/t", `{"index_patterns":["security-auditlog-2999*"],"priority":900}`, http.StatusForbidden},
		{"PUT", "/_index_template/t", `{"index_patterns":["mine-*"]}`, http.StatusOK},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		if a := s.As("boss", apptest.Password, c.method, c.path, body); a.Status != c.want {
			t.Errorf("%s %s %s: got %d %s, want %d", c.method, c.path, c.body, a.Status, a.Body, c.want)
		}
	}
	if n := len(of(recorded(t, s), "OPENDISTRO_SECURITY_INDEX_ATTEMPT")); n != 5 {
		t.Errorf("%d attempts are recorded, want 5", n)
	}
}
