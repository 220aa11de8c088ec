package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"vigil/cluster"
)

// Workflow returns a stored workflow. One that does not exist is an *[Error].
func (s *Store) Workflow(ctx context.Context, id string) (*Monitor, error) {
	return s.stored(ctx, Composite.noun(), id)
}

// WorkflowsOf returns the workflows that run a monitor.
func (s *Store) WorkflowsOf(ctx context.Context, monitorID string) ([]*Monitor, error) {
	var out []*Monitor
	err := s.scan(ctx, []string{s.ix.Config}, json.RawMessage(isWorkflow), "workflow.name.keyword", func(d cluster.Doc) error {
		w, err := ReadMonitor(d)
		if err == nil && slices.Contains(w.Sequence().MonitorIDs(), monitorID) {
			out = append(out, w)
		}
		return err
	})
	return out, err
}

// DelegatesOf returns the monitors of a workflow that are there, by id.
func (s *Store) DelegatesOf(ctx context.Context, w *Monitor) (map[string]*Monitor, error) {
	out := map[string]*Monitor{}
	for _, id := range w.Sequence().MonitorIDs() {
		m, err := s.Monitor(ctx, id)
		if e, ok := errors.AsType[*Error](err); ok && (e.Kind == NotFound || e.Kind == MissingIndex) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[id] = m
	}
	return out, nil
}

// checkDelegates refuses a workflow whose monitors are not there. It is asked while no monitor can be deleted.
func (s *Store) checkDelegates(ctx context.Context, m *Monitor) error {
	if m.Type != Composite {
		return nil
	}
	monitors, err := s.DelegatesOf(ctx, m)
	if err != nil {
		return err
	}
	return CheckDelegates(m, monitors)
}

// DeleteWorkflow removes a workflow and returns the version of what is left. Its monitors stay.
func (s *Store) DeleteWorkflow(ctx context.Context, id string) (Version, error) {
	w, err := s.Workflow(ctx, id)
	if err != nil {
		return Version{}, err
	}
	v, err := s.remove(ctx, s.ix.Config, id)
	if errors.Is(err, cluster.ErrNotFound) {
		return Version{}, errorf(NotFound, "Workflow not found.")
	}
	if err != nil {
		return Version{}, fmt.Errorf("delete workflow %s: %w", id, err)
	}
	if s.changed != nil {
		s.changed(ctx, id, nil)
	}
	for _, monitorID := range w.Sequence().MonitorIDs() {
		_, err := s.remove(ctx, s.ix.Config, metadataID(marksID(id, monitorID)))
		if err != nil && !errors.Is(err, cluster.ErrNotFound) {
			return v, fmt.Errorf("delete bookmarks of workflow %s: %w", id, err)
		}
	}
	return v, nil
}

// marksID names the bookmarks of a monitor: those of its own runs, and others in each workflow.
func marksID(workflowID, monitorID string) string {
	if workflowID == "" {
		return monitorID
	}
	return metadataID(workflowID) + "-" + monitorID
}

// KeepWorkflowBookmarks stores where the indices of a workflow's document-level monitors stand, as [Store.KeepBookmarks] does
// for a monitor. They are by monitor.
func (s *Store) KeepWorkflowBookmarks(ctx context.Context, w *Monitor, now map[string]Bookmarks) error {
	fresh := w.Enabled && w.EnabledTime.Equal(w.LastUpdateTime)
	for monitorID, marks := range now {
		id := marksID(w.ID, monitorID)
		if !fresh {
			if _, err := s.bookmarks(ctx, id); err == nil {
				continue
			} else if !errors.Is(err, cluster.ErrNotFound) {
				return err
			}
		}
		if err := s.saveBookmarks(ctx, id, marks); err != nil {
			return err
		}
	}
	return nil
}

// AcknowledgeChained acknowledges active alerts of a workflow itself, as [Store.Acknowledge] does those of a monitor.
func (s *Store) AcknowledgeChained(ctx context.Context, workflowID string, ids []string) (done []string, failed []AckFailure, err error) {
	if _, err := s.Workflow(ctx, workflowID); err != nil {
		if isNotFound(err) {
			return nil, nil, errorf(NotFound, "No workflow found with id [%s]", workflowID)
		}
		return nil, nil, err
	}
	return s.acknowledgeAll(ctx, func(a *Alert) bool { return a.MonitorID == "" && a.WorkflowID == workflowID }, ids)
}

const workflowMapping = `{"dynamic":false,"properties":{
	"name":` + keywordText + `,"type":{"type":"keyword"},"workflow_type":{"type":"keyword"},"schema_version":{"type":"integer"},
	"enabled":{"type":"boolean"},"enabled_time":{"type":"date"},"last_update_time":{"type":"date"},"owner":` + keywordText + `,
	"audit_delegate_monitor_alerts":{"type":"boolean"},
	"user":{"properties":{"name":` + keywordText + `,"backend_roles":` + keywordText + `,"roles":` + keywordText + `}},
	"inputs":{"properties":{"composite_input":{"properties":{"sequence":{"properties":{"delegates":{"type":"nested","properties":{
		"order":{"type":"integer"},"monitor_id":{"type":"keyword"},
		"chained_monitor_findings":{"properties":{"monitor_id":{"type":"keyword"},"monitor_ids":{"type":"keyword"}}}}}}}}}}},
	"triggers":{"dynamic":false,"properties":{"chained_alert_trigger":` + triggerMapping + `}}}}`
