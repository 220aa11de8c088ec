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

const loginsByUser = `{"size":0,"query":{"term":{"audit_category":"FAILED_LOGIN"}},
	"aggregations":{"users":{"composite":{"size":2,"sources":[{"user":{"terms":{"field":"audit_request_effective_user.keyword"}}}]}}}}`

// threeFailures is seed 004's rule: the same user fails at least three times within a window.
func threeFailures(m *Monitor) {
	m.Type = BucketLevel
	m.Inputs[0].Search.Query = json.RawMessage(loginsByUser)
	t := &m.Triggers[0]
	t.Condition.Source = "params.n >= 3"
	t.Bucket = &BucketCondition{
		Parent: "users", Paths: json.RawMessage(`{"n":"_count"}`), GapPolicy: gapSkip, paths: map[string]string{"n": "_count"},
	}
	t.Actions[0].Message.Source = `{{#ctx.newAlerts}}new {{bucket_keys}} {{/ctx.newAlerts}}` +
		`{{#ctx.dedupedAlerts}}still {{bucket_keys}} {{/ctx.dedupedAlerts}}{{#ctx.completedAlerts}}over {{bucket_keys}} {{/ctx.completedAlerts}}{{ctx.error}}`
}

// users answers with one bucket per user.
func users(counts map[string]int) json.RawMessage {
	var buckets []string
	for _, u := range slices.Sorted(keysOf(counts)) {
		buckets = append(buckets, fmt.Sprintf(`{"key":{"user":%q},"doc_count":%d}`, u, counts[u]))
	}
	return json.RawMessage(`{"hits":{"total":{"value":9}},"aggregations":{"users":{"buckets":[` + strings.Join(buckets, ",") + `]}}}`)
}

func keysOf(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func bucketEvaluation(counts map[string]int, alerts ...Alert) Evaluation {
	e := evaluation(0, alerts...)
	threeFailures(e.Monitor)
	e.Results = []json.RawMessage{users(counts)}
	return e
}

func bucketAlert(user string, s State) Alert {
	a := alertIn(s)
	a.ID = "alert-" + user
	a.Bucket = &AlertBucket{Parent: "users", Keys: []string{user}, Bucket: json.RawMessage(`{}`)}
	return a
}

// outcome lists the alerts to store as "user state", and the messages.
func outcomeOf(out Outcome) (alerts, messages []string) {
	for _, a := range out.Alerts {
		user := "-"
		if a.Bucket != nil {
			user = a.Bucket.Key()
		}
		alerts = append(alerts, user+" "+string(a.State))
		for _, d := range a.Owed {
			messages = append(messages, strings.TrimSpace(d.Body))
		}
	}
	slices.Sort(alerts)
	return alerts, messages
}

func TestBucketLifeCycle(t *testing.T) {
	perExecution := func(e *Evaluation) { e.Monitor.Triggers[0].Actions[0].Policy = &Policy{PerExecution: true} }
	completed := func(e *Evaluation) {
		e.Monitor.Triggers[0].Actions[0].Policy = &Policy{Actionable: []Category{CategoryCompleted}}
	}
	byDocument := func(e *Evaluation) { e.Cause = Nudged }
	broken := func(e *Evaluation) { e.Results, e.InputError = nil, "no such index [x]" }
	ann, bob := bucketAlert("ann", Active), bucketAlert("bob", Active)
	told := bucketAlert("ann", Active)
	told.Nudged, told.ActionResults = true, []ActionExecution{{"a1", evaluationTime.Add(-time.Second).UnixMilli(), 0}}
	throttled := func(e *Evaluation) { e.Monitor.Triggers[0].Actions[0].Throttle = time.Minute }
	tests := []struct {
		name     string
		counts   map[string]int
		live     []Alert
		change   func(*Evaluation)
		alerts   []string
		messages []string
	}{
		{"nobody", map[string]int{"ann": 2}, nil, nil, nil, nil},
		{"one alert per user", map[string]int{"ann": 3, "bob": 4, "eve": 1}, nil, nil, []string{"ann ACTIVE", "bob ACTIVE"}, []string{"new ann", "new bob"}},
		{"new and going on", map[string]int{"ann": 3, "bob": 4}, []Alert{ann}, nil, []string{"ann ACTIVE", "bob ACTIVE"}, []string{"new bob", "still ann"}},
		{"one message", map[string]int{"ann": 3, "bob": 4}, []Alert{ann}, perExecution, []string{"ann ACTIVE", "bob ACTIVE"}, []string{"new bob still ann"}},
		{"over, silently", map[string]int{"bob": 3}, []Alert{ann, bob}, nil, []string{"ann COMPLETED", "bob ACTIVE"}, []string{"still bob"}},
		{"over, told", map[string]int{"bob": 3}, []Alert{ann, bob}, completed, []string{"ann COMPLETED", "bob ACTIVE"}, []string{"over ann"}},
		{"over, in one message", nil, []Alert{ann}, perExecution, []string{"ann COMPLETED"}, []string{"over ann"}},
		{"acknowledged", map[string]int{"ann": 3}, []Alert{bucketAlert("ann", Acknowledged)}, nil, nil, nil},
		{"acknowledged, over", nil, []Alert{bucketAlert("ann", Acknowledged)}, nil, []string{"ann COMPLETED"}, nil},
		{"error recovers", map[string]int{"ann": 3}, []Alert{bucketAlert("ann", Errored)}, nil, []string{"ann ACTIVE"}, []string{"still ann"}},
		{"document raises new ones only", map[string]int{"ann": 3, "bob": 4}, []Alert{ann}, byDocument, []string{"bob ACTIVE"}, []string{"new bob"}},
		{"document ends nothing", nil, []Alert{ann}, byDocument, nil, nil},
		{"document, one message", map[string]int{"ann": 3, "bob": 4}, []Alert{ann}, func(e *Evaluation) { byDocument(e); perExecution(e) }, []string{"bob ACTIVE"}, []string{"new bob"}},
		{"document, input fails", nil, []Alert{ann}, func(e *Evaluation) { byDocument(e); broken(e) }, nil, nil},
		{"the slot does not repeat the document", map[string]int{"ann": 3}, []Alert{told}, nil, []string{"ann ACTIVE"}, nil},
		{"the slot does not repeat it in one message", map[string]int{"ann": 3}, []Alert{told}, perExecution, []string{"ann ACTIVE"}, nil},
		{"throttled", map[string]int{"ann": 3}, []Alert{func() Alert { a := told.clone(); a.Nudged = false; return a }()}, throttled, []string{"ann ACTIVE"}, nil},
		{"input fails", nil, []Alert{ann}, broken, []string{"- ERROR"}, []string{"no such index [x]"}},
		{"input works again", map[string]int{"ann": 3}, []Alert{ann, alertIn(Errored)}, nil, []string{"- COMPLETED", "ann ACTIVE"}, []string{"still ann"}},
		{"condition throws", map[string]int{"ann": 3}, []Alert{ann}, func(e *Evaluation) { e.Monitor.Triggers[0].Condition.Source = "params.nope.x > 1" }, []string{"- ERROR"}, []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := bucketEvaluation(tt.counts, tt.live...)
			if tt.change != nil {
				tt.change(&e)
			}
			if tt.name == "condition throws" {
				e.Monitor.Triggers[0].Actions[0].Message.Source = " "
			}
			alerts, messages := outcomeOf(Evaluate(t.Context(), e))
			slices.Sort(messages)
			slices.Sort(tt.messages)
			if diff := cmp.Diff(tt.alerts, alerts); diff != "" {
				t.Errorf("alerts: %s", diff)
			}
			if diff := cmp.Diff(tt.messages, messages); diff != "" {
				t.Errorf("messages: %s", diff)
			}
		})
	}
}

func TestManyBucketsShareOneMessageAndKeepTheirThrottle(t *testing.T) {
	counts := map[string]int{}
	for i := range 60 {
		counts[fmt.Sprintf("user%02d", i)] = 3
	}
	e := bucketEvaluation(counts)
	e.Monitor.Triggers[0].Actions[0].Throttle = time.Hour
	out := Evaluate(t.Context(), e)
	if _, messages := outcomeOf(out); len(out.Alerts) != 60 || len(messages) != 1 || strings.Count(messages[0], "new ") != 60 {
		t.Errorf("%d alerts, messages %q", len(out.Alerts), messages)
	}
	for i := range out.Alerts {
		out.Alerts[i].Owed = nil
	}
	next := bucketEvaluation(counts, out.Alerts...)
	next.Monitor.Triggers[0].Actions[0].Throttle = time.Hour
	next.Now, next.PeriodEnd = e.Now.Add(time.Minute), e.PeriodEnd.Add(time.Minute)
	out = Evaluate(t.Context(), next)
	if _, messages := outcomeOf(out); len(messages) != 0 || out.Alerts[0].ActionResults[0].ThrottledCount != 1 {
		t.Errorf("throttled: messages %q, %+v", messages, out.Alerts[0].ActionResults)
	}
}

func TestBucketPaths(t *testing.T) {
	const bucket = `{"key":"k","doc_count":7,"avg":{"value":2.5},"none":{"value":null},"s":{"max":9},"a.b":{"value":4},
		"p":{"values":{"95.0":8}},"inner":{"doc_count":3,"m":{"value":1}},"t":{"buckets":[{},{}]}}`
	tests := []struct {
		path, gap string
		want      string
	}{
		{"_count", gapSkip, "7"},
		{"avg", gapSkip, "2.5"},
		{"avg.value", gapSkip, "2.5"},
		{"a.b", gapSkip, "4"},
		{"s.max", gapSkip, "9"},
		{"p[95]", gapSkip, "8"},
		{"inner>m", gapSkip, "1"},
		{"inner>_count", gapSkip, "3"},
		{"inner._count", gapSkip, "3"},
		{"t._bucket_count", gapSkip, "2"},
		{"none", gapSkip, "NaN"},
		{"none", gapZeros, "0"},
		{"nope", gapSkip, "No aggregation found for path [nope]"},
		{"nope>m", gapSkip, "No aggregation found for path [nope]"},
		{"s.nope", gapSkip, "No aggregation found for path [s.nope]"},
	}
	values, _ := decodeValue(json.RawMessage(bucket)).(map[string]any)
	for _, tt := range tests {
		v, err := (&BucketCondition{GapPolicy: tt.gap}).value(values, tt.path)
		got := fmt.Sprint(v)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s, %s: got %s, want %s", tt.path, tt.gap, got, tt.want)
		}
	}
}

func TestBucketKeysAndFilters(t *testing.T) {
	answer := json.RawMessage(`{"aggregations":{"f":{"doc_count":9,"c":{"buckets":[
		{"key":{"z":"zoe","n":5,"a":null},"doc_count":1},{"key":{"z":"yan","n":1.5,"a":true},"doc_count":1}]}},
		"t":{"buckets":[{"key":1700000000000,"key_as_string":"2023","doc_count":1},{"key":3,"doc_count":1}]}}}`)
	tests := []struct {
		parent, members string
		want            string
	}{
		{"f>c", ``, "zoe#5#null yan#1.5#true"},
		{"t", ``, "2023 3"},
		{"f>c", `,"composite_agg_filter":{"z":{"include":["zoe"]}}`, "zoe#5#null"},
		{"f>c", `,"composite_agg_filter":{"z":{"exclude":"z.*"}}`, "yan#1.5#true"},
		{"f>c", `,"composite_agg_filter":{"n":{"include":[5, 1.5],"exclude":["5"]}}`, "yan#1.5#true"},
		{"t", `,"filter":{"include":"2.*"}`, "2023"},
	}
	for _, tt := range tests {
		c, err := parseBucketCondition(json.RawMessage(`{"parent_bucket_path":"` + tt.parent + `","buckets_path":"_count"` + tt.members + `}`))
		if err != nil {
			t.Fatal(err)
		}
		e := bucketEvaluation(nil)
		e.Results = []json.RawMessage{answer}
		e.Monitor.Triggers[0].Bucket, e.Monitor.Triggers[0].Condition.Source = c, "params._value == 1"
		buckets, _, err := e.selectBuckets(t.Context(), &e.Monitor.Triggers[0])
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range buckets {
			got = append(got, b.Key())
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s%s: got %v, want %s", tt.parent, tt.members, got, tt.want)
		}
	}
}

func TestPagesOfCompositeAggregationsAreFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		full := func(from, n int, after string) json.RawMessage {
			var list []string
			for i := range n {
				list = append(list, fmt.Sprintf(`{"key":{"user":"u%04d"},"doc_count":%d}`, from+i, (from+i)%2*3))
			}
			return json.RawMessage(`{"aggregations":{"users":{"after_key":` + after + `,"buckets":[` + strings.Join(list, ",") + `]}}}`)
		}
		r.answers = []json.RawMessage{full(0, 2, `{"user":"u0001"}`), full(2, 1000, `{"user":"u1001"}`), full(1002, 3, `{"user":"u1004"}`)}
		m := r.monitor(threeFailures)
		res, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(res.Triggers[0].Buckets); got != 502 {
			t.Errorf("%d buckets, want 502", got)
		}
		if r.searched() != 3 || !strings.Contains(r.bodies[1], `"after":{"user":"u0001"}`) || !strings.Contains(r.bodies[1], `"size":1000`) {
			t.Errorf("searches: %q", r.bodies)
		}
		if !strings.Contains(string(res.Results[0]), `"bucket_indices":[1]`) {
			t.Errorf("the first answer does not show what was selected: %s", res.Results[0])
		}
	})
}

// TestSameUserFailsThreeTimes is seed 004's rule over time: one alert and one message per user, at the third failure.
func TestSameUserFailsThreeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		defer r.start()()
		r.monitor(threeFailures)
		synctest.Wait()
		counts := map[string]int{}
		fail := func(user string) {
			counts[user]++
			r.with(func() { r.answers = []json.RawMessage{users(counts)} })
			r.sched.Document("security-auditlog-x", nil, json.RawMessage(failedLogin))
			pass(200 * time.Millisecond)
		}
		for range 2 {
			fail("ann")
			fail("bob")
		}
		if got := r.messages(); got != 0 {
			t.Fatalf("%d messages after two failures each", got)
		}
		fail("ann")
		fail("ann")
		fail("bob")
		var got []string
		for i := range r.messages() {
			got = append(got, strings.TrimSpace(r.message(i).Body))
		}
		if diff := cmp.Diff([]string{"new ann", "new bob"}, got); diff != "" {
			t.Error(diff)
		}
		pass(time.Minute)
		if got := r.messages(); got != 2 {
			t.Errorf("%d messages after the slot, want none more", got)
		}
		clear(counts)
		r.with(func() { r.answers = []json.RawMessage{users(counts)} })
		pass(time.Minute)
		if diff := cmp.Diff([]State{Completed, Completed}, r.alerts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBucketAlertAcknowledgedDuringARunStaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		m := r.monitor(threeFailures)
		r.answers = []json.RawMessage{users(map[string]int{"ann": 3})}
		run := func() {
			if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); err != nil {
				t.Fatal(err)
			}
		}
		run()
		alerts, err := r.store.live(t.Context(), owner{monitorID: m.ID})
		if err != nil || len(alerts) != 1 {
			t.Fatalf("%v, %v", alerts, err)
		}
		r.onSearch = func() {
			r.onSearch = nil
			if done, _, err := r.store.Acknowledge(t.Context(), m.ID, []string{alerts[0].ID}); len(done) != 1 {
				t.Errorf("not acknowledged: %v", err)
			}
		}
		run()
		if diff := cmp.Diff([]State{Acknowledged}, r.alerts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBucketAlertsSurviveStorage(t *testing.T) {
	a := Evaluate(t.Context(), bucketEvaluation(map[string]int{"ann": 3})).Alerts[0]
	got, err := parseAlert(a.stored())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(a.stored()), string(got.stored())); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(got.JSON()), `"agg_alert_content":{"parent_bucket_path":"users","bucket_keys":["ann"]`) {
		t.Errorf("got %s", got.JSON())
	}
}

func FuzzBucketCondition(f *testing.F) {
	f.Add([]byte(`{"parent_bucket_path":"users","buckets_path":{"n":"_count"},"filter":{"include":"a.*"}}`), []byte(users(map[string]int{"ann": 3})))
	f.Add([]byte(`{"parent_bucket_path":"a>b","buckets_path":["x>y[5]",".","_count"]}`), []byte(`{"aggregations":{"a":{"b":{"buckets":[{"key":{}}]}}}}`))
	f.Fuzz(func(t *testing.T, condition, answer []byte) {
		c, err := parseBucketCondition(condition)
		if err != nil {
			return
		}
		e := bucketEvaluation(nil)
		e.Results, e.Monitor.Triggers[0].Bucket = []json.RawMessage{answer}, c
		Evaluate(t.Context(), e)
	})
}
