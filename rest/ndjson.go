package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// maxMetadataLine bounds the lines that say what the next line is. Parsing takes a multiple of their size in memory.
const maxMetadataLine = 64 << 10

// lines cuts NDJSON at newlines, without copying.
type lines struct {
	rest []byte
	line int
	// unterminated is what OpenSearch answers if the last line has no newline.
	unterminated string
}

// next returns the next line without its newline and the carriage return before it, or false at the end.
func (l *lines) next() ([]byte, bool, error) {
	if len(l.rest) == 0 {
		return nil, false, nil
	}
	end := bytes.IndexByte(l.rest, '\n')
	if end < 0 {
		return nil, false, illegalArgument(l.unterminated)
	}
	line := l.rest[:end:end]
	l.rest = l.rest[end+1:]
	l.line++
	return bytes.TrimSuffix(line, []byte("\r")), true, nil
}

func illegalArgument(reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Type: "illegal_argument_exception", Reason: reason}
}

// validationFailed joins complaints the way OpenSearch numbers them.
func validationFailed(complaints []string) *Error {
	var b strings.Builder
	b.WriteString("Validation Failed: ")
	for i, c := range complaints {
		b.WriteString(strconv.Itoa(i + 1))
		b.WriteString(": ")
		b.WriteString(c)
		b.WriteByte(';')
	}
	return &Error{Status: http.StatusBadRequest, Type: "action_request_validation_exception", Reason: b.String()}
}

// errNotJSON is the cause of errors about lines that only a lenient parser reads.
var errNotJSON = errors.New("not JSON")

// parseLine parses a metadata line. The parser is fast but lenient; what is refused here would be refused by OpenSearch.
func parseLine(p *fastjson.Parser, line []byte) (*fastjson.Value, error) {
	if !json.Valid(line) {
		return nil, errNotJSON
	}
	return p.ParseBytes(line)
}

// token names a value as OpenSearch's parser does.
func token(v *fastjson.Value) string {
	switch v.Type() {
	case fastjson.TypeObject:
		return "START_OBJECT"
	case fastjson.TypeArray:
		return "START_ARRAY"
	case fastjson.TypeString:
		return "VALUE_STRING"
	case fastjson.TypeNumber:
		return "VALUE_NUMBER"
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return "VALUE_BOOLEAN"
	default:
		return "VALUE_NULL"
	}
}

// text returns a simple value as OpenSearch reads strings: numbers and booleans are what was written.
func text(v *fastjson.Value) string {
	if v.Type() == fastjson.TypeString {
		return string(v.GetStringBytes())
	}
	return string(v.MarshalTo(nil))
}

// rawJSON returns a value as JSON. Strings are encoded anew, because the parser's own encoding of them is not always JSON.
func rawJSON(v *fastjson.Value) (json.RawMessage, error) {
	if v.Type() == fastjson.TypeString {
		return json.Marshal(string(v.GetStringBytes()))
	}
	return v.MarshalTo(nil), nil
}

// boolean reads true and false, also as strings; nothing else.
func boolean(v *fastjson.Value) (bool, error) {
	switch s := text(v); s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, illegalArgument("Failed to parse value [" + s + "] as only [true] or [false] are allowed.")
	}
}
