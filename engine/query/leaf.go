package query

import (
	"slices"
	"strconv"
	"strings"

	"vigil/engine/segment"
)

func (s *syntax) leaf(t lexeme, fields []fieldBoost, w weight) (Matcher, error) {
	var fuzzy *lexeme
	if s.peek().kind == lexFuzzy {
		f := s.next()
		fuzzy = &f
	}
	w = s.boosted(w)
	if s.peek().kind == lexFuzzy && fuzzy == nil {
		f := s.next()
		fuzzy = &f
	}
	if t.kind == lexStar && slices.ContainsFunc(fields, func(f fieldBoost) bool { return f.field == "*" }) {
		return constant(w.boost, always), nil
	}
	return s.anyField(fields, w, func(f fieldBoost) (Matcher, error) { return s.leafIn(f, t, fuzzy, w) })
}

// anyField answers in every field and takes the best.
func (s *syntax) anyField(fields []fieldBoost, _ weight, in func(fieldBoost) (Matcher, error)) (Matcher, error) {
	expanded, _ := s.c.expandFields(fields)
	if len(expanded) > maxClauses {
		return nil, illegal("field expansion matches too many fields, limit: %d, got: %d", maxClauses, len(expanded))
	}
	var ms []Matcher
	said := len(expanded) == 0
	for _, f := range expanded {
		m, err := in(f)
		if err != nil {
			if !s.lenient {
				return nil, err
			}
			m, said = constant(0, never), true
		}
		if m != nil {
			ms, said = append(ms, m), true
		}
	}
	switch {
	case !said:
		return nil, nil
	case len(ms) == 0:
		return constant(0, never), nil
	}
	tie := float32(0)
	if s.q.tie != nil {
		tie = *s.q.tie
	}
	if s.q.kind == "most_fields" {
		tie = 1
	}
	return best(ms, tie), nil
}

func (s *syntax) leafIn(f fieldBoost, t lexeme, fuzzy *lexeme, w weight) (Matcher, error) {
	w = w.times(f.boost)
	switch t.kind {
	case lexStar:
		return constant(w.boost, s.c.existsTest(f.field)), nil
	case lexWild:
		return s.pattern(f.field, t.text, w)
	case lexRegexp:
		q := patternQuery{clause: clause{boost: 1}, kind: "regexp", field: f.field, value: t.text, flags: regexpAll}
		return q.bind(s.c, w)
	case lexRange:
		return s.between(f.field, t, w)
	case lexQuoted:
		o := s.options()
		if fuzzy != nil && fuzzy.text != "" {
			n, _ := strconv.ParseFloat(fuzzy.text, 32)
			o.slop = int(n)
		}
		if s.q.quote != "" {
			o.analyzer = s.q.quote
		}
		field := f.field
		if s.q.suffix != "" && s.c.Field(field+s.q.suffix) != nil {
			field += s.q.suffix
		}
		return s.c.match(kindPhrase, field, unescape(t.text), o, w)
	default:
	}
	if fuzzy != nil {
		return s.fuzzyIn(f.field, unescape(t.text), fuzzy.text, w)
	}
	if r, ok := comparison(t.text); ok {
		return s.between(f.field, r, w)
	}
	return s.textIn(fieldBoost{f.field, 1}, unescape(t.text), kindMatch, w)
}

// comparison reads >5, >=5, <5, <=5 as ranges.
func comparison(s string) (lexeme, bool) {
	r := lexeme{kind: lexRange, from: "*", to: "*", lower: true, upper: true}
	switch {
	case strings.HasPrefix(s, ">=") && len(s) > 2:
		r.from = s[2:]
	case strings.HasPrefix(s, "<=") && len(s) > 2:
		r.to = s[2:]
	case strings.HasPrefix(s, ">") && len(s) > 1:
		r.from, r.lower = s[1:], false
	case strings.HasPrefix(s, "<") && len(s) > 1:
		r.to, r.upper = s[1:], false
	default:
		return r, false
	}
	r.from, r.to = unescape(r.from), unescape(r.to)
	return r, true
}

func (s *syntax) options() textOptions {
	o := s.q.textOptions
	o.fuzziness, o.minimum, o.lenient = "", "", false
	return o
}

// textIn answers words in one field. A text of which the analyzer leaves nothing says nothing.
func (s *syntax) textIn(f fieldBoost, text string, kind matchKind, w weight) (Matcher, error) {
	w = w.times(f.boost)
	if s.q.kind == "phrase" {
		kind = kindPhrase
	}
	sf := s.c.Field(f.field)
	if sf != nil && sf.Type == segment.Text && len(s.c.searchTokens(sf, s.q.analyzer, text)) == 0 {
		return nil, nil
	}
	return s.c.match(kind, f.field, text, s.options(), w)
}

func (s *syntax) fuzzyIn(field, text, edits string, w weight) (Matcher, error) {
	f := s.c.Field(field)
	if f == nil {
		return constant(0, never), nil
	}
	if !hasTerms(f.Type) {
		return nil, illegal("Can only use fuzzy queries on keyword and text fields - not on [%s] which is of type [%s]", f.Name, f.Type)
	}
	o := s.q.textOptions
	if edits != "" {
		n, _ := strconv.ParseFloat(edits, 32)
		o.fuzziness = strconv.Itoa(min(int(n), 2))
	}
	if f.Type == segment.Text {
		text = strings.ToLower(text)
	} else {
		text = normalize(f, text)
	}
	return s.c.fuzzy(f, text, o, w)
}

func (s *syntax) pattern(field, text string, w weight) (Matcher, error) {
	if s.q.noLeading != nil && !*s.q.noLeading && (text[0] == '*' || text[0] == '?') {
		return nil, s.fail("'*' or '?' not allowed as first character in WildcardQuery")
	}
	if f := s.c.Field(field); f != nil && f.Type == segment.Text {
		text = strings.ToLower(text)
	}
	q := patternQuery{clause: clause{boost: 1}, kind: "wildcard", field: field, value: text}
	return q.bind(s.c, w)
}

func (s *syntax) between(field string, t lexeme, w weight) (Matcher, error) {
	q := rangeQuery{clause: clause{boost: 1}, field: field, lower: t.lower, upper: t.upper, zone: s.q.zone, loc: s.q.loc}
	if t.from != "*" {
		q.from = &Node{Kind: Text, Raw: t.from}
	}
	if t.to != "*" {
		q.to = &Node{Kind: Text, Raw: t.to}
	}
	if f := s.c.Field(field); f != nil && f.Type == segment.Text {
		for _, b := range []*Node{q.from, q.to} {
			if b != nil {
				b.Raw = strings.ToLower(b.Raw)
			}
		}
	}
	return q.bind(s.c, w)
}
