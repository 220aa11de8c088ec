package rest

import (
	"bufio"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The number is stated so that nobody loses rows without noticing.
func TestOpenSearchHasItsRows(t *testing.T) {
	if got, want := len(OpenSearch()), 337; got != want {
		t.Errorf("got %d method and path combinations, want %d", got, want)
	}
	if got, want := len(OtherPlugins()), 7; got != want {
		t.Errorf("got %d method and path combinations of other plugins, want %d", got, want)
	}
}

// testdata/actions.txt holds what a real node audited.
func TestRowsNameTheActionsThatANodeAudits(t *testing.T) {
	table := newTestTable(t)
	file, err := os.Open("testdata/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		f := strings.Fields(lines.Text())
		if len(f) != 4 {
			t.Fatalf("bad line %q", lines.Text())
		}
		n++
		c, err := table.Resolve(request(t, f[0], f[1]))
		if err != nil {
			t.Errorf("%s %s: %v", f[0], f[1], err)
			continue
		}
		if string(c.Route.Action) != f[2] || c.Route.Request != f[3] {
			t.Errorf("%s %s: got %s %s, want %s %s", f[0], f[1], c.Route.Action, c.Route.Request, f[2], f[3])
		}
	}
	if n < 100 {
		t.Errorf("got %d recorded requests, want at least 100", n)
	}
}

func TestRowsAreComplete(t *testing.T) {
	for _, r := range append(OpenSearch(), OtherPlugins()...) {
		name := r.Method + " " + r.Path
		if r.Op == "" {
			t.Errorf("%s has no operation", name)
		}
		if (r.Action == "") != (r.Request == "") {
			t.Errorf("%s has an action or a request class without the other", name)
		}
		if r.Action == "" && r.Op != "cat.help" && r.Op != "sql.query" {
			t.Errorf("%s has no action, hence nobody is asked for a privilege", name)
		}
		if r.Open || r.Self || r.Admin != "" {
			t.Errorf("%s is exempt from authorization by its action", name)
		}
		if strings.Contains(r.Path, "{index}") && r.Targets == TargetNone {
			t.Errorf("%s names indices but has no target", name)
		}
		if r.IndexVar != "" && r.Targets != TargetPath {
			t.Errorf("%s has a variable for indices but does not take them from the path", name)
		}
		if r.Method == http.MethodDelete && !r.Changes && !strings.HasPrefix(r.Path, "/_search/") {
			t.Errorf("%s deletes but changes nothing", name)
		}
		if strings.HasPrefix(string(r.Action), "indices:data/write/") && !r.Changes {
			t.Errorf("%s writes but changes nothing", name)
		}
		for _, s := range r.Steps {
			if s.Action == "" || s.Request == "" {
				t.Errorf("%s has a step without action or request class", name)
			}
		}
	}
}

func TestStepsFollowTheRecordings(t *testing.T) {
	table := newTestTable(t)
	for target, want := range map[string]string{
		"PUT /a/_doc/1":     "indices:data/write/bulk",
		"DELETE /a/_doc/1":  "indices:data/write/bulk",
		"GET /_cat/indices": "cluster:monitor/state+ indices:monitor/stats+ cluster:monitor/health+",
		"GET /_cat/nodes":   "cluster:monitor/nodes/info cluster:monitor/nodes/stats",
		"POST /_bulk":       "",
		"GET /a/_search":    "",
	} {
		method, path, _ := strings.Cut(target, " ")
		c, err := table.Resolve(request(t, method, path))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range c.Route.Steps {
			name := string(s.Action)
			if s.Indices {
				name += "+"
			}
			got = append(got, name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: got %q, want %q", target, s, want)
		}
	}
}
