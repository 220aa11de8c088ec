package query

import (
	"strings"
	"unicode/utf8"
)

func lexSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u3000'
}

// special characters end a term unless they are escaped; + and - may stand inside one.
func lexSpecial(r rune, inside bool) bool {
	if inside && (r == '+' || r == '-') {
		return false
	}
	return lexSpace(r) || strings.ContainsRune(`+-!():^[]"{}~/`, r)
}

func (s *syntax) lex() error {
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRuneInString(s.text[i:])
		if lexSpace(r) {
			i += size
			continue
		}
		t, end, err := s.lexOne(i, r)
		if err != nil {
			return err
		}
		t.at = i
		s.toks = append(s.toks, t)
		i = end
	}
	s.toks = append(s.toks, lexeme{kind: lexEnd, at: len(s.text)}, lexeme{kind: lexEnd, at: len(s.text)})
	return nil
}

func (s *syntax) lexOne(i int, r rune) (lexeme, int, error) {
	rest := s.text[i:]
	single := map[rune]lexKind{'(': lexOpen, ')': lexClose, ':': lexColon, '!': lexNot, '+': lexPlus, '-': lexMinus}
	switch {
	case single[r] != lexEnd:
		return lexeme{kind: single[r], text: string(r)}, i + 1, nil
	case strings.HasPrefix(rest, "&&"):
		return lexeme{kind: lexAnd, text: "&&"}, i + 2, nil
	case strings.HasPrefix(rest, "||"):
		return lexeme{kind: lexOr, text: "||"}, i + 2, nil
	case r == '"':
		return s.delimited(i, '"', lexQuoted)
	case r == '/':
		return s.delimited(i, '/', lexRegexp)
	case r == '[' || r == '{':
		return s.lexRange(i)
	case r == '^' || r == '~':
		return s.lexNumber(i, r)
	case r == ']' || r == '}':
		return lexeme{}, 0, s.fail("Encountered \" \"%c\" \"%c \"\" at line 1, column %d.", r, r, i)
	}
	return s.lexTerm(i)
}

func (s *syntax) delimited(i int, end byte, kind lexKind) (lexeme, int, error) {
	for j := i + 1; j < len(s.text); j++ {
		switch s.text[j] {
		case '\\':
			j++
		case end:
			text := s.text[i+1 : j]
			if kind == lexRegexp {
				text = strings.ReplaceAll(text, `\/`, `/`)
			}
			return lexeme{kind: kind, text: text}, j + 1, nil
		}
	}
	return lexeme{}, 0, s.fail("Lexical error at line 1, column %d.  Encountered: <EOF> after prefix %q", len(s.text)+1, s.text[i:])
}

func (s *syntax) lexNumber(i int, r rune) (lexeme, int, error) {
	j := i + 1
	for j < len(s.text) && (s.text[j] >= '0' && s.text[j] <= '9' || s.text[j] == '.') {
		j++
	}
	text := s.text[i+1 : j]
	if strings.Count(text, ".") > 1 || r == '^' && text == "" {
		return lexeme{}, 0, s.fail("Lexical error at line 1, column %d.", j+1)
	}
	if r == '^' {
		return lexeme{kind: lexBoost, text: text}, j, nil
	}
	return lexeme{kind: lexFuzzy, text: text}, j, nil
}

// lexRange reads [a TO b], {a TO b} and the mixed forms.
func (s *syntax) lexRange(i int) (lexeme, int, error) {
	t := lexeme{kind: lexRange, text: s.text[i : i+1], lower: s.text[i] == '['}
	var words []string
	for j := i + 1; j < len(s.text); {
		switch c := s.text[j]; {
		case lexSpace(rune(c)):
			j++
		case c == ']' || c == '}':
			if len(words) == 2 || len(words) != 3 || words[1] != "TO" {
				return t, 0, s.fail("Encountered \" \"%c\" \"%c \"\" at line 1, column %d. Was expecting \"TO\"", c, c, j)
			}
			t.from, t.to, t.upper = words[0], words[2], c == ']'
			return t, j + 1, nil
		case c == '"':
			q, end, err := s.delimited(j, '"', lexQuoted)
			if err != nil {
				return t, 0, err
			}
			words = append(words, unescape(q.text))
			j = end
		default:
			k := j
			for k < len(s.text) && !strings.ContainsRune(" \t\n\r]}", rune(s.text[k])) {
				if s.text[k] == '\\' {
					k++
				}
				k++
			}
			k = min(k, len(s.text))
			words = append(words, unescape(s.text[j:k]))
			j = k
		}
	}
	return t, 0, s.fail("Encountered \"<EOF>\" at line 1, column %d.", len(s.text))
}

func (s *syntax) lexTerm(i int) (lexeme, int, error) {
	j := i
	wild := false
	for j < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[j:])
		if r == '\\' {
			if j+1 == len(s.text) {
				return lexeme{}, 0, s.fail("Lexical error at line 1, column %d.  Encountered: <EOF> after prefix \"\\\\\"", j+2)
			}
			_, next := utf8.DecodeRuneInString(s.text[j+1:])
			j += 1 + next
			continue
		}
		if lexSpecial(r, j > i) {
			break
		}
		wild = wild || r == '*' || r == '?'
		j += size
	}
	text := s.text[i:j]
	switch {
	case text == "*":
		return lexeme{kind: lexStar, text: text}, j, nil
	case wild:
		return lexeme{kind: lexWild, text: text}, j, nil
	case text == "AND":
		return lexeme{kind: lexAnd, text: text}, j, nil
	case text == "OR":
		return lexeme{kind: lexOr, text: text}, j, nil
	case text == "NOT":
		return lexeme{kind: lexNot, text: text}, j, nil
	}
	return lexeme{kind: lexTerm, text: text}, j, nil
}
