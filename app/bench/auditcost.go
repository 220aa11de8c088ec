package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// searches measures what auditing costs searches: four servers that differ in what they record and where it goes take turns.
func (b *bench) searches(ctx context.Context) (list []figure, err error) {
	servers := make([]*watched, 0, 4)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	for i, s := range []struct{ mode, what string }{
		{modeFile, auditOff}, {modeFile, auditDefault}, {modeFile, auditAll}, {modeVigil, auditAll},
	} {
		server, err := b.startAudited(ctx, s.mode, s.what)
		if err != nil {
			return nil, fmt.Errorf("search, %s: %w", s.what, err)
		}
		servers = append(servers, server)
		if err := b.profiled(server.child, "audit-search-"+strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	var r searchRounds
	for range pick(b, 9, 3) {
		if err := r.add(ctx, servers, pick(b, 500, 200)); err != nil {
			return nil, err
		}
	}
	b.fullRate = r.rates[3].median()
	return r.figures(), nil
}

// searchRounds are the rounds of the four servers: nothing recorded, the default categories, everything into a file, everything
// into the index.
type searchRounds struct {
	cpus, rates [4]sample
	event       sample // microseconds of CPU for each event
	group       sample // events for each sync of the log
	parts       [4]sample
	drain       sample // seconds
}

func (r *searchRounds) add(ctx context.Context, servers []*watched, n int) error {
	var got [4]burden
	for i, s := range servers {
		var err error
		if got[i], err = s.burst(ctx, n); err != nil {
			return fmt.Errorf("search, server %d: %w", i, err)
		}
		// Both layers: AUTHENTICATED and GRANTED_PRIVILEGES.
		if want := []float64{0, 0, 2, 2}[i]; got[i].events != want {
			return fmt.Errorf("search, server %d: a request made %v events, want %v", i, got[i].events, want)
		}
		r.cpus[i] = append(r.cpus[i], got[i].cpu)
		r.rates[i] = append(r.rates[i], got[i].rate)
		r.parts[i] = append(r.parts[i], got[i].rate/got[0].rate)
	}
	r.event = append(r.event, (got[2].cpu-got[0].cpu)/got[2].events)
	r.group = append(r.group, got[2].group)
	r.drain = append(r.drain, got[3].drain.Seconds())
	return nil
}

func (r *searchRounds) figures() []figure {
	part := func(i int, what string, must float64) figure {
		return figure{
			what: "search, requests/s, " + what,
			must: fmt.Sprintf("≥ %.2f × without auditing", must),
			is: fmt.Sprintf("%.2f %s; %.1fk/s; without %.1fk/s", r.parts[i].median(), r.parts[i].spread("%.2f"),
				r.rates[i].median()/1e3, r.rates[0].median()/1e3),
			met: r.parts[i].median() >= must,
		}
	}
	index := part(3, "everything, index", 0.35)
	index.is += fmt.Sprintf("; a search %.0f µs; all indexed %.1f s later", r.cpus[3].median(), r.drain.median())
	return []figure{
		{
			what: "search, CPU per event, everything, file",
			must: "≤ 12 µs until durable",
			is: fmt.Sprintf("%.1f µs %s; a search %.1f, without auditing %.1f; %.0f events per sync", r.event.median(),
				r.event.spread("%.1f"), r.cpus[2].median(), r.cpus[0].median(), r.group.median()),
			met: r.event.median() <= 12,
		},
		part(2, "everything, file", 0.65), index, part(1, "default categories", 0.97),
	}
}
