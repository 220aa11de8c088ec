package query

import (
	"strconv"
	"strings"
)

// Printer builds JSON as the original prints it: members in the order written, numbers as Java spells them. It sets commas by
// itself.
type Printer struct{ Buf []byte }

func (w *Printer) sep() {
	if n := len(w.Buf); n > 0 && strings.IndexByte("{[:,", w.Buf[n-1]) < 0 {
		w.Buf = append(w.Buf, ',')
	}
}

// Open begins an object or array: '{' or '['.
func (w *Printer) Open(c byte) { w.sep(); w.Buf = append(w.Buf, c) }

// Close ends what [Printer.Open] began: '}' or ']'.
func (w *Printer) Close(c byte) { w.Buf = append(w.Buf, c) }

// Key begins a member; its value must follow.
func (w *Printer) Key(k string) {
	w.sep()
	w.Buf = append(AppendString(w.Buf, k), ':')
}

// Str prints a string.
func (w *Printer) Str(s string) { w.sep(); w.Buf = AppendString(w.Buf, s) }

// Bool prints true or false.
func (w *Printer) Bool(v bool) { w.sep(); w.Buf = strconv.AppendBool(w.Buf, v) }

// Int prints a whole number.
func (w *Printer) Int(v int) { w.sep(); w.Buf = strconv.AppendInt(w.Buf, int64(v), 10) }

// Float prints a 32-bit number; see [AppendFloat].
func (w *Printer) Float(v float32) { w.sep(); w.Buf = AppendFloat(w.Buf, v) }

// Double prints a 64-bit number; see [AppendDouble].
func (w *Printer) Double(v float64) { w.sep(); w.Buf = AppendDouble(w.Buf, v) }

// Raw prints a value that is JSON already.
func (w *Printer) Raw(s string) { w.sep(); w.Buf = append(w.Buf, s...) }

// Null prints null.
func (w *Printer) Null() { w.Raw("null") }

func (w *Printer) nameBoost(c clause) { w.Key("boost"); w.Float(c.boost); w.name(c) }

func (w *Printer) name(c clause) {
	if c.name != "" {
		w.Key("_name")
		w.Str(c.name)
	}
}

// Strings prints a list of strings; nil is an empty one.
func (w *Printer) Strings(ss []string) {
	w.Open('[')
	for _, s := range ss {
		w.Str(s)
	}
	w.Close(']')
}

// Node prints a client's value the way it comes back after a round through Java objects.
func (w *Printer) Node(n *Node) {
	switch n.Kind {
	case Null:
		w.Null()
	case Bool:
		w.Raw(n.Raw)
	case Number:
		if strings.ContainsAny(n.Raw, ".eE") {
			f, _ := strconv.ParseFloat(n.Raw, 64)
			w.Double(f)
			return
		}
		w.Raw(n.Raw)
	case Text:
		w.Str(n.Raw)
	case Array:
		w.Open('[')
		for _, it := range n.Items {
			w.Node(it)
		}
		w.Close(']')
	case Object:
		w.Open('{')
		for i, it := range n.Items {
			w.Key(n.Keys[i])
			w.Node(it)
		}
		w.Close('}')
	}
}

// AppendString appends a JSON string, escaping only what must be.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		if at := strings.IndexByte("\"\\\b\f\n\r\t", c); at >= 0 {
			b = append(b, '\\', `"\bfnrt`[at])
			continue
		}
		b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(append(b, s[from:]...), '"')
}

// AppendFloat appends a 32-bit number as Java's Float.toString does: 1.0, 0.9808291, 1.0E10.
func AppendFloat(b []byte, v float32) []byte { return appendJava(b, float64(v), 32) }

// AppendDouble appends a 64-bit number as Java's Double.toString does. What JSON cannot hold becomes a string.
func AppendDouble(b []byte, v float64) []byte { return appendJava(b, v, 64) }

func appendJava(b []byte, v float64, bits int) []byte {
	switch {
	case v != v:
		return append(b, `"NaN"`...)
	case v > 1.7976931348623157e308:
		return append(b, `"Infinity"`...)
	case v < -1.7976931348623157e308:
		return append(b, `"-Infinity"`...)
	case v == 0 || v >= 1e-3 && v < 1e7 || v <= -1e-3 && v > -1e7:
		start := len(b)
		b = strconv.AppendFloat(b, v, 'f', -1, bits)
		if !strings.Contains(string(b[start:]), ".") {
			b = append(b, ".0"...)
		}
		return b
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	e, _ := strconv.Atoi(exp)
	return append(b, mantissa+"E"+strconv.Itoa(e)...)
}
