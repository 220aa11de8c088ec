package query

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"vigil/engine/segment"
)

// Sort is one criterion by which hits are ordered.
type Sort struct {
	// Field is a field's name, or _score, _doc.
	Field string
	Desc  bool
	// Missing is "_last", "_first" or a value for documents without one; nil is _last.
	Missing  *Node
	Mode     string // min, max, sum, avg, median
	Unmapped string // unmapped_type
	Numeric  string // numeric_type
	Format   string
	Nested   string // path
	filter   Query  // of nested documents
	filterAt *Node
}

func plainSort(field, order string) Sort {
	desc := order == "desc" || order == "" && field == "_score"
	return Sort{Field: field, Desc: desc}
}

func parseSorts(n *Node) ([]Sort, error) {
	items := []*Node{n}
	if n.Kind == Array {
		items = n.Items
	}
	var out []Sort
	for _, it := range items {
		switch it.Kind {
		case Text:
			out = append(out, plainSort(it.Raw, ""))
		case Object:
			for i, field := range it.Keys {
				s, err := parseSort(field, it.Items[i])
				if err != nil {
					return nil, err
				}
				out = append(out, s)
			}
		default:
			return nil, illegal("malformed sort format, within the sort array, an object, or an actual string are allowed")
		}
	}
	return out, nil
}

func parseSort(field string, n *Node) (Sort, error) {
	switch field {
	case "_script", "_geo_distance", "_geoDistance", "_shard_doc":
		return Sort{}, n.Parsing("sort [%s] is not supported", field)
	}
	if n.Kind == Text {
		order, err := sortOrder(n)
		return plainSort(field, order), err
	}
	if n.Kind != Object {
		return Sort{}, n.Parsing("[%s] sort expects an order or an object", field)
	}
	s := plainSort(field, "")
	for i, key := range n.Keys {
		if err := s.option(key, n.Items[i]); err != nil {
			if key == "nested" {
				return s, err
			}
			return s, n.Items[i].failedSort(field, key, err)
		}
	}
	return s, nil
}

func (n *Node) failedSort(_, key string, err error) error {
	if e, ok := asError(err); ok && e.Type == "x_content_parse_exception" {
		return err
	}
	return n.FailedField("field_sort", key, err)
}

func sortOrder(n *Node) (string, error) {
	s, err := n.Text()
	if err != nil {
		return "", err
	}
	if o := strings.ToLower(s); o == "asc" || o == "desc" {
		return o, nil
	}
	return "", illegal("No enum constant org.opensearch.search.sort.SortOrder.%s", strings.ToUpper(s))
}

func (s *Sort) option(key string, v *Node) error {
	var err error
	special := s.Field == "_score" || s.Field == "_doc"
	switch {
	case key == "order":
		var o string
		o, err = sortOrder(v)
		s.Desc = o == "desc"
	case special && s.Field == "_score":
		return v.UnknownField("_score", key)
	case key == "missing":
		if s.Missing = v; !v.Scalar() {
			return v.UnknownField("field_sort", key)
		}
	case key == "unmapped_type":
		s.Unmapped, err = v.Text()
	case key == "numeric_type":
		if s.Numeric, err = v.Text(); err == nil && !slices.Contains([]string{"long", "double", "date", "date_nanos"}, s.Numeric) {
			err = illegal("invalid value for [numeric_type], must be [long, double, date, date_nanos], got %s", s.Numeric)
		}
	case key == "format":
		if s.Format, err = v.Text(); err == nil {
			err = CheckDateFormat(s.Format)
		}
	case key == "mode":
		if s.Mode, err = v.Text(); err == nil {
			s.Mode = strings.ToLower(s.Mode)
			if !slices.Contains([]string{"min", "max", "sum", "avg", "median"}, s.Mode) {
				err = illegal("Unknown SortMode [%s]", v.Raw)
			}
		}
	case key == "nested":
		return s.nested(v)
	default:
		return v.UnknownField("field_sort", key)
	}
	return err
}

func (s *Sort) nested(v *Node) error {
	if v.Kind != Object {
		return v.UnknownField("field_sort", "nested")
	}
	for i, key := range v.Keys {
		var err error
		it := v.Items[i]
		switch key {
		case "path":
			s.Nested, err = it.Text()
		case "filter":
			s.filterAt = it
			s.filter, err = ParseNode(it)
		default:
			err = it.Parsing("sort [nested] [%s] is not supported", key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sortKey is one sort value of one hit. The zero value is a missing one.
type sortKey struct {
	kind keyKind
	str  string
	i    int64
	f    float64
}

type keyKind uint8

const (
	keyMissing keyKind = iota
	keyString
	keyInt
	keyFloat
)

func compareKeys(a, b sortKey) int {
	switch {
	case a.kind == keyString && b.kind == keyString:
		return strings.Compare(a.str, b.str)
	case a.kind == keyInt && b.kind == keyInt:
		return cmp.Compare(a.i, b.i)
	}
	return cmp.Compare(a.number(), b.number())
}

func (k sortKey) number() float64 {
	if k.kind == keyInt {
		return float64(k.i)
	}
	return k.f
}

// before orders two hits by one criterion: negative if a comes first.
func (s Sort) before(a, b sortKey) int {
	first := s.Missing != nil && s.Missing.Raw == "_first"
	switch {
	case a.kind == keyMissing && b.kind == keyMissing:
		return 0
	case a.kind == keyMissing || b.kind == keyMissing:
		if (a.kind == keyMissing) == first {
			return -1
		}
		return 1
	}
	if s.Desc {
		return compareKeys(b, a)
	}
	return compareKeys(a, b)
}

// sorter computes the sort values of documents of one shard.
type sorter struct {
	Sort
	field   *segment.Field
	missing sortKey
	matches Matcher // of nested documents
	nested  *Context
}

func (c *Context) sorter(s Sort) (sorter, error) {
	out := sorter{Sort: s}
	if s.Field == "_score" || s.Field == "_doc" {
		return out, nil
	}
	out.field = c.Field(s.Field)
	if out.field == nil {
		if s.Unmapped == "" {
			return out, c.shard("No mapping found for [%s] in order to sort on", s.Field)
		}
		out.field = &segment.Field{Name: s.Field, Type: segment.Type(s.Unmapped)}
	}
	if err := Aggregatable(out.field); err != nil {
		e, _ := asError(err)
		e.Shard, e.Index = true, c.Index
		return out, e
	}
	if s.Nested != "" {
		out.nested = c.below(s.Nested)
		if s.filter != nil {
			var err error
			if out.matches, err = out.nested.BindFilter(s.filter); err != nil {
				return out, err
			}
		}
	}
	if m := s.Missing; m != nil && m.Raw != "_last" && m.Raw != "_first" {
		var err error
		if out.missing, err = c.missingKey(out.field, m.Raw); err != nil {
			return out, c.refuse(err)
		}
	}
	return out, nil
}

// Aggregatable refuses fields whose values cannot be sorted or aggregated by.
func Aggregatable(f *segment.Field) error {
	switch {
	case f.Type == segment.Text:
		return illegal("Text fields are not optimised for operations that require per-document field data like aggregations and sorting, "+
			"so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [%s] "+
			"in order to load field data by uninverting the inverted index. Note that this can use significant memory.", f.Name)
	case f.NoDocValues:
		return illegal("Can't load fielddata on [%s] because fielddata is unsupported on fields of type [%s]. Use doc values instead.", f.Name, f.Type)
	case f.Type == segment.Object || f.Type == segment.Nested:
		return illegal("Fielddata is not supported on field [%s] of type [%s]", f.Name, f.Type)
	}
	return nil
}

func (c *Context) missingKey(f *segment.Field, raw string) (sortKey, error) {
	switch {
	case isDate(f.Type):
		t, err := DateMath(raw, c.Now, false, f.Formats, time.UTC)
		return sortKey{kind: keyInt, i: t.UnixMilli()}, err
	case isInteger(f.Type):
		n, _, err := integer(f, raw)
		return sortKey{kind: keyInt, i: n}, err
	case isFloating(f.Type):
		x, err := floating(f, raw)
		return sortKey{kind: keyFloat, f: x}, err
	case f.Type == segment.Boolean:
		b, err := boolean(raw)
		return sortKey{kind: keyInt, i: b}, err
	}
	return sortKey{kind: keyString, str: raw}, nil
}

// ParseValue reads a value that stands for a missing one.
func (c *Context) ParseValue(f *segment.Field, raw string) (segment.Value, error) {
	k, err := c.missingKey(f, raw)
	if err != nil {
		return segment.Value{}, c.refuse(err)
	}
	return segment.Value{Kind: segment.Kind(max(k.kind, keyString) - keyString), Str: k.str, Int: k.i, Float: k.f}, nil
}

func (s sorter) key(c *Context, d *segment.Doc, score float32, order int) sortKey {
	switch s.Field {
	case "_score":
		return sortKey{kind: keyFloat, f: float64(score)}
	case "_doc":
		return sortKey{kind: keyInt, i: int64(order)}
	}
	k, ok := s.one(s.values(c, d))
	if !ok {
		return s.missing
	}
	switch s.Numeric {
	case "double":
		k = sortKey{kind: keyFloat, f: k.number()}
	case "long", "date":
		if k.kind == keyFloat {
			k = sortKey{kind: keyInt, i: int64(k.f)}
		}
	}
	return k
}

func (s sorter) values(c *Context, d *segment.Doc) []segment.Value {
	if s.nested == nil {
		return c.Values(d, s.field)
	}
	var out []segment.Value
	for _, n := range Nested(d, s.Nested) {
		if s.matches != nil {
			if _, ok := s.matches(n); !ok {
				continue
			}
		}
		out = append(out, s.nested.Values(n, s.field)...)
	}
	return out
}
