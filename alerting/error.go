package alerting

import (
	"errors"
	"fmt"
)

// Kind sorts the errors that people can do something about.
type Kind uint8

// The kinds of errors, and the status that the API gives them.
const (
	// BadArgument is 400.
	BadArgument Kind = iota
	// BadState is 500: what OpenSearch's parser refuses by an illegal state, kept as recorded.
	BadState
	// NotFound is 404.
	NotFound
	// Conflict is 409.
	Conflict
	// Unsupported is 501: known, but not built.
	Unsupported
	// Forbidden is 403.
	Forbidden
	// Invalid is 400 for a request whose parts do not fit together.
	Invalid
	// MissingIndex is 404 for an index that a monitor names or that alerting keeps itself.
	MissingIndex
)

// Error is an error in the words of the alerting plugin.
type Error struct {
	Kind   Kind
	Reason string
	Err    error
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func errorf(k Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Reason: err.Error(), Err: errors.Unwrap(err)}
}
