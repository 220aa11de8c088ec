// Package segment holds documents as queries and aggregations read them: typed field values beside the stored source.
//
// It is the plain form: every document is kept in memory with its values by field, and questions are answered by scanning.
// The package neither parses requests nor decides mappings; [Field] says how a field is indexed and [Doc] what a document
// holds. Columns, postings and files will live here, behind the same names.
package segment

import (
	"encoding/json"
	"time"
)

// Type is a field type as the mapping spells it.
type Type string

// The field types.
const (
	Keyword    Type = "keyword"
	Text       Type = "text"
	Long       Type = "long"
	Integer    Type = "integer"
	Short      Type = "short"
	Byte       Type = "byte"
	Double     Type = "double"
	Float      Type = "float"
	HalfFloat  Type = "half_float"
	ScaledFl   Type = "scaled_float"
	UnsignedLg Type = "unsigned_long"
	Date       Type = "date"
	DateNanos  Type = "date_nanos"
	Boolean    Type = "boolean"
	IP         Type = "ip"
	Binary     Type = "binary"
	Object     Type = "object"
	Nested     Type = "nested"
	FlatObject Type = "flat_object"
	Alias      Type = "alias"
	GeoPoint   Type = "geo_point"
)

// Field says how one field of an index is indexed. Fields are immutable once they are part of a [Fields].
type Field struct {
	// Name is the full dotted path, sub-fields included: "user.name", "user.name.keyword".
	Name string
	Type Type
	// Target is the path that a field of type alias points to.
	Target string
	// Formats are the date formats, in order; empty means strict_date_optional_time||epoch_millis.
	Formats []string
	// Analyzer and SearchAnalyzer are for text; Normalizer is for keyword. Empty means the default.
	Analyzer, SearchAnalyzer, Normalizer string
	// IgnoreAbove is the longest keyword that is indexed, in characters; 0 is no limit.
	IgnoreAbove int
	// IgnoreMalformed drops values that do not parse instead of refusing the document.
	IgnoreMalformed bool
	// NotIndexed fields cannot be searched; NoDocValues fields cannot be sorted or aggregated on.
	NotIndexed, NoDocValues bool
	// Scale is the factor of a scaled_float.
	Scale float64
	// NullValue replaces an explicit null; nil means null is not indexed.
	NullValue any
	// CopyTo are the fields that receive this one's values too.
	CopyTo []string
}

// Fields finds the fields of an index. Implementations are safe for concurrent use.
type Fields interface {
	// Field returns the field of that full name with aliases resolved, or nil if the index has none.
	Field(name string) *Field
	// Match returns the fields whose name matches a pattern with "*", in name order.
	Match(pattern string) []*Field
}

// Value is one typed value of a field. Kind says which member holds it.
type Value struct {
	Kind Kind
	// Str holds strings: keywords (normalized), texts, addresses in canonical form.
	Str string
	// Int holds integers, booleans (0, 1) and dates (milliseconds since the epoch).
	Int int64
	// Float holds floating-point numbers.
	Float float64
}

// Kind is the representation of a [Value].
type Kind uint8

// The kinds of value.
const (
	KindString Kind = iota
	KindInt
	KindFloat
)

// Doc is a document as it can be searched. It is immutable; an update makes a new one.
type Doc struct {
	ID      string
	Routing string
	// Seq is the operation's sequence number in its index, Term the primary term, Version the document's version.
	Seq, Term, Version int64
	Shard              int
	// Source is the document as the client sent it, byte for byte.
	Source json.RawMessage
	// Indexed is when the document was written.
	Indexed time.Time
	// Values holds the indexed values by full field name, in document order. A field without values is absent.
	Values map[string][]Value
	// Nested holds the documents below fields of type nested, by path.
	Nested map[string][]*Doc
}
