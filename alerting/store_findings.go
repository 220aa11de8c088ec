package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"vigil/cluster"
)

// metadataDoc is what a monitor's runs leave for the next: beside the monitor, as in OpenSearch.
type metadataDoc struct {
	Metadata struct {
		MonitorID string    `json:"monitor_id"`
		Marks     Bookmarks `json:"last_run_context"`
	} `json:"metadata"`
}

func metadataID(monitorID string) string { return monitorID + "-metadata" }

// bookmarks returns the bookmarks of a monitor. The error is cluster.ErrNotFound if there are none.
func (s *Store) bookmarks(ctx context.Context, monitorID string) (Bookmarks, error) {
	d, err := s.c.Get(ctx, s.ix.Config, metadataID(monitorID))
	if err != nil {
		return nil, fmt.Errorf("get bookmarks of monitor %s: %w", monitorID, err)
	}
	var doc metadataDoc
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		return nil, fmt.Errorf("read bookmarks of monitor %s: %w", monitorID, err)
	}
	if doc.Metadata.Marks == nil {
		doc.Metadata.Marks = Bookmarks{}
	}
	return doc.Metadata.Marks, nil
}

// KeepBookmarks stores where the indices of a new or changed monitor stood. Those that it knew before stay as they are,
// unless it was enabled anew: what came while it was disabled does not count. Nil does nothing.
func (s *Store) KeepBookmarks(ctx context.Context, m *Monitor, now Bookmarks) error {
	if now == nil {
		return nil
	}
	if m.Enabled && !m.EnabledTime.Equal(m.LastUpdateTime) {
		old, err := s.bookmarks(ctx, m.ID)
		if err != nil && !errors.Is(err, cluster.ErrNotFound) {
			return err
		}
		now = maps.Clone(now)
		maps.Copy(now, old)
	}
	return s.saveBookmarks(ctx, m.ID, now)
}

func (s *Store) saveBookmarks(ctx context.Context, monitorID string, marks Bookmarks) error {
	var doc metadataDoc
	doc.Metadata.MonitorID, doc.Metadata.Marks = monitorID, marks
	if _, err := s.write(ctx, s.ix.Config, metadataID(monitorID), encode(doc), cluster.IndexOptions{}); err != nil {
		return fmt.Errorf("store bookmarks of monitor %s: %w", monitorID, err)
	}
	return nil
}

func (s *Store) saveFindings(ctx context.Context, findings []Finding) error {
	settings, err := s.Settings(ctx)
	if err != nil || len(findings) == 0 || !settings.FindingHistory.Enabled {
		return err
	}
	docs := make([]*kept, len(findings))
	for i := range findings {
		docs[i] = &kept{id: findings[i].ID, doc: encode(&findings[i])}
	}
	if err := s.append(ctx, s.histories()[1], docs...); err != nil {
		return fmt.Errorf("store findings: %w", err)
	}
	return nil
}

// errorAlerts returns the live alerts of a monitor that tell of errors.
func (s *Store) errorAlerts(ctx context.Context, o owner) ([]Alert, error) {
	var alerts []Alert
	query := map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"monitor_id": o.monitorID}}, map[string]any{"term": map[string]any{"state": Errored}},
	}}}
	err := s.scan(ctx, []string{s.ix.Alerts}, query, "id", func(d cluster.Doc) error {
		a, err := s.readAlert(d)
		if o.has(&a) {
			alerts = append(alerts, a)
		}
		return err
	})
	return alerts, err
}

// FindingQuery filters and sorts findings. Zero members do not filter.
type FindingQuery struct {
	ID string
	// SearchString is in query-string syntax over names and tags of queries and the name of the monitor.
	SearchString     string
	SortField, Order string
	Missing          string // "_last", "_first" or empty
	Size, From       int
	// MonitorIDs, if not nil, are those of the monitors.
	MonitorIDs []string
}

// Findings returns findings, and how many match in all.
func (s *Store) Findings(ctx context.Context, q FindingQuery) ([]Finding, int64, error) {
	filter := []any{map[string]any{"match_all": map[string]any{}}}
	if q.ID != "" {
		filter = []any{map[string]any{"term": map[string]any{"id": q.ID}}}
	}
	if q.MonitorIDs != nil {
		filter = append(filter, map[string]any{"terms": map[string]any{"monitor_id": q.MonitorIDs}})
	}
	if q.SearchString != "" {
		filter = append(filter, map[string]any{"query_string": map[string]any{
			"query": q.SearchString, "default_operator": "AND", "fields": []string{"queries.tags", "queries.name", "monitor_name"},
		}})
	}
	order := map[string]any{"order": q.Order, "unmapped_type": "keyword"}
	if q.Missing != "" {
		order["missing"] = q.Missing
	}
	r, err := s.c.Search(ctx, []string{s.ix.Findings + "*"}, map[string]any{
		"size": q.Size, "from": q.From, "query": map[string]any{"bool": map[string]any{"filter": filter}},
		"sort": []any{map[string]any{q.SortField: order}}, "track_total_hits": true,
	})
	if errors.Is(err, cluster.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("search findings: %w", err)
	}
	var out []Finding
	for _, h := range r.Hits {
		var f Finding
		if err := json.Unmarshal(h.Source, &f); err != nil {
			return nil, 0, fmt.Errorf("read finding %s: %w", h.ID, err)
		}
		out = append(out, f)
	}
	return out, r.Total, nil
}

const findingMapping = `{"settings":{"index":{"hidden":true,"auto_expand_replicas":"0-1"}},"mappings":{"dynamic":false,"properties":{
	"id":{"type":"keyword"},"monitor_id":{"type":"keyword"},"monitor_name":` + keywordText + `,"index":{"type":"keyword"},
	"related_doc_ids":{"type":"keyword"},"timestamp":{"type":"date"},"execution_id":{"type":"keyword"},
	"queries":{"properties":{"id":{"type":"keyword"},"name":` + keywordText + `,"tags":` + keywordText + `}}}}}`
