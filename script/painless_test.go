package script

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// alertContext is the ctx of a trigger with an answer in which there is something for every condition to find.
func alertContext(t *testing.T) map[string]any {
	t.Helper()
	const answer = `{
		"status": "red", "number_of_pending_tasks": 2, "transient": {"a": "b"}, "SNAPSHOT_ID": {"status": "FAILED"},
		"hits": {"total": {"value": 7, "relation": "eq"}, "max_score": null, "hits": [
			{"_source": {"cpu": 95, "http_status_code": "500", "confidence": 0.9}}, {"_source": {"cpu": 10, "http_status_code": "403"}}]},
		"aggregations": {
			"metric": {"value": 91.5}, "when": {"value": null}, "avg_cpu": {"value": 90.5}, "error_count": {"value": 11},
			"avg_response_time": {"value": 1000.5}, "max_forecast": {"value": 85.5}, "max_anomaly_grade": {"value": 0.8},
			"top_user_agents": {"buckets": [{"key": "curl", "doc_count": 51}]}, "by_user": {"buckets": [{"key": "a", "doc_count": 1}]},
			"users": {"buckets": [{"doc_count": 1}, {"doc_count": 6}]}, "hosts": {"buckets": []}},
		"indices": [{"health": "green"}, {"health": "yellow"}], "shards": [{}, {"unassigned.for": "5m"}], "tasks": [],
		"nodes": {"NODE_ID": {"jvm": {"mem": {"heap_used_percent": 61}}}}}`
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(answer))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return map[string]any{
		"results": []any{m}, "alert": nil, "error": nil, "periodStart": start, "periodEnd": start.Add(2 * time.Minute),
	}
}

// TestConditionsOfTheCatalogue runs the conditions that the reference found in real use (alerting, section 3.5).
func TestConditionsOfTheCatalogue(t *testing.T) {
	for _, tc := range []struct {
		row  string
		src  string
		want any // an error's class when it is one
	}{
		{"1", `ctx.results[0].hits.total.value > 0`, true},
		{"2", `ctx.results[0].hits.total > 400000`, "class_cast_exception"},
		{"2", `_ctx.results[0].hits.total > 0`, "illegal_argument_exception"},
		{"3", `ctx.results[0].hits.total.value == 0`, false},
		{"4", `ctx.results[0].hits.total.value < 1`, false},
		{"5", `return ctx.results[0].hits.total.value > 3`, true},
		{"6", `!(ctx.results[0].hits.total.value >= 5 && ctx.results[0].hits.total.value <= 10)`, false},
		{"7", `return ctx.results[0].aggregations.metric.value == null ? false : ctx.results[0].aggregations.metric.value > 90`, true},
		{"8", `return ctx.results[0].aggregations.when.value == null ? false : ctx.results[0].aggregations.when.value > 1`, false},
		{"9", `if (ctx.results[0].aggregations.avg_cpu.value > 90) { return true; }`, true},
		{"9", `if (ctx.results[0].aggregations.avg_cpu.value > 99) { return true; }`, nil},
		{"10", `ctx.results[0].aggregations.error_count.value > 10`, true},
		{"11", `ctx.results[0].aggregations.avg_response_time.value > 1000`, true},
		{"12", `return ctx.results[0].aggregations.avg_cpu.value > 20`, true},
		{"13", `int score = 0;
			for (int i = 0; i < ctx.results[0].hits.hits.length; i++) {
				if (ctx.results[0].hits.hits[i]._source.http_status_code == "500") { score += 100 }
				else if (ctx.results[0].hits.hits[i]._source.http_status_code == "403") { score += 1 }
			}
			if (score > 99) { return true } else { return false }`, true},
		{"14", `for (hit in ctx.results[0].hits.hits) { if (hit._source.cpu > 90) { return true; } } return false;`, true},
		{"15", `if (ctx.results[0].hits.total.value == 0) { return false; }
			for (def hit : ctx.results[0].hits.hits) { def s = hit._source; if (s.cpu < 20) { return true; } } return false;`, true},
		{"16", `return ctx.results[0].hits.hits.size() == 1`, false},
		{"16", `return ctx.results[0].hits.hits.size() > 0`, true},
		{"17", `double t = 85.0; def peak = ctx.results[0].aggregations.max_forecast.value; return peak != null && peak > t;`, true},
		{"18", `ctx.results[0].aggregations.top_user_agents.buckets.stream().anyMatch(b -> b.doc_count > 50)`, true},
		{"19", `ctx.results[0].aggregations.by_user.buckets.length > 0`, true},
		{"19", `ctx.results[0].aggregations.by_user.buckets.size() > 0`, true},
		{"19", `!ctx.results[0].aggregations.by_user.buckets.isEmpty()`, true},
		{"20", `for (b in ctx.results[0].aggregations.users.buckets) { if (b.doc_count > 5) return true; } return false;`, true},
		{"21", `ctx.results[0].aggregations.hosts.buckets[0].doc_count > 10`, "index_out_of_bounds_exception"},
		{"22", `ctx.alert == null`, true},
		{"22", `if (ctx.alert == null) { throw new RuntimeException("no alert") } return false`, "runtime_exception"},
		{"22", `if (ctx.alert == null) { throw new RuntimeException("no alert"); return false; }`, "illegal_argument_exception"},
		{"23", `return ctx.alert != null && ctx.alert.isAcknowledged()`, false},
		{"24", `return true`, true},
		{"24", `return false`, false},
		{"25", `ctx.results[0].status != "green"`, true},
		{"26", `return ctx.results[0].status.equals("red")`, true},
		{"27", `ctx.results[0].number_of_pending_tasks >= 0`, true},
		{"27", `ctx.results[0].indices.count <= 0`, "illegal_argument_exception"},
		{"27", `ctx.results[0].transient != null`, true},
		{"27", `ctx.results[0] != null`, true},
		{"28", `ctx.results[0].nodes.NODE_ID.jvm.mem.heap_used_percent > 60`, true},
		{"29", `for (int i = 0; i < ctx.results[0].indices.size(); ++i) if (ctx.results[0].indices[i].health != "green") return true`, true},
		{"30", `for (int i = 0; i < ctx.results[0].shards.size(); ++i) if (ctx.results[0].shards[i]["unassigned.for"] != null) return true`, true},
		{"31", `for (k in ctx.results[0].nodes.keySet()) if (ctx.results[0].nodes[k].jvm != "green") return true`, true},
		{"32", `ctx.results[0].tasks.size() >= 0`, true},
		{"32", `ctx.results[0].tasks.length > 0`, false},
		{"32", `ctx.results[0].SNAPSHOT_ID.status == "FAILED"`, true},
		{"33", `return ctx.results != null && ctx.results.length > 0 && ctx.results[0].aggregations != null && ` +
			`ctx.results[0].aggregations.max_anomaly_grade != null && ctx.results[0].hits.total.value > 0 && ` +
			`ctx.results[0].hits.hits[0]._source != null && ctx.results[0].hits.hits[0]._source.confidence != null && ` +
			`ctx.results[0].aggregations.max_anomaly_grade.value > 0.7 && ctx.results[0].hits.hits[0]._source.confidence > 0.7`, true},
		{"34", `params._count > 5`, true},
		{"34", `params.avg_cpu > 90 && params._count > 10`, false},
		{"34", `params._count > 50 || params.avg_products_base_price < 35`, true},
		{"34", `params._value >= 3`, true},
		{"35", `params._count > 60 and params.cv < 0.10`, "illegal_argument_exception"},
		{"36", `ctx.results[0].hits.total.value > params.threshold`, true},
		{"37", `ctx.periodEnd.toEpochMilli() - ctx.periodStart.toEpochMilli() > 60000`, true},
	} {
		t.Run(tc.row+" "+tc.src, func(t *testing.T) {
			vars := map[string]any{"ctx": alertContext(t), "params": map[string]any{
				"_count": 6, "avg_cpu": 91.0, "avg_products_base_price": 30.5, "_value": int64(3), "threshold": json.Number("6"),
			}}
			got, err := eval(t, tc.src, vars)
			if e, ok := errors.AsType[*Error](err); ok {
				got = e.Class
			}
			if got != tc.want {
				t.Errorf("got %v (%v), want %v", got, err, tc.want)
			}
		})
	}
}

func eval(t *testing.T, src string, vars map[string]any) (any, error) {
	t.Helper()
	p, err := Compile(src)
	if err != nil {
		return nil, err
	}
	return p.Eval(t.Context(), vars, Limits{})
}

// trigger is a typed ctx, as a Java class would be.
type trigger map[string]any

func (trigger) ClassName() string {
	return "org.opensearch.alerting.script.QueryLevelTriggerExecutionContext"
}

func (c trigger) Field(name string) (any, bool) {
	v, ok := c[name]
	return v, ok
}

// TestReportsReadAsRecorded compares with compat/scenarios/alerting/golden/03-monitor-crud-execute.json.
func TestReportsReadAsRecorded(t *testing.T) {
	vars := map[string]any{"ctx": trigger{"results": []any{}}}
	for _, tc := range []struct{ name, src, want string }{
		{"a field that the context does not have", "ctx.nope.x > 0", `{
  "type" : "script_exception",
  "reason" : "compile error",
  "script_stack" : [
    "ctx.nope.x > 0",
    "   ^---- HERE"
  ],
  "script" : "ctx.nope.x > 0",
  "lang" : "painless",
  "position" : {
    "offset" : 3,
    "start" : 0,
    "end" : 14
  },
  "caused_by" : {
    "type" : "illegal_argument_exception",
    "reason" : "field [org.opensearch.alerting.script.QueryLevelTriggerExecutionContext, nope] not found"
  }
}`},
		{"a script that ends too early", "ctx.results[0", `{
  "type" : "script_exception",
  "reason" : "compile error",
  "script_stack" : [
    "ctx.results[0",
    "             ^---- HERE"
  ],
  "script" : "ctx.results[0",
  "lang" : "painless",
  "position" : {
    "offset" : 13,
    "start" : 0,
    "end" : 13
  },
  "caused_by" : {
    "type" : "illegal_argument_exception",
    "reason" : "unexpected end of script.",
    "caused_by" : {
      "type" : "no_viable_alt_exception",
      "reason" : null
    }
  }
}`},
		{"an index beyond the end", "ctx.results[0].hits.total.value > 0", `{
  "type" : "script_exception",
  "reason" : "runtime error",
  "script_stack" : [
    "ctx.results[0].hits.total.value > 0",
    "           ^---- HERE"
  ],
  "script" : "ctx.results[0].hits.total.value > 0",
  "lang" : "painless",
  "position" : {
    "offset" : 11,
    "start" : 0,
    "end" : 35
  },
  "caused_by" : {
    "type" : "index_out_of_bounds_exception",
    "reason" : "Index 0 out of bounds for length 0"
  }
}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := eval(t, tc.src, vars)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if diff := cmp.Diff(tc.want, e.Report()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsTellThePlace(t *testing.T) {
	_, err := eval(t, "def a = 1;\nreturn a.foo();\n", nil)
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if want := (Pos{Offset: 19, Line: 2, Column: 9}); e.Pos != want || e.Kind != KindRuntime {
		t.Errorf("got %v at %+v, want a runtime error at %+v", e.Kind, e.Pos, want)
	}
	want := "painless runtime error at line 2, column 9: illegal_argument_exception: dynamic method [java.lang.Integer, foo/0] not found\n" +
		"return a.foo();\n\n        ^---- HERE"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestValuesComeOutAsPlainOnes(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		src  string
		want any
	}{
		{"5", int64(5)},
		{"5L", int64(5)},
		{"1.5f", 1.5},
		{"'a'", "a"},
		{"'ab'.charAt(1)", "b"},
		{"new StringBuilder('x').append(1)", "x1"},
		{"[1, ['a': 2.5]]", []any{int64(1), map[string]any{"a": 2.5}}},
		{"new HashSet([1, 1])", []any{int64(1)}},
		{"['a': 1].entrySet()", []any{"a=1"}},
		{"[1: 'x']", map[string]any{"1": "x"}},
		{"x", json.Number("123456789012345678901234567890")},
		{"y", int64(9007199254740993)},
		{"y + 1", int64(9007199254740994)},
		{"when", day},
		{"when.plusDays(1).toEpochMilli()", day.AddDate(0, 0, 1).UnixMilli()},
		{"ZonedDateTime.parse('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05Z"},
		{"words[1] + maps[0].a + pairs.k", "bcv"},
		{"def i = 1;", nil},
	} {
		vars := map[string]any{
			"x": json.Number("123456789012345678901234567890"), "y": json.Number("9007199254740993"), "when": day,
			"words": []string{"a", "b"}, "maps": []map[string]any{{"a": "c"}}, "pairs": map[string]string{"k": "v"},
		}
		got, err := eval(t, tc.src, vars)
		if err != nil {
			t.Errorf("%s: %v", tc.src, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s\n%s", tc.src, diff)
		}
	}
}

func TestScriptsChangeOnlyWhatTheyAssign(t *testing.T) {
	source := func() map[string]any {
		return map[string]any{"n": json.Number("1"), "tags": []any{"a", []any{json.Number("2")}}, "m": map[string]any{"k": "v"}}
	}
	for _, tc := range []struct {
		src  string
		want map[string]any
	}{
		{"def x = ctx.tags.size() + ctx.m.size(); for (t in ctx.tags) { x += 1 } x", source()},
		{"def l = new ArrayList(ctx.tags); l.add(5); l.sort((a, b) -> 0)", source()},
		{"ctx.n += 1", map[string]any{"n": int64(2), "tags": source()["tags"], "m": source()["m"]}},
		{"ctx.tags.add('b'); def t = ctx.tags; t.add(3)", map[string]any{
			"n": json.Number("1"), "tags": []any{"a", []any{int64(2)}, "b", int64(3)}, "m": source()["m"],
		}},
		{"ctx.tags[1].add(5)", map[string]any{
			"n": json.Number("1"), "tags": []any{"a", []any{int64(2), int64(5)}}, "m": source()["m"],
		}},
		{"ctx.remove('tags'); ctx.m.x = [1, ['y': new HashMap()]]", map[string]any{
			"n": json.Number("1"), "m": map[string]any{"k": "v", "x": []any{int64(1), map[string]any{"y": map[string]any{}}}},
		}},
		{"ctx.entrySet().removeIf(e -> e.getKey() != 'm')", map[string]any{"m": source()["m"]}},
	} {
		got := source()
		if _, err := eval(t, tc.src, map[string]any{"ctx": got}); err != nil {
			t.Errorf("%s: %v", tc.src, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s\n%s", tc.src, diff)
		}
	}
}

func TestMapsThatHoldThemselvesAreRefused(t *testing.T) {
	for _, src := range []string{"ctx.self = ctx", "ctx.l = []; ctx.l.add(ctx)", "def m = [:]; m.m = m; return m", "def m = [:]; m.m = m; '' + m"} {
		if _, err := eval(t, src, map[string]any{"ctx": map[string]any{}}); err == nil {
			t.Errorf("%s: got no error", src)
		}
	}
}

func TestParamsAreReadOnly(t *testing.T) {
	_, err := eval(t, "params.x = 1", map[string]any{"params": map[string]any{}})
	if e, ok := errors.AsType[*Error](err); !ok || e.Class != "unsupported_operation_exception" {
		t.Errorf("got %v, want unsupported_operation_exception", err)
	}
}

type fields map[string][]any

func (f fields) Values(name string) ([]any, bool) {
	v, ok := f[name]
	return v, ok
}

func TestDocGivesTheValuesOfAField(t *testing.T) {
	doc := fields{"n": {int64(5), int64(6)}, "none": nil, "when": {time.UnixMilli(0).UTC()}}
	for _, tc := range []struct {
		src  string
		want any
	}{
		{"doc['n'].value * 2", int64(10)},
		{"doc.n.value", int64(5)},
		{"doc['n'].size()", int64(2)},
		{"doc['n'].length", int64(2)},
		{"doc['n'].values[1]", int64(6)},
		{"doc['n'][1]", int64(6)},
		{"doc['none'].empty", true},
		{"doc['none'].size() == 0 ? 7 : doc['none'].value", int64(7)},
		{"doc.containsKey('n') && !doc.containsKey('x')", true},
		{"int s = 0; for (v in doc['n']) { s += (int)v } return s", int64(11)},
		{"doc['n'].stream().anyMatch(v -> v == 6)", true},
		{"doc['when'].value.getYear()", int64(1970)},
		{"doc['none'].value", "illegal_state_exception"},
		{"doc['x'].value", "illegal_argument_exception"},
	} {
		got, err := eval(t, tc.src, map[string]any{"doc": doc})
		if e, ok := errors.AsType[*Error](err); ok {
			got = e.Class
		}
		if got != tc.want {
			t.Errorf("%s: got %v (%v), want %v", tc.src, got, err, tc.want)
		}
	}
}

func TestObjectsHaveGetters(t *testing.T) {
	vars := map[string]any{"ctx": trigger{"alert": trigger{"acknowledged": true, "id": "a1"}}}
	for _, src := range []string{"ctx.alert.isAcknowledged()", "ctx.alert.acknowledged", "ctx.getAlert().getId() == 'a1'"} {
		if got, err := eval(t, src, vars); err != nil || got != true {
			t.Errorf("%s: got %v, %v", src, got, err)
		}
	}
}

func TestScriptsEndAtTheirLimits(t *testing.T) {
	for _, tc := range []struct{ name, src, class string }{
		{"endless loop", "int i = 0; while (true) { i++ }", "painless_error"},
		{"endless empty loop", "for (;;) ; return 1", "painless_error"},
		{"endless recursion", "int f(int a) { return f(a + 1) } return f(1)", "stack_overflow_error"},
		{"doubling string", "def s = 'x'; for (int i = 0; i < 60; i++) { s += s } return s", "circuit_breaking_exception"},
		{"doubling builder", "def b = new StringBuilder('x'); for (int i = 0; i < 60; i++) { b.append(b) } return b", "circuit_breaking_exception"},
		{"doubling list", "def l = [1]; for (int i = 0; i < 60; i++) { l.addAll(l) } return l", ""},
		{"replacing", "def s = 'x'; for (int i = 0; i < 30; i++) { s = s.replace('x', 'xxxx') } return s", "circuit_breaking_exception"},
		{"list of lists of itself", "def l = []; for (int i = 0; i < 60; i++) { l = [l, l] } return '' + l", ""},
		{"result of lists of itself", "def l = []; for (int i = 0; i < 60; i++) { l = [l, l] } return l", ""},
		{"equality of lists of itself", "def a = []; def b = []; for (int i = 0; i < 60; i++) { a = [a, a]; b = [b, b] } return a == b", ""},
		{"hash of lists of itself", "def l = []; for (int i = 0; i < 60; i++) { l = [l, l] } return l.hashCode()", ""},
		{"huge list", "def l = []; while (true) { l.add('x') }", ""},
		{"huge array", "new int[2000000000]", ""},
		{"huge range", "IntStream.range(0, 2000000000).sum()", ""},
		{"comparator", "def l = []; for (int i = 0; i < 3000; i++) { l.add(i) } " +
			"for (int i = 0; i < 3000; i++) { l.sort((a, b) -> { int s = 0; for (int j = 0; j < 3000; j++) { s += j } return b - a; }) } return 1", "painless_error"},
		{"regular expression", "def s = 'a'; for (int i = 0; i < 18; i++) { s += s } int n = 0; while (true) { if (s =~ /(a?){50}b/) { n++ } }", "painless_error"},
		{"time", "def t = Instant.ofEpochMilli(0); while (true) { t = t.plusNanos(900000000000000L) }", "painless_error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := eval(t, tc.src, nil)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Kind != KindLimit || tc.class != "" && e.Class != tc.class {
				t.Errorf("got %s %s, want a limit error %s", e.Kind, e.Class, tc.class)
			}
		})
	}
}

func TestLimitsCannotBeCaught(t *testing.T) {
	_, err := eval(t, "int f(int a) { return f(a + 1) } try { f(1) } catch (Exception e) { return 1 } return 2", nil)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindLimit {
		t.Errorf("got %v, want a limit error", err)
	}
}

func TestSourcesAreBounded(t *testing.T) {
	for name, src := range map[string]string{
		"length":      strings.Repeat(" ", maxSource+1),
		"parentheses": strings.Repeat("(", 20000),
		"brackets":    strings.Repeat("[", 20000),
		"unary":       strings.Repeat("!", 20000),
		"blocks":      strings.Repeat("if (true) {", 5000),
		"calls":       strings.Repeat("a.b(", 15000),
		"ternaries":   strings.Repeat("1 == 2 ? 1 : ", 5000) + "2",
		"pattern":     "'a' =~ /" + strings.Repeat("a", maxPattern+1) + "/",
	} {
		if _, err := Compile(src); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	for name, src := range map[string]string{
		"sum":   "1" + strings.Repeat("+1", 30000),
		"chain": "params" + strings.Repeat("?.a", 20000),
		"names": "if (false) { return nope" + strings.Repeat(".a", 30000) + " }",
	} {
		p, err := Compile(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := p.Eval(t.Context(), map[string]any{"nope": nil}, Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEvalStopsWithItsContext(t *testing.T) {
	p, err := Compile("int i = 0; while (true) { i++ }")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Eval(ctx, nil, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestUnsupportedSyntaxOfPatternsIsNamed(t *testing.T) {
	for _, src := range []string{`'a' =~ /(?=a)/`, `'aa' =~ /(a)\1/`, `'a' =~ /a/x`, `'a' =~ /a++/`} {
		_, err := Compile(src)
		if err == nil || !strings.Contains(err.Error(), "not supported") {
			t.Errorf("%s: got %v", src, err)
		}
	}
}

func TestProgramsAreSharedBetweenGoroutines(t *testing.T) {
	p, err := Compile("int s = 0; for (h in ctx.results[0].hits.hits) { s += h._source.cpu } ctx.results[0].indices.stream().map(x -> x.health + s).collect(Collectors.toList())")
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]any{"ctx": alertContext(t)}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				got, err := p.Eval(t.Context(), vars, Limits{})
				if diff := cmp.Diff([]any{"green105", "yellow105"}, got); err != nil || diff != "" {
					t.Errorf("%v\n%s", err, diff)
					return
				}
			}
		})
	}
	wg.Wait()
}
