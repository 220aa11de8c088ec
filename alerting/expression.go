package alerting

import "strings"

// expression is a parsed condition of the small language in which document-level triggers and workflows are written: operands
// like query[name=…], joined by &&, || and !, with parentheses. As in OpenSearch && and || bind alike, from left to right, and
// spaces mean nothing.
type expression interface {
	// holds reports whether the expression holds where those operands do that fact says.
	holds(fact func(operand) bool) bool
	// each calls f for every operand, from left to right.
	each(f func(operand))
}

// operand is noun[by=value].
type operand struct{ by, value string }

type (
	constant bool
	negation struct{ x expression }
	bothOf   struct{ x, y expression }
	eitherOf struct{ x, y expression }
)

func (c constant) holds(func(operand) bool) bool      { return bool(c) }
func (o operand) holds(fact func(operand) bool) bool  { return fact(o) }
func (n negation) holds(fact func(operand) bool) bool { return !n.x.holds(fact) }
func (b bothOf) holds(fact func(operand) bool) bool   { return b.x.holds(fact) && b.y.holds(fact) }
func (e eitherOf) holds(fact func(operand) bool) bool { return e.x.holds(fact) || e.y.holds(fact) }
func (constant) each(func(operand))                   {}
func (o operand) each(f func(operand))                { f(o) }
func (n negation) each(f func(operand))               { n.x.each(f) }
func (b bothOf) each(f func(operand))                 { b.x.each(f); b.y.each(f) }
func (e eitherOf) each(f func(operand))               { e.x.each(f); e.y.each(f) }

const maxConditionDepth = 100

// parseExpression reads an expression whose operands are noun[by=…].
func parseExpression(source, noun string, by ...string) (expression, error) {
	p := &expressionParser{text: strings.ReplaceAll(source, " ", ""), noun: noun, by: by}
	x, err := p.expression(0)
	if err == nil && p.at < len(p.text) {
		err = p.fail("the end")
	}
	return x, err
}

type expressionParser struct {
	text string
	at   int
	noun string
	by   []string
}

func (p *expressionParser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *expressionParser) fail(wanted string) error {
	return errorf(BadArgument, "condition [%s]: expected %s at character %d", p.text, wanted, p.at)
}

func (p *expressionParser) expression(depth int) (expression, error) {
	left, err := p.operand(depth)
	for err == nil {
		var right expression
		switch {
		case p.take("&&"):
			right, err = p.operand(depth)
			left = bothOf{left, right}
		case p.take("||"):
			right, err = p.operand(depth)
			left = eitherOf{left, right}
		default:
			return left, nil
		}
	}
	return nil, err
}

func (p *expressionParser) operand(depth int) (expression, error) {
	switch {
	case depth > maxConditionDepth:
		return nil, p.fail("less nesting")
	case p.take("!"):
		x, err := p.operand(depth + 1)
		return negation{x}, err
	case p.take("("):
		x, err := p.expression(depth + 1)
		if err == nil && !p.take(")") {
			err = p.fail(")")
		}
		return x, err
	case !p.take(p.noun + "["):
		return nil, p.fail(p.noun + "[…], ! or (")
	}
	for _, by := range p.by {
		if !p.take(by + "=") {
			continue
		}
		value, _, ok := strings.Cut(p.text[p.at:], "]")
		if !ok {
			return nil, p.fail("]")
		}
		p.at += len(value) + 1
		return operand{by, value}, nil
	}
	return nil, p.fail(strings.Join(p.by, "=, ") + "=")
}
