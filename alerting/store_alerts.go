package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vigil/cluster"
)

// owner says whose alerts are meant: those of a monitor's own runs, of its runs in a workflow, or the workflow's own.
type owner struct{ monitorID, workflowID string }

func (o owner) has(a *Alert) bool { return a.MonitorID == o.monitorID && a.WorkflowID == o.workflowID }

// live returns the alerts of an owner that are not ended. What ended and was not moved yet, is moved.
func (s *Store) live(ctx context.Context, o owner) ([]Alert, error) {
	field, id := "monitor_id", o.monitorID
	if id == "" {
		field, id = "workflow_id", o.workflowID
	}
	alerts, err := s.liveBy(ctx, field, id)
	return slices.DeleteFunc(alerts, func(a Alert) bool { return !o.has(&a) }), err
}

// liveBy is live for all alerts with a value in a field.
func (s *Store) liveBy(ctx context.Context, field, value string) ([]Alert, error) {
	var alerts, ended []Alert
	query := map[string]any{"term": map[string]any{field: value}}
	err := s.scan(ctx, []string{s.ix.Alerts}, query, "id", func(d cluster.Doc) error {
		a, err := s.readAlert(d)
		if err != nil {
			return err
		}
		if a.belongsToHistory() {
			ended = append(ended, a)
		} else {
			alerts = append(alerts, a)
		}
		return nil
	})
	for i := range ended {
		err = errors.Join(err, s.archive(ctx, &ended[i]))
	}
	return alerts, err
}

func (s *Store) readAlert(d cluster.Doc) (Alert, error) {
	a, err := parseAlert(d.Source)
	if err != nil {
		return a, fmt.Errorf("read alert %s: %w", d.ID, err)
	}
	v := versionOf(d)
	a.seq, a.index = &v, s.ix.Alerts
	if strings.HasPrefix(d.Index, s.ix.History) {
		a.index = d.Index
	}
	return a, nil
}

// saveAlert stores an alert if nobody changed it since it was read, and moves it to the history if it has ended.
// The error is cluster.ErrConflict if somebody did.
func (s *Store) saveAlert(ctx context.Context, a *Alert) error {
	if a.index == "" && a.State == Audit {
		return s.archive(ctx, a)
	}
	if a.index == "" {
		a.index = s.ix.Alerts
	}
	v, err := s.write(ctx, a.index, a.ID, a.stored(), onlyIf(a.seq))
	if errors.Is(err, cluster.ErrConflict) {
		letSettle(ctx)
	}
	if err != nil {
		return fmt.Errorf("store alert %s: %w", a.ID, err)
	}
	a.seq = &v
	if a.belongsToHistory() && a.index == s.ix.Alerts {
		return s.archive(ctx, a)
	}
	return nil
}

// settleTime is about what a write needs until readers see it.
const settleTime = 50 * time.Millisecond

// letSettle waits after a conflict: the write that was faster may be decided and not visible yet, and who reads again at once
// would decide by the same old state.
func letSettle(ctx context.Context) {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// archive moves an ended alert to the history. Dying in between leaves it in both places, ended; the next reader finishes the move.
// Where no history is kept it is deleted, as in OpenSearch, unless its monitor was deleted, it is there for the record, or it still owes a
// message.
func (s *Store) archive(ctx context.Context, a *Alert) error {
	settings, err := s.Settings(ctx)
	if err != nil {
		return fmt.Errorf("archive alert %s: %w", a.ID, err)
	}
	if settings.AlertHistory.Enabled || a.State == Deleted || a.State == Audit || len(a.due()) > 0 {
		k := kept{id: a.ID, doc: a.stored()}
		if err := s.append(ctx, s.histories()[0], &k); err != nil {
			return fmt.Errorf("archive alert %s: %w", a.ID, err)
		}
		defer func() { a.seq, a.index = &k.version, k.index }()
	}
	if _, err := s.remove(ctx, s.ix.Alerts, a.ID); err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return fmt.Errorf("archive alert %s: %w", a.ID, err)
	}
	return nil
}

// alert returns one alert, wherever it is.
func (s *Store) alert(ctx context.Context, id string) (Alert, error) {
	d, err := s.c.Get(ctx, s.ix.Alerts, id)
	if err == nil {
		return s.readAlert(d)
	}
	if !errors.Is(err, cluster.ErrNotFound) {
		return Alert{}, fmt.Errorf("get alert %s: %w", id, err)
	}
	r, err := s.c.Search(ctx, s.ix.all(), map[string]any{
		"query": map[string]any{"term": map[string]any{"id": id}}, "seq_no_primary_term": true, "version": true,
	})
	if err != nil {
		return Alert{}, fmt.Errorf("find alert %s: %w", id, err)
	}
	if len(r.Hits) == 0 {
		return Alert{}, fmt.Errorf("alert %s: %w", id, cluster.ErrNotFound)
	}
	return s.readAlert(r.Hits[0].Doc)
}

// owing returns all alerts that owe messages.
func (s *Store) owing(ctx context.Context) ([]Alert, error) {
	var alerts []Alert
	query := json.RawMessage(`{"range":{"vigil_owed":{"gt":0}}}`)
	err := s.scan(ctx, s.ix.all(), query, "id", func(d cluster.Doc) error {
		a, err := s.readAlert(d)
		alerts = append(alerts, a)
		return err
	})
	return alerts, err
}

// monitorsWithAlerts returns the ids of monitors and workflows that have live alerts.
func (s *Store) monitorsWithAlerts(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	err := s.scan(ctx, []string{s.ix.Alerts}, json.RawMessage(`{"match_all":{}}`), "id", func(d cluster.Doc) error {
		a, err := s.readAlert(d)
		seen[a.job()] = true
		return err
	})
	return slices.Sorted(maps.Keys(seen)), err
}

// AlertQuery filters and sorts alerts. Zero members do not filter, but alerts in state AUDIT are found by that state alone, and
// those that a monitor raised in a workflow not by the monitor alone.
type AlertQuery struct {
	State, Severity, MonitorID string
	// SearchString is in query-string syntax over the names of monitor and trigger; all words must match.
	SearchString     string
	SortField, Order string // default monitor_name.keyword, asc
	Missing          string // "_last", "_first" or empty
	Size, From       int
	WorkflowIDs      []string
	// IDs, if not nil, are those of the alerts.
	IDs []string
	// AnyState finds those in state AUDIT, too.
	AnyState bool
	// Chained leaves the workflows' own alerts alone.
	Chained bool
	// BackendRoles, if not nil, are those of which a monitor's author must have one.
	BackendRoles []string
}

// Alerts returns live and ended alerts, and how many match in all.
func (s *Store) Alerts(ctx context.Context, q AlertQuery) ([]Alert, int64, error) {
	r, err := s.c.Search(ctx, s.ix.all(), q.body())
	if errors.Is(err, cluster.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("search alerts: %w", err)
	}
	total, seen := r.Total, make(map[string]bool, len(r.Hits))
	var alerts []Alert
	for _, h := range r.Hits {
		a, err := s.readAlert(h.Doc)
		if err != nil {
			return nil, 0, err
		}
		if seen[a.ID] { // on its way into the history
			total--
			continue
		}
		seen[a.ID] = true
		alerts = append(alerts, a)
	}
	return alerts, total, nil
}

func (q AlertQuery) body() map[string]any {
	var filter []any
	term := func(field, value string) {
		if value != "" {
			filter = append(filter, map[string]any{"term": map[string]any{field: value}})
		}
	}
	term("state", q.State)
	term("severity", q.Severity)
	term("monitor_id", q.MonitorID)
	terms := func(field string, values []string) {
		if values != nil {
			filter = append(filter, map[string]any{"terms": map[string]any{field: values}})
		}
	}
	terms("workflow_id", q.WorkflowIDs)
	terms("id", q.IDs)
	terms("monitor_user.backend_roles.keyword", q.BackendRoles)
	if q.MonitorID != "" && q.WorkflowIDs == nil {
		terms("workflow_id", []string{""})
	}
	if q.Chained {
		terms("monitor_id", []string{""})
	}
	if q.State == "" && !q.AnyState {
		filter = append(filter, map[string]any{"bool": map[string]any{"must_not": map[string]any{"term": map[string]any{"state": Audit}}}})
	}
	var must []any
	if q.SearchString != "" {
		must = append(must, map[string]any{"query_string": map[string]any{
			"query": q.SearchString, "default_operator": "AND", "fields": []string{"monitor_name", "trigger_name"},
		}})
	}
	order := map[string]any{"order": q.Order, "unmapped_type": "keyword"}
	if q.Missing != "" {
		order["missing"] = q.Missing
	}
	query := map[string]any{"filter": filter}
	if filter == nil {
		query["filter"] = []any{}
	}
	if must != nil {
		query["must"] = must
	}
	return map[string]any{
		"size": q.Size, "from": q.From, "query": map[string]any{"bool": query},
		"sort": []any{map[string]any{q.SortField: order}}, "seq_no_primary_term": true, "version": true, "track_total_hits": true,
	}
}

// maxVisible bounds the alerts by which comments are filtered.
const maxVisible = 50_000

// AlertIDs returns the ids of the alerts whose monitors' authors have one of the backend roles.
func (s *Store) AlertIDs(ctx context.Context, roles []string) ([]string, error) {
	ids := []string{}
	query := map[string]any{"terms": map[string]any{"monitor_user.backend_roles.keyword": roles}}
	err := s.scan(ctx, s.ix.all(), query, "id", func(d cluster.Doc) error {
		if ids = append(ids, d.ID); len(ids) > maxVisible {
			return errorf(BadArgument, "more than %d alerts: comments cannot be filtered by backend roles", maxVisible)
		}
		return nil
	})
	return ids, err
}

// AckFailure says why an alert was not acknowledged.
type AckFailure struct{ ID, Reason string }

// Acknowledge acknowledges active alerts of a monitor, and says of all others why not.
func (s *Store) Acknowledge(ctx context.Context, monitorID string, ids []string) (done []string, failed []AckFailure, err error) {
	if _, err := s.Monitor(ctx, monitorID); err != nil {
		if isNotFound(err) {
			return nil, nil, errorf(NotFound, "No monitor found with id [%s]", monitorID)
		}
		return nil, nil, err
	}
	return s.acknowledgeAll(ctx, func(a *Alert) bool { return a.MonitorID == monitorID }, ids)
}

// acknowledgeAll acknowledges those of the alerts that are mine.
func (s *Store) acknowledgeAll(ctx context.Context, mine func(*Alert) bool, ids []string) (done []string, failed []AckFailure, err error) {
	for _, id := range ids {
		reason, err := s.acknowledge(ctx, mine, id)
		switch {
		case err != nil:
			return done, failed, err
		case reason == "":
			done = append(done, id)
		default:
			failed = append(failed, AckFailure{id, reason})
		}
	}
	return done, failed, nil
}

func (s *Store) acknowledge(ctx context.Context, mine func(*Alert) bool, id string) (reason string, err error) {
	for range maxAttempts {
		d, err := s.c.Get(ctx, s.ix.Alerts, id)
		if errors.Is(err, cluster.ErrNotFound) {
			return fmt.Sprintf("Alert: %s does not exist (it may have already completed).", id), nil
		}
		if err != nil {
			return "", fmt.Errorf("get alert %s: %w", id, err)
		}
		a, err := s.readAlert(d)
		if err != nil {
			return "", err
		}
		if !mine(&a) {
			return fmt.Sprintf("Alert: %s does not exist (it may have already completed).", id), nil
		}
		if reason := cannotAcknowledge(a.State); reason != "" {
			return reason, nil
		}
		a.State, a.AcknowledgedTime = Acknowledged, time.Now()
		a.Version++
		if err = s.saveAlert(ctx, &a); !errors.Is(err, cluster.ErrConflict) {
			return "", err
		}
	}
	return "", errorf(Conflict, "Alert: %s is being changed by somebody else.", id)
}

// cannotAcknowledge returns the reason in OpenSearch's words, empty if there is none.
func cannotAcknowledge(s State) string {
	switch s {
	case Active:
		return ""
	case Errored:
		return "Alert is in an error state and can not be acknowledged."
	case Completed:
		return "Alert has already completed and can not be acknowledged."
	case Acknowledged:
		return "Alert has already been acknowledged."
	case Deleted, Audit:
	}
	return "Alert state unknown and can not be acknowledged"
}
