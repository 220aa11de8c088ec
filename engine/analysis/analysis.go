// Package analysis turns text into the terms under which it is indexed and searched.
//
// It holds OpenSearch's built-in analyzers as far as they are supported and knows nothing of mappings or queries; custom
// analyzers are not built here. Read [New] and [Analyzer] first.
package analysis

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrUnknown is returned for names that no built-in analyzer or normalizer has.
var ErrUnknown = errors.New("not found")

// Token is one term of a text.
type Token struct {
	Term string
	// Position counts words from 0; words that were removed leave gaps.
	Position int
	// Start and End are byte offsets into the text.
	Start, End int
}

// Analyzer turns a text into tokens. It is safe for concurrent use.
type Analyzer interface {
	Tokens(text string) []Token
}

// Func is a function that is an [Analyzer].
type Func func(text string) []Token

// Tokens calls f.
func (f Func) Tokens(text string) []Token { return f(text) }

// New returns the built-in analyzer of that name: standard (also ""), simple, whitespace, keyword, stop or english.
func New(name string) (Analyzer, error) {
	switch name {
	case "", "standard", "default":
		return Func(standard), nil
	case "simple":
		return Func(simple), nil
	case "whitespace":
		return Func(whitespace), nil
	case "keyword":
		return Func(keyword), nil
	case "stop":
		return Func(func(s string) []Token { return removeStopWords(simple(s)) }), nil
	case "english":
		return Func(english), nil
	}
	return nil, fmt.Errorf("analyzer [%s] %w", name, ErrUnknown)
}

// Normalizer returns the built-in normalizer of that name. The empty name changes nothing.
func Normalizer(name string) (func(string) string, error) {
	switch name {
	case "":
		return func(s string) string { return s }, nil
	case "lowercase":
		return Lower, nil
	}
	return nil, fmt.Errorf("normalizer [%s] %w", name, ErrUnknown)
}

// Lower maps to lower case rune by rune, as Lucene does, so that the number of runes stays.
func Lower(s string) string { return strings.Map(unicode.ToLower, s) }

func keyword(s string) []Token { return []Token{{Term: s, End: len(s)}} }

func simple(s string) []Token { return split(s, unicode.IsLetter, Lower) }

func whitespace(s string) []Token {
	return split(s, func(r rune) bool { return !unicode.IsSpace(r) }, func(t string) string { return t })
}

func split(s string, in func(rune) bool, form func(string) string) []Token {
	var out []Token
	start := -1
	emit := func(end int) {
		if start >= 0 {
			out = append(out, Token{Term: form(s[start:end]), Position: len(out), Start: start, End: end})
			start = -1
		}
	}
	for i, r := range s {
		if !in(r) {
			emit(i)
		} else if start < 0 {
			start = i
		}
	}
	emit(len(s))
	return out
}

func standard(s string) []Token {
	out := words(s)
	for i := range out {
		out[i].Term = Lower(out[i].Term)
	}
	return out
}

func isStopWord(w string) bool {
	switch w {
	case "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of",
		"on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with":
		return true
	}
	return false
}

func removeStopWords(in []Token) []Token {
	out := in[:0]
	for _, t := range in {
		if !isStopWord(t.Term) {
			out = append(out, t)
		}
	}
	return out
}

func english(s string) []Token {
	in := standard(s)
	for i, t := range in {
		if cut, ok := strings.CutSuffix(strings.ReplaceAll(t.Term, "’", "'"), "'s"); ok {
			in[i].Term = cut
		}
	}
	out := removeStopWords(in)
	for i := range out {
		out[i].Term = stem(out[i].Term)
	}
	return out
}
