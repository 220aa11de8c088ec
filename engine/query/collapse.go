package query

import (
	"vigil/engine/segment"
)

// maxGroupHits is how many kinds of inner hits a collapse may ask for.
const maxGroupHits = 100

func (r *Request) collapse(v *Node) error {
	for i, key := range v.Keys {
		it := v.Items[i]
		var err error
		switch key {
		case "field":
			r.Collapse, err = it.Text()
		case "inner_hits":
			err = r.collapseInner(it)
		case "max_concurrent_group_searches":
			if r.collapseSearches, err = it.Int(); err == nil && r.collapseSearches < 1 {
				err = illegal("maxConcurrentGroupRequests` must be positive")
			}
		default:
			return it.UnknownField("collapse", key)
		}
		if err != nil {
			return err
		}
	}
	if r.Collapse == "" {
		return v.Parsing("[collapse] Required [field]")
	}
	return nil
}

// collapseInner reads the inner hits of a collapse. Of those with the same name the last count.
func (r *Request) collapseInner(v *Node) error {
	items := []*Node{v}
	if v.Kind == Array {
		items = v.Items
	}
next:
	for _, it := range items {
		h, err := parseInnerHits(it)
		if err != nil {
			return err
		}
		if h.Name == "" {
			return it.Parsing("[collapse] [inner_hits] requires a [name]")
		}
		for i, other := range r.CollapseInner {
			if other.Name == h.Name {
				r.CollapseInner[i] = h
				continue next
			}
		}
		if len(r.CollapseInner) == maxGroupHits {
			return it.Parsing("[collapse] has more than [%d] inner_hits", maxGroupHits)
		}
		r.CollapseInner = append(r.CollapseInner, h)
	}
	return nil
}

// collapseKey returns the value that stands for all candidates with the same one.
func (s *search) collapseKey(c candidate) (sortKey, error) {
	x := c.shard.Context
	f := x.Field(s.Collapse)
	if f == nil {
		return sortKey{}, x.raised(illegal("no mapping found for `%s` in order to collapse on", s.Collapse))
	}
	if f.Type != segment.Keyword && !isInteger(f.Type) && !isFloating(f.Type) {
		return sortKey{}, x.raised(illegal("unknown type for collapse field `%s`, only keywords and numbers are accepted", s.Collapse))
	}
	if vs := x.Values(c.doc, f); len(vs) > 0 {
		return toKey(f, vs[0]), nil
	}
	return sortKey{}, nil
}

// collapsed keeps the first of all candidates with the same value of the collapse field.
func (s *search) collapsed(found []candidate) ([]candidate, error) {
	seen := map[sortKey]bool{}
	var out []candidate
	for _, c := range found {
		k, err := s.collapseKey(c)
		if err != nil {
			return nil, err
		}
		if !seen[k] {
			seen[k] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// groups returns the candidates, in index order, that collapsed hits stand for; nil if nobody wants them.
func (s *search) groups() (map[sortKey][]candidate, error) {
	if len(s.CollapseInner) == 0 {
		return nil, nil //nolint:nilnil // nobody wants them
	}
	out := map[sortKey][]candidate{}
	for _, c := range s.found {
		k, err := s.collapseKey(c)
		if err != nil {
			return nil, err
		}
		out[k] = append(out[k], c)
	}
	return out, nil
}

// expand adds the inner hits of a collapse to a hit: the best of its group in the order that they ask for.
func (s *search) expand(h *Hit, group []candidate) error {
	var shards []Shard
	for _, c := range group {
		if n := len(shards); n == 0 || shards[n-1].Context != c.shard.Context {
			shards = append(shards, Shard{Context: c.shard.Context})
		}
		sh := &shards[len(shards)-1]
		if s.Query == nil {
			c.score = 0 // a search for the group alone scores nothing
		}
		sh.Docs, sh.Scores = append(sh.Docs, c.doc), append(sh.Scores, c.score)
	}
	for _, inner := range s.CollapseInner {
		if err := group[0].shard.Context.running().Err(); err != nil {
			return err
		}
		r := *inner.Request
		r.Query = s.Query
		res, err := Top(&r, shards)
		if err != nil {
			return err
		}
		for _, sub := range res.Hits {
			if err := shards[0].Context.spend(sub.size()); err != nil {
				return err
			}
		}
		h.Inner = append(h.Inner, InnerResult{inner.Name, res})
	}
	return nil
}

func (r *Request) printCollapse(w *Printer) {
	if r.Collapse == "" {
		return
	}
	w.Key("collapse")
	w.Open('{')
	w.Key("field")
	w.Str(r.Collapse)
	if r.collapseSearches > 0 {
		w.Key("max_concurrent_group_searches")
		w.Int(r.collapseSearches)
	}
	switch len(r.CollapseInner) {
	case 0:
	case 1:
		w.Key("inner_hits")
		w.innerHits(r.CollapseInner[0])
	default:
		w.Key("inner_hits")
		w.Open('[')
		for _, h := range r.CollapseInner {
			w.innerHits(h)
		}
		w.Close(']')
	}
	w.Close('}')
}
