package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"vigil/engine/query"
	"vigil/rest"
)

// maxPITs is search.max_open_pit_context.
const maxPITs = 300

// pits are the points in time that are open. [Engine.sweep] drops those that ran out. As in OpenSearch they belong to nobody:
// who knows the id and may read the indices may search.
type pits struct {
	mu    sync.Mutex
	open  map[string]*pit // by id
	docs  int             // of all that are open
	count int64           // of contexts ever made
}

// pit is what a search found to search at one moment. Targets do not change.
type pit struct {
	targets []query.Target
	uuids   []string // of the targets' indices
	shards  int
	docs    int
	created time.Time

	keep  time.Duration // guarded by pits.mu, as is until
	until time.Time
}

func (p *pits) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, one := range p.open {
		if now.After(one.until) {
			p.remove(id)
		}
	}
}

// remove drops a point in time. The caller holds mu.
func (p *pits) remove(id string) {
	p.docs -= p.open[id].docs
	delete(p.open, id)
}

func (p *pits) add(id string, one *pit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= maxPITs {
		return rest.Errorf(http.StatusTooManyRequests, "rejected_execution_exception",
			"Trying to create too many Point In Time contexts. Must be less than or equal to: [%d]. This limit can be set by changing the "+
				"[search.max_open_pit_context] setting.", maxPITs)
	}
	if p.docs+one.docs > maxScrollDocs {
		return rest.Errorf(http.StatusTooManyRequests, "rejected_execution_exception",
			"open points in time hold [%d] documents, [%d] more would exceed the limit of [%d]", p.docs, one.docs, maxScrollDocs)
	}
	p.docs += one.docs
	if p.open == nil {
		p.open = map[string]*pit{}
	}
	p.open[id] = one
	return nil
}

// take returns an open point in time and lets it live on, if the search asks for it.
func (p *pits) take(id string, now time.Time, keep time.Duration) *pit {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.open[id]
	if one == nil || now.After(one.until) {
		return nil
	}
	if keep > 0 {
		one.keep, one.until = keep, now.Add(keep)
	}
	return one
}

// close drops points in time. Those that are not there are closed already.
func (p *pits) close(ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if p.open[id] != nil {
			p.remove(id)
		}
	}
}

// contexts returns n numbers that no other part of a point in time has.
func (p *pits) contexts(n int) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count += int64(n)
	return p.count - int64(n) + 1
}

func pitKeepAlive(v string) (time.Duration, error) {
	d, err := timeValue("keep_alive", v)
	if err != nil {
		return 0, err
	}
	if d > maxKeepAlive {
		return 0, badRequest("Keep alive for request (%s) is too large. It must be less than (1d). "+
			"This limit can be set by changing the [point_in_time.max_keep_alive] cluster level setting.", v)
	}
	return d, nil
}

const createPITParams = expandNames + "keep_alive preference routing allow_partial_pit_creation "

func (e *Engine) handleCreatePIT(q *request) (*answer, error) {
	v, given := q.call.Param("keep_alive")
	if !given {
		return nil, validation("keep alive not specified")
	}
	keep, err := pitKeepAlive(v)
	if err != nil {
		return nil, err
	}
	spec := &searchSpec{Request: &query.Request{}, exprs: q.indices(), routing: q.str("routing", "")}
	if spec.expand, err = q.expandParams(searchExpand()); err != nil {
		return nil, err
	}
	one := &pit{created: q.now, keep: keep, until: q.now.Add(keep)}
	if one.targets, one.shards, err = e.searched(q, spec); err != nil {
		return nil, err
	}
	s := e.state.Load()
	for _, t := range one.targets {
		one.docs += len(t.Docs)
		x := s.indices[t.Index]
		if x == nil {
			return nil, notFound(t.Index)
		}
		one.uuids = append(one.uuids, x.UUID)
	}
	id := rest.EncodePIT(e.pitShards(s, one))
	if err := e.pits.add(id, one); err != nil {
		return nil, err
	}
	return ok(struct {
		ID      string       `json:"pit_id"`
		Shards  searchShards `json:"_shards"`
		Created int64        `json:"creation_time"`
	}{id, searchShards{Total: one.shards, Successful: one.shards}, q.now.UnixMilli()})
}

// pitShards names the parts of a point in time. Nobody can guess the session.
func (e *Engine) pitShards(s *state, one *pit) []rest.PITShard {
	session := newUUID()
	next := e.pits.contexts(one.shards)
	var out []rest.PITShard
	for _, t := range one.targets {
		x := s.indices[t.Index]
		for shard := range x.shards() {
			out = append(out, rest.PITShard{Index: t.Index, UUID: x.UUID, Shard: shard, Node: e.nodeID, Session: session, Context: next})
			next++
		}
	}
	return out
}

// readPIT reads what a search says of its point in time, and which indices that is of.
func (s *searchSpec) readPIT(q *request) error {
	var def struct {
		ID   string `json:"id"`
		Keep string `json:"keep_alive"`
	}
	if err := decodeStrict(s.PIT, &def); err != nil {
		return err
	}
	if def.ID == "" {
		return badRequest("point in time id is not provided")
	}
	for _, no := range []struct {
		reason string
		given  bool
	}{
		{"[indices] cannot be used with point in time", q.call.Vars["index"] != ""},
		{"[routing] cannot be used with point in time", s.routing != ""},
		{"[preference] cannot be used with point in time", q.str("preference", "") != ""},
		{"using [point in time] is not allowed in a scroll context", s.scroll != ""},
	} {
		if no.given {
			return validation(no.reason)
		}
	}
	if def.Keep != "" {
		var err error
		if s.pitKeep, err = pitKeepAlive(def.Keep); err != nil {
			return err
		}
	}
	s.pit = def.ID
	var err error
	s.exprs, err = rest.PITIndices(def.ID)
	return err
}

// searchedPIT is [Engine.searched] for a point in time. Its indices must still be there, as they were.
func (e *Engine) searchedPIT(q *request, spec *searchSpec) ([]query.Target, int, error) {
	one := e.pits.take(spec.pit, q.now, spec.pitKeep)
	if one == nil {
		return nil, 0, contextMissing(spec.pit)
	}
	s := e.state.Load()
	targets := slices.Clone(one.targets)
	for i, t := range targets {
		if err := q.judged(t.Index); err != nil {
			return nil, 0, err
		}
		switch x := s.indices[t.Index]; {
		case x == nil || x.UUID != one.uuids[i]:
			return nil, 0, notFound(t.Index)
		case x.Closed:
			return nil, 0, closedIndex(x)
		case x.setting("blocks.read", "false") == "true":
			return nil, 0, readBlocked(x)
		case q.hides(x):
			targets[i].Docs = nil
		}
	}
	return targets, one.shards, nil
}

// checkPIT refuses a point in time that a search cannot be of.
func (q *request) checkPIT() error {
	if !bytes.Contains(q.body, []byte("pit")) && !bytes.Contains(q.body, []byte(`\u`)) {
		return nil // nearly every search
	}
	r, err := query.ParseRequest(q.body)
	if err != nil || r.PIT == nil {
		return nil // what cannot be parsed is refused elsewhere
	}
	return (&searchSpec{Request: r, routing: q.str("routing", ""), scroll: q.str("scroll", "")}).readPIT(q)
}

// pitIDs reads the ids of points in time, and of which indices these are.
func (q *request) pitIDs() (ids, indices []string, err error) {
	var body struct {
		IDs stringArray `json:"pit_id"`
	}
	if err := q.decode(&body); err != nil {
		return nil, nil, err
	}
	if len(body.IDs) == 0 {
		return nil, nil, validation("no pit ids specified")
	}
	indices, err = rest.PITIndices(body.IDs...)
	return body.IDs, indices, err
}

func (e *Engine) handleDeletePITs(q *request) (*answer, error) {
	ids, names, err := q.pitIDs()
	if err != nil {
		return nil, err
	}
	if err := q.judged(names...); err != nil {
		return nil, err
	}
	e.pits.close(ids)
	return deletedPITs(ids)
}

// stringArray is a list of strings, or one of them.
type stringArray []string

// UnmarshalJSON reads "a" and ["a","b"]; unlike in a stringList commas are a part of the text.
func (l *stringArray) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = []string{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

func deletedPITs(ids []string) (*answer, error) {
	out := make([]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, map[string]any{"successful": true, "pit_id": id})
	}
	return ok(map[string]any{"pits": out})
}

func (e *Engine) handleDeleteAllPITs(q *request) (*answer, error) {
	// OpenSearch asks every node for what is open.
	if err := q.fx.Begin(rest.Action{
		Name: "indices:data/read/point_in_time/readall", Request: "GetAllPitNodesRequest", Internal: true,
	}); err != nil {
		return nil, err
	}
	ids, _ := e.pits.list(q.now)
	names, err := rest.PITIndices(ids...)
	if err != nil {
		return nil, err
	}
	if err := q.judged(names...); err != nil {
		return nil, err
	}
	e.pits.close(ids)
	return deletedPITs(ids)
}

// list returns the ids of all that are open, oldest first, with what clients are told of each.
func (p *pits) list(now time.Time) (ids []string, shown []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids = slices.SortedFunc(maps.Keys(p.open), func(a, b string) int {
		return cmp.Or(p.open[a].created.Compare(p.open[b].created), cmp.Compare(a, b))
	})
	ids = slices.DeleteFunc(ids, func(id string) bool { return now.After(p.open[id].until) })
	shown = []any{}
	for _, id := range ids {
		one := p.open[id]
		shown = append(shown, map[string]any{
			"pit_id": id, "creation_time": one.created.UnixMilli(), "keep_alive": one.keep.Milliseconds(),
		})
	}
	return ids, shown
}

func (e *Engine) handleListPITs(q *request) (*answer, error) {
	_, shown := e.pits.list(q.now)
	return ok(map[string]any{"pits": shown})
}
