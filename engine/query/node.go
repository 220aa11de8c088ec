package query

import (
	"math"
	"strconv"
	"strings"
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	Text
	Array
	Object
)

// Node is one value of a JSON document that remembers where it stood, so that refusals can say so. Nodes are immutable, but
// for the notes that [Node.Inert] takes while they are read.
type Node struct {
	Kind Kind
	// Raw is the text of a number, "true" or "false", or the decoded string.
	Raw string
	// Items are the elements of an array, or the values of an object beside Keys.
	Items []*Node
	Keys  []string

	doc *document // nil for a value that stood elsewhere
	off int
	end int
	key int // where the key of this member stands; the value itself elsewhere
}

// document is what the nodes of one JSON document share.
type document struct {
	text string // for positions
	// inert is what readers of the nodes found that has no effect.
	inert []string
}

// Inert notes that the member of which n is the value, an option of a query clause or the like, is accepted without effect.
// [ParseRequest] hands the notes on as warnings.
func (n *Node) Inert(clause, option string) {
	if n.doc != nil {
		n.doc.inert = append(n.doc.inert, "["+clause+"] ["+option+"] has no effect")
	}
}

// Warnings returns what was noted by [Node.Inert] anywhere in the document.
func (n *Node) Warnings() []string { return n.doc.inert }

// Pos returns the line and column of the value, both from 1.
func (n *Node) Pos() (line, column int) { return position(n.doc.text, n.off) }

func position(doc string, off int) (line, column int) {
	before := doc[:min(off, len(doc))]
	line = strings.Count(before, "\n") + 1
	return line, off - strings.LastIndexByte(before, '\n')
}

// JSON returns the value as the client wrote it.
func (n *Node) JSON() string { return n.doc.text[n.off:n.end] }

// Get returns the member of that name, or nil.
func (n *Node) Get(key string) *Node {
	for i, k := range n.Keys {
		if k == key {
			return n.Items[i]
		}
	}
	return nil
}

// Token names the value as the original's parser does: START_OBJECT, VALUE_STRING, ….
func (n *Node) Token() string {
	switch n.Kind {
	case Bool:
		return "VALUE_BOOLEAN"
	case Number:
		return "VALUE_NUMBER"
	case Text:
		return "VALUE_STRING"
	case Array:
		return "START_ARRAY"
	case Object:
		return "START_OBJECT"
	default:
		return "VALUE_NULL"
	}
}

// Scalar says whether the value is a string, number or boolean.
func (n *Node) Scalar() bool { return n.Kind == Text || n.Kind == Number || n.Kind == Bool }

// Text returns a scalar as a string.
func (n *Node) Text() (string, error) {
	if !n.Scalar() {
		return "", Errorf("illegal_state_exception", "Can't get text on a %s at %s", n.Token(), n.At())
	}
	return n.Raw, nil
}

// At returns the position as refusals show it: line:column.
func (n *Node) At() string { return lineColumn(n.doc.text, n.off) }

func (n *Node) keyAt() string { return lineColumn(n.doc.text, n.key) }

func lineColumn(doc string, off int) string {
	l, c := position(doc, off)
	return strconv.Itoa(l) + ":" + strconv.Itoa(c)
}

// Bool returns a boolean, also one written as a string.
func (n *Node) Bool() (bool, error) {
	if n.Kind == Bool || n.Kind == Text {
		switch n.Raw {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, illegal("Failed to parse value [%s] as only [true] or [false] are allowed.", n.Raw)
	}
	return false, n.notA("boolean")
}

// Int returns a whole number, also one written as a string. Fractions are cut off, as the original does.
func (n *Node) Int() (int, error) {
	f, err := n.Float()
	if err != nil {
		return 0, err
	}
	if f > math.MaxInt32 || f < math.MinInt32 {
		return 0, illegal("Value [%s] is out of range for an integer", n.Raw)
	}
	return int(f), nil
}

// Float returns a number, also one written as a string.
func (n *Node) Float() (float64, error) {
	if n.Kind != Number && n.Kind != Text {
		return 0, n.notA("number")
	}
	f, err := strconv.ParseFloat(n.Raw, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(n.Raw, "xX_") {
		return 0, Errorf("number_format_exception", "For input string: \"%s\"", n.Raw)
	}
	return f, nil
}

func (n *Node) notA(want string) *Error {
	tok := n.Token()
	if n.Kind == Bool {
		tok = "VALUE_" + strings.ToUpper(n.Raw)
	}
	text := "Current token (" + tok + ") not numeric, can not use numeric value accessors"
	if want == "boolean" {
		text = "Current token (" + tok + ") not of boolean type"
	}
	return Errorf("json_parse_exception", "%s\n at %s", text, source(n.doc.text, n.off))
}

// Value returns the value as encoding/json would, with numbers as int64 where they are whole and float64 otherwise.
func (n *Node) Value() any {
	switch n.Kind {
	case Bool:
		return n.Raw == "true"
	case Number:
		if i, err := strconv.ParseInt(n.Raw, 10, 64); err == nil {
			return i
		}
		f, _ := strconv.ParseFloat(n.Raw, 64)
		return f
	case Text:
		return n.Raw
	case Array:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = it.Value()
		}
		return out
	case Object:
		out := make(map[string]any, len(n.Items))
		for i, it := range n.Items {
			out[n.Keys[i]] = it.Value()
		}
		return out
	default:
		return nil
	}
}

// strings reads a string or a list of strings.
func (n *Node) strings() ([]string, error) {
	if n.Kind != Array {
		s, err := n.Text()
		return []string{s}, err
	}
	out := make([]string, 0, len(n.Items))
	for _, it := range n.Items {
		s, err := it.Text()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
