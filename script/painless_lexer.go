package script

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokName
	tokKeyword
	tokPrimitive // a primitive type or def
	tokInteger   // decimal, octal or hexadecimal, with its suffix
	tokDecimal
	tokString // text is the value, without quotes and escapes
	tokRegex  // text is between the slashes, flags apart
	tokOp
)

type token struct {
	kind  tokenKind
	text  string
	flags string // of a regular expression
	raw   string // as written
	pos   int
}

func wordKind(word string) tokenKind {
	switch word {
	case "if", "in", "else", "while", "do", "for", "continue", "break", "return", "new", "try", "catch", "throw", "this",
		"instanceof", "true", "false", "null":
		return tokKeyword
	case "boolean", "byte", "short", "char", "int", "long", "float", "double", "def":
		return tokPrimitive
	}
	return tokName
}

// operators stand longest first, so that the first that fits is the right one.
func operators() []string {
	return []string{
		">>>=", "<<=", ">>=", ">>>", "===", "!==", "==~", "?.", "?:", "::", "->", "=~", "++", "--", "+=", "-=", "*=", "/=",
		"%=", "&=", "^=", "|=", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "{", "}", "[", "]", "(", ")", ".", ",", ";",
		"!", "~", "*", "/", "%", "+", "-", "<", ">", "&", "^", "|", "?", ":", "=",
	}
}

type lexer struct {
	src  string
	pos  int
	ops  []string
	toks []token
}

// lex cuts src into tokens; the last one is always tokEOF.
func lex(src string) ([]token, *Error) {
	l := &lexer{src: src, ops: operators()}
	for {
		if err := l.space(); err != nil {
			return nil, err
		}
		if l.pos >= len(src) {
			l.emit(tokEOF, "", len(src))
			return l.toks, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

func (l *lexer) emit(kind tokenKind, text string, end int) {
	l.toks = append(l.toks, token{kind: kind, text: text, raw: l.src[l.pos:end], pos: l.pos})
	l.pos = end
}

func (l *lexer) space() *Error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case strings.IndexByte(" \t\n\r", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexAny(rest, "\n\r")
			if end < 0 {
				end = len(rest)
			}
			l.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return l.unexpected(l.pos, rest, "")
			}
			l.pos += end + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) next() *Error {
	c := l.src[l.pos]
	switch {
	case isLetter(c):
		end := l.while(l.pos, isWordByte)
		word := l.src[l.pos:end]
		kind := wordKind(word)
		if l.after(".") || l.after("?.") {
			kind = tokName
		}
		l.emit(kind, word, end)
		return nil
	case isDigit(c):
		l.number()
		return nil
	case c == '"' || c == '\'':
		return l.str(c)
	case c == '/' && l.regexAllowed():
		return l.regex()
	}
	for _, op := range l.ops {
		if strings.HasPrefix(l.src[l.pos:], op) {
			l.emit(tokOp, op, l.pos+len(op))
			return nil
		}
	}
	return l.unexpected(l.pos, l.src[l.pos:l.runeEnd()], "")
}

func (l *lexer) after(op string) bool {
	return len(l.toks) > 0 && l.toks[len(l.toks)-1].kind == tokOp && l.toks[len(l.toks)-1].text == op
}

func (l *lexer) while(i int, ok func(byte) bool) int {
	for i < len(l.src) && ok(l.src[i]) {
		i++
	}
	return i
}

func (l *lexer) number() {
	i := l.while(l.pos, isDigit)
	switch {
	case l.after(".") || l.after("?."): // a list shortcut such as x.0.1, never a decimal
		l.emit(tokInteger, l.src[l.pos:i], i)
		return
	case l.src[l.pos] == '0' && l.hexEnd() > 0:
		i = l.suffix(l.hexEnd(), "lL")
		l.emit(tokInteger, l.src[l.pos:i], i)
		return
	case l.src[l.pos] == '0' && i > l.pos+1:
		i = l.while(l.pos, func(c byte) bool { return c >= '0' && c <= '7' })
		i = l.suffix(i, "lL")
		l.emit(tokInteger, l.src[l.pos:i], i)
		return
	}
	kind := tokInteger
	if i+1 < len(l.src) && l.src[i] == '.' && isDigit(l.src[i+1]) {
		kind, i = tokDecimal, l.while(i+1, isDigit)
	}
	if i < len(l.src) && (l.src[i] == 'e' || l.src[i] == 'E') {
		j := l.suffix(i+1, "+-")
		if k := l.while(j, isDigit); k > j {
			kind, i = tokDecimal, k
		}
	}
	if j := l.suffix(i, "fFdD"); j > i {
		kind, i = tokDecimal, j
	} else if kind == tokInteger {
		i = l.suffix(i, "lL")
	}
	l.emit(kind, l.src[l.pos:i], i)
}

// hexEnd returns where 0x… ends, or 0 when there is none.
func (l *lexer) hexEnd() int {
	i := l.suffix(l.pos+1, "xX")
	if i == l.pos+1 {
		return 0
	}
	if end := l.while(i, isHexDigit); end > i {
		return end
	}
	return 0
}

func (l *lexer) suffix(i int, set string) int {
	if i < len(l.src) && strings.IndexByte(set, l.src[i]) >= 0 {
		return i + 1
	}
	return i
}

func (l *lexer) str(quote byte) *Error {
	var b strings.Builder
	for i := l.pos + 1; i < len(l.src); i++ {
		switch c := l.src[i]; c {
		case quote:
			l.emit(tokString, b.String(), i+1)
			return nil
		case '\\':
			if i+1 >= len(l.src) || (l.src[i+1] != quote && l.src[i+1] != '\\') {
				note := fmt.Sprintf(` The only valid escape sequences in strings starting with [%c] are [\\] and [\%c].`, quote, quote)
				return l.unexpected(l.pos, l.src[l.pos:runeStart(l.src, i+2)], note)
			}
			i++
			b.WriteByte(l.src[i])
		default:
			b.WriteByte(c)
		}
	}
	return l.unexpected(l.pos, l.src[l.pos:], "")
}

// regexAllowed tells whether a slash here begins a regular expression: it does, unless it follows an operand.
func (l *lexer) regexAllowed() bool {
	if len(l.toks) == 0 {
		return true
	}
	last := l.toks[len(l.toks)-1]
	switch last.kind {
	case tokInteger, tokDecimal, tokName:
		return false
	case tokOp:
		return last.text != "]" && last.text != ")"
	default:
		return true
	}
}

func (l *lexer) regex() *Error {
	for i := l.pos + 1; i < len(l.src) && l.src[i] != '\n'; i++ {
		switch l.src[i] {
		case '\\':
			i++
		case '/':
			if i == l.pos+1 {
				return l.unexpected(l.pos, "/", "")
			}
			body := l.src[l.pos+1 : i]
			end := l.while(i+1, func(c byte) bool { return strings.IndexByte("cilmsUux", c) >= 0 })
			l.emit(tokRegex, body, end)
			l.toks[len(l.toks)-1].flags = l.src[i+1 : end]
			return nil
		}
	}
	return l.unexpected(l.pos, l.src[l.pos:], "")
}

func (l *lexer) unexpected(pos int, what, note string) *Error {
	e := compileError("painless", l.src, pos, "IllegalArgumentException", "unexpected character ["+what+"]."+note)
	e.Cause = &Cause{Type: "lexer_no_viable_alt_exception"}
	return e
}

func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isLetter(c byte) bool   { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) }
func isHexDigit(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// runeEnd is where the character at the current place ends.
func (l *lexer) runeEnd() int {
	_, size := utf8.DecodeRuneInString(l.src[l.pos:])
	return l.pos + size
}
