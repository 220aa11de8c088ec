package engine

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// warned sends a request and returns status, Warning header and body.
func warned(e *Engine, method, path, body string) (status int, warning, text string) {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Header().Get("Warning"), w.Body.String()
}

func TestWhatHasNoEffectIsNamed(t *testing.T) {
	e := open(t, Options{})
	want(t, e, 200, "PUT", "/a", "")
	want(t, e, 201, "PUT", "/a/_doc/1", `{"s":"quick brown","n":1}`)
	for _, tc := range []struct{ method, path, body, want string }{
		{"PUT", "/_cluster/settings", `{"persistent":{"cluster.routing.allocation.enable":"all"}}`, "[cluster.routing.allocation.enable]"},
		{"PUT", "/_cluster/settings", `{"transient":{"indices.recovery.max_bytes_per_sec":"1mb"}}`, "[indices.recovery.max_bytes_per_sec]"},
		{"PUT", "/_cluster/settings", `{"persistent":{"action":{"auto_create_index":"true","destructive_requires_name":"false"}}}`, ""},
		{"PUT", "/_cluster/settings", `{"persistent":{"cluster.routing.allocation.enable":null}}`, ""},
		{"PUT", "/b", `{"settings":{"refresh_interval":"5s","number_of_shards":2,"number_of_replicas":0}}`, "[index.refresh_interval]"},
		{"PUT", "/c", `{"settings":{"index":{"translog":{"durability":"async"}}}}`, "[index.translog.durability]"},
		{"PUT", "/a/_settings", `{"number_of_replicas":1}`, "[index.number_of_replicas]"},
		{"PUT", "/a/_settings", `{"search.slowlog.threshold.query.warn":"1s"}`, "[index.search.slowlog.threshold.query.warn]"},
		{"PUT", "/a/_settings", `{"refresh_interval":null,"blocks.read":false,"mapping.depth.limit":20}`, ""},
		{"PUT", "/_template/t", `{"index_patterns":["q*"],"settings":{"codec":"best_compression"}}`, "[index.codec]"},
		{"PUT", "/_index_template/t", `{"index_patterns":["r*"],"template":{"settings":{"merge.scheduler.max_thread_count":1}}}`, "[index.merge.scheduler.max_thread_count]"},
		{"PUT", "/_component_template/t", `{"template":{"settings":{"max_result_window":5}}}`, "[index.max_result_window]"},
		{"GET", "/_cluster/health?wait_for_nodes=3", "", "[wait_for_nodes]"},
		{"GET", "/_cluster/health?wait_for_nodes=>=1&wait_for_no_relocating_shards=true", "", ""},
		{"PUT", "/a/_doc/2?wait_for_active_shards=all", "{}", "[wait_for_active_shards]"},
		{"PUT", "/a/_doc/2?wait_for_active_shards=1&timeout=1m", "{}", ""},
		{"PUT", "/a/_doc/2?timeout=1ms", "{}", "[timeout]"},
		{"GET", "/a/_doc/2?preference=_local", "", "[preference]"},
		{"GET", "/a/_search?request_cache=true", "", "[request_cache]"},
		{"GET", "/a/_search?search_type=dfs_query_then_fetch", "", "[search_type]"},
		{"GET", "/a/_search?search_type=query_then_fetch&timeout=10s&pretty&human&error_trace", "", ""},
		{"GET", "/a/_search?scroll=1m&timeout=10s", "", "[timeout]"},
		{"GET", "/a/_search?cancel_after_time_interval=10s", "", "[cancel_after_time_interval]"},
		{"POST", "/a/_update_by_query?slices=5", "", "[slices]"},
		{"POST", "/a/_update_by_query?requests_per_second=5&slices=auto", "", "[requests_per_second]"},
		{"POST", "/a/_update_by_query?timeout=5s", "", "[timeout]"},
		{"POST", "/a/_delete_by_query?from=5", `{"query":{"match_none":{}}}`, "[from]"},
		{"GET", "/a/_search?q=s:qui*&analyze_wildcard=true", "", "[analyze_wildcard]"},
		{"GET", "/a/_search", `{"query":{"query_string":{"query":"s:qui*","analyze_wildcard":true}}}`, "[query_string] [analyze_wildcard]"},
		{"GET", "/a/_search", `{"query":{"query_string":{"query":"s:qui*","analyze_wildcard":false,"enable_position_increments":true}}}`, ""},
		{"GET", "/a/_search", `{"query":{"query_string":{"query":"x","enable_position_increments":false}}}`, "[query_string] [enable_position_increments]"},
		{"GET", "/a/_search", `{"query":{"query_string":{"query":"x","rewrite":"scoring_boolean"}}}`, "[query_string] [rewrite]"},
		{"GET", "/a/_search", `{"query":{"simple_query_string":{"query":"x","analyze_wildcard":true}}}`, "[simple_query_string] [analyze_wildcard]"},
		{"GET", "/a/_count", `{"query":{"bool":{"filter":[{"match":{"s":{"query":"x","fuzziness":1,"fuzzy_rewrite":"constant_score"}}}]}}}`, "[match] [fuzzy_rewrite]"},
		{"GET", "/a/_search", `{"query":{"wildcard":{"s":{"value":"x*","rewrite":"constant_score"}}}}`, "[wildcard] [rewrite]"},
		{"GET", "/a/_search", `{"query":{"regexp":{"s":{"value":"x.*","max_determinized_states":5}}}}`, "[regexp] [max_determinized_states]"},
		{"GET", "/a/_search", `{"query":{"fuzzy":{"s":{"value":"x","rewrite":"constant_score"}}}}`, "[fuzzy] [rewrite]"},
		{"GET", "/a/_search", `{"aggs":{"f":{"filter":{"prefix":{"s":{"value":"x","rewrite":"constant_score"}}}}}}`, "[prefix] [rewrite]"},
		{"GET", "/a/_search", `{"highlight":{"order":"score","fields":{"s":{}}}}`, "[highlight] [order]"},
		{"GET", "/a/_search", `{"highlight":{"fields":{"s":{"type":"plain"}}}}`, "[highlight] [type]"},
		{"GET", "/a/_search", `{"highlight":{"fields":{"s":{"type":"unified"}}}}`, ""},
		{"POST", "/_msearch", "{\"index\":\"a\",\"preference\":\"x\"}\n{}\n{\"index\":\"a\"}\n{}\n", "[preference] has no effect: there is one copy of each shard, and all are searched"},
		{"PUT", "/a/_block/write", "", ""},
		{"PUT", "/a/_clone/d", `{"settings":{"index.priority":3}}`, "[index.priority]"},
	} {
		status, got, text := warned(e, tc.method, tc.path, tc.body)
		if status >= 300 {
			t.Errorf("%s %s %s: got %d %s", tc.method, tc.path, tc.body, status, text)
		}
		if tc.want == "" && got != "" || tc.want != "" && !strings.HasPrefix(got, `299 Vigil "`+tc.want) {
			t.Errorf("%s %s %s: got warning %q, want one of %q", tc.method, tc.path, tc.body, got, tc.want)
		}
	}
}

func TestUnknownSettingsAreRefused(t *testing.T) {
	e := open(t, Options{})
	for _, name := range []string{"translog.durabilty", "merge.x", "nonsense", "blocks.x", "search.slowlog.threshold.query.loud"} {
		body := want(t, e, 400, "PUT", "/a", `{"settings":{"`+name+`":"1"}}`)
		if reason := "unknown setting [index." + name + "] please check that any required plugins are installed, or check the " +
			"breaking changes documentation for removed settings"; !strings.Contains(body, reason) {
			t.Errorf("%s: got %s", name, body)
		}
	}
}

func TestWarningHeaderIsBounded(t *testing.T) {
	e := open(t, Options{})
	var body strings.Builder
	body.WriteString(`{"persistent":{"cluster.x0":"1"`)
	for range 1000 {
		body.WriteString(`,"cluster.é` + strings.Repeat("x", body.Len()%50) + itoa(body.Len()) + `":"1"`)
	}
	body.WriteString("}}")
	status, got, _ := warned(e, "PUT", "/_cluster/settings", body.String())
	if status != 200 || len(got) > maxWarnings+100 || !strings.HasPrefix(got, `299 Vigil "[cluster.x0] has`) || !strings.Contains(got, ` more without effect"`) {
		t.Errorf("got %d, %d bytes: %s", status, len(got), got)
	}
	for _, c := range got {
		if c < ' ' || c > '~' {
			t.Fatalf("the header holds %q", c)
		}
	}
}

func TestSearchThatRunsOutOfTimeTellsWhatItFound(t *testing.T) {
	e := open(t, Options{})
	want(t, e, 201, "PUT", "/a/_doc/1", `{"n":1}`)
	for path, body := range map[string]string{"/a/_search": `{"timeout":"1nanos"}`, "/a/_search?timeout=1nanos": ""} {
		if got := want(t, e, 200, "POST", path, body); !strings.Contains(got, `"timed_out":true`) || !strings.Contains(got, `"hits":[]`) {
			t.Errorf("got %s", got)
		}
	}
	if got := want(t, e, 200, "POST", "/a/_search?timeout=1h", ""); !strings.Contains(got, `"timed_out":false`) || !strings.Contains(got, `"value":1`) {
		t.Errorf("got %s", got)
	}
	if got := want(t, e, 500, "POST", "/a/_search?timeout=1nanos&allow_partial_search_results=false", ""); !strings.Contains(got, `"type":"query_phase_execution_exception"`) {
		t.Errorf("got %s", got)
	}
	if got := want(t, e, 400, "POST", "/a/_search?timeout=1nanos", `{"query":{"range":{"n":{"gte":"x"}}}}`); !strings.Contains(got, "query_shard_exception") {
		t.Errorf("a query that does not fit is refused however little time there is: got %s", got)
	}
	// What a by-query request calls its timeout is that of the writes.
	if got := want(t, e, 200, "POST", "/a/_update_by_query?timeout=1nanos", ""); !strings.Contains(got, `"updated":1`) {
		t.Errorf("got %s", got)
	}
}
