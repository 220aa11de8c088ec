package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readBulk(body, index string) ([]BulkItem, error) {
	var items []BulkItem
	for item, err := range Bulk([]byte(body), index) {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

func TestBulkReadsItems(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	tests := []struct {
		name, body, index string
		want              []BulkItem
	}{
		{
			"all actions",
			`{"index":{"_index":"a","_id":"1"}}` + "\n" + `{"x":1}` + "\n" +
				`{"create":{"_index":"b","_id":2}}` + "\n" + `{"x":2}` + "\n" +
				`{"update":{"_index":"a","_id":"1"}}` + "\n" + `{"doc":{"x":3}}` + "\n" +
				`{"delete":{"_index":"a","_id":"1"}}` + "\n",
			"",
			[]BulkItem{
				{Op: "index", Index: "a", ID: "1", Source: json.RawMessage(`{"x":1}`), Line: 1},
				{Op: "create", Index: "b", ID: "2", Source: json.RawMessage(`{"x":2}`), Line: 3},
				{Op: "update", Index: "a", ID: "1", Source: json.RawMessage(`{"doc":{"x":3}}`), Line: 5},
				{Op: "delete", Index: "a", ID: "1", Line: 7},
			},
		},
		{
			"the default index, and an id that the cluster chooses",
			`{"index":{}}` + "\n{}\n", "d",
			[]BulkItem{{Op: "index", Index: "d", Source: json.RawMessage(`{}`), Line: 1}},
		},
		{
			"carriage returns and blank lines between operations",
			"\r\n" + `{"index":{"_id":null}}` + "\r\n{} \r\n  \n", "d",
			[]BulkItem{{Op: "index", Index: "d", Source: json.RawMessage(`{} `), Line: 2}},
		},
		{
			"every parameter",
			`{"index":{"_id":"1","routing":"r","if_seq_no":3,"if_primary_term":"1","pipeline":"p","require_alias":"true","op_type":"index"}}` + "\n{}\n" +
				`{"index":{"_id":"1","version":7,"version_type":"external_gt"}}` + "\n{}\n" +
				`{"update":{"_id":"1","retry_on_conflict":3,"_source":["a\u0001",true]}}` + "\n{}\n" +
				`{"update":{"_id":"1","_source":"x\u0001"}}` + "\n{}\n",
			"d", nil,
		},
		{
			"a create by op_type, and a source that is not JSON", `{"index":{"op_type":"create"}}` + "\n" + `{"a":` + "\n", "d",
			[]BulkItem{{Op: "create", Index: "d", Source: json.RawMessage(`{"a":`), Line: 1}},
		},
		{
			"escaped text", `{"index":{"_index":"\u0061","_i\u0064":"\"\u00e9"}}` + "\n{}\n", "",
			[]BulkItem{{Op: "index", Index: "a", ID: `"é`, Source: json.RawMessage(`{}`), Line: 1}},
		},
	}
	tests[3].want = []BulkItem{
		{
			Op: "index", Index: "d", ID: "1", Routing: "r", IfSeqNo: n(3), IfPrimaryTerm: n(1), Pipeline: "p", RequireAlias: true,
			Source: json.RawMessage(`{}`), Line: 1,
		},
		{Op: "index", Index: "d", ID: "1", Version: n(7), VersionType: "external", Source: json.RawMessage(`{}`), Line: 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readBulk(test.body, test.index)
			if test.name == "every parameter" {
				// A list is no value of _source on an action line; the items before it are what is compared.
				if err == nil || len(got) != 2 {
					t.Fatalf("got %d items and error %v, want 2 and an error", len(got), err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBulkReadsSourceFilters(t *testing.T) {
	for in, want := range map[string]string{
		`"x\u0001\"y"`:                 `"x\u0001\"y"`,
		`true`:                         `true`,
		`{"includes":["a","b\u0001"]}`: `{"includes":["a","b\u0001"]}`,
	} {
		got, err := readBulk(`{"update":{"_id":"1","_source":`+in+`}}`+"\n{}\n", "a")
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(got[0].SourceFilter) || string(got[0].SourceFilter) != want {
			t.Errorf("got %s, want %s", got[0].SourceFilter, want)
		}
	}
}

func TestBulkRefuses(t *testing.T) {
	const illegal = "illegal_argument_exception"
	tests := []struct{ name, body, typ, reason string }{
		{"nothing", "", "parse_exception", "request body is required"},
		{"blank lines alone", "\n\n", "action_request_validation_exception", "Validation Failed: 1: no requests added;"},
		{"no newline after the action", `{"index":{}}`, illegal, `The bulk request must be terminated by a newline [\n]`},
		{"no newline after the source", `{"index":{}}` + "\n{}", illegal, `The bulk request must be terminated by a newline [\n]`},
		{"no source", `{"index":{}}` + "\n", illegal, "Malformed action/metadata line [1], expected a source line after it but found the end"},
		{"an unknown action", `{"nosuch":{}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], expected one of [create, delete, index, update] but found [nosuch]"},
		{"a string as action line", `"x"` + "\n", illegal, "Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_STRING]"},
		{"a list as action line", "[1]\n{}\n", illegal, "Malformed action/metadata line [1], expected START_OBJECT but found [START_ARRAY]"},
		{"no action", "{}\n{}\n", illegal, "Malformed action/metadata line [1], expected FIELD_NAME but found [END_OBJECT]"},
		{"two actions in a line", `{"index":{},"delete":{}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], expected END_OBJECT but found [FIELD_NAME]"},
		{"an action that is no object", `{"index":1}` + "\n{}\n", illegal, "Malformed action/metadata line [1], expected START_OBJECT or END_OBJECT but found [VALUE_NUMBER]"},
		{"an unknown parameter", `{"index":{"_type":"x"}}` + "\n{}\n", illegal, "Action/metadata line [1] contains an unknown parameter [_type]"},
		{"a list as parameter", `{"index":{"_id":["x"]}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], expected a simple value for field [_id] but found [START_ARRAY]"},
		{"an object as parameter", `{"index":{"_id":{}}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], expected a simple value for field [_id] but found [START_OBJECT]"},
		{"the line number", "{\"index\":{}}\n{}\n\nx\n", "json_parse_exception", "Malformed action/metadata line [4], it is not JSON"},
		{"an escape that JSON does not have", `{"index":{"_id":"\0"}}` + "\n{}\n", "json_parse_exception", "Malformed action/metadata line [1], it is not JSON"},
		{"a repeated parameter", `{"index":{"_index":"a","_index":"b"}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], duplicate field [_index]"},
		{"an empty id", `{"index":{"_id":""}}` + "\n{}\n", illegal, "if _id is specified it must not be empty"},
		{"a version in an update", `{"update":{"_id":"1","version":1}}` + "\n{}\n", illegal, "Update requests do not support versioning. Please use `if_seq_no` and `if_primary_term` instead"},
		{"a number that is none", `{"index":{"if_seq_no":"x"}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], [x] is not a number for field [if_seq_no]"},
		{"a boolean that is none", `{"index":{"require_alias":1}}` + "\n{}\n", illegal, "Failed to parse value [1] as only [true] or [false] are allowed."},
		{"a version type that is none", `{"index":{"version_type":"x"}}` + "\n{}\n", illegal, "No version type match [x]"},
		{"a long action line", `{"index":{"_id":"` + strings.Repeat("x", maxMetadataLine) + `"}}` + "\n{}\n", illegal, "Malformed action/metadata line [1], it is longer than [65536] bytes"},
		{
			"what validation finds, all of it", `{"delete":{}}` + "\n" + `{"update":{"if_seq_no":1}}` + "\n{}\n",
			"action_request_validation_exception",
			"Validation Failed: 1: id is missing;2: id is missing;3: ifSeqNo is set, but primary term is [0];",
		},
		{
			"a conditional create", `{"create":{"if_seq_no":1,"if_primary_term":1}}` + "\n{}\n",
			"action_request_validation_exception", "Validation Failed: 1: create operations do not support compare and set. use index instead;",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readBulk(test.body, "d")
			got, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if got.Status != 400 || got.Type != test.typ || got.Reason != test.reason {
				t.Errorf("got %d %s: %s, want 400 %s: %s", got.Status, got.Type, got.Reason, test.typ, test.reason)
			}
		})
	}
	t.Run("no items after the first complaint", func(t *testing.T) {
		items, err := readBulk(`{"delete":{"_id":"1"}}`+"\n"+`{"delete":{}}`+"\n"+`{"delete":{"_id":"2"}}`+"\n", "d")
		if len(items) != 1 || err == nil {
			t.Errorf("got %d items and error %v, want 1 and an error", len(items), err)
		}
	})
	t.Run("no index", func(t *testing.T) {
		_, err := readBulk(`{"index":{}}`+"\n{}\n", "")
		if want := "Validation Failed: 1: index is missing;"; err == nil || AsError(err).Reason != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestBulkDoesNotCopySources(t *testing.T) {
	body := []byte(`{"index":{"_index":"a"}}` + "\n" + `{"x":1}` + "\n")
	for item, err := range Bulk(body, "") {
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(body, []byte(`{"x"`)); &item.Source[0] != &body[at] {
			t.Error("the source is a copy")
		}
		if cap(item.Source) != len(item.Source) {
			t.Error("appending to the source would overwrite the body")
		}
	}
}

func TestBulkCanBeLeft(t *testing.T) {
	body := strings.Repeat(`{"index":{"_index":"a"}}`+"\n{}\n", 3)
	n := 0
	for range Bulk([]byte(body), "") {
		n++
		break
	}
	if n != 1 {
		t.Errorf("got %d items, want 1", n)
	}
}

func FuzzBulk(f *testing.F) {
	for _, s := range []string{
		"", "\n", `{"index":{}}` + "\n{}\n", `{"delete":{"_id":1}}` + "\r\n", `{"update":{"_id":"1","_source":{"a":["\u0001"]}}}` + "\n{}\n",
		`{"index":{"if_seq_no":9223372036854775808}}` + "\n{}\n", "[[[[[[", `{"index":{"_id":"\ud800"}}` + "\n\n", `{"a":1e999}` + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		lines := strings.Count(body, "\n")
		items, err := readBulk(body, "d")
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Status != 400 {
				t.Fatalf("got %v, want an *Error of status 400", err)
			}
			return
		}
		if len(items) == 0 {
			t.Fatal("got neither items nor an error")
		}
		last := 0
		for _, item := range items {
			if item.Index == "" || item.Line <= last || item.Line > lines {
				t.Fatalf("bad item %+v", item)
			}
			if (item.Source == nil) != (item.Op == "delete") {
				t.Fatalf("a source that should not be, or none: %+v", item)
			}
			if len(item.SourceFilter) > 0 && !json.Valid(item.SourceFilter) {
				t.Fatalf("the source filter is not JSON: %s", item.SourceFilter)
			}
			last = item.Line
		}
	})
}

func BenchmarkBulk(b *testing.B) {
	var body bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&body, "{\"index\":{\"_index\":\"logs-a\",\"_id\":\"%d\"}}\n{\"msg\":\"%s\"}\n", i, strings.Repeat("x", 500))
	}
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range Bulk(body.Bytes(), "") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatalf("got %d items, want 1000", n)
		}
	}
}
