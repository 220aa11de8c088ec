package engine

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/engine/query"
	"vigil/rest"
)

// Limits of scrolls, as in OpenSearch.
const (
	maxScrolls   = 500
	maxKeepAlive = 24 * time.Hour
	scrollChunk  = 10_000 // hits fetched at once
	// maxScrollDocs bounds the documents that open scrolls look at together, and so the memory that they hold: a word for
	// each, and the document itself once it has been replaced.
	maxScrollDocs = 64 << 20
)

// scrolls are the searches that are being read page by page. [Engine.sweep] drops those that ran out.
type scrolls struct {
	mu   sync.Mutex
	open map[string]*scroll
	docs int // of all that are open
}

// scroll is a search over the documents of one moment.
type scroll struct {
	owner   string // who may read on: the caller that opened it
	mu      sync.Mutex
	spec    *searchSpec
	targets []query.Target
	shards  int
	now     time.Time
	// sorts is how many sort values of a hit the client asked for; the rest only keep the order.
	sorts int
	size  int
	last  *query.Result
	hits  []*query.Hit // of last, not given out yet
	done  bool
	docs  int // of targets when it was opened

	until time.Time // guarded by scrolls.mu
}

func (s *scrolls) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sc := range s.open {
		if now.After(sc.until) {
			s.remove(id)
		}
	}
}

// remove drops a scroll. The caller holds mu.
func (s *scrolls) remove(id string) {
	s.docs -= s.open[id].docs
	delete(s.open, id)
}

func (s *scrolls) add(sc *scroll) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxScrolls {
		return "", rest.Errorf(http.StatusTooManyRequests, "rejected_execution_exception",
			"Trying to create too many scroll contexts. Must be less than or equal to: [%d]. This limit can be set by changing the "+
				"[search.max_open_scroll_context] setting.", maxScrolls)
	}
	if s.docs+sc.docs > maxScrollDocs {
		return "", rest.Errorf(http.StatusTooManyRequests, "rejected_execution_exception",
			"open scroll contexts hold [%d] documents, [%d] more would exceed the limit of [%d]", s.docs, sc.docs, maxScrollDocs)
	}
	s.docs += sc.docs
	if s.open == nil {
		s.open = map[string]*scroll{}
	}
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	id := base64.RawURLEncoding.EncodeToString(b[:])
	s.open[id] = sc
	return id, nil
}

// take returns an open scroll and lets it live on if the owner asks.
func (s *scrolls) take(id, owner string, now time.Time, keep time.Duration) *scroll {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := s.open[id]
	if sc == nil || now.After(sc.until) {
		return nil
	}
	if keep > 0 && sc.owner == owner {
		sc.until = now.Add(keep)
	}
	return sc
}

// drop frees the scrolls of the owner that are named, or all of them; those of others it does not see.
func (s *scrolls) drop(ids []string, owner string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	if len(ids) == 1 && ids[0] == "_all" {
		ids = slices.Collect(maps.Keys(s.open))
	}
	for _, id := range ids {
		if sc := s.open[id]; sc != nil && sc.owner == owner {
			s.remove(id)
			n++
		}
	}
	return n
}

func keepAlive(v string) (time.Duration, error) {
	d, err := timeValue("scroll", v)
	if err != nil {
		return 0, err
	}
	if d > maxKeepAlive {
		return 0, badRequest("Keep alive for request (%s) is too large. It must be less than (1d). "+
			"This limit can be set by changing the [search.max_keep_alive] cluster level setting.", v)
	}
	return d, nil
}

// openScroll runs a search whose answer is read page by page and returns the first page.
func (e *Engine) openScroll(q *request, spec *searchSpec) ([]byte, error) {
	keep, err := keepAlive(spec.scroll)
	if err != nil {
		return nil, err
	}
	sc := &scroll{owner: q.call.Caller, spec: spec, now: q.now, until: q.now.Add(keep)}
	_, sc.size, err = spec.Window()
	switch {
	case err != nil:
		return nil, err
	case spec.From > 0:
		return nil, validation("using [from] is not allowed in a scroll context")
	case sc.size == 0:
		return nil, validation("[size] cannot be [0] in a scroll context")
	case spec.SearchAfter != nil:
		return nil, validation("`search_after` cannot be used in a scroll context.")
	}
	if sc.targets, sc.shards, err = e.searched(q, spec); err != nil {
		return nil, err
	}
	for _, t := range sc.targets {
		sc.docs += len(t.Docs)
	}
	if err := sc.start(); err != nil {
		return nil, err
	}
	page, err := sc.next(q)
	if err != nil {
		return nil, err
	}
	id, err := e.scrolls.add(sc)
	if err != nil {
		return nil, err
	}
	body, err := e.searchAnswer(q, spec, page, sc.shards, id)
	sc.spec.aggs = nil // only the first page has them
	sc.last.Shards, sc.last.Hits = nil, nil
	return body, err
}

// start gives the search an order in which it can be continued: its own, and then that of the documents.
func (sc *scroll) start() error {
	sc.sorts = len(sc.spec.Sort)
	order := `{"sort":["_doc"]}`
	if sc.sorts == 0 {
		order = `{"sort":["_score","_doc"]}`
	}
	more, err := query.ParseRequest([]byte(order))
	if err != nil {
		return err
	}
	sc.spec.Sort = append(slices.Clone(sc.spec.Sort), more.Sort...)
	sc.spec.Size = scrollChunk
	return nil
}

// next returns the next page. The caller holds mu or is alone.
func (sc *scroll) next(q *request) (*query.Result, error) {
	if len(sc.hits) < sc.size && !sc.done {
		if err := sc.fetch(q); err != nil {
			return nil, err
		}
	}
	n := min(sc.size, len(sc.hits))
	if len(sc.hits) == 0 && sc.done {
		sc.targets = nil // read to the end
	}
	page := *sc.last
	page.Hits = sc.hits[:n]
	sc.hits = sc.hits[n:]
	return &page, nil
}

func (sc *scroll) fetch(q *request) error {
	res, err := query.Run(q, sc.spec.Request, sc.targets, sc.now)
	if err != nil {
		return err
	}
	if sc.done = len(res.Hits) < scrollChunk; !sc.done {
		after := append(append([]byte(`{"search_after":[`), bytes.Join(raws(res.Hits[len(res.Hits)-1].Sort), []byte(","))...), "]}"...)
		more, err := query.ParseRequest(after)
		if err != nil {
			return err
		}
		sc.spec.SearchAfter = more.SearchAfter
	}
	for _, h := range res.Hits {
		if h.Sort = h.Sort[:sc.sorts]; sc.sorts == 0 {
			h.Sort = nil
		}
	}
	if sc.last == nil {
		sc.last = res
	}
	sc.hits = append(sc.hits, res.Hits...)
	return nil
}

func raws(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, r := range list {
		out[i] = r
	}
	return out
}

// scrollBody reads the parameters of scroll and clear_scroll from wherever they stand.
func (q *request) scrollBody() (ids []string, keep string, err error) {
	keep = q.str("scroll", "")
	var body struct {
		ID     stringList `json:"scroll_id"`
		Scroll string     `json:"scroll"`
	}
	if len(bytes.TrimSpace(q.body)) > 0 {
		if err := q.decode(&body); err != nil {
			return nil, "", err
		}
		ids = body.ID
	}
	if body.Scroll != "" {
		keep = body.Scroll
	}
	if v := q.call.Vars["scroll_id"]; v != "" && ids == nil {
		ids = strings.Split(v, ",")
	}
	if v := q.str("scroll_id", ""); v != "" && ids == nil {
		ids = strings.Split(v, ",")
	}
	if len(ids) == 0 {
		return nil, "", validation("scrollId is missing")
	}
	return ids, keep, nil
}

func (e *Engine) handleScroll(q *request) (*answer, error) {
	ids, v, err := q.scrollBody()
	if err != nil {
		return nil, err
	}
	var keep time.Duration
	if v != "" {
		if keep, err = keepAlive(v); err != nil {
			return nil, err
		}
	}
	totalAsInt, err := q.flag("rest_total_hits_as_int", false)
	if err != nil {
		return nil, err
	}
	sc := e.scrolls.take(ids[0], q.call.Caller, q.now, keep)
	if sc == nil {
		return nil, contextMissing(ids[0])
	}
	if sc.owner != q.call.Caller {
		// As OpenSearch 2.19 does: whoever may scroll is refused by the shard that holds another's search.
		return nil, q.fx.Denied(rest.Action{
			Name: "indices:data/read/scroll", Request: "InternalScrollSearchRequest", Parent: "indices:data/read/scroll", Run: 1,
		})
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	page, err := sc.next(q)
	if err != nil {
		return nil, err
	}
	spec := *sc.spec
	spec.totalAsInt = totalAsInt
	body, err := e.searchAnswer(q, &spec, page, sc.shards, ids[0])
	if err != nil {
		return nil, err
	}
	return ok(json.RawMessage(body))
}

func contextMissing(id string) error {
	cause := &rest.Error{Status: http.StatusNotFound, Type: "search_context_missing_exception", Reason: "No search context found for id [" + id + "]"}
	return &rest.Error{
		Status: http.StatusNotFound, Type: "search_phase_execution_exception", Reason: "all shards failed", CausedBy: cause,
		Extra: map[string]any{
			"phase": "query", "grouped": true, "failed_shards": []any{map[string]any{"shard": -1, "index": nil, "reason": cause.Object()}},
		},
	}
}

func (e *Engine) handleClearScroll(q *request) (*answer, error) {
	ids, _, err := q.scrollBody()
	if err != nil {
		return nil, err
	}
	n := e.scrolls.drop(ids, q.call.Caller)
	a := &answer{status: http.StatusOK, body: map[string]any{"succeeded": true, "num_freed": n}}
	if n == 0 && ids[0] != "_all" {
		a.status = http.StatusNotFound
	}
	return a, nil
}
