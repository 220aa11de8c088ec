package aggs_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/engine/aggs"
)

// The answers are those of compat/scenarios: monitors as the alerting plugin stores them, bodies of SearchRequest events.
func TestNormalizeAsRecorded(t *testing.T) {
	const (
		filter     = `{"bool":{"filter":[{"range":{"@timestamp":{"gte":"{{period_end}}||-1h","lte":"{{period_end}}","format":"epoch_millis"}}},{"term":{"audit_category.keyword":"FAILED_LOGIN"}}]}}`
		normalized = `{"bool":{"filter":[{"range":{"@timestamp":{"from":"{{period_end}}||-1h","to":"{{period_end}}","include_lower":true,"include_upper":true,"format":"epoch_millis","boost":1.0}}},{"term":{"audit_category.keyword":{"value":"FAILED_LOGIN","boost":1.0}}}],"adjust_pure_negative":true,"boost":1.0}}`
	)
	for _, tc := range []struct{ name, body, want string }{
		{
			"terms", `{"size":0,"query":` + filter + `,"aggregations":{"by_user":{"terms":{"field":"audit_request_effective_user.keyword","size":5}}}}`,
			`{"size":0,"query":` + normalized + `,"aggregations":{"by_user":{"terms":{"field":"audit_request_effective_user.keyword","size":5,"min_doc_count":1,"shard_min_doc_count":0,"show_term_doc_count_error":false,"order":[{"_count":"desc"},{"_key":"asc"}]}}}}`,
		},
		{
			"composite", `{"size":0,"query":` + filter + `,"aggs":{"users":{"composite":{"sources":[{"user":{"terms":{"field":"audit_request_effective_user.keyword"}}}]}}}}`,
			`{"size":0,"query":` + normalized + `,"aggregations":{"users":{"composite":{"size":10,"sources":[{"user":{"terms":{"field":"audit_request_effective_user.keyword","missing_bucket":false,"order":"asc"}}}]}}}}`,
		},
		{"match_all", `{"query":{"match_all":{}},"size":0}`, `{"size":0,"query":{"match_all":{"boost":1.0}}}`},
		{"nothing", ``, `{}`},
		{"term", `{"query":{"term":{"msg":"one"}}}`, `{"query":{"term":{"msg":{"value":"one","boost":1.0}}}}`},
		{"explain", `{"explain":false,"query":{"match_all":{}}}`, `{"query":{"match_all":{"boost":1.0}},"explain":false}`},
		{"counted exactly", `{"size":0,"track_total_hits":true}`, `{"size":0,"track_total_hits":2147483647}`},
		{
			"script fields and inner hits",
			`{"script_fields":{"a":{"script":"1"}},"query":{"nested":{"path":"l","query":{"match_all":{}},"inner_hits":{}}},"collapse":{"field":"f","inner_hits":[` +
				`{"name":"i","size":1,"sort":["x"],"_source":["x"]},{"name":"j","version":true,"script_fields":{"b":{"script":{"id":"s"},"ignore_failure":true}},"collapse":{"field":"g"}}]}}`,
			`{"query":{"nested":{"query":{"match_all":{"boost":1.0}},"path":"l","ignore_unmapped":false,"score_mode":"avg","boost":1.0,` +
				`"inner_hits":{"ignore_unmapped":false,"from":0,"size":3,"version":false,"seq_no_primary_term":false,"explain":false,"track_scores":false}}},` +
				`"script_fields":{"a":{"script":{"source":"1","lang":"painless"},"ignore_failure":false}},"collapse":{"field":"f","inner_hits":[` +
				`{"name":"i","ignore_unmapped":false,"from":0,"size":1,"version":false,"seq_no_primary_term":false,"explain":false,"track_scores":false,` +
				`"_source":{"includes":["x"],"excludes":[]},"sort":[{"x":{"order":"asc"}}]},` +
				`{"name":"j","ignore_unmapped":false,"from":0,"size":3,"version":true,"seq_no_primary_term":false,"explain":false,"track_scores":false,` +
				`"script_fields":{"b":{"script":{"id":"s"},"ignore_failure":true}},"collapse":{"field":"g"}}]}}`,
		},
		{
			"delete by query", `{"size":1000,"query":{"term":{"n":3}},"_source":false,"sort":["_doc"],"version":false,"seq_no_primary_term":true}`,
			`{"size":1000,"query":{"term":{"n":{"value":3,"boost":1.0}}},"version":false,"seq_no_primary_term":true,"_source":false,"sort":[{"_doc":{"order":"asc"}}]}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := aggs.Normalize(json.RawMessage(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := aggs.Normalize(got)
			if err != nil || string(again) != string(got) {
				t.Errorf("a normal form is not normal: %v\n%s\n%s", err, got, again)
			}
		})
	}
}

// The recorded body of 10b search-get-q; its members came in the order of a hash map.
func TestNormalizeQueryString(t *testing.T) {
	const recorded = `{"size":1,"query":{"query_string":{"max_determinized_states":10000,"fuzziness":"AUTO","auto_generate_synonyms_phrase_query":true,"phrase_slop":0,"query":"msg:one","analyze_wildcard":false,"fuzzy_transpositions":true,"type":"best_fields","fuzzy_prefix_length":0,"default_operator":"or","fuzzy_max_expansions":50,"boost":1.0,"enable_position_increments":true,"fields":[],"escape":false}}}`
	got, err := aggs.Normalize(json.RawMessage(`{"query":{"query_string":{"query":"msg:one"}},"size":1}`))
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(recorded), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNormalFormsAreStable(t *testing.T) {
	for _, body := range []string{
		`{"query":{"match":{"a":"b"}}}`, `{"query":{"match_phrase":{"a":{"query":"b c","slop":2}}}}`, `{"query":{"match_phrase_prefix":{"a":"b"}}}`,
		`{"query":{"match_bool_prefix":{"a":"b"}}}`, `{"query":{"multi_match":{"query":"x","fields":["b","a^2"]}}}`, `{"query":{"terms":{"a":[1,"x"]}}}`,
		`{"query":{"prefix":{"a":"b"}}}`, `{"query":{"wildcard":{"a":"b*"}}}`, `{"query":{"regexp":{"a":"b.*"}}}`, `{"query":{"fuzzy":{"a":"b"}}}`,
		`{"query":{"ids":{"values":["1"]}}}`, `{"query":{"exists":{"field":"a"}}}`, `{"query":{"constant_score":{"filter":{"match_all":{}}}}}`,
		`{"query":{"dis_max":{"queries":[{"match_all":{}}]}}}`, `{"query":{"nested":{"path":"a","query":{"match_none":{}}}}}`,
		`{"query":{"boosting":{"positive":{"match_all":{}},"negative":{"match_none":{}},"negative_boost":0.5}}}`,
		`{"query":{"function_score":{"weight":2}}}`, `{"query":{"simple_query_string":{"query":"a"}}}`, `{"query":{"script":{"script":"true"}}}`,
		`{"from":5,"sort":[{"a":{"order":"desc","missing":"_first"}},"_score"],"_source":["a"],"fields":["x"],"docvalue_fields":[{"field":"d","format":"epoch_millis"}],"search_after":[1,"x"],"highlight":{"fields":{"a":{}}}}`,
		`{"aggs":{"d":{"date_histogram":{"field":"t","calendar_interval":"day"},"aggs":{"m":{"max":{"field":"x"}},"c":{"cumulative_sum":{"buckets_path":"m"}}}},"s":{"sum_bucket":{"buckets_path":"d>m"}}}}`,
		`{"aggs":{"h":{"histogram":{"field":"t","interval":5}},"r":{"range":{"field":"x","ranges":[{"to":5},{"from":5,"to":7.5}]}},"f":{"filter":{"term":{"a":1}}},"ff":{"filters":{"filters":{"a":{"match_all":{}}}}},"g":{"global":{}},"n":{"nested":{"path":"p"},"aggs":{"b":{"reverse_nested":{}}}},"mi":{"missing":{"field":"x"}},"th":{"top_hits":{}},"p":{"percentiles":{"field":"x"}},"es":{"extended_stats":{"field":"x"}},"mt":{"multi_terms":{"terms":[{"field":"a"},{"field":"b"}]}}}}`,
		`{"aggs":{"t":{"terms":{"field":"a"},"aggs":{"x":{"sum":{"field":"n"}},"s":{"bucket_selector":{"buckets_path":{"x":"x"},"script":"params.x > 1"}},"o":{"bucket_sort":{"sort":[{"x":"desc"}],"size":1}}}}}}`,
	} {
		first, err := aggs.Normalize(json.RawMessage(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if !json.Valid(first) {
			t.Errorf("%s: not JSON: %s", body, first)
			continue
		}
		second, err := aggs.Normalize(first)
		if err != nil || string(first) != string(second) {
			t.Errorf("%s: %v\n%s\n%s", body, err, first, second)
		}
	}
}
