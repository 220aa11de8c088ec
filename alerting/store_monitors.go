package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vigil/cluster"
)

// monitorSchema is what OpenSearch 2.19 writes into a monitor that was changed; a new one has 0.
const monitorSchema = 8

// CreateMonitor stores a new monitor or workflow and returns it as it is stored: with its ids, version and times.
func (s *Store) CreateMonitor(ctx context.Context, m *Monitor) (*Monitor, error) {
	s.creating.Lock()
	defer s.creating.Unlock()
	if err := s.checkDelegates(ctx, m); err != nil {
		return nil, err
	}
	n, err := s.countMonitors(ctx, m.Type)
	if err != nil {
		return nil, err
	}
	limits, err := s.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if n >= limits.MaxMonitors {
		return nil, errorf(BadArgument, "This request would create more than the allowed monitors [%d].", limits.MaxMonitors)
	}
	now := time.Now()
	c := *m
	c.ID, c.SchemaVersion, c.LastUpdateTime, c.EnabledTime = NewID(), 0, now, time.Time{}
	if c.Enabled {
		c.EnabledTime = now
	}
	c.fillIDs()
	return s.saveMonitor(ctx, &c, cluster.IndexOptions{OpType: "create"})
}

// countMonitors counts the monitors, or the workflows.
func (s *Store) countMonitors(ctx context.Context, t MonitorType) (int, error) {
	query := isMonitor
	if t == Composite {
		query = isWorkflow
	}
	r, err := s.c.Search(ctx, []string{s.ix.Config}, map[string]any{
		"size": 0, "track_total_hits": true, "query": json.RawMessage(query),
	})
	if errors.Is(err, cluster.ErrNotFound) {
		return 0, nil
	}
	return int(r.Total), err
}

const (
	isMonitor  = `{"exists":{"field":"monitor.type"}}`
	isWorkflow = `{"exists":{"field":"workflow.type"}}`
)

// UpdateMonitor replaces a stored monitor or workflow. A nil condition overwrites whatever is there.
func (s *Store) UpdateMonitor(ctx context.Context, id string, m *Monitor, ifVersion *Version) (*Monitor, error) {
	s.creating.Lock()
	defer s.creating.Unlock()
	old, err := s.stored(ctx, m.Type.noun(), id)
	if err != nil {
		if isNotFound(err) {
			return nil, errorf(NotFound, "%s with %s is not found", m.Type.noun(), id)
		}
		return nil, err
	}
	if err := s.checkDelegates(ctx, m); err != nil {
		return nil, err
	}
	now := time.Now()
	c := *m
	c.ID, c.SchemaVersion, c.LastUpdateTime = id, monitorSchema, now
	switch {
	case !c.Enabled:
		c.EnabledTime = time.Time{}
	case old.Enabled:
		c.EnabledTime = old.EnabledTime
	default:
		c.EnabledTime = now
	}
	c.fillIDs()
	o := cluster.IndexOptions{}
	if ifVersion != nil {
		o = onlyIf(ifVersion)
	}
	return s.saveMonitor(ctx, &c, o)
}

// WithIDs returns a copy whose triggers and actions all have ids, for a monitor that runs without being stored.
func (m *Monitor) WithIDs() *Monitor {
	c := *m
	c.fillIDs()
	return &c
}

// fillIDs gives ids to triggers and actions that have none, without touching what the caller holds.
func (m *Monitor) fillIDs() {
	triggers := make([]Trigger, len(m.Triggers))
	for i, t := range m.Triggers {
		if t.ID == "" {
			t.ID = NewID()
		}
		actions := make([]Action, len(t.Actions))
		for j, a := range t.Actions {
			if a.ID == "" {
				a.ID = NewID()
			}
			actions[j] = a
		}
		t.Actions = actions
		triggers[i] = t
	}
	m.Triggers = triggers
}

func (s *Store) saveMonitor(ctx context.Context, m *Monitor, o cluster.IndexOptions) (*Monitor, error) {
	doc := encode(map[string]json.RawMessage{strings.ToLower(m.Type.noun()): m.JSON(viewStored)})
	v, err := s.write(ctx, s.ix.Config, m.ID, doc, o)
	if err != nil {
		return nil, conflict(fmt.Errorf("store %s %s: %w", strings.ToLower(m.Type.noun()), m.ID, err))
	}
	m.Version = v
	if s.changed != nil {
		s.changed(ctx, m.ID, m)
	}
	return m, nil
}

func conflict(err error) error {
	if e, ok := errors.AsType[*cluster.Error](err); ok && errors.Is(err, cluster.ErrConflict) {
		return &Error{Kind: Conflict, Reason: e.Reason, Err: err}
	}
	return err
}

func isNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == NotFound
}

// Monitor returns a stored monitor. One that does not exist is an *[Error].
func (s *Store) Monitor(ctx context.Context, id string) (*Monitor, error) {
	return s.stored(ctx, QueryLevel.noun(), id)
}

// stored returns a monitor or a workflow.
func (s *Store) stored(ctx context.Context, noun, id string) (*Monitor, error) {
	d, err := s.c.Get(ctx, s.ix.Config, id)
	if isMissingIndex(err) {
		return nil, missingIndex(s.ix.Config)
	}
	if errors.Is(err, cluster.ErrNotFound) {
		return nil, errorf(NotFound, "%s not found.", noun)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s %s: %w", strings.ToLower(noun), id, err)
	}
	m, err := ReadMonitor(d)
	if err == nil && (m == nil || m.Type.noun() != noun) {
		return nil, errorf(NotFound, "%s not found.", noun)
	}
	return m, err
}

// DeleteMonitor removes a monitor that no workflow runs, and returns the version of what is left. Its alerts are the runner's
// affair.
func (s *Store) DeleteMonitor(ctx context.Context, id string) (Version, error) {
	s.creating.Lock()
	defer s.creating.Unlock()
	if _, err := s.Monitor(ctx, id); err != nil {
		if isNotFound(err) {
			return Version{}, errorf(NotFound, "Monitor with %s is not found", id)
		}
		return Version{}, err
	}
	of, err := s.WorkflowsOf(ctx, id)
	if err != nil {
		return Version{}, err
	}
	if len(of) > 0 {
		return Version{}, errorf(Forbidden, "Monitor can't be deleted because it is a part of workflow(s)")
	}
	v, err := s.remove(ctx, s.ix.Config, id)
	if errors.Is(err, cluster.ErrNotFound) {
		return Version{}, errorf(NotFound, "Monitor with %s is not found", id)
	}
	if err != nil {
		return Version{}, fmt.Errorf("delete monitor %s: %w", id, err)
	}
	if s.changed != nil {
		s.changed(ctx, id, nil)
	}
	if _, err := s.remove(ctx, s.ix.Config, metadataID(id)); err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return v, fmt.Errorf("delete bookmarks of monitor %s: %w", id, err)
	}
	return v, nil
}

// Search runs a search over the monitors, or over the alerts if alerts is set, as people wrote it.
func (s *Store) Search(ctx context.Context, alerts bool, body json.RawMessage) (json.RawMessage, error) {
	indices := []string{s.ix.Config}
	if alerts {
		indices = s.ix.all()
	}
	raw, err := s.c.SearchRaw(ctx, indices, body)
	if isMissingIndex(err) {
		return nil, missingIndex(indices[0])
	}
	return raw, err
}

// ReadMonitor reads a monitor or workflow as it is stored. Other documents give nil.
func ReadMonitor(d cluster.Doc) (*Monitor, error) {
	var doc struct {
		Monitor  json.RawMessage `json:"monitor"`
		Workflow json.RawMessage `json:"workflow"`
	}
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		return nil, fmt.Errorf("read monitor %s: %w", d.ID, err)
	}
	parse, raw := ParseMonitor, doc.Monitor
	if isNull(raw) {
		parse, raw = ParseWorkflow, doc.Workflow
	}
	if isNull(raw) {
		return nil, nil
	}
	m, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read monitor %s: %w", d.ID, err)
	}
	m.ID, m.Version = d.ID, versionOf(d)
	return m, nil
}

// MonitorIDs returns the ids of the monitors whose authors have one of the backend roles.
func (s *Store) MonitorIDs(ctx context.Context, roles []string) ([]string, error) {
	ids := []string{}
	query := map[string]any{"terms": map[string]any{"monitor.user.backend_roles.keyword": roles}}
	err := s.scan(ctx, []string{s.ix.Config}, query, "monitor.name.keyword", func(d cluster.Doc) error {
		ids = append(ids, d.ID)
		return nil
	})
	return ids, err
}

// has returns an *[Error] if a monitor or workflow is not stored, or not any more.
func (s *Store) has(ctx context.Context, id string) error {
	_, err := s.c.Get(ctx, s.ix.Config, id)
	if errors.Is(err, cluster.ErrNotFound) {
		return errorf(NotFound, "Can't find monitor with id: %s", id)
	}
	if err != nil {
		return fmt.Errorf("get monitor %s: %w", id, err)
	}
	return nil
}
