package aggs

import (
	"math"
	"slices"
	"strings"

	"vigil/engine/query"
)

// pipeline is an aggregation over other aggregations' results. It is a [parent] or a [sibling].
type pipeline interface {
	print(w *query.Printer)
	// paths are the buckets_paths it reads.
	paths() []string
}

// parent works on the buckets of the aggregation around it.
type parent interface {
	pipeline
	apply(r *runner, a aggregation, list []*bucket) ([]*bucket, error)
}

// sibling makes one result of the buckets of an aggregation beside it.
type sibling interface {
	pipeline
	over(entries []entry) (result, error)
}

func pipelines() map[string]func(n *query.Node) (pipeline, error) {
	return map[string]func(n *query.Node) (pipeline, error){
		"bucket_script":   parseScripted("bucket_script"),
		"bucket_selector": parseScripted("bucket_selector"),
		"bucket_sort":     parseBucketSort,
		"derivative":      parseAlong("derivative"),
		"cumulative_sum":  parseAlong("cumulative_sum"),
		"avg_bucket":      parseOver("avg_bucket"),
		"max_bucket":      parseOver("max_bucket"),
		"min_bucket":      parseOver("min_bucket"),
		"sum_bucket":      parseOver("sum_bucket"),
		"stats_bucket":    parseOver("stats_bucket"),
	}
}

// checkPipelines refuses paths that begin at no aggregation of the level.
func (a Aggs) checkPipelines(n *query.Node) error {
	for _, agg := range a.list {
		if agg.pipe == nil {
			continue
		}
		for _, p := range agg.pipe.paths() {
			if !a.has(p) {
				return query.Errorf("action_request_validation_exception", "Validation Failed: 1: No aggregation found for path [%s];", p)
			}
		}
	}
	_ = n
	return nil
}

func (a Aggs) has(path string) bool {
	head, _, _ := strings.Cut(path, ">")
	if head == "_count" || head == "_key" {
		return true
	}
	return slices.ContainsFunc(a.list, func(x aggregation) bool {
		_, ok := metricName(head, x.name)
		return ok
	})
}

// common are the options that pipelines have in common.
type common struct {
	typ   string
	path  []string          // buckets_path
	vars  map[string]string // buckets_path of scripts, by variable
	names []string          // of vars, in their order
	zeros bool              // gap_policy: insert_zeros
}

func (c *common) paths() []string {
	out := slices.Clone(c.path)
	for _, n := range c.names {
		out = append(out, c.vars[n])
	}
	return out
}

func (c *common) option(key string, v *query.Node) (bool, error) {
	switch key {
	case "buckets_path":
		return true, c.parsePath(v)
	case "gap_policy":
		switch v.Raw {
		case "skip":
		case "insert_zeros":
			c.zeros = true
		default:
			return true, v.Parsing("Invalid gap policy: [%s], accepted values: [insert_zeros, skip]", v.Raw)
		}
	case "format":
		return true, v.Parsing("[format] of [%s] is not supported", c.typ)
	default:
		return false, nil
	}
	return true, nil
}

func (c *common) parsePath(v *query.Node) error {
	switch v.Kind {
	case query.Text:
		c.path = []string{v.Raw}
	case query.Array:
		for _, it := range v.Items {
			s, err := it.Text()
			if err != nil {
				return err
			}
			c.path = append(c.path, s)
		}
	case query.Object:
		c.vars = map[string]string{}
		for i, name := range v.Keys {
			s, err := v.Items[i].Text()
			if err != nil {
				return err
			}
			c.vars[name] = s
			c.names = append(c.names, name)
		}
	default:
		return v.Parsing("Unexpected token %s in [buckets_path].", v.Token())
	}
	return nil
}

func (c *common) parse(n *query.Node, read func(key string, v *query.Node) (bool, error)) error {
	for i, key := range n.Keys {
		v := n.Items[i]
		ok, err := read(key, v)
		if !ok && err == nil {
			ok, err = c.option(key, v)
		}
		if err != nil {
			return err
		}
		if !ok {
			return v.Parsing("Unknown key for a %s in [%s]: [%s].", v.Token(), c.typ, key)
		}
	}
	return nil
}

func (c *common) printCommon(w *query.Printer) {
	w.Key("buckets_path")
	if c.vars != nil {
		w.Open('{')
		for _, n := range c.names {
			w.Key(n)
			w.Str(c.vars[n])
		}
		w.Close('}')
	} else {
		w.Strings(c.path)
	}
}

func (c *common) printGap(w *query.Printer) {
	w.Key("gap_policy")
	if c.zeros {
		w.Str("insert_zeros")
	} else {
		w.Str("skip")
	}
}

// value reads a path in a bucket. Gaps are NaN, or zero if the policy says so. An empty bucket is a gap.
func (c *common) value(b *bucket, path string) (float64, error) {
	x, err := b.path(path)
	if err != nil {
		return 0, err
	}
	gap := math.IsNaN(x) || math.IsInf(x, 0) || b.count == 0 && path != "_count" && path != "_key"
	switch {
	case gap && c.zeros:
		return 0, nil
	case gap:
		return math.NaN(), nil
	}
	return x, nil
}

// along is derivative or cumulative_sum: a number for each bucket from those before it.
type along struct{ common }

func parseAlong(typ string) func(n *query.Node) (pipeline, error) {
	return func(n *query.Node) (pipeline, error) {
		a := &along{common{typ: typ}}
		err := a.parse(n, func(key string, v *query.Node) (bool, error) {
			if key == "unit" {
				return true, v.Parsing("[derivative] [unit] is not supported")
			}
			return false, nil
		})
		if err == nil && len(a.path) != 1 {
			err = n.Parsing("Missing required field [buckets_path] for %s aggregation", typ)
		}
		return a, err
	}
}

func (p *along) apply(_ *runner, a aggregation, list []*bucket) ([]*bucket, error) {
	last, sum := math.NaN(), 0.0
	for _, b := range list {
		x, err := p.value(b, p.path[0])
		if err != nil {
			return nil, err
		}
		add := func(kind string, x float64) {
			b.subs = append(b.subs, entry{name: a.name, meta: a.meta, res: &value{kind: kind, x: x}})
		}
		switch {
		case p.typ == "cumulative_sum":
			if !math.IsNaN(x) {
				sum += x
			}
			add("simple_value", sum)
		case math.IsNaN(x):
		case !math.IsNaN(last):
			add("derivative", x-last)
			last = x
		default:
			last = x
		}
	}
	return list, nil
}

func (p *along) print(w *query.Printer) {
	p.printCommon(w)
	if p.typ == "derivative" {
		p.printGap(w)
	}
}

// overBuckets is avg_bucket and its like.
type overBuckets struct{ common }

func parseOver(typ string) func(n *query.Node) (pipeline, error) {
	return func(n *query.Node) (pipeline, error) {
		o := &overBuckets{common{typ: typ}}
		err := o.parse(n, func(string, *query.Node) (bool, error) { return false, nil })
		if err == nil && len(o.path) != 1 {
			err = n.Parsing("Missing required field [buckets_path] for [%s]", typ)
		}
		return o, err
	}
}

func (o *overBuckets) over(entries []entry) (result, error) {
	head, rest, ok := strings.Cut(o.path[0], ">")
	if !ok {
		rest = "_count"
	}
	for _, e := range entries {
		m, isMulti := e.res.(*multi)
		if s, isSingle := e.res.(*single); isSingle && e.name == head && strings.Contains(rest, ">") {
			return (&overBuckets{common{typ: o.typ, path: []string{rest}, zeros: o.zeros}}).over(s.subs)
		}
		if !isMulti || e.name != head {
			continue
		}
		return o.reduce(m, rest)
	}
	return nil, noPath(o.path[0])
}

func (o *overBuckets) reduce(m *multi, path string) (result, error) {
	s := &stats{kind: o.typ, min: math.Inf(1), max: math.Inf(-1)}
	var least, most []string
	for _, b := range m.list {
		x, err := o.value(b, path)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(x) {
			continue
		}
		if x < s.min {
			least = nil
		}
		if x > s.max {
			most = nil
		}
		s.add(x)
		if x == s.min {
			least = append(least, b.name)
		}
		if x == s.max {
			most = append(most, b.name)
		}
	}
	switch o.typ {
	case "stats_bucket":
		return s, nil
	case "min_bucket":
		return &extreme{value{kind: "bucket_metric_value", x: s.min}, least}, nil
	case "max_bucket":
		return &extreme{value{kind: "bucket_metric_value", x: s.max}, most}, nil
	case "sum_bucket":
		return &value{kind: "simple_value", x: s.sum}, nil
	}
	return &value{kind: "simple_value", x: s.avg()}, nil
}

func (o *overBuckets) print(w *query.Printer) {
	o.printCommon(w)
	o.printGap(w)
}

// extreme is a number and the buckets that have it.
type extreme struct {
	value
	keys []string
}

func (e *extreme) write(w *query.Printer, o Options) {
	e.value.write(w, o)
	w.Key("keys")
	w.Strings(e.keys)
}
