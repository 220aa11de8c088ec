package sink

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DefaultIndex is the index name pattern that OpenSearch 2.19 uses.
const DefaultIndex = "'security-auditlog-'YYYY.MM.dd"

// IndexName makes index names from times. It understands as much of Joda's date patterns as makes sense in an index name:
// text in single quotes (” is a quote), and runs of the letters Y or y (year), x (year of the week), M (month), w (week),
// d (day), D (day of the year), H (hour), written with at least as many digits as letters. Times count in UTC.
type IndexName struct {
	parts  []namePart
	names  *regexp.Regexp
	stream bool
}

// namePart is a literal, or a number if letter is set.
type namePart struct {
	literal string
	letter  byte
	width   int
}

// ParseIndexName parses a pattern. It fails if the names would not be names of indices.
func ParseIndexName(pattern string) (*IndexName, error) {
	n := &IndexName{}
	if err := n.parse(pattern); err != nil {
		return nil, fmt.Errorf("index name pattern %q: %w", pattern, err)
	}
	var re strings.Builder
	for _, p := range n.parts {
		if p.letter == 0 {
			re.WriteString(regexp.QuoteMeta(p.literal))
		} else {
			re.WriteString(`[0-9]{` + strconv.Itoa(p.width) + `,9}`)
		}
	}
	var err error
	if n.names, err = regexp.Compile(`\A` + re.String() + `\z`); err != nil {
		return nil, fmt.Errorf("index name pattern %q: %w", pattern, err)
	}
	if err := checkIndexName(n.Format(time.Unix(0, 0))); err != nil {
		return nil, fmt.Errorf("index name pattern %q: %w", pattern, err)
	}
	return n, nil
}

// StreamName is the name of a data stream. Names match that are it or an index behind it.
func StreamName(name string) (*IndexName, error) {
	if err := checkIndexName(name); err != nil {
		return nil, fmt.Errorf("data stream: %w", err)
	}
	// Elasticsearch puts the day before the number.
	names, err := regexp.Compile(`\A(` + regexp.QuoteMeta(name) + `|\.ds-` + regexp.QuoteMeta(name) + `-([0-9.]{10}-)?[0-9]{6,})\z`)
	if err != nil {
		return nil, fmt.Errorf("data stream %q: %w", name, err)
	}
	return &IndexName{parts: []namePart{{literal: name}}, names: names, stream: true}, nil
}

func (n *IndexName) parse(pattern string) error {
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, length, err := quoted(pattern[i:])
			if err != nil {
				return err
			}
			n.literal(text)
			i += length
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			width := len(pattern[i:]) - len(strings.TrimLeft(pattern[i:], string(c)))
			if !strings.Contains("YyxMwdDH", string(c)) || width > 4 || c == 'M' && width > 2 {
				return fmt.Errorf("%q is not supported", pattern[i:i+width])
			}
			n.parts = append(n.parts, namePart{letter: c, width: width})
			i += width
		default:
			n.literal(string(c))
			i++
		}
	}
	return nil
}

func (n *IndexName) literal(s string) {
	if last := len(n.parts) - 1; last >= 0 && n.parts[last].letter == 0 {
		n.parts[last].literal += s
		return
	}
	n.parts = append(n.parts, namePart{literal: s})
}

// quoted reads text in single quotes, in which two quotes are one.
func quoted(s string) (text string, length int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '\'':
			text += string(s[i])
		case strings.HasPrefix(s[i:], "''"):
			text += "'"
			i++
		default:
			return text, i + 1, nil
		}
	}
	return "", 0, errors.New("a quote is not closed")
}

func checkIndexName(name string) error {
	switch {
	case name == "" || len(name) > 255:
		return errors.New("the name must have 1 to 255 bytes")
	case name != strings.ToLower(name):
		return fmt.Errorf("the name %q has upper-case letters", name)
	case strings.ContainsAny(name, "\\/*?\"<>| ,#:'"):
		return fmt.Errorf("the name %q has characters that no index name may have", name)
	case strings.ContainsAny(name[:1], "-_+") || name == "." || name == "..":
		return fmt.Errorf("the name %q begins as no index name may", name)
	}
	return nil
}

// Format returns the name for a time.
func (n *IndexName) Format(t time.Time) string {
	t = t.UTC()
	b := make([]byte, 0, 64)
	for _, p := range n.parts {
		if p.letter == 0 {
			b = append(b, p.literal...)
			continue
		}
		digits := strconv.Itoa(p.value(t))
		for i := len(digits); i < p.width; i++ {
			b = append(b, '0')
		}
		b = append(b, digits...)
	}
	return string(b)
}

func (p namePart) value(t time.Time) int {
	week, of := 0, t.Year()
	if p.letter == 'x' || p.letter == 'w' {
		of, week = t.ISOWeek()
	}
	switch p.letter {
	case 'Y', 'y', 'x':
		if p.width == 2 {
			return of % 100
		}
		return of
	case 'M':
		return int(t.Month())
	case 'w':
		return week
	case 'd':
		return t.Day()
	case 'D':
		return t.YearDay()
	default:
		return t.Hour()
	}
}

// Match reports whether a name is one of those that Format makes, or an index of the data stream.
func (n *IndexName) Match(name string) bool { return n.names.MatchString(name) }

// Wildcard is the index pattern that covers the names: from the first number to the last one "*".
func (n *IndexName) Wildcard() string {
	first, last := -1, -1
	for i, p := range n.parts {
		if p.letter != 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return n.Format(time.Time{})
	}
	var b strings.Builder
	for i, p := range n.parts {
		switch {
		case i == first:
			b.WriteByte('*')
		case i < first || i > last:
			b.WriteString(p.literal)
		}
	}
	return b.String()
}
