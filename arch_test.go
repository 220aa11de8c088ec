package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayImport is the architecture: for each package, the packages of ours that it may import. A package that is not listed
// fails the test. ARCHITECTURE.md shows the same table.
var mayImport = map[string]string{
	".":               "app",
	"app":             "*",
	"app/bench":       "*",
	"compat":          "",
	"rest":            "",
	"gateway":         "audit authn authz rest",
	"authn":           "",
	"authz":           "authn rest",
	"audit":           "wal",
	"audit/sink":      "audit cluster",
	"wal":             "",
	"cluster":         "rest",
	"engine":          "engine/analysis engine/aggs engine/query engine/segment rest script wal",
	"engine/analysis": "",
	"engine/segment":  "engine/analysis",
	"engine/query":    "engine/analysis engine/segment script",
	"engine/aggs":     "engine/query engine/segment script",
	"script":          "",
	"alerting":        "cluster notify script",
	"notify":          "",
	"api/security":    "audit authn authz cluster rest",
	"api/alerting":    "alerting cluster notify rest",
	"config":          "",
}

// TestImports reads the sources rather than running "go list", because the test cache tracks the files that it opens.
func TestImports(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(file))
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != "." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || isHelper(dir) || strings.Contains(file, "testdata") {
			return nil
		}
		checkImports(t, file, dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isHelper reports whether a folder holds a test helper, which tests alone may import.
func isHelper(dir string) bool { return dir != "." && strings.HasSuffix(dir, "test") }

func checkImports(t *testing.T, file, dir string) {
	t.Helper()
	allowed, listed := mayImport[dir]
	if !listed {
		t.Errorf("%s: add %q to mayImport, or find it a place", file, dir)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		name, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "vigil/")
		switch {
		case !ours:
		case isHelper(name):
			t.Errorf("%s imports the test helper %s", file, name)
		case allowed != "*" && !slices.Contains(strings.Fields(allowed), name):
			t.Errorf("%s: %s must not import %s", file, dir, name)
		}
	}
}
