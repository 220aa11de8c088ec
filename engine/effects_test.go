package engine

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/rest"
	"vigil/rest/resttest"
)

// effects runs a request with effects and returns its answer and what was said, one line for each action and write.
func effects(e *Engine, fx *rest.Effects, method, path, body string) (status int, text string, said []string) {
	if fx == nil {
		fx = &rest.Effects{}
	}
	if fx.Watches == nil {
		fx.Watches = func(string) rest.Watch { return rest.Watch{Writes: true, Before: true} }
	}
	listened := resttest.Listen(fx)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r = r.WithContext(rest.WithEffects(r.Context(), fx))
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String()), listened()
}

func TestEffectsOfRequests(t *testing.T) {
	bulkOf := func(items string) string {
		return "indices:data/write/bulk[s] BulkShardRequest [a] < indices:data/write/bulk " + items
	}
	steps := []struct {
		name, method, path, body string
		want                     []string
	}{
		{"a new index and a new field", "PUT", "/a/_doc/1", `{"f":"x"}`, []string{
			"indices:admin/auto_create CreateIndexRequest [a] {}",
			bulkOf(`(index a/1 {"f":"x"})`),
			`indices:admin/mapping/auto_put PutMappingRequest [a] {"_doc":{"properties":{"f":{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}}}}`,
			`CREATE a/1 v1  -> {"f":"x"}`,
		}},
		{"nothing new", "PUT", "/a/_doc/1", `{"f":"y"}`, []string{bulkOf(`(index a/1 {"f":"y"})`), `UPDATE a/1 v2 {"f":"x"} -> {"f":"y"}`}},
		{"a new field below an object", "PUT", "/a/_doc/2", `{"o":{"n":1}}`, []string{
			bulkOf(`(index a/2 {"o":{"n":1}})`),
			`indices:admin/mapping/auto_put PutMappingRequest [a] {"_doc":{"properties":{"o":{"properties":{"n":{"type":"long"}}}}}}`,
			`CREATE a/2 v1  -> {"o":{"n":1}}`,
		}},
		{"an update hands over what it comes to", "POST", "/a/_update/1", `{"doc":{"f":"z"}}`, []string{
			"indices:data/write/bulk BulkRequest []", bulkOf(`(index a/1 {"f":"z"})`), `UPDATE a/1 v3 {"f":"y"} -> {"f":"z"}`,
		}},
		{"a no-op hands over nothing", "POST", "/a/_update/1", `{"doc":{"f":"z"}}`, nil},
		{"a failure is not a write", "PUT", "/a/_create/1", `{"f":"z"}`, []string{bulkOf(`(create a/1 {"f":"z"})`)}},
		{"a delete", "DELETE", "/a/_doc/1", ``, []string{bulkOf(`(delete a/1 )`), `DELETE a/1 v4 {"f":"z"} -> `}},
		{"deleting a missing document is not a write", "DELETE", "/a/_doc/1", ``, []string{bulkOf(`(delete a/1 )`)}},
		{"a bulk", "POST", "/a/_bulk", "{\"index\":{\"_id\":\"5\"}}\n{\"f\":\"1\"}\n{\"delete\":{\"_id\":\"5\"}}\n", []string{
			bulkOf(`(index a/5 {"f":"1"}) (delete a/5 )`), `CREATE a/5 v1  -> {"f":"1"}`, `DELETE a/5 v2 {"f":"1"} -> `,
		}},
		{"reading says nothing", "GET", "/a/_search", ``, nil},
		{"nor does a get", "GET", "/a/_doc/2", ``, nil},
		{"a mget asks for each shard", "POST", "/_mget", `{"docs":[{"_index":"a","_id":"1"},{"_index":"a","_id":"2"}]}`, []string{
			"indices:data/read/mget[shard] MultiGetShardRequest [a]",
		}},
		{"a msearch for each search", "POST", "/_msearch", "{\"index\":\"a\"}\n{\"size\":1}\n{\"index\":\"n*\"}\n{}\n", []string{
			`indices:data/read/search SearchRequest [a] < indices:data/read/msearch {"size":1}`,
			`indices:data/read/search SearchRequest [] < indices:data/read/msearch {}`,
		}},
		{"a refresh for each shard", "POST", "/a/_refresh", ``, []string{"indices:admin/refresh[s] BasicReplicationRequest [a] < indices:admin/refresh"}},
		{"a close twice for each shard", "POST", "/a/_close", ``, []string{
			"indices:admin/close[s] ShardRequest [a] < indices:admin/close", "indices:admin/close[s] ShardRequest [a] < indices:admin/close",
		}},
		{"an open", "POST", "/a/_open", ``, nil},
		{"delete by query", "POST", "/a/_delete_by_query?refresh=true", `{"query":{"ids":{"values":["2"]}}}`, []string{
			`indices:data/read/search SearchRequest [a] < indices:data/write/delete/byquery {"size":1000,"query":{"ids":{"values":["2"],"boost":1.0}},"_source":false,"version":false,"seq_no_primary_term":true,"sort":[{"_doc":{"order":"asc"}}]}`,
			"indices:data/write/bulk BulkRequest [] < indices:data/write/delete/byquery",
			bulkOf(`(delete a/2 )`),
			"indices:data/read/scroll SearchScrollRequest [] < indices:data/write/delete/byquery",
			"indices:admin/refresh RefreshRequest [a] < indices:data/write/delete/byquery",
			"indices:admin/refresh[s] BasicReplicationRequest [a] < indices:admin/refresh",
			"indices:data/read/scroll/clear ClearScrollRequest []",
			`DELETE a/2 v2 {"o":{"n":1}} -> `,
		}},
	}
	e := open(t, Options{})
	for _, s := range steps {
		_, text, said := effects(e, nil, s.method, s.path, s.body)
		if diff := cmp.Diff(s.want, said); diff != "" {
			t.Errorf("%s (-want +got):\n%s\nanswer: %s", s.name, diff, text)
		}
	}
}

// denying refuses the actions of that name on the indices.
func denying(name rest.ActionName, indices ...string) *rest.Effects {
	return &rest.Effects{Allow: func(a rest.Action) error {
		if a.Name == name && slices.ContainsFunc(a.Resolved, func(x string) bool { return slices.Contains(indices, x) }) {
			return rest.Errorf(http.StatusForbidden, "security_exception", "no permissions for [%s]", name)
		}
		return nil
	}}
}

func TestDeniedActionsDoNotRun(t *testing.T) {
	e := open(t, Options{})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	want(t, e, 201, "PUT", "/secret/_doc/1", `{"n":1}`)

	status, text, _ := effects(e, denying("indices:data/write/bulk[s]", "secret"), "PUT", "/secret/_doc/2", `{"n":2}`)
	if status != 403 || !strings.Contains(text, "security_exception") {
		t.Errorf("denied document: got %d %s", status, text)
	}
	want(t, e, 404, "GET", "/secret/_doc/2", "")

	_, text, _ = effects(e, denying("indices:data/write/bulk[s]", "secret"), "POST", "/_bulk",
		"{\"index\":{\"_index\":\"a\",\"_id\":\"2\"}}\n{\"n\":2}\n{\"index\":{\"_index\":\"secret\",\"_id\":\"2\"}}\n{\"n\":2}\n")
	var bulk struct {
		Errors bool
		Items  []map[string]struct{ Status int }
	}
	if err := json.Unmarshal([]byte(text), &bulk); err != nil {
		t.Fatal(err)
	}
	if !bulk.Errors || bulk.Items[0]["index"].Status != 201 || bulk.Items[1]["index"].Status != 403 {
		t.Errorf("half-denied bulk: got %s", text)
	}

	status, _, _ = effects(e, denying("indices:admin/auto_create", "new"), "PUT", "/new/_doc/1", `{}`)
	if status != 403 {
		t.Errorf("denied auto_create: got %d", status)
	}
	want(t, e, 404, "GET", "/new", "")

	status, _, _ = effects(e, denying("indices:admin/mapping/auto_put", "a"), "PUT", "/a/_doc/3", `{"extra":1}`)
	if status != 403 {
		t.Errorf("denied auto_put: got %d", status)
	}
	if m := want(t, e, 200, "GET", "/a/_mapping", ""); strings.Contains(m, "extra") {
		t.Errorf("a denied mapping was made: %s", m)
	}

	_, text, _ = effects(e, denying("indices:data/read/search", "secret"), "POST", "/_msearch", "{\"index\":\"a\"}\n{\"size\":0}\n{\"index\":\"secret\"}\n{\"size\":0}\n")
	if strings.Count(text, `"status":200`) != 1 || strings.Count(text, `"status":403`) != 1 {
		t.Errorf("half-denied msearch: got %s", text)
	}
	_, text, _ = effects(e, denying("indices:data/read/mget[shard]", "secret"), "POST", "/_mget", `{"docs":[{"_index":"a","_id":"1"},{"_index":"secret","_id":"1"}]}`)
	if strings.Count(text, `"found":true`) != 1 || !strings.Contains(text, "security_exception") {
		t.Errorf("half-denied mget: got %s", text)
	}
}

func TestResolveForGateway(t *testing.T) {
	e := open(t, Options{})
	want(t, e, 200, "PUT", "/logs-a", `{"aliases":{"logs":{}}}`)
	want(t, e, 200, "PUT", "/logs-b", `{"settings":{"hidden":true},"aliases":{"logs":{}}}`)
	want(t, e, 200, "PUT", "/.sys", ``)
	want(t, e, 200, "PUT", "/logs-2026.01.02", ``)
	for _, tc := range []struct {
		exprs         string
		want, missing []string
	}{
		{"", []string{".sys", "logs-2026.01.02", "logs-a", "logs-b"}, nil},
		{"_all", []string{".sys", "logs-2026.01.02", "logs-a", "logs-b"}, nil},
		{"*", []string{".sys", "logs-2026.01.02", "logs-a", "logs-b"}, nil},
		{"logs-*,-logs-b", []string{"logs-2026.01.02", "logs-a"}, nil},
		{"logs", []string{"logs-a", "logs-b"}, nil},
		{"logs-a,nope", []string{"logs-a"}, []string{"nope"}},
		{"-logs-a", nil, []string{"-logs-a"}},
		{"<logs-{now/d}>", []string{"logs-2026.01.02"}, nil},
		{"no*", nil, nil},
	} {
		var exprs []string
		if tc.exprs != "" {
			exprs = strings.Split(tc.exprs, ",")
		}
		got, missing := e.Resolve(exprs)
		if !slices.Equal(got, tc.want) || !slices.Equal(missing, tc.missing) {
			t.Errorf("%q: got %q missing %q, want %q missing %q", tc.exprs, got, missing, tc.want, tc.missing)
		}
	}
}

func TestOperationsAreRowsOfTheTable(t *testing.T) {
	e := open(t, Options{})
	rows := map[string]bool{}
	for _, r := range rest.OpenSearch() {
		rows[r.Op] = true
	}
	for _, op := range e.Ops() {
		if !rows[op] {
			t.Errorf("no row for operation %q", op)
		}
	}
}
