package script

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func render(t *testing.T, src string, vars map[string]any, l Limits) (string, error) {
	t.Helper()
	tmpl, err := ParseTemplate(src)
	if err != nil {
		return "", err
	}
	return tmpl.Render(t.Context(), vars, l)
}

// TestMessagesOfAlerting renders the templates of compat/scenarios/alerting/golden with the values recorded there.
func TestMessagesOfAlerting(t *testing.T) {
	end := time.UnixMilli(1795247794183).UTC()
	vars := map[string]any{"ctx": map[string]any{
		"monitor": map[string]any{"name": "m1"}, "trigger": map[string]any{"name": "failed logins", "severity": "1"},
		"results": []any{map[string]any{
			"hits": map[string]any{"total": map[string]any{"value": json.Number("7"), "relation": "eq"}},
			"aggregations": map[string]any{"by_user": map[string]any{"buckets": []any{
				map[string]any{"key": "root1", "doc_count": json.Number("7")},
			}}},
		}},
		"periodStart": end.Add(-time.Minute), "periodEnd": end, "alert": nil,
		"newAlerts": []any{map[string]any{"bucket_keys": "root1"}}, "dedupedAlerts": []any{},
	}}
	for _, tc := range []struct{ src, want string }{
		{"Subject {{ctx.monitor.name}}", "Subject m1"},
		{
			"Monitor {{ctx.monitor.name}} entered alert. Trigger {{ctx.trigger.name}} severity {{ctx.trigger.severity}} hits " +
				"{{ctx.results.0.hits.total.value}} start {{ctx.periodStart}} end {{ctx.periodEnd}}",
			"Monitor m1 entered alert. Trigger failed logins severity 1 hits 7 start 2026-11-21T07:55:34.183Z end 2026-11-21T07:56:34.183Z",
		},
		{
			`{"text":"{{ctx.monitor.name}}","buckets":[{{#ctx.results.0.aggregations.by_user.buckets}}"{{key}}={{doc_count}}",` +
				`{{/ctx.results.0.aggregations.by_user.buckets}}"end"],"alert":"{{ctx.alert.id}}"}`,
			`{"text":"m1","buckets":["root1=7","end"],"alert":""}`,
		},
		{
			"per-alert {{#ctx.newAlerts}}new:{{bucket_keys}} {{/ctx.newAlerts}}{{#ctx.dedupedAlerts}}dedup:{{bucket_keys}} {{/ctx.dedupedAlerts}}",
			"per-alert new:root1 ",
		},
		{"{{#toJson}}ctx.results.0.hits.total{{/toJson}}", `{"value":7,"relation":"eq"}`},
		{"{{ctx.results[0].hits.total.value}}", ""},
	} {
		got, err := render(t, tc.src, vars, Limits{})
		if err != nil || got != tc.want {
			t.Errorf("%s\n got %q, %v\nwant %q", tc.src, got, err, tc.want)
		}
	}
}

func TestQueriesKeepTheirNumbers(t *testing.T) {
	const src = `{"range":{"t":{"gte":"{{period_end}}||-5m","lte":"{{period_end}}","format":"epoch_millis"}}}`
	want := strings.ReplaceAll(src, "{{period_end}}", "1537000000000")
	for _, ms := range []any{int64(1537000000000), 1537000000000, json.Number("1537000000000")} {
		if got, err := render(t, src, map[string]any{"period_end": ms}, Limits{}); err != nil || got != want {
			t.Errorf("%T: got %s, %v", ms, got, err)
		}
	}
}

func TestTemplateErrorsTellThePlace(t *testing.T) {
	_, err := render(t, "a\n{{#b}}", nil, Limits{})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != KindCompile || e.Class != "mustache_exception" || e.Pos.Line != 2 || e.Lang != "mustache" {
		t.Errorf("got %+v", err)
	}
	_, err = render(t, "abc\n {{l.3}}", map[string]any{"l": []any{1}}, Limits{})
	e, ok = errors.AsType[*Error](err)
	if !ok || e.Kind != KindRuntime || e.Pos.Line != 2 || e.Pos.Column != 2 {
		t.Errorf("got %+v", err)
	}
	if _, err := ParseTemplateWith("x", TemplateOptions{Escape: "html"}); err == nil {
		t.Error("an unknown way to escape: got no error")
	}
	if _, err := render(t, "{{x}}", map[string]any{"x": struct{}{}}, Limits{}); err == nil {
		t.Error("a value of an unknown type: got no error")
	}
}

func TestTemplatesEndAtTheirLimits(t *testing.T) {
	big := make([]any, 1000)
	for i := range big {
		big[i] = "x"
	}
	var deep any = "x"
	for range 5000 {
		deep = []any{deep}
	}
	wide := any("x")
	for range 60 {
		wide = []any{wide, wide}
	}
	vars := map[string]any{"l": big, "deep": deep, "wide": wide, "s": strings.Repeat("x", 1000)}
	for _, tc := range []struct {
		name, src string
		limits    Limits
	}{
		{"steps", "{{#l}}{{#l}}{{#l}}{{/l}}{{/l}}{{/l}}", Limits{}},
		{"bytes", "{{#l}}{{#l}}{{s}}{{/l}}{{/l}}", Limits{}},
		{"bytes of url", "{{#l}}{{#url}}{{#l}}{{s}}{{/l}}{{/url}}{{/l}}", Limits{}},
		{"few bytes", "{{s}}", Limits{Bytes: 10}},
		{"sections", "{{#s}}{{#s}}{{#s}}x{{/s}}{{/s}}{{/s}}", Limits{Depth: 2}},
		{"deep value", "{{deep}}", Limits{}},
		{"deep JSON", "{{#toJson}}deep{{/toJson}}", Limits{}},
		{"wide value", "{{wide}}", Limits{}},
		{"wide JSON", "{{#toJson}}wide{{/toJson}}", Limits{}},
		{"joined", "{{#join}}wide{{/join}}", Limits{}},
	} {
		_, err := render(t, tc.src, vars, tc.limits)
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindLimit {
			t.Errorf("%s: got %v, want a limit error", tc.name, err)
		}
	}
	for name, src := range map[string]string{
		"length":   strings.Repeat("x", maxSource+1),
		"sections": strings.Repeat("{{#a}}", maxNesting+1) + strings.Repeat("{{/a}}", maxNesting+1),
	} {
		if _, err := ParseTemplate(src); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestRenderStopsWithItsContext(t *testing.T) {
	tmpl, err := ParseTemplate("{{#l}}{{#l}}{{/l}}{{/l}}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tmpl.Render(ctx, map[string]any{"l": make([]any, 1500)}, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
