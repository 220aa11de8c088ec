// Command bench measures the figures of docs/performance.md on this machine: what each must be and what it is.
//
// Every figure that depends on the machine is measured beside its baseline in the same run, in rounds that alternate between
// the two, because a machine is not the same from minute to minute; what is told is the median of the rounds and, in
// parentheses, the lowest and the highest. Figures that are missed do not fail the command, it only tells. Servers run in
// child processes of the same binary, so that their CPU time can be told from that of the clients. Start reading at
// [bench.figures] and [runChild].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

func main() {
	if mode := os.Getenv(modeVar); mode != "" {
		if err := runChild(mode, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1) //nolint:forbidigo // the child is a command
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status) //nolint:forbidigo // this is a command
}

// bench is one run of all measurements.
type bench struct {
	short    bool
	dir      string // on a disk, removed at the end
	profiles string // where CPU profiles go, if anywhere
	suite    suite
	killed   int // how often the program is killed

	fullRate float64 // searches per second with everything recorded and indexed
}

// suite is a list of measurements with a name of its own.
type suite struct {
	name     string
	measures []measure
}

// measure takes some figures.
type measure struct {
	name string
	take func(context.Context) ([]figure, error)
}

// choose returns the suite of a name, or of it the one measurement that is wanted.
func (b *bench) choose(name, only string) (suite, error) {
	var s suite
	switch name {
	case "path":
		s = suite{"bench", []measure{
			{"writers", b.manyWriters},
			{"writer", b.oneWriter},
			{"audited", b.audited},
			{"unaudited", b.unaudited},
			{"encoding", b.encoding},
			{"alarm", b.alarm},
		}}
	case "audit":
		s = suite{"bench-audit", []measure{
			{"searches", b.searches},
			{"searchable", b.searchable},
			{"bulks", b.bulks},
			{"reads", b.reads},
			{"parsing", b.parsing},
			{"peer", b.peer},
		}}
	case "alerting":
		s = suite{"bench-alerting", []measure{
			{"alarms", b.alarms},
			{"predicates", b.predicates},
			{"flood", b.flood},
			{"kills", b.kills},
		}}
	default:
		return s, fmt.Errorf("unknown suite %q, want path, audit or alerting", name)
	}
	if only != "" {
		s.measures = slices.DeleteFunc(s.measures, func(m measure) bool { return m.name != only })
	}
	if len(s.measures) == 0 {
		return s, fmt.Errorf("suite %s does not measure %q", name, only)
	}
	return s, nil
}

// run returns the exit status: 0 if everything was measured, 1 if not, 2 if the command was called wrongly.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.BoolVar(&b.short, "short", false, "measure less, within a minute")
	name := flags.String("suite", "path", "what is measured: path (of a request), audit (what auditing costs) or alerting")
	only := flags.String("only", "", "the one measurement of the suite that is taken")
	flags.IntVar(&b.killed, "kills", 200, "how often kills kills the program, unless it is short")
	flags.StringVar(&b.profiles, "profile", "", "folder for CPU profiles of the gateway, which cost some of what is measured")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errs, "bench: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	var err error
	if b.suite, err = b.choose(*name, *only); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 2
	}
	remove, err := b.makeDir()
	if err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 1
	}
	list, err := b.figures(ctx, out)
	if err = errors.Join(err, remove()); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
	}
	met, judged := 0, 0
	for _, f := range list {
		if f.beside {
			continue
		}
		if judged++; f.met {
			met++
		}
	}
	fmt.Fprintf(out, "%s: %d of %d figures met\n", b.suite.name, met, judged)
	if err != nil {
		return 1
	}
	return 0
}

// figures takes all measurements and prints each as a row when it is there.
func (b *bench) figures(ctx context.Context, out io.Writer) ([]figure, error) {
	writeRow(out, "what", "must", "is", "met")
	var all []figure
	for _, m := range b.suite.measures {
		list, err := m.take(ctx)
		if err != nil {
			return all, fmt.Errorf("%s: %w", m.name, err)
		}
		for _, f := range list {
			f.write(out)
		}
		all = append(all, list...)
	}
	return all, nil
}

// makeDir makes the folder that everything is written to: below TMPDIR if that is set, else below ./data, since /tmp may be
// memory.
func (b *bench) makeDir() (remove func() error, err error) {
	parent := os.Getenv("TMPDIR")
	if parent == "" {
		parent = "data"
		if err := os.MkdirAll(parent, 0o700); err != nil {
			return nil, fmt.Errorf("make data folder: %w", err)
		}
	}
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if b.dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if b.profiles != "" {
		if b.profiles, err = filepath.Abs(b.profiles); err != nil {
			return nil, fmt.Errorf("profiles: %w", err)
		}
	}
	return func() error {
		err := os.RemoveAll(b.dir)
		if parent == "data" {
			_ = os.Remove(parent) // stays if anything else is in it
		}
		return err
	}, nil
}

// pick returns the size of a measurement.
func pick[T any](b *bench, full, short T) T {
	if b.short {
		return short
	}
	return full
}
