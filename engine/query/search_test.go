package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/engine/query"
	"vigil/engine/query/querytest"
)

var now = time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)

func audit(t testing.TB) query.Target {
	return querytest.Index(t, "logs", querytest.Mapping{
		"user": "keyword", "code": "integer", "big": "long", "ratio": "double", "half": "half_float", "at": "date", "time": "alias:at",
		"msg": "text", "msg.keyword": "keyword", "ok": "boolean", "ip": "ip", "lower": "keyword/lowercase", "h": "flat_object",
		"items": "nested", "items.name": "keyword", "items.n": "integer", "obj.a": "keyword",
	},
		`{"user":"alice","code":1,"big":9007199254740993,"ratio":1.5,"at":"2026-11-21T10:29:00Z","msg":"the quick brown fox","ok":true,"ip":"10.0.0.1","lower":"abc","items":[{"name":"a","n":1},{"name":"b","n":2}]}`,
		`{"user":"bob","code":2,"ratio":2.5,"at":"2026-11-21T10:20:00Z","msg":"quick quick dog","ok":false,"ip":"10.0.1.7","h":{"x":{"y":"deep"}},"items":[{"name":"a","n":2}]}`,
		`{"user":["carol","alice"],"code":3,"at":"2026-11-20T23:59:59.999Z","msg":["brown bear","lazy dog"],"ip":"fd00::1","obj":{"a":"v"}}`,
		`{"user":"Dave","code":40,"ratio":-1,"at":"2026-10-01","msg":"nothing-here at all","ok":true}`,
	)
}

func search(t testing.TB, body string, targets ...query.Target) *query.Result {
	t.Helper()
	r, err := query.ParseRequest([]byte(body))
	if err != nil {
		t.Fatalf("parse %s: %v", body, err)
	}
	res, err := query.Run(context.Background(), r, targets, now)
	if err != nil {
		t.Fatalf("run %s: %v", body, err)
	}
	return res
}

func ids(res *query.Result) string {
	var out []string
	for _, h := range res.Hits {
		out = append(out, h.Doc.ID)
	}
	return strings.Join(out, " ")
}

func TestQueriesMatch(t *testing.T) {
	target := audit(t)
	for _, tc := range []struct{ q, want string }{
		{`{"match_all":{}}`, "1 2 3 4"},
		{`{"match_none":{}}`, ""},
		{`{"term":{"user":"alice"}}`, "1 3"},
		{`{"term":{"user":{"value":"ALICE","case_insensitive":true}}}`, "1 3"},
		{`{"term":{"code":2}}`, "2"},
		{`{"term":{"code":"2"}}`, "2"},
		{`{"term":{"code":2.5}}`, ""},
		{`{"term":{"big":9007199254740993}}`, "1"},
		{`{"term":{"big":9007199254740992}}`, ""},
		{`{"term":{"ratio":2.5}}`, "2"},
		{`{"term":{"ok":true}}`, "1 4"},
		{`{"term":{"ok":"false"}}`, "2"},
		{`{"term":{"at":"2026-11-21"}}`, "1 2"},
		{`{"term":{"at":"2026-11-20"}}`, "3"}, // a date alone is the whole day
		{`{"term":{"ip":"10.0.0.0/16"}}`, "1 2"},
		{`{"term":{"ip":"fd00:0::1"}}`, "3"},
		{`{"term":{"lower":"ABC"}}`, "1"},
		{`{"term":{"nosuch":"x"}}`, ""},
		{`{"term":{"_id":"2"}}`, "2"},
		{`{"term":{"_index":"logs"}}`, "1 2 3 4"},
		{`{"term":{"h.x.y":"deep"}}`, "2"},
		{`{"term":{"h":"deep"}}`, "2"},
		{`{"term":{"msg":"quick"}}`, "2 1"},
		{`{"terms":{"user":["bob","Dave"]}}`, "2 4"},
		{`{"terms":{"code":[1,40]}}`, "1 4"},
		{`{"ids":{"values":["3","9"]}}`, "3"},
		{`{"exists":{"field":"ratio"}}`, "1 2 4"},
		{`{"exists":{"field":"obj"}}`, "3"},
		{`{"prefix":{"user":"ca"}}`, "3"},
		{`{"wildcard":{"user":"*l?ce"}}`, "1 3"},
		{`{"wildcard":{"user":{"value":"D*","case_insensitive":true}}}`, "4"},
		{`{"regexp":{"user":"[ab].*"}}`, "1 2 3"},
		{`{"regexp":{"user":"b"}}`, ""},
		{`{"fuzzy":{"user":{"value":"alcie"}}}`, "1 3"},
		{`{"range":{"code":{"gt":1,"lte":3}}}`, "2 3"},
		{`{"range":{"code":{"gte":1.5,"lt":"3"}}}`, "2"},
		{`{"range":{"code":{"gte":99999999999}}}`, ""},
		{`{"range":{"ratio":{"from":-1,"to":1.5,"include_lower":false}}}`, "1"},
		{`{"range":{"user":{"gte":"b","lt":"c"}}}`, "2"},
		{`{"range":{"ip":{"gte":"10.0.0.2","lt":"10.1.0.0"}}}`, "2"},
		{`{"range":{"at":{"gte":"now-5m"}}}`, "1"},
		{`{"range":{"time":{"gte":"now-1h","lte":"now"}}}`, "1 2"},
		{`{"range":{"at":{"gte":"now/d","lte":"now/d"}}}`, "1 2"},
		{`{"range":{"at":{"gt":"2026-11-20||/d"}}}`, "1 2"},
		{`{"range":{"at":{"lte":"2026-11-20"}}}`, "3 4"},
		{`{"range":{"at":{"lt":"2026-11-20"}}}`, "4"},
		{`{"range":{"at":{"gte":"2026-11-21","time_zone":"+01:00"}}}`, "1 2 3"},
		{`{"range":{"at":{"gte":1795256400000,"format":"epoch_millis"}}}`, "1 2"},
		{`{"range":{"at":{"gte":"21.11.2026 10","format":"dd.MM.yyyy HH"}}}`, "1 2"},
		{`{"bool":{}}`, "1 2 3 4"},
		{`{"bool":{"must_not":{"term":{"user":"alice"}}}}`, "2 4"},
		{`{"bool":{"must":[{"term":{"user":"alice"}}],"filter":{"range":{"code":{"gte":2}}}}}`, "3"},
		{`{"bool":{"should":[{"term":{"code":1}},{"term":{"ok":true}}],"minimum_should_match":2}}`, "1"},
		{`{"bool":{"should":[{"term":{"code":1}},{"term":{"code":2}}],"filter":[{"term":{"code":2}}]}}`, "2"},
		{`{"bool":{"should":[{"term":{"code":1}},{"term":{"code":2}},{"term":{"ok":true}}],"minimum_should_match":"50%"}}`, "1 2 4"},
		{`{"match":{"msg":"QUICK bear"}}`, "3 2 1"},
		{`{"match":{"msg":{"query":"quick fox","operator":"and"}}}`, "1"},
		{`{"match":{"msg":{"query":"quikc","fuzziness":"AUTO"}}}`, "2 1"},
		{`{"match":{"user":"alice"}}`, "1 3"},
		{`{"match":{"code":{"query":"abc","lenient":true}}}`, ""},
		{`{"match_phrase":{"msg":"quick brown"}}`, "1"},
		{`{"match_phrase":{"msg":"bear lazy"}}`, ""},
		{`{"match_phrase":{"msg":{"query":"quick fox","slop":1}}}`, "1"},
		{`{"match_phrase_prefix":{"msg":"quick br"}}`, "1"},
		{`{"match_bool_prefix":{"msg":"laz qui"}}`, "1 2"},
		{`{"multi_match":{"query":"alice dog","fields":["msg","user^2"]}}`, "2 3"},
		{`{"multi_match":{"query":"2"}}`, "2"},
		{`{"constant_score":{"filter":{"term":{"code":3}}}}`, "3"},
		{`{"dis_max":{"queries":[{"term":{"code":3}},{"term":{"code":1}}]}}`, "1 3"},
		{`{"boosting":{"positive":{"match_all":{}},"negative":{"term":{"user":"alice"}},"negative_boost":0.5}}`, "2 4 1 3"},
		{`{"function_score":{"query":{"match_all":{}},"field_value_factor":{"field":"code","missing":1}}}`, "4 3 2 1"},
		{`{"nested":{"path":"items","query":{"bool":{"must":[{"term":{"items.name":"a"}},{"term":{"items.n":2}}]}}}}`, "2"},
		{`{"term":{"items.name":"a"}}`, ""},
		{`{"query_string":{"query":"user:alice AND code:[2 TO *]"}}`, "3"},
		{`{"query_string":{"query":"quick -fox","default_field":"msg"}}`, "2"},
		{`{"query_string":{"query":"msg:(quick AND brown) OR user:Dave"}}`, "1 4"},
		{`{"query_string":{"query":"NOT user:alice"}}`, "2 4"},
		{`{"query_string":{"query":"code:>=3"}}`, "3 4"},
		{`{"query_string":{"query":"user:(bob OR Dave) AND NOT code:2"}}`, "4"},
		{`{"query_string":{"query":"_exists_:obj.a"}}`, "3"},
		{`{"query_string":{"query":"\"lazy dog\""}}`, "3"},
		{`{"query_string":{"query":"user:al*"}}`, "1 3"},
		{`{"query_string":{"query":"at:{2026-11-20 TO 2026-11-21T10\\:25\\:00Z]"}}`, "2"},
		{`{"query_string":{"query":"*"}}`, "1 2 3 4"},
		{`{"query_string":{"query":"*:*"}}`, "1 2 3 4"},
		{`{"query_string":{"query":"user:/[bD].*/"}}`, "2 4"},
		{`{"query_string":{"query":"quick brown","fields":["msg"],"default_operator":"AND"}}`, "1"},
		{`{"query_string":{"query":"user:alcie~2"}}`, "1 3"},
		{`{"query_string":{"query":"ip:\"10.0.0.0/24\""}}`, "1"},
		{`{"simple_query_string":{"query":"quick + -fox","fields":["msg"]}}`, "2"},
		{`{"simple_query_string":{"query":"\"brown bear\" | alice","fields":["msg","user"]}}`, "3 1"},
		{`{"script":{"script":"doc['code'].value > 2"}}`, "3 4"},
	} {
		if got := ids(search(t, `{"query":`+tc.q+`}`, target)); got != tc.want {
			t.Errorf("%s: got [%s], want [%s]", tc.q, got, tc.want)
		}
	}
}

func TestQueriesRefuse(t *testing.T) {
	target := audit(t)
	for _, tc := range []struct{ body, typ, reason string }{
		{`{bad`, "json_parse_exception", "Unexpected character ('b' (code 98)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]"},
		{`{"query":{"nosuch":{}}}`, "parsing_exception", "unknown query [nosuch]"},
		{`{"query":{"mach":{"a":"b"}}}`, "parsing_exception", "unknown query [mach] did you mean [match]?"},
		{`{"query":{}}`, "illegal_argument_exception", "query malformed, empty clause found at [1:10]"},
		{`{"query":{"match_all":[]}}`, "parsing_exception", "[match_all] query malformed, no start_object after query name"},
		{`{"query":{"match_all":{},"term":{}}}`, "parsing_exception", "[match_all] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"},
		{`{"foo":{}}`, "parsing_exception", "Unknown key for a START_OBJECT in [foo]."},
		{`{"foo":1}`, "parsing_exception", "Unknown key for a VALUE_NUMBER in [foo]."},
		{`{"size":null}`, "parsing_exception", "Unknown key for a VALUE_NULL in [size]."},
		{`{"size":-2}`, "illegal_argument_exception", "[size] parameter cannot be negative, found [-2]"},
		{`{"suggest":{}}`, "parsing_exception", "[suggest] is not supported"},
		{`{"query":{"term":{"a":"x","b":"y"}}}`, "parsing_exception", "[term] query doesn't support multiple fields, found [a] and [b]"},
		{`{"query":{"term":{"a":[1]}}}`, "parsing_exception", "[term] query does not support array of values"},
		{`{"query":{"range":{"a":{"gtt":1}}}}`, "parsing_exception", "[range] query does not support [gtt]"},
		{`{"query":{"bool":{"mustt":[]}}}`, "x_content_parse_exception", "[1:19] [bool] unknown field [mustt]"},
		{`{"query":{"bool":{"must":[{"nosuch":{}}]}}}`, "x_content_parse_exception", "[1:37] [bool] failed to parse field [must]"},
		{`{"query":{"term":{"code":"abc"}}}`, "query_shard_exception", `failed to create query: For input string: "abc"`},
		{`{"query":{"range":{"at":{"gte":"yesterday"}}}}`, "parse_exception", "failed to parse date field [yesterday] with format [strict_date_optional_time||epoch_millis]: [failed to parse date field [yesterday] with format [strict_date_optional_time||epoch_millis]]"},
		{`{"query":{"range":{"at":{"gte":"now-5q"}}}}`, "parse_exception", "unit [q] not supported for date math [-5q]"},
		{`{"query":{"query_string":{"query":"user:("}}}`, "query_shard_exception", "Failed to parse query [user:(]"},
		{`{"query":{"wildcard":{"code":"1*"}}}`, "query_shard_exception", "Can only use wildcard queries on keyword, text and wildcard fields - not on [code] which is of type [integer]"},
		{`{"from":9999,"size":10}`, "illegal_argument_exception", "Result window is too large, from + size must be less than or equal to: [10000] but was [10009]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting."},
		{`{"sort":"nosuch"}`, "query_shard_exception", "No mapping found for [nosuch] in order to sort on"},
		{`{"query":{"knn":{}}}`, "parsing_exception", "query [knn] is not supported"},
		{`{"query":{"match_all":{}},"query":{"match_all":{}}}`, "json_parse_exception", "Duplicate field 'query'\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 27]"},
		{`{"query":` + strings.Repeat(`{"bool":{"must":`, 40) + `{"match_all":{}}` + strings.Repeat(`}}`, 40) + `}`, "x_content_parse_exception", "[1:484] [bool] failed to parse field [must]"},
	} {
		r, err := query.ParseRequest([]byte(tc.body))
		if err == nil {
			_, err = query.Run(context.Background(), r, []query.Target{target}, now)
		}
		var e *query.Error
		if !errors.As(err, &e) {
			t.Errorf("%.80s: got %v, want %s", tc.body, err, tc.typ)
			continue
		}
		if e.Type != tc.typ || e.Reason != tc.reason && !strings.Contains(tc.reason, "[1:484]") {
			t.Errorf("%.80s:\n got %s: %s\nwant %s: %s", tc.body, e.Type, e.Reason, tc.typ, tc.reason)
		}
	}
}

func TestRequests(t *testing.T) {
	target := audit(t)
	for _, tc := range []struct{ name, body, want string }{
		{
			"first page", `{"query":{"match_all":{}},"size":1,"_source":["user"]}`,
			`{"total":{"value":4,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logs","_id":"1","_score":1.0,"_source":{"user":"alice"}}]}`,
		},
		{"size 0 tells no score", `{"size":0}`, `{"total":{"value":4,"relation":"eq"},"max_score":null,"hits":[]}`},
		{"no hits", `{"query":{"term":{"user":"x"}}}`, `{"total":{"value":0,"relation":"eq"},"max_score":null,"hits":[]}`},
		{
			"filters score zero", `{"query":{"bool":{"filter":{"term":{"code":1}}}},"_source":false}`,
			`{"total":{"value":1,"relation":"eq"},"max_score":0.0,"hits":[{"_index":"logs","_id":"1","_score":0.0}]}`,
		},
		{
			"sorted by date", `{"sort":[{"at":{"order":"desc"}}],"size":2,"_source":false}`,
			`{"total":{"value":4,"relation":"eq"},"max_score":null,"hits":[{"_index":"logs","_id":"1","_score":null,"sort":[1795256940000]},{"_index":"logs","_id":"2","_score":null,"sort":[1795256400000]}]}`,
		},
		{
			"search_after", `{"sort":[{"at":"desc"}],"search_after":[1795256400000],"size":1,"_source":false}`,
			`{"total":{"value":4,"relation":"eq"},"max_score":null,"hits":[{"_index":"logs","_id":"3","_score":null,"sort":[1795219199999]}]}`,
		},
		{
			"missing values last", `{"sort":"ratio","from":2,"_source":false,"query":{"range":{"code":{"gte":2}}}}`,
			`{"total":{"value":3,"relation":"eq"},"max_score":null,"hits":[{"_index":"logs","_id":"3","_score":null,"sort":["Infinity"]}]}`,
		},
		{"counted up to a limit", `{"track_total_hits":2,"size":0}`, `{"total":{"value":2,"relation":"gte"},"max_score":null,"hits":[]}`},
		{"not counted", `{"track_total_hits":false,"size":0}`, `{"max_score":null,"hits":[]}`},
		{
			"fields", `{"query":{"ids":{"values":["1"]}},"_source":false,"docvalue_fields":["code","ratio","ok",{"field":"at","format":"epoch_second"}],"fields":["use*"]}`,
			`{"total":{"value":1,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logs","_id":"1","_score":1.0,"fields":{"code":[1],"ratio":[1.5],"ok":[true],"at":["1795256940"],"user":["alice"]}}]}`,
		},
		{
			"versions and names", `{"query":{"bool":{"should":[{"term":{"code":{"value":1,"_name":"one"}}},{"term":{"code":{"value":2,"_name":"two"}}}]}},"version":true,"seq_no_primary_term":true,"_source":false,"size":1}`,
			`{"total":{"value":2,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logs","_id":"1","_version":1,"_seq_no":0,"_primary_term":1,"_score":1.0,"matched_queries":["one"]}]}`,
		},
		{
			"names inside nested are told of inner hits alone",
			`{"query":{"nested":{"path":"items","inner_hits":{"_source":false},"query":{"term":{"items.n":{"value":1,"_name":"inner"}}}}},"_source":false}`,
			`{"total":{"value":1,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logs","_id":"1","_score":1.0,"inner_hits":{"items":{"hits":{` +
				`"total":{"value":1,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logs","_id":"1","_nested":{"field":"items","offset":0},"_score":1.0,"matched_queries":["inner"]}]}}}}]}`,
		},
		{
			"highlight", `{"query":{"match":{"msg":"fox"}},"_source":false,"highlight":{"fields":{"msg":{}}}}`,
			`{"total":{"value":1,"relation":"eq"},"max_score":1.172009,"hits":[{"_index":"logs","_id":"1","_score":1.172009,"highlight":{"msg":["the quick brown <em>fox</em>"]}}]}`,
		},
		{
			"collapse", `{"collapse":{"field":"user"},"sort":"code","_source":false,"size":2,"query":{"term":{"user":"alice"}}}`,
			`{"total":{"value":2,"relation":"eq"},"max_score":null,"hits":[{"_index":"logs","_id":"1","_score":null,"fields":{"user":["alice"]},"sort":[1]},{"_index":"logs","_id":"3","_score":null,"fields":{"user":["carol","alice"]},"sort":[3]}]}`,
		},
	} {
		res := search(t, tc.body, target)
		if diff := cmp.Diff(tc.want, string(res.AppendHits(nil, false))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// The score is that of compat/scenarios/golden, 10a search-get-q: three documents of one word each.
func TestScoresAreThoseOfLucene(t *testing.T) {
	m := querytest.Mapping{"msg": "text", "n": "long"}
	target := querytest.Index(t, "logs-a", m, `{"msg":"one","n":1}`, `{"msg":"two","n":2}`, `{"msg":"three","n":3}`)
	for _, q := range []string{`{"match":{"msg":"one"}}`, `{"query_string":{"query":"msg:one"}}`, `{"term":{"msg":"one"}}`} {
		res := search(t, `{"query":`+q+`}`, target)
		if got := json.Number(query.AppendFloat(nil, *res.MaxScore)); got != "0.9808291" {
			t.Errorf("%s: got %s, want 0.9808291", q, got)
		}
	}
}

func TestSourceFiltering(t *testing.T) {
	const src = `{"b":{"c":1,"d":[{"e":1,"f":2},{"f":3}]},"a":"x","n":null,"l":[]}`
	for _, tc := range []struct {
		in, ex []string
		want   string
	}{
		{nil, nil, src},
		{[]string{"a"}, nil, `{"a":"x"}`},
		{[]string{"b"}, nil, `{"b":{"c":1,"d":[{"e":1,"f":2},{"f":3}]}}`},
		{[]string{"b.d.e"}, nil, `{"b":{"d":[{"e":1}]}}`},
		{[]string{"*.c", "n"}, nil, `{"b":{"c":1},"n":null}`},
		{nil, []string{"b"}, `{"a":"x","n":null,"l":[]}`},
		{nil, []string{"b.d.f", "l"}, `{"b":{"c":1,"d":[{"e":1}]},"a":"x","n":null}`},
		{[]string{"b"}, []string{"*.e"}, `{"b":{"c":1,"d":[{"f":2},{"f":3}]}}`},
		{[]string{"zzz"}, nil, `{}`},
	} {
		if got := string(query.FilterSource(json.RawMessage(src), tc.in, tc.ex)); got != tc.want {
			t.Errorf("%v %v: got %s, want %s", tc.in, tc.ex, got, tc.want)
		}
	}
}

func TestCancelledSearchesEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := &query.Request{From: -1, Size: -1}
	if _, err := query.Run(ctx, r, []query.Target{audit(t)}, now); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
