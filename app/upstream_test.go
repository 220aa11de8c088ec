package app_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
	"vigil/config"
	"vigil/engine"
)

// upstreams are the clusters that Vigil is tried in front of: the engine behind a socket, and the node at VIGIL_PEER_URL
// (such as http://127.0.0.1:9200) if there is one. Indices that begin with "vigil-test-" are made and deleted there.
func upstreams(t *testing.T) map[string]string {
	t.Helper()
	e, err := engine.Open(engine.Options{Dir: t.TempDir(), ClusterName: "behind"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e)
	t.Cleanup(func() {
		s.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	all := map[string]string{"engine": s.URL}
	if peer := os.Getenv("VIGIL_PEER_URL"); peer != "" {
		all["node"] = peer
	}
	return all
}

// inFrontOf runs Vigil in front of a cluster.
func inFrontOf(t *testing.T, address string) *apptest.Server {
	t.Helper()
	return apptest.Start(t, func(c *config.Config) {
		c.Cluster.Upstream.URLs = []string{address}
		c.Store.Place = "embedded"
	})
}

// told lists events in a few words.
func told(events []apptest.Event) []string {
	var list []string
	for _, e := range events {
		words := []string{e.Text("audit_category")}
		for _, name := range []string{"audit_request_privilege", "audit_compliance_operation", "audit_trace_doc_id", "audit_compliance_diff_content"} {
			if s := e.Text(name); s != "" {
				words = append(words, s)
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	slices.Sort(list) // of one millisecond
	return list
}

func TestAnUpstreamIsGuardedLikeTheEngine(t *testing.T) {
	for name, address := range upstreams(t) {
		t.Run(name, func(t *testing.T) {
			s := inFrontOf(t, address)
			s.Admin("DELETE", "/vigil-test-accounts,vigil-test-logs?ignore_unavailable=true", nil)
			t.Cleanup(func() { s.Stop() })
			s.Audit(`{"enabled":true,"audit":{"disabled_rest_categories":["AUTHENTICATED","GRANTED_PRIVILEGES"],"disabled_transport_categories":["AUTHENTICATED","GRANTED_PRIVILEGES"]},
				"compliance":{"enabled":true,"write_watched_indices":["vigil-test-accounts"],"write_metadata_only":false,"write_log_diffs":true,
				"read_metadata_only":false,"read_watched_fields":{"vigil-test-accounts":["owner"]}}}`)
			s.Must("PUT", "/_plugins/_security/api/roles/logs", `{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["vigil-test-logs"],"allowed_actions":["crud","create_index"]}]}`)
			s.User("writer", "logs")

			s.Must("PUT", "/vigil-test-accounts/_doc/1", `{"owner":"ann"}`)
			s.Must("POST", "/vigil-test-accounts/_update/1?refresh=true", `{"doc":{"owner":"bob"}}`)
			s.Must("GET", "/vigil-test-accounts/_search?filter_path=took", nil)
			a := s.As("writer", apptest.Password, "POST", "/_bulk", `{"index":{"_index":"vigil-test-logs","_id":"1"}}`+"\n"+`{"a":1}`+"\n"+
				`{"delete":{"_index":"vigil-test-accounts","_id":"1"}}`+"\n")
			if got := string(a.Body); a.Status != 200 || strings.Count(got, `"status":201`) != 1 || strings.Count(got, `"status":403`) != 1 {
				t.Errorf("half-denied bulk: got %d %s", a.Status, got)
			}
			if a := s.As("writer", apptest.Password, "GET", "/vigil-test-accounts/_doc/1", nil); a.Status != 403 {
				t.Errorf("denied get: got %d %s", a.Status, a.Body)
			}
			if a := s.As("writer", "wrong-Password-1", "GET", "/", nil); a.Status != 401 {
				t.Errorf("wrong password: got %d", a.Status)
			}
			want := []string{
				`COMPLIANCE_DOC_READ 1`,
				`COMPLIANCE_DOC_WRITE CREATE 1 [{"op":"add","path":"/owner","value":"ann"}]`,
				`COMPLIANCE_DOC_WRITE UPDATE 1 [{"op":"replace","path":"/owner","value":"bob"}]`,
				`FAILED_LOGIN`,
				`INDEX_EVENT indices:admin/auto_create`, `INDEX_EVENT indices:admin/auto_create`,
				`INDEX_EVENT indices:admin/mapping/auto_put`, `INDEX_EVENT indices:admin/mapping/auto_put`,
				`MISSING_PRIVILEGES indices:data/read/get 1`, `MISSING_PRIVILEGES indices:data/write/bulk[s]`,
			}
			query := `{"bool":{"must_not":[{"prefix":{"audit_category.keyword":"COMPLIANCE_INTERNAL"}},{"match":{"audit_request_privilege":"indices:admin/delete"}},{"prefix":{"audit_request_privilege.keyword":"indices:admin/delete"}}]}}`
			if diff := cmp.Diff(want, told(s.Events(len(want), query))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			for _, path := range []string{"/.opendistro_security/_doc/internalusers", "/.opendistro_security/_search"} {
				if a := s.As("writer", apptest.Password, "GET", path, nil); a.Status != 403 {
					t.Errorf("%s: got %d %s", path, a.Status, a.Body)
				}
			}
			s.Must("DELETE", "/vigil-test-accounts,vigil-test-logs", nil)
		})
	}
}

// speaking is a cluster with one index that packs its answers if it may, and cuts one off.
func speaking(w http.ResponseWriter, r *http.Request) {
	answers := map[string]string{
		"/_cluster/state/version": `{"version":1,"state_uuid":"u"}`, "/_alias": `{}`,
		"/a/_search": `{"hits":{"hits":[{"_index":"a","_id":"1","_source":{"owner":"ann"}}]}}`,
	}
	answer, ok := answers[r.URL.Path]
	if strings.HasPrefix(r.URL.Path, "/_settings/") {
		answer, ok = `{"a":{"settings":{"index.uuid":"x","index.number_of_shards":"1"}}}`, true
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/a/_doc/cut":
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"_index":`)
	case !ok:
		http.NotFound(w, r)
	case strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || strings.Contains(r.Header.Get("Accept"), "cbor"):
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, answer)
		z.Close()
	default:
		io.WriteString(w, answer)
	}
}

func TestAWatchedAnswerIsAskedForInPlain(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(speaking))
	defer node.Close()
	s := inFrontOf(t, node.URL)
	search := func() apptest.Reply {
		r := s.Request("GET", "/a/_search", nil)
		r.SetBasicAuth("admin", apptest.Password)
		r.Header.Set("Accept-Encoding", "gzip")
		r.Header.Set("Accept", "application/cbor")
		return s.Send(r)
	}
	if a := search(); a.Status != http.StatusOK || a.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("unwatched: got %d %v", a.Status, a.Header)
	}
	s.Audit(`{"enabled":true,"compliance":{"enabled":true,"read_metadata_only":false,"read_watched_fields":{"a":["*"]}}}`)
	if a := search(); a.Status != http.StatusOK || a.Header.Get("Content-Encoding") != "" || !strings.Contains(string(a.Body), "ann") {
		t.Errorf("watched: got %d %v %s", a.Status, a.Header, a.Body)
	}
	if e := s.Events(1, `{"match":{"audit_category":"COMPLIANCE_DOC_READ"}}`); e[0].Text("audit_trace_doc_id") != "1" {
		t.Errorf("got %v", e[0])
	}
	if a := s.Admin("GET", "/a/_doc/cut", nil); a.Status != http.StatusBadGateway || !strings.Contains(string(a.Body), "cut off") {
		t.Errorf("an answer that was cut off: got %d %s", a.Status, a.Body)
	}
}

func TestAnUpstreamThatIsAwayIsToldSo(t *testing.T) {
	e := httptest.NewServer(nil)
	e.Close()
	s := inFrontOf(t, e.URL)
	if a := s.Admin("GET", "/a/_search", nil); a.Status != 503 || !strings.Contains(string(a.Body), "cluster_unavailable_exception") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if a := s.Admin("GET", "/_vigil/health", nil); strings.Contains(string(a.Body), `"ready":true`) {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	// What is our own is there all the same.
	s.Must("GET", "/_plugins/_security/api/roles", nil)
}
