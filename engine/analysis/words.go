package analysis

import (
	"unicode"
	"unicode/utf8"
)

// maxTokenLength is where the standard tokenizer cuts a long word, in characters.
const maxTokenLength = 255

type wordClass uint8

const (
	other wordClass = iota
	letter
	digit
	katakana
	single   // ideographs and hiragana: each a token of its own
	extend   // marks and joiners: part of what they follow
	connect  // _ and the like
	midBoth  // between letters or between digits: . '
	midAlpha // between letters only
	midNum   // between digits only
	pictograph
)

func classify(r rune) wordClass {
	switch {
	case r < utf8.RuneSelf:
		return classifyASCII(r)
	case unicode.In(r, unicode.Han, unicode.Hiragana):
		return single
	case unicode.Is(unicode.Katakana, r) || r == 'ー':
		return katakana
	case unicode.IsLetter(r):
		return letter
	case unicode.Is(unicode.Nd, r):
		return digit
	case unicode.In(r, unicode.M) || r == '\u200d' || r == '\u00ad':
		return extend
	case unicode.Is(unicode.Pc, r):
		return connect
	case r == '·' || r == '״' || r == '‧' || r == '︓' || r == '﹕' || r == '：':
		return midAlpha
	case r == '’' || r == '‘' || r == '․' || r == '．' || r == '＇' || r == '﹒':
		return midBoth
	case r == '٫' || r == '٬' || r == ';' || r == '，' || r == '；':
		return midNum
	case r >= 0x1F300 && r <= 0x1FAFF || r >= 0x2600 && r <= 0x27BF:
		return pictograph
	case unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_Alphabetic, r):
		return letter
	}
	return other
}

func classifyASCII(r rune) wordClass {
	switch {
	case r|0x20 >= 'a' && r|0x20 <= 'z':
		return letter
	case r >= '0' && r <= '9':
		return digit
	case r == '_':
		return connect
	case r == '.' || r == '\'':
		return midBoth
	case r == ':':
		return midAlpha
	case r == ',' || r == ';':
		return midNum
	}
	return other
}

// words cuts text at the word boundaries of UAX #29 and keeps the pieces with letters, digits, ideographs or pictographs,
// as Lucene's StandardTokenizer does.
func words(s string) []Token {
	var out []Token
	add := func(start, end int) {
		for n, from := 0, start; ; {
			if from == end {
				return
			}
			_, size := utf8.DecodeRuneInString(s[from:end])
			if from, n = from+size, n+1; n == maxTokenLength || from == end {
				out = append(out, Token{Term: s[start:from], Position: len(out), Start: start, End: from})
				start, n = from, 0
			}
		}
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		c := classify(r)
		switch c {
		case letter, digit, katakana, connect:
			end, word := run(s, i)
			if word {
				add(i, end)
			}
			i = end
		case single, pictograph:
			end := skipExtend(s, i+size)
			add(i, end)
			i = end
		default:
			i += size
		}
	}
	return out
}

func skipExtend(s string, i int) int {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if classify(r) != extend {
			break
		}
		i += size
	}
	return i
}

// run returns the end of the word that starts at i and whether it holds more than connectors.
func run(s string, i int) (end int, word bool) {
	prev := other
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		c := classify(r)
		switch c {
		case letter, digit, katakana, connect:
			if c == katakana && prev != other && prev != katakana && prev != connect ||
				prev == katakana && c != katakana && c != connect {
				return i, word
			}
			prev, word = c, word || c != connect
		case midBoth, midAlpha, midNum:
			if !joins(prev, c, s[i+size:]) {
				return i, word
			}
		case extend:
		default:
			return i, word
		}
		i += size
	}
	return i, word
}

func joins(prev, mid wordClass, rest string) bool {
	if rest == "" {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	next := classify(r)
	if next != prev {
		return false
	}
	return prev == letter && mid != midNum || prev == digit && mid != midAlpha
}
