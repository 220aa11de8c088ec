package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"vigil/audit"
	"vigil/audit/sinktest"
)

var update = flag.Bool("update", false, "write what the formats make into testdata")

// examples are one event of every category, and the variants that the formats tell apart.
func examples() map[string]audit.Event {
	yes, shard, body := true, 0, `{"query":{"match_all":{}}}`
	mapping, user := `{"users":["bob"]}`, `{"opendistro_security_roles":[]}`
	request := func(method, path string) *audit.REST {
		return &audit.REST{
			Method: method, Path: path, Params: map[string]string{"pretty": ""}, Header: map[string][]string{"Accept": {"*/*"}},
		}
	}
	rest := audit.Event{
		Layer: audit.LayerREST, Origin: audit.OriginREST, RemoteAddress: "10.0.0.7", EffectiveUser: "alice",
		REST: request("GET", "/books/_search"),
	}
	transport := audit.Event{
		Layer: audit.LayerTransport, Origin: audit.OriginREST, RemoteAddress: "10.0.0.7", EffectiveUser: "alice",
		InitiatingUser: "root", Privilege: "indices:data/read/search", RequestType: "SearchRequest", Indices: []string{"b*"},
		Resolved: []string{"books"}, Body: &body, TaskID: "n:1", ParentTaskID: "n:0",
	}
	document := audit.Event{
		Origin: audit.OriginREST, RemoteAddress: "10.0.0.7", EffectiveUser: "alice", Indices: []string{"books"},
		Resolved: []string{"books"}, DocID: "1", ShardID: &shard, Body: &body,
	}
	hits := int64(2)
	known := audit.Request{
		ID: "r-1", TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", UserAgent: "curl/8", AuthMethod: "basic",
		Roles: []string{"reader"}, BackendRoles: []string{"staff"}, SocketAddress: "10.0.0.1", Forwarded: "10.0.0.7",
	}
	with := func(e audit.Event, c audit.Category, change func(*audit.Event)) audit.Event {
		e.Category = c
		if change != nil {
			change(&e)
		}
		return e
	}
	return map[string]audit.Event{
		"failed_login":    with(rest, audit.FailedLogin, nil),
		"authenticated":   with(rest, audit.Authenticated, func(e *audit.Event) { e.IsAdmin, e.InitiatingUser = &yes, "alice" }),
		"bad_headers":     with(rest, audit.BadHeaders, func(e *audit.Event) { e.EffectiveUser = "" }),
		"ssl_exception":   with(rest, audit.SSLException, func(e *audit.Event) { e.REST, e.EffectiveUser, e.Exception = nil, "", "bad certificate" }),
		"granted_search":  with(transport, audit.GrantedPrivileges, nil),
		"granted_cluster": with(transport, audit.GrantedPrivileges, func(e *audit.Event) { e.Privilege, e.Indices, e.Resolved = "cluster:monitor/health", nil, nil }),
		"granted_user": with(rest, audit.GrantedPrivileges, func(e *audit.Event) {
			e.REST, e.Body = request("PUT", "/_plugins/_security/api/internalusers/bob"), &user
		}),
		"granted_mapping": with(rest, audit.GrantedPrivileges, func(e *audit.Event) {
			e.REST, e.Body = request("PUT", "/_plugins/_security/api/rolesmapping/readers"), &mapping
		}),
		"missing":          with(transport, audit.MissingPrivileges, func(e *audit.Event) { e.Privilege = "indices:data/write/delete" }),
		"missing_rest":     with(rest, audit.MissingPrivileges, nil),
		"index_attempt":    with(transport, audit.SecurityIndexAttempt, func(e *audit.Event) { e.Privilege, e.Action = "", "indices:admin/delete" }),
		"index_created":    with(transport, audit.IndexEvent, func(e *audit.Event) { e.Privilege = "indices:admin/create" }),
		"index_deleted":    with(transport, audit.IndexEvent, func(e *audit.Event) { e.Privilege = "indices:admin/delete" }),
		"document_read":    with(document, audit.DocRead, nil),
		"document_written": with(document, audit.DocWrite, func(e *audit.Event) { e.Operation, e.DocVersion = "CREATE", 1 }),
		"config_read":      with(document, audit.InternalConfigRead, nil),
		"config_written":   with(document, audit.InternalConfigWrite, func(e *audit.Event) { e.Operation = "UPDATE" }),
		"external_config":  {Category: audit.ExternalConfig, FileInfos: json.RawMessage(`[{"key":"k","path":"/p"}]`)},
		"extended": with(transport, audit.GrantedPrivileges, func(e *audit.Event) {
			e.Request = &known
			e.ResolvedSum = &audit.ListSum{Count: 1000, SHA256: "ab"}
		}),
		"outcome": with(rest, audit.RequestOutcome, func(e *audit.Event) {
			e.Layer, e.Request, e.Outcome = audit.LayerNone, &known, &audit.Outcome{
				Status: 200, Took: 1234567 * time.Nanosecond, RequestBytes: 10, ResponseBytes: 300, Hits: &hits, Documents: &hits,
			}
		}),
		"outcome_error": with(rest, audit.RequestOutcome, func(e *audit.Event) {
			e.Layer, e.Request, e.Outcome = audit.LayerNone, &audit.Request{ID: "r-2"}, &audit.Outcome{
				Status: 404, ErrorType: "index_not_found_exception", Failed: 1, Gone: true,
			}
		}),
		"delivery": {Category: audit.AlertDelivery, Origin: audit.OriginLocal, Delivery: &audit.Delivery{
			ID: "d-1", AlertID: "a-1", ActionID: "act-1", DestinationID: "dest-1", DestinationType: "slack", Attempt: 2, Status: 503, Error: "answered 503",
		}},
		"gap": {Category: audit.Gap, Origin: audit.OriginLocal, Skipped: &audit.Skipped{Sink: "siem", First: 1, Last: 9, Events: 7}},
	}
}

func exampleEntry(e audit.Event) audit.Entry {
	e.Time = time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC)
	n := audit.Node{Cluster: "c", ID: "node-id", Name: "node-0", Host: "host", Address: "10.0.0.1"}
	return audit.Entry{Seq: 42, ID: "id-42", Time: e.Time, Category: e.Category, Doc: audit.AppendJSON(nil, &n, &e)}
}

// TestFormats compares every format of every example with testdata; -update writes it.
func TestFormats(t *testing.T) {
	for name, e := range examples() {
		t.Run(name, func(t *testing.T) {
			entry := exampleEntry(e)
			archive := &txtar.Archive{}
			for _, f := range []string{"native", "ecs", "ocsf"} {
				format, err := ParseFormat(f)
				if err != nil {
					t.Fatal(err)
				}
				doc, err := format(entry)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.ContainsAny(doc, "\n\r") {
					t.Errorf("%s: more than one line: %s", f, doc)
				}
				var pretty bytes.Buffer
				if err := json.Indent(&pretty, doc, "", "  "); err != nil {
					t.Fatalf("%s: %v in %s", f, err, doc)
				}
				archive.Files = append(archive.Files, txtar.File{Name: f, Data: append(pretty.Bytes(), '\n')})
			}
			path := filepath.Join("testdata", "format", name+".txtar")
			got := txtar.Format(archive)
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("formats differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOCSFHasWhatEveryEventNeeds checks the members that the schema requires, whatever the event is.
func TestOCSFHasWhatEveryEventNeeds(t *testing.T) {
	for name, e := range examples() {
		doc, err := OCSF(exampleEntry(e))
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Class    *int `json:"class_uid"`
			Category *int `json:"category_uid"`
			Activity *int `json:"activity_id"`
			Type     *int `json:"type_uid"`
			Severity *int `json:"severity_id"`
			Time     *int64
			Metadata struct {
				UID, Version string
				Product      map[string]any
			}
			Actor map[string]any
			User  map[string]any
			From  map[string]any `json:"src_endpoint"`
		}
		if err := json.Unmarshal(doc, &v); err != nil {
			t.Fatal(err)
		}
		if v.Class == nil || v.Category == nil || v.Activity == nil || v.Type == nil || v.Severity == nil || v.Time == nil {
			t.Fatalf("%s: a required member is missing in %s", name, doc)
		}
		if *v.Type != *v.Class*100+*v.Activity || *v.Category != *v.Class/1000 || v.Metadata.UID != "id-42" || v.Metadata.Version == "" {
			t.Errorf("%s: the numbers do not fit together in %s", name, doc)
		}
		switch *v.Category {
		case 3:
			if v.User["name"] == nil {
				t.Errorf("%s: class %d has no user", name, *v.Class)
			}
		case 6:
			if v.Actor == nil || v.From == nil {
				t.Errorf("%s: class %d has no actor or source", name, *v.Class)
			}
		}
	}
}

func TestFormattedSinkRejectsInTheNativeFormat(t *testing.T) {
	batch := sinktest.Entries(1, 3)
	batch[0].Doc = []byte(`not JSON`)
	inner := sinkFunc(func(got []audit.Entry) error {
		if len(got) != 2 || bytes.Equal(got[0].Doc, batch[1].Doc) {
			t.Errorf("got %d events, want the two that have a format", len(got))
		}
		return &audit.RejectedError{Rejections: []audit.Rejection{{Entry: got[1], Reason: "no"}}}
	})
	rejected, ok := errors.AsType[*audit.RejectedError](WithFormat(inner, ECS).Write(t.Context(), batch))
	if !ok || len(rejected.Rejections) != 2 {
		t.Fatalf("got %v, want two rejections", rejected)
	}
	for i, e := range []audit.Entry{batch[0], batch[2]} {
		if diff := cmp.Diff(e, rejected.Rejections[i].Entry); diff != "" {
			t.Errorf("rejection %d differs (-want +got):\n%s", i, diff)
		}
	}
}

type sinkFunc func(batch []audit.Entry) error

func (f sinkFunc) Name() string                                       { return "func" }
func (f sinkFunc) Close() error                                       { return nil }
func (f sinkFunc) Write(_ context.Context, batch []audit.Entry) error { return f(batch) }

func FuzzFormats(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"audit_trace_indices":[1],"audit_request_effective_user":{},"audit_node_name":null}`))
	f.Add([]byte(`null`))
	for _, e := range examples() {
		f.Add(exampleEntry(e).Doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !json.Valid(doc) {
			return
		}
		for _, c := range []audit.Category{audit.FailedLogin, audit.GrantedPrivileges, audit.IndexEvent, "NEW"} {
			e := audit.Entry{ID: "i", Category: c, Doc: doc}
			for name, format := range map[string]Format{"ecs": ECS, "ocsf": OCSF} {
				if got, err := format(e); err == nil && !json.Valid(got) {
					t.Errorf("%s: got %s", name, got)
				}
			}
		}
	})
}

func TestOCSFCountsFoldedEvents(t *testing.T) {
	e := exampleEntry(examples()["failed_login"])
	doc := strings.TrimSuffix(string(e.Doc), "}")
	e.Doc = []byte(doc + `,"audit_vigil_folded":{"count":41,"first":"2026-11-21T10:00:00.000+00:00","last":"2026-11-21T10:00:09.500+00:00"}}`)
	b, err := OCSF(e)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Count     int   `json:"count"`
		StartTime int64 `json:"start_time"`
		EndTime   int64 `json:"end_time"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Count != 41 || got.EndTime-got.StartTime != 9500 || strings.Contains(string(b), "vigil_folded") {
		t.Errorf("got %s", b)
	}
}
