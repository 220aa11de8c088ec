package app_test

import (
	"net/http"
	"strings"
	"testing"

	"vigil/app/apptest"
)

// TestRequestsAreJudgedByTheIndicesBehindTheirNames asks for points in time, data streams and templates as somebody who may
// read and write logs-* alone.
func TestRequestsAreJudgedByTheIndicesBehindTheirNames(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.Must("PUT", "/_plugins/_security/api/roles/logs", `{"cluster_permissions":["cluster_composite_ops","indices:data/read/msearch/template"],"index_permissions":[`+
		`{"index_patterns":["logs-*"],"allowed_actions":["crud","create_index","indices:data/read/point_in_time/*","indices:admin/data_stream/*","indices:admin/rollover","indices:monitor/stats"]}]}`)
	s.User("reader", "logs")
	s.Must("PUT", "/_index_template/streams", `{"index_patterns":["logs-stream*","other-stream*"],"data_stream":{}}`)
	s.Must("PUT", "/_scripts/all", `{"script":{"lang":"mustache","source":{"query":{"match_all":{}}}}}`)
	for _, index := range []string{"logs-a", "secret"} {
		s.Must("PUT", "/"+index+"/_doc/1", `{"n":"hidden"}`)
	}
	pits := map[string]string{}
	for _, index := range []string{"logs-a", "secret", "logs-a,secret"} {
		var a struct {
			ID string `json:"pit_id"`
		}
		s.Must("POST", "/"+index+"/_search/point_in_time?keep_alive=1m", nil).JSON(t, &a)
		pits[index] = a.ID
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/logs-a/_search/point_in_time?keep_alive=1m", ``, 200},
		{"POST", "/secret/_search/point_in_time?keep_alive=1m", ``, 403},
		{"GET", "/_search", `{"pit":{"id":"` + pits["logs-a"] + `"}}`, 200},
		{"GET", "/_search", `{"pit":{"id":"` + pits["secret"] + `"}}`, 403},
		{"GET", "/_search", `{"p\u0069t":{"id":"` + pits["secret"] + `"}}`, 403},
		{"GET", "/_search", `{"pit":{"id":"` + pits["logs-a,secret"] + `"}}`, 403},
		{"GET", "/_search/template", `{"source":{"pit":{"id":"` + pits["secret"] + `"}}}`, 403},
		{"GET", "/logs-a/_search/template", `{"source":{"pit":{"id":"` + pits["secret"] + `"}}}`, 400},
		{"DELETE", "/_search/point_in_time", `{"pit_id":["` + pits["logs-a"] + `","` + pits["secret"] + `"]}`, 403},
		{"DELETE", "/_search/point_in_time", `{"pit_id":"` + pits["secret"] + `"}`, 403},
		{"DELETE", "/_search/point_in_time/_all", ``, 403},
		{"DELETE", "/_search/point_in_time", `{"pit_id":["` + pits["logs-a"] + `"]}`, 200},
		{"GET", "/logs-a/_search/template", `{"id":"all"}`, 200},
		{"GET", "/secret/_search/template", `{"id":"all"}`, 403},
		{"PUT", "/_scripts/mine", `{"script":{"lang":"painless","source":"1"}}`, 403},
		{"PUT", "/_data_stream/logs-stream", ``, 200},
		{"PUT", "/_data_stream/other-stream", ``, 403},
		{"POST", "/logs-stream-two/_doc?op_type=create", `{"@timestamp":1767355200000}`, 201},
		{"POST", "/other-stream-two/_doc?op_type=create", `{"@timestamp":1767355200000}`, 403},
		{"GET", "/logs-stream-two/_search", ``, 200},
		{"POST", "/logs-stream/_rollover", ``, 200},
		{"DELETE", "/_data_stream/*-stream*", ``, 200},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		a := s.As("reader", apptest.Password, c.method, c.path, body)
		if a.Status != c.status {
			t.Errorf("%s %s %s: answered %d, want %d: %s", c.method, c.path, c.body, a.Status, c.status, a.Body)
		}
		if c.status == http.StatusForbidden && strings.Contains(string(a.Body), "hidden") {
			t.Errorf("%s %s: the refusal shows a document: %s", c.method, c.path, a.Body)
		}
	}
	several := "{\"index\":\"logs-a\"}\n{\"id\":\"all\"}\n{\"index\":\"secret\"}\n{\"id\":\"all\"}\n{}\n{\"source\":{\"pit\":{\"id\":\"" + pits["secret"] + "\"}}}\n"
	a := s.As("reader", apptest.Password, "POST", "/_msearch/template", several)
	if a.Status != http.StatusOK || strings.Count(string(a.Body), "hidden") != 1 || strings.Count(string(a.Body), `"status":403`) != 2 {
		t.Errorf("several searches by template: %d %s", a.Status, a.Body)
	}
}
