package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// lost is when a message is not waited for any longer.
const lost = 5 * time.Second

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
	a := &alarmClient{client: newClient(server.url, nil), inbox: in}
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
	*client

	inbox       *inbox
	destination string
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
	status, body, err = a.do(ctx, http.MethodDelete, "/_opendistro/_alerting/monitors/"+id, adminName, nil)
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
	var created struct {
		ID string `json:"_id"`
	}
	if err := a.call(ctx, http.MethodPost, path, adminName, doc, &created); err != nil {
		return "", err
	}
	if created.ID == "" {
		return "", fmt.Errorf("POST %s: answered no id", path)
	}
	return created.ID, nil
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
