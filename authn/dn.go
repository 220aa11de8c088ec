package authn

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// DN is a distinguished name: relative names, the most specific first as RFC 2253 writes them, each a set of attributes.
// It is compared by attributes, never as text: how a name is escaped, spaced or which form of an attribute type it uses does
// not matter. Order does, and so does the case of values: this is stricter than the original, which folds it.
type DN struct {
	rdns [][]attribute
}

// attribute is a type as dotted object identifier and a value.
type attribute struct {
	oid   string
	text  bool // whether value holds it
	value string
	ber   []byte // the encoding, if the value was given so
}

// attributeTypes are the names that are understood in configured names, in lower case.
var attributeTypes = map[string]string{
	"cn": "2.5.4.3", "commonname": "2.5.4.3",
	"sn": "2.5.4.4", "surname": "2.5.4.4",
	"serialnumber": "2.5.4.5",
	"c":            "2.5.4.6", "countryname": "2.5.4.6",
	"l": "2.5.4.7", "localityname": "2.5.4.7",
	"st": "2.5.4.8", "s": "2.5.4.8", "stateorprovincename": "2.5.4.8",
	"street": "2.5.4.9", "streetaddress": "2.5.4.9",
	"o": "2.5.4.10", "organizationname": "2.5.4.10",
	"ou": "2.5.4.11", "organizationalunitname": "2.5.4.11",
	"t": "2.5.4.12", "title": "2.5.4.12",
	"givenname": "2.5.4.42", "gn": "2.5.4.42",
	"initials": "2.5.4.43", "generationqualifier": "2.5.4.44", "dnqualifier": "2.5.4.46",
	"uid": "0.9.2342.19200300.100.1.1", "userid": "0.9.2342.19200300.100.1.1",
	"dc": "0.9.2342.19200300.100.1.25", "domaincomponent": "0.9.2342.19200300.100.1.25",
	"e": "1.2.840.113549.1.9.1", "email": "1.2.840.113549.1.9.1", "emailaddress": "1.2.840.113549.1.9.1",
}

// printedTypes are the types that RFC 2253 gives a short name; all others are printed as OID with an encoded value.
var printedTypes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

// Equal reports whether both name the same subject. Names without any attribute equal nothing.
func (d DN) Equal(e DN) bool {
	if len(d.rdns) == 0 || len(d.rdns) != len(e.rdns) {
		return false
	}
	return slices.EqualFunc(d.rdns, e.rdns, func(a, b []attribute) bool {
		return slices.EqualFunc(a, b, attribute.equal)
	})
}

// equal compares text by its characters, whichever string type encodes it, and everything else by its encoding.
func (a attribute) equal(b attribute) bool {
	if a.oid != b.oid || a.text != b.text {
		return false
	}
	return a.value == b.value && (a.text || bytes.Equal(a.ber, b.ber))
}

// String returns the name as RFC 2253 writes it, like OpenSearch names administrators in events: "CN=admin,OU=admin,O=Peer".
func (d DN) String() string {
	var b strings.Builder
	for i, rdn := range d.rdns {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, a := range rdn {
			if j > 0 {
				b.WriteByte('+')
			}
			a.write(&b)
		}
	}
	return b.String()
}

func (a attribute) write(b *strings.Builder) {
	name, short := printedTypes[a.oid]
	if !short {
		name = a.oid
	}
	b.WriteString(name + "=")
	if short && a.text {
		escapeValue(b, a.value)
		return
	}
	ber := a.ber
	if ber == nil {
		// Text that cannot be encoded has no certificate that it could equal.
		ber, _ = asn1.MarshalWithParams(a.value, "utf8")
	}
	b.WriteString("#" + hex.EncodeToString(ber))
}

func escapeValue(b *strings.Builder, v string) {
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case strings.IndexByte(`,+"\<>;=`, c) >= 0, c == '#' && i == 0, c == ' ' && (i == 0 || i == len(v)-1):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(b, `\%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
}

// sortRDN gives the attributes of a relative name a fixed order, so that sets compare as lists.
func sortRDN(rdn []attribute) {
	slices.SortFunc(rdn, func(a, b attribute) int {
		if c := strings.Compare(a.oid, b.oid); c != 0 {
			return c
		}
		if c := strings.Compare(a.value, b.value); c != 0 {
			return c
		}
		return bytes.Compare(a.ber, b.ber)
	})
}

type (
	rawAttribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	// The suffix tells the decoder that a relative name is a SET.
	rawRelativeNameSET []rawAttribute
)

// subjectDN reads the DER encoding of a certificate's subject. DER has the most general name first.
func subjectDN(der []byte) (DN, error) {
	var seq []rawRelativeNameSET
	rest, err := asn1.Unmarshal(der, &seq)
	if err != nil {
		return DN{}, fmt.Errorf("decoding a subject: %w", err)
	}
	if len(rest) > 0 {
		return DN{}, errors.New("decoding a subject: trailing bytes")
	}
	d := DN{rdns: make([][]attribute, 0, len(seq))}
	for _, set := range slices.Backward(seq) {
		rdn := make([]attribute, 0, len(set))
		for _, a := range set {
			rdn = append(rdn, newAttribute(a.Type.String(), a.Value.FullBytes))
		}
		sortRDN(rdn)
		d.rdns = append(d.rdns, rdn)
	}
	return d, nil
}

// newAttribute reads the text of string types, whichever of them it is.
func newAttribute(oid string, ber []byte) attribute {
	var s string
	rest, err := asn1.Unmarshal(ber, &s)
	if err != nil || len(rest) > 0 || !utf8.ValidString(s) {
		return attribute{oid: oid, ber: ber}
	}
	return attribute{oid: oid, text: true, value: s, ber: ber}
}
