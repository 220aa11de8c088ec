package cluster

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// smallBody is what is not worth compressing: it fits a packet.
const smallBody = 1 << 10

// packing compresses the bodies of requests, in memory.
type packing struct{ http.RoundTripper }

// RoundTrip sends a request with its body compressed.
func (p packing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.ContentLength >= 0 && req.ContentLength < smallBody || req.Header.Get("Content-Encoding") != "" {
		return p.RoundTripper.RoundTrip(req)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.Copy(z, req.Body)
	if err := errors.Join(err, z.Close(), req.Body.Close()); err != nil {
		return nil, fmt.Errorf("compress the request: %w", err)
	}
	out := req.Clone(req.Context())
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(b.Bytes())), int64(b.Len())
	out.Header.Set("Content-Encoding", "gzip")
	out.Header.Set("Content-Length", strconv.Itoa(b.Len()))
	return p.RoundTripper.RoundTrip(out)
}
