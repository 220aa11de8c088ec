package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRemoteFailuresAreToldInTheClustersDialect(t *testing.T) {
	for _, tc := range []struct {
		name, node string
		node2      http.HandlerFunc
		status     int
		want       string
	}{
		{"no connection", gone(t), nil, 503, `"type":"cluster_unavailable_exception"`},
		{"a broken connection", "", resetting, 502, `"type":"cluster_failed_exception"`},
		{"silence", "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, `"type":"cluster_timeout_exception"`},
		{"our credentials", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		}, 502, `"type":"cluster_credentials_exception"`},
		{"too many requests", "", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"error":"full","status":429}`)
		}, 429, `{"error":"full","status":429}`},
		{"an error of the cluster", "", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, `{"error":"broken","status":500}`)
		}, 500, `{"error":"broken","status":500}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.node2 != nil {
				tc.node = serving(t, tc.node2).URL
			}
			r := remoteTo(t, func(o *RemoteOptions) { o.RequestTimeout = 200 * time.Millisecond }, tc.node)
			w := through(t, r, nil, "GET", "/a/_search", "")
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tc.status, tc.want)
			}
			if strings.Contains(w.Body.String(), "planted-secret") || w.Header().Get("WWW-Authenticate") != "" {
				t.Errorf("the answer tells of our credentials: %v %s", w.Header(), w.Body)
			}
		})
	}
}

func TestRemoteAsksAnotherNode(t *testing.T) {
	for _, tc := range []struct {
		name, method, path string
		first              func(t *testing.T) string
		status             int
	}{
		{"a read of a node that is gone", "GET", "/a/_doc/1", gone, 200},
		{"a write of a node that is gone", "PUT", "/a/_doc/1", gone, 200},
		{"a read that got no answer", "GET", "/a/_doc/1", func(t *testing.T) string { return serving(t, resetting).URL }, 200},
		{"a search that got no answer", "POST", "/a/_search", func(t *testing.T) string { return serving(t, resetting).URL }, 200},
		{"a write that got no answer is not repeated", "PUT", "/a/_doc/1", func(t *testing.T) string { return serving(t, resetting).URL }, 502},
		{"nor is a page of a scroll", "POST", "/_search/scroll", func(t *testing.T) string { return serving(t, resetting).URL }, 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var bodies atomic.Pointer[string]
			good := serving(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				s := string(b)
				bodies.Store(&s)
				io.WriteString(w, `{}`)
			})
			r := remoteTo(t, nil, good.URL, tc.first(t)) // the second address is asked first
			body := ""
			if tc.method != "GET" {
				body = `{"some":"body"}`
			}
			if w := through(t, r, nil, tc.method, tc.path, body); w.Code != tc.status {
				t.Fatalf("got %d %s, want %d", w.Code, w.Body, tc.status)
			}
			if got := bodies.Load(); tc.status == 200 && *got != body {
				t.Errorf("the second node got the body %q, want %q", *got, body)
			}
		})
	}
}

func TestRemoteLeavesOutANodeUntilItIsBack(t *testing.T) {
	var asked atomic.Int64
	good := serving(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); io.WriteString(w, `{}`) })
	bad := httptest.NewServer(good.Config.Handler)
	address := bad.Listener.Addr().String()
	bad.Close()
	r := remoteTo(t, nil, good.URL, "http://"+address)
	for range 4 {
		if w := through(t, r, nil, "GET", "/", ""); w.Code != 200 {
			t.Fatalf("got %d", w.Code)
		}
	}
	if !r.nodes.all[1].down.Load() || r.Healthy() != nil {
		t.Fatalf("the node that is gone is still asked, or the other one not; healthy: %v", r.Healthy())
	}
	for range 3 {
		if first := r.nodes.order()[0]; first != r.nodes.all[0] {
			t.Errorf("the node that is gone is asked first")
		}
	}
	r.nodes.check(t.Context())
	if !r.nodes.all[1].down.Load() {
		t.Fatal("a node that is gone passed the check")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again := &httptest.Server{Listener: l, Config: &http.Server{Handler: good.Config.Handler}}
	again.Start()
	defer again.Close()
	r.nodes.check(t.Context())
	if r.nodes.all[1].down.Load() {
		t.Error("the node is back and is not asked")
	}
}

func TestRemoteReadsNamesOnATicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		r, err := NewRemote(RemoteOptions{URLs: []*url.URL{{Scheme: "http", Host: "node"}}, HealthInterval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		r.nodes.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			asked.Add(1)
			return nil, &net.OpError{Op: "dial", Err: errors.New("nobody there")}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		<-time.After(3500 * time.Millisecond)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := asked.Load(); got < 3 {
			t.Errorf("asked %d times in three seconds", got)
		}
	})
}
