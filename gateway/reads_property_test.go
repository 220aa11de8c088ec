package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryWatchedValueThatIsShownHasAnEvent makes requests and their answers at random. Each value that is watched is there
// once, under the index and id that its event must name.
func TestEveryWatchedValueThatIsShownHasAnEvent(t *testing.T) {
	for seed := range uint64(2000) {
		g := &answers{Rand: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a test that can be repeated
		request, answer := g.search()
		body, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, strings.Replace(watched, `"a.*"`, `"a.*","all"`, 1), answerJSON(string(text)))
		w.ReadDerived = true
		w.do("root POST /accounts,logs-a/_search", string(body))
		got := map[string]bool{}
		for _, e := range w.events {
			got[e.Resolved[0]+"/"+e.DocID] = true
		}
		want := map[string]bool{}
		for _, s := range g.shown {
			want[s] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: events (-want +got):\n%s\n%s\n%s", seed, diff, body, text)
		}
	}
}

// answers makes searches with answers to them, and notes what these show of watched fields.
type answers struct {
	*rand.Rand
	n     int
	shown []string
}

type object = map[string]any

// watchedNames and others are fields, some of which show a watched one.
var (
	watchedNames = []string{"ssn", "ssn.keyword", "social", "everything", "a.b", "a.b.raw"}
	others       = []string{"x", "b.ssn", "ssnx", "a"}
)

// field returns a field and notes its event if it is watched.
func (g *answers) field(owner string) string {
	if owner != "" && g.IntN(3) == 0 {
		g.shown = append(g.shown, owner)
		return watchedNames[g.IntN(len(watchedNames))]
	}
	return others[g.IntN(len(others))]
}

func (g *answers) value() any { g.n++; return fmt.Sprintf("v%d", g.n) }

// name returns a name of its own.
func (g *answers) name() string { g.n++; return fmt.Sprintf("n%d", g.n) }

// search returns a search with its answer.
func (g *answers) search() (request, answer object) {
	request, list := g.hits(2)
	answer = object{"hits": list}
	if g.IntN(2) == 0 {
		request["aggs"], answer["aggregations"] = g.aggs(2)
	}
	return request, answer
}

// hits returns what asks for hits, and the hits. All of a list are sorted by the same.
func (g *answers) hits(depth int) (request, list object) {
	request = object{}
	sortBy := others[g.IntN(len(others))]
	sortWatched := g.IntN(6) == 0
	if sortWatched {
		sortBy = watchedNames[g.IntN(len(watchedNames))]
	}
	sorted := g.IntN(2) == 0
	if sorted {
		request["sort"] = []any{"_score", object{sortBy: object{"order": "asc"}}}
	}
	innerName, inside := g.name(), g.IntN(3) == 0 && depth > 0
	var hits []any
	for range g.IntN(3) {
		index, owner := "accounts", ""
		if g.IntN(3) == 0 {
			index = "logs-a"
		}
		id := g.name()
		if index == "accounts" {
			owner = index + "/" + id
		}
		h := object{"_index": index, "_id": id, "_score": 1}
		for _, kind := range []string{"fields", "highlight"} {
			if g.IntN(3) == 0 {
				h[kind] = object{g.field(owner): []any{g.value()}}
			}
		}
		if g.IntN(3) == 0 {
			h["_source"] = g.source(owner)
		}
		if sorted {
			h["sort"] = []any{1, g.value()}
			if sortWatched && owner != "" {
				g.shown = append(g.shown, owner)
			}
		}
		hits = append(hits, h)
	}
	if inside && len(hits) > 0 {
		asked, found := g.hits(depth - 1)
		asked["name"] = innerName
		request["collapse"] = object{"field": "x", "inner_hits": []any{asked}}
		hits[0].(object)["inner_hits"] = object{innerName: object{"hits": found}}
	}
	return request, object{"hits": hits}
}

// source returns a document with a watched field or without.
func (g *answers) source(owner string) object {
	if owner == "" || g.IntN(2) == 0 {
		return object{"x": g.value(), "b": object{"ssn": g.value()}}
	}
	g.shown = append(g.shown, owner)
	switch g.IntN(3) {
	case 0:
		return object{"ssn": []any{nil, g.value()}}
	case 1:
		return object{"a": []any{object{"b": g.value()}}}
	}
	return object{"ssn": g.value()}
}

// aggs returns an aggregation or one within another, and its result.
func (g *answers) aggs(depth int) (asked, answer object) {
	name := g.name()
	field, empty := others[g.IntN(len(others))], g.IntN(4) == 0
	if g.IntN(3) == 0 {
		field = watchedNames[g.IntN(len(watchedNames))]
		if !empty {
			g.shown = append(g.shown, "accounts/")
		}
	}
	if g.IntN(4) == 0 && !empty {
		request, list := g.hits(0)
		buckets := []any{object{"key": g.value(), "top": object{"hits": list}}}
		name := "by" + name
		top := "t" + name
		buckets[0].(object)[top] = buckets[0].(object)["top"]
		delete(buckets[0].(object), "top")
		return object{name: object{"terms": object{"field": field}, "aggs": object{top: object{"top_hits": request}}}}, object{name: object{"buckets": buckets}}
	}
	def, buckets := object{"terms": object{"field": field}}, []any{}
	if !empty {
		bucket := object{"key": g.value(), "doc_count": 1}
		if depth > 0 && g.IntN(2) == 0 {
			sub, result := g.aggs(depth - 1)
			def["aggs"] = sub
			maps.Copy(bucket, result)
		}
		buckets = append(buckets, bucket)
	}
	return object{name: def}, object{name: object{"buckets": buckets}}
}
