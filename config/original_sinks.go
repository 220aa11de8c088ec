package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// categories are those that a route may name.
var categories = []string{
	"BAD_HEADERS", "FAILED_LOGIN", "AUTHENTICATED", "GRANTED_PRIVILEGES", "MISSING_PRIVILEGES", "OPENDISTRO_SECURITY_INDEX_ATTEMPT",
	"SSL_EXCEPTION", "INDEX_EVENT", "CLUSTER_SETTINGS_CHANGED", "INDEX_SETTINGS_CHANGED", "COMPLIANCE_DOC_READ", "COMPLIANCE_DOC_WRITE",
	"COMPLIANCE_INTERNAL_CONFIG_READ", "COMPLIANCE_INTERNAL_CONFIG_WRITE", "COMPLIANCE_EXTERNAL_CONFIG",
}

// Categories returns the names of all categories that a sink may be given.
func Categories() []string { return slices.Clone(categories) }

// originalSink is a sink as its settings tell it: those of "default" stand in audit.type and audit.config, those of others below
// audit.endpoints.
type originalSink struct {
	name     string
	typ      *original
	settings map[string]*original // by what stands behind config.
	order    []string
	node     *yaml.Node // what it is here
}

// route sends a category to sinks instead of the default one.
type route struct {
	from     *original
	category string
	sinks    []string
}

// sinks translates the sinks and the routes to them. What is left after that is unknown.
func (t *translator) sinks(settings []*original) {
	sinks, routes := t.gather(settings)
	if len(sinks) == 0 && len(routes) == 0 {
		return
	}
	if len(sinks) == 0 || sinks[0].name != "default" || sinks[0].typ == nil {
		t.withoutDefault(sinks, routes)
		return
	}
	kept := sinks[:0]
	for _, s := range sinks {
		if t.build(s) {
			kept = append(kept, s)
		}
	}
	if len(kept) > 0 && kept[0].name == "default" {
		t.route(kept, routes)
	}
}

// gather sorts settings by the sink that they are about. The default sink comes first.
func (t *translator) gather(settings []*original) (sinks []*originalSink, routes []route) {
	of := func(name string) *originalSink {
		name = strings.ToLower(name)
		for _, s := range sinks {
			if s.name == name {
				return s
			}
		}
		s := &originalSink{name: name, settings: map[string]*original{}}
		sinks = append(sinks, s)
		return s
	}
	for _, o := range settings {
		if name, ok := strings.CutPrefix(o.name, "audit.endpoints."); ok {
			name, key, _ := strings.Cut(name, ".")
			if name == "fallback" {
				t.tell(o, Refused, "there is no fallback: an event stays in the log until its sink has it")
				continue
			}
			t.assign(of(name), o, key)
		} else if key, ok := strings.CutPrefix(o.name, "audit.routes."); ok {
			if r, ok := t.parseRoute(o, key); ok {
				routes = append(routes, r)
			}
		} else if key, ok := strings.CutPrefix(o.name, "audit."); ok && (key == "type" || strings.HasPrefix(key, "config.")) {
			t.assign(of("default"), o, key)
		}
	}
	slices.SortStableFunc(sinks, func(a, b *originalSink) int { return rank(a) - rank(b) })
	return sinks, routes
}

func rank(s *originalSink) int {
	if s.name == "default" {
		return 0
	}
	return 1
}

func (t *translator) assign(s *originalSink, o *original, key string) {
	name, ok := strings.CutPrefix(key, "config.")
	switch {
	case key == "type" && s.typ == nil:
		s.typ = o
	case ok && s.settings[name] == nil:
		s.settings[name] = o
		s.order = append(s.order, name)
	case key == "type" || ok:
		t.tell(o, Refused, "is given twice")
	}
}

// withoutDefault tells what it means that no default sink has a type.
func (t *translator) withoutDefault(sinks []*originalSink, routes []route) {
	why := "without " + newPrefix + "audit.type nothing is audited, and other sinks and routes are not read"
	for _, s := range sinks {
		// The index has its place whatever else is said.
		if o := s.settings["index"]; s.name == "default" && o != nil {
			t.put(o, "audit.index", o.value)
			delete(s.settings, "index")
		}
		for _, o := range s.settings {
			t.tell(o, NoEffect, "%s", why)
		}
		if s.typ != nil {
			t.tell(s.typ, NoEffect, "%s", why)
		}
	}
	for _, r := range routes {
		t.tell(r.from, NoEffect, "%s", why)
	}
}

// build makes a sink of ours, and reports whether there is one for the type.
func (t *translator) build(s *originalSink) bool {
	if s.typ == nil {
		for _, o := range s.settings {
			t.tell(o, NoEffect, "the sink %s has no type", s.name)
		}
		return false
	}
	s.node = mapping()
	s.node.Line = s.typ.line
	b := builder{t: t, s: s}
	switch strings.ToLower(s.typ.value.Value) {
	case "internal_opensearch", "internal_elasticsearch":
		b.index()
	case "internal_opensearch_data_stream":
		b.dataStream()
	case "external_opensearch", "external_elasticsearch":
		b.external()
	case "webhook":
		b.webhook()
	case "kafka":
		b.kafka()
	case "debug":
		b.typ("stdout")
	case "log4j":
		b.none("log4j has no counterpart; use a sink of type file or stdout")
	case "noop":
		b.none("every sink keeps what it gets; to audit nothing say audit.initial: {enabled: false}")
	default:
		b.none(fmt.Sprintf("there is no sink like %q", s.typ.value.Value))
	}
	if s.node == nil {
		return false
	}
	for _, key := range s.order {
		if o := s.settings[key]; o != nil {
			t.tell(o, Refused, "is no setting of a sink of this type")
		}
	}
	if line, ok := put(t.root, []string{"audit", "sinks", s.name}, s.node, s.typ.line); !ok {
		t.tell(s.typ, Refused, "audit.sinks in line %d names this sink already; keep one of them", line)
	}
	return true
}

func (t *translator) parseRoute(o *original, key string) (route, bool) {
	category, ok := strings.CutSuffix(key, ".endpoints")
	name := strings.ToUpper(category)
	if name == "OPENSEARCH_SECURITY_INDEX_ATTEMPT" {
		name = "OPENDISTRO_SECURITY_INDEX_ATTEMPT"
	}
	sinks, err := elements(o.value)
	switch {
	case !ok:
		t.tell(o, Refused, "is not audit.routes.CATEGORY.endpoints")
	case !slices.Contains(categories, name):
		t.tell(o, NoEffect, "%s is no category", category)
	case err != nil:
		t.tell(o, Refused, "%v", err)
	default:
		for i := range sinks {
			sinks[i] = strings.ToLower(sinks[i])
		}
		return route{o, name, sinks}, true
	}
	return route{}, false
}

// route gives every sink its categories: what is routed goes to the sinks that are named, all else to the default one.
func (t *translator) route(sinks []*originalSink, routes []route) {
	gets := map[string][]string{}
	routed := map[string]bool{}
	for _, r := range routes {
		unknown := slices.IndexFunc(r.sinks, func(name string) bool {
			return !slices.ContainsFunc(sinks, func(s *originalSink) bool { return s.name == name })
		})
		switch {
		case routed[r.category]:
			t.tell(r.from, NoEffect, "%s is routed already", r.category)
			continue
		case unknown >= 0:
			t.tell(r.from, Refused, "there is no sink %s", r.sinks[unknown])
			continue
		case len(r.sinks) == 0:
			t.tell(r.from, NoEffect, "names no sink, so the default one gets the category")
			continue
		}
		routed[r.category] = true
		for _, name := range r.sinks {
			if !slices.Contains(gets[name], r.category) {
				gets[name] = append(gets[name], r.category)
			}
		}
		t.tell(r.from, Taken, "audit.sinks.%s.categories", strings.Join(r.sinks, ".categories, audit.sinks."))
	}
	for _, c := range categories {
		if len(routed) > 0 && !routed[c] {
			gets["default"] = append(gets["default"], c)
		}
	}
	if len(gets["default"]) > 0 && len(routed) > 0 {
		gets["default"] = append(gets["default"], "REQUEST_OUTCOME", "ALERT_DELIVERY") // ours, which no route names
	}
	for _, s := range sinks {
		if list := gets[s.name]; len(list) > 0 {
			put(s.node, []string{"categories"}, sequence(list, s.typ.line), s.typ.line)
			continue
		}
		if s.name != "default" || len(routed) > 0 {
			t.tell(s.typ, NoEffect, "no category is routed to the sink %s", s.name)
			t.remove(s)
		}
	}
}

// remove takes a sink out of the tree again.
func (t *translator) remove(s *originalSink) {
	for n := t.root; ; {
		i := slices.IndexFunc(n.Content, func(e *yaml.Node) bool { return e == s.node })
		if i > 0 {
			n.Content = slices.Delete(n.Content, i-1, i+1)
			return
		}
		next := slices.IndexFunc(n.Content, func(e *yaml.Node) bool { return e.Value == "audit" || e.Value == "sinks" })
		if next < 0 || next+1 >= len(n.Content) {
			return
		}
		n = n.Content[next+1]
	}
}
