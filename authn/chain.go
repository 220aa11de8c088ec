package authn

import (
	"context"
	"errors"
	"net/http"
)

// NoUser is the user name of events about requests whose credentials name nobody.
const NoUser = "<NONE>"

// tenantHeader carries the Dashboards tenant that a caller asks for.
const tenantHeader = "Securitytenant"

// Chain asks authenticators in order and is itself one. The first that accepts or refuses the credentials decides. When
// none of them recognises any, the request has no usable credentials: a *[FailedError] with the user [NoUser]. So it is
// here, and nowhere else, that "<NONE>" comes from: for requests without an Authorization header, with a scheme that is
// not configured (Bearer), with a Basic value without a colon, and with a client certificate that is no administrator's.
// As OpenSearch 2.19 does; see compat/ 01-failed-login.
//
// A chain also fills in [Principal.RequestedTenant].
type Chain []Authenticator

// Authenticate implements [Authenticator]. It never returns [ErrNoCredentials].
func (c Chain) Authenticate(ctx context.Context, r *http.Request) (*Principal, error) {
	for _, a := range c {
		p, err := a.Authenticate(ctx, r)
		if errors.Is(err, ErrNoCredentials) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return withTenant(p, r), nil
	}
	return nil, &FailedError{User: NoUser, Cause: ErrNoCredentials}
}

// withTenant copies the principal only if the request asks for a tenant, which API clients don't.
func withTenant(p *Principal, r *http.Request) *Principal {
	v := r.Header[tenantHeader]
	if len(v) == 0 || v[0] == "" || v[0] == p.RequestedTenant {
		return p
	}
	c := *p
	c.RequestedTenant = v[0]
	return &c
}
