package segment

import (
	"fmt"
	"strings"
	"time"
)

// token is one element of a Java date pattern: a letter with its count, or literal text (count 0).
type token struct {
	letter  byte
	count   int
	literal string
}

// nextToken splits the first token off a pattern.
func nextToken(p string) (token, string, error) {
	c := p[0]
	switch {
	case c == '\'':
		end := strings.IndexByte(p[1:], '\'')
		if end < 0 {
			return token{}, "", fmt.Errorf("%w: unclosed quote", errPattern)
		}
		if end == 0 {
			return token{literal: "'"}, p[2:], nil
		}
		return token{literal: p[1 : end+1]}, p[end+2:], nil
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		n := 1
		for n < len(p) && p[n] == c {
			n++
		}
		if !strings.ContainsRune("yuMdHhmsSaEXxZz", rune(c)) {
			return token{}, "", fmt.Errorf("%w: letter [%c]", errPattern, c)
		}
		return token{letter: c, count: n}, p[n:], nil
	case strings.IndexByte("[]{}#", c) >= 0:
		return token{}, "", fmt.Errorf("%w: [%c]", errPattern, c)
	}
	return token{literal: p[:1]}, p[1:], nil
}

func checkPattern(p string) error {
	if p == "" {
		return fmt.Errorf("%w: empty", errPattern)
	}
	for p != "" {
		_, rest, err := nextToken(p)
		if err != nil {
			return err
		}
		p = rest
	}
	return nil
}

// parsePattern reads s by a Java date pattern of the letters y u M d H h m s S a E X x Z z.
func parsePattern(pattern, s string, loc *time.Location) (time.Time, bool) {
	r, p := reader{s}, parts{year: 1970, month: 1, day: 1, loc: loc}
	for pattern != "" {
		t, rest, err := nextToken(pattern)
		if err != nil || !r.token(t, &p) {
			return time.Time{}, false
		}
		pattern = rest
	}
	if r.s != "" {
		return time.Time{}, false
	}
	return p.time()
}

func (r *reader) token(t token, p *parts) bool {
	if t.count == 0 {
		if !strings.HasPrefix(r.s, t.literal) {
			return false
		}
		r.s = r.s[len(t.literal):]
		return true
	}
	most := t.count
	if t.count == 1 {
		most = 2 // "d" reads one or two digits
	}
	var ok bool
	switch t.letter {
	case 'y', 'u':
		if t.count == 1 {
			most = 9
		}
		p.year, ok = r.digits(t.count, most)
		if t.count == 2 {
			p.year += 2000
		}
	case 'M':
		if t.count >= 3 {
			p.month, ok = r.name(t.count, func(i int) string { return time.Month(i).String() }, 12)
			break
		}
		p.month, ok = r.digits(t.count, most)
	case 'd':
		p.day, ok = r.digits(t.count, most)
	case 'H', 'h':
		p.hour, ok = r.digits(t.count, most)
	case 'm':
		p.minute, ok = r.digits(t.count, most)
	case 's':
		p.second, ok = r.digits(t.count, most)
	case 'S':
		p.nano, ok = r.nanos(1, max(t.count, 9))
	case 'E':
		_, ok = r.name(t.count, func(i int) string { return time.Weekday(i - 1).String() }, 7)
	case 'a':
		p.hasPM, p.pm = true, strings.HasPrefix(r.s, "PM")
		if ok = p.pm || strings.HasPrefix(r.s, "AM"); ok {
			r.s = r.s[2:]
		}
	default: // X x Z z
		p.loc, ok = r.zone()
		if p.loc == nil {
			p.loc = time.UTC
		}
	}
	return ok
}

// name reads one of n English names, in short form for up to three letters, and returns its number from 1.
func (r *reader) name(count int, name func(int) string, n int) (int, bool) {
	for i := 1; i <= n; i++ {
		v := name(i)
		if count <= 3 {
			v = v[:3]
		}
		if strings.HasPrefix(r.s, v) {
			r.s = r.s[len(v):]
			return i, true
		}
	}
	return 0, false
}
