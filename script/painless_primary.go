package script

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

func (p *parser) primary() expr {
	t := p.tok()
	switch t.kind {
	case tokInteger:
		return p.integer("")
	case tokDecimal:
		return p.decimal()
	case tokString:
		p.next()
		return &literal{v: t.text}
	case tokRegex:
		p.next()
		re, err := compilePattern(t.text, t.flags)
		if err != nil {
			p.illegal(t.pos, err.Error())
			return nil
		}
		return &literal{v: re}
	case tokName:
		return p.named()
	case tokKeyword:
		switch t.text {
		case "true", "false":
			p.next()
			return &literal{v: t.text == "true"}
		case "null":
			p.next()
			return &literal{}
		case "new":
			return p.newObject()
		}
	case tokOp:
		switch t.text {
		case "(":
			p.next()
			x := p.expression()
			p.expectEnd(")")
			return x
		case "[":
			return p.collection()
		}
	case tokPrimitive, tokEOF:
	}
	p.invalidSequence()
	return nil
}

func (p *parser) integer(sign string) expr {
	t := p.next()
	digits, base := t.text, 10
	isLong := strings.HasSuffix(digits, "l") || strings.HasSuffix(digits, "L")
	digits = strings.TrimRight(digits, "lL")
	switch {
	case strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X"):
		digits, base = digits[2:], 16
	case len(digits) > 1 && digits[0] == '0':
		digits, base = digits[1:], 8
	}
	bits := 32
	if isLong {
		bits = 64
	}
	n, err := strconv.ParseInt(sign+digits, base, bits)
	if err != nil {
		msg := "Invalid int constant [" + sign + t.text + "]."
		if isLong {
			msg = "Invalid long constant [" + sign + t.text + "]."
		} else if _, err := strconv.ParseInt(sign+digits, base, 64); err == nil {
			msg += " If you want a long constant then change it to [" + sign + t.text + "L]."
		}
		p.illegal(t.pos, msg)
	}
	if isLong {
		return &literal{v: n}
	}
	return &literal{v: int32(n)}
}

func (p *parser) decimal() expr {
	t := p.next()
	digits := strings.TrimRight(t.text, "fFdD")
	if strings.HasSuffix(t.text, "f") || strings.HasSuffix(t.text, "F") {
		f, err := strconv.ParseFloat(digits, 32)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			p.illegal(t.pos, "Invalid float constant ["+t.text+"].")
		}
		return &literal{v: float32(f)}
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		p.illegal(t.pos, "Invalid double constant ["+t.text+"].")
	}
	if math.IsInf(f, 0) {
		f = math.Inf(1)
	}
	return &literal{v: f}
}

// named parses what begins with a name: a variable, a call of the script's own function, or a class.
func (p *parser) named() expr {
	t := p.next()
	if b, ok := p.lookup(t.text); ok {
		return &localVar{name: b.name, slot: b.slot, typ: b.typ, pos: t.pos}
	}
	if p.is("(") {
		call := &functionCall{name: t.text, pos: t.pos}
		call.args = p.arguments()
		p.calls = append(p.calls, call)
		return call
	}
	if typ, ok := p.classAt(t); ok {
		return &typeRef{typ: typ, pos: t.pos}
	}
	g := &globalVar{name: t.text, pos: t.pos}
	p.globals = append(p.globals, g)
	return g
}

// classAt finds the longest class name that begins with the token just read.
func (p *parser) classAt(first token) (javaType, bool) {
	name, best, at := first.text, javaType{}, -1
	if typ, ok := classType(name); ok {
		best, at = typ, p.i
	}
	for i, dots := p.i, 0; dots < maxDots && i+1 < len(p.toks) && p.toks[i].is(".") && p.toks[i+1].kind == tokName; i, dots = i+2, dots+1 {
		name = name + "." + p.toks[i+1].text
		if typ, ok := classType(name); ok {
			best, at = typ, i+2
		}
	}
	if at < 0 || !p.toks[at].is(".") {
		return javaType{}, false
	}
	p.i = at
	return best, true
}

func (p *parser) newObject() expr {
	pos := p.next().pos
	start := p.tok()
	var typ javaType
	if start.kind == tokPrimitive {
		p.next()
		typ = primitiveType(start.text)
	} else {
		name := p.dottedName()
		known, ok := classType(name)
		if !ok {
			p.illegal(pos, "Not a type ["+name+"].")
		}
		typ = known
	}
	if p.is("[") {
		return p.newArray(typ, pos)
	}
	return &newObject{typ: typ, args: p.arguments(), pos: pos}
}

func (p *parser) newArray(typ javaType, pos int) expr {
	a := &newArray{typ: typ, pos: pos}
	if p.peek().is("]") {
		p.i += 2
		p.expect("{")
		a.elems = []expr{}
		for p.before("}") {
			if len(a.elems) > 0 {
				p.expect(",")
			}
			a.elems = append(a.elems, p.expression())
		}
		p.next()
		return a
	}
	for p.is("[") {
		p.next()
		a.sizes = append(a.sizes, p.expression())
		p.expectEnd("]")
		if len(a.sizes) > 8 {
			p.illegal(pos, "arrays of more than 8 dimensions are not supported")
		}
	}
	return a
}

// collection parses [1, 2], ['a': 1], [] and [:].
func (p *parser) collection() expr {
	pos := p.next().pos
	if p.accept(":") {
		p.expectEnd("]")
		return &mapLiteral{pos: pos}
	}
	list := &listLiteral{pos: pos}
	if p.accept("]") {
		return list
	}
	first := p.expression()
	if !p.is(":") {
		list.elems = append(list.elems, first)
		for p.accept(",") {
			list.elems = append(list.elems, p.expression())
		}
		p.expectEnd("]")
		return list
	}
	m := &mapLiteral{pos: pos, keys: []expr{first}}
	p.expect(":")
	m.values = append(m.values, p.expression())
	for p.accept(",") {
		m.keys = append(m.keys, p.expression())
		p.expect(":")
		m.values = append(m.values, p.expression())
	}
	p.expectEnd("]")
	return m
}
