package gateway

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"vigil/audit"
	"vigil/authn"
	"vigil/rest"
)

// Wire is what only the connection can tell of a request, because net/http keeps it to itself. The server puts it into the
// request's context with [WithWire]; a request without it came as net/http shows it.
type Wire struct {
	// Names are the names of headers that the client wrote in another way than net/http, one for each line, in their order.
	Names []string
	// Fault is what is wrong with the head. The request then only stands for what came: nothing of it is believed
	// but what the fault says.
	Fault Fault
	// Cause describes the fault to the client and to who reads its event.
	Cause string
}

// Fault is what can be wrong with a request's head.
type Fault uint8

// The faults.
const (
	FaultNone Fault = iota
	// FaultLine is a line that is no HTTP. Nothing of the request is known.
	FaultLine
	// FaultURI is a target that cannot be decoded. Nothing else of the request is known.
	FaultURI
	// FaultVersion is an HTTP version that is not spoken. Method, target and headers are the client's.
	FaultVersion
	// FaultHead is a head that cannot be read. What is known of it is not believed.
	FaultHead
	// FaultHeadTooLong is a head that has no end within the limit.
	FaultHeadTooLong
)

type wireKey struct{}

// WithWire returns a context of a request with what its connection tells.
func WithWire(ctx context.Context, w *Wire) context.Context {
	return context.WithValue(ctx, wireKey{}, w)
}

// WireFrom returns what the connection of a context's request tells, empty if it tells nothing.
func WireFrom(ctx context.Context) *Wire {
	if w, ok := ctx.Value(wireKey{}).(*Wire); ok {
		return w
	}
	return new(Wire)
}

// badRequestPath stands in events for the path of a request that is no HTTP, as in OpenSearch 2.19.
const badRequestPath = "/bad-request"

// checkWire refuses a request whose head is faulty. As in OpenSearch 2.19 what is no HTTP is a login without credentials, and
// the others are failures of the connection; see compat/scenarios/audit/06-bad-headers-ssl.json, steps tls-garbage-http and
// tls-bad-uri, and v30-wire.json, steps http-09 and http-20. Of a head whose lines are faulty it has no event: steps
// bad-header-line to header-name-bad, and bad-content-length. One that is too long is ours to tell.
func (x *exchange) checkWire(known *authn.Principal) error {
	status := http.StatusBadRequest
	if x.wire.Fault == FaultHeadTooLong {
		status = http.StatusRequestHeaderFieldsTooLarge
	}
	refused := rest.Errorf(status, "illegal_argument_exception", "%s", x.wire.Cause)
	switch x.wire.Fault {
	case FaultNone:
		return nil
	case FaultHead:
		return refused
	case FaultLine:
		x.r.Method, x.r.URL.Path, x.r.URL.RawQuery, x.r.Host = http.MethodGet, badRequestPath, "", ""
		return x.loginFailed(authn.ErrNoCredentials, refused)
	case FaultVersion:
		x.w.Header().Set("Connection", "close")
		err := x.authenticate(known, refused)
		x.noteSSL(refused)
		if err == nil {
			err = refused
		}
		return err
	default:
		x.noteSSL(refused)
		return refused
	}
}

// whole changes the headers of a request whose body has been read to those that OpenSearch then shows: a body that came in chunks
// has a length, and what was expected has been done. See compat/scenarios/audit/v30-wire.json, steps chunked and expect-continue.
func (x *exchange) whole(h map[string][]string) map[string][]string {
	chunked := len(x.r.TransferEncoding) > 0
	if !chunked && x.r.Header.Get("Expect") == "" {
		return h
	}
	h = maps.Clone(h)
	maps.DeleteFunc(h, func(name string, _ []string) bool { return strings.EqualFold(name, "Expect") })
	if chunked {
		h["content-length"] = []string{strconv.FormatInt(x.r.ContentLength, 10)}
	}
	return h
}

// noteSSL notes that the connection failed.
func (x *exchange) noteSSL(cause error) {
	if x.policy.WantsREST(audit.SSLException, "", "") {
		e := sslException(cause)
		e.Request = x.about
		x.note(e)
	}
}

// header returns the request's headers under the names that the client wrote, and nil if there are none.
func (x *exchange) header() map[string][]string {
	sent := x.r.Header
	if len(sent) == 0 && x.r.Host == "" {
		return nil
	}
	if x.r.ProtoMajor > 1 {
		sent = x.policy.Headers(sent) // whoever lists a name means it on every connection
	}
	h := make(map[string][]string, len(sent)+1)
	for name, values := range sent {
		if x.r.ProtoMajor > 1 {
			name = strings.ToLower(name) // as it is on the wire
		}
		h[name] = values
	}
	host := []string{x.r.Host}
	if x.r.Host != "" {
		h["Host"] = host
	}
	// A name that was written in several ways stands under each of them with all its values, as in OpenSearch 2.19; see
	// compat/scenarios/audit/v23-ignore-headers.json, step raw-names.
	written := map[string]int{}
	for _, name := range x.wire.Names {
		canonical := http.CanonicalHeaderKey(name)
		values := sent[canonical]
		if canonical == "Host" {
			values = host
		}
		if values == nil {
			continue // net/http keeps it to itself: how the body is framed
		}
		if written[canonical]++; written[canonical] == len(values) {
			delete(h, canonical) // no line has it
		}
		h[name] = values
	}
	return h
}
