package notify

import "errors"

var (
	// ErrUnknownType says that there is no such kind of destination.
	ErrUnknownType = errors.New("unknown type of destination")
	// ErrForbidden says that the operator has not allowed a host or address.
	ErrForbidden = errors.New("destination is not allowed")
)
