package gateway

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

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

// many answers a request with more write events than are in memory at once.
func many(_ http.ResponseWriter, r *http.Request) {
	for i := range 2*writesAtOnce + 5 {
		rest.EffectsFrom(r.Context()).Wrote(rest.Write{Index: "accounts", ID: strconv.Itoa(i), Operation: rest.OpCreate, Version: 1})
	}
}

func TestManyWritesAreRecordedInPieces(t *testing.T) {
	for name, broken := range map[string]error{"all is well": nil, "a piece is not taken": errors.New("disk gone")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, watched, many)
			w.fail["record"] = broken
			if rec := w.do("root POST /accounts/_update_by_query", `{}`); rec.Code != http.StatusOK {
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
			if len(w.events) != 2*writesAtOnce+5 {
				t.Errorf("got %d events", len(w.events))
			}
			for i, e := range w.events {
				if e.DocID != strconv.Itoa(i) {
					t.Fatalf("event %d is of document %s", i, e.DocID)
				}
			}
			last := w.steps[len(w.steps)-1]
			if n := strings.Count(last, "COMPLIANCE_DOC_WRITE"); !strings.HasPrefix(last, "end") || broken == nil && n != 5 {
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
