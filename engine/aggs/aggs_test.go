package aggs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/engine/aggs"
	"vigil/engine/query"
	"vigil/engine/query/querytest"
)

var now = time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)

func logins(t testing.TB) query.Target {
	return querytest.Index(t, "logins", querytest.Mapping{
		"user": "keyword", "n": "integer", "x": "double", "at": "date", "ok": "boolean", "ip": "ip", "msg": "text",
		"items": "nested", "items.name": "keyword", "items.n": "integer",
	},
		`{"user":"alice","n":1,"x":1.5,"at":"2026-11-19T22:30:00Z","ok":true,"items":[{"name":"a","n":1},{"name":"b","n":2}]}`,
		`{"user":"bob","n":2,"x":2.5,"at":"2026-11-21T08:00:00Z","ok":false,"items":[{"name":"a","n":5}]}`,
		`{"user":["alice","carol"],"n":3,"at":"2026-11-21T09:30:00Z","ok":true}`,
		`{"n":4,"x":10,"at":"2026-11-21T09:45:00Z"}`,
	)
}

func run(t *testing.T, body string, targets ...query.Target) (string, error) {
	t.Helper()
	a, err := aggs.Parse(json.RawMessage(body))
	if err != nil {
		return "", err
	}
	res, err := query.Run(context.Background(), &query.Request{From: -1, Size: -1}, targets, now)
	if err != nil {
		t.Fatal(err)
	}
	out, err := aggs.Run(context.Background(), a, res.Shards, aggs.Options{})
	return string(out), err
}

func TestAggregations(t *testing.T) {
	target := logins(t)
	for _, tc := range []struct{ name, body, want string }{
		{
			"terms", `{"a":{"terms":{"field":"user"}}}`,
			`{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"alice","doc_count":2},{"key":"bob","doc_count":1},{"key":"carol","doc_count":1}]}}`,
		},
		{
			"terms cut", `{"a":{"terms":{"field":"user","size":1,"exclude":"al.*"}}}`,
			`{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":1,"buckets":[{"key":"bob","doc_count":1}]}}`,
		},
		{
			"terms by sub", `{"a":{"terms":{"field":"user","order":{"m":"desc"},"include":["alice","bob"]},"aggs":{"m":{"min":{"field":"n"}}}}}`,
			`{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"bob","doc_count":1,"m":{"value":2.0}},{"key":"alice","doc_count":2,"m":{"value":1.0}}]}}`,
		},
		{
			"terms of booleans with missing", `{"a":{"terms":{"field":"ok","missing":false,"order":{"_key":"asc"}}}}`,
			`{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":0,"key_as_string":"false","doc_count":2},{"key":1,"key_as_string":"true","doc_count":2}]}}`,
		},
		{"terms of an unmapped field", `{"a":{"terms":{"field":"zzz"}}}`, `{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[]}}`},
		{
			"metrics", `{"a":{"avg":{"field":"x"}},"b":{"sum":{"field":"n"}},"c":{"min":{"field":"x"}},"d":{"max":{"field":"at"}},"e":{"value_count":{"field":"user"}},"f":{"cardinality":{"field":"user"}}}`,
			`{"a":{"value":4.666666666666667},"b":{"value":10.0},"c":{"value":1.5},"d":{"value":1.7952543E12,"value_as_string":"2026-11-21T09:45:00.000Z"},"e":{"value":4},"f":{"value":3}}`,
		},
		{
			"metrics of nothing", `{"a":{"avg":{"field":"zzz"}},"b":{"sum":{"field":"zzz"}},"c":{"min":{"field":"zzz"}},"d":{"stats":{"field":"zzz"}}}`,
			`{"a":{"value":null},"b":{"value":0.0},"c":{"value":null},"d":{"count":0,"min":null,"max":null,"avg":null,"sum":0.0}}`,
		},
		{"stats", `{"a":{"stats":{"field":"n"}}}`, `{"a":{"count":4,"min":1.0,"max":4.0,"avg":2.5,"sum":10.0}}`},
		{
			"extended_stats", `{"a":{"extended_stats":{"field":"n"}}}`,
			`{"a":{"count":4,"min":1.0,"max":4.0,"avg":2.5,"sum":10.0,"sum_of_squares":30.0,"variance":1.25,"variance_population":1.25,"variance_sampling":1.6666666666666667,"std_deviation":1.118033988749895,"std_deviation_population":1.118033988749895,"std_deviation_sampling":1.2909944487358056,"std_deviation_bounds":{"upper":4.73606797749979,"lower":0.2639320225002102,"upper_population":4.73606797749979,"lower_population":0.2639320225002102,"upper_sampling":5.081988897471611,"lower_sampling":-0.0819888974716112}}}`,
		},
		{
			"days", `{"a":{"date_histogram":{"field":"at","calendar_interval":"1d"}}}`,
			`{"a":{"buckets":[{"key_as_string":"2026-11-19T00:00:00.000Z","key":1795046400000,"doc_count":1},{"key_as_string":"2026-11-20T00:00:00.000Z","key":1795132800000,"doc_count":0},{"key_as_string":"2026-11-21T00:00:00.000Z","key":1795219200000,"doc_count":3}]}}`,
		},
		{
			"days elsewhere", `{"a":{"date_histogram":{"field":"at","calendar_interval":"day","time_zone":"+02:00","format":"yyyy-MM-dd","min_doc_count":1}}}`,
			`{"a":{"buckets":[{"key_as_string":"2026-11-20","key":1795125600000,"doc_count":1},{"key_as_string":"2026-11-21","key":1795212000000,"doc_count":3}]}}`,
		},
		{
			"half hours", `{"a":{"date_histogram":{"field":"at","fixed_interval":"30m","min_doc_count":2,"keyed":true}}}`,
			`{"a":{"buckets":{"2026-11-21T09:30:00.000Z":{"key_as_string":"2026-11-21T09:30:00.000Z","key":1795253400000,"doc_count":2}}}}`,
		},
		{
			"extended bounds", `{"a":{"date_histogram":{"field":"zzz","fixed_interval":"1d","extended_bounds":{"min":"2026-11-20","max":"2026-11-21"}}}}`,
			`{"a":{"buckets":[{"key_as_string":"2026-11-20T00:00:00.000Z","key":1795132800000,"doc_count":0},{"key_as_string":"2026-11-21T00:00:00.000Z","key":1795219200000,"doc_count":0}]}}`,
		},
		{
			"histogram", `{"a":{"histogram":{"field":"x","interval":5}}}`,
			`{"a":{"buckets":[{"key":0.0,"doc_count":2},{"key":5.0,"doc_count":0},{"key":10.0,"doc_count":1}]}}`,
		},
		{"histogram of nothing", `{"a":{"histogram":{"field":"zzz","interval":1}}}`, `{"a":{"buckets":[]}}`},
		{
			"range", `{"a":{"range":{"field":"n","ranges":[{"from":3},{"to":3},{"key":"mid","from":2,"to":4}]}}}`,
			`{"a":{"buckets":[{"key":"*-3.0","to":3.0,"doc_count":2},{"key":"mid","from":2.0,"to":4.0,"doc_count":2},{"key":"3.0-*","from":3.0,"doc_count":2}]}}`,
		},
		{
			"date_range", `{"a":{"date_range":{"field":"at","format":"yyyy-MM-dd","keyed":true,"ranges":[{"from":"now/d"}]}}}`,
			`{"a":{"buckets":{"2026-11-21-*":{"from":1.7952192E12,"from_as_string":"2026-11-21","doc_count":3}}}}`,
		},
		{"filter", `{"a":{"filter":{"term":{"ok":true}},"aggs":{"s":{"sum":{"field":"n"}}},"meta":{"k":1}}}`, `{"a":{"meta":{"k":1},"doc_count":2,"s":{"value":4.0}}}`},
		{
			"filters", `{"a":{"filters":{"other_bucket":true,"filters":{"t":{"term":{"ok":true}},"f":{"term":{"ok":false}}}}}}`,
			`{"a":{"buckets":{"t":{"doc_count":2},"f":{"doc_count":1},"_other_":{"doc_count":1}}}}`,
		},
		{
			"missing and global", `{"a":{"missing":{"field":"user"}},"g":{"global":{},"aggs":{"c":{"value_count":{"field":"n"}}}}}`,
			`{"a":{"doc_count":1},"g":{"doc_count":4,"c":{"value":4}}}`,
		},
		{
			"nested and back", `{"a":{"nested":{"path":"items"},"aggs":{"t":{"terms":{"field":"items.name"},"aggs":{"r":{"reverse_nested":{},"aggs":{"u":{"cardinality":{"field":"user"}}}}}}}}}`,
			`{"a":{"doc_count":3,"t":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"a","doc_count":2,"r":{"doc_count":2,"u":{"value":2}}},{"key":"b","doc_count":1,"r":{"doc_count":1,"u":{"value":1}}}]}}}`,
		},
		{
			"top_hits", `{"a":{"terms":{"field":"user","include":"bob"},"aggs":{"h":{"top_hits":{"size":1,"_source":["n"]}}}}}`,
			`{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"bob","doc_count":1,"h":{"hits":{"total":{"value":1,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logins","_id":"2","_score":1.0,"_source":{"n":2}}]}}}]}}`,
		},
		{
			"composite", `{"a":{"composite":{"size":2,"sources":[{"u":{"terms":{"field":"user","missing_bucket":true}}},{"d":{"date_histogram":{"field":"at","calendar_interval":"day","format":"yyyy-MM-dd"}}}]}}}`,
			`{"a":{"after_key":{"u":"alice","d":"2026-11-19"},"buckets":[{"key":{"u":null,"d":"2026-11-21"},"doc_count":1},{"key":{"u":"alice","d":"2026-11-19"},"doc_count":1}]}}`,
		},
		{
			"composite after", `{"a":{"composite":{"after":{"u":"alice","n":1},"sources":[{"u":{"terms":{"field":"user"}}},{"n":{"terms":{"field":"n","order":"desc"}}}]}}}`,
			`{"a":{"after_key":{"u":"carol","n":3},"buckets":[{"key":{"u":"bob","n":2},"doc_count":1},{"key":{"u":"carol","n":3},"doc_count":1}]}}`,
		},
		{"percentiles", `{"a":{"percentiles":{"field":"n","percents":[50,99]}}}`, `{"a":{"values":{"50.0":2.5,"99.0":4.0}}}`},
		{
			"multi_terms", `{"a":{"multi_terms":{"size":2,"terms":[{"field":"user"},{"field":"ok"}]}}}`,
			`{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":1,"buckets":[{"key":["alice","true"],"key_as_string":"alice|true","doc_count":2},{"key":["bob","false"],"key_as_string":"bob|false","doc_count":1}]}}`,
		},
		{
			"bucket_script and bucket_selector", `{"t":{"terms":{"field":"user"},"aggs":{"s":{"sum":{"field":"n"}},"two":{"bucket_script":{"buckets_path":{"s":"s","c":"_count"},"script":"params.s / params.c"}},"keep":{"bucket_selector":{"buckets_path":{"s":"s"},"script":"params.s > 2"}}}}}`,
			`{"t":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"alice","doc_count":2,"s":{"value":4.0},"two":{"value":2.0}},{"key":"carol","doc_count":1,"s":{"value":3.0},"two":{"value":3.0}}]}}`,
		},
		{
			"bucket_sort", `{"t":{"terms":{"field":"user"},"aggs":{"s":{"sum":{"field":"n"}},"o":{"bucket_sort":{"sort":[{"s":{"order":"asc"}}],"size":1}}}}}`,
			`{"t":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"bob","doc_count":1,"s":{"value":2.0}}]}}`,
		},
		{
			"siblings", `{"t":{"terms":{"field":"user"},"aggs":{"s":{"sum":{"field":"n"}}}},"m":{"max_bucket":{"buckets_path":"t>s"}},"l":{"min_bucket":{"buckets_path":"t>s"}},"u":{"sum_bucket":{"buckets_path":"t>s"}},"a":{"avg_bucket":{"buckets_path":"t>_count"}},"x":{"stats_bucket":{"buckets_path":"t>s"}}}`,
			`{"t":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"alice","doc_count":2,"s":{"value":4.0}},{"key":"bob","doc_count":1,"s":{"value":2.0}},{"key":"carol","doc_count":1,"s":{"value":3.0}}]},"m":{"value":4.0,"keys":["alice"]},"l":{"value":2.0,"keys":["bob"]},"u":{"value":9.0},"a":{"value":1.3333333333333333},"x":{"count":3,"min":2.0,"max":4.0,"avg":3.0,"sum":9.0}}`,
		},
		{
			"derivative", `{"d":{"date_histogram":{"field":"at","calendar_interval":"day"},"aggs":{"s":{"sum":{"field":"n"}},"c":{"cumulative_sum":{"buckets_path":"s"}},"v":{"derivative":{"buckets_path":"_count"}}}}}`,
			`{"d":{"buckets":[{"key_as_string":"2026-11-19T00:00:00.000Z","key":1795046400000,"doc_count":1,"s":{"value":1.0},"c":{"value":1.0}},{"key_as_string":"2026-11-20T00:00:00.000Z","key":1795132800000,"doc_count":0,"s":{"value":0.0},"c":{"value":1.0},"v":{"value":-1.0}},{"key_as_string":"2026-11-21T00:00:00.000Z","key":1795219200000,"doc_count":3,"s":{"value":9.0},"c":{"value":10.0},"v":{"value":3.0}}]}}`,
		},
	} {
		got, err := run(t, tc.body, target)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", tc.name, diff, got)
		}
	}
}

func TestAggregationsRefuse(t *testing.T) {
	target := logins(t)
	for _, tc := range []struct{ body, typ, reason string }{
		{`{"a":{"term":{"field":"x"}}}`, "parsing_exception", "Unknown aggregation type [term] did you mean [terms]?"},
		{`{"a":{}}`, "parsing_exception", "Missing definition for aggregation [a]"},
		{`{"a":{"avg":{"field":"x"},"sum":{"field":"x"}}}`, "parsing_exception", "Found two aggregation type definitions in [a]: [avg] and [sum]"},
		{`{"a>b":{"avg":{"field":"x"}}}`, "parsing_exception", "Invalid aggregation name [a>b]. Aggregation names can contain any character except '[', ']', and '>'"},
		{`{"a":{"terms":{"field":"x","foo":1}}}`, "x_content_parse_exception", "[1:28] [terms] unknown field [foo]"},
		{`{"a":{"terms":{"field":"x","size":0}}}`, "x_content_parse_exception", "[1:35] [terms] failed to parse field [size]"},
		{`{"a":{"terms":{"field":"msg"}}}`, "illegal_argument_exception", ""},
		{`{"a":{"sum":{"field":"user"}}}`, "illegal_argument_exception", "Field [user] of type [keyword] is not supported for aggregation [sum]"},
		{`{"a":{"avg":{"field":"x"},"aggs":{"b":{"max":{"field":"x"}}}}}`, "aggregation_initialization_exception", "Aggregator [a] of type [avg] cannot accept sub-aggregations"},
		{`{"a":{"significant_terms":{"field":"x"}}}`, "parsing_exception", "aggregation type [significant_terms] is not supported"},
		{`{"a":{"date_histogram":{"field":"at"}}}`, "illegal_argument_exception", "Invalid interval specified, must be non-null and non-empty"},
		{`{"a":{"date_histogram":{"field":"at","fixed_interval":"1ms"}}}`, "too_many_buckets_exception", ""},
		{`{"a":{"histogram":{"field":"n","interval":1e-320}}}`, "too_many_buckets_exception", ""},
		{`{"a":{"terms":{"field":"user","order":{"zzz":"asc"}}}}`, "aggregation_execution_exception", "Invalid aggregation order path [zzz]. No aggregation found for path [zzz]"},
		{`{"a":{"max_bucket":{"buckets_path":"z>s"}}}`, "action_request_validation_exception", "Validation Failed: 1: No aggregation found for path [z>s];"},
	} {
		_, err := run(t, tc.body, target)
		var e *query.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want %s", tc.body, err, tc.typ)
			continue
		}
		if e.Type != tc.typ || tc.reason != "" && e.Reason != tc.reason {
			t.Errorf("%s:\n got %s: %s\nwant %s: %s", tc.body, e.Type, e.Reason, tc.typ, tc.reason)
		}
	}
}

func TestTypedKeys(t *testing.T) {
	target := logins(t)
	a, err := aggs.Parse(json.RawMessage(`{"u":{"terms":{"field":"user","size":1},"aggs":{"m":{"max":{"field":"n"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := query.Run(context.Background(), &query.Request{From: -1, Size: 0}, []query.Target{target}, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := aggs.Run(context.Background(), a, res.Shards, aggs.Options{TypedKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"sterms#u":{"doc_count_error_upper_bound":0,"sum_other_doc_count":2,"buckets":[{"key":"alice","doc_count":2,"max#m":{"value":3.0}}]}}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTooManyBucketsAreRefused(t *testing.T) {
	var docs []string
	for i := range 300 {
		docs = append(docs, fmt.Sprintf(`{"a":%d,"b":"%s"}`, i, strings.Repeat("x", i%7)))
	}
	target := querytest.Index(t, "many", querytest.Mapping{"a": "integer", "b": "keyword"}, docs...)
	_, err := run(t, `{"a":{"terms":{"field":"a","size":1000},"aggs":{"h":{"histogram":{"field":"a","interval":1,"extended_bounds":{"min":0,"max":300}}}}}}`, target)
	var e *query.Error
	if !errors.As(err, &e) || e.Type != "too_many_buckets_exception" || e.Status != 503 {
		t.Errorf("got %v, want too_many_buckets_exception with status 503", err)
	}
}

func FuzzAggs(f *testing.F) {
	target := logins(f)
	for _, s := range []string{
		`{"a":{"terms":{"field":"user"},"aggs":{"h":{"histogram":{"field":"n","interval":1}}}}}`,
		`{"a":{"composite":{"sources":[{"u":{"terms":{"field":"user"}}}]}}}`,
		`{"a":{"date_histogram":{"field":"at","calendar_interval":"day"},"aggs":{"c":{"cumulative_sum":{"buckets_path":"_count"}}}}}`,
	} {
		f.Add(s)
	}
	res, err := query.Run(context.Background(), &query.Request{From: -1, Size: 0}, []query.Target{target}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := aggs.Parse(json.RawMessage(s))
		if err != nil {
			return
		}
		out, err := aggs.Run(context.Background(), a, res.Shards, aggs.Options{})
		if err == nil && !json.Valid(out) {
			t.Errorf("%s: not JSON: %s", s, out)
		}
	})
}
