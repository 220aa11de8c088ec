package alerting

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"vigil/cluster"
)

// Indices are the names of what alerting keeps. They differ where an upstream cluster has a plugin with indices of its own.
type Indices struct {
	Config   string // monitors, and destinations in Open Distro's form
	Alerts   string // live alerts
	History  string // prefix of the indices of ended alerts
	Channels string // destinations in the notifications plugin's form
	Findings string // prefix of the indices of findings
	Comments string // prefix of the indices of comments
}

// DefaultIndices are the original names.
func DefaultIndices() Indices {
	return Indices{
		Config:   ".opendistro-alerting-config",
		Alerts:   ".opendistro-alerting-alerts",
		History:  ".opendistro-alerting-alert-history-",
		Channels: ".opensearch-notifications-config",
		Findings: ".opensearch-alerting-finding-history-",
		Comments: ".opensearch-alerting-comments-history-",
	}
}

// all is the pattern of live and ended alerts together.
func (n Indices) all() []string { return []string{n.Alerts, n.History + "*"} }

// Sealer keeps the secrets of destinations from whoever reads the index.
type Sealer interface {
	// Seal encrypts; id binds the result to one document.
	Seal(id string, plain []byte) ([]byte, error)
	Open(id string, sealed []byte) ([]byte, error)
}

// StoreOptions configure a [Store].
type StoreOptions struct {
	// Client reaches the store as ourselves: neither authorized nor audited.
	Client *cluster.Client
	// Indices; the zero value means [DefaultIndices].
	Indices Indices
	// Sealer encrypts the configurations of destinations. Nil keeps them as they are.
	Sealer Sealer
}

// Store keeps monitors, alerts and destinations as documents. It is safe for concurrent use.
type Store struct {
	o  StoreOptions
	c  *cluster.Client
	ix Indices

	mu       sync.Mutex
	ensured  map[string]bool
	creating sync.Mutex
	settings settingsCache
	changed  func(context.Context, string, *Monitor)
}

// NewStore returns a store. It writes nothing until the first monitor, alert or destination is.
func NewStore(o StoreOptions) *Store {
	if o.Indices == (Indices{}) {
		o.Indices = DefaultIndices()
	}
	o.Indices.Comments = cmp.Or(o.Indices.Comments, DefaultIndices().Comments)
	return &Store{o: o, c: o.Client, ix: o.Indices, ensured: map[string]bool{}}
}

// Indices returns the names that are in use.
func (s *Store) Indices() Indices { return s.ix }

// ensure creates an index that is about to be written.
func (s *Store) ensure(ctx context.Context, name string, body json.RawMessage) error {
	s.mu.Lock()
	done := s.ensured[name]
	s.mu.Unlock()
	if done {
		return nil
	}
	if err := s.c.EnsureIndex(ctx, name, body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ensured) > 64 {
		clear(s.ensured)
	}
	s.ensured[name] = true
	return nil
}

// write stores a document so that searches see it when it returns. An index that somebody deleted is made anew.
func (s *Store) write(ctx context.Context, index, id string, doc json.RawMessage, o cluster.IndexOptions) (Version, error) {
	body := alertMapping
	switch index {
	case s.ix.Config:
		body = configMapping
	case s.ix.Channels:
		body = channelMapping
	}
	if err := s.ensure(ctx, index, json.RawMessage(body)); err != nil {
		return Version{}, err
	}
	o.Refresh = "true"
	r, err := s.patiently(ctx, index, func(ctx context.Context) (cluster.IndexResult, error) { return s.c.Index(ctx, index, id, doc, o) })
	if err != nil {
		s.forget(index)
		return Version{}, err
	}
	return Version{r.Version, r.SeqNo, r.PrimaryTerm}, nil
}

// forget has an index be made anew if somebody deleted it.
func (s *Store) forget(index string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ensured, index)
}

func (s *Store) remove(ctx context.Context, index, id string) (Version, error) {
	r, err := s.c.Delete(ctx, index, id, cluster.IndexOptions{Refresh: "true"})
	return Version{r.Version, r.SeqNo, r.PrimaryTerm}, err
}

func versionOf(d cluster.Doc) Version { return Version{d.Version, d.SeqNo, d.PrimaryTerm} }

func onlyIf(v *Version) cluster.IndexOptions {
	if v == nil {
		return cluster.IndexOptions{OpType: "create"}
	}
	return cluster.IndexOptions{IfSeqNo: &v.SeqNo, IfPrimaryTerm: &v.PrimaryTerm}
}

func isMissingIndex(err error) bool {
	e, ok := errors.AsType[*cluster.Error](err)
	return ok && e.Type == "index_not_found_exception"
}

// Exists returns an *[Error] unless the index of monitors and destinations is there: it comes with the first of them.
func (s *Store) Exists(ctx context.Context) error {
	_, err := s.c.Search(ctx, []string{s.ix.Config}, json.RawMessage(`{"size":0}`))
	if isMissingIndex(err) {
		return missingIndex(s.ix.Config)
	}
	return err
}

func missingIndex(name string) error {
	return &Error{Kind: MissingIndex, Reason: name}
}

const (
	pageSize = 1000
	// maxPage is the largest page that a search may ask for.
	maxPage = 10_000
)

// scan calls each for every document that a query finds, page by page in the order of a keyword field. Pages follow each other by
// the field's value, so that there is no bound on how many there are; at most 10,000 may have the same one.
func (s *Store) scan(ctx context.Context, indices []string, query any, order string, each func(cluster.Doc) error) error {
	body := map[string]any{
		"size": pageSize, "query": query, "sort": []any{map[string]any{order: map[string]any{"order": "asc", "unmapped_type": "keyword"}}},
		"seq_no_primary_term": true, "version": true,
	}
	for size := pageSize; ; {
		body["size"] = size
		r, err := s.c.Search(ctx, indices, body)
		if errors.Is(err, cluster.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("search %s: %w", indices[0], err)
		}
		hits, done := r.Hits, len(r.Hits) < size
		if !done {
			hits = completeValues(hits)
		}
		for _, h := range hits {
			if err := each(h.Doc); err != nil {
				return err
			}
		}
		switch {
		case done:
			return nil
		case len(hits) > 0:
			body["search_after"] = hits[len(hits)-1].Sort
			size = pageSize
		case size == maxPage:
			return fmt.Errorf("search %s: more than %d documents have the same [%s]", indices[0], maxPage, order)
		default:
			size = maxPage
		}
	}
}

// completeValues leaves out the documents with the last value of a page: more of them may be on the next.
func completeValues(hits []cluster.Hit) []cluster.Hit {
	last := hits[len(hits)-1].Sort
	for len(hits) > 0 && slices.EqualFunc(hits[len(hits)-1].Sort, last, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) }) {
		hits = hits[:len(hits)-1]
	}
	return hits
}

const (
	keywordText = `{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}`

	triggerMapping = `{"dynamic":false,"properties":{"id":{"type":"keyword"},"name":` + keywordText + `,"severity":{"type":"keyword"},
		"actions":{"dynamic":false,"properties":{"destination_id":{"type":"keyword"},"name":` + keywordText + `}}}}`

	configMapping = `{"settings":{"index":{"hidden":true,"auto_expand_replicas":"0-1"}},"mappings":{"dynamic":false,"properties":{
		"monitor":{"dynamic":false,"properties":{
			"name":` + keywordText + `,"type":{"type":"keyword"},"monitor_type":{"type":"keyword"},"schema_version":{"type":"integer"},
			"enabled":{"type":"boolean"},"enabled_time":{"type":"date"},"last_update_time":{"type":"date"},"owner":` + keywordText + `,
			"user":{"properties":{"name":` + keywordText + `,"backend_roles":` + keywordText + `,"roles":` + keywordText + `}},
			"inputs":{"properties":{"search":{"dynamic":false,"properties":{"indices":` + keywordText + `}}}},
			"triggers":{"dynamic":false,"properties":{
				"query_level_trigger":` + triggerMapping + `,"bucket_level_trigger":` + triggerMapping + `,
				"document_level_trigger":` + triggerMapping + `}}}},
		"workflow":` + workflowMapping + `,
		"email_account":{"dynamic":false,"properties":{"name":` + keywordText + `}},
		"email_group":{"dynamic":false,"properties":{"name":` + keywordText + `}},
		"destination":{"dynamic":false,"properties":{
			"name":` + keywordText + `,"type":{"type":"keyword"},"last_update_time":{"type":"date"}}}}}}`

	alertMapping = `{"settings":{"index":{"hidden":true,"auto_expand_replicas":"0-1"}},"mappings":{"dynamic":false,"properties":{
		"id":{"type":"keyword"},"version":{"type":"long"},"monitor_id":{"type":"keyword"},"workflow_id":{"type":"keyword"},
		"monitor_version":{"type":"long"},"monitor_name":` + keywordText + `,"trigger_id":{"type":"keyword"},
		"trigger_name":` + keywordText + `,"state":{"type":"keyword"},"severity":{"type":"keyword"},"execution_id":{"type":"keyword"},
		"error_message":{"type":"text"},"start_time":{"type":"date"},"end_time":{"type":"date"},
		"last_notification_time":{"type":"date"},"acknowledged_time":{"type":"date"},
		"monitor_user":{"properties":{"name":` + keywordText + `,"backend_roles":` + keywordText + `}},
		"vigil_owed":{"type":"integer"},"vigil_dead":{"type":"integer"}}}}`

	channelMapping = `{"settings":{"index":{"hidden":true,"auto_expand_replicas":"0-1"}},"mappings":{"dynamic":false,"properties":{
		"metadata":{"properties":{"last_updated_time_ms":{"type":"date"},"created_time_ms":{"type":"date"}}},
		"config":{"dynamic":false,"properties":{"name":` + keywordText + `,"description":` + keywordText + `,
			"config_type":{"type":"keyword"},"is_enabled":{"type":"boolean"}}}}}}`
)
