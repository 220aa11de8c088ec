package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"vigil/alerting"
	"vigil/cluster"
)

// predicates measures what it costs to find the monitors that an event concerns, among a hundred and among ten thousand. Every
// event concerns one.
func (b *bench) predicates(ctx context.Context) ([]figure, error) {
	few, err := newFiled(ctx, 100)
	if err != nil {
		return nil, err
	}
	many, err := newFiled(ctx, 10_000)
	if err != nil {
		return nil, err
	}
	var fewTook, manyTook, ratios sample
	for range pick(b, 9, 3) {
		one, err := few.cost(pick(b, 40_000, 5_000))
		if err != nil {
			return nil, err
		}
		two, err := many.cost(pick(b, 40_000, 5_000))
		if err != nil {
			return nil, err
		}
		fewTook, manyTook, ratios = append(fewTook, one), append(manyTook, two), append(ratios, two/one)
	}
	rate := 1e6 / manyTook.median()
	return []figure{
		{
			what: "predicates: 10,000 monitors ÷ 100",
			must: "≤ 3 × per event",
			is: fmt.Sprintf("%.2f × %s; %.1f µs and %.1f µs", ratios.median(), ratios.spread("%.2f"),
				manyTook.median(), fewTook.median()),
			met: ratios.median() <= 3,
		},
		{
			what: "predicates: events among 10,000 monitors",
			must: "≥ 20k/s on one core",
			is:   fmt.Sprintf("%.0fk/s", rate/1e3),
			met:  rate >= 20_000,
		},
	}, nil
}

// filed is a scheduler that does not run, with monitors whose logins may fail.
type filed struct {
	scheduler *alerting.Scheduler
	events    []json.RawMessage
	next      int
}

func newFiled(ctx context.Context, monitors int) (*filed, error) {
	store := alerting.NewStore(alerting.StoreOptions{Client: cluster.NewClient(http.HandlerFunc(forgetful))})
	f := &filed{scheduler: alerting.NewScheduler(alerting.SchedulerOptions{
		Store: store, Runner: alerting.NewRunner(alerting.RunnerOptions{Store: store}),
	})}
	a := &alarmClient{}
	for i := range monitors {
		user := fmt.Sprintf("user%05d", i)
		raw, err := json.Marshal(a.monitor(user))
		if err != nil {
			return nil, fmt.Errorf("monitor %d: %w", i, err)
		}
		m, err := alerting.ParseMonitor(raw)
		if err != nil {
			return nil, fmt.Errorf("monitor %d: %w", i, err)
		}
		if _, err := store.CreateMonitor(ctx, m); err != nil {
			return nil, fmt.Errorf("monitor %d: %w", i, err)
		}
		if i%max(monitors/100, 1) == 0 {
			f.events = append(f.events, json.RawMessage(strings.Replace(refusal, "USER", user, 1)))
		}
	}
	return f, nil
}

// refusal is a failed login as the audit index holds it.
const refusal = `{"@timestamp":"2026-11-21T10:00:00.000+00:00","audit_format_version":4,"audit_category":"FAILED_LOGIN","audit_cluster_name":"vigil",` +
	`"audit_node_id":"3xNJhm4XS_yTzEgDWcGRjA","audit_node_name":"node","audit_node_host_name":"node.example.org","audit_node_host_address":"192.0.2.7",` +
	`"audit_request_layer":"REST","audit_request_origin":"REST","audit_request_effective_user":"USER","audit_request_effective_user_is_admin":false,` +
	`"audit_request_remote_address":"192.0.2.99","audit_rest_request_method":"GET","audit_rest_request_path":"/_cluster/health",` +
	`"audit_rest_request_headers":{"Host":["search.example.org"],"User-Agent":["curl/8.5.0"],"Accept":["*/*"]}}`

// cost returns the CPU time of an event in microseconds.
func (f *filed) cost(events int) (float64, error) {
	took, err := cpuOf(1, events, func() error {
		f.scheduler.Document("security-auditlog-2026.11.21", nil, f.events[f.next%len(f.events)])
		f.next++
		return nil
	})
	return took.median(), err
}

// forgetful is a store that takes everything and has nothing.
func forgetful(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := `{"acknowledged":true}`
	switch {
	case strings.HasSuffix(r.URL.Path, "/_search"):
		answer = `{"took":0,"timed_out":false,"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}}`
	case strings.Contains(r.URL.Path, "/_doc/"):
		answer = `{"_id":"x","_version":1,"_seq_no":1,"_primary_term":1,"result":"created"}`
	case strings.HasSuffix(r.URL.Path, "/settings"):
		answer = `{"persistent":{},"transient":{}}`
	}
	_, _ = io.WriteString(w, answer)
}
