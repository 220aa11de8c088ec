package query

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const maxJSONDepth = 1000

// ParseJSON reads one JSON document. Duplicate keys and anything after the value are refused; errors read as the
// original's JSON parser words them.
func ParseJSON(body []byte) (*Node, error) {
	doc := string(body)
	r := &reader{s: doc, doc: &document{text: doc}}
	r.space()
	if r.i == len(r.s) {
		return nil, r.fail(r.i, "No content to map due to end-of-input")
	}
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.i < len(r.s) {
		return nil, r.unexpected("expected end of input")
	}
	return n, nil
}

type reader struct {
	s   string
	i   int
	doc *document
}

func source(doc string, off int) string {
	line, col := position(doc, off)
	return "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: " +
		strconv.Itoa(line) + ", column: " + strconv.Itoa(col) + "]"
}

func (r *reader) fail(off int, format string, args ...any) *Error {
	return Errorf("json_parse_exception", "%s\n at %s", fmt.Sprintf(format, args...), source(r.s, off))
}

func (r *reader) unexpected(want string) *Error {
	c, _ := utf8.DecodeRuneInString(r.s[r.i:])
	return r.fail(r.i, "Unexpected character ('%c' (code %d)): %s", c, c, want)
}

func (r *reader) space() {
	for r.i < len(r.s) && strings.IndexByte(" \t\r\n", r.s[r.i]) >= 0 {
		r.i++
	}
}

func (r *reader) value(depth int) (*Node, error) {
	if depth > maxJSONDepth {
		return nil, r.fail(r.i, "Document nesting depth (%d) exceeds the maximum allowed (%d)", depth, maxJSONDepth)
	}
	n := &Node{doc: r.doc, off: r.i, key: r.i}
	var err error
	switch c := r.s[r.i]; {
	case c == '{':
		n.Kind = Object
		err = r.object(n, depth)
	case c == '[':
		n.Kind = Array
		err = r.array(n, depth)
	case c == '"':
		n.Kind = Text
		n.Raw, err = r.str()
	case c == '-' || c >= '0' && c <= '9':
		n.Kind = Number
		n.Raw, err = r.number()
	default:
		err = r.word(n)
	}
	n.end = r.i
	return n, err
}

func (r *reader) object(n *Node, depth int) error {
	start := r.i
	r.i++
	seen := map[string]bool{}
	for first := true; ; first = false {
		if r.space(); r.i == len(r.s) {
			return r.open("Object", start)
		}
		if r.s[r.i] == '}' {
			if first || r.s[r.lastByte()] != ',' {
				r.i++
				return nil
			}
			return r.unexpected("was expecting double-quote to start field name")
		}
		if !first && r.s[r.lastByte()] != ',' {
			return r.separator("Object", '}')
		}
		if r.s[r.i] != '"' {
			return r.unexpected("was expecting double-quote to start field name")
		}
		at := r.i
		key, err := r.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return r.fail(at, "Duplicate field '%s'", key)
		}
		seen[key] = true
		if r.space(); r.i == len(r.s) {
			return r.fail(r.i, "Unexpected end-of-input within/between Object entries")
		}
		if r.s[r.i] != ':' {
			return r.unexpected("was expecting a colon to separate field name and value")
		}
		r.i++
		if r.space(); r.i == len(r.s) {
			return r.fail(r.i, "Unexpected end-of-input within/between Object entries")
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		v.key = at
		n.Keys, n.Items = append(n.Keys, key), append(n.Items, v)
		r.comma()
	}
}

// comma steps over a comma so that lastByte can tell whether there was one.
func (r *reader) comma() {
	if r.space(); r.i < len(r.s) && r.s[r.i] == ',' {
		r.i++
	}
}

func (r *reader) lastByte() int {
	i := r.i - 1
	for i > 0 && strings.IndexByte(" \t\r\n", r.s[i]) >= 0 {
		i--
	}
	return i
}

func (r *reader) open(what string, start int) *Error {
	return r.fail(r.i, "Unexpected end-of-input: expected close marker for %s (start marker at %s)", what, source(r.s, start))
}

func (r *reader) separator(what string, closing byte) *Error {
	if c := r.s[r.i]; c == ']' || c == '}' {
		return r.fail(r.i, "Unexpected close marker '%c': expected '%c'", c, closing)
	}
	return r.unexpected("was expecting comma to separate " + what + " entries")
}

func (r *reader) array(n *Node, depth int) error {
	start := r.i
	r.i++
	for first := true; ; first = false {
		if r.space(); r.i == len(r.s) {
			return r.open("Array", start)
		}
		if r.s[r.i] == ']' && (first || r.s[r.lastByte()] != ',') {
			r.i++
			return nil
		}
		if !first && r.s[r.lastByte()] != ',' {
			return r.separator("Array", ']')
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, v)
		r.comma()
	}
}

func (r *reader) word(n *Node) error {
	start := r.i
	for r.i < len(r.s) && (isLetter(r.s[r.i]) || r.s[r.i] >= '0' && r.s[r.i] <= '9') {
		r.i++
	}
	w := r.s[start:r.i]
	switch w {
	case "true", "false":
		n.Kind, n.Raw = Bool, w
	case "null":
		n.Kind = Null
	case "":
		return r.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
	default:
		return r.fail(r.i, "Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", w)
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' }

func (r *reader) number() (string, error) {
	start := r.i
	if r.s[r.i] == '-' {
		r.i++
	}
	if r.digits() == 0 {
		return "", r.fail(r.i, "Unexpected character in a number: expected digit (0-9)")
	}
	if lead := strings.TrimPrefix(r.s[start:r.i], "-"); len(lead) > 1 && lead[0] == '0' {
		return "", r.fail(start, "Invalid numeric value: Leading zeroes not allowed")
	}
	if r.i < len(r.s) && r.s[r.i] == '.' {
		r.i++
		if r.digits() == 0 {
			return "", r.fail(r.i, "Unexpected character in a number: Decimal point not followed by a digit")
		}
	}
	if r.i < len(r.s) && r.s[r.i]|0x20 == 'e' {
		r.i++
		if r.i < len(r.s) && (r.s[r.i] == '+' || r.s[r.i] == '-') {
			r.i++
		}
		if r.digits() == 0 {
			return "", r.fail(r.i, "Unexpected character in a number: Exponent indicator not followed by a digit")
		}
	}
	if r.i-start > 1000 {
		return "", r.fail(start, "Number value length (%d) exceeds the maximum allowed (1000)", r.i-start)
	}
	return r.s[start:r.i], nil
}

func (r *reader) digits() int {
	start := r.i
	for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
		r.i++
	}
	return r.i - start
}

func (r *reader) str() (string, error) {
	start := r.i
	r.i++
	from := r.i
	var b []byte
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			if b == nil {
				return r.valid(start, r.s[from:r.i-1])
			}
			return r.valid(start, string(append(b, r.s[from:r.i-1]...)))
		case c == '\\':
			b = append(b, r.s[from:r.i]...)
			var err error
			if b, err = r.escape(b); err != nil {
				return "", err
			}
			from = r.i
		case c < 0x20:
			return "", r.fail(r.i, "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		default:
			r.i++
		}
	}
	return "", r.fail(start, "Unexpected end-of-input in VALUE_STRING")
}

func (r *reader) valid(start int, s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", r.fail(start, "Invalid UTF-8 in string")
	}
	return s, nil
}

func (r *reader) escape(b []byte) ([]byte, error) {
	if r.i+1 >= len(r.s) {
		return nil, r.fail(r.i, "Unexpected end-of-input in character escape sequence")
	}
	c := r.s[r.i+1]
	if c == 'u' {
		return r.unicode(b)
	}
	at := strings.IndexByte(`"\/bfnrt`, c)
	if at < 0 {
		return nil, r.fail(r.i, "Unrecognized character escape '%c' (code %d)", c, c)
	}
	r.i += 2
	return append(b, "\"\\/\b\f\n\r\t"[at]), nil
}

func (r *reader) unicode(b []byte) ([]byte, error) {
	u, ok := r.hex(r.i)
	if !ok {
		return nil, r.fail(r.i, "Unexpected character in unicode escape: expected a hex-digit for character escape sequence")
	}
	r.i += 6
	if utf16.IsSurrogate(u) {
		if low, ok := r.hex(r.i); ok {
			if c := utf16.DecodeRune(u, low); c != utf8.RuneError {
				r.i += 6
				return utf8.AppendRune(b, c), nil
			}
		}
	}
	return utf8.AppendRune(b, u), nil
}

func (r *reader) hex(at int) (rune, bool) {
	if at+6 > len(r.s) || r.s[at] != '\\' || r.s[at+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(r.s[at+2:at+6], 16, 16)
	return rune(v), err == nil
}
