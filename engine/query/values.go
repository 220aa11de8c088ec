package query

import (
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/analysis"
	"vigil/engine/segment"
)

// test says whether one value of a field is meant.
type test func(segment.Value) bool

func isInteger(t segment.Type) bool {
	switch t {
	case segment.Long, segment.Integer, segment.Short, segment.Byte, segment.UnsignedLg:
		return true
	default:
		return false
	}
}

func isFloating(t segment.Type) bool {
	switch t {
	case segment.Double, segment.Float, segment.HalfFloat, segment.ScaledFl:
		return true
	default:
		return false
	}
}

func isDate(t segment.Type) bool { return t == segment.Date || t == segment.DateNanos }

// hasTerms says whether a field's values are terms, with frequencies to score by.
func hasTerms(t segment.Type) bool {
	return t == segment.Keyword || t == segment.Text || t == segment.FlatObject
}

// Float returns a numeric value as 64 bits of floating point.
func Float(v segment.Value) float64 {
	switch v.Kind {
	case segment.KindInt:
		return float64(v.Int)
	case segment.KindFloat:
		return v.Float
	default:
		f, err := strconv.ParseFloat(v.Str, 64)
		if err != nil {
			return math.NaN()
		}
		return f
	}
}

// bounds are the values an integer type can hold, and the type's name in refusals.
func bounds(t segment.Type) (low, high int64, name string) {
	switch t {
	case segment.Integer:
		return math.MinInt32, math.MaxInt32, "an integer"
	case segment.Short:
		return math.MinInt16, math.MaxInt16, "a short"
	case segment.Byte:
		return math.MinInt8, math.MaxInt8, "a byte"
	case segment.UnsignedLg:
		return 0, math.MaxInt64, "an unsigned long"
	default:
		return math.MinInt64, math.MaxInt64, "a long"
	}
}

// integer reads a number for an integer field: the whole part, rounded down, and whether there was a fraction.
func integer(f *segment.Field, s string) (whole int64, fraction bool, err error) {
	if len(s) > 400 {
		return 0, false, Errorf("number_format_exception", "For input string: \"%s\"", s[:400])
	}
	low, high, name := bounds(f.Type)
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		if v < low || v > high {
			return 0, false, illegal("Value [%s] is out of range for %s", s, name)
		}
		return v, false, nil
	}
	r, err := rational(s)
	if err != nil {
		return 0, false, err
	}
	q := new(big.Int).Div(r.Num(), r.Denom())
	if !q.IsInt64() || q.Int64() < low || q.Int64() > high {
		return 0, false, illegal("Value [%s] is out of range for %s", s, name)
	}
	return q.Int64(), !r.IsInt(), nil
}

func rational(s string) (*big.Rat, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || math.Abs(f) > 1e30 || strings.ContainsAny(s, "xXpP_") {
		return nil, Errorf("number_format_exception", "For input string: \"%s\"", s)
	}
	if r, ok := new(big.Rat).SetString(s); ok && math.Abs(f) > 1e-30 {
		return r, nil
	}
	return new(big.Rat).SetFloat64(f), nil
}

// floating reads a number for a floating-point field, in the precision in which the field keeps it.
func floating(f *segment.Field, s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_") {
		return 0, Errorf("number_format_exception", "For input string: \"%s\"", s)
	}
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, illegal("[%s] supports only finite values, but got [%s]", f.Type, s)
	}
	return precise(f, v), nil
}

func precise(f *segment.Field, v float64) float64 {
	switch f.Type {
	case segment.Float:
		return float64(float32(v))
	case segment.HalfFloat:
		return half(v)
	case segment.ScaledFl:
		if f.Scale > 0 {
			return math.Round(v*f.Scale) / f.Scale
		}
	default:
	}
	return v
}

// half rounds to the 11 significant bits of a 16-bit float.
func half(v float64) float64 {
	if v == 0 || math.Abs(v) >= 65520 {
		return v
	}
	_, exp := math.Frexp(v)
	unit := math.Ldexp(1, max(exp, -13)-11)
	return math.RoundToEven(v/unit) * unit
}

func boolean(s string) (int64, error) {
	switch s {
	case "true":
		return 1, nil
	case "false", "":
		return 0, nil
	}
	return 0, illegal("Can't parse boolean value [%s], expected [true] or [false]", s)
}

func normalize(f *segment.Field, s string) string {
	norm, err := analysis.Normalizer(f.Normalizer)
	if err != nil {
		return s // the mapping would not have been accepted
	}
	return norm(s)
}

func address(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return a, illegal("'%s' is not an IP string literal.", s)
	}
	return a.Unmap(), nil
}

func valueAddress(v segment.Value) netip.Addr {
	a, err := netip.ParseAddr(v.Str)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// compareAddress orders addresses as 16 bytes, IPv4 as its mapped form.
func compareAddress(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	return strings.Compare(string(x[:]), string(y[:]))
}

func addressTest(s string) (test, error) {
	if !strings.Contains(s, "/") {
		a, err := address(s)
		return func(v segment.Value) bool { return valueAddress(v) == a }, err
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, illegal("'%s' is not an IP string literal.", s)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	return func(v segment.Value) bool {
		a := valueAddress(v)
		return a.IsValid() && p.Contains(a)
	}, nil
}

// equals returns the test for one value of a field that is no text, as a term query understands it.
func (c *Context) equals(f *segment.Field, s string) (test, error) {
	switch {
	case isInteger(f.Type):
		n, fraction, err := integer(f, s)
		if err != nil {
			return nil, err
		}
		return func(v segment.Value) bool { return !fraction && v.Int == n }, nil
	case isFloating(f.Type):
		x, err := floating(f, s)
		return func(v segment.Value) bool { return precise(f, Float(v)) == x }, err
	case isDate(f.Type):
		return c.dateBetween(f, dateBounds{from: &s, to: &s, lower: true, upper: true})
	}
	switch f.Type {
	case segment.Boolean:
		b, err := boolean(s)
		return func(v segment.Value) bool { return v.Int == b }, err
	case segment.IP:
		return addressTest(s)
	case segment.Binary:
		return nil, Errorf("query_shard_exception", "Binary fields do not support searching")
	case segment.GeoPoint:
		return nil, Errorf("query_shard_exception", "Geometry fields do not support exact searching, use dedicated geometry queries instead: [%s]", f.Name)
	case segment.Object, segment.Nested:
		return func(segment.Value) bool { return false }, nil
	default:
		s = normalize(f, s)
		return func(v segment.Value) bool { return v.Str == s }, nil
	}
}

// dateBounds are the two ends of a range of dates as the client wrote them; nil is open.
type dateBounds struct {
	from, to     *string
	lower, upper bool
	formats      []string
	loc          *time.Location
}

func (c *Context) dateBetween(f *segment.Field, b dateBounds) (test, error) {
	low, high, err := c.dateLimits(f, b)
	return func(v segment.Value) bool { return v.Int >= low && v.Int <= high }, err
}

func (c *Context) dateLimits(f *segment.Field, b dateBounds) (low, high int64, err error) {
	if len(b.formats) == 0 {
		b.formats = f.Formats
	}
	low, high = math.MinInt64, math.MaxInt64
	if b.from != nil {
		t, err := DateMath(*b.from, c.Now, !b.lower, b.formats, b.loc)
		if err != nil {
			return 0, 0, err
		}
		if low = t.UnixMilli(); !b.lower {
			low++
		}
	}
	if b.to != nil {
		t, err := DateMath(*b.to, c.Now, b.upper, b.formats, b.loc)
		if err != nil {
			return 0, 0, err
		}
		if high = t.UnixMilli(); !b.upper {
			high--
		}
	}
	return low, high, nil
}

// anyValue is a test of documents: does one value of the field pass?
func (c *Context) anyValue(f *segment.Field, ok test) func(*segment.Doc) bool {
	return func(d *segment.Doc) bool {
		return slices.ContainsFunc(c.Values(d, f), ok)
	}
}

// searchable refuses fields that cannot be searched.
func searchable(f *segment.Field) error {
	switch {
	case !f.NotIndexed:
		return nil
	case f.Type == segment.Text:
		return illegal("Cannot search on field [%s] since it is not indexed.", f.Name)
	case f.NoDocValues:
		return illegal("Cannot search on field [%s] since it is both not indexed, and does not have doc_values enabled.", f.Name)
	}
	return nil
}
