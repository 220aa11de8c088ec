// Package apptest runs the whole program in a test: a configuration in, HTTP out. It is imported by tests only.
//
// Start reading at [Start] and [Server.Events].
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/api/security"
	"vigil/app"
	"vigil/authn"
	"vigil/cluster"
	"vigil/config"
	"vigil/engine"
)

// Password is that of the user admin and of every user that [Server.User] makes.
const Password = "a-Test-password-1"

// SecurityIndex is the index of users, roles and the audit configuration.
const SecurityIndex = ".opendistro_security"

// Server is a running server. Its data stay over [Server.Restart].
type Server struct {
	// URL is where it is served.
	URL string
	// Config is what it runs with. A change counts from the next Restart.
	Config config.Config
	// Failed says that the server may end with an error, since a test has broken its disk.
	Failed bool

	t      testing.TB
	open   Open
	app    *app.Server
	client *http.Client
	cancel context.CancelFunc
	done   chan error

	mu  sync.Mutex
	log bytes.Buffer
}

// Config returns the configuration of a server with a fresh data folder on a free port.
func Config(t testing.TB) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Data = t.TempDir()
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.ClusterName, cfg.NodeName = "test", "node-0"
	cfg.Security.InitialAdminPassword = Password
	cfg.Notify.AllowNetworks = []string{"127.0.0.0/8"}
	cfg.Audit.Log.MaxBytes = 256 << 20
	return cfg
}

// Start runs a server with a fresh data folder on a free port until the test ends. Change, if not nil, may change the
// configuration first.
func Start(t testing.TB, change func(*config.Config)) *Server {
	t.Helper()
	return StartWith(t, app.New, change)
}

// Open makes a server, as [app.New] does.
type Open func(context.Context, config.Config, *slog.Logger) (*app.Server, error)

// StartWith is Start for a server that is made in another way.
func StartWith(t testing.TB, open Open, change func(*config.Config)) *Server {
	t.Helper()
	cfg := Config(t)
	if change != nil {
		change(&cfg)
	}
	Prepare(t, cfg)
	s := &Server{Config: cfg, t: t, open: open}
	s.start()
	t.Cleanup(s.Stop)
	return s
}

// Prepare writes the documents of a first start, with the admin's configured password hashed at the lowest cost: a login
// then takes a millisecond and not a quarter of a second.
func Prepare(t testing.TB, cfg config.Config) {
	t.Helper()
	e, err := engine.Open(engine.Options{Dir: cfg.EngineDir(), ClusterName: cfg.ClusterName})
	if err != nil {
		t.Fatal(err)
	}
	_, err = security.Bootstrap(t.Context(), security.BootstrapOptions{
		Client: cluster.NewClient(e), Index: SecurityIndex,
		AdminHash: func() (string, error) { return Hash(t, string(cfg.Security.InitialAdminPassword)), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// Hash returns the hash of a password at the lowest cost.
func Hash(t testing.TB, password string) string {
	t.Helper()
	hash, err := authn.HashPasswordCost(password, 4)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func (s *Server) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	server, err := s.open(ctx, s.Config, slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	s.app, s.URL, s.cancel, s.done = server, server.URL(), cancel, make(chan error, 1)
	s.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	go func() { s.done <- server.Run(ctx) }()
}

// Write takes a line of the server's log.
func (s *Server) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// Log returns what the server has logged so far, from the level debug on.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// App is the program.
func (s *Server) App() *app.Server { return s.app }

// Stop drains and ends the server. It may be called twice.
func (s *Server) Stop() {
	s.t.Helper()
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.cancel = nil
	if err := <-s.done; err != nil && !s.Failed {
		s.t.Errorf("server ended: %v", err)
	}
	s.client.CloseIdleConnections()
	for line := range strings.Lines(s.Log()) {
		if s.t.Failed() && !strings.Contains(line, "level=DEBUG") && !strings.Contains(line, "level=INFO") {
			s.t.Log(line)
		}
	}
}

// Restart stops the server and starts it on the same data, at a new URL.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// Reply is an answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body into v.
func (r Reply) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		t.Fatalf("read %s: %v", r.Body, err)
	}
}

// Admin sends a request as admin. The body may be nil, a string, bytes, or anything that becomes JSON.
func (s *Server) Admin(method, path string, body any) Reply {
	s.t.Helper()
	return s.As("admin", Password, method, path, body)
}

// As sends a request as somebody; without a name it has no credentials.
func (s *Server) As(name, password, method, path string, body any) Reply {
	s.t.Helper()
	r := s.Request(method, path, body)
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	return s.Send(r)
}

// Request makes a request to the server.
func (s *Server) Request(method, path string, body any) *http.Request {
	s.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			s.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	if raw == nil {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Send sends a request.
func (s *Server) Send(r *http.Request) Reply {
	s.t.Helper()
	a, err := s.Try(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// Try is Send for requests that may get no answer.
func (s *Server) Try(r *http.Request) (Reply, error) {
	resp, err := s.client.Do(r)
	if err != nil {
		return Reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, fmt.Errorf("read the answer to %s %s: %w", r.Method, r.URL, err)
	}
	return Reply{resp.StatusCode, resp.Header, b}, nil
}

// Must is Admin for requests that have to succeed.
func (s *Server) Must(method, path string, body any) Reply {
	s.t.Helper()
	a := s.Admin(method, path, body)
	if a.Status >= http.StatusBadRequest {
		s.t.Fatalf("%s %s: answered %d %s", method, path, a.Status, a.Body)
	}
	return a
}

// User makes a user that has the roles.
func (s *Server) User(name string, roles ...string) {
	s.t.Helper()
	if roles == nil {
		roles = []string{}
	}
	s.Must("PUT", "/_plugins/_security/api/internalusers/"+name, map[string]any{
		"hash": Hash(s.t, Password), "opendistro_security_roles": roles,
	})
}

// Audit puts an audit configuration into force.
func (s *Server) Audit(config string) {
	s.t.Helper()
	s.Must("PUT", "/_plugins/_security/api/audit/config", config)
}

// Everything is an audit configuration that keeps every event there is.
const Everything = `{"enabled":true,"audit":{"disabled_rest_categories":[],"disabled_transport_categories":[],"ignore_users":[],"resolve_bulk_requests":true},` +
	`"compliance":{"enabled":true,"internal_config":true,"write_watched_indices":["*"],"write_ignore_users":[],"read_ignore_users":[]}}`

// Event is an audit event as it is stored.
type Event map[string]any

// Text returns a member that is a string, "" if there is none.
func (e Event) Text(name string) string {
	s, _ := e[name].(string)
	return s
}

// Events waits until at least n events match a query in the audit index, and returns them in the order of their times.
func (s *Server) Events(n int, query string) []Event {
	s.t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var found struct {
			Hits struct {
				Hits []struct {
					Source Event `json:"_source"`
				} `json:"hits"`
			} `json:"hits"`
		}
		a := s.Must("POST", "/security-auditlog-*/_search", `{"size":10000,"sort":[{"@timestamp":"asc"}],"query":`+query+`}`)
		a.JSON(s.t, &found)
		if len(found.Hits.Hits) >= n {
			events := make([]Event, 0, len(found.Hits.Hits))
			for _, h := range found.Hits.Hits {
				events = append(events, h.Source)
			}
			return events
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Fatalf("%d events for %s, want %d", len(found.Hits.Hits), query, n)
		}
	}
}
