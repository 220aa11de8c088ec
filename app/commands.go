// Package app puts Vigil together: its commands, what they are made of, and how it starts, drains and stops.
//
// It is the only package that knows all others and the only one that asks what kind of cluster stands behind the gateway.
// Nothing is decided here that another package could decide. Start reading at [Main] and [Server].
package app

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"

	"vigil/authn"
	"vigil/config"
)

// Version is what this build calls itself.
const Version = "0.1.0"

// command is what a command may touch of the world.
type command struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	terminal bool // whether out is a terminal
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errSilent ends the process with an error that has been told already.
var errSilent = errors.New("failed")

const usage = `Vigil is the audit log and alarm of a search cluster.

usage: vigil [command] [flags]

  serve     run the server (the default)
  demo      play the story of the documentation on a server of its own
  check     validate the configuration
  config    print the effective configuration, secrets hidden
  passwd    print the hash of a password read from standard input
  sink      list, test and replay the sinks of a running server (vigil sink --help)
  import    say what becomes of the security plugin's files (vigil import --help)
  version   print the version

Flags of serve, check and config:
  --config FILE   configuration file (default ./vigil.yml if there is one)
  --data DIR      data folder (default ./data)
  --listen ADDR   address of the cluster API (default 127.0.0.1:9200)
  --insecure      allow listening beyond loopback without TLS

Flags win over the environment (VIGIL_DATA, VIGIL_LISTEN, VIGIL_ADMIN_PASSWORD), the environment over the file.
`

// Main runs the program and returns its exit status: 0 if all went well, 1 if not, 2 if it was called wrongly.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &command{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv,
		terminal: term.IsTerminal(int(os.Stdout.Fd())),
	}
	return c.run(ctx, args)
}

// hasUsage reports whether a command tells of its flags itself.
func hasUsage(name string) bool { return name == "demo" || name == "sink" || name == "import" }

func (c *command) run(ctx context.Context, args []string) int {
	name := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	run := map[string]func(context.Context, []string) error{
		"serve": c.serve, "demo": c.demo, "check": c.check, "config": c.config, "passwd": c.passwd, "sink": c.sink, "import": c.importFiles,
		"version": c.version,
	}[name]
	if name == "help" || len(args) > 0 && (args[0] == "-h" || args[0] == "--help") && run != nil && !hasUsage(name) {
		fmt.Fprint(c.out, usage)
		return 0
	}
	if run == nil {
		fmt.Fprintf(c.err, "vigil: unknown command %q\n\n%s", name, usage)
		return 2
	}
	err := run(ctx, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errSilent):
		return 1
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	fmt.Fprintf(c.err, "vigil: %v\n", err)
	return 1
}

// load reads the flags that the commands with a configuration share.
func (c *command) load(name string, args []string) (config.Config, error) {
	s := config.Source{Getenv: c.getenv}
	set := flag.NewFlagSet("vigil "+name, flag.ContinueOnError)
	set.SetOutput(c.err)
	set.StringVar(&s.File, "config", "", "configuration file")
	set.StringVar(&s.Data, "data", "", "data folder")
	set.StringVar(&s.Listen, "listen", "", "address of the cluster API")
	set.BoolVar(&s.Insecure, "insecure", false, "allow listening beyond loopback without TLS")
	if err := set.Parse(args); err != nil {
		return config.Config{}, usageError{err}
	}
	if set.NArg() > 0 {
		fmt.Fprintf(c.err, "vigil %s: unexpected argument %q\n", name, set.Arg(0))
		return config.Config{}, usageError{errors.New("unexpected argument")}
	}
	return config.Load(s)
}

func (c *command) serve(ctx context.Context, args []string) error {
	cfg, err := c.load("serve", args)
	if err != nil {
		return err
	}
	log := newLogger(cfg.Log, c.err)
	s, err := New(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := c.tellPassword(s, log); err != nil {
		return errors.Join(err, s.Close())
	}
	return s.Run(ctx)
}

// tellPassword tells the random password of the first start once: on the terminal, or in a file that only its owner reads.
func (c *command) tellPassword(s *Server, log *slog.Logger) error {
	password := s.initialPassword
	if password == "" {
		return nil
	}
	if c.terminal {
		fmt.Fprintf(c.out, "The user admin has been created with the password %s\nIt is shown only this once.\n", password)
		return nil
	}
	path, err := s.writeInitialPassword()
	if err != nil {
		return err
	}
	log.Info("the user admin has been created", "password_file", path)
	return nil
}

func (c *command) check(_ context.Context, args []string) error {
	cfg, err := c.load("check", args)
	if err != nil {
		return err
	}
	if _, _, err := checkSinks(&cfg); err != nil {
		return err
	}
	if _, err := parseStatic(&cfg); err != nil {
		return err
	}
	if _, err := newRedactor(cfg.Audit); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "the configuration is valid")
	return nil
}

func (c *command) config(_ context.Context, args []string) error {
	cfg, err := c.load("config", args)
	if err != nil {
		return err
	}
	b, err := cfg.Dump()
	if err != nil {
		return err
	}
	_, err = c.out.Write(b)
	return err
}

// passwd prints a hash for the API's "hash" field, so that a password need not travel.
func (c *command) passwd(_ context.Context, _ []string) error {
	line, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return fmt.Errorf("read the password from standard input: %w", err)
	}
	hash, err := authn.HashPassword(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, hash)
	return nil
}

func (c *command) version(context.Context, []string) error {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " " + s.Value
			}
		}
	}
	fmt.Fprintf(c.out, "vigil %s%s\n", Version, commit)
	return nil
}

func newLogger(cfg config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	// Validated when it was loaded.
	_ = level.UnmarshalText([]byte(cfg.Level))
	o := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
