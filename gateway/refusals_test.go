package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
