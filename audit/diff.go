package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// Diff returns the RFC 6902 patch that turns one document into another, as compact JSON text, empty if they are equal. A nil
// document before counts as {}. Operations come in the order, and with the moves and copies, of the original:
// see compat/scenarios/audit/09i-write-diffs.json. 1 and 1.0 differ, 1.0 and 1.00 do not; see
// v44-write-rich-diffs.json, step put-space.
func Diff(before, after json.RawMessage) (string, error) {
	if len(before) == 0 {
		before = json.RawMessage("{}")
	}
	var oldParser, newParser fastjson.Parser
	o, err := oldParser.ParseBytes(before)
	if err != nil {
		return "", fmt.Errorf("read the document before: %w", err)
	}
	n, err := newParser.ParseBytes(after)
	if err != nil {
		return "", fmt.Errorf("read the document after: %w", err)
	}
	d := &differ{unchanged: map[string]string{}}
	d.keep("", o, n)
	d.compare("", o, n)
	d.moves()
	d.copies()
	return d.text(), nil
}

// change is one operation of a patch. value is the JSON text of what is added, replaced or (for pairing) removed.
type change struct{ op, from, path, value string }

type differ struct {
	changes []change
	// unchanged maps the value of what is the same in both documents to the first path where it stands.
	unchanged map[string]string
}

// keep collects the values that both documents have in the same place.
func (d *differ) keep(path string, o, n *fastjson.Value) {
	if equal(o, n) {
		key := raw(n)
		if _, ok := d.unchanged[key]; !ok && path != "" {
			d.unchanged[key] = path
		}
	}
	switch {
	case o.Type() == fastjson.TypeObject && n.Type() == fastjson.TypeObject:
		o.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			if other := n.Get(string(key)); other != nil {
				d.keep(pointer(path, string(key)), v, other)
			}
		})
	case o.Type() == fastjson.TypeArray && n.Type() == fastjson.TypeArray:
		a, b := o.GetArray(), n.GetArray()
		for i := range min(len(a), len(b)) {
			d.keep(pointer(path, strconv.Itoa(i)), a[i], b[i])
		}
	}
}

// compare appends what turns o into n.
func (d *differ) compare(path string, o, n *fastjson.Value) {
	switch {
	case equal(o, n):
	case o.Type() == fastjson.TypeObject && n.Type() == fastjson.TypeObject:
		d.compareObjects(path, o, n)
	case o.Type() == fastjson.TypeArray && n.Type() == fastjson.TypeArray:
		d.compareArrays(path, o.GetArray(), n.GetArray())
	default:
		d.changes = append(d.changes, change{op: "replace", path: path, value: raw(n)})
	}
}

func (d *differ) compareObjects(path string, o, n *fastjson.Value) {
	o.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		p := pointer(path, string(key))
		if other := n.Get(string(key)); other != nil {
			d.compare(p, v, other)
		} else {
			d.changes = append(d.changes, change{op: "remove", path: p, value: raw(v)})
		}
	})
	n.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		if o.Get(string(key)) == nil {
			d.changes = append(d.changes, change{op: "add", path: pointer(path, string(key)), value: raw(v)})
		}
	})
}

// maxAligned bounds the table of the alignment. Longer arrays are compared in place, which is right but longer.
const maxAligned = 1 << 20

// compareArrays aligns two arrays at their longest common subsequence and compares what lies between.
func (d *differ) compareArrays(path string, o, n []*fastjson.Value) {
	common := alignment(o, n)
	at, i, j := 0, 0, 0
	for k := 0; k <= len(common); k++ {
		oEnd, nEnd := len(o), len(n)
		if k < len(common) {
			oEnd, nEnd = common[k][0], common[k][1]
		}
		for i < oEnd && j < nEnd {
			d.compare(pointer(path, strconv.Itoa(at)), o[i], n[j])
			at, i, j = at+1, i+1, j+1
		}
		for ; j < nEnd; j++ {
			d.changes = append(d.changes, change{op: "add", path: pointer(path, strconv.Itoa(at)), value: raw(n[j])})
			at++
		}
		for ; i < oEnd; i++ {
			d.changes = append(d.changes, change{op: "remove", path: pointer(path, strconv.Itoa(at)), value: raw(o[i])})
		}
		at, i, j = at+1, i+1, j+1
	}
}

// alignment returns the pairs of indices of a longest common subsequence.
func alignment(o, n []*fastjson.Value) [][2]int {
	var pairs [][2]int
	if len(o)*len(n) > maxAligned {
		for i := range min(len(o), len(n)) {
			if equal(o[i], n[i]) {
				pairs = append(pairs, [2]int{i, i})
			}
		}
		return pairs
	}
	length := make([][]int, len(o)+1)
	for i := range length {
		length[i] = make([]int, len(n)+1)
	}
	for i, v := range slices.Backward(o) {
		for j := len(n) - 1; j >= 0; j-- {
			if equal(v, n[j]) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(o) && j < len(n); {
		switch {
		case equal(o[i], n[j]):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// moves joins a removal and an addition of the same value into one move, at the place of the first of them. Array elements
// are left alone: their indices would shift under the other operations.
func (d *differ) moves() {
	for i := 0; i < len(d.changes); i++ {
		for j := i + 1; j < len(d.changes); j++ {
			a, b := d.changes[i], d.changes[j]
			pair := a.op == "remove" && b.op == "add" || a.op == "add" && b.op == "remove"
			if !pair || a.value != b.value || inArray(a.path) || inArray(b.path) {
				continue
			}
			if a.op == "add" {
				a, b = b, a
			}
			d.changes[i] = change{op: "move", from: a.path, path: b.path}
			d.changes = append(d.changes[:j], d.changes[j+1:]...)
			break
		}
	}
}

// inArray reports whether the last token of a pointer looks like an array index.
func inArray(path string) bool {
	_, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	return err == nil
}

// copies turns additions of a value that stands unchanged elsewhere into copies.
func (d *differ) copies() {
	for i, c := range d.changes {
		if c.op != "add" {
			continue
		}
		from, ok := d.unchanged[c.value]
		if ok && (!inArray(from) || !inArray(c.path)) {
			d.changes[i] = change{op: "copy", from: from, path: c.path}
		}
	}
}

func (d *differ) text() string {
	if len(d.changes) == 0 {
		return ""
	}
	b := []byte{'['}
	for i, c := range d.changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"op":`...), c.op)
		if c.from != "" {
			b = appendString(append(b, `,"from":`...), c.from)
		}
		b = appendString(append(b, `,"path":`...), c.path)
		if c.op == "add" || c.op == "replace" {
			b = append(append(b, `,"value":`...), c.value...)
		}
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

func pointer(path, key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
	}
	return path + "/" + key
}

func raw(v *fastjson.Value) string { return string(appendValue(nil, v)) }

// appendValue prints a value compactly. The parser's own printer leaves control characters unescaped.
func appendValue(b []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeString:
		return appendString(b, string(v.GetStringBytes()))
	case fastjson.TypeArray:
		b = append(b, '[')
		for i, e := range v.GetArray() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, e)
		}
		return append(b, ']')
	case fastjson.TypeObject:
		b = append(b, '{')
		first := true
		v.GetObject().Visit(func(key []byte, e *fastjson.Value) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, string(key)), ':')
			b = appendValue(b, e)
		})
		return append(b, '}')
	default:
		return v.MarshalTo(b)
	}
}

// isDecimal reports whether a number is written with a point or an exponent.
func isDecimal(n *fastjson.Value) bool { return strings.ContainsAny(raw(n), ".eE") }

// equal compares two values; the order of an object's members does not count.
func equal(a, b *fastjson.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case fastjson.TypeObject:
		same := a.GetObject().Len() == b.GetObject().Len()
		a.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			other := b.Get(string(key))
			same = same && other != nil && equal(v, other)
		})
		return same
	case fastjson.TypeArray:
		x, y := a.GetArray(), b.GetArray()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case fastjson.TypeNumber:
		return raw(a) == raw(b) || isDecimal(a) && isDecimal(b) && a.GetFloat64() == b.GetFloat64()
	default:
		return raw(a) == raw(b)
	}
}
