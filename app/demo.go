package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// demoFlags are the flags of "vigil demo".
type demoFlags struct {
	once, verbose bool
}

func (a *command) demo(ctx context.Context, args []string) error {
	var f demoFlags
	set := flag.NewFlagSet("vigil demo", flag.ContinueOnError)
	set.SetOutput(a.err)
	set.BoolVar(&f.once, "once", false, "stop after the last step; exit 0 only if every step held")
	set.BoolVar(&f.verbose, "v", false, "print the requests and their answers")
	if err := set.Parse(args); err != nil {
		return usageError{err}
	}
	d := &demo{demoFlags: f, out: a.out}
	dir, err := os.MkdirTemp("", "vigil-demo-")
	if err != nil {
		return fmt.Errorf("make the demo's data folder: %w", err)
	}
	defer os.RemoveAll(dir)
	d.dir = dir
	if err := d.start(ctx); err != nil {
		return err
	}
	defer d.stop()
	held := d.play(ctx)
	if !f.once && ctx.Err() == nil {
		fmt.Fprintf(a.out, "\nThe server stays up until you press Ctrl-C:\n  %s  user admin, password %s\n  data in %s\n", d.base, d.password, d.dir)
		fmt.Fprintf(a.out, "demo: %d of %d steps held\n", held, len(demoSteps))
		<-ctx.Done()
		return nil
	}
	d.stop()
	fmt.Fprintf(a.out, "demo: %d of %d steps held\n", held, len(demoSteps))
	if held != len(demoSteps) {
		return errSilent
	}
	return nil
}

// demo plays the story against a server of its own, in a process of its own, because it will be killed.
type demo struct {
	demoFlags
	out      io.Writer
	dir      string
	base     string
	password string
	inbox    *inbox
	server   *exec.Cmd
	serverUp chan error
	log      bytes.Buffer

	// what later steps need of earlier ones
	monitorID, destinationID string
}

type demoStep struct {
	title string
	play  func(*demo, context.Context) error
}

// demoSteps is the story in its order. A step that does not hold does not stop the ones after it.
var demoSteps = []demoStep{
	{"the sample audit configuration is PUT and read back under both prefixes", (*demo).auditConfiguration},
	{"a write and a read of watched fields become events with the fields of the samples", (*demo).complianceEvents},
	{"the monitor Audit Unauthorized Access Events is created with its trigger and its Chime action", (*demo).createMonitor},
	{"two logins with bad credentials: the message arrives", (*demo).failedLogins},
	{"the alert is ACTIVE, is acknowledged, and is COMPLETED when the condition has passed", (*demo).alertLifeCycle},
	{"a user without rights is refused: MISSING_PRIVILEGES", (*demo).missingPrivileges},
	{"a touch of the security index is refused: OPENDISTRO_SECURITY_INDEX_ATTEMPT", (*demo).securityIndexAttempt},
	{"an index is created: INDEX_EVENT", (*demo).indexEvent},
	{"killed with kill -9 under load and started again: every answered request has its events, once", (*demo).killed},
}

func (d *demo) play(ctx context.Context) (held int) {
	for i, s := range demoSteps {
		start := time.Now()
		stepCtx, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := s.play(d, stepCtx)
		cancel()
		took := time.Since(start).Round(time.Millisecond)
		if err != nil {
			fmt.Fprintf(d.out, "FAIL %d/%d %s (%v)\n     %v\n", i+1, len(demoSteps), s.title, took, err)
			continue
		}
		held++
		fmt.Fprintf(d.out, "ok   %d/%d %s (%v)\n", i+1, len(demoSteps), s.title, took)
	}
	if held != len(demoSteps) {
		fmt.Fprintf(d.out, "     the server's log:\n%s\n", d.log.String())
	}
	return held
}

// start runs the server and the receiver of messages.
func (d *demo) start(ctx context.Context) error {
	d.inbox = newInbox()
	if d.password == "" {
		d.password = rand.Text()
	}
	return d.startServer(ctx)
}

// startServer runs this program as a server and waits until it is ready.
func (d *demo) startServer(ctx context.Context) error {
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	config := filepath.Join(d.dir, "vigil.yml")
	yml := "cluster_name: demo\nnode_name: demo-1\nnotify: {allow_networks: [127.0.0.0/8]}\n"
	if err := os.WriteFile(config, []byte(yml), 0o600); err != nil {
		return fmt.Errorf("write the demo's configuration: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	cmd := exec.Command(self, "serve", "--config", config, "--data", filepath.Join(d.dir, "data"), "--listen", listen) //nolint:noctx // it must survive the step's context; stop ends it
	cmd.Env = append(os.Environ(), "VIGIL_ADMIN_PASSWORD="+d.password)
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	up := make(chan error, 1)
	go func() { up <- cmd.Wait() }()
	d.server, d.serverUp, d.base = cmd, up, "http://"+listen
	return d.wait(ctx, "the server is ready", func() error {
		select {
		case err := <-up:
			up <- err
			return fmt.Errorf("the server ended: %w\n%s", err, d.log.String())
		default:
		}
		a, err := d.as("", "").do(ctx, "GET", "/_vigil/health", nil)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("status %d", a.status)
		}
		return err
	})
}

// stop ends the server and the receiver.
func (d *demo) stop() {
	if d.server != nil {
		_ = d.server.Process.Kill()
		<-d.serverUp //nolint:errcheck // it was killed
		d.server = nil
	}
	d.inbox.close()
}

// kill ends the server as a power cut would end its process.
func (d *demo) kill() {
	_ = d.server.Process.Kill()
	<-d.serverUp //nolint:errcheck // it was killed
	d.server = nil
}

// wait asks again until a condition holds or the step's time is over.
func (d *demo) wait(ctx context.Context, what string, holds func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, err)
		case <-tick.C:
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// user calls the server as somebody.
type user struct {
	d              *demo
	name, password string
}

func (d *demo) as(name, password string) user { return user{d, name, password} }
func (d *demo) admin() user                   { return d.as("admin", d.password) }

// reply is an answer of the server.
type reply struct {
	status int
	body   []byte
}

// want says what is wrong if the status is not one of those.
func (a reply) want(statuses ...int) error {
	if slices.Contains(statuses, a.status) {
		return nil
	}
	return fmt.Errorf("answered %d, want %v: %s", a.status, statuses, bytes.TrimSpace(a.body))
}

var demoClient = &http.Client{Timeout: 20 * time.Second}

// do sends a request. A string body goes as it is, anything else as JSON.
func (u user) do(ctx context.Context, method, path string, body any) (reply, error) {
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			return reply{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, u.d.base+path, bytes.NewReader(raw))
	if err != nil {
		return reply{}, err
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if u.name != "" {
		req.SetBasicAuth(u.name, u.password)
	}
	resp, err := demoClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	if u.d.verbose && path != "/_vigil/health" {
		fmt.Fprintf(u.d.out, "     %s %s %s\n", method, path, raw)
		fmt.Fprintf(u.d.out, "     %d %s\n", resp.StatusCode, bytes.TrimSpace(answer))
	}
	return reply{resp.StatusCode, answer}, nil
}

// must sends a request and reads the answer, which has to have one of the statuses.
func (u user) must(ctx context.Context, method, path string, body any, into any, statuses ...int) error {
	a, err := u.do(ctx, method, path, body)
	if err == nil {
		err = a.want(statuses...)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(a.body, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// inbox is the receiver behind the Chime webhook.
type inbox struct {
	server   *http.Server
	url      string
	mu       sync.Mutex
	messages []string
}

func newInbox() *inbox {
	in := &inbox{}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed by close
	if err != nil {
		return in
	}
	in.url = "http://" + l.Addr().String() + "/incomingwebhooks/demo"
	in.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		in.mu.Lock()
		in.messages = append(in.messages, string(b))
		in.mu.Unlock()
	})}
	go func() { _ = in.server.Serve(l) }()
	return in
}

func (in *inbox) close() {
	if in.server != nil {
		_ = in.server.Close()
	}
}

// received returns the messages that arrived so far.
func (in *inbox) received() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string(nil), in.messages...)
}

// events searches the audit index.
func (d *demo) events(ctx context.Context, query string) ([]map[string]any, error) {
	var found struct {
		Hits struct {
			Hits []struct {
				Source map[string]any `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	body := `{"size":10000,"sort":[{"@timestamp":"asc"}],"query":` + query + `}`
	if err := d.admin().must(ctx, "POST", "/security-auditlog-*/_search", body, &found, http.StatusOK); err != nil {
		return nil, err
	}
	var events []map[string]any
	for _, h := range found.Hits.Hits {
		events = append(events, h.Source)
	}
	return events, nil
}

// oneEvent waits for an event that a query finds.
func (d *demo) oneEvent(ctx context.Context, query string) (map[string]any, error) {
	var event map[string]any
	err := d.wait(ctx, "an event", func() error {
		events, err := d.events(ctx, query)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return errors.New("no event for " + query)
		}
		event = events[0]
		return nil
	})
	return event, err
}
