package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vigil/alerting/alertingtest"
	"vigil/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is alerting over a store in memory, with an engine and receivers that tests play.
type rig struct {
	t      testing.TB
	docs   *alertingtest.Store
	store  *Store
	runner *Runner
	sched  *Scheduler

	mu   sync.Mutex
	hits int
	// answers, if set, are given in turn; the last one again and again.
	answers  []json.RawMessage
	onSearch func()
	fault    error
	searches int
	bodies   []string
	sent     []notify.Message
	attempts int
	refuse   error
	runs     map[string]int
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, docs: alertingtest.New(), runs: map[string]int{}}
	r.restart()
	return r
}

// restart makes new parts over the same documents, as a new process has them.
func (r *rig) restart() {
	r.store = NewStore(StoreOptions{Client: r.docs.Client()})
	r.runner = NewRunner(RunnerOptions{Store: r.store, Searcher: r, Sender: r, OnRun: r.ran})
	r.sched = NewScheduler(SchedulerOptions{Store: r.store, Runner: r.runner})
}

func (r *rig) ran(c Cause, result string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[string(c)+" "+result]++
}

func (r *rig) Search(_ context.Context, _ *User, _ []string, body json.RawMessage) (json.RawMessage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.searches++
	r.bodies = append(r.bodies, string(body))
	if r.fault != nil {
		return nil, r.fault
	}
	if r.onSearch != nil {
		defer r.onSearch()
	}
	if len(r.answers) > 0 {
		a := r.answers[0]
		if len(r.answers) > 1 {
			r.answers = r.answers[1:]
		}
		return a, nil
	}
	return json.RawMessage(fmt.Sprintf(`{"hits":{"total":{"value":%d,"relation":"eq"},"hits":[]}}`, r.hits)), nil
}

func (r *rig) Send(_ context.Context, _ notify.Destination, m notify.Message) (notify.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++
	if r.refuse != nil {
		return notify.Result{}, r.refuse
	}
	r.sent = append(r.sent, m)
	return notify.Result{Status: 200, Body: "{}"}, nil
}

// with changes or reads what the rig plays.
func (r *rig) with(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *rig) set(hits int)             { r.with(func() { r.hits = hits }) }
func (r *rig) messages() (n int)        { r.with(func() { n = len(r.sent) }); return n }
func (r *rig) searched() (n int)        { r.with(func() { n = r.searches }); return n }
func (r *rig) tried() (n int)           { r.with(func() { n = r.attempts }); return n }
func (r *rig) count(run string) (n int) { r.with(func() { n = r.runs[run] }); return n }

func (r *rig) message(i int) (m notify.Message) { r.with(func() { m = r.sent[i] }); return m }

// channel stores a channel of type chime.
func (r *rig) channel(id string) {
	r.t.Helper()
	c := Channel{Enabled: true, Destination: notify.Destination{
		ID: id, Name: id, Type: notify.Chime, Config: json.RawMessage(`{"url":"http://192.0.2.1/"}`),
	}}
	if _, err := r.store.SaveChannel(r.t.Context(), c, true, nil); err != nil {
		r.t.Fatal(err)
	}
}

const failedLogins = `{"query":{"bool":{"must":[{"match":{"audit_category":{"query":"FAILED_LOGIN"}}},
	{"range":{"audit_utc_timestamp":{"gte":"now-5m"}}}]}}}`

// monitor stores an enabled monitor that runs every minute and fires above one hit.
func (r *rig) monitor(change func(*Monitor)) *Monitor {
	r.t.Helper()
	m := seedMonitor()
	if change != nil {
		change(m)
	}
	stored, err := r.store.CreateMonitor(r.t.Context(), m)
	if err != nil {
		r.t.Fatal(err)
	}
	return stored
}

func seedMonitor() *Monitor {
	return &Monitor{
		Name: "Audit Unauthorized Access Events", Type: QueryLevel, Enabled: true, Owner: "alerting",
		Schedule: Schedule{Period: &Period{1, "MINUTES"}},
		Inputs:   []Input{{Search: &SearchInput{[]string{"security-auditlog-*"}, json.RawMessage(failedLogins)}}},
		Triggers: []Trigger{{
			ID: "t1", Name: "Unauthorized Access Events on ES Cluster", Severity: "1",
			Condition: Script{Source: "ctx.results[0].hits.total.value > 1", Lang: "painless"},
			Actions: []Action{{
				ID: "a1", Name: "Notify OnCall", DestinationID: "chime-1",
				Subject: Script{Source: "{{ctx.trigger.name}}", Lang: "mustache"},
				Message: Script{Source: "Monitor {{ctx.monitor.name}}: {{ctx.results.0.hits.total.value}} from {{ctx.periodStart}} to {{ctx.periodEnd}}", Lang: "mustache"},
			}},
		}},
		User: &User{Name: "admin", Roles: []string{"all_access"}},
	}
}

// start runs the scheduler until the returned function is called.
func (r *rig) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.sched.Run(ctx) }()
	return func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run: %v", err)
		}
	}
}

// alerts returns the states of all alerts, in the order in which they began.
func (r *rig) alerts() []State {
	r.t.Helper()
	alerts, _, err := r.store.Alerts(context.Background(), AlertQuery{SortField: "start_time", Order: "asc", Size: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []State
	for _, a := range alerts {
		out = append(out, a.State)
	}
	return out
}

// pass lets time go by in a bubble and everything come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
