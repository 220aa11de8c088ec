package cluster_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/cluster"
	"vigil/engine"
	"vigil/rest"
	"vigil/rest/resttest"
)

// fixture is a remote of a cluster that is the engine behind a socket, so that what it says can be compared with what the
// engine says itself.
type fixture struct {
	t      *testing.T
	remote *cluster.Remote
	table  *rest.Table
}

func newFixture(t *testing.T) *fixture {
	return newFixtureBehind(t, func(h http.Handler) http.Handler { return h })
}

// newFixtureBehind is a fixture with something between the engine and the socket.
func newFixtureBehind(t *testing.T, wrap func(http.Handler) http.Handler) *fixture {
	t.Helper()
	e, err := engine.Open(engine.Options{Dir: t.TempDir(), ClusterName: "behind"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(wrap(e))
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, err := cluster.NewRemote(cluster.RemoteOptions{URLs: []*url.URL{u}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t, r, table}
}

// do sends a request with effects and returns its answer and what was said, one line for each action and write.
func (f *fixture) do(fx *rest.Effects, method, target, body string) (status int, text string, said []string) {
	f.t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	call, err := f.table.Resolve(req)
	if err != nil {
		f.t.Fatal(err)
	}
	if body != "" {
		call.Body = []byte(body)
	}
	listened := resttest.Listen(fx)
	w := httptest.NewRecorder()
	f.remote.ServeHTTP(w, req.WithContext(rest.WithEffects(rest.NewContext(f.t.Context(), call), fx)))
	return w.Code, strings.TrimSpace(w.Body.String()), listened()
}

func watched() *rest.Effects {
	return &rest.Effects{Watches: func(string) rest.Watch { return rest.Watch{Writes: true, Before: true} }}
}

func TestRemoteSaysWhatRequestsDid(t *testing.T) {
	bulkOf := func(items string) string {
		return "indices:data/write/bulk[s] BulkShardRequest [a] < indices:data/write/bulk " + items
	}
	text := `{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}`
	steps := []struct {
		name, method, path, body string
		want                     []string
	}{
		{"a new index and a new field", "PUT", "/a/_doc/1", `{"f":"x"}`, []string{
			"indices:admin/auto_create CreateIndexRequest [a] {}", bulkOf(`(index a/1 {"f":"x"})`),
			`indices:admin/mapping/auto_put PutMappingRequest [a] {"_doc":{"properties":{"f":` + text + `}}}`,
			`CREATE a/1 v1  -> {"f":"x"}`,
		}},
		{"nothing new", "PUT", "/a/_doc/1", `{"f":"y"}`, []string{bulkOf(`(index a/1 {"f":"y"})`), `UPDATE a/1 v2 {"f":"x"} -> {"f":"y"}`}},
		{"a new field below an object", "PUT", "/a/_doc/2", `{"o":{"n":1}}`, []string{
			bulkOf(`(index a/2 {"o":{"n":1}})`),
			`indices:admin/mapping/auto_put PutMappingRequest [a] {"_doc":{"properties":{"o":{"properties":{"n":{"type":"long"}}}}}}`,
			`CREATE a/2 v1  -> {"o":{"n":1}}`,
		}},
		{"another field below it", "PUT", "/a/_doc/2", `{"o":[{"n":1},{"m":true}]}`, []string{
			bulkOf(`(index a/2 {"o":[{"n":1},{"m":true}]})`),
			`indices:admin/mapping/auto_put PutMappingRequest [a] {"_doc":{"properties":{"o":{"properties":{"m":{"type":"boolean"}}}}}}`,
			`UPDATE a/2 v2 {"o":{"n":1}} -> {"o":[{"n":1},{"m":true}]}`,
		}},
		{"an empty field makes no mapping", "PUT", "/a/_doc/2", `{"o":{"n":1},"none":null}`, []string{
			bulkOf(`(index a/2 {"o":{"n":1},"none":null})`), `UPDATE a/2 v3 {"o":[{"n":1},{"m":true}]} -> {"o":{"n":1},"none":null}`,
		}},
		{"an update shows the partial document", "POST", "/a/_update/1", `{"doc":{"f":"z"}}`, []string{
			"indices:data/write/bulk BulkRequest []", bulkOf(`(update a/1 {"f":"z"})`), `UPDATE a/1 v3 {"f":"y"} -> {"f":"z"}`,
		}},
		{"an update whose answer shows a part", "POST", "/a/_update/1?_source=none", `{"doc":{"f":"w"}}`, []string{
			"indices:data/write/bulk BulkRequest []", bulkOf(`(update a/1 {"f":"w"})`), `UPDATE a/1 v4 {"f":"z"} -> {"f":"w"}`,
		}},
		{"a no-op is not a write", "POST", "/a/_update/1", `{"doc":{"f":"w"}}`, []string{"indices:data/write/bulk BulkRequest []", bulkOf(`(update a/1 {"f":"w"})`)}},
		{"a failure is not a write", "PUT", "/a/_create/1", `{"f":"z"}`, []string{bulkOf(`(create a/1 {"f":"z"})`)}},
		{"a delete", "DELETE", "/a/_doc/1", ``, []string{bulkOf(`(delete a/1 )`), `DELETE a/1 v5 {"f":"w"} -> `}},
		{"deleting a missing document is not a write", "DELETE", "/a/_doc/1", ``, []string{bulkOf(`(delete a/1 )`)}},
		{"a bulk that writes a document three times", "POST", "/a/_bulk", "{\"index\":{\"_id\":\"5\"}}\n{\"f\":\"1\"}\n{\"update\":{\"_id\":\"5\"}}\n{\"doc\":{\"f\":\"2\"}}\n{\"delete\":{\"_id\":\"5\"}}\n", []string{
			bulkOf(`(index a/5 {"f":"1"}) (update a/5 {"f":"2"}) (delete a/5 )`),
			`CREATE a/5 v1  -> {"f":"1"}`, `UPDATE a/5 v2 {"f":"1"} -> {"f":"2"}`, `DELETE a/5 v3 {"f":"2"} -> `,
		}},
		{"reading says nothing", "GET", "/a/_search", ``, nil},
		{"a mget asks for each shard", "POST", "/_mget", `{"docs":[{"_index":"a","_id":"1"},{"_index":"a","_id":"2"}]}`, []string{
			"indices:data/read/mget[shard] MultiGetShardRequest [a]",
		}},
		{"a msearch for each search", "POST", "/_msearch", "{\"index\":\"a\"}\n{\"size\":1}\n{\"index\":\"n*\"}\n{}\n", []string{
			`indices:data/read/search SearchRequest [a] < indices:data/read/msearch {"size":1}`,
			`indices:data/read/search SearchRequest [] < indices:data/read/msearch {}`,
		}},
		{"a lookup in another index", "POST", "/a/_search", `{"query":{"terms":{"f":{"index":"b","id":"7","path":"x"}}}}`, []string{
			"indices:data/read/get GetRequest [b] < indices:data/read/search",
		}},
		{"a lookup behind an escape", "POST", "/a/_search", `{"query":{"terms":{"f":{"inde\u0078":"b","i\u0064":"7","path":"x"}}}}`, []string{
			"indices:data/read/get GetRequest [b] < indices:data/read/search",
		}},
	}
	f := newFixture(t)
	for _, s := range steps {
		_, answer, said := f.do(watched(), s.method, s.path, s.body)
		if diff := cmp.Diff(s.want, said); diff != "" {
			t.Errorf("%s (-want +got):\n%s\nanswer: %s", s.name, diff, answer)
		}
	}
}

func TestRemoteTellsOnlyWhatIsWanted(t *testing.T) {
	f := newFixture(t)
	f.do(&rest.Effects{}, "PUT", "/a/_doc/1", `{"f":1}`)
	if _, _, said := f.do(&rest.Effects{}, "PUT", "/a/_doc/1", `{"f":2}`); len(said) != 1 {
		t.Errorf("unwatched: got %q", said)
	}
	fx := &rest.Effects{Watches: func(string) rest.Watch { return rest.Watch{Writes: true} }}
	if _, _, said := f.do(fx, "PUT", "/a/_doc/1", `{"f":3}`); said[len(said)-1] != `UPDATE a/1 v3  -> {"f":3}` {
		t.Errorf("without the document before: got %q", said)
	}
}

func TestRemoteAnswersAreThoseOfTheCluster(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct{ method, path, body, want string }{
		{"PUT", "/a/_doc/1?filter_path=result", `{"f":1}`, `{"result":"created"}`},
		{"POST", "/a/_update/1?filter_path=result,get", `{"doc":{"f":2}}`, `{"result":"updated"}`},
		{"POST", "/a/_update/1?filter_path=result,get._source&_source=true", `{"doc":{"f":3}}`, `{"result":"updated","get":{"_source":{"f":3}}}`},
		{"POST", "/_bulk?filter_path=items.*.get,items.*.status,errors", "{\"update\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"doc\":{\"f\":4}}\n", `{"errors":false,"items":[{"update":{"status":200}}]}`},
		{"POST", "/_bulk?filter_path=items.*.get._source", "{\"update\":{\"_index\":\"a\",\"_id\":\"1\",\"_source\":true}}\n{\"doc\":{\"f\":5}}\n", `{"items":[{"update":{"get":{"_source":{"f":5}}}}]}`},
	} {
		if _, got, _ := f.do(watched(), tc.method, tc.path, tc.body); got != tc.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tc.method, tc.path, got, tc.want)
		}
	}
}

// lostAnswers lets writes happen and breaks the connection before they are answered.
func lostAnswers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("timeout") != "7s" {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
	})
}

func TestRemoteLooksWhatBecameOfWritesWithoutAnAnswer(t *testing.T) {
	f := newFixtureBehind(t, lostAnswers)
	for _, tc := range []struct{ method, path, body, want string }{
		{"PUT", "/a/_doc/1?timeout=7s", `{"f":1}`, `CREATE a/1 v1  -> {"f":1}`},
		{"PUT", "/a/_doc/1?timeout=7s", `{"f":2}`, `UPDATE a/1 v2 {"f":1} -> {"f":2}`},
		{"POST", "/a/_update/1?timeout=7s", `{"doc":{"f":3}}`, `UPDATE a/1 v3 {"f":2} -> {"f":3}`},
		{"POST", "/_bulk?timeout=7s", "{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"f\":4}\n", `UPDATE a/1 v4 {"f":3} -> {"f":4}`},
		{"DELETE", "/a/_doc/1?timeout=7s", "", `DELETE a/1 v5 {"f":4} -> `},
		{"DELETE", "/a/_doc/1?timeout=7s", "", "indices:data/write/bulk[s] BulkShardRequest [a] < indices:data/write/bulk (delete a/1 )"},
	} {
		status, answer, said := f.do(watched(), tc.method, tc.path, tc.body)
		if status != http.StatusBadGateway || said[len(said)-1] != tc.want {
			t.Errorf("%s %s: got %d %s, last said %q, want %q", tc.method, tc.path, status, answer, said[len(said)-1], tc.want)
		}
	}
}

// overtaken lets somebody else write the document just before the write that comes through.
func overtaken(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("timeout") == "7s" {
			other := httptest.NewRequest(http.MethodPut, "/a/_doc/1", strings.NewReader(`{"f":"theirs"}`))
			other.Header.Set("Content-Type", "application/json")
			h.ServeHTTP(httptest.NewRecorder(), other)
		}
		h.ServeHTTP(w, r)
	})
}

func TestRemoteDoesNotTellAnEarlierDocumentThatWasNotTheLast(t *testing.T) {
	f := newFixtureBehind(t, overtaken)
	f.do(watched(), "PUT", "/a/_doc/1", `{"f":"mine"}`)
	_, _, said := f.do(watched(), "PUT", "/a/_doc/1?timeout=7s", `{"f":"new"}`)
	if got, want := said[len(said)-1], `UPDATE a/1 v3 ? -> {"f":"new"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRemoteCountsShardsByTheRoutingOfAnAlias(t *testing.T) {
	f := newFixture(t)
	f.do(&rest.Effects{}, "PUT", "/many", `{"settings":{"number_of_shards":5},"aliases":{"routed":{"routing":"r"}}}`)
	for target, routing := range map[string]string{"/routed/_doc/a": "r", "/many/_doc/a": "a", "/many/_doc/a?routing=c": "c"} {
		fx, asked := watched(), 0
		fx.Allow = func(a rest.Action) error {
			if a.Shard != nil {
				asked = *a.Shard
			}
			return nil
		}
		f.do(fx, "PUT", target, `{"f":1}`)
		if got, want := fx.Writes()[0].Shard, rest.ShardOf(routing, 5); got != want || asked != want {
			t.Errorf("%s: got shard %d, want %d", target, got, want)
		}
	}
}

// denying refuses the actions of that name on the indices.
func denying(name rest.ActionName, indices ...string) *rest.Effects {
	fx := watched()
	fx.Allow = func(a rest.Action) error {
		if a.Name == name && slices.ContainsFunc(a.Resolved, func(x string) bool { return slices.Contains(indices, x) }) {
			return rest.Errorf(http.StatusForbidden, "security_exception", "no permissions for [%s]", name)
		}
		return nil
	}
	return fx
}

func TestRemoteDoesNotRunWhatIsDenied(t *testing.T) {
	f := newFixture(t)
	must := func(want int, method, path, body string) string {
		t.Helper()
		status, text, _ := f.do(&rest.Effects{}, method, path, body)
		if status != want {
			t.Errorf("%s %s: got %d %s, want %d", method, path, status, text, want)
		}
		return text
	}
	must(201, "PUT", "/a/_doc/1", `{"n":1}`)
	must(201, "PUT", "/secret/_doc/1", `{"n":1}`)

	status, text, _ := f.do(denying("indices:data/write/bulk[s]", "secret"), "PUT", "/secret/_doc/2", `{"n":2}`)
	if status != 403 || !strings.Contains(text, "security_exception") {
		t.Errorf("denied document: got %d %s", status, text)
	}
	must(404, "GET", "/secret/_doc/2", "")
	half := "{\"index\":{\"_index\":\"secret\",\"_id\":\"2\"}}\n{\"n\":2}\n{\"index\":{\"_index\":\"a\",\"_id\":\"2\"}}\n{\"n\":2}\n{\"delete\":{\"_index\":\"secret\",\"_id\":\"1\"}}\n{\"delete\":{\"_index\":\"a\",\"_id\":\"1\"}}\n"
	_, text, _ = f.do(denying("indices:data/write/bulk[s]", "secret"), "POST", "/_bulk", half)
	var bulk struct {
		Errors bool
		Items  []map[string]struct{ Status int }
	}
	if err := json.Unmarshal([]byte(text), &bulk); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range bulk.Items {
		op := slices.Collect(maps.Keys(item))[0]
		got = append(got, fmt.Sprint(op, " ", item[op].Status))
	}
	if diff := cmp.Diff([]string{"index 403", "index 201", "delete 403", "delete 200"}, got); diff != "" || !bulk.Errors {
		t.Errorf("half-denied bulk (-want +got):\n%s\n%s", diff, text)
	}
	must(200, "GET", "/secret/_doc/1", "")
	must(404, "GET", "/secret/_doc/2", "")

	status, text, _ = f.do(denying("indices:admin/mapping/auto_put", "a"), "PUT", "/a/_doc/3", `{"extra":1}`)
	if status != 403 || !json.Valid([]byte(text)) {
		t.Errorf("denied mapping: got %d %s", status, text)
	}
	status, _, _ = f.do(denying("indices:admin/auto_create", "new"), "PUT", "/new/_doc/1", `{}`)
	if status != 403 {
		t.Errorf("denied auto_create: got %d", status)
	}
	must(404, "HEAD", "/new", "")

	_, text, _ = f.do(denying("indices:data/read/search", "secret"), "POST", "/_msearch", "{\"index\":\"a\"}\n{\"size\":0}\n{\"index\":\"secret\"}\n{\"size\":0}\n")
	if ok, no := strings.Index(text, `"status":200`), strings.Index(text, `"status":403`); ok < 0 || no < ok {
		t.Errorf("half-denied msearch: got %s", text)
	}
	for _, body := range []string{
		`{"docs":[{"_index":"a","_id":"2"},{"_index":"secret","_id":"1"}]}`,
		`{"docs":[{"_id":"2","_index":"a"},{"_id":1,"_index":"secret","_source":true}]}`,
	} {
		_, text, _ = f.do(denying("indices:data/read/mget[shard]", "secret"), "POST", "/_mget", body)
		if strings.Count(text, `"found":true`) != 1 || strings.Count(text, `"type":"security_exception"`) != 2 {
			t.Errorf("half-denied mget: got %s", text)
		}
	}
	status, text, _ = f.do(denying("indices:data/read/get", "secret"), "POST", "/a/_search", `{"query":{"terms":{"n":{"index":"secret","id":"1","path":"n"}}}}`)
	if status != 403 {
		t.Errorf("denied lookup: got %d %s", status, text)
	}
}

func TestRemoteRefusesWhatItCannotJudge(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/_bulk/stream", "{}\n", 501},
		{"POST", "/_search/template", `{"source":"{}"}`, 501},
		{"POST", "/_msearch/template", "{}\n{}\n", 501},
		{"POST", "/a/_rank_eval", `{}`, 501},
		{"POST", "/a/_update_by_query", `{}`, 501},
		{"POST", "/_reindex", `{"source":{"index":"b"},"dest":{"index":"a"}}`, 501},
		{"POST", "/_mget", `{docs:[{_index:"a"}]}`, 400},
		{"POST", "/a/_search", `{"index": {`, 400},
	} {
		f.do(&rest.Effects{}, "PUT", "/a/_doc/1", `{"f":1}`)
		if status, text, _ := f.do(watched(), tc.method, tc.path, tc.body); status != tc.want {
			t.Errorf("%s %s: got %d %s, want %d", tc.method, tc.path, status, text, tc.want)
		}
	}
}

// The cluster believes us, so what the caller must not see is left out of each part of a request.
func TestRemoteShowsNothingOfHiddenIndices(t *testing.T) {
	f := newFixture(t)
	for _, index := range []string{"a", "secret", "shapes"} {
		f.do(&rest.Effects{}, "PUT", "/"+index+"/_doc/1?refresh=true", `{"owner":"canary"}`)
	}
	hiding := func() *rest.Effects {
		return &rest.Effects{Hidden: func(index string) bool { return index == "secret" || index == "shapes" }}
	}
	search := `{"query":{"match_all":{}}}` + "\n"
	for _, tc := range []struct {
		name, method, path, body string
		status, canaries         int
	}{
		{"msearch", "POST", "/_msearch", `{"index":"a"}` + "\n" + search + `{"index":"secret"}` + "\n" + search, 200, 1},
		{"msearch of a pattern", "POST", "/_msearch", `{"indices":["s*","a"]}` + "\n" + search, 200, 1},
		{"msearch of everything", "POST", "/_msearch", "{}\n" + search + "\n" + search, 200, 2},
		{"msearch of the path", "POST", "/secret,a/_msearch", "{}\n" + search, 200, 1},
		{"mget", "POST", "/_mget", `{"docs":[{"_index":"a","_id":"1"},{"_index":"secret","_id":"1"}]}`, 200, 1},
		{"a lookup", "POST", "/a/_search", `{"query":{"terms":{"owner":{"index":"secret","id":"1","path":"owner"}}}}`, 403, 0},
		{"a shape without an index", "POST", "/a/_search", `{"query":{"geo_shape":{"g":{"indexed_shape":{"id":"1","path":"g"}}}}}`, 403, 0},
		{"a lookup at run time", "POST", "/a/_search", `{"runtime_mappings":{"r":{"type":"lookup","target_index":"secret"}}}`, 403, 0},
		{"term vectors of another index", "POST", "/a/_termvectors/1", `{"_index":"secret","fields":["owner"]}`, 403, 0},
	} {
		status, text, _ := f.do(hiding(), tc.method, tc.path, tc.body)
		if got := strings.Count(text, "canary"); status != tc.status || got != tc.canaries {
			t.Errorf("%s: got %d with %d documents, want %d with %d: %s", tc.name, status, got, tc.status, tc.canaries, text)
		}
	}
}

// What stands in a body but is not seen here would be judged as if it were not there.
func TestRemotePassesNoBodyThatOnlyTheClusterUnderstands(t *testing.T) {
	var passed atomic.Pointer[string]
	f := newFixtureBehind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			what := r.Method + " " + r.URL.Path
			passed.Store(&what)
			h.ServeHTTP(w, r)
		})
	})
	f.do(&rest.Effects{}, "PUT", "/a/_doc/1", `{"n":1}`)
	wide := func(s string) string { return strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/a/_search", wide(`{"query":{"terms":{"n":{"index":"secret","id":"1","path":"n"}}}}`), 400},
		{"POST", "/_msearch", wide("{}\n{}\n"), 400},
		{"PUT", "/_index_template/t", `/* */{"index_patterns":["secret*"]}`, 400},
		{"PUT", "/b", `/* */{"aliases":{"secret":{}}}`, 400},
		{"POST", "/_aliases", `/* */{"actions":[{"add":{"index":"a","alias":"secret"}}]}`, 400},
		{"POST", "/a/_mtermvectors", `{"ids":["1"],"parameters":{"_index":"secret"}}`, 501},
	} {
		passed.Store(nil)
		status, text, _ := f.do(&rest.Effects{}, tc.method, tc.path, tc.body)
		if status != tc.want {
			t.Errorf("%s %s %q: got %d %s, want %d", tc.method, tc.path, tc.body, status, text, tc.want)
		}
		if what := passed.Load(); what != nil {
			t.Errorf("%s %s %q was passed on: %s", tc.method, tc.path, tc.body, *what)
		}
	}
	if status, _, said := f.do(denying("indices:data/read/tv", "secret"), "POST", "/a/_termvectors/1", `{"_index":"secret"}`); status != 403 {
		t.Errorf("denied term vectors: got %d %v", status, said)
	}
}

func TestRemoteRefusesToReadWatchedDocumentsUnseen(t *testing.T) {
	f := newFixture(t)
	for _, index := range []string{"a", "b"} {
		f.do(&rest.Effects{}, "PUT", "/"+index+"/_doc/1?refresh=true", `{"f":1}`)
	}
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/a/_update_by_query", `{}`, 501},
		{"POST", "/*/_update_by_query", `{}`, 501},
		{"POST", "/b/_update_by_query", `{}`, 200},
		{"POST", "/a/_delete_by_query", `{"query":{"match_none":{}}}`, 200},
		{"POST", "/_reindex", `{"source":{"index":"a"},"dest":{"index":"c"}}`, 501},
		{"POST", "/_reindex", `{"source":{"index":"b,a"},"dest":{"index":"c"}}`, 501},
		{"POST", "/_reindex", `{"source":{"index":["b","a*"]},"dest":{"index":"c"}}`, 501},
		{"POST", "/_reindex", `{"source":{"index":"a","remote":null},"dest":{"index":"c"}}`, 501},
		{"POST", "/_reindex", `{"source":{"index":1},"dest":{"index":"c"}}`, 400},
		{"POST", "/_reindex", `{"source":{"index":"b"},"dest":{"index":"a"}}`, 200},
	} {
		fx := &rest.Effects{Watches: func(index string) rest.Watch { return rest.Watch{Reads: index == "a"} }}
		if status, text, _ := f.do(fx, tc.method, tc.path, tc.body); status != tc.want || tc.want == 501 && !strings.Contains(text, "from [a], whose reads are watched") {
			t.Errorf("%s %s %s: got %d %s, want %d", tc.method, tc.path, tc.body, status, text, tc.want)
		}
	}
}
