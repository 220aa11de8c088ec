package rest

import "testing"

func TestMatchName(t *testing.T) {
	f := func(pattern, name string, want bool) {
		t.Helper()
		if got := MatchName(pattern, name); got != want {
			t.Errorf("%q against %q: got %v", pattern, name, got)
		}
	}
	f("logs", "logs", true)
	f("logs", "logs-a", false)
	f("*", "", true)
	f("logs-*", "logs-", true)
	f("logs-*", "log", false)
	f("*-a", "logs-a", true)
	f("l*s*a", "logs-a", true)
	f("a*a", "a", false)
	f("a*b*b", "ab", false)
	f("**", "x", true)
	f("", "", true)
	f("", "x", false)
}
