package alerting

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentConditions(t *testing.T) {
	a := DocQuery{ID: "1", Name: "sigma-123", Tags: []string{"low"}}
	b := DocQuery{ID: "2", Name: "sigma-789", Tags: []string{"low", "tag3"}}
	tests := []struct {
		source string
		// want are the documents that are meant, of: x (matched a), y (matched b), z (matched both).
		want string
	}{
		{"query[name=sigma-123]", "xz"},
		{"query[id=2]", "yz"},
		{"query[tag=low]", "xyz"},
		{"query[tag=tag3] && query[name=sigma-123]", "z"},
		{"query[name=sigma-123] && !query[tag=tag3]", "x"},
		{"!(query[name=sigma-123] || query[name=nope])", "y"},
		{"(query[name = sigma-123] || query[tag=tag3]) && query[name=sigma-789]", "yz"},
		// Both operators bind alike, from the left.
		{"query[id=1] || query[id=2] && query[id=2]", "yz"},
		{"return true", "xyz"},
		{"return false", ""},
		{"query[name=nope]", ""},
	}
	for _, tt := range tests {
		c, err := parseDocumentCondition(tt.source)
		if err != nil {
			t.Errorf("%s: %v", tt.source, err)
			continue
		}
		var names []string
		for name, matched := range map[string][]DocQuery{"x": {a}, "y": {b}, "z": {a, b}} {
			if c.selects(matched) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, ""); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.source, got, tt.want)
		}
	}
	for _, source := range []string{"", "query[name=a", "query[color=a]", "query[name=a] &&", "(query[name=a]", "query[name=a])", "name=a", strings.Repeat("!", 200)} {
		if c, err := parseDocumentCondition(source); err == nil {
			t.Errorf("%q is taken for %v", source, c)
		}
	}
}

func FuzzDocumentCondition(f *testing.F) {
	f.Add("(query[name=a] || !query[tag=b]) && query[id=c]")
	f.Add("return true")
	f.Fuzz(func(_ *testing.T, source string) {
		if c, err := parseDocumentCondition(source); err == nil {
			c.selects([]DocQuery{{Name: "a"}})
		}
	})
}

// intruders watches for two queries; its message names the alert's queries and documents.
func intruders(m *Monitor) {
	m.Type = DocLevel
	m.Inputs = []Input{{Doc: &DocInput{Indices: []string{"logs-*"}, FanOut: true, Queries: []DocQuery{
		{ID: "q1", Name: "root", Query: `user:"root"`, Tags: []string{"user"}},
		{ID: "q2", Name: "night", Query: `hour:<6`, Tags: []string{"time"}},
	}}}}
	t := &m.Triggers[0]
	t.Condition.Source = "query[tag=user]"
	t.Actions[0].Message.Source = `{{#ctx.alerts}}[{{related_doc_ids.0}}:{{#associated_queries}}{{name}} {{/associated_queries}}{{sample_documents.0._source.user}}]{{/ctx.alerts}}`
}

func documentEvaluation(docs ...Document) Evaluation {
	e := evaluation(0)
	intruders(e.Monitor)
	e.Results, e.Documents = nil, docs
	return e
}

func matched(id string, queries ...DocQuery) Document {
	return Document{Index: "logs-1", ID: id, SeqNo: int64(len(id)), Queries: queries, Source: json.RawMessage(`{"user":"root"}`)}
}

func TestDocumentLifeCycle(t *testing.T) {
	q1, q2 := DocQuery{ID: "q1", Name: "root", Tags: []string{"user"}}, DocQuery{ID: "q2", Name: "night", Tags: []string{"time"}}
	broken := func(e *Evaluation) { e.InputError = "no such index [x]" }
	failed := Alert{ID: "old", MonitorID: "m1", State: Errored, ErrorMessage: failedInputs + "no such index [x]"}
	tests := []struct {
		name     string
		docs     []Document
		live     []Alert
		change   func(*Evaluation)
		alerts   []string
		messages []string
		findings int
	}{
		{"nothing new", nil, nil, nil, nil, nil, 0},
		{"a finding without alert", []Document{matched("d", q2)}, nil, nil, nil, nil, 1},
		{"one alert per document", []Document{matched("d", q1), matched("e", q1, q2)}, nil, nil, []string{"- ACTIVE", "- ACTIVE"}, []string{"[d|logs-1:root root]", "[e|logs-1:root night root]"}, 2},
		{
			"one message",
			[]Document{matched("d", q1), matched("e", q1)},
			nil,
			func(e *Evaluation) { e.Monitor.Triggers[0].Actions[0].Policy = &Policy{PerExecution: true} },
			[]string{"- ACTIVE", "- ACTIVE"},
			[]string{"[d|logs-1:root root][e|logs-1:root root]"},
			2,
		},
		{"one alert", []Document{matched("d", q1), matched("e", q1)}, nil, func(e *Evaluation) { e.Monitor.SingleAlert = true }, []string{"- ACTIVE"}, []string{"[d|logs-1:root root]"}, 2},
		{"a document's run", []Document{matched("d", q1)}, nil, func(e *Evaluation) { e.Cause = Nudged }, []string{"- ACTIVE"}, []string{"[d|logs-1:root root]"}, 1},
		{"input fails", nil, nil, broken, []string{"- ERROR"}, nil, 0},
		{"input fails in a document's run", nil, nil, func(e *Evaluation) { broken(e); e.Cause = Nudged }, nil, nil, 0},
		{"input fails again", nil, []Alert{failed}, broken, []string{"- ERROR"}, nil, 0},
		{"input works again", nil, []Alert{failed}, nil, []string{"- COMPLETED"}, nil, 0},
		{"condition is malformed", []Document{matched("d", q1)}, nil, func(e *Evaluation) { e.Monitor.Triggers[0].Condition.Source = "true" }, []string{"- ERROR"}, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := documentEvaluation(tt.docs...)
			e.Alerts = tt.live
			if tt.change != nil {
				tt.change(&e)
			}
			out := Evaluate(t.Context(), e)
			alerts, messages := outcomeOf(out)
			if diff := cmp.Diff(tt.alerts, alerts); diff != "" {
				t.Errorf("alerts: %s", diff)
			}
			if diff := cmp.Diff(tt.messages, messages); diff != "" {
				t.Errorf("messages: %s", diff)
			}
			if len(out.Findings) != tt.findings {
				t.Errorf("%d findings, want %d", len(out.Findings), tt.findings)
			}
		})
	}
}

// hits answers a search for new documents.
func hits(from, n int) json.RawMessage {
	var list []string
	for i := from; i < from+n; i++ {
		list = append(list, fmt.Sprintf(`{"_index":"logs-1","_id":"d%d","_seq_no":%d,"_source":{"user":"root"},"matched_queries":["q1"]}`, i, i))
	}
	return json.RawMessage(`{"hits":{"hits":[` + strings.Join(list, ",") + `]}}`)
}

const standing = `{"hits":{"hits":[]},"aggregations":{"indices":{"buckets":[{"key":"logs-1","last":{"value":41.0}}]}}}`

func TestNewDocumentsRaiseAlertsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		r.answers = []json.RawMessage{json.RawMessage(standing), hits(42, 2), hits(0, 0)}
		m := r.monitor(intruders)
		run := func() {
			t.Helper()
			if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Scheduled}); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if got := r.messages(); got != 2 {
			t.Fatalf("%d messages, want 2", got)
		}
		if !strings.Contains(r.bodies[1], `"gt":41`) {
			t.Errorf("the first run looks at what was there before: %s", r.bodies[1])
		}
		run()
		if last := r.bodies[len(r.bodies)-1]; !strings.Contains(last, `"gt":43`) || !strings.Contains(last, `"terms":{"_index":["logs-1"]}`) {
			t.Errorf("the second run looks again at what the first has seen: %s", last)
		}
		findings, total, err := r.store.Findings(t.Context(), FindingQuery{SortField: "id", Order: "asc", Size: 10})
		if err != nil || total != 2 || findings[0].Index != "logs-1" || findings[0].Queries[0].Name != "root" {
			t.Errorf("findings: %+v, %d, %v", findings, total, err)
		}
		// A run that died before it could store its bookmarks is made again.
		if err := r.store.saveBookmarks(t.Context(), m.ID, Bookmarks{"logs-1": 41}); err != nil {
			t.Fatal(err)
		}
		r.answers = []json.RawMessage{hits(42, 2)}
		run()
		if got := len(r.alerts()); got != 2 || r.messages() != 2 {
			t.Errorf("made again: %d alerts and %d messages, want 2 of each", got, r.messages())
		}
	})
}

func TestManyNewDocumentsAreTakenInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		r.answers = []json.RawMessage{json.RawMessage(standing), hits(42, documentBatch), hits(42+documentBatch, 7)}
		m := r.monitor(intruders)
		res, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Nudged})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(res.Triggers[0].Documents); got != documentBatch+7 {
			t.Errorf("%d documents, want %d", got, documentBatch+7)
		}
		if want := fmt.Sprintf(`"gt":%d`, 41+documentBatch); !strings.Contains(r.bodies[2], want) {
			t.Errorf("the second batch does not begin where the first ended, %s: %s", want, r.bodies[2])
		}
		if got := r.messages(); got != 8 {
			t.Errorf("%d messages, want one for the many and 7", got)
		}
	})
}

func TestAcknowledgedDocumentAlertIsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		r.answers = []json.RawMessage{json.RawMessage(standing), hits(42, 1)}
		m := r.monitor(intruders)
		if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Nudged}); err != nil {
			t.Fatal(err)
		}
		alerts, err := r.store.live(t.Context(), owner{monitorID: m.ID})
		if err != nil || len(alerts) != 1 {
			t.Fatalf("%v, %v", alerts, err)
		}
		if done, failed, err := r.store.Acknowledge(t.Context(), m.ID, []string{alerts[0].ID}); len(done) != 1 {
			t.Fatalf("%v, %v", failed, err)
		}
		if live, _ := r.store.live(t.Context(), owner{monitorID: m.ID}); len(live) != 0 || len(r.docs.Sources(".opendistro-alerting-alert-history-*")) != 1 {
			t.Errorf("live: %v", live)
		}
	})
}

func TestBookmarksFollowTheMonitor(t *testing.T) {
	r := newRig(t)
	m := r.monitor(intruders)
	keep := func(now Bookmarks) Bookmarks {
		t.Helper()
		if err := r.store.KeepBookmarks(t.Context(), m, now); err != nil {
			t.Fatal(err)
		}
		got, err := r.store.bookmarks(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(Bookmarks{"a": 5}, keep(Bookmarks{"a": 5})); diff != "" {
		t.Error(diff)
	}
	changed := *m
	changed.LastUpdateTime = m.LastUpdateTime.Add(time.Hour)
	m = &changed
	if diff := cmp.Diff(Bookmarks{"a": 5, "b": 7}, keep(Bookmarks{"a": 9, "b": 7})); diff != "" {
		t.Errorf("after an edit: %s", diff)
	}
	changed.EnabledTime = changed.LastUpdateTime
	if diff := cmp.Diff(Bookmarks{"a": 12}, keep(Bookmarks{"a": 12})); diff != "" {
		t.Errorf("after it was enabled anew: %s", diff)
	}
}
