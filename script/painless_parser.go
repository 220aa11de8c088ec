package script

import (
	"slices"
	"strconv"
	"strings"
)

// maxNesting bounds how deep expressions and statements may stand inside each other.
const maxNesting = 200

// binding is a variable in scope.
type binding struct {
	name string
	slot int
	typ  javaType
}

// globalField is the first access below a variable that the script does not declare: ctx.results.
type globalField struct {
	global, field string
	pos           int
}

type parser struct {
	src   string
	toks  []token
	i     int
	depth int
	err   *Error // the first one; after it the parser sees only the end of the script

	frame  *frame
	scope  []binding
	loops  int
	result javaType

	functions   map[string]*function
	calls       []*functionCall
	starts      []int // where statements begin
	expressions []*exprStmt
	globals     []*globalVar
	fields      []globalField
}

func parseProgram(src string) (*Program, error) {
	if len(src) > maxSource {
		return nil, compileError("painless", src[:maxSource], 0, "IllegalArgumentException",
			"Scripts may be no longer than "+strconv.Itoa(maxSource)+" characters.")
	}
	toks, lexErr := lex(src)
	if lexErr != nil {
		return nil, lexErr
	}
	p := &parser{src: src, toks: toks, functions: map[string]*function{}}
	program := p.program()
	if p.err != nil {
		return nil, p.err
	}
	return program, nil
}

func (p *parser) program() *Program {
	for p.err == nil && p.atFunction() {
		p.function()
	}
	p.frame, p.scope, p.result = &frame{}, nil, javaType{kind: kindDef, name: "def"}
	var body []stmt
	for p.err == nil && p.tok().kind != tokEOF {
		if len(body) > 0 && !p.tok().beginsStatement() {
			p.unexpected("<EOF>")
			break
		}
		if n := len(body); n > 0 && escapes(body[n-1]) {
			p.illegal(0, "invalid block: unreachable statement")
		}
		body = append(body, p.statement())
	}
	p.finish(body)
	if p.err == nil {
		p.checkResults()
	}
	for _, call := range p.calls {
		fn := p.functions[call.key()]
		if fn == nil {
			p.fail(call.pos, "IllegalArgumentException", "Unknown call ["+call.name+"] with ["+strconv.Itoa(len(call.args))+"] arguments.")
		}
		call.fn = fn
	}
	slices.Sort(p.starts)
	return &Program{
		src: p.src, body: &block{stmts: body}, frame: p.frame, starts: p.starts, globals: p.globals, fields: p.fields,
		functions: p.functions,
	}
}

// finish makes the last expression of a body its result, also where it ends the branches of an if or a try.
func (p *parser) finish(body []stmt) {
	if len(body) > 0 {
		body[len(body)-1] = p.final(body[len(body)-1])
	}
}

func (p *parser) final(s stmt) stmt {
	switch n := s.(type) {
	case *exprStmt:
		n.final = true
		p.checkAssign(n.x, p.result, n.pos)
		return &returnStmt{x: n.x, typ: p.result, pos: n.pos, auto: true}
	case *block:
		p.finish(n.stmts)
	case *ifStmt:
		n.then = p.final(n.then)
		if n.other != nil {
			n.other = p.final(n.other)
		}
	case *tryStmt:
		n.body = p.final(n.body)
		for i := range n.traps {
			n.traps[i].body = p.final(n.traps[i].body)
		}
	}
	return s
}

// checkResults refuses expressions whose value nobody uses.
func (p *parser) checkResults() {
	for _, s := range p.expressions {
		if what := unused(s.x); what != "" && !s.final {
			p.illegal(s.pos, "not a statement: "+what)
		}
	}
}

func (p *parser) atFunction() bool {
	save := p.i
	defer func() { p.i = save }()
	if _, ok := p.scanType(); !ok || p.tok().kind != tokName {
		return false
	}
	p.i++
	return p.is("(")
}

func (p *parser) function() {
	result := p.mustType()
	name := p.next()
	fn := &function{name: name.text, result: result, frame: &frame{}}
	p.frame, p.scope, p.result = fn.frame, nil, result
	p.expect("(")
	for p.before(")") {
		if len(fn.params) > 0 {
			p.expect(",")
		}
		t := p.mustType()
		fn.params = append(fn.params, param{slot: p.declare(p.name()), typ: t})
		p.scope[len(p.scope)-1].typ = t
	}
	p.expect(")")
	key := name.text + "/" + strconv.Itoa(len(fn.params))
	if p.functions[key] != nil {
		p.fail(name.pos, "IllegalArgumentException", "invalid function definition: found duplicate function ["+key+"].")
	}
	p.functions[key] = fn
	body := p.block()
	if len(body.stmts) == 0 {
		p.illegal(name.pos, "invalid function definition: found no statements for function ["+name.text+"] with ["+
			strconv.Itoa(len(fn.params))+"] parameters")
	}
	p.finish(body.stmts)
	if result.kind != kindVoid && !provides(body) {
		p.illegal(name.pos, "invalid function definition: not all paths provide a return value for function ["+name.text+"] with ["+
			strconv.Itoa(len(fn.params))+"] parameters")
	}
	fn.body = body
}

func (p *parser) tok() token  { return p.toks[p.i] }
func (p *parser) peek() token { return p.toks[min(p.i+1, len(p.toks)-1)] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEOF {
		p.i++
	}
	return t
}

func (t token) is(op string) bool {
	return (t.kind == tokOp || t.kind == tokKeyword) && t.text == op
}

// beginsStatement tells whether a statement may begin with t.
func (t token) beginsStatement() bool {
	switch t.kind {
	case tokOp:
		switch t.text {
		case "(", "[", "!", "~", "+", "-", "++", "--":
			return true
		}
		return false
	case tokKeyword:
		return t.text != "else" && t.text != "catch" && t.text != "in" && t.text != "instanceof"
	default:
		return true
	}
}

func (p *parser) is(op string) bool { return p.tok().is(op) }

func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(op string) token {
	if !p.is(op) {
		p.unexpected("'" + op + "'")
	}
	return p.next()
}

// expectEnd is expect for what closes an operand, where Painless words the end of a script differently.
func (p *parser) expectEnd(op string) {
	if p.tok().kind == tokEOF {
		p.noViable("unexpected end of script.")
	}
	p.expect(op)
}

func (p *parser) name() token {
	if p.tok().kind != tokName {
		p.unexpected("ID")
	}
	return p.next()
}

func (p *parser) fail(pos int, class, msg string) {
	p.stop(compileError("painless", p.src, pos, class, msg))
}

// stop keeps the first error and leaves only the end of the script to read, so that every caller comes to its own end.
func (p *parser) stop(e *Error) {
	if p.err == nil {
		p.err = e
	}
	p.toks, p.i = p.toks[len(p.toks)-1:], 0
}

// before tells whether more is to come before the closing op.
func (p *parser) before(op string) bool { return p.err == nil && !p.is(op) }

func (p *parser) illegal(pos int, msg string) { p.fail(pos, "IllegalArgumentException", msg) }

// unexpected fails at the current token the way Painless' parser words it.
func (p *parser) unexpected(want string) {
	t := p.tok()
	if t.kind == tokEOF {
		t.raw = "<EOF>"
	}
	p.illegal(t.pos, "unexpected token ['"+t.raw+"'] was expecting one of ["+want+"].")
}

func (p *parser) noViable(msg string) {
	e := compileError("painless", p.src, p.tok().pos, "IllegalArgumentException", msg)
	e.Cause = &Cause{Type: "no_viable_alt_exception"}
	p.stop(e)
}

func (p *parser) invalidSequence() {
	if p.tok().kind == tokEOF {
		p.noViable("unexpected end of script.")
		return
	}
	p.noViable("invalid sequence of tokens near ['" + p.tok().raw + "'].")
}

// nest counts one level of nesting; the caller defers p.unnest.
func (p *parser) nest() {
	p.depth++
	if p.depth > maxNesting {
		p.illegal(p.tok().pos, "the script is nested deeper than "+strconv.Itoa(maxNesting)+" levels")
	}
}

func (p *parser) unnest() { p.depth-- }

// declare gives a variable its slot in the frame.
func (p *parser) declare(name token) int {
	if _, ok := p.lookup(name.text); ok || name.text == "params" {
		p.illegal(name.pos, "variable ["+name.text+"] is already defined")
	}
	slot := 0
	if n := len(p.scope); n > 0 {
		slot = p.scope[n-1].slot + 1
	}
	p.scope = append(p.scope, binding{name: name.text, slot: slot})
	p.frame.size = max(p.frame.size, slot+1)
	return slot
}

func (p *parser) lookup(name string) (binding, bool) {
	for _, b := range slices.Backward(p.scope) {
		if b.name == name {
			return b, true
		}
	}
	return binding{}, false
}

// scanType reads a type when one stands here; otherwise it reads nothing and reports false. A name that is no known
// type still scans, because only what follows tells whether it was meant as one.
func (p *parser) scanType() (javaType, bool) {
	save, t := p.i, p.tok()
	var typ javaType
	switch t.kind {
	case tokPrimitive:
		p.i++
		typ = primitiveType(t.text)
	case tokName:
		name := p.dottedName()
		known, ok := classType(name)
		if !ok {
			known = javaType{kind: kindReference, name: "?" + name}
		}
		typ = known
	default:
		return javaType{}, false
	}
	for p.is("[") && p.peek().is("]") {
		p.i += 2
		typ.dims++
	}
	if save == p.i {
		return javaType{}, false
	}
	return typ, true
}

// maxDots is more than the name of any class has.
const maxDots = 8

// dottedName reads a name such as java.util.List.
func (p *parser) dottedName() string {
	parts := []string{p.name().text}
	for len(parts) <= maxDots && p.is(".") && p.peek().kind == tokName {
		p.i++
		parts = append(parts, p.next().text)
	}
	return strings.Join(parts, ".")
}

func (t javaType) unknown() bool { return t.name != "" && t.name[0] == '?' }

func (p *parser) mustType() javaType {
	start := p.tok()
	t, ok := p.scanType()
	if !ok {
		p.invalidSequence()
	}
	if t.unknown() {
		p.illegal(start.pos, "cannot resolve type ["+t.name[1:]+"]")
	}
	return t
}

// Compile parses src. The error is an [*Error] of [KindCompile].
//
// Of Java's static types the subset knows those of constants, of variables of primitive types and String, and of
// operators over these. What Painless refuses for other types when it compiles fails when the statement runs, as a
// [KindRuntime] error; loops and branches that it refuses as useless run. As in Painless, generics cannot be written, and
// the value of a final expression is returned. What testdata/painless.json marks with "differs" is all that is known.
func Compile(src string) (*Program, error) { return parseProgram(src) }

func (f *functionCall) key() string { return f.name + "/" + strconv.Itoa(len(f.args)) }
