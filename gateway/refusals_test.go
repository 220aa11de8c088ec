package gateway

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"vigil/rest"
)

func TestContentTypes(t *testing.T) {
	for _, c := range []struct {
		types []string
		want  int
		says  string
	}{
		{[]string{"application/json"}, http.StatusOK, ""},
		{[]string{"application/JSON; charset=utf-8"}, http.StatusOK, ""},
		{[]string{"application/x-ndjson"}, http.StatusOK, ""},
		{[]string{"text/plain"}, http.StatusNotAcceptable, `{"error":"Content-Type header [text/plain] is not supported","status":406}`},
		{[]string{"application/yaml"}, http.StatusOK, ""}, // the handler refuses it
		{[]string{"application/xml"}, http.StatusNotAcceptable, "Content-Type header [application/xml] is not supported"},
		{nil, http.StatusNotAcceptable, "Content-Type header is missing"},
		{[]string{"application/json", "text/plain"}, http.StatusBadRequest, "only one Content-Type header"},
	} {
		w := newWorld(t, everything, answerJSON(`{}`))
		r := w.request("root POST /logs-a/_search", `{}`)
		r.Header["Content-Type"] = c.types
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != c.want || !strings.Contains(rec.Body.String(), c.says) {
			t.Errorf("%q: got %d %s, want %d %s", c.types, rec.Code, rec.Body, c.want, c.says)
		}
		if c.want != http.StatusOK {
			w.wantSteps()
		}
	}
}

func TestAFailedLoginIsRecordedWhateverTheContentType(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	r := w.request("root:wrong POST /logs-a/_search", `{}`)
	r.Header.Set("Content-Type", "text/plain")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != http.StatusNotAcceptable {
		t.Errorf("got %d", rec.Code)
	}
	w.wantSteps("record FAILED_LOGIN")
}

func TestUnknownMethod(t *testing.T) {
	w := newWorld(t, everything, answerJSON(`{}`))
	if rec := w.do("root FOO /logs-a", ""); rec.Code != http.StatusBadRequest {
		t.Errorf("got %d", rec.Code)
	}
	w.wantSteps("record SSL_EXCEPTION")
	if e := w.events[0]; e.Exception == "" || e.RemoteAddress != "" || e.REST != nil {
		t.Errorf("the event says %+v", e)
	}
}

// What a multi-search must not show is found out on the way, search by search.
func TestWhatIsHiddenOnTheWayReachesTheHandler(t *testing.T) {
	for _, query := range []string{"", "?filter_path=responses&format=yaml"} {
		w := newWorld(t, watched, func(rw http.ResponseWriter, r *http.Request) {
			call := rest.FromContext(r.Context())
			err := rest.EffectsFrom(r.Context()).Begin(rest.Action{
				Name: "indices:data/read/search", Request: "SearchRequest", Indices: []string{".security"}, Resolved: []string{".security"},
				Parent: "indices:data/read/msearch",
			})
			if err != nil || !slices.Equal(call.Hidden, []string{".security"}) {
				t.Errorf("%s: hidden are %v, %v", query, call.Hidden, err)
			}
			rest.Answer(rw, r, http.StatusOK, map[string]any{"responses": []any{}})
		})
		if rec := w.do("root POST /_msearch"+query, "{}\n{}\n"); rec.Code != http.StatusOK {
			t.Errorf("got %d %s", rec.Code, rec.Body)
		}
	}
}

func TestARefusalThatOnlyTheHandlerKnowsIsRecorded(t *testing.T) {
	w := newWorld(t, defaults, func(rw http.ResponseWriter, r *http.Request) {
		if got := rest.FromContext(r.Context()).Caller; got != "reader" {
			t.Errorf("the caller is %q", got)
		}
		rest.WriteError(rw, rest.EffectsFrom(r.Context()).Denied(rest.Action{
			Name: "indices:data/read/scroll", Request: "InternalScrollSearchRequest", Parent: "indices:data/read/scroll", Run: 1,
		}))
	})
	rec := w.do("reader POST /_search/scroll", `{"scroll_id":"x"}`)
	if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "no permissions for [indices:data/read/scroll] and User [name=reader") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if len(w.events) != 1 || w.events[0].RequestType != "InternalScrollSearchRequest" || w.events[0].Category != "MISSING_PRIVILEGES" {
		t.Errorf("recorded %+v", w.events)
	}
}
