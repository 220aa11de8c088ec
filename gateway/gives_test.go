package gateway

import (
	"net/http"
	"slices"
	"testing"

	"vigil/audit"
)

func TestNamesThatARequestGivesAreJudged(t *testing.T) {
	for _, c := range []struct {
		line, body string
		want       int
		missing    string // of the event, if refused and no attempt
	}{
		{"owner PUT /logs-a/_clone/secret", "", http.StatusForbidden, "indices:admin/create"},
		{"owner PUT /logs-a/_clone/logs-b", "", http.StatusOK, ""},
		{"owner PUT /logs-a/_shrink/secret", "", http.StatusForbidden, "indices:admin/create"},
		{"owner PUT /logs-a/_split/%3Csecret-%7Bnow%7D%3E", "", http.StatusForbidden, "indices:admin/create"},
		{"owner PUT /logs-a/_clone/logs-b", `{"aliases":{"x":{}}}`, http.StatusForbidden, "indices:admin/create"},
		{"owner POST /logs-a/_rollover/secret", "", http.StatusForbidden, "indices:admin/create"},
		{"owner POST /logs-a/_rollover", "", http.StatusOK, ""},
		{"root PUT /logs-a/_clone/.security", "", http.StatusForbidden, ""},
		{"root PUT /logs-a/_clone/b", `{"aliases":{".security":{}}}`, http.StatusForbidden, ""},
		{"root POST /logs-a/_rollover/.security", "", http.StatusForbidden, ""},
		{"root POST /logs-a/_rollover", `{"aliases":{".security":{}}}`, http.StatusForbidden, ""},
		{"root PUT /new", `{"aliases":{".security":{}}}`, http.StatusForbidden, ""},
		{"root PUT /new", `{"aliases":{"fine":{}}}`, http.StatusOK, ""},
		{"root PUT /logs-a/_alias/.security", "", http.StatusForbidden, ""},
		{"root PUT /logs-a/_alias/fine", `{"alias":".security"}`, http.StatusForbidden, ""},
		{"root PUT /logs-a/_alias/audit-9", "", http.StatusForbidden, ""},
		{"root POST /_aliases", `{"actions":[{"add":{"index":"logs-a","aliases":["fine",".security"]}}]}`, http.StatusForbidden, ""},
		{"root POST /_aliases", `{"actions":[{"ADD":{"index":"logs-a","aliaſ":".security"}}]}`, http.StatusForbidden, ""},
		{"root POST /_aliases", `{"actions":[{"remove":{"index":"logs-a","alias":".security"}}]}`, http.StatusOK, ""},
		{"root PUT /_template/t", `{"index_patterns":[".sec*"]}`, http.StatusForbidden, ""},
		{"root PUT /_template/t", `{"index_patterns":"logs-*","aliases":{"audit-9":{}}}`, http.StatusForbidden, ""},
		{"root PUT /_index_template/t", `{"index_patterns":["logs-*","aud*"]}`, http.StatusForbidden, ""},
		{"root PUT /_index_template/t", `{"index_patterns":["9"],"template":{"aliases":{"audit-{index}":{}}}}`, http.StatusForbidden, ""},
		{"root PUT /_index_template/t", `{"index_patterns":["logs-*"],"template":{"aliases":{"{index}-all":{}}}}`, http.StatusOK, ""},
		{"root PUT /_index_template/t", `{"index_patterns":["*"]}`, http.StatusOK, ""},
		{"root PUT /_component_template/t", `{"template":{"aliases":{".security":{}}}}`, http.StatusForbidden, ""},
		{"root PUT /_component_template/t", `{"template":{"aliases":{"fine":{}}}}`, http.StatusOK, ""},
	} {
		w := newWorld(t, everything, answerJSON(`{}`))
		rec := w.do(c.line, c.body)
		if rec.Code != c.want {
			t.Errorf("%s %s: got %d %s, want %d", c.line, c.body, rec.Code, rec.Body, c.want)
		}
		var refused []audit.Category
		for _, e := range w.events {
			if e.RequestType == "CreateIndexRequest" && c.want == http.StatusOK && c.line != "root PUT /new" {
				t.Errorf("%s: an event of what OpenSearch does not record: %+v", c.line, e)
			}
			if e.Category == audit.MissingPrivileges || e.Category == audit.SecurityIndexAttempt {
				refused = append(refused, e.Category)
			}
			if e.Category == audit.MissingPrivileges && c.missing != "" && e.Privilege != c.missing {
				t.Errorf("%s: the event says %s is missing", c.line, e.Privilege)
			}
		}
		want := []audit.Category{audit.SecurityIndexAttempt, audit.MissingPrivileges}
		switch {
		case c.want == http.StatusOK:
			want = nil
		case c.missing != "":
			want = want[1:]
		}
		if !slices.Equal(refused, want) {
			t.Errorf("%s %s: got %v, want %v", c.line, c.body, refused, want)
		}
	}
}

func TestNamesThatARolloverMayChoose(t *testing.T) {
	got := nextNames([]string{"stream", "logs"}, []string{"logs-000009", "logs-a", "x-1", "5", "none", ".ds-stream-000004", ".ds-other-000001"})
	if want := []string{"logs-000010", "x-000002", "stream", ".ds-other-000002"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
