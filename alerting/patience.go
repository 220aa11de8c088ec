package alerting

import (
	"context"
	"errors"
	"strings"
	"time"

	"vigil/cluster"
)

// tooBusy is the status of a store that wants to be asked again later.
const tooBusy = 429

// patiently writes within the time that the settings give, and again as often as they say if the store is too busy.
func (s *Store) patiently(
	ctx context.Context, index string, write func(context.Context) (cluster.IndexResult, error),
) (cluster.IndexResult, error) {
	settings, _ := s.Settings(ctx) // those that were read last, or the defaults
	timeout, backoff := settings.BulkTimeout, settings.Backoff
	switch {
	case index == s.ix.Config || index == s.ix.Channels:
		timeout, backoff = settings.IndexTimeout, Backoff{}
	case strings.HasPrefix(index, s.ix.History):
		backoff = settings.MoveBackoff
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for tried := 0; ; tried++ {
		r, err := write(ctx)
		e, ok := errors.AsType[*cluster.Error](err)
		if !ok || e.Status != tooBusy || tried == backoff.Count || !wait(ctx, time.After(backoff.Wait)) {
			return r, err
		}
	}
}
