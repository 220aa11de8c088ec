package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// Answer writes v with what every request may ask of its answer: filter_path, pretty and format. The request's [Call] is
// found in its context; without one v is written as it is.
func Answer(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, contentType, err := Render(FromContext(r.Context()), v)
	if err != nil {
		AnswerError(w, r, err)
		return
	}
	write(w, status, contentType, body)
}

// AnswerParts is Answer for JSON that comes in pieces because it is large. Each is let go of once it is written, unless the
// request asks for something that needs the whole.
func AnswerParts(w http.ResponseWriter, r *http.Request, status int, parts [][]byte) {
	if c := FromContext(r.Context()); c != nil && (c.Query.Has("filter_path") || c.Query.Has("format") || c.Query.Has("pretty")) {
		Answer(w, r, status, json.RawMessage(bytes.Join(parts, nil)))
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	for i, part := range parts {
		if _, err := w.Write(part); err != nil {
			return // the client has gone, or the gateway refuses the answer and tells why itself
		}
		parts[i] = nil
	}
}

// AnswerError writes an error like [WriteError] but heeds pretty. The filter does not apply to errors, as in OpenSearch.
func AnswerError(w http.ResponseWriter, r *http.Request, err error) {
	c := FromContext(r.Context())
	if c == nil || !c.Flag("pretty") {
		WriteError(w, err)
		return
	}
	e := AsError(err)
	body, err := encodeJSON(e.Body())
	if err != nil {
		WriteError(w, err)
		return
	}
	maps.Copy(w.Header(), e.Header)
	write(w, e.Status, "application/json; charset=UTF-8", prettyJSON(body))
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// The status line has left; a client that went away is all that can fail here.
	_, _ = w.Write(body)
}

// Format returns what the query parameter format asks for: "json" (also if it is absent), "yaml" or, for cat requests that
// allow it, "text". Other formats are an error that names them.
func (c *Call) Format() (string, error) {
	switch f, _ := c.Param("format"); f {
	case "", "json", "application/json":
		return "json", nil
	case "yaml", "application/yaml":
		return "yaml", nil
	case "text", "txt", "text/plain":
		return "text", nil
	default:
		return "", illegalArgument("the format [" + f + "] is not supported")
	}
}

// Render returns the bytes of an answer and their content type. Members keep the order that encoding v gives them. A nil
// call asks for nothing. Raw messages and bytes are taken as the JSON that they are.
func Render(c *Call, v any) (body []byte, contentType string, err error) {
	contentType = "application/json; charset=UTF-8"
	body, err = encodeJSON(v)
	if err != nil || c == nil {
		return body, contentType, err
	}
	format, err := c.Format()
	if err != nil {
		return nil, "", err
	}
	if paths, ok := c.Param("filter_path"); ok && paths != "" {
		filter, err := ParseFilter(paths)
		if err != nil {
			return nil, "", err
		}
		if body, err = filter.Apply(body); err != nil {
			return nil, "", err
		}
	}
	switch {
	case format == "yaml":
		body, err = yamlOf(body)
		return body, "application/yaml", err
	case format == "text":
		return nil, "", illegalArgument("the format [text] is not supported")
	case c.Flag("pretty"):
		body = prettyJSON(body)
	}
	return body, contentType, nil
}

func encodeJSON(v any) ([]byte, error) {
	switch v := v.(type) {
	case json.RawMessage:
		return v, nil
	case []byte:
		return v, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// prettyJSON lays JSON out as OpenSearch does: a blank on both sides of the colon, one member or element per line.
func prettyJSON(src []byte) []byte {
	out := make([]byte, 0, 2*len(src))
	depth, inString := 0, false
	newline := func() {
		out = append(out, '\n')
		for range depth {
			out = append(out, ' ', ' ')
		}
	}
	for i := 0; i < len(src); i++ {
		c := src[i]
		if inString {
			out = append(out, c)
			switch c {
			case '\\':
				if i++; i < len(src) {
					out = append(out, src[i])
				}
			case '"':
				inString = false
			}
			continue
		}
		switch c {
		case ' ', '\n', '\t', '\r':
		case '"':
			inString = true
			out = append(out, c)
		case '{', '[':
			out = append(out, c)
			if j := skipSpace(src, i+1); j < len(src) && (src[j] == '}' || src[j] == ']') {
				out = append(out, ' ', src[j])
				i = j
				continue
			}
			depth++
			newline()
		case '}', ']':
			depth--
			newline()
			out = append(out, c)
		case ',':
			out = append(out, c)
			newline()
		case ':':
			out = append(out, ' ', ':', ' ')
		default:
			out = append(out, c)
		}
	}
	return append(out, '\n')
}

func skipSpace(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\t' || src[i] == '\r') {
		i++
	}
	return i
}
