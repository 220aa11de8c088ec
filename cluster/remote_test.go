package cluster

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/rest"
)

// remoteTo returns a remote of nodes at the addresses, which knows no names.
func remoteTo(t *testing.T, change func(*RemoteOptions), addresses ...string) *Remote {
	t.Helper()
	o := RemoteOptions{Username: "vigil", Password: "planted-secret", ConnectTimeout: 2 * time.Second}
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil {
			t.Fatal(err)
		}
		o.URLs = append(o.URLs, u)
	}
	if change != nil {
		change(&o)
	}
	r, err := NewRemote(o)
	if err != nil {
		t.Fatal(err)
	}
	r.names.current.Store(&nameTable{})
	t.Cleanup(r.nodes.transport.CloseIdleConnections)
	return r
}

// serving runs a node until the test ends.
func serving(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// gone returns the address of a node that takes no connections.
func gone(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

// resetting is a node that takes requests and breaks the connection.
func resetting(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// through sends a request through r the way the gateway does: as a call with its body in memory. Headers are pairs.
func through(t *testing.T, r *Remote, fx *rest.Effects, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	call, err := table.Resolve(req)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		call.Body = []byte(body)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req.WithContext(rest.WithEffects(rest.NewContext(t.Context(), call), fx)))
	return w
}

func TestRemoteIsUnhealthyWithoutNodesOrNames(t *testing.T) {
	r := remoteTo(t, nil, gone(t))
	through(t, r, nil, "GET", "/", "")
	if err := r.Healthy(); !errors.Is(err, errNoNode) {
		t.Errorf("got %v, want %v", err, errNoNode)
	}
	r = remoteTo(t, nil, gone(t))
	r.names.current.Store(nil)
	if r.Healthy() == nil {
		t.Error("healthy without names")
	}
	if w := through(t, r, nil, "GET", "/a/_search", ""); w.Code != 503 {
		t.Errorf("a request was judged by names that are not known: got %d", w.Code)
	}
}

func TestRemoteSendsOnOnlyWhatItShould(t *testing.T) {
	var got *http.Request
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.Header().Set("Warning", `299 - "old"`)
		io.WriteString(w, `{}`)
	})
	r := remoteTo(t, nil, s.URL)
	w := through(t, r, nil, "POST", "/a%2Fb/_search?size=1&size=2&x=1;y=2", `{"size":1}`,
		"Authorization", "Basic Y2xpZW50OnNlY3JldA==", "Cookie", "session=1", "Proxy-Authorization", "Basic x", "X-Proxy-User", "root",
		"X-Proxy-Roles", "admin", "Opendistro_security_impersonate_as", "admin", "_opendistro_security_user", "admin", "X-Forwarded-For", "10.0.0.1",
		"Forwarded", "for=10.0.0.1", "Connection", "X-Opaque-Id, close", "Te", "trailers", "Upgrade", "h2c", "Transfer-Encoding", "chunked",
		"Expect", "100-continue", "X-Opaque-Id", "id", "Traceparent", "00-1", "X-Elastic-Product-Origin", "kibana")
	if w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if got.RequestURI != "/a%2Fb/_search?size=2&x=1&y=2" {
		t.Errorf("got target %s", got.RequestURI)
	}
	if "http://"+got.Host != s.URL {
		t.Errorf("got host %s, want %s", got.Host, s.URL)
	}
	want := http.Header{
		"Authorization": {"Basic dmlnaWw6cGxhbnRlZC1zZWNyZXQ="}, "Content-Type": {"application/json"}, "Content-Length": {"10"},
		"Traceparent": {"00-1"}, "X-Elastic-Product-Origin": {"kibana"},
	}
	got.Header.Del("X-Opaque-Id") // goes with the connection if the client says so
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if h := w.Header(); h.Get("Set-Cookie") != "" || h.Get("X-Hop") != "" || h.Get("Warning") == "" {
		t.Errorf("got answer headers %v", h)
	}
}

// What the cluster reads is what was resolved, whatever way it was written.
func TestRemoteWritesTargetsAnew(t *testing.T) {
	var got string
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.RequestURI
		io.WriteString(w, `{}`)
	})
	for target, want := range map[string]string{
		"/_search":                          "/_search",
		"/a/_search/":                       "/a/_search",
		"/a,-b*/_search":                    "/a%2C-b%2A/_search",
		"/%61/_search":                      "/a/_search",
		"/a%20b/_search":                    "/a%20b/_search",
		"/%3Clogs-%7Bnow%2Fd%7D%3E/_search": "/%3Clogs-%7Bnow%2Fd%7D%3E/_search",
		"/_search?index=a":                  "/_search?index=a",
		"/_search?a=1&a=2":                  "/_search?a=2",
		"/_search?a=1%26b=2":                "/_search?a=1%26b%3D2",
		"http://other/a/_search":            "/a/_search",
		"/a/_search?index=b":                "/a/_search",
		"/a/_search?pretty":                 "/a/_search?pretty=",
	} {
		through(t, remoteTo(t, nil, s.URL+"/"), nil, "GET", target, "")
		if got != "GET "+want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
	through(t, remoteTo(t, nil, s.URL+"/prefix/"), nil, "GET", "/a%2Fb/_search", "")
	if got != "GET /prefix/a%2Fb/_search" {
		t.Errorf("with a prefix: got %s", got)
	}
}

func TestRemotePassesAnswersOnUnread(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, `{"hits":{}}`)
	z.Close()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped.Bytes())
			return
		}
		w.Header().Set("Content-Length", "11")
		if r.Method != http.MethodHead {
			io.WriteString(w, `{"hits":{}}`)
		}
	})
	r := remoteTo(t, nil, s.URL)
	w := through(t, r, nil, "GET", "/a/_search", "", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || !bytes.Equal(w.Body.Bytes(), zipped.Bytes()) {
		t.Errorf("gzip: got %v, %d bytes", w.Header(), w.Body.Len())
	}
	if w = through(t, r, nil, "GET", "/a/_search", ""); w.Body.String() != `{"hits":{}}` || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("identity: got %v %s", w.Header(), w.Body)
	}
	if w = through(t, r, nil, "HEAD", "/a/_doc/1", ""); w.Code != 200 || w.Header().Get("Content-Length") != "11" || w.Body.Len() != 0 {
		t.Errorf("HEAD: got %d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestRemoteEndsACutAnswerAsCut(t *testing.T) {
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"hits":`)
		_ = http.NewResponseController(w).Flush()
		resetting(w, r)
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // a value of panic, compared as net/http does
			t.Errorf("got panic %v, want %v", p, http.ErrAbortHandler)
		}
	}()
	w := through(t, remoteTo(t, nil, s.URL), nil, "GET", "/a/_search", "")
	t.Errorf("a cut answer was given as whole: %d %s", w.Code, w.Body)
}

// counting counts what is written and keeps nothing.
type counting struct {
	header http.Header
	n      int64
}

func (c *counting) Header() http.Header         { return c.header }
func (c *counting) WriteHeader(int)             {}
func (c *counting) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

func TestRemoteStreamsLargeAnswersInLittleMemory(t *testing.T) {
	const size = 1 << 30
	chunk := make([]byte, 1<<20)
	s := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	r := remoteTo(t, nil, s.URL)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := &counting{header: http.Header{}}
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/a/_search", nil))
	runtime.ReadMemStats(&after)
	if w.n != size {
		t.Errorf("got %d bytes, want %d", w.n, size)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("allocated %d bytes for an answer of %d", used, size)
	}
}

func TestRemoteFinishesAWriteWhoseClientLeft(t *testing.T) {
	entered, proceed := make(chan struct{}), make(chan struct{})
	done := make(chan bool, 1)
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-proceed
		done <- r.Context().Err() == nil
		io.WriteString(w, `{}`)
	})
	r := remoteTo(t, nil, s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	call := &rest.Call{Route: &rest.Route{Method: "POST", Path: "/_refresh", Op: "indices.refresh", Changes: true}}
	req := httptest.NewRequest(http.MethodPost, "/_refresh", nil).WithContext(rest.NewContext(ctx, call))
	ended := make(chan int, 1)
	go func() {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		ended <- w.Code
	}()
	<-entered
	cancel()
	close(proceed)
	if !<-done {
		t.Error("the cluster saw the client leave")
	}
	if got := <-ended; got != 200 {
		t.Errorf("got %d, want 200", got)
	}
}

func TestRemoteShowsClientsOurAddress(t *testing.T) {
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("filter_path") || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("an answer that must be read was asked for as %s %v", r.URL, r.Header)
		}
		io.WriteString(w, `{"cluster_name":"c","nodes":{"n1":{"name":"a","http":{"publish_address":"10.0.0.1:9200","bound_address":["[::]:9200"],"max_content_length_in_bytes":104857600}},"n2":{"name":"b"}}}`)
	})
	r := remoteTo(t, func(o *RemoteOptions) { o.PublishAddress = "gateway:9200" }, s.URL)
	w := through(t, r, &rest.Effects{}, "GET", "/_nodes/http", "", "Accept-Encoding", "gzip")
	want := `{"cluster_name":"c","nodes":{"n1":{"http":{"bound_address":["gateway:9200"],"max_content_length_in_bytes":104857600,"publish_address":"gateway:9200"},"name":"a"},"n2":{"name":"b"}}}`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w = through(t, r, &rest.Effects{}, "GET", "/_nodes/http?filter_path=nodes.*.http.publish_address", "")
	if got := strings.TrimSpace(w.Body.String()); got != `{"nodes":{"n1":{"http":{"publish_address":"gateway:9200"}}}}` {
		t.Errorf("filtered: got %s", got)
	}
}

func FuzzPublished(f *testing.F) {
	for _, s := range []string{`{"nodes":{"n":{"http":{"publish_address":"a"}}}}`, `{"nodes":1}`, `{}`, `[]`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := published(body, "gateway:1")
		if err == nil && bytes.Contains(body, []byte("secret-node:9200")) && bytes.Contains(out, []byte(`"publish_address":"secret-node`)) {
			t.Errorf("%s became %s", body, out)
		}
	})
}

func FuzzRawLines(f *testing.F) {
	f.Add([]byte("{}\n{}\n"), 2)
	f.Add([]byte("a"), 1)
	f.Add([]byte("\n\nb\n"), 3)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		if n < 1 || n > 100 {
			return
		}
		l := rawLines{rest: body}
		var got []byte
		for i := 1; i <= n; i++ {
			got = append(got, l.at(i)...)
		}
		if !bytes.HasPrefix(body, got) {
			t.Errorf("%q in %d lines is %q", body, n, got)
		}
	})
}
