package query

import (
	"cmp"
	"slices"

	"vigil/engine/segment"
)

// candidate is a match before it is known whether it becomes a hit.
type candidate struct {
	doc   *segment.Doc
	score float32
	keys  []sortKey
	shard *Shard
}

// slack is how many candidates more than are wanted are collected before the others are dropped.
const slack = 1024

// best returns how many of the best candidates have to be kept so that the first n hits can be told; -1 for all, where
// others count, too.
func (r *Request) best(n int) int {
	if r.SearchAfter != nil || r.Collapse != "" {
		return -1
	}
	return n
}

// add takes a candidate. Its keys are the caller's to write over.
func (s *search) add(c candidate) {
	if s.count++; s.count == 1 || c.score > s.top {
		s.top = c.score
	}
	if s.keep == 0 || s.full && s.compare(c, s.found[s.keep-1]) >= 0 {
		return
	}
	c.keys = slices.Clone(c.keys)
	s.found = append(s.found, c)
	if s.keep > 0 && len(s.found) >= s.keep+slack {
		slices.SortStableFunc(s.found, s.compare)
		s.found = s.found[:s.keep]
		s.full = true
	}
}

func (s *search) maxScore() *float32 {
	if s.count == 0 {
		return nil
	}
	return &s.top
}

func (s *search) compare(a, b candidate) int {
	if len(s.Sort) == 0 {
		return cmp.Compare(b.score, a.score)
	}
	for i, o := range s.Sort {
		if n := o.before(a.keys[i], b.keys[i]); n != 0 {
			return n
		}
	}
	return 0
}
