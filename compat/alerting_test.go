package compat

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
	"vigil/config"
)

const alertingDir = "scenarios/alerting/golden"

// knownAlerting are the interactions that are not as recorded, by file and step, and why.
var knownAlerting = map[[2]string]string{
	{channels, "features"}:    "there are more kinds of channels",
	{channels, "list"}:        "declared: secrets are not answered",
	{channels, "list-filter"}: "declared: secrets are not answered",

	{destinations, "destination-create"}:        "declared: destinations can be written",
	{destinations, "destination-create-legacy"}: "declared: destinations can be written",
	{destinations, "destination-put"}:           "declared: destinations can be written",
	{destinations, "destination-delete"}:        "declared: destinations can be written",
	{destinations, "destination-get-missing"}:   "follows from destination-create: the index of monitors is there",
	{destinations, "email-accounts-search"}:     "follows from destination-create",
	{destinations, "email-groups-search"}:       "follows from destination-create",
	{monitors, "search-before-any"}:             "follows from destination-create",
}

const (
	channels     = "01-notifications-channels.json"
	destinations = "02-destinations.json"
	monitors     = "03-monitor-crud-execute.json"
)

// listener plays the receivers of record_alerting.py.
type listener struct {
	mu  sync.Mutex
	got []hook
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h := hook{Method: r.Method, Path: r.URL.RequestURI(), Headers: map[string]string{}, Body: string(body)}
	for name := range r.Header {
		h.Headers[name] = r.Header.Get(name)
	}
	l.mu.Lock()
	l.got = append(l.got, h)
	l.mu.Unlock()
	status := http.StatusOK
	if strings.Contains(h.Path, "/fail") {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"from":"listener"}`)
}

// take returns what came since it was last asked.
func (l *listener) take() []hook {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.got
	l.got = nil
	return got
}

// alertingReplayer sends the recorded requests to a program of its own. Ids that the node made up are ours in later requests.
type alertingReplayer struct {
	*replayer
	hooks *listener
	port  string
	ids   *pairing
}

func newAlertingReplayer(t *testing.T) *alertingReplayer {
	t.Helper()
	hooks := &listener{}
	server := httptest.NewServer(hooks)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	certs := apptest.NewTLS(t)
	s := apptest.Start(t, func(c *config.Config) {
		certs.Apply(c)
		c.ClusterName = "peer"
		c.Notify.AllowNetworks = []string{"127.0.0.0/8"}
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &alertingReplayer{&replayer{t: t, client: &client{address: u.Host, tls: certs}}, hooks, port, newPairing()}
	p.build(scenario{})
	p.configure(nil)
	for range 7 { // events for the monitors to find
		if _, err := p.client.send(t.Context(), &request{Method: "GET", Path: "/_cluster/health"}, nil, "root1", "wrong"); err != nil {
			t.Fatal(err)
		}
	}
	p.wait(7, `{"term":{"audit_category.keyword":"FAILED_LOGIN"}}`)
	return p
}

var recordedPort = regexp.MustCompile(`127\.0\.0\.1:34803`)

// ours puts our ids and port in for the recorded ones.
func (p *alertingReplayer) ours(text string) string {
	for recorded, own := range p.ids.to {
		text = strings.ReplaceAll(text, recorded, own)
	}
	return recordedPort.ReplaceAllString(text, "127.0.0.1:"+p.port)
}

// replaySequence sends the requests of a recording, and compares answers and messages step by step.
func (p *alertingReplayer) replaySequence(golden *sequence) (*sequence, map[string]string) {
	p.t.Helper()
	run := &sequence{Sequence: golden.Sequence, Server: golden.Server}
	different := map[string]string{}
	theirs := newAlertingSide(golden.Steps)
	for i := range golden.Steps {
		want := &golden.Steps[i]
		got := interaction{ID: want.ID, Seconds: want.Seconds}
		if want.Request == nil {
			p.runSchedule(golden.Steps[:i], want.Seconds)
		} else {
			got.Request, got.Response = p.send(want.Request)
		}
		got.Hooks = p.hooks.take()
		run.Steps = append(run.Steps, got)
		own := newAlertingSide(run.Steps)
		ids := p.ids.clone()
		if why := compareInteraction(theirs, own, want, &got, ids); why != "" {
			different[want.ID] = why
			ids = p.ids.clone()
			p.learn(theirs, own, want, &got, ids)
		}
		p.ids = ids
		if want.Request != nil && strings.HasPrefix(want.ID, "create ") && got.Response.Status == http.StatusCreated {
			p.admin(request{Method: "DELETE", Path: "/_plugins/_alerting/monitors/" + idOf(p.t, got.Response.Body)})
		}
	}
	return run, different
}

// learn pairs the ids of an answer that is not as recorded, so that later steps can still be sent.
func (p *alertingReplayer) learn(theirs, own *alertingSide, want, got *interaction, ids *pairing) {
	if want.Response == nil || got.Response == nil || want.Response.Status != got.Response.Status {
		return
	}
	g, o := theirs.body(want.Response.Body, want.Request), own.body(got.Response.Body, got.Request)
	a, aok := g.(object)
	b, bok := o.(object)
	if aok && bok && a["_id"] != nil && b["_id"] != nil {
		ids.same(a["_id"], b["_id"])
	}
}

func idOf(t *testing.T, body string) string {
	t.Helper()
	var doc struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.ID
}

func (p *alertingReplayer) send(q *asked) (*asked, *answered) {
	p.t.Helper()
	own := &asked{User: q.User, Method: q.Method, Path: p.ours(q.Path), Body: json.RawMessage(p.ours(string(q.Body)))}
	r := request{Method: own.Method, Path: own.Path, Body: own.Body}
	a, err := p.client.send(p.t.Context(), &r, nil, q.User, users[q.User].password)
	if err != nil {
		p.t.Fatalf("%s %s: %v", own.Method, own.Path, err)
	}
	return own, &answered{a.status, a.header.Get("Content-Type"), a.body}
}

// runSchedule runs the monitors of a sequence as often as the clock would have in so many seconds.
func (p *alertingReplayer) runSchedule(before []interaction, seconds int) {
	p.t.Helper()
	for range seconds / 60 {
		for _, s := range before {
			if s.Request == nil || s.Response.Status != http.StatusCreated || !strings.Contains(s.Response.Body, `"enabled":true`) {
				continue
			}
			path := "/_plugins/_alerting/monitors/" + p.ours(idOf(p.t, s.Response.Body)) + "/_execute"
			if a := p.admin(request{Method: "POST", Path: path}); a.status != http.StatusOK {
				p.t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
}

// compareInteraction returns how a step differs from the recording, "" if it does not.
func compareInteraction(theirs, own *alertingSide, want, got *interaction, ids *pairing) string {
	if want.Response != nil {
		if want.Response.Status != got.Response.Status {
			return fmt.Sprintf("status %d != %d", want.Response.Status, got.Response.Status)
		}
		if why := ids.same(theirs.body(want.Response.Body, want.Request), own.body(got.Response.Body, got.Request)); why != "" {
			return why
		}
		kind := func(a *answered) string {
			k, _, _ := strings.Cut(a.ContentType, ";")
			return strings.ToLower(k)
		}
		if kind(want.Response) != kind(got.Response) {
			return fmt.Sprintf("content type %s != %s", kind(want.Response), kind(got.Response))
		}
	}
	var g, o []any
	for _, h := range want.Hooks {
		g = append(g, theirs.hook(h))
	}
	for _, h := range got.Hooks {
		o = append(o, own.hook(h))
	}
	return ids.sameSet(g, o)
}

func alertingGoldens(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(alertingDir, "0*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("recordings: %d, %v", len(files), err)
	}
	return files
}

// TestAlerting replays everything that was recorded of alerting and notifications, in the order in which it was, against one
// program, and fails for every interaction that differs and is not known, and for every known one that no longer does. Where
// there is Python the original differ has to come to the same.
func TestAlerting(t *testing.T) {
	t.Parallel()
	p := newAlertingReplayer(t)
	dir := t.TempDir()
	var ours []string
	total := 0
	for _, file := range alertingGoldens(t) {
		golden := new(sequence)
		readJSON(t, file, golden)
		name := filepath.Base(file)
		run, different := p.replaySequence(golden)
		total += len(golden.Steps)
		for _, s := range golden.Steps {
			why, differs := different[s.ID]
			known, ok := knownAlerting[[2]string{name, s.ID}]
			switch {
			case differs && !ok:
				t.Errorf("%s %s: %.600s", name, s.ID, strings.NewReplacer("\x01", "", "\x02", "").Replace(why))
			case !differs && ok:
				t.Errorf("%s %s is as recorded now, but known not to be: %s", name, s.ID, known)
			}
			if differs {
				ours = append(ours, name+" "+s.ID)
			}
		}
		b, err := json.Marshal(run)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d interactions are as recorded", total-len(ours), total)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Logf("not compared with the original differ: %v", err)
		return
	}
	out, err := exec.CommandContext(t.Context(), python, "scenarios/alerting/diff_alerting.py", alertingDir, dir).Output()
	if len(out) == 0 {
		t.Fatalf("differ: %v", err)
	}
	var theirs []string
	for _, m := range regexp.MustCompile(`(?m)^(\S+\.json [^:\n]+): `).FindAllSubmatch(out, -1) {
		theirs = append(theirs, string(m[1]))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("interactions that differ (-original differ +ours):\n%s\n%s", diff, out)
	}
}

// TestAlertingRulesFindDifferences makes sure that the rules leave something to compare: a recording is equal to itself, and no
// longer when a word of an answer or of a message is another.
func TestAlertingRulesFindDifferences(t *testing.T) {
	for _, file := range alertingGoldens(t) {
		golden, changed := new(sequence), new(sequence)
		readJSON(t, file, golden)
		readJSON(t, file, changed)
		side := newAlertingSide(golden.Steps)
		for i := range golden.Steps {
			s, c := &golden.Steps[i], &changed.Steps[i]
			if why := compareInteraction(side, side, s, s, newPairing()); why != "" {
				t.Errorf("%s %s differs from itself: %s", file, s.ID, why)
			}
			switch {
			case len(c.Hooks) > 0:
				c.Hooks[0].Path += "x"
			case c.Response != nil && strings.Contains(c.Response.Body, `"reason":"`):
				c.Response.Body = strings.ReplaceAll(c.Response.Body, `"reason":"`, `"reason":"x`)
			case c.Response != nil && strings.Contains(c.Response.Body, `"name":"`):
				c.Response.Body = strings.ReplaceAll(c.Response.Body, `"name":"`, `"name":"x`)
			default:
				continue
			}
			if compareInteraction(side, side, s, c, newPairing()) == "" {
				t.Errorf("%s %s: a change is not noticed", file, s.ID)
			}
		}
	}
}
