package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	idleMonitors  = 990 // wait for what never comes
	eagerMonitors = 10  // wait for the login of a trial
)

// alarms measures how long after a failed login the messages of ten monitors are at the receiver, among a thousand monitors. Every
// trial has ten new monitors, so none has an alert yet.
func (b *bench) alarms(ctx context.Context) (list []figure, err error) {
	a, stop, err := b.alarmed(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for i := range idleMonitors {
		if _, err := a.create(ctx, "/_opendistro/_alerting/monitors", a.monitor(fmt.Sprintf("idle%03d", i))); err != nil {
			return nil, fmt.Errorf("monitor %d: %w", i, err)
		}
	}
	var took []time.Duration
	trials, missing := pick(b, 50, 8), 0
	for i := range trials {
		got, err := a.tenth(ctx, fmt.Sprintf("guest%03d", i))
		if err != nil {
			return nil, fmt.Errorf("failed login %d: %w", i, err)
		}
		for range eagerMonitors - len(got) {
			got = append(got, lost)
			missing++
		}
		took = append(took, got...)
	}
	p99 := percentile(took, 0.99)
	return []figure{{
		what: "401 → ten messages of 1,000 monitors",
		must: fmt.Sprintf("p99 ≤ 100 ms of %d", len(took)),
		is: fmt.Sprintf("p99 %.1f ms; p50 %.1f ms; longest %.1f ms; %d not within %v",
			millis(p99), millis(percentile(took, 0.5)), millis(percentile(took, 1)), missing, lost),
		met: p99 <= 100*time.Millisecond,
	}}, nil
}

// tenth is a trial: how long after the 401 each of the ten messages came.
func (a *alarmClient) tenth(ctx context.Context, user string) (took []time.Duration, err error) {
	var ids []string
	for range eagerMonitors {
		id, err := a.create(ctx, "/_opendistro/_alerting/monitors", a.monitor(user))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	refused, err := a.fail(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, m := range a.inbox.wait(ctx, user, eagerMonitors, lost) {
		took = append(took, max(m.at.Sub(refused), 0))
	}
	for _, id := range ids {
		err = errors.Join(err, a.remove(ctx, id))
	}
	return took, errors.Join(ctx.Err(), err)
}
