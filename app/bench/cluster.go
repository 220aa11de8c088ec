package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

type object = map[string]any

// What is recorded. The administrator, who prepares and looks, leaves no events.
const (
	auditOff     = "off"
	auditDefault = "default categories"
	auditAll     = "everything"
)

// auditConfig is the audit configuration of such a name, with write and read events of these indices.
func auditConfig(what string, written []string, read object) object {
	disabled := []string{}
	if what == auditDefault {
		disabled = []string{"AUTHENTICATED", "GRANTED_PRIVILEGES"}
	}
	return object{
		"enabled": what != auditOff,
		"audit": object{
			"enable_rest": true, "disabled_rest_categories": disabled, "enable_transport": true, "disabled_transport_categories": disabled,
			"resolve_bulk_requests": what == auditAll, "log_request_body": true, "resolve_indices": true, "exclude_sensitive_headers": true,
			"ignore_users": []string{adminName, "kibanaserver"}, "ignore_requests": []string{},
		},
		"compliance": object{
			"enabled": true, "internal_config": true, "external_config": what == auditAll,
			"read_metadata_only": false, "read_watched_fields": read, "read_ignore_users": []string{adminName},
			"write_metadata_only": false, "write_log_diffs": false, "write_watched_indices": written, "write_ignore_users": []string{adminName},
		},
	}
}

// audits puts an audit configuration into force.
func (c *client) audits(ctx context.Context, config object) error {
	return c.call(ctx, http.MethodPut, "/_plugins/_security/api/audit/config", adminName, config, nil)
}

// prepare makes the user who is audited and the index that is searched.
func (c *client) prepare(ctx context.Context) error {
	const api = "/_plugins/_security/api/"
	permissions := object{"index_patterns": []string{"*"}, "allowed_actions": []string{"crud", "create_index", "indices:admin/mapping/auto_put"}}
	for _, p := range []struct {
		path string
		body object
	}{
		{"internalusers/" + userName, object{"password": userPassword, "backend_roles": []string{"analysts"}}},
		{"roles/bench", object{"cluster_permissions": []string{"cluster_composite_ops"}, "index_permissions": []object{permissions}}},
		{"rolesmapping/bench", object{"backend_roles": []string{"analysts"}}},
	} {
		if err := c.call(ctx, http.MethodPut, api+p.path, adminName, p.body, nil); err != nil {
			return err
		}
	}
	return c.fill(ctx, indexName, indexDocs)
}

// indexDocs is how many documents the searched index has; every fifth is open.
const indexDocs = 200

// fill makes an index anew with so many documents.
func (c *client) fill(ctx context.Context, index string, docs int) error {
	if status, body, err := c.do(ctx, http.MethodDelete, "/"+index, adminName, nil); err != nil || status != http.StatusOK && status != http.StatusNotFound {
		return errors.Join(err, fmt.Errorf("delete %s: answered %d %s", index, status, body))
	}
	keyword, number, date := object{"type": "keyword"}, object{"type": "double"}, object{"type": "date"}
	err := c.call(ctx, http.MethodPut, "/"+index, adminName, object{
		"settings": object{"index": object{"number_of_shards": 1, "number_of_replicas": 0}},
		"mappings": object{"properties": object{"@timestamp": date, "owner": keyword, "balance": number, "state": keyword}},
	}, nil)
	if err != nil || docs == 0 {
		return err
	}
	return c.call(ctx, http.MethodPost, "/"+index+"/_bulk?refresh=true", adminName, bulkBody(docs), nil)
}

// bulkBody is a bulk of so many documents of about 90 bytes, whose ids the cluster chooses.
func bulkBody(docs int) []byte {
	var b bytes.Buffer
	for i := range docs {
		state := "closed"
		if i%5 == 0 {
			state = "open"
		}
		fmt.Fprintf(&b, "{\"index\":{}}\n{\"@timestamp\":\"2026-03-01T12:%02d:%02dZ\",\"owner\":\"owner-%04d\",\"balance\":%d.5,\"state\":%q}\n",
			i/60%60, i%60, i%1000, i, state)
	}
	return b.Bytes()
}

// termSearch is the search that is measured, which finds a fifth of the documents and returns ten of them.
func termSearch() request {
	return request{
		name: "search", method: http.MethodPost, path: "/" + indexName + "/_search", status: http.StatusOK,
		body: `{"query":{"term":{"state":"open"}},"size":10}`, answer: fmt.Sprintf(`"total":{"value":%d,"relation":"eq"}`, indexDocs/5), part: true,
	}
}

// watched is a server with the administrator's client.
type watched struct {
	*loaded

	admin *client
}

// startAudited starts a server of ours that records what is said, with its clients.
func (b *bench) startAudited(ctx context.Context, mode, what string) (*watched, error) {
	c, err := b.start(ctx, mode)
	if err != nil {
		return nil, err
	}
	w := &watched{loaded: &loaded{child: c, load: newLoad(c.url, termSearch())}, admin: newClient(c.url, nil)}
	if err := w.begin(ctx, what); err != nil {
		return nil, errors.Join(fmt.Errorf("%s server: %w", mode, err), w.stop())
	}
	return w, nil
}

func (w *watched) begin(ctx context.Context, what string) error {
	if err := w.admin.ready(ctx); err != nil {
		return err
	}
	if err := w.admin.prepare(ctx); err != nil {
		return err
	}
	if err := w.admin.audits(ctx, auditConfig(what, nil, nil)); err != nil {
		return err
	}
	if err := w.warm(ctx); err != nil {
		return err
	}
	_, _, err := w.admin.drained(ctx)
	return err
}

func (w *watched) stop() error {
	w.admin.http.CloseIdleConnections()
	return w.loaded.stop()
}

// burden is what a round of audited requests came to.
type burden struct {
	cost

	events float64       // kept, per request
	group  float64       // events for each sync of the log
	drain  time.Duration // from the last answer until every sink had all
}

// burst measures n requests of every client, until their events are in every sink.
func (w *watched) burst(ctx context.Context, n int) (burden, error) {
	had, synced, err := w.admin.drained(ctx)
	if err != nil {
		return burden{}, err
	}
	before, _, err := w.usage()
	if err != nil {
		return burden{}, err
	}
	took, err := w.send(ctx, n)
	if err != nil {
		return burden{}, err
	}
	answered := time.Now()
	has, syncs, err := w.admin.drained(ctx)
	if err != nil {
		return burden{}, err
	}
	drain := time.Since(answered)
	after, _, err := w.usage()
	if err != nil {
		return burden{}, err
	}
	requests := float64(n * clients)
	return burden{
		cost:   cost{cpu: micros(after-before) / requests, rate: requests / took.Seconds()},
		events: (has - had) / requests, group: (has - had) / max(syncs-synced, 1), drain: drain,
	}, nil
}
