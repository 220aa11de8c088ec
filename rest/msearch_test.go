package rest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readSearches(body string, defaults ...string) ([]SearchItem, error) {
	var items []SearchItem
	for item, err := range Searches([]byte(body), defaults) {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

func TestSearches(t *testing.T) {
	body := "\n" + `{"index":"a,b*"}` + "\n" + `{"size":0}` + "\r\n" +
		`{"indices":["c","<d-{now,x}>"],"searchType":"dfs_query_then_fetch","ignore_unavailable":true,"expand_wildcards":["open","closed"],"preference":null}` + "\n{}\n" +
		"\n" + `{"size":1}` + "\n" +
		"{}\n{}\n"
	got, err := readSearches(body, "def")
	if err != nil {
		t.Fatal(err)
	}
	want := []SearchItem{
		{Indices: []string{"a", "b*"}, Body: json.RawMessage(`{"size":0}`), Line: 2},
		{
			Indices: []string{"c", "<d-{now,x}>"}, Body: json.RawMessage("{}"), Line: 4,
			Params: map[string]string{"search_type": "dfs_query_then_fetch", "ignore_unavailable": "true", "expand_wildcards": "open,closed"},
		},
		{Indices: []string{"def"}, Body: json.RawMessage(`{"size":1}`), Line: 6},
		{Indices: []string{"def"}, Body: json.RawMessage("{}"), Line: 8},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("searches (-want +got):\n%s", diff)
	}
}

func TestSearchesRefuses(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"nothing", "", "request body or source parameter is required"},
		{"newlines alone", "\n", "Validation Failed: 1: no requests added;"},
		{"no newline at the end", "{}\n{}", "The msearch request must be terminated by a newline [\n]"},
		{"no search", "{}\n", "Malformed header line [1], expected a search after it but found the end"},
		{"an unknown key", `{"x":1}` + "\n{}\n", "key [x] is not supported in the metadata section"},
		{"a repeated key", `{"index":"a","indices":"b"}` + "\n{}\n", "duplicate key [indices] in the metadata section"},
		{"a header that is no object", "[]\n{}\n", "Malformed header line [1], it is not a JSON object"},
		{"an object as index", `{"index":{}}` + "\n{}\n", "[index] must be a string or a list of strings but is [START_OBJECT]"},
		{"a list in a list", `{"index":[["a"]]}` + "\n{}\n", "[index] must hold strings but holds [START_ARRAY]"},
		{"a list as preference", `{"preference":[]}` + "\n{}\n", "[preference] must not be a list"},
		{"a long header", `{"index":"` + strings.Repeat("x", maxMetadataLine) + `"}` + "\n{}\n", "header line [1] is longer than [65536] bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readSearches(test.body)
			if got, ok := errors.AsType[*Error](err); !ok || got.Status != 400 || got.Reason != test.reason {
				t.Errorf("got %v, want 400 %s", err, test.reason)
			}
		})
	}
}

func FuzzSearches(f *testing.F) {
	for _, s := range []string{"", "\n", "{}\n{}\n", "\n\n{}\n", `{"index":["a"]}` + "\n{}\n", `{"index":null,"routing":1}` + "\r\n\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		items, err := readSearches(body, "d")
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Status != 400 {
				t.Fatalf("got %v, want an *Error of status 400", err)
			}
			return
		}
		if n := strings.Count(body, "\n"); len(items) == 0 || 2*len(items) > n {
			t.Fatalf("got %d searches from %d lines", len(items), n)
		}
	})
}
