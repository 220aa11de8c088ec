package engine

import (
	"net/http"
	"strings"
	"testing"

	"vigil/rest"
)

func TestByQueryTellsWhatWasDoneBeforeARefusal(t *testing.T) {
	const (
		everything = `{"query":{"match_all":{}}}`
		reindex    = `{"source":{"index":"a"},"dest":{"index":"b"}}`
	)
	for _, tc := range []struct {
		refused    rest.ActionName
		status     int
		path, body string
		answer     []string
	}{
		{"indices:data/read/scroll/clear", 200, "/a/_delete_by_query", everything, []string{`"deleted":3`, `"failures":[]`}},
		{"indices:data/read/scroll/clear", 200, "/a/_update_by_query", everything, []string{`"updated":3`, `"failures":[]`}},
		{"indices:data/read/scroll/clear", 200, "/_reindex", reindex, []string{`"created":3`, `"failures":[]`}},
		{"indices:data/read/scroll", 403, "/a/_delete_by_query?scroll_size=2", everything, []string{`"deleted":2`, `"total":3`, "security_exception"}},
		{"indices:data/read/scroll", 403, "/_reindex?refresh=true", reindex, []string{`"created":3`, "security_exception"}},
		{"indices:admin/refresh", 403, "/a/_delete_by_query?refresh=true", everything, []string{`"deleted":3`, "security_exception"}},
		{"indices:data/write/bulk", 403, "/a/_delete_by_query", everything, []string{`"status":403`, "security_exception"}},
	} {
		e := open(t, Options{})
		for _, id := range []string{"1", "2", "3"} {
			want(t, e, 201, "PUT", "/a/_doc/"+id, `{}`)
		}
		want(t, e, 200, "POST", "/a/_refresh", "")
		fx := &rest.Effects{Allow: func(a rest.Action) error {
			if a.Name == tc.refused {
				return rest.Errorf(http.StatusForbidden, "security_exception", "no permissions for [%s]", a.Name)
			}
			return nil
		}}
		status, text, _ := effects(e, fx, "POST", tc.path, tc.body)
		if status != tc.status {
			t.Errorf("%s without %s: got %d %s, want %d", tc.path, tc.refused, status, text, tc.status)
		}
		for _, part := range tc.answer {
			if !strings.Contains(text, part) {
				t.Errorf("%s without %s: no %s in %s", tc.path, tc.refused, part, text)
			}
		}
	}
}

func TestByQueryIsNotServedUnrecorded(t *testing.T) {
	e := open(t, Options{})
	want(t, e, 201, "PUT", "/a/_doc/1?refresh=true", `{}`)
	fx := &rest.Effects{Allow: func(a rest.Action) error {
		if a.Name == "indices:data/read/scroll/clear" {
			return rest.Errorf(http.StatusServiceUnavailable, "audit_unavailable_exception", "not recorded")
		}
		return nil
	}}
	if status, text, _ := effects(e, fx, "POST", "/a/_delete_by_query", `{"query":{"match_all":{}}}`); status != 503 {
		t.Errorf("got %d %s", status, text)
	}
}
