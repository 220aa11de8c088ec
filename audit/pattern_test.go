package audit

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestPatternsMatch(t *testing.T) {
	f := func(list string, s string, want bool) {
		t.Helper()
		p, err := CompilePatterns(strings.Split(list, ","))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(s); got != want {
			t.Errorf("%q matches %q: got %t, want %t", list, s, got, want)
		}
	}
	f("", "", false)
	f(" ", " ", false)
	f("*", "", true)
	f("*", "anything", true)
	f("admin", "admin", true)
	f("admin", "Admin", false)
	f("admin", "administrator", false)
	f("adm*", "admin", true)
	f("adm*", "adm", true)
	f("*min", "admin", true)
	f("a*m*n", "admin", true)
	f("a*b", "aab", true)
	f("a*b", "abc", false)
	f("a**b", "ab", true)
	f("ab?", "abc", true)
	f("ab?", "ab", false)
	f("ab?", "abcd", false)
	f("?", "é", true)
	f("*?é", "xxé", true)
	f("?", "😀", false)
	f("??", "😀", true)
	f("a?*😀", "ab😀", true)
	f("a*😀", "a😀😁", false)
	f("*😁", "a😀😁", true)
	f("/./", "😀", true) // an expression counts characters
	f("/ad.*/", "admin", true)
	f("/ad.*/", "xadmin", false)
	f("/a|b/", "b", true)
	f("/a|b/", "ab", false)
	f("/_cat/", "/_cat/", false)
	f("/_cat/", "_cat", true)
	f("/_cat/*", "/_cat/indices", true)
	f("/", "/", true)
	f("//", "", true)
	f("x,adm*", "admin", true)
	f("indices:data/*", "indices:data/read/search", true)
	f("x-api*", "X-Api-Key", false)
}

func TestUnknownValueMatchesOnlyEverything(t *testing.T) {
	for list, want := range map[string]bool{"*": true, "**": false, "/.*/": false, "a": false} {
		p, err := CompilePatterns([]string{list})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matchKnown(""); got != want {
			t.Errorf("%q matches an unknown value: got %t, want %t", list, got, want)
		}
	}
}

func TestPatternThatCannotRunIsNamed(t *testing.T) {
	_, err := CompilePatterns([]string{"ok", "/(?<!a)b/"})
	if err == nil || !strings.Contains(err.Error(), "(?<!a)b") {
		t.Errorf("got error %v, want one that names the pattern", err)
	}
}

func TestPatternsDoNotAllocate(t *testing.T) {
	p, err := CompilePatterns([]string{"kibanaserver", "svc-*", "*-robot", "x?z"})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { p.Match("somebody-else") }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b?c", "aXXbYc")
	f.Add("*", "")
	f.Add("**a*", "bca")
	f.Add("?", "\xff")
	f.Add("é*", "éa")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if strings.TrimSpace(pattern) == "" || len(pattern) > 50 || strings.HasPrefix(pattern, "/") ||
			!isText(pattern) || !isText(s) || outsideBMP(s) {
			return
		}
		quoted := regexp.QuoteMeta(pattern)
		quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `(?s:.*)`), `\?`, `(?s:.)`)
		want := regexp.MustCompile(`\A` + quoted + `\z`).MatchString(s)
		p, err := CompilePatterns([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(s); got != want {
			t.Errorf("%q matches %q: got %t, want %t", pattern, s, got, want)
		}
		if got := matchUnits(utf16.Encode([]rune(pattern)), utf16.Encode([]rune(s))); got != want && !outsideBMP(pattern) {
			t.Errorf("%q matches %q by halves: got %t, want %t", pattern, s, got, want)
		}
	})
}

func isText(s string) bool { return strings.ToValidUTF8(s, "") == s }
