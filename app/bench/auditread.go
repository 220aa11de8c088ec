package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// reads measures a search that shows many watched documents, each of which is an event that is durable before the answer ends.
func (b *bench) reads(ctx context.Context) (list []figure, err error) {
	server, err := b.startAudited(ctx, modeVigil, auditAll)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if err := b.profiled(server.child, "audit-read"); err != nil {
		return nil, err
	}
	var took, drains sample
	if err := server.admin.watchReads(ctx); err != nil {
		return nil, err
	}
	for range pick(b, 9, 3) {
		r, err := server.readRound(ctx)
		if err != nil {
			return nil, err
		}
		took, drains = append(took, r.took.Seconds()), append(drains, r.drain.Seconds())
	}
	return []figure{{
		what: fmt.Sprintf("reading %d watched documents in one search", bulkItems),
		must: "≤ 1.5 s, events durable",
		is:   fmt.Sprintf("%.2f s %s; all indexed %.2f s later", took.median(), took.spread("%.2f"), drains.median()),
		met:  took.median() <= 1.5,
	}}, nil
}

// readRound is what reading all documents came to.
type readRound struct{ took, drain time.Duration }

func (w *watched) readRound(ctx context.Context) (r readRound, err error) {
	had, _, err := w.admin.drained(ctx)
	if err != nil {
		return r, err
	}
	if r.took, err = w.admin.readAll(ctx); err != nil {
		return r, err
	}
	answered := time.Now()
	has, _, err := w.admin.drained(ctx)
	if err != nil {
		return r, err
	}
	r.drain = time.Since(answered)
	// The search itself is an AUTHENTICATED and a GRANTED_PRIVILEGES.
	if made := has - had; made != bulkItems+2 {
		return r, fmt.Errorf("reading %d documents made %v events", bulkItems, made)
	}
	return r, nil
}

const readIndex = "patients"

// watchReads makes an index whose documents leave an event when they are read.
func (c *client) watchReads(ctx context.Context) error {
	if err := c.fill(ctx, readIndex, bulkItems); err != nil {
		return err
	}
	return c.audits(ctx, auditConfig(auditAll, nil, object{readIndex: []string{"owner", "balance"}}))
}

// readAll reads all documents in one search.
func (c *client) readAll(ctx context.Context) (time.Duration, error) {
	var answer struct {
		Hits struct {
			Hits []struct{} `json:"hits"`
		} `json:"hits"`
	}
	began := time.Now()
	if err := c.call(ctx, http.MethodPost, "/"+readIndex+"/_search", userName, object{"size": bulkItems}, &answer); err != nil {
		return 0, err
	}
	if n := len(answer.Hits.Hits); n != bulkItems {
		return 0, fmt.Errorf("%d documents were read, want %d", n, bulkItems)
	}
	return time.Since(began), nil
}
