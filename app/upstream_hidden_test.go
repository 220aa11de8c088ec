package app_test

import (
	"encoding/json"
	"strings"
	"testing"

	"vigil/app/apptest"
)

// The cluster that holds our state believes us, so nobody who may do everything there reads users' hashes through us.
func TestStateInTheGuardedClusterIsShownToNobody(t *testing.T) {
	t.Parallel()
	s := gateways(t, 1)[0]
	s.User("boss", "all_access")
	s.Must("PUT", "/mine/_doc/1?refresh=true", `{"n":1}`)
	search := `{"query":{"match_all":{}}}` + "\n"
	var pit struct {
		ID string `json:"pit_id"`
	}
	if a := s.As("boss", apptest.Password, "POST", "/*/_search/point_in_time?keep_alive=1m&expand_wildcards=all", nil); a.Status == 200 {
		if err := json.Unmarshal(a.Body, &pit); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/.vigil-security/_search", ""},
		{"GET", "/_search?expand_wildcards=all", ""},
		{"GET", "/.opendistro_security/_search", ""},
		{"GET", "/.vigil-security/_doc/internalusers", ""},
		{"GET", "/.vigil-security/_source/internalusers", ""},
		{"GET", "/.vigil-security/_search?scroll=1m", ""},
		{"POST", "/_msearch", `{"index":".vigil-security"}` + "\n" + search},
		{"POST", "/_msearch", `{"index":["*"],"expand_wildcards":"all"}` + "\n" + search},
		{"POST", "/.vigil-security/_msearch", "{}\n" + search},
		{"POST", "/_mget", `{"docs":[{"_index":".vigil-security","_id":"internalusers"}]}`},
		{"POST", "/.vigil-security/_mget", `{"ids":["internalusers"]}`},
		{"POST", "/mine/_termvectors/internalusers?fields=*", `{"_index":".vigil-security"}`},
		{"POST", "/.vigil-security/_explain/internalusers?_source=true", `{"query":{"match_all":{}}}`},
		{"POST", "/_search", `{"pit":{"id":"` + pit.ID + `"}}`},
		{"POST", "/_reindex", `{"source":{"index":".vigil-security","remote":null},"dest":{"index":"copy"}}`},
		{"POST", "/_reindex", `{"source":{"index":".vigil-security"},"dest":{"index":"copy"}}`},
		{"GET", "/copy/_search", ""},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		a := s.As("boss", apptest.Password, c.method, c.path, body)
		if got := string(a.Body); strings.Contains(got, "$2") || strings.Contains(got, `"internalusers":`) || a.Status >= 500 && a.Status != 501 {
			t.Errorf("%s %s %s: got %d %.400s", c.method, c.path, c.body, a.Status, got)
		}
	}
}
