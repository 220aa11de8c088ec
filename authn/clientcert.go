package authn

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
)

// ClientCert recognises administrators by their TLS client certificate. Place it first in a [Chain]: as in OpenSearch, the
// certificate of an administrator outweighs any other credentials of the request.
//
// It counts only certificates that the TLS layer verified against the configured authorities. Any other certificate is no
// credential: the next authenticator is asked (compat/ 01-failed-login, client-cert-unknown).
type ClientCert struct {
	admins []DN
}

// NewClientCert parses the names of administrators, "CN=admin,OU=ops,O=Example"; see [ParseDN] and [DN].
func NewClientCert(subjects []string) (*ClientCert, error) {
	c := &ClientCert{}
	for _, s := range subjects {
		dn, err := ParseDN(s)
		if err != nil {
			return nil, fmt.Errorf("admin_dns: %w", err)
		}
		c.admins = append(c.admins, dn)
	}
	return c, nil
}

// Admins returns the names of administrators.
func (c *ClientCert) Admins() []DN { return c.admins }

// Authenticate implements [Authenticator].
func (c *ClientCert) Authenticate(_ context.Context, r *http.Request) (*Principal, error) {
	if len(c.admins) == 0 || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return nil, ErrNoCredentials
	}
	dn, err := subjectDN(r.TLS.PeerCertificates[0].RawSubject)
	if err != nil {
		return nil, &FailedError{Cause: err}
	}
	for _, admin := range c.admins {
		if admin.Equal(dn) {
			return &Principal{Name: dn.String(), Method: "clientcert", IsAdmin: true}, nil
		}
	}
	return nil, ErrNoCredentials
}

// SubjectDN returns the subject of a certificate.
func SubjectDN(cert *x509.Certificate) (DN, error) { return subjectDN(cert.RawSubject) }
