package script

import (
	"cmp"
	"strconv"
	"strings"
)

// binaryLevel is how tightly an operator binds; 0 is none. The order is Painless', which differs from Java's in where
// it puts the two regex operators.
func binaryLevel(t token) int {
	if t.kind != tokOp && !t.is("instanceof") {
		return 0
	}
	switch t.text {
	case "||":
		return 1
	case "&&":
		return 2
	case "|":
		return 3
	case "^":
		return 4
	case "&":
		return 5
	case "==", "!=", "===", "!==":
		return 6
	case "instanceof":
		return 7
	case "<", "<=", ">", ">=":
		return 8
	case "<<", ">>", ">>>":
		return 9
	case "=~", "==~":
		return 10
	case "+", "-":
		return 11
	case "*", "/", "%":
		return 12
	}
	return 0
}

func (p *parser) expression() expr {
	p.nest()
	defer p.unnest()
	start := p.tok()
	x := p.binary(1)
	t := p.tok()
	if t.kind != tokOp {
		return x
	}
	switch t.text {
	case "?":
		p.checkCondition(x, start.pos)
		p.next()
		then := p.expression()
		p.expect(":")
		return &conditional{cond: x, then: then, other: p.expression(), pos: start.pos}
	case "?:":
		p.next()
		return &elvis{x: x, other: p.expression()}
	case "=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "<<=", ">>=", ">>>=":
		p.next()
		p.assignable(x, start.pos)
		op := binaryOp(strings.TrimSuffix(t.text, "="))
		at := p.tok().pos
		value := p.expression()
		if v, ok := x.(*localVar); ok && op == "" {
			p.checkAssign(value, v.typ, at)
		}
		return &assign{target: x, op: op, value: value, pos: start.pos}
	}
	return x
}

func (p *parser) assignable(x expr, pos int) {
	switch n := x.(type) {
	case *localVar, *indexGet:
		return
	case *fieldGet:
		if n.safe {
			p.illegal(pos, "invalid assignment: cannot assign a value to null safe operation [?.]")
		}
	case *globalVar:
		p.illegal(pos, "cannot resolve symbol ["+n.name+"]")
	case *literal:
		p.illegal(pos, "invalid assignment: cannot assign a value to "+constant(n.v))
	case *methodCall:
		p.illegal(pos, "invalid assignment: cannot assign a value to method call ["+n.key+"]")
	default:
		p.illegal(pos, "invalid assignment: cannot assign a value to "+cmp.Or(describe(x), "this expression"))
	}
}

// binary parses operators that bind at least as tightly as level.
func (p *parser) binary(level int) expr {
	start := p.tok().pos
	x := p.unary()
	for {
		t := p.tok()
		l := binaryLevel(t)
		if l == 0 || l < level {
			return x
		}
		p.next()
		if t.text == "instanceof" {
			x = &instanceOf{x: x, typ: p.mustType()}
			continue
		}
		right := p.tok().pos
		r := p.binary(l + 1)
		switch t.text {
		case "&&", "||":
			p.checkCondition(x, start)
			p.checkCondition(r, right)
			x = &logical{and: t.text == "&&", l: x, r: r, pos: start}
		default:
			x = p.operation(binaryOp(t.text), x, r, start)
		}
	}
}

func (p *parser) operation(op binaryOp, l, r expr, start int) expr {
	n := &binary{op: op, l: l, r: r, pos: start, place: placeOf(r, l)}
	if n.place >= 0 {
		n.pos = n.place
	}
	if typ, ok := n.infer(); ok {
		n.typ = &typ
	}
	p.checkBinary(n, start)
	return n
}

func (p *parser) unary() expr {
	p.nest()
	defer p.unnest()
	t := p.tok()
	if t.kind == tokOp {
		switch t.text {
		case "++", "--":
			p.next()
			at := p.tok().pos
			return p.increment(p.chain(), t, true, at)
		case "-":
			p.next()
			if n := p.tok(); n.kind == tokInteger {
				return p.postfix(p.integer("-"))
			}
			return &unary{op: "-", x: p.unary(), pos: t.pos}
		case "!", "~", "+":
			p.next()
			at := p.tok().pos
			x := p.unary()
			if t.text == "!" {
				p.checkCondition(x, at)
			}
			return &unary{op: t.text, x: x, pos: t.pos}
		case "(":
			if typ, ok := p.cast(); ok {
				return &castExpr{x: p.unary(), typ: typ, pos: t.pos}
			}
		}
	}
	x := p.chain()
	if n := p.tok(); n.is("++") || n.is("--") {
		p.next()
		return p.increment(x, n, false, t.pos)
	}
	return x
}

func (p *parser) increment(x expr, op token, prefix bool, pos int) expr {
	p.assignable(x, pos)
	delta := int32(1)
	if op.text == "--" {
		delta = -1
	}
	return &increment{target: x, delta: delta, prefix: prefix, pos: pos}
}

// cast reads (type) when it is one: parentheses around a type, followed by an operand.
func (p *parser) cast() (javaType, bool) {
	save := p.i
	first := p.peek()
	p.next()
	typ, ok := p.scanType()
	if ok && !typ.unknown() && p.is(")") {
		if _, local := p.lookup(first.text); !local {
			p.next()
			if first.kind == tokPrimitive || p.operandFollows() {
				return typ, true
			}
		}
	}
	p.i = save
	return javaType{}, false
}

func (p *parser) operandFollows() bool {
	t := p.tok()
	switch t.kind {
	case tokOp:
		return t.text == "(" || t.text == "[" || t.text == "!" || t.text == "~"
	case tokKeyword:
		return t.text == "new" || t.text == "true" || t.text == "false" || t.text == "null" || t.text == "this"
	case tokEOF:
		return false
	default:
		return true
	}
}

// chain parses an operand with what is read from it or called on it.
func (p *parser) chain() expr { return p.postfix(p.primary()) }

func (p *parser) postfix(x expr) expr {
	for {
		t := p.tok()
		switch {
		case t.is(".") || t.is("?."):
			p.next()
			x = p.member(x, t)
		case t.is("["):
			p.next()
			x = &indexGet{x: x, index: p.expression(), pos: t.pos}
			p.expectEnd("]")
		default:
			return x
		}
	}
}

func (p *parser) member(x expr, dot token) expr {
	t := p.tok()
	safe := dot.text == "?."
	if t.kind != tokName && t.kind != tokInteger {
		p.invalidSequence()
	}
	p.next()
	if t.kind == tokName && p.is("(") {
		args := p.arguments()
		if ref, ok := x.(*typeRef); ok && safe {
			p.illegal(dot.pos, "cannot call ["+t.text+"] null-safely on type ["+ref.typ.name+"]")
		}
		return &methodCall{x: x, name: t.text, key: t.text + "/" + strconv.Itoa(len(args)), args: args, safe: safe, pos: dot.pos}
	}
	f := &fieldGet{x: x, name: t.text, safe: safe, pos: dot.pos}
	if g, dots := rootGlobal(x); g != nil && !safe && t.kind == tokName && dots < maxSymbol {
		if dots == 0 {
			g.symbol = g.name
			p.fields = append(p.fields, globalField{global: g.name, field: t.text, pos: dot.pos})
		}
		g.symbol, g.symbolAt = g.symbol+"."+t.text, dot.pos
		f.root, f.dots = g, dots+1
	}
	return f
}

// maxSymbol is how many fields an error about a variable that does not exist repeats.
const maxSymbol = 32

// rootGlobal is the variable of a chain that consists of fields only, and how many they are.
func rootGlobal(x expr) (*globalVar, int) {
	switch n := x.(type) {
	case *globalVar:
		return n, 0
	case *fieldGet:
		return n.root, n.dots
	}
	return nil, 0
}

func (p *parser) arguments() []expr {
	p.expect("(")
	var args []expr
	for p.before(")") {
		if len(args) > 0 {
			p.expect(",")
		}
		args = append(args, p.argument())
	}
	p.next()
	return args
}

func (p *parser) argument() expr {
	p.nest()
	defer p.unnest()
	if p.atLambda() {
		return p.lambda()
	}
	if ref, ok := p.methodRef(); ok {
		return ref
	}
	return p.expression()
}

func (p *parser) atLambda() bool {
	if p.tok().kind == tokName && p.peek().is("->") {
		return true
	}
	if !p.is("(") {
		return false
	}
	for i := p.i + 1; i < len(p.toks); i++ { // parameters hold no parentheses of their own
		switch t := p.toks[i]; {
		case t.is(")"):
			return p.toks[min(i+1, len(p.toks)-1)].is("->")
		case t.kind == tokName || t.kind == tokPrimitive || t.is(",") || t.is(".") || t.is("[") || t.is("]"):
		default:
			return false
		}
	}
	return false
}

func (p *parser) lambda() expr {
	fn := &function{name: "lambda", lambda: true, frame: p.frame, result: javaType{kind: kindDef, name: "def"}}
	scope, result, loops := p.scope, p.result, p.loops
	defer func() { p.scope, p.result, p.loops = scope, result, loops }()
	p.result, p.loops = fn.result, 0
	pos := p.tok().pos
	p.starts = append(p.starts, pos)
	if p.tok().kind == tokName {
		fn.params = append(fn.params, param{slot: p.declare(p.next()), typ: fn.result})
	} else {
		p.expect("(")
		for p.before(")") {
			if len(fn.params) > 0 {
				p.expect(",")
			}
			fn.params = append(fn.params, p.lambdaParam(fn.result))
		}
		p.next()
	}
	p.expect("->")
	if p.is("{") {
		body := p.block()
		p.finish(body.stmts)
		fn.body = body
	} else {
		at := p.tok().pos
		fn.body = &returnStmt{x: p.expression(), typ: fn.result, pos: at}
	}
	return &lambdaLiteral{fn: fn, pos: pos}
}

func (p *parser) lambdaParam(def javaType) param {
	typ := def
	if next := p.peek(); p.tok().kind != tokName || !next.is(",") && !next.is(")") {
		typ = p.mustType()
	}
	slot := p.declare(p.name())
	p.scope[len(p.scope)-1].typ = typ
	return param{slot: slot, typ: typ}
}

// methodRef parses Type::name, variable::name and this::name.
func (p *parser) methodRef() (expr, bool) {
	save := p.i
	pos := p.tok().pos
	ref := &methodRef{pos: pos}
	switch b, ok := p.lookup(p.tok().text); {
	case p.is("this") && p.peek().is("::"):
		p.next()
		ref.fn = &functionCall{pos: pos}
	case ok && p.tok().kind == tokName && p.peek().is("::"):
		p.next()
		ref.x = &localVar{name: b.name, slot: b.slot, typ: b.typ, pos: pos}
	default:
		typ, ok := p.scanType()
		if !ok || !p.is("::") || typ.unknown() {
			p.i = save
			return nil, false
		}
		ref.typ = typ
	}
	p.expect("::")
	if p.accept("new") {
		ref.name = "new"
		return ref, true
	}
	ref.name = p.name().text
	return ref, true
}
