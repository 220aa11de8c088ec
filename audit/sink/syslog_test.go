package sink

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/audit"
	"vigil/audit/sinktest"
)

// collectorServer is a syslog receiver that reads frames by their length.
type collectorServer struct {
	t    testing.TB
	tls  *tls.Config
	addr string

	mu       sync.Mutex
	cond     *sync.Cond
	listener net.Listener
	conns    []net.Conn
	got      []string
	wg       sync.WaitGroup
}

func newCollectorServer(t testing.TB, config *tls.Config) *collectorServer {
	c := &collectorServer{t: t, tls: config, addr: "127.0.0.1:0"}
	c.cond = sync.NewCond(&c.mu)
	c.listen()
	t.Cleanup(func() {
		c.stop()
		c.wg.Wait()
	})
	return c
}

func (c *collectorServer) listen() {
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.addr = l.Addr().String()
	if c.tls != nil {
		l = tls.NewListener(l, c.tls)
	}
	c.listener = l
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conns = append(c.conns, conn)
			c.mu.Unlock()
			c.wg.Go(func() { c.read(conn) })
		}
	})
}

func (c *collectorServer) read(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		digits, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(digits))
		if err != nil {
			c.t.Errorf("got frame length %q", digits)
			return
		}
		m := make([]byte, n)
		if _, err := io.ReadFull(r, m); err != nil {
			return
		}
		c.mu.Lock()
		c.got = append(c.got, string(m))
		c.cond.Broadcast()
		c.mu.Unlock()
	}
}

func (c *collectorServer) stop() {
	_ = c.listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// received waits for n messages.
func (c *collectorServer) received(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.got) < n {
		c.cond.Wait()
	}
	return slices.Clone(c.got)
}

var message = regexp.MustCompile(`^<(\d+)>1 (\S+Z) host vigil \d+ (\S{1,32}) \[vigil@32473 id="([^"]+)" seq="(\d+)" category="([^"]+)"\] (\{.*\})$`)

func syslogDelivery(t testing.TB, m string) sinktest.Delivery {
	t.Helper()
	parts := message.FindStringSubmatch(m)
	if parts == nil {
		t.Fatalf("got message %.300q", m)
	}
	return sinktest.Delivery{ID: parts[4], Doc: delivery(t, parts[7]).Doc}
}

func TestSyslogConforms(t *testing.T) {
	authority := httptest.NewTLSServer(nil) // for its certificate
	authority.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	believed, err := TLSConfig(ca)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ server, client *tls.Config }{
		"tcp": {nil, nil}, "tls": {&tls.Config{Certificates: authority.TLS.Certificates}, believed},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Harness {
				server := newCollectorServer(t, c.server)
				s, err := NewSyslog(SyslogOptions{
					Name: "syslog", Address: server.addr, TLS: c.client, Host: "host", MaxMessage: 64 << 20, Timeout: time.Hour,
				})
				if err != nil {
					t.Fatal(err)
				}
				counted := &countingSink{Sink: s}
				return sinktest.Harness{
					Sink: WithFormat(counted, Native),
					Delivered: func() []sinktest.Delivery {
						var list []sinktest.Delivery
						for _, m := range server.received(counted.sent) {
							list = append(list, syslogDelivery(t, m))
						}
						return list
					},
					Break: func(broken bool) {
						if broken {
							server.stop()
						} else {
							server.listen()
						}
					},
				}
			})
		})
	}
}

// countingSink counts what its sink took, because the receiver gets it later.
type countingSink struct {
	audit.Sink

	sent int
}

func (s *countingSink) Write(ctx context.Context, batch []audit.Entry) error {
	err := s.Sink.Write(ctx, batch)
	if err == nil {
		s.sent += len(batch)
	}
	return err
}

func TestSyslogBelievesOnlyTheConfiguredCertificates(t *testing.T) {
	authority := httptest.NewTLSServer(nil) // for its certificate
	authority.Close()
	server := newCollectorServer(t, &tls.Config{Certificates: authority.TLS.Certificates})
	system, err := TLSConfig("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSyslog(SyslogOptions{Name: "s", Address: server.addr, TLS: system, Host: "host"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err == nil {
		t.Error("a certificate that nobody vouches for was believed")
	}
}

func TestSyslogFindsThatTheReceiverHungUp(t *testing.T) {
	server := newCollectorServer(t, nil)
	s, err := NewSyslog(SyslogOptions{Name: "s", Address: server.addr, Host: "host"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		if err := WithFormat(s, Native).Write(t.Context(), sinktest.Entries(uint64(i+1), 1)); err != nil {
			t.Fatal(err)
		}
		server.received(i + 1)
		server.stop()
		server.listen()
	}
}

func TestSyslogMessages(t *testing.T) {
	s, err := NewSyslog(SyslogOptions{Name: "s", Address: "127.0.0.1:1", Host: "a b\n", MaxMessage: 200})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 1, 2, 3, 4e6, time.UTC)
	f := func(c audit.Category, doc, want string) {
		t.Helper()
		got := string(s.appendMessage(nil, audit.Entry{Seq: 9, ID: `i"]\`, Time: at, Category: c, Doc: []byte(doc)}))
		want = fmt.Sprintf(want, os.Getpid())
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(audit.FailedLogin, `{}`,
		`<84>1 2026-11-21T01:02:03.004Z ab vigil %d FAILED_LOGIN [vigil@32473 id="i\"\]\\" seq="9" category="FAILED_LOGIN"] {}`)
	f(audit.SecurityIndexAttempt, `{}`,
		`<107>1 2026-11-21T01:02:03.004Z ab vigil %d OPENDISTRO_SECURITY_INDEX_ATTEM`+`P [vigil@32473 id="i\"\]\\" seq="9" category="OPENDISTRO_SECURITY_INDEX_ATTEMPT"] {}`)
	f(audit.DocRead, `{"a":"`+strings.Repeat("x", 300)+`","b":1}`,
		`<110>1 2026-11-21T01:02:03.004Z ab vigil %d COMPLIANCE_DOC_READ [vigil@32473 id="i\"\]\\" seq="9" category="COMPLIANCE_DOC_READ"] {"a":"`+
			strings.Repeat("x", 163)+`","b":1,"vigil_truncated":true}`)
}

func FuzzShrink(f *testing.F) {
	f.Add(`{"a":"`+strings.Repeat("ä", 100)+`"}`, 100)
	f.Add(`{"a":["x",{"b":"`+strings.Repeat("\\u0000", 100)+`"}]}`, 60)
	f.Add(`[1]`, 2)
	f.Add(`null`, 0)
	f.Fuzz(func(t *testing.T, doc string, limit int) {
		got := shrink([]byte(doc), limit)
		if len(doc) <= limit {
			if string(got) != doc {
				t.Error("a document that fits was changed")
			}
			return
		}
		var v map[string]any
		if err := json.Unmarshal(got, &v); err != nil || v[truncatedMark] != true {
			t.Fatalf("got %q: %v", got, err)
		}
		if len(got) > max(limit, len(`{"vigil_truncated":true}`)) {
			t.Errorf("got %d bytes, want at most %d", len(got), limit)
		}
	})
}
