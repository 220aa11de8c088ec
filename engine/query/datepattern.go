package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// pattern is a compiled pattern of Java's DateTimeFormatter.
type pattern []element

type element struct {
	letter   byte    // 0 is literal text, '[' an optional part
	count    int     // of letters
	text     string  // of a literal
	optional pattern // of an optional part
	strict   bool
	adjacent bool // another number follows at once, so the width is exact
}

// compilePattern reads a pattern. Strict formats take numbers only in their full width.
func compilePattern(s string, strict bool) (pattern, error) {
	p, rest, err := compileUntil(s, strict, false)
	if err == nil && rest != "" {
		return nil, illegal("Pattern invalid as it contains ] without previous [")
	}
	return p, err
}

func compileUntil(s string, strict, inner bool) (p pattern, rest string, err error) {
	for s != "" {
		c := s[0]
		switch {
		case c == '[':
			part, after, err := compileUntil(s[1:], strict, true)
			if err != nil {
				return nil, "", err
			}
			p, s = append(p, element{letter: '[', optional: part}), after
		case c == ']':
			if !inner {
				return nil, s, nil
			}
			return p, s[1:], nil
		case c == '\'':
			text, after, err := quoted(s[1:])
			if err != nil {
				return nil, "", err
			}
			p, s = append(p, element{text: text}), after
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			n := len(s) - len(strings.TrimLeft(s, s[:1]))
			if strings.IndexByte("yuYMLdHhkmsSaEeDwVXxZzOGAnN", c) < 0 {
				return nil, "", illegal("Unknown pattern letter: %c", c)
			}
			if len(p) > 0 && p[len(p)-1].number() {
				p[len(p)-1].adjacent = (element{letter: c, count: n}).number()
			}
			p, s = append(p, element{letter: c, count: n, strict: strict}), s[n:]
		default:
			p, s = append(p, element{text: s[:1]}), s[1:]
		}
	}
	if inner {
		return nil, "", illegal("Pattern ends with an incomplete optional section")
	}
	return p, "", nil
}

func quoted(s string) (text, rest string, err error) {
	if strings.HasPrefix(s, "'") {
		return "'", s[1:], nil
	}
	var b strings.Builder
	for {
		part, after, ok := strings.Cut(s, "'")
		if !ok {
			return "", "", illegal("Pattern ends with an incomplete string literal")
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, "'") {
			return b.String(), after, nil
		}
		b.WriteByte('\'')
		s = after[1:]
	}
}

func (e element) number() bool {
	switch e.letter {
	case 'y', 'u', 'Y', 'd', 'H', 'h', 'k', 'm', 's', 'D', 'w', 'A', 'n', 'N', 'S':
		return true
	case 'M', 'L', 'e':
		return e.count <= 2
	}
	return false
}

func (p pattern) readAll(s string) (moment, bool) {
	m := newMoment()
	rest, ok := p.read(s, &m)
	return m, ok && rest == ""
}

func (p pattern) read(s string, m *moment) (rest string, ok bool) {
	for _, e := range p {
		switch e.letter {
		case 0:
			if s, ok = strings.CutPrefix(s, e.text); !ok {
				return "", false
			}
		case '[':
			try := *m
			if after, ok := e.optional.read(s, &try); ok {
				*m, s = try, after
			}
		default:
			if s, ok = e.read(s, m); !ok {
				return "", false
			}
		}
	}
	return s, true
}

// widths returns the fewest and most digits that the element takes.
func (e element) widths() (low, high int) {
	switch e.letter {
	case 'S', 'n', 'N', 'A':
		if e.letter == 'S' && e.count > 1 {
			return e.count, e.count
		}
		return 1, 9
	case 'y', 'u', 'Y':
		switch {
		case e.count == 2:
			return 2, 2
		case e.strict || e.adjacent:
			return e.count, max(e.count, 4)
		}
		return 1, 5
	case 'D':
		if !e.strict && !e.adjacent {
			return 1, 3
		}
	}
	switch {
	case e.count == 1 && !e.adjacent:
		return 1, 2
	case e.strict || e.adjacent:
		return e.count, e.count
	}
	return 1, e.count
}

func (e element) read(s string, m *moment) (string, bool) {
	switch e.letter {
	case 'X', 'x', 'Z', 'O':
		return e.readZone(s, m)
	case 'V', 'z':
		return readZoneName(s, m)
	case 'a':
		for i, half := range []string{"AM", "PM"} {
			if len(s) >= 2 && strings.EqualFold(s[:2], half) {
				m.half = i
				return s[2:], true
			}
		}
		return "", false
	case 'G':
		return strings.CutPrefix(s, "AD")
	case 'E', 'M', 'L', 'e':
		if !e.number() {
			return e.readName(s, m)
		}
	}
	negative := false
	if strings.IndexByte("yu", e.letter) >= 0 && strings.HasPrefix(s, "-") {
		negative, s = true, s[1:]
	}
	low, high := e.widths()
	n := 0
	for n < len(s) && n < high && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n < low {
		return "", false
	}
	v, err := strconv.Atoi(s[:n])
	if err != nil {
		return "", false
	}
	if negative {
		v, m.era = -v, true
	}
	return s[n:], e.set(m, v, n)
}

func (e element) set(m *moment, v, digits int) bool {
	in := func(low, high int) bool { return v >= low && v <= high }
	switch e.letter {
	case 'y', 'u':
		if e.count == 2 {
			v += 2000
		}
		m.year = v
		return true
	case 'Y':
		m.isoYear = v
		return true
	case 'M', 'L':
		m.month = v
		return in(1, 12)
	case 'd':
		m.day = v
		return in(1, 31)
	case 'D':
		m.yearDay = v
		return in(1, 366)
	case 'w':
		m.isoWeek = v
		return in(1, 53)
	case 'e':
		m.weekday = v
		return in(1, 7)
	case 'H':
		m.hour = v
		return in(0, 23)
	case 'k':
		m.hour = v % 24
		return in(1, 24)
	case 'h':
		m.hour12 = v
		return in(1, 12)
	case 'm':
		m.min = v
		return in(0, 59)
	case 's':
		m.sec = v
		return in(0, 59)
	case 'S':
		for range 9 - digits {
			v *= 10
		}
		m.nano = v
		return true
	case 'n', 'N':
		m.nano = v
		return true
	}
	m.hour, m.min, m.sec, m.nano = v/3600000, v/60000%60, v/1000%60, v%1000*1000000 // 'A', milliseconds of the day
	return v < 86400000
}

func (e element) readName(s string, m *moment) (string, bool) {
	if e.letter == 'E' || e.letter == 'e' {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if rest, ok := cutName(s, d.String(), e.count); ok {
				return rest, true
			}
		}
		return "", false
	}
	for mo := time.January; mo <= time.December; mo++ {
		if rest, ok := cutName(s, mo.String(), e.count); ok {
			m.month = int(mo)
			return rest, true
		}
	}
	return "", false
}

func cutName(s, name string, count int) (string, bool) {
	if count <= 3 {
		name = name[:3]
	}
	if len(s) < len(name) || !strings.EqualFold(s[:len(name)], name) {
		return "", false
	}
	return s[len(name):], true
}

func (p pattern) format(t time.Time) string {
	var b strings.Builder
	for _, e := range p {
		switch e.letter {
		case 0:
			b.WriteString(e.text)
		case '[':
			b.WriteString(e.optional.format(t))
		default:
			b.WriteString(e.format(t))
		}
	}
	return b.String()
}

func (e element) format(t time.Time) string {
	isoYear, isoWeek := t.ISOWeek()
	v := 0
	switch e.letter {
	case 'y', 'u':
		if v = t.Year(); e.count == 2 {
			v %= 100
		}
	case 'Y':
		v = isoYear
	case 'M', 'L':
		if !e.number() {
			return shortName(t.Month().String(), e.count)
		}
		v = int(t.Month())
	case 'E':
		return shortName(t.Weekday().String(), e.count)
	case 'a':
		return t.Format("PM")
	case 'G':
		return "AD"
	case 'X', 'x', 'Z', 'O':
		return e.formatZone(t)
	case 'V', 'z':
		if name := t.Location().String(); name != "" && name != "UTC" {
			return name
		}
		return t.Format("Z07:00")
	case 'S':
		return fmt.Sprintf("%09d", t.Nanosecond())[:min(e.count, 9)]
	case 'd':
		v = t.Day()
	case 'D':
		v = t.YearDay()
	case 'w':
		v = isoWeek
	case 'e':
		v = (int(t.Weekday())+6)%7 + 1
	case 'H':
		v = t.Hour()
	case 'k':
		v = (t.Hour()+23)%24 + 1
	case 'h':
		v = (t.Hour()+11)%12 + 1
	case 'm':
		v = t.Minute()
	case 's':
		v = t.Second()
	case 'n', 'N':
		v = t.Nanosecond()
	case 'A':
		v = ((t.Hour()*60+t.Minute())*60+t.Second())*1000 + t.Nanosecond()/1e6
	}
	return fmt.Sprintf("%0*d", e.count, v)
}

func (e element) formatZone(t time.Time) string {
	switch {
	case e.letter == 'X' && e.count == 1:
		return t.Format("Z07")
	case e.letter == 'X' && (e.count == 2 || e.count == 4):
		return t.Format("Z0700")
	case e.letter == 'X':
		return t.Format("Z07:00")
	case e.letter == 'x' && e.count == 1:
		return t.Format("-07")
	case e.letter == 'x' && e.count == 3, e.letter == 'Z' && e.count > 3:
		return t.Format("-07:00")
	case e.letter == 'O':
		return "GMT" + t.Format("-07:00")
	}
	return t.Format("-0700")
}

func shortName(name string, count int) string {
	if count <= 3 {
		return name[:3]
	}
	return name
}
