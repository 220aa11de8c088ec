package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
	"vigil/wal/waltest"
)

func TestScrollsThatRanOutAreFreedByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := Open(Options{Dir: "/data", FS: waltest.New(), MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		want(t, e, 201, "PUT", "/a/_doc/1", `{}`)
		want(t, e, 200, "GET", "/a/_search?scroll=90s", "")
		want(t, e, 200, "GET", "/a/_search?scroll=1h", "")
		held := func() (open, docs int) {
			synctest.Wait()
			e.scrolls.mu.Lock()
			defer e.scrolls.mu.Unlock()
			return len(e.scrolls.open), e.scrolls.docs
		}
		for _, step := range []struct {
			after      time.Duration
			open, docs int
		}{{80 * time.Second, 2, 2}, {2 * time.Minute, 1, 1}, {time.Hour, 0, 0}} {
			<-time.After(step.after)
			if open, docs := held(); open != step.open || docs != step.docs {
				t.Errorf("%v later: %d scrolls with %d documents are open, want %d with %d", step.after, open, docs, step.open, step.docs)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestScrollsAreBounded(t *testing.T) {
	var s scrolls
	big := &scroll{docs: maxScrollDocs, targets: []query.Target{{Docs: []*segment.Doc{}}}, until: noon()}
	id, err := s.add(big)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.add(&scroll{docs: 1}); err == nil || !strings.Contains(err.Error(), "rejected_execution_exception") {
		t.Errorf("got %v, want a rejection", err)
	}
	s.drop([]string{id}, "")
	for range maxScrolls {
		if _, err := s.add(&scroll{docs: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.add(&scroll{docs: 1}); err == nil {
		t.Errorf("scroll %d was opened", maxScrolls+1)
	}
	s.drop([]string{"_all"}, "")
	if s.docs != 0 {
		t.Errorf("%d documents are still held", s.docs)
	}
}

func TestScrollsBelongToWhoOpenedThem(t *testing.T) {
	e := open(t, Options{})
	for _, id := range []string{"1", "2", "3"} {
		want(t, e, 201, "PUT", "/a/_doc/"+id, `{}`)
	}
	want(t, e, 200, "POST", "/a/_refresh", "")
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		t.Fatal(err)
	}
	var denied []rest.Action
	as := func(caller, method, path, body string, status int) (id string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		c, err := table.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		c.Caller = caller
		fx := &rest.Effects{Deny: func(a rest.Action) error {
			denied = append(denied, a)
			return rest.Errorf(http.StatusForbidden, "security_exception", "not yours")
		}}
		ctx := rest.WithEffects(rest.NewContext(context.Background(), c), fx)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r.WithContext(ctx))
		if w.Code != status {
			t.Fatalf("%s: %s %s: got %d %s, want %d", caller, method, path, w.Code, w.Body, status)
		}
		var a struct {
			ID string `json:"_scroll_id"`
		}
		_ = json.Unmarshal(w.Body.Bytes(), &a)
		return a.ID
	}
	id := as("ann", "GET", "/a/_search?scroll=1m&size=1", "", 200)
	named := `{"scroll_id":"` + id + `"}`
	as("bob", "POST", "/_search/scroll", named, 403)
	if len(denied) != 1 || denied[0].Request != "InternalScrollSearchRequest" || denied[0].Name != "indices:data/read/scroll" {
		t.Errorf("refused: %+v", denied)
	}
	as("", "POST", "/_search/scroll", named, 403)
	as("bob", "DELETE", "/_search/scroll", named, 404)
	as("bob", "DELETE", "/_search/scroll/_all", "", 200)
	as("ann", "POST", "/_search/scroll", named, 200)
	as("ann", "DELETE", "/_search/scroll", named, 200)
	as("ann", "POST", "/_search/scroll", named, 404)
}
