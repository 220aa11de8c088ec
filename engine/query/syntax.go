package query

import (
	"fmt"
	"strconv"
	"strings"

	"vigil/engine/segment"
)

// syntax reads Lucene's query syntax and answers it for a shard at once.
type syntax struct {
	c       *Context
	q       *queryStringQuery
	w       weight
	fields  []fieldBoost
	lenient bool

	text  string
	toks  []lexeme
	i     int
	depth int
}

type lexKind uint8

const (
	lexEnd lexKind = iota
	lexTerm
	lexQuoted
	lexWild // with * or ? in it
	lexRegexp
	lexRange // a whole [a TO b]
	lexColon
	lexOpen
	lexClose
	lexAnd
	lexOr
	lexNot
	lexPlus
	lexMinus
	lexBoost // ^2
	lexFuzzy // ~ or ~2
	lexStar
)

type lexeme struct {
	kind lexKind
	text string // as written; of quoted terms and regular expressions what stands between the delimiters
	at   int
	// of a range
	from, to     string // "*" is open
	lower, upper bool
}

func (s *syntax) fail(format string, args ...any) error {
	return Errorf("parse_exception", "Cannot parse '%s': %s", s.text, fmt.Sprintf(format, args...))
}

func (s *syntax) parse(text string) (Matcher, error) {
	s.text = text
	if err := s.lex(); err != nil {
		return nil, err
	}
	m, negative, err := s.group(s.fields, s.w, s.q.minimum)
	if err != nil {
		return nil, err
	}
	if t := s.peek(); t.kind != lexEnd {
		return nil, s.fail("Encountered \" \"%s\" \"%s \"\" at line 1, column %d.", t.text, t.text, t.at)
	}
	switch {
	case m == nil:
		return constant(0, never), nil
	case negative != nil:
		return constant(0, negative), nil
	}
	return m, nil
}

func (s *syntax) peek() lexeme { return s.toks[s.i] }

func (s *syntax) next() lexeme {
	t := s.toks[s.i]
	if t.kind != lexEnd {
		s.i++
	}
	return t
}

// occurrence is one clause of a group: required, optional or prohibited.
type occurrence struct {
	match    Matcher
	required bool
	not      bool
}

// group reads clauses up to a closing parenthesis or the end. A group that only prohibits matches nothing; negative then
// tells what the same clauses would match if they stood alone.
func (s *syntax) group(fields []fieldBoost, w weight, minimum string) (m Matcher, negative func(*segment.Doc) bool, err error) {
	if s.depth++; s.depth > maxDepth {
		return nil, nil, s.fail("too many nested groups, limit is %d", maxDepth)
	}
	defer func() { s.depth-- }()
	var all []occurrence
	for first := true; ; first = false {
		t := s.peek()
		if t.kind == lexEnd || t.kind == lexClose {
			if first {
				return nil, nil, s.unexpected(t)
			}
			break
		}
		if all, err = s.conjoined(all, fields, w, first); err != nil {
			return nil, nil, err
		}
		if len(all) > maxClauses {
			return nil, nil, tooManyClauses()
		}
	}
	return s.join(all, minimum)
}

func (s *syntax) unexpected(t lexeme) error {
	if t.kind == lexEnd {
		return s.fail("Encountered \"<EOF>\" at line 1, column %d.", len(s.text))
	}
	return s.fail("Encountered \" \"%s\" \"%s \"\" at line 1, column %d.", t.text, t.text, t.at)
}

// conjoined reads one clause with the operator before it. AND makes the clause before required too.
func (s *syntax) conjoined(all []occurrence, fields []fieldBoost, w weight, first bool) ([]occurrence, error) {
	var and, or bool
	if !first {
		switch s.peek().kind {
		case lexAnd:
			and = true
			s.next()
		case lexOr:
			or = true
			s.next()
		default:
		}
	}
	var plus, not bool
	switch s.peek().kind {
	case lexPlus:
		plus = true
		s.next()
	case lexMinus, lexNot:
		not = true
		s.next()
	default:
	}
	m, err := s.clause(fields, w, !plus && !not)
	if err != nil {
		return nil, err
	}
	if n := len(all); n > 0 && !all[n-1].not {
		switch {
		case and:
			all[n-1].required = true
		case or && s.q.and:
			all[n-1].required = false
		}
	}
	if m == nil {
		return all, nil
	}
	required := plus || and && !not
	if s.q.and {
		required = !not && !or
	}
	return append(all, occurrence{match: m, required: required, not: not}), nil
}

func (s *syntax) join(all []occurrence, minimum string) (Matcher, func(*segment.Doc) bool, error) {
	if len(all) == 0 {
		return nil, nil, nil
	}
	if len(all) == 1 && !all[0].not {
		return all[0].match, nil, nil
	}
	var must, should, not []Matcher
	for _, o := range all {
		switch {
		case o.not:
			not = append(not, o.match)
		case o.required:
			must = append(must, o.match)
		default:
			should = append(should, o.match)
		}
	}
	if len(must)+len(should) == 0 {
		bad := anyOf(not)
		return constant(0, never), func(d *segment.Doc) bool { return !bad(d) }, nil
	}
	least, err := minimumShouldMatch(len(should), minimum)
	if err != nil {
		return nil, nil, err
	}
	if least == 0 && len(must) == 0 {
		least = 1
	}
	return combine(must, negate(not), should, least), nil, nil
}

// clause reads a term, a group, or either behind a field. A nil matcher is a clause that says nothing.
func (s *syntax) clause(fields []fieldBoost, w weight, bare bool) (Matcher, error) {
	t := s.peek()
	if (t.kind == lexTerm || t.kind == lexStar) && s.toks[s.i+1].kind == lexColon {
		s.i += 2
		name := unescape(t.text)
		if name == "*" && s.peek().kind == lexStar {
			s.next()
			return constant(s.boosted(w).boost, always), nil
		}
		if name == "_exists_" {
			field := unescape(s.next().text)
			return constant(s.boosted(w).boost, s.c.existsTest(field)), nil
		}
		fields, bare = []fieldBoost{{name, 1}}, false
		if t = s.peek(); t.kind == lexEnd {
			return nil, s.unexpected(t)
		}
	}
	switch t.kind {
	case lexOpen:
		return s.parenthesis(fields, w)
	case lexTerm:
		if bare {
			if words := s.words(); len(words) > 1 {
				return s.anyField(fields, w, func(f fieldBoost) (Matcher, error) { return s.textIn(f, strings.Join(words, " "), kindMatch, w) })
			}
		}
	case lexQuoted, lexWild, lexRegexp, lexRange, lexStar:
	default:
		return nil, s.unexpected(t)
	}
	s.next()
	return s.leaf(t, fields, w)
}

func (s *syntax) parenthesis(fields []fieldBoost, w weight) (Matcher, error) {
	open := s.next()
	// The boost stands behind the group, but is needed to bind what is inside.
	w = s.boostBehind(w)
	m, _, err := s.group(fields, w, "")
	if err != nil {
		return nil, err
	}
	if s.peek().kind != lexClose {
		return nil, s.fail("Encountered \"<EOF>\" at line 1, column %d. Was expecting \")\" for \"(\" at column %d.", len(s.text), open.at)
	}
	s.next()
	if s.peek().kind == lexBoost {
		s.next()
	}
	return m, nil
}

func (s *syntax) boostBehind(w weight) weight {
	depth := 1
	for i := s.i; i < len(s.toks); i++ {
		switch s.toks[i].kind {
		case lexOpen:
			depth++
		case lexClose:
			if depth--; depth == 0 {
				if next := s.toks[i+1]; next.kind == lexBoost {
					f, _ := strconv.ParseFloat(next.text, 32)
					return w.times(float32(f))
				}
				return w
			}
		default:
		}
	}
	return w
}

// words takes consecutive bare terms: they are analyzed as one text.
func (s *syntax) words() []string {
	var out []string
	i := s.i
	for s.toks[i].kind == lexTerm {
		switch s.toks[i+1].kind {
		case lexColon, lexFuzzy, lexBoost, lexAnd, lexOr:
			if len(out) > 1 {
				s.i = i
			}
			return out
		default:
		}
		if text := s.toks[i].text; text[0] == '<' || text[0] == '>' {
			break
		}
		out = append(out, unescape(s.toks[i].text))
		i++
	}
	if len(out) > 1 {
		s.i = i
	}
	return out
}

// boosted reads a boost if there is one.
func (s *syntax) boosted(w weight) weight {
	if s.peek().kind == lexBoost {
		f, _ := strconv.ParseFloat(s.next().text, 32)
		return w.times(float32(f))
	}
	return w
}

// unescape removes the backslashes of a term.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
