package app_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"vigil/app/apptest"
	"vigil/config"
)

// refusal is an error in OpenSearch's shape.
type refusal struct {
	Error struct {
		RootCause []struct{ Type, Reason string } `json:"root_cause"`
		Type      string                          `json:"type"`
		Reason    string                          `json:"reason"`
	} `json:"error"`
	Status int `json:"status"`
}

// TestBadRequestsAreToldWhatIsWrong sends what cannot be served. Each is refused with a status, a type and a reason that
// names what is wrong, and changes nothing.
func TestBadRequestsAreToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.HTTP.MaxContentLength, c.HTTP.MaxInFlight = 1<<20, 4<<20 })
	s.Must("PUT", "/logs/_doc/1", `{"n":1}`)
	// An empty type means any.
	f := func(method, path, body string, status int, typ, reason string) {
		t.Helper()
		a := s.Admin(method, path, body)
		var r refusal
		a.JSON(t, &r)
		if a.Status != status || r.Status != status || r.Error.Type == "" || typ != "" && r.Error.Type != typ || !strings.Contains(r.Error.Reason, reason) || len(r.Error.RootCause) == 0 {
			t.Errorf("%s %s %.60s: answered %d %s\nwant %d %s with %q", method, path, body, a.Status, a.Body, status, typ, reason)
		}
	}
	f("POST", "/logs/_search", `{"query":`, 400, "", "Unexpected end-of-input")
	f("POST", "/logs/_search", `nonsense`, 400, "json_parse_exception", "")
	f("POST", "/logs/_search", `[]`, 400, "parsing_exception", "")
	f("POST", "/logs/_search", `{"query":{"no_such_clause":{}}}`, 400, "parsing_exception", "unknown query [no_such_clause]")
	f("POST", "/logs/_search", `{"query":{"term":"x"}}`, 400, "parsing_exception", "[term]")
	f("POST", "/logs/_search", `{"no_such_member":1}`, 400, "parsing_exception", "no_such_member")
	f("POST", "/logs/_search", `{"size":"many"}`, 400, "", "")
	f("POST", "/logs/_search", `{"size":-1}`, 400, "illegal_argument_exception", "")
	f("POST", "/logs/_search", `{"aggs":{"a":{"no_such_aggregation":{}}}}`, 400, "parsing_exception", "no_such_aggregation")
	f("GET", "/logs/_search?no_such_parameter=1", "", 400, "illegal_argument_exception", "unrecognized parameter: [no_such_parameter]")
	f("POST", "/logs/_search", `{"query":`+strings.Repeat(`{"bool":{"must":`, 5000)+`{}`+strings.Repeat("}}", 5000)+"}", 400, "", "")
	f("PUT", "/logs/_doc/2", `{"n":`, 400, "mapper_parsing_exception", "failed to parse")
	f("PUT", "/logs/_doc/2", `[1]`, 400, "mapper_parsing_exception", "")
	f("PUT", "/logs/_doc/2", `{"n":"not a number"}`, 400, "mapper_parsing_exception", "failed to parse field [n] of type [long]")
	f("PUT", "/logs/_doc/2", ``, 400, "parse_exception", "request body is required")
	f("PUT", "/logs/_doc/"+strings.Repeat("x", 513), `{"n":1}`, 400, "", "")
	f("PUT", "/logs/_doc/2?version=1", `{"n":1}`, 400, "", "")
	f("PUT", "/logs/_doc/2?if_seq_no=x&if_primary_term=1", `{"n":1}`, 400, "illegal_argument_exception", "if_seq_no")
	f("POST", "/_bulk", "{\"index\":{\"_index\":\"logs\"}}\n{\"n\":1}", 400, "illegal_argument_exception", "newline")
	f("POST", "/_bulk", "{\"no_such_action\":{\"_index\":\"logs\"}}\n{}\n", 400, "illegal_argument_exception", "line [1]")
	f("POST", "/_bulk", "nonsense\n", 400, "", "")
	f("POST", "/_msearch", "{\"index\":\"logs\"}\n{\"query\":\n", 400, "", "")
	for _, name := range []string{"UPPER", "_under", "-minus", "+plus", "a%2Fb", "a%5Cb", "a*b", "a%3Fb", "a%22b", "a%3Cb", "a%7Cb", "a%20b", "a%23b", "a%3Ab", strings.Repeat("a", 256)} {
		f("PUT", "/"+name, "", 400, "invalid_index_name_exception", "")
		f("PUT", "/"+name+"/_doc/1", `{"n":1}`, 400, "invalid_index_name_exception", "")
	}
	for _, name := range []string{"%2E", "%2E%2E"} {
		f("PUT", "/"+name, "", 400, "invalid_index_name_exception", "must not be '.' or '..'")
		f("GET", "/"+name+"/_search", "", 400, "invalid_index_name_exception", "must not be '.' or '..'")
	}
	f("PUT", "/logs2", `{"settings":{"number_of_shards":0}}`, 400, "illegal_argument_exception", "number_of_shards")
	f("PUT", "/logs2", `{"settings":{"no_such_setting":0}}`, 400, "illegal_argument_exception", "no_such_setting")
	f("PUT", "/logs2", `{"mappings":{"properties":{"a":{"type":"no_such_type"}}}}`, 400, "mapper_parsing_exception", "no_such_type")
	f("POST", "/_plugins/_alerting/monitors", `{"type":"monitor"`, 400, "", "")
	f("POST", "/_plugins/_alerting/monitors", `{"type":"monitor","name":"m","schedule":{"period":{"interval":0,"unit":"MINUTES"}},"inputs":[],"triggers":[]}`, 400, "", "")
	big := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
	f("PUT", "/logs/_doc/2", big, 413, "content_too_long_exception", "")

	var hits struct {
		Count int `json:"count"`
	}
	s.Must("GET", "/logs/_count", nil).JSON(t, &hits)
	if hits.Count != 1 {
		t.Errorf("%d documents, want the first one alone", hits.Count)
	}
	var indices []struct{ Index string }
	s.Must("GET", "/_cat/indices?format=json&expand_wildcards=all", nil).JSON(t, &indices)
	for _, i := range indices {
		if !strings.HasPrefix(i.Index, ".") && !strings.HasPrefix(i.Index, "security-auditlog-") && i.Index != "logs" {
			t.Errorf("the index %q was made", i.Index)
		}
	}
}

// TestBadAuditConfigurationIsRefused keeps what was in force.
func TestBadAuditConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	const path = "/_plugins/_security/api/audit"
	before := s.Must("GET", path, nil).Body
	for _, body := range []string{
		`{`, `[]`, `""`, `{}`, `{"enabled":true,"no_such_setting":1}`, `{"enabled":true,"audit":{"no_such_setting":1}}`,
		`{"enabled":true,"audit":{"disabled_rest_categories":["NO_SUCH_CATEGORY"]}}`, `{"enabled":true,"audit":{"ignore_users":7}}`,
		`{"enabled":true,"compliance":{"read_watched_fields":[]}}`, `{"enabled":true,"compliance":null,"audit":null}`,
	} {
		if a := s.Admin("PUT", path+"/config", body); a.Status != http.StatusBadRequest || len(a.Body) == 0 {
			t.Errorf("%s: answered %d %s, want 400", body, a.Status, a.Body)
		}
	}
	if after := s.Must("GET", path, nil).Body; !bytes.Equal(before, after) {
		t.Errorf("the configuration is %s, was %s", after, before)
	}
}

// TestForgedIdentityIsRefusedAndRecorded covers the way past the listener, too: names are compared without case.
func TestForgedIdentityIsRefusedAndRecorded(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	for _, name := range []string{"_opendistro_security_user", "_Opendistro_Security_Remote_Address", "_OPENDISTRO_SECURITY_X"} {
		events := since(t, s, func() {
			r := s.Request("GET", "/_plugins/_security/health", nil)
			r.Header[name] = []string{"admin"}
			r.SetBasicAuth("admin", apptest.Password)
			if a := s.Send(r); a.Status != http.StatusForbidden {
				t.Errorf("%s: answered %d %s, want 403", name, a.Status, a.Body)
			}
		})
		if e := one(t, events, "BAD_HEADERS"); e.Text("audit_rest_request_path") != "/_plugins/_security/health" {
			t.Errorf("%s: recorded %v", name, e)
		}
	}
}

// TestHeadersFromHell sends 10,000 header names and a body of 1 MB, several times: every event is in the index, and its
// mapping has not grown by a field.
func TestHeadersFromHell(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.HTTP.MaxHeaderSize = 4 << 20 })
	s.Audit(apptest.Everything)
	s.As("", "", "GET", "/", nil) // makes the audit index
	recorded(t, s)
	fields := func() string {
		return string(s.Must("GET", "/security-auditlog-*/_mapping", nil).Body)
	}
	before := fields()
	body := `{"text":"` + strings.Repeat("x", 1<<20) + `","list":[null,[],[[1],null]],"none":null}`
	for round := range 2 {
		events := since(t, s, func() {
			r := s.Request("PUT", fmt.Sprintf("/hell/_doc/%d?odd.parameter.%d=1&b%%00c=%%ff", round, round), body)
			for i := range 10_000 {
				r.Header[fmt.Sprintf("X-%d.%d.name", round, i)] = []string{"v", ""}
			}
			r.Header["X-Bytes"] = []string{"not UTF-8 \xff"}
			s.Send(r) // no credentials: FAILED_LOGIN with all headers
			r = s.Request("PUT", fmt.Sprintf("/hell/_doc/%d", round), body)
			for i := range 10_000 {
				r.Header[fmt.Sprintf("X-%d.%d.name", round, i)] = []string{"v"}
			}
			r.SetBasicAuth("admin", apptest.Password)
			if a := s.Send(r); a.Status != http.StatusCreated {
				t.Fatalf("answered %d %.300s", a.Status, a.Body)
			}
		})
		login := one(t, events, "FAILED_LOGIN")
		if h, _ := login["audit_rest_request_headers"].(map[string]any); len(h) < 10_000 {
			t.Errorf("FAILED_LOGIN has %d headers", len(h))
		}
		if len(of(events, "COMPLIANCE_DOC_WRITE")) != 1 || len(of(events, "AUTHENTICATED")) != 1 {
			t.Errorf("round %d left %d events", round, len(events))
		}
		if e := one(t, events, "AUTHENTICATED"); e.Text("audit_request_body") != body {
			t.Errorf("the body was recorded with %d bytes", len(e.Text("audit_request_body")))
		}
	}
	if after := fields(); after != before {
		t.Errorf("the mapping has grown from %d to %d bytes: %.2000s", len(before), len(after), after)
	}
	var found struct{ Count int }
	s.Must("POST", "/security-auditlog-*/_count", `{"query":{"term":{"audit_category":"FAILED_LOGIN"}}}`).JSON(t, &found)
	if found.Count != 3 {
		t.Errorf("%d failed logins are found, want 3", found.Count)
	}
}

// TestHeaderBombsAndSlowClientsAreCutOff speaks to the socket itself.
func TestHeaderBombsAndSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) {
		c.HTTP.MaxHeaderSize, c.HTTP.ReadHeaderTimeout = 8<<10, config.Duration(300*time.Millisecond)
		c.HTTP.ReadTimeout = config.Duration(600 * time.Millisecond)
	})
	address := strings.TrimPrefix(s.URL, "http://")
	t.Run("bomb", func(t *testing.T) {
		c := dial(t, address)
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n")
		for i := range 4000 {
			if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("x", 100)); err != nil {
				break // it is cut off already
			}
		}
		_, _ = io.WriteString(c, "\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("answered %s, want 431", resp.Status)
		}
		e := one(t, s.Events(1, `{"term":{"audit_category":"SSL_EXCEPTION"}}`), "SSL_EXCEPTION")
		if !strings.Contains(e.Text("audit_request_exception_stacktrace"), "HTTP header is larger than 8192 bytes.") {
			t.Errorf("recorded as %v", e)
		}
	})
	slow := func(t *testing.T, text string) {
		t.Helper()
		c := dial(t, address)
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			_, _ = io.Copy(io.Discard, c) // until the server closes
		}()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-cut:
				if i < 3 || i >= len(text) {
					t.Errorf("cut off after %d of %d bytes", i, len(text))
				}
				return
			case <-tick.C:
				if i < len(text) {
					_, _ = io.WriteString(c, text[i:i+1]) // fails once it is cut off
				}
			}
		}
	}
	t.Run("slow headers", func(t *testing.T) { slow(t, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 2000)) })
	t.Run("slow body", func(t *testing.T) {
		head := "PUT /slow/_doc/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46YS1UZXN0LXBhc3N3b3JkLTE=\r\nContent-Length: 2000\r\n\r\n"
		c := dial(t, address)
		_, _ = io.WriteString(c, head+`{"a":"`)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode < 400 {
				t.Errorf("half a body was answered with %s", resp.Status)
			}
		} else if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
	if a := s.Admin("HEAD", "/slow", nil); a.Status != http.StatusNotFound {
		t.Errorf("half a document made an index: %d", a.Status)
	}
	if a := s.Admin("GET", "/_cluster/health", nil); a.Status != http.StatusOK {
		t.Errorf("the server answers %d", a.Status)
	}
}

// dial opens a connection that the test closes, with a deadline far beyond all that is waited for.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// TestCompressedBodies are unzipped before they are bounded, parsed and recorded.
func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.HTTP.MaxContentLength, c.HTTP.MaxInFlight = 1<<20, 4<<20 })
	s.Audit(apptest.Everything)
	send := func(path string, body []byte, encoding string) apptest.Reply {
		r := s.Request("PUT", path, body)
		r.SetBasicAuth("admin", apptest.Password)
		r.Header.Set("Content-Encoding", encoding)
		return s.Send(r)
	}
	const source = `{"zipped":true}`
	events := since(t, s, func() {
		if a := send("/zip/_doc/1", zip(t, source), "gzip"); a.Status != http.StatusCreated {
			t.Errorf("answered %d %s", a.Status, a.Body)
		}
	})
	if e := one(t, events, "AUTHENTICATED"); e.Text("audit_request_body") != source {
		t.Errorf("the body was recorded as %q", e.Text("audit_request_body"))
	}
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		status   int
	}{
		"bomb":      {zip(t, `{"a":"`+strings.Repeat("x", 8<<20)+`"}`), "gzip", http.StatusRequestEntityTooLarge},
		"not gzip":  {[]byte(source), "gzip", http.StatusBadRequest},
		"truncated": {zip(t, source)[:20], "gzip", http.StatusBadRequest},
		"unknown":   {[]byte(source), "br", http.StatusUnsupportedMediaType},
	} {
		var r refusal
		a := send("/zip/_doc/2", c.body, c.encoding)
		a.JSON(t, &r)
		if a.Status != c.status || r.Error.Type == "" || r.Error.Reason == "" {
			t.Errorf("%s: answered %d %s, want %d", name, a.Status, a.Body, c.status)
		}
	}
	if a := s.Admin("GET", "/zip/_doc/2", nil); a.Status != http.StatusNotFound {
		t.Errorf("a refused body was written: %s", a.Body)
	}
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFirstDocumentsMayComeTogether writes the first documents of an index from several clients at once.
func TestFirstDocumentsMayComeTogether(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	for round := range 10 {
		done := make(chan string, 8)
		for i := range 8 {
			go func() {
				line := fmt.Sprintf("{\"create\":{\"_index\":\"new-%d\",\"_id\":\"%d\"}}\n{\"a\":1}\n", round, i)
				a := s.Admin("POST", "/_bulk", line)
				if a.Status != http.StatusOK || bytes.Contains(a.Body, []byte(`"errors":true`)) {
					done <- string(a.Body)
					return
				}
				done <- ""
			}()
		}
		for range 8 {
			if problem := <-done; problem != "" {
				t.Errorf("round %d: %.300s", round, problem)
			}
		}
		if t.Failed() {
			return
		}
	}
}
