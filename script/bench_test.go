package script

import (
	"encoding/json"
	"testing"
)

func BenchmarkConditionOfTheSeed(b *testing.B) {
	p, err := Compile("ctx.results[0].hits.total.value > 1")
	if err != nil {
		b.Fatal(err)
	}
	vars := map[string]any{"ctx": map[string]any{"results": []any{
		map[string]any{"hits": map[string]any{"total": map[string]any{"value": json.Number("7")}}},
	}}}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := p.Eval(b.Context(), vars, Limits{}); err != nil || v != true {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkCompileConditionOfTheSeed(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile("ctx.results[0].hits.total.value > 1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenderMessage(b *testing.B) {
	tmpl, err := ParseTemplate("Monitor {{ctx.monitor.name}} hits {{ctx.results.0.hits.total.value}}{{#ctx.users}} {{key}}={{n}}{{/ctx.users}}")
	if err != nil {
		b.Fatal(err)
	}
	vars := map[string]any{"ctx": map[string]any{
		"monitor": map[string]any{"name": "m1"},
		"results": []any{map[string]any{"hits": map[string]any{"total": map[string]any{"value": json.Number("7")}}}},
		"users":   []any{map[string]any{"key": "a", "n": int64(1)}, map[string]any{"key": "b", "n": int64(2)}},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(b.Context(), vars, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoop(b *testing.B) {
	p, err := Compile("int s = 0; for (int i = 0; i < 10000; ++i) { s += i % 7 } return s")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Eval(b.Context(), nil, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
