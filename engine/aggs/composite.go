package aggs

import (
	"math"
	"slices"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// composite pages through all combinations of several sources.
type composite struct {
	size    int
	sources []compositeSource
	after   *query.Node
}

type compositeSource struct {
	source
	name          string
	typ           string // terms, histogram, date_histogram
	desc          bool
	missingBucket bool
	missingOrder  string
	interval      float64
	dates         dateHistogram
}

func parseComposite(n *query.Node) (kind, error) {
	c := composite{size: 10}
	err := options(n, "composite", func(key string, v *query.Node) (bool, error) {
		var err error
		switch key {
		case "size":
			c.size, err = positive(v, "size", 1)
		case "after":
			if c.after = v; v.Kind != query.Object {
				return false, nil
			}
		case "sources":
			err = c.parseSources(v)
		default:
			return false, nil
		}
		return true, err
	})
	switch {
	case err != nil:
	case len(c.sources) == 0:
		err = query.Errorf("illegal_argument_exception", "Composite [sources] cannot be null or empty")
	case c.after != nil && len(c.after.Keys) != len(c.sources):
		err = query.Errorf("illegal_argument_exception", "[after] has %d value(s) but [sources] has %d", len(c.after.Keys), len(c.sources))
	}
	return c, err
}

func (c *composite) parseSources(v *query.Node) error {
	objects := []*query.Node{v}
	if v.Kind == query.Array {
		objects = v.Items
	}
	for _, o := range objects {
		for i, name := range o.Keys {
			s, err := parseCompositeSource(name, o.Items[i])
			if err != nil {
				return err
			}
			if slices.ContainsFunc(c.sources, func(x compositeSource) bool { return x.name == name }) {
				return query.Errorf("illegal_argument_exception", "Composite source names must be unique, found duplicates: [%s]", name)
			}
			c.sources = append(c.sources, s)
		}
	}
	return nil
}

func parseCompositeSource(name string, n *query.Node) (compositeSource, error) {
	s := compositeSource{name: name}
	if n.Kind != query.Object || len(n.Keys) != 1 || n.Items[0].Kind != query.Object {
		return s, n.Parsing("Missing type of composite source [%s]", name)
	}
	s.typ = n.Keys[0]
	body := n.Items[0]
	switch s.typ {
	case "terms", "histogram", "date_histogram":
	default:
		return s, body.Parsing("invalid source type: %s", s.typ)
	}
	err := options(body, s.typ, s.option)
	switch {
	case err != nil:
	case s.typ == "histogram" && s.interval <= 0:
		err = query.Errorf("illegal_argument_exception", "[interval] must be greater than 0 for [histogram] source")
	case s.typ == "date_histogram" && s.dates.unit == noUnit && s.dates.every == 0:
		err = query.Errorf("illegal_argument_exception", "Invalid interval specified, must be non-null and non-empty")
	default:
		err = s.check(body)
	}
	s.dates.loc = s.loc
	return s, err
}

func (s *compositeSource) option(key string, v *query.Node) (bool, error) {
	var err error
	switch {
	case key == "order":
		switch strings.ToLower(v.Raw) {
		case "asc":
		case "desc":
			s.desc = true
		default:
			err = query.Errorf("illegal_argument_exception", "Unknown SortOrder: %s", v.Raw)
		}
	case key == "missing_bucket":
		s.missingBucket, err = v.Bool()
	case key == "missing_order":
		if s.missingOrder = strings.ToLower(v.Raw); !slices.Contains([]string{"first", "last", "default"}, s.missingOrder) {
			err = query.Errorf("illegal_argument_exception", "Unknown missing_order: %s", v.Raw)
		}
	case key == "missing", key == "time_zone" && s.typ != "date_histogram", key == "format" && s.typ == "histogram":
		return false, nil
	case key == "interval" && s.typ == "histogram":
		s.interval, err = v.Float()
	case key == "offset" && s.typ == "date_histogram":
		s.dates.shifted, err = parseOffset(v)
	case s.typ == "date_histogram":
		if ok, err := s.dates.intervals(key, v); ok || err != nil {
			return ok, err
		}
		return s.source.option(key, v)
	default:
		return s.source.option(key, v)
	}
	return true, err
}

// absent stands for a missing value in the keys of a composite.
func absent() segment.Value { return segment.Value{Kind: math.MaxUint8} }

func isAbsent(x segment.Value) bool { return x.Kind == math.MaxUint8 }

// of returns a document's keys under a source.
func (s compositeSource) of(v *values, d doc) []segment.Value {
	vs := v.distinct(d)
	if len(vs) == 0 {
		if s.missingBucket {
			return []segment.Value{absent()}
		}
		return nil
	}
	if s.typ == "terms" {
		return vs
	}
	out := make([]segment.Value, 0, len(vs))
	for _, x := range vs {
		if s.typ == "date_histogram" {
			x = segment.Value{Kind: segment.KindInt, Int: s.dates.floor(x.Int)}
		} else {
			x = segment.Value{Kind: segment.KindFloat, Float: math.Floor(query.Float(x)/s.interval) * s.interval}
		}
		out = append(out, x)
	}
	return slices.Compact(out)
}

func (s compositeSource) compare(v *values, a, b segment.Value) int {
	if isAbsent(a) || isAbsent(b) {
		last := s.missingOrder == "last" || s.missingOrder != "first" && s.desc
		switch {
		case isAbsent(a) && isAbsent(b):
			return 0
		case isAbsent(a) != last:
			return -1
		}
		return 1
	}
	n := v.compare(a, b)
	if s.desc {
		return -n
	}
	return n
}

func (c composite) run(r *runner, a aggregation, docs []doc) (result, error) {
	vs := make([]*values, len(c.sources))
	for i, s := range c.sources {
		var err error
		if vs[i], err = r.values(s.source); err != nil {
			return nil, err
		}
	}
	groups, err := combinations(docs, func(d doc) [][]segment.Value {
		out := make([][]segment.Value, len(vs))
		for i, v := range vs {
			out[i] = c.sources[i].of(v, d)
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	compare := func(a, b []segment.Value) int {
		for i, v := range vs {
			if n := c.sources[i].compare(v, a[i], b[i]); n != 0 {
				return n
			}
		}
		return 0
	}
	slices.SortFunc(groups, func(a, b *group) int { return compare(a.key, b.key) })
	if c.after != nil {
		mark, err := c.mark(r, vs)
		if err != nil {
			return nil, err
		}
		groups = slices.DeleteFunc(groups, func(g *group) bool { return compare(g.key, mark) <= 0 })
	}
	groups = groups[:min(c.size, len(groups))]
	var list []*bucket
	for _, g := range groups {
		list = append(list, &bucket{docs: g.docs, count: len(g.docs), head: func(w *query.Printer) { c.key(w, "key", vs, g.key) }})
	}
	if list, err = r.finish(a.subs, list); err != nil {
		return nil, err
	}
	m := &multi{kind: "composite", list: list}
	if len(groups) > 0 {
		last := groups[len(groups)-1].key
		m.before = func(w *query.Printer) { c.key(w, "after_key", vs, last) }
	}
	return m, nil
}

// mark reads the key after which the page begins.
func (c composite) mark(r *runner, vs []*values) ([]segment.Value, error) {
	out := make([]segment.Value, len(c.sources))
	for i, s := range c.sources {
		n := c.after.Get(s.name)
		switch {
		case n == nil:
			return nil, query.Errorf("illegal_argument_exception", "Missing value for [after.%s]", s.name)
		case n.Kind == query.Null:
			out[i] = absent()
			continue
		case len(r.shards) == 0:
			continue
		}
		f := &segment.Field{Name: s.field, Type: vs[i].typ, Formats: vs[i].formats}
		switch {
		case s.typ == "histogram":
			x, err := n.Float()
			if err != nil {
				return nil, err
			}
			out[i] = segment.Value{Kind: segment.KindFloat, Float: x}
			continue
		case vs[i].date() && n.Kind == query.Number:
			f.Formats = []string{"epoch_millis"}
		case vs[i].typ == "":
			f.Type = segment.Keyword
		}
		var err error
		if out[i], err = r.shards[0].Context.ParseValue(f, n.Raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c composite) key(w *query.Printer, member string, vs []*values, key []segment.Value) {
	w.Key(member)
	w.Open('{')
	for i, s := range c.sources {
		w.Key(s.name)
		switch x := key[i]; {
		case isAbsent(x):
			w.Null()
		case vs[i].date() && s.format != "":
			t, _ := query.FormatDate(time.UnixMilli(x.Int), vs[i].formats, s.loc)
			w.Str(t)
		case vs[i].typ == segment.Boolean:
			w.Bool(x.Int != 0)
		default:
			vs[i].raw(w, x)
		}
	}
	w.Close('}')
}

func (c composite) print(w *query.Printer) {
	w.Key("size")
	w.Int(c.size)
	w.Key("sources")
	w.Open('[')
	for _, s := range c.sources {
		w.Open('{')
		w.Key(s.name)
		w.Open('{')
		w.Key(s.typ)
		w.Open('{')
		s.print(w)
		w.Close('}')
		w.Close('}')
		w.Close('}')
	}
	w.Close(']')
	if c.after != nil {
		w.Key("after")
		w.Node(c.after)
	}
}

func (s compositeSource) print(w *query.Printer) {
	w.Key("field")
	w.Str(s.field)
	w.Key("missing_bucket")
	w.Bool(s.missingBucket)
	if s.missingOrder != "" && s.missingOrder != "default" {
		w.TextField("missing_order", s.missingOrder)
	}
	w.TextField("value_type", s.hint)
	w.Key("order")
	if s.desc {
		w.Str("desc")
	} else {
		w.Str("asc")
	}
	w.TextField("format", s.format)
	switch s.typ {
	case "histogram":
		w.Key("interval")
		w.Double(s.interval)
	case "date_histogram":
		w.TextField("calendar_interval", s.dates.calendar)
		w.TextField("fixed_interval", s.dates.fixed)
		w.TextField("interval", s.dates.legacy)
		w.TextField("time_zone", s.zone)
	}
}
