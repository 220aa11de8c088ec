package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// adminName is the administrator of every server here.
const adminName = "admin"

// client sends requests of the administrator and of others, all of whom say the same password.
type client struct {
	url      string
	password string // of the administrator
	http     *http.Client
	probes   int // sent
}

func newClient(url string, t *tls.Config) *client {
	return &client{
		url: url, password: adminPassword,
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: t, MaxIdleConnsPerHost: clients}},
	}
}

// ready waits until the server says that it is.
func (c *client) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _, err := c.do(ctx, http.MethodGet, "/_vigil/health", "", nil)
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

// do sends a request of a user, of nobody if the name is empty.
func (c *client) do(ctx context.Context, method, path, user string, raw []byte) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	switch user {
	case "":
	case adminName:
		req.SetBasicAuth(user, c.password)
	default:
		req.SetBasicAuth(user, userPassword)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp.StatusCode, body, nil
}

// call sends a request of a user that must succeed, and decodes the answer into out unless that is nil.
func (c *client) call(ctx context.Context, method, path, user string, body, out any) error {
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	status, answer, err := c.do(ctx, method, path, user, raw)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("%s %s: answered %d %.500s", method, path, status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// metrics returns the values of what the server counts, by their full names.
func (c *client) metrics(ctx context.Context) (map[string]float64, error) {
	status, body, err := c.do(ctx, http.MethodGet, "/metrics", adminName, nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("metrics: answered %d %.200s", status, body)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if values[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return values, nil
}

// drained waits until every sink has all events, and returns how many events there are and how many syncs made them durable.
func (c *client) drained(ctx context.Context) (events, syncs float64, err error) {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := c.metrics(ctx)
		if err != nil {
			return 0, 0, err
		}
		lag := 0.0
		events, syncs = 0, m["vigil_audit_fsync_seconds_count"]
		for name, v := range m {
			if strings.HasPrefix(name, "vigil_audit_sink_lag_entries{") {
				lag += v
			}
			if strings.HasPrefix(name, "vigil_audit_events_total{") {
				events += v
			}
		}
		if lag == 0 {
			return events, syncs, nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("wait for the sinks, which have %.0f events to go: %w", lag, ctx.Err())
		case <-tick.C:
		}
	}
}
