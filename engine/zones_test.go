package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/engine/query"
)

// A search that skips zones finds what one finds that looks at every document, which those with aggregations do.
func TestZonesHideNothing(t *testing.T) {
	e, err := Open(Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	rng := rand.New(rand.NewPCG(7, 7))
	id := 0
	const epoch = 1_000_000_000_000 // smaller numbers may be years
	write := func(n int) {
		var body strings.Builder
		for range n {
			id++
			switch rng.IntN(10) {
			case 0:
				fmt.Fprintf(&body, "{\"delete\":{\"_id\":\"%d\"}}\n", rng.IntN(id))
			case 1: // long ago, into a zone of today
				fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"@timestamp\":%d}\n", rng.IntN(id), epoch+rng.IntN(id))
			case 2:
				fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"other\":true}\n", id)
			default:
				fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"@timestamp\":[%d,%d]}\n", id, epoch+id, epoch+id+3)
			}
		}
		if status, text := call(e, "POST", "/a/_bulk", body.String()); status != 200 {
			t.Fatal(text)
		}
	}
	if status, text := call(e, "PUT", "/a", `{"mappings":{"properties":{"@timestamp":{"type":"date"},"then":{"type":"alias","path":"@timestamp"}}}}`); status != 200 {
		t.Fatal(text)
	}
	found := func(query, more string) []string {
		status, text := call(e, "POST", "/a/_search", `{"size":10000,"track_total_hits":true,"sort":["_doc"],"query":`+query+more+`}`)
		if status != 200 {
			t.Fatal(text)
		}
		var answer struct {
			Hits struct {
				Hits []struct {
					ID string `json:"_id"`
				} `json:"hits"`
			} `json:"hits"`
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, h := range answer.Hits.Hits {
			ids = append(ids, h.ID)
		}
		return ids
	}
	for range 6 {
		write(2500)
		for range 20 {
			from, to := epoch+rng.IntN(id), epoch+rng.IntN(id+id/10)
			q := []string{
				fmt.Sprintf(`{"range":{"@timestamp":{"gte":%d,"lt":%d}}}`, from, to),
				fmt.Sprintf(`{"range":{"then":{"gt":%d}}}`, from),
				fmt.Sprintf(`{"bool":{"filter":[{"range":{"@timestamp":{"lte":%d}}},{"exists":{"field":"@timestamp"}}]}}`, to),
				fmt.Sprintf(`{"bool":{"must":[{"constant_score":{"filter":{"range":{"@timestamp":{"gte":%d}}}}}],"must_not":[{"range":{"@timestamp":{"lt":%d}}}]}}`, from, to),
				fmt.Sprintf(`{"bool":{"should":[{"range":{"@timestamp":{"gte":%d}}},{"term":{"other":true}}]}}`, to),
			}[rng.IntN(5)]
			all := found(q, `,"aggs":{"n":{"value_count":{"field":"@timestamp"}}}`)
			if diff := cmp.Diff(all, found(q, "")); diff != "" {
				t.Fatalf("%s finds other documents (-all +zones):\n%s", q, diff)
			}
		}
	}
	x := e.state.Load().indices["a"]
	last := []query.Span{{Field: "@timestamp", From: epoch + int64(id) - 10, To: epoch + int64(id)}}
	if some, all := len(x.docs.within(last)), len(x.docs.snapshot()); some == 0 || some > all/2 {
		t.Errorf("%d of %d documents were looked at for the last of them", some, all)
	}
}

// Scores compare a document with all others.
func TestZonesLeaveScoresAlone(t *testing.T) {
	e, err := Open(Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var body strings.Builder
	for i := range 3 * zoneSlots {
		fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"@timestamp\":%d,\"word\":\"w%d\"}\n", i, 1e12+i, i%7)
	}
	if status, text := call(e, "POST", "/a/_bulk", `{"create":{"_id":"first"}}`+"\n"+`{"@timestamp":"1990-01-01"}`+"\n"+body.String()); status != 200 {
		t.Fatal(text)
	}
	score := func(more string) string {
		_, text := call(e, "POST", "/a/_search", fmt.Sprintf(`{"size":1,"query":{"bool":{"must":[{"match":{"word":"w1"}}],"filter":[{"range":{"@timestamp":{"gte":%d}}}]}}%s}`, int64(1e12)+3*zoneSlots-20, more))
		var answer struct {
			Hits struct {
				Max float64 `json:"max_score"`
			} `json:"hits"`
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Hits.Max == 0 {
			t.Fatal(text)
		}
		return fmt.Sprint(answer.Hits.Max)
	}
	if got, want := score(""), score(`,"aggs":{"n":{"value_count":{"field":"@timestamp"}}}`); got != want {
		t.Errorf("score %s, want %s", got, want)
	}
}
