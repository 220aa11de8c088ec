package query

import (
	"errors"
	"fmt"

	"vigil/script"
)

// Error is a refusal in OpenSearch's words. The engine turns it into a response with status 400.
type Error struct {
	// Type is the exception's snake-case name, such as "parsing_exception".
	Type   string
	Reason string
	// Line and Column point into the body, from 1; 0 is unknown and not printed.
	Line, Column int
	// Shard is set on errors that OpenSearch raises while a shard runs the search, not while the request is parsed. They
	// reach its clients inside a search_phase_execution_exception. Index is the index being searched.
	Shard bool
	Index string
	// CausedBy is the error below, or nil.
	CausedBy *Error
	// Script is the script's own error, for a script_exception.
	Script *script.Error
	// Status is the HTTP status where it is not 400.
	Status int
}

// Error returns type and reason.
func (e *Error) Error() string { return e.Type + ": " + e.Reason }

// Unwrap returns the error below.
func (e *Error) Unwrap() error {
	if e.CausedBy == nil {
		return nil
	}
	return e.CausedBy
}

// Errorf returns an Error without a position.
func Errorf(typ, format string, args ...any) *Error {
	return &Error{Type: typ, Reason: fmt.Sprintf(format, args...)}
}

func illegal(format string, args ...any) *Error {
	return Errorf("illegal_argument_exception", format, args...)
}

// Parsing returns a parsing_exception that points at the value.
func (n *Node) Parsing(format string, args ...any) *Error {
	e := Errorf("parsing_exception", format, args...)
	e.Line, e.Column = n.Pos()
	return e
}

// onShard makes an error one that a shard raises.
func onShard(e *Error) *Error {
	e.Shard = true
	return e
}

func asError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
