package compat

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDifferAgrees runs the original runner's normalization and the original differ over runs of ours, from which events are
// missing on purpose, and wants what this package makes of them. Without Python there is nothing to agree with.
func TestDifferAgrees(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Logf("not compared: %v", err)
		return
	}
	dir := t.TempDir()
	var want []string
	runs := map[string]*run{}
	for _, name := range []string{"05a-security-index-default", "09i-write-diffs", "10b-matrix-all", "11-config-api"} {
		r := newReplayer(t).replay(name)
		for i, s := range r.Steps {
			if i%5 == 0 && len(s.Raw) > 0 {
				s.Raw = s.Raw[1:]
			}
		}
		r.normalize()
		writeRun(t, dir, r)
		runs[name] = r
		for _, d := range judge(readGolden(t, name), r).differences {
			if d.what != "status" {
				want = append(want, name+".json "+d.step)
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), python, "scenarios/run_scenarios.py", "--out", dir, "--renormalize").CombinedOutput()
	if err != nil {
		t.Fatalf("normalize: %v\n%s", err, out)
	}
	for name, r := range runs {
		again := new(run)
		readJSON(t, filepath.Join(dir, name+".json"), again)
		for i, s := range again.Steps {
			if diff := cmp.Diff(jsonOf(t, s.Normalized), jsonOf(t, r.Steps[i].Normalized)); diff != "" {
				t.Errorf("%s %s: normalized otherwise than by the original (-original +ours):\n%s", name, s.ID, diff)
			}
			if diff := cmp.Diff(jsonOf(t, s.Answer), jsonOf(t, r.Steps[i].Answer)); diff != "" {
				t.Errorf("%s %s: answer normalized otherwise than by the original (-original +ours):\n%s", name, s.ID, diff)
			}
		}
	}
	if diff := cmp.Diff(differing(t, python, dir), want); diff != "" || len(want) == 0 {
		t.Errorf("steps that differ (-original +ours):\n%s", diff)
	}
}

// TestOriginalRunner lets the original runner record the program over TLS, and the original differ compare: what it lists is
// what is known.
func TestOriginalRunner(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Logf("not run: %v", err)
		return
	}
	dir, p := t.TempDir(), newReplayer(t)
	cert := func(name string) string { return filepath.Join(p.client.tls.Dir, name) }
	out, err := exec.CommandContext(t.Context(), python, "scenarios/run_scenarios.py", "--base", "https://"+p.client.address,
		"--ca", cert("ca.pem"), "--admin-cert", cert("admin.pem"), "--client-cert", cert("client.pem"), "--out", dir,
		"--only", "01,09i,11", "--pace", "0.1", "--wait", "0.3").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	known := readKnown(t)
	var want []string
	for _, name := range []string{"01-failed-login", "09i-write-diffs", "11-config-api"} {
		for _, s := range readGolden(t, name).Steps {
			if k, ok := known[[2]string{name, s.ID}]; ok && k.what != "status" {
				want = append(want, name+".json "+s.ID)
			}
		}
	}
	if diff := cmp.Diff(want, differing(t, python, dir)); diff != "" {
		t.Errorf("steps that differ (-known +original differ):\n%s\n%s", diff, out)
	}
}

func writeRun(t *testing.T, dir string, r *run) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, r.Scenario+".json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

var differingStep = regexp.MustCompile(`(?m)^(\S+\.json \S+):$`)

// differing returns the steps that the original differ lists.
func differing(t *testing.T, python, dir string) []string {
	t.Helper()
	only := []string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		only = append(only, strings.TrimSuffix(f.Name(), ".json"))
	}
	cmd := exec.CommandContext(t.Context(), python, "scenarios/diff_golden.py", goldenDir, dir, "--events-only", "--only", strings.Join(only, ","))
	out, err := cmd.Output()
	if len(out) == 0 {
		t.Fatalf("differ: %v", err)
	}
	var steps []string
	for _, m := range differingStep.FindAllSubmatch(out, -1) {
		steps = append(steps, string(m[1]))
	}
	return steps
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRulesFindDifferences makes sure that the rules leave something to compare: every event of every recording that is
// missing, and one that has another user, is found.
func TestRulesFindDifferences(t *testing.T) {
	for _, name := range scenarios(t) {
		golden := readGolden(t, name)
		for i, s := range golden.Steps {
			changed := readGolden(t, name)
			if len(s.Normalized) == 0 {
				continue
			}
			changed.Steps[i].Normalized = slices.Clone(s.Normalized[1:])
			if r := judge(golden, changed); len(r.differences) == 0 && text(s.Normalized[0], "audit_category") != "SSL_EXCEPTION" {
				t.Errorf("%s %s: a missing event is not noticed", name, s.ID)
			}
			break
		}
		if r := judge(golden, readGolden(t, name)); len(r.differences) > 0 {
			t.Errorf("%s: differs from itself: %s", name, fmt.Sprint(r.differences))
		}
	}
}
