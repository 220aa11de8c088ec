package query

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"vigil/engine/segment"
)

// Target is an index to search: its live documents in index order.
type Target struct {
	Index  string
	Fields segment.Fields
	Docs   []*segment.Doc
	Stored Stored // finds stored scripts; nil if there are none
}

// Shard is what of a shard matched, for aggregations. Docs and Scores belong together; Scores is nil if nobody asked.
type Shard struct {
	Context *Context
	Docs    []*segment.Doc
	Scores  []float32
}

// Result is the outcome of a search.
type Result struct {
	// Total is the number of hits, exact if Relation is "eq" and at least that many if "gte". Relation is empty if hits
	// were not to be counted.
	Total    int
	Relation string
	// MaxScore is nil where there is none to tell: no hits asked for, none found, or hits sorted by a field.
	MaxScore *float32
	Hits     []*Hit
	// Shards hold all documents that the query matched, post_filter aside, in index and shard order.
	Shards []Shard
	// TerminatedEarly is set if terminate_after cut the search short; nil if it was not asked for.
	TerminatedEarly *bool
	// TimedOut says that the search ran out of its time: the result is what was found until then.
	TimedOut bool
}

// checkEvery is how many documents are matched between two looks at the context.
const checkEvery = 256

// errTime is the cause of a context that ended because of [Request.Timeout].
var errTime = errors.New("the search's time is up")

// Run searches the targets at the time now. Errors are an [*Error] or the context's. A search that runs out of its own time
// is no error: it tells what it has found, as in OpenSearch 2.19, where the timeout bounds the collection of documents, too.
func Run(ctx context.Context, r *Request, targets []Target, now time.Time) (*Result, error) {
	from, size, err := r.Window()
	if err == nil && size > 0 {
		err = r.tooManyScripts()
	}
	if err != nil {
		return nil, err
	}
	whole := ctx
	if r.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, r.Timeout, errTime)
		defer stop()
	}
	s := &search{Request: r, now: now, keep: r.best(from + size)}
	made := 0
	for _, t := range targets {
		for _, c := range t.shards(ctx, now) {
			c.made = &made
			if err := s.shard(ctx, c); err != nil {
				if s.late = errors.Is(err, ctx.Err()) && errors.Is(context.Cause(ctx), errTime); !s.late {
					return nil, err
				}
			}
		}
	}
	for _, sh := range s.shards {
		sh.Context.within(whole) // what was found is shown, however late it is
	}
	return s.result(from, size)
}

// shards splits an index into its shards, as they keep statistics apart.
func (t Target) shards(ctx context.Context, now time.Time) []*Context {
	fresh := func() *Context {
		return &Context{Index: t.Index, Fields: t.Fields, Now: now, named: &[]named{}, ctx: ctx, stored: t.Stored}
	}
	if n := len(t.Docs); n > 0 && !slices.ContainsFunc(t.Docs, func(d *segment.Doc) bool { return d.Shard != t.Docs[0].Shard }) {
		c := fresh()
		c.Docs = t.Docs
		return []*Context{c}
	}
	by := map[int]*Context{}
	var out []*Context
	for _, d := range t.Docs {
		c := by[d.Shard]
		if c == nil {
			c = fresh()
			by[d.Shard] = c
			out = append(out, c)
		}
		c.Docs = append(c.Docs, d)
	}
	if out == nil { // the request is checked against the mapping even if there are no documents
		return []*Context{fresh()}
	}
	slices.SortStableFunc(out, func(a, b *Context) int { return cmp.Compare(a.Docs[0].Shard, b.Docs[0].Shard) })
	return out
}

type search struct {
	*Request
	now time.Time
	// found are the candidates; all of them, or with keep at least that many of the best.
	found []candidate
	keep  int // -1 for all
	// full says that found was cut to the best, so that what is not better than the last of those is none.
	full bool
	// count is how many candidates there were, top the highest of their scores.
	count  int
	top    float32
	shards []*Shard
	cut    bool
	late   bool
}

// scored says whether scores are wanted.
func (s *search) scored() bool {
	return s.MinScore != nil || s.Request.scored() || slices.ContainsFunc(s.CollapseInner, func(h *InnerHits) bool { return h.scored() })
}

// scored says whether hits show scores.
func (r *Request) scored() bool {
	return len(r.Sort) == 0 || r.TrackScores || slices.ContainsFunc(r.Sort, func(o Sort) bool { return o.Field == "_score" })
}

func (s *search) shard(ctx context.Context, c *Context) error {
	c.notes = true
	match, err := s.matcher(c, s.Query, s.scored())
	if err != nil {
		return err
	}
	post, err := s.matcher(c, s.PostFilter, false)
	if err != nil {
		return err
	}
	c.notes = false
	keys, err := s.keys(c)
	if err != nil {
		return err
	}
	sh := &Shard{Context: c}
	s.shards = append(s.shards, sh)
	for i, d := range c.Docs {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if s.TerminateAfter > 0 && len(sh.Docs) >= s.TerminateAfter {
			s.cut = true
			break
		}
		score, ok := match(d)
		if !ok || s.MinScore != nil && score < *s.MinScore {
			continue
		}
		sh.Docs, sh.Scores = append(sh.Docs, d), append(sh.Scores, score)
		if _, ok := post(d); !ok {
			continue
		}
		s.add(candidate{doc: d, score: score, keys: keys(d, score), shard: sh})
	}
	if ctx.Err() != nil { // which also ends scripts
		return ctx.Err()
	}
	return c.Err()
}

// keys returns what computes the sort values of the shard's documents. They are good until the next call.
func (s *search) keys(c *Context) (func(d *segment.Doc, score float32) []sortKey, error) {
	sorters := make([]sorter, len(s.Sort))
	for i, o := range s.Sort {
		var err error
		if sorters[i], err = c.sorter(o); err != nil {
			return nil, err
		}
	}
	keys := make([]sortKey, len(sorters))
	return func(d *segment.Doc, score float32) []sortKey {
		for j, o := range sorters {
			keys[j] = o.key(c, d, score, s.count)
		}
		return keys
	}, nil
}

func (s *search) matcher(c *Context, q Query, scores bool) (Matcher, error) {
	switch {
	case q == nil:
		return constant(1, always), nil
	case scores:
		return c.Bind(q)
	}
	return c.BindFilter(q)
}

func (s *search) result(from, size int) (*Result, error) {
	res := &Result{TimedOut: s.late}
	for _, sh := range s.shards {
		res.Shards = append(res.Shards, *sh)
	}
	res.count(s.count, s.TrackTotal)
	if s.TerminateAfter > 0 {
		res.TerminatedEarly = &s.cut
	}
	if len(s.Sort) == 0 || s.TrackScores || s.Sort[0].Field == "_score" {
		res.MaxScore = s.maxScore()
	}
	groups, err := s.groups()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(s.found, s.compare)
	found, err := s.after(s.found)
	if err != nil {
		return nil, err
	}
	if s.Collapse != "" {
		if found, err = s.collapsed(found); err != nil {
			return nil, err
		}
	}
	if size == 0 {
		res.MaxScore = nil
	}
	found = found[min(from, len(found)):]
	for _, c := range found[:min(size, len(found))] {
		h, err := s.hit(c)
		if err == nil && groups != nil {
			var k sortKey
			if k, err = s.collapseKey(c); err == nil {
				err = s.expand(h, groups[k])
			}
		}
		if x := c.shard.Context; err == nil && x.up == nil {
			err = x.innerHits(h, c.doc, c.doc)
		}
		if err != nil {
			return nil, err
		}
		res.Hits = append(res.Hits, h)
	}
	return res, nil
}

func (res *Result) count(n int, track *int) {
	limit := trackDefault
	if track != nil {
		limit = *track
	}
	switch {
	case limit < 0:
	case n > limit && limit != math.MaxInt32:
		res.Total, res.Relation = limit, "gte"
	default:
		res.Total, res.Relation = n, "eq"
	}
}

// after drops what does not come after search_after.
func (s *search) after(found []candidate) ([]candidate, error) {
	if s.SearchAfter == nil {
		return found, nil
	}
	if len(s.Sort) == 0 {
		return nil, illegal("Sort must contain at least one field.")
	}
	if len(s.SearchAfter) != len(s.Sort) {
		return nil, illegal("search_after has %d value(s) but sort has %d.", len(s.SearchAfter), len(s.Sort))
	}
	mark := candidate{keys: make([]sortKey, len(s.Sort))}
	for i, n := range s.SearchAfter {
		k, err := s.afterKey(i, n)
		if err != nil {
			return nil, err
		}
		mark.keys[i] = k
	}
	at, _ := slices.BinarySearchFunc(found, mark, func(c, m candidate) int {
		if s.compare(c, m) <= 0 {
			return -1
		}
		return 1
	})
	return found[at:], nil
}

func (s *search) afterKey(i int, n *Node) (sortKey, error) {
	if n.Kind == Null {
		return sortKey{}, nil
	}
	o := s.Sort[i]
	if o.Field == "_score" || o.Field == "_doc" {
		f, err := n.Float()
		return sortKey{kind: keyFloat, f: f}, err
	}
	for _, sh := range s.shards {
		f := sh.Context.Field(o.Field)
		if f == nil {
			continue
		}
		g := *f
		if o.Format != "" {
			g.Formats = []string{o.Format}
		} else if isDate(g.Type) && n.Kind == Number {
			g.Formats = []string{"epoch_millis"}
		}
		if g.Type == segment.Keyword {
			return sortKey{kind: keyString, str: n.Raw}, nil
		}
		if g.Type == segment.IP {
			a, err := address(n.Raw)
			if err != nil {
				return sortKey{}, err
			}
			b := a.As16()
			return sortKey{kind: keyString, str: string(b[:])}, nil
		}
		k, err := sh.Context.missingKey(&g, n.Raw)
		if err != nil {
			return k, illegal("Failed to parse search_after value for field [%s].", o.Field)
		}
		return k, nil
	}
	return sortKey{kind: keyString, str: n.Raw}, nil
}
