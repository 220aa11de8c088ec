package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/rest"
	"vigil/script"
)

// The limits of pipelines.
const (
	maxProcessors    = 1000     // of one pipeline, those within others included
	maxPipelineDepth = 20       // of pipelines that run pipelines, and of foreach within foreach
	maxIngested      = 32 << 20 // bytes that pipelines may make of one document, in all
)

// pipeline changes documents before they are stored. It is immutable.
type pipeline struct {
	body       json.RawMessage // as it was put
	processors []*processor
	onFailure  []*processor
}

// processor is one step of a pipeline.
type processor struct {
	typ, tag      string
	condition     *query.Script // nil: always
	ignoreFailure bool
	onFailure     []*processor
	run           func(in *ingestion) error
}

// ingestion is one document on its way through pipelines.
type ingestion struct {
	q      *request
	s      *state
	source map[string]any
	// index, id and routing may be changed.
	index, id, routing string
	// value is what a foreach is at, failure what an on_failure is told.
	value   any
	failure map[string]any
	dropped bool
	depth   int
	made    int // bytes
	// trace gets every step, if it is not nil.
	trace func(p *processor, err error)
}

// putPipeline changes s as [state.apply] may; a nil body deletes.
func (s *state) putPipeline(c *named) error {
	s.pipelines = maps.Clone(s.pipelines)
	if c.Body == nil {
		delete(s.pipelines, c.Name)
		return nil
	}
	p, err := parsePipeline(c.Name, c.Body)
	if err != nil {
		return fmt.Errorf("read pipeline %s: %w", c.Name, err)
	}
	s.pipelines[c.Name] = p
	return nil
}

func parsePipeline(id string, body []byte) (*pipeline, error) {
	n, err := query.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	if n.Kind != query.Object {
		return nil, n.Parsing("Expected [START_OBJECT] but found [%s]", n.Token())
	}
	p := &pipeline{body: body}
	left := maxProcessors
	found := false
	var unknown []string
	for i, key := range n.Keys {
		v := n.Items[i]
		switch key {
		case "description", "version", "_meta":
		case "processors":
			found = true
			p.processors, err = parseProcessors(v, &left)
		case "on_failure":
			p.onFailure, err = parseProcessors(v, &left)
		default:
			unknown = append(unknown, key)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case !found:
		return nil, ingestParse("[processors] required property is missing").With("property_name", "processors")
	case len(unknown) > 0:
		return nil, ingestParse("pipeline [%s] doesn't support one or more provided configuration parameters [%s]", id, strings.Join(unknown, ", "))
	}
	return p, nil
}

func ingestParse(format string, args ...any) *rest.Error {
	return rest.Errorf(http.StatusBadRequest, "parse_exception", format, args...)
}

// parseProcessors reads a list of {"type":{…}}. Left counts down how many there may be.
func parseProcessors(n *query.Node, left *int) ([]*processor, error) {
	if n.Kind != query.Array {
		return nil, ingestParse("[processors] property isn't a list")
	}
	var out []*processor
	for _, it := range n.Items {
		if it.Kind != query.Object || len(it.Keys) != 1 {
			return nil, ingestParse("a processor must be an object with one member, its type")
		}
		p, err := parseProcessor(it.Keys[0], it.Items[0], left)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parseProcessor(typ string, def *query.Node, left *int) (*processor, error) {
	if *left--; *left < 0 {
		return nil, badRequest("a pipeline may have no more than [%d] processors", maxProcessors)
	}
	build := processorTypes()[typ]
	switch {
	case build == nil:
		return nil, ingestParse("No processor type exists with name [%s]", typ).With("processor_type", typ)
	case def.Kind != query.Object:
		return nil, ingestParse("property isn't a map, but of type [%s]", def.Token()).With("processor_type", typ)
	}
	c := &processorConfig{typ: typ, members: map[string]*query.Node{}, left: left}
	for i, key := range def.Keys {
		c.members[key] = def.Items[i]
	}
	p := &processor{typ: typ, tag: c.text("tag", "")}
	c.text("description", "")
	p.ignoreFailure = c.flag("ignore_failure", false)
	if v := c.take("on_failure"); v != nil {
		if p.onFailure, c.err = parseProcessors(v, left); c.err == nil && len(p.onFailure) == 0 {
			c.fail("on_failure", "processors list cannot be empty")
		}
	}
	if v := c.take("if"); v != nil && c.err == nil {
		p.condition, c.err = query.ParseScript(v)
	}
	p.run = build(c)
	if c.err == nil && len(c.members) > 0 {
		c.err = ingestParse("processor [%s] doesn't support one or more provided configuration parameters [%s]", typ,
			strings.Join(slices.Sorted(maps.Keys(c.members)), ", ")).With("processor_type", typ)
	}
	return p, c.err
}

// processorConfig reads the members of a processor's definition. It keeps the first error.
type processorConfig struct {
	typ     string
	members map[string]*query.Node
	left    *int
	err     error
}

func (c *processorConfig) take(name string) *query.Node {
	v := c.members[name]
	delete(c.members, name)
	return v
}

func (c *processorConfig) fail(name, why string) {
	if c.err == nil {
		c.err = ingestParse("[%s] %s", name, why).With("processor_type", c.typ).With("property_name", name)
	}
}

// text returns an optional string.
func (c *processorConfig) text(name, def string) string {
	v := c.take(name)
	if v == nil {
		return def
	}
	s, err := v.Text()
	if err != nil {
		c.fail(name, "property isn't a string")
	}
	return s
}

// must returns a string that has to be there.
func (c *processorConfig) must(name string) string {
	if c.members[name] == nil {
		c.fail(name, "required property is missing")
	}
	return c.text(name, "")
}

func (c *processorConfig) flag(name string, def bool) bool {
	v := c.take(name)
	if v == nil {
		return def
	}
	b, err := v.Bool()
	if err != nil {
		c.fail(name, "property isn't a boolean")
	}
	return b
}

// list returns a string or a list of them.
func (c *processorConfig) list(name string) []string {
	v := c.take(name)
	if v == nil {
		return nil
	}
	if v.Kind != query.Array {
		s, err := v.Text()
		if err != nil {
			c.fail(name, "property isn't a list")
		}
		return []string{s}
	}
	var out []string
	for _, it := range v.Items {
		s, err := it.Text()
		if err != nil {
			c.fail(name, "property isn't a list of strings")
		}
		out = append(out, s)
	}
	return out
}

// snippet is a text that may hold mustache, filled from the document.
func (c *processorConfig) snippet(name, text string) func(in *ingestion) (string, error) {
	if !strings.Contains(text, "{{") {
		return func(*ingestion) (string, error) { return text, nil }
	}
	t, err := parseTemplate(text, "")
	if err != nil {
		c.fail(name, err.Error())
	}
	return func(in *ingestion) (string, error) {
		s, err := t.Render(in.q, in.vars(), script.Limits{})
		if err != nil {
			return "", err
		}
		return s, in.spend(len(s))
	}
}

// spend counts bytes that a processor makes: a pipeline that copies a field into itself would double it with every step.
func (in *ingestion) spend(n int) error {
	if in.made += n; n < 0 || in.made < 0 || in.made > maxIngested {
		return badRequest("the pipelines make more than [%d] bytes of the document", maxIngested)
	}
	return nil
}

// vars are the document as scripts and templates see it.
func (in *ingestion) vars() map[string]any {
	m := maps.Clone(in.source)
	m["_index"], m["_id"], m["_routing"], m["_source"] = in.index, in.id, nil, in.source
	if in.routing != "" {
		m["_routing"] = in.routing
	}
	ingest := map[string]any{"timestamp": in.q.now.UTC().Format(time.RFC3339Nano), "_value": in.value}
	maps.Copy(ingest, in.failure)
	m["_ingest"] = ingest
	return m
}

// through runs processors one after the other, with what their failures call for.
func (in *ingestion) through(list, onFailure []*processor) error {
	for _, p := range list {
		if in.dropped {
			return nil
		}
		err := in.step(p)
		if err == nil {
			continue
		}
		if len(onFailure) == 0 {
			return err
		}
		return in.afterFailure(p, err, onFailure)
	}
	return nil
}

func (in *ingestion) step(p *processor) error {
	if p.condition != nil {
		yes, err := in.holds(p.condition)
		if err != nil || !yes {
			return err
		}
	}
	err := p.run(in)
	if in.trace != nil {
		in.trace(p, err)
	}
	switch {
	case err == nil || p.ignoreFailure:
		return nil
	case len(p.onFailure) > 0:
		return in.afterFailure(p, err, p.onFailure)
	}
	return err
}

func (in *ingestion) afterFailure(p *processor, err error, list []*processor) error {
	was := in.failure
	in.failure = map[string]any{
		"on_failure_message": asRest(err).Reason, "on_failure_processor_type": p.typ, "on_failure_processor_tag": p.tag,
	}
	defer func() { in.failure = was }()
	return in.through(list, nil)
}

func (in *ingestion) holds(s *query.Script) (bool, error) {
	program, err := s.Program(in.s.program)
	if err != nil {
		return false, err
	}
	v, err := program.Eval(in.q, map[string]any{"ctx": in.vars(), "params": s.Params}, script.Limits{})
	if err != nil {
		return false, query.WordScript(err)
	}
	yes, isBool := v.(bool)
	if !isBool {
		return false, badRequest("the condition of a processor must return a boolean")
	}
	return yes, nil
}

// runPipeline runs a pipeline by its name.
func (in *ingestion) runPipeline(id string) error {
	p := in.s.pipelines[id]
	if p == nil {
		return badRequest("pipeline with id [%s] does not exist", id)
	}
	if in.depth >= maxPipelineDepth {
		return rest.Errorf(http.StatusBadRequest, "illegal_state_exception", "Cycle detected for pipeline: %s", id)
	}
	in.depth++
	defer func() { in.depth-- }()
	return in.through(p.processors, p.onFailure)
}

// ingest sends documents through the pipelines that their operations or indices name. Failures are in the results.
func (e *Engine) ingest(q *request, results []*docResult) []*docResult {
	s := e.state.Load()
	known := map[string]indexPipelines{} // by the index that operations name
	for _, r := range results {
		doc := r.op.ingested()
		if doc == nil || r.err != nil {
			continue
		}
		of, found := known[r.op.Index]
		if !found {
			of = s.pipelinesOf(r.op.Index, q.now)
			known[r.op.Index] = of
		}
		if r.op.Pipeline != "" {
			of.first = r.op.Pipeline
		}
		if of.first != "_none" || of.last != "_none" {
			r.err = e.ingestOne(q, s, r, of, doc)
		}
	}
	return results
}

// ingested is the document that pipelines change: what is indexed, or what an update stores if there is none.
func (op *docOp) ingested() *json.RawMessage {
	switch {
	case op.Op == "index" || op.Op == "create":
		return &op.Source
	case op.update == nil:
	case op.update.docAsUpsert:
		return &op.update.doc
	case op.update.upsert != nil:
		return &op.update.upsert
	}
	return nil
}

func (e *Engine) ingestOne(q *request, s *state, r *docResult, of indexPipelines, doc *json.RawMessage) error {
	in := &ingestion{q: q, s: s, index: r.op.Index, id: r.op.ID, routing: r.op.Routing}
	if err := decodeNumbers(*doc, &in.source); err != nil || in.source == nil {
		return badDocument(*doc, err)
	}
	for _, id := range []string{of.first, of.last} {
		if id == "_none" || in.dropped {
			continue
		}
		if err := in.runPipeline(id); err != nil {
			return err
		}
	}
	if in.dropped {
		r.drop()
		return nil
	}
	out, err := encodeLike(in.source, *doc)
	*doc, r.op.Index, r.op.ID, r.op.Routing = out, in.index, in.id, in.routing
	return err
}

// drop ends an operation whose document a pipeline dropped. OpenSearch answers so.
func (r *docResult) drop() {
	r.dropped, r.result, r.version, r.seq = true, "noop", -3, -2
}

// indexPipelines are the names of an index's default and of its final pipeline; "_none" is none.
type indexPipelines struct{ first, last string }

// pipelinesOf returns the pipelines of an index that a write names, of one that is still to be made, too.
func (s *state) pipelinesOf(name string, now time.Time) indexPipelines {
	of := indexPipelines{"_none", "_none"}
	if math, err := rest.ExpandDateMath(name, now); err == nil {
		name = math
	}
	if x, err := s.writable(name); err == nil && x != nil {
		return indexPipelines{x.setting("default_pipeline", "_none"), x.setting("final_pipeline", "_none")}
	}
	layers, err := s.layers(name)
	if t := s.streamTemplate(name); t != nil {
		layers, err = s.composed(t)
	}
	if err != nil {
		return of // the write itself says why
	}
	for _, l := range layers {
		flat, _ := flattenSettings(l.Settings) // they were read when the templates were put
		for key, to := range map[string]*string{"index.default_pipeline": &of.first, "index.final_pipeline": &of.last} {
			if v, ok := flat[key].(string); ok {
				*to = v
			}
		}
	}
	return of
}

// path splits the name of a field.
func path(field string) []string { return strings.Split(strings.TrimPrefix(field, "_source."), ".") }

// get returns a field's value, and whether it is there.
func (in *ingestion) get(field string) (any, bool) {
	switch field {
	case "_index":
		return in.index, true
	case "_id":
		return in.id, true
	case "_routing":
		return in.routing, in.routing != ""
	case "_ingest._value":
		return in.value, true
	}
	var v any = in.source
	if strings.HasPrefix(field, "_ingest.") {
		v = in.vars()
	}
	for _, part := range path(field) {
		switch o := v.(type) {
		case map[string]any:
			child, there := o[part]
			if !there {
				return nil, false
			}
			v = child
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(o) {
				return nil, false
			}
			v = o[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// set gives a field a value and makes the objects around it.
func (in *ingestion) set(field string, value any) error {
	switch field {
	case "_index", "_id", "_routing":
		s := fmt.Sprint(value)
		*map[string]*string{"_index": &in.index, "_id": &in.id, "_routing": &in.routing}[field] = s
		return nil
	case "_ingest._value":
		in.value = value
		return nil
	}
	parts := path(field)
	var v any = in.source
	for i, part := range parts {
		last := i == len(parts)-1
		switch o := v.(type) {
		case map[string]any:
			if last {
				o[part] = value
				return nil
			}
			if o[part] == nil {
				o[part] = map[string]any{}
			}
			v = o[part]
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(o) {
				return badRequest("[%s] is not an integer, cannot be used as an index as part of path [%s]", part, field)
			}
			if last {
				o[n] = value
				return nil
			}
			v = o[n]
		default:
			return badRequest("cannot set [%s] with parent object of type [%s] as part of path [%s]", part, javaType(v), field)
		}
	}
	return nil
}

// remove deletes a field and reports whether it was there.
func (in *ingestion) remove(field string) bool {
	parts := path(field)
	parent, ok := any(in.source), true
	if len(parts) > 1 {
		parent, ok = in.get(strings.Join(parts[:len(parts)-1], "."))
	}
	o, isObject := parent.(map[string]any)
	if _, there := o[parts[len(parts)-1]]; !ok || !isObject || !there {
		return false
	}
	delete(o, parts[len(parts)-1])
	return true
}

func javaType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "java.lang.String"
	case bool:
		return "java.lang.Boolean"
	case []any:
		return "java.util.ArrayList"
	case map[string]any:
		return "java.util.HashMap"
	}
	return "java.lang.Number"
}
