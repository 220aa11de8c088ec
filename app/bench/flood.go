package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	floodIndex = "flood"
	floodRate  = 10_000 // documents a second
	floodBulk  = 500
)

// flood writes matching documents at a high rate and counts what two monitors make of it: one whose condition holds, and one whose
// condition never does, so that every run has to look.
func (b *bench) flood(ctx context.Context) (list []figure, err error) {
	a, stop, err := b.alarmed(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := a.fill(ctx, floodIndex, 0); err != nil {
		return nil, err
	}
	for text, condition := range map[string]string{"flooded": "> 0", "drowned": "> 1000000000"} {
		if _, err := a.create(ctx, "/_opendistro/_alerting/monitors", a.floodMonitor(text, condition)); err != nil {
			return nil, err
		}
	}
	before, err := a.runs(ctx)
	if err != nil {
		return nil, err
	}
	wrote, took, err := a.pour(ctx, pick(b, 10*time.Second, 3*time.Second))
	if err != nil {
		return nil, err
	}
	after, err := a.runs(ctx)
	if err != nil {
		return nil, err
	}
	messages := a.inbox.wait(ctx, "flooded", 2, time.Second)
	alerts, err := a.alerts(ctx)
	if err != nil {
		return nil, err
	}
	perMonitor := (after - before) / 2 / took.Seconds()
	return []figure{
		{
			what: "flood of matching documents: runs",
			must: "≤ 10/s per monitor at 10k documents/s",
			is:   fmt.Sprintf("%.1f/s at %.1fk documents/s", perMonitor, float64(wrote)/took.Seconds()/1e3),
			met:  perMonitor <= 10.5 && float64(wrote)/took.Seconds() >= 0.95*floodRate,
		},
		{
			what: "flood of matching documents: told",
			must: "one alert, one message",
			is:   fmt.Sprintf("%d alerts, %d messages", alerts, len(messages)),
			met:  alerts == 1 && len(messages) == 1,
		},
	}, nil
}

func (a *alarmClient) floodMonitor(text, condition string) object {
	m := a.monitor(text)
	m["inputs"] = []any{object{"search": object{"indices": []string{floodIndex}, "query": object{
		"size": 0, "track_total_hits": true, "query": object{"term": object{"state": "open"}},
	}}}}
	trigger := m["triggers"].([]any)[0].(object)
	trigger["condition"] = object{"script": object{"source": "ctx.results[0].hits.total.value " + condition, "lang": "painless"}}
	return m
}

// runs returns how often monitors ran because of documents.
func (a *alarmClient) runs(ctx context.Context) (n float64, err error) {
	values, err := a.metrics(ctx)
	for name, v := range values {
		if strings.HasPrefix(name, "vigil_alerting_runs_total{") && strings.Contains(name, `cause="nudged"`) {
			n += v
		}
	}
	return n, err
}

// alerts returns how many alerts there are.
func (a *alarmClient) alerts(ctx context.Context) (int, error) {
	var got struct {
		Total int `json:"totalAlerts"`
	}
	err := a.call(ctx, http.MethodGet, "/_plugins/_alerting/monitors/alerts", adminName, nil, &got)
	return got.Total, err
}

// pour writes documents at the rate of the flood.
func (a *alarmClient) pour(ctx context.Context, d time.Duration) (wrote int, took time.Duration, err error) {
	bulk := bytes.Repeat([]byte("{\"create\":{}}\n{\"@timestamp\":\"2026-11-21T10:00:00Z\",\"owner\":\"x\",\"state\":\"open\"}\n"), floodBulk)
	tick := time.NewTicker(time.Second * floodBulk / floodRate)
	defer tick.Stop()
	start := time.Now()
	for time.Since(start) < d {
		select {
		case <-ctx.Done():
			return wrote, 0, ctx.Err()
		case <-tick.C:
		}
		var answer struct{ Errors bool }
		if err := a.call(ctx, http.MethodPost, "/"+floodIndex+"/_bulk", adminName, bulk, &answer); err != nil {
			return wrote, 0, err
		}
		if answer.Errors {
			return wrote, 0, errors.New("the flood was refused in part")
		}
		wrote += floodBulk
	}
	return wrote, time.Since(start), nil
}
