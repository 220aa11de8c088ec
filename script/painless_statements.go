package script

// statement parses one statement with the semicolon that some need.
func (p *parser) statement() stmt {
	p.nest()
	defer p.unnest()
	p.begin()
	if s, ok := p.bracketed(); ok {
		return s
	}
	s := p.simple()
	if p.tok().kind != tokEOF && !p.accept(";") {
		p.unexpected("{<EOF>, ';'}")
	}
	return s
}

// begin notes that a statement starts here.
func (p *parser) begin() {
	p.starts = append(p.starts, p.tok().pos)
}

// bracketed parses the statements that end by themselves.
func (p *parser) bracketed() (stmt, bool) {
	t := p.tok()
	if t.kind != tokKeyword {
		return nil, false
	}
	switch t.text {
	case "if":
		return p.ifStatement(), true
	case "while":
		p.next()
		cond := p.condition()
		return &loop{cond: cond, body: p.loopBody(), pos: t.pos}, true
	case "for":
		return p.forStatement(), true
	case "try":
		return p.tryStatement(), true
	}
	return nil, false
}

func (p *parser) condition() expr {
	p.expect("(")
	at := p.tok().pos
	x := p.expression()
	p.checkCondition(x, at)
	p.expect(")")
	return x
}

func (p *parser) ifStatement() stmt {
	pos := p.next().pos
	s := &ifStmt{cond: p.condition(), pos: pos}
	s.then = p.trailer()
	if p.accept("else") {
		s.other = p.trailer()
	}
	return s
}

// trailer is a block or one statement, in a scope of its own.
func (p *parser) trailer() stmt {
	scope := p.scope
	defer func() { p.scope = scope }()
	if p.is("{") {
		return p.block()
	}
	return p.statement()
}

func (p *parser) loopBody() stmt {
	p.loops++
	defer func() { p.loops-- }()
	if p.accept(";") {
		return nil
	}
	return p.trailer()
}

// block parses the statements between braces, in a scope of their own.
func (p *parser) block() *block {
	p.nest()
	defer p.unnest()
	scope := p.scope
	defer func() { p.scope = scope }()
	start := p.expect("{")
	b := &block{}
	for p.before("}") {
		if n := len(b.stmts); n > 0 && escapes(b.stmts[n-1]) {
			p.illegal(start.pos, "invalid block: unreachable statement")
		}
		p.begin()
		if s, ok := p.bracketed(); ok {
			b.stmts = append(b.stmts, s)
			continue
		}
		b.stmts = append(b.stmts, p.simple())
		if !p.accept(";") && !p.is("}") {
			p.unexpected("{';', '}'}")
		}
	}
	p.next()
	return b
}

// unused says what is wrong with an expression that is no statement by itself; it is empty for those that are.
func unused(x expr) string {
	switch n := x.(type) {
	case *literal:
		return constant(n.v) + " not used"
	case *localVar:
		return "variable [" + n.name + "] not used"
	case *globalVar:
		return "variable [" + n.name + "] not used"
	case *fieldGet:
		return "result of dot operator [.] not used"
	case *indexGet:
		return "result of brace operator not used"
	}
	if what := describe(x); what != "" {
		return "result not used from " + what
	}
	return ""
}

func constant(v any) string {
	switch v.(type) {
	case nil:
		return "null constant"
	case bool:
		return "boolean constant [" + text(v) + "]"
	case string:
		return "string constant [" + text(v) + "]"
	case *pattern:
		return "regex constant [" + text(v) + "]"
	}
	return "numeric constant [" + text(v) + "]"
}

// describe names an operation, as errors do.
func describe(x expr) string {
	switch n := x.(type) {
	case *binary:
		return n.op.describe()
	case *logical:
		if n.and {
			return "boolean and operation [&&]"
		}
		return "boolean or operation [||]"
	case *unary:
		names := map[string]string{"!": "boolean not", "~": "bitwise not", "-": "subtraction", "+": "addition"}
		return names[n.op] + " operation [" + n.op + "]"
	case *conditional:
		return "conditional operation [?:]"
	case *elvis:
		return "elvis operation [?:]"
	case *instanceOf:
		return "instanceof with target type [" + n.typ.String() + "]"
	case *castExpr:
		return "explicit cast with target type [" + n.typ.String() + "]"
	case *listLiteral:
		return "list initializer"
	case *mapLiteral:
		return "map initializer"
	}
	return ""
}

// escapes tells whether nothing after s can run.
func escapes(s stmt) bool {
	switch n := s.(type) {
	case *returnStmt:
		return !n.auto
	case *throwStmt, *jump:
		return true
	case *block:
		return len(n.stmts) > 0 && escapes(n.stmts[len(n.stmts)-1])
	case *ifStmt:
		return n.other != nil && escapes(n.then) && escapes(n.other)
	}
	return false
}

// provides tells whether every way through s returns or throws.
func provides(s stmt) bool {
	switch n := s.(type) {
	case *returnStmt, *throwStmt:
		return true
	case *block:
		return len(n.stmts) > 0 && provides(n.stmts[len(n.stmts)-1])
	case *ifStmt:
		return n.other != nil && provides(n.then) && provides(n.other)
	case *tryStmt:
		for _, t := range n.traps {
			if !provides(t.body) {
				return false
			}
		}
		return provides(n.body)
	case *loop:
		return n.cond == nil || isTrue(n.cond)
	}
	return false
}

func isTrue(x expr) bool {
	l, ok := x.(*literal)
	return ok && l.v == true
}

// simple parses the statements that a semicolon ends.
func (p *parser) simple() stmt {
	t := p.tok()
	if t.kind == tokKeyword {
		switch t.text {
		case "do":
			return p.doStatement()
		case "continue", "break":
			p.next()
			if p.loops == 0 {
				p.illegal(t.pos, "invalid "+t.text+" statement: not inside loop")
			}
			if t.text == "break" {
				return &jump{sig: breaks}
			}
			return &jump{sig: continues}
		case "return":
			return p.returnStatement()
		case "throw":
			p.next()
			x := p.expression()
			return &throwStmt{x: x, pos: max(t.pos, place(x))}
		}
	}
	if p.atDeclaration() {
		return p.declaration()
	}
	s := &exprStmt{x: p.expression(), pos: t.pos}
	p.expressions = append(p.expressions, s)
	return s
}

func (p *parser) returnStatement() stmt {
	t := p.next()
	s := &returnStmt{pos: t.pos, typ: p.result}
	if p.tok().kind == tokEOF || p.is(";") || p.is("}") {
		if p.result.kind != kindVoid {
			p.fail(t.pos, "ClassCastException", "cannot cast from ["+p.result.name+"] to [void]")
		}
		return s
	}
	at := p.tok().pos
	s.x = p.expression()
	p.checkAssign(s.x, p.result, at)
	return s
}

func (p *parser) doStatement() stmt {
	pos := p.next().pos
	p.loops++
	body := p.block()
	p.loops--
	p.expect("while")
	return &loop{cond: p.condition(), body: body, bodyFirst: true, pos: pos}
}

// atDeclaration tells whether a type and a name stand here.
func (p *parser) atDeclaration() bool {
	save := p.i
	defer func() { p.i = save }()
	_, ok := p.scanType()
	return ok && p.tok().kind == tokName
}

func (p *parser) declaration() stmt {
	first := p.tok()
	typ, _ := p.scanType()
	if typ.unknown() {
		p.illegal(p.tok().pos, "invalid declaration: cannot resolve type ["+typ.name[1:]+"]")
	}
	p.starts = p.starts[:len(p.starts)-1] // each variable is a statement of its own
	b := &declarations{}
	for {
		name := p.name()
		p.starts = append(p.starts, name.pos)
		d := &declare{typ: typ, pos: first.pos}
		if p.accept("=") {
			d.pos = p.tok().pos
			d.init = p.expression()
			p.checkAssign(d.init, typ, d.pos)
		}
		d.slot = p.declare(name)
		p.scope[len(p.scope)-1].typ = typ
		b.vars = append(b.vars, d)
		if !p.accept(",") {
			return b
		}
	}
}

func (p *parser) forStatement() stmt {
	scope := p.scope
	defer func() { p.scope = scope }()
	pos := p.next().pos
	p.expect("(")
	if s, ok := p.forEach(pos); ok {
		return s
	}
	l := &loop{pos: pos}
	if !p.is(";") {
		p.begin()
		l.init = append(l.init, p.forInit())
	}
	p.expect(";")
	if !p.is(";") {
		at := p.tok().pos
		l.cond = p.expression()
		p.checkCondition(l.cond, at)
	}
	p.expect(";")
	if !p.is(")") {
		l.step = p.expression()
	}
	p.expect(")")
	l.body = p.loopBody()
	return l
}

func (p *parser) forInit() stmt {
	if p.atDeclaration() {
		return p.declaration()
	}
	pos := p.tok().pos
	return &exprStmt{x: p.expression(), pos: pos}
}

// forEach parses the rest of for (x in xs) and for (type x : xs), when one of them stands here.
func (p *parser) forEach(pos int) (stmt, bool) {
	save := p.i
	typ := javaType{kind: kindDef, name: "def"}
	separator := "in"
	if p.tok().kind != tokName || !p.peek().is("in") {
		t, ok := p.scanType()
		if !ok || p.tok().kind != tokName || !p.peek().is(":") {
			p.i = save
			return nil, false
		}
		if t.unknown() {
			p.illegal(p.tok().pos, "cannot resolve type ["+t.name[1:]+"]")
		}
		typ, separator = t, ":"
	}
	name := p.name()
	p.expect(separator)
	s := &each{typ: typ, pos: pos, over: p.expression()}
	p.expect(")")
	s.slot = p.declare(name)
	p.scope[len(p.scope)-1].typ = typ
	s.body = p.loopBody()
	return s, true
}

func (p *parser) tryStatement() stmt {
	p.next()
	s := &tryStmt{body: p.block()}
	for p.is("catch") {
		p.next()
		p.expect("(")
		at := p.tok().pos
		typ := p.mustType()
		if _, ok := exceptionParent(typ.name); !ok {
			p.fail(at, "ClassCastException", "cannot cast from ["+typ.name+"] to [java.lang.Exception]")
		}
		scope := p.scope
		slot := p.declare(p.name())
		p.scope[len(p.scope)-1].typ = typ
		p.expect(")")
		s.traps = append(s.traps, trap{class: typ.name, slot: slot, body: p.block()})
		p.scope = scope
	}
	if len(s.traps) == 0 {
		p.unexpected("'catch'")
	}
	return s
}
