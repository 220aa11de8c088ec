package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"vigil/rest"
)

const (
	indexName    = "accounts"
	userName     = "ada"
	userPassword = "a-Long-enough-1"
	clients      = 32
)

// request is what the clients ask, and what is answered: by the stub cluster just that, by others something with it in it.
type request struct {
	name, method, path, body string
	status                   int
	answer                   string
	part                     bool // whether the answer is only a part of what is answered
}

func (r request) answers(body []byte) bool {
	if r.part {
		return bytes.Contains(body, []byte(r.answer))
	}
	return string(body) == r.answer
}

func searchRequest() request {
	return request{
		name: "search", method: http.MethodPost, path: "/" + indexName + "/_search", status: http.StatusOK,
		body: `{"query":{"bool":{"must":[{"match":{"message":"timeout"}}],"filter":[{"term":{"state":"open"}},{"range":{"@timestamp":{"gte":"now-1h"}}}]}},"size":10}`,
		answer: `{"took":2,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":2,"relation":"eq"},"max_score":1.2,"hits":[` +
			`{"_index":"accounts","_id":"17","_score":1.2,"_source":{"@timestamp":"2026-03-01T12:00:00Z","state":"open","message":"timeout while reading the ledger"}},` +
			`{"_index":"accounts","_id":"23","_score":0.9,"_source":{"@timestamp":"2026-03-01T12:00:04Z","state":"open","message":"timeout, tried again"}}]}}`,
	}
}

func putRequest() request {
	return request{
		name: "put", method: http.MethodPut, path: "/" + indexName + "/_doc/17", status: http.StatusCreated,
		body:   `{"@timestamp":"2026-03-01T12:00:00Z","owner":"Ada","balance":120.5,"state":"open"}`,
		answer: `{"_index":"accounts","_id":"17","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1}`,
	}
}

// text is the request as it goes over the wire.
func (r request) text() []byte {
	credentials := base64.StdEncoding.EncodeToString([]byte(userName + ":" + userPassword))
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:9200\r\nAccept-Encoding: identity\r\nAuthorization: Basic %s\r\nConnection: keep-alive\r\n"+
		"Content-Length: %d\r\nContent-Type: application/json\r\nUser-Agent: opensearch-py/2.8.0 (Python 3.12.3)\r\n\r\n%s",
		r.method, r.path, credentials, len(r.body), r.body)
}

// audited measures requests of which one event is kept and durable before the answer.
func (b *bench) audited(ctx context.Context) ([]figure, error) {
	return b.requests(ctx, modeAudited, "one event, durable", 40, 1)
}

// unaudited measures requests of which no event is kept.
func (b *bench) unaudited(ctx context.Context) ([]figure, error) {
	return b.requests(ctx, modeDefault, "no event kept", 15, 0)
}

// requests measures what the gateway costs beyond net/http, in microseconds of the server's CPU per request. What reading the
// body costs is part of it, and told by itself.
func (b *bench) requests(ctx context.Context, mode, what string, limit float64, events uint64) ([]figure, error) {
	var list []figure
	for _, r := range []request{searchRequest(), putRequest()} {
		own, base, rate, err := b.compare(ctx, mode, r, events)
		if err != nil {
			return list, fmt.Errorf("%s, %s: %w", r.name, what, err)
		}
		beyond := make(sample, len(own))
		for i := range own {
			beyond[i] = own[i] - base[i]
		}
		reading, err := readingBody(r, events > 0)
		if err != nil {
			return list, err
		}
		list = append(list, figure{
			what: "gateway's CPU, " + r.name + ", " + what,
			must: fmt.Sprintf("≤ %.0f µs beyond net/http", limit),
			is: fmt.Sprintf("%.1f µs %s; reading the body %.1f; net/http %.1f; %.1fk/s",
				beyond.median(), beyond.spread("%.1f"), reading, base.median(), rate.median()/1e3),
			met: beyond.median() <= limit,
		})
	}
	return list, nil
}

// compare sends the request to a gateway and to net/http alone, in turns.
func (b *bench) compare(ctx context.Context, mode string, r request, events uint64) (own, base, rate sample, err error) {
	gateway, err := b.startLoad(ctx, mode, r)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, gateway.stop()) }()
	plain, err := b.startLoad(ctx, modePlain, r)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, plain.stop()) }()
	if err := sameHeaders(gateway.header, plain.header); err != nil {
		return nil, nil, nil, err
	}
	if err := b.profiled(gateway.child, mode+"-"+r.name); err != nil {
		return nil, nil, nil, err
	}
	for range pick(b, 9, 3) {
		g, err := gateway.round(ctx, pick(b, 320, 80), events)
		if err != nil {
			return nil, nil, nil, err
		}
		p, err := plain.round(ctx, pick(b, 320, 80), 0)
		if err != nil {
			return nil, nil, nil, err
		}
		own, base, rate = append(own, g.cpu), append(base, p.cpu), append(rate, g.rate)
	}
	return own, base, rate, nil
}

// readingBody measures, by itself, the part that is not the gateway's own but the engine's language: whether the body can be
// read, and, if there is an event, how it tells the body.
func readingBody(r request, event bool) (float64, error) {
	op := "index"
	if r.name == "search" {
		op = "search"
	}
	call := &rest.Call{Route: &rest.Route{Op: op}, Body: []byte(r.body)}
	took, err := cpuOf(5, 2000, func() error {
		if event {
			dialect{}.Body(call)
		}
		return dialect{}.Check(nil, call)
	})
	if err != nil {
		return 0, fmt.Errorf("read the body: %w", err)
	}
	return took.median(), nil
}

// sameHeaders makes sure that both servers do the same work.
func sameHeaders(a, b http.Header) error {
	for _, h := range []http.Header{a, b} {
		h.Del("Date")
	}
	if !maps.EqualFunc(a, b, slices.Equal) {
		return fmt.Errorf("the gateway answers the headers %v, the baseline %v", keys(a), keys(b))
	}
	return nil
}

func keys(h http.Header) string { return strings.Join(slices.Sorted(maps.Keys(h)), " ") }
