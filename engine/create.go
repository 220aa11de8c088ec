package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

// indexSpec is what a client or template says about an index to be made.
type indexSpec struct {
	Settings json.RawMessage            `json:"settings,omitempty"`
	Mappings json.RawMessage            `json:"mappings,omitempty"`
	Aliases  map[string]json.RawMessage `json:"aliases,omitempty"`
}

func parseIndexSpec(body []byte) (indexSpec, error) {
	var spec indexSpec
	if len(strings.TrimSpace(string(body))) == 0 {
		return spec, nil
	}
	n, err := query.ParseJSON(body)
	if err != nil {
		return spec, err
	}
	if n.Kind != query.Object {
		return spec, rest.Errorf(http.StatusBadRequest, "not_x_content_exception", "the body must be an object")
	}
	for i, key := range n.Keys {
		raw := json.RawMessage(n.Items[i].JSON())
		switch key {
		case "settings":
			spec.Settings = raw
		case "mappings":
			spec.Mappings = raw
		case "aliases":
			if err := json.Unmarshal(raw, &spec.Aliases); err != nil {
				return spec, rest.Errorf(http.StatusBadRequest, "parse_exception", "key [aliases] must be an object")
			}
		default:
			return spec, rest.Errorf(http.StatusBadRequest, "parse_exception", "unknown key [%s] for create index", key)
		}
	}
	return spec, nil
}

func parseAlias(raw json.RawMessage) (alias, error) {
	var a alias
	if len(raw) == 0 || string(raw) == "null" {
		return a, nil
	}
	var in struct {
		Filter        json.RawMessage `json:"filter"`
		Routing       string          `json:"routing"`
		IndexRouting  string          `json:"index_routing"`
		SearchRouting string          `json:"search_routing"`
		IsWriteIndex  *bool           `json:"is_write_index"`
		IsHidden      *bool           `json:"is_hidden"`
	}
	if err := decodeStrict(raw, &in); err != nil {
		return a, err
	}
	a = alias{IndexRouting: in.Routing, SearchRouting: in.Routing, IsWriteIndex: in.IsWriteIndex, IsHidden: in.IsHidden}
	if in.IndexRouting != "" {
		a.IndexRouting = in.IndexRouting
	}
	if in.SearchRouting != "" {
		a.SearchRouting = in.SearchRouting
	}
	if len(in.Filter) > 0 && string(in.Filter) != "null" {
		parsed, err := query.Parse(in.Filter)
		if err != nil {
			return a, badRequest("failed to parse filter for alias: %w", err)
		}
		a.Filter = query.Print(parsed)
	}
	return a, nil
}

const createParams = "timeout master_timeout cluster_manager_timeout wait_for_active_shards include_type_name "

func (e *Engine) handleCreateIndex(q *request) (*answer, error) {
	spec, err := parseIndexSpec(q.body)
	if err != nil {
		return nil, err
	}
	if err := q.warnSettings(spec.Settings); err != nil {
		return nil, err
	}
	name, err := rest.ExpandDateMath(q.call.Vars["index"], q.now)
	if err != nil {
		return nil, err
	}
	if err := e.createIndex(name, spec); err != nil {
		return nil, err
	}
	return ok(created{true, true, name})
}

// created is the answer of requests that make an index.
type created struct {
	Acknowledged       bool   `json:"acknowledged"`
	ShardsAcknowledged bool   `json:"shards_acknowledged"`
	Index              string `json:"index"`
}

// autoCreate makes the missing index of a write.
func (e *Engine) autoCreate(q *request, name string, op *docOp) error {
	switch {
	case op.RequireAlias:
		return rest.Errorf(http.StatusNotFound, "index_not_found_exception",
			"no such index [%s] and [require_alias] request flag is [true] and [%s] is not an alias", name, name)
	case op.Op == "delete" && op.VersionType != "external" && op.VersionType != "external_gte":
		return notFound(name)
	}
	if why := e.state.Load().autoCreateRefused(name); why != "" {
		err := notFound(name)
		err.Reason += " and [action.auto_create_index] " + why
		return err
	}
	// Whether a name may be an index's is asked last, as recorded: compat/scenarios/audit v32 auto-upper; an update of one
	// document creates otherwise than the rest: v50 update-upsert-new-index.
	action := rest.ActionName("indices:admin/auto_create")
	if q.call.Route.Op == "update" {
		action = "indices:admin/create"
	}
	if err := q.fx.Begin(rest.Action{
		Name: action, Request: "CreateIndexRequest", Indices: []string{op.Index}, Resolved: []string{name}, Body: json.RawMessage("{}"),
	}); err != nil {
		return err
	}
	if err := rest.ValidateIndexName(name); err != nil {
		return err
	}
	build := e.createIndex
	if e.state.Load().streamTemplate(name) != nil {
		build = func(name string, _ indexSpec) error { return e.createStream(name) }
	}
	err := build(name, indexSpec{})
	if known, ok := errors.AsType[*rest.Error](err); ok && known.Type == "resource_already_exists_exception" {
		// Another write makes it at this moment.
		e.settled()
		return nil
	}
	return err
}

// autoCreateRefused returns why a name may not be created by writing to it; empty if it may.
func (s *state) autoCreateRefused(name string) string {
	v := s.clusterSetting("action.auto_create_index", "true")
	switch v {
	case "true":
		return ""
	case "false":
		return "is [false]"
	}
	for p := range strings.SplitSeq(v, ",") {
		p = strings.TrimSpace(p)
		deny := strings.HasPrefix(p, "-")
		if rest.MatchName(strings.TrimLeft(p, "+-"), name) {
			if deny {
				return fmt.Sprintf("contains [%s] which forbids automatic creation of the index", p)
			}
			return ""
		}
	}
	return fmt.Sprintf("([%s]) doesn't match", v)
}

func (s *state) clusterSetting(name, def string) string {
	for _, m := range []map[string]any{s.transient, s.persistent} {
		if v, ok := m[name].(string); ok {
			return v
		}
	}
	return def
}

// createIndex makes an index with what the client says over what templates say.
func (e *Engine) createIndex(name string, spec indexSpec) error {
	if err := rest.ValidateIndexName(name); err != nil {
		return err
	}
	if err := e.disk.check(); err != nil {
		return blocked(name)
	}
	return e.change(func(s *state) ([]change, error) {
		if err := s.nameFree(name); err != nil {
			return nil, err
		}
		full, err := s.templated(name, spec)
		if err != nil {
			return nil, err
		}
		return s.newIndex(name, full, e.opts.Now().UnixMilli())
	})
}

func (s *state) nameFree(name string) error {
	if x := s.indices[name]; x != nil {
		return &rest.Error{
			Status: http.StatusBadRequest, Type: "resource_already_exists_exception",
			Reason: fmt.Sprintf("index [%s/%s] already exists", x.Name, x.UUID),
			Extra:  map[string]any{"index": x.Name, "index_uuid": x.UUID},
		}
	}
	if s.streams[name] != nil {
		return &rest.Error{
			Status: http.StatusBadRequest, Type: "invalid_index_name_exception",
			Reason: "Invalid index name [" + name + "], already exists as data stream", Extra: map[string]any{"index": name, "index_uuid": "_na_"},
		}
	}
	if s.aliases[name] != nil {
		return &rest.Error{
			Status: http.StatusBadRequest, Type: "invalid_index_name_exception",
			Reason: "Invalid index name [" + name + "], already exists as alias", Extra: map[string]any{"index": name, "index_uuid": "_na_"},
		}
	}
	return nil
}

// newIndex returns the changes that make an index of exactly that description.
func (s *state) newIndex(name string, spec indexSpec, now int64) ([]change, error) {
	flat, err := flattenSettings(spec.Settings)
	if err != nil {
		return nil, err
	}
	if err := checkSettings(flat); err != nil {
		return nil, err
	}
	dropNil(flat)
	meta := indexMeta{Name: name, UUID: newUUID(), Created: now, Opening: s.opening, Settings: flat, Aliases: map[string]alias{}}
	for a, raw := range spec.Aliases {
		if err := s.aliasFree(a); err != nil {
			return nil, err
		}
		if meta.Aliases[a], err = parseAlias(raw); err != nil {
			return nil, err
		}
	}
	if err := s.oneWriteIndex(&meta); err != nil {
		return nil, err
	}
	m, err := segment.ParseMapping(spec.Mappings)
	if err == nil {
		err = m.Check((&index{indexMeta: meta}).limits())
	}
	if err != nil {
		return nil, mappingRefused(err)
	}
	changes := []change{{Put: &meta}}
	if !m.IsEmpty() {
		body, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("encode mapping: %w", err)
		}
		changes = append(changes, change{Mapping: &mappingChange{UUID: meta.UUID, Body: body}})
	}
	return changes, nil
}

func dropNil(m map[string]any) {
	for k, v := range m {
		if v == nil {
			delete(m, k)
		}
	}
}

// mappingRefused words a mapping error the way OpenSearch does for new indices and templates.
func mappingRefused(err error) error {
	e, ok := errors.AsType[*segment.Error](err)
	if !ok {
		return err
	}
	cause := fromSegment(e)
	return &rest.Error{
		Status: http.StatusBadRequest, Type: "mapper_parsing_exception", Reason: "Failed to parse mapping [_doc]: " + e.Reason, CausedBy: cause,
	}
}

func (s *state) aliasFree(a string) error {
	if err := rest.ValidateAliasName(a); err != nil {
		return err
	}
	uuid := "_na_"
	if x := s.indices[a]; x != nil {
		uuid = x.UUID
	} else if s.streams[a] == nil {
		return nil
	}
	return &rest.Error{
		Status: http.StatusBadRequest, Type: "invalid_alias_name_exception",
		Reason: fmt.Sprintf("Invalid alias name [%s]: an index or data stream exists with the same name as the alias", a),
		Extra:  map[string]any{"index": a, "index_uuid": uuid},
	}
}

// oneWriteIndex refuses a second write index for an alias.
func (s *state) oneWriteIndex(m *indexMeta) error {
	for a, def := range m.Aliases {
		if def.IsWriteIndex == nil || !*def.IsWriteIndex {
			continue
		}
		for _, other := range s.aliases[a] {
			w := s.indices[other].Aliases[a].IsWriteIndex
			if other != m.Name && w != nil && *w {
				names := []string{other, m.Name}
				slices.Sort(names)
				return rest.Errorf(http.StatusInternalServerError, "illegal_state_exception",
					"alias [%s] has more than one write index [%s]", a, strings.Join(names, ","))
			}
		}
	}
	return nil
}
