package security

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type step struct {
	Step, User, Method, Path, Body string
	Status                         int
	Answer                         any
}

func recorded(t *testing.T, file string) []step {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []step
	for s := bufio.NewScanner(f); s.Scan(); {
		var x step
		if err := json.Unmarshal(s.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, x)
	}
	return steps
}

// differences are the steps that are answered otherwise on purpose, and why.
var differences = map[string]string{
	// The name that the documentation uses is accepted, as an alias.
	"11 put-transport-opensearch-name": `{"status":"OK","message":"'config' updated."}`,
}

// The files hold what a node of OpenSearch 2.19.4 answered: compat/ 11-config-api, and the steps of others that are about users and
// roles. Users with a certificate part in their refusal had TLS; here there is none.
func TestAnswersAsRecorded(t *testing.T) {
	for file, least := range map[string]int{"audit-config.jsonl": 79, "users-roles.jsonl": 21} {
		t.Run(file, func(t *testing.T) {
			p := start(t)
			p.world()
			steps := recorded(t, file)
			if len(steps) < least {
				t.Fatalf("%d steps, want %d", len(steps), least)
			}
			for _, s := range steps {
				status, body := p.do(s.User, s.Method, s.Path, s.Body)
				want := s.Answer
				if text, ok := differences[s.Step]; ok {
					s.Status = http.StatusOK
					if err := json.Unmarshal([]byte(text), &want); err != nil {
						t.Fatal(err)
					}
				}
				var got any
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Errorf("%s: %v in %s", s.Step, err, body)
					continue
				}
				if status != s.Status {
					t.Errorf("%s: status %d, want %d", s.Step, status, s.Status)
				}
				if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
					t.Errorf("%s: answer (-want +got):\n%s", s.Step, diff)
				}
			}
		})
	}
}

// normal takes out what no two nodes have in common.
func normal(v any) any {
	o, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if _, ok := o["remote_address"]; ok {
		o["remote_address"] = "<address>"
	}
	if text, ok := o["message"].(string); ok {
		o["message"] = strings.Replace(text, "No ssl info found in request.", "No client TLS certificate found in request", 1)
	}
	return o
}
