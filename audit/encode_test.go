package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// recordedEvent is an event as OpenSearch stored it, one of every category in testdata/events.jsonl.
type recordedEvent struct {
	Time        string              `json:"@timestamp"`
	Category    Category            `json:"audit_category"`
	Layer       Layer               `json:"audit_request_layer"`
	Origin      Origin              `json:"audit_request_origin"`
	Remote      string              `json:"audit_request_remote_address"`
	User        string              `json:"audit_request_effective_user"`
	Initiating  string              `json:"audit_request_initiating_user"`
	IsAdmin     *bool               `json:"audit_request_effective_user_is_admin"`
	Privilege   string              `json:"audit_request_privilege"`
	Action      string              `json:"audit_transport_action"`
	RequestType string              `json:"audit_transport_request_type"`
	Headers     map[string]string   `json:"audit_transport_headers"`
	Indices     []string            `json:"audit_trace_indices"`
	Resolved    []string            `json:"audit_trace_resolved_indices"`
	DocID       string              `json:"audit_trace_doc_id"`
	Shard       *int                `json:"audit_trace_shard_id"`
	Task        string              `json:"audit_trace_task_id"`
	Parent      string              `json:"audit_trace_task_parent_id"`
	Method      string              `json:"audit_rest_request_method"`
	Path        string              `json:"audit_rest_request_path"`
	Params      map[string]string   `json:"audit_rest_request_params"`
	RESTHeaders map[string][]string `json:"audit_rest_request_headers"`
	Body        *string             `json:"audit_request_body"`
	Exception   string              `json:"audit_request_exception_stacktrace"`
	Operation   string              `json:"audit_compliance_operation"`
	Version     int64               `json:"audit_compliance_doc_version"`
	Noop        *bool               `json:"audit_compliance_diff_is_noop"`
	Diff        string              `json:"audit_compliance_diff_content"`
	Cluster     string              `json:"audit_cluster_name"`
	NodeID      string              `json:"audit_node_id"`
	NodeName    string              `json:"audit_node_name"`
	Host        string              `json:"audit_node_host_name"`
	Address     string              `json:"audit_node_host_address"`
}

func (r *recordedEvent) event(t testing.TB) (*Node, *Event) {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000-07:00", r.Time)
	if err != nil {
		t.Fatal(err)
	}
	e := &Event{
		Time: at, Category: r.Category, Layer: r.Layer, Origin: r.Origin, RemoteAddress: r.Remote, EffectiveUser: r.User,
		InitiatingUser: r.Initiating, IsAdmin: r.IsAdmin, Privilege: r.Privilege, Action: r.Action, RequestType: r.RequestType,
		Headers: r.Headers, Indices: r.Indices, Resolved: r.Resolved, DocID: r.DocID, ShardID: r.Shard, TaskID: r.Task,
		ParentTaskID: r.Parent, Body: r.Body, Exception: r.Exception, Operation: r.Operation, DocVersion: r.Version,
		DiffIsNoop: r.Noop, DiffContent: r.Diff,
	}
	if r.Path != "" {
		e.REST = &REST{Method: r.Method, Path: r.Path, Params: r.Params, Header: r.RESTHeaders}
	}
	return &Node{Cluster: r.Cluster, ID: r.NodeID, Name: r.NodeName, Host: r.Host, Address: r.Address}, e
}

func decodeObject(t testing.TB, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return m
}

func TestEventsAreStoredAsRecorded(t *testing.T) {
	f, err := os.Open("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r recordedEvent
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		n, e := r.event(t)
		got := AppendJSON(nil, n, e)
		if diff := cmp.Diff(decodeObject(t, lines.Bytes()), decodeObject(t, got)); diff != "" {
			t.Errorf("%s %s differs (-want +got):\n%s", r.Category, r.Layer, diff)
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
}

func TestEncodedEvent(t *testing.T) {
	body, no := "a\"b\\\n\x01\xff€", false
	e := &Event{
		Time:     time.Date(2020, 8, 23, 7, 28, 2, 285_999_999, time.FixedZone("", 7200)),
		Category: Authenticated, Layer: LayerREST, Origin: OriginREST, EffectiveUser: "bob", IsAdmin: &no,
		REST: &REST{
			Method: "GET", Path: "/", Params: map[string]string{"b": "", "a": "<>&"}, Header: map[string][]string{},
		},
		Body: &body, FileInfos: json.RawMessage(`[{"key":"k"}]`), Recovered: "true",
		Cut: &Cut{Length: 7, SHA256: "ab"},
	}
	got := string(AppendJSON([]byte("x"), &Node{Cluster: "c"}, e))
	want := `x{"@timestamp":"2020-08-23T05:28:02.285+00:00","audit_category":"AUTHENTICATED","audit_request_layer":"REST",` +
		`"audit_request_origin":"REST","audit_request_effective_user":"bob","audit_request_effective_user_is_admin":false,` +
		`"audit_compliance_file_infos":[{"key":"k"}],"audit_rest_request_method":"GET","audit_rest_request_path":"/",` +
		`"audit_rest_request_params":{"a":"<>&","b":""},"audit_rest_request_headers":{},` +
		`"audit_request_body":"a\"b\\\n\u0001` + "\uFFFD€" + `","audit_vigil_recovered":"true",` +
		`"audit_vigil_body":{"length":7,"sha256":"ab"},"audit_cluster_name":"c","audit_format_version":4}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("encoded event differs (-want +got):\n%s", diff)
	}
}

func TestEncodedDelivery(t *testing.T) {
	e := &Event{Category: AlertDelivery, Origin: OriginLocal, Delivery: &Delivery{
		ID: "d", AlertID: "a", ActionID: "b", DestinationID: "c", DestinationType: "slack", Attempt: 2, Status: 503, Error: "x \"y\"",
	}}
	want := map[string]any{
		"delivery_id": "d", "alert_id": "a", "action_id": "b", "destination_id": "c", "destination_type": "slack",
		"attempt": json.Number("2"), "status": json.Number("503"), "error": "x \"y\"", "delivered": false,
	}
	if diff := cmp.Diff(any(want), decodeObject(t, AppendJSON(nil, &Node{}, e))["audit_vigil_delivery"]); diff != "" {
		t.Error(diff)
	}
}

func TestEncodedExtendedEvent(t *testing.T) {
	hits, no := int64(3), int64(0)
	e := &Event{
		Category: RequestOutcome,
		Request: &Request{
			ID: "r", TraceID: "t", SpanID: "s", UserAgent: "u", AuthMethod: "basic", Roles: []string{"a", "b"}, BackendRoles: []string{"c"},
			SocketAddress: "10.0.0.1", Forwarded: "10.0.0.2",
		},
		Outcome: &Outcome{
			Status: 200, Took: 1234567 * time.Nanosecond, RequestBytes: 5, ResponseBytes: 6, Hits: &hits, Documents: &no, Failed: 1,
			ErrorType: "x", Gone: true,
		},
	}
	var names []string
	for i := range 150 {
		names = append(names, fmt.Sprintf("logs-%03d", 149-i))
	}
	e.SetResolved(names)
	got := decodeObject(t, AppendJSON(nil, &Node{}, e))
	head, ok := got["audit_trace_resolved_indices"].([]any)
	if !ok || len(head) != 100 || head[0] != "logs-000" || names[0] != "logs-149" {
		t.Errorf("resolved indices are %v", head)
	}
	for _, name := range []string{"@timestamp", "audit_trace_resolved_indices"} {
		delete(got, name)
	}
	want := map[string]any{
		"audit_category": "REQUEST_OUTCOME", "audit_format_version": json.Number("4"), "audit_vigil_resolved_count": json.Number("150"),
		// for i in $(seq -f %03g 0 149); do echo logs-$i; done | sha256sum
		"audit_vigil_resolved_sha256": "8e9a4433b8e658836bbf9e5b78da7d997c794382b06bed06c57c03a60a1d85ba",
		"audit_request_id":            "r", "audit_vigil_trace_id": "t", "audit_vigil_span_id": "s", "audit_request_user_agent": "u",
		"audit_request_auth_method": "basic", "audit_request_user_roles": []any{"a", "b"}, "audit_vigil_user_backend_roles": []any{"c"},
		"audit_vigil_socket_address": "10.0.0.1", "audit_vigil_forwarded_address": "10.0.0.2",
		"audit_vigil_response_status": json.Number("200"), "audit_vigil_took_ms": json.Number("1.234"),
		"audit_vigil_request_bytes": json.Number("5"), "audit_vigil_response_bytes": json.Number("6"), "audit_vigil_hits": json.Number("3"),
		"audit_vigil_documents": json.Number("0"), "audit_vigil_failed_items": json.Number("1"), "audit_vigil_error_type": "x",
		"audit_vigil_client_gone": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("encoded event differs (-want +got):\n%s", diff)
	}
}

func TestKeysThatAreNotTextStayApart(t *testing.T) {
	e := &Event{REST: &REST{Params: map[string]string{"\xff": "1", "\xfe": "2", "\uFFFDff": "3", "ok": "4"}}}
	got := decodeObject(t, AppendJSON(nil, &Node{}, e))["audit_rest_request_params"]
	if m, ok := got.(map[string]any); !ok || len(m) != 4 {
		t.Errorf("got %v, want 4 parameters", got)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("bob", "{\"a\":1}", "k", "\xff\x00\u2028\"\\", int64(1))
	f.Add("", "", "", "", int64(-62135596800000))
	f.Add("", "", "", "[\"0\x80\",\n1]", int64(1))
	f.Fuzz(func(t *testing.T, user, body, key, value string, ms int64) {
		at := time.UnixMilli(ms % 200_000_000_000_000)
		e := &Event{
			Time: at, Category: FailedLogin, EffectiveUser: user, Body: &body, DiffContent: value, Indices: []string{key, value},
			Headers: map[string]string{key: value}, FileInfos: json.RawMessage(value),
			REST: &REST{Path: value, Params: map[string]string{key: value, value: key}, Header: map[string][]string{key: {value, body}}},
		}
		got := AppendJSON(nil, &Node{Cluster: key}, e)
		if !json.Valid(got) || !utf8.Valid(got) || bytes.ContainsAny(got, "\n\r") {
			t.Fatalf("not one line of JSON: %q", got)
		}
		m := decodeObject(t, got)
		if m["audit_request_body"] != string([]rune(body)) {
			t.Errorf("got body %q, want %q", m["audit_request_body"], body)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	no := false
	body := `{"query":{"bool":{"must":[{"match":{"msg":"one"}}],"filter":[{"range":{"@timestamp":{"gte":"now-1h"}}}]}},"size":10}`
	n := &Node{Cluster: "vigil", ID: "HtNCI_WlRI2NhmtcPUWd3Q", Name: "node-0", Host: "127.0.0.1", Address: "127.0.0.1"}
	e := &Event{
		Time: time.Now(), Category: Authenticated, Layer: LayerREST, Origin: OriginREST, RemoteAddress: "192.0.2.7",
		EffectiveUser: "root1", InitiatingUser: "root1", IsAdmin: &no, Body: &body,
		REST: &REST{
			Method: "POST", Path: "/logs-a/_search", Params: map[string]string{"index": "logs-a", "size": "10"},
			Header: map[string][]string{
				"User-Agent": {"opensearch-py/2.7.1 (Python 3.13)"}, "Host": {"127.0.0.1:9200"}, "Content-Length": {"117"},
				"Content-Type": {"application/json"}, "Accept": {"*/*"}, "Connection": {"keep-alive"},
			},
		},
	}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], n, e)
	}
	b.SetBytes(int64(len(buf)))
}
