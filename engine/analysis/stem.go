package analysis

import "strings"

// stem is Porter's algorithm of 1980, which is what the english analyzer of OpenSearch runs.
func stem(w string) string {
	if len(w) <= 2 || strings.IndexFunc(w, func(r rune) bool { return r < 'a' || r > 'z' }) >= 0 {
		return w
	}
	w = stepOne(w)
	w = replaceSuffix(w, 0, [][2]string{
		{"ational", "ate"},
		{"tional", "tion"},
		{"enci", "ence"},
		{"anci", "ance"},
		{"izer", "ize"},
		{"bli", "ble"},
		{"alli", "al"},
		{"entli", "ent"},
		{"eli", "e"},
		{"ousli", "ous"},
		{"ization", "ize"},
		{"ation", "ate"},
		{"ator", "ate"},
		{"alism", "al"},
		{"iveness", "ive"},
		{"fulness", "ful"},
		{"ousness", "ous"},
		{"aliti", "al"},
		{"iviti", "ive"},
		{"biliti", "ble"},
		{"logi", "log"},
	})
	w = replaceSuffix(w, 0, [][2]string{
		{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""},
	})
	w = stepFour(w)
	return stepFive(w)
}

func consonant(w string, i int) bool {
	switch w[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return false
	case 'y':
		return i == 0 || !consonant(w, i-1)
	}
	return true
}

// measure counts the vowel-consonant sequences of w.
func measure(w string) int {
	n := 0
	for i := 1; i < len(w); i++ {
		if consonant(w, i) && !consonant(w, i-1) {
			n++
		}
	}
	return n
}

func hasVowel(w string) bool {
	for i := range len(w) {
		if !consonant(w, i) {
			return true
		}
	}
	return false
}

func double(w string) bool {
	n := len(w)
	return n > 1 && w[n-1] == w[n-2] && consonant(w, n-1)
}

func shortEnd(w string) bool {
	n := len(w)
	return n > 2 && consonant(w, n-3) && !consonant(w, n-2) && consonant(w, n-1) && !strings.ContainsRune("wxy", rune(w[n-1]))
}

func stepOne(w string) string {
	switch {
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "ies"):
		w = w[:len(w)-2]
	case strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss"):
		w = w[:len(w)-1]
	}
	if base, ok := strings.CutSuffix(w, "eed"); ok {
		if measure(base) > 0 {
			w = base + "ee"
		}
	} else if base, ok := cutEither(w, "ed", "ing"); ok && hasVowel(base) {
		switch {
		case strings.HasSuffix(base, "at"), strings.HasSuffix(base, "bl"), strings.HasSuffix(base, "iz"):
			base += "e"
		case double(base) && !strings.ContainsRune("lsz", rune(base[len(base)-1])):
			base = base[:len(base)-1]
		case measure(base) == 1 && shortEnd(base):
			base += "e"
		}
		w = base
	}
	if base, ok := strings.CutSuffix(w, "y"); ok && hasVowel(base) {
		w = base + "i"
	}
	return w
}

func cutEither(w, a, b string) (string, bool) {
	if base, ok := strings.CutSuffix(w, a); ok {
		return base, true
	}
	return strings.CutSuffix(w, b)
}

func replaceSuffix(w string, min int, rules [][2]string) string {
	for _, r := range rules {
		if base, ok := strings.CutSuffix(w, r[0]); ok {
			if measure(base) > min {
				return base + r[1]
			}
			return w
		}
	}
	return w
}

func stepFour(w string) string {
	for _, s := range []string{
		"al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "sion", "tion", "ou", "ism", "ate",
		"iti", "ous", "ive", "ize",
	} {
		base, ok := strings.CutSuffix(w, s)
		if !ok {
			continue
		}
		if s == "sion" || s == "tion" {
			base += s[:1]
		}
		if measure(base) > 1 {
			return base
		}
		return w
	}
	return w
}

func stepFive(w string) string {
	if base, ok := strings.CutSuffix(w, "e"); ok {
		if m := measure(base); m > 1 || m == 1 && !shortEnd(base) {
			w = base
		}
	}
	if double(w) && strings.HasSuffix(w, "ll") && measure(w) > 1 {
		w = w[:len(w)-1]
	}
	return w
}
