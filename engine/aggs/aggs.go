// Package aggs computes OpenSearch's aggregations over the documents that a search matched.
//
// Everything is exact: where the original estimates (cardinality, percentiles) the answer has its shape with exact values.
// It must not search by itself, except where an aggregation is a query (filter, global). Read [Parse] and [Run] first.
package aggs

import (
	"context"
	"encoding/json"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// Aggs are the parsed aggregations of one level, in the client's order. They are immutable and safe for concurrent use.
type Aggs struct {
	list  []aggregation
	inert []string
}

// Warnings names what was accepted without effect.
func (a Aggs) Warnings() []string { return a.inert }

// aggregation is one named aggregation. Exactly one of kind and pipe is set.
type aggregation struct {
	name string
	typ  string
	meta *query.Node
	kind kind
	pipe pipeline
	subs Aggs
}

// kind is what an aggregation does with documents.
type kind interface {
	run(r *runner, a aggregation, docs []doc) (result, error)
	print(w *query.Printer)
}

// doc is a document with what its shard knows of it. Of a nested document, root is the document around it.
type doc struct {
	*segment.Doc
	shard *query.Shard
	score float32
	root  *doc
}

// Options change how results are printed.
type Options struct {
	// TypedKeys prefixes names with the type of result: "sterms#by_user".
	TypedKeys bool
	// Stored finds stored scripts; nil if there are none.
	Stored query.Stored
}

const (
	maxBuckets = 65535
	maxDepth   = 30
)

// Empty says whether nothing is asked for.
func (a Aggs) Empty() bool { return len(a.list) == 0 }

// Run computes the aggregations over what a search matched and returns the object that stands under "aggregations".
// Errors are [*query.Error] or the context's.
func Run(ctx context.Context, a Aggs, shards []query.Shard, o Options) (json.RawMessage, error) {
	r := &runner{ctx: ctx, shards: shards, stored: o.Stored}
	n := 0
	for _, sh := range shards {
		n += len(sh.Docs)
	}
	docs := make([]doc, 0, n)
	for i := range shards {
		sh := &shards[i]
		for j, d := range sh.Docs {
			e := doc{Doc: d, shard: sh, score: 1}
			if sh.Scores != nil {
				e.score = sh.Scores[j]
			}
			docs = append(docs, e)
		}
	}
	entries, err := r.level(a, docs)
	if err != nil {
		return nil, err
	}
	w := &query.Printer{}
	w.Open('{')
	writeEntries(w, entries, o)
	w.Close('}')
	return w.Buf, nil
}

// runner is one run over one result.
type runner struct {
	ctx     context.Context // lives for one call of Run and is what cancels it
	shards  []query.Shard
	buckets int
	stored  query.Stored
}

// entry is a result under its name.
type entry struct {
	name string
	meta *query.Node
	res  result
}

// level runs the aggregations of one level over the documents of one bucket. Those of pipelines that work on the buckets
// of the parent are left to the parent.
func (r *runner) level(a Aggs, docs []doc) ([]entry, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	out := []entry{}
	for _, agg := range a.list {
		if agg.kind == nil {
			continue
		}
		res, err := agg.kind.run(r, agg, docs)
		if err != nil {
			return nil, err
		}
		out = append(out, entry{name: agg.name, meta: agg.meta, res: res})
	}
	for _, agg := range a.list {
		if sib, ok := agg.pipe.(sibling); ok {
			res, err := sib.over(out)
			if err != nil {
				return nil, err
			}
			out = append(out, entry{name: agg.name, meta: agg.meta, res: res})
		}
	}
	return out, nil
}

// fill runs the aggregations below every bucket, then the pipelines over all of them.
func (r *runner) fill(a Aggs, list []*bucket) ([]*bucket, error) {
	for _, b := range list {
		if b.subs == nil {
			r.buckets++
		}
	}
	if r.buckets > maxBuckets {
		e := query.Errorf("too_many_buckets_exception", "Trying to create too many buckets. Must be less than or equal to: [%d] but was [%d]. "+
			"This limit can be set by changing the [search.max_buckets] cluster level setting.", maxBuckets, r.buckets)
		e.Status = 503
		return nil, e
	}
	for _, b := range list {
		if b.subs != nil {
			continue
		}
		var err error
		if b.subs, err = r.level(a, b.docs); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// pipe runs the pipelines that work on the buckets of their parent.
func (r *runner) pipe(a Aggs, list []*bucket) ([]*bucket, error) {
	for _, agg := range a.list {
		p, ok := agg.pipe.(parent)
		if !ok {
			continue
		}
		var err error
		if list, err = p.apply(r, agg, list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// finish is fill and pipe, for aggregations whose buckets need no choice in between.
func (r *runner) finish(a Aggs, list []*bucket) ([]*bucket, error) {
	list, err := r.fill(a, list)
	if err != nil {
		return nil, err
	}
	return r.pipe(a, list)
}
