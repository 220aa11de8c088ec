package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"vigil/audit"
)

// recover looks what became of the requests that a crash cut off between what they intended and what they did, and records the
// events that are missing.
func (s *Server) recover(ctx context.Context) error {
	for _, in := range s.trail.OpenIntents() {
		events := s.outcome(in)
		if err := s.trail.Resolve(ctx, in, events...); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "looked what became of an interrupted request", "action", in.Action, "index", in.Index, "id", in.DocID, "events", len(events))
	}
	return nil
}

// outcome returns the events of what an interrupted request did, as far as looking can tell. A document that was not written
// since has not been changed by it. What cannot be looked up (a bulk, a document whose id was made on the way) may have
// happened, and the event says so.
func (s *Server) outcome(in audit.Intent) []*audit.Event {
	var events []*audit.Event
	indices := strings.Split(in.Index, ",")
	for _, index := range indices {
		e := recoveredEvent(in, index)
		if len(indices) > 1 || in.DocID == "" || s.remote != nil && !s.inStore(index) {
			e.Recovered = "unknown"
			events = append(events, e)
			continue
		}
		op, known := s.engine.Last(index, in.DocID)
		switch {
		case !known && in.Method != http.MethodDelete, known && op.At.Before(in.Time.Truncate(time.Millisecond)):
			continue
		case !known:
			e.Recovered, e.Operation = "unknown", "DELETE"
		default:
			e.Recovered, e.DocVersion, e.Operation = "true", op.Version, operation(op.Version, op.Deleted)
		}
		events = append(events, e)
	}
	return events
}

func recoveredEvent(in audit.Intent, index string) *audit.Event {
	e := &audit.Event{
		Time: in.Time, Category: audit.DocWrite, Origin: in.Origin, RemoteAddress: in.RemoteAddress, EffectiveUser: in.User,
		DocID: in.DocID, Indices: []string{index}, Resolved: []string{index},
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
