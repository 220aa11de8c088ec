package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"vigil/audit"
	"vigil/authn"
	"vigil/authz"
	"vigil/rest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway with everything around it faked but its policy, its routes and its roles.
type world struct {
	*Gateway
	t      testing.TB
	policy *audit.Policy

	mu     sync.Mutex
	events []*audit.Event
	steps  []string // what happened, in its order: "record FAILED_LOGIN", "begin", "handle", "end", …
	fail   map[string]error
	// stall, if not nil, holds every append until it is closed.
	stall chan struct{}
}

func (w *world) Policy() *audit.Policy { return w.policy }

func (w *world) step(name string, events []*audit.Event) error {
	if w.stall != nil {
		<-w.stall
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail[name]; err != nil {
		return err
	}
	var nameSb54 strings.Builder
	for _, e := range events {
		if w.policy.Keep(e) {
			w.events = append(w.events, e)
			nameSb54.WriteString(" " + string(e.Category))
		}
	}
	name += nameSb54.String()
	if err := w.fail[name]; err != nil {
		return err
	}
	w.steps = append(w.steps, name)
	return nil
}

func (w *world) Record(_ context.Context, events ...*audit.Event) error {
	return w.step("record", events)
}

func (w *world) Begin(_ context.Context, in audit.Intent, events ...*audit.Event) (audit.Ticket, error) {
	return audit.Ticket{}, w.step("begin "+in.Index+"/"+in.DocID, events)
}

func (w *world) End(_ context.Context, _ audit.Ticket, events ...*audit.Event) error {
	return w.step("end", events)
}

func (w *world) Resolve(exprs []string) (concrete, missing []string) {
	existing := []string{"accounts", "logs-a", ".security"}
	if len(exprs) == 0 {
		return existing, nil
	}
	for _, e := range exprs {
		switch {
		case e == "*":
			concrete = append(concrete, existing...)
		case slices.Contains(existing, e):
			concrete = append(concrete, e)
		default:
			missing = append(missing, e)
		}
	}
	return concrete, missing
}

func (w *world) Aliases(string) []string { return nil }
func (w *world) Shards(string) int       { return 1 }

func (w *world) Sources(_, field string) []string { return sources[field] }

func (w *world) Check(_ *http.Request, c *rest.Call) error {
	if c.Route.Op == "search" && len(c.Body) > 0 && !json.Valid(c.Body) {
		return rest.Errorf(http.StatusBadRequest, "parsing_exception", "not JSON")
	}
	return nil
}

func (w *world) Body(c *rest.Call) (string, bool) { return string(c.Body), len(c.Body) > 0 }

type authenticator struct{}

func (authenticator) Authenticate(_ context.Context, r *http.Request) (*authn.Principal, error) {
	name, password, ok := r.BasicAuth()
	switch {
	case !ok:
		return nil, &authn.FailedError{User: authn.NoUser}
	case password != "right":
		return nil, &authn.FailedError{User: name}
	}
	return &authn.Principal{Name: name, BackendRoles: []string{name}}, nil
}

// newWorld returns a gateway whose cluster is h. The audit configuration is config over the code's defaults.
func newWorld(t testing.TB, config string, h http.HandlerFunc) *world {
	t.Helper()
	w := &world{t: t, fail: map[string]error{}}
	c, err := audit.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if w.policy, err = audit.NewPolicy(c, audit.Indices{Config: func(i string) bool { return i == ".security" }}); err != nil {
		t.Fatal(err)
	}
	table, err := rest.NewTable(rest.OpenSearch(), []rest.Route{
		{Method: "GET", Path: "/_open", Op: "open", Open: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "open") })},
	})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := authz.New(authz.Config{
		Mappings: map[string]authz.RoleMapping{
			"all_access": {Users: []string{"root"}}, "reader": {Users: []string{"reader"}}, "owner": {Users: []string{"owner"}},
		},
		Roles: map[string]authz.Role{
			"reader": {ClusterPermissions: []string{"cluster_composite_ops"}, IndexPermissions: []authz.IndexPermission{{IndexPatterns: []string{"logs-*"}, AllowedActions: []string{"read"}}}},
			"owner": {IndexPermissions: []authz.IndexPermission{{IndexPatterns: []string{"logs-*"}, AllowedActions: []string{
				"indices:admin/resize", "indices:admin/rollover", "indices:admin/create", "indices:monitor/stats",
			}}}},
		},
		SystemIndices: []string{".security"}, GuardedNames: []string{"audit-*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Gateway, err = New(Options{
		Routes: table, Authn: authenticator{}, Authz: func() *authz.Evaluator { return roles }, Audit: w, Indices: w, Dialect: w,
		Cluster: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			w.steps = append(w.steps, "handle")
			w.mu.Unlock()
			h(rw, r)
		}),
		ConfigType: func(s string) string { return strings.ToLower(s) }, SecurityIndex: ".security", Node: "n",
		MaxContentLength: 1 << 20, MaxInFlight: 4 << 20, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// request is "user METHOD path" with an optional body.
func (w *world) request(line, body string) *http.Request {
	f := strings.Fields(line)
	r := httptest.NewRequest(f[1], f[2], strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(f[1], f[2], nil)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.RemoteAddr = "192.0.2.7:5000"
	if f[0] != "-" {
		name, password, _ := strings.Cut(f[0], ":")
		if password == "" {
			password = "right"
		}
		r.SetBasicAuth(name, password)
	}
	return r
}

func (w *world) do(line, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, w.request(line, body))
	return rec
}

func (w *world) wantSteps(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.steps); diff != "" {
		w.t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// wantAll is wantSteps for reads, whose events are made durable while the handler runs: the order is chance.
func (w *world) wantAll(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	slices.Sort(w.steps)
	w.wantSteps(want...)
}

const (
	everything = `{"enabled":true,"audit":{"disabled_rest_categories":[],"disabled_transport_categories":[]}}`
	defaults   = `{"enabled":true,"audit":{},"compliance":{"enabled":true}}`
	watched    = `{"enabled":true,"audit":{},"compliance":{"enabled":true,"write_watched_indices":["accounts"],"read_metadata_only":true,"read_watched_fields":{"accounts":["ssn","a.*"]}}}`
)

func answerJSON(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

func TestPathOfARequest(t *testing.T) {
	f := func(name, config, line, body string, status int, steps ...string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config, answerJSON(`{}`))
			rec := w.do(line, body)
			if rec.Code != status {
				t.Errorf("got status %d, want %d: %s", rec.Code, status, rec.Body)
			}
			if strings.Contains(line, " GET ") {
				w.wantAll(steps...)
			} else {
				w.wantSteps(steps...)
			}
		})
	}
	f("granted read", everything, "root GET /logs-a/_search", "", 200, "record AUTHENTICATED GRANTED_PRIVILEGES", "handle")
	f("quiet by default", defaults, "root GET /logs-a/_search", "", 200, "handle")
	f("write is recorded before it is done", everything, "root PUT /logs-a/_doc/1", `{}`, 200,
		"record AUTHENTICATED GRANTED_PRIVILEGES GRANTED_PRIVILEGES", "handle")
	f("denied", defaults, "reader PUT /logs-a/_doc/1", `{}`, 403, "record MISSING_PRIVILEGES")
	f("read by role", defaults, "reader GET /logs-a/_search", "", 200, "handle")
	f("unknown user", defaults, "- GET /logs-a/_search", "", 401, "record FAILED_LOGIN")
	f("wrong password", defaults, "root:wrong GET /logs-a/_search", "", 401, "record FAILED_LOGIN")
	f("unknown path, unknown user", defaults, "- GET /_a/_b/_c/_d", "", 400, "record FAILED_LOGIN")
	f("unknown path, known user", everything, "root GET /_a/_b/_c/_d", "", 400)
	f("wrong method", everything, "root DELETE /_search", "", 405)
	f("unreadable search: only authenticated", everything, "root GET /logs-a/_search", "{", 400, "record AUTHENTICATED")
	f("index created", defaults, "root PUT /new", "", 200, "record INDEX_EVENT", "handle")
	f("security index", defaults, "root PUT /.security/_doc/roles", `{}`, 403, "record OPENDISTRO_SECURITY_INDEX_ATTEMPT MISSING_PRIVILEGES")
	f("watched write has an intent", watched, "root PUT /accounts/_doc/1", `{}`, 200, "begin accounts/1", "handle", "end")
	f("unwatched write has none", watched, "root PUT /logs-a/_doc/1", `{}`, 200, "handle")
	f("open row", everything, "- GET /_open", "", 200)
}

func TestEventsOfTheRequest(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	w.do("root PUT /logs-a/_doc/1?refresh=true", `{"a":1}`)
	var got []map[string]any
	for _, e := range w.events {
		var m map[string]any
		if err := json.Unmarshal(audit.AppendJSON(nil, &audit.Node{}, e), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "@timestamp")
		delete(m, "audit_format_version")
		delete(m, "audit_rest_request_headers")
		got = append(got, m)
	}
	common := map[string]any{"audit_request_effective_user": "root", "audit_request_origin": "REST", "audit_request_remote_address": "192.0.2.7"}
	with := func(m map[string]any) map[string]any {
		maps.Copy(m, common)
		return m
	}
	want := []map[string]any{
		with(map[string]any{
			"audit_category": "AUTHENTICATED", "audit_request_layer": "REST", "audit_request_initiating_user": "root",
			"audit_request_effective_user_is_admin": false, "audit_rest_request_method": "PUT", "audit_rest_request_path": "/logs-a/_doc/1",
			"audit_rest_request_params": map[string]any{"index": "logs-a", "id": "1", "refresh": "true"}, "audit_request_body": `{"a":1}`,
		}),
		with(map[string]any{
			"audit_category": "GRANTED_PRIVILEGES", "audit_request_layer": "TRANSPORT", "audit_request_privilege": "indices:data/write/index",
			"audit_transport_request_type": "IndexRequest", "audit_trace_indices": []any{"logs-a"}, "audit_trace_resolved_indices": []any{"logs-a"},
			"audit_trace_doc_id": "1", "audit_trace_task_id": "n:1", "audit_request_body": `{"a":1}`,
		}),
		with(map[string]any{
			"audit_category": "GRANTED_PRIVILEGES", "audit_request_layer": "TRANSPORT", "audit_request_privilege": "indices:data/write/bulk",
			"audit_transport_request_type": "BulkRequest", "audit_trace_task_id": "n:1",
		}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestNothingIsServedThatIsNotRecorded(t *testing.T) {
	broken := errors.New("disk gone")
	f := func(name, config, line, body, step string, handled bool) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config, answerJSON(`{"secret":1}`))
			w.fail[step] = broken
			rec := w.do(line, body)
			if rec.Code != http.StatusServiceUnavailable || strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("got %d %s, want 503 without the answer", rec.Code, rec.Body)
			}
			if strings.Contains(rec.Body.String(), broken.Error()) {
				t.Errorf("the client is told why: %s", rec.Body)
			}
			if got := slices.Contains(w.steps, "handle"); got != handled {
				t.Errorf("handled: %v, want %v", got, handled)
			}
		})
	}
	f("a read is not answered", everything, "root GET /logs-a/_search", "", "record", true)
	f("a write is not done", everything, "root PUT /logs-a/_doc/1", `{}`, "record", false)
	f("a watched write is not done without its intent", watched, "root PUT /accounts/_doc/1", `{}`, "begin accounts/1", false)
	f("a watched write whose outcome is lost is not answered", watched, "root PUT /accounts/_doc/1", `{}`, "end", true)
	f("a refused login is not answered either", defaults, "- GET /", "", "record", false)
}

func TestFirstByteWaitsForTheLog(t *testing.T) {
	handled := make(chan struct{})
	w := newWorld(t, everything, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(bytes.Repeat([]byte("x"), holdBack))
		close(handled)
		_, _ = rw.Write(bytes.Repeat([]byte("y"), 2*holdBack))
	})
	w.stall = make(chan struct{})
	rec := &countingWriter{header: http.Header{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.ServeHTTP(rec, w.request("root GET /logs-a/_search", ""))
	}()
	<-handled
	if n := rec.written(); n != 0 {
		t.Errorf("%d bytes left before the events were durable", n)
	}
	close(w.stall)
	<-done
	if n := rec.written(); n != 3*holdBack {
		t.Errorf("got %d bytes, want %d", n, 3*holdBack)
	}
}

type countingWriter struct {
	mu     sync.Mutex
	header http.Header
	n      int
}

func (c *countingWriter) Header() http.Header { return c.header }
func (c *countingWriter) WriteHeader(int)     {}
func (c *countingWriter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += len(p)
	return len(p), nil
}

func (c *countingWriter) written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func TestAClientThatHangsUpHidesNothing(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.ServeHTTP(httptest.NewRecorder(), w.request("root GET /logs-a/_search", "").WithContext(ctx))
	w.wantAll("record AUTHENTICATED GRANTED_PRIVILEGES", "handle")
}

func TestHandlerEffectsBecomeEvents(t *testing.T) {
	w := newWorld(t, watched, func(rw http.ResponseWriter, r *http.Request) {
		fx := rest.EffectsFrom(r.Context())
		if err := fx.Begin(rest.Action{Name: "indices:admin/auto_create", Request: "CreateIndexRequest", Indices: []string{"accounts"}, Resolved: []string{"accounts"}}); err != nil {
			rest.WriteError(rw, err)
			return
		}
		fx.Wrote(rest.Write{Index: "accounts", ID: "1", Operation: rest.OpCreate, Version: 1, After: json.RawMessage(`{}`)})
		fx.Wrote(rest.Write{Index: "logs-a", ID: "2", Operation: rest.OpCreate, Version: 1})
		rw.WriteHeader(http.StatusCreated)
	})
	if rec := w.do("root PUT /accounts/_doc/1", `{}`); rec.Code != http.StatusCreated {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	w.wantSteps("begin accounts/1", "handle", "record INDEX_EVENT", "end COMPLIANCE_DOC_WRITE")
}

func TestARefusedEffectIsAnsweredByTheHandler(t *testing.T) {
	w := newWorld(t, defaults, func(rw http.ResponseWriter, r *http.Request) {
		err := rest.EffectsFrom(r.Context()).Begin(rest.Action{
			Name: "indices:data/write/bulk[s]", Request: "BulkShardRequest", Indices: []string{"logs-a"}, Resolved: []string{"logs-a"},
			Parent: "indices:data/write/bulk", Items: []rest.Item{{Op: "index", Index: "logs-a", ID: "1"}}, ItemOps: []string{"index"},
		})
		if err == nil {
			t.Error("the shard's part of the bulk was allowed")
			return
		}
		rest.WriteError(rw, err)
	})
	if rec := w.do("reader POST /_bulk", "{}\n"); rec.Code != http.StatusForbidden {
		t.Errorf("got %d", rec.Code)
	}
	w.wantSteps("handle", "record MISSING_PRIVILEGES")
}

func TestWatchedReads(t *testing.T) {
	hits := `{"hits":{"hits":[` +
		`{"_index":"accounts","_id":"0","_source":{"ssn":"1","x":1}},` +
		`{"_index":"accounts","_id":"1","_source":{"x":1}},` +
		`{"_index":"logs-a","_id":"2","_source":{"ssn":"1"}},` +
		`{"_index":"accounts","_id":"3","_source":{"a":{"b":[1,{"c":null}]}}}]}}`
	w := newWorld(t, watched, answerJSON(hits))
	if rec := w.do("root GET /accounts/_search", ""); rec.Body.String() != hits {
		t.Errorf("the answer was changed: %s", rec.Body)
	}
	got := map[string]string{}
	for _, e := range w.events {
		got[string(e.Category)+" "+e.DocID] = *e.Body
	}
	want := map[string]string{
		"COMPLIANCE_DOC_READ 0": `{"field_names":["ssn"]}`,
		"COMPLIANCE_DOC_READ 3": `{"field_names":["a.b","a.b[0]","a.b[1]","a.b[1].c"]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestAnUnreadableWatchedAnswerIsNotServed(t *testing.T) {
	w := newWorld(t, watched, answerJSON(`{"hits":`))
	if rec := w.do("root GET /accounts/_search", ""); rec.Code != http.StatusBadGateway {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

func TestForgedHeaders(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	for _, name := range []string{"_opendistro_security_user", "_OPENDISTRO_SECURITY_origin"} {
		r := w.request("root GET /", "")
		r.Header[name] = []string{"admin"}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != http.StatusForbidden {
			t.Errorf("%s: got %d", name, rec.Code)
		}
	}
	w.wantSteps("record BAD_HEADERS", "record BAD_HEADERS")
	for _, e := range w.events {
		if e.EffectiveUser != "" || e.RemoteAddress != "" {
			t.Errorf("the event names %q at %q", e.EffectiveUser, e.RemoteAddress)
		}
	}
}

func TestBodies(t *testing.T) {
	zip := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	f := func(name, encoding, body string, status int, want string) {
		t.Run(name, func(t *testing.T) {
			var got string
			w := newWorld(t, defaults, func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = string(b)
				if string(rest.FromContext(r.Context()).Body) != got {
					t.Error("the call's body differs from the request's")
				}
			})
			r := w.request("root PUT /logs-a/_doc/1", body)
			if encoding != "" {
				r.Header.Set("Content-Encoding", encoding)
			}
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			if rec.Code != status {
				t.Errorf("got status %d, want %d: %s", rec.Code, status, rec.Body)
			}
			if got != want {
				t.Errorf("got a body of %d bytes, want %d", len(got), len(want))
			}
		})
	}
	f("plain", "", `{"a":1}`, 200, `{"a":1}`)
	f("gzip", "gzip", zip(`{"a":1}`), 200, `{"a":1}`)
	f("not gzip", "gzip", `{"a":1}`, 400, "")
	f("other encoding", "br", `{"a":1}`, 415, "")
	f("too long", "", `{"a":"`+strings.Repeat("x", 1<<20)+`"}`, 413, "")
	f("gzip bomb", "gzip", zip(strings.Repeat("x", 2<<20)), 413, "")
	f("just fits", "", strings.Repeat("x", 1<<20), 200, strings.Repeat("x", 1<<20))
}

func TestWhatAllBodiesMayHold(t *testing.T) {
	w := newWorld(t, defaults, answerJSON(`{}`))
	w.inFlight.Store(4 << 20)
	if rec := w.do("root PUT /logs-a/_doc/1", strings.Repeat("x", 1<<20)); rec.Code != http.StatusTooManyRequests {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if got := w.inFlight.Load(); got != 4<<20 {
		t.Errorf("%d bytes are still counted", got-4<<20)
	}
	if rec := w.do("root PUT /logs-a/_doc/1", `{}`); rec.Code != http.StatusOK {
		t.Errorf("a small request is refused too: %d", rec.Code)
	}
}

func TestClientAddress(t *testing.T) {
	w := newWorld(t, defaults, answerJSON(`{}`))
	f := func(socket, forwarded, want string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = socket
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		if got := ClientAddress(r, w.TrustedProxies).String(); got != want {
			t.Errorf("%s for %s: got %s, want %s", socket, forwarded, got, want)
		}
	}
	f("192.0.2.1:1", "", "192.0.2.1")
	f("192.0.2.1:1", "1.1.1.1", "192.0.2.1")
	f("10.0.0.1:1", "1.1.1.1", "1.1.1.1")
	f("10.0.0.1:1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1")
	f("10.0.0.1:1", "1.1.1.1, junk", "10.0.0.1")
	f("[::ffff:192.0.2.1]:1", "", "192.0.2.1")
}

func TestAPanicIsOneRequestsFault(t *testing.T) {
	w := newWorld(t, everything, func(http.ResponseWriter, *http.Request) { panic("secret detail") })
	rec := w.do("root GET /logs-a/_search", "")
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	w.wantAll("record AUTHENTICATED GRANTED_PRIVILEGES", "handle")
}

func TestWhatWasDoneBeforeAPanicIsRecorded(t *testing.T) {
	w := newWorld(t, watched, func(_ http.ResponseWriter, r *http.Request) {
		rest.EffectsFrom(r.Context()).Wrote(rest.Write{Index: "accounts", ID: "1", Operation: rest.OpCreate, Version: 1})
		panic("after the effect")
	})
	if rec := w.do("root PUT /accounts/_doc/1", `{}`); rec.Code != http.StatusInternalServerError {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	w.wantSteps("begin accounts/1", "handle", "end COMPLIANCE_DOC_WRITE")
}

func TestAChangeOutlivesItsClient(t *testing.T) {
	w := newWorld(t, defaults, func(_ http.ResponseWriter, r *http.Request) {
		if err := r.Context().Err(); err != nil {
			t.Errorf("the handler is told to stop: %v", err)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.ServeHTTP(httptest.NewRecorder(), w.request("root PUT /logs-a/_doc/1", `{}`).WithContext(ctx))
	w.wantSteps("handle")
}

func TestAsIsAuthorizedAndAudited(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	h := w.As(&authn.Principal{Name: "reader"})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, w.request("- GET /logs-a/_search", ""))
	if rec.Code != http.StatusOK {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	rec = httptest.NewRecorder()
	h.ServeHTTP(rec, w.request("- GET /accounts/_search", ""))
	if rec.Code != http.StatusForbidden {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	w.wantAll("handle", "record GRANTED_PRIVILEGES", "record MISSING_PRIVILEGES")
	for _, e := range w.events {
		if e.Origin != audit.OriginLocal || e.RemoteAddress != "" {
			t.Errorf("got origin %s from %q", e.Origin, e.RemoteAddress)
		}
	}
}
