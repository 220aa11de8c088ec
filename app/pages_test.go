package app_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"vigil/api/security"
	"vigil/app/apptest"
	"vigil/config"
	"vigil/rest"
)

// page compares a generated page with what it should be, or writes it.
func page(t *testing.T, file, tmpl string, data any) {
	t.Helper()
	parsed, err := template.ParseFiles("testdata/" + tmpl)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { //nolint:gosec // documentation is everybody's
			t.Fatal(err)
		}
		return
	}
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(string(was)), lines(b.String())); diff != "" {
		t.Errorf("%s is out of date, run make generate (-is +should be):\n%s", file, diff)
	}
}

// TestCompatPage writes docs/compat.md from the table. What it calls not built answers 501 in OpenSearch's shape, and nothing
// else does.
func TestCompatPage(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	ops := s.App().Built()
	rows := slices.Clone(s.App().Routes())
	slices.SortStableFunc(rows, func(a, b *rest.Route) int { return strings.Compare(a.Path, b.Path) })
	sections := []struct{ title, prefix string }{
		{"Security", "/_plugins/_security"}, {"Alerting", "/_plugins/_alerting"}, {"Notifications", "/_plugins/_notifications"}, {"Vigil", ""}, {"OpenSearch", ""},
	}
	tables := map[string]*strings.Builder{}
	for _, section := range sections {
		tables[section.title] = &strings.Builder{}
	}
	built := 0
	for _, r := range rows {
		known := isBuilt(t, s, r)
		if r.Handler == nil && known != slices.Contains(ops, r.Op) || security.NotBuilt(r.Op) && known {
			t.Errorf("%s %s (%s): built is %v, but the list of operations says otherwise", r.Method, r.Path, r.Op, known)
		}
		status := "501"
		if known {
			built++
			status = "yes"
		}
		title := "OpenSearch"
		for _, section := range sections {
			if section.prefix != "" && strings.HasPrefix(strings.Replace(r.Path, "/_opendistro/", "/_plugins/", 1), section.prefix) {
				title = section.title
			}
		}
		if strings.HasPrefix(r.Op, "vigil.") {
			title = "Vigil"
		}
		if strings.HasPrefix(r.Path, "/_opendistro/") {
			continue // listed once, under the newer prefix
		}
		fmt.Fprintf(tables[title], "| %s | `%s` | %s | %s |\n", r.Method, r.Path, action(r), status)
	}
	var text strings.Builder
	for _, section := range sections {
		fmt.Fprintf(&text, "### %s\n\n", section.title)
		if strings.HasPrefix(section.prefix, "/_plugins/_security") || strings.HasPrefix(section.prefix, "/_plugins/_alerting") {
			fmt.Fprintf(&text, "Rows that Open Distro had answer under `%s`, too.\n\n", strings.Replace(section.prefix, "_plugins", "_opendistro", 1))
		}
		fmt.Fprintf(&text, "| method | path | action | built |\n|---|---|---|---|\n%s\n", tables[section.title])
	}
	page(t, "../docs/compat.md", "compat.md.tmpl", map[string]any{"Built": built, "All": len(rows), "Rows": text.String()})
}

func action(r *rest.Route) string {
	switch {
	case r.Action != "":
		return "`" + string(r.Action) + "`"
	case r.Admin != "":
		return "REST " + r.Admin
	case r.Open:
		return "open to all"
	}
	return "any user"
}

// isBuilt asks a row as admin. An answer of 501 must be in OpenSearch's shape and name the request.
func isBuilt(t *testing.T, s *apptest.Server, r *rest.Route) bool {
	t.Helper()
	// What the plugin itself registers and then refuses with 501 is built as it is there.
	if r.Op == "security.cache_unsupported" {
		return true
	}
	path := variables.ReplaceAllString(r.Path, "some")
	a := s.Admin(r.Method, path, smallest(r))
	if a.Status == http.StatusUnauthorized {
		t.Fatalf("%s %s: admin was answered 401", r.Method, path)
	}
	if a.Status != http.StatusNotImplemented {
		return true
	}
	if r.Method == http.MethodHead {
		return false
	}
	var refused refusal
	a.JSON(t, &refused)
	if refused.Status != a.Status || refused.Error.Type != "unsupported_operation_exception" || !strings.Contains(refused.Error.Reason, path) || len(refused.Error.RootCause) != 1 {
		t.Errorf("%s %s: answered %s", r.Method, path, a.Body)
	}
	return false
}

// TestConfigPage writes docs/configuration.md from the defaults and the comments of the fields. The block in it is a
// configuration that says nothing new.
func TestConfigPage(t *testing.T) {
	t.Parallel()
	docs := fieldDocs(t, "../config")
	var b strings.Builder
	settings(t, &b, docs, reflect.ValueOf(config.Default()), "")
	back := config.Default()
	if err := config.Decode([]byte(b.String()), &back); err != nil {
		t.Fatalf("the page's block does not load: %v\n%s", err, b.String())
	}
	if err := back.Validate(); err != nil {
		t.Errorf("the page's block is not valid: %v", err)
	}
	if diff := cmp.Diff(dump(t, config.Default()), dump(t, back)); diff != "" {
		t.Errorf("the page's block is not the default (-want +got):\n%s", diff)
	}
	page(t, "../docs/configuration.md", "configuration.md.tmpl", map[string]any{"Settings": b.String(), "Sinks": sinkTable(docs)})
}

func dump(t *testing.T, c config.Config) string {
	t.Helper()
	b, err := c.Dump()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// settings writes the fields of a struct as YAML with their comments.
func settings(t *testing.T, b *strings.Builder, docs map[string]string, v reflect.Value, indent string) {
	t.Helper()
	typ := v.Type()
	names := keysOf(typ)
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			settings(t, b, docs, v.Field(i), indent)
			continue
		}
		doc := docs[typ.Name()+"."+f.Name]
		if doc == "" && f.Type.Kind() == reflect.Struct {
			doc = docs[f.Type.Name()]
			doc = strings.Replace(doc, f.Type.Name(), names[f.Name], 1)
			for name, key := range keysOf(f.Type) {
				doc = strings.ReplaceAll(doc, name+" ", key+" ")
			}
		}
		for line := range strings.Lines(inKeys(doc, names)) {
			fmt.Fprintf(b, "%s# %s\n", indent, strings.TrimSpace(line))
		}
		if f.Type.Kind() == reflect.Struct {
			fmt.Fprintf(b, "%s%s:\n", indent, names[f.Name])
			settings(t, b, docs, v.Field(i), indent+"  ")
			continue
		}
		var text strings.Builder
		enc := yaml.NewEncoder(&text)
		enc.SetIndent(2)
		if err := enc.Encode(map[string]any{names[f.Name]: v.Field(i).Interface()}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			b.WriteString(indent + line)
		}
	}
}

// keysOf are the keys of a struct's fields, also of those that it embeds.
func keysOf(typ reflect.Type) map[string]string {
	names := map[string]string{}
	for _, f := range reflect.VisibleFields(typ) {
		if !f.Anonymous {
			names[f.Name] = f.Tag.Get("yaml")
		}
	}
	return names
}

// inKeys calls fields as the file does.
func inKeys(doc string, names map[string]string) string {
	return identifier.ReplaceAllStringFunc(doc, func(word string) string {
		if key, ok := names[word]; ok {
			return key
		}
		return word
	})
}

var identifier = regexp.MustCompile(`\b[A-Z][A-Za-z]*[a-z][A-Za-z]*\b`)

// sinkTable lists the settings of a sink with the types that have them.
func sinkTable(docs map[string]string) string {
	var b strings.Builder
	doc := ""
	row := func(typ string, names map[string]string, f reflect.StructField, key, of string) {
		if own := docs[typ+"."+f.Name]; own != "" {
			doc = inKeys(own, names)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, of, strings.Join(strings.Fields(doc), " "))
	}
	typ := reflect.TypeFor[config.Sink]()
	names := keysOf(typ)
	for f := range typ.Fields() {
		if names[f.Name] == "-" {
			continue
		}
		of := strings.Join(strings.Fields(f.Tag.Get("for")), ", ")
		if of == "" {
			of = "all"
		}
		row("Sink", names, f, names[f.Name], of)
		if f.Type.Kind() != reflect.Struct {
			continue
		}
		inner := keysOf(f.Type)
		for _, sub := range reflect.VisibleFields(f.Type) {
			if !sub.Anonymous {
				owner := f.Type.Name()
				if len(sub.Index) > 1 {
					owner = f.Type.Field(sub.Index[0]).Name
				}
				row(owner, inner, sub, names[f.Name]+"."+inner[sub.Name], of)
			}
		}
	}
	return b.String()
}

// fieldDocs returns the comments of all types and fields of a package, by "Type" and "Type.Field".
func fieldDocs(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+e.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				noteDocs(docs, gen, spec.(*ast.TypeSpec))
			}
		}
	}
	return docs
}

func noteDocs(docs map[string]string, gen *ast.GenDecl, spec *ast.TypeSpec) {
	docs[spec.Name.Name] = gen.Doc.Text()
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			docs[spec.Name.Name+"."+name.Name] = f.Doc.Text() + f.Comment.Text()
		}
	}
}
