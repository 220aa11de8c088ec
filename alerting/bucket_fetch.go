package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// pageBuckets is how many buckets every page but the first has; maxPages bounds the pages of one aggregation.
	pageBuckets = 1000
	maxPages    = 50
	// defaultBuckets is how many buckets a composite aggregation has that does not say.
	defaultBuckets = 10
)

// morePages fetches what is left of the composite aggregations that triggers look at, after the first answer.
func (r *Runner) morePages(ctx context.Context, m *Monitor, in *SearchInput, body, answer json.RawMessage) ([]json.RawMessage, error) {
	var search map[string]json.RawMessage
	if err := json.Unmarshal(body, &search); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	aggs := search["aggregations"]
	if isNull(aggs) {
		aggs = search["aggs"]
	}
	var all map[string]map[string]json.RawMessage
	if err := json.Unmarshal(aggs, &all); err != nil {
		return nil, fmt.Errorf("aggregations: %w", err)
	}
	var pages []json.RawMessage
	for _, name := range parents(m) {
		agg := all[name]
		if isNull(agg["composite"]) {
			continue
		}
		more, err := r.pages(ctx, m, in, compositePages{name, agg, search["query"], answer})
		if err != nil {
			return nil, err
		}
		pages = append(pages, more...)
	}
	return pages, nil
}

// parents returns the outermost aggregations that triggers look at.
func parents(m *Monitor) []string {
	var out []string
	for i := range m.Triggers {
		name, _, _ := strings.Cut(m.Triggers[i].Bucket.Parent, ">")
		if name = strings.TrimSpace(name); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// compositePages is a composite aggregation of which the first page is known.
type compositePages struct {
	name   string
	agg    map[string]json.RawMessage
	query  json.RawMessage
	answer json.RawMessage
}

func (r *Runner) pages(ctx context.Context, m *Monitor, in *SearchInput, c compositePages) ([]json.RawMessage, error) {
	var composite map[string]json.RawMessage
	if err := json.Unmarshal(c.agg["composite"], &composite); err != nil {
		return nil, fmt.Errorf("aggregation [%s]: %w", c.name, err)
	}
	size := defaultBuckets
	if raw, ok := composite["size"]; ok && json.Unmarshal(raw, &size) != nil {
		return nil, fmt.Errorf("aggregation [%s]: size is not a number", c.name)
	}
	var pages []json.RawMessage
	for answer := c.answer; ; size = pageBuckets {
		n, after := lastBucket(answer, c.name)
		if n < size || after == nil {
			return pages, nil
		}
		if len(pages) == maxPages {
			return nil, fmt.Errorf("aggregation [%s] has more than %d buckets", c.name, maxPages*pageBuckets)
		}
		composite["size"], composite["after"] = encode(pageBuckets), after
		agg := map[string]json.RawMessage{}
		maps.Copy(agg, c.agg)
		agg["composite"] = encode(composite)
		body := map[string]any{"size": 0, "track_total_hits": false, "aggregations": map[string]any{c.name: agg}}
		if c.query != nil {
			body["query"] = c.query
		}
		var err error
		if answer, err = r.o.Searcher.Search(ctx, m.User, in.Indices, encode(body)); err != nil {
			return nil, err
		}
		pages = append(pages, answer)
	}
}

// lastBucket returns how many buckets a page has, and after which key the next begins.
func lastBucket(answer json.RawMessage, name string) (int, json.RawMessage) {
	var page struct {
		Aggregations map[string]json.RawMessage `json:"aggregations"`
	}
	var agg struct {
		After   json.RawMessage   `json:"after_key"`
		Buckets []json.RawMessage `json:"buckets"`
	}
	if json.Unmarshal(answer, &page) != nil || json.Unmarshal(page.Aggregations[name], &agg) != nil {
		return 0, nil
	}
	return len(agg.Buckets), agg.After
}
