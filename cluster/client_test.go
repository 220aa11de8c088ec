package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vigil/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answering returns a client of a handler that gives one answer and notes the request.
func answering(status int, answer string) (*Client, *string) {
	seen := new(string)
	return NewClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*seen = r.Method + " " + r.RequestURI
		if len(body) > 0 {
			*seen += " " + string(body)
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	})), seen
}

func TestPathEncodesNames(t *testing.T) {
	if got, want := Path("a/b", "_doc", "x y%?#é"), "/a%2Fb/_doc/x%20y%25%3F%23%C3%A9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Path("..", "_doc", "."), "/%2E%2E/_doc/%2E"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDoSendsARequestOfItsOwn(t *testing.T) {
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	outer := &rest.Effects{}
	ctx := rest.WithEffects(rest.NewContext(t.Context(), &rest.Call{DocID: "outer"}), outer)
	c := NewClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest.FromContext(r.Context()) != nil || rest.EffectsFrom(r.Context()) != nil {
			t.Error("the request carries the call or the effects of another one")
		}
		call, err := table.Resolve(r)
		if err != nil {
			t.Error(err)
			return
		}
		if call.DocID != "a/b" || call.Vars["index"] != "i" || call.Query.Get("refresh") != "true" {
			t.Errorf("got %v %v, want the id a/b in i with refresh", call.Vars, call.Query)
		}
		body, _ := io.ReadAll(r.Body)
		if string(body) != "{}" || r.ContentLength != 2 || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got body %q of %d bytes, type %q", body, r.ContentLength, r.Header.Get("Content-Type"))
		}
		w.Header().Set("X-A", "sent")
		w.WriteHeader(http.StatusCreated)
		w.Header().Set("X-A", "too late")
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "done")
	}))
	got, err := c.Do(ctx, http.MethodPut, Path("i", "_doc", "a/b"), url.Values{"refresh": {"true"}}, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != http.StatusCreated || string(got.Body) != "done" || got.Header.Get("X-A") != "sent" {
		t.Errorf("got %d %q %v, want 201 done", got.Status, got.Body, got.Header)
	}
}

func TestDoTellsErrors(t *testing.T) {
	tests := []struct {
		status int
		answer string
		want   Error
		is     error
	}{
		{404, `{"error":{"type":"index_not_found_exception","reason":"no such index [a]"},"status":404}`, Error{404, "index_not_found_exception", "no such index [a]"}, ErrNotFound},
		{409, `{"error":{"type":"version_conflict_engine_exception","reason":"[1]: version conflict"},"status":409}`, Error{409, "version_conflict_engine_exception", "[1]: version conflict"}, ErrConflict},
		{400, `{"error":"no handler found for uri [/x] and method [GET]"}`, Error{400, "", "no handler found for uri [/x] and method [GET]"}, nil},
		{401, "Unauthorized", Error{401, "", "Unauthorized"}, nil},
		{503, strings.Repeat("é", 400), Error{503, "", strings.Repeat("é", 256) + "…"}, nil},
		{500, "", Error{Status: 500}, nil},
	}
	for _, test := range tests {
		c, _ := answering(test.status, test.answer)
		resp, err := c.Do(t.Context(), http.MethodGet, "/x", nil, nil)
		got, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("%d: got %v, want an *Error", test.status, err)
		}
		if diff := cmp.Diff(test.want, *got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", test.status, diff)
		}
		if resp.Status != test.status {
			t.Errorf("got status %d beside the error, want %d", resp.Status, test.status)
		}
		for _, sentinel := range []error{ErrNotFound, ErrConflict} {
			want := test.is != nil && errors.Is(test.is, sentinel)
			if got := errors.Is(err, sentinel); got != want {
				t.Errorf("%d: errors.Is(%v) is %v, want %v", test.status, sentinel, got, want)
			}
		}
	}
}

func TestDoTurnsPanicsIntoErrors(t *testing.T) {
	for _, v := range []any{"boom", http.ErrAbortHandler} {
		c := NewClient(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(v) }))
		if _, err := c.Do(t.Context(), http.MethodGet, "/", nil, nil); err == nil {
			t.Errorf("%v: got no error", v)
		}
	}
}

func TestDoRefusesWhatIsNoPath(t *testing.T) {
	c, seen := answering(200, "")
	for _, path := range []string{"", "a", "/a?b=c", "http://host/a"} {
		if _, err := c.Do(t.Context(), http.MethodGet, path, nil, nil); err == nil {
			t.Errorf("%q: got no error", path)
		}
	}
	if *seen != "" {
		t.Errorf("got request %s, want none", *seen)
	}
}

func TestDoReportsTheEndOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := NewClient(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	if _, err := c.Do(ctx, http.MethodGet, "/", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context was canceled", err)
	}
}

func TestGet(t *testing.T) {
	c, seen := answering(200, `{"_index":"a","_id":"x/y","_version":3,"_seq_no":7,"_primary_term":2,"found":true,"_source":{"n":1}}`)
	got, err := c.Get(t.Context(), "a", "x/y")
	if err != nil {
		t.Fatal(err)
	}
	want := Doc{Index: "a", ID: "x/y", Source: json.RawMessage(`{"n":1}`), SeqNo: 7, PrimaryTerm: 2, Version: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if want := "GET /a/_doc/x%2Fy"; *seen != want {
		t.Errorf("got %s, want %s", *seen, want)
	}
	c, _ = answering(404, `{"_index":"a","_id":"1","found":false}`)
	if _, err := c.Get(t.Context(), "a", "1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestGetMany(t *testing.T) {
	c, seen := answering(200, `{"docs":[{"_id":"1","found":true,"_seq_no":1,"_source":{}},{"_id":"2","found":false}]}`)
	got, err := c.GetMany(t.Context(), "a", []string{"1", "2"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got["1"].SeqNo != 1 {
		t.Errorf("got %v, want document 1 alone", got)
	}
	if want := `POST /a/_mget {"ids":["1","2"]}`; *seen != want {
		t.Errorf("got %s, want %s", *seen, want)
	}
	c, _ = answering(200, `{"docs":[{"_id":"1","error":{"type":"index_not_found_exception","reason":"no such index"}}]}`)
	if got, err := c.GetMany(t.Context(), "a", []string{"1"}); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v, want nothing of an index that does not exist", got, err)
	}
	c, _ = answering(200, `{"docs":[{"_id":"1","error":{"type":"security_exception","reason":"no permissions"}}]}`)
	if _, err := c.GetMany(t.Context(), "a", []string{"1"}); err == nil {
		t.Error("got no error for a document that could not be read")
	}
}

func TestWrites(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	const answer = `{"_index":"a","_id":"1","result":"updated","_version":2,"_seq_no":5,"_primary_term":1}`
	tests := []struct {
		name string
		do   func(c *Client) (IndexResult, error)
		want string
	}{
		{"index", func(c *Client) (IndexResult, error) {
			return c.Index(t.Context(), "a", "1", map[string]string{"x": "<"}, IndexOptions{})
		}, `PUT /a/_doc/1 {"x":"<"}`},
		{"index with a chosen id", func(c *Client) (IndexResult, error) {
			return c.Index(t.Context(), "a", "", []byte("{}"), IndexOptions{Refresh: "wait_for", Pipeline: "p"})
		}, `POST /a/_doc?pipeline=p&refresh=wait_for {}`},
		{"conditional index", func(c *Client) (IndexResult, error) {
			return c.Index(t.Context(), "a", "1", json.RawMessage("{}"), IndexOptions{IfSeqNo: n(0), IfPrimaryTerm: n(1)})
		}, `PUT /a/_doc/1?if_primary_term=1&if_seq_no=0 {}`},
		{"create", func(c *Client) (IndexResult, error) {
			return c.Create(t.Context(), "a", "1", json.RawMessage("{}"))
		}, `PUT /a/_doc/1?op_type=create {}`},
		{"update", func(c *Client) (IndexResult, error) {
			return c.Update(t.Context(), "a", "1", json.RawMessage(`{"doc":{}}`), IndexOptions{OpType: "create", Refresh: "true"})
		}, `POST /a/_update/1?refresh=true {"doc":{}}`},
		{"delete", func(c *Client) (IndexResult, error) {
			return c.Delete(t.Context(), "a", "1", IndexOptions{IfSeqNo: n(5), IfPrimaryTerm: n(1)})
		}, `DELETE /a/_doc/1?if_primary_term=1&if_seq_no=5`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, seen := answering(200, answer)
			got, err := test.do(c)
			if err != nil {
				t.Fatal(err)
			}
			if *seen != test.want {
				t.Errorf("got  %s\nwant %s", *seen, test.want)
			}
			if want := (IndexResult{"a", "1", "updated", 5, 1, 2}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	c, _ := answering(409, `{"error":{"type":"version_conflict_engine_exception","reason":"conflict"},"status":409}`)
	if _, err := c.Create(t.Context(), "a", "1", nil); !errors.Is(err, ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if _, err := c.Index(t.Context(), "a", "1", func() {}, IndexOptions{}); err == nil {
		t.Error("got no error for what cannot be encoded")
	}
}

func TestSearch(t *testing.T) {
	c, seen := answering(200, `{"timed_out":false,"hits":{"total":{"value":2,"relation":"eq"},"hits":[`+
		`{"_index":"a","_id":"1","_score":1.5,"_source":{"n":1},"_seq_no":4,"_primary_term":1},`+
		`{"_index":"b","_id":"2","_score":null,"_source":{},"sort":[1,"x"]}]},"aggregations":{"n":{"value":3}}}`)
	got, err := c.Search(t.Context(), []string{"a", "b*"}, json.RawMessage(`{"size":2}`))
	if err != nil {
		t.Fatal(err)
	}
	score := 1.5
	want := SearchResult{
		Total: 2, Exact: true,
		Hits: []Hit{
			{Doc: Doc{Index: "a", ID: "1", Source: json.RawMessage(`{"n":1}`), SeqNo: 4, PrimaryTerm: 1}, Score: &score},
			{Doc: Doc{Index: "b", ID: "2", Source: json.RawMessage(`{}`)}, Sort: []json.RawMessage{json.RawMessage("1"), json.RawMessage(`"x"`)}},
		},
		Aggregations: map[string]json.RawMessage{"n": json.RawMessage(`{"value":3}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if want := `POST /a%2Cb%2A/_search {"size":2}`; *seen != want {
		t.Errorf("got %s, want %s", *seen, want)
	}
	raw, err := c.SearchRaw(t.Context(), nil, nil)
	if err != nil || !bytes.Contains(raw, []byte(`"aggregations"`)) || *seen != "POST /_search" {
		t.Errorf("got %s, %v from %s", raw, err, *seen)
	}
}

func TestBulk(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	c, seen := answering(200, `{"errors":true,"items":[`+
		`{"index":{"_index":"a","_id":"1","status":201,"result":"created","_version":1,"_seq_no":0,"_primary_term":1}},`+
		`{"create":{"_index":"a","_id":"2","status":409,"error":{"type":"version_conflict_engine_exception","reason":"exists"}}},`+
		`{"delete":{"_index":"a","_id":"3","status":404,"result":"not_found"}}]}`)
	got, err := c.Bulk(t.Context(), []BulkOp{
		{Op: "index", Index: "a", ID: "1", Source: json.RawMessage("{\n \"x\": 1 }"), IfSeqNo: n(0), IfPrimaryTerm: n(1)},
		{Op: "create", Index: "a", Source: json.RawMessage(`{"x":"<"}`)},
		{Op: "delete", Index: "a", ID: "3", Source: json.RawMessage(`ignored`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "POST /_bulk " + `{"index":{"_index":"a","_id":"1","if_seq_no":0,"if_primary_term":1}}` + "\n" + `{"x":1}` + "\n" +
		`{"create":{"_index":"a"}}` + "\n" + `{"x":"<"}` + "\n" + `{"delete":{"_index":"a","_id":"3"}}` + "\n"
	if diff := cmp.Diff(want, *seen); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if len(got) != 3 || got[0].Err != nil || got[0].Result != "created" || got[0].Status != 201 {
		t.Fatalf("got %+v, want a created document first", got)
	}
	if !errors.Is(got[1].Err, ErrConflict) || got[1].Op != "create" {
		t.Errorf("got %+v, want a conflict", got[1])
	}
	if !errors.Is(got[2].Err, ErrNotFound) {
		t.Errorf("got %+v, want that there was nothing to delete", got[2])
	}
}

func TestBulkRefuses(t *testing.T) {
	c, _ := answering(200, `{"items":[]}`)
	if _, err := c.Bulk(t.Context(), []BulkOp{{Op: "delete", Index: "a", ID: "1"}}); err == nil {
		t.Error("got no error for an answer that lacks results")
	}
	if _, err := c.Bulk(t.Context(), []BulkOp{{Op: "index", Index: "a", Source: json.RawMessage("{\n")}}); err == nil {
		t.Error("got no error for a source that is not JSON")
	}
	if got, err := c.Bulk(t.Context(), nil); got != nil || err != nil {
		t.Errorf("got %v, %v for no operations", got, err)
	}
}

func TestEnsureIndex(t *testing.T) {
	c, seen := answering(200, `{"acknowledged":true}`)
	if err := c.EnsureIndex(t.Context(), "a", json.RawMessage("{}")); err != nil || *seen != "PUT /a {}" {
		t.Errorf("got %v from %s", err, *seen)
	}
	c, _ = answering(400, `{"error":{"type":"resource_already_exists_exception","reason":"index [a/x] already exists"},"status":400}`)
	if err := c.EnsureIndex(t.Context(), "a", nil); err != nil {
		t.Errorf("got %v for an index that exists", err)
	}
	c, _ = answering(400, `{"error":{"type":"invalid_index_name_exception","reason":"no"},"status":400}`)
	if err := c.EnsureIndex(t.Context(), "A", nil); err == nil {
		t.Error("got no error for a bad name")
	}
}

func TestTemplatesAndRefresh(t *testing.T) {
	c, seen := answering(200, `{}`)
	if err := c.PutIndexTemplate(t.Context(), "t", json.RawMessage("{}")); err != nil || *seen != "PUT /_index_template/t {}" {
		t.Errorf("got %v from %s", err, *seen)
	}
	if err := c.Refresh(t.Context()); err != nil || *seen != "POST /_refresh" {
		t.Errorf("got %v from %s", err, *seen)
	}
	if err := c.Refresh(t.Context(), "a", "b"); err != nil || *seen != "POST /a%2Cb/_refresh" {
		t.Errorf("got %v from %s", err, *seen)
	}
}

func BenchmarkBulk(b *testing.B) {
	c := NewClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"items":[`+strings.Repeat(`{"create":{"_id":"1","status":201}},`, 99)+`{"create":{"_id":"1","status":201}}]}`)
	}))
	ops := make([]BulkOp, 100)
	for i := range ops {
		ops[i] = BulkOp{Op: "create", Index: "security-auditlog-2026.11.21", ID: "0123456789abcdef", Source: []byte(`{"x":"` + strings.Repeat("y", 1000) + `"}`)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Bulk(b.Context(), ops); err != nil {
			b.Fatal(err)
		}
	}
}
