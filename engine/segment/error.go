package segment

// Error says why a mapping or a document was refused, in the words of OpenSearch. The engine answers with it; all of them
// are the client's fault (400).
type Error struct {
	Type   string // "mapper_parsing_exception"
	Reason string
	Cause  *Error
}

// Error returns type and reason.
func (e *Error) Error() string { return e.Type + ": " + e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e.Cause == nil {
		return nil
	}
	return e.Cause
}

func mapperParsing(reason string) *Error {
	return &Error{Type: "mapper_parsing_exception", Reason: reason}
}

func illegalArgument(reason string) *Error {
	return &Error{Type: "illegal_argument_exception", Reason: reason}
}
