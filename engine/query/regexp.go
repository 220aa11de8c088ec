package query

import (
	"regexp"
	"strings"
)

// The optional operators of Lucene's regular expressions.
const (
	regexpIntersection = 1 << iota
	regexpComplement
	regexpEmpty
	regexpAnyString
	regexpAutomaton
	regexpInterval
	regexpAll = 0xff
)

func regexpFlags(s string) (int, error) {
	out := 0
	for f := range strings.SplitSeq(s, "|") {
		switch strings.ToUpper(f) {
		case "":
		case "ALL":
			return regexpAll, nil
		case "NONE":
		case "INTERSECTION":
			out |= regexpIntersection
		case "COMPLEMENT":
			out |= regexpComplement
		case "EMPTY":
			out |= regexpEmpty
		case "ANYSTRING":
			out |= regexpAnyString
		case "INTERVAL":
			out |= regexpInterval
		default:
			return 0, illegal("Unknown regexp flag [%s]", f)
		}
	}
	return out, nil
}

// luceneRegexp translates a regular expression of Lucene: anchored at both ends, no ^ and $, optional operators. Of those
// "@" and "#" are translated; "<1-5>", "&" and "~" are refused by name.
func luceneRegexp(s string, flags int, fold bool) (func(string) bool, error) {
	var b strings.Builder
	if fold {
		b.WriteString("(?i)")
	}
	b.WriteString(`(?s)\A(?:`)
	class := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			writeEscape(&b, s[i])
		case class:
			class = c != ']'
			if c == '[' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		case c == '[':
			class = true
			b.WriteByte(c)
			if i+1 < len(s) && s[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
		case c == '^' || c == '$':
			b.WriteString(`\` + string(c))
		case c == '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return nil, illegal("expected '\"' at position %d", len(s))
			}
			b.WriteString(regexp.QuoteMeta(s[i+1 : i+1+end]))
			i += end + 1
		case c == '@' && flags&regexpAnyString != 0:
			b.WriteString("(?:.*)")
		case c == '#' && flags&regexpEmpty != 0:
			b.WriteString(`[^\x00-\x{10FFFF}]`)
		case c == '&' && flags&regexpIntersection != 0, c == '~' && flags&regexpComplement != 0, c == '<' && flags&(regexpInterval|regexpAutomaton) != 0:
			return nil, illegal("operator [%c] in regular expression [%s] is not supported", c, s)
		case c == '(' && strings.HasPrefix(s[i:], "(?"):
			return nil, illegal("unexpected '?' at position %d", i+1)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString(`)\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, illegal("invalid regular expression [%s]", s)
	}
	return re.MatchString, nil
}

func writeEscape(b *strings.Builder, c byte) {
	switch {
	case strings.IndexByte("dDwWsS", c) >= 0:
		b.WriteString(`\` + string(c))
	case c < 0x80:
		b.WriteString(regexp.QuoteMeta(string(c)))
	default:
		b.WriteByte(c)
	}
}

// Regexp compiles a regular expression of Lucene with all its operators, as aggregations' include and exclude take them.
func Regexp(s string) (func(string) bool, error) {
	if len(s) > maxPattern {
		return nil, illegal("The length of regex [%d] used in the request has exceeded the allowed maximum of [%d].", len(s), maxPattern)
	}
	return luceneRegexp(s, regexpAll, false)
}
