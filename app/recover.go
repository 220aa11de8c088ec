package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigil/audit"
)

// recoverEvery is how often it is looked whether the outcome of a request that could not be recorded can be by now.
const recoverEvery = time.Minute

// followIntents recovers, until ctx ends, what an outcome that could not be recorded left open.
func (s *Server) followIntents(ctx context.Context) error {
	tick := time.NewTicker(recoverEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.recover(ctx); err != nil {
			s.log.WarnContext(ctx, "what became of interrupted requests is not recorded yet", "error", err)
		}
	}
}

// recover looks what became of the requests that a crash or a failing log cut off between what they intended and the record of
// what they did, and records the events that are missing.
func (s *Server) recover(ctx context.Context) error {
	open := s.trail.OpenIntents()
	for _, in := range open {
		events, err := s.outcome(in, open)
		if err != nil {
			return err
		}
		if err := s.trail.Resolve(ctx, in, events...); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "looked what became of an interrupted request", "action", in.Action, "index", in.Index, "id", in.DocID, "events", len(events))
	}
	return nil
}

// outcome returns the events of what an interrupted request did, as far as looking can tell. A document that was not written
// since has not been changed by it. What cannot be looked up (a bulk, a document whose id was made on the way) may have
// happened, and the event says so; so may what one of several interrupted requests on a document has done. Open are all of
// them.
func (s *Server) outcome(in audit.Intent, open []audit.Intent) ([]*audit.Event, error) {
	var events []*audit.Event
	indices := strings.Split(in.Index, ",")
	for _, index := range indices {
		e := recoveredEvent(in, index)
		if len(indices) > 1 || in.DocID == "" || s.remote != nil && (s.sharesStore() || !s.inStore(index)) {
			e.Recovered = "unknown"
			events = append(events, e)
			continue
		}
		op, known := s.engine.Last(index, in.DocID)
		if !known && in.Method != http.MethodDelete || known && writtenBefore(op.At, in) {
			continue
		}
		if told, err := s.trail.ToldBefore(in, index, op.Version, op.At); err != nil {
			return nil, err
		} else if told {
			continue
		}
		others, recovered, err := s.trail.Versions(in, index)
		if err != nil {
			return nil, err
		}
		switch {
		case !known:
			e.Recovered, e.Operation = "unknown", "DELETE"
		case !others[op.Version] && (recovered || hasRival(in, open, op.At)):
			e.Recovered = "unknown" // it is the write of one of several
		case !others[op.Version]:
			e.Recovered, e.DocVersion, e.Operation = "true", op.Version, operation(op.Version, op.Deleted)
		case int64(len(others)) == op.Version:
			continue // others wrote all versions that there are
		default:
			e.Recovered = "unknown" // the newest is another's, but one below it may be this request's
		}
		events = append(events, e)
	}
	return events, nil
}

// writtenBefore reports whether a document was last written before a request came.
func writtenBefore(at time.Time, in audit.Intent) bool {
	return at.Before(in.Time.Truncate(time.Millisecond))
}

// hasRival reports whether another of the open intents may explain what was written to the same document at a time.
func hasRival(in audit.Intent, open []audit.Intent, at time.Time) bool {
	return slices.ContainsFunc(open, func(other audit.Intent) bool {
		return other.Seq() != in.Seq() && other.Index == in.Index && other.DocID == in.DocID && !writtenBefore(at, other)
	})
}

func recoveredEvent(in audit.Intent, index string) *audit.Event {
	e := &audit.Event{
		Time: in.Time, Category: audit.DocWrite, Origin: in.Origin, RemoteAddress: in.RemoteAddress, EffectiveUser: in.User,
		DocID: in.DocID, Indices: []string{index}, Resolved: []string{index},
	}
	if in.RequestID != "" {
		e.Request = &audit.Request{ID: in.RequestID}
	}
	if len(in.Expects) > 0 {
		e.Category = in.Expects[0]
	}
	return e
}

func operation(version int64, deleted bool) string {
	switch {
	case deleted:
		return "DELETE"
	case version == 1:
		return "CREATE"
	}
	return "UPDATE"
}
