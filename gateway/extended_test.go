package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"vigil/audit"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// extended is newWorld with the extended format.
func extended(t testing.TB, config string, h http.HandlerFunc) *world {
	t.Helper()
	w := newWorld(t, config, h)
	w.Extended, w.Outcomes = true, OutcomesAudited
	return w
}

// of returns the events of a category.
func (w *world) of(c audit.Category) []*audit.Event {
	var list []*audit.Event
	for _, e := range w.events {
		if e.Category == c {
			list = append(list, e)
		}
	}
	return list
}

func TestTraceParent(t *testing.T) {
	f := func(headers []string, trace, span string) {
		t.Helper()
		if gotTrace, gotSpan := traceParent(headers); gotTrace != trace || gotSpan != span {
			t.Errorf("%q: got %q and %q", headers, gotTrace, gotSpan)
		}
	}
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	f([]string{trace}, id, parent)
	f([]string{"01-" + id + "-" + parent + "-00-more"}, id, parent)
	f([]string{"cc-" + id + "-" + parent + "-00"}, id, parent)
	for _, bad := range []string{
		"", "00", trace + "-more", trace + " ", " " + trace, "ff-" + id + "-" + parent + "-01", "0g-" + id + "-" + parent + "-01",
		"00-" + strings.ToUpper(id) + "-" + parent + "-01", "00-" + strings.Repeat("0", 32) + "-" + parent + "-01",
		"00-" + id + "-0000000000000000-01", "00-" + id + "-" + parent + "-0x", "00_" + id + "-" + parent + "-01",
		"01-" + id + "-" + parent + "-00more",
	} {
		f([]string{bad}, "", "")
	}
	f([]string{trace, trace}, "", "")
	f(nil, "", "")
}

// TestExtendedRequest shows what the events of a request have in common.
func TestExtendedRequest(t *testing.T) {
	f := func(name, config string, change func(*http.Request), want audit.Request) {
		t.Run(name, func(t *testing.T) {
			w := extended(t, config, answerJSON(`{}`))
			r := w.request("reader GET /logs-a/_search", "")
			r.Header.Set("User-Agent", "curl/8")
			change(r)
			w.ServeHTTP(httptest.NewRecorder(), r)
			if len(w.events) < 2 {
				t.Fatalf("events: %v", w.steps)
			}
			for _, e := range w.events {
				if diff := cmp.Diff(&want, e.Request, cmpopts.IgnoreFields(audit.Request{}, "ID")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", e.Category, diff)
				}
				if want.ID != "" && e.Request.ID != want.ID || e.Request.ID == "" || e.Request != w.events[0].Request {
					t.Errorf("%s has the id %q", e.Category, e.Request.ID)
				}
			}
		})
	}
	reader := audit.Request{UserAgent: "curl/8", Roles: []string{"reader"}, BackendRoles: []string{"reader"}, SocketAddress: "192.0.2.7"}
	with := func(change func(*audit.Request)) audit.Request {
		r := reader
		change(&r)
		return r
	}
	f("nothing given", everything, func(*http.Request) {}, reader)
	f("an id", everything, func(r *http.Request) { r.Header.Set("X-Request-Id", "a\x01b\xff-\u20ac") },
		with(func(r *audit.Request) { r.ID = "ab-€" }))
	f("a long id", everything, func(r *http.Request) { r.Header.Set("X-Request-Id", strings.Repeat("€", 100)) },
		with(func(r *audit.Request) { r.ID = strings.Repeat("€", 42) }))
	f("a trace", everything, func(r *http.Request) { r.Header.Set("Traceparent", trace) },
		with(func(r *audit.Request) { r.TraceID, r.SpanID = trace[3:35], trace[36:52] }))
	f("a proxy that is not trusted", everything, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.9") }, reader)
	f("a trusted proxy", everything, func(r *http.Request) {
		r.RemoteAddr = "10.1.2.3:80"
		r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
	}, with(func(r *audit.Request) { r.SocketAddress, r.Forwarded = "10.1.2.3", "203.0.113.9" }))
	f("a header that is ignored", `{"enabled":true,"audit":{"disabled_rest_categories":[],"disabled_transport_categories":[],"ignore_headers":["User-A*"]}}`,
		func(*http.Request) {}, with(func(r *audit.Request) { r.UserAgent = "" }))
	f("a refused login", everything, func(r *http.Request) { r.SetBasicAuth("reader", "wrong") },
		with(func(r *audit.Request) { r.AuthMethod, r.Roles, r.BackendRoles = "basic", nil, nil }))
	f("a scheme that may be a secret", everything, func(r *http.Request) { r.Header.Set("Authorization", "s3cr3t more") },
		with(func(r *audit.Request) { r.Roles, r.BackendRoles = nil, nil }))
	f("a forged header", everything, func(r *http.Request) { r.Header.Set("_opendistro_security_user", "root") },
		with(func(r *audit.Request) { r.Roles, r.BackendRoles = nil, nil }))
}

// TestDefaultFormatSaysNoMore is the other side: without the extended format no event has any of it.
func TestDefaultFormatSaysNoMore(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	w.do("reader GET /logs-a/_search", "")
	w.do("reader:wrong GET /logs-a/_search", "")
	for _, e := range w.events {
		if e.Request != nil || e.Outcome != nil || e.ResolvedSum != nil || e.Category == audit.RequestOutcome {
			t.Errorf("%s: %+v %+v", e.Category, e.Request, e.Outcome)
		}
	}
	if len(w.events) < 3 {
		t.Errorf("events: %v", w.steps)
	}
}

// TestOutcome shows what the event says of how a request ended.
func TestOutcome(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	f := func(name, line, body, answer string, status int, want audit.Outcome) {
		t.Run(name, func(t *testing.T) {
			w := extended(t, everything, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, answer)
			})
			rec := w.do(line, body)
			list := w.of(audit.RequestOutcome)
			if len(list) != 1 || w.events[len(w.events)-1] != list[0] {
				t.Fatalf("outcomes: %v in %v", list, w.steps)
			}
			if want.ResponseBytes == 0 {
				want.ResponseBytes = int64(rec.Body.Len())
			}
			want.RequestBytes = int64(len(body))
			if diff := cmp.Diff(&want, list[0].Outcome, cmpopts.IgnoreFields(audit.Outcome{}, "Took")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if list[0].Outcome.Took <= 0 {
				t.Error("took no time")
			}
		})
	}
	const found = `{"took":1,"timed_out":false,"_shards":{},"hits":{"total":{"value":12,"relation":"eq"},"hits":[{"_id":"1"},{"_id":"2"}]}}`
	f("search", "root GET /accounts/_search", "", found, 200, audit.Outcome{Status: 200, Hits: n(12), Documents: n(2)})
	f("compressed away", "root HEAD /accounts", "", "", 404, audit.Outcome{Status: 404})
	f("count", "root GET /accounts/_count", "", `{"count":7,"_shards":{}}`, 200, audit.Outcome{Status: 200, Hits: n(7)})
	f("msearch", "root POST /_msearch", "{}\n{}\n", `{"responses":[`+found+`,{"error":{"type":"index_not_found_exception"},"status":404}]}`, 200,
		audit.Outcome{Status: 200, Hits: n(12), Documents: n(2), Failed: 1, ErrorType: "index_not_found_exception"})
	f("get", "root GET /accounts/_doc/1", "", `{"_index":"accounts","_id":"1","found":true,"_source":{}}`, 200, audit.Outcome{Status: 200, Documents: n(1)})
	f("mget", "root POST /_mget", `{"docs":[]}`, `{"docs":[{"found":true},{"found":false},{"error":{}}]}`, 200, audit.Outcome{Status: 200, Documents: n(1)})
	f("write", "root PUT /accounts/_doc/1", `{"a":1}`, `{"result":"created"}`, 201, audit.Outcome{Status: 201, Documents: n(1)})
	f("no-op", "root POST /accounts/_update/1", `{"doc":{}}`, `{"result":"noop"}`, 200, audit.Outcome{Status: 200, Documents: n(0)})
	f("bulk", "root POST /accounts/_bulk", "{\"delete\":{\"_id\":\"1\"}}\n", `{"items":[{"index":{"result":"created"}},{"delete":{"result":"not_found"}},{"create":{"error":{"type":"version_conflict_engine_exception"}}}]}`, 200,
		audit.Outcome{Status: 200, Documents: n(1), Failed: 1, ErrorType: "version_conflict_engine_exception"})
	f("by query", "root POST /accounts/_delete_by_query", `{"query":{}}`, `{"total":5,"deleted":3,"updated":0,"failures":[{"cause":{"type":"x"}}]}`, 200,
		audit.Outcome{Status: 200, Documents: n(3), Failed: 1, ErrorType: "x"})
	f("error", "root GET /accounts/_doc/9", "", `{"error":{"type":"index_not_found_exception"},"status":404}`, 404, audit.Outcome{Status: 404, ErrorType: "index_not_found_exception"})
	f("refused", "reader GET /accounts/_search", "", "", 200, audit.Outcome{Status: 403, ErrorType: "security_exception"})
	f("not logged in", "reader:wrong GET /accounts/_search", "", "", 200, audit.Outcome{Status: 401})
	f("an answer that is not JSON", "root GET /_cat/indices", "", "green open accounts\n", 200, audit.Outcome{Status: 200})
	long := strings.Replace(found, `"_id":"1"`, `"_id":"`+strings.Repeat("x", 3*holdBack)+`"`, 1)
	f("a long answer", "root GET /accounts/_search", "", long, 200, audit.Outcome{Status: 200, Hits: n(12)})
}

// TestOutcomeOfACompressedAnswer counts what was handed to the connection, not what was packed into it.
func TestOutcomeOfACompressedAnswer(t *testing.T) {
	for _, line := range []string{"root GET /accounts/_search", "root PUT /accounts/_doc/1"} {
		w := extended(t, watched+" ", answerJSON(`{"result":"created","x":"`+strings.Repeat("x", 5000)+`"}`))
		w.Outcomes = OutcomesAll
		r := w.request(line, `{}`)
		r.Header.Set("Accept-Encoding", "gzip")
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		list := w.of(audit.RequestOutcome)
		if len(list) != 1 || list[0].Outcome.ResponseBytes != int64(rec.Body.Len()) || rec.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %d bytes left, told %v in %v", line, rec.Body.Len(), list, w.steps)
		}
	}
}

// TestWhichOutcomes shows which requests have the event.
func TestWhichOutcomes(t *testing.T) {
	f := func(rule Outcomes, config, line string, want int) {
		t.Helper()
		w := extended(t, config, answerJSON(`{"hits":{}}`))
		w.Outcomes = rule
		w.do(line, "")
		if got := len(w.of(audit.RequestOutcome)); got != want {
			t.Errorf("%s %s: %d outcomes, want %d: %v", rule, line, got, want, w.steps)
		}
	}
	const ignoring = `{"enabled":true,"audit":{"ignore_users":["root"],"ignore_requests":["/accounts/_s*","SearchRequest"]},` +
		`"compliance":{"enabled":true,"read_ignore_users":[],"read_watched_fields":{"accounts":["*"]}}}`
	f(OutcomesAudited, defaults, "root GET /accounts/_search", 0)
	f(OutcomesAudited, defaults, "reader GET /accounts/_search", 1) // MISSING_PRIVILEGES
	f(OutcomesAudited, everything, "root GET /accounts/_search", 1)
	f(OutcomesAll, defaults, "root GET /accounts/_search", 1)
	f(OutcomesAll, defaults, "- GET /_open", 0)
	f(OutcomesAll, ignoring, "root GET /logs-a/_count", 0)
	f(OutcomesAll, ignoring, "reader GET /logs-a/_search", 0)
	f(OutcomesAll, ignoring, "reader GET /logs-a/_doc/1", 1)
	f(OutcomesAudited, everything, "root GET /no/such/thing/here", 0)
	f(OutcomesAll, everything, "root GET /no/such/thing/here", 1)
	f(OutcomesAll, `{"enabled":false}`, "root GET /accounts/_search", 0)
	f(OutcomesNone, everything, "root GET /accounts/_search", 0)
}

// TestOutcomeComesFirst shows that no last byte leaves before the outcome is durable: if it cannot be, a short answer is 503
// and a long one has no end.
func TestOutcomeComesFirst(t *testing.T) {
	for _, size := range []int{10, 3 * holdBack} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			w := extended(t, defaults, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", size)) })
			w.Outcomes = OutcomesAll
			w.fail["record REQUEST_OUTCOME"] = errors.New("full")
			s := httptest.NewServer(w)
			defer s.Close()
			r := w.request("root GET /accounts/_search", "")
			r.URL.Scheme, r.URL.Host, r.RequestURI = "http", s.Listener.Addr().String(), ""
			resp, err := s.Client().Do(r)
			if err == nil {
				defer resp.Body.Close()
				_, err = io.ReadAll(resp.Body)
			}
			if size == 10 && (err != nil || resp.StatusCode != http.StatusServiceUnavailable) || size > 10 && err == nil {
				t.Errorf("answered %v, %v", resp, err)
			}
		})
	}
}

// TestOutcomeWithTheWrite shows that a watched write has its outcome in the append that closes the intent.
func TestOutcomeWithTheWrite(t *testing.T) {
	w := extended(t, watched, answerJSON(`{"result":"created"}`))
	w.Outcomes = OutcomesAll
	w.do("root PUT /accounts/_doc/1", `{"a":1}`)
	w.wantSteps("begin accounts/1", "handle", "end REQUEST_OUTCOME")
}

func TestTLSFailedExtended(t *testing.T) {
	w := extended(t, defaults, nil)
	if err := w.TLSFailed(t.Context(), &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 5}, errors.New("no")); err != nil {
		t.Fatal(err)
	}
	if len(w.events) != 1 || w.events[0].Request.SocketAddress != "192.0.2.9" {
		t.Errorf("events: %v", w.events)
	}
}
