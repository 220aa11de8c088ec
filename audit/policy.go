package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// Indices tells a policy which indices are special. A nil function matches nothing.
type Indices struct {
	// Audit matches the indices that events are stored in. They are never watched, lest reading events make events.
	Audit func(index string) bool
	// Config matches the index of users, roles and the audit configuration. It is watched as internal_config says,
	// whatever the lists of watched indices hold.
	Config func(index string) bool
}

// Policy is an audit configuration as a pure function over events. It is immutable and safe for concurrent use.
type Policy struct {
	config  Config
	indices Indices

	ignoreUsers      Patterns
	ignoreRequests   Patterns
	ignoreHeaders    Patterns
	readIgnoreUsers  Patterns
	writeIgnoreUsers Patterns
	watchedWrites    Patterns
	watchedReads     []watchedRead
}

type watchedRead struct {
	index  Patterns
	fields Patterns
}

// NewPolicy compiles a configuration. It fails if a pattern cannot be compiled.
func NewPolicy(c Config, indices Indices) (*Policy, error) {
	p := &Policy{config: c, indices: indices}
	for _, l := range []struct {
		name string
		from []string
		to   *Patterns
	}{
		{"audit.ignore_users", c.Audit.IgnoreUsers, &p.ignoreUsers},
		{"audit.ignore_requests", c.Audit.IgnoreRequests, &p.ignoreRequests},
		{"audit.ignore_headers", c.Audit.IgnoreHeaders, &p.ignoreHeaders},
		{"compliance.read_ignore_users", c.Compliance.ReadIgnoreUsers, &p.readIgnoreUsers},
		{"compliance.write_ignore_users", c.Compliance.WriteIgnoreUsers, &p.writeIgnoreUsers},
		{"compliance.write_watched_indices", c.Compliance.WriteWatchedIndices, &p.watchedWrites},
	} {
		var err error
		if *l.to, err = CompilePatterns(l.from); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	for index, fields := range c.Compliance.ReadWatchedFields {
		var w watchedRead
		var err error
		if w.index, err = CompilePatterns([]string{index}); err == nil {
			w.fields, err = CompilePatterns(fields)
		}
		if err != nil {
			return nil, fmt.Errorf("compliance.read_watched_fields: %w", err)
		}
		// No fields watch nothing; see compat/scenarios 09d.
		if !w.index.Empty() && !w.fields.Empty() {
			p.watchedReads = append(p.watchedReads, w)
		}
	}
	return p, nil
}

// Config returns the configuration, which must not be changed.
func (p *Policy) Config() Config { return p.config }

// Keep reports whether an event is recorded. The tests come in the original's order. That a read event names a watched
// field is its maker's affair, see [Policy.WatchesRead].
func (p *Policy) Keep(e *Event) bool {
	if e.Category == Gap {
		return true
	}
	if !p.config.Enabled {
		return false
	}
	if e.Category.compliance() {
		return p.keepCompliance(e)
	}
	switch e.Layer {
	case LayerREST:
		path := ""
		if e.REST != nil {
			path = e.REST.Path
		}
		return p.WantsREST(e.Category, e.EffectiveUser, path)
	case LayerTransport:
		action := e.Action
		if action == "" {
			action = e.Privilege
		}
		return p.WantsTransport(e.Category, e.EffectiveUser, action, e.RequestType)
	default:
		return true
	}
}

// count counts the events that are recorded.
func (p *Policy) count(events []*Event) (n int) {
	for _, e := range events {
		if p.Keep(e) {
			n++
		}
	}
	return n
}

// keepCompliance ignores layer switches, categories, ignore_users and ignore_requests, as the original does.
func (p *Policy) keepCompliance(e *Event) bool {
	if e.Category == ExternalConfig {
		return p.config.Compliance.Enabled && p.config.Compliance.ExternalConfig
	}
	if e.Origin == OriginLocal && e.EffectiveUser == "" {
		return false
	}
	index := ""
	if len(e.Resolved) > 0 {
		index = e.Resolved[0]
	}
	switch e.Category {
	case DocRead:
		return p.WatchesRead(index, e.EffectiveUser) != nil
	case DocWrite:
		return p.WatchesWrite(index, e.EffectiveUser)
	case InternalConfigRead:
		return p.readsConfig(e.EffectiveUser)
	default:
		return p.writesConfig(e.EffectiveUser)
	}
}

// WantsREST reports whether an event of the REST layer would be kept. An empty path stands for a request that could not
// be read; an empty user for an unknown one.
func (p *Policy) WantsREST(c Category, user, path string) bool {
	a := &p.config.Audit
	return p.config.Enabled && a.EnableREST && !p.ignoreUsers.matchKnown(user) &&
		(path == "" || !p.ignoreRequests.Match(path)) &&
		!slices.Contains(a.DisabledRESTCategories, c) && !slices.Contains(a.DisabledCategories, c)
}

// WantsTransport reports whether an event of the transport layer would be kept. An empty action and request type stand
// for a request that could not be read; an empty user for an unknown one.
func (p *Policy) WantsTransport(c Category, user, action, requestType string) bool {
	a := &p.config.Audit
	return p.config.Enabled && a.EnableTransport && !strings.HasPrefix(action, "internal:") &&
		!p.ignoreUsers.matchKnown(user) && !p.ignoresRequest(action, requestType) &&
		!slices.Contains(a.DisabledTransportCategories, c) && !slices.Contains(a.DisabledCategories, c) &&
		(c != IndexEvent || strings.HasPrefix(action, "indices:admin/"))
}

func (p *Policy) ignoresRequest(action, requestType string) bool {
	if action == "" && requestType == "" {
		return false
	}
	return p.ignoreRequests.matchKnown(action) || p.ignoreRequests.matchKnown(requestType)
}

// WantsOutcome reports whether it may be told how a request ended of which no other event is kept. Empty strings stand for
// what is not known of it.
func (p *Policy) WantsOutcome(user, path, action, requestType string) bool {
	return p.config.Enabled && !p.ignoreUsers.matchKnown(user) && (path == "" || !p.ignoreRequests.Match(path)) &&
		!p.ignoresRequest(action, requestType)
}

// LogsBody reports whether events of the REST and transport layers carry bodies.
func (p *Policy) LogsBody() bool { return p.config.Audit.LogRequestBody }

// ResolvesIndices reports the setting resolve_indices. Switched off it takes the resolved list only from requests on
// concrete indices that carry no expressions (auto_put), as long as bodies are logged; see compat/scenarios 08c.
func (p *Policy) ResolvesIndices() bool { return p.config.Audit.ResolveIndices }

// ResolvesBulk reports whether every item of a bulk is an event.
func (p *Policy) ResolvesBulk() bool { return p.config.Audit.ResolveBulkRequests }

// Headers returns the headers that an event may show: none that holds credentials, in any spelling, unless
// exclude_sensitive_headers is off, and none that is ignored, by its name as the client wrote it. Of the others it takes out what
// is a credential in a value. The result is h itself if nothing is left out, and empty, not nil, if everything is.
func (p *Policy) Headers(h map[string][]string) map[string][]string {
	exclude := p.config.Audit.ExcludeSensitiveHeaders
	var kept map[string][]string // nil as long as it would be h
	change := func() {
		if kept == nil {
			kept = maps.Clone(h)
		}
	}
	for name, values := range h {
		if exclude && sensitiveHeader(name) || p.ignoreHeaders.Match(name) {
			change()
			delete(kept, name)
		} else if exclude {
			if shown, changed := redactValues(name, values); changed {
				change()
				kept[name] = shown
			}
		}
	}
	if kept == nil {
		return h
	}
	return kept
}

// redactValues returns a copy of a header's values if there are credentials in any.
func redactValues(name string, values []string) (shown []string, changed bool) {
	redact := redactHeader
	if strings.EqualFold(name, "Host") {
		redact = redactHost
	}
	for i, v := range values {
		if left := redact(v); left != v {
			if !changed {
				shown, changed = slices.Clone(values), true
			}
			shown[i] = left
		}
	}
	return shown, changed
}

// FieldWatch says which fields of an index are watched.
type FieldWatch struct {
	all    bool
	fields []*Patterns
}

// Match reports whether a field is watched, by its flattened name ("a.b", "a[0].b").
func (w *FieldWatch) Match(name string) bool {
	if w.all {
		return true
	}
	for _, f := range w.fields {
		if f.Match(name) {
			return true
		}
	}
	return false
}

// WatchesRead returns what is watched when a user reads documents of a concrete index: the union of the fields of all
// patterns that match it, everything for the configuration's index, nil if nothing is watched.
func (p *Policy) WatchesRead(index, user string) *FieldWatch {
	if p.isConfig(index) {
		if p.readsConfig(user) {
			return &FieldWatch{all: true}
		}
		return nil
	}
	c := &p.config.Compliance
	if !p.config.Enabled || !c.Enabled || len(p.watchedReads) == 0 || p.isAudit(index) || p.readIgnoreUsers.matchKnown(user) {
		return nil
	}
	var w *FieldWatch
	for i := range p.watchedReads {
		if r := &p.watchedReads[i]; r.index.matchKnown(index) {
			if w == nil {
				w = &FieldWatch{}
			}
			w.fields = append(w.fields, &r.fields)
		}
	}
	return w
}

// WatchesWrite reports whether writes of a user to a concrete index are recorded.
func (p *Policy) WatchesWrite(index, user string) bool {
	if p.isConfig(index) {
		return p.writesConfig(user)
	}
	c := &p.config.Compliance
	return p.config.Enabled && c.Enabled && p.watchedWrites.matchKnown(index) && !p.isAudit(index) &&
		!p.writeIgnoreUsers.matchKnown(user)
}

// InternalConfig reports whether a user's reads and writes of users, roles and the audit configuration are recorded.
func (p *Policy) InternalConfig(user string) (reads, writes bool) {
	return p.readsConfig(user), p.writesConfig(user)
}

func (p *Policy) readsConfig(user string) bool {
	c := &p.config.Compliance
	return p.config.Enabled && c.Enabled && c.InternalConfig && !p.readIgnoreUsers.matchKnown(user)
}

func (p *Policy) writesConfig(user string) bool {
	c := &p.config.Compliance
	return p.config.Enabled && c.Enabled && c.InternalConfig && !p.writeIgnoreUsers.matchKnown(user)
}

// ExternalConfig reports whether the process describes its own configuration, once.
func (p *Policy) ExternalConfig() bool {
	return p.config.Enabled && p.config.Compliance.Enabled && p.config.Compliance.ExternalConfig
}

// ReadMetadataOnly reports whether read events name fields without their values.
func (p *Policy) ReadMetadataOnly() bool { return p.config.Compliance.ReadMetadataOnly }

// WriteMetadataOnly reports whether write events say nothing of the document.
func (p *Policy) WriteMetadataOnly() bool { return p.config.Compliance.WriteMetadataOnly }

// WriteDiffs reports whether write events hold differences instead of documents.
func (p *Policy) WriteDiffs() bool {
	return p.config.Compliance.WriteLogDiffs && !p.config.Compliance.WriteMetadataOnly
}

func (p *Policy) isAudit(index string) bool { return p.indices.Audit != nil && p.indices.Audit(index) }

func (p *Policy) isConfig(index string) bool {
	return p.indices.Config != nil && p.indices.Config(index)
}

type requestKey struct{}

// WithRequest returns a context whose records are those of one request: it is missing once, in however many steps.
func WithRequest(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestKey{}, new(atomic.Bool))
}

type policyKey struct{}

// WithPolicy returns a context whose records are judged by p, whatever is in force when they are made. So the request that
// changes the configuration is judged by the one before it, as OpenSearch 2.19 does; see compat/scenarios 11 put-only-enabled.
func WithPolicy(ctx context.Context, p *Policy) context.Context {
	return context.WithValue(ctx, policyKey{}, p)
}
