package audit

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

func recordedConfig(t *testing.T) []txtar.File {
	t.Helper()
	data, err := os.ReadFile("testdata/config.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return txtar.Parse(data).Files
}

func TestConfigAnswersAsRecorded(t *testing.T) {
	var last Config
	for _, step := range recordedConfig(t) {
		t.Run(step.Name, func(t *testing.T) {
			if !strings.HasPrefix(step.Name, "put-") {
				got, err := json.Marshal(last)
				if step.Name == "get" {
					got, err = json.Marshal(DefaultConfig())
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.TrimSpace(string(step.Data)), string(got)); diff != "" {
					t.Errorf("configuration differs (-want +got):\n%s", diff)
				}
				return
			}
			body, answer, _ := strings.Cut(strings.TrimSuffix(string(step.Data), "\n"), "\n")
			if step.Name == "put-transport-opensearch-name" {
				answer = "200 declared difference: the documented name is accepted"
			}
			c, err := ParseConfig([]byte(body))
			status, want, _ := strings.Cut(answer, " ")
			if status == "200" {
				if err != nil {
					t.Fatalf("got error %v, want none", err)
				}
				last = c
				return
			}
			refused, ok := errors.AsType[*ConfigError](err)
			if !ok {
				t.Fatalf("got error %v, want a ConfigError", err)
			}
			if diff := cmp.Diff(want, string(refused.Body)); diff != "" {
				t.Errorf("answer differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsedConfigHoldsWhatTheDocumentSays(t *testing.T) {
	c, err := ParseConfig([]byte(`{"enabled":null,"audit":{"enable_rest":null,"ignore_users":["b","a","b"],
		"disabled_rest_categories":["failed_login","AUTHENTICATED"],
		"disabled_transport_categories":["opensearch_security_index_attempt"]},
		"compliance":{"read_watched_fields":{"":["x"],"a*":["ssn","id-"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := codeDefaults()
	want.Enabled = false
	want.Audit.IgnoreUsers = []string{"b", "a"}
	want.Audit.DisabledRESTCategories = []Category{FailedLogin, Authenticated}
	want.Audit.DisabledTransportCategories = []Category{SecurityIndexAttempt}
	want.Compliance.ReadWatchedFields = map[string][]string{"a*": {"ssn", "id-"}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("configuration differs (-want +got):\n%s", diff)
	}
}

func TestConfigErrors(t *testing.T) {
	const unparsable = `{"status":"error","reason":"Could not parse content of request."}`
	f := func(body, want, reason string) {
		t.Helper()
		_, err := ParseConfig([]byte(body))
		refused, ok := errors.AsType[*ConfigError](err)
		if !ok {
			t.Fatalf("%s: got error %v, want a ConfigError", body, err)
		}
		if string(refused.Body) != want || !strings.Contains(refused.Reason, reason) {
			t.Errorf("%s: got %s (%s), want %s (…%s…)", body, refused.Body, refused.Reason, want, reason)
		}
	}
	f(`{"a":1,"b\"":2}`, `{"status":"error","reason":"Invalid configuration","invalid_keys":{"keys":"a,b\""}}`, "a,b")
	f(`{"compliance":[]}`, `{"status":"error","reason":"Wrong datatype","compliance":"Object expected"}`, "compliance")
	f(`{"audit":{"ignore_users":["a"],"ignore_users":["b"]}}`, unparsable, "twice")
	f(`{"audit":{"enable_rest":"true"}}`, unparsable, "audit.enable_rest is not a boolean")
	f(`{"audit":{"disabled_rest_categories":["INDEX_EVENT"]}}`, unparsable, "INDEX_EVENT")
	f(`{"compliance":{"read_watched_fields":{"a":null}}}`, unparsable, "read_watched_fields")
	f(`{"enabled":1.5}`, unparsable, "enabled")
	f(`{"enabled":NaN}`, unparsable, "JSON")
	f(`{"enabled":true} x`, unparsable, "JSON")
	f(`{"audit":{"ignore_users":["/(?=a)/"]}}`, string(refusal("Unsupported audit.ignore_users: pattern \"/(?=a)/\": "+
		"error parsing regexp: invalid or unsupported Perl syntax: `(?=`")), "(?=a)")
	f(strings.Repeat(`{"audit":`, 400)+strings.Repeat("}", 400), unparsable, "JSON")
}

func TestStoredConfigIsReadBack(t *testing.T) {
	want := DefaultConfig()
	want.Audit.IgnoreRequests = []string{"/_cat/*", "SearchRequest"}
	want.Compliance.ReadWatchedFields = map[string][]string{"accounts": {"ssn", "id-"}}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseConfig(body)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(body), string(again)); diff != "" {
		t.Errorf("configuration differs (-want +got):\n%s", diff)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"enabled":true,"audit":{"ignore_users":["a"]},"compliance":{"read_watched_fields":{"a":["b"]}}}`))
	f.Add([]byte(`[null]`))
	f.Add([]byte(`"x"`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := ParseConfig(body)
		if err != nil {
			refused, ok := errors.AsType[*ConfigError](err)
			if !ok || !json.Valid(refused.Body) {
				t.Errorf("got error %v, want a ConfigError with a JSON body", err)
			}
			return
		}
		stored, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseConfig(stored); err != nil {
			t.Errorf("%s was accepted but cannot be read back: %v", body, err)
		}
	})
}
