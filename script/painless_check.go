package script

// The checks of this file refuse, when a script is compiled, what its types show to be wrong without running it. They
// know constants, variables of primitive types and String, and operators over these; everything else is def.

// known returns the type of an expression when it is plain to see.
func known(x expr) (javaType, bool) {
	switch n := x.(type) {
	case *literal:
		return constantType(n.v)
	case *localVar:
		return n.typ, plain(n.typ)
	case *castExpr:
		return n.typ, plain(n.typ)
	case *logical, *instanceOf:
		return primitiveType("boolean"), true
	case *unary:
		if n.op == "!" {
			return primitiveType("boolean"), true
		}
		return known(n.x)
	case *binary:
		if n.typ != nil {
			return *n.typ, true
		}
	}
	return javaType{}, false
}

func plain(t javaType) bool { return t.dims == 0 && t.kind >= kindBoolean && t.kind <= kindString }

func constantType(v any) (javaType, bool) {
	switch v.(type) {
	case bool, int32, int64, float32, float64:
		return primitiveType(simpleName(v)), true
	case string:
		return javaType{kind: kindString, name: "java.lang.String"}, true
	}
	return javaType{}, false
}

// infer finds the type of an operation from those of its operands.
func (n *binary) infer() (javaType, bool) {
	switch n.op {
	case "==", "!=", "===", "!==", "<", "<=", ">", ">=", "=~", "==~":
		return primitiveType("boolean"), true
	}
	l, lok := known(n.l)
	r, rok := known(n.r)
	switch {
	case n.op == "+" && (lok && l.kind == kindString || rok && r.kind == kindString):
		return javaType{kind: kindString, name: "java.lang.String"}, true
	case !lok || !rok || !l.numeric() || !r.numeric():
		return javaType{}, false
	case n.op == "<<" || n.op == ">>" || n.op == ">>>":
		return primitiveType(promoted(l.kind, kindInt)), true
	}
	return primitiveType(promoted(l.kind, r.kind)), true
}

func (t javaType) numeric() bool { return t.dims == 0 && t.kind >= kindByte && t.kind <= kindDouble }

func promoted(a, b typeKind) string {
	return map[typeKind]string{kindInt: "int", kindLong: "long", kindFloat: "float", kindDouble: "double"}[max(a, b, kindInt)]
}

// checkBinary refuses operators that their operands' types do not have, and division by a constant zero.
func (p *parser) checkBinary(n *binary, pos int) {
	l, lok := known(n.l)
	r, rok := known(n.r)
	switch n.op {
	case "/", "%":
		if zero, ok := n.r.(*literal); ok && (zero.v == int32(0) || zero.v == int64(0)) {
			if _, constant := n.l.(*literal); constant && lok && l.kind <= kindLong && l.numeric() {
				p.fail(pos, "ArithmeticException", "/ by zero")
			}
		}
		fallthrough
	case "-", "*", "<", "<=", ">", ">=":
		if lok && rok && (!l.numeric() || !r.numeric()) {
			name := n.op.name()
			p.fail(pos, "ClassCastException", "cannot apply the "+name+" operator ["+string(n.op)+"] to the types ["+
				l.full()+"] and ["+r.full()+"]")
		}
	}
}

// full is the name with which errors show a type.
func (t javaType) full() string {
	if t.kind == kindString {
		return "java.lang.String"
	}
	return t.String()
}

// checkAssign refuses a value whose type can never become t; pos is where the value begins.
func (p *parser) checkAssign(x expr, t javaType, pos int) {
	if !plain(t) {
		return
	}
	if n, ok := x.(*literal); ok && n.v == nil && t.kind != kindString {
		p.illegal(pos, "Cannot cast null to a primitive type ["+t.full()+"].")
		return
	}
	from, ok := known(x)
	if !ok || widens(from, t) {
		return
	}
	p.fail(pos, "ClassCastException", "Cannot cast from ["+from.full()+"] to ["+t.full()+"].")
}

// widens tells whether a value of one type becomes the other by itself.
func widens(from, to javaType) bool {
	switch {
	case from.kind == to.kind, to.kind == kindChar && from.kind == kindString:
		return true
	case to.kind == kindString:
		return from.kind == kindChar
	case to.numeric() && from.numeric():
		return from.kind <= to.kind && to.kind != kindChar || to.kind < kindInt && from.kind == kindInt
	}
	return false
}

// checkCondition refuses a condition that cannot be a boolean.
func (p *parser) checkCondition(x expr, pos int) { p.checkAssign(x, primitiveType("boolean"), pos) }
