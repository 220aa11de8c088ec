package alerting

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBucketMessagesAreAsRecorded makes the two runs of 05-bucket-level.json in compat/.
func TestBucketMessagesAreAsRecorded(t *testing.T) {
	_, macros := recording(t, "buckets.ndjson")
	r := newRig(t)
	r.result = macros["result"]
	r.json("POST", "/_plugins/_notifications/configs", `{"config_id":"hook-1","config":{"name":"hook one","config_type":"webhook",
		"webhook":{"url":"http://127.0.0.1:1/ok"}}}`, 200)
	id, ok := r.json("POST", "/_plugins/_alerting/monitors", string(macros["request"]), 201)["_id"].(string)
	if !ok {
		t.Fatal("no id")
	}
	for range 2 {
		r.json("POST", "/_plugins/_alerting/monitors/"+id+"/_execute", "", 200)
	}
	var got []string
	for _, m := range r.sent {
		got = append(got, m.Body)
	}
	want := []string{"per-alert new:root1 ", "per-exec new:root1 ", "per-alert dedup:root1 ", "per-exec dedup:root1 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBucketMonitorsThatAreRefused(t *testing.T) {
	const head = `{"name":"b","monitor_type":"bucket_level_monitor","schedule":{"period":{"interval":1,"unit":"MINUTES"}},`
	const in = `"inputs":[{"search":{"indices":["i"],"query":{"aggs":{"u":{"terms":{"field":"f"}}}}}}],`
	trigger := func(condition, action string) string {
		return head + in + `"triggers":[{"bucket_level_trigger":{"name":"t","severity":"1","condition":{` + condition +
			`},"actions":[` + action + `]}}]}`
	}
	const good = `"buckets_path":{"n":"_count"},"parent_bucket_path":"u","script":"params.n > 1"`
	action := func(members string) string {
		return `{"name":"a","destination_id":"d","message_template":{"source":"x"},` + members + `}`
	}
	r := newRig(t)
	for _, tt := range []struct{ body, want string }{
		{head + `"inputs":[{"search":{"indices":["i"],"query":{"query":{"match_all":{}}}}}]}`, "At least one aggregation is required for the input"},
		{head + in + `"triggers":[{"query_level_trigger":{"name":"t"}}]}`, "Incompatible trigger [query_level_trigger] for monitor type [bucket_level_monitor]"},
		{trigger(`"parent_bucket_path":"u","script":"true"`, ""), "Missing required field [buckets_path] for bucket_selector aggregation"},
		{trigger(`"buckets_path":{},"script":"true"`, ""), "Missing required field [parent_bucket_path] for bucket_selector aggregation"},
		{trigger(`"buckets_path":{},"parent_bucket_path":"u"`, ""), "Trigger condition is null"},
		{trigger(good+`,"gap_policy":"guess"`, ""), "Invalid gap policy: [guess], accepted values: [insert_zeros, skip]"},
		{trigger(good+`,"filter":{"only":["x"]}`, ""), "filter: unknown field [only]"},
		{trigger(good, action(`"action_execution_policy":{"action_execution_scope":{}}`)), "Action execution scope is null."},
		{
			trigger(good, action(`"throttle_enabled":true,"throttle":{"value":1,"unit":"MINUTES"},"action_execution_policy":{"action_execution_scope":{"per_execution":{}}}`)),
			"Throttle is currently not supported for per execution action scope",
		},
	} {
		got := r.json("POST", "/_plugins/_alerting/monitors", tt.body, 400)["error"].(map[string]any)["reason"]
		if got != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.body, got, tt.want)
		}
	}
	r.json("POST", "/_plugins/_alerting/monitors", trigger(good, action(`"throttle_enabled":false`)), 201)
}
