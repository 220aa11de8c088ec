package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// sampleConfiguration is the request of the seed documents that configures auditing.
const sampleConfiguration = `{"enabled":true,` +
	`"audit":{"enable_rest":true,"disabled_rest_categories":["GRANTED_PRIVILEGES","AUTHENTICATED"],` +
	`"enable_transport":true,"disabled_transport_categories":["GRANTED_PRIVILEGES","AUTHENTICATED"],` +
	`"resolve_bulk_requests":true,"log_request_body":true,"resolve_indices":true,"exclude_sensitive_headers":true,` +
	`"ignore_users":["kibanaserver"],"ignore_requests":["SearchRequest","indices:data/read/*","/_cluster/health"]},` +
	`"compliance":{"enabled":true,"internal_config":true,"external_config":false,"read_metadata_only":true,` +
	`"read_watched_fields":{"read-index-1":["field-1","field-2"],"read-index-2":["field-3"]},"read_ignore_users":["read-ignore-1"],` +
	`"write_metadata_only":true,"write_log_diffs":false,"write_watched_indices":["write-index-1","write-index-2","log-*","*"],` +
	`"write_ignore_users":["write-ignore-1"]}}`

// watching returns an audit configuration that watches one index: all writes to it, and the named fields when read.
func watching(index, disabled string, fields ...string) string {
	names, _ := json.Marshal(append([]string{}, fields...)) //nolint:errchkjson // strings always encode
	return `{"enabled":true,"audit":{"disabled_rest_categories":` + disabled + `,"disabled_transport_categories":` + disabled + `},` +
		`"compliance":{"enabled":true,"internal_config":true,"read_metadata_only":true,"read_watched_fields":{"` + index + `":` + string(names) + `},` +
		`"write_metadata_only":true,"write_watched_indices":["` + index + `"]}}`
}

const byDefault = `["AUTHENTICATED","GRANTED_PRIVILEGES"]`

func (d *demo) auditConfiguration(ctx context.Context) error {
	var want map[string]any
	if err := json.Unmarshal([]byte(sampleConfiguration), &want); err != nil {
		return err
	}
	for _, prefix := range []string{"/_plugins", "/_opendistro"} {
		path := prefix + "/_security/api/audit"
		if err := d.admin().must(ctx, "PUT", path+"/config", sampleConfiguration, nil, http.StatusOK); err != nil {
			return err
		}
		var got struct {
			Config map[string]any `json:"config"`
		}
		if err := d.admin().must(ctx, "GET", path, nil, &got, http.StatusOK); err != nil {
			return err
		}
		if diff := missingFrom(got.Config, want, "config"); diff != "" {
			return fmt.Errorf("%s reads back differently: %s", prefix, diff)
		}
	}
	return nil
}

// missingFrom names the first member of want that got does not have as it is.
func missingFrom(got, want map[string]any, path string) string {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if w, ok := want[k].(map[string]any); ok {
			g, _ := got[k].(map[string]any)
			if diff := missingFrom(g, w, path+"."+k); diff != "" {
				return diff
			}
			continue
		}
		if fmt.Sprint(got[k]) != fmt.Sprint(want[k]) {
			return fmt.Sprintf("%s.%s is %v, want %v", path, k, got[k], want[k])
		}
	}
	return ""
}

// sampleFields are the fields that the sample events of the seed documents have in common, and the two that name the node's
// host, as OpenSearch 2.19 adds them.
var sampleFields = []string{
	"@timestamp", "audit_category", "audit_cluster_name", "audit_format_version", "audit_node_host_address", "audit_node_host_name",
	"audit_node_id", "audit_node_name", "audit_request_effective_user", "audit_request_origin", "audit_request_remote_address",
	"audit_trace_doc_id", "audit_trace_indices", "audit_trace_resolved_indices", "audit_trace_shard_id",
}

func (d *demo) complianceEvents(ctx context.Context) error {
	admin := d.admin()
	if err := admin.must(ctx, "PUT", "/_plugins/_security/api/audit/config", watching("accounts", byDefault, "ssn", "id-"), nil, http.StatusOK); err != nil {
		return err
	}
	if err := admin.must(ctx, "PUT", "/accounts/_doc/0", `{"ssn":"123","id-":"456"}`, nil, http.StatusCreated); err != nil {
		return err
	}
	if err := admin.must(ctx, "GET", "/accounts/_search", `{"query":{"match_all":{}}}`, nil, http.StatusOK); err != nil {
		return err
	}
	common := map[string]any{
		"audit_format_version": 4.0, "audit_request_origin": "REST", "audit_request_effective_user": "admin",
		"audit_request_remote_address": "127.0.0.1", "audit_trace_doc_id": "0", "audit_trace_shard_id": 0.0,
		"audit_trace_indices": []any{"accounts"}, "audit_trace_resolved_indices": []any{"accounts"},
	}
	write := maps.Clone(common)
	write["audit_compliance_operation"], write["audit_compliance_doc_version"] = "CREATE", 1.0
	if err := d.eventWith(ctx, "COMPLIANCE_DOC_WRITE", write, "audit_compliance_operation", "audit_compliance_doc_version"); err != nil {
		return err
	}
	return d.eventWith(ctx, "COMPLIANCE_DOC_READ", common, "audit_request_body")
}

// eventWith waits for the event of a category on the watched index: it must have these values, and besides the fields of the
// samples just the extra ones.
func (d *demo) eventWith(ctx context.Context, category string, values map[string]any, extra ...string) error {
	event, err := d.oneEvent(ctx, `{"bool":{"filter":[{"term":{"audit_category":"`+category+`"}},{"term":{"audit_trace_indices":"accounts"}}]}}`)
	if err != nil {
		return err
	}
	want := slices.Sorted(slices.Values(append(slices.Clone(sampleFields), extra...)))
	if got := slices.Sorted(maps.Keys(event)); !slices.Equal(got, want) {
		return fmt.Errorf("%s has the fields %v, want %v", category, got, want)
	}
	if diff := missingFrom(event, values, category); diff != "" {
		return errors.New(diff)
	}
	return nil
}

// monitor is the seed's monitor, with the extraction query looking back that far.
func (d *demo) monitor(since string) map[string]any {
	search := map[string]any{
		"query": map[string]any{"bool": map[string]any{"must": []any{
			map[string]any{"match": map[string]any{"audit_category": map[string]any{"query": "FAILED_LOGIN"}}},
			map[string]any{"range": map[string]any{"audit_utc_timestamp": map[string]any{"gte": since}}},
		}}},
		"sort": []any{map[string]any{"audit_utc_timestamp": map[string]any{"order": "desc"}}},
	}
	message := "Monitor {{ctx.monitor.name}} just entered alert status. Please investigate the issue.\n" +
		"- Trigger: {{ctx.trigger.name}}\n- Severity: {{ctx.trigger.severity}}\n- Failed logins: {{ctx.results.0.hits.total.value}}"
	return map[string]any{
		"type": "monitor", "name": "Audit Unauthorized Access Events", "enabled": true,
		"schedule": map[string]any{"period": map[string]any{"interval": 1, "unit": "MINUTES"}},
		"inputs":   []any{map[string]any{"search": map[string]any{"indices": []string{"security-auditlog-*"}, "query": search}}},
		"triggers": []any{map[string]any{
			"id": "unauthorized-access", "name": "Unauthorized Access Events on ES Cluster", "severity": "1",
			"condition": map[string]any{"script": map[string]any{"source": "ctx.results[0].hits.total.value > 1", "lang": "painless"}},
			"actions": []any{map[string]any{
				"name": "Notify OnCall", "destination_id": d.destinationID,
				"subject_template": map[string]any{"source": "Unauthorized Access Events on ES Cluster", "lang": "mustache"},
				"message_template": map[string]any{"source": message, "lang": "mustache"},
			}},
		}},
	}
}

func (d *demo) createMonitor(ctx context.Context) error {
	var created struct {
		ID string `json:"_id"`
	}
	chime := map[string]any{"name": "Chime", "type": "chime", "chime": map[string]any{"url": d.inbox.url}}
	if err := d.admin().must(ctx, "POST", "/_opendistro/_alerting/destinations", chime, &created, http.StatusCreated); err != nil {
		return err
	}
	d.destinationID = created.ID
	if err := d.admin().must(ctx, "POST", "/_opendistro/_alerting/monitors", d.monitor("now-5m"), &created, http.StatusCreated); err != nil {
		return err
	}
	d.monitorID = created.ID
	return nil
}

func (d *demo) failedLogins(ctx context.Context) error {
	for _, u := range []user{d.as("admin", "not-the-password"), d.as("intruder", "guess")} {
		if err := u.must(ctx, "GET", "/_cluster/health", nil, nil, http.StatusUnauthorized); err != nil {
			return err
		}
	}
	return d.wait(ctx, "the message", func() error {
		messages := d.inbox.received()
		if len(messages) == 0 {
			return errors.New("no message arrived")
		}
		if d.verbose {
			fmt.Fprintf(d.out, "     received: %s\n", messages[0])
		}
		var chime struct {
			Content string `json:"Content"`
		}
		if err := json.Unmarshal([]byte(messages[0]), &chime); err != nil {
			return fmt.Errorf("read the message %q: %w", messages[0], err)
		}
		for _, part := range []string{"Unauthorized Access Events on ES Cluster\n\nMonitor Audit Unauthorized Access Events", "Failed logins: 2", "Severity: 1"} {
			if !strings.Contains(chime.Content, part) {
				return fmt.Errorf("the message %q lacks %q", chime.Content, part)
			}
		}
		if len(messages) > 1 {
			return fmt.Errorf("%d messages arrived, want one", len(messages))
		}
		return nil
	})
}

// alertIs looks whether the monitor's only alert is in a state, and returns its id.
func (d *demo) alertIs(ctx context.Context, state string) (id string, err error) {
	var list struct {
		Alerts []struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"alerts"`
	}
	path := "/_opendistro/_alerting/monitors/alerts?monitorId=" + d.monitorID
	if err := d.admin().must(ctx, "GET", path, nil, &list, http.StatusOK); err != nil {
		return "", err
	}
	if len(list.Alerts) != 1 || list.Alerts[0].State != state {
		return "", fmt.Errorf("the alerts are %+v, want one that is %s", list.Alerts, state)
	}
	return list.Alerts[0].ID, nil
}

// alertBecomes waits until the monitor's only alert is in a state, and returns its id.
func (d *demo) alertBecomes(ctx context.Context, state string) (id string, err error) {
	err = d.wait(ctx, "the alert to be "+state, func() error {
		id, err = d.alertIs(ctx, state)
		return err
	})
	return id, err
}

func (d *demo) alertLifeCycle(ctx context.Context) error {
	id, err := d.alertBecomes(ctx, "ACTIVE")
	if err != nil {
		return err
	}
	monitor := "/_opendistro/_alerting/monitors/" + d.monitorID
	ack := map[string]any{"alerts": []string{id}}
	if err := d.admin().must(ctx, "POST", monitor+"/_acknowledge/alerts", ack, nil, http.StatusOK); err != nil {
		return err
	}
	if _, err := d.alertBecomes(ctx, "ACKNOWLEDGED"); err != nil {
		return err
	}
	if err := d.admin().must(ctx, "PUT", monitor, d.monitor("now-1s"), nil, http.StatusOK); err != nil {
		return err
	}
	// The two logins are older than a second soon; every run until then finds the condition true.
	return d.wait(ctx, "the alert to be COMPLETED", func() error {
		if err := d.admin().must(ctx, "POST", monitor+"/_execute", nil, nil, http.StatusOK); err != nil {
			return err
		}
		_, err := d.alertIs(ctx, "COMPLETED")
		return err
	})
}

func (d *demo) missingPrivileges(ctx context.Context) error {
	if err := d.admin().must(ctx, "PUT", "/_plugins/_security/api/internalusers/nobody", `{"password":"a-Long-enough-1"}`, nil, http.StatusCreated); err != nil {
		return err
	}
	if err := d.as("nobody", "a-Long-enough-1").must(ctx, "GET", "/accounts/_search", nil, nil, http.StatusForbidden); err != nil {
		return err
	}
	event, err := d.oneEvent(ctx, `{"bool":{"filter":[{"term":{"audit_category":"MISSING_PRIVILEGES"}},{"term":{"audit_request_effective_user":"nobody"}}]}}`)
	if err != nil {
		return err
	}
	return differs(missingFrom(event, map[string]any{
		"audit_request_privilege": "indices:data/read/search", "audit_transport_request_type": "SearchRequest",
		"audit_request_layer": "TRANSPORT", "audit_trace_indices": []any{"accounts"},
	}, "event"))
}

func (d *demo) securityIndexAttempt(ctx context.Context) error {
	if err := d.admin().must(ctx, "PUT", "/.opendistro_security/_doc/roles", `{"roles":{}}`, nil, http.StatusForbidden); err != nil {
		return err
	}
	event, err := d.oneEvent(ctx, `{"term":{"audit_category":"OPENDISTRO_SECURITY_INDEX_ATTEMPT"}}`)
	if err != nil {
		return err
	}
	return differs(missingFrom(event, map[string]any{
		"audit_transport_action": "indices:data/write/index", "audit_request_effective_user": "admin",
		"audit_trace_indices": []any{".opendistro_security"}, "audit_trace_doc_id": "roles",
	}, "event"))
}

func (d *demo) indexEvent(ctx context.Context) error {
	if err := d.admin().must(ctx, "PUT", "/invoices", `{"settings":{"number_of_shards":1}}`, nil, http.StatusOK); err != nil {
		return err
	}
	event, err := d.oneEvent(ctx, `{"bool":{"filter":[{"term":{"audit_category":"INDEX_EVENT"}},{"term":{"audit_trace_indices":"invoices"}}]}}`)
	if err != nil {
		return err
	}
	return differs(missingFrom(event, map[string]any{
		"audit_request_privilege": "indices:admin/create", "audit_transport_request_type": "CreateIndexRequest",
	}, "event"))
}

func differs(diff string) error {
	if diff == "" {
		return nil
	}
	return errors.New(diff)
}

// killed writes from several clients with everything audited, kills the server in the middle, starts it again, and compares.
func (d *demo) killed(ctx context.Context) error {
	if err := d.admin().must(ctx, "PUT", "/_plugins/_security/api/audit/config", watching("load", "[]"), nil, http.StatusOK); err != nil {
		return err
	}
	answered := d.load(ctx, 8, 400, d.kill)
	if len(answered) < 400 {
		return fmt.Errorf("only %d requests were answered before the kill", len(answered))
	}
	if err := d.startServer(ctx); err != nil {
		return err
	}
	return d.wait(ctx, "the events of every answered request", func() error {
		for category, filter := range map[string]string{
			"COMPLIANCE_DOC_WRITE": `{"term":{"audit_category":"COMPLIANCE_DOC_WRITE"}}`,
			"GRANTED_PRIVILEGES":   `{"term":{"audit_transport_request_type":"IndexRequest"}},{"term":{"audit_category":"GRANTED_PRIVILEGES"}},{"term":{"audit_request_privilege":"indices:data/write/index"}}`,
		} {
			events, err := d.events(ctx, `{"bool":{"filter":[{"term":{"audit_trace_indices":"load"}},`+filter+`]}}`)
			if err != nil {
				return err
			}
			count := map[string]int{}
			for _, e := range events {
				id, _ := e["audit_trace_doc_id"].(string)
				count[id]++
			}
			for _, id := range answered {
				if count[id] != 1 {
					return fmt.Errorf("the answered write of document %s has %d %s events, want 1 (%d answered, %d events)", id, count[id], category, len(answered), len(events))
				}
			}
		}
		return nil
	})
}

// load writes documents from several clients until enough are answered, then calls kill while they go on, and returns the
// ids of the writes that were answered.
func (d *demo) load(ctx context.Context, clients, enough int, kill func()) []string {
	verbose := d.verbose
	d.verbose = false // thousands of lines tell nothing
	defer func() { d.verbose = verbose }()
	var (
		next     atomic.Int64
		mu       sync.Mutex
		answered []string
		wg       sync.WaitGroup
		once     sync.Once
		killing  = make(chan struct{})
	)
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				id := strconv.FormatInt(next.Add(1), 10)
				a, err := d.admin().do(ctx, "PUT", "/load/_doc/"+id, `{"n":`+id+`}`)
				if err != nil || a.status != http.StatusCreated {
					return // the server is gone
				}
				mu.Lock()
				answered = append(answered, id)
				if len(answered) >= enough {
					once.Do(func() { close(killing) })
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-killing:
	case <-ctx.Done():
	}
	kill()
	wg.Wait()
	return answered
}
