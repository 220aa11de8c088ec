package app_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vigil/app"
	"vigil/app/apptest"
	"vigil/audit"
	"vigil/authn"
	"vigil/config"
	"vigil/gateway"
	"vigil/wal"
)

// killAt names the step in which a process that the tests start kills itself.
const killAt = "VIGIL_TEST_KILL_AT"

// last begins the ids of the requests during which it does.
const last = "last-"

// steps are the places where a request can be cut off, and the kinds of requests that come by. A request that changes
// something has three appends: what it intends, its items, what it did.
var steps = []struct{ step, kinds string }{
	{"received", "index bulk delete config read failed login denied"},
	{"authenticated", "index config read"},
	{"before append 1", "index bulk delete config read failed login denied"},
	{"log written", "index bulk delete config read failed login denied"},
	{"log synced", "index bulk delete config read failed login denied"},
	{"after append 1", "index bulk delete config read failed login denied"},
	{"before append 2", "index bulk delete config read"},
	{"after append 2", "index bulk delete config read"},
	{"forwarded", "index bulk delete read"},
	{"engine written", "index bulk delete config"},
	{"engine synced", "index bulk delete config"},
	{"done", "index bulk delete read"},
	{"before append 3", "index bulk delete"},
	{"after append 3", "index bulk delete"},
	{"before first byte", "index bulk delete config read failed login denied"},
	{"before last byte", "index bulk delete config read failed login denied"},
	{"answered", "index bulk delete config read failed login denied"},
	{"before delivery", "index bulk config failed login"},
	{"after delivery", "index bulk config failed login"},
	{"cursor written", "index bulk config failed login"},
	{"cursor synced", "index bulk config failed login"},
}

// TestKilledInEveryStep kills the program in every step of the path of every kind of request, starts it again on the same
// data, and wants what was answered recorded once and what was done recorded.
func TestKilledInEveryStep(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"index", "bulk", "delete", "config", "read", "failed login", "denied"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := newKiller(t)
			for _, s := range steps {
				if strings.Contains(s.kinds, kind) {
					k.kill(s.step, kind)
				}
			}
			k.check("")
		})
	}
}

// TestKilledInRandomSteps is the long form: several clients are at work when one of their requests takes the program with
// it. VIGIL_TEST_KILLS says how often, make soak runs 1,000.
func TestKilledInRandomSteps(t *testing.T) {
	t.Parallel()
	kills := number(t, "VIGIL_TEST_KILLS", 2)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for n := 0; n < kills; {
		k := newKiller(t)
		for range min(roundsPerFolder, kills-n) {
			s := steps[rng.IntN(len(steps))]
			var may []string
			for _, kind := range []string{"index", "bulk", "delete", "config", "read", "failed login", "denied"} {
				if strings.Contains(s.kinds, kind) {
					may = append(may, kind)
				}
			}
			k.crowd = rng
			k.kill(s.step, may[rng.IntN(len(may))])
			n++
		}
		k.check("")
		t.Logf("%d kills", n)
		if t.Failed() {
			return
		}
	}
}

// killer is a folder of data that one process after the other dies on.
type killer struct {
	*crashes
	cfg   config.Config
	n     int
	crowd *rand.Rand // of the other clients; nil if there are none
}

func newKiller(t *testing.T) *killer {
	t.Helper()
	k := &killer{cfg: apptest.Config(t)}
	apptest.Prepare(t, k.cfg)
	p := serve(t, k.cfg)
	k.crashes = newCrashes(t, p)
	p.kill()
	return k
}

// check starts a process that will kill itself in a step, and checks what those before it have left.
func (k *killer) check(step string) *process {
	k.t.Helper()
	p := serveWith(k.t, k.cfg, []string{killAt + "=" + step})
	k.crashes.check(p)
	return p
}

// kill lets a request of a kind kill the program in a step.
func (k *killer) kill(step, kind string) {
	k.t.Helper()
	p := k.check(step)
	k.n++
	rng := rand.New(rand.NewPCG(uint64(k.n), 1))
	if kind == "delete" && !k.one(p, "index", rng, fmt.Sprint("before-", k.n)) {
		k.t.Fatal("a request before the last one has no answer")
	}
	var others sync.WaitGroup
	if k.crowd != nil {
		for client := range 3 {
			own := rand.New(rand.NewPCG(k.crowd.Uint64(), 2))
			others.Go(func() {
				for i := 0; k.one(p, kinds[own.IntN(len(kinds))], own, fmt.Sprintf("%d-%d-%d", k.n, client, i)); i++ {
				}
			})
		}
	}
	k.one(p, kind, rng, fmt.Sprint(last, k.n))
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	select {
	case err := <-p.ended:
		p.ended <- err
	case <-deadline.C:
		k.t.Errorf("a request of kind %s did not come by the step %q", kind, step)
	}
	p.kill()
	others.Wait()
}

// mortal kills the process in its step, once a request whose id begins with last has arrived.
type mortal struct {
	step    string
	id      atomic.Pointer[string]
	appends atomic.Int32
	begun   atomic.Bool // the first append is durable
	taken   atomic.Bool // the sink has the events
}

// runMortal is the program with a deadly step; its arguments are those of serve.
func runMortal(step string) int {
	cfg, err := config.Load(config.Source{File: os.Args[len(os.Args)-1], Getenv: os.Getenv})
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	m := &mortal{step: step}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := app.Open(ctx, cfg, log, app.Seams{
		LogFS:    mortalFS{wal.OS(), m, m.logFile},
		EngineFS: mortalFS{wal.OS(), m, m.engineFile},
		Front:    m.front,
		Gateway: func(o *gateway.Options) {
			o.Authn = mortalAuthn{o.Authn, m}
			o.Audit = mortalRecorder{o.Audit, m}
			o.Cluster = m.cluster(o.Cluster)
		},
		Sink: func(to audit.Sink) audit.Sink { return mortalSink{to, m} },
	})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		log.Error("ended", "error", err)
		return 1
	}
	return 0
}

// at is called in every step.
func (m *mortal) at(step string) {
	if step != m.step || m.id.Load() == nil {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// logFile and engineFile say how a step with a file of that name is called; "" if it is none.
func (m *mortal) logFile(name string) string {
	switch {
	case strings.HasSuffix(name, ".cursor") && m.taken.Load():
		return "cursor "
	case strings.HasSuffix(name, ".wal") && m.appends.Load() > 0:
		return "log "
	}
	return ""
}

func (m *mortal) engineFile(name string) string {
	if strings.HasSuffix(name, ".wal") && m.begun.Load() && !m.taken.Load() {
		return "engine "
	}
	return ""
}

func (m *mortal) front(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Opaque-Id")
		if !strings.HasPrefix(id, last) {
			h.ServeHTTP(w, r)
			return
		}
		m.id.Store(&id)
		m.at("received")
		h.ServeHTTP(mortalWriter{w, m}, r.WithContext(context.WithValue(r.Context(), mortalKey{}, true)))
		_ = http.NewResponseController(w).Flush() // what cannot be sent need not be
		m.at("answered")
	})
}

type mortalKey struct{}

func (m *mortal) cluster(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ours := r.Context().Value(mortalKey{}) != nil
		if ours {
			m.at("forwarded")
		}
		h.ServeHTTP(w, r)
		if ours {
			m.at("done")
		}
	})
}

type mortalWriter struct {
	http.ResponseWriter
	m *mortal
}

func (w mortalWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w mortalWriter) WriteHeader(status int) {
	w.m.at("before first byte")
	w.ResponseWriter.WriteHeader(status)
}

func (w mortalWriter) Write(p []byte) (int, error) {
	if w.m.step == "before last byte" {
		_, _ = w.ResponseWriter.Write(p[:len(p)-1])
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		w.m.at("before last byte")
	}
	return w.ResponseWriter.Write(p)
}

type mortalAuthn struct {
	authn.Authenticator
	m *mortal
}

func (a mortalAuthn) Authenticate(ctx context.Context, r *http.Request) (*authn.Principal, error) {
	p, err := a.Authenticator.Authenticate(ctx, r)
	if ctx.Value(mortalKey{}) != nil {
		a.m.at("authenticated")
	}
	return p, err
}

type mortalRecorder struct {
	gateway.Recorder
	m *mortal
}

// count names the append of a request and calls f between the steps before and after it.
func (r mortalRecorder) count(ctx context.Context, f func() error) error {
	if ctx.Value(mortalKey{}) == nil {
		return f()
	}
	n := r.m.appends.Add(1)
	r.m.at(fmt.Sprint("before append ", n))
	err := f()
	r.m.begun.Store(true)
	r.m.at(fmt.Sprint("after append ", n))
	return err
}

func (r mortalRecorder) Record(ctx context.Context, events ...*audit.Event) error {
	return r.count(ctx, func() error { return r.Recorder.Record(ctx, events...) })
}

func (r mortalRecorder) Begin(ctx context.Context, in audit.Intent, events ...*audit.Event) (k audit.Ticket, err error) {
	err = r.count(ctx, func() error {
		k, err = r.Recorder.Begin(ctx, in, events...)
		return err
	})
	return k, err
}

func (r mortalRecorder) End(ctx context.Context, k audit.Ticket, events ...*audit.Event) error {
	return r.count(ctx, func() error { return r.Recorder.End(ctx, k, events...) })
}

type mortalSink struct {
	audit.Sink
	m *mortal
}

// Write knows the events of the last request by its id, which is in their headers or names a document.
func (s mortalSink) Write(ctx context.Context, batch []audit.Entry) error {
	ours := false
	if id := s.m.id.Load(); id != nil {
		for _, e := range batch {
			ours = ours || bytes.Contains(e.Doc, []byte(*id))
		}
	}
	if ours {
		s.m.at("before delivery")
	}
	err := s.Sink.Write(ctx, batch)
	if ours && err == nil {
		s.m.at("after delivery")
		s.m.taken.Store(true)
	}
	return err
}

// mortalFS has a step after each write and each sync of the files that named knows.
type mortalFS struct {
	wal.FS
	m     *mortal
	named func(file string) string
}

func (f mortalFS) OpenFile(name string, flag int) (wal.File, error) {
	file, err := f.FS.OpenFile(name, flag)
	// A new file gets its own name only later.
	return mortalFile{file, f, strings.TrimSuffix(filepath.Base(name), ".tmp")}, err
}

type mortalFile struct {
	wal.File
	fs   mortalFS
	name string
}

func (f mortalFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	f.step("written")
	return n, err
}

func (f mortalFile) Sync() error {
	err := f.File.Sync()
	f.step("synced")
	return err
}

func (f mortalFile) step(what string) {
	if named := f.fs.named(f.name); named != "" {
		f.fs.m.at(named + what)
	}
}
