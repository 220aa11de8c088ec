package engine

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the wanted answers in testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the time at which tests happen, unless they move it.
func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

// open opens an engine that the test closes.
func open(t *testing.T, o Options) *Engine {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Now == nil {
		o.Now = noon
	}
	if o.MinFree == 0 {
		o.MinFree = -1
	}
	o.segmentBytes = 1 << 20
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// call sends a request and returns status and body.
func call(e *Engine, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, strings.TrimSuffix(w.Body.String(), "\n")
}

// want fails the test unless the request is answered with the status, and returns the body.
func want(t *testing.T, e *Engine, status int, method, path, body string) string {
	t.Helper()
	got, text := call(e, method, path, body)
	if got != status {
		t.Fatalf("%s %s: got status %d, want %d: %s", method, path, got, status, text)
	}
	return text
}

var (
	randomUUID = regexp.MustCompile(`("(?:_node|index_uuid|uuid|index\.uuid|cluster_uuid|state_uuid)" ?: ?"|\[[^ \[\]]+/| )[A-Za-z0-9_-]{22}(["\] ])`)
	randomID   = regexp.MustCompile(`"_id":"[A-Za-z0-9_-]{20}"`)
	namedID    = regexp.MustCompile(`with id '[A-Za-z0-9_-]{20}'`)
	missingPIT = regexp.MustCompile(`for id \[[A-Za-z0-9_=-]{80,}\]`)
	pitID      = regexp.MustCompile(`"pit_id" ?: ?"[A-Za-z0-9_=-]{80,}"`)
	scrollID   = regexp.MustCompile(`"_scroll_id":"[A-Za-z0-9_-]{32}"`)
)

func masked(s string) string {
	s = randomUUID.ReplaceAllString(s, "${1}<uuid>${2}")
	s = missingPIT.ReplaceAllString(s, "for id [<pit>]")
	s = pitID.ReplaceAllString(s, `"pit_id":"<pit>"`)
	s = scrollID.ReplaceAllString(s, `"_scroll_id":"<scroll>"`)
	s = namedID.ReplaceAllString(s, "with id '<id>'")
	return randomID.ReplaceAllString(s, `"_id":"<id>"`)
}

// TestGolden runs the files of testdata. A file is a list of requests, "METHOD path" and the body below, each followed by the
// wanted answer, status and body. The request REOPEN closes the engine and opens it again; <scroll> and <pit> are the last ids.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runGolden(t, file) })
	}
}

func runGolden(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	var out []txtar.File
	scroll, pit := "", ""
	for _, f := range ar.Files {
		if f.Name == "want" {
			continue
		}
		out = append(out, f)
		head, body, _ := strings.Cut(strings.NewReplacer("<scroll>", scroll, "<pit>", pit).Replace(string(f.Data)), "\n")
		if head == "REOPEN" {
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e = open(t, Options{Dir: dir})
			continue
		}
		method, path, _ := strings.Cut(head, " ")
		if !strings.Contains(path, "_bulk") && !strings.Contains(path, "_msearch") {
			body = strings.TrimSpace(body)
		}
		status, text := call(e, method, path, body)
		if method == "HEAD" {
			text = "" // a server does not send it
		}
		if m := scrollID.FindString(text); m != "" {
			scroll = m[len(`"_scroll_id":"`) : len(m)-1]
		}
		if m := pitID.FindString(text); m != "" && strings.HasPrefix(text, `{"pit_id"`) {
			pit = m[len(`"pit_id":"`) : len(m)-1]
		}
		out = append(out, txtar.File{Name: "want", Data: []byte(strconv.Itoa(status) + "\n" + strings.TrimRight(masked(text), "\n") + "\n")})
	}
	got := txtar.Format(&txtar.Archive{Comment: ar.Comment, Files: out})
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(txtar.Format(ar)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
