package rest

import "strings"

// MatchName reports whether a name of an index, alias, template or field fits a pattern in which "*" stands for any characters, as
// in index expressions.
func MatchName(pattern, name string) bool {
	head, tail, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		part, more, again := strings.Cut(tail, "*")
		if !again {
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, tail = name[at+len(part):], more
	}
}
