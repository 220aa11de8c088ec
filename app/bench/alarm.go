package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// lost is when a message is not waited for any longer.
const lost = 5 * time.Second

// alarm measures how long after the answer to a failed login its message is at the receiver. Every trial has a user of its
// own and a monitor that looks for failed logins of just that user, whose schedule is too slow to help.
func (b *bench) alarm(ctx context.Context) (list []figure, err error) {
	a, stop, err := b.alarmed(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
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

// alarmed starts the program, an inbox, and a destination that is the inbox.
func (b *bench) alarmed(ctx context.Context) (a *alarmClient, stop func() error, err error) {
	in, err := newInbox(ctx)
	if err != nil {
		return nil, nil, err
	}
	server, err := b.start(ctx, modeVigil)
	if err != nil {
		return nil, nil, errors.Join(err, in.close())
	}
	a = &alarmClient{client: newClient(server.url, nil), inbox: in}
	stop = func() error {
		a.http.CloseIdleConnections()
		return errors.Join(server.stop(), in.close())
	}
	if err := a.begin(ctx); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return a, stop, nil
}

// begin waits for the server and makes the destination.
func (a *alarmClient) begin(ctx context.Context) (err error) {
	if err := a.ready(ctx); err != nil {
		return err
	}
	destination := object{"name": "bench", "type": "custom_webhook", "custom_webhook": object{"url": a.inbox.url}}
	a.destination, err = a.create(ctx, "/_opendistro/_alerting/destinations", destination)
	return err
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
	refused, err := a.fail(ctx, user)
	if err != nil {
		return 0, err
	}
	took := lost
	if got := a.inbox.wait(ctx, user, 1, lost); len(got) > 0 {
		took = max(got[0].at.Sub(refused), 0)
	}
	return took, errors.Join(ctx.Err(), a.remove(ctx, id))
}

// fail has a user's login fail, and returns when that was known.
func (a *alarmClient) fail(ctx context.Context, user string) (time.Time, error) {
	status, body, err := a.do(ctx, http.MethodGet, "/_cluster/health", user, nil)
	refused := time.Now()
	if err == nil && status != http.StatusUnauthorized {
		err = fmt.Errorf("the login was answered %d %s", status, body)
	}
	return refused, err
}

// remove deletes a monitor.
func (a *alarmClient) remove(ctx context.Context, id string) error {
	return a.call(ctx, http.MethodDelete, "/_opendistro/_alerting/monitors/"+id, adminName, nil, nil)
}

// monitor sends the user's name when a login of that user failed.
func (a *alarmClient) monitor(user string) map[string]any {
	type m = object
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
