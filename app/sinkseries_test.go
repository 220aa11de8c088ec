package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
	"vigil/config"
)

// unsureCluster passes requests on to a cluster. While it is unsure, bulks are carried out and their answers get lost.
func unsureCluster(t *testing.T, address string) (unsureURL string, unsure *atomic.Bool) {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	unsure = &atomic.Bool{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path == "/_bulk" && unsure.Load() {
			_, _ = io.Copy(io.Discard, r.Body)
			return errLost
		}
		return nil
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL, unsure
}

var errLost = errors.New("the answer is lost")

// at sends a request to a cluster over the network.
func at(t *testing.T, address, method, path, body string) (status int, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// TestSeriesOfIndicesHoldsEachEventOnce writes into a data stream and into an alias of another cluster, which roll over whenever
// it is unsure what became of a bulk, and replays everything.
func TestSeriesOfIndicesHoldsEachEventOnce(t *testing.T) {
	for name, address := range upstreams(t) {
		t.Run(name, func(t *testing.T) {
			clean := func() {
				at(t, address, "DELETE", "/_data_stream/vigil-test-stream", "")
				at(t, address, "DELETE", "/vigil-test-alias-*", "")
				at(t, address, "DELETE", "/_index_template/vigil-vigil-test-*", "")
			}
			clean()
			t.Cleanup(clean)
			must := func(method, path, body string) []byte {
				t.Helper()
				status, answer := at(t, address, method, path, body)
				if status >= 300 {
					t.Fatalf("%s %s: answered %d %s", method, path, status, answer)
				}
				return answer
			}
			must("PUT", "/vigil-test-alias-000001", `{"aliases":{"vigil-test-alias":{"is_write_index":true}}}`)
			between, unsure := unsureCluster(t, address)
			s := apptest.Start(t, func(c *config.Config) {
				withSinks(t, c, `{index: {type: index},
					stream: {type: index, index: vigil-test-stream, data_stream: true, cluster: {urls: ['`+between+`'], gzip: `+strconv.FormatBool(name == "node")+`}},
					alias: {type: index, index: "'vigil-test-alias'", cluster: {urls: ['`+between+`']}}}`)
			})
			s.Audit(apptest.Everything)
			recorded(t, s)
			for i := range 3 {
				unsure.Store(true)
				s.Must("PUT", "/things/_doc/1", `{"a":"ä"}`)
				eventually(t, func() error {
					var list struct{ Sinks []struct{ Error string } }
					s.Must("GET", "/_vigil/sinks", nil).JSON(t, &list)
					if list.Sinks[1].Error == "" || list.Sinks[2].Error == "" {
						return fmt.Errorf("the sinks are sure: %+v", list.Sinks)
					}
					return nil
				})
				must("POST", "/vigil-test-stream/_rollover", "")
				must("POST", "/vigil-test-alias/_rollover", "")
				unsure.Store(false)
				recorded(t, s)
				if i == 1 {
					s.Restart()
				}
			}
			s.Must("POST", "/_vigil/sinks/stream/_replay", `{"from":1}`)
			s.Must("POST", "/_vigil/sinks/alias/_replay", `{"from":1}`)
			s.Must("POST", "/_vigil/sinks/stream/_test", nil)
			want := len(recorded(t, s))
			for series, tests := range map[string]int{"vigil-test-stream": 1, "vigil-test-alias": 0} {
				must("POST", "/"+series+"/_refresh", "")
				indices, times := map[string]int{}, map[string]int{}
				for _, h := range placesOf(t, must("POST", "/"+series+"/_search", `{"size":10000,"query":{"match_all":{}}}`)) {
					indices[h.Index]++
					times[h.ID]++
				}
				// The last requests of the rounds are behind the count.
				if len(times) < want+tests || len(indices) != 4 {
					t.Errorf("%s has %d events in %v, want %d in 4 indices", series, len(times), indices, want+tests)
				}
				for id, n := range times {
					if n != 1 {
						t.Errorf("%s has event %s %d times", series, id, n)
					}
				}
			}
			var mapping map[string]struct {
				Mappings struct {
					Properties map[string]struct{ Type string }
				}
			}
			if err := json.Unmarshal(must("GET", "/vigil-test-stream/_mapping", ""), &mapping); err != nil {
				t.Fatal(err)
			}
			for index, m := range mapping {
				got := [2]string{m.Mappings.Properties["@timestamp"].Type, m.Mappings.Properties["audit_request_body"].Type}
				if diff := cmp.Diff([2]string{"date", "text"}, got); diff != "" {
					t.Errorf("%s was made without the template (-want +got):\n%s", index, diff)
				}
			}
			rejected(t, s)
		})
	}
}

// storedAt is where a document is.
type storedAt struct {
	Index string `json:"_index"`
	ID    string `json:"_id"`
}

func placesOf(t *testing.T, answer []byte) []storedAt {
	t.Helper()
	var found struct {
		Hits struct {
			Hits []storedAt `json:"hits"`
		} `json:"hits"`
	}
	if err := json.NewDecoder(bytes.NewReader(answer)).Decode(&found); err != nil {
		t.Fatalf("%v in %.300s", err, answer)
	}
	return found.Hits.Hits
}

// rejected fails if a sink has dead letters.
func rejected(t *testing.T, s *apptest.Server) {
	t.Helper()
	var list struct {
		Sinks []struct {
			Name     string
			Rejected int
		}
	}
	s.Must("GET", "/_vigil/sinks", nil).JSON(t, &list)
	for _, one := range list.Sinks {
		if one.Rejected > 0 {
			t.Errorf("sink %s rejected %d events", one.Name, one.Rejected)
		}
	}
}
