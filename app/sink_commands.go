package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"vigil/audit"
	"vigil/config"
	"vigil/wal"
)

const sinkUsage = `usage: vigil sink list|test NAME|replay NAME [flags]

  list          show how the sinks are doing
  test NAME     send a test event through a sink
  replay NAME   give a sink again what the audit log still holds

Flags:
  --from TIME|SEQ, --to TIME|SEQ   what to replay; times as 2026-11-21T10:00:00Z, --to is excluded; sequence numbers included
  --url URL                        the running server (default: where the configuration says it listens)
  --user NAME                      who asks (default admin)
  --password-file FILE             the password (default VIGIL_ADMIN_PASSWORD, else the file of the first start)
  --cert FILE, --key FILE          a client certificate instead of a password
  --ca-file FILE                   whom to believe (default: the configured certificate)
  --offline                        work on the data folder of a stopped server
  --config FILE, --data DIR        as for serve
`

// sinkCommand is what "vigil sink" was asked.
type sinkCommand struct {
	verb, name string
	from, to   string
	offline    bool
	cfg        config.Config
	client     adminClient
}

func (c *command) sink(ctx context.Context, args []string) error {
	o, err := c.parseSink(args)
	if err != nil {
		return c.wrongUsage("sink", sinkUsage, err)
	}
	if o.offline {
		return c.sinkOffline(ctx, o)
	}
	var answer []byte
	path := "/_vigil/sinks/" + url.PathEscape(o.name)
	switch o.verb {
	case "list":
		if answer, err = o.client.do(ctx, http.MethodGet, "/_vigil/sinks", nil); err != nil {
			return err
		}
		return c.printSinks(answer)
	case "test":
		answer, err = o.client.do(ctx, http.MethodPost, path+"/_test", nil)
	default:
		body := map[string]string{"from": o.from}
		if o.to != "" {
			body["to"] = o.to
		}
		answer, err = o.client.do(ctx, http.MethodPost, path+"/_replay", body)
	}
	if err != nil {
		return err
	}
	return c.printLine(answer)
}

// wrongUsage says what is wrong with a command line, and how it should be.
func (c *command) wrongUsage(name, usage string, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.out, usage)
		return err
	}
	fmt.Fprintf(c.err, "vigil %s: %v\n\n%s", name, err, usage)
	return usageError{err}
}

func (c *command) parseSink(args []string) (*sinkCommand, error) {
	o := &sinkCommand{}
	if len(args) > 0 {
		o.verb, args = args[0], args[1:]
	}
	switch o.verb {
	case "-h", "--help":
		return nil, flag.ErrHelp
	case "list":
	case "test", "replay":
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			return nil, errors.New("the sink's name is missing")
		}
		o.name, args = args[0], args[1:]
	default:
		return nil, fmt.Errorf("%q is not one of list, test, replay", o.verb)
	}
	s := config.Source{Getenv: c.getenv}
	set, access := o.client.flags("sink", &s)
	set.StringVar(&o.from, "from", "", "")
	set.StringVar(&o.to, "to", "", "")
	set.BoolVar(&o.offline, "offline", false, "")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if o.verb == "replay" {
		if _, err := parseSpan(o.from, o.to); err != nil {
			return nil, err
		}
	} else if o.from != "" || o.to != "" {
		return nil, errors.New("--from and --to are for replay")
	}
	var err error
	if o.cfg, err = config.Load(s); err != nil {
		return nil, err
	}
	if o.offline {
		return o, nil
	}
	return o, o.client.prepare(&o.cfg, access)
}

// sinkOffline opens the data folder as the server would, but serves nobody.
func (c *command) sinkOffline(ctx context.Context, o *sinkCommand) error {
	if _, err := os.Stat(o.cfg.LogDir()); err != nil {
		return fmt.Errorf("no server has used this data folder: %w", err)
	}
	o.cfg.HTTP.Listen, o.cfg.HTTP.TLS = "127.0.0.1:0", config.Default().HTTP.TLS
	o.cfg.AdminSubjects = nil
	s, err := New(ctx, o.cfg, slog.New(slog.DiscardHandler))
	if errors.Is(err, wal.ErrLocked) {
		return errors.New("the server is running: leave out --offline")
	}
	if err != nil {
		return err
	}
	var answer any
	switch o.verb {
	case "test":
		var id string
		id, err = s.trail.TestSink(ctx, o.name)
		answer = map[string]any{"sink": o.name, "delivered": true, "event_id": id}
	case "replay":
		var span audit.Span
		if span, err = parseSpan(o.from, o.to); err == nil {
			answer, err = s.trail.Replay(ctx, o.name, span)
		}
	default:
		answer = map[string]any{"sinks": s.sinkStatuses()}
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if o.verb == "list" {
		return c.printSinks(b)
	}
	return c.printLine(b)
}

func (c *command) printLine(b []byte) error {
	_, err := fmt.Fprintf(c.out, "%s\n", bytes.TrimSpace(b))
	return err
}

func (c *command) printSinks(answer []byte) error {
	var list struct {
		Sinks []sinkStatus `json:"sinks"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTYPE\tFORMAT\tON FULL\tLAG\tBEHIND\tREJECTED\tSKIPPED\tERROR")
	for _, s := range list.Sinks {
		behind := time.Duration(s.LagSeconds * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d\t%d\t%s\n",
			s.Name, s.Type, s.Format, s.OnFull, s.LagEntries, behind, s.Rejected, s.Skipped, s.Error)
	}
	return w.Flush()
}

// adminClient calls the rows of a running server.
type adminClient struct {
	url, user, password string
	http                *http.Client
}

// accessFlags are the files that say who asks, and whom to believe.
type accessFlags struct{ passwordFile, cert, key, ca string }

// flags returns the flags of a command that asks a server.
func (a *adminClient) flags(name string, s *config.Source) (*flag.FlagSet, *accessFlags) {
	f := &accessFlags{}
	set := flag.NewFlagSet("vigil "+name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&s.File, "config", "", "")
	set.StringVar(&s.Data, "data", "", "")
	set.StringVar(&a.url, "url", "", "")
	set.StringVar(&a.user, "user", "admin", "")
	set.StringVar(&f.passwordFile, "password-file", "", "")
	set.StringVar(&f.cert, "cert", "", "")
	set.StringVar(&f.key, "key", "", "")
	set.StringVar(&f.ca, "ca-file", "", "")
	return set, f
}

func (a *adminClient) prepare(cfg *config.Config, f *accessFlags) error {
	if a.url == "" {
		a.url = serverURL(cfg)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	ca := f.ca
	if ca == "" {
		ca = cfg.HTTP.TLS.CertFile
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("read certificates: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate", ca)
		}
	}
	a.http = &http.Client{Transport: &http.Transport{TLSClientConfig: t, DisableKeepAlives: true}}
	if f.cert != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return fmt.Errorf("client certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
		return nil
	}
	return a.findPassword(cfg, f.passwordFile)
}

func (a *adminClient) findPassword(cfg *config.Config, file string) error {
	if file == "" && cfg.Security.InitialAdminPassword != "" && a.user == "admin" {
		a.password = string(cfg.Security.InitialAdminPassword)
		return nil
	}
	if file == "" {
		file = filepath.Join(cfg.Data, passwordFile)
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no password: give --password-file, VIGIL_ADMIN_PASSWORD or a client certificate")
	}
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	a.password = strings.TrimRight(string(b), "\r\n")
	return nil
}

// serverURL is where a server with this configuration is reached from its own machine.
func serverURL(cfg *config.Config) string {
	scheme := "http"
	if cfg.HTTP.TLS.CertFile != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil {
		return scheme + "://" + cfg.HTTP.Listen
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// do returns the answer of a row. An answer that is an error becomes one.
func (a *adminClient) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.url, "/")+path, in)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.password != "" {
		req.SetBasicAuth(a.user, a.password)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, &answerError{resp.StatusCode, answer}
	}
	return answer, nil
}

// answerError is an answer that is no success.
type answerError struct {
	status int
	body   []byte
}

func (e *answerError) Error() string {
	return fmt.Sprintf("the server answered %d: %s", e.status, reasonOf(e.body))
}

// reasonOf is the reason in an error's body, or the body.
func reasonOf(answer []byte) string {
	var e struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &e) == nil && e.Error.Reason != "" {
		return e.Error.Reason
	}
	var short struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &short) == nil && short.Message != "" {
		return short.Message
	}
	return strings.TrimSpace(string(answer[:min(len(answer), 500)]))
}
