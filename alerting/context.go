package alerting

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"vigil/script"
)

// runContext is the ctx of conditions and messages.
type runContext struct {
	e        *Evaluation
	t        *Trigger
	alert    *Alert
	results  []any
	template map[string]any
	// extra is what ctx has in messages of other monitors than those of query level.
	extra map[string]any
	// associated are the alerts of a workflow's monitors that made its condition hold.
	associated []string
}

var _ script.Object = (*runContext)(nil)

// ClassName is what an error about a field that ctx does not have names, as OpenSearch does.
func (c *runContext) ClassName() string {
	return "org.opensearch.alerting.script.QueryLevelTriggerExecutionContext"
}

// Field returns what conditions may read: the getters that OpenSearch allows.
func (c *runContext) Field(name string) (any, bool) {
	m := c.e.Monitor
	switch name {
	case "monitor":
		return map[string]any{"id": m.ID, "version": m.Version.Version, "name": m.Name, "enabled": m.Enabled}, true
	case "trigger":
		return map[string]any{"id": c.t.ID, "name": c.t.Name, "severity": c.t.Severity, "actions": actionList(c.t)}, true
	case "results":
		return c.results, true
	case "periodStart":
		return c.e.PeriodStart, true
	case "periodEnd":
		return c.e.PeriodEnd, true
	case "error":
		return orNil(c.e.InputError), true
	case "alert":
		if c.alert == nil {
			return nil, true
		}
		a := map[string]any{"id": c.alert.ID, "version": c.alert.Version, "acknowledged": c.alert.State == Acknowledged}
		// OpenSearch before comments has these members here, later versions one level deeper; conditions of both exist.
		return map[string]any{"id": a["id"], "version": a["version"], "acknowledged": a["acknowledged"], "alert": a}, true
	}
	return nil, false
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func actionList(t *Trigger) []any {
	out := make([]any, len(t.Actions))
	for i, a := range t.Actions {
		out[i] = map[string]any{
			"id": a.ID, "name": a.Name, "destination_id": a.DestinationID, "throttle_enabled": a.Throttle > 0,
		}
	}
	return out
}

// forTemplate returns ctx as messages see it.
func (c *runContext) forTemplate() map[string]any {
	if c.template != nil {
		return c.template
	}
	m := c.e.Monitor
	results := c.results
	if roles := c.e.settings.ResultRoles; len(roles) > 0 && (m.User == nil || !slices.ContainsFunc(m.User.Roles, func(r string) bool { return slices.Contains(roles, r) })) {
		results = []any{}
	}
	c.template = map[string]any{
		"monitor": map[string]any{
			"_id": m.ID, "_version": m.Version.Version, "name": m.Name, "enabled": m.Enabled, "monitor_type": string(m.Type),
			"enabled_time": millisOrNil(m.EnabledTime), "last_update_time": millisOrNil(m.LastUpdateTime),
			"schedule": m.Schedule.forTemplate(), "inputs": inputList(m),
		},
		"trigger": map[string]any{
			"id": c.t.ID, "name": c.t.Name, "severity": c.t.Severity, "actions": actionList(c.t),
			"condition": map[string]any{"script": map[string]any{"source": c.t.Condition.Source, "lang": c.t.Condition.Lang}},
		},
		"results":     results,
		"periodStart": instant(c.e.PeriodStart),
		"periodEnd":   instant(c.e.PeriodEnd),
		"error":       c.e.InputError,
	}
	if m.Type == Composite {
		c.chained()
		return c.template
	}
	if m.Type.oneAlert() {
		c.template["alert"] = c.alert.forTemplate()
	}
	maps.Copy(c.template, c.extra)
	return c.template
}

func (s Schedule) forTemplate() map[string]any {
	if s.Cron != nil {
		return map[string]any{"cron": map[string]any{"expression": s.Cron.expression, "timezone": s.Cron.timezone}}
	}
	if s.Period == nil {
		return nil
	}
	return map[string]any{"period": map[string]any{"interval": int64(s.Period.Interval), "unit": s.Period.Unit}}
}

func inputList(m *Monitor) []any {
	out := make([]any, 0, len(m.Inputs))
	for _, in := range m.Inputs {
		if in.Doc != nil {
			queries := make([]any, len(in.Doc.Queries))
			for i, q := range in.Doc.Queries {
				queries[i] = map[string]any{"id": q.ID, "name": q.Name, "query": q.Query, "tags": anyList(q.Tags)}
			}
			out = append(out, map[string]any{"indices": anyList(in.Doc.Indices), "queries": queries})
			continue
		}
		if in.Search == nil {
			out = append(out, map[string]any{})
			continue
		}
		out = append(out, map[string]any{
			"search": map[string]any{"indices": anyList(in.Search.Indices), "query": string(in.Search.Query)},
		})
	}
	return out
}

func (a *Alert) forTemplate() any {
	if a == nil {
		return nil
	}
	out := map[string]any{
		"id": a.ID, "version": a.Version, "state": string(a.State), "severity": a.Severity,
		"start_time": millisOrNil(a.StartTime), "end_time": millisOrNil(a.EndTime),
		"acknowledged_time": millisOrNil(a.AcknowledgedTime), "last_notification_time": millisOrNil(a.LastNotification),
		"error_message": orNil(a.ErrorMessage), "execution_id": a.ExecutionID, "workflow_id": a.WorkflowID, "workflow_name": a.WorkflowName,
		"associated_alert_ids": anyList(a.AssociatedAlerts), "clusters": strings.Join(a.Clusters, ","),
	}
	if b := a.Bucket; b != nil {
		out["bucket_keys"], out["parent_bucket_path"] = strings.Join(b.Keys, ","), b.Parent
	}
	out["comments"] = commentsForTemplate(a.comments)
	return out
}

func millisOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// instant prints a time as Java's Instant does: no fraction, or three digits.
func instant(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond() < int(time.Millisecond) {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func decodeResults(raw []json.RawMessage) []any {
	out := make([]any, len(raw))
	for i, r := range raw {
		out[i] = decodeValue(r)
	}
	return out
}

// decodeValue reads JSON as scripts want it: whole numbers stay whole.
func decodeValue(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return plain(v)
}

func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		for k, x := range v {
			v[k] = plain(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
	}
	return v
}
