package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

const fuzzVars = `{"a":"x","n":7,"d":2.5,"t":true,"nul":null,"l":[1,"b",{"c":2}],"m":{"a":1,"b":{"c":"deep"}},"results":[{"hits":{"total":{"value":7}}}]}`

func fuzzValues(t *testing.T) map[string]any {
	t.Helper()
	var vars map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(fuzzVars)))
	d.UseNumber()
	if err := d.Decode(&vars); err != nil {
		t.Fatal(err)
	}
	return vars
}

// checkError fails the test unless err is nil or an *Error that can be shown.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %T: %v", err, err)
	}
	if e.Error() == "" || !json.Valid([]byte(e.Report())) {
		t.Fatalf("the report is no JSON: %s", e.Report())
	}
}

func FuzzPainless(f *testing.F) {
	for _, src := range seeds(f, "painless.json", "source") {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src)
		checkError(t, err)
		if err != nil {
			return
		}
		ctx := fuzzValues(t)
		v, err := p.Eval(t.Context(), map[string]any{"ctx": ctx, "params": fuzzValues(t)}, Limits{Steps: 50_000, Bytes: 1 << 20})
		checkError(t, err)
		if err == nil {
			if _, err := json.Marshal(ctx); err != nil && !errors.As(err, new(*json.UnsupportedValueError)) {
				t.Fatalf("the variables hold what is no plain value: %v", err)
			}
			if _, err := json.Marshal(v); err != nil && !errors.As(err, new(*json.UnsupportedValueError)) {
				t.Fatalf("the result is no plain value: %v", err)
			}
		}
	})
}

func FuzzMustache(f *testing.F) {
	for _, src := range seeds(f, "mustache.json", "template") {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tmpl, err := ParseTemplate(src)
		checkError(t, err)
		if err != nil {
			return
		}
		const limit = 1 << 16
		out, err := tmpl.Render(t.Context(), fuzzValues(t), Limits{Steps: 50_000, Bytes: limit})
		checkError(t, err)
		if len(out) > limit {
			t.Fatalf("the text has %d bytes, more than %d", len(out), limit)
		}
	})
}

// seeds returns the sources in a recording.
func seeds(f *testing.F, name, field string) []string {
	f.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		f.Fatal(err)
	}
	var groups []struct{ Cases []map[string]any }
	if err := json.Unmarshal(b, &groups); err != nil {
		f.Fatal(err)
	}
	var out []string
	for _, g := range groups {
		for _, c := range g.Cases {
			if s, ok := c[field].(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
