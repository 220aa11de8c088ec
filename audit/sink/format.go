package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"vigil/audit"
)

// Format turns an event into the document that a sink sends. It is a pure function, and its result is one line of JSON that
// holds the event's id and sequence number.
type Format func(e audit.Entry) ([]byte, error)

// ParseFormat finds a format by its name in the configuration: native, ecs or ocsf.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "native":
		return Native, nil
	case "ecs":
		return ECS, nil
	case "ocsf":
		return OCSF, nil
	}
	return nil, fmt.Errorf("format %q is not one of native, ecs, ocsf", name)
}

// Native returns the fields of the audit log with two more behind them, audit_vigil_id and audit_vigil_sequence, because a
// stream has no place of its own for an event's id.
func Native(e audit.Entry) ([]byte, error) {
	n := len(e.Doc)
	if n < 2 || e.Doc[0] != '{' || e.Doc[n-1] != '}' {
		return nil, errors.New("event is not a JSON object")
	}
	id, err := json.Marshal(e.ID)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, n+len(id)+64)
	b = append(b, e.Doc[:n-1]...)
	if n > 2 {
		b = append(b, ',')
	}
	b = append(append(b, `"audit_vigil_id":`...), id...)
	b = strconv.AppendUint(append(b, `,"audit_vigil_sequence":`...), e.Seq, 10)
	return append(b, '}'), nil
}

// WithFormat returns a sink that offers events to s in a format. What s rejects is told in the native one.
func WithFormat(s audit.Sink, f Format) audit.Sink { return &formatted{Sink: s, format: f} }

type formatted struct {
	audit.Sink

	format Format
}

// Write implements [audit.Sink].
func (s *formatted) Write(ctx context.Context, batch []audit.Entry) error {
	var rejected []audit.Rejection
	out := make([]audit.Entry, 0, len(batch))
	for _, e := range batch {
		doc, err := s.format(e)
		if err != nil {
			rejected = append(rejected, audit.Rejection{Entry: e, Reason: err.Error()})
			continue
		}
		e.Doc = doc
		out = append(out, e)
	}
	if len(out) > 0 {
		err := s.Sink.Write(ctx, out)
		more, ok := errors.AsType[*audit.RejectedError](err)
		if err != nil && !ok {
			return err
		}
		if ok {
			native := make(map[string]audit.Entry, len(batch))
			for _, e := range batch {
				native[e.ID] = e
			}
			for _, r := range more.Rejections {
				rejected = append(rejected, audit.Rejection{Entry: native[r.Entry.ID], Reason: r.Reason})
			}
		}
	}
	if len(rejected) > 0 {
		return &audit.RejectedError{Rejections: rejected}
	}
	return nil
}

// refusedError says that a place did not take a batch for what is in it.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// split sends a batch, in halves if it is refused, down to the events for which it is.
func split(batch []audit.Entry, send func([]audit.Entry) error) ([]audit.Rejection, error) {
	err := send(batch)
	refused, ok := errors.AsType[*refusedError](err)
	if !ok {
		return nil, err
	}
	if len(batch) == 1 {
		return []audit.Rejection{{Entry: batch[0], Reason: refused.reason}}, nil
	}
	first, err := split(batch[:len(batch)/2], send)
	if err != nil {
		return nil, err
	}
	second, err := split(batch[len(batch)/2:], send)
	return append(first, second...), err
}

// rejection is the error of a batch that was delivered but for some events.
func rejection(list []audit.Rejection, err error) error {
	if err != nil || len(list) == 0 {
		return err
	}
	return &audit.RejectedError{Rejections: list}
}

// lines joins documents, each with a line feed behind it.
func lines(batch []audit.Entry) []byte {
	n := 0
	for _, e := range batch {
		n += len(e.Doc) + 1
	}
	b := make([]byte, 0, n)
	for _, e := range batch {
		b = append(append(b, e.Doc...), '\n')
	}
	return b
}
