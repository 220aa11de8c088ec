package authz

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true},
		{"*", "anything", true},
		{"", "", false},
		{" ", " ", false},
		{"abc", "abc", true},
		{"abc", "ABC", false},
		{"a*c", "abbc", true},
		{"a*c", "ac", true},
		{"a*c", "acb", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*-*-x", "a-b-c-x", true},
		{"**", "", true},
		{"/a.c/", "abc", true},
		{"/a.c/", "abcd", false},
		{"/a|bc/", "bc", true},
		{"/a|bc/", "ac", false},
		{"//", "", true},
		{"/", "/", true},
		{"[a]", "a", false},
		{"?", "€", true},
		{"*??", "€", false},
	} {
		p, err := compilePatterns([]string{c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.match(c.s); got != c.want {
			t.Errorf("%q on %q: %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}

func TestGlobTakesNoMoreThanProductTime(t *testing.T) {
	g := wildcards.Replace(strings.Repeat("a*", 2000) + "b")
	if glob(g, strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "aXXbYc")
	f.Add("**", "")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if strings.ContainsAny(pattern+s, "\x00\x01") || strings.Contains(pattern, "${") || isRegexp(pattern) || strings.TrimSpace(pattern) == "" {
			return
		}
		p, err := compilePatterns([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.ValidString(pattern) || !utf8.ValidString(s) {
			return // characters are what is compared
		}
		want := regexp.MustCompile(`(?s)\A` + strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern)) + `\z`)
		if got := p.match(s); got != want.MatchString(s) {
			t.Fatalf("%q on %q: %v", pattern, s, got)
		}
	})
}

func FuzzCheckPattern(f *testing.F) {
	for _, s := range []string{"a*", "/a(b/", "${user.name}-*", "/${user.name}[/", "${"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := compilePatterns([]string{s})
		if (err == nil) != (CheckPattern(s) == nil) {
			t.Fatal("CheckPattern and compilation differ")
		}
		p.matchFor("some-index", caller("limited"), []string{"a"})
	})
}
