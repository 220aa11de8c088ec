package alerting

import (
	"slices"
	"strings"
)

// documentCondition is a parsed condition of a document-level trigger: which documents of a run it means.
type documentCondition interface {
	// selects reports whether the condition means a document that matched these queries.
	selects(matched []DocQuery) bool
}

type (
	allDocuments bool
	queryIs      struct{ by, value string }
	notDocument  struct{ x documentCondition }
	bothOf       struct{ x, y documentCondition }
	eitherOf     struct{ x, y documentCondition }
)

func (c allDocuments) selects([]DocQuery) bool { return bool(c) }

func (c queryIs) selects(matched []DocQuery) bool {
	for _, q := range matched {
		switch c.by {
		case "name":
			if q.Name == c.value {
				return true
			}
		case "id":
			if q.ID == c.value {
				return true
			}
		case "tag":
			if slices.Contains(q.Tags, c.value) {
				return true
			}
		}
	}
	return false
}

func (c notDocument) selects(m []DocQuery) bool { return !c.x.selects(m) }
func (c bothOf) selects(m []DocQuery) bool      { return c.x.selects(m) && c.y.selects(m) }
func (c eitherOf) selects(m []DocQuery) bool    { return c.x.selects(m) || c.y.selects(m) }

const maxConditionDepth = 100

// parseDocumentCondition reads query[name=…], query[id=…] and query[tag=…] with &&, ||, ! and parentheses. As in OpenSearch
// && and || bind alike, from left to right, and spaces mean nothing.
func parseDocumentCondition(source string) (documentCondition, error) {
	switch strings.TrimSuffix(strings.TrimSpace(source), ";") {
	case "return true":
		return allDocuments(true), nil
	case "return false":
		return allDocuments(false), nil
	}
	p := &conditionParser{text: strings.ReplaceAll(source, " ", "")}
	c, err := p.expression(0)
	if err == nil && p.at < len(p.text) {
		err = p.fail("the end")
	}
	return c, err
}

type conditionParser struct {
	text string
	at   int
}

func (p *conditionParser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *conditionParser) fail(wanted string) error {
	return errorf(BadArgument, "condition [%s]: expected %s at character %d", p.text, wanted, p.at)
}

func (p *conditionParser) expression(depth int) (documentCondition, error) {
	left, err := p.operand(depth)
	for err == nil {
		var right documentCondition
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

func (p *conditionParser) operand(depth int) (documentCondition, error) {
	switch {
	case depth > maxConditionDepth:
		return nil, p.fail("less nesting")
	case p.take("!"):
		x, err := p.operand(depth + 1)
		return notDocument{x}, err
	case p.take("("):
		x, err := p.expression(depth + 1)
		if err == nil && !p.take(")") {
			err = p.fail(")")
		}
		return x, err
	case !p.take("query["):
		return nil, p.fail("query[…], ! or (")
	}
	for _, by := range []string{"name", "id", "tag"} {
		if !p.take(by + "=") {
			continue
		}
		value, _, ok := strings.Cut(p.text[p.at:], "]")
		if !ok {
			return nil, p.fail("]")
		}
		p.at += len(value) + 1
		return queryIs{by, value}, nil
	}
	return nil, p.fail("name=, id= or tag=")
}
