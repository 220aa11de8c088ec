package authn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDN bounds what is parsed; certificates have subjects of a few hundred bytes.
const maxDN = 4096

// ParseDN parses a distinguished name as RFC 2253 writes it: "CN=admin,OU=ops,O=Example". It knows escapes (\, \2C),
// quoted values, multi-valued relative names (CN=a+UID=b), types by name in any case and by identifier (2.5.4.3, OID.2.5.4.3),
// encoded values (#0c0161), and semicolons for commas. Spaces around names, types and values do not count.
func ParseDN(s string) (DN, error) {
	if len(s) > maxDN {
		return DN{}, fmt.Errorf("distinguished name is longer than %d bytes", maxDN)
	}
	p := dnParser{rest: s}
	var d DN
	for {
		rdn, err := p.relativeName()
		if err != nil {
			return DN{}, fmt.Errorf("distinguished name %q: %w", s, err)
		}
		d.rdns = append(d.rdns, rdn)
		if p.rest == "" {
			return d, nil
		}
		p.rest = p.rest[1:] // the separator
	}
}

type dnParser struct{ rest string }

// relativeName reads attributes up to a comma, a semicolon or the end.
func (p *dnParser) relativeName() ([]attribute, error) {
	var rdn []attribute
	for {
		oid, err := p.attributeType()
		if err != nil {
			return nil, err
		}
		a, err := p.value(oid)
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, a)
		if p.rest == "" || p.rest[0] != '+' {
			sortRDN(rdn)
			return rdn, nil
		}
		p.rest = p.rest[1:]
	}
}

func (p *dnParser) attributeType() (string, error) {
	name, rest, ok := strings.Cut(p.rest, "=")
	if !ok {
		return "", errors.New("no '=' after an attribute type")
	}
	p.rest = rest
	name = strings.ToLower(strings.TrimSpace(name))
	if oid, ok := attributeTypes[name]; ok {
		return oid, nil
	}
	if oid := strings.TrimPrefix(name, "oid."); isOID(oid) {
		return oid, nil
	}
	return "", fmt.Errorf("unknown attribute type %q", name)
}

func isOID(s string) bool {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		if part == "" || len(part) > 1 && part[0] == '0' || strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return len(parts) > 1
}

func (p *dnParser) value(oid string) (attribute, error) {
	p.rest = strings.TrimLeft(p.rest, " ")
	switch {
	case strings.HasPrefix(p.rest, "#"):
		return p.encoded(oid)
	case strings.HasPrefix(p.rest, `"`):
		return p.quoted(oid)
	}
	return p.plain(oid)
}

// encoded reads #hex, the BER encoding of a value.
func (p *dnParser) encoded(oid string) (attribute, error) {
	end := strings.IndexAny(p.rest, ",;+")
	if end < 0 {
		end = len(p.rest)
	}
	ber, err := hex.DecodeString(strings.TrimSpace(p.rest[1:end]))
	if err != nil || len(ber) == 0 {
		return attribute{}, errors.New("a value after '#' is not hexadecimal")
	}
	p.rest = p.rest[end:]
	return newAttribute(oid, ber), nil
}

func (p *dnParser) quoted(oid string) (attribute, error) {
	p.rest = p.rest[1:]
	var b strings.Builder
	for p.rest != "" {
		switch c := p.rest[0]; c {
		case '"':
			p.rest = strings.TrimLeft(p.rest[1:], " ")
			if p.rest != "" && strings.IndexByte(",;+", p.rest[0]) < 0 {
				return attribute{}, errors.New("text after a quoted value")
			}
			return text(oid, b.String())
		case '\\':
			if err := p.escape(&b); err != nil {
				return attribute{}, err
			}
		default:
			b.WriteByte(c)
			p.rest = p.rest[1:]
		}
	}
	return attribute{}, errors.New("a quoted value has no end")
}

// plain reads up to a separator. Trailing spaces do not count unless they are escaped.
func (p *dnParser) plain(oid string) (attribute, error) {
	var b strings.Builder
	kept := 0 // how much of b is not trailing space
	for p.rest != "" && strings.IndexByte(",;+", p.rest[0]) < 0 {
		switch c := p.rest[0]; c {
		case '\\':
			if err := p.escape(&b); err != nil {
				return attribute{}, err
			}
			kept = b.Len()
		case '"', '<', '>', '=', 0:
			return attribute{}, fmt.Errorf("%q needs an escape", c)
		default:
			b.WriteByte(c)
			p.rest = p.rest[1:]
			if c != ' ' {
				kept = b.Len()
			}
		}
	}
	return text(oid, b.String()[:kept])
}

// escape reads a backslash and what it stands for.
func (p *dnParser) escape(b *strings.Builder) error {
	if len(p.rest) >= 3 {
		if raw, err := hex.DecodeString(p.rest[1:3]); err == nil {
			b.WriteByte(raw[0])
			p.rest = p.rest[3:]
			return nil
		}
	}
	if len(p.rest) >= 2 && strings.IndexByte(` #,+"\<>;=`, p.rest[1]) >= 0 {
		b.WriteByte(p.rest[1])
		p.rest = p.rest[2:]
		return nil
	}
	return errors.New("bad escape")
}

func text(oid, v string) (attribute, error) {
	if !utf8.ValidString(v) {
		return attribute{}, errors.New("a value is not UTF-8")
	}
	if v == "" {
		return attribute{}, errors.New("empty value")
	}
	return attribute{oid: oid, text: true, value: v}, nil
}
