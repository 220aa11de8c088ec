package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"vigil/app"
	"vigil/app/apptest"
	"vigil/config"
)

// withSinks puts a section audit.sinks into a configuration.
func withSinks(t *testing.T, cfg *config.Config, sinks string) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(sinks), &cfg.Audit.Sinks); err != nil {
		t.Fatal(err)
	}
}

func TestSinksSideBySide(t *testing.T) {
	var posted atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var docs []map[string]any
		b, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(b, &docs); err != nil || r.Header.Get("X-Vigil-Signature") == "" {
			t.Errorf("got request %s: %v", b, err)
		}
		posted.Add(int64(len(docs)))
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(hook.Close)
	s := apptest.Start(t, func(c *config.Config) {
		withSinks(t, c, `{index: {type: index}, lines: {type: file, path: out/audit.json, format: ecs},
			logins: {type: file, path: out/logins.json, categories: [failed_login]},
			hook: {type: webhook, url: '`+hook.URL+`', secret: s}, own: {type: index, format: ocsf, index: "'siem-'YYYY"}}`)
	})
	s.Audit(apptest.Everything)
	s.As("eve", "wrong", "GET", "/_cat/health", nil)
	s.Must("GET", "/_cat/health", nil)
	events := recorded(t, s)
	count := func(file string) int {
		b, err := os.ReadFile(filepath.Join(s.Config.Data, "out", file))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	if got := count("audit.json"); got != len(events) {
		t.Errorf("the file has %d events, the index %d", got, len(events))
	}
	if got := count("logins.json"); got != 1 {
		t.Errorf("the routed file has %d events, want the failed login", got)
	}
	if got := int(posted.Load()); got != len(events) {
		t.Errorf("the webhook got %d events, the index %d", got, len(events))
	}
	var found struct{ Count int }
	resp, err := s.App().Store().Do(t.Context(), "POST", "/siem-*/_count", nil, nil)
	if err == nil {
		err = json.Unmarshal(resp.Body, &found)
	}
	if err != nil {
		t.Fatal(err)
	}
	if found.Count != len(events) {
		t.Errorf("the second index has %d events, the first %d", found.Count, len(events))
	}
}

func TestDeadSinkCostsNobodyAnything(t *testing.T) {
	s := apptest.Start(t, func(c *config.Config) {
		withSinks(t, c, `{index: {type: index}, dead: {type: syslog, network: tcp, address: '127.0.0.1:1'}}`)
	})
	for range 20 {
		s.As("eve", "wrong", "GET", "/_cat/health", nil)
	}
	s.Events(20, `{"term":{"audit_category":"FAILED_LOGIN"}}`)
	var list struct {
		Sinks []struct {
			Name       string
			Error      string
			LagEntries int `json:"lag_entries"`
		}
	}
	s.Must("GET", "/_vigil/sinks", nil).JSON(t, &list)
	if len(list.Sinks) != 2 || list.Sinks[1].Error == "" || list.Sinks[1].LagEntries < 20 || list.Sinks[0].Error != "" {
		t.Errorf("got %+v, want a dead second sink that is behind", list.Sinks)
	}
	if a := s.Admin("POST", "/_vigil/sinks/dead/_test", nil); a.Status != http.StatusBadGateway {
		t.Errorf("the test of a dead sink answered %d %s", a.Status, a.Body)
	}
}

func TestSinkRows(t *testing.T) {
	s := apptest.Start(t, func(c *config.Config) {
		withSinks(t, c, `{index: {type: index}, lines: {type: file, path: audit.json}}`)
	})
	s.As("eve", "wrong", "GET", "/_cat/health", nil)
	recorded(t, s)
	f := func(path, body string, status int, want string) {
		t.Helper()
		a := s.Admin("POST", "/_vigil/sinks/"+path, body)
		if a.Status != status || !strings.Contains(string(a.Body), want) {
			t.Errorf("%s %s: answered %d %s, want %d with %q", path, body, a.Status, a.Body, status, want)
		}
	}
	f("lines/_test", "", 200, `"delivered":true`)
	f("none/_test", "", 404, "no sink is named [none]")
	f("lines/_replay", `{"from":1}`, 200, `"events":`)
	f("lines/_replay", `{"from":"2020-01-01T00:00:00Z","to":"2020-01-02T00:00:00Z"}`, 200, `"events":0`)
	f("lines/_replay", `{}`, 400, "from is missing")
	f("lines/_replay", `{"from":0}`, 400, "sequence numbers begin at 1")
	f("lines/_replay", `{"from":"yesterday"}`, 400, "neither a sequence number nor a time")
	f("lines/_replay", `{"from":9,"to":2}`, 400, "to is before from")
	f("lines/_replay", `{"from":9,"to":"2020-01-02T00:00:00Z"}`, 400, "must both be")
	f("lines/_replay", `{"from":1,"speed":2}`, 400, "speed")
	f("none/_replay", `{"from":1}`, 404, "no sink is named [none]")
	b, err := os.ReadFile(filepath.Join(s.Config.Data, "audit.json"))
	if err != nil || !bytes.Contains(b, []byte("AUDIT_SINK_TEST")) || bytes.Count(b, []byte(`"eve"`)) != 2 {
		t.Errorf("the file has not the test event and the failed login twice (%v):\n%s", err, b)
	}
	s.User("nobody")
	if a := s.As("nobody", apptest.Password, "POST", "/_vigil/sinks/lines/_test", nil); a.Status != http.StatusForbidden {
		t.Errorf("a user without privileges was answered %d", a.Status)
	}
}

func TestConfigurationOfSinksIsCheckedAtTheStart(t *testing.T) {
	f := func(sinks, want string) {
		t.Helper()
		cfg := apptest.Config(t)
		withSinks(t, &cfg, sinks)
		_, err := app.New(t.Context(), cfg, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", sinks, err, want)
		}
	}
	f(`{a: {type: stdout, categories: [LOGIN]}}`, `audit.sinks.a.categories: "LOGIN" is not a category`)
	f(`{a: {type: index, index: "'Upper'"}}`, "audit.sinks.a.index")
	for name, want := range map[string]string{
		"LOGIN": `audit.fold.categories: "LOGIN" is not a category`, "COMPLIANCE_DOC_READ": "events of category COMPLIANCE_DOC_READ do not fold",
	} {
		cfg := apptest.Config(t)
		cfg.Audit.Fold.Categories = []string{name}
		if _, err := app.New(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// TestSinkCommands runs the commands against a running server and on its data folder after its end.
func TestSinkCommands(t *testing.T) {
	cfg := apptest.Config(t)
	apptest.Prepare(t, cfg)
	file := filepath.Join(t.TempDir(), "vigil.yml")
	text := "data: " + cfg.Data + "\nhttp: {listen: '127.0.0.1:0'}\n" +
		"audit: {log: {max_bytes: 256mb}, sinks: {index: {type: index}, lines: {type: file, path: audit.json}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"VIGIL_ADMIN_PASSWORD=" + apptest.Password}
	server := run(t, env, "serve", "--config", file)
	server.url = server.serving()
	if _, err := server.send("eve", "wrong", "GET", "/_cat/health", ""); err != nil {
		t.Fatal(err)
	}
	f := func(status int, want string, args ...string) {
		t.Helper()
		p := run(t, env, append(args, "--config", file)...)
		got := p.wait()
		out, log := p.said()
		if got != status || !strings.Contains(out+log, want) {
			t.Errorf("%v: status %d, output %s%s, want %d with %q", args, got, out, log, status, want)
		}
	}
	f(0, "lines  file", "sink", "list", "--url", server.url)
	f(0, `"delivered":true`, "sink", "test", "lines", "--url", server.url)
	f(0, `"first_sequence"`, "sink", "replay", "lines", "--from", "1", "--url", server.url)
	f(1, "no sink is named [none]", "sink", "test", "none", "--url", server.url)
	f(2, "from is missing", "sink", "replay", "lines", "--url", server.url)
	f(2, "not one of list", "sink", "dance")
	f(1, "the server is running", "sink", "list", "--offline")
	if err := server.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	server.wait()
	f(0, `"events":1`, "sink", "replay", "lines", "--from", "2020-01-01T00:00:00Z", "--to", time.Now().Add(time.Hour).Format(time.RFC3339), "--offline")
}
