package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// searchable measures how long after a request's answer the newest of its events is found in the audit index, while the
// clients send half of what the server can take, and while they send all that it takes.
func (b *bench) searchable(ctx context.Context) (list []figure, err error) {
	server, err := b.startAudited(ctx, modeVigil, auditAll)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if b.fullRate == 0 {
		one, err := server.burst(ctx, 200)
		if err != nil {
			return nil, err
		}
		b.fullRate = one.rate
	}
	half, err := server.delays(ctx, pick(b, 15*time.Second, 3*time.Second), b.fullRate/2, 100*time.Millisecond)
	if err != nil {
		return nil, err
	}
	full, err := server.delays(ctx, pick(b, 10*time.Second, 3*time.Second), 0, 250*time.Millisecond)
	if err != nil {
		return nil, err
	}
	p99, longest := percentile(half, 0.99), percentile(full, 1)
	return []figure{
		{
			what: "answer → newest event found, half load",
			must: "p99 ≤ 200 ms",
			is: fmt.Sprintf("p99 %.0f ms of %d; p50 %.0f ms; longest %.0f ms; at %.1fk/s", millis(p99), len(half),
				millis(percentile(half, 0.5)), millis(percentile(half, 1)), b.fullRate/2e3),
			met: p99 <= 200*time.Millisecond,
		},
		{
			what: "answer → newest event found, full load",
			must: "always ≤ 5 s",
			is:   fmt.Sprintf("longest %.0f ms of %d; p50 %.0f ms", millis(longest), len(full), millis(percentile(full, 0.5))),
			met:  longest <= 5*time.Second,
		},
	}, nil
}

// delays lets the clients send at a rate and asks meanwhile, every so often, how long it takes to find an event.
func (w *watched) delays(ctx context.Context, d time.Duration, rate float64, every time.Duration) ([]time.Duration, error) {
	var took []time.Duration
	loaded := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(loaded)
		return w.keep(ctx, d, rate)
	})
	g.Go(func() error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-loaded:
				return nil
			case <-tick.C:
			}
			one, err := w.admin.probe(ctx)
			if err != nil {
				return err
			}
			took = append(took, one)
		}
	})
	err := g.Wait()
	return took, err
}

// probe sends a request like no other and returns how long after its answer the newest event of it is found by a search, at most
// forgotten.
func (c *client) probe(ctx context.Context) (time.Duration, error) {
	c.probes++
	id := "probe-" + strconv.Itoa(c.probes)
	began := time.Now()
	status, body, err := c.do(ctx, http.MethodGet, "/"+indexName+"/_doc/"+id, userName, nil)
	answered := time.Now()
	if err == nil && status != http.StatusNotFound {
		err = fmt.Errorf("get %s: answered %d %s", id, status, body)
	}
	if err != nil {
		return 0, err
	}
	// AUTHENTICATED comes before it.
	search := object{"size": 1, "query": object{"bool": object{"filter": []object{
		{"range": object{"@timestamp": object{"gte": began.Add(-time.Second).UnixMilli()}}},
		{"term": object{"audit_trace_doc_id.keyword": id}},
		{"term": object{"audit_category.keyword": "GRANTED_PRIVILEGES"}},
	}}}}
	pause := 10 * time.Millisecond
	for {
		var found struct {
			Hits struct {
				Total struct {
					Value int `json:"value"`
				} `json:"total"`
			} `json:"hits"`
		}
		if err := c.call(ctx, http.MethodPost, "/"+auditIndices+"/_search", adminName, search, &found); err != nil {
			return 0, err
		}
		if found.Hits.Total.Value > 0 {
			return time.Since(answered), nil
		}
		if time.Since(answered) > forgotten {
			return forgotten, nil
		}
		if err := until(ctx, time.Now().Add(pause)); err != nil {
			return 0, err
		}
		pause = min(pause*2, time.Second)
	}
}

const (
	auditIndices = "security-auditlog-*"
	// forgotten is when events are not looked for any longer, and counted as found.
	forgotten = 2 * time.Minute
)
