package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// errNoNode is the cause when no node could be reached.
var errNoNode = errors.New("no node of the cluster can be reached")

// errCredentials says that the cluster does not know us. It is our fault, never the client's.
var errCredentials = errors.New("the cluster refuses the credentials that are configured for it")

// node is one address. A node that is down gets no requests while another is up.
type node struct {
	url  *url.URL
	down atomic.Bool
}

// nodes is the transport that finds a node for every request. It implements [http.RoundTripper].
type nodes struct {
	all       []*node
	next      atomic.Uint64
	transport *http.Transport
	auth      string
	timeout   time.Duration
	log       *slog.Logger
}

func newNodes(o RemoteOptions) *nodes {
	n := &nodes{timeout: o.ConnectTimeout, log: o.Log}
	for _, u := range o.URLs {
		n.all = append(n.all, &node{url: u})
	}
	switch {
	case o.APIKey != "":
		n.auth = "ApiKey " + o.APIKey
	case o.Username != "":
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(o.Username, o.Password)
		n.auth = r.Header.Get("Authorization")
	}
	var tlsConfig *tls.Config
	if o.TLS != nil {
		tlsConfig = o.TLS.Clone()
	}
	n.transport = &http.Transport{
		DialContext:     (&net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig: tlsConfig, TLSHandshakeTimeout: o.ConnectTimeout, ForceAttemptHTTP2: true,
		// The default of two idle connections for each host more than halves the throughput.
		MaxIdleConnsPerHost: 1000, MaxConnsPerHost: o.MaxConnections, IdleConnTimeout: 90 * time.Second,
		ResponseHeaderTimeout: o.RequestTimeout, MaxResponseHeaderBytes: 1 << 20,
		// What the client did not ask for must not be unpacked on its behalf.
		DisableCompression: true,
		WriteBufferSize:    16 << 10, ReadBufferSize: 16 << 10,
	}
	return n
}

// order returns the nodes in the order in which to try them: those that are up in turn, then the others, because the check
// may not have seen yet that they are back.
func (n *nodes) order() []*node {
	if len(n.all) == 1 {
		return n.all
	}
	start := n.next.Add(1)
	up := make([]*node, 0, len(n.all))
	var down []*node
	for i := range n.all {
		one := n.all[(start+uint64(i))%uint64(len(n.all))]
		if one.down.Load() {
			down = append(down, one)
		} else {
			up = append(up, one)
		}
	}
	return append(up, down...)
}

type repeatableKey struct{}

// repeatable marks a request that changes nothing, so that another node may be asked after one took it and gave no answer.
func repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatableKey{}, true)
}

// RoundTrip sends the request to a node, and to another one if the first cannot have acted on it: no connection came about,
// or no answer began and the request changes nothing.
func (n *nodes) RoundTrip(req *http.Request) (*http.Response, error) {
	var errs []error
	again, _ := req.Context().Value(repeatableKey{}).(bool)
	hasBody := req.Body != nil && req.Body != http.NoBody
	for i, one := range n.order() {
		out := req
		if i > 0 || len(n.all) > 1 || one.url.Path != "" {
			out = req.Clone(req.Context())
		}
		if i > 0 && hasBody {
			if req.GetBody == nil {
				break
			}
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			out.Body = body
		}
		n.address(out, one)
		resp, err := n.transport.RoundTrip(out)
		if err == nil {
			n.mark(req.Context(), one, nil)
			return resp, nil
		}
		errs = append(errs, err)
		unsent := dialFailed(err)
		if unsent && req.Context().Err() == nil {
			n.mark(req.Context(), one, err)
		}
		if req.Context().Err() != nil || !unsent && (!again || timedOut(err)) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// address points the request at a node.
func (n *nodes) address(out *http.Request, one *node) {
	out.URL.Scheme, out.URL.Host, out.Host = one.url.Scheme, one.url.Host, ""
	if prefix := strings.TrimRight(one.url.EscapedPath(), "/"); prefix != "" {
		if joined, err := url.ParseRequestURI(prefix + out.URL.EscapedPath()); err == nil {
			out.URL.Path, out.URL.RawPath = joined.Path, joined.RawPath
		}
	}
	if n.auth != "" {
		out.Header.Set("Authorization", n.auth)
	}
}

// mark notes whether a node takes requests, and tells of a change.
func (n *nodes) mark(ctx context.Context, one *node, err error) {
	if one.down.Swap(err != nil) == (err != nil) {
		return
	}
	if err != nil {
		n.log.WarnContext(ctx, "a node of the cluster takes no requests", "node", one.url.Host, "error", err)
		return
	}
	n.log.InfoContext(ctx, "a node of the cluster takes requests again", "node", one.url.Host)
}

func (n *nodes) anyUp() bool {
	for _, one := range n.all {
		if !one.down.Load() {
			return true
		}
	}
	return false
}

// check asks every node that is down whether it is back.
func (n *nodes) check(ctx context.Context) {
	for _, one := range n.all {
		if one.down.Load() {
			if err := n.ping(ctx, one); err == nil {
				n.mark(ctx, one, nil)
			}
		}
	}
}

func (n *nodes) ping(ctx context.Context, one *node) error {
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, one.url.String(), http.NoBody)
	if err != nil {
		return err
	}
	req.URL.Path, req.URL.RawPath = "/", ""
	n.address(req, one)
	resp, err := n.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// dialFailed reports whether no connection came about, so that nothing can have been sent.
func dialFailed(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if ok && op.Op == "dial" {
		return true
	}
	_, unknown := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown
}

func timedOut(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
