package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/audit"
)

func TestHeadersAreNamedAsTheClientDid(t *testing.T) {
	policy, err := audit.NewPolicy(audit.Config{Audit: audit.Filter{IgnoreHeaders: []string{"X-Hidden"}}}, audit.Indices{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host  string
		proto int
		sent  http.Header
		names []string
		want  map[string][]string
	}{
		"none":           {},
		"canonical":      {host: "a", sent: http.Header{"X-A": {"1"}}, want: map[string][]string{"Host": {"a"}, "X-A": {"1"}}},
		"other":          {host: "a", sent: http.Header{"X-A": {"1"}}, names: []string{"hOST", "x-a"}, want: map[string][]string{"hOST": {"a"}, "x-a": {"1"}}},
		"several ways":   {sent: http.Header{"X-A": {"1", "2", "3"}}, names: []string{"x-a", "X-a"}, want: map[string][]string{"X-A": {"1", "2", "3"}, "x-a": {"1", "2", "3"}, "X-a": {"1", "2", "3"}}},
		"twice":          {sent: http.Header{"X-A": {"1", "2"}}, names: []string{"x-a", "x-a"}, want: map[string][]string{"x-a": {"1", "2"}}},
		"kept to itself": {sent: http.Header{"X-A": {"1"}}, names: []string{"transfer-encoding"}, want: map[string][]string{"X-A": {"1"}}},
		"HTTP/2":         {host: "a", proto: 2, sent: http.Header{"X-A": {"1"}, "X-Hidden": {"2"}}, want: map[string][]string{"Host": {"a"}, "x-a": {"1"}}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host, r.Header, r.ProtoMajor = c.host, c.sent, c.proto
		x := &exchange{r: r, wire: &Wire{Names: c.names}, policy: policy}
		if diff := cmp.Diff(c.want, x.header()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
