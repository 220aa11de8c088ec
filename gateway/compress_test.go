package gateway

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestAnswersAreCompressedWhenAsked(t *testing.T) {
	long := `{"hits":{"hits":[{"_index":"accounts","_id":"0","_source":{"ssn":"` + strings.Repeat("1", compressFrom) + `"}}]}}`
	for _, c := range []struct {
		name, line, answer, accept string
		want                       bool
	}{
		{"asked", "root GET /accounts/_search", long, "gzip, deflate", true},
		{"by a star", "root GET /accounts/_search", long, "br, *;q=0.5", true},
		{"not asked", "root GET /accounts/_search", long, "", false},
		{"refused", "root GET /accounts/_search", long, "gzip;q=0, *", false},
		{"another one", "root GET /accounts/_search", long, "deflate", false},
		{"a weight that is none", "root GET /accounts/_search", long, "gzip;q=x", false},
		{"small", "root GET /accounts/_search", `{}`, "gzip", false},
		{"no body", "root HEAD /accounts/_doc/0", long, "gzip", false},
	} {
		w := newWorld(t, watched, answerJSON(c.answer))
		r := w.request(c.line, "")
		r.Header.Set("Accept-Encoding", c.accept)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if got := rec.Header().Get("Content-Encoding") == "gzip"; got != c.want {
			t.Errorf("%s: compressed: got %v, want %v", c.name, got, c.want)
			continue
		}
		if got := rec.Header().Get("Content-Length"); r.Method != http.MethodHead && got != strconv.Itoa(rec.Body.Len()) {
			t.Errorf("%s: Content-Length is %s, the answer has %d bytes", c.name, got, rec.Body.Len())
		}
		if c.answer == long && r.Method != http.MethodHead {
			w.wantSteps("handle", "record COMPLIANCE_DOC_READ")
		}
		if !c.want {
			continue
		}
		z, err := gzip.NewReader(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != c.answer {
			t.Errorf("%s: got %s, %v", c.name, got, err)
		}
	}
}

func TestACompressedAnswerIsReplacedWholeIfItCannotBeRecorded(t *testing.T) {
	w := newWorld(t, watched, answerJSON(`{"hits":{"hits":[{"_index":"accounts","_id":"0","_source":{"ssn":"`+strings.Repeat("1", compressFrom)+`"}}]}}`))
	w.fail["record"] = io.ErrShortWrite
	r := w.request("root GET /accounts/_search", "")
	r.Header.Set("Accept-Encoding", "gzip")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Content-Encoding") != "" || !strings.Contains(rec.Body.String(), "audit_unavailable") {
		t.Errorf("got %d %v %s", rec.Code, rec.Header(), rec.Body)
	}
}
