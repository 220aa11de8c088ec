package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedactRules(t *testing.T) {
	c := Default()
	err := Decode([]byte("audit:\n  redact:\n    - field: ssn\n      action: mask\n    - index: logs-*\n      pattern: '\\d{16}'\n      action: hash\n"), &c)
	if err != nil {
		t.Fatal(err)
	}
	want := []RedactRule{{Field: "ssn", Action: "mask", Line: 3}, {Index: "logs-*", Pattern: `\d{16}`, Action: "hash", Line: 5}}
	if diff := cmp.Diff(want, c.Audit.Redact); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{
		"audit:\n  redact:\n    - feld: ssn\n":       `line 3: unknown key "audit.redact.feld"`,
		"audit:\n  redact:\n    - field: [a]\n":      "line 3",
		"audit:\n  redact:\n    field: ssn\n":        "line 3",
		"audit:\n  redact_key: a\n  redact_kye: b\n": `line 3: unknown key "audit.redact_kye"`,
	} {
		if err := Decode([]byte(text), &c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
