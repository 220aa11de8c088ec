package query

import (
	"math"
	"slices"

	"vigil/engine/segment"
)

// one returns the key of a document's values; false if it has none.
func (s sorter) one(vs []segment.Value) (sortKey, bool) {
	switch len(vs) {
	case 0:
		return sortKey{}, false
	case 1: // which no mode changes
		return toKey(s.field, vs[0]), true
	}
	keys := make([]sortKey, len(vs))
	for i, v := range vs {
		keys[i] = toKey(s.field, v)
	}
	return s.reduce(keys), true
}

func toKey(f *segment.Field, v segment.Value) sortKey {
	switch {
	case v.Kind == segment.KindInt:
		return sortKey{kind: keyInt, i: v.Int}
	case v.Kind == segment.KindFloat:
		return sortKey{kind: keyFloat, f: v.Float}
	case f.Type == segment.IP:
		// Sixteen bytes order as addresses do; hits print the canonical form again.
		if a := valueAddress(v); a.IsValid() {
			b := a.As16()
			return sortKey{kind: keyString, str: string(b[:])}
		}
	}
	return sortKey{kind: keyString, str: v.Str}
}

func (s sorter) reduce(keys []sortKey) sortKey {
	slices.SortFunc(keys, compareKeys)
	mode := s.Mode
	if mode == "" {
		mode = "min"
		if s.Desc {
			mode = "max"
		}
	}
	if keys[0].kind == keyString && mode != "max" {
		mode = "min"
	}
	n := len(keys)
	switch mode {
	case "min":
		return keys[0]
	case "max":
		return keys[n-1]
	case "median":
		if n%2 == 1 {
			return keys[n/2]
		}
		keys = keys[n/2-1 : n/2+1]
		mode, n = "avg", 2
	}
	sum := keys[0]
	for _, k := range keys[1:] {
		sum.i += k.i
		sum.f += k.f
	}
	if mode == "avg" {
		sum.f /= float64(n)
		sum.i = int64(math.Floor(float64(sum.i)/float64(n) + 0.5))
	}
	return sum
}
