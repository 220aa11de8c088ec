package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A child is told what to be by its environment.
const (
	modeVar = "VIGIL_BENCH_CHILD"
	dirVar  = "VIGIL_BENCH_DIR"
)

// served is what a child serves.
type served struct {
	url string
	run func(context.Context) error // serves until the context ends and closes everything
	// events counts the events that are durable; nil if there is no trail.
	events func() (uint64, error)
}

// runChild serves what the mode says. It writes the URL as its first line and then answers one line for each command that it
// reads, until there are no more:
//
//	usage         the CPU time of the process in microseconds, and the events that it has recorded
//	profile FILE  begins a CPU profile, which ends with the process
func runChild(mode string, in io.Reader, out io.Writer) (err error) {
	// An interrupt at the terminal is for the parent, whose end is the end of the commands.
	signal.Ignore(os.Interrupt)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := serve(ctx, mode, os.Getenv(dirVar))
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.Go(func() error { return s.run(ctx) })
	defer func() {
		cancel()
		err = errors.Join(err, g.Wait())
	}()
	fmt.Fprintln(out, s.url)
	defer pprof.StopCPUProfile()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answer, err := s.obey(lines.Text())
		if err != nil {
			return err
		}
		fmt.Fprintln(out, answer)
	}
	return nil
}

// serve opens what a mode means.
func serve(ctx context.Context, mode, dir string) (*served, error) {
	switch mode {
	case modePlain:
		return servePlain(ctx)
	case modeAudited, modeDefault:
		return serveGateway(ctx, dir, mode == modeAudited)
	case modeVigil, modeFile:
		return serveVigil(ctx, dir, mode == modeFile)
	}
	return nil, fmt.Errorf("unknown mode %q", mode)
}

func (s *served) obey(command string) (string, error) {
	if name, ok := strings.CutPrefix(command, "profile "); ok {
		f, err := os.Create(name)
		if err != nil {
			return "", fmt.Errorf("profile: %w", err)
		}
		return "ok", pprof.StartCPUProfile(f) // the process ends before the file is closed
	}
	if command != "usage" {
		return "", fmt.Errorf("unknown command %q", command)
	}
	cpu, err := cpuTime()
	if err != nil {
		return "", err
	}
	var events uint64
	if s.events != nil {
		if events, err = s.events(); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d %d", cpu.Microseconds(), events), nil
}

// child is such a process, seen from its parent.
type child struct {
	url string
	dir string
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	log bytes.Buffer // what it wrote to standard error
}

// start starts a child and waits until it serves.
func (b *bench) start(ctx context.Context, mode string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	dir, err := os.MkdirTemp(b.dir, mode+"-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return startIn(ctx, self, mode, dir)
}

// startIn starts a child over a folder, which may hold what an earlier one left.
func startIn(ctx context.Context, self, mode, dir string) (*child, error) {
	c := &child{dir: dir, cmd: exec.CommandContext(ctx, self)}
	c.cmd.Env = append(os.Environ(), modeVar+"="+mode, dirVar+"="+dir, passwordVar+"="+adminPassword)
	c.cmd.Stderr = &c.log
	c.cmd.WaitDelay = 10 * time.Second
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s server: %w", mode, err)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s server: %w", mode, err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s server: %w", mode, err)
	}
	c.out = bufio.NewScanner(out)
	if c.url, err = c.line(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s server: %w", mode, err), c.stop())
	}
	return c, nil
}

func (c *child) line() (string, error) {
	if c.out.Scan() {
		return c.out.Text(), nil
	}
	if err := c.out.Err(); err != nil {
		return "", err
	}
	return "", io.ErrUnexpectedEOF
}

func (c *child) ask(command string) (string, error) {
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		return "", fmt.Errorf("ask the server for %s: %w", command, err)
	}
	answer, err := c.line()
	if err != nil {
		return "", fmt.Errorf("ask the server for %s: %w", command, err)
	}
	return answer, nil
}

// usage returns the CPU time that the child has used and the events that it has recorded.
func (c *child) usage() (cpu time.Duration, events uint64, err error) {
	answer, err := c.ask("usage")
	if err != nil {
		return 0, 0, err
	}
	var us int64
	if _, err := fmt.Sscan(answer, &us, &events); err != nil {
		return 0, 0, fmt.Errorf("read the usage %q: %w", answer, err)
	}
	return time.Duration(us) * time.Microsecond, events, nil
}

// profiled begins a CPU profile of the child if one is wanted.
func (b *bench) profiled(c *child, name string) error {
	if b.profiles == "" {
		return nil
	}
	_, err := c.ask("profile " + filepath.Join(b.profiles, name+".prof"))
	return err
}

// killed kills the child and starts another over its folder.
func (c *child) killed(ctx context.Context) (*child, error) {
	if err := c.cmd.Process.Kill(); err != nil {
		return nil, fmt.Errorf("kill the server: %w", err)
	}
	_ = c.in.Close()
	if err := c.cmd.Wait(); err == nil {
		return nil, errors.New("kill the server: it ended by itself")
	}
	return startIn(ctx, c.cmd.Path, modeVigil, c.dir)
}

// stop ends the child's commands, and with them the child.
func (c *child) stop() error {
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("server ended: %w\n%s", err, bytes.TrimSpace(c.log.Bytes()))
	}
	return nil
}
