package audit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Patterns is a list in the security plugin's pattern language, compiled. It matches what any of its elements matches.
// The zero value matches nothing. It is immutable.
//
// An element is "*" (everything), "/regex/" (a regular expression over the whole string; so "/_cat/" is the expression
// "_cat"), a glob with * (any run) and ? (one character) and no escapes, or else a literal. Blank elements match nothing.
// All are case-sensitive.
type Patterns struct {
	any     bool
	literal map[string]struct{}
	globs   []string
	regexps []*regexp.Regexp
}

// CompilePatterns compiles a list. Expressions that need what the original's engine has and this one has not (look-around, back
// references, operations on character classes) are errors that name the element.
func CompilePatterns(list []string) (Patterns, error) {
	var p Patterns
	for _, s := range list {
		switch {
		case strings.TrimSpace(s) == "":
		case s == "*":
			p.any = true
		case len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/':
			re, err := javaRegexp(s[1 : len(s)-1])
			if err != nil {
				return Patterns{}, fmt.Errorf("pattern %q: %w", s, err)
			}
			p.regexps = append(p.regexps, re)
		case strings.ContainsAny(s, "*?"):
			p.globs = append(p.globs, s)
		default:
			if p.literal == nil {
				p.literal = make(map[string]struct{})
			}
			p.literal[s] = struct{}{}
		}
	}
	return p, nil
}

// Match reports whether any element matches the whole of s.
func (p *Patterns) Match(s string) bool {
	if p.any {
		return true
	}
	if _, ok := p.literal[s]; ok {
		return true
	}
	for _, g := range p.globs {
		if matchGlob(g, s) {
			return true
		}
	}
	for _, re := range p.regexps {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

// matchKnown is Match for a value that may be unknown: only "*" matches an empty s.
func (p *Patterns) matchKnown(s string) bool {
	if s == "" {
		return p.any
	}
	return p.Match(s)
}

// Empty reports whether the list can match nothing.
func (p *Patterns) Empty() bool {
	return !p.any && len(p.literal) == 0 && len(p.globs) == 0 && len(p.regexps) == 0
}

// matchGlob remembers the last star only: an earlier one never has to be tried again, so the time is bounded by
// len(pattern) × len(s) whatever a client sends.
func matchGlob(pattern, s string) bool {
	if outsideBMP(s) {
		return matchUnits(utf16.Encode([]rune(pattern)), utf16.Encode([]rune(s)))
	}
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				star, mark = p, i
				p++
				continue
			}
			_, width := utf8.DecodeRuneInString(s[i:])
			if pattern[p] == '?' {
				p++
				i += width
				continue
			}
			if pattern[p] == s[i] {
				p++
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, width := utf8.DecodeRuneInString(s[mark:])
		mark += width
		p, i = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// outsideBMP reports whether a text has characters that Java counts as two.
func outsideBMP(s string) bool {
	for i := range len(s) {
		if s[i] >= 0xF0 {
			return true
		}
	}
	return false
}

// matchUnits is matchGlob over the halves of characters: to Java an emoji is two, for each of which a ? is needed.
func matchUnits(pattern, s []uint16) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star < 0:
			return false
		default:
			mark++
			p, i = star+1, mark
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
