package query

import (
	"math"
	"strings"
	"time"

	"vigil/engine/segment"
)

type rangeQuery struct {
	clause
	field        string
	from, to     *Node // nil is open
	lower, upper bool
	format, zone string
	relation     string
	loc          *time.Location
}

func (p *parser) rangeQuery(n *Node) (Query, error) {
	q := rangeQuery{clause: clause{boost: 1}, lower: true, upper: true}
	field, v, err := q.single(n, "range")
	if err != nil {
		return nil, err
	}
	if q.field = field; v.Kind != Object {
		return nil, v.Parsing("[range] query does not support [%s]", field)
	}
	err = q.options(v, "range", q.option)
	return q, err
}

func (q *rangeQuery) option(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "from", "gt", "gte", "ge":
		if q.from, err = bound(v); key != "from" {
			q.lower = key != "gt"
		}
	case "to", "lt", "lte", "le":
		if q.to, err = bound(v); key != "to" {
			q.upper = key != "lt"
		}
	case "include_lower":
		q.lower, err = v.Bool()
	case "include_upper":
		q.upper, err = v.Bool()
	case "format":
		if q.format, err = v.Text(); err == nil {
			err = CheckDateFormat(q.format)
		}
	case "time_zone":
		if q.zone, err = v.Text(); err == nil {
			q.loc, err = Zone(q.zone)
		}
	case "relation":
		if q.relation, err = v.Text(); err == nil {
			q.relation = strings.ToUpper(q.relation)
			switch q.relation {
			case "INTERSECTS", "CONTAINS", "WITHIN":
			case "DISJOINT":
				err = illegal("[range] query does not support relation [%s]", v.Raw)
			default:
				err = illegal("%s is not a valid relation", v.Raw)
			}
		}
	default:
		return false, nil
	}
	return true, err
}

func bound(v *Node) (*Node, error) {
	if v.Kind == Null {
		return nil, nil
	}
	if !v.Scalar() {
		_, err := v.Text()
		return nil, err
	}
	return v, nil
}

func (q rangeQuery) bind(c *Context, w weight) (Matcher, error) {
	f := c.Field(q.field)
	if f == nil {
		return constant(0, never), nil
	}
	if err := searchable(f); err != nil {
		return nil, err
	}
	score := w.boost * q.boost
	if f.Type == segment.Text {
		ok := q.between(strings.Compare)
		return constant(score, c.anyTerm(f, func(t string) bool { return ok(t) })), nil
	}
	ok, err := q.test(c, f)
	if err != nil {
		return nil, err
	}
	return constant(score, c.anyValue(f, ok)), nil
}

func (q rangeQuery) between(compare func(a, b string) int) func(string) bool {
	return func(s string) bool {
		if q.from != nil {
			if n := compare(s, q.from.Raw); n < 0 || n == 0 && !q.lower {
				return false
			}
		}
		if q.to != nil {
			if n := compare(s, q.to.Raw); n > 0 || n == 0 && !q.upper {
				return false
			}
		}
		return true
	}
}

func (q rangeQuery) test(c *Context, f *segment.Field) (test, error) {
	switch {
	case isDate(f.Type):
		return c.dateBetween(f, q.dates())
	case isInteger(f.Type):
		return q.integers(f)
	case isFloating(f.Type):
		return q.floats(f)
	}
	switch f.Type {
	case segment.Keyword, segment.FlatObject:
		if f.Name == "_id" || f.Name == "_index" {
			return nil, illegal("Field [%s] of type [%s] does not support range queries", f.Name, f.Name)
		}
		low, high := q.from, q.to
		norm := q
		if low != nil {
			norm.from = &Node{Raw: normalize(f, low.Raw)}
		}
		if high != nil {
			norm.to = &Node{Raw: normalize(f, high.Raw)}
		}
		ok := norm.between(strings.Compare)
		return func(v segment.Value) bool { return ok(v.Str) }, nil
	case segment.IP:
		return q.addresses()
	case segment.Boolean:
		ok := q.between(strings.Compare)
		return func(v segment.Value) bool {
			if v.Int == 1 {
				return ok("true")
			}
			return ok("false")
		}, nil
	default:
		return nil, illegal("Field [%s] of type [%s] does not support range queries", f.Name, f.Type)
	}
}

// dates are the ends of the range if it is one of dates.
func (q rangeQuery) dates() dateBounds {
	b := dateBounds{lower: q.lower, upper: q.upper, loc: q.loc}
	if q.format != "" {
		b.formats = []string{q.format}
	}
	if q.from != nil {
		b.from = &q.from.Raw
	}
	if q.to != nil {
		b.to = &q.to.Raw
	}
	return b
}

func (q rangeQuery) integers(f *segment.Field) (test, error) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	none := false
	if q.from != nil {
		n, fraction, err := clamped(f, q.from.Raw)
		if err != nil {
			return nil, err
		}
		if low = n; fraction || !q.lower {
			if none = n == math.MaxInt64; !none {
				low++
			}
		}
	}
	if q.to != nil {
		n, fraction, err := clamped(f, q.to.Raw)
		if err != nil {
			return nil, err
		}
		if high = n; !fraction && !q.upper {
			if n == math.MinInt64 {
				none = true
			} else {
				high--
			}
		}
	}
	return func(v segment.Value) bool { return !none && v.Int >= low && v.Int <= high }, nil
}

// clamped reads a bound of an integer range; one beyond the type's values stands just beyond them.
func clamped(f *segment.Field, s string) (whole int64, fraction bool, err error) {
	r, err := rational(s)
	if err != nil {
		return 0, false, err
	}
	if whole, fraction, err = integer(&segment.Field{Type: segment.Long}, s); err == nil {
		return whole, fraction, nil
	}
	if r.Sign() < 0 {
		return math.MinInt64, false, nil
	}
	if f.Type == segment.Long || f.Type == segment.UnsignedLg {
		return math.MaxInt64, true, nil
	}
	return math.MaxInt64, false, nil
}

func (q rangeQuery) floats(f *segment.Field) (test, error) {
	low, high := math.Inf(-1), math.Inf(1)
	var err error
	if q.from != nil {
		if low, err = floating(f, q.from.Raw); err != nil {
			return nil, err
		}
	}
	if q.to != nil {
		if high, err = floating(f, q.to.Raw); err != nil {
			return nil, err
		}
	}
	return func(v segment.Value) bool {
		x := precise(f, Float(v))
		return (x > low || x == low && q.lower) && (x < high || x == high && q.upper)
	}, nil
}

func (q rangeQuery) addresses() (test, error) {
	var tests []test
	for _, b := range []struct {
		n         *Node
		inclusive bool
		sign      int
	}{{q.from, q.lower, 1}, {q.to, q.upper, -1}} {
		if b.n == nil {
			continue
		}
		limit, err := address(b.n.Raw)
		if err != nil {
			return nil, err
		}
		tests = append(tests, func(v segment.Value) bool {
			a := valueAddress(v)
			if !a.IsValid() {
				return false
			}
			n := compareAddress(a, limit) * b.sign
			return n > 0 || n == 0 && b.inclusive
		})
	}
	return func(v segment.Value) bool {
		for _, ok := range tests {
			if !ok(v) {
				return false
			}
		}
		return true
	}, nil
}

func (q rangeQuery) print(w *Printer) {
	w.wrap("range", func() {
		w.Key(q.field)
		w.Open('{')
		for _, b := range []struct {
			key string
			n   *Node
		}{{"from", q.from}, {"to", q.to}} {
			w.Key(b.key)
			if b.n == nil {
				w.Null()
			} else {
				w.Node(b.n)
			}
		}
		w.Key("include_lower")
		w.Bool(q.lower)
		w.Key("include_upper")
		w.Bool(q.upper)
		for _, o := range [][2]string{{"time_zone", q.zone}, {"format", q.format}, {"relation", q.relation}} {
			if o[1] != "" {
				w.Key(o[0])
				w.Str(o[1])
			}
		}
		w.nameBoost(q.clause)
		w.Close('}')
	})
}
