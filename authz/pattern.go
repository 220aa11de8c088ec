package authz

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"vigil/authn"
)

// Inside compiled patterns these bytes are the wildcards, so that names put in for attributes stay literal even if they
// contain '*' or '?'.
const (
	anyRun = '\x00'
	anyOne = '\x01'
)

var wildcards = strings.NewReplacer("*", string(rune(anyRun)), "?", string(rune(anyOne)))

// patterns is a compiled list of patterns in the security plugin's language: "*", /regular expression/, globs of * and ?,
// exact names. One match is enough; an empty list matches nothing.
type patterns struct {
	any       bool
	exact     map[string]struct{}
	globs     []string
	regexps   []*regexp.Regexp
	templates []template
}

// compilePatterns compiles a list. The error names the patterns that are left out because they can't be compiled.
func compilePatterns(list []string) (patterns, error) {
	var p patterns
	var errs []error
	for _, s := range list {
		if err := p.add(s); err != nil {
			errs = append(errs, err)
		}
	}
	return p, errors.Join(errs...)
}

func (p *patterns) add(s string) error {
	switch {
	case strings.TrimSpace(s) == "": // matches nothing
	case strings.ContainsAny(s, "\x00\x01"):
		return fmt.Errorf("pattern %q contains a control character", s)
	case strings.Contains(s, "${"):
		t, err := parseTemplate(s)
		if err != nil {
			return err
		}
		p.templates = append(p.templates, t)
	case s == "*":
		p.any = true
	case isRegexp(s):
		re, err := compileRegexp(s)
		if err != nil {
			return err
		}
		p.regexps = append(p.regexps, re)
	case strings.ContainsAny(s, "*?"):
		p.globs = append(p.globs, wildcards.Replace(s))
	default:
		if p.exact == nil {
			p.exact = map[string]struct{}{}
		}
		p.exact[s] = struct{}{}
	}
	return nil
}

func isRegexp(s string) bool { return len(s) >= 2 && s[0] == '/' && s[len(s)-1] == '/' }

func compileRegexp(s string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`\A(?:` + s[1:len(s)-1] + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", s, err)
	}
	return re, nil
}

// match reports whether a pattern without attributes matches.
func (p *patterns) match(s string) bool {
	if p.any {
		return true
	}
	if _, ok := p.exact[s]; ok {
		return true
	}
	for _, g := range p.globs {
		if glob(g, s) {
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

// overlaps reports whether some name matches both one of the patterns and a name in which only * is a wildcard. A regular
// expression is taken to overlap whatever has a wildcard.
func (p *patterns) overlaps(name string) bool {
	if !strings.Contains(name, "*") {
		return p.match(name)
	}
	if p.any || len(p.regexps) > 0 {
		return true
	}
	name = strings.ReplaceAll(name, "*", string(rune(anyRun)))
	for exact := range p.exact {
		if glob(name, exact) {
			return true
		}
	}
	return slices.ContainsFunc(p.globs, func(g string) bool { return intersect(name, g) })
}

// intersect reports whether some text matches both globs, in which the wildcard for one character counts as one for any
// number.
func intersect(p, q string) bool {
	q = strings.ReplaceAll(q, string(rune(anyOne)), string(rune(anyRun)))
	// row[j] says whether what was seen of p and q[:j] can stand for the same text.
	row := make([]bool, len(q)+1)
	row[0] = true
	for j := range len(q) {
		row[j+1] = row[j] && q[j] == anyRun
	}
	for i := range len(p) {
		next := make([]bool, len(q)+1)
		next[0] = row[0] && p[i] == anyRun
		for j := range len(q) {
			if p[i] == anyRun || q[j] == anyRun {
				next[j+1] = row[j+1] || next[j]
			} else {
				next[j+1] = row[j] && p[i] == q[j]
			}
		}
		row = next
	}
	return row[len(q)]
}

// matchFor is match with the attributes of a caller put in.
func (p *patterns) matchFor(s string, who *authn.Principal, roles []string) bool {
	if p.match(s) {
		return true
	}
	for i := range p.templates {
		if p.templates[i].match(s, who, roles) {
			return true
		}
	}
	return false
}

// glob matches the whole of s. On a mismatch it goes back to the last run wildcard only, so it takes at most len(g)*len(s) steps.
func glob(g, s string) bool {
	star, from := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(g) && g[i] == anyRun:
			star, from = i, j
			i++
		case i < len(g) && g[i] == anyOne:
			i++
			j += runeLen(s[j:])
		case i < len(g) && g[i] == s[j]:
			i++
			j++
		case star >= 0:
			from += runeLen(s[from:])
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(g) && g[i] == anyRun {
		i++
	}
	return i == len(g)
}

func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// CheckPattern tells whether a pattern can be compiled; the API asks it before it stores one.
func CheckPattern(s string) error {
	var p patterns
	return p.add(s)
}
