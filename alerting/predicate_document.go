package alerting

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// What a document's value is looked up by, appended to its path. The first byte cannot be part of a path.
const (
	presence = "\x00?"
	nullKey  = "\x00n"
	dateKey  = "\x00d"
	equalKey = "\x00="
	wordKey  = "\x00~"
)

const (
	maxDocument      = 1 << 20
	maxDocumentDepth = 100
	maxWords         = 10_000
	// maxToken is the length in characters at which the standard analyzer cuts words.
	maxToken = 255
)

// document is a document as predicates see it: the values at the paths that they ask for.
type document struct {
	values map[string][]docValue
	keys   map[string]struct{}
	seen   map[*filed]struct{}
	path   []byte
	words  int
	// whole is cleared when the document has more than is looked at: then it matches everything.
	whole bool
}

type docValue struct {
	text string
	// any is set if the value cannot be told: null, or an object.
	any bool
	// quoted is set if it is a JSON string.
	quoted bool
}

func (d *document) has(path, key string) bool {
	_, ok := d.keys[path+key]
	return ok
}

func (d *document) reset() {
	clear(d.values)
	clear(d.keys)
	clear(d.seen)
	d.path, d.words, d.whole = d.path[:0], 0, true
}

// read collects what the paths hold that are asked for. At maps a path of the document to the paths of queries that mean it: itself,
// and its sub-fields, which documents do not show.
func (d *document) read(v *fastjson.Value, at map[string][]string, depth int) {
	if depth > maxDocumentDepth {
		d.whole = false
		return
	}
	switch v.Type() {
	case fastjson.TypeObject:
		d.object(at, len(d.path))
		v.GetObject().Visit(func(key []byte, x *fastjson.Value) {
			n := len(d.path)
			if n > 0 {
				d.path = append(d.path, '.')
			}
			for _, c := range key {
				if c == '.' { // {"a.b":1} means {"a":{"b":1}}
					d.object(at, len(d.path))
				}
				d.path = append(d.path, c)
			}
			d.read(x, at, depth+1)
			d.path = d.path[:n]
		})
	case fastjson.TypeArray:
		for _, x := range v.GetArray() {
			d.read(x, at, depth+1)
		}
	default:
		for _, target := range at[string(d.path)] {
			d.scalar(target, v)
		}
	}
}

// object notes that there is an object at the first n bytes of the path. What mappings make of one (a range, a flat object)
// cannot be told, so it counts as any value.
func (d *document) object(at map[string][]string, n int) {
	for _, target := range at[string(d.path[:n])] {
		if target == string(d.path[:n]) {
			d.add(target, presence)
			d.add(target, nullKey)
			d.values[target] = append(d.values[target], docValue{any: true})
		}
	}
}

func (d *document) add(path, key string) { d.keys[path+key] = struct{}{} }

func (d *document) scalar(path string, v *fastjson.Value) {
	d.add(path, presence)
	var value docValue
	switch v.Type() {
	case fastjson.TypeNull:
		// A mapping may give null a value.
		value.any = true
		d.add(path, nullKey)
	case fastjson.TypeString:
		value.text, value.quoted = string(v.GetStringBytes()), true
	default:
		value.text = string(v.MarshalTo(nil))
	}
	d.values[path] = append(d.values[path], value)
	if !value.any {
		d.textKeys(path, value.text)
	}
}

func (d *document) textKeys(path, text string) {
	d.add(path, equalKey+text)
	for _, n := range numberKeys(text) {
		d.add(path, n)
	}
	if text == "" { // is false where the field is boolean
		d.add(path, equalKey+"false")
		d.add(path, wordKey+"false")
	}
	if looksLikeDate(text) {
		d.add(path, dateKey)
	}
	d.words += eachWord(text, func(w string) {
		d.add(path, wordKey+w)
		d.whole = d.whole && !isLong(w)
	})
	d.whole = d.whole && d.words <= maxWords
}

// wantedValue returns how documents may hold a value that a query asks for.
func wantedValue(text string, exact bool) wanted {
	numbers := numberKeys(text)
	w := wanted{keys: append([]string{equalKey + text}, numbers...)}
	if exact {
		return w
	}
	if len(numbers) > 0 {
		w.keys = append(w.keys, dateKey)
	}
	// Equal text has equal words, so the key of the text would find nothing more.
	w.keys = w.keys[1:]
	eachWord(text, func(word string) { w.words = append(w.words, wordKey+word) })
	return w
}

// numberKeys returns a number in the precision that any mapping keeps, and without its fraction, for mappings of integers.
func numberKeys(text string) []string {
	if text == "" || len(text) > 64 || strings.IndexByte("+-.0123456789", text[0]) < 0 {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	key := func(f float64) string { return equalKey + "#" + strconv.FormatFloat(float64(float32(f)), 'g', -1, 32) }
	out := []string{key(n)}
	if n > -1e18 && n < 1e18 && n != float64(int64(n)) {
		out = append(out, key(float64(int64(n))))
	}
	return out
}

// isOdd reports whether equal values may be written otherwise in a document: dates, addresses, templates.
func isOdd(text string) bool {
	if looksLikeDate(text) || isTemplate(text) || strings.HasPrefix(text, "now") || strings.Contains(text, "||") {
		return true
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	a, err := netip.ParseAddr(text)
	return err == nil && a.Is6()
}

func looksLikeDate(s string) bool {
	if len(s) < 7 || len(s) > 64 {
		return false
	}
	for i := range 4 {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s[4] == '-' || s[4] == '/' || s[4] == '.'
}

// isLong reports whether a word may be cut where it is indexed.
func isLong(word string) bool { return len(word) >= maxToken }

func fold(s string) string { return strings.Map(unicode.ToLower, s) }

// eachWord cuts a text into pieces at least as fine as the standard analyzer does, in lower case: where that finds a word in
// two texts, this finds a piece in both. It returns how many there were.
func eachWord(text string, each func(word string)) int {
	s := fold(text)
	n, start := 0, -1
	flush := func(end int) {
		if start >= 0 {
			each(s[start:end])
			n++
			start = -1
		}
	}
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf && (r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'):
			if start < 0 {
				start = i
			}
		case r < utf8.RuneSelf || unicode.IsSpace(r) || unicode.IsPunct(r):
			flush(i)
		default: // scripts without spaces, symbols, and all others: each character for itself
			flush(i)
			each(string(r))
			n++
		}
	}
	flush(len(s))
	return n
}
