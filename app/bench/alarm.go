package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"vigil/app"
	"vigil/config"
)

const (
	passwordVar   = "VIGIL_ADMIN_PASSWORD"
	adminPassword = "a-Long-enough-1"
	// lost is when a message is not waited for any longer.
	lost = 5 * time.Second
)

// serveVigil serves the whole program with its defaults, except that messages may go to this machine.
func serveVigil(ctx context.Context, dir string) (*served, error) {
	file := filepath.Join(dir, "vigil.yml")
	if err := os.WriteFile(file, []byte("notify: {allow_networks: [127.0.0.0/8]}\nlog: {level: warn}\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	cfg, err := config.Load(config.Source{File: file, Getenv: os.Getenv, Data: filepath.Join(dir, "data"), Listen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	s, err := app.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return nil, err
	}
	return &served{url: s.URL(), run: s.Run}, nil
}

// alarm measures how long after the answer to a failed login its message is at the receiver. Every trial has a user of its
// own and a monitor that looks for failed logins of just that user, whose schedule is too slow to help.
func (b *bench) alarm(ctx context.Context) (list []figure, err error) {
	in, err := newInbox(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	server, err := b.start(ctx, modeVigil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	a := &alarmClient{url: server.url, http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}, inbox: in}
	defer a.http.CloseIdleConnections()
	if err := a.ready(ctx); err != nil {
		return nil, err
	}
	destination := map[string]any{"name": "bench", "type": "custom_webhook", "custom_webhook": map[string]any{"url": in.url}}
	if a.destination, err = a.create(ctx, "/_opendistro/_alerting/destinations", destination); err != nil {
		return nil, err
	}
	trials, missing := pick(b, 200, 25), 0
	var took []time.Duration
	for i := range trials {
		d, err := a.trial(ctx, fmt.Sprintf("intruder%03d", i))
		if err != nil {
			return nil, fmt.Errorf("failed login %d: %w", i, err)
		}
		if took = append(took, d); d >= lost {
			missing++
		}
	}
	p99 := percentile(took, 0.99)
	return []figure{{
		what: "401 of a failed login → message at the receiver",
		must: fmt.Sprintf("p99 ≤ 100 ms of %d, no polling", trials),
		is: fmt.Sprintf("p99 %.1f ms; p50 %.1f ms; longest %.1f ms; %d not within %v",
			millis(p99), millis(percentile(took, 0.5)), millis(percentile(took, 1)), missing, lost),
		met: p99 <= 100*time.Millisecond,
	}}, nil
}

// alarmClient is an administrator who makes monitors and an intruder who sets them off.
type alarmClient struct {
	url         string
	http        *http.Client
	inbox       *inbox
	destination string
}

// ready waits until the server says that it is.
func (a *alarmClient) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _, err := a.do(ctx, http.MethodGet, "/_vigil/health", "", nil)
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// trial returns how long after the 401 the message came, or lost.
func (a *alarmClient) trial(ctx context.Context, user string) (time.Duration, error) {
	id, err := a.create(ctx, "/_opendistro/_alerting/monitors", a.monitor(user))
	if err != nil {
		return 0, err
	}
	message := a.inbox.expect(user)
	status, body, err := a.do(ctx, http.MethodGet, "/_cluster/health", user, nil)
	refused := time.Now()
	if err == nil && status != http.StatusUnauthorized {
		err = fmt.Errorf("the login was answered %d %s", status, body)
	}
	if err != nil {
		return 0, err
	}
	took := lost
	limit := time.NewTimer(lost)
	defer limit.Stop()
	select {
	case at := <-message:
		took = max(at.Sub(refused), 0)
	case <-limit.C:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	status, body, err = a.do(ctx, http.MethodDelete, "/_opendistro/_alerting/monitors/"+id, "admin", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("deleting the monitor was answered %d %s", status, body)
	}
	return took, err
}

// monitor sends the user's name when a login of that user failed.
func (a *alarmClient) monitor(user string) map[string]any {
	type m = map[string]any
	search := m{"size": 1, "query": m{"bool": m{"filter": []any{
		m{"term": m{"audit_category": "FAILED_LOGIN"}},
		m{"term": m{"audit_request_effective_user": user}},
		m{"range": m{"@timestamp": m{"gte": "now-5m"}}},
	}}}}
	return m{
		"type": "monitor", "name": "failed logins of " + user, "enabled": true,
		"schedule": m{"period": m{"interval": 1, "unit": "DAYS"}},
		"inputs":   []any{m{"search": m{"indices": []string{"security-auditlog-*"}, "query": search}}},
		"triggers": []any{m{
			"name": "failed login", "severity": "1",
			"condition": m{"script": m{"source": "ctx.results[0].hits.total.value > 0", "lang": "painless"}},
			"actions": []any{m{
				"name": "tell", "destination_id": a.destination,
				"message_template": m{"source": user, "lang": "mustache"},
			}},
		}},
	}
}

// create posts a document and returns its id.
func (a *alarmClient) create(ctx context.Context, path string, doc any) (string, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("POST %s: %w", path, err)
	}
	status, body, err := a.do(ctx, http.MethodPost, path, "admin", raw)
	if err != nil {
		return "", err
	}
	var created struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal(body, &created); status != http.StatusCreated || err != nil || created.ID == "" {
		return "", fmt.Errorf("POST %s: answered %d %s", path, status, body)
	}
	return created.ID, nil
}

// do sends a request of a user, of nobody if the name is empty. All users but admin have a wrong password.
func (a *alarmClient) do(ctx context.Context, method, path, user string, raw []byte) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		req.SetBasicAuth(user, adminPassword)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp.StatusCode, body, nil
}

// inbox receives messages.
type inbox struct {
	url    string
	server *http.Server
	served chan error

	mu      sync.Mutex
	text    string // of the message that is expected
	arrived chan time.Time
}

func newInbox(ctx context.Context) (*inbox, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for messages: %w", err)
	}
	in := &inbox{url: "http://" + l.Addr().String() + "/", served: make(chan error, 1)}
	in.server = &http.Server{Handler: in, ReadHeaderTimeout: 10 * time.Second}
	go func() { in.served <- in.server.Serve(l) }()
	return in, nil
}

func (in *inbox) close() error {
	err := in.server.Close()
	if served := <-in.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// expect returns a channel that gets the time at which a message with this text arrives.
func (in *inbox) expect(text string) <-chan time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.text, in.arrived = text, make(chan time.Time, 1)
	return in.arrived
}

// ServeHTTP takes a message.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	at := time.Now()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.arrived == nil || !strings.Contains(string(body), in.text) {
		return
	}
	select {
	case in.arrived <- at:
	default: // only the first counts
	}
}
