package script

import (
	"strconv"
	"strings"
)

// Escape says what happens to the values of {{x}}; {{{x}}} and {{&x}} are never escaped.
type Escape string

// The ways to escape, with the content type that selects each in OpenSearch.
const (
	EscapeJSON Escape = "json" // application/json, the default: fit to stand inside a JSON string
	EscapeNone Escape = "none" // text/plain
	EscapeURL  Escape = "url"  // application/x-www-form-urlencoded
)

// TemplateOptions change how a template is parsed.
type TemplateOptions struct {
	Escape Escape // empty is EscapeJSON
}

// Template is a parsed mustache template. It is immutable and safe for concurrent use.
type Template struct {
	src    string
	escape Escape
	nodes  []node
}

// ParseTemplate parses a template that escapes for JSON, as OpenSearch's alerting does for subjects, messages and
// queries. The error is an [*Error].
func ParseTemplate(src string) (*Template, error) { return ParseTemplateWith(src, TemplateOptions{}) }

// ParseTemplateWith is ParseTemplate with options.
//
// The dialect is that of OpenSearch's lang-mustache module: dotted names with list indexes and size, toJson, join, url,
// changed delimiters. Partials are errors. White space around tags is treated as the Java library does, which is not
// always as the mustache specification says.
func ParseTemplateWith(src string, o TemplateOptions) (*Template, error) {
	switch o.Escape {
	case "":
		o.Escape = EscapeJSON
	case EscapeJSON, EscapeNone, EscapeURL:
	default:
		return nil, compileError("mustache", src, 0, "IllegalArgumentException", "No encoder found for ["+string(o.Escape)+"]")
	}
	if len(src) > maxSource {
		return nil, compileError("mustache", src[:maxSource], 0, "IllegalArgumentException",
			"Templates may be no longer than "+strconv.Itoa(maxSource)+" characters.")
	}
	p := &templateParser{src: src, line: 1}
	nodes := p.section("", tags{"{{", "}}"}, false)
	if p.err != nil {
		return nil, p.err
	}
	return &Template{src: src, escape: o.Escape, nodes: nodes}, nil
}

type nodeKind uint8

const (
	nodeText nodeKind = iota
	nodeValue
	nodeRaw
	nodeSection
	nodeInverted
	nodeBlock // {{$name}}default{{/name}}: without inheritance, always its default
	nodeJSON
	nodeJoin
	nodeURL
)

// node is a part of a template. text is the literal text, the name, or for join the delimiter.
type node struct {
	kind  nodeKind
	text  string
	name  string // what a function is applied to
	nodes []node
	pos   int
	line  int
}

type tags struct{ open, close string }

type templateParser struct {
	src   string
	i     int
	line  int
	depth int
	err   *Error
}

// fail adds the place to the message as the Java library does.
func (p *templateParser) fail(msg string) {
	p.stop(msg + " @[query-template:" + strconv.Itoa(p.line) + "]")
}

// stop keeps the first error and goes to the end of the template.
func (p *templateParser) stop(msg string) {
	if p.err == nil {
		p.err = compileError("mustache", p.src, p.i, "MustacheException", msg)
	}
	p.i = len(p.src)
}

// sectionState is where the parser stands on the current line of a section.
type sectionState struct {
	tags
	nodes       []node
	out         strings.Builder
	onlySpace   bool // since the line began
	startOfLine bool // no tag since the line began
	spanned     bool // the last section ended on a later line than it began
	sawCR       bool // since the last other character, so that empty lines after one get theirs too
}

func (s *sectionState) flush() {
	if s.out.Len() > 0 {
		s.nodes = append(s.nodes, node{kind: nodeText, text: s.out.String()})
		s.out.Reset()
	}
}

// section parses up to the tag that closes name, or to the end when name is empty.
func (p *templateParser) section(name string, t tags, startOfLine bool) []node {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxNesting {
		p.fail("sections are nested deeper than " + strconv.Itoa(maxNesting) + " levels")
	}
	s := &sectionState{tags: t, onlySpace: true, startOfLine: startOfLine || name == "", spanned: name != ""}
	for p.i < len(p.src) {
		switch c := p.src[p.i]; {
		case c == '\r':
			p.i++
			s.sawCR = true
		case c == '\n':
			p.newline(s)
		case strings.HasPrefix(p.src[p.i:], s.open):
			s.sawCR = false
			if p.tag(s, name) {
				return s.nodes
			}
		default:
			s.sawCR = false
			s.onlySpace = s.onlySpace && (c == ' ' || c == '\t')
			s.out.WriteByte(c)
			p.i++
		}
	}
	if name != "" {
		p.fail("Failed to close '" + name + "' tag")
	}
	s.flush()
	return s.nodes
}

// newline drops the end of a line that holds nothing but the tags of a section.
func (p *templateParser) newline(s *sectionState) {
	p.i++
	p.line++
	if !s.spanned || !s.onlySpace {
		if s.sawCR {
			s.out.WriteByte('\r')
		}
		s.out.WriteByte('\n')
	}
	s.flush()
	s.spanned, s.onlySpace, s.startOfLine = false, true, true
}

// tag parses one tag; true means that it closed the section called name.
func (p *templateParser) tag(s *sectionState, name string) bool {
	pos := p.i
	p.i += len(s.open)
	from := p.i
	if p.i < len(p.src) && p.src[p.i] == '=' {
		p.i++ // the closing delimiter may begin with the same character
	}
	end := strings.Index(p.src[p.i:], s.close)
	if end < 0 {
		p.fail("Improperly closed variable")
		return true
	}
	command := p.src[from : p.i+end]
	p.i += end + len(s.close)
	if command == "" {
		p.fail("Empty mustache")
		return true
	}
	rest := strings.TrimSpace(command[1:])
	switch command[0] {
	case '#', '^', '$', '<':
		p.open(s, command[0], rest, pos)
	case '/':
		if !s.startOfLine || !s.onlySpace {
			s.flush()
		}
		if rest != name || name == "" {
			if name == "" {
				name = "null"
			}
			p.fail("Mismatched start/end tags: " + name + " != " + rest + " in query-template:" + strconv.Itoa(p.line))
		}
		return true
	case '>':
		p.stop("Template " + rest + " not found")
	case '{', '&':
		s.flush()
		rest = p.triple(s, command, rest)
		s.nodes = append(s.nodes, node{kind: nodeRaw, text: rest, pos: pos, line: p.line})
	case '!', '%':
		s.flush()
	case '=':
		s.flush()
		p.delimiters(s, rest)
	default:
		s.flush()
		s.nodes = append(s.nodes, node{kind: nodeValue, text: strings.TrimSpace(command), pos: pos, line: p.line})
	}
	s.startOfLine = false
	return p.err != nil
}

// triple finishes a {{{x}}}: its third brace stands after the closing delimiter, or before it when that is not }}.
func (p *templateParser) triple(s *sectionState, command, name string) string {
	if command[0] != '{' {
		return name
	}
	if s.close == "}}" {
		if p.i >= len(p.src) || p.src[p.i] != '}' {
			column := p.i - strings.LastIndexByte(p.src[:p.i], '\n') - 1
			p.fail("Improperly closed variable: " + name + " in query-template:" + strconv.Itoa(p.line) + "@" + strconv.Itoa(column))
			return name
		}
		p.i++
		return name
	}
	return strings.TrimSpace(command[1:max(1, len(command)-1)]) // whatever the last character is
}

func (p *templateParser) delimiters(s *sectionState, spec string) {
	spec = strings.TrimSuffix(spec, "=")
	pair := strings.Fields(spec)
	if len(pair) != 2 {
		p.fail("Invalid delimiter string: " + spec)
		return
	}
	s.tags = tags{pair[0], pair[1]}
}

// open parses a section with its body.
func (p *templateParser) open(s *sectionState, kind byte, name string, pos int) {
	if kind == '<' {
		p.stop("Template " + name + " not found")
		return
	}
	line := p.line
	s.startOfLine = s.startOfLine && s.onlySpace
	from := p.i
	if name == "" {
		p.fail("Empty mustache")
		return
	}
	body := p.section(name, s.tags, s.startOfLine)
	s.spanned = p.line > line
	if !s.onlySpace || !s.spanned {
		s.flush()
	}
	s.out.Reset()
	n := node{kind: nodeSection, text: name, nodes: body, pos: pos, line: line}
	switch kind {
	case '^':
		n.kind = nodeInverted
	case '$':
		n.kind = nodeBlock
	default:
		p.function(&n, p.src[from:min(p.i, len(p.src))])
	}
	s.nodes = append(s.nodes, n)
}

// function turns a section with the name of a function into that function.
func (p *templateParser) function(n *node, source string) {
	name := n.text
	switch {
	case strings.EqualFold(name, "url"):
		n.kind = nodeURL
		return
	case strings.EqualFold(name, "toJson"):
		n.kind, n.text = nodeJSON, "toJson"
	case strings.EqualFold(name, "join"):
		n.kind, n.text = nodeJoin, ","
		name = "join"
	case strings.HasPrefix(name, "join delimiter='") && strings.HasSuffix(name, "'") && len(name) > len("join delimiter='"):
		n.kind, n.text = nodeJoin, name[len("join delimiter='"):len(name)-1]
		name = "join"
	default:
		return
	}
	if parts(n.nodes) != 1 {
		p.stop("Mustache function [" + name + "] must contain one and only one identifier")
		return
	}
	if n.nodes[0].kind == nodeText {
		var b strings.Builder
		for _, t := range n.nodes {
			b.WriteString(t.text)
		}
		n.name = b.String()
		return
	}
	n.name = source // never the name of anything
}

// parts counts nodes the way the Java library does, where text belongs to the tag before it.
func parts(nodes []node) int {
	n := 0
	for i, x := range nodes {
		if i == 0 || x.kind != nodeText {
			n++
		}
	}
	return n
}
