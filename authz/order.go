package authz

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// hashOrder sorts and dedupes names, in place, as they come out of a Java HashSet of strings.
func hashOrder(names []string) []string {
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(a, b) })
	names = slices.Compact(names)
	buckets := uint32(16)
	for float64(len(names)) > 0.75*float64(buckets) {
		buckets *= 2
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(javaHash(a)&(buckets-1), javaHash(b)&(buckets-1))
	})
	return names
}

// javaHash is String.hashCode, spread as HashMap does.
func javaHash(s string) uint32 {
	var h uint32
	for _, r := range s {
		if hi, lo := utf16.EncodeRune(r); hi != '\uFFFD' {
			h = (31*h+uint32(hi))*31 + uint32(lo)
			continue
		}
		h = 31*h + uint32(r)
	}
	return h ^ h>>16
}
