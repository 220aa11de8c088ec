package rest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/rest"
)

// TestRootCauseIsTheRecordedOne rebuilds every error of the recordings and compares what it tells as its root cause.
func TestRootCauseIsTheRecordedOne(t *testing.T) {
	files, err := filepath.Glob("../compat/scenarios/golden/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../compat/scenarios/alerting/golden/*.json")
	if err != nil {
		t.Fatal(err)
	}
	bodies, nested := 0, 0
	for _, file := range append(files, more...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		eachError(doc, func(o map[string]any) {
			want, recorded := o["root_cause"].([]any)
			if !recorded {
				return
			}
			bodies++
			e := fromObject(o)
			if e.CausedBy != nil {
				nested++
			}
			if len(want) != 1 {
				t.Errorf("%s: %d root causes", file, len(want))
				return
			}
			got := rebuilt(t, e)["error"].(map[string]any)["root_cause"]
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Errorf("%s: %s (-recorded +got):\n%s", filepath.Base(file), e.Type, diff)
			}
		})
	}
	if bodies < 100 || nested == 0 {
		t.Errorf("compared %d errors, %d with a cause: the recordings are not where they were", bodies, nested)
	}
}

// eachError calls f for every error object in a recording; some stand in it as text.
func eachError(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		if o, ok := v["error"].(map[string]any); ok {
			f(o)
		}
		for _, m := range v {
			eachError(m, f)
		}
	case []any:
		for _, m := range v {
			eachError(m, f)
		}
	case string:
		var doc any
		if strings.Contains(v, "root_cause") && json.Unmarshal([]byte(v), &doc) == nil {
			eachError(doc, f)
		}
	}
}

func fromObject(o map[string]any) *rest.Error {
	e := &rest.Error{Extra: map[string]any{}}
	for k, v := range o {
		switch k {
		case "type":
			e.Type, _ = v.(string)
		case "reason":
			e.Reason, _ = v.(string)
		case "caused_by":
			e.CausedBy = fromObject(v.(map[string]any))
		case "root_cause":
		default:
			e.Extra[k] = v
		}
	}
	if failed, _ := o["failed_shards"].([]any); len(failed) > 0 && e.CausedBy == nil {
		// Some failures of a search name their cause with the shards alone.
		if shard, _ := failed[0].(map[string]any)["reason"].(map[string]any); shard != nil {
			e.CausedBy = fromObject(shard)
		}
	}
	return e
}

func rebuilt(t *testing.T, e *rest.Error) map[string]any {
	t.Helper()
	b, err := json.Marshal(e.Body())
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRootCause(t *testing.T) {
	chain := func(types ...string) *rest.Error {
		var e *rest.Error
		for _, t := range slices.Backward(types) {
			typ, reason, _ := strings.Cut(t, ": ")
			e = &rest.Error{Status: 400, Type: typ, Reason: reason, CausedBy: e}
		}
		return e
	}
	for _, tc := range []struct {
		chain []string
		want  string
	}{
		{[]string{"mapper_parsing_exception: Failed to parse mapping [_doc]: x", "mapper_parsing_exception: x"}, "mapper_parsing_exception: x"},
		{[]string{"mapper_parsing_exception: failed to parse field", "illegal_argument_exception: For input string"}, "mapper_parsing_exception: failed to parse field"},
		{[]string{"mapper_parsing_exception: failed to parse", "json_parse_exception: Unexpected"}, "mapper_parsing_exception: failed to parse"},
		{[]string{"parsing_exception: unknown query [x]", "named_object_not_found_exception: [1:2] unknown field [x]"}, "parsing_exception: unknown query [x]"},
		{[]string{"x_content_parse_exception: [bool] failed", "x_content_parse_exception: inner", "parsing_exception: unknown", "named_object_not_found_exception: y"}, "parsing_exception: unknown"},
		{[]string{"x_content_parse_exception: outer", "illegal_argument_exception: z"}, "x_content_parse_exception: outer"},
		{[]string{"illegal_argument_exception: outer", "mapper_parsing_exception: z"}, "illegal_argument_exception: outer"},
		{[]string{"search_phase_execution_exception: all shards failed", "illegal_argument_exception: z"}, "illegal_argument_exception: z"},
		{[]string{"search_phase_execution_exception: all shards failed", "query_shard_exception: Failed to parse query [(]", "parse_exception: Cannot parse '('"}, "query_shard_exception: Failed to parse query [(]"},
		{[]string{"search_phase_execution_exception: all shards failed", "parse_exception: failed to parse date field", "date_time_parse_exception: x"}, "parse_exception: failed to parse date field"},
		{[]string{"alerting_exception: no config", "exception: java"}, "alerting_exception: no config"},
	} {
		e := chain(tc.chain...)
		root := e.Body()["error"].(map[string]any)["root_cause"].([]any)[0].(map[string]any)
		if got := root["type"].(string) + ": " + root["reason"].(string); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.chain, got, tc.want)
		}
		if root["caused_by"] != nil {
			t.Errorf("%q: a root cause tells no cause", tc.chain)
		}
	}
}
