package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"vigil/engine/segment"
)

// state is what OpenSearch calls the cluster's metadata. It is immutable; every change makes a new one.
type state struct {
	version int64
	// uuid is the cluster's, opening counts how often this data was opened for writing.
	uuid    string
	opening int64
	indices map[string]*index
	// aliases holds, by alias, the names of its indices, sorted. It follows from indices.
	aliases map[string][]string
	streams map[string]*dataStream
	// streamOf holds the name of the data stream by backing index. It follows from streams.
	streamOf map[string]string

	templates      map[string]json.RawMessage // legacy
	indexTemplates map[string]json.RawMessage
	components     map[string]json.RawMessage
	scripts        map[string]*storedScript
	pipelines      map[string]*pipeline
	persistent     map[string]any // flat keys
	transient      map[string]any
}

func emptyState() *state {
	return &state{
		indices: map[string]*index{}, aliases: map[string][]string{}, streams: map[string]*dataStream{}, streamOf: map[string]string{},
		templates: map[string]json.RawMessage{}, indexTemplates: map[string]json.RawMessage{}, components: map[string]json.RawMessage{},
		scripts: map[string]*storedScript{}, pipelines: map[string]*pipeline{},
		persistent: map[string]any{}, transient: map[string]any{},
	}
}

// index is the metadata of one index, immutable, beside the documents, which are shared by all its versions.
type index struct {
	indexMeta
	mapping *segment.Mapping
	docs    *store
}

// indexMeta is the part of an index that is logged.
type indexMeta struct {
	Name     string           `json:"name"`
	UUID     string           `json:"uuid"`
	Created  int64            `json:"created"`            // ms since the epoch
	Opening  int64            `json:"opening"`            // of the creation; the primary term counts from it
	Settings map[string]any   `json:"settings,omitempty"` // flat keys; strings or lists of strings
	Aliases  map[string]alias `json:"aliases,omitempty"`
	Closed   bool             `json:"closed,omitempty"`
}

// alias is how an index is known by another name.
type alias struct {
	Filter        json.RawMessage `json:"filter,omitempty"`
	IndexRouting  string          `json:"index_routing,omitempty"`
	SearchRouting string          `json:"search_routing,omitempty"`
	IsWriteIndex  *bool           `json:"is_write_index,omitempty"`
	IsHidden      *bool           `json:"is_hidden,omitempty"`
}

// setting returns an index setting by its name without the "index." prefix.
func (x *index) setting(name, def string) string {
	if v, ok := x.Settings["index."+name].(string); ok {
		return v
	}
	return def
}

func (x *index) intSetting(name string, def int) int {
	if n, err := strconv.Atoi(x.setting(name, "")); err == nil {
		return n
	}
	return def
}

func (x *index) shards() int   { return x.intSetting("number_of_shards", 1) }
func (x *index) replicas() int { return x.intSetting("number_of_replicas", 1) }
func (x *index) hidden() bool  { return x.setting("hidden", "false") == "true" }

// term is the primary term: 1 for a new index, one more for every start since.
func (s *state) term(x *index) int64 { return s.opening - x.Opening + 1 }

func (x *index) limits() segment.Limits {
	return segment.Limits{
		TotalFields:  x.intSetting("mapping.total_fields.limit", 0),
		Depth:        x.intSetting("mapping.depth.limit", 0),
		NestedFields: x.intSetting("mapping.nested_fields.limit", 0),
	}
}

// change is one step of the metadata as it is logged. Exactly one member is set.
type change struct {
	// Open begins a new opening. Cluster names the cluster, once.
	Open    int64  `json:"open,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	// Put creates an index or replaces its metadata. Seqs are the next sequence numbers by shard, set in snapshots.
	Put  *indexMeta `json:"put,omitempty"`
	Seqs []int64    `json:"seqs,omitempty"`
	// Mapping is merged into the mapping of the index with that uuid.
	Mapping *mappingChange `json:"mapping,omitempty"`
	// Drop deletes the index with that uuid.
	Drop string `json:"drop,omitempty"`
	// Stream creates a data stream or replaces it; its indices are there. DropStream deletes the one of that name.
	Stream         *dataStream     `json:"stream,omitempty"`
	DropStream     string          `json:"drop_stream,omitempty"`
	Template       *named          `json:"template,omitempty"`
	IndexTemplate  *named          `json:"index_template,omitempty"`
	Component      *named          `json:"component,omitempty"`
	Script         *named          `json:"script,omitempty"`
	Pipeline       *named          `json:"pipeline,omitempty"`
	Settings       *settingsChange `json:"settings,omitempty"`
	CurrentVersion int64           `json:"version,omitempty"`
}

type mappingChange struct {
	UUID string          `json:"uuid"`
	Body json.RawMessage `json:"body"`
}

// named is a template, a stored script or a pipeline; a nil body deletes it.
type named struct {
	Name string          `json:"name"`
	Body json.RawMessage `json:"body,omitempty"`
}

type settingsChange struct {
	Persistent map[string]any `json:"persistent"`
	Transient  map[string]any `json:"transient"`
}

// with returns the state after the changes. It fails only on changes that the caller should have refused before.
func (s *state) with(changes []change) (*state, error) {
	n := *s
	n.version++
	for _, c := range changes {
		if err := n.apply(c); err != nil {
			return nil, err
		}
	}
	return &n, nil
}

// apply changes s, whose maps are shared with older states and copied before they are written.
func (s *state) apply(c change) error {
	switch {
	case c.Open != 0:
		s.opening = c.Open
	case c.Cluster != "":
		s.uuid = c.Cluster
	case c.CurrentVersion != 0:
		s.version = c.CurrentVersion
	case c.Put != nil:
		return s.put(c)
	case c.Mapping != nil:
		return s.mergeMapping(c.Mapping)
	case c.Drop != "":
		s.drop(c.Drop)
	case c.Stream != nil:
		s.putStream(c.Stream)
	case c.DropStream != "":
		s.dropStream(c.DropStream)
	case c.Template != nil:
		s.templates = withNamed(s.templates, c.Template)
	case c.IndexTemplate != nil:
		s.indexTemplates = withNamed(s.indexTemplates, c.IndexTemplate)
	case c.Component != nil:
		s.components = withNamed(s.components, c.Component)
	case c.Pipeline != nil:
		return s.putPipeline(c.Pipeline)
	case c.Script != nil:
		return s.putScript(c.Script)
	case c.Settings != nil:
		s.persistent, s.transient = c.Settings.Persistent, c.Settings.Transient
	}
	return nil
}

func withNamed(m map[string]json.RawMessage, c *named) map[string]json.RawMessage {
	m = maps.Clone(m)
	if c.Body == nil {
		delete(m, c.Name)
	} else {
		m[c.Name] = c.Body
	}
	return m
}

func (s *state) put(c change) error {
	x := &index{indexMeta: *c.Put}
	if x.Aliases == nil {
		x.Aliases = map[string]alias{}
	}
	if old := s.indices[x.Name]; old != nil && old.UUID == x.UUID {
		x.mapping, x.docs = old.mapping, old.docs
	} else {
		x.mapping, x.docs = segment.EmptyMapping(), newStore(x.shards())
	}
	for i, next := range c.Seqs {
		if i < len(x.docs.nextSeq) {
			x.docs.nextSeq[i], x.docs.durableSeq[i] = next, next
		}
	}
	s.indices = maps.Clone(s.indices)
	s.indices[x.Name] = x
	s.indexAliases()
	return nil
}

func (s *state) drop(uuid string) {
	x := s.byUUID(uuid)
	if x == nil {
		return
	}
	s.indices = maps.Clone(s.indices)
	delete(s.indices, x.Name)
	s.indexAliases()
	s.leaveStream(x.Name)
}

func (s *state) mergeMapping(c *mappingChange) error {
	x := s.byUUID(c.UUID)
	if x == nil {
		return nil // the index was deleted in the meantime
	}
	add, err := segment.ParseMapping(c.Body)
	if err != nil {
		return fmt.Errorf("read mapping of %s: %w", x.Name, err)
	}
	merged, err := x.mapping.Merge(add, x.limits())
	if err != nil {
		return fmt.Errorf("merge mapping of %s: %w", x.Name, err)
	}
	s.setMapping(x, merged)
	return nil
}

func (s *state) setMapping(x *index, m *segment.Mapping) {
	n := *x
	n.mapping = m
	s.indices = maps.Clone(s.indices)
	s.indices[x.Name] = &n
}

func (s *state) byUUID(uuid string) *index {
	for _, x := range s.indices {
		if x.UUID == uuid {
			return x
		}
	}
	return nil
}

func (s *state) indexAliases() {
	s.aliases = map[string][]string{}
	for _, name := range s.names() {
		for a := range s.indices[name].Aliases {
			s.aliases[a] = append(s.aliases[a], name)
		}
	}
}

// names returns the names of all indices in order.
func (s *state) names() []string { return slices.Sorted(maps.Keys(s.indices)) }

// changes returns what makes this state from an empty one, without documents.
func (s *state) changes() ([]change, error) {
	out := []change{{Cluster: s.uuid}, {Open: s.opening}}
	for _, name := range s.names() {
		x := s.indices[name]
		out = append(out, change{Put: &x.indexMeta, Seqs: x.docs.durable()})
		body, err := json.Marshal(x.mapping)
		if err != nil {
			return nil, fmt.Errorf("encode mapping of %s: %w", name, err)
		}
		if !bytes.Equal(body, []byte("{}")) {
			out = append(out, change{Mapping: &mappingChange{UUID: x.UUID, Body: body}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.streams)) {
		out = append(out, change{Stream: s.streams[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(s.templates)) {
		out = append(out, change{Template: &named{name, s.templates[name]}})
	}
	for _, name := range slices.Sorted(maps.Keys(s.indexTemplates)) {
		out = append(out, change{IndexTemplate: &named{name, s.indexTemplates[name]}})
	}
	for _, name := range slices.Sorted(maps.Keys(s.components)) {
		out = append(out, change{Component: &named{name, s.components[name]}})
	}
	for _, name := range slices.Sorted(maps.Keys(s.scripts)) {
		out = append(out, change{Script: &named{name, s.scripts[name].body}})
	}
	for _, name := range slices.Sorted(maps.Keys(s.pipelines)) {
		out = append(out, change{Pipeline: &named{name, s.pipelines[name].body}})
	}
	out = append(out, change{Settings: &settingsChange{s.persistent, s.transient}}, change{CurrentVersion: s.version})
	return out, nil
}
