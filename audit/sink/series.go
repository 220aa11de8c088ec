package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vigil/audit"
	"vigil/cluster"
)

// An id is taken once in an index. Behind an alias that rolls over, and behind a data stream, are many: an event whose first
// attempt got into the index before last would be there twice. So what may have come before is looked for first, in all of them.
// What is left open is a cluster that carries out a bulk after the sink has given up waiting for it, and rolls over in between.

// findAtOnce bounds the ids of one search.
const findAtOnce = 1000

// find returns those of the entries that are indexed already.
func (s *Index) find(ctx context.Context, entries []audit.Entry) ([]audit.Entry, error) {
	var there []audit.Entry
	for part := range slices.Chunk(entries, findAtOnce) {
		ids := make([]string, len(part))
		var names []string
		for i, e := range part {
			ids[i] = e.ID
			if name := s.o.Index.Format(e.Time); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if !s.o.Index.stream {
			// An alias may have left the indices that it led to before.
			for _, name := range slices.Clone(names) {
				names = append(names, name+"-*")
			}
		}
		found, err := s.search(ctx, names, ids)
		if err != nil {
			return nil, err
		}
		for _, e := range part {
			if found[e.ID] {
				there = append(there, e)
			}
		}
	}
	return there, nil
}

// search returns which of the ids documents have. It makes visible first what was written until now.
func (s *Index) search(ctx context.Context, names, ids []string) (map[string]bool, error) {
	err := s.o.Cluster.Refresh(ctx, names...)
	var result cluster.SearchResult
	if err == nil {
		result, err = s.o.Cluster.Search(ctx, names, object{
			"size": 2 * len(ids), "_source": false, "query": object{"ids": object{"values": ids}},
		})
	}
	if errors.Is(err, cluster.ErrNotFound) {
		return nil, nil // nothing was ever written
	}
	if err != nil {
		return nil, err
	}
	if result.TimedOut || result.FailedShards > 0 {
		return nil, fmt.Errorf("%d shards did not answer", result.FailedShards)
	}
	found := make(map[string]bool, len(result.Hits))
	for _, h := range result.Hits {
		found[h.ID] = true
	}
	return found, nil
}

// without returns the entries that are not there yet.
func without(batch, there []audit.Entry) []audit.Entry {
	if len(there) == 0 {
		return batch
	}
	ids := make(map[string]bool, len(there))
	for _, e := range there {
		ids[e.ID] = true
	}
	left := make([]audit.Entry, 0, len(batch))
	for _, e := range batch {
		if !ids[e.ID] {
			left = append(left, e)
		}
	}
	return left
}
