package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vigil/engine/query"
	"vigil/engine/query/querytest"
)

// TestBestHitsAreThoseOfAWholeSort compares searches that may forget candidates with the same ones told to keep them all.
func TestBestHitsAreThoseOfAWholeSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var docs []string
	for range 6000 {
		docs = append(docs, fmt.Sprintf(`{"n":%d,"m":%d,"msg":"%s"}`, r.IntN(50), r.IntN(50), strings.Repeat("word ", 1+r.IntN(9))))
	}
	target := querytest.Index(t, "logs", querytest.Mapping{"n": "integer", "m": "integer", "msg": "text"}, docs...)
	for _, body := range []string{
		`"sort":[{"n":"desc"}]`,
		`"sort":[{"n":"asc"},{"m":"desc"}]`,
		`"sort":[{"_doc":"desc"}]`,
		`"sort":["_doc"]`,
		`"query":{"match":{"msg":"word"}}`,
		`"query":{"match":{"msg":"word"}},"sort":[{"n":"asc"},"_score"],"track_scores":true`,
		`"query":{"range":{"n":{"lt":25}}},"sort":[{"m":"asc"}],"post_filter":{"range":{"m":{"gt":2}}}`,
	} {
		whole := search(t, `{"size":10000,`+body+`}`, target)
		if len(whole.Hits) < 2000 {
			t.Fatalf("%s: %d hits tell nothing", body, len(whole.Hits))
		}
		for _, w := range []struct{ from, size int }{{0, 0}, {0, 1}, {0, 10}, {5, 10}, {1030, 20}} {
			got := search(t, fmt.Sprintf(`{"from":%d,"size":%d,"track_total_hits":true,%s}`, w.from, w.size, body), target)
			want := *whole
			want.Hits = whole.Hits[w.from : w.from+w.size]
			if ids(got) != ids(&want) {
				t.Errorf("%s from %d size %d: got %s, want %s", body, w.from, w.size, ids(got), ids(&want))
			}
			if got.Total != len(whole.Hits) {
				t.Errorf("%s: got a total of %d, want %d", body, got.Total, len(whole.Hits))
			}
			if w.size > 0 && (got.MaxScore == nil) != (whole.MaxScore == nil) || got.MaxScore != nil && *got.MaxScore != *whole.MaxScore {
				t.Errorf("%s: the highest score differs", body)
			}
		}
	}
}

// TestSearchesAllocateNothingPerDocument holds for the searches that monitors and dashboards run all day.
func TestSearchesAllocateNothingPerDocument(t *testing.T) {
	var docs []string
	for i := range 5000 {
		docs = append(docs, fmt.Sprintf(`{"user":"u%d","at":%d}`, i%2, now.UnixMilli()-int64(i)*1000))
	}
	target := querytest.Index(t, "logs", querytest.Mapping{"user": "keyword", "at": "date"}, docs...)
	for _, body := range []string{
		`{}`,
		`{"query":{"bool":{"filter":[{"term":{"user":"u1"}},{"range":{"at":{"gte":"now-1h"}}}]}},"sort":[{"at":"desc"}]}`,
		`{"query":{"terms":{"user":["u1","u2"]}},"sort":[{"at":"desc"}]}`,
		`{"query":{"term":{"user":"u1"}}}`,
	} {
		r, err := query.ParseRequest([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got := testing.AllocsPerRun(5, func() {
			if _, err := query.Run(context.Background(), r, []query.Target{target}, now); err != nil {
				t.Fatal(err)
			}
		})
		// The candidates collected before the first cut have keys of their own.
		if got > 1500 {
			t.Errorf("%s: %.0f allocations for %d documents", body, got, len(docs))
		}
	}
}
