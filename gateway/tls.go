package gateway

import (
	"context"
	"net"
	"net/http"
	"time"

	"vigil/audit"
	"vigil/rest"
)

// TLSFailed records that a connection failed before it had a request: a handshake that did not come about, a client without
// the certificate that is required, plain text on the TLS port. Nobody waits for an answer, so a failure to record is returned to
// be logged. As in OpenSearch 2.19 the event names neither user nor address; see compat/scenarios/audit/06-bad-headers-ssl.json.
// From is the other end of the connection; only the extended format tells it.
func (g *Gateway) TLSFailed(ctx context.Context, from net.Addr, cause error) error {
	if !g.Audit.Policy().WantsREST(audit.SSLException, "", "") {
		return nil
	}
	e := sslException(cause)
	if g.Extended {
		e.Request = &audit.Request{SocketAddress: addressText(socketAddress(from.String()))}
	}
	return g.Audit.Record(ctx, e)
}

func sslException(cause error) *audit.Event {
	return &audit.Event{
		Time: time.Now(), Category: audit.SSLException, Layer: audit.LayerREST, Origin: audit.OriginREST, Exception: cause.Error(),
	}
}

// checkMethod refuses a method that OpenSearch does not know. The original calls that a failure of the connection; see
// compat/scenarios/audit/06-bad-headers-ssl.json, step tls-bad-method.
func (x *exchange) checkMethod() error {
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch,
		http.MethodTrace, http.MethodConnect:
		return nil
	}
	err := rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", "Unexpected http method: %s", x.r.Method)
	x.noteSSL(err)
	return err
}
