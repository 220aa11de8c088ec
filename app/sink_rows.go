package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vigil/audit"
	"vigil/rest"
)

// sinkTestTime bounds how long a test event may take.
const sinkTestTime = 30 * time.Second

// sinkRoutes are the rows that the commands "vigil sink …" are clients of.
func (s *Server) sinkRoutes() []rest.Route {
	return []rest.Route{
		{
			Method: "GET", Path: "/_vigil/sinks", Op: "vigil.sinks", Action: "cluster:monitor/vigil/sinks",
			Request: "SinksRequest", Handler: http.HandlerFunc(s.listSinks),
		},
		{
			Method: "POST", Path: "/_vigil/sinks/{name}/_test", Op: "vigil.sink_test", Action: "cluster:admin/vigil/sinks/test",
			Request: "SinkTestRequest", Handler: http.HandlerFunc(s.testSink),
		},
		{
			Method: "POST", Path: "/_vigil/sinks/{name}/_replay", Op: "vigil.sink_replay",
			Action: "cluster:admin/vigil/sinks/replay", Request: "SinkReplayRequest", Body: rest.BodyJSON,
			Handler: http.HandlerFunc(s.replaySink),
		},
	}
}

// sinkStatus is a sink as GET /_vigil/sinks tells it.
type sinkStatus struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Format     string   `json:"format"`
	OnFull     string   `json:"on_full"`
	Categories []string `json:"categories,omitempty"`
	LagEntries uint64   `json:"lag_entries"`
	LagSeconds float64  `json:"lag_seconds"`
	Rejected   uint64   `json:"rejected"`
	Skipped    uint64   `json:"skipped"`
	Error      string   `json:"error,omitempty"`
}

func (s *Server) listSinks(w http.ResponseWriter, r *http.Request) {
	rest.Answer(w, r, http.StatusOK, map[string]any{"sinks": s.sinkStatuses()})
}

func (s *Server) sinkStatuses() []sinkStatus {
	list := []sinkStatus{}
	for i, status := range s.trail.Sinks() {
		c := s.cfg.Audit.Sinks[i] // attached in this order
		one := sinkStatus{
			Name: status.Name, Type: c.Type, Format: c.Format, OnFull: c.OnFull, Categories: c.Categories,
			LagEntries: status.Lag, LagSeconds: status.Behind.Seconds(), Rejected: status.Rejected, Skipped: status.Skipped,
		}
		if status.Err != nil {
			one.Error = status.Err.Error()
		}
		list = append(list, one)
	}
	return list
}

func (s *Server) testSink(w http.ResponseWriter, r *http.Request) {
	name := rest.FromContext(r.Context()).Vars["name"]
	ctx, cancel := context.WithTimeout(r.Context(), sinkTestTime)
	defer cancel()
	begin := time.Now()
	id, err := s.trail.TestSink(ctx, name)
	if err != nil {
		rest.AnswerError(w, r, sinkError(name, err))
		return
	}
	rest.Answer(w, r, http.StatusOK, map[string]any{
		"sink": name, "delivered": true, "event_id": id, "took": time.Since(begin).Milliseconds(),
	})
}

func (s *Server) replaySink(w http.ResponseWriter, r *http.Request) {
	call := rest.FromContext(r.Context())
	name := call.Vars["name"]
	span, err := parseReplay(call.Body)
	if err != nil {
		rest.AnswerError(w, r, rest.Errorf(http.StatusBadRequest, "illegal_argument_exception", "%w", err))
		return
	}
	done, err := s.trail.Replay(r.Context(), name, span)
	if err != nil {
		e := sinkError(name, err)
		rest.AnswerError(w, r, e.With("events", done.Events).With("last_sequence", done.Last))
		return
	}
	rest.Answer(w, r, http.StatusOK, done)
}

func sinkError(name string, err error) *rest.Error {
	if errors.Is(err, audit.ErrNoSink) {
		return rest.Errorf(http.StatusNotFound, "resource_not_found_exception", "no sink is named [%s]", name)
	}
	return rest.Errorf(http.StatusBadGateway, "sink_exception", "%w", err)
}

// parseReplay reads {"from": …, "to": …}, each a sequence number or a time.
func parseReplay(body []byte) (audit.Span, error) {
	var request struct {
		From json.RawMessage `json:"from"`
		To   json.RawMessage `json:"to"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&request); err != nil {
		return audit.Span{}, fmt.Errorf("the body is not {\"from\": …, \"to\": …}: %w", err)
	}
	return parseSpan(plainJSON(request.From), plainJSON(request.To))
}

// plainJSON is a string's or a number's text.
func plainJSON(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// parseSpan reads two bounds. From is a time or a sequence number; to is of the same kind, or empty.
func parseSpan(from, to string) (audit.Span, error) {
	var s audit.Span
	var err error
	if from == "" {
		return s, errors.New("from is missing: a sequence number or a time such as 2026-11-21T10:00:00Z")
	}
	if s.FromSeq, s.From, err = parseBound("from", from); err != nil || to == "" {
		return s, err
	}
	if s.ToSeq, s.To, err = parseBound("to", to); err != nil {
		return s, err
	}
	switch {
	case (s.FromSeq == 0) != (s.ToSeq == 0):
		return s, errors.New("from and to must both be sequence numbers or both times")
	case s.FromSeq > s.ToSeq || s.To.Before(s.From):
		return s, errors.New("to is before from")
	}
	return s, nil
}

func parseBound(key, text string) (seq uint64, at time.Time, err error) {
	if seq, err = strconv.ParseUint(text, 10, 64); err == nil {
		if seq == 0 {
			return 0, at, fmt.Errorf("%s: sequence numbers begin at 1", key)
		}
		return seq, at, nil
	}
	if at, err = time.Parse(time.RFC3339, strings.TrimSpace(text)); err != nil {
		return 0, at, fmt.Errorf("%s: %q is neither a sequence number nor a time such as 2026-11-21T10:00:00Z", key, text)
	}
	return 0, at, nil
}
