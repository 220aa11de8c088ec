package query

import (
	"slices"
	"strings"

	"vigil/engine/analysis"
	"vigil/engine/segment"
)

// phrase matches tokens in their order, at most slop moves apart. With prefix the last token may be the start of a term.
func (c *Context) phrase(f *segment.Field, tokens []analysis.Token, o textOptions, prefix bool, w weight) Matcher {
	terms := make([]string, 0, len(tokens))
	for _, t := range tokens {
		terms = append(terms, t.Term)
	}
	last := len(tokens) - 1
	accepts := func(i int, term string) bool {
		if prefix && i == last {
			return strings.HasPrefix(term, terms[i])
		}
		return term == terms[i]
	}
	var sim similarity
	if w.scores {
		scored := terms
		if prefix {
			scored = append(slices.Clone(terms[:last]), c.expand(f, terms[last], o.expansions)...)
		}
		sim = c.similarity(f, w.boost, scored...)
	}
	return func(d *segment.Doc) (float32, bool) {
		doc := c.analyzed(d, f)
		freq := phraseFreq(doc, tokens, accepts, o.slop)
		if freq == 0 {
			return 0, false
		}
		if !w.scores {
			return 0, true
		}
		return sim.score(freq, len(doc)), true
	}
}

// expand returns the terms of the field that begin with prefix.
func (c *Context) expand(f *segment.Field, prefix string, limit int) []string {
	var out []string
	for t := range c.stats(f).df {
		if strings.HasPrefix(t, prefix) {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), limit)]
}

// phraseFreq counts occurrences; one that needs n moves counts 1/(1+n).
func phraseFreq(doc, phrase []analysis.Token, accepts func(int, string) bool, slop int) float32 {
	var starts [][]int // for each token of the phrase, where the phrase would begin
	for i, p := range phrase {
		var at []int
		for _, t := range doc {
			if accepts(i, t.Term) {
				at = append(at, t.Position-(p.Position-phrase[0].Position))
			}
		}
		if at == nil {
			return 0
		}
		starts = append(starts, at)
	}
	var freq float32
	for _, s := range starts[0] {
		if spread := narrowest(starts[1:], s); spread >= 0 && spread <= slop {
			freq += 1 / float32(1+spread)
		}
	}
	return freq
}

// narrowest returns how far apart the other tokens must be from start, choosing for each the nearest.
func narrowest(others [][]int, start int) int {
	low, high := start, start
	for _, at := range others {
		best := at[0]
		for _, p := range at {
			if reach(low, high, p) < reach(low, high, best) {
				best = p
			}
		}
		low, high = min(low, best), max(high, best)
	}
	return high - low
}

func reach(low, high, p int) int { return max(high, p) - min(low, p) }
