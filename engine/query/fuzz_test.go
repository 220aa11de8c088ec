package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"vigil/engine/query"
)

func FuzzSearch(f *testing.F) {
	target := audit(f)
	for _, s := range []string{
		`{"query":{"bool":{"must":[{"match":{"msg":"quick"}}],"filter":{"range":{"at":{"gte":"now-1d/d"}}}}},"sort":["_score",{"at":"desc"}]}`,
		`{"query":{"match_phrase":{"msg":{"query":"quick fox","slop":3}}},"highlight":{"fields":{"*":{}}}}`,
		`{"query":{"regexp":{"user":"a.*"}},"_source":{"excludes":["a.*"]},"docvalue_fields":["at"]}`,
		`{"query":{"nested":{"path":"items","query":{"match_all":{}},"inner_hits":{"sort":[{"items.n":"desc"}],"_source":["items.n"]}}},"script_fields":{"a":{"script":"params._source"}}}`,
		`{"collapse":{"field":"user","inner_hits":[{"name":"i","size":1,"collapse":{"field":"code"}},{"name":"i","explain":true}]}}`,
		`{"query":{"nested":{"path":"items","query":{"term":{"items.n":1}}}},"search_after":[1],"sort":"code"}`,
		`{"query":{"multi_match":{"query":"alice 10.0.0.1 2","fields":["*"],"lenient":true}}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := query.ParseRequest([]byte(s))
		if err != nil {
			return
		}
		w := &query.Printer{}
		r.Print(w, nil)
		if !json.Valid(w.Buf) {
			t.Errorf("%s prints as %s", s, w.Buf)
		}
		res, err := query.Run(context.Background(), r, []query.Target{target}, now)
		if err == nil && !json.Valid(res.AppendHits(nil, false)) {
			t.Errorf("%s answers no JSON", s)
		}
	})
}

func FuzzQueryString(f *testing.F) {
	target := audit(f)
	for _, s := range []string{
		`user:alice AND (code:[1 TO 3} OR msg:"quick fox"~2)^2`, `-a +b NOT c && d || !e`, `msg:qu?ck~1 AND _exists_:user`,
		`at:>=now-1d AND h.x.y:deep`, `/[a-z]+/ \(escaped\) *:*`, `"unclosed`, `user:(`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{"query_string", "simple_query_string"} {
			body, err := json.Marshal(map[string]any{"query": map[string]any{kind: map[string]any{"query": s}}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := query.ParseRequest(body)
			if err != nil {
				continue
			}
			_, err = query.Run(context.Background(), r, []query.Target{target}, now)
			var e *query.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%q: %T: %v", s, err, err)
			}
		}
	})
}

func FuzzDateMath(f *testing.F) {
	for _, s := range []string{"now-5m/d", "2020-01-01||+1M/d", "1577836800000", "2026-W47-6", "21/Nov/2026"} {
		f.Add(s, "strict_date_optional_time||epoch_millis")
	}
	f.Add("21.11.2026 10", "dd.MM.yyyy[ HH['h']]")
	f.Fuzz(func(t *testing.T, expr, format string) {
		at, err := query.DateMath(expr, now, true, []string{format}, nil)
		if err != nil || query.CheckDateFormat(format) != nil {
			return
		}
		if _, err := query.FormatDate(at, []string{format}, nil); err != nil {
			t.Errorf("%q read with %q cannot be printed: %v", expr, format, err)
		}
	})
}
