// Package authn says who is calling.
//
// An [Authenticator] turns the credentials of a request into a [Principal] or says why it can't; a [Chain] asks several in
// order. Each method is one file. The package decides nothing about what a caller may do.
package authn

import (
	"context"
	"errors"
	"net/http"
)

// ErrNoCredentials says that the request carries nothing that this authenticator understands: ask the next one.
var ErrNoCredentials = errors.New("no credentials")

// Principal is an authenticated caller. It is immutable after it was returned.
type Principal struct {
	Name string
	// BackendRoles are the groups the identity source told.
	BackendRoles []string
	// SecurityRoles are roles that the identity source assigns directly (opendistro_security_roles of internal users).
	SecurityRoles []string
	// Settled is set if SecurityRoles are all the roles there are: nothing more is mapped to the name, the backend roles or the address.
	Settled    bool
	Attributes map[string]string
	// Method is how the caller proved who it is: "basic", "clientcert".
	Method string
	// Internal marks users of the internal user database.
	Internal bool
	// IsAdmin marks administrators by certificate: all checks are skipped, events name the distinguished name.
	IsAdmin bool
	// RequestedTenant is the value of the securitytenant header, empty if there was none.
	RequestedTenant string
}

// FailedError says that credentials were given and not accepted. User is the attempted name: "<NONE>" if the credentials
// carried none that could be read, empty if events must leave the field out.
type FailedError struct {
	User string
	// Status is the answer's status, 401 if 0. 429 says that the check itself was refused for load.
	Status int
	Cause  error
}

// Error says nothing about the credentials.
func (e *FailedError) Error() string { return "authentication failed" }

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Cause }

// Authenticator recognises one kind of credentials. Implementations are safe for concurrent use. The error is
// [ErrNoCredentials], a *[FailedError], or something that went wrong on our side.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request) (*Principal, error)
}
