package segment

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"vigil/engine/analysis"
)

// maxTermBytes is Lucene's longest term.
const maxTermBytes = 32766

// scalarText returns a scalar as text, numbers as they were written.
func scalarText(v *fastjson.Value) string {
	if v.Type() == fastjson.TypeString {
		return string(v.GetStringBytes())
	}
	return string(v.MarshalTo(nil))
}

// textRoom is how much text of a document is kept in one piece.
const textRoom = 512

// scalar is [scalarText], but the texts of a document lie side by side.
func (p *docParser) scalar(v *fastjson.Value) string {
	if v.Type() != fastjson.TypeString {
		return scalarText(v)
	}
	b := v.GetStringBytes()
	if p.text.Cap()-p.text.Len() < len(b) {
		p.text = strings.Builder{}
		p.text.Grow(max(len(b), textRoom))
	}
	n := p.text.Len()
	p.text.Write(b)
	return p.text.String()[n:]
}

// convert makes the indexed value of a field from a value in a document; ok is false if nothing is indexed.
func (p *docParser) convert(f *Field, v *fastjson.Value) (val Value, ok bool, err *Error) {
	text, number := "", false
	switch v.Type() {
	case fastjson.TypeNull:
		if f.NullValue == nil {
			return Value{}, false, nil
		}
		text = fmt.Sprint(f.NullValue)
		if n, isFloat := f.NullValue.(float64); isFloat {
			text = strconv.FormatFloat(n, 'f', -1, 64)
		}
	case fastjson.TypeObject, fastjson.TypeArray:
		if f.Type == GeoPoint {
			return geoPoint(v)
		}
		return Value{}, false, &Error{Type: "illegal_state_exception", Reason: "Can't get text on a START_OBJECT"}
	default:
		text, number = p.scalar(v), v.Type() == fastjson.TypeNumber
	}
	switch f.Type {
	case Keyword:
		return keyword(f, text)
	case Text:
		return Value{Str: text}, true, nil
	case Date, DateNanos:
		return date(f, text, number)
	case Boolean:
		switch text {
		case "true":
			return Value{Kind: KindInt, Int: 1}, true, nil
		case "false", "":
			return Value{Kind: KindInt}, true, nil
		}
		return Value{}, false, illegalArgument("Failed to parse value [" + text + "] as only [true] or [false] are allowed.")
	case IP:
		a, perr := netip.ParseAddr(text)
		if perr != nil || a.Zone() != "" {
			return Value{}, false, illegalArgument("'" + text + "' is not an IP string literal.")
		}
		return Value{Str: a.Unmap().String()}, true, nil
	case Binary:
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return Value{}, false, &Error{Type: "json_parse_exception", Reason: "Failed to decode VALUE_STRING as base64 (MIME-NO-LINEFEEDS)"}
		}
		return Value{}, false, nil
	case GeoPoint:
		return parsePoint(text)
	default:
	}
	if v.Type() == fastjson.TypeTrue || v.Type() == fastjson.TypeFalse {
		return Value{}, false, illegalArgument("For input string: \"" + text + "\"")
	}
	return numeric(f, text)
}

func keyword(f *Field, text string) (Value, bool, *Error) {
	if f.IgnoreAbove > 0 && len(text) > f.IgnoreAbove && utf8.RuneCountInString(text) > f.IgnoreAbove {
		return Value{}, false, nil
	}
	if f.Normalizer != "" {
		if normalize, err := analysis.Normalizer(f.Normalizer); err == nil {
			text = normalize(text)
		}
	}
	if len(text) > maxTermBytes && (!f.NotIndexed || !f.NoDocValues) {
		return Value{}, false, illegalArgument(fmt.Sprintf("Document contains at least one immense term in field=\"%s\" "+
			"(whose UTF8 encoding is longer than the max length %d), all of which were skipped.", f.Name, maxTermBytes))
	}
	return Value{Str: text}, true, nil
}

func date(f *Field, text string, number bool) (Value, bool, *Error) {
	t, err := ParseDate(f.Formats, text, nil)
	if err != nil && number && strings.ContainsAny(text, "eE") {
		if n, perr := strconv.ParseFloat(text, 64); perr == nil && math.Abs(n) < 1<<62 {
			t, err = ParseDate(f.Formats, strconv.FormatInt(int64(n), 10), nil)
		}
	}
	if err != nil {
		cause := illegalArgument(err.Error())
		cause.Cause = &Error{Type: "date_time_parse_exception", Reason: "Failed to parse with all enclosed parsers"}
		return Value{}, false, cause
	}
	return Value{Kind: KindInt, Int: t.UnixMilli()}, true, nil
}

// intRange returns the smallest and largest value of a whole-number type.
func intRange(t Type) (least, most float64, ok bool) {
	switch t {
	case Long:
		return math.MinInt64, math.MaxInt64, true
	case Integer:
		return math.MinInt32, math.MaxInt32, true
	case Short:
		return math.MinInt16, math.MaxInt16, true
	case Byte:
		return math.MinInt8, math.MaxInt8, true
	case UnsignedLg:
		return 0, math.MaxUint64, true
	default:
		return 0, 0, false
	}
}

func numeric(f *Field, text string) (Value, bool, *Error) {
	if text == "" {
		return Value{}, false, nil // coerced to null, as numbers written as empty strings are
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && math.IsInf(n, 0) || err == nil && (math.IsInf(n, 0) || math.IsNaN(n)) {
		return Value{}, false, illegalArgument(fmt.Sprintf("[%s] supports only finite values, but got [%s]", f.Type, text))
	}
	if err != nil || strings.ContainsAny(text, "xXpP_ ") {
		return Value{}, false, illegalArgument("For input string: \"" + text + "\"")
	}
	if least, most, whole := intRange(f.Type); whole {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil && float64(i) >= least && float64(i) <= most {
			return Value{Kind: KindInt, Int: i}, true, nil
		}
		if n = math.Trunc(n); n < least || n > most || f.Type != UnsignedLg && n >= 1<<63 {
			return Value{}, false, illegalArgument(fmt.Sprintf("Value [%s] is out of range for a%s %s", text, article(f.Type), f.Type))
		}
		if n >= 1<<63 {
			return Value{Kind: KindFloat, Float: n}, true, nil
		}
		return Value{Kind: KindInt, Int: int64(n)}, true, nil
	}
	switch f.Type {
	case Float, HalfFloat:
		if n = float64(float32(n)); math.IsInf(n, 0) || f.Type == HalfFloat && math.Abs(n) > 65504 {
			return Value{}, false, illegalArgument(fmt.Sprintf("[%s] supports only finite values, but got [%s]", f.Type, text))
		}
	case ScaledFl:
		n = math.Round(n*f.Scale) / f.Scale
	default:
	}
	return Value{Kind: KindFloat, Float: n}, true, nil
}

func article(t Type) string {
	if t == Integer {
		return "n"
	}
	return ""
}

// isPair reports whether an array is a point written as [lon, lat].
func isPair(v *fastjson.Value) bool {
	a := v.GetArray()
	return (len(a) == 2 || len(a) == 3) && a[0].Type() == fastjson.TypeNumber
}

func geoPoint(v *fastjson.Value) (Value, bool, *Error) {
	if v.Type() == fastjson.TypeArray {
		a := v.GetArray()
		return parsePoint(scalarText(a[1]) + "," + scalarText(a[0]))
	}
	lat, lon := v.Get("lat"), v.Get("lon")
	if lat == nil || lon == nil {
		return Value{}, false, &Error{Type: "parse_exception", Reason: "field must be either [lat], [lon] or [geohash]"}
	}
	return parsePoint(scalarText(lat) + "," + scalarText(lon))
}

// parsePoint reads "lat,lon", which is also the form of the value.
func parsePoint(text string) (Value, bool, *Error) {
	a, b, ok := strings.Cut(text, ",")
	lat, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
	switch {
	case !ok || err1 != nil || err2 != nil:
		return Value{}, false, &Error{Type: "parse_exception", Reason: "unsupported symbol in geo point [" + text + "]"}
	case math.Abs(lat) > 90:
		return Value{}, false, illegalArgument(fmt.Sprintf("illegal latitude value [%v]", lat))
	case math.Abs(lon) > 180:
		return Value{}, false, illegalArgument(fmt.Sprintf("illegal longitude value [%v]", lon))
	}
	return Value{Str: fmt.Sprintf("%v,%v", lat, lon)}, true, nil
}
