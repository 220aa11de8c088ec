package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"vigil/cluster"
)

const (
	// documentBatch is how many documents are evaluated at once; maxBatches how many batches one run makes before it leaves
	// the rest to the next, as OpenSearch does after 10,000.
	documentBatch = 500
	maxBatches    = 20
)

// Bookmarks are the last sequence numbers that a document-level monitor has seen, by index.
type Bookmarks map[string]int64

// Bookmarks asks where the indices of a document-level monitor stand: what is written from now on is new to it. It returns
// nil for other monitors.
func (r *Runner) Bookmarks(ctx context.Context, m *Monitor) (Bookmarks, error) {
	if m.Type != DocLevel || len(m.Inputs) == 0 || len(m.Inputs[0].Doc.Indices) == 0 {
		return nil, nil
	}
	raw, err := r.o.Searcher.Search(ctx, m.User, m.Inputs[0].Doc.Indices, json.RawMessage(baseline))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Aggregations struct {
			Indices struct {
				Buckets []struct {
					Key  string `json:"key"`
					Last struct {
						Value float64 `json:"value"`
					} `json:"last"`
				} `json:"buckets"`
			} `json:"indices"`
		} `json:"aggregations"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read where indices stand: %w", err)
	}
	marks := Bookmarks{}
	for _, b := range answer.Aggregations.Indices.Buckets {
		marks[b.Key] = int64(b.Last.Value)
	}
	return marks, nil
}

// runDocuments evaluates the documents that came since the last run.
func (r *Runner) runDocuments(ctx context.Context, e *Evaluation, dry bool) (RunResult, error) {
	m := e.Monitor
	res := RunResult{MonitorName: m.Name, MonitorType: m.Type, PeriodStart: e.PeriodStart, PeriodEnd: e.PeriodEnd}
	if len(m.Inputs) == 0 || len(m.Inputs[0].Doc.Queries) == 0 {
		return res, nil
	}
	marks, err := r.marks(ctx, e)
	if err != nil {
		return res, err
	}
	evaluated, began := 0, time.Now()
	for {
		e.batch = min(documentBatch, e.settings.MaxDocuments-evaluated)
		fetch, cancel := context.WithTimeout(ctx, e.settings.InputTimeout)
		e.Documents, err = r.newDocuments(fetch, e, marks)
		cancel()
		if err != nil {
			e.Documents, e.InputError = nil, userError(err)
			r.o.Log.WarnContext(ctx, "monitor cannot fetch its input", "monitor_id", m.ID, "cause", e.Cause, "error", err)
		}
		full := len(e.Documents) == e.batch
		out, err := r.concludeDocuments(ctx, e, marks, dry)
		res.InputError = e.InputError
		res.raised = append(res.raised, e.raised(&out)...)
		res.find(out.Findings)
		res.Triggers = mergeTriggers(res.Triggers, out.Triggers)
		if err != nil || !full || dry {
			return res, err
		}
		if evaluated += e.batch; evaluated >= e.settings.MaxDocuments || time.Since(began) > e.settings.MaxDuration {
			r.o.Log.WarnContext(ctx, "monitor leaves documents to its next run", "monitor_id", m.ID, "evaluated", evaluated)
			return res, nil
		}
	}
}

// marks returns the bookmarks of a stored monitor; of one that is not stored, those of an empty past.
func (r *Runner) marks(ctx context.Context, e *Evaluation) (Bookmarks, error) {
	m, id := e.Monitor, e.marksID()
	if m.ID == "" {
		return Bookmarks{}, nil
	}
	marks, err := r.o.Store.bookmarks(ctx, id)
	if !errors.Is(err, cluster.ErrNotFound) {
		return marks, err
	}
	// Whoever stored the monitor has not stored them yet, or died before.
	if marks, err = r.Bookmarks(ctx, m); err != nil {
		return nil, err
	}
	return marks, r.o.Store.saveBookmarks(ctx, id, marks)
}

func (r *Runner) newDocuments(ctx context.Context, e *Evaluation, marks Bookmarks) ([]Document, error) {
	in := e.Monitor.Inputs[0].Doc
	body, err := e.part.restrict(in.search(marks, e.batch))
	if err != nil {
		return nil, err
	}
	raw, err := r.o.Searcher.Search(ctx, e.Monitor.User, in.Indices, body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				Index   string          `json:"_index"`
				ID      string          `json:"_id"`
				SeqNo   int64           `json:"_seq_no"`
				Source  json.RawMessage `json:"_source"`
				Matched []string        `json:"matched_queries"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read new documents: %w", err)
	}
	docs := make([]Document, 0, len(answer.Hits.Hits))
	for _, h := range answer.Hits.Hits {
		d := Document{Index: h.Index, ID: h.ID, SeqNo: h.SeqNo, Source: h.Source, Queries: []DocQuery{}}
		matched := map[string]bool{}
		for _, id := range h.Matched {
			matched[id] = true
		}
		for _, q := range in.Queries {
			if matched[q.ID] {
				d.Queries = append(d.Queries, q)
			}
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// concludeDocuments evaluates a batch, stores findings, alerts and last the bookmarks, and sends. Whoever dies in between
// leaves a batch that is evaluated again and makes the same findings and alerts.
func (r *Runner) concludeDocuments(ctx context.Context, e *Evaluation, marks Bookmarks, dry bool) (Outcome, error) {
	out := Evaluate(ctx, *e)
	next := maps.Clone(marks)
	for _, d := range e.Documents {
		next[d.Index] = max(next[d.Index], d.SeqNo)
	}
	if dry {
		return out, nil
	}
	if e.Monitor.ID == "" {
		return out, r.send(ctx, e, &out)
	}
	if err := r.o.Store.saveFindings(ctx, out.Findings); err != nil {
		return out, err
	}
	if err := r.save(ctx, e, &out); err != nil {
		return out, errors.Join(err, r.send(ctx, e, &out))
	}
	if len(e.Documents) > 0 {
		if err := r.o.Store.saveBookmarks(ctx, e.marksID(), next); err != nil {
			return out, errors.Join(err, r.send(ctx, e, &out))
		}
		maps.Copy(marks, next)
	}
	return out, r.send(ctx, e, &out)
}

func mergeTriggers(all, more []TriggerResult) []TriggerResult {
	if all == nil {
		return more
	}
	for i := range more {
		t := &all[i]
		t.Triggered = t.Triggered || more[i].Triggered
		t.Documents = append(t.Documents, more[i].Documents...)
		t.Actions = append(t.Actions, more[i].Actions...)
		if more[i].Error != "" {
			t.Error = more[i].Error
		}
	}
	return all
}
