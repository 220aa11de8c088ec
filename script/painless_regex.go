package script

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxPattern is the longest regular expression, in bytes.
const maxPattern = 1000

// pattern is a java.util.regex.Pattern, run by Go's engine, whose time is linear.
type pattern struct {
	source string
	find   *regexp.Regexp
	whole  *regexp.Regexp
	cost   int // steps per byte of text
}

type matcher struct {
	p     *pattern
	text  string
	next  int
	match []int
}

// compilePattern refuses what Go's engine cannot do: look-around, back references, possessive quantifiers.
func compilePattern(source, flags string) (*pattern, error) {
	if len(source) > maxPattern {
		return nil, fmt.Errorf("the regular expression is longer than %d characters", maxPattern)
	}
	expr, prefix := source, ""
	for _, f := range flags {
		switch f {
		case 'i', 'm', 's':
			prefix += string(f)
		case 'u': // case folding is always Unicode's
		case 'l':
			expr = regexp.QuoteMeta(source)
		default:
			return nil, fmt.Errorf("the flag [%c] of regular expressions is not supported", f)
		}
	}
	if prefix != "" {
		prefix = "(?" + prefix + ")"
	}
	find, err := regexp.Compile(prefix + expr)
	if err != nil {
		return nil, fmt.Errorf("regular expression [%s] uses syntax that is not supported: %w", source, err)
	}
	whole, err := regexp.Compile(prefix + `\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("regular expression [%s] uses syntax that is not supported: %w", source, err)
	}
	p := &pattern{source: source, find: find, whole: whole, cost: 1}
	if tree, err := syntax.Parse(find.String(), syntax.Perl); err == nil {
		if prog, err := syntax.Compile(tree.Simplify()); err == nil {
			p.cost = 1 + len(prog.Inst)/8
		}
	}
	return p, nil
}

// charge takes the steps for running p over s.
func (r *run) charge(p *pattern, s string) error { return r.m.spend(1 + len(s)*p.cost/4) }

func (r *run) regexOp(op binaryOp, a, b any) (any, error) {
	p, ok := b.(*pattern)
	if !ok {
		return nil, badArgument(b, "java.util.regex.Pattern")
	}
	s, err := strArg([]any{a}, 0)
	if err != nil {
		return nil, err
	}
	if err := r.charge(p, s); err != nil {
		return nil, err
	}
	if op == "=~" {
		return p.find.MatchString(s), nil
	}
	return p.whole.MatchString(s), nil
}

func (r *run) patternMethod(p *pattern, key string, args []any) (any, error) {
	switch key {
	case "pattern/0":
		return p.source, nil
	case "matcher/1", "split/1":
	default:
		return nil, notFoundError{}
	}
	s, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	if key == "matcher/1" {
		return &matcher{p: p, text: s}, nil
	}
	if err := r.charge(p, s); err != nil {
		return nil, err
	}
	parts := p.find.Split(s, -1)
	for len(parts) > 1 && parts[len(parts)-1] == "" { // Java drops empty parts at the end
		parts = parts[:len(parts)-1]
	}
	if err := r.m.spend(len(parts)); err != nil {
		return nil, err
	}
	v, err := copied(r, parts)
	if l, ok := v.(*list); ok {
		l.array = true
	}
	return v, err
}

func (r *run) matcherMethod(m *matcher, key string, args []any) (any, error) {
	switch key {
	case "find/0", "matches/0", "lookingAt/0":
		return r.advance(m, key)
	case "reset/0":
		m.next, m.match = 0, nil
		return m, nil
	case "groupCount/0":
		return int32(m.p.find.NumSubexp()), nil
	case "replaceAll/1", "replaceFirst/1":
		return r.replaceMatches(m.p, m.text, key, args)
	case "group/0", "start/0", "end/0":
		args = []any{int32(0)}
	case "group/1", "start/1", "end/1":
	default:
		return nil, notFoundError{}
	}
	if m.match == nil {
		return nil, throwf("IllegalStateException", "No match found")
	}
	g, err := m.group(args[0])
	if err != nil {
		return nil, err
	}
	from, to := m.match[2*g], m.match[2*g+1]
	switch {
	case strings.HasPrefix(key, "group"):
		if from < 0 {
			return nil, nil
		}
		return m.text[from:to], nil
	case strings.HasPrefix(key, "start"):
		return javaIndex(m.text, from), nil
	}
	return javaIndex(m.text, to), nil
}

// group finds a group by its number or name.
func (m *matcher) group(arg any) (int, error) {
	if name, ok := arg.(string); ok {
		if g := m.p.find.SubexpIndex(name); g >= 0 {
			return g, nil
		}
		return 0, argumentFault("No group with name <%s>", name)
	}
	g, err := intArg([]any{arg}, 0)
	if err == nil && (g < 0 || 2*g+1 >= len(m.match)) {
		err = throwf("IndexOutOfBoundsException", "No group %d", g)
	}
	return g, err
}

func (r *run) advance(m *matcher, key string) (any, error) {
	if err := r.charge(m.p, m.text[min(m.next, len(m.text)):]); err != nil {
		return nil, err
	}
	switch key {
	case "matches/0":
		m.match = m.p.whole.FindStringSubmatchIndex(m.text)
	case "lookingAt/0":
		m.match = m.p.find.FindStringSubmatchIndex(m.text)
		if m.match != nil && m.match[0] != 0 {
			m.match = nil
		}
	default:
		if m.next > len(m.text) {
			m.match = nil
			return false, nil
		}
		m.match = findFrom(m)
	}
	return m.match != nil, nil
}

// findFrom finds the next match. Unlike Java's, anchors and word boundaries see only the rest of the text.
func findFrom(m *matcher) []int {
	rest := m.text[m.next:]
	loc := m.p.find.FindStringSubmatchIndex(rest)
	if loc == nil {
		return nil
	}
	for i := range loc {
		if loc[i] >= 0 {
			loc[i] += m.next
		}
	}
	m.next = loc[1]
	if loc[0] == loc[1] {
		m.next++
	}
	return loc
}

// replacePattern is the replaceAll and replaceFirst that Painless gives to strings: a pattern and a function.
func (r *run) replacePattern(s, key string, args []any) (any, error) {
	p, ok := args[0].(*pattern)
	if !ok {
		return nil, badArgument(args[0], "java.util.regex.Pattern")
	}
	return r.replaceWith(p, s, key == "replaceFirst/2", func(loc []int) (string, error) {
		v, err := r.invoke(args[1], &matcher{p: p, text: s, match: loc})
		if err != nil {
			return "", err
		}
		return r.str(v)
	})
}

func (r *run) replaceMatches(p *pattern, s, key string, args []any) (any, error) {
	with, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	return r.replaceWith(p, s, key == "replaceFirst/1", func(loc []int) (string, error) {
		out := string(p.find.ExpandString(nil, with, s, loc))
		return out, r.m.alloc(len(out))
	})
}

func (r *run) replaceWith(p *pattern, s string, once bool, with func(loc []int) (string, error)) (any, error) {
	if err := r.charge(p, s); err != nil {
		return nil, err
	}
	limit := -1
	if once {
		limit = 1
	}
	var b strings.Builder
	last := 0
	for _, loc := range p.find.FindAllStringSubmatchIndex(s, limit) {
		part, err := with(loc)
		if err != nil {
			return nil, err
		}
		if err := r.spendOn(1, loc[0]-last+len(part)); err != nil {
			return nil, err
		}
		b.WriteString(s[last:loc[0]])
		b.WriteString(part)
		last = loc[1]
	}
	b.WriteString(s[last:])
	return r.made(b.String())
}
