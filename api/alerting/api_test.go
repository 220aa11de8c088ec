package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	core "vigil/alerting"
	"vigil/alerting/alertingtest"
	"vigil/cluster"
	"vigil/notify"
	"vigil/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the API over a store in memory, with an engine and receivers that the test plays.
type rig struct {
	t       testing.TB
	docs    *alertingtest.Store
	store   *core.Store
	table   *rest.Table
	result  json.RawMessage
	rewrite map[string]json.RawMessage
	sent    []notify.Message
	to      notify.Destination
	caller  core.User
	users   []string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, docs: alertingtest.New(), result: json.RawMessage(`{"hits":{"total":{"value":7,"relation":"eq"},"hits":[]}}`)}
	r.caller = core.User{Name: "root1", Roles: []string{"all_access"}}
	r.store = core.NewStore(core.StoreOptions{Client: r.docs.Client()})
	runner := core.NewRunner(core.RunnerOptions{Store: r.store, Searcher: r, Sender: r})
	api := New(Options{
		Store: r.store, Runner: runner, Searcher: r, Sender: r, Normalize: r.normalize, NodeName: "node-1", ClusterName: "vigil",
		Scheduler: core.NewScheduler(core.SchedulerOptions{Store: r.store, Runner: runner}),
		Caller:    func(context.Context) core.User { return r.caller },
	})
	table, err := rest.NewTable(api.Routes())
	if err != nil {
		t.Fatal(err)
	}
	r.table = table
	return r
}

func (r *rig) Search(_ context.Context, as *core.User, indices []string, _ json.RawMessage) (json.RawMessage, error) {
	r.users = append(r.users, as.Name)
	switch indices[0] {
	case "nope-index":
		return nil, &cluster.Error{Status: 404, Type: "index_not_found_exception", Reason: "no such index [nope-index]"}
	case "secret-index":
		return nil, &cluster.Error{Status: 403, Type: "security_exception", Reason: "no permissions for [indices:data/read/search]"}
	}
	return r.result, nil
}

func (r *rig) Send(_ context.Context, d notify.Destination, m notify.Message) (notify.Result, error) {
	r.sent, r.to = append(r.sent, m), d
	if bytes.Contains(d.Config, []byte("/fail")) {
		return notify.Result{}, &notify.Error{Status: 500, Body: `{"from":"listener"}`, Err: errors.New("500")}
	}
	return notify.Result{Status: 200, Body: `{"from":"listener"}`}, nil
}

// normalize knows the queries of the recording.
func (r *rig) normalize(body json.RawMessage) (json.RawMessage, error) {
	if bytes.Contains(body, []byte("nosuch")) {
		return nil, rest.Errorf(400, "parsing_exception", "unknown query [nosuch]")
	}
	if out, ok := r.rewrite[canonical(r.t, body)]; ok {
		return out, nil
	}
	return body, nil
}

func canonical(t testing.TB, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// do makes a request the way the gateway does: the call is resolved and its body read.
func (r *rig) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	q := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	call, err := r.table.Resolve(q)
	if err != nil {
		rest.WriteError(w, err)
		return w
	}
	call.Body = []byte(body)
	call.Route.Handler.ServeHTTP(w, q.WithContext(rest.NewContext(r.t.Context(), call)))
	return w
}

// json makes a request that must succeed.
func (r *rig) json(method, target, body string, status int) map[string]any {
	r.t.Helper()
	w := r.do(method, target, body)
	if w.Code != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s", method, target, w.Code, status, w.Body)
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		r.t.Fatalf("%s %s: %v: %s", method, target, err, w.Body)
	}
	return out
}

type step struct {
	Step, Method, Path string
	Body               json.RawMessage
	Status             int
	Want               json.RawMessage
	Macros             map[string]json.RawMessage
}

// recording reads a file of steps; "@name" stands for a value that its first line holds.
func recording(t *testing.T, name string) (steps []step, macros map[string]json.RawMessage) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		for k, v := range macros {
			line = bytes.ReplaceAll(line, []byte(`"@`+k+`"`), v)
		}
		var s step
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		if s.Macros != nil {
			macros = s.Macros
			continue
		}
		steps = append(steps, s)
	}
	return steps, macros
}

// TestRecordings replays what a real node answered. Ids that the server makes up may be any, but one stands for one.
func TestRecordings(t *testing.T) {
	for _, name := range []string{"channels.ndjson", "destinations.ndjson", "monitors.ndjson", "buckets.ndjson"} {
		t.Run(name, func(t *testing.T) {
			steps, macros := recording(t, name)
			r := newRig(t)
			if macros != nil {
				r.result = macros["result"]
				r.rewrite = map[string]json.RawMessage{canonical(t, macros["asked"]): macros["query"]}
				r.do("POST", "/_plugins/_notifications/configs", `{"config_id":"hook-1","config":{"name":"hook one","config_type":"webhook",
					"webhook":{"url":"http://127.0.0.1:1/ok"}}}`)
			}
			ids := &renaming{to: map[string]string{}, back: map[string]string{}}
			for _, s := range steps {
				body := string(s.Body)
				var text string
				if json.Unmarshal(s.Body, &text) == nil {
					body = text // not JSON, or nothing
				}
				w := r.do(s.Method, ids.apply(s.Path), ids.apply(body))
				if w.Code != s.Status {
					t.Errorf("%s: status %d, want %d: %s", s.Step, w.Code, s.Status, w.Body)
					continue
				}
				if s.Want == nil || string(s.Want) == "null" {
					continue // not in the recording: a run by the schedule
				}
				if w.Body.Len() == 0 {
					if string(s.Want) != `""` {
						t.Errorf("%s: no answer", s.Step)
					}
					continue
				}
				// The one declared difference: secrets are not answered.
				s.Want = bytes.ReplaceAll(s.Want, []byte("token=t"), []byte("token=__SENSITIVE__"))
				var got, want any
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
					t.Fatalf("%s: %v", s.Step, err)
				}
				if err := json.Unmarshal(s.Want, &want); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(plain("", want, ids.learn(want, got)), plain("", got, nil)); diff != "" {
					t.Errorf("%s (-recorded +ours):\n%s", s.Step, diff)
				}
			}
		})
	}
}

// renaming pairs recorded ids with ours.
type renaming struct{ to, back map[string]string }

func (n *renaming) apply(s string) string {
	for from, to := range n.to {
		s = strings.ReplaceAll(s, from, to)
	}
	return s
}

// learn pairs the ids in the same places of two answers.
func (n *renaming) learn(want, got any) *renaming {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		if len(w) == 1 && len(g) == 1 {
			for k := range w {
				for l := range g {
					n.pair(k, l)
					if k != l {
						n.learn(w[k], g[l])
					}
				}
			}
		}
		for k, v := range w {
			if _, there := g[k]; !there {
				n.named(k, v, g)
			}
			n.learn(v, g[k])
			if s, ok := v.(string); ok && (k == "id" || k == "_id" || strings.HasSuffix(k, "_id")) {
				if t, ok := g[k].(string); ok {
					n.pair(s, t)
				}
			}
		}
	case []any:
		g, _ := got.([]any)
		for i := range min(len(w), len(g)) {
			n.learn(w[i], g[i])
		}
	}
	return n
}

// named pairs the members of two objects under made-up ids that have the same name.
func (n *renaming) named(id string, want any, got map[string]any) {
	w, _ := want.(map[string]any)
	for k, v := range got {
		if g, _ := v.(map[string]any); w["name"] != nil && w["name"] == g["name"] {
			n.pair(id, k)
		}
	}
}

func (n *renaming) pair(a, b string) {
	if a != b && len(a) == 20 && len(b) == 20 && n.to[a] == "" && n.back[b] == "" {
		n.to[a], n.back[b] = b, a
	}
}

var (
	times   = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?`)
	runs    = regexp.MustCompile(`_<time>_[0-9a-f-]{36}`)
	numbers = regexp.MustCompile(`(seqNo|current version) \[\d+\]`)
)

// plain takes out what differs from run to run: times, sequence numbers, scores.
func plain(key string, v any, ids *renaming) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			switch k {
			case "took", "_score", "max_score", "_shards", "_seq_no":
				continue
			}
			if ids != nil {
				k = ids.apply(k)
			}
			out[k] = plain(k, x, ids)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = plain(key, x, ids)
		}
		return out
	case float64:
		if v > 1.6e12 && v < 2e13 {
			return "<time>"
		}
		return v
	case string:
		if ids != nil {
			v = ids.apply(v)
		}
		v = times.ReplaceAllString(v, "<time>")
		v = runs.ReplaceAllString(v, "_<run>")
		if strings.HasPrefix(v, "Error running ") {
			return "<template error>" // Java's words
		}
		if strings.Contains(v, "index_out_of_bounds_exception") {
			return "<out of bounds>" // with frames of Kotlin's library
		}
		return numbers.ReplaceAllString(v, "$1 [n]")
	}
	return v
}

const seed = `{"name":"Audit Unauthorized Access Events","enabled":true,"schedule":{"period":{"interval":1,"unit":"MINUTES"}},
"inputs":[{"search":{"indices":["security-auditlog-*"],"query":{"query":{"match_all":{}}}}}],"ui_metadata":{"search":{"searchType":"query"}},
"triggers":[{"id":"t1","name":"t","severity":"1","condition":{"script":{"source":"ctx.results[0].hits.total.value > 1"}},
"actions":[{"id":"a1","name":"Notify OnCall","destination_id":"chime-1","message_template":{"source":"{{ctx.alert.id}} {{ctx.results.0.hits.total.value}}"}}]}]}`

func TestStory(t *testing.T) {
	r := newRig(t)
	r.json("POST", "/_plugins/_notifications/configs", `{"config_id":"chime-1","config":{"name":"c","config_type":"chime","chime":{"url":"http://192.0.2.1/x?token=s3cret"}}}`, 200)
	created := r.do("POST", "/_opendistro/_alerting/monitors", seed)
	if created.Code != 201 {
		t.Fatal(created.Body)
	}
	var m struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal(created.Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if got, want := created.Header().Get("Location"), "/_plugins/_alerting/monitors/"+m.ID; got != want {
		t.Errorf("location %s, want %s", got, want)
	}
	path := "/_plugins/_alerting/monitors/" + m.ID
	r.json("POST", path+"/_execute", "", 200)
	if len(r.sent) != 1 || r.sent[0].Subject != "Alerting-Notification Action" || r.sent[0].Body != " 7" {
		t.Fatalf("sent %+v", r.sent)
	}
	state := func() (string, string) {
		a := r.json("GET", "/_plugins/_alerting/monitors/alerts?monitorId="+m.ID, "", 200)["alerts"].([]any)
		if len(a) != 1 {
			t.Fatalf("alerts: %v", a)
		}
		one := a[0].(map[string]any)
		return one["id"].(string), one["state"].(string)
	}
	id, s := state()
	if s != "ACTIVE" {
		t.Errorf("state %s, want ACTIVE", s)
	}
	ack := r.json("POST", path+"/_acknowledge/alerts", fmt.Sprintf(`{"alerts":[%q,"x"]}`, id), 200)
	want := map[string]any{"success": []any{id}, "failed": []any{map[string]any{"x": map[string]any{
		"failed_reason": "Alert: x does not exist (it may have already completed).",
	}}}}
	if diff := cmp.Diff(want, ack); diff != "" {
		t.Error(diff)
	}
	if _, s := state(); s != "ACKNOWLEDGED" {
		t.Errorf("state %s, want ACKNOWLEDGED", s)
	}
	r.result = json.RawMessage(`{"hits":{"total":{"value":0}}}`)
	r.json("PUT", path, seed, 200)
	r.json("POST", path+"/_execute", "", 200)
	if w := r.do("GET", "/_plugins/_alerting/monitors/_search?index=.opendistro-alerting-alert*", ""); w.Code != 200 ||
		!strings.Contains(w.Body.String(), id) || strings.Contains(w.Body.String(), "monitor_user") {
		t.Errorf("search of alerts: %s", w.Body)
	}
	if _, s := state(); s != "COMPLETED" {
		t.Errorf("state %s, want COMPLETED", s)
	}
	r.json("DELETE", path, "", 200)
	for _, u := range r.users {
		if u != "root1" {
			t.Errorf("a search ran as %q", u)
		}
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	id := r.json("POST", "/_plugins/_alerting/monitors", seed, 201)["_id"].(string)
	m := "/_plugins/_alerting/monitors"
	tests := []struct {
		method, path, body string
		status             int
		reason             string
	}{
		{"POST", m, strings.Replace(seed, "security-auditlog-*", "secret-index", 1), 403, "User doesn't have read permissions for one or more configured index [secret-index]"},
		{"POST", m, strings.Replace(seed, `"name":"Notify`, `"nope":1,"name":"Notify`, 1), 500, "Unexpected field: nope, while parsing action"},
		{"POST", m, strings.Replace(seed, `"enabled"`, `"monitor_type":"ppl_monitor","enabled"`, 1), 501, "monitor_type [ppl_monitor] is not supported"},
		{"POST", m, strings.Replace(seed, `"search":{"indices"`, `"uri":{"indices"`, 1), 400, "The uri.api_type field, uri.path field, or uri.uri field must be defined."},
		{"POST", m, strings.Replace(seed, `"search":{"indices"`, `"ppl_input":{"indices"`, 1), 501, "input [ppl_input] is not supported"},
		{"POST", m, strings.Replace(seed, `"source":"ctx.results[0]`, `"lang":"groovy","source":"ctx.results[0]`, 1), 400, "Invalid script language. Allowed languages are [painless]"},
		{"POST", m, strings.Replace(seed, `"enabled"`, `"data_sources":{"alerts_index":"mine"},"enabled"`, 1), 400, "Custom Data Sources are not allowed."},
		{"POST", m, `[]`, 400, "Failed to parse object: expecting token of type [START_OBJECT]"},
		{"POST", m + "?refresh=soon", seed, 400, "Unknown value for refresh: [soon]."},
		{"PUT", m + "/" + id + "?if_seq_no=x&if_primary_term=1", seed, 400, "Failed to parse long parameter [if_seq_no] with value [x]"},
		{"PUT", m + "/" + id + "?if_seq_no=1", seed, 400, "if_seq_no and if_primary_term must be given together"},
		{"POST", m + "/_search?index=accounts", `{}`, 400, "Invalid index name."},
		{"GET", m + "/alerts?size=-1", "", 400, "[size] must be between 0 and 10000 but was [-1]"},
		{"GET", m + "/alerts?sortOrder=up", "", 400, "No enum constant org.opensearch.search.sort.SortOrder.up"},
		{"GET", m + "/alerts?bogus=1", "", 400, "request [/_plugins/_alerting/monitors/alerts] contains unrecognized parameter: [bogus]"},
		{"POST", m + "/" + id + "/_acknowledge/alerts", `{"alerts":[]}`, 400, "You must provide at least one alert id."},
		{"POST", m + "/" + id + "/_execute?dryrun=yes", "", 400, "Failed to parse value [yes] as only [true] or [false] are allowed."},
		{"POST", m + "/" + id + "/_execute?dry_run=true", "", 400, "request [/_plugins/_alerting/monitors/" + id + "/_execute] contains unrecognized parameter: [dry_run]"},
		{"POST", m + "/nope/_acknowledge/alerts", `{"alerts":["x"]}`, 404, "No monitor found with id [nope]"},
		{"GET", "/_plugins/_alerting/stats/nope", "", 400, "request [/_plugins/_alerting/stats/nope] contains unrecognized metric: [nope]"},
		{"GET", "/_plugins/_alerting/stats/_all,jobs_info", "", 400, "request [/_plugins/_alerting/stats/_all,jobs_info] contains _all and individual metrics [_all,jobs_info]"},
		{"GET", "/_plugins/_alerting/remote/indexes", "", 501, "[remote indexes] is not supported: GET /_plugins/_alerting/remote/indexes"},
		{"POST", "/_plugins/_notifications/configs", `{"config":{"name":"x","config_type":"sns","sns":{}}}`, 400, "topic_arn field absent"},
		{"POST", "/_plugins/_notifications/configs", `{"config_id":"a/b","config":{"name":"x","config_type":"slack","slack":{"url":"http://a/"}}}`, 400, "Invalid characters in config id or longer than 512"},
		{"DELETE", "/_plugins/_notifications/configs", "", 400, "either config_id or config_id_list is required"},
		{"PUT", "/_opendistro/_alerting/destinations/nope", `{"name":"x","type":"chime","chime":{"url":"http://a/"}}`, 404, "Destination with nope is not found"},
	}
	for _, tt := range tests {
		w := r.do(tt.method, tt.path, tt.body)
		var e struct {
			Error struct {
				RootCause []struct{ Reason string } `json:"root_cause"`
				Reason    string
			}
			Status int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
			t.Errorf("%s %s: %s", tt.method, tt.path, w.Body)
			continue
		}
		if w.Code != tt.status || e.Status != tt.status || e.Error.Reason != tt.reason || len(e.Error.RootCause) != 1 || e.Error.RootCause[0].Reason != tt.reason {
			t.Errorf("%s %s: got %d %+v, want %d %s", tt.method, tt.path, w.Code, e, tt.status, tt.reason)
		}
	}
}

func TestVisualEditorIsShownToTheConsoleAlone(t *testing.T) {
	r := newRig(t)
	id := r.json("POST", "/_plugins/_alerting/monitors", seed, 201)["_id"].(string)
	for _, tt := range []struct {
		agent string
		shown bool
	}{{"curl/8", false}, {"OpenSearch-Dashboards", true}, {"Kibana", true}} {
		for _, target := range []string{"/_plugins/_alerting/monitors/" + id, "/_plugins/_alerting/monitors/_search"} {
			w := r.do("GET", target, "", "User-Agent", tt.agent)
			if got := strings.Contains(w.Body.String(), "ui_metadata"); got != tt.shown {
				t.Errorf("%s %s: shown %t, want %t", tt.agent, target, got, tt.shown)
			}
			if strings.Contains(w.Body.String(), `"user"`) {
				t.Errorf("%s shows the user: %s", target, w.Body)
			}
		}
	}
}

func TestDestinationsOfOpenDistro(t *testing.T) {
	r := newRig(t)
	base := "/_opendistro/_alerting/destinations"
	d := r.json("POST", base, `{"name":"ops","type":"custom_webhook","custom_webhook":{"url":"http://192.0.2.1/x","header_params":{"Authorization":"s3cret"}}}`, 201)
	id := d["_id"].(string)
	r.json("PUT", base+"/"+id, `{"name":"ops 2","type":"custom_webhook","custom_webhook":{"url":"http://192.0.2.1/x","header_params":{"Authorization":"__SENSITIVE__"}}}`, 200)
	list := r.json("GET", base+"?destinationType=custom_webhook", "", 200)
	if list["totalDestinations"] != 1.0 || strings.Contains(fmt.Sprint(list), "s3cret") {
		t.Errorf("got %v", list)
	}
	got, err := r.store.Destination(t.Context(), id)
	if err != nil || got.Name != "ops 2" || !bytes.Contains(got.Config, []byte("s3cret")) {
		t.Errorf("stored %+v %s, %v", got, got.Config, err)
	}
	if one := r.json("GET", base+"/nope", "", 200); one["totalDestinations"] != 0.0 {
		t.Errorf("got %v", one)
	}
	if gone := r.json("DELETE", base+"/"+id, "", 200); gone["result"] != "deleted" {
		t.Errorf("got %v", gone)
	}
}

func TestStats(t *testing.T) {
	r := newRig(t)
	const stats = "/_plugins/_alerting/stats"
	if got := r.json("GET", stats, "", 200); got["scheduled_job_index_exists"] != false || got["scheduled_job_index_status"] != nil {
		t.Errorf("got %v", got)
	}
	id := r.json("POST", "/_plugins/_alerting/monitors", seed, 201)["_id"].(string)
	node := func(path string) (map[string]any, map[string]any) {
		t.Helper()
		got := r.json("GET", path, "", 200)
		one, _ := got["nodes"].(map[string]any)["node-1"].(map[string]any)
		return got, one
	}
	job := map[string]any{id: map[string]any{"running_on_time": true}}
	for path, want := range map[string][2]bool{ // whether the sweeper and the jobs are told
		stats: {true, true}, stats + "/_all": {true, true}, stats + "/jobs_info": {false, true}, stats + "/job_scheduling_metrics": {true, false},
		"/_plugins/_alerting/node-1/stats/jobs_info": {false, true}, "/_opendistro/_alerting/_local/stats": {true, true},
	} {
		got, one := node(path)
		if got["scheduled_job_index_exists"] != true || got["nodes_on_schedule"] != 1.0 || one["schedule_status"] != "green" {
			t.Errorf("%s: %v", path, got)
		}
		if (one["job_scheduling_metrics"] != nil) != want[0] || cmp.Equal(one["jobs_info"], any(job)) != want[1] {
			t.Errorf("%s: node %v", path, one)
		}
	}
	if got, one := node("/_plugins/_alerting/other/stats"); one != nil || got["nodes_on_schedule"] != 0.0 {
		t.Errorf("another node: %v", got)
	}
	if w := r.do("GET", stats+"/b,a", ""); w.Code != 400 || !strings.Contains(w.Body.String(), "unrecognized metrics: [a], [b]") {
		t.Errorf("unknown metrics: %d %s", w.Code, w.Body)
	}
}

func TestSecretsAreNeverAnswered(t *testing.T) {
	r := newRig(t)
	r.json("POST", "/_plugins/_notifications/configs", `{"config_id":"c","config":{"name":"c","config_type":"webhook",
		"webhook":{"url":"http://u:s3cret@192.0.2.1/hooks/s3cret?token=s3cret","header_params":{"Authorization":"s3cret","X-Api-Key":"s3cret"}}}}`, 200)
	for _, target := range []string{"/_plugins/_notifications/configs", "/_plugins/_notifications/configs/c", "/_plugins/_notifications/channels"} {
		if w := r.do("GET", target, ""); strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
	// What was read may be written back, with all the secrets still there.
	list := r.json("GET", "/_plugins/_notifications/configs/c", "", 200)["config_list"].([]any)
	back, err := json.Marshal(map[string]any{"config": list[0].(map[string]any)["config"]})
	if err != nil {
		t.Fatal(err)
	}
	r.json("PUT", "/_plugins/_notifications/configs/c", string(back), 200)
	d, err := r.store.Destination(t.Context(), "c")
	if err != nil || bytes.Count(d.Config, []byte("s3cret")) != 5 {
		t.Errorf("stored %s, %v", d.Config, err)
	}
}

func TestRowsAreComplete(t *testing.T) {
	for _, route := range newRig(t).table.Routes() {
		if route.Handler == nil || route.Action == "" || !route.Action.IsCluster() || !strings.HasSuffix(route.Request, "Request") || route.Op == "" {
			t.Errorf("incomplete row: %+v", route)
		}
		read := route.Method == http.MethodGet || route.Method == http.MethodHead || strings.HasSuffix(route.Path, "/_search")
		if read == route.Changes && !strings.Contains(route.Path, "feature/test") {
			t.Errorf("%s %s: changes %t", route.Method, route.Path, route.Changes)
		}
	}
}
