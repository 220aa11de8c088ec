package rest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newTestTable(t testing.TB) *Table {
	t.Helper()
	table, err := NewTable(OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{Method: method, URL: u, RequestURI: target}
}

func TestResolve(t *testing.T) {
	table := newTestTable(t)
	tests := []struct {
		method, target string
		op             string
		vars           map[string]string
		indices        []string
		id             string
	}{
		{"GET", "/", "info", nil, nil, ""},
		{"HEAD", "/", "ping", nil, nil, ""},
		{"GET", "/_search", "search", nil, nil, ""},
		{"GET", "/_search/", "search", nil, nil, ""},
		{"GET", "/a,b*,-b1/_search", "search", map[string]string{"index": "a,b*,-b1"}, []string{"a", "b*", "-b1"}, ""},
		{"GET", "/*/_search", "search", map[string]string{"index": "*"}, []string{"*"}, ""},
		{"GET", "//_search", "search", map[string]string{"index": ""}, nil, ""},
		{"GET", "/a,,/_search", "search", map[string]string{"index": "a,,"}, []string{"a"}, ""},
		{"GET", "/_search?index=a,b", "search", map[string]string{"index": "a,b"}, []string{"a", "b"}, ""},
		{"GET", "/_nodes?index=a", "nodes.info", nil, nil, ""},
		{"POST", "/_bulk?index=a", "bulk", map[string]string{"index": "a"}, []string{"a"}, ""},
		{"GET", "/a/_search?index=b", "search", map[string]string{"index": "a"}, []string{"a"}, ""},
		{"PUT", "/a/_doc/x%2Fy", "index", map[string]string{"index": "a", "id": "x/y"}, []string{"a"}, "x/y"},
		{"PUT", "/a/_doc/1+1", "index", map[string]string{"index": "a", "id": "1+1"}, []string{"a"}, "1+1"},
		{"GET", "/logs%2Da/_search", "search", map[string]string{"index": "logs-a"}, []string{"logs-a"}, ""},
		{"GET", "/%3Clogs-%7Bnow%2Fd%7D%3E/_search", "search", map[string]string{"index": "<logs-{now/d}>"}, []string{"<logs-{now/d}>"}, ""},
		{"POST", "/a/_explain/1", "explain", map[string]string{"index": "a", "id": "1"}, []string{"a"}, ""},
		{"HEAD", "/a/_doc/1", "exists", map[string]string{"index": "a", "id": "1"}, []string{"a"}, "1"},
		{"GET", "/_no_such_api", "indices.get", map[string]string{"index": "_no_such_api"}, []string{"_no_such_api"}, ""},
		{"GET", "/_cluster", "indices.get", map[string]string{"index": "_cluster"}, []string{"_cluster"}, ""},
		{"GET", "/_alias/x", "indices.get_alias", map[string]string{"name": "x"}, nil, ""},
		{"POST", "/_alias/_search", "search", map[string]string{"index": "_alias"}, []string{"_alias"}, ""},
		{"GET", "/_nodes/stats", "nodes.stats", nil, nil, ""},
		{"GET", "/_nodes/n1/stats", "nodes.stats", map[string]string{"nodeId": "n1"}, nil, ""},
		{"GET", "/_nodes/n1/os", "nodes.info", map[string]string{"nodeId": "n1", "metrics": "os"}, nil, ""},
		{"GET", "/_resolve/index/a,b", "indices.resolve_index", map[string]string{"name": "a,b"}, []string{"a", "b"}, ""},
		{"PUT", "/_data_stream/d", "indices.create_data_stream", map[string]string{"name": "d"}, []string{"d"}, ""},
		{"DELETE", "/_search/pipeline/p", "search_pipeline.delete", map[string]string{"id": "p"}, nil, ""},
		{"POST", "/a/_bulk", "bulk", map[string]string{"index": "a"}, []string{"a"}, ""},
		{"PUT", "/a/_clone/b", "indices.clone", map[string]string{"index": "a", "target": "b"}, []string{"a"}, ""},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			c, err := table.Resolve(request(t, test.method, test.target))
			if err != nil {
				t.Fatal(err)
			}
			if c.Route.Op != test.op {
				t.Errorf("got operation %s, want %s", c.Route.Op, test.op)
			}
			if diff := cmp.Diff(test.vars, c.Vars); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.indices, c.Indices); diff != "" {
				t.Errorf("indices (-want +got):\n%s", diff)
			}
			if c.DocID != test.id {
				t.Errorf("got document %q, want %q", c.DocID, test.id)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	table := newTestTable(t)
	tests := []struct {
		method, target string
		status         int
		allow          string
		body           string
	}{
		{"GET", "/no/such/path", 400, "", `{"error":"no handler found for uri [/no/such/path] and method [GET]"}`},
		{"GET", "/no/such/path?x=1", 400, "", `{"error":"no handler found for uri [/no/such/path] and method [GET]"}`},
		{"POST", "/_plugins/_sql", 400, "", `{"error":"no handler found for uri [/_plugins/_sql] and method [POST]"}`},
		{"DELETE", "/_search", 405, "GET,POST", `{"error":"Incorrect HTTP method for uri [/_search] and method [DELETE], allowed: [GET, POST]","status":405}`},
		{"DELETE", "/_search?q=1", 405, "GET,POST", `{"error":"Incorrect HTTP method for uri [/_search?q=1] and method [DELETE], allowed: [GET, POST]","status":405}`},
		{"PATCH", "/a/_doc/1", 405, "DELETE,GET,HEAD,POST,PUT", `{"error":"Incorrect HTTP method for uri [/a/_doc/1] and method [PATCH], allowed: [DELETE, GET, HEAD, POST, PUT]","status":405}`},
		{"HEAD", "/a/_search", 405, "GET,POST", `{"error":"Incorrect HTTP method for uri [/a/_search] and method [HEAD], allowed: [GET, POST]","status":405}`},
		// An encoded literal is not that literal: the cluster would not take it for one.
		{"GET", "/a/%5Fsearch", 400, "", `{"error":"no handler found for uri [/a/_search] and method [GET]"}`},
		{"PUT", "/..", 400, "", `{"error":{"index":"..","index_uuid":"_na_","reason":"Invalid index name [..], must not be '.' or '..'","root_cause":[{"index":"..","index_uuid":"_na_","reason":"Invalid index name [..], must not be '.' or '..'","type":"invalid_index_name_exception"}],"type":"invalid_index_name_exception"},"status":400}`},
		{"PUT", "/%2e%2E/_doc/1", 400, "", `{"error":{"index":"..","index_uuid":"_na_","reason":"Invalid index name [..], must not be '.' or '..'","root_cause":[{"index":"..","index_uuid":"_na_","reason":"Invalid index name [..], must not be '.' or '..'","type":"invalid_index_name_exception"}],"type":"invalid_index_name_exception"},"status":400}`},
		{"PUT", "/a/_doc/%2E", 400, "", `{"error":{"reason":"[.] is not a valid value for [id]","root_cause":[{"reason":"[.] is not a valid value for [id]","type":"illegal_argument_exception"}],"type":"illegal_argument_exception"},"status":400}`},
		{"GET", "/" + strings.Repeat("a/", 40), 400, "", `{"error":{"reason":"the path has more than [32] segments","root_cause":[{"reason":"the path has more than [32] segments","type":"illegal_argument_exception"}],"type":"illegal_argument_exception"},"status":400}`},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			c, err := table.Resolve(request(t, test.method, test.target))
			if err == nil {
				t.Fatalf("got row %s %s, want an error", c.Route.Method, c.Route.Path)
			}
			w := httptest.NewRecorder()
			WriteError(w, err)
			if w.Code != test.status {
				t.Errorf("got status %d, want %d", w.Code, test.status)
			}
			if got := w.Header().Get("Allow"); got != test.allow {
				t.Errorf("got Allow %q, want %q", got, test.allow)
			}
			if diff := cmp.Diff(test.body, strings.TrimSpace(w.Body.String())); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveAnswersOptionsToEverybody(t *testing.T) {
	table := newTestTable(t)
	for target, allow := range map[string]string{"/": "GET,HEAD", "/a/_search": "GET,POST", "/no/such/path": ""} {
		r := request(t, "OPTIONS", target)
		c, err := table.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Route.Open {
			t.Errorf("%s: the row is not open", target)
		}
		w := httptest.NewRecorder()
		c.Route.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Allow") != allow {
			t.Errorf("%s: got %d %q, Allow %q, want 200, nothing, %q", target, w.Code, w.Body, w.Header().Get("Allow"), allow)
		}
	}
}

func TestResolveKeepsTheLastOfRepeatedParameters(t *testing.T) {
	table := newTestTable(t)
	c, err := table.Resolve(request(t, "GET", "/_search?q=a&size=1&q=b;size=2&flag"))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"q": {"b"}, "size": {"2"}, "flag": {""}}
	if diff := cmp.Diff(want, c.Query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if !c.Flag("flag") || c.Flag("q") || c.Flag("absent") {
		t.Error("want flag to be the only parameter that is on")
	}
}

func TestResolveTakesTheFormatOfTablesFromAccept(t *testing.T) {
	table, err := NewTable(OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, accept, want string }{
		{"/_cat/indices", "application/json", "application/json"},
		{"/_cat/indices", "Application/YAML; charset=utf-8", "application/yaml"},
		{"/_cat/indices?format=text", "application/json", "text"},
		{"/_cat/indices", "*/*", ""},
		{"/_cat/indices", "application/json, text/plain", ""},
		{"/_search", "application/yaml", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, c.url, http.NoBody)
		r.Header.Set("Accept", c.accept)
		call, err := table.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := call.Param("format"); got != c.want {
			t.Errorf("%s with Accept %s: got format %q, want %q", c.url, c.accept, got, c.want)
		}
	}
}

func TestResolveDoesNotTouchTheBody(t *testing.T) {
	r := request(t, "POST", "/a/_search")
	r.Body = failingBody{t}
	if _, err := newTestTable(t).Resolve(r); err != nil {
		t.Fatal(err)
	}
}

type failingBody struct{ t *testing.T }

func (b failingBody) Read([]byte) (int, error) { b.t.Error("the body was read"); return 0, nil }
func (b failingBody) Close() error             { b.t.Error("the body was closed"); return nil }

func TestNewTableRefuses(t *testing.T) {
	row := func(method, path string) []Route { return []Route{{Method: method, Path: path}} }
	tests := []struct {
		name   string
		routes [][]Route
	}{
		{"the same row twice", [][]Route{row("GET", "/a/{b}"), row("GET", "/a/{b}")}},
		{"two names for a variable", [][]Route{row("GET", "/a/{b}"), row("PUT", "/a/{c}/d")}},
		{"one name for two variables", [][]Route{row("GET", "/{b}/{b}")}},
		{"no leading slash", [][]Route{row("GET", "a")}},
		{"no path", [][]Route{row("GET", "")}},
		{"a slash at the end", [][]Route{row("GET", "/a/")}},
		{"an empty segment", [][]Route{row("GET", "/a//b")}},
		{"a variable without a name", [][]Route{row("GET", "/{}")}},
		{"half a variable", [][]Route{row("GET", "/a{b}")}},
		{"an encoded literal", [][]Route{row("GET", "/a%2Fb")}},
		{"a wildcard", [][]Route{row("GET", "/a/*")}},
		{"no method", [][]Route{row("", "/a")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := NewTable(test.routes...); err == nil {
				t.Error("got a table, want an error")
			}
		})
	}
}

func TestRoutesKeepTheirOrder(t *testing.T) {
	want := append(OpenSearch(), OtherPlugins()...)
	table, err := NewTable(OpenSearch(), OtherPlugins())
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Routes()) != len(want) {
		t.Fatalf("got %d rows, want %d", len(table.Routes()), len(want))
	}
	for i, r := range table.Routes() {
		if r.Method != want[i].Method || r.Path != want[i].Path {
			t.Fatalf("row %d: got %s %s, want %s %s", i, r.Method, r.Path, want[i].Method, want[i].Path)
		}
	}
}

func FuzzResolve(f *testing.F) {
	table := newTestTable(f)
	for _, r := range table.Routes() {
		f.Add(r.Method, r.Path)
	}
	for _, path := range []string{"/", "//", "/%2e%2e/a", "/a%2Fb/_doc/%20", "/*/_search?q=a;b&q=c", "/_all/_search?%zz", "*"} {
		f.Add("GET", path)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: method, URL: u, RequestURI: target}
		c, err := table.Resolve(r)
		if err != nil {
			if e := AsError(err); e.Status != 400 && e.Status != 405 {
				t.Fatalf("%s %s: got status %d, want 400 or 405", method, target, e.Status)
			}
			return
		}
		if c.Route.Open {
			return
		}
		if c.Route.Method != method {
			t.Fatalf("%s %s: got a row for %s", method, target, c.Route.Method)
		}
		// Writing the variables back into the pattern must lead to the same row with the same values.
		parts := strings.Split(c.Route.Path, "/")
		for i, part := range parts {
			if name, ok := variable(part); ok {
				if v := c.Vars[name]; v == "." || v == ".." {
					t.Fatalf("%s: variable %s is %q", target, name, v)
				}
				parts[i] = url.PathEscape(c.Vars[name])
			}
		}
		if strings.HasSuffix(strings.Join(parts, "/"), "/") && c.Route.Path != "/" {
			return // an empty value at the end cannot be written
		}
		again, err := table.Resolve(request(t, method, strings.Join(parts, "/")))
		if err != nil {
			t.Fatalf("%s: then %s: %v", target, strings.Join(parts, "/"), err)
		}
		// An encoded literal may turn into a literal, and so into another row; the same row must have the same values.
		if again.Route == c.Route && !cmp.Equal(again.Vars, c.Vars) {
			t.Fatalf("%s: got %v, then %v", target, c.Vars, again.Vars)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	table := newTestTable(b)
	for _, target := range []string{"/logs-a/_search", "/logs-a/_doc/1?refresh=true"} {
		r := request(b, "GET", target)
		b.Run(target, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := table.Resolve(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
