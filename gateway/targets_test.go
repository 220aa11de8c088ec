package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/rest"
)

// The sources of a reindex are judged unless they are elsewhere. Null is as if nothing were said of it.
func TestSourcesOfAReindexAreJudged(t *testing.T) {
	for body, want := range map[string][]string{
		`{"source":{"index":"secret"},"dest":{"index":"mine"}}`:                                  {"secret"},
		`{"source":{"index":["secret","a"],"remote":null},"dest":{"index":"mine"}}`:              {"secret", "a"},
		`{"source":{"index":"secret","remote":{"host":"http://other"}},"dest":{"index":"mine"}}`: nil,
	} {
		got := bodyTargets(&rest.Call{Route: &rest.Route{Op: "reindex"}, Body: []byte(body)})
		if diff := cmp.Diff(want, got.also); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
		if diff := cmp.Diff([]string{"mine"}, got.exprs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}
