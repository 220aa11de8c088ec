// Package sinktest is the conformance suite for sinks: what every implementation of [audit.Sink] owes to the trail. It is for
// tests only and knows no sink. Start reading at [Run] and [Harness].
package sinktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/audit"
)

// Delivery is what a place holds of an event.
type Delivery struct {
	ID  string
	Doc string
}

// Harness is a sink and the place that it delivers to. The sink is closed by the suite.
type Harness struct {
	Sink audit.Sink
	// Delivered returns what the place holds, in the order in which it came.
	Delivered func() []Delivery
	// Break makes the place refuse everything for a passing reason, or heals it.
	Break func(broken bool)
	// Poison makes the place refuse one event for ever. Nil if the place takes whatever it can read.
	Poison func(id string)
	// Once says that the place holds an event once, however often it comes. Otherwise redelivery may show.
	Once bool
}

// Run tests the sinks that start makes, one for every test.
func Run(t *testing.T, start func(t *testing.T) Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Harness){
		"delivers everything in order":            inOrder,
		"takes a batch again":                     again,
		"fails while the place is down":           down,
		"rejects only what is hopeless":           rejects,
		"rejects a batch of one":                  rejectsOne,
		"stops when its context ends":             stops,
		"takes large and strange events":          large,
		"takes an event of 24 MiB":                largest,
		"takes any text":                          texts,
		"takes events of any age":                 aged,
		"takes a replay beside new events":        replayed,
		"leaves the entries as they are":          harmless,
		"has a name that can be part of a path":   named,
		"delivers what came after a rejected one": continues,
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			test(t, h)
			if err := h.Sink.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// Entries returns n entries that begin at sequence number first.
func Entries(first uint64, n int) []audit.Entry {
	batch := make([]audit.Entry, n)
	for i := range batch {
		batch[i] = entry(first+uint64(i), "")
	}
	return batch
}

func entry(seq uint64, body string) audit.Entry {
	return entryAt(seq, time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC).Add(time.Duration(seq)*100*time.Millisecond), body)
}

func entryAt(seq uint64, at time.Time, body string) audit.Entry {
	e := audit.Event{Time: at, Category: audit.FailedLogin, Layer: audit.LayerREST, EffectiveUser: fmt.Sprintf("user-%d", seq)}
	if body != "" {
		e.Body = &body
	}
	return audit.Entry{
		Seq: seq, ID: fmt.Sprintf("run-%06d", seq), Time: at, Category: e.Category,
		Doc: audit.AppendJSON(nil, &audit.Node{Cluster: "c"}, &e),
	}
}

func write(t *testing.T, h Harness, batch []audit.Entry) {
	t.Helper()
	if err := h.Sink.Write(t.Context(), batch); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func want(t *testing.T, h Harness, batch ...audit.Entry) {
	t.Helper()
	list := make([]Delivery, len(batch))
	for i, e := range batch {
		list[i] = Delivery{ID: e.ID, Doc: string(e.Doc)}
	}
	if diff := cmp.Diff(list, h.Delivered()); diff != "" {
		t.Errorf("deliveries differ (-want +got):\n%s", diff)
	}
}

func inOrder(t *testing.T, h Harness) {
	batch := Entries(1, 25)
	write(t, h, batch[:10])
	write(t, h, batch[10:11])
	write(t, h, batch[11:])
	want(t, h, batch...)
}

func again(t *testing.T, h Harness) {
	batch := Entries(1, 10)
	write(t, h, batch[:7])
	write(t, h, batch) // as after a crash before the cursor was committed
	if h.Once {
		want(t, h, batch...)
		return
	}
	seen := map[string]bool{}
	for _, d := range h.Delivered() {
		seen[d.ID] = true
	}
	if len(seen) != len(batch) {
		t.Errorf("got %d of %d events", len(seen), len(batch))
	}
}

func down(t *testing.T, h Harness) {
	batch := Entries(1, 5)
	h.Break(true)
	err := h.Sink.Write(t.Context(), batch)
	if rejected, ok := errors.AsType[*audit.RejectedError](err); err == nil || ok {
		t.Fatalf("got error %v (rejected %v), want one that makes the batch come again", err, rejected)
	}
	h.Break(false)
	write(t, h, batch)
	want(t, h, batch...)
}

func rejects(t *testing.T, h Harness) {
	if h.Poison == nil {
		return
	}
	batch := Entries(1, 6)
	h.Poison(batch[1].ID)
	h.Poison(batch[4].ID)
	rejected, ok := errors.AsType[*audit.RejectedError](h.Sink.Write(t.Context(), batch))
	if !ok || len(rejected.Rejections) != 2 {
		t.Fatalf("got %v, want two rejected events", rejected)
	}
	for i, e := range []audit.Entry{batch[1], batch[4]} {
		r := rejected.Rejections[i]
		if r.Entry.ID != e.ID || r.Entry.Seq != e.Seq || r.Reason == "" {
			t.Errorf("rejected %s because of %q, want %s with a reason", r.Entry.ID, r.Reason, e.ID)
		}
	}
	want(t, h, batch[0], batch[2], batch[3], batch[5])
}

func rejectsOne(t *testing.T, h Harness) {
	if h.Poison == nil {
		return
	}
	batch := Entries(1, 1)
	h.Poison(batch[0].ID)
	if _, ok := errors.AsType[*audit.RejectedError](h.Sink.Write(t.Context(), batch)); !ok {
		t.Error("a batch of one rejected event would come again for ever")
	}
}

func continues(t *testing.T, h Harness) {
	if h.Poison == nil {
		return
	}
	batch := Entries(1, 4)
	h.Poison(batch[0].ID)
	if _, ok := errors.AsType[*audit.RejectedError](h.Sink.Write(t.Context(), batch[:2])); !ok {
		t.Error("nothing was rejected")
	}
	write(t, h, batch[2:])
	want(t, h, batch[1:]...)
}

func stops(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.Break(true)
	if err := h.Sink.Write(ctx, Entries(1, 1)); err == nil {
		t.Error("a batch was reported as delivered though the place is down")
	}
}

func large(t *testing.T, h Harness) {
	batch := []audit.Entry{
		entry(1, strings.Repeat("ä", 1<<19)), entry(2, "line\nbreak\u2028\x00"), entry(3, `{"a":"b"}`),
	}
	write(t, h, batch)
	want(t, h, batch...)
}

// largest is as much as audit.max_body_bytes lets into an event.
func largest(t *testing.T, h Harness) {
	batch := []audit.Entry{entry(1, ""), entry(2, strings.Repeat("0123456789abcde\n", 24<<20/16-1<<10)), entry(3, "")}
	write(t, h, batch[:1])
	write(t, h, batch[1:])
	got := h.Delivered()
	if len(got) != len(batch) {
		t.Fatalf("got %d events, want %d", len(got), len(batch))
	}
	for i, d := range got {
		if d.ID != batch[i].ID || d.Doc != string(batch[i].Doc) {
			t.Errorf("event %d came with %d bytes instead of %d", i+1, len(d.Doc), len(batch[i].Doc))
		}
	}
}

func texts(t *testing.T, h Harness) {
	var batch []audit.Entry
	for i, text := range []string{
		"\ufeffBOM", "nul \x00 and \x1f", "\u2028\u2029", "𝕏 😀 👩‍👩‍👧", "e\u0301\u0301\u0301", "\u202eright to left\u202c", "\uffff\ufffe\U0010ffff",
		"not UTF-8: \xff\xfe", `\ud800`, `<script>&amp;</script>`, "\r\n{\"create\":{}}\r\n", `]"\=`, "%s %d %", strings.Repeat("\"", 5000), "",
	} {
		batch = append(batch, entry(uint64(i+1), text))
	}
	write(t, h, batch)
	want(t, h, batch...)
}

// aged are events that waited for a sink that was down, and those of clocks that are wrong.
func aged(t *testing.T, h Harness) {
	var batch []audit.Entry
	now := time.Now()
	for i, at := range []time.Time{
		now.Add(-40 * 24 * time.Hour), now, now.Add(-time.Hour), now.Add(48 * time.Hour), time.Unix(0, 0), time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		batch = append(batch, entryAt(uint64(i+1), at, ""))
	}
	write(t, h, batch)
	want(t, h, batch...)
}

// replayed gives a sink again what it has, and what it never had, between new events.
func replayed(t *testing.T, h Harness) {
	batch := Entries(1, 30)
	write(t, h, batch[10:20])
	old := Entries(1, 15)
	for i := range old {
		old[i].Again = true
	}
	write(t, h, old)
	write(t, h, batch[20:])
	times := map[string]int{}
	for _, d := range h.Delivered() {
		times[d.ID]++
	}
	for i, e := range batch {
		most := 1
		if !h.Once && i >= 10 && i < 15 {
			most = 2
		}
		if n := times[e.ID]; n < 1 || n > most {
			t.Errorf("event %s is there %d times", e.ID, n)
		}
	}
}

func harmless(t *testing.T, h Harness) {
	batch := Entries(1, 3)
	before := make([][]byte, len(batch))
	for i, e := range batch {
		before[i] = bytes.Clone(e.Doc)
	}
	write(t, h, batch)
	for i, e := range batch {
		if !bytes.Equal(before[i], e.Doc) {
			t.Errorf("the sink changed event %s", e.ID)
		}
	}
}

func named(t *testing.T, h Harness) {
	name := h.Sink.Name()
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		t.Errorf("got name %q", name)
	}
}
