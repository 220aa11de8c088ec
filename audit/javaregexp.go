package audit

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// javaRegexp compiles an expression as Java's Pattern understands it, over the whole string. What Go's engine cannot do, or
// would read otherwise than Java without a way to say it, is an error.
func javaRegexp(pattern string) (*regexp.Regexp, error) {
	j := javaReader{in: pattern}
	if err := j.read(); err != nil {
		return nil, err
	}
	// By itself first: within the group, "a)(b" would be one.
	if _, err := regexp.Compile(j.out.String()); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + j.out.String() + `)\z`)
}

// Java's line terminators and white space, as parts of a class.
const (
	javaLineEnds = `\n\r\x{85}\x{2028}\x{2029}`
	javaSpaces   = `\t\n\x{0B}\f\r `
	javaHBlanks  = `\t \x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}`
	javaVBlanks  = `\n\x{0B}\f\r\x{85}\x{2028}\x{2029}`
)

// javaReader writes an expression of Java in Go's syntax.
type javaReader struct {
	in      string
	i       int
	out     strings.Builder
	dotall  bool // (?s) was seen
	inClass bool
}

func (j *javaReader) read() error {
	for j.i < len(j.in) {
		c := j.in[j.i]
		j.i++
		var err error
		switch {
		case c == '\\':
			err = j.escape()
		case j.inClass:
			err = j.inside(c)
		case c == '[':
			err = j.openClass()
		case c == '(' && strings.HasPrefix(j.in[j.i:], "?"):
			err = j.group()
		case c == '.' && !j.dotall:
			j.out.WriteString(`[^` + javaLineEnds + `]`)
		default:
			j.out.WriteByte(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *javaReader) openClass() error {
	j.inClass = true
	j.out.WriteByte('[')
	if strings.HasPrefix(j.in[j.i:], "^") {
		j.out.WriteByte('^')
		j.i++
	}
	if strings.HasPrefix(j.in[j.i:], "]") {
		return errors.New("an empty character class")
	}
	return nil
}

func (j *javaReader) inside(c byte) error {
	switch {
	case c == '[':
		return errors.New("a character class within another is not supported")
	case c == '&' && strings.HasPrefix(j.in[j.i:], "&"):
		return errors.New("&& in a character class is not supported")
	case c == ']':
		j.inClass = false
	}
	j.out.WriteByte(c)
	return nil
}

// group copies what follows "(" and begins with "?".
func (j *javaReader) group() error {
	j.out.WriteByte('(')
	rest := j.in[j.i:]
	if strings.HasPrefix(rest, "?<") && !strings.HasPrefix(rest, "?<=") && !strings.HasPrefix(rest, "?<!") {
		return nil // a name, which Go knows
	}
	end := strings.IndexAny(rest, ":)=!<>")
	if end < 0 {
		return errors.New("a group that does not end")
	}
	flags := rest[1:end]
	for _, f := range flags {
		if f != 'i' && f != 's' && f != '-' {
			return fmt.Errorf("flag %q is not supported", f)
		}
	}
	// Where it is switched off again, a dot would have to be told apart by groups.
	on, off, _ := strings.Cut(flags, "-")
	if strings.Contains(off, "s") {
		return errors.New(`flag "-s" is not supported`)
	}
	j.dotall = j.dotall || strings.Contains(on, "s")
	return nil
}

// escape writes what follows a backslash.
func (j *javaReader) escape() error {
	if j.i == len(j.in) {
		return errors.New("a backslash at the end")
	}
	c := j.in[j.i]
	j.i++
	switch c {
	case 'Q':
		text, _, _ := strings.Cut(j.in[j.i:], `\E`)
		j.i = min(j.i+len(text)+2, len(j.in))
		j.out.WriteString(regexp.QuoteMeta(text))
		return nil
	case 's', 'h', 'v':
		return j.set(false, map[byte]string{'s': javaSpaces, 'h': javaHBlanks, 'v': javaVBlanks}[c])
	case 'S', 'H', 'V':
		return j.set(true, map[byte]string{'S': javaSpaces, 'H': javaHBlanks, 'V': javaVBlanks}[c])
	case 'e':
		j.out.WriteString(`\x{1B}`)
		return nil
	case 'u':
		return j.hex(4)
	case 'x':
		if strings.HasPrefix(j.in[j.i:], "{") {
			j.out.WriteString(`\x`)
			return nil
		}
		return j.hex(2)
	case '0':
		return j.octal()
	}
	isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	if c >= '1' && c <= '9' || isLetter && !strings.ContainsRune("dDwWtnrfapPbBAz", rune(c)) {
		return fmt.Errorf(`\%c is not supported`, c)
	}
	j.out.WriteByte('\\')
	j.out.WriteByte(c)
	return nil
}

// set writes a class that Java has a letter for.
func (j *javaReader) set(negated bool, chars string) error {
	switch {
	case j.inClass && negated:
		return errors.New(`\S, \H and \V in a character class are not supported`)
	case j.inClass:
		j.out.WriteString(chars)
	case negated:
		j.out.WriteString(`[^` + chars + `]`)
	default:
		j.out.WriteString(`[` + chars + `]`)
	}
	return nil
}

func (j *javaReader) hex(digits int) error {
	if len(j.in)-j.i < digits {
		return errors.New("an incomplete character code")
	}
	text := j.in[j.i : j.i+digits]
	if _, err := strconv.ParseUint(text, 16, 32); err != nil {
		return fmt.Errorf("%q is no character code", text)
	}
	j.i += digits
	j.out.WriteString(`\x{` + text + `}`)
	return nil
}

// octal reads one to three digits, of which the first of three is at most 3.
func (j *javaReader) octal() error {
	n, value := 0, 0
	for n < 3 && j.i < len(j.in) && j.in[j.i] >= '0' && j.in[j.i] <= '7' && value*8+int(j.in[j.i]-'0') <= 0o377 {
		value = value*8 + int(j.in[j.i]-'0')
		j.i++
		n++
	}
	if n == 0 {
		return errors.New(`\0 without digits`)
	}
	fmt.Fprintf(&j.out, `\x{%X}`, value)
	return nil
}
