package alerting

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Document is a new document that matched queries of a document-level monitor.
type Document struct {
	Index, ID string
	SeqNo     int64
	// Queries are those that it matched, in the monitor's order.
	Queries []DocQuery
	Source  json.RawMessage
}

func (d *Document) name() string { return d.ID + "|" + d.Index }

// Finding tells which queries a document matched.
type Finding struct {
	ID             string     `json:"id"`
	RelatedDocIDs  []string   `json:"related_doc_ids"`
	CorrelatedDocs []string   `json:"correlated_doc_ids"`
	MonitorID      string     `json:"monitor_id"`
	MonitorName    string     `json:"monitor_name"`
	Index          string     `json:"index"`
	Queries        []DocQuery `json:"queries"`
	Timestamp      int64      `json:"timestamp"`
	ExecutionID    string     `json:"execution_id"`
}

// stableID names what a document made a monitor do, so that doing it again after a crash makes nothing new.
func stableID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15])
}

// documents evaluates a document-level monitor: one finding for each document, one alert for each trigger and finding.
func (e *Evaluation) documents(ctx context.Context, out *Outcome) {
	problem := ""
	if e.InputError != "" {
		problem = failedInputs + e.InputError
	}
	for i := range e.Documents {
		d := &e.Documents[i]
		out.Findings = append(out.Findings, Finding{
			ID: d.findingID(e.marksID()), RelatedDocIDs: []string{d.ID}, CorrelatedDocs: []string{},
			MonitorID: e.Monitor.ID, MonitorName: e.Monitor.Name, Index: d.Index, Queries: d.Queries,
			Timestamp: e.Now.UnixMilli(), ExecutionID: e.ExecutionID,
		})
	}
	for i := range e.Monitor.Triggers {
		t := &e.Monitor.Triggers[i]
		res := TriggerResult{ID: t.ID, Name: t.Name}
		c, err := parseDocumentCondition(t.Condition.Source)
		if err != nil {
			res.Error = err.Error()
			problem = failedTrigger + res.Error
		} else {
			out.Alerts = append(out.Alerts, e.documentAlerts(ctx, t, c, &res)...)
		}
		out.Triggers = append(out.Triggers, res)
	}
	if e.Cause != Nudged {
		out.Alerts = append(out.Alerts, e.monitorError(problem)...)
	}
}

func (d *Document) findingID(by string) string {
	return stableID("finding", by, d.Index, d.ID, strconv.FormatInt(d.SeqNo, 10))
}

// monitorError keeps up the one alert by which a document-level monitor tells that it does not work. As in OpenSearch it
// belongs to no trigger and sends nothing.
func (e *Evaluation) monitorError(problem string) []Alert {
	var old *Alert
	for i := range e.Alerts {
		if a := &e.Alerts[i]; len(a.FindingIDs) == 0 && !a.State.IsFinal() {
			old = a
		}
	}
	switch {
	case problem == "" && old == nil:
		return nil
	case problem == "":
		return []Alert{old.end(Completed, e.Now)}
	}
	next := e.next(&Trigger{}, old)
	if old != nil && old.ErrorMessage == clip(problem) {
		next.State, next.ErrorMessage = old.State, old.ErrorMessage
		return []Alert{next}
	}
	next.fail(problem, e.Now)
	return []Alert{next}
}

// documentAlerts raises the alerts of a trigger and has them owe messages.
func (e *Evaluation) documentAlerts(ctx context.Context, t *Trigger, c documentCondition, res *TriggerResult) []Alert {
	var picked []*Document
	for i := range e.Documents {
		if d := &e.Documents[i]; c.selects(d.Queries) {
			picked = append(picked, d)
			res.Documents = append(res.Documents, d.name())
		}
	}
	res.Triggered = len(picked) > 0
	if !res.Triggered {
		return nil
	}
	groups := [][]*Document{picked}
	if !e.Monitor.SingleAlert {
		groups = groups[:0]
		for _, d := range picked {
			groups = append(groups, []*Document{d})
		}
	}
	alerts := make([]Alert, len(groups))
	all := make([]found, len(groups))
	about := map[*Alert][]*Document{}
	for i, docs := range groups {
		a := e.next(t, nil)
		a.ID = stableID("alert", e.marksID(), t.ID, docs[0].Index, docs[0].ID, strconv.FormatInt(docs[0].SeqNo, 10))
		a.Nudged = false
		for _, d := range docs {
			a.FindingIDs = append(a.FindingIDs, d.findingID(e.marksID()))
			a.RelatedDocIDs = append(a.RelatedDocIDs, d.name())
		}
		alerts[i] = a
		all[i] = found{&alerts[i], CategoryNew, false}
		about[&alerts[i]] = docs
	}
	for i := range t.Actions {
		e.documentAction(ctx, t, &t.Actions[i], all, about, res)
	}
	return alerts
}

func (e *Evaluation) documentAction(
	ctx context.Context, t *Trigger, a *Action, all []found, about map[*Alert][]*Document, res *TriggerResult,
) {
	p := a.policy()
	groups := [][]found{all}
	if !p.PerExecution && !e.tooMany(len(all)) {
		groups = groups[:0]
		for i := range all {
			groups = append(groups, all[i:i+1])
		}
	}
	if !p.PerExecution && !slices.Contains(p.Actionable, CategoryNew) {
		return
	}
	for _, group := range groups {
		list := make([]any, len(group))
		r := ActionResult{ID: a.ID, Name: a.Name, ExecutionTime: e.Now}
		for i, f := range group {
			list[i] = documentAlertVars(f.alert, about[f.alert])
			r.Keys = append(r.Keys, f.alert.ID)
		}
		vars := &runContext{e: e, t: t, results: []any{}, extra: map[string]any{"alerts": list}}
		e.write(ctx, a, vars, &r, group[0].alert)
		for _, f := range group {
			f.alert.acted(a, r, e)
		}
		res.Actions = append(res.Actions, r)
	}
}

// maxSamples bounds the documents of an alert that messages can show.
const maxSamples = 10

func documentAlertVars(a *Alert, docs []*Document) any {
	vars, _ := a.forTemplate().(map[string]any)
	var queries, samples []any
	seen := map[string]bool{}
	for i, d := range docs {
		if i < maxSamples {
			samples = append(samples, map[string]any{"_index": d.Index, "_id": d.ID, "_source": decodeValue(d.Source)})
		}
		for _, q := range d.Queries {
			if seen[q.ID] {
				continue
			}
			seen[q.ID] = true
			tags := make([]any, len(q.Tags))
			for i, t := range q.Tags {
				tags[i] = t
			}
			queries = append(queries, map[string]any{"id": q.ID, "name": q.Name, "tags": tags})
		}
	}
	vars["associated_queries"], vars["sample_documents"] = queries, samples
	vars["finding_ids"], vars["related_doc_ids"] = anyList(a.FindingIDs), anyList(a.RelatedDocIDs)
	return vars
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
