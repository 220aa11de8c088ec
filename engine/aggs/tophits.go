package aggs

import (
	"math"
	"slices"

	"vigil/engine/query"
)

// topHits returns the best documents of each bucket.
type topHits struct{ request *query.Request }

func parseTopHits(n *query.Node) (kind, error) {
	known := []string{
		"from", "size", "sort", "_source", "docvalue_fields", "fields", "stored_fields", "version", "seq_no_primary_term",
		"highlight", "explain", "track_scores", "script_fields",
	}
	for i, key := range n.Keys {
		if v := n.Items[i]; !slices.Contains(known, key) {
			return nil, v.Parsing("Unknown key for a %s in [%s].", v.Token(), key)
		}
	}
	r, err := query.ParseRequest([]byte(n.JSON()))
	if err != nil {
		return nil, err
	}
	if max(r.From, 0)+max(r.Size, 3) > 100 {
		return nil, query.Errorf("illegal_argument_exception", "Top hits result window is too large, the top hits aggregator [top_hits]'s from + size must be less than or equal to: [100] but was [%d]. "+
			"This limit can be set by changing the [index.max_inner_result_window] index level setting.", max(r.From, 0)+max(r.Size, 3))
	}
	return topHits{r}, nil
}

func (t topHits) run(_ *runner, _ aggregation, docs []doc) (result, error) {
	by := map[*query.Context]int{}
	var shards []query.Shard
	for _, d := range docs {
		c := d.shard.Context
		i, ok := by[c]
		if !ok {
			i = len(shards)
			by[c] = i
			shards = append(shards, query.Shard{Context: c})
		}
		shards[i].Docs = append(shards[i].Docs, d.Doc)
		shards[i].Scores = append(shards[i].Scores, d.score)
	}
	res, err := query.Top(t.request, shards)
	if err != nil {
		return nil, err
	}
	return hits{res}, nil
}

func (t topHits) print(w *query.Printer) {
	r := *t.request
	no := false
	r.From = max(r.From, 0)
	if r.Size < 0 {
		r.Size = 3
	}
	for _, p := range []**bool{&r.Version, &r.SeqNo, &r.Explain} {
		if *p == nil {
			*p = &no
		}
	}
	var inner query.Printer
	r.Print(&inner, nil)
	w.Raw(string(inner.Buf[1 : len(inner.Buf)-1]))
}

type hits struct{ res *query.Result }

func (hits) typ() string { return "top_hits" }

func (hits) number(string) (float64, bool) { return math.NaN(), false }

func (h hits) write(w *query.Printer, _ Options) {
	w.Key("hits")
	w.Raw(string(h.res.AppendHits(nil, false)))
}
