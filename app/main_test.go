package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vigil/app"
	"vigil/app/apptest"
	"vigil/config"
)

// asProgram makes the test binary the program itself, for tests that need a process to kill.
const asProgram = "VIGIL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if step := os.Getenv(killAt); step != "" {
		os.Exit(runMortal(step)) //nolint:forbidigo // the program's own end
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(app.Main(os.Args[1:])) //nolint:forbidigo // the program's own end
	}
	goleak.VerifyTestMain(m)
}

// recorded returns every event that is in the trail now, in the order of the trail. It asks past the gateway, which leaves
// no event.
func recorded(t *testing.T, s *apptest.Server) []apptest.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.App().Drain(ctx); err != nil {
		t.Fatal(err)
	}
	resp, err := s.App().Store().Do(ctx, "POST", "/security-auditlog-*/_search", nil,
		[]byte(`{"size":10000,"sort":[{"_index":"asc"},{"_seq_no":"asc"}],"query":{"match_all":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Hits struct {
			Total struct {
				Value int `json:"value"`
			} `json:"total"`
			Hits []struct {
				Source apptest.Event `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(resp.Body, &found); err != nil {
		t.Fatal(err)
	}
	if found.Hits.Total.Value != len(found.Hits.Hits) {
		t.Fatalf("%d events, of which only %d can be read at once", found.Hits.Total.Value, len(found.Hits.Hits))
	}
	events := make([]apptest.Event, 0, len(found.Hits.Hits))
	for _, h := range found.Hits.Hits {
		events = append(events, h.Source)
	}
	return events
}

// since returns the events that were recorded while f ran.
func since(t *testing.T, s *apptest.Server, f func()) []apptest.Event {
	t.Helper()
	before := len(recorded(t, s))
	f()
	return recorded(t, s)[before:]
}

// one returns the only event of a category among those.
func one(t *testing.T, events []apptest.Event, category string) apptest.Event {
	t.Helper()
	found := of(events, category)
	if len(found) != 1 {
		t.Fatalf("%d events %s, want one, among %v", len(found), category, events)
	}
	return found[0]
}

// of returns the events of a category.
func of(events []apptest.Event, category string) []apptest.Event {
	var found []apptest.Event
	for _, e := range events {
		if e.Text("audit_category") == category {
			found = append(found, e)
		}
	}
	return found
}

// process is the program in a process of its own.
type process struct {
	t      *testing.T
	url    string
	cmd    *exec.Cmd
	ended  chan error
	client *http.Client

	mu       sync.Mutex
	out, log bytes.Buffer
}

// run starts the program with a command line, and ends it with the test.
func run(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return runWith(t, nil, env, args...)
}

// runWith is run with something to read on standard input.
func runWith(t *testing.T, in io.Reader, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...), ended: make(chan error, 1)}
	p.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	p.cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	p.cmd.Dir, p.cmd.Stdin = t.TempDir(), in
	p.cmd.Stdout, p.cmd.Stderr = locked{&p.mu, &p.out}, locked{&p.mu, &p.log}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.wait()
		p.client.CloseIdleConnections()
	})
	return p
}

// serve starts the program as a server on a configuration and waits until it serves.
func serve(t *testing.T, cfg config.Config) *process {
	t.Helper()
	return serveWith(t, cfg, nil)
}

// number reads a number that makes a test long.
func number(t *testing.T, variable string, short int) int {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		return short
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// serveWith is serve with more in the environment.
func serveWith(t *testing.T, cfg config.Config, env []string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vigil.yml")
	dump, err := cfg.Dump()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, dump, 0o600); err != nil {
		t.Fatal(err)
	}
	env = append(env, "VIGIL_ADMIN_PASSWORD="+string(cfg.Security.InitialAdminPassword))
	p := run(t, env, "serve", "--config", file)
	p.url = p.serving()
	return p
}

// serving waits for the line that tells where the program serves.
func (p *process) serving() string {
	p.t.Helper()
	return p.logged(`msg=serving url=`)
}

// logged waits until the log holds some text, and returns what follows it up to the next blank.
func (p *process) logged(text string) string {
	p.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		_, log := p.said()
		if _, after, found := strings.Cut(log, text); found {
			if end := strings.IndexAny(after, " \n"); end >= 0 {
				return after[:end]
			}
		}
		select {
		case err := <-p.ended:
			p.ended <- err
			_, log = p.said()
			p.t.Fatalf("the program ended before it logged %q: %v\n%s", text, err, log)
		case <-deadline.C:
			p.t.Fatalf("the program has not logged %q:\n%s", text, log)
		case <-tick.C:
		}
	}
}

// said returns what the program wrote to its output and to its log.
func (p *process) said() (out, log string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String(), p.log.String()
}

// wait waits for the end of the program and returns its exit status, -1 if a signal ended it.
func (p *process) wait() int {
	err := <-p.ended
	p.ended <- err
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		p.t.Errorf("wait for the program: %v", err)
	}
	return 0
}

// kill ends the program as a power cut ends a process.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.wait()
	p.client.CloseIdleConnections()
}

// send sends a request; an error means that there was no answer.
func (p *process) send(name, password, method, path, body string) (apptest.Reply, error) {
	return p.sendAs("", name, password, method, path, body)
}

// sendAs is send for a request that says what it is called.
func (p *process) sendAs(id, name, password, method, path, body string) (apptest.Reply, error) {
	r, err := http.NewRequest(method, p.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return apptest.Reply{}, err
	}
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	if id != "" {
		r.Header.Set("X-Opaque-Id", id)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return apptest.Reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return apptest.Reply{}, fmt.Errorf("read the answer: %w", err)
	}
	return apptest.Reply{Status: resp.StatusCode, Header: resp.Header, Body: b}, nil
}

// must sends a request of admin that has to succeed.
func (p *process) must(method, path, body string) apptest.Reply {
	p.t.Helper()
	a, err := p.send("admin", apptest.Password, method, path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	if a.Status >= http.StatusBadRequest {
		p.t.Fatalf("%s %s: answered %d %s", method, path, a.Status, a.Body)
	}
	return a
}

// locked is a buffer that two may use.
type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// eventually waits until something holds, and fails with what is missing if it does not in 20 seconds.
func eventually(t *testing.T, holds func() error) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}
