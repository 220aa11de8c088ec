package engine

import (
	"slices"
	"strings"
)

const streamParams = "timeout master_timeout cluster_manager_timeout "

func (e *Engine) handleCreateStream(q *request) (*answer, error) {
	if len(q.body) > 0 {
		return nil, badRequest("request [%s %s] does not support having a body", q.http.Method, q.http.URL.Path)
	}
	if err := e.createStream(q.call.Vars["name"]); err != nil {
		return nil, err
	}
	return acknowledged()
}

func (e *Engine) handleGetStreams(q *request) (*answer, error) {
	s := e.state.Load()
	streams, err := e.judgedStreams(q, s, false)
	if err != nil {
		return nil, err
	}
	list := make([]any, 0, len(streams))
	for _, d := range streams {
		indices := make([]any, 0, len(d.Indices))
		status := "GREEN"
		for _, name := range d.Indices {
			x := s.indices[name]
			indices = append(indices, map[string]any{"index_name": name, "index_uuid": x.UUID})
			if x.health() != "green" {
				status = strings.ToUpper(x.health())
			}
		}
		shown := map[string]any{
			"name": d.Name, "timestamp_field": map[string]any{"name": "@timestamp"}, "indices": indices,
			"generation": d.Generation, "status": status,
		}
		if t, _ := s.composable(d.Name); t != "" {
			shown["template"] = t
		}
		list = append(list, shown)
	}
	return ok(map[string]any{"data_streams": list})
}

// judgedStreams returns the data streams that a request names, if the caller may use their indices.
func (e *Engine) judgedStreams(q *request, s *state, lenient bool) ([]*dataStream, error) {
	streams, err := s.matchStreams(q.call.Vars["name"], lenient)
	if err != nil {
		return nil, err
	}
	for _, d := range streams {
		if err := q.judged(d.Indices...); err != nil {
			return nil, err
		}
	}
	return streams, nil
}

func (e *Engine) handleDeleteStreams(q *request) (*answer, error) {
	err := e.change(func(s *state) ([]change, error) {
		streams, err := e.judgedStreams(q, s, true) // what is not there need not be deleted
		if err != nil {
			return nil, err
		}
		var out []change
		for _, d := range streams {
			out = append(out, change{DropStream: d.Name})
			for _, name := range d.Indices {
				out = append(out, change{Drop: s.indices[name].UUID})
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func (e *Engine) handleStreamStats(q *request) (*answer, error) {
	s := e.state.Load()
	streams, err := e.judgedStreams(q, s, false)
	if err != nil {
		return nil, err
	}
	var indices []*index
	var size int64
	list := make([]any, 0, len(streams))
	for _, d := range streams {
		var own, newest int64
		for _, name := range d.Indices {
			x := s.indices[name]
			indices = append(indices, x)
			own += x.docs.stats().Bytes
			newest = max(newest, newestTimestamp(x))
		}
		size += own
		list = append(list, map[string]any{
			"data_stream": d.Name, "backing_indices": len(d.Indices), "store_size_bytes": own, "maximum_timestamp": newest,
		})
	}
	return ok(map[string]any{
		"_shards": shardTotals(indices), "data_stream_count": len(streams), "backing_indices": len(indices),
		"total_store_size_bytes": size, "data_streams": list,
	})
}

// handleRollStream rolls a data stream over, if a condition holds or none is given.
func (e *Engine) handleRollStream(q *request, s *state, d *dataStream, body rolloverBody, dry bool) (*answer, error) {
	if q.call.Vars["new_index"] != "" {
		return nil, badRequest("new index name may not be specified when rolling over a data stream")
	}
	if len(body.Settings) > 0 || len(body.Mappings) > 0 || len(body.Aliases) > 0 {
		return nil, badRequest("aliases, mappings, and index settings may not be specified when rolling over a data stream")
	}
	old := s.indices[d.writeIndex()]
	met, some, err := body.met(old, q.now)
	if err != nil {
		return nil, err
	}
	roll := (len(met) == 0 || some) && !dry
	if roll {
		if err := e.rollStream(d.Name); err != nil {
			return nil, err
		}
	}
	return ok(rolled(roll, dry, old.Name, d.backingName(d.Generation+1), met))
}

// rolled is the answer of a rollover.
func rolled(done, dry bool, old, name string, met map[string]bool) map[string]any {
	return map[string]any{
		"acknowledged": done, "shards_acknowledged": done, "old_index": old, "new_index": name,
		"rolled_over": done, "dry_run": dry, "conditions": met,
	}
}

// streamsUsing returns the data streams that were made from a template and have no other.
func (s *state) streamsUsing(template string) []string {
	var out []string
	for name := range s.streams {
		if t, _ := s.composable(name); t == template {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
