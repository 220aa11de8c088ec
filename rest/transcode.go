package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"go.yaml.in/yaml/v3"
)

// ToJSON returns a body as compact JSON, in the order in which it is written. The kind is "json", which is returned as it is, "yaml"
// or "cbor"; others are refused. The result holds at most limit bytes, so that what is short but refers to itself stays short.
func ToJSON(kind string, body []byte, limit int) ([]byte, error) {
	var err error
	w := jsonWriter{limit: limit}
	switch kind {
	case "json":
		return body, nil
	case "yaml":
		var doc yaml.Node
		if err = yaml.Unmarshal(body, &doc); err == nil {
			err = w.yaml(&doc, 0)
		}
	case "cbor":
		r := cborReader{src: body, w: &w}
		if err = r.value(0); err == nil && r.at < len(body) {
			err = errors.New("something follows the value")
		}
	default:
		return nil, Errorf(http.StatusBadRequest, "illegal_argument_exception", "Content-Type [application/%s] is not supported", kind)
	}
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "parse_exception", "cannot read the body as %s: %w", kind, err)
	}
	return w.b, nil
}

// jsonWriter appends JSON up to a limit.
type jsonWriter struct {
	b     []byte
	limit int
}

var errTooDeep, errTooLong = errors.New("it is nested too deeply"), errors.New("it becomes too long as JSON")

// check is asked at every value.
func (w *jsonWriter) check(depth int) error {
	switch {
	case depth > maxAnswerDepth:
		return errTooDeep
	case len(w.b) > w.limit:
		return errTooLong
	}
	return nil
}

// value appends what encoding/json makes of a scalar.
func (w *jsonWriter) value(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.b = append(w.b, text...)
	return nil
}

// text appends a string; what is not UTF-8 is replaced.
func (w *jsonWriter) text(s string) {
	var quoted bytes.Buffer
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) == nil { // a string can always be encoded
		w.b = append(w.b, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
	}
}

func (w *jsonWriter) comma(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
}

func (w *jsonWriter) yaml(n *yaml.Node, depth int) error {
	if err := w.check(depth); err != nil {
		return err
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.yaml(n.Content[0], depth)
	case yaml.AliasNode:
		return w.yaml(n.Alias, depth+1)
	case yaml.ScalarNode:
		return w.yamlScalar(n)
	case yaml.SequenceNode:
		w.b = append(w.b, '[')
		for i, e := range n.Content {
			w.comma(i)
			if err := w.yaml(e, depth+1); err != nil {
				return err
			}
		}
		w.b = append(w.b, ']')
	case yaml.MappingNode:
		w.b = append(w.b, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			w.comma(i)
			if n.Content[i].Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: a key is no scalar", n.Content[i].Line)
			}
			w.text(n.Content[i].Value)
			w.b = append(w.b, ':')
			if err := w.yaml(n.Content[i+1], depth+1); err != nil {
				return err
			}
		}
		w.b = append(w.b, '}')
	default:
		w.b = append(w.b, "null"...)
	}
	return nil
}

func (w *jsonWriter) yamlScalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		w.b = append(w.b, "null"...)
		return nil
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			w.b = append(w.b, n.Value...) // as it is written
			return nil
		}
		var v any
		if err := n.Decode(&v); err != nil {
			return err
		}
		if f, ok := v.(float64); ok && f-f != 0 {
			break // neither infinity nor what is no number are JSON
		}
		return w.value(v)
	}
	w.text(n.Value)
	return nil
}
