package alerting

import (
	"slices"
	"strings"
)

// documentCondition says which documents of a run a document-level trigger means.
type documentCondition struct{ expression }

// parseDocumentCondition reads an expression over query[name=…], query[id=…] and query[tag=…], or one of the two texts that
// mean all documents and none.
func parseDocumentCondition(source string) (documentCondition, error) {
	switch strings.TrimSuffix(strings.TrimSpace(source), ";") {
	case "return true":
		return documentCondition{constant(true)}, nil
	case "return false":
		return documentCondition{constant(false)}, nil
	}
	x, err := parseExpression(source, "query", "name", "id", "tag")
	return documentCondition{x}, err
}

// selects reports whether the condition means a document that matched these queries.
func (c documentCondition) selects(matched []DocQuery) bool {
	return c.holds(func(o operand) bool {
		return slices.ContainsFunc(matched, func(q DocQuery) bool {
			switch o.by {
			case "name":
				return q.Name == o.value
			case "id":
				return q.ID == o.value
			default:
				return slices.Contains(q.Tags, o.value)
			}
		})
	})
}
