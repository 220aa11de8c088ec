package security

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"vigil/authn"
	"vigil/authz"
	"vigil/cluster"
	"vigil/rest"
)

const (
	index = ".opendistro_security"
	api   = "/_plugins/_security/api"
)

// memory is a store: an http.Handler that knows what the API needs of the document API.
type memory struct {
	mu    sync.Mutex
	made  bool
	seqNo int64
	docs  map[string]savedDoc
	fail  error // what every request is answered with
	// before runs ahead of every write of a document.
	before func(id string)
}

type savedDoc struct {
	source         json.RawMessage
	seqNo, version int64
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rest.WriteError(w, err)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if m.before != nil && r.Method == http.MethodPut && len(parts) == 3 {
		m.before(parts[2])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.fail != nil:
		rest.WriteError(w, m.fail)
	case r.Method == http.MethodPut && len(parts) == 1:
		if m.made {
			rest.WriteError(w, rest.Errorf(http.StatusBadRequest, "resource_already_exists_exception", "index [%s] already exists", parts[0]))
			return
		}
		m.made = true
		rest.WriteJSON(w, http.StatusOK, map[string]any{"acknowledged": true})
	case !m.made:
		rest.WriteError(w, rest.Errorf(http.StatusNotFound, "index_not_found_exception", "no such index [%s]", parts[0]))
	case r.Method == http.MethodGet:
		w.Header().Set("X-Test", "get")
		d, ok := m.docs[parts[2]]
		status := http.StatusOK
		if !ok {
			status = http.StatusNotFound
		}
		rest.WriteJSON(w, status, d.answer(parts[2], ok))
	case strings.HasSuffix(r.URL.Path, "_mget"):
		var in struct{ IDs []string }
		_ = json.Unmarshal(body, &in)
		docs := []any{}
		for _, id := range in.IDs {
			d, ok := m.docs[id]
			docs = append(docs, d.answer(id, ok))
		}
		rest.WriteJSON(w, http.StatusOK, map[string]any{"docs": docs})
	default:
		m.put(w, r, parts[2], body)
	}
}

func (d savedDoc) answer(id string, found bool) map[string]any {
	a := map[string]any{"_index": index, "_id": id, "found": found}
	if found {
		a["_source"], a["_seq_no"], a["_primary_term"], a["_version"] = d.source, d.seqNo, 1, d.version
	}
	return a
}

func (m *memory) put(w http.ResponseWriter, r *http.Request, id string, body []byte) {
	was, exists := m.docs[id]
	q := r.URL.Query()
	if q.Get("op_type") == "create" && exists || q.Has("if_seq_no") && q.Get("if_seq_no") != strconv.FormatInt(was.seqNo, 10) {
		rest.WriteError(w, rest.Errorf(http.StatusConflict, "version_conflict_engine_exception", "[%s]: version conflict", id))
		return
	}
	m.seqNo++
	if m.docs == nil {
		m.docs = map[string]savedDoc{}
	}
	m.docs[id] = savedDoc{source: body, seqNo: m.seqNo, version: was.version + 1}
	rest.WriteJSON(w, http.StatusCreated, map[string]any{"_index": index, "_id": id, "_seq_no": m.seqNo, "_primary_term": 1, "_version": was.version + 1, "result": "x"})
}

// program is the API with as much of the rest of the program as it needs: a table, a state that is reloaded when it says so, and
// the decision who may call.
type program struct {
	t      testing.TB
	store  *memory
	client *cluster.Client
	table  *rest.Table
	basic  *authn.Basic
	state  State
	eval   *authz.Evaluator
	writes []rest.Write
	watch  rest.Watch
	fail   error       // what Changed returns
	header http.Header // of the last answer
	api    *API
}

type callerKey struct{}

func start(t testing.TB, readOnly ...string) *program {
	t.Helper()
	p := &program{t: t, store: &memory{}, basic: authn.NewBasic(authn.BasicOptions{}), watch: rest.Watch{Writes: true}}
	p.client = cluster.NewClient(p.store)
	hash, err := authn.HashPasswordCost("first-password", bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	created, err := Bootstrap(t.Context(), BootstrapOptions{Client: p.client, Index: index, AdminHash: func() (string, error) { return hash, nil }})
	if err != nil || !created {
		t.Fatalf("bootstrap: created %v, %v", created, err)
	}
	if err := p.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{
		Client: p.client, Index: index, Changed: p.reload, Cost: bcrypt.MinCost,
		Caller: func(ctx context.Context) (*authn.Principal, []string) {
			who, _ := ctx.Value(callerKey{}).(*authn.Principal)
			if who == nil {
				return nil, nil
			}
			return who, p.eval.Roles(who, netip.Addr{})
		},
		Evaluator:     func() *authz.Evaluator { return p.eval },
		CheckPassword: p.basic.CheckPassword, ReadOnly: readOnly,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.api = a
	if p.table, err = rest.NewTable(a.Routes()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *program) reload(ctx context.Context) error {
	if p.fail != nil {
		return p.fail
	}
	s, err := Load(ctx, p.client, index)
	if err != nil {
		return err
	}
	p.state = s
	p.basic.SetUsers(s.AuthnUsers())
	p.eval, err = authz.New(s.AuthzConfig([]string{index}))
	return err
}

// do sends a request as somebody: "@admin-cert", "" for nobody, or the name of a user.
func (p *program) do(user, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:60846"
	w := httptest.NewRecorder()
	call, err := p.table.Resolve(r)
	if err != nil {
		rest.AnswerError(w, r, err)
		return w.Code, w.Body.String()
	}
	if body != "" {
		call.Body = []byte(body)
	}
	who := p.principal(user)
	if call.Route.Admin != "" {
		if ok, reason := p.eval.RESTAdmin(who, p.eval.Roles(who, netip.Addr{}), call.Route.Admin, method, nil); !ok {
			rest.WriteJSON(w, http.StatusForbidden, map[string]string{"status": "FORBIDDEN", "message": "No permission to access REST API: " + reason})
			return w.Code, w.Body.String()
		}
	}
	fx := &rest.Effects{Watches: func(string) rest.Watch { return p.watch }}
	ctx := rest.WithEffects(rest.NewContext(context.WithValue(r.Context(), callerKey{}, who), call), fx)
	call.Route.Handler.ServeHTTP(w, r.WithContext(ctx))
	p.writes, p.header = fx.Writes(), w.Header()
	return w.Code, w.Body.String()
}

func (p *program) principal(user string) *authn.Principal {
	if user == "@admin-cert" {
		return &authn.Principal{Name: "CN=admin", Method: "clientcert", IsAdmin: true}
	}
	u := p.state.Users[user]
	return &authn.Principal{Name: user, Method: "basic", Internal: true, BackendRoles: u.BackendRoles, SecurityRoles: u.SecurityRoles}
}

// must sends a request that has to succeed.
func (p *program) must(user, method, path, body string) string {
	p.t.Helper()
	status, answer := p.do(user, method, path, body)
	if status >= http.StatusBadRequest {
		p.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// world makes what the recordings were made with.
func (p *program) world() {
	const admin = "@admin-cert"
	p.must(admin, "PUT", api+"/roles/sc_limited", `{"cluster_permissions":["cluster_composite_ops_ro"],"index_permissions":[{"index_patterns":["logs-*"],"allowed_actions":["read"]}]}`)
	p.must(admin, "PUT", api+"/rolesmapping/own_index", `{"users":["*"]}`)
	p.must(admin, "PUT", api+"/tenants/admin_tenant", `{"description":"x"}`)
	p.must(admin, "PUT", api+"/internalusers/root1", `{"password":"Zq7#maple-River1","opendistro_security_roles":["all_access"]}`)
	p.must(admin, "PUT", api+"/internalusers/limited", `{"password":"Zq7#amber-Stone2","opendistro_security_roles":["sc_limited"]}`)
	p.must(admin, "PUT", api+"/internalusers/norole", `{"password":"Zq7#olive-Field4"}`)
}
