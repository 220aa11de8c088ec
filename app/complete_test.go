package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vigil/app/apptest"
)

// roundsPerFolder is how often the program dies on the same data in the long form: every round reads all events.
const roundsPerFolder = 20

// TestEveryAnsweredRequestIsRecordedOnce sends random requests from several clients, kills the program at a random moment,
// starts it again, and wants of every answered request its events, once, and of every acknowledged write its document.
// VIGIL_TEST_ROUNDS=1000 makes it long.
func TestEveryAnsweredRequestIsRecordedOnce(t *testing.T) {
	t.Parallel()
	rounds := number(t, "VIGIL_TEST_ROUNDS", 3)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	kills, sent, answered := 0, 0, 0
	for folder := 0; kills < rounds; folder++ {
		t.Run(fmt.Sprint("folder ", folder), func(t *testing.T) {
			cfg := apptest.Config(t)
			apptest.Prepare(t, cfg)
			p := serve(t, cfg)
			c := newCrashes(t, p)
			for range min(roundsPerFolder, rounds-kills) {
				c.send(p, rand.New(rand.NewPCG(seed, uint64(kills))), kills)
				kills++
				p = serve(t, cfg)
				c.check(p)
			}
			sent, answered = sent+len(c.sent), answered+c.answered()
			if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if status := p.wait(); status != 0 {
				t.Errorf("the program ended with status %d after an interrupt", status)
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d requests, of which %d were answered", kills, sent, answered)
}

// crashes is what the clients know of what they sent.
type crashes struct {
	t *testing.T

	mu   sync.Mutex
	sent []*attempt
	docs map[string]*fate
}

// newCrashes makes what the requests need.
func newCrashes(t *testing.T, p *process) *crashes {
	t.Helper()
	p.must("PUT", "/_plugins/_security/api/internalusers/norole", `{"hash":"`+apptest.Hash(t, apptest.Password)+`"}`)
	p.must("PUT", "/docs", `{"settings":{"number_of_shards":2}}`)
	p.must("PUT", "/watched", `{}`)
	p.must("PUT", "/_plugins/_security/api/audit/config", strings.Replace(apptest.Everything,
		`"internal_config"`, `"read_watched_fields":{"watched":["*"]},"internal_config"`, 1))
	return &crashes{t: t, docs: map[string]*fate{}}
}

// attempt is a request whose events can be told from all others.
type attempt struct {
	what     string
	answered bool
	role     string // that it makes
	// events are what its events are known by; each must be there once, or at most once if there was no answer.
	events []string
}

// fate is what a document must be: its sources are all those that it may have, "" is none.
type fate struct {
	may []string
	// by is the request that wrote it, removed whether another one was to delete it.
	by      string
	removed bool
}

// kinds are what is sent, the frequent ones twice.
var kinds = []string{"index", "index", "bulk", "delete", "failed login", "denied", "config", "get"}

// send lets clients send until the program is killed, which happens after a random number of answers.
func (c *crashes) send(p *process, rng *rand.Rand, round int) {
	var (
		clients sync.WaitGroup
		answers = make(chan struct{})
		gone    = make(chan struct{})
	)
	for client := range 6 {
		own := rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
		clients.Go(func() {
			for n := 0; ; n++ {
				if !c.one(p, kinds[own.IntN(len(kinds))], own, fmt.Sprintf("%d-%d-%d", round, client, n)) {
					return
				}
				select {
				case answers <- struct{}{}:
				case <-gone:
				}
			}
		})
	}
	enough := 40 + rng.IntN(200)
	for range enough {
		<-answers
	}
	close(gone)
	p.kill()
	clients.Wait()
}

// one sends a request and notes what it must leave behind. It reports whether there was an answer.
func (c *crashes) one(p *process, kind string, rng *rand.Rand, id string) bool {
	user, password, method, path, body := "admin", apptest.Password, "PUT", "", ""
	want := http.StatusCreated
	a := &attempt{}
	source := `{"id":"` + id + `"}`
	var written, removed []string
	write := func(doc string) {
		written = append(written, doc)
		a.events = append(a.events, writeEvent(doc, "CREATE"))
	}
	switch kind {
	case "index":
		path, body = "/docs/_doc/"+id, source
		write(id)
		a.events = append(a.events, "GRANTED_PRIVILEGES indices:data/write/index "+id)
	case "bulk":
		method, path, want = "POST", "/_bulk", http.StatusOK
		var lines strings.Builder
		for i := range 1 + rng.IntN(5) {
			doc := id + "." + strconv.Itoa(i)
			fmt.Fprintf(&lines, `{"create":{"_index":"docs","_id":%q}}`+"\n%s\n", doc, source)
			write(doc)
		}
		body = lines.String()
	case "delete":
		doc := c.random(rng)
		if doc == "" {
			return true
		}
		method, path, want = "DELETE", "/docs/_doc/"+doc, http.StatusOK
		removed = append(removed, doc)
		a.events = append(a.events, writeEvent(doc, "DELETE"))
	case "failed login":
		user, password, method, path, want = "ghost-"+id, "wrong", "GET", "/", http.StatusUnauthorized
		a.events = append(a.events, "FAILED_LOGIN "+user)
	case "denied":
		user, method, path, want = "norole", "POST", "/secret-"+id+"/_search", http.StatusForbidden
		a.events = append(a.events, "MISSING_PRIVILEGES indices:data/read/search secret-"+id)
	case "config":
		path, body = "/_plugins/_security/api/roles/role-"+id, `{"cluster_permissions":["cluster_monitor"]}`
		a.events, a.role = append(a.events, "GRANTED_PRIVILEGES "+path), "role-"+id
	case "read":
		p.must("PUT", "/watched/_doc/"+id, source)
		method, path, want = "GET", "/watched/_doc/"+id, http.StatusOK
		a.events = append(a.events, "GRANTED_PRIVILEGES indices:data/read/get "+id, "COMPLIANCE_DOC_READ "+id)
	case "get":
		method, path, want = "GET", "/docs/_doc/absent-"+id, http.StatusNotFound
		a.events = append(a.events, "GRANTED_PRIVILEGES indices:data/read/get absent-"+id)
	}
	a.what = method + " " + path
	c.begin(a, written, removed, source)
	reply, err := p.sendAs(id, user, password, method, path, body)
	if err != nil {
		return false
	}
	if reply.Status != want {
		c.t.Errorf("%s: answered %d %s, want %d", a.what, reply.Status, reply.Body, want)
	}
	if strings.Contains(string(reply.Body), `"errors":true`) {
		c.t.Errorf("%s: answered %s", a.what, reply.Body)
	}
	c.end(a, written, removed, source)
	return true
}

func writeEvent(doc, operation string) string { return "COMPLIANCE_DOC_WRITE " + operation + " " + doc }

// random takes a document that is there and that nobody else is about to delete.
func (c *crashes) random(rng *rand.Rand) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var free []string
	for id, f := range c.docs {
		if len(f.may) == 1 && f.may[0] != "" {
			free = append(free, id)
		}
	}
	if len(free) == 0 {
		return ""
	}
	id := free[rng.IntN(len(free))]
	c.docs[id].may = append(c.docs[id].may, "")
	return id
}

// begin notes what may happen from now on.
func (c *crashes) begin(a *attempt, written, removed []string, source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, a)
	for _, id := range written {
		c.docs[id] = &fate{may: []string{"", source}, by: a.what + " " + written[0]}
	}
	for _, id := range removed {
		c.docs[id].may, c.docs[id].removed = []string{"", c.docs[id].may[0]}, true
	}
}

// end notes what has happened.
func (c *crashes) end(a *attempt, written, removed []string, source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.answered = true
	for _, id := range written {
		c.docs[id].may = []string{source}
	}
	for _, id := range removed {
		c.docs[id].may = []string{""}
	}
}

// check compares what is in the audit index and in the engine with what the clients know.
func (c *crashes) check(p *process) {
	c.t.Helper()
	eventually(c.t, func() error {
		seen, err := c.events(p)
		if err != nil {
			return err
		}
		for _, a := range c.sent {
			for _, e := range a.events {
				if n := seen[e]; n != 1 && (a.answered || n > 1) {
					return fmt.Errorf("%s (answered: %v) has %d events %q, want 1", a.what, a.answered, n, e)
				}
			}
		}
		return errors.Join(c.documents(p, seen), c.roles(p, seen))
	})
}

// roles compares the security configuration: a role that is there was granted and its write was recorded, answered or not.
func (c *crashes) roles(p *process, seen map[string]int) error {
	var there map[string]any
	p.must("GET", "/_plugins/_security/api/roles", "").JSON(c.t, &there)
	made := 0
	for _, a := range c.sent {
		if a.role == "" {
			continue
		}
		if there[a.role] == nil {
			if a.answered {
				return fmt.Errorf("role %s was acknowledged and is not there", a.role)
			}
			continue
		}
		made++
		if seen[a.events[0]] != 1 {
			return fmt.Errorf("role %s is there and has %d events %q", a.role, seen[a.events[0]], a.events[0])
		}
	}
	known, unknown := seen["COMPLIANCE_INTERNAL_CONFIG_WRITE roles"], seen["COMPLIANCE_INTERNAL_CONFIG_WRITE roles unknown"]
	if known > made || made > known+unknown {
		return fmt.Errorf("%d roles were made; %d events tell of it for sure, %d perhaps", made, known, unknown)
	}
	return nil
}

// documents compares the engine. What is there without an answer must have its event all the same.
func (c *crashes) documents(p *process, seen map[string]int) error {
	there := map[string]string{}
	for hit, err := range all(p, "docs") {
		if err != nil {
			return err
		}
		there[hit.ID] = string(hit.Source)
	}
	bodies, unexplained := maps.Clone(there), map[string]bool{}
	for id, f := range c.docs {
		got, fits := there[id], false
		for _, may := range f.may {
			fits = fits || got == may
		}
		if !fits {
			c.t.Fatalf("document %s is %q, want one of %q", id, got, f.may)
		}
		if got != "" && seen[writeEvent(id, "CREATE")] == 0 {
			unexplained[f.by] = true
		}
		if got == "" && f.removed && seen[writeEvent(id, "DELETE")] == 0 {
			unexplained["the delete of "+id] = true
		}
		delete(there, id)
	}
	if len(unexplained) > seen["unknown"] {
		return fmt.Errorf("what %d requests did is recorded nowhere, or only by %d events that do not know: %v", len(unexplained), seen["unknown"], unexplained)
	}
	for id, f := range c.docs {
		f.may, f.removed = []string{bodies[id]}, f.removed && bodies[id] == ""
	}
	if len(there) > 0 {
		c.t.Fatalf("documents that nobody wrote: %v", there)
	}
	return nil
}

func (c *crashes) answered() (n int) {
	for _, a := range c.sent {
		if a.answered {
			n++
		}
	}
	return n
}

// events counts the events by what they are known by. Ids must be unique over all runs.
func (c *crashes) events(p *process) (map[string]int, error) {
	seen, ids := map[string]int{}, map[string]bool{}
	for hit, err := range all(p, "security-auditlog-*") {
		if err != nil {
			return nil, err
		}
		if ids[hit.ID] {
			return nil, fmt.Errorf("the id %s is there twice", hit.ID)
		}
		ids[hit.ID] = true
		var e apptest.Event
		if err := json.Unmarshal(hit.Source, &e); err != nil {
			return nil, err
		}
		key := e.Text("audit_category")
		switch key {
		case "FAILED_LOGIN":
			key += " " + e.Text("audit_request_effective_user")
		case "COMPLIANCE_DOC_WRITE":
			key += " " + e.Text("audit_compliance_operation") + " " + e.Text("audit_trace_doc_id")
			if e.Text("audit_vigil_recovered") == "unknown" {
				key = "unknown"
			}
		case "COMPLIANCE_DOC_READ":
			key += " " + e.Text("audit_trace_doc_id")
		case "COMPLIANCE_INTERNAL_CONFIG_WRITE":
			key += " " + e.Text("audit_trace_doc_id")
			if e.Text("audit_vigil_recovered") == "unknown" {
				key += " unknown"
			}
		case "GRANTED_PRIVILEGES":
			switch {
			case e.Text("audit_request_layer") == "REST":
				key += " " + e.Text("audit_rest_request_path")
			default:
				key += " " + e.Text("audit_request_privilege") + " " + e.Text("audit_trace_doc_id")
			}
		case "MISSING_PRIVILEGES":
			indices, _ := e["audit_trace_indices"].([]any)
			key += " " + e.Text("audit_request_privilege") + " " + strings.Trim(fmt.Sprint(indices), "[]")
		}
		seen[key]++
	}
	return seen, nil
}

// hit is a document.
type hit struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

// all yields every document of some indices, a scroll page at a time.
func all(p *process, indices string) func(func(hit, error) bool) {
	return func(yield func(hit, error) bool) {
		path, body := "/"+indices+"/_search?scroll=1m", `{"size":5000,"sort":["_doc"]}`
		for {
			a, err := p.send("admin", apptest.Password, "POST", path, body)
			if err == nil && a.Status != http.StatusOK {
				err = errors.New(string(a.Body))
			}
			var page struct {
				Scroll string `json:"_scroll_id"`
				Hits   struct {
					Hits []hit `json:"hits"`
				} `json:"hits"`
			}
			if err == nil {
				err = json.Unmarshal(a.Body, &page)
			}
			if err != nil {
				yield(hit{}, fmt.Errorf("read %s: %w", indices, err))
				return
			}
			for _, h := range page.Hits.Hits {
				if !yield(h, nil) {
					return
				}
			}
			if len(page.Hits.Hits) == 0 {
				if a, err := p.send("admin", apptest.Password, "DELETE", "/_search/scroll", `{"scroll_id":"`+page.Scroll+`"}`); err != nil || a.Status != http.StatusOK {
					yield(hit{}, fmt.Errorf("clear the scroll: %s: %w", a.Body, err))
				}
				return
			}
			path, body = "/_search/scroll", `{"scroll":"1m","scroll_id":"`+page.Scroll+`"}`
		}
	}
}
