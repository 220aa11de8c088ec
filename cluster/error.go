package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// What callers tell apart with errors.Is. Any 404 is ErrNotFound, any 409 ErrConflict.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("version conflict")
)

// maxReason bounds the text of an answer that is not in OpenSearch's error shape.
const maxReason = 512

// Error is an answer with a status of 400 or above, or a failed item of a bulk.
type Error struct {
	Status int
	// Type and Reason are the cluster's; Type is empty where it told none.
	Type   string
	Reason string
}

// Error returns status, type and reason.
func (e *Error) Error() string {
	parts := []string{fmt.Sprintf("status %d", e.Status), e.Type, e.Reason}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// Is reports whether the error is one of the errors of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrConflict:
		return e.Status == http.StatusConflict
	default:
		return false
	}
}

// cause is the object that tells an error, in answers and in items of a bulk.
type cause struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// errorOf reads {"error":{"type":…,"reason":…}}, {"error":"…"}, and any other text.
func errorOf(r Response) *Error {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	e := &Error{Status: r.Status}
	if json.Unmarshal(r.Body, &body) == nil && len(body.Error) > 0 {
		var c cause
		if json.Unmarshal(body.Error, &c) == nil {
			e.Type, e.Reason = c.Type, c.Reason
			return e
		}
		if json.Unmarshal(body.Error, &e.Reason) == nil {
			return e
		}
	}
	e.Reason = clip(strings.TrimSpace(string(r.Body)))
	return e
}

func clip(s string) string {
	if len(s) <= maxReason {
		return s
	}
	s = s[:maxReason]
	for !utf8.ValidString(s) && len(s) > maxReason-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}
