package app_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/app/apptest"
	"vigil/config"
)

// TestRestartKeepsEverything stops the server and starts it on the same data.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.User("reader", "readall")
	s.Audit(`{"enabled":true,"audit":{"disabled_rest_categories":["AUTHENTICATED"],"disabled_transport_categories":["AUTHENTICATED","GRANTED_PRIVILEGES"]},"compliance":{"enabled":false}}`)
	s.Must("PUT", "/docs/_doc/1", `{"n":1}`)
	s.Must("PUT", "/docs/_doc/1", `{"n":2}`)
	s.Must("POST", "/_aliases", `{"actions":[{"add":{"index":"docs","alias":"papers"}}]}`)
	var monitor struct {
		ID string `json:"_id"`
	}
	s.Must("POST", "/_plugins/_alerting/monitors", `{"type":"monitor","name":"kept","enabled":false,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},`+
		`"inputs":[{"search":{"indices":["docs"],"query":{"query":{"match_all":{}}}}}],"triggers":[]}`).JSON(t, &monitor)
	s.As("reader", "wrong-password", "GET", "/", nil)
	paths := []string{
		"/papers/_doc/1", "/docs/_mapping", "/_cat/aliases", "/_plugins/_security/api/internalusers", "/_plugins/_security/api/audit",
		"/_plugins/_alerting/monitors/" + monitor.ID,
	}
	answers := func() (all []string) {
		for _, path := range paths {
			all = append(all, string(s.Must("GET", path, nil).Body))
		}
		return all
	}
	wanted, events := answers(), len(recorded(t, s))
	s.Restart()
	for i, got := range answers() {
		if got != wanted[i] {
			t.Errorf("%s is %s, was %s", paths[i], got, wanted[i])
		}
	}
	if a := s.As("reader", apptest.Password, "GET", "/docs/_doc/1", nil); a.Status != http.StatusOK {
		t.Errorf("the user reads: %d %s", a.Status, a.Body)
	}
	after := recorded(t, s)
	if len(of(after, "FAILED_LOGIN")) != 1 || len(after) <= events {
		t.Errorf("%d events after the restart, %d before it", len(after), events)
	}
}

// TestServersInOneProcessAreStrangers runs two clusters side by side.
func TestServersInOneProcessAreStrangers(t *testing.T) {
	t.Parallel()
	a, b := apptest.Start(t, nil), apptest.Start(t, nil)
	a.User("mine", "all_access")
	a.Must("PUT", "/docs/_doc/1", `{}`)
	if got := b.As("mine", apptest.Password, "GET", "/docs/_doc/1", nil); got.Status != http.StatusUnauthorized {
		t.Errorf("a user of the other cluster was answered %d", got.Status)
	}
	if got := b.Admin("GET", "/docs/_doc/1", nil); got.Status != http.StatusNotFound {
		t.Errorf("a document of the other cluster was answered %d", got.Status)
	}
	if n := len(of(recorded(t, a), "FAILED_LOGIN")); n != 0 {
		t.Errorf("the other cluster's %d events are here", n)
	}
}

// TestHealthAndMetrics covers who may see them and what is in them.
func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	s := apptest.Start(t, nil)
	s.User("norole")
	if a := s.As("", "", "GET", "/_vigil/health", nil); a.Status != http.StatusOK || strings.TrimSpace(string(a.Body)) != `{"live":true,"ready":true}` {
		t.Errorf("health answered %d %s", a.Status, a.Body)
	}
	if a := s.As("norole", apptest.Password, "GET", "/metrics", nil); a.Status != http.StatusForbidden {
		t.Errorf("metrics answered %d to somebody without rights", a.Status)
	}
	s.Must("POST", "/_plugins/_notifications/configs", map[string]any{
		"config_id": "hook", "config": map[string]any{"name": "hook", "config_type": "webhook", "is_enabled": true, "webhook": map[string]any{"url": hook.URL}},
	})
	s.Must("PUT", "/docs/_doc/1", `{}`)
	var monitor struct {
		ID string `json:"_id"`
	}
	s.Must("POST", "/_plugins/_alerting/monitors", `{"type":"monitor","name":"m","enabled":true,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},`+
		`"inputs":[{"search":{"indices":["docs"],"query":{"query":{"match_all":{}}}}}],"triggers":[{"name":"t","severity":"1","condition":{"script":{"source":"true","lang":"painless"}},`+
		`"actions":[{"name":"a","destination_id":"hook","message_template":{"source":"hello"}}]}]}`).JSON(t, &monitor)
	s.Must("POST", "/_plugins/_alerting/monitors/"+monitor.ID+"/_execute", nil)
	hook.wait(t)
	recorded(t, s)
	metrics := string(s.Must("GET", "/metrics", nil).Body)
	for _, series := range []string{
		`vigil_gateway_requests_total{kind="indices:data/write",status="2xx"} 1`,
		`vigil_gateway_request_seconds_count{kind="indices:data/write"} 1`,
		`vigil_audit_events_total{category="MISSING_PRIVILEGES"} 1`,
		"vigil_audit_log_bytes ", "vigil_audit_fsync_seconds_count ", "vigil_audit_sink_lag_", `sink="index"`,
		"vigil_alerting_runs_total{", `vigil_notify_messages_total{`, "go_goroutines ",
	} {
		if !strings.Contains(metrics, series) {
			t.Errorf("the metrics lack %s", series)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, "vigil_") && !strings.Contains(line, "_bucket") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

// TestATerminatedServerFinishesWhatItHasBegun sends SIGTERM while a request has only half arrived.
func TestATerminatedServerFinishesWhatItHasBegun(t *testing.T) {
	t.Parallel()
	cfg := apptest.Config(t)
	apptest.Prepare(t, cfg)
	p := serve(t, cfg)
	p.must("PUT", "/_plugins/_security/api/audit/config", apptest.Everything)
	c := dial(t, strings.TrimPrefix(p.url, "http://"))
	body := `{"half":"and half"}`
	credentials := base64.StdEncoding.EncodeToString([]byte("admin:" + apptest.Password))
	fmt.Fprintf(c, "PUT /docs/_doc/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", credentials, len(body))
	reader := bufio.NewReader(c)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server does not read the body: %q %v", line, err)
	}
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, body[:5])
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logged("msg=draining")
	if _, err := io.WriteString(c, body[5:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Errorf("answered %s %s %v", resp.Status, answer, err)
	}
	if status := p.wait(); status != 0 {
		t.Errorf("ended with %d", status)
	}
	p = serve(t, cfg)
	p.must("GET", "/docs/_doc/1", "")
}

// TestClientCertificates covers the administrators' certificate, another one, and none.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	s := apptest.Start(t, func(c *config.Config) {
		c.HTTP.TLS = config.TLS{CertFile: pki.file("server.pem"), KeyFile: pki.file("server.key"), ClientCAFile: pki.file("ca.pem"), ClientAuth: "optional"}
		c.AdminSubjects = []string{"CN=admin, OU=Security,O=Example"}
	})
	as := func(cert string, method, path, body string) (int, string) {
		t.Helper()
		tc := &tls.Config{RootCAs: pki.pool, MinVersion: tls.VersionTLS12}
		if cert != "" {
			pair, err := tls.LoadX509KeyPair(pki.file(cert+".pem"), pki.file(cert+".key"))
			if err != nil {
				t.Fatal(err)
			}
			// Certificates would send only what the server says it accepts.
			tc.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		tr := &http.Transport{TLSClientConfig: tc}
		defer tr.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := (&http.Client{Transport: tr}).Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, body := as("admin", "PUT", "/_plugins/_security/api/roles/made-by-certificate", `{"cluster_permissions":["cluster_monitor"]}`); status != http.StatusCreated {
		t.Errorf("the administrator was answered %d %s", status, body)
	}
	if status, body := as("admin", "GET", "/.opendistro_security/_doc/roles", ""); status != http.StatusOK || !strings.Contains(body, "made-by-certificate") {
		t.Errorf("the administrator reads the configuration: %d %s", status, body)
	}
	for _, cert := range []string{"", "other"} {
		if status, body := as(cert, "GET", "/", ""); status != http.StatusUnauthorized {
			t.Errorf("with certificate %q: answered %d %s, want 401", cert, status, body)
		}
	}
	if status, text := as("foreign", "GET", "/", ""); status != 0 || !strings.Contains(text, "tls") {
		t.Errorf("a certificate of somebody else's was answered %d %s", status, text)
	}
	var admin []apptest.Event
	s.Config.HTTP.TLS = config.TLS{ClientAuth: "optional"}
	s.Config.AdminSubjects = nil
	s.Restart() // in the clear, to read the events
	for _, e := range recorded(t, s) {
		if strings.HasPrefix(e.Text("audit_request_effective_user"), "CN=admin") {
			admin = append(admin, e)
		}
	}
	write := one(t, admin, "COMPLIANCE_INTERNAL_CONFIG_WRITE")
	if write.Text("audit_request_remote_address") != "" || write.Text("audit_trace_doc_id") != "roles" {
		t.Errorf("recorded %v", write)
	}
}

// pki is an authority with the certificates of a server, an administrator and another client, and a foreign client.
type pki struct {
	t    *testing.T
	dir  string
	pool *x509.CertPool
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	p := &pki{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	ca, caKey := p.issue("ca", pkix.Name{CommonName: "ca"}, nil, nil)
	p.pool.AddCert(ca)
	p.issue("server", pkix.Name{CommonName: "server"}, ca, caKey)
	p.issue("admin", pkix.Name{CommonName: "admin", OrganizationalUnit: []string{"Security"}, Organization: []string{"Example"}}, ca, caKey)
	p.issue("other", pkix.Name{CommonName: "other", OrganizationalUnit: []string{"Security"}, Organization: []string{"Example"}}, ca, caKey)
	stranger, strangerKey := p.issue("stranger", pkix.Name{CommonName: "stranger"}, nil, nil)
	p.issue("foreign", pkix.Name{CommonName: "admin", OrganizationalUnit: []string{"Security"}, Organization: []string{"Example"}}, stranger, strangerKey)
	return p
}

func (p *pki) file(name string) string { return filepath.Join(p.dir, name) }

// issue makes a certificate, signed by an authority or, without one, an authority itself, and writes both files.
func (p *pki) issue(name string, subject pkix.Name, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		p.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: parent == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(p.file(name+file), pem.EncodeToMemory(block), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return cert, key
}
