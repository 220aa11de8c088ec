package compat

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	scenarioDir = "scenarios/audit"
	goldenDir   = "scenarios/golden/opensearch-2.19.4"
)

// scenario is one file of scenarios/audit. Its format is told in scenarios/README.md.
type scenario struct {
	Config       json.RawMessage   `json:"config"`
	Setup        []request         `json:"setup"`
	IncludeSteps string            `json:"include_steps"`
	Steps        []json.RawMessage `json:"steps"`
}

// request is one thing to send.
type request struct {
	ID        string             `json:"id"`
	User      string             `json:"user"`
	Password  *string            `json:"password"`
	Method    string             `json:"method"`
	Path      string             `json:"path"`
	Headers   map[string]*string `json:"headers"`
	Body      json.RawMessage    `json:"body"`
	NDJSON    []json.RawMessage  `json:"ndjson"`
	BodySize  int                `json:"body_size"`
	BodyB64   string             `json:"body_b64"`
	Raw       *string            `json:"raw"`
	RawTLS    bool               `json:"raw_tls"`
	Save      map[string]string  `json:"save"`
	Settle    *float64           `json:"settle"`
	MayFail   bool               `json:"may_fail"`
	SetConfig json.RawMessage    `json:"set_config"`
}

// run is a scenario that has been run, in the form that run_scenarios.py stores.
type run struct {
	Scenario string            `json:"scenario"`
	Title    string            `json:"title"`
	Port     int               `json:"port"`
	Saved    map[string]string `json:"saved"`
	Steps    []*step           `json:"steps"`
}

// step is what one step brought.
type step struct {
	ID         string  `json:"id"`
	Request    any     `json:"request"`
	Response   object  `json:"response"`
	Raw        []event `json:"events_raw"`
	Normalized []event `json:"events_normalized"`
	Answer     any     `json:"response_normalized,omitempty"`

	began, ended time.Time
}

// scenarios returns the names of all scenarios.
func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(scenarioDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %d, %v", len(files), err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return files
}

func readScenario(t *testing.T, name string) scenario {
	t.Helper()
	var sc scenario
	readJSON(t, filepath.Join(scenarioDir, name+".json"), &sc)
	if sc.IncludeSteps != "" {
		var shared []json.RawMessage
		readJSON(t, filepath.Join(scenarioDir, sc.IncludeSteps), &shared)
		sc.Steps = append(shared, sc.Steps...)
	}
	return sc
}

// readGolden reads a recording.
func readGolden(t *testing.T, name string) *run {
	t.Helper()
	r := new(run)
	readJSON(t, filepath.Join(goldenDir, name+".json"), r)
	return r
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// readStep reads a step and puts saved values in for ${name}.
func readStep(t *testing.T, raw json.RawMessage, env map[string]string) request {
	t.Helper()
	filled := variable.ReplaceAllStringFunc(string(raw), func(m string) string {
		value, ok := env[m[2:len(m)-1]]
		if !ok {
			return m
		}
		quoted := string(appendString(nil, value))
		return quoted[1 : len(quoted)-1]
	})
	var r request
	if err := json.Unmarshal([]byte(filled), &r); err != nil {
		t.Fatalf("step %s: %v", raw, err)
	}
	return r
}

// payload is the body as it is sent, byte for byte as run_scenarios.py sends it, and nil if there is none.
func (r *request) payload() ([]byte, error) {
	switch {
	case r.BodyB64 != "":
		return base64.StdEncoding.DecodeString(r.BodyB64)
	case r.BodySize > 0:
		return []byte(`{"msg": "` + strings.Repeat("x", r.BodySize) + `"}`), nil
	case r.NDJSON != nil:
		var lines strings.Builder
		for _, l := range r.NDJSON {
			s, err := lineOf(l)
			if err != nil {
				return nil, err
			}
			lines.WriteString(s + "\n")
		}
		return []byte(lines.String()), nil
	case r.Body == nil || string(r.Body) == "null":
		return nil, nil
	}
	s, err := lineOf(r.Body)
	return []byte(s), err
}

// lineOf is a string itself, or the text of any other value.
func lineOf(raw json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	return spaced(raw)
}

// told is the request as recordings tell it.
func (r *request) told() any {
	if r.Raw != nil {
		return object{"raw_sent": clip(*r.Raw, 200)}
	}
	o := object{"method": r.Method, "path": r.Path, "user": r.User, "body": nil}
	b, err := r.payload()
	if err != nil || b == nil {
		return o
	}
	var body any = string(b)
	if len(b) >= 4000 {
		body = clip(string(b), 200) + fmt.Sprintf("...(%d)", len(b))
	} else if r.NDJSON == nil {
		if v, err := decode(string(b)); err == nil {
			body = v
		}
	}
	o["body"] = body
	return o
}

// clip returns at most the first n characters.
func clip(s string, n int) string {
	runes := []rune(s)
	return string(runes[:min(n, len(runes))])
}
