package alerting

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/cluster"
	"vigil/engine"
)

var twinSeeds = flag.Int("twins", 6, "how many random worlds TestAlertsAreThoseOfATwin looks at")

// side is alerting of its own over the documents of an engine.
type side struct {
	store  *Store
	runner *Runner
	sched  *Scheduler
}

// Search implements [Searcher] over the engine, for everybody.
type engineSearcher struct{ *cluster.Client }

func (s engineSearcher) Search(ctx context.Context, _ *User, indices []string, body json.RawMessage) (json.RawMessage, error) {
	r, err := s.Do(ctx, "POST", cluster.Path(strings.Join(indices, ","), "_search"), nil, body)
	return r.Body, err
}

func newSide(t *testing.T, e *engine.Engine, prefix string) *side {
	client := cluster.NewClient(e)
	s := &side{store: NewStore(StoreOptions{Client: client, Indices: Indices{
		Config: prefix + "config", Alerts: prefix + "alerts", History: prefix + "history-", Channels: prefix + "channels", Findings: prefix + "findings-",
	}})}
	s.runner = NewRunner(RunnerOptions{Store: s.store, Searcher: engineSearcher{client}, Sender: &rig{t: t}})
	s.sched = NewScheduler(SchedulerOptions{Store: s.store, Runner: s.runner})
	return s
}

// run runs the scheduler until the test is over.
func (s *side) run(t *testing.T) (stop func()) {
	r := &rig{t: t, sched: s.sched}
	return r.start()
}

// raised tells of all alerts whose they are, what became of them, and when they began.
func (s *side) raised(t *testing.T) []string {
	t.Helper()
	alerts, _, err := s.store.Alerts(t.Context(), AlertQuery{SortField: "start_time", Order: "asc", Size: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range alerts {
		bucket := ""
		if a.Bucket != nil {
			bucket = fmt.Sprint(a.Bucket.Keys)
		}
		out = append(out, fmt.Sprintf("%s %s%s %s from %s", a.MonitorName, a.TriggerName, bucket, a.State, instant(a.StartTime)))
	}
	slices.Sort(out)
	return out
}

// world makes random monitors and documents.
type world struct{ *rand.Rand }

func (w world) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w world) word() string {
	return w.pick("alpha", "beta", "gamma", "Delta", "alpha beta", "x-1", "ünï", "10.0.0.1", "2026-11-21", "", "a_b", "false")
}

func (w world) number() string { return w.pick("0", "1", "2", "3.5", "-1", "1e3", "42") }

func (w world) value() string {
	switch w.IntN(8) {
	case 0:
		return "null"
	case 1:
		return fmt.Sprintf("[%q,%q]", w.word(), w.word())
	case 2:
		return "[]"
	default:
		return fmt.Sprintf("%q", w.word())
	}
}

func (w world) document() json.RawMessage {
	parts := []string{}
	add := func(format string, args ...any) {
		if w.IntN(4) > 0 {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(`"cat":%s`, w.value())
	add(`"user":{"name":%s}`, w.value())
	add(`"n":%s`, w.number())
	if w.IntN(5) == 0 {
		add(`"deep.er":%s`, w.value())
	} else {
		add(`"deep":{"er":%s}`, w.value())
	}
	return json.RawMessage("{" + strings.Join(parts, ",") + "}")
}

func (w world) field() string {
	return w.pick("cat", "cat.keyword", "user.name", "user.name.keyword", "deep.er", "deep.er.keyword", "missing")
}

func (w world) query(depth int) string {
	switch n := w.IntN(12); {
	case depth < 3 && n < 4:
		var clauses []string
		for _, name := range []string{"must", "filter", "should", "must_not"} {
			var list []string
			for range w.IntN(3) {
				list = append(list, w.query(depth+1))
			}
			if len(list) > 0 {
				clauses = append(clauses, fmt.Sprintf("%q:[%s]", name, strings.Join(list, ",")))
			}
		}
		if w.IntN(4) == 0 {
			clauses = append(clauses, `"minimum_should_match":`+w.pick("0", "1"))
		}
		return `{"bool":{` + strings.Join(clauses, ",") + `}}`
	case n == 4:
		return fmt.Sprintf(`{"term":{%q:%q}}`, w.field(), w.word())
	case n == 5:
		return fmt.Sprintf(`{"terms":{%q:[%q,%q]}}`, w.field(), w.word(), w.word())
	case n == 6:
		return fmt.Sprintf(`{"match":{%q:{"query":%q,"operator":%q}}}`, w.field(), w.word(), w.pick("and", "or"))
	case n == 7:
		return fmt.Sprintf(`{"range":{"n":{%q:%s}}}`, w.pick("gt", "gte", "lt", "lte"), w.number())
	case n == 8:
		return fmt.Sprintf(`{"exists":{"field":%q}}`, w.pick("cat", "user.name", "user", "n", "deep.er", "missing"))
	case n == 9:
		return fmt.Sprintf(`{"prefix":{%q:%q}}`, w.field(), w.pick("a", "al", "be", "D", "d"))
	case n == 10:
		return fmt.Sprintf(`{"match_phrase":{%q:%q}}`, w.field(), w.word())
	default:
		return w.pick(`{"match_all":{}}`, `{"match_none":{}}`, fmt.Sprintf(`{"term":{"n":%s}}`, w.number()), fmt.Sprintf(`{"wildcard":{%q:"*a*"}}`, w.field()))
	}
}

func (w world) condition() string {
	return w.pick("ctx.results[0].hits.total.value > 0", "ctx.results[0].hits.total.value > 2", "ctx.results[0].hits.total.value == 1",
		"ctx.results[0].hits.total.value < 2", "ctx.results[0].aggregations.top.value > 1", "ctx.results[0].aggregations.top.value < 2")
}

func (w world) monitor(i int) *Monitor {
	indices := []string{w.pick("logs-a", "logs-b", "logs-*", "*", "both")}
	m := &Monitor{
		Name: fmt.Sprintf("m%02d", i), Type: QueryLevel, Enabled: true, Owner: "alerting", Schedule: Schedule{Period: &Period{1, "MINUTES"}},
		Inputs: []Input{{Search: &SearchInput{indices, json.RawMessage(
			`{"size":1,"track_total_hits":true,"query":` + w.query(0) + `,"aggs":{"top":{"max":{"field":"n"}}}}`)}}},
	}
	for j := range 1 + w.IntN(2) {
		m.Triggers = append(m.Triggers, Trigger{
			ID: fmt.Sprintf("t%d", j), Name: fmt.Sprintf("t%d", j), Severity: "1", Condition: Script{Source: w.condition(), Lang: "painless"},
		})
	}
	switch w.IntN(5) {
	case 0:
		w.byBucket(m)
	case 1:
		w.byDocument(m)
	}
	return m
}

// byBucket has a monitor judge the values of a field.
func (w world) byBucket(m *Monitor) {
	m.Type = BucketLevel
	m.Inputs[0].Search.Query = json.RawMessage(`{"size":0,"query":` + w.query(0) + `,"aggs":{"cats":{"composite":{"sources":[{"cat":{"terms":{"field":"cat.keyword"}}}]}}}}`)
	for i := range m.Triggers {
		m.Triggers[i].Condition.Source = w.pick("params.n >= 1", "params.n > 1", "params.n == 2")
		m.Triggers[i].Bucket = &BucketCondition{
			Parent: "cats", Paths: json.RawMessage(`{"n":"_count"}`), GapPolicy: gapSkip, paths: map[string]string{"n": "_count"},
		}
	}
}

// byDocument has a monitor look at each document once.
func (w world) byDocument(m *Monitor) {
	m.Type = DocLevel
	m.Inputs = []Input{{Doc: &DocInput{Indices: []string{w.pick("logs-a", "logs-*")}, Queries: []DocQuery{
		{ID: "q1", Name: "q1", Query: w.pick("cat:alpha", "n:>1", "user.name:beta", "*:*"), Tags: []string{}},
		{ID: "q2", Name: "q2", Query: w.pick("deep.er:gamma", "n:<3", "cat:(alpha AND beta)"), Tags: []string{}},
	}}}}
	for i := range m.Triggers {
		m.Triggers[i].Condition.Source = w.pick("query[name=q1]", "query[name=q1] && query[name=q2]", "query[name=q1] || query[name=q2]", "!query[name=q2]")
	}
}

// TestAlertsAreThoseOfATwin writes, changes and deletes random documents, one every 100 ms, and compares the alerts of random monitors
// that run when the predicate index says so with those of a twin that runs every monitor after every step. Both have the schedule,
// too: what only it may do, completing, is compared as well.
func TestAlertsAreThoseOfATwin(t *testing.T) {
	for seed := range uint64(*twinSeeds) {
		synctest.Test(t, func(t *testing.T) { compareTwins(t, world{rand.New(rand.NewPCG(seed, 1))}, 80) })
	}
}

func compareTwins(t *testing.T, w world, steps int) {
	var nudged *side
	e, err := engine.Open(engine.Options{
		Dir: t.TempDir(), MinFree: -1,
		OnWrite: func(index, _ string, before, after json.RawMessage) {
			if !strings.HasPrefix(index, ".") {
				nudged.sched.Document(index, before, after)
			}
		},
		OnChange: func(index string, mapping bool) func() {
			if strings.HasPrefix(index, ".") || mapping {
				return nil
			}
			over := nudged.sched.Over(index)
			return func() { nudged.sched.Nudge(append(over, nudged.sched.Over(index)...)) }
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	nudged = newSide(t, e, ".nudged-")
	twin := newSide(t, e, ".twin-")
	docs := cluster.NewClient(e)
	nudged.sched.o.Names = e.Aliases
	nudged.sched.index.names = e.Aliases
	for _, index := range []string{"logs-a", "logs-b"} {
		if err := docs.EnsureIndex(t.Context(), index, json.RawMessage(withAlias)); err != nil {
			t.Fatal(err)
		}
	}
	defer nudged.run(t)()
	defer twin.run(t)()
	var twins []*Monitor
	for i := range 10 {
		m := w.monitor(i)
		for _, s := range []*side{nudged, twin} {
			stored := s.add(t, m)
			if s == twin {
				twins = append(twins, stored)
			}
		}
	}
	// The first run of a monitor comes with the first document that it may want, so both begin even.
	pass(50 * time.Millisecond)
	for _, m := range twins {
		for _, s := range []*side{nudged, twin} {
			id := m.ID
			if s == nudged {
				id = sameName(t, nudged, m.Name)
			}
			stored, err := s.store.Monitor(t.Context(), id)
			if err == nil {
				_, err = s.runner.Run(t.Context(), Request{Monitor: stored, Cause: Nudged})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var log []string
	for step := range steps {
		if step == steps/2 {
			pass(55 * time.Second) // over a slot, at which alerts end and may be raised again
		}
		log = append(log, w.change(t, docs))
		synctest.Wait()
		for _, m := range twins {
			if _, err := twin.runner.Run(t.Context(), Request{Monitor: m, Cause: Nudged}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(twin.raised(t), nudged.raised(t)); diff != "" {
			for _, m := range twins {
				t.Logf("%s: %s", m.Name, m.JSON(ViewClient))
			}
			t.Fatalf("after step %d (-twin +nudged):\n%s\nsteps:\n%s", step, diff, strings.Join(log[max(0, len(log)-10):], "\n"))
		}
		pass(100 * time.Millisecond)
	}
}

const withAlias = `{"aliases":{"both":{}}}`

// add stores a monitor that looks at what comes from now on.
func (s *side) add(t *testing.T, m *Monitor) *Monitor {
	t.Helper()
	marks, err := s.runner.Bookmarks(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.store.CreateMonitor(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.KeepBookmarks(t.Context(), stored, marks); err != nil {
		t.Fatal(err)
	}
	return stored
}

func sameName(t *testing.T, s *side, name string) string {
	t.Helper()
	raw, err := s.store.Search(t.Context(), false, json.RawMessage(fmt.Sprintf(`{"query":{"term":{"monitor.name.keyword":%q}}}`, name)))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil || len(r.Hits.Hits) != 1 {
		t.Fatalf("monitor %s: %v %s", name, err, raw)
	}
	return r.Hits.Hits[0].ID
}

// change writes or deletes one of a few documents, rarely a whole index, and says what it did.
func (w world) change(t *testing.T, docs *cluster.Client) string {
	t.Helper()
	index, id := w.pick("logs-a", "logs-b"), strconv.Itoa(w.IntN(8))
	var err error
	did := ""
	switch n := w.IntN(40); {
	case n == 39:
		_, err = docs.Do(t.Context(), "DELETE", "/"+index, nil, nil)
		did = "DELETE " + index
	case n == 38:
		_, err = docs.Do(t.Context(), "PUT", "/"+index, nil, []byte(w.pick(withAlias, "{}")))
		did = "PUT " + index
	case n == 37:
		_, err = docs.Do(t.Context(), w.pick("PUT", "DELETE"), "/"+index+"/_alias/both", nil, nil)
		did = "alias of " + index
	case n < 8:
		_, err = docs.Delete(t.Context(), index, id, cluster.IndexOptions{Refresh: "true"})
		did = "DELETE " + index + "/" + id
	case n < 16:
		body := json.RawMessage(`{"doc":` + string(w.document()) + `,"doc_as_upsert":true}`)
		_, err = docs.Update(t.Context(), index, id, body, cluster.IndexOptions{Refresh: "true"})
		did = "UPDATE " + index + "/" + id + " " + string(body)
	default:
		body := w.document()
		_, err = docs.Index(t.Context(), index, id, body, cluster.IndexOptions{Refresh: "true"})
		did = "PUT " + index + "/" + id + " " + string(body)
	}
	if err != nil && !strings.Contains(err.Error(), "mapper_parsing_exception") && !strings.Contains(err.Error(), "not_found") {
		did += " " + err.Error()
	}
	return did
}
