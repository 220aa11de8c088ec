package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/audit"
)

func TestChangesOfSettingsAreEvents(t *testing.T) {
	const off = `{"audit":{"disabled_rest_categories":["AUTHENTICATED"],"disabled_transport_categories":["GRANTED_PRIVILEGES","INDEX_EVENT"]}}`
	known := func(_ context.Context, index string) (map[string]map[string]string, error) {
		if index != "" {
			return map[string]map[string]string{"index": {"index.number_of_replicas": "0", "index.of": index}}, nil
		}
		return map[string]map[string]string{"persistent": {"cluster.a": "1", "p.secret": "canary"}, "transient": {"cluster.a": "t"}}, nil
	}
	f := func(name, config string, read Settings, line, body, want string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config, answerJSON(`{}`))
			w.Settings = read
			if rec := w.do(line, body); rec.Code >= 500 {
				t.Fatalf("answered %d %s", rec.Code, rec.Body)
			}
			var got []string
			for _, e := range w.events {
				if len(e.Settings) == 0 {
					continue
				}
				var m map[string]any
				if err := json.Unmarshal(audit.AppendJSON(nil, &audit.Node{}, e), &m); err != nil {
					t.Fatal(err)
				}
				delete(m, "@timestamp")
				delete(m, "audit_format_version")
				b, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b))
			}
			if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
	const who = `"audit_request_effective_user":"root","audit_request_layer":"TRANSPORT","audit_request_origin":"REST","audit_request_remote_address":"192.0.2.7"`
	change := func(operation, scope, key, old, value string) string {
		return `{"new_value":` + value + `,"old_value":` + old + `,"operation":"` + operation + `","scope":"` + scope + `","setting":"` + key + `"}`
	}
	clusterEvent := func(changes string) string {
		return `{"audit_category":"CLUSTER_SETTINGS_CHANGED",` + who + `,"audit_settings_changes":[` + changes +
			`],"audit_trace_task_id":"n:1","audit_transport_action":"cluster:admin/settings/update","audit_transport_request_type":"ClusterUpdateSettingsRequest"}`
	}
	indexEvent := func(changes string) string {
		return `{"audit_category":"INDEX_SETTINGS_CHANGED",` + who + `,"audit_settings_changes":[` + changes +
			`],"audit_trace_indices":["logs-a"],"audit_trace_resolved_indices":["logs-a"],"audit_trace_task_id":"n:1","audit_transport_action":"indices:admin/settings/update","audit_transport_request_type":"UpdateSettingsRequest"}`
	}
	f("cluster", off, known, "root PUT /_cluster/settings", `{"persistent":{"cluster":{"a":2,"b":["x",true]},"p.secret":"canary"},"transient":{"cluster.a":null}}`,
		clusterEvent(change("set", "persistent", "cluster.a", `"1"`, `"2"`)+","+change("set", "persistent", "cluster.b", "null", `"[x, true]"`)+","+
			change("set", "persistent", "p.secret", `"***REDACTED***"`, `"***REDACTED***"`)+","+change("removed", "transient", "cluster.a", `"t"`, "null")))
	f("index, nested", off, known, "root PUT /logs-a/_settings", `{"index":{"number_of_replicas":2,"of":null}}`,
		indexEvent(change("set", "index", "index.number_of_replicas", `"0"`, `"2"`)+","+change("removed", "index", "index.of", `"logs-a"`, "null")))
	f("index, without prefix, within settings", off, known, "root PUT /logs-a/_settings", `{"settings":{"number_of_replicas":"2"}}`,
		indexEvent(change("set", "index", "index.number_of_replicas", `"0"`, `"2"`)))
	f("old values unknown", off, func(context.Context, string) (map[string]map[string]string, error) { return nil, errors.New("away") },
		"root PUT /logs-a/_settings", `{"index.x":"2"}`, indexEvent(change("set", "index", "index.x", "null", `"2"`)))
	f("switched off by default", off, nil, "root PUT /logs-a/_settings", `{"index.x":"2"}`, "")
	f("disabled on the layer", `{"audit":{"disabled_transport_categories":["INDEX_SETTINGS_CHANGED"]}}`, known, "root PUT /logs-a/_settings", `{"index.x":"2"}`, "")
	f("disabled on both", `{"audit":{"disabled_categories":["INDEX_SETTINGS_CHANGED"]}}`, known, "root PUT /logs-a/_settings", `{"index.x":"2"}`, "")
	f("nothing changes", off, known, "root PUT /_cluster/settings", `{"persistent":{}}`, "")
	f("no settings", off, known, "root PUT /logs-a/_settings", `[1]`, "")
	f("refused", off, known, "reader PUT /logs-a/_settings", `{"index.x":"2"}`, "")
	f("another request", off, known, "root PUT /logs-a/_mapping", `{"properties":{}}`, "")
}
