package gateway

import (
	"context"

	"vigil/authn"
)

type callerKey struct{}

type caller struct {
	principal *authn.Principal
	roles     []string
}

// WithPrincipal returns a context that names the caller and the roles it is mapped to.
func WithPrincipal(ctx context.Context, p *authn.Principal, roles []string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{p, roles})
}

// Principal returns the caller of the request and its mapped roles; nil for requests that need no caller.
func Principal(ctx context.Context) (*authn.Principal, []string) {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.principal, c.roles
}
