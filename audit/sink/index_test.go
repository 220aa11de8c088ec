package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vigil/audit"
	"vigil/audit/sinktest"
	"vigil/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIndexConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		f := newFake()
		return sinktest.Harness{
			Sink: newSink(t, f, IndexOptions{}), Delivered: f.delivered, Once: true,
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

func TestIndexFollowsFromTheEventsOwnTime(t *testing.T) {
	f := newFake()
	told := map[string]int{}
	s := newSink(t, f, IndexOptions{OnDelivered: func(index string, entries []audit.Entry) { told[index] += len(entries) }})
	batch := sinktest.Entries(8, 4) // from 23:59:59.8 on
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"run-000008": "security-auditlog-2026.11.21", "run-000009": "security-auditlog-2026.11.21",
		"run-000010": "security-auditlog-2026.11.22", "run-000011": "security-auditlog-2026.11.22",
	}
	if diff := cmp.Diff(want, f.in); diff != "" {
		t.Errorf("indices differ (-want +got):\n%s", diff)
	}
	wantTold := map[string]int{"security-auditlog-2026.11.21": 2, "security-auditlog-2026.11.22": 2}
	if diff := cmp.Diff(wantTold, told); diff != "" {
		t.Errorf("told deliveries differ (-want +got):\n%s", diff)
	}
}

func TestBusyIndexMakesTheBatchComeAgain(t *testing.T) {
	for _, e := range []cluster.Error{
		{Status: 429, Type: "rejected_execution_exception"},
		{Status: 503, Type: "unavailable_shards_exception"},
		{Status: 403, Type: "cluster_block_exception"},
		{Status: 400, Type: "index_closed_exception"},
		{Status: 400, Type: "validation_exception", Reason: "maximum shards open"},
	} {
		f := newFake()
		s := newSink(t, f, IndexOptions{})
		batch := sinktest.Entries(1, 3)
		f.items[batch[1].ID] = e
		f.poison[batch[2].ID] = true
		err := s.Write(t.Context(), batch)
		if _, ok := errors.AsType[*audit.RejectedError](err); err == nil || ok {
			t.Errorf("%s: got error %v, want one that makes the batch come again", e.Type, err)
		}
		delete(f.items, batch[1].ID)
		rejected, ok := errors.AsType[*audit.RejectedError](s.Write(t.Context(), batch))
		if !ok || len(rejected.Rejections) != 1 || rejected.Rejections[0].Entry.ID != batch[2].ID {
			t.Errorf("%s: got %v, want the third event rejected", e.Type, rejected)
		}
		if len(f.docs) != 2 {
			t.Errorf("%s: got %d events, want 2", e.Type, len(f.docs))
		}
	}
}

func TestBatchThatIsTooLargeIsSplit(t *testing.T) {
	f := newFake()
	f.maxBytes = 1500
	s := newSink(t, f, IndexOptions{})
	if err := s.Write(t.Context(), sinktest.Entries(1, 20)); err != nil {
		t.Fatal(err)
	}
	if len(f.docs) != 20 || f.bulks < 4 {
		t.Errorf("got %d events in %d requests, want 20 in some", len(f.docs), f.bulks)
	}
	f.maxBytes = 10
	rejected, ok := errors.AsType[*audit.RejectedError](s.Write(t.Context(), sinktest.Entries(21, 2)))
	if !ok || len(rejected.Rejections) != 2 {
		t.Errorf("got %v, want two events that no request can hold", rejected)
	}
}

func TestIndexIsCreatedWhereTheClusterDoesNot(t *testing.T) {
	f := newFake()
	f.autoCreate = false
	s := newSink(t, f, IndexOptions{})
	batch := sinktest.Entries(1, 2)
	if err := s.Write(t.Context(), batch); err == nil {
		t.Fatal("events were delivered into no index")
	}
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if len(f.docs) != 2 {
		t.Errorf("got %d events, want 2", len(f.docs))
	}
}

func TestTemplateComesBeforeTheFirstEvent(t *testing.T) {
	f := newFake()
	s := newSink(t, f, IndexOptions{})
	f.broken = http.StatusServiceUnavailable
	if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err == nil {
		t.Error("events went without a template")
	}
	f.broken = 0
	if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err != nil {
		t.Fatal(err)
	}
	if f.templates["vigil-security-auditlog"] == nil {
		t.Errorf("got templates %v", f.templates)
	}
}

// hostile are events of requests that try to stay out of the index.
func hostile() []*audit.Event {
	headers := make(map[string][]string, 10_000)
	for i := range 10_000 {
		headers[fmt.Sprintf("X-Header-%d", i)] = []string{"v"}
	}
	body := strings.Repeat("a\"€\n", 1<<18)
	return []*audit.Event{
		{REST: &audit.REST{Path: "/", Header: headers}},
		{Body: &body},
		{REST: &audit.REST{Path: "/", Header: map[string][]string{".": {"1"}, "a..b": {"2"}, "Host.x": {"3"}, "Host": {"h"}}}},
		{REST: &audit.REST{Path: "/", Params: map[string]string{"": "1", " ": "2", "a.": "3", "a%2E": "4", ". .": "5"}}},
		{EffectiveUser: strings.Repeat("u", 100_000), RemoteAddress: "not an address"},
	}
}

func TestNoRequestKeepsItsEventOutOfTheIndex(t *testing.T) {
	f := newFake()
	s := newSink(t, f, IndexOptions{})
	var batch []audit.Entry
	for i, e := range hostile() {
		e.Category, e.Time = audit.FailedLogin, time.Unix(int64(i), 0)
		batch = append(batch, audit.Entry{
			Seq: uint64(i), ID: fmt.Sprint("id", i), Time: e.Time, Category: e.Category,
			Doc: audit.AppendJSON(nil, &audit.Node{}, e),
		})
	}
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if len(f.docs) != len(batch) {
		t.Fatalf("got %d of %d events", len(f.docs), len(batch))
	}
	for _, d := range f.docs {
		var doc map[string]any
		if err := json.Unmarshal([]byte(d.Doc), &doc); err != nil {
			t.Fatal(err)
		}
		switch d.ID {
		case "id0":
			if h, _ := doc["audit_rest_request_headers"].(map[string]any); len(h) != 10_000 {
				t.Errorf("got %d headers, want 10,000", len(h))
			}
		case "id2":
			want := map[string]any{"%2E": []any{"1"}, "a%2E%2Eb": []any{"2"}, "Host%2Ex": []any{"3"}, "Host": []any{"h"}}
			if diff := cmp.Diff(want, doc["audit_rest_request_headers"]); diff != "" {
				t.Errorf("headers differ (-want +got):\n%s", diff)
			}
		case "id3":
			want := map[string]any{"%": "1", "%%20": "2", "a%2E%": "3", "a%2E": "4", "%2E %2E": "5"}
			if diff := cmp.Diff(want, doc["audit_rest_request_params"]); diff != "" {
				t.Errorf("parameters differ (-want +got):\n%s", diff)
			}
		}
	}
}

func FuzzSafeNames(f *testing.F) {
	f.Add("a.b", "a%2Eb", "")
	f.Add(" ", ".", "%")
	f.Add("\x1b", "0", " ")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		e := audit.Event{REST: &audit.REST{Params: map[string]string{a: "1", b: "2", c: "3"}}}
		doc := audit.AppendJSON(nil, &audit.Node{}, &e)
		safe, changed := safeNames(doc)
		if !changed {
			if !takes(doc) {
				t.Errorf("nothing was changed in %s", doc)
			}
			return
		}
		if !json.Valid(safe) || !takes(safe) {
			t.Errorf("got %s from %s", safe, doc)
		}
		var before, after map[string]map[string]any
		_ = json.Unmarshal(doc, &before)
		_ = json.Unmarshal(safe, &after)
		if len(before["audit_rest_request_params"]) != len(after["audit_rest_request_params"]) {
			t.Errorf("parameters were lost: %s from %s", safe, doc)
		}
	})
}

func TestAnAliasOfTheIndexNameHoldsTheEvents(t *testing.T) {
	for _, late := range []bool{false, true} {
		f := newFake()
		f.late = late
		told := 0
		s := newSink(t, f, IndexOptions{OnDelivered: func(_ string, entries []audit.Entry) { told += len(entries) }})
		batch := sinktest.Entries(1, 2)
		name := s.o.Index.Format(batch[0].Time)
		f.aliases[name] = "mine"
		for range 2 {
			err := s.Write(t.Context(), batch)
			if _, rejected := errors.AsType[*audit.RejectedError](err); err == nil || rejected || !strings.Contains(err.Error(), name) {
				t.Errorf("late %t: got %v, want an error that names %s", late, err, name)
			}
		}
		if told > 0 || !late && len(f.docs) > 0 {
			t.Errorf("late %t: %d events are delivered, %d are where the alias leads", late, told, len(f.docs))
		}
	}
}

func TestARolloverSeriesTakesTheEvents(t *testing.T) {
	f := newFake()
	s := newSink(t, f, IndexOptions{})
	batch := sinktest.Entries(1, 2)
	name := s.o.Index.Format(batch[0].Time)
	f.aliases[name] = name + "-000001"
	if err := s.Write(t.Context(), batch); err != nil || len(f.docs) != 2 {
		t.Errorf("got %v, %d events", err, len(f.docs))
	}
}
