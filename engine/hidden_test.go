package engine

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vigil/rest"
)

// TestHiddenIndicesShowNothing has a caller who may search an index but must not see its documents.
func TestHiddenIndicesShowNothing(t *testing.T) {
	e, err := Open(Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path, body string, hidden ...string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		call, err := table.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		call.Hidden, call.Body = hidden, []byte(body)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r.WithContext(rest.NewContext(r.Context(), call)))
		return rec
	}
	for _, index := range []string{"secret", "open"} {
		if rec := do(http.MethodPut, "/"+index+"/_doc/1", `{"a":"canary"}`); rec.Code != http.StatusCreated {
			t.Fatalf("got %d %s", rec.Code, rec.Body)
		}
	}
	f := func(method, path, body string, status int, canaries int) {
		t.Helper()
		rec := do(method, path, body, "secret")
		if got := strings.Count(rec.Body.String(), "canary"); rec.Code != status || got != canaries {
			t.Errorf("%s %s: got %d with %d documents, want %d with %d: %s", method, path, rec.Code, got, status, canaries, rec.Body)
		}
	}
	f("GET", "/secret/_search", "", 200, 0)
	f("GET", "/secret,open/_search", "", 200, 1)
	f("GET", "/secret/_doc/1", "", 404, 0)
	f("GET", "/secret/_source/1", "", 404, 0)
	f("POST", "/_mget", `{"docs":[{"_index":"secret","_id":"1"},{"_index":"open","_id":"1"}]}`, 200, 1)
	f("GET", "/secret/_count", "", 200, 0)
	if body := do("GET", "/secret/_count", "", "secret").Body.String(); !strings.Contains(body, `"count":0`) {
		t.Errorf("the hidden documents are counted: %s", body)
	}
	if body := do("POST", "/secret/_search", `{"size":0,"aggs":{"t":{"terms":{"field":"a.keyword"}}}}`, "secret").Body.String(); strings.Contains(body, "canary") {
		t.Errorf("the hidden documents are aggregated: %s", body)
	}
	vectors := do("POST", "/secret/_termvectors", `{"doc":{"a":"canary"},"term_statistics":true}`, "secret").Body.String()
	if strings.Contains(vectors, `doc_freq":1`) || strings.Contains(vectors, `"doc_count":1`) {
		t.Errorf("the statistics count hidden documents: %s", vectors)
	}
}
