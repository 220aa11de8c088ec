package query

// glob matches "*" (any characters) and "?" (one), with backslash escapes, against the whole of s.
func glob(pattern, s string) bool { return globRunes([]rune(pattern), []rune(s)) }

func globRunes(p, s []rune) bool {
	i, j := 0, 0
	star, mark := -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
			continue
		case i < len(p) && p[i] == '?':
			i, j = i+1, j+1
			continue
		case i+1 < len(p) && p[i] == '\\' && p[i+1] == s[j]:
			i, j = i+2, j+1
			continue
		case i < len(p) && p[i] == s[j] && p[i] != '\\':
			i, j = i+1, j+1
			continue
		case i == len(p)-1 && p[i] == '\\' && s[j] == '\\':
			i, j = i+1, j+1
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		i, j = star+1, mark
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
