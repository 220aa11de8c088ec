package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Where the original is, if it is up: its URL, the file of the authority of its certificate, and the administrator's password.
const (
	peerVar         = "VIGIL_BENCH_PEER"
	peerCAVar       = "VIGIL_BENCH_PEER_CA"
	peerPasswordVar = "VIGIL_BENCH_PEER_PASSWORD"
)

// peer asks the original what is asked of ours, and ours what is not asked elsewhere. Nothing is demanded of it.
func (b *bench) peer(ctx context.Context) (list []figure, err error) {
	url := os.Getenv(peerVar)
	if url == "" {
		return nil, nil
	}
	t, err := peerTLS()
	if err != nil {
		return nil, err
	}
	own, err := b.startAudited(ctx, modeVigil, auditOff)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, own.stop()) }()
	ours, err := b.index(ctx, own.admin)
	if err != nil {
		return nil, fmt.Errorf("ours: %w", err)
	}
	original := newClient(url, t)
	original.password = os.Getenv(peerPasswordVar)
	defer original.http.CloseIdleConnections()
	if err := original.audits(ctx, auditConfig(auditOff, nil, nil)); err != nil {
		return nil, err
	}
	if err := original.prepare(ctx); err != nil {
		return nil, err
	}
	searched, err := b.search(ctx, original, t)
	if err != nil {
		return nil, err
	}
	theirs, err := b.index(ctx, original)
	if err != nil {
		return nil, err
	}
	late, err := original.probe(ctx)
	if err != nil {
		return nil, err
	}
	read, err := original.watchedReads(ctx)
	if err != nil {
		return nil, err
	}
	return []figure{
		beside("the original: search, everything, index", searched.String()),
		beside("the original: documents one by one, everything", theirs.String()+"; ours "+ours.String()),
		beside("the original: then answer → newest event found", seconds(late)),
		beside(fmt.Sprintf("the original: reading %d watched documents", bulkItems),
			fmt.Sprintf("%.2f s; all indexed %s later", read.took.Seconds(), seconds(read.drain))),
	}, nil
}

func peerTLS() (*tls.Config, error) {
	name := os.Getenv(peerCAVar)
	if name == "" {
		return nil, nil //nolint:nilnil // the authorities of the system
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("authority of the original: %w", err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authority of the original: %s holds no certificate", name)
	}
	return c, nil
}

// rates are requests per second without auditing and with everything recorded.
type rates struct{ off, all float64 }

func (r rates) String() string {
	return fmt.Sprintf("%.2f; %.0f/s; without %.0f/s", r.all/r.off, r.all, r.off)
}

// compared measures a rate without auditing and then with everything recorded.
func (c *client) compared(ctx context.Context, rate func() (float64, error)) (r rates, err error) {
	if err = c.audits(ctx, auditConfig(auditOff, nil, nil)); err != nil {
		return r, err
	}
	if r.off, err = rate(); err != nil {
		return r, err
	}
	if err = c.audits(ctx, auditConfig(auditAll, nil, nil)); err != nil {
		return r, err
	}
	r.all, err = rate()
	return r, err
}

// search measures searches of all clients.
func (b *bench) search(ctx context.Context, c *client, t *tls.Config) (rates, error) {
	l := newLoad(c.url, termSearch())
	l.tls = t
	defer l.disconnect()
	if err := l.warm(ctx); err != nil {
		return rates{}, err
	}
	n := pick(b, 200, 50)
	return c.compared(ctx, func() (float64, error) {
		took, err := l.send(ctx, n)
		return float64(n*clients) / took.Seconds(), err
	})
}

// index measures documents that one client writes one by one.
func (b *bench) index(ctx context.Context, c *client) (rates, error) {
	if err := c.fill(ctx, bulkIndex, 0); err != nil {
		return rates{}, err
	}
	written := 0
	return c.compared(ctx, func() (float64, error) {
		began, n := time.Now(), 0
		for time.Since(began) < pick(b, 5*time.Second, time.Second) {
			n++
			written++
			err := c.call(ctx, http.MethodPut, "/"+bulkIndex+"/_doc/"+strconv.Itoa(written), userName,
				[]byte(`{"@timestamp":"2026-03-01T12:00:00Z","owner":"owner-0001","balance":1.5,"state":"open"}`), nil)
			if err != nil {
				return 0, err
			}
		}
		return float64(n) / time.Since(began).Seconds(), nil
	})
}

// seconds tells how long was waited for events.
func seconds(d time.Duration) string {
	if d >= forgotten {
		return fmt.Sprintf("more than %.0f s", forgotten.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// watchedReads reads many watched documents and waits until all of their events are found.
func (c *client) watchedReads(ctx context.Context) (r readRound, err error) {
	if err := c.watchReads(ctx); err != nil {
		return r, err
	}
	had, err := c.readEvents(ctx)
	if err != nil {
		return r, err
	}
	if r.took, err = c.readAll(ctx); err != nil {
		return r, err
	}
	answered := time.Now()
	for has := had; has < had+bulkItems; {
		if time.Since(answered) > forgotten {
			break
		}
		if err := until(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return r, err
		}
		if has, err = c.readEvents(ctx); err != nil {
			return r, err
		}
	}
	r.drain = time.Since(answered)
	return r, nil
}

// readEvents counts the read events in the audit index.
func (c *client) readEvents(ctx context.Context) (int, error) {
	var answer struct {
		Count int `json:"count"`
	}
	query := object{"query": object{"term": object{"audit_category.keyword": "COMPLIANCE_DOC_READ"}}}
	err := c.call(ctx, http.MethodPost, "/"+auditIndices+"/_count", adminName, query, &answer)
	return answer.Count, err
}
