package alerting

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Field is what a name in a query means in documents.
type Field struct {
	// Path is where documents hold the value: the target of a field alias, the name itself for all others.
	Path string
	// Exact is set if values are indexed as they are (keyword without normalizer), not cut into words.
	Exact bool
	// Text is set if values are compared as texts, also those that look like numbers.
	Text bool
	// Opaque is set if documents do not tell whether the field matches: analyzers other than the standard one, copy_to,
	// dates, runtime fields. Every document then matches.
	Opaque bool
}

// dynamicField is what a name means where documents made the mapping: text in words, with a sub-field keyword.
func dynamicField(name string) Field {
	return Field{Path: name, Exact: strings.HasSuffix(name, ".keyword")}
}

// maxPredicateDepth bounds the nesting of queries that are looked into.
const maxPredicateDepth = 50

// predicate says whether a document may match a query. It errs on one side only: a document that it refuses does not match.
type predicate interface {
	matches(d *document) bool
	// keys returns a set of keys of which every matching document has at least one, the cheapest there is. Nil means that
	// there is no such set.
	keys(cost costFunc) []string
	// paths appends the paths that matches reads.
	paths(to []string) []string
}

// costFunc says how busy a set of keys is.
type costFunc func(keys []string) int

type always struct{}

func (always) matches(*document) bool     { return true }
func (always) keys(costFunc) []string     { return nil }
func (always) paths(to []string) []string { return to }

type never struct{}

func (never) matches(*document) bool     { return false }
func (never) keys(costFunc) []string     { return []string{} }
func (never) paths(to []string) []string { return to }

type allOf []predicate

func (p allOf) matches(d *document) bool {
	for _, x := range p {
		if !x.matches(d) {
			return false
		}
	}
	return true
}

func (p allOf) keys(cost costFunc) []string {
	var best []string
	for _, x := range p {
		k := x.keys(cost)
		if k == nil {
			continue
		}
		if best == nil || cost(k) < cost(best) {
			best = k
		}
	}
	return best
}

func (p allOf) paths(to []string) []string {
	for _, x := range p {
		to = x.paths(to)
	}
	return to
}

type anyOf []predicate

func (p anyOf) matches(d *document) bool {
	for _, x := range p {
		if x.matches(d) {
			return true
		}
	}
	return false
}

func (p anyOf) keys(cost costFunc) []string {
	out := []string{}
	for _, x := range p {
		k := x.keys(cost)
		if k == nil || len(out)+len(k) > 2048 {
			return nil
		}
		out = append(out, k...)
	}
	return out
}

func (p anyOf) paths(to []string) []string { return allOf(p).paths(to) }

// equals is a value that a field must have, or one of several.
type equals struct {
	path   string
	values []wanted
}

// wanted is a value as documents may hold it: under one of the keys, or with all the words.
type wanted struct{ keys, words []string }

// newEquals returns a predicate for a term or terms. If words is set the values are texts of which each word counts for itself.
func newEquals(f Field, values []any, words bool) predicate {
	p := equals{path: f.Path}
	for _, v := range values {
		text, ok := scalarText(v)
		if !ok || isOdd(text) {
			return present{f.Path}
		}
		w := wantedValue(text, f.Exact)
		switch {
		case f.Exact:
		case len(w.words) == 0, slices.ContainsFunc(w.words, isLong):
			return present{f.Path}
		case words:
			for _, word := range w.words {
				p.values = append(p.values, wanted{words: []string{word}})
			}
			w.words = nil
		}
		p.values = append(p.values, w)
	}
	return p
}

func (p equals) matches(d *document) bool {
	if d.has(p.path, nullKey) {
		return true
	}
	has := func(key string) bool { return d.has(p.path, key) }
	return slices.ContainsFunc(p.values, func(w wanted) bool {
		return slices.ContainsFunc(w.keys, has) ||
			len(w.words) > 0 && !slices.ContainsFunc(w.words, func(key string) bool { return !has(key) })
	})
}

func (p equals) keys(cost costFunc) []string {
	out := []string{p.path + nullKey}
	for _, w := range p.values {
		for _, key := range w.keys {
			out = append(out, p.path+key)
		}
		if len(w.words) > 0 {
			// One of the words is enough to find it by: the rarest, the longest.
			best := slices.MinFunc(w.words, func(x, y string) int {
				return cmp.Or(cmp.Compare(cost([]string{p.path + x}), cost([]string{p.path + y})), cmp.Compare(len(y), len(x)))
			})
			out = append(out, p.path+best)
		}
	}
	return out
}

func (p equals) paths(to []string) []string { return append(to, p.path) }

// present is a field that must have any value.
type present struct{ path string }

func (p present) matches(d *document) bool   { return d.has(p.path, presence) }
func (p present) keys(costFunc) []string     { return []string{p.path + presence} }
func (p present) paths(to []string) []string { return append(to, p.path) }

// containsText is a prefix: of a value, or of a word in it.
type containsText struct{ path, text string }

func (p containsText) matches(d *document) bool {
	for _, v := range d.values[p.path] {
		if v.any || strings.Contains(fold(v.text), p.text) {
			return true
		}
	}
	return false
}

func (p containsText) keys(costFunc) []string     { return present{p.path}.keys(nil) }
func (p containsText) paths(to []string) []string { return append(to, p.path) }

// between is a range of numbers, its bounds inclusive. Values that are not JSON numbers match: they may be dates, or texts.
type between struct {
	path   string
	lo, hi float64
}

func (p between) matches(d *document) bool {
	for _, v := range d.values[p.path] {
		n, err := strconv.ParseFloat(v.text, 64)
		if v.any || v.quoted || err != nil {
			return true
		}
		// Mappings may cut fractions off and round to float.
		for _, x := range []float64{n, float64(int64(n)), float64(float32(n))} {
			if x >= p.lo && x <= p.hi {
				return true
			}
		}
	}
	return false
}

func (p between) keys(costFunc) []string     { return present{p.path}.keys(nil) }
func (p between) paths(to []string) []string { return append(to, p.path) }

// scalarText returns a JSON scalar as text.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
