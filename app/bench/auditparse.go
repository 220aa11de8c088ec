package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/audit"
	"vigil/gateway"
)

const (
	largeHits = 10_000
	pieceSize = 32 << 10
	// mayHold is the end of an answer that waits until the events of the whole are durable.
	mayHold = 64 << 10
)

// parsing measures what it costs to read a large answer for watched fields, whose events are recorded, beside copying it token
// by token with encoding/json; and how much of the answer is kept when nothing is watched.
func (b *bench) parsing(ctx context.Context) (list []figure, err error) {
	answer := largeAnswer()
	watching, err := b.openLarge("watched", answer, map[string][]string{indexName: {"owner"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, watching.close()) }()
	plain, err := b.openLarge("plain", answer, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plain.close()) }()
	var parts, own, copies sample
	for range pick(b, 9, 3) {
		var took [3]float64
		for i, f := range []func() error{
			func() error { return watching.ask(ctx) },
			func() error { return plain.ask(ctx) },
			func() error { return copyTokens(&bytes.Buffer{}, answer) },
		} {
			one, err := cpuOf(1, 1, f)
			if err != nil {
				return nil, err
			}
			took[i] = one[0] / 1e3
		}
		read := took[0] - took[1]
		own, copies, parts = append(own, read), append(copies, took[2]), append(parts, read/took[2])
	}
	return []figure{
		{
			what: fmt.Sprintf("reading an answer of %.0f MB, %d events of it", float64(len(answer))/1e6, largeHits),
			must: "≤ 2 × copying it by tokens",
			is:   fmt.Sprintf("%.2f × %s; %.0f ms of CPU; copying %.0f ms", parts.median(), parts.spread("%.2f"), own.median(), copies.median()),
			met:  parts.median() <= 2,
		},
		{
			what: "the same answer, nothing watched, kept of it", must: "≤ 64 KiB, the end that waits for the log",
			is: fmt.Sprintf("%d KiB", plain.held>>10), met: plain.held <= mayHold,
		},
	}, nil
}

// largeAnswer is the answer to a search for documents of about 1 KB.
func largeAnswer() []byte {
	var a bytes.Buffer
	fmt.Fprintf(&a, `{"took":9,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":%d,"relation":"eq"},"max_score":1,"hits":[`, largeHits)
	text := strings.Repeat("read while the ledger was open; ", 4)
	for i := range largeHits {
		if i > 0 {
			a.WriteByte(',')
		}
		fmt.Fprintf(&a, `{"_index":%q,"_id":"%d","_score":1,"_source":{"@timestamp":"2026-03-01T12:00:00Z","owner":"owner-%04d","balance":%d.25,"state":"open","tags":["a","b\u00e4r","c"],`,
			indexName, i, i%1000, i)
		for n := range 5 {
			fmt.Fprintf(&a, `"note%d":{"author":"ada","text":%q},`, n, text)
		}
		a.WriteString(`"closed":null,"active":true}}`)
	}
	a.WriteString(`]}}`)
	return a.Bytes()
}

// large is a gateway before a cluster that has one large answer, without a network.
type large struct {
	gateway *gateway.Gateway
	trail   *audit.Trail
	answer  []byte

	written, received, held int
}

func (b *bench) openLarge(name string, answer []byte, watched map[string][]string) (*large, error) {
	dir, err := os.MkdirTemp(b.dir, name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	c := audit.DefaultConfig()
	c.Compliance.ReadWatchedFields = watched
	registry := prometheus.NewRegistry()
	l := &large{answer: answer}
	if l.trail, err = openTrail(dir, c, registry); err != nil {
		return nil, err
	}
	if l.gateway, err = newGateway(l.trail, registry, http.HandlerFunc(l.serve)); err != nil {
		return nil, errors.Join(err, l.trail.Close())
	}
	return l, nil
}

func (l *large) close() error { return l.trail.Close() }

// serve is the cluster, which writes its answer in pieces and looks each time how much of it is on its way.
func (l *large) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(l.answer)))
	for left := l.answer; len(left) > 0; {
		n := min(len(left), pieceSize)
		if _, err := w.Write(left[:n]); err != nil {
			return
		}
		left = left[n:]
		l.written += n
		l.held = max(l.held, l.written-l.received)
	}
}

// ask sends the search and drops the answer.
func (l *large) ask(ctx context.Context) error {
	l.written, l.received, l.held = 0, 0, 0
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/"+indexName+"/_search", strings.NewReader(`{"size":10000}`))
	r.SetBasicAuth(userName, userPassword)
	r.Header.Set("Content-Type", "application/json")
	w := &receiver{large: l, header: http.Header{}}
	l.gateway.ServeHTTP(w, r)
	if w.status != http.StatusOK || l.received != len(l.answer) {
		return fmt.Errorf("answered %d with %d bytes", w.status, l.received)
	}
	return nil
}

// receiver is the client.
type receiver struct {
	large  *large
	header http.Header
	status int
}

// Header implements [http.ResponseWriter].
func (w *receiver) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *receiver) WriteHeader(status int) { w.status = status }

// Write implements [http.ResponseWriter].
func (w *receiver) Write(p []byte) (int, error) {
	w.large.received += len(p)
	return len(p), nil
}

// copyTokens copies JSON token by token.
func copyTokens(dst *bytes.Buffer, src []byte) error {
	type level struct {
		object bool
		n      int
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	enc := json.NewEncoder(dst)
	enc.SetEscapeHTML(false)
	levels := []level{{}}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(levels) == 1 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("copy tokens: %w", err)
		}
		delim, ok := token.(json.Delim)
		if ok && (delim == ']' || delim == '}') {
			levels = levels[:len(levels)-1]
			dst.WriteByte(byte(delim))
			continue
		}
		at := &levels[len(levels)-1]
		switch {
		case at.object && at.n%2 == 1:
			dst.WriteByte(':')
		case at.n > 0:
			dst.WriteByte(',')
		}
		at.n++
		if ok {
			dst.WriteByte(byte(delim))
			levels = append(levels, level{object: delim == '{'})
			continue
		}
		if err := enc.Encode(token); err != nil {
			return fmt.Errorf("copy tokens: %w", err)
		}
		dst.Truncate(dst.Len() - 1) // the newline that Encode ends with
	}
}
