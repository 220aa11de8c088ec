package aggs

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
)

// source is where values come from: a field, and what stands for documents without one.
type source struct {
	field   string
	missing *query.Node
	format  string
	zone    string
	loc     *time.Location
	hint    string // value_type
}

// option reads one of the options that all aggregations over a field have.
func (s *source) option(key string, v *query.Node) (bool, error) {
	var err error
	switch key {
	case "field":
		s.field, err = v.Text()
	case "missing":
		if !v.Scalar() {
			return false, nil
		}
		s.missing = v
	case "format":
		s.format, err = v.Text()
	case "time_zone":
		if s.zone, err = v.Text(); err == nil {
			s.loc, err = query.Zone(s.zone)
		}
	case "value_type", "valueType":
		s.hint, err = v.Text()
	case "script":
		err = v.Parsing("[script] of an aggregation is not supported")
	default:
		return false, nil
	}
	return true, err
}

func (s source) check(n *query.Node) error {
	if s.field == "" {
		return query.Errorf("illegal_argument_exception", "Required one of fields [field, script], but none were specified. ")
	}
	if s.format != "" && n != nil && !numberFormat(s.format) {
		return query.CheckDateFormat(s.format)
	}
	return nil
}

// numberFormat says whether a format is one for numbers; those are refused when values turn out to be numbers.
func numberFormat(f string) bool { return strings.ContainsAny(f, "#0") }

func (s source) print(w *query.Printer) {
	if s.field != "" {
		w.Key("field")
		w.Str(s.field)
	}
	if s.missing != nil {
		w.Key("missing")
		w.Node(s.missing)
	}
	w.TextField("format", s.format)
	w.TextField("time_zone", s.zone)
	w.TextField("value_type", s.hint)
}

// values is a source bound to the indices that are searched.
type values struct {
	source
	// typ is the type of the field in the first index that has it; empty if none has.
	typ     segment.Type
	formats []string
	fields  map[*query.Context]*segment.Field
	fill    []segment.Value // for documents without a value
}

func (r *runner) values(s source) (*values, error) {
	v := &values{source: s, fields: map[*query.Context]*segment.Field{}}
	for _, sh := range r.shards {
		f := sh.Context.Field(s.field)
		if f == nil {
			continue
		}
		if err := query.Aggregatable(f); err != nil {
			return nil, err
		}
		v.fields[sh.Context] = f
		if v.typ == "" {
			v.typ, v.formats = f.Type, f.Formats
		}
	}
	if s.format != "" {
		if !v.date() && v.typ != "" {
			return nil, query.Errorf("illegal_argument_exception", "Invalid format: [%s]: formats are supported for dates only", s.format)
		}
		v.formats = []string{s.format}
	}
	return v, v.parseMissing(r)
}

func (v *values) parseMissing(r *runner) error {
	if v.missing == nil || len(r.shards) == 0 {
		return nil
	}
	f := &segment.Field{Name: v.field, Type: v.typ, Formats: v.formats}
	if v.typ == "" {
		f.Type = segment.Keyword
		if v.missing.Kind == query.Number {
			f.Type = segment.Double
		}
		v.typ = f.Type
	}
	x, err := r.shards[0].Context.ParseValue(f, v.missing.Raw)
	v.fill = []segment.Value{x}
	return err
}

func (v *values) date() bool { return v.typ == segment.Date || v.typ == segment.DateNanos }

// numeric refuses what no number can be made of.
func (v *values) numeric(agg, typ string) error {
	switch v.typ {
	case segment.Keyword, segment.IP, segment.FlatObject, segment.Binary:
		return query.Errorf("illegal_argument_exception", "Field [%s] of type [%s] is not supported for aggregation [%s]", v.field, v.typ, typ)
	default:
		_ = agg
		return nil
	}
}

// of returns a document's values, or what stands for them.
func (v *values) of(d doc) []segment.Value {
	if f := v.fields[d.shard.Context]; f != nil {
		if vs := d.shard.Context.Values(d.Doc, f); len(vs) > 0 {
			return vs
		}
	}
	return v.fill
}

// distinct returns a document's different values in order, as doc values hold them.
func (v *values) distinct(d doc) []segment.Value {
	vs := v.of(d)
	if len(vs) < 2 {
		return vs
	}
	vs = slices.Clone(vs)
	slices.SortFunc(vs, compareValues)
	return slices.Compact(vs)
}

func compareValues(a, b segment.Value) int {
	switch {
	case a.Kind == segment.KindString && b.Kind == segment.KindString:
		return strings.Compare(a.Str, b.Str)
	case a.Kind == segment.KindInt && b.Kind == segment.KindInt:
		return cmp.Compare(a.Int, b.Int)
	}
	return cmp.Compare(query.Float(a), query.Float(b))
}

// compare orders values; addresses by their bytes.
func (v *values) compare(a, b segment.Value) int {
	if v.typ == segment.IP {
		x, err1 := netip.ParseAddr(a.Str)
		y, err2 := netip.ParseAddr(b.Str)
		if err1 == nil && err2 == nil {
			p, q := x.As16(), y.As16()
			return strings.Compare(string(p[:]), string(q[:]))
		}
	}
	return compareValues(a, b)
}

// text returns how a value is shown beside the raw one; empty for values that are shown as they are.
func (v *values) text(x float64) string {
	switch {
	case v.date():
		return v.dateText(int64(x))
	case v.typ == segment.Boolean:
		return strconv.FormatBool(x != 0)
	}
	return ""
}

func (v *values) dateText(ms int64) string {
	s, err := query.FormatDate(time.UnixMilli(ms), v.formats, v.loc)
	if err != nil {
		return strconv.FormatInt(ms, 10)
	}
	return s
}

// key prints a value as the key of a bucket, with key_as_string where the original has it.
func (v *values) key(w *query.Printer, x segment.Value) {
	w.Key("key")
	v.raw(w, x)
	if v.date() || v.typ == segment.Boolean {
		w.Key("key_as_string")
		w.Str(v.text(query.Float(x)))
	}
}

func (v *values) raw(w *query.Printer, x segment.Value) {
	switch x.Kind {
	case segment.KindInt:
		w.Raw(strconv.FormatInt(x.Int, 10))
	case segment.KindFloat:
		w.Double(x.Float)
	default:
		w.Str(x.Str)
	}
}

// plain is a value as text.
func (v *values) plain(x segment.Value) string {
	switch {
	case v.date() || v.typ == segment.Boolean:
		return v.text(query.Float(x))
	case x.Kind == segment.KindInt:
		return strconv.FormatInt(x.Int, 10)
	case x.Kind == segment.KindFloat:
		return string(query.AppendDouble(nil, x.Float))
	}
	return x.Str
}
