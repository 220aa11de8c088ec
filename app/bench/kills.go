package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// kills kills the program at random moments after a failed login, starts it again, and counts the messages: each must come, and
// under one delivery id however often.
func (b *bench) kills(ctx context.Context) (list []figure, err error) {
	in, err := newInbox(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	server, err := b.start(ctx, modeVigil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	a := &alarmClient{client: newClient(server.url, nil), inbox: in}
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	trials, missing, twice, again := pick(b, b.killed, 8), 0, 0, 0
	for i := range trials {
		user := fmt.Sprintf("killed%03d", i)
		id, err := a.create(ctx, "/_opendistro/_alerting/monitors", a.monitor(user))
		if err != nil {
			return nil, fmt.Errorf("kill %d: %w", i, err)
		}
		if _, err := a.fail(ctx, user); err != nil {
			return nil, fmt.Errorf("kill %d: %w", i, err)
		}
		// Most of what follows a login is over after some milliseconds.
		wait := time.NewTimer(time.Duration(rand.ExpFloat64() * float64(4*time.Millisecond)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		a.http.CloseIdleConnections()
		if server, err = server.killed(ctx); err != nil {
			return nil, fmt.Errorf("kill %d: %w", i, err)
		}
		a.client = newClient(server.url, nil)
		if err := a.ready(ctx); err != nil {
			return nil, fmt.Errorf("kill %d: %w", i, err)
		}
		got := in.wait(ctx, user, 1, 2*lost)
		ids := map[string]bool{}
		for _, m := range in.wait(ctx, user, 2, 50*time.Millisecond) {
			ids[m.delivery] = true
		}
		switch {
		case len(got) == 0:
			missing++
		case len(ids) > 1:
			twice++
		}
		again += max(len(in.wait(ctx, user, 0, 0))-1, 0)
		if err := a.remove(ctx, id); err != nil {
			return nil, fmt.Errorf("kill %d: %w", i, err)
		}
	}
	return []figure{{
		what: fmt.Sprintf("kill -9 within a login and its message, %d times", trials),
		must: "none lost, none under two delivery ids",
		is:   fmt.Sprintf("%d lost, %d under two ids; %d came again under their id", missing, twice, again),
		met:  missing == 0 && twice == 0,
	}}, nil
}
