package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"vigil/cluster"
)

// History are the settings of documents that are kept for a while: ended alerts, findings, comments.
type History struct {
	// Enabled is whether they are kept at all.
	Enabled bool
	// Every is how often is looked whether the index that is written to has become too old or too large, and others older than
	// Retention are deleted with what is in them.
	Every, MaxAge, Retention time.Duration
	MaxDocs                  int
}

func defaultHistory() History {
	const day = 24 * time.Hour
	return History{Enabled: true, Every: 12 * time.Hour, MaxAge: 30 * day, Retention: 60 * day, MaxDocs: 1000}
}

// series is a row of indices of which the last, behind an alias, is written to. The names are OpenSearch's: prefix, day, number.
type series struct {
	prefix, body string
	settings     func(*Settings) History
}

func (x series) alias() string { return x.prefix + "write" }

func (s *Store) histories() []series {
	return []series{
		{s.ix.History, alertMapping, func(c *Settings) History { return c.AlertHistory }},
		{s.ix.Findings, findingMapping, func(c *Settings) History { return c.FindingHistory }},
		{s.ix.Comments, commentMapping, func(c *Settings) History { return c.CommentHistory }},
	}
}

// kept is a document for a series, and then where it is.
type kept struct {
	id      string
	doc     json.RawMessage
	index   string
	version Version
}

// append stores documents, each in the index of the series that has it, else in the one that is written to.
func (s *Store) append(ctx context.Context, x series, docs ...*kept) error {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.id
	}
	// A move that was cut short is finished where it was begun, also after a rollover.
	found, err := s.c.Search(ctx, []string{x.prefix + "*"}, map[string]any{
		"size": len(ids), "query": map[string]any{"ids": map[string]any{"values": ids}}, "_source": false,
	})
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return fmt.Errorf("look into %s: %w", x.alias(), err)
	}
	if err := s.begin(ctx, x); err != nil {
		return err
	}
	for _, d := range docs {
		index, o := x.alias(), cluster.IndexOptions{Refresh: "true", RequireAlias: true}
		for _, h := range found.Hits {
			if h.ID == d.id {
				index, o.RequireAlias = h.Index, false
			}
		}
		r, err := s.c.Index(ctx, index, d.id, d.doc, o)
		if err != nil {
			s.forget(x.alias())
			return fmt.Errorf("store %s in %s: %w", d.id, index, err)
		}
		d.index, d.version = r.Index, Version{r.Version, r.SeqNo, r.PrimaryTerm}
	}
	return nil
}

// begin makes the first index of a series.
func (s *Store) begin(ctx context.Context, x series) error {
	s.mu.Lock()
	done := s.ensured[x.alias()]
	s.mu.Unlock()
	if done {
		return nil
	}
	targets, err := s.c.Targets(ctx, x.alias())
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		body, err := x.with(map[string]any{"aliases": map[string]any{x.alias(): map[string]any{"is_write_index": true}}})
		if err != nil {
			return err
		}
		first := x.prefix + time.Now().UTC().Format("2006.01.02") + "-1"
		if err := s.c.EnsureIndex(ctx, first, body); err != nil {
			return err
		}
		if err := s.pointTo(ctx, x, first); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ensured[x.alias()] = true
	return nil
}

// pointTo has the alias mean the index. It does, if the index was made with it; one that was there has lost it.
func (s *Store) pointTo(ctx context.Context, x series, index string) error {
	targets, err := s.c.Targets(ctx, x.alias())
	if err != nil || len(targets) > 0 {
		return err
	}
	body := encode(map[string]any{"actions": []any{
		map[string]any{"add": map[string]any{"index": index, "alias": x.alias(), "is_write_index": true}},
	}})
	if _, err := s.c.Do(ctx, http.MethodPost, "/_aliases", nil, body); err != nil {
		return fmt.Errorf("point %s to %s: %w", x.alias(), index, err)
	}
	return nil
}

// with returns the body of an index of the series, and more.
func (x series) with(more map[string]any) (map[string]any, error) {
	body := map[string]any{}
	if err := json.Unmarshal([]byte(x.body), &body); err != nil {
		return nil, fmt.Errorf("mapping of %s: %w", x.prefix, err)
	}
	maps.Copy(body, more)
	return body, nil
}

// lookEveryMinute is how often is looked whether it is time to look.
const lookEveryMinute = time.Minute

// keepHistories ends indices that have become too old or too large and deletes those that are too old to be kept, until ctx ends.
func (s *Store) keepHistories(ctx context.Context, holds func(name string) bool, failed func(error)) error {
	last := map[string]time.Time{}
	tick := time.NewTicker(lookEveryMinute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		settings, err := s.Settings(ctx)
		if err != nil {
			failed(err)
			continue
		}
		for _, x := range s.histories() {
			h := x.settings(&settings)
			if now := time.Now(); now.Sub(last[x.prefix]) < h.Every || !holds(x.alias()) {
				continue
			}
			if err := errors.Join(s.rollover(ctx, x, h), s.expire(ctx, x, h)); err != nil && ctx.Err() == nil {
				failed(err)
				continue // and try again in a minute
			}
			last[x.prefix] = time.Now()
		}
	}
}

// rollover begins another index if the last one is old or large.
func (s *Store) rollover(ctx context.Context, x series, h History) error {
	targets, err := s.c.Targets(ctx, x.alias())
	if err != nil || len(targets) == 0 {
		return err
	}
	body, err := x.with(map[string]any{"conditions": map[string]any{
		"max_age": strconv.FormatInt(int64(h.MaxAge/time.Second), 10) + "s", "max_docs": h.MaxDocs,
	}})
	if err != nil {
		return err
	}
	raw, err := json.Marshal(body)
	if err == nil {
		_, err = s.c.Do(ctx, http.MethodPost, cluster.Path(x.alias(), "_rollover"), nil, raw)
	}
	if err != nil {
		return fmt.Errorf("roll over %s: %w", x.alias(), err)
	}
	return nil
}

// expire deletes the indices of a series that are older than their retention, but never the one that is written to.
func (s *Store) expire(ctx context.Context, x series, h History) error {
	var indices map[string]struct {
		Aliases map[string]struct {
			Write bool `json:"is_write_index"`
		} `json:"aliases"`
		Settings map[string]any `json:"settings"`
	}
	r, err := s.c.Do(ctx, http.MethodGet, cluster.Path(x.prefix+"*"), url.Values{"flat_settings": {"true"}, "expand_wildcards": {"all"}}, nil)
	if err == nil {
		err = json.Unmarshal(r.Body, &indices)
	}
	if err != nil {
		return fmt.Errorf("list %s*: %w", x.prefix, err)
	}
	for name, index := range indices {
		created, err := strconv.ParseInt(fmt.Sprint(index.Settings["index.creation_date"]), 10, 64)
		if err != nil {
			return fmt.Errorf("creation date of %s: %w", name, err)
		}
		if index.Aliases[x.alias()].Write || time.Since(time.UnixMilli(created)) < h.Retention {
			continue
		}
		if x.prefix == s.ix.History {
			if err := s.uncomment(ctx, name); err != nil {
				return err
			}
		}
		if _, err := s.c.Do(ctx, http.MethodDelete, cluster.Path(name), nil, nil); err != nil && !errors.Is(err, cluster.ErrNotFound) {
			return fmt.Errorf("delete %s: %w", name, err)
		}
	}
	return nil
}

// uncomment deletes the comments on the alerts of an index that is about to go.
func (s *Store) uncomment(ctx context.Context, index string) error {
	var ids []string
	err := s.scan(ctx, []string{index}, json.RawMessage(`{"match_all":{}}`), "id", func(d cluster.Doc) error {
		ids = append(ids, d.ID)
		return nil
	})
	for part := range slices.Chunk(ids, pageSize) {
		body := encode(map[string]any{"query": map[string]any{"terms": map[string]any{"entity_id": part}}})
		_, done := s.c.Do(ctx, http.MethodPost, cluster.Path(s.ix.Comments+"*", "_delete_by_query"), url.Values{"conflicts": {"proceed"}}, body)
		if done != nil && !errors.Is(done, cluster.ErrNotFound) {
			err = errors.Join(err, fmt.Errorf("delete comments on alerts of %s: %w", index, done))
		}
	}
	return err
}
