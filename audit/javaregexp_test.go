package audit

import (
	"strings"
	"testing"
)

func TestRegularExpressionsAreJavas(t *testing.T) {
	f := func(pattern, s string, want bool) {
		t.Helper()
		re, err := javaRegexp(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			return
		}
		if got := re.MatchString(s); got != want {
			t.Errorf("/%s/ matches %q (as %s): got %t, want %t", pattern, s, re, got, want)
		}
	}
	f(`a.b`, "axb", true)
	f(`a.b`, "a\nb", false)
	f(`a.b`, "a\rb", false)
	f(`a.b`, "a\u2028b", false)
	f(`(?s)a.b`, "a\rb", true)
	f(`(?s:a.)b`, "a\nb", true)
	f(`[.]`, "x", false)
	f(`\.`, ".", true)
	f(`a\s+b`, "a \t\v\r\nb", true)
	f(`a\s`, "a\u00a0", false)
	f(`[\s,]+`, " ,\v", true)
	f(`\S+`, "a\v", false)
	f(`\h`, "\u3000", true)
	f(`\H`, "\u3000", false)
	f(`\v`, "\u2029", true)
	f(`\V`, "x", true)
	f(`\Qa.b\E.`, "a.bx", true)
	f(`\Qa.b\E`, "axb", false)
	f(`\Qa.b`, "a.b", true)
	f(`\u0041\x42\x{43}\0104\0377`, "ABCDÿ", true)
	f(`[\u0041-\u0043]`, "B", true)
	f(`\e`, "\x1b", true)
	f(`(?<name>a)b`, "ab", true)
	f(`(?i)ADMIN`, "admin", true)
	f(`(?:a|b)c`, "bc", true)
	f(`a|b`, "ab", false)
	f(`\d+\w\W\D`, "12a- ", true)
	f(`\p{Lu}\pL`, "Éa", true)
	f(`[^a]`, "b", true)
	f(`[a&b]`, "&", true)
	f(`[\[\]]+`, "[]", true)
	f(`svc-\d{1,3}`, "svc-12", true)
	f(`\/_cat\/.*`, "/_cat/indices", true)
	f("", "", true)

	for pattern, want := range map[string]string{
		`a(?=b)`: "(?=", `a(?!b)`: "(?!", `(?<=a)b`: "(?<", `(?<!a)b`: "(?<", `(?>a)`: "(?>", `(a)\1`: `\1 is not`, `\12`: `\1 is not`,
		`[a-z&&[^b]]`: "&&", `[a[b]]`: "within another", `[[:alpha:]]`: "within another", `a++`: "nested repetition", `(?x) a`: `flag 'x'`,
		`(?m)^a`: `flag 'm'`, `(?U)\w`: `flag 'U'`, `(?s-s)a`: `"-s"`, `(?i`: "does not end", `\R`: `\R is not`, `\Z`: `\Z is not`,
		`\k<a>`: `\k is not`, `\cA`: `\c is not`, `\u00`: "incomplete", `\uzzzz`: "no character code", `\0`: "without digits", `\09`: "without digits",
		`a\`: "backslash", `[]a]`: "empty character class", `[\S]`: "in a character class", `a)(b`: "unexpected )", `(`: "missing closing", `[a`: "missing closing",
	} {
		if re, err := javaRegexp(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("/%s/: got %v, error %v, want an error with %q", pattern, re, err, want)
		}
	}
}

// Whatever a client sends, an expression compiles or is refused.
func FuzzJavaRegexp(f *testing.F) {
	for _, seed := range []string{`a.b`, `(?s-i:[^\s\Q.\E])`, `\u0041\0101\x{1F600}`, `[a&&b]`, `((((`, `\`} {
		f.Add(seed, "axb")
	}
	f.Fuzz(func(_ *testing.T, pattern, s string) {
		if re, err := javaRegexp(pattern); err == nil {
			re.MatchString(s)
		}
	})
}
