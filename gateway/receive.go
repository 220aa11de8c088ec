package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/audit"
	"vigil/rest"
)

// receive starts an exchange: its clock, its id, and the address of the client as far as it can be believed.
func (g *Gateway) receive(w http.ResponseWriter, r *http.Request, origin audit.Origin) *exchange {
	x := &exchange{
		g: g, r: r, start: time.Now(), origin: origin, policy: g.Audit.Policy(),
		number: g.requests.Add(1), wire: new(Wire),
	}
	// A client that hangs up hides nothing: recording does not end with the request. And a request that changes the audit
	// configuration is judged by the one before it.
	x.ctx = audit.WithRequest(audit.WithPolicy(context.WithoutCancel(r.Context()), x.policy))
	x.w = &response{x: x, ResponseWriter: w, status: http.StatusOK}
	if origin == audit.OriginREST {
		x.wire = WireFrom(r.Context())
		x.remote = ClientAddress(r, g.TrustedProxies)
	}
	if g.Extended {
		x.about = x.describeRequest()
	}
	if id := r.Header.Get("X-Opaque-Id"); id != "" {
		w.Header().Set("X-Opaque-Id", id)
	}
	return x
}

// id names the request in logs.
func (x *exchange) id() string { return x.g.run + "-" + strconv.FormatInt(x.number, 36) }

// ClientAddress returns the socket's address, or, behind trusted proxies, the last forwarded address that is not one of
// theirs. What a client writes into X-Forwarded-For itself is therefore never believed.
func ClientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap()
	if len(proxies) == 0 {
		return addr
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr
}

// forgedPrefix begins the headers by which OpenSearch's nodes tell each other who is calling.
const forgedPrefix = "_opendistro_security_"

// checkHeaders refuses forged identity headers before anything else is believed of the request.
func (x *exchange) checkHeaders() error {
	for name := range x.r.Header {
		name = strings.TrimSpace(name)
		if len(name) < len(forgedPrefix) || !strings.EqualFold(name[:len(forgedPrefix)], forgedPrefix) {
			continue
		}
		if x.policy.WantsREST(audit.BadHeaders, "", x.r.URL.Path) {
			x.note(x.restEvent(audit.BadHeaders, nil))
		}
		return &plain{status: http.StatusForbidden, json: map[string]any{"error": map[string]any{
			"status": "error",
			"reason": "Illegal parameter in http or transport request found.\nThis means that one node is trying to connect to another with \na non-node certificate (no OID or security.nodes_dn incorrect configured) or that someone \nis spoofing requests. Check your TLS certificate setup as described here: See https://opendistro.github.io/for-elasticsearch-docs/docs/troubleshoot/tls/",
		}}}
	}
	return nil
}

// bufferFrom is the size from which a body takes part in the limit of bodies in flight.
const bufferFrom = 1 << 20

// readBody reads the body into the call, unzipped and bounded. What no row reads is refused if it is there all the same,
// by the same bound.
func (x *exchange) readBody() error {
	if x.r.Body == nil || x.r.Body == http.NoBody {
		return x.sourceParam()
	}
	limit := x.g.MaxContentLength
	if x.r.ContentLength > limit {
		return tooLarge(limit)
	}
	body := io.Reader(&counted{from: http.MaxBytesReader(x.w.ResponseWriter, x.r.Body, limit), n: &x.w.in})
	if enc := x.r.Header.Get("Content-Encoding"); strings.EqualFold(enc, "gzip") {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", "body is not gzip: %w", err)
		}
		body = unzipped
	} else if enc != "" && !strings.EqualFold(enc, "identity") {
		return rest.Errorf(http.StatusUnsupportedMediaType, "illegal_argument_exception", "Content-Encoding [%s] is not supported", enc)
	}
	b, err := x.readAll(body, limit)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		x.call.Body = b
	}
	if err := x.transcode(); err != nil {
		return err
	}
	b = x.call.Body
	x.r.Body = io.NopCloser(bytes.NewReader(b))
	x.r.ContentLength = int64(len(b))
	x.r.Header.Del("Content-Encoding")
	return x.sourceParam()
}

// readAll reads at most limit bytes. Large bodies count against what all requests together may hold.
func (x *exchange) readAll(body io.Reader, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	if n := x.r.ContentLength; n > 0 && n < bufferFrom {
		buf.Grow(int(n) + bytes.MinRead)
	}
	read, held := int64(0), int64(0)
	for {
		n, err := io.CopyN(&buf, body, bufferFrom)
		if read += n; read >= bufferFrom && read > held {
			// What the client says it will send is counted, and kept in one piece, as soon as it has begun to send it.
			more := max(read, min(x.r.ContentLength, limit)) - held
			held += more
			x.w.inFlight += more
			if x.g.inFlight.Add(more) > x.g.MaxInFlight {
				return nil, rest.Errorf(http.StatusTooManyRequests, "circuit_breaking_exception",
					"[parent] Data too large, data for [<http_request>] would be larger than the limit of [%d]", x.g.MaxInFlight)
			}
			buf.Grow(int(held-read) + bytes.MinRead)
		}
		if int64(buf.Len()) > limit {
			return nil, tooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			return buf.Bytes(), nil
		}
		if err != nil {
			if _, big := errors.AsType[*http.MaxBytesError](err); big {
				return nil, tooLarge(limit)
			}
			return nil, &brokenBodyError{rest.Errorf(http.StatusBadRequest, "parse_exception", "request body could not be read: %w", err)}
		}
	}
}

// counted counts what is read.
type counted struct {
	from io.Reader
	n    *int64
}

// Read implements [io.Reader].
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	*c.n += int64(n)
	return n, err
}

// brokenBodyError is a body that did not come as it was framed.
type brokenBodyError struct{ told *rest.Error }

// Error says what is wrong.
func (b *brokenBodyError) Error() string { return b.told.Error() }

// Unwrap returns what the client reads.
func (b *brokenBodyError) Unwrap() error { return b.told }

// noteBroken notes the connection's failure if the body's end never came. As in OpenSearch 2.19 such a request is not one of an
// authenticated user; see compat/scenarios/audit/v30-wire.json, steps cut-body and bad-chunk.
func (x *exchange) noteBroken(b *brokenBodyError) {
	if errors.Is(b, io.ErrUnexpectedEOF) {
		x.noteSSL(b)
	}
}

// sourceParam takes the body from the query parameter "source", where OpenSearch accepts it too.
func (x *exchange) sourceParam() error {
	src, ok := x.call.Param("source")
	if !ok || x.call.Body != nil || x.call.Route.Body == rest.BodyNone {
		return nil
	}
	kind, ok := x.call.Param("source_content_type")
	if !ok {
		x.badBody = true
		return rest.Errorf(http.StatusInternalServerError, "illegal_state_exception", "source and source_content_type parameters are required")
	}
	x.call.Body = []byte(src)
	if err := x.transcodeFrom(kind); err != nil {
		return err
	}
	x.r.Body = io.NopCloser(bytes.NewReader(x.call.Body))
	x.r.ContentLength = int64(len(x.call.Body))
	return nil
}

func tooLarge(limit int64) error {
	return rest.Errorf(http.StatusRequestEntityTooLarge, "content_too_long_exception",
		"entity content is too long for the configured limit [%d]", limit)
}

// plain is an answer outside OpenSearch's error shape.
type plain struct {
	status int
	text   string
	json   any
	header map[string]string
	cause  error
}

// Error says what was answered.
func (p *plain) Error() string { return fmt.Sprintf("answered %d %s", p.status, p.text) }

// Unwrap returns what made it so.
func (p *plain) Unwrap() error { return p.cause }
