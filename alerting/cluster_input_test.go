package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClusterInputs(t *testing.T) {
	tests := []struct {
		in string
		// want is api, path, parameters and URL as they are answered; request is what is asked.
		want, request string
	}{
		{`{"path":"/_cluster/health"}`, "CLUSTER_HEALTH /_cluster/health  http://localhost:9200/_cluster/health", "/_cluster/health"},
		{`{"api_type":"CLUSTER_HEALTH","path":"/_cluster/health/","path_params":"logs-*,a"}`, "CLUSTER_HEALTH /_cluster/health/ logs-*,a http://localhost:9200/_cluster/health/logs-*,a", "/_cluster/health/logs-%2A%2Ca"},
		{`{"path":"/_cluster/health","path_params":"a"}`, "CLUSTER_HEALTH /_cluster/health a http://localhost:9200/_cluster/health/a", "/_cluster/health/a"},
		{`{"url":"http://localhost:9200/_cluster/stats/n1"}`, "CLUSTER_STATS /_cluster/stats n1 http://localhost:9200/_cluster/stats/n1", "/_cluster/stats/nodes/n1"},
		{`{"path":"/_cluster/stats"}`, "CLUSTER_STATS /_cluster/stats  http://localhost:9200/_cluster/stats", "/_cluster/stats"},
		{`{"path":"/_cluster/settings"}`, "CLUSTER_SETTINGS /_cluster/settings  http://localhost:9200/_cluster/settings", "/_cluster/settings"},
		{`{"path":"/_nodes/stats"}`, "NODES_STATS /_nodes/stats  http://localhost:9200/_nodes/stats", "/_nodes/stats"},
		{`{"path":"/_cat/indices/","path_params":"a/"}`, "CAT_INDICES /_cat/indices/ a http://localhost:9200/_cat/indices/a", "/_cat/indices/a?format=json&h=" + url.QueryEscape(catIndexColumns)},
		{`{"path":"/_cat/shards"}`, "CAT_SHARDS /_cat/shards  http://localhost:9200/_cat/shards", "/_cat/shards?format=json&h=" + url.QueryEscape(catShardColumns)},
		{`{"path":"/_cat/recovery"}`, "CAT_RECOVERY /_cat/recovery  http://localhost:9200/_cat/recovery", "/_recovery"},
		{`{"path":"/_cat/recovery/","path_params":"a"}`, "CAT_RECOVERY /_cat/recovery/ a http://localhost:9200/_cat/recovery/a", "/a/_recovery"},
		{`{"path":"/_cat/snapshots/","path_params":"repo"}`, "CAT_SNAPSHOTS /_cat/snapshots/ repo http://localhost:9200/_cat/snapshots/repo", "/_snapshot/repo/_all"},
		{`{"path":"/_cat/tasks"}`, "CAT_TASKS /_cat/tasks  http://localhost:9200/_cat/tasks", "/_tasks?group_by=none"},
		{`{"path":"/_cat/pending_tasks"}`, "CAT_PENDING_TASKS /_cat/pending_tasks  http://localhost:9200/_cat/pending_tasks", "/_cluster/pending_tasks"},
	}
	for _, tt := range tests {
		in, err := parseClusterInput(json.RawMessage(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if got := strings.Join([]string{in.API, in.Path, in.PathParams, in.URL}, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.in, got, tt.want)
		}
		reader := &clusterReader{answer: `[]`}
		if _, err := in.read(t.Context(), reader, nil); err != nil || reader.asked != tt.request {
			t.Errorf("%s: asked %q (%v), want %q", tt.in, reader.asked, err, tt.request)
		}
		// What is answered may be sent again.
		var out struct{ URI json.RawMessage }
		if err := json.Unmarshal(encode(in.wire()), &out); err != nil {
			t.Fatal(err)
		}
		if again, err := parseClusterInput(out.URI); err != nil {
			t.Errorf("%s: sent again: %v", out.URI, err)
		} else if diff := cmp.Diff(in, again); diff != "" {
			t.Errorf("%s: sent again (-first +again):\n%s", tt.in, diff)
		}
	}
}

func TestClusterInputsRefused(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                          "The uri.api_type field, uri.path field, or uri.uri field must be defined.",
		`{"path_params":"a"}`:         "The uri.api_type field, uri.path field, or uri.uri field must be defined.",
		`{"path":"/_search"}`:         "The API could not be determined from the provided URI.",
		`{"path":"/_cat/snapshots"}`:  "The API requires path parameters.",
		`{"path":"/_nodes/n1/stats"}`: "The API does not use path parameters.",
		`{"path":"/_cat/tasks/","path_params":"a"}`:                                            "The API does not use path parameters.",
		`{"path":"/_cluster/health/","path_params":"a b"}`:                                     "The provided path parameters contain invalid characters or spaces. Please omit: : \" + \\ | ? # > <  ",
		`{"url":"http://localhost:9200/_cluster/health","path":"/_cluster/stats"}`:             "The provided URL and URI fields form different URLs.",
		`{"url":"http://example.org:9200/_cluster/health"}`:                                    "Only host 'localhost' is supported.",
		`{"url":"http://localhost:9201/_cluster/health"}`:                                      "Only port '9200' is supported.",
		`{"url":"ftp://localhost:9200/_cluster/health"}`:                                       "Invalid URI constructed from the path and path_params inputs, or the url input.",
		`{"url":"/_cluster/health"}`:                                                           "Invalid URI constructed from the path and path_params inputs, or the url input.",
		`{"path":"/_cluster/health","clusters":["other"]}`:                                     "uri input: clusters are not supported: other",
		`{"path":"/_cluster/health","api_type":"NODES_STATS"}`:                                 "The api_type [NODES_STATS] is not that of the path, which is [CLUSTER_HEALTH].",
		`{"url":"http://u:p@localhost:9200/_cluster/health"}`:                                  "Invalid URI constructed from the path and path_params inputs, or the url input.",
		`{"url":"http://localhost:9200/_cat/indices/a/../../_plugins","path":"/_cat/indices"}`: "The provided URL and URI fields form different URLs.",
	} {
		if got, err := parseClusterInput(json.RawMessage(in)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v; want %s", in, got, err, want)
		}
	}
}

// clusterReader is a cluster that answers everything alike.
type clusterReader struct {
	asked, answer string
	as            *User
	err           error
}

func (c *clusterReader) Read(_ context.Context, as *User, path string, query url.Values) (json.RawMessage, error) {
	c.asked, c.as = path, as
	if len(query) > 0 {
		c.asked += "?" + query.Encode()
	}
	return json.RawMessage(c.answer), c.err
}

// TestClusterHealthAlerts follows an alert from green to red and back, and an answer that does not come.
func TestClusterHealthAlerts(t *testing.T) {
	r := newRig(t)
	r.channel("chime-1")
	reader := &clusterReader{answer: `{"status":"green"}`}
	r.runner = NewRunner(RunnerOptions{Store: r.store, Searcher: r, Sender: r, Cluster: reader, ClusterName: "prod"})
	m := r.monitor(func(m *Monitor) {
		m.Type = ClusterMetrics
		m.Inputs = []Input{{Cluster: &ClusterInput{API: "CLUSTER_HEALTH", Path: "/_cluster/health"}}}
		m.Triggers[0].Condition.Source = `ctx.results[0].status != "green"`
		m.Triggers[0].Actions[0].Message.Source = "{{#ctx.results}}{{status}}{{/ctx.results}}{{ctx.error}}"
	})
	run := func(answer string, err error) {
		t.Helper()
		reader.answer, reader.err = answer, err
		if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); err != nil {
			t.Fatal(err)
		}
	}
	run(`{"status":"green"}`, nil)
	if got := r.alerts(); got != nil {
		t.Errorf("green: alerts %v", got)
	}
	run(`{"status":"red"}`, nil)
	run(``, errors.New("the cluster is away"))
	if diff := cmp.Diff([]State{Errored}, r.alerts()); diff != "" {
		t.Errorf("away:\n%s", diff)
	}
	run(`{"status":"red"}`, nil)
	alerts, _, err := r.store.Alerts(t.Context(), AlertQuery{SortField: "start_time", Order: "asc", Size: 10})
	if err != nil || len(alerts) != 1 || alerts[0].State != Active || !cmp.Equal(alerts[0].Clusters, []string{"prod"}) {
		t.Errorf("red: %+v, %v", alerts, err)
	}
	run(`{"status":"green"}`, nil)
	if diff := cmp.Diff([]State{Completed}, r.alerts()); diff != "" {
		t.Errorf("green again:\n%s", diff)
	}
	if reader.as.Name != "admin" {
		t.Errorf("asked as %v", reader.as)
	}
	var sent []string
	for i := range r.messages() {
		sent = append(sent, r.message(i).Body)
	}
	if diff := cmp.Diff([]string{"red", "the cluster is away", "red"}, sent); diff != "" {
		t.Errorf("sent:\n%s", diff)
	}
}
