package app_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// streamed is an event as a native stream has it.
type streamed struct {
	ID       string `json:"audit_vigil_id"`
	Sequence uint64 `json:"audit_vigil_sequence"`
	Category string `json:"audit_category"`
	Path     string `json:"audit_rest_request_path"`
	DocID    string `json:"audit_trace_doc_id"`
	Skipped  *struct {
		Sink          string
		FirstSequence uint64 `json:"first_sequence"`
		LastSequence  uint64 `json:"last_sequence"`
		Events        int
	} `json:"audit_vigil_skipped"`
	Gap *struct {
		Events, Requests int
		Exact            bool
	} `json:"audit_vigil_gap"`
}

// place is a webhook's receiver that can be down.
type place struct {
	mu   sync.Mutex
	down bool
	got  []streamed
	url  string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{down: true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		var list []streamed
		if p.down || err != nil || json.Unmarshal(b, &list) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		p.got = append(p.got, list...)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *place) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// fullServer is a server with a log of 64 MiB, a live file and a webhook whose receiver is down.
func fullServer(t *testing.T, p *place, onFull, onFailure string) *apptest.Server {
	t.Helper()
	s := apptest.Start(t, func(c *config.Config) {
		c.Audit.Log.MaxBytes, c.Audit.OnFailure = 64<<20, onFailure
		withSinks(t, c, `{lines: {type: file, path: all.json, max_size: 4gb, on_full: hold}, hook: {type: webhook, url: '`+p.url+`', on_full: `+onFull+`}}`)
	})
	s.Audit(apptest.Everything)
	s.Must("PUT", "/things/_doc/0", `{"a":"x"}`)
	return s
}

// largeDocument is the body of a request whose events take some MiB of the log.
var largeDocument = `{"a":"` + strings.Repeat("0123456789 ", 50<<10) + `"}`

// put stores a large document and returns the status.
func put(s *apptest.Server, i int) int {
	return s.Admin("PUT", fmt.Sprintf("/things/_doc/%d", i), largeDocument).Status
}

// fileLines returns what the live file has.
func fileLines(t *testing.T, s *apptest.Server) []streamed {
	t.Helper()
	f, err := os.Open(filepath.Join(s.Config.Data, "all.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []streamed
	for r := bufio.NewReaderSize(f, 1<<20); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return list
		}
		var e streamed
		if err == nil {
			err = json.Unmarshal(line, &e)
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
}

// unique returns the events by sequence number. An event that came twice counts once, as its receiver should do.
func unique(list []streamed) map[uint64]streamed {
	m := make(map[uint64]streamed, len(list))
	for _, e := range list {
		m[e.Sequence] = e
	}
	return m
}

func TestDeadSinkThatIsSkippedCostsNothingAtTheLimit(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := fullServer(t, p, "skip", "refuse")
	skipped := func() int {
		var list struct {
			Sinks []struct {
				Name    string
				Skipped int
			}
		}
		s.Must("GET", "/_vigil/sinks", nil).JSON(t, &list)
		return list.Sinks[1].Skipped
	}
	sent := 0
	for ; sent < 300 && (sent%10 != 0 || skipped() == 0); sent++ {
		if status := put(s, sent+1); status >= 300 {
			t.Fatalf("request %d was answered %d beside a sink that may be skipped", sent, status)
		}
	}
	p.set(false)
	recorded(t, s)
	all, got := unique(fileLines(t, s)), unique(p.got)
	gaps := 0
	for _, e := range all {
		g := e.Skipped
		if g == nil {
			continue
		}
		gaps++
		missing := 0
		for seq, e := range all {
			if seq < g.FirstSequence || seq > g.LastSequence || e.Category == "AUDIT_GAP" {
				continue
			}
			missing++
			if _, there := got[seq]; there {
				t.Errorf("event %d was delivered and is in the gap %+v", seq, *g)
			}
			delete(all, seq)
		}
		if g.Sink != "hook" || g.Events != missing {
			t.Errorf("got gap %+v, want %d events", *g, missing)
		}
	}
	if gaps == 0 || len(got) != len(all) {
		t.Errorf("after %d requests and %d gaps the sink has %d events, want the other %d", sent, gaps, len(got), len(all))
	}
}

func TestDeadSinkThatHoldsRefusesAtTheLimitAndRecovers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := fullServer(t, p, "hold", "refuse")
	served := 0
	for put(s, served+1) < 300 {
		if served++; served > 300 {
			t.Fatal("a log of 64 MiB took everything")
		}
	}
	if status := put(s, served+1); status != http.StatusServiceUnavailable {
		t.Fatalf("at the limit a request was answered %d", status)
	}
	if a := s.As("", "", "GET", "/_vigil/health", nil); a.Status == http.StatusOK {
		t.Errorf("health says %d %s though requests are refused", a.Status, a.Body)
	}
	p.set(false)
	eventually(t, func() error {
		if status := put(s, served+1); status >= 300 {
			return fmt.Errorf("still answered %d", status)
		}
		return nil
	})
	served++
	recorded(t, s)
	all, got := unique(fileLines(t, s)), unique(p.got)
	for seq, e := range all {
		if _, there := got[seq]; !there {
			t.Errorf("event %d (%s %s) is not there", seq, e.Category, e.Path)
		}
	}
	// A request that was refused may be told of; none that was served may be missing.
	writes := map[string]bool{}
	for _, e := range got {
		if e.Category == "COMPLIANCE_DOC_WRITE" {
			writes[e.ID] = true
		}
		if e.Skipped != nil || e.Gap != nil {
			t.Errorf("got a gap %+v %+v though nothing was dropped", e.Skipped, e.Gap)
		}
	}
	if len(writes) < served {
		t.Errorf("%d writes are told of, want the %d that were served", len(writes), served)
	}
}

func TestDeadSinkThatHoldsIsCountedUnderAllow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := fullServer(t, p, "hold", "allow")
	// behind counts the events behind a sequence number, which it returns anew, and adds up what gaps tell.
	behind := func(list map[uint64]streamed, from uint64) (events, missing, requests int, last uint64) {
		for seq, e := range list {
			last = max(last, seq)
			switch {
			case seq <= from:
			case e.Gap == nil:
				events++
			default:
				missing += e.Gap.Events
				requests += e.Gap.Requests
				if !e.Gap.Exact {
					t.Errorf("the gap %+v is not exact", *e.Gap)
				}
			}
		}
		return events, missing, requests, last
	}
	var begin uint64
	eventually(t, func() error {
		for _, e := range fileLines(t, s) {
			if e.Category == "COMPLIANCE_DOC_WRITE" && e.DocID == "0" {
				begin = e.Sequence
				return nil
			}
		}
		return errors.New("the first document is not told of")
	})
	const sent = 100
	for i := range sent {
		if status := put(s, i+1); status >= 300 {
			t.Fatalf("request %d was answered %d though requests are served", i, status)
		}
	}
	p.set(false)
	recorded(t, s)
	there, missing, requests, last := behind(unique(p.got), begin)
	if status := put(s, sent+1); status >= 300 {
		t.Fatalf("behind the gap a request was answered %d", status)
	}
	recorded(t, s)
	each, more, _, _ := behind(unique(p.got), last)
	if each == 0 || more > 0 || missing == 0 || there+missing != sent*each {
		t.Errorf("%d events are there and %d are told missing, want %d for %d requests together", there, missing, sent*each, sent)
	}
	if most := (missing + each - 1) / each; requests < most || requests > most+1 {
		t.Errorf("%d requests are told missing with %d events of %d each", requests, missing, each)
	}
	if got, want := len(unique(p.got)), len(unique(fileLines(t, s))); got != want {
		t.Errorf("the sink that was down has %d events, the live one %d", got, want)
	}
}
