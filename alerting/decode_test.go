package alerting

import (
	"errors"
	"strings"
	"testing"
)

// TestValidation sends every part of a monitor in every wrong way that OpenSearch has words for, and wants those words.
func TestValidation(t *testing.T) {
	const schedule = `"schedule":{"period":{"interval":1,"unit":"MINUTES"}}`
	monitor := func(members string) string { return `{"name":"m",` + schedule + `,` + members + `}` }
	trigger := func(members string) string { return monitor(`"triggers":[{"query_level_trigger":{` + members + `}}]`) }
	const script = `"condition":{"script":{"source":"true"}}`
	action := func(members string) string {
		return trigger(`"name":"t","severity":"1",` + script + `,"actions":[{` + members + `}]`)
	}
	const message = `"name":"a","destination_id":"d","message_template":{"source":"x"}`
	doc := func(query string) string {
		return monitor(`"monitor_type":"doc_level_monitor","inputs":[{"doc_level_input":{"indices":["i"],"queries":[` + query + `]}}]`)
	}
	scheduled := func(schedule string) string { return `{"name":"m","schedule":` + schedule + `}` }
	search := `{"search":{"indices":["i"],"query":{"query":{"match_all":{}}}}}`
	for _, tt := range []struct {
		body string
		kind Kind
		want string
	}{
		{`{` + schedule + `}`, BadArgument, "Monitor name is null"},
		{`{"name":null,` + schedule + `}`, BadArgument, "Monitor name is null"},
		{`{"name":"m"}`, BadArgument, "Monitor schedule is null"},
		{monitor(`"monitor_type":"nope"`), BadState, "Monitor type should follow pattern [a-zA-Z0-9_]{5,25}"},
		{monitor(`"monitor_type":"ppl_monitor"`), Unsupported, "monitor_type [ppl_monitor] is not supported"},
		{monitor(`"inputs":[` + search + `,` + search + `]`), BadArgument, "Monitors can only have 1 search input."},
		{monitor(`"monitor_type":"bucket_level_monitor","inputs":[` + search + `]`), BadArgument, "At least one aggregation is required for the input"},
		{monitor(`"monitor_type":"doc_level_monitor","inputs":[` + search + `]`), BadArgument, "Unsupported input for monitor type [doc_level_monitor]"},
		{monitor(`"monitor_type":"bucket_level_monitor","inputs":[{"uri":{"path":"/_cluster/health"}}]`), BadArgument, "Unsupported input for monitor type [bucket_level_monitor]"},
		{monitor(`"data_sources":{"alerts_index":"mine"}`), BadArgument, "Custom Data Sources are not allowed."},

		{scheduled(`{}`), BadArgument, "Schedule is null."},
		{scheduled(`{"weekly":1}`), BadArgument, "Invalid field: [weekly] found in schedule."},
		{scheduled(`{"period":{"interval":1,"unit":"MINUTES"},"cron":{"expression":"* * * * *","timezone":"UTC"}}`), BadArgument, "You can only specify one type of schedule."},
		{scheduled(`{"period":{"unit":"MINUTES"}}`), BadArgument, "Interval in period schedule is null."},
		{scheduled(`{"period":{"interval":1}}`), BadArgument, "Unit in period schedule is null."},
		{scheduled(`{"period":{"interval":0,"unit":"MINUTES"}}`), BadArgument, "Interval is not allowed to be 0 or negative"},
		{scheduled(`{"period":{"interval":1,"unit":"FORTNIGHT"}}`), BadArgument, "No enum constant java.time.temporal.ChronoUnit.FORTNIGHT"},
		{scheduled(`{"cron":{"timezone":"UTC"}}`), BadArgument, "Expression in cron schedule is null."},
		{scheduled(`{"cron":{"expression":"* * * * *"}}`), BadArgument, "Timezone in cron schedule is null."},
		{scheduled(`{"cron":{"expression":"nope","timezone":"UTC"}}`), BadArgument, "Cron expression contains 1 parts but we expect one of [5]"},
		{scheduled(`{"cron":{"expression":"* * * * *","timezone":"Mars/X"}}`), BadArgument, "Timezone Mars/X is not supported"},

		{trigger(`"severity":"1",` + script), BadArgument, "Trigger name is null"},
		{trigger(`"name":"t",` + script), BadArgument, "Trigger severity is null"},
		{trigger(`"name":"t","severity":"1"`), BadArgument, "Trigger condition is null"},
		{trigger(`"name":"t","severity":"1","condition":{"script":{"source":"x","lang":"groovy"}}`), BadArgument, "Invalid script language. Allowed languages are [painless]"},
		{trigger(`"name":"t","severity":"1","condition":{"script":{}}`), BadArgument, "must specify either [source] for an inline script or [id] for a stored script"},
		{trigger(`"name":"t","severity":"1","condition":{"script":{"id":"x"}}`), BadArgument, "stored scripts are not supported: [x]"},
		{monitor(`"triggers":[{"document_level_trigger":{"name":"t"}}]`), BadArgument, "Incompatible trigger [document_level_trigger] for monitor type [query_level_monitor]"},
		{monitor(`"triggers":[{"id":"x","name":"t","severity":"1",` + script + `},{"id":"x","name":"t","severity":"1",` + script + `}]`), BadArgument, "Duplicate trigger id: x. Trigger ids must be unique."},

		{action(`"destination_id":"d","message_template":{"source":"x"}`), BadArgument, "Action name is null"},
		{action(`"name":"a","message_template":{"source":"x"}`), BadArgument, "Destination id is null"},
		{action(`"name":"a","destination_id":"d"`), BadArgument, "Action message template is null"},
		{action(message + `,"nope":1`), BadState, "Unexpected field: nope, while parsing action"},
		{action(`"name":"a","destination_id":"d","message_template":{"source":"x","lang":"painless"}`), BadArgument, "message_template must be a mustache script"},
		{action(message + `,"subject_template":{"source":"x","lang":"painless"}`), BadArgument, "subject_template must be a mustache script"},
		{action(message + `,"throttle_enabled":true`), BadArgument, "Action throttle enabled but not set throttle value"},
		{action(message + `,"throttle":{"value":0,"unit":"MINUTES"}`), BadArgument, "Can only set positive throttle period"},
		{action(message + `,"throttle":{"value":null,"unit":"MINUTES"}`), BadArgument, "Throttle value can't be null"},
		{action(message + `,"throttle":{"value":5,"unit":"HOURS"}`), BadArgument, "Only support MINUTES throttle unit currently"},
		{action(message + `,"throttle":{"value":5,"unit":"MINUTES","nope":1}`), BadState, "Unexpected field: nope, while parsing action"},
		{action(message + `,"throttle_enabled":true,"throttle":{"value":1441,"unit":"MINUTES"}`), BadArgument, "Can only set throttle period less than or equal to 1d"},

		{doc(`{"name":"","query":"a:b"}`), BadArgument, "The query name, , should be between 1 - 256 characters."},
		{doc(`{"name":"_a","query":"a:b"}`), BadArgument, "Doc level query name may not start with [_, +, -], contain '..', or contain: [^, *, ?, <, >, |, #]"},
		{doc(`{"name":"a..b","query":"a:b"}`), BadArgument, "Doc level query name may not start with [_, +, -], contain '..', or contain: [^, *, ?, <, >, |, #]"},
		{doc(`{"name":"a","query":"a:b","tags":["x y"]}`), BadArgument, "The query tag, x y, contains an invalid character: [' ','[',']','{','}','(',')']"},
		{doc(`{"name":"a","query":""}`), BadArgument, "Doc level query [a] must have between 1 and 32768 bytes"},
	} {
		m, err := ParseMonitor([]byte(tt.body))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != tt.kind || e.Reason != tt.want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s (%d)", tt.body, m, err, tt.want, tt.kind)
		}
	}
	bucket := func(policy string) string {
		return monitor(`"monitor_type":"bucket_level_monitor","triggers":[{"bucket_level_trigger":{"name":"t","severity":"1","condition":{"buckets_path":{},"parent_bucket_path":"u","script":"true"},
			"actions":[{` + message + `,"action_execution_policy":{"action_execution_scope":` + policy + `}}]}}]`)
	}
	for _, tt := range []struct{ policy, want string }{
		{`{}`, "Action execution scope is null."},
		{`{"per_week":{}}`, "Invalid field [per_week] found in action execution scope."},
		{`{"per_alert":{"actionable_alerts":["OLD"]}}`, "Actionable alerts should be one of [DEDUPED, NEW, COMPLETED]"},
		{`{"per_alert":{"actionable_alerts":["NEW"]},"per_execution":{}}`, "You can only specify one type of action execution scope."},
	} {
		if m, err := ParseMonitor([]byte(bucket(tt.policy))); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, %v; want %s", tt.policy, m, err, tt.want)
		}
	}
	// What OpenSearch takes, though it looks wrong.
	for _, body := range []string{
		monitor(`"nope":{"any":["thing"]},"inputs":[],"triggers":[]`),
		trigger(`"name":"t","severity":"very high",` + script),
		monitor(`"triggers":[{"name":"t","severity":"1",` + script + `}]`),
		strings.Replace(trigger(`"name":"t","severity":"1",`+script), `"source":"true"`, `"source":"ctx.results[0"`, 1),
		action(message + `,"subject_template":null,"throttle":null`),
		scheduled(`{"cron":{"expression":"0 12 * JAN-MAR MON","timezone":"+02:00"}}`),
	} {
		if _, err := ParseMonitor([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}
