package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"vigil/rest"
)

// maxAnswer bounds an answer that must be read before it goes on: that of a bulk, of a search in parts, of a question of ours.
const maxAnswer = 256 << 20

// passedHeaders are the headers of a request that go on. A list of what may pass cannot forget an identity header that some
// version of some plugin believes.
var passedHeaders = []string{
	"Accept", "Accept-Encoding", "Content-Type", "User-Agent", "X-Opaque-Id", "Traceparent", "Tracestate",
	"X-Elastic-Client-Meta", "X-Elastic-Product-Origin",
}

// heldHeaders are the headers of an answer that stay here: they speak of the connection between us and the cluster.
var heldHeaders = []string{"Set-Cookie", "WWW-Authenticate", "Proxy-Authenticate", "Alt-Svc", "Strict-Transport-Security"}

// buffers lends the memory that answers are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

func (r *Remote) newProxy() *httputil.ReverseProxy {
	var transport http.RoundTripper = r.nodes
	if r.opts.Gzip {
		transport = packing{transport}
	}
	return &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      transport,
		BufferPool:     &buffers{},
		ModifyResponse: received,
		ErrorLog:       slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			rest.AnswerError(w, req, r.told(unreachable(err)))
		},
	}
}

// told returns an error with its cause in its reason, if callers may know that.
func (r *Remote) told(err error) error {
	e, ok := errors.AsType[*rest.Error](err)
	if !ok || !r.opts.TellCauses || e.Cause == nil || strings.HasSuffix(e.Reason, e.Cause.Error()) {
		return err
	}
	with := *e
	with.Reason += ": " + e.Cause.Error()
	return &with
}

// rewrite makes the request that goes on. Hop-by-hop headers are gone already.
func rewrite(pr *httputil.ProxyRequest) {
	in, out := pr.In, pr.Out
	out.Header = make(http.Header, len(passedHeaders))
	for _, name := range passedHeaders {
		if v := in.Header.Values(name); len(v) > 0 {
			out.Header[name] = v
		}
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // else the transport writes one
	}
	out.URL.Scheme, out.URL.Host = "http", "cluster" // the transport knows the node
	call := rest.FromContext(in.Context())
	if call == nil || call.Route == nil {
		return
	}
	address(out.URL, call)
	if call.Body == nil || out.Body == nil {
		return
	}
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.Body)), nil }
	if src, ok := call.Param("source_content_type"); ok && out.Header.Get("Content-Type") == "" {
		out.Header.Set("Content-Type", src)
	}
}

// address writes path and query anew from what the call was understood to say, so that the cluster cannot understand
// something else.
func address(u *url.URL, call *rest.Call) {
	var path strings.Builder
	for part := range strings.SplitSeq(strings.Trim(call.Route.Path, "/"), "/") {
		name, isVar := strings.CutPrefix(part, "{")
		if !isVar {
			path.WriteString("/" + part)
			continue
		}
		name = strings.TrimSuffix(name, "}")
		value := call.Vars[name]
		if value == "" && name == "index" {
			value = "_all"
		}
		path.WriteString(Path(value))
	}
	if parsed, err := url.ParseRequestURI(path.String()); err == nil {
		u.Path, u.RawPath = parsed.Path, parsed.RawPath
	}
	query := url.Values{}
	for k, v := range call.Query {
		isSource := k == "source" || k == "source_content_type"
		if len(v) == 0 || isSource && call.Body != nil || strings.Contains(call.Route.Path, "{"+k+"}") {
			continue // a parameter of a variable's name is not to be taken for it
		}
		query.Set(k, v[len(v)-1])
	}
	u.RawQuery, u.ForceQuery, u.Fragment = query.Encode(), false, ""
}

// received looks at an answer before it goes on. Its body says afterwards whether it came whole.
func received(resp *http.Response) error {
	if resp.StatusCode == http.StatusUnauthorized {
		return errCredentials
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("the cluster wants to speak another protocol")
	}
	for _, name := range heldHeaders {
		resp.Header.Del(name)
	}
	if cut, ok := resp.Request.Context().Value(cutKey{}).(*bool); ok {
		resp.Body = &whole{ReadCloser: resp.Body, cut: cut}
	}
	return nil
}

type cutKey struct{}

// whole notes when a body ends before its end.
type whole struct {
	io.ReadCloser
	cut *bool
}

func (b *whole) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		*b.cut = true
	}
	return n, err
}

// pass sends a request on and streams the answer back. An answer that the cluster cut off panics with
// [http.ErrAbortHandler], which is how net/http ends an answer without ending it well.
func (r *Remote) pass(w http.ResponseWriter, req *http.Request) {
	cut := false
	ctx := context.WithValue(req.Context(), cutKey{}, &cut)
	if readOnly(req) {
		ctx = repeatable(ctx)
	} else {
		// Nobody waits for ever for a write that goes on without its client.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.opts.RequestTimeout)
		defer cancel()
	}
	r.proxy.ServeHTTP(w, req.WithContext(ctx))
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// readOnly reports whether asking twice does nothing that asking once does not.
func readOnly(req *http.Request) bool {
	if call := rest.FromContext(req.Context()); call != nil && call.Route != nil {
		return !call.Route.Changes && call.Route.Op != "scroll"
	}
	return req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == http.MethodOptions
}

// unreachable tells a client that there is no answer of the cluster.
func unreachable(err error) error {
	if known, ok := errors.AsType[*rest.Error](err); ok {
		return known
	}
	switch {
	case dialFailed(err):
		return unavailable(fmt.Errorf("%w: %w", errNoNode, err))
	case timedOut(err) || errors.Is(err, context.DeadlineExceeded):
		e := rest.Errorf(http.StatusGatewayTimeout, "cluster_timeout_exception", "the cluster did not answer in time")
		e.Cause = err
		return e
	case errors.Is(err, errCredentials):
		return rest.Errorf(http.StatusBadGateway, "cluster_credentials_exception", "%w", err)
	}
	e := rest.Errorf(http.StatusBadGateway, "cluster_failed_exception", "the connection to the cluster broke before it answered")
	e.Cause = err
	return e
}

// unavailable tells a client that nothing was sent, so that it may try again.
func unavailable(cause error) error {
	e := rest.Errorf(http.StatusServiceUnavailable, "cluster_unavailable_exception", "no node of the cluster can be reached")
	e.Cause, e.Header = cause, http.Header{"Retry-After": {"1"}}
	return e
}

// ask sends a request of our own and reads the answer whole. A status of 400 and above is not an error here.
func (r *Remote) ask(ctx context.Context, method, path string, query url.Values, body []byte) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.RequestTimeout)
	defer cancel()
	if method == http.MethodGet || method == http.MethodHead {
		ctx = repeatable(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://cluster"+path, bytes.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	req.URL.RawQuery = query.Encode()
	req.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.nodes.RoundTrip(req)
	if err != nil {
		return Response{}, unreachable(err)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return Response{}, unreachable(err)
	}
	if len(b) > maxAnswer {
		return Response{}, rest.Errorf(http.StatusBadGateway, "cluster_failed_exception", "the answer is longer than [%d] bytes", maxAnswer)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return Response{}, unreachable(errCredentials)
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: b}, nil
}
