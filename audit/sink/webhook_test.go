package sink

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/audit"
	"vigil/audit/sinktest"
)

// receiver takes what a webhook sends.
type receiver struct {
	mu     sync.Mutex
	secret []byte
	status int // answer to everything, if set
	poison []string
	got    []sinktest.Delivery
	last   http.Header
	t      testing.TB
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.last = req.Header
	at, _ := strconv.ParseInt(req.Header.Get(TimestampHeader), 10, 64)
	if r.secret != nil && req.Header.Get(SignatureHeader) != Sign(r.secret, time.Unix(at, 0), sent) {
		r.t.Error("a request is not signed")
	}
	body := string(sent)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			r.t.Error(err)
			return
		}
		b, _ := io.ReadAll(z)
		body = string(b)
	}
	if r.status != 0 {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.status)
		return
	}
	for _, id := range r.poison {
		if strings.Contains(body, id) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
	}
	r.take(req.Header.Get("Content-Type"), body)
	w.WriteHeader(http.StatusAccepted)
}

func (r *receiver) take(contentType, body string) {
	if contentType == "application/x-ndjson" {
		r.got = append(r.got, deliveries(r.t, []byte(body))...)
		return
	}
	var docs []json.RawMessage
	if err := json.Unmarshal([]byte(body), &docs); err != nil {
		r.t.Error(err)
	}
	for _, doc := range docs {
		r.got = append(r.got, delivery(r.t, string(doc)))
	}
}

func newWebhook(t testing.TB, o WebhookOptions) (*Webhook, *receiver) {
	t.Helper()
	r := &receiver{t: t, secret: o.Secret}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	o.Name, o.URL, o.Client = "webhook", server.URL+"/in?token=canary", NewHTTPClient(nil, time.Hour)
	s, err := NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestWebhookConforms(t *testing.T) {
	for name, o := range map[string]WebhookOptions{
		"array": {Secret: []byte("s")}, "lines": {Lines: true}, "gzip": {Gzip: true, Secret: []byte("s")},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Harness {
				s, r := newWebhook(t, o)
				return sinktest.Harness{
					Sink: WithFormat(s, Native),
					Delivered: func() []sinktest.Delivery {
						r.mu.Lock()
						defer r.mu.Unlock()
						return r.got
					},
					Break: func(broken bool) {
						r.mu.Lock()
						defer r.mu.Unlock()
						r.status = 0
						if broken {
							r.status = http.StatusServiceUnavailable
						}
					},
					Poison: func(id string) { r.poison = append(r.poison, id) },
				}
			})
		})
	}
}

func TestWebhookStatuses(t *testing.T) {
	s, r := newWebhook(t, WebhookOptions{})
	f := func(status int, wantRejected bool) {
		t.Helper()
		r.status = status
		err := s.Write(t.Context(), sinktest.Entries(1, 1))
		_, rejected := errors.AsType[*audit.RejectedError](err)
		if err == nil || rejected != wantRejected {
			t.Errorf("%d: got %v, want rejected %t", status, err, wantRejected)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: the error repeats the URL: %v", status, err)
		}
	}
	for _, status := range []int{400, 413, 422} {
		f(status, true)
	}
	for _, status := range []int{301, 302, 307, 401, 403, 404, 408, 410, 429, 500, 502, 503} {
		f(status, false)
	}
	if len(r.got) > 0 {
		t.Error("a redirect was followed")
	}
}

func TestWebhookSendsItsHeaders(t *testing.T) {
	s, r := newWebhook(t, WebhookOptions{Header: http.Header{"Authorization": {"Bearer t"}, "X-Team": {"sec"}}})
	batch := sinktest.Entries(7, 2)
	if err := WithFormat(s, Native).Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if r.last.Get("Authorization") != "Bearer t" || r.last.Get("X-Team") != "sec" || r.last.Get(DeliveryHeader) != batch[0].ID {
		t.Errorf("got headers %v", r.last)
	}
}

func TestWebhookBelievesOnlyTheConfiguredCertificates(t *testing.T) {
	r := &receiver{t: t}
	server := httptest.NewTLSServer(r)
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(caFile string) error {
		config, err := TLSConfig(caFile)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewWebhook(WebhookOptions{Name: "w", URL: server.URL, Client: NewHTTPClient(config, 10*time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return WithFormat(s, Native).Write(t.Context(), sinktest.Entries(1, 1))
	}
	if err := f(ca); err != nil {
		t.Error(err)
	}
	if err := f(""); err == nil {
		t.Error("a certificate that nobody vouches for was believed")
	}
}

func TestWebhookErrorHidesTheURL(t *testing.T) {
	s, err := NewWebhook(WebhookOptions{
		Name: "w", URL: "http://127.0.0.1:1/?token=canary", Client: NewHTTPClient(nil, time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Write(context.Background(), sinktest.Entries(1, 1))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error without the URL", err)
	}
}

// TestSignature compares with what Python's hmac says of the recipe in docs/sinks.md.
func TestSignature(t *testing.T) {
	want := "v1=527f31dac8ba92e1e8a7c1e5e9a41d3c695889505b7be4ebaab3e01b74cca4f0"
	if got := Sign([]byte("key"), time.Unix(1000, 0), []byte("[{}]")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
