package sink

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIndexNames(t *testing.T) {
	at := time.Date(2027, 1, 2, 23, 4, 5, 0, time.FixedZone("", -2*3600)) // 2027-01-03 in UTC, week 53 of 2026
	f := func(pattern, name, wildcard, template string) {
		t.Helper()
		n, err := ParseIndexName(pattern)
		if err != nil {
			t.Fatal(err)
		}
		gotTemplate, _ := Template(n)
		got := []string{n.Format(at), n.Wildcard(), gotTemplate}
		if diff := cmp.Diff([]string{name, wildcard, template}, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", pattern, diff)
		}
		if !n.Match(name) || n.Match(name+"x") || n.Match("x"+name) {
			t.Errorf("%s does not match its own names only", pattern)
		}
	}
	f(DefaultIndex, "security-auditlog-2027.01.03", "security-auditlog-*", "vigil-security-auditlog")
	f("'audit'", "audit", "audit", "vigil-audit")
	f("'a-'yyyy", "a-2027", "a-*", "vigil-a")
	f("'a-'xxxx'-w'ww", "a-2026-w53", "a-*", "vigil-a")
	f("'a.'YY-M-d-HH", "a.27-1-3-01", "a.*", "vigil-a")
	f("'a-'DDD'-z'", "a-003-z", "a-*-z", "vigil-a--z")
	f("'logs-'YYYY.MM'-audit'", "logs-2027.01-audit", "logs-*-audit", "vigil-logs--audit")
}

func TestIndexNameMatchesDigitsOnly(t *testing.T) {
	n, err := ParseIndexName(DefaultIndex)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"security-auditlog-2026.11.21": true, "security-auditlog-secret": false, "security-auditlog-2026.11.21-x": false,
		"security-auditlog-2026x11.21": false,
	} {
		if got := n.Match(name); got != want {
			t.Errorf("%s matches: got %t, want %t", name, got, want)
		}
	}
}

func TestIndexNameErrors(t *testing.T) {
	f := func(pattern, want string) {
		t.Helper()
		if _, err := ParseIndexName(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one about %q", pattern, err, want)
		}
	}
	f("", "1 to 255 bytes")
	f("'security", "quote")
	f("security-YYYY", `"s"`)
	f("'a-'MMM", `"MMM"`)
	f("'a-'mm", `"mm"`)
	f("'A-'YYYY", "upper-case")
	f("'a b-'YYYY", "characters")
	f("'it''s-'YYYY", "characters")
	f("'-a'YYYY", "begins")
	f("'a,b'", "characters")
}

func FuzzParseIndexName(f *testing.F) {
	f.Add(DefaultIndex)
	f.Add("''''")
	f.Add("'a''b'YYYY")
	f.Fuzz(func(t *testing.T, pattern string) {
		n, err := ParseIndexName(pattern)
		if err != nil {
			return
		}
		if name := n.Format(time.Now()); !n.Match(name) {
			t.Errorf("%q makes %q and does not know it", pattern, name)
		}
	})
}

func TestTemplate(t *testing.T) {
	n, err := ParseIndexName(DefaultIndex)
	if err != nil {
		t.Fatal(err)
	}
	_, body := Template(n)
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		IndexPatterns []string `json:"index_patterns"`
		Template      struct {
			Mappings struct {
				Properties map[string]struct {
					Type        string
					Path        string
					Dynamic     any
					IgnoreAbove int            `json:"ignore_above"`
					Fields      map[string]any `json:"fields"`
				}
			}
		}
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	p := template.Template.Mappings.Properties
	if diff := cmp.Diff([]string{"security-auditlog-*"}, template.IndexPatterns); diff != "" {
		t.Errorf("index patterns differ (-want +got):\n%s", diff)
	}
	if f := p["audit_utc_timestamp"]; f.Type != "alias" || f.Path != "@timestamp" {
		t.Errorf("audit_utc_timestamp is %+v", f)
	}
	for name, f := range p {
		switch f.Type {
		case "keyword":
			if f.IgnoreAbove != 8000 || f.Fields["keyword"] == nil {
				t.Errorf("%s is %+v", name, f)
			}
		case "text":
			if diff := cmp.Diff(map[string]any{"type": "keyword", "ignore_above": 256.0}, f.Fields["keyword"]); diff != "" {
				t.Errorf("%s.keyword differs (-want +got):\n%s", name, diff)
			}
		}
	}
	for _, name := range chosen {
		if p[name].Dynamic != false {
			t.Errorf("%s may add fields", name)
		}
	}
	ip := map[string]any{"type": "ip", "ignore_malformed": true}
	if diff := cmp.Diff(ip, p["audit_request_remote_address"].Fields["ip"]); diff != "" {
		t.Errorf("address differs (-want +got):\n%s", diff)
	}
}
