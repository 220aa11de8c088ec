package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// bulkItems is how many documents a bulk holds, and how many a search of watched documents returns.
const bulkItems = 10_000

// bulks measures bulks of which every item leaves two events, a granted privilege and a written document, durable before the
// answer: in turns on a server with a file and on one with the index as its sink.
func (b *bench) bulks(ctx context.Context) (list []figure, err error) {
	var rates [2]sample
	drains := sample{}
	for i, mode := range []string{modeFile, modeVigil} {
		server, err := b.startAudited(ctx, mode, auditAll)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		if err := b.profiled(server.child, "audit-bulk-"+mode); err != nil {
			return nil, err
		}
		if err := server.admin.audits(ctx, auditConfig(auditAll, []string{bulkIndex}, nil)); err != nil {
			return nil, err
		}
		for range pick(b, 5, 2) {
			rate, drain, err := server.bulkRound(ctx, pick(b, 4, 2))
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], rate)
			if mode == modeVigil {
				drains = append(drains, drain.Seconds())
			}
		}
	}
	rate := func(i int, what string, must float64) figure {
		return figure{
			what: fmt.Sprintf("bulk of %d, two events an item, %s", bulkItems, what), must: fmt.Sprintf("≥ %.0fk audited items/s", must/1e3),
			is:  fmt.Sprintf("%.1fk/s %s", rates[i].median()/1e3, scaled(rates[i], 1e-3).spread("%.1f")),
			met: rates[i].median() >= must,
		}
	}
	return []figure{
		rate(0, "file", 20e3), rate(1, "index", 8e3),
		{
			what: "bulks' last answer → all events in the index", must: "lag < 1 s within 60 s",
			is: fmt.Sprintf("none left after %.2f s %s", drains.median(), drains.spread("%.2f")), met: percentile(drains, 1) <= 60,
		},
	}, nil
}

const bulkIndex = "ledger"

// bulkRound sends so many bulks, one behind the other, into an empty index, and waits for the sinks.
func (w *watched) bulkRound(ctx context.Context, bulks int) (rate float64, drain time.Duration, err error) {
	if err := w.admin.fill(ctx, bulkIndex, 0); err != nil {
		return 0, 0, err
	}
	had, _, err := w.admin.drained(ctx)
	if err != nil {
		return 0, 0, err
	}
	body := bulkBody(bulkItems)
	began := time.Now()
	for range bulks {
		var answer struct {
			Errors bool `json:"errors"`
		}
		if err := w.admin.call(ctx, http.MethodPost, "/"+bulkIndex+"/_bulk", userName, body, &answer); err != nil {
			return 0, 0, err
		}
		if answer.Errors {
			return 0, 0, errors.New("a bulk was not done")
		}
	}
	answered := time.Now()
	has, _, err := w.admin.drained(ctx)
	if err != nil {
		return 0, 0, err
	}
	drain = time.Since(answered)
	// Beside those of the items every bulk is an AUTHENTICATED and a GRANTED_PRIVILEGES.
	if want := float64(bulks * (2*bulkItems + 2)); has-had != want {
		return 0, 0, fmt.Errorf("%d bulks made %v events, want %v", bulks, has-had, want)
	}
	return float64(bulks*bulkItems) / answered.Sub(began).Seconds(), drain, nil
}
