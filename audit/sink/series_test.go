package sink

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/audit"
	"vigil/audit/sinktest"
)

func again(batch []audit.Entry) []audit.Entry {
	for i := range batch {
		batch[i].Again = true
	}
	return batch
}

func streamSink(t *testing.T, f *fakeCluster, name string) *Index {
	t.Helper()
	stream, err := StreamName(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewIndex(IndexOptions{Cluster: f.client(), Index: stream, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStreamConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		f := newFake()
		f.aliases["logs-audit"] = ".ds-logs-audit-000001"
		return sinktest.Harness{
			Sink: streamSink(t, f, "logs-audit"), Delivered: f.delivered, Once: true,
			Break: func(broken bool) {
				f.broken = 0
				if broken {
					f.broken = http.StatusServiceUnavailable
				}
			},
			Poison: func(id string) { f.poison[id] = true },
		}
	})
}

// TestRolloverBehindAnUnsureAttempt lets a bulk be carried out without an answer, and the next one find another index.
func TestRolloverBehindAnUnsureAttempt(t *testing.T) {
	aborted := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	late := func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = w.Write([]byte(`{"error":{"type":"cluster_timeout_exception","reason":"late"}}`))
	}
	garbled := func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"items":[`)) }
	for name, unsure := range map[string]func(http.ResponseWriter){"aborted": aborted, "late": late, "garbled": garbled} {
		for _, stream := range []bool{false, true} {
			f := newFake()
			s := newSink(t, f, IndexOptions{})
			batch := sinktest.Entries(1, 3)
			index := s.o.Index.Format(batch[0].Time)
			first, second := index+"-000001", index+"-000002"
			if stream {
				s, index, first, second = streamSink(t, f, "audit"), "audit", ".ds-audit-000001", ".ds-audit-2026.11.27-000002"
			}
			f.aliases[index] = first
			f.unsure = unsure
			if err := s.Write(t.Context(), batch[:2]); err == nil {
				t.Fatalf("%s: a bulk without an answer counts as delivered", name)
			}
			f.unsure = nil
			f.aliases[index] = second
			again(batch[:2])
			if err := s.Write(t.Context(), batch); err != nil {
				t.Fatalf("%s, stream %t: %v", name, stream, err)
			}
			var got []string
			for _, d := range f.delivered() {
				got = append(got, d.ID)
			}
			if diff := cmp.Diff([]string{batch[0].ID, batch[1].ID, batch[2].ID}, got); diff != "" {
				t.Errorf("%s, stream %t: events differ (-want +got):\n%s", name, stream, diff)
			}
		}
	}
}

func TestOnlyWhatMayHaveComeBeforeIsLookedFor(t *testing.T) {
	f := newFake()
	f.aliases["audit"] = ".ds-audit-000001"
	s := streamSink(t, f, "audit")
	if err := s.Write(t.Context(), sinktest.Entries(1, 5)); err != nil || f.searches != 0 {
		t.Errorf("got %v and %d searches for new events", err, f.searches)
	}
	if err := s.Write(t.Context(), again(sinktest.Entries(1, 2500))); err != nil || f.searches != 3 {
		t.Errorf("got %v and %d searches for 2,500 events that may be there, want 3", err, f.searches)
	}
	daily := newSink(t, f, IndexOptions{})
	f.indices[daily.o.Index.Format(sinktest.Entries(5000, 1)[0].Time)] = true
	if err := daily.Write(t.Context(), again(sinktest.Entries(5000, 5))); err != nil || f.searches != 3 {
		t.Errorf("got %v and %d searches for an index without a series", err, f.searches-3)
	}
}

func TestStreamTemplate(t *testing.T) {
	stream, err := StreamName("logs-audit")
	if err != nil {
		t.Fatal(err)
	}
	name, body := Template(stream)
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		IndexPatterns []string        `json:"index_patterns"`
		DataStream    json.RawMessage `json:"data_stream"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if name != "vigil-logs-audit" || len(got.IndexPatterns) != 1 || got.IndexPatterns[0] != "logs-audit" || string(got.DataStream) != "{}" {
		t.Errorf("got template %s %+v", name, got)
	}
}

func TestStreamNames(t *testing.T) {
	n, err := StreamName("a.b")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"a.b": true, ".ds-a.b-000001": true, ".ds-a.b-2026.11.27-000012": true, "a.b-000001": false, ".ds-a.b": false, "axb": false,
		".ds-a.b-c-000001": false,
	} {
		if n.Match(name) != want {
			t.Errorf("%s: got match %t", name, !want)
		}
	}
	for _, bad := range []string{"", "A", "a*", "'a'", "-a"} {
		if _, err := StreamName(bad); err == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}

func TestAliasWithoutAnIndexToWriteToHoldsTheEvents(t *testing.T) {
	f := newFake()
	s := newSink(t, f, IndexOptions{})
	batch := sinktest.Entries(1, 1)
	for reason, want := range map[string]bool{
		"no write index is defined for alias [a]. The write index may be explicitly disabled": false,
		"Limit of total fields [1000] has been exceeded":                                      true,
	} {
		e := f.items[batch[0].ID]
		e.Status, e.Type, e.Reason = 400, "illegal_argument_exception", reason
		f.items[batch[0].ID] = e
		err := s.Write(t.Context(), batch)
		if _, rejected := errors.AsType[*audit.RejectedError](err); err == nil || rejected != want {
			t.Errorf("%s: got %v, want rejected %t", reason, err, want)
		}
	}
}

func TestStreamIsCreatedWhereTheClusterDoesNot(t *testing.T) {
	f := newFake()
	f.autoCreate = false
	s := streamSink(t, f, "audit")
	if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err == nil {
		t.Fatal("an event was delivered into nothing")
	}
	if diff := cmp.Diff(map[string]bool{"_data_stream/audit": true}, f.indices); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
}
