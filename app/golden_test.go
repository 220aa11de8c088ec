package app_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"vigil/app/apptest"
)

var update = flag.Bool("update", false, "rewrite golden files and generated pages")

// TestGolden plays the files in testdata/golden, one behaviour each, on a server of its own with the fixed world of
// [world]. A file says in these sections, of which all but request may be missing:
//
//	config   the audit configuration, as it is PUT
//	setup    requests of admin, one in a line: method, path, body; they leave no events
//	request  method and path, then headers (User and Password are the credentials), then the body behind an empty line
//	status, body, events   what must come of it; events are all events, one in a line
//
// With -update the last three are written. Files named after a recording (03a-…, 05a-…) hold what OpenSearch 2.19.4 answered
// and recorded; see compat/scenarios.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			playGolden(t, file)
		})
	}
}

// golden is a file.
type golden struct {
	archive *txtar.Archive
}

func (g golden) section(name string) string {
	for _, f := range g.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (g golden) set(name, data string) {
	for i, f := range g.archive.Files {
		if f.Name == name {
			g.archive.Files[i].Data = []byte(data)
			return
		}
	}
	g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: []byte(data)})
}

func playGolden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{archive}
	s := world(t)
	for line := range strings.Lines(g.section("setup")) {
		method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, body, _ := strings.Cut(rest, " ")
		if method != "" {
			s.Must(method, path, strings.ReplaceAll(body, `\n`, "\n"))
		}
	}
	if config := g.section("config"); config != "" {
		s.Audit(config)
	}
	var reply apptest.Reply
	events := since(t, s, func() { reply = s.Send(g.request(t, s)) })

	got := map[string]string{
		"status": strconv.Itoa(reply.Status) + "\n", "body": goldenBody(reply.Body), "events": goldenEvents(t, events),
	}
	for _, name := range []string{"status", "body", "events"} {
		want := g.section(name)
		switch name {
		case "body":
			want = goldenBody([]byte(want))
		case "events":
			want = goldenEvents(t, parseEvents(t, want))
		}
		if *update {
			g.set(name, got[name])
		} else if diff := cmp.Diff(lines(want), lines(got[name])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(g.archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func lines(s string) []string { return slices.Collect(strings.Lines(s)) }

// request builds the request of a file.
func (g golden) request(t *testing.T, s *apptest.Server) *http.Request {
	t.Helper()
	head, body, hasBody := strings.Cut(g.section("request"), "\n\n")
	first, headers, _ := strings.Cut(strings.TrimSpace(head), "\n")
	method, path, ok := strings.Cut(first, " ")
	if !ok {
		t.Fatalf("%q is not a method and a path", first)
	}
	var content any
	if hasBody {
		if !strings.Contains(path, "_bulk") && !strings.Contains(path, "_msearch") {
			body = strings.TrimSuffix(body, "\n")
		}
		content = body
	}
	r := s.Request(method, path, content)
	r.Header.Set("User-Agent", "golden")
	user, password := "", apptest.Password
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "User":
			user = value
		case "Password":
			password = value
		default:
			r.Header[name] = append(r.Header[name], value) // as it is spelled
		}
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	return r
}

// world is the fixed world of the recordings: users root1 (all_access), limited (reads logs-*), writer (writes logs-*) and
// norole; indices logs-a (3 documents), logs-b (1) and secret-1 (1); the alias logs-alias of the first two.
func world(t *testing.T) *apptest.Server {
	t.Helper()
	s := apptest.Start(t, nil)
	const api = "/_plugins/_security/api"
	s.Must("PUT", api+"/roles/sc_limited", `{"cluster_permissions":["cluster_composite_ops_ro"],"index_permissions":[{"index_patterns":["logs-*"],"allowed_actions":["read"]}]}`)
	s.Must("PUT", api+"/roles/sc_writer", `{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["logs-*"],"allowed_actions":["crud","create_index"]}]}`)
	s.Must("PUT", api+"/rolesmapping/own_index", `{"users":["*"]}`)
	s.User("root1", "all_access")
	s.User("limited", "sc_limited")
	s.User("writer", "sc_writer")
	s.User("norole")
	const single = `"settings":{"number_of_shards":1,"number_of_replicas":0}`
	s.Must("PUT", "/logs-a", `{`+single+`,"mappings":{"properties":{"msg":{"type":"text"},"n":{"type":"integer"},"@timestamp":{"type":"date"}}}}`)
	s.Must("PUT", "/logs-b", `{`+single+`}`)
	s.Must("PUT", "/secret-1", `{`+single+`}`)
	for path, body := range map[string]string{
		"/logs-b/_doc/1": `{"msg":"bee","n":10}`, "/secret-1/_doc/1": `{"msg":"hidden"}`,
	} {
		s.Must("PUT", path, body)
	}
	for i, msg := range []string{"one", "two", "three"} {
		s.Must("PUT", fmt.Sprintf("/logs-a/_doc/%d", i+1), fmt.Sprintf(`{"msg":%q,"n":%d}`, msg, i+1))
	}
	s.Must("POST", "/_aliases", `{"actions":[{"add":{"index":"logs-a","alias":"logs-alias"}},{"add":{"index":"logs-b","alias":"logs-alias"}}]}`)
	return s
}

func parseEvents(t *testing.T, text string) []apptest.Event {
	t.Helper()
	var events []apptest.Event
	for line := range strings.Lines(text) {
		var e apptest.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("event %s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// sameInAll are the members that every event has and that say nothing of the request.
var sameInAll = []string{
	"@timestamp", "audit_cluster_name", "audit_format_version", "audit_node_host_address", "audit_node_host_name", "audit_node_id", "audit_node_name",
}

// generated matches ids that the server makes up: of documents, of indices.
var generated = regexp.MustCompile(`^[A-Za-z0-9_-]{20}([A-Za-z0-9_-]{2})?$`)

// generatedWord finds such ids in text.
var generatedWord = regexp.MustCompile(`(^|\s)[A-Za-z0-9_-]{22}(\s|$)`)

// goldenEvents is the one place where events lose what differs from run to run. Every event must have what all events have.
func goldenEvents(t *testing.T, events []apptest.Event) string {
	t.Helper()
	tasks := map[string]string{}
	var out strings.Builder
	for _, e := range events {
		for _, name := range sameInAll {
			delete(e, name)
		}
		for _, name := range []string{"audit_trace_task_id", "audit_trace_task_parent_id"} {
			if id := e.Text(name); id != "" {
				if tasks[id] == "" {
					tasks[id] = fmt.Sprintf("task-%d", len(tasks)+1)
				}
				e[name] = tasks[id]
			}
		}
		if generated.MatchString(e.Text("audit_trace_doc_id")) {
			e["audit_trace_doc_id"] = "<generated>"
		}
		for _, name := range []string{"audit_trace_indices", "audit_trace_resolved_indices"} {
			list, _ := e[name].([]any)
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		if h, ok := e["audit_rest_request_headers"].(map[string]any); ok && h["Host"] != nil {
			h["Host"] = []any{"<host>"}
		}
		if h, ok := e["audit_transport_headers"].(map[string]any); ok && h["_opendistro_security_remotecn"] != nil {
			h["_opendistro_security_remotecn"] = "<cluster>"
		}
		sortBody(e)
		out.WriteString(oneLine(e))
	}
	return out.String()
}

// sortBody puts the members of bodies in order that a node writes in the order of its hash maps or of its serializers: all but
// documents and what clients wrote themselves.
func sortBody(e apptest.Event) {
	category := e.Text("audit_category")
	if e.Text("audit_request_layer") == "REST" || e.Text("audit_transport_request_type") == "IndexRequest" || category == "COMPLIANCE_DOC_WRITE" {
		return
	}
	dec := json.NewDecoder(strings.NewReader(e.Text("audit_request_body")))
	dec.UseNumber() // 1.0 stays 1.0
	var body any
	if dec.Decode(&body) != nil {
		return
	}
	if m, ok := body.(map[string]any); ok {
		if names, ok := m["field_names"].([]any); ok {
			slices.SortFunc(names, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	e["audit_request_body"] = strings.TrimSpace(oneLine(body))
}

func oneLine(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return b.String()
}

// goldenBody is an answer without what differs from run to run; JSON is indented, text stays text.
func goldenBody(body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return ""
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return generatedWord.ReplaceAllString(strings.TrimSuffix(string(body), "\n"), "${1}<generated>${2}") + "\n"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(steady("", v)); err != nil {
		return err.Error()
	}
	return b.String()
}

// moving are members of answers whose values differ from run to run.
var moving = map[string]string{
	"took": "<took>", "uuid": "<uuid>", "index_uuid": "<uuid>", "cluster_uuid": "<uuid>", "creation_date": "<time>",
	"_scroll_id": "<scroll>", "hash": "<hash>", "last_update_time": "<time>", "start_time": "<time>", "enabled_time": "<time>",
	"period_start": "<time>", "period_end": "<time>", "last_notification_time": "<time>", "_seq_no": "<seq>",
}

func steady(key string, v any) any {
	if to, ok := moving[key]; ok {
		return to
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = steady(k, e)
		}
	case []any:
		for i, e := range v {
			v[i] = steady("", e)
		}
	case string:
		if key == "_id" && generated.MatchString(v) || key == "id" && generated.MatchString(v) {
			return "<generated>"
		}
		if key == "remote_address" {
			host, _, _ := strings.Cut(v, ":")
			return host + ":<port>"
		}
	}
	return v
}
