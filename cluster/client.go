// Package cluster is a typed view of what stands behind the gateway, whatever it is: the embedded engine, a remote cluster,
// or the gateway itself on behalf of a user. All of them are an http.Handler, and [Client] calls one without a network.
//
// The package does not decide who may do what, and it holds no state of its own but what a [Watch] read last.
// Start reading at [Client.Do] and [Watch].
package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/valyala/fastjson"

	"vigil/rest"
)

// Client calls a handler that speaks the OpenSearch API. It is safe for concurrent use.
type Client struct {
	handler http.Handler
	parsers fastjson.ParserPool // of the answers to bulks
}

// NewClient returns a client of h. Whether its calls are authorized and audited is h's affair.
func NewClient(h http.Handler) *Client { return &Client{handler: h} }

// Response is an answer that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Path joins path segments, percent-encoding each of them: names and ids may hold slashes and anything else.
// An expression list such as "a,b*" is one segment.
func Path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		switch s {
		case ".", "..":
			// A path cleaner on the way must not take a name for a folder.
			b.WriteString(strings.ReplaceAll(s, ".", "%2E"))
		default:
			b.WriteString(url.PathEscape(s))
		}
	}
	return b.String()
}

// Do sends one request. The path is percent-encoded, see [Path]; a body is JSON or NDJSON and is not changed. A status of 400
// and above is an [*Error] beside the response. The request stands apart from the one that ctx may belong to: what it does
// is not an effect of that one.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body []byte) (Response, error) {
	r, err := newRequest(ctx, method, path, query, body)
	if err != nil {
		return Response{}, err
	}
	w := &recorder{header: make(http.Header)}
	if err := serve(c.handler, w, r); err != nil {
		return Response{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	// A handler that was cut short by its context may have answered anything.
	if err := ctx.Err(); err != nil {
		return Response{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp := w.response()
	if resp.Status >= http.StatusBadRequest {
		return resp, errorOf(resp)
	}
	return resp, nil
}

func newRequest(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if u.RawQuery != "" || u.Host != "" {
		return nil, fmt.Errorf("%s %s: not a path", method, path)
	}
	u.RawQuery = query.Encode()
	ctx = rest.NewContext(rest.WithEffects(ctx, nil), nil)
	var content io.Reader = http.NoBody
	if len(body) > 0 {
		content = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	r.RequestURI, r.Host = u.RequestURI(), "localhost"
	r.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// serve turns a panic of the handler into an error: the caller is a goroutine of ours, not a connection.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			err = errors.New("the answer was cut off")
		default:
			err = fmt.Errorf("the handler panicked: %v", v)
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// recorder keeps an answer in memory.
type recorder struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	// Informational answers come before the final one.
	if w.status != 0 || status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush does nothing; handlers that stream may ask for it.
func (w *recorder) Flush() {}

func (w *recorder) response() Response {
	w.WriteHeader(http.StatusOK)
	return Response{Status: w.status, Header: w.sent, Body: w.body.Bytes()}
}

// call sends a value and decodes the answer into out, which may be nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	body, err := encode(in)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp, err := c.Do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	return nil
}

// encode returns a body as JSON. Bytes, raw messages and nil are sent as they are.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	case json.RawMessage:
		return v, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the body: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// with returns the query parameters that are set.
func with(pairs map[string]string) url.Values {
	q := make(url.Values, len(pairs))
	maps.DeleteFunc(pairs, func(_, v string) bool { return v == "" })
	for k, v := range pairs {
		q.Set(k, v)
	}
	return q
}
