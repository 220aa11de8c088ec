package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files that these tests read hold what OpenSearch 2.19.4 answered to each script and template.

type recordedScripts struct {
	Params json.RawMessage
	Cases  []struct {
		Source  string
		Result  *string
		Error   *recordedError
		Differs string // why our answer is another one: place, words, …
	}
}

type recordedError struct {
	Reason  string
	Type    string
	Message string
	Offset  int
	Start   int
	End     int
	Stack   []string
}

func readRecording(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// evalText is the result as Java prints it.
func evalText(t *testing.T, src string, params map[string]any) (string, error) {
	t.Helper()
	p, err := Compile(src)
	if err != nil {
		return "", err
	}
	r := &run{p: p, m: newMeter(t.Context(), Limits{}, defaultProgramBytes), vars: map[string]any{"params": params}}
	if err := r.bind(); err != nil {
		return "", err
	}
	r.slots = make([]any, p.frame.size)
	if _, err := p.body.exec(r); err != nil {
		return "", r.fail(0, err)
	}
	return r.str(r.result)
}

func TestScriptsAnswerAsRecorded(t *testing.T) {
	var groups []recordedScripts
	readRecording(t, "painless.json", &groups)
	for _, g := range groups {
		for _, tc := range g.Cases {
			var params map[string]any
			d := json.NewDecoder(bytes.NewReader(g.Params)) // anew, because scripts may change it
			d.UseNumber()
			if err := d.Decode(&params); err != nil {
				t.Fatal(err)
			}
			diff := compareRecorded(t, tc.Source, params, tc.Result, tc.Error)
			switch {
			case diff != "" && tc.Differs == "":
				t.Errorf("%s\n%s", tc.Source, diff)
			case diff == "" && tc.Differs != "":
				t.Errorf("%s\nis marked as different (%s) but answers as recorded", tc.Source, tc.Differs)
			}
		}
	}
}

func compareRecorded(t *testing.T, src string, params map[string]any, result *string, want *recordedError) string {
	t.Helper()
	text, err := evalText(t, src, params)
	if result != nil {
		if err != nil {
			return "got " + err.Error() + "\nwant " + *result
		}
		return cmp.Diff(*result, text)
	}
	var e *Error
	if !errors.As(err, &e) {
		return "got " + text + "\nwant an error: " + want.Message
	}
	start, end := e.Span()
	got := &recordedError{
		Reason: e.Reason(), Type: e.Class, Message: e.Msg, Offset: e.Pos.Offset, Start: start, End: end, Stack: e.Stack(),
	}
	return cmp.Diff(want, got)
}

type recordedTemplates struct {
	Vars  map[string]any
	Cases []struct {
		Template string
		Escape   Escape
		Text     *string
		Error    string
	}
}

func TestTemplatesRenderAsRecorded(t *testing.T) {
	var groups []recordedTemplates
	readRecording(t, "mustache.json", &groups)
	for _, g := range groups {
		for _, tc := range g.Cases {
			var text string
			tmpl, err := ParseTemplateWith(tc.Template, TemplateOptions{Escape: tc.Escape})
			if err == nil {
				text, err = tmpl.Render(t.Context(), g.Vars, Limits{})
			}
			var e *Error
			switch {
			case errors.As(err, &e):
				if tc.Text != nil || e.Msg != tc.Error {
					t.Errorf("%q\n got error %q\nwant error %q", tc.Template, e.Msg, tc.Error)
				}
			case err != nil:
				t.Errorf("%q: %v", tc.Template, err)
			case tc.Text == nil || text != *tc.Text:
				t.Errorf("%q\n got %q\nwant %q (error %q)", tc.Template, text, deref(tc.Text), tc.Error)
			}
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
