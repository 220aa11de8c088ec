package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/audit"
	"vigil/cluster"
	"vigil/engine"
	"vigil/wal/waltest"
)

func recoveringServer(t *testing.T, fs *waltest.FS) *Server {
	t.Helper()
	c, err := audit.ParseConfig([]byte(`{"enabled":true,"compliance":{"enabled":true,"write_watched_indices":["i"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := audit.NewPolicy(c, audit.Indices{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{log: slog.New(slog.DiscardHandler)}
	if s.trail, err = audit.Open(audit.Options{Dir: t.TempDir(), Policy: policy, FS: fs}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.trail.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// putDocument writes the document that intents are about, past the gateway.
func putDocument(t *testing.T, s *Server) {
	t.Helper()
	if _, err := cluster.NewClient(s.engine).Index(t.Context(), "i", "1", []byte(`{}`), cluster.IndexOptions{}); err != nil {
		t.Fatal(err)
	}
}

// A request that was cut off and another's write of the same document: what is told of the first depends on what is known
// of the second.
func TestAnothersWriteIsNotTakenForTheInterruptedOne(t *testing.T) {
	for _, c := range []struct {
		name     string
		writes   int // all of them after the intent
		recorded []int64
		want     string
	}{
		{"nothing was written", 0, nil, ""},
		{"the write is the request's own", 1, nil, "true"},
		{"the write is another's", 1, []int64{1}, ""},
		{"all writes are others'", 2, []int64{1, 2}, ""},
		{"the newest write is another's", 2, []int64{2}, "unknown"},
		{"the newest write is the request's own", 2, []int64{1}, "true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := recoveringServer(t, waltest.New())
			var err error
			if s.engine, err = engine.Open(engine.Options{Dir: t.TempDir(), MaxBody: 1 << 20}); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.engine.Close(); err != nil {
					t.Error(err)
				}
			}()
			in := audit.Intent{Time: time.Now(), User: "a", Method: http.MethodPut, Index: "i", DocID: "1", Origin: audit.OriginREST}
			ticket, err := s.trail.Begin(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for range c.writes {
				putDocument(t, s)
			}
			for _, v := range c.recorded {
				e := recoveredEvent(audit.Intent{User: "b", DocID: "1", Origin: audit.OriginREST}, "i")
				e.DocVersion = v
				if err := s.trail.Record(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			events, err := s.outcome(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if len(events) > 0 {
				got = events[0].Recovered
			}
			if got != c.want || len(events) > 1 {
				t.Errorf("recovered is %q, want %q", got, c.want)
			}
			if err := s.trail.End(t.Context(), ticket); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAnOutcomeThatCouldNotBeRecordedIsRecoveredWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := waltest.New()
		s := recoveringServer(t, fs)
		in := audit.Intent{Time: time.Now(), User: "a", Index: "i", Origin: audit.OriginREST}
		ticket, err := s.trail.Begin(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		fs.Limit(fs.Used())
		for {
			e := recoveredEvent(in, "i")
			e.DiffContent = strings.Repeat("x", 4<<20)
			if err = s.trail.Record(t.Context(), e); err != nil {
				break
			}
		}
		e := recoveredEvent(in, "i")
		e.DiffContent = strings.Repeat("x", 4<<20)
		if err := s.trail.End(t.Context(), ticket, e); !errors.Is(err, audit.ErrNotRecorded) {
			t.Fatalf("got error %v, want that of a full disk", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.followIntents(ctx) }()
		if n := len(s.trail.OpenIntents()); n != 1 {
			t.Errorf("%d intents are open, want 1", n)
		}
		fs.Limit(0)
		time.Sleep(2 * recoverEvery) //nolint:forbidigo // the clock of the bubble
		if n := len(s.trail.OpenIntents()); n != 0 {
			t.Errorf("%d intents are open after a minute, want none", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestOneOfSeveralInterruptedRequestsIsNotPickedOut interrupts two requests on a document, of which one has written it, and
// then looking after them.
func TestOneOfSeveralInterruptedRequestsIsNotPickedOut(t *testing.T) {
	fs := waltest.New()
	s := recoveringServer(t, fs)
	var err error
	if s.engine, err = engine.Open(engine.Options{Dir: t.TempDir(), MaxBody: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.engine.Close(); err != nil {
			t.Error(err)
		}
	}()
	var tickets []audit.Ticket
	for _, user := range []string{"a", "b"} {
		in := audit.Intent{Time: time.Now(), User: user, Method: http.MethodPut, Index: "i", DocID: "1", Origin: audit.OriginREST}
		ticket, err := s.trail.Begin(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
	}
	putDocument(t, s)
	fs.Limit(fs.Used())
	big := recoveredEvent(audit.Intent{DocID: "2", Origin: audit.OriginREST}, "i")
	big.DiffContent = strings.Repeat("x", 4<<20)
	for err == nil {
		err = s.trail.Record(t.Context(), big)
	}
	for _, ticket := range tickets {
		if err := s.trail.End(t.Context(), ticket, big); !errors.Is(err, audit.ErrNotRecorded) {
			t.Fatalf("got error %v, want that of a full disk", err)
		}
	}
	fs.Limit(0)
	for range tickets {
		open := s.trail.OpenIntents()
		events, err := s.outcome(open[0], open)
		if err != nil || len(events) != 1 || events[0].Recovered != "unknown" {
			t.Errorf("%d are open: got %v, %v, want one event that does not know", len(open), events, err)
		}
		if err := s.trail.Resolve(t.Context(), open[0], events...); err != nil {
			t.Fatal(err)
		}
	}
}
