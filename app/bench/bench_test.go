package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPercentile(t *testing.T) {
	f := func(values []int, p float64, want int) {
		t.Helper()
		if got := percentile(values, p); got != want {
			t.Errorf("percentile(%v, %v) = %d, want %d", values, p, got, want)
		}
	}
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	f([]int{7}, 0.5, 7)
	f([]int{3, 1, 2}, 0.5, 2)
	f([]int{4, 3, 2, 1}, 0.5, 2)
	f(hundred, 0.99, 99)
	f(hundred, 1, 100)
	f(hundred[:25], 0.99, 100)
	f(hundred, 0, 1)
}

func TestMedian(t *testing.T) {
	f := func(s sample, want float64) {
		t.Helper()
		if got := s.median(); got != want {
			t.Errorf("median of %v = %v, want %v", s, got, want)
		}
	}
	f(nil, 0)
	f(sample{2}, 2)
	f(sample{9, 1, 2}, 2)
	f(sample{4, 1, 9, 2}, 3)
}

func TestRowsAlign(t *testing.T) {
	var out strings.Builder
	figure{what: "a", must: "≤ 1 µs", is: "0.5 µs", met: true}.write(&out)
	figure{what: "b", must: "<= 1 us", is: "3.5 us"}.write(&out)
	lines := strings.Split(out.String(), "\n")
	at := func(line, sub string) int { return len([]rune(line[:strings.Index(line, sub)])) }
	if got, want := at(lines[0], "yes"), at(lines[1], "no"); got != want {
		t.Errorf("the last column begins at %d and at %d:\n%s", got, want, &out)
	}
}

func TestWrongCallsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-long"}, {"log"}} {
		var out, errs bytes.Buffer
		if got := run(t.Context(), args, &out, &errs); got != 2 || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%v: status %d, output %q, errors %q, want 2 and an error", args, got, &out, &errs)
		}
	}
}

// inProcess serves like a child, in this process, and connects the clients.
func inProcess(t *testing.T, mode string, r request) *loaded {
	t.Helper()
	l := serveInProcess(t, mode, r)
	if err := l.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

func serveInProcess(t *testing.T, mode string, r request) *loaded {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := serve(ctx, mode, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	in, commands := io.Pipe()
	answers, out := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			answer, err := s.obey(lines.Text())
			if err != nil {
				answer = err.Error()
			}
			io.WriteString(out, answer+"\n")
		}
	}()
	l := &loaded{child: &child{url: s.url, in: commands, out: bufio.NewScanner(answers)}, load: newLoad(s.url, r)}
	t.Cleanup(func() {
		commands.Close()
		l.disconnect()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

// What is measured must have happened: events are made, durable, delivered and found.
func TestAuditedServersDoWhatIsMeasured(t *testing.T) {
	t.Setenv(passwordVar, adminPassword)
	for _, mode := range []string{modeFile, modeVigil} {
		t.Run(mode, func(t *testing.T) {
			w := &watched{loaded: serveInProcess(t, mode, termSearch())}
			w.admin = newClient(w.child.url, nil)
			defer w.admin.http.CloseIdleConnections()
			if err := w.begin(t.Context(), auditAll); err != nil {
				t.Fatal(err)
			}
			if got, err := w.burst(t.Context(), 1); err != nil || got.events != 2 {
				t.Errorf("a search made %v events, %v; want 2", got.events, err)
			}
			if err := w.admin.audits(t.Context(), auditConfig(auditAll, []string{bulkIndex}, nil)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.bulkRound(t.Context(), 1); err != nil {
				t.Error(err)
			}
			if mode == modeFile {
				return
			}
			if _, err := w.delays(t.Context(), 50*time.Millisecond, 100, time.Millisecond); err != nil {
				t.Error(err)
			}
			if err := w.admin.fill(t.Context(), readIndex, bulkItems); err != nil {
				t.Fatal(err)
			}
			if _, err := w.readRound(t.Context()); err == nil {
				t.Error("a search that made no read events went unnoticed")
			}
			if err := w.admin.watchReads(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := w.readRound(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServersAnswerTheSameAndRecordWhatIsSaid(t *testing.T) {
	for _, r := range []request{searchRequest(), putRequest()} {
		t.Run(r.name, func(t *testing.T) {
			plain := inProcess(t, modePlain, r)
			for mode, events := range map[string]uint64{modeAudited: 1, modeDefault: 0} {
				g := inProcess(t, mode, r)
				if err := sameHeaders(g.header, plain.header); err != nil {
					t.Error(err)
				}
				if _, err := g.round(t.Context(), 3, events); err != nil {
					t.Errorf("%s: %v", mode, err)
				}
				if _, err := g.round(t.Context(), 1, events+1); err == nil {
					t.Errorf("%s: a wrong number of events went unnoticed", mode)
				}
			}
		})
	}
}

func TestMessagesAreKeptByTheirText(t *testing.T) {
	in, err := newInbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, text := range []string{"intruder000", "intruder001", "intruder001"} {
		in.ServeHTTP(newRecorder(text))
	}
	for text, want := range map[string]int{"intruder000": 1, "intruder001": 2, "intruder00": 0} {
		if got := in.wait(t.Context(), text, want, 0); len(got) != want {
			t.Errorf("%d messages %s, want %d", len(got), text, want)
		}
	}
}

func TestCopyTokensCopies(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, `{"a":[1,2.50,{"b":null}],"c":{"d":"é\"<"},"e":true}`, `[[],{},[{"x":[]}],""]`} {
		var got bytes.Buffer
		if err := copyTokens(&got, []byte(text)); err != nil || got.String() != text {
			t.Errorf("copied %s, %v; want %s", &got, err, text)
		}
	}
	if err := copyTokens(&bytes.Buffer{}, []byte(`{"a":`)); err == nil {
		t.Error("what ends early was copied")
	}
}

// What is measured when a large answer is read must have been read, and its events made; without that it streams.
func TestLargeAnswersAreReadWhereWatched(t *testing.T) {
	b := &bench{dir: t.TempDir()}
	for _, tt := range []struct {
		watched map[string][]string
		whole   bool
	}{
		{map[string][]string{indexName: {"owner"}}, true},
		{nil, false},
	} {
		l, err := b.openLarge("large", largeAnswer(), tt.watched)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.ask(t.Context()); err != nil {
			t.Error(err)
		}
		if whole := l.held == len(l.answer); whole != tt.whole || !whole && l.held > mayHold {
			t.Errorf("watched %v: %d of %d bytes were held", tt.watched, l.held, len(l.answer))
		}
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}
}

func newRecorder(body string) (http.ResponseWriter, *http.Request) {
	return httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
}
