package compat

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const knownFile = "testdata/known.txt"

// knownDifference is a line of testdata/known.txt.
type knownDifference struct {
	what   string // as difference.what
	issue  string // the number of the issue that closes it, or "-" if it stays
	reason string
}

// knownTable holds the differences that are known, by scenario and step.
type knownTable map[[2]string]knownDifference

func readKnown(t *testing.T) knownTable {
	t.Helper()
	b, err := os.ReadFile(knownFile)
	if err != nil {
		t.Fatal(err)
	}
	table, all := knownTable{}, scenarios(t)
	for n, line := range strings.Split(string(b), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(line, "\t", 5)
		if len(f) != 5 {
			t.Fatalf("%s:%d: %d fields, want 5", knownFile, n+1, len(f))
		}
		if !slices.Contains(all, f[0]) {
			t.Fatalf("%s:%d: there is no scenario %s", knownFile, n+1, f[0])
		}
		if _, twice := table[[2]string{f[0], f[1]}]; twice {
			t.Fatalf("%s:%d: %s %s is there twice", knownFile, n+1, f[0], f[1])
		}
		table[[2]string{f[0], f[1]}] = knownDifference{what: f[2], issue: f[3], reason: f[4]}
	}
	return table
}

// check fails for every difference that is not known, and for every known one that is none any more.
func (k knownTable) check(t *testing.T, scenario string, differences []difference) {
	t.Helper()
	seen := map[string]bool{}
	for _, d := range differences {
		seen[d.step] = true
		if known, ok := k[[2]string{scenario, d.step}]; ok && known.what == d.what {
			continue
		}
		t.Errorf("%s: not as recorded: %s\n%s", d.step, d.what, d.detail)
	}
	for key := range k {
		if key[0] == scenario && !seen[key[1]] {
			t.Errorf("%s: is as recorded now; remove it from %s", key[1], knownFile)
		}
	}
}

const knownHead = `# Steps whose events or status are not as recorded, and why. TestAudit fails when a step differs that is not here, and when one
# that is here no longer does. Fields, separated by tabs: scenario, step, what differs ("status", "-EVENT" that is missing,
# "+EVENT" too many, "~field" with another value), the issue that closes it ("-": it stays so), reason.
`

// update writes the table anew.
func (k knownTable) update(t *testing.T, results map[string]result) {
	t.Helper()
	var b strings.Builder
	b.WriteString(knownHead)
	for _, name := range slices.Sorted(maps.Keys(results)) {
		for _, d := range results[name].differences {
			old := k[[2]string{name, d.step}]
			if old.reason == "" {
				old = knownDifference{issue: "?", reason: "not looked at"}
			}
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", name, d.step, d.what, old.issue, old.reason)
		}
	}
	if err := os.WriteFile(knownFile, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
