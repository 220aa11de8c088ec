package gateway

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vigil/audit"
	"vigil/rest"
)

func TestBulkOfTooManyAuditedItemsIsRefused(t *testing.T) {
	const resolving = `{"enabled":true,"audit":{"resolve_bulk_requests":true}}`
	deletes := func(index string, n int) string {
		return strings.Repeat(`{"delete":{"_index":"`+index+`","_id":"1"}}`+"\n", n)
	}
	for _, c := range []struct {
		name, config, body string
		want               int
	}{
		{"watched", watched, deletes("accounts", 4), http.StatusRequestEntityTooLarge},
		{"as many as may be", watched, deletes("accounts", 3) + deletes("logs-a", 2), http.StatusOK},
		{"unwatched", watched, deletes("logs-a", 4), http.StatusOK},
		{"every item is an event", resolving, deletes("logs-a", 4), http.StatusRequestEntityTooLarge},
		{"nothing is audited", defaults, deletes("accounts", 4), http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			handled := false
			w := newWorld(t, c.config, func(http.ResponseWriter, *http.Request) { handled = true })
			w.MaxAuditedItems = 3
			rec := w.do("root POST /_bulk", c.body)
			if rec.Code != c.want || handled != (c.want == http.StatusOK) {
				t.Errorf("got %d %s, handled %t, want %d", rec.Code, rec.Body, handled, c.want)
			}
			if c.want != http.StatusOK && !strings.Contains(rec.Body.String(), "bulk has [4] items that are audited") {
				t.Errorf("the reason is %s", rec.Body)
			}
		})
	}
}

// many answers a request with more reads, and then writes, than are in memory at once.
func many(_ http.ResponseWriter, r *http.Request) {
	for i := range rest.ManyWrites + 2 {
		rest.EffectsFrom(r.Context()).Read(rest.Read{Index: "accounts", ID: strconv.Itoa(i), Source: json.RawMessage(`{"ssn":"078"}`)})
	}
	for i := range rest.ManyWrites + 3 {
		rest.EffectsFrom(r.Context()).Wrote(rest.Write{Index: "accounts", ID: strconv.Itoa(i), Operation: rest.OpCreate, Version: 1})
	}
}

func TestManyReadsAndWritesAreRecordedInPieces(t *testing.T) {
	for name, broken := range map[string]error{"all is well": nil, "a piece is not taken": errors.New("disk gone")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, watched, many)
			w.fail["record"] = broken
			if rec := w.do("root POST /accounts/_update_by_query", `{}`); rec.Code != http.StatusOK {
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
			if len(w.events) != 2*rest.ManyWrites+5 {
				t.Errorf("got %d events", len(w.events))
			}
			next := map[audit.Category]int{}
			for i, e := range w.events {
				if e.DocID != strconv.Itoa(next[e.Category]) {
					t.Fatalf("event %d, %s, is of document %s", i, e.Category, e.DocID)
				}
				next[e.Category]++
			}
			last := w.steps[len(w.steps)-1]
			if n := strings.Count(last, "COMPLIANCE_DOC_"); !strings.HasPrefix(last, "end") || broken == nil && n != 5 {
				t.Errorf("the end has %d events", n)
			}
		})
	}
}

func TestParametersAreThoseThatTheRequestIsServedBy(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	w.do("root GET /logs-a/_search?size=1;q=x", "")
	w.do("- GET /logs-a/_search?size=1;q=x", "")
	n := 0
	for _, e := range w.events {
		if e.REST == nil {
			continue
		}
		if n++; e.REST.Params["size"] != "1" || e.REST.Params["q"] != "x" {
			t.Errorf("%s has the parameters %v", e.Category, e.REST.Params)
		}
	}
	if n != 2 {
		t.Errorf("got %d events of the REST layer", n)
	}
}

func TestWhoSendsAnUnreadableBodyIsAuthenticated(t *testing.T) {
	for _, c := range []struct {
		encoding, body string
		want           int
	}{
		{"br", "{}", http.StatusUnsupportedMediaType},
		{"gzip", "{}", http.StatusBadRequest},
		{"", strings.Repeat(" ", 1<<20+1), http.StatusRequestEntityTooLarge},
	} {
		w := newWorld(t, everything, answerJSON(`{}`))
		r := w.request("root POST /logs-a/_search", c.body)
		r.Header.Set("Content-Encoding", c.encoding)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != c.want {
			t.Errorf("got %d %s, want %d", rec.Code, rec.Body, c.want)
		}
		w.wantSteps("record AUTHENTICATED")
		if len(w.events) > 0 && w.events[0].Body != nil {
			t.Errorf("%d: the event has a body", c.want)
		}
	}
}

// TestLargeAnswerOfAChangeIsWhole answers in more than one piece, to clients that unpack and others.
func TestLargeAnswerOfAChangeIsWhole(t *testing.T) {
	var want strings.Builder
	for i := range 400_000 {
		want.WriteString(strconv.Itoa(i) + ",")
	}
	w := newWorld(t, watched, func(rw http.ResponseWriter, _ *http.Request) {
		for part := []byte(want.String()); len(part) > 0; part = part[min(len(part), 700_001):] {
			_, _ = rw.Write(part[:min(len(part), 700_001)])
		}
	})
	for _, encoding := range []string{"", "gzip"} {
		r := w.request("root POST /accounts/_update_by_query", `{}`)
		r.Header.Set("Accept-Encoding", encoding)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		var body io.Reader = rec.Body
		if encoding == "gzip" {
			var err error
			if body, err = gzip.NewReader(rec.Body); err != nil {
				t.Fatal(err)
			}
		} else if got := rec.Header().Get("Content-Length"); got != strconv.Itoa(want.Len()) {
			t.Errorf("the answer says that it has %s bytes, want %d", got, want.Len())
		}
		got, err := io.ReadAll(body)
		if err != nil || string(got) != want.String() {
			t.Errorf("encoding %q: got %d bytes, %v, want %d", encoding, len(got), err, want.Len())
		}
	}
	w.fail["end"] = errors.New("disk gone")
	if rec := w.do("root POST /accounts/_update_by_query", `{}`); rec.Code != http.StatusServiceUnavailable || rec.Body.Len() > 1000 {
		t.Errorf("an answer that cannot be recorded is %d with %d bytes", rec.Code, rec.Body.Len())
	}
}

// TestNothingMoreIsDoneAfterWritesWereNotRecorded breaks the log between two parts of a bulk.
func TestNothingMoreIsDoneAfterWritesWereNotRecorded(t *testing.T) {
	part := rest.Action{
		Name: "indices:data/write/bulk[s]", Request: "BulkShardRequest", Parent: "indices:data/write/bulk", Resolved: []string{"accounts"},
		Items: []rest.Item{{Op: "index", Index: "accounts"}}, ItemOps: []string{"index"},
	}
	var before, after error
	w := newWorld(t, watched, func(rw http.ResponseWriter, r *http.Request) {
		before = rest.EffectsFrom(r.Context()).Begin(part)
		many(rw, r)
		part.Continued = true
		after = rest.EffectsFrom(r.Context()).Begin(part)
	})
	w.fail["record"] = errors.New("disk gone")
	w.do("root POST /_bulk", `{"index":{"_index":"accounts"}}`+"\n{}\n")
	if before != nil || after == nil || rest.AsError(after).Status != http.StatusServiceUnavailable {
		t.Errorf("the first part got %v, the next %v, want nil and 503", before, after)
	}
}

// TestOutcomeOfALongBulk counts the items of an answer that is kept in pieces.
func TestOutcomeOfALongBulk(t *testing.T) {
	part := []byte(strings.Repeat(`{"index":{"result":"created"}},{"delete":{"error":{"type":"x"}}},`, 20_000))
	w := extended(t, everything, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"took":1,"errors":true,"items":[`)
		for range 3 {
			_, _ = rw.Write(part)
		}
		_, _ = io.WriteString(rw, `{"update":{"result":"noop"}}]}`)
	})
	rec := w.do("root POST /accounts/_bulk", "{\"delete\":{\"_id\":\"1\"}}\n")
	list := w.of(audit.RequestOutcome)
	if len(list) != 1 {
		t.Fatalf("outcomes: %v in %v", list, w.steps)
	}
	n := int64(60_000)
	want := &audit.Outcome{Status: 200, Documents: &n, Failed: n, ErrorType: "x", RequestBytes: 23, ResponseBytes: int64(rec.Body.Len())}
	if diff := cmp.Diff(want, list[0].Outcome, cmpopts.IgnoreFields(audit.Outcome{}, "Took")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
