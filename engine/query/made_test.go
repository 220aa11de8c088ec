package query

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/engine/segment"
)

// noFields is a mapping without fields, but for the nested objects l.
type noFields struct{}

func (noFields) Field(string) *segment.Field   { return nil }
func (noFields) Match(string) []*segment.Field { return nil }
func (noFields) Objects() map[string]segment.Type {
	return map[string]segment.Type{"l": segment.Nested}
}

// TestWhatASearchMakesIsBounded shows a document of 1 MiB more often than its answer may hold.
func TestWhatASearchMakesIsBounded(t *testing.T) {
	source := json.RawMessage(`{"l":{"big":"` + strings.Repeat("x", 1<<20) + `"}}`)
	d := &segment.Doc{ID: "1", Source: source, Nested: map[string][]*segment.Doc{"l": {{ID: "1"}}}}
	inner := func(name string) string {
		return `{"nested":{"path":"l","query":{"match_all":{}},"inner_hits":{"name":"` + name + `"}}}`
	}
	var scripts, nested []string
	for i := range maxScriptFields {
		name := "n" + strconv.Itoa(i)
		scripts, nested = append(scripts, `"`+name+`":{"script":"params._source"}`), append(nested, inner(name))
	}
	for _, tc := range []struct {
		body string
		docs int
		want string
	}{
		{`{"script_fields":{` + strings.Join(scripts, ",") + `}}`, 3, ""},
		{`{"script_fields":{` + strings.Join(scripts, ",") + `}}`, 5, "circuit_breaking_exception"},
		{`{"query":{"bool":{"must":[` + strings.Join(nested, ",") + `]}}}`, 3, ""},
		{`{"query":{"bool":{"must":[` + strings.Join(nested, ",") + `]}}}`, 5, "circuit_breaking_exception"},
	} {
		r, err := ParseRequest([]byte(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		target := Target{Index: "i", Fields: noFields{}}
		for range tc.docs {
			one := *d
			target.Docs = append(target.Docs, &one)
		}
		_, err = Run(context.Background(), r, []Target{target}, time.Unix(0, 0))
		got := ""
		if e, ok := errors.AsType[*Error](err); ok {
			got = e.Type
		} else if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%d documents, %.40s…: got %q, want %q", tc.docs, tc.body, got, tc.want)
		}
	}
}
