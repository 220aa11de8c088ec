package alerting

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKnownSettings(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value any
		mine  bool
		idle  bool
		want  string // the error
	}{
		{"plugins.alerting.monitor.max_monitors", "5", true, false, ""},
		{"opendistro.alerting.monitor.max_monitors", "5", true, false, ""},
		{"plugins.alerting.monitor.max_monitors", nil, true, false, ""},
		{"plugins.alerting.*", nil, true, false, ""},
		{"plugins.security.audit.x", "5", false, false, ""},
		{"cluster.max_shards_per_node", "5", false, false, ""},
		{"plugins.alerting.cross_cluster_monitoring_enabled", "true", true, true, ""},
		{"plugins.scheduled_jobs.sweeper.period", "5m", true, true, ""},
		{"opendistro.scheduled_jobs.enabled", "false", true, false, ""},
		{"plugins.alerting.destination.allow_list", []any{"chime"}, true, false, ""},
		{"plugins.alerting.nope", "5", true, false, "setting [plugins.alerting.nope], not recognized"},
		{"plugins.alerting.nope", nil, true, false, "setting [plugins.alerting.nope], not recognized"},
		{"opendistro.alerting.comments_enabled", "true", true, false, "setting [opendistro.alerting.comments_enabled], not recognized"},
		{"plugins.alerting.monitor.max_triggers", "51", true, false, "Failed to parse value [51] for setting [plugins.alerting.monitor.max_triggers] must be <= 50"},
		{"plugins.alerting.monitor.max_triggers", "-1", true, false, "Failed to parse value [-1] for setting [plugins.alerting.monitor.max_triggers] must be >= 0"},
		{"plugins.alerting.monitor.max_triggers", "many", true, false, "Failed to parse value [many] for setting [plugins.alerting.monitor.max_triggers]"},
		{"plugins.alerting.monitor.max_triggers", []any{"1"}, true, false, "setting [plugins.alerting.monitor.max_triggers] is not a list"},
		{"plugins.alerting.filter_by_backend_roles", "yes", true, false, "Failed to parse value [yes] as only [true] or [false] are allowed."},
		{"plugins.alerting.input_timeout", "5", true, false, "failed to parse setting [plugins.alerting.input_timeout] with value [5] as a time value: unit is missing or unrecognized"},
		{"plugins.alerting.input_timeout", "0s", true, false, "failed to parse value [0s] for setting [plugins.alerting.input_timeout], must be > [0ms]"},
		{"plugins.alerting.action_throttle_max_value", "25h", true, false, "failed to parse value [25h] for setting [plugins.alerting.action_throttle_max_value], must be <= [1d]"},
		{"plugins.alerting.ppl_monitor_max_query_length", "5", true, false, "setting [plugins.alerting.ppl_monitor_max_query_length] is not supported: there are no PPL monitors"},
		{"plugins.destination.host.deny_list", []any{"h"}, true, false, "setting [plugins.destination.host.deny_list] is not supported: it is notify.deny_hosts in vigil.yml"},
	} {
		mine, idle, err := CheckSetting(tt.name, tt.value)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if mine != tt.mine || (idle != "") != tt.idle || got != tt.want {
			t.Errorf("%s: %v: got %t, %q, %q; want %+v", tt.name, tt.value, mine, idle, got, tt)
		}
	}
}

// TestSettingsThatAreHeededCount gives every setting values of its own, and looks whether the settings in force change: those
// that are said to have an effect must, and no others.
func TestSettingsThatAreHeededCount(t *testing.T) {
	for _, s := range knownSettings() {
		if s.refused != "" {
			continue
		}
		var values []any
		if s.list {
			values = []any{[]any{"x"}}
		} else {
			for _, v := range []any{"7", "7m", "7s", "true", "false"} {
				if s.check(s.name, v.(string)) == nil {
					values = append(values, v)
				}
			}
		}
		changes := false
		for _, v := range values {
			r := newRig(t)
			r.docs.Set(s.name, v)
			got, err := r.store.Settings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			changes = changes || !cmp.Equal(got, DefaultSettings())
		}
		if changes != (s.idle == "") {
			t.Errorf("%s has an effect: %t, and is said to be idle: %q", s.name, changes, s.idle)
		}
	}
}

func TestBusyStoresAreAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		m := r.monitor(nil)
		r.docs.Set("plugins.alerting.alert_backoff_count", "3")
		r.docs.Set("plugins.alerting.alert_backoff_millis", "100ms")
		pass(2 * time.Second)
		busy := func(times int) {
			r.docs.Fail(func(q *http.Request) int {
				if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/.opendistro-alerting-alerts/_doc/") && times > 0 {
					times--
					return http.StatusTooManyRequests
				}
				return 0
			})
		}
		r.set(5)
		busy(3)
		start := time.Now()
		if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" || time.Since(start) != 300*time.Millisecond {
			t.Errorf("%s after %v", diff, time.Since(start))
		}
		busy(100)
		if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); err == nil {
			t.Error("a store that stays busy is no error")
		}
	})
}

func TestMonitorsCanBeSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		r.docs.Set("plugins.scheduled_jobs.enabled", "false")
		m := r.monitor(nil)
		r.set(5)
		stop := r.start()
		defer func() { stop() }()
		pass(3 * time.Minute)
		if got := r.searched(); got != 0 {
			t.Errorf("%d searches while switched off", got)
		}
		r.docs.Set("plugins.scheduled_jobs.enabled", "true")
		pass(2 * time.Minute)
		if diff := cmp.Diff([]State{Active}, r.alerts()); diff != "" {
			t.Errorf("switched on again: %s", diff)
		}
		r.docs.Set("plugins.alerting.destination.allow_list", []any{"slack"})
		pass(2 * time.Second)
		sent := r.messages()
		res, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual})
		if err != nil || r.messages() != sent || !strings.Contains(res.Triggers[0].Actions[0].Error, "Destination type [chime] is not allowed") {
			t.Errorf("a destination that is not allowed: %+v, %v", res.Triggers, err)
		}
	})
}

func TestMessagesShowResultsToSomeRolesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		m := r.monitor(func(m *Monitor) {
			m.Triggers[0].Actions[0].Message.Source = "n={{#ctx.results}}{{hits.total.value}}{{/ctx.results}}"
		})
		r.set(5)
		for role, want := range map[string]string{"all_access": "n=5", "other": "n="} {
			r.docs.Set("plugins.alerting.notification_context_results_allowed_roles", []any{role})
			pass(2 * time.Second)
			if _, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Manual}); err != nil {
				t.Fatal(err)
			}
			if got := r.message(r.messages() - 1).Body; got != want {
				t.Errorf("for %s: %q, want %q", role, got, want)
			}
		}
	})
}

func TestDocumentRunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		r.docs.Set("plugins.alerting.monitor.doc_level_monitor_shard_fetch_size", "3")
		pass(2 * time.Second)
		r.answers = []json.RawMessage{json.RawMessage(standing), hits(42, 3), hits(45, 3)}
		m := r.monitor(intruders)
		res, err := r.runner.Run(t.Context(), Request{Monitor: m, Cause: Scheduled})
		if err != nil || len(res.Triggers[0].Documents) != 3 || !strings.Contains(r.bodies[1], `"size":3`) {
			t.Errorf("%+v, %v: %s", res.Triggers, err, r.bodies[1])
		}
		r.docs.Set("plugins.alerting.monitor.doc_level_monitor_shard_fetch_size", "10000")
		r.docs.Set("plugins.alerting.monitor.doc_level_monitor_execution_max_duration", "1s")
		pass(2 * time.Second)
		r.answers = []json.RawMessage{hits(45, documentBatch), hits(45+documentBatch, documentBatch), hits(0, 0)}
		r.onSearch = func() { <-time.After(600 * time.Millisecond) }
		if res, err = r.runner.Run(t.Context(), Request{Monitor: m, Cause: Scheduled}); err != nil || len(res.Triggers[0].Documents) != 2*documentBatch {
			t.Errorf("%d documents in more than a second, %v", len(res.Triggers[0].Documents), err)
		}
	})
}
