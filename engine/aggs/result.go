package aggs

import (
	"math"
	"strconv"
	"strings"

	"vigil/engine/query"
)

// result is the outcome of one aggregation.
type result interface {
	// typ is what typed_keys shows.
	typ() string
	// write prints the members of the result's object.
	write(w *query.Printer, o Options)
	// number returns one of the result's numbers: "value", "avg", "99.0". The empty name is the only one. NaN is none.
	number(name string) (float64, bool)
}

func writeEntries(w *query.Printer, entries []entry, o Options) {
	for _, e := range entries {
		name := e.name
		if o.TypedKeys {
			name = e.res.typ() + "#" + name
		}
		w.Key(name)
		w.Open('{')
		if e.meta != nil {
			w.Key("meta")
			w.Node(e.meta)
		}
		e.res.write(w, o)
		w.Close('}')
	}
}

// bucket is one bucket while it is made and when it is done.
type bucket struct {
	// head prints the bucket's key; name is the key of keyed answers and of paths.
	head  func(w *query.Printer)
	name  string
	value float64 // the key as a number, for sorting and _key
	docs  []doc
	count int
	subs  []entry
	// errors prints doc_count_error_upper_bound.
	errors bool
}

func (b *bucket) write(w *query.Printer, o Options) {
	if b.head != nil {
		b.head(w)
	}
	w.Key("doc_count")
	w.Int(b.count)
	if b.errors {
		w.Key("doc_count_error_upper_bound")
		w.Int(0)
	}
	writeEntries(w, b.subs, o)
}

// multi is a result of buckets.
type multi struct {
	kind   string
	list   []*bucket
	keyed  bool
	before func(w *query.Printer)
	after  func(w *query.Printer)
}

func (m *multi) typ() string { return m.kind }

func (m *multi) number(string) (float64, bool) { return 0, false }

func (m *multi) write(w *query.Printer, o Options) {
	if m.before != nil {
		m.before(w)
	}
	w.Key("buckets")
	if m.keyed {
		w.Open('{')
		for _, b := range m.list {
			w.Key(b.name)
			w.Open('{')
			b.write(w, o)
			w.Close('}')
		}
		w.Close('}')
	} else {
		w.Open('[')
		for _, b := range m.list {
			w.Open('{')
			b.write(w, o)
			w.Close('}')
		}
		w.Close(']')
	}
	if m.after != nil {
		m.after(w)
	}
}

// single is a result of one bucket.
type single struct {
	kind string
	bucket
}

func (s *single) typ() string { return s.kind }

func (s *single) number(name string) (float64, bool) {
	return float64(s.count), name == "" || name == "_count"
}

func (s *single) write(w *query.Printer, o Options) { s.bucket.write(w, o) }

// path follows a buckets_path such as "a>b.avg" below a bucket.
func (b *bucket) path(path string) (float64, error) {
	switch path {
	case "_count":
		return float64(b.count), nil
	case "_key":
		return b.value, nil
	}
	x, err := resolve(b.subs, path)
	return x, err
}

func resolve(entries []entry, path string) (float64, error) {
	head, rest, deeper := strings.Cut(path, ">")
	if deeper {
		for _, e := range entries {
			if s, ok := e.res.(*single); ok && e.name == head {
				return s.path(rest)
			}
		}
		return 0, noPath(path)
	}
	for _, e := range entries {
		name, ok := metricName(head, e.name)
		if !ok {
			continue
		}
		if m, isMulti := e.res.(*multi); isMulti && name == "_bucket_count" {
			return float64(len(m.list)), nil
		}
		if x, ok := e.res.number(name); ok {
			return x, nil
		}
		return 0, query.Errorf("aggregation_execution_exception", "buckets_path must reference either a number value or a single value numeric metric aggregation, got: [%s] at aggregation [%s]", e.res.typ(), e.name)
	}
	return 0, noPath(path)
}

// metricName says whether a path names an aggregation, and returns which of its numbers is meant: name, name.avg, name[avg].
func metricName(path, name string) (string, bool) {
	rest, ok := strings.CutPrefix(path, name)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "", true
	case rest[0] == '.':
		return rest[1:], true
	case rest[0] == '[' && strings.HasSuffix(rest, "]"):
		return strings.Trim(rest[1:len(rest)-1], `'"`), true
	}
	return "", false
}

func noPath(path string) error {
	return query.Errorf("illegal_argument_exception", "No aggregation found for path [%s]", path)
}

// value is a result of one number. NaN prints null.
type value struct {
	kind  string
	x     float64
	whole bool   // print without a fraction
	text  string // value_as_string
}

func (v *value) typ() string { return v.kind }

func (v *value) number(name string) (float64, bool) { return v.x, name == "" || name == "value" }

func (v *value) write(w *query.Printer, _ Options) {
	w.Key("value")
	switch {
	case math.IsNaN(v.x) || math.IsInf(v.x, 0):
		w.Null()
		return
	case v.whole:
		w.Raw(strconv.FormatInt(int64(v.x), 10))
	default:
		w.Double(v.x)
	}
	w.TextField("value_as_string", v.text)
}
