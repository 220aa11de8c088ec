package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind tells what went wrong with a script: whether it, its input or its appetite is to blame.
type Kind string

// The kinds of errors.
const (
	KindCompile Kind = "compile" // the script can never run, or names something that its context does not have
	KindRuntime Kind = "runtime" // the script ran into something, or threw
	KindLimit   Kind = "limit"   // the script needed more than its [Limits]; scripts cannot catch this
)

// Pos is a place in a script. Offset counts bytes from zero; Line and Column count from one.
type Pos struct {
	Offset int
	Line   int
	Column int
}

// Cause is what Painless reports below an [Error]: the exception of its parser.
type Cause struct {
	Type   string
	Reason string // empty is shown as null
}

// Error is what is wrong with a script or a template and where.
type Error struct {
	Kind   Kind
	Class  string // the Java exception in OpenSearch's spelling, such as null_pointer_exception
	Msg    string // empty where Java has no message
	Script string
	Lang   string // painless or mustache
	Pos    Pos
	Cause  *Cause
	// Frames are lines that stand above the snippet in a report, such as those of Java's library. This package sets none;
	// a caller that must show them may.
	Frames []string

	start, end int    // the part of Script that a report shows
	javaClass  string // for catch
}

// Error shows the message, the place and the source around it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s error at line %d, column %d: %s", e.Lang, e.Kind, e.Pos.Line, e.Pos.Column, e.Class)
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	for _, line := range e.Stack() {
		b.WriteString("\n" + line)
	}
	return b.String()
}

// Span returns the part of the script that [Error.Stack] shows, as two offsets.
func (e *Error) Span() (start, end int) { return e.start, e.end }

// Stack returns the lines of script_stack: frames, a snippet of the source, and a pointer below it.
// A compile error shows 25 characters on both sides; a runtime error the whole statement. As OpenSearch 2.19 does;
// see compat/scenarios/alerting/golden/03-monitor-crud-execute.json.
func (e *Error) Stack() []string {
	snippet, pad := e.Script[e.start:e.end], 0
	if e.Kind == KindCompile {
		if e.start > 0 {
			snippet, pad = "... "+snippet, 4
		}
		if e.end < len(e.Script) {
			snippet += " ..."
		}
	}
	pad += utf8.RuneCountInString(e.Script[e.start:max(e.start, min(e.Pos.Offset, e.end))])
	return append(slices.Clone(e.Frames), snippet, strings.Repeat(" ", pad)+"^---- HERE")
}

// Reason is the script_exception's own reason: "compile error" or "runtime error".
func (e *Error) Reason() string {
	if e.Kind == KindCompile {
		return "compile error"
	}
	return "runtime error"
}

// Report is the error as OpenSearch's alerting writes it into a trigger's result: indented JSON.
// See compat/scenarios/alerting/golden/03-monitor-crud-execute.json.
func (e *Error) Report() string {
	var b strings.Builder
	b.WriteString("{\n  \"type\" : \"script_exception\",\n  \"reason\" : " + jsonQuote(e.Reason()) + ",\n  \"script_stack\" : [")
	for i, line := range e.Stack() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    " + jsonQuote(line))
	}
	b.WriteString("\n  ],\n  \"script\" : " + jsonQuote(e.Script) + ",\n  \"lang\" : " + jsonQuote(e.Lang) + ",\n")
	fmt.Fprintf(&b, "  \"position\" : {\n    \"offset\" : %d,\n    \"start\" : %d,\n    \"end\" : %d\n  },\n", e.Pos.Offset, e.start, e.end)
	b.WriteString("  \"caused_by\" : {\n    \"type\" : " + jsonQuote(e.Class) + ",\n    \"reason\" : " + jsonQuoteOrNull(e.Msg))
	if e.Cause != nil {
		b.WriteString(",\n    \"caused_by\" : {\n      \"type\" : " + jsonQuote(e.Cause.Type) +
			",\n      \"reason\" : " + jsonQuoteOrNull(e.Cause.Reason) + "\n    }")
	}
	b.WriteString("\n  }\n}")
	return b.String()
}

func jsonQuote(s string) string { return `"` + escapeJSON(s) + `"` }

func jsonQuoteOrNull(s string) string {
	if s == "" {
		return "null"
	}
	return jsonQuote(s)
}

// fault is an error without a place yet: what library code returns and the nearest node locates.
type fault struct {
	kind  Kind
	class string // a simple Java class name
	msg   string
}

func (f *fault) Error() string { return f.class + ": " + f.msg }

func throwf(class, format string, args ...any) error {
	return &fault{kind: KindRuntime, class: class, msg: fmt.Sprintf(format, args...)}
}

func limitFault(class, msg string) error { return &fault{kind: KindLimit, class: class, msg: msg} }

func argumentFault(format string, args ...any) error {
	return throwf("IllegalArgumentException", format, args...)
}

func castFault(format string, args ...any) error {
	return throwf("ClassCastException", format, args...)
}

// nullFault carries the words of the machine that the recordings were made on (Java 17).
func nullFault(variable string) error {
	return throwf("NullPointerException", `Cannot invoke "Object.getClass()" because "%s" is null`, variable)
}

// compileError makes an error that points into src; the snippet reaches 25 bytes to either side.
func compileError(lang, src string, offset int, class, msg string) *Error {
	offset = max(0, min(offset, len(src)))
	return &Error{
		Kind: KindCompile, Class: underscore(class), Msg: msg, Script: src, Lang: lang, Pos: position(src, offset),
		start: runeStart(src, offset-25), end: runeStart(src, offset+25),
	}
}

func position(src string, offset int) Pos {
	before := src[:offset]
	line := strings.LastIndexByte(before, '\n') + 1
	return Pos{Offset: offset, Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1}
}

// runeStart moves i into src and back to the first byte of a character.
func runeStart(src string, i int) int {
	i = max(0, min(i, len(src)))
	for i > 0 && i < len(src) && !utf8.RuneStart(src[i]) {
		i--
	}
	return i
}

// underscore spells a Java class as OpenSearch's answers do.
func underscore(class string) string {
	var b strings.Builder
	for i := range len(class) {
		c := class[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

func asFault(err error) (*fault, bool) {
	var f *fault
	ok := errors.As(err, &f)
	return f, ok
}
