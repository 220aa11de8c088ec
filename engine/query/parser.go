package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// parser reads clauses and counts what limits are put on.
type parser struct {
	depth   int
	clauses int
	inner   []*Node // the inner hits asked for so far
}

// ignored notes that the inner hits asked for since there were so many have no effect where they stand, as in OpenSearch.
func (p *parser) ignored(since int) {
	for _, n := range p.inner[since:] {
		n.Inert("nested", "inner_hits")
	}
	p.inner = p.inner[:since]
}

func (p *parser) query(n *Node) (Query, error) {
	if n.Kind != Object {
		return nil, n.Parsing("[_na] query malformed, must start with start_object")
	}
	if len(n.Keys) == 0 {
		return nil, illegal("query malformed, empty clause found at [%s]", n.At())
	}
	name, body := n.Keys[0], n.Items[0]
	if body.Kind != Object {
		return nil, body.Parsing("[%s] query malformed, no start_object after query name", name)
	}
	if p.depth++; p.depth > maxDepth {
		return nil, illegal("The nested depth of the query exceeds the maximum nested depth for queries set in [indices.query.bool.max_nested_depth]")
	}
	if p.clauses++; p.clauses > 8*maxClauses {
		return nil, tooManyClauses()
	}
	q, err := p.clause(name, body)
	p.depth--
	if err != nil {
		return nil, err
	}
	if len(n.Keys) > 1 {
		e := n.Items[1].Parsing("[%s] malformed query, expected [END_OBJECT] but found [FIELD_NAME]", name)
		e.Line, e.Column = position(n.doc.text, n.Items[1].key)
		return nil, e
	}
	if name := q.meta().name; name != "" {
		q = namedQuery{Query: q, name: name}
	}
	return q, nil
}

func tooManyClauses() *Error {
	return Errorf("too_many_clauses", "maxClauseCount is set to %d", maxClauses)
}

// unsupported are the clauses that the original knows and this package does not. They are refused by name.
func unsupported() []string {
	return []string{
		"common", "distance_feature", "field_masking_span", "geo_bounding_box", "geo_distance", "geo_polygon", "geo_shape",
		"has_child", "has_parent", "hybrid", "intervals", "knn", "more_like_this", "neural", "parent_id", "percolate",
		"rank_feature", "script_score", "span_containing", "span_first", "span_multi", "span_near", "span_not", "span_or",
		"span_term", "span_within", "template", "terms_set", "wrapper", "xy_shape",
	}
}

func (p *parser) clause(name string, body *Node) (Query, error) {
	if parse := p.find(name); parse != nil {
		return parse(body)
	}
	if slices.Contains(unsupported(), name) {
		return nil, body.Parsing("query [%s] is not supported", name)
	}
	known := append(unsupported(), supported()...)
	e := body.Parsing("unknown query [%s]%s", name, Suggest(name, known))
	e.CausedBy = Errorf("named_object_not_found_exception", "[%s] unknown field [%s]", body.At(), name)
	return nil, e
}

// find returns what parses a clause, nil if nothing does. A switch, because a map of method values would be made anew for every clause.
func (p *parser) find(name string) func(*Node) (Query, error) {
	switch name {
	case "match_all":
		return p.matchAll
	case "match_none":
		return p.matchNone
	case "term":
		return p.term
	case "terms":
		return p.terms
	case "range":
		return p.rangeQuery
	case "bool":
		return p.boolean
	case "exists":
		return p.exists
	case "ids":
		return p.ids
	case "match":
		return p.matchOf(kindMatch)
	case "match_phrase":
		return p.matchOf(kindPhrase)
	case "match_phrase_prefix":
		return p.matchOf(kindPhrasePrefix)
	case "match_bool_prefix":
		return p.matchOf(kindBoolPrefix)
	case "multi_match":
		return p.multiMatch
	case "prefix":
		return p.patternOf("prefix")
	case "wildcard":
		return p.patternOf("wildcard")
	case "regexp":
		return p.patternOf("regexp")
	case "fuzzy":
		return p.fuzzyQuery
	case "constant_score":
		return p.constantScore
	case "dis_max":
		return p.disMax
	case "boosting":
		return p.boosting
	case "function_score":
		return p.functionScore
	case "nested":
		return p.nested
	case "script":
		return p.script
	case "query_string":
		return p.queryString
	case "simple_query_string":
		return p.simpleQueryString
	}
	return nil
}

// supported are the clauses that find knows.
func supported() []string {
	return []string{
		"match_all",
		"match_none",
		"term",
		"terms",
		"range",
		"bool",
		"exists",
		"ids",
		"match",
		"match_phrase",
		"match_phrase_prefix",
		"match_bool_prefix",
		"multi_match",
		"prefix",
		"wildcard",
		"regexp",
		"fuzzy",
		"constant_score",
		"dis_max",
		"boosting",
		"function_score",
		"nested",
		"script",
		"query_string",
		"simple_query_string",
	}
}

// Suggest words a guess at which of the known names was meant, or nothing.
func Suggest(name string, known []string) string {
	type guess struct {
		name  string
		score float64
	}
	var found []guess
	for _, k := range known {
		d := editDistance([]rune(name), []rune(k), true)
		score := 1 - float64(d)/float64(min(len(name), len(k)))
		if len(name) > 0 && score > 0.5 {
			found = append(found, guess{k, score})
		}
	}
	slices.SortFunc(found, func(a, b guess) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.name, b.name))
	})
	switch len(found) {
	case 0:
		return ""
	case 1:
		return " did you mean [" + found[0].name + "]?"
	}
	names := make([]string, len(found))
	for i, g := range found {
		names[i] = g.name
	}
	return " did you mean any of [" + strings.Join(names, ", ") + "]?"
}

// common reads the options that all clauses have.
func (c *clause) common(key string, v *Node) (bool, error) {
	switch key {
	case "boost":
		f, err := v.Float()
		if err == nil && f < 0 {
			err = illegal("negative [boost] are not allowed in [%s], use a value between 0 and 1 to deboost", v.Raw)
		}
		c.boost = float32(f)
		return true, err
	case "_name":
		var err error
		c.name, err = v.Text()
		return true, err
	}
	return false, nil
}

// options calls read for every member that is not common to all clauses. What read does not know is refused.
func (c *clause) options(n *Node, query string, read func(key string, v *Node) (bool, error)) error {
	for i, key := range n.Keys {
		v := n.Items[i]
		ok, err := c.common(key, v)
		if !ok && err == nil {
			ok, err = read(key, v)
		}
		if err != nil {
			return err
		}
		if !ok {
			return v.Parsing("[%s] query does not support [%s]", query, key)
		}
	}
	return nil
}

// objectOptions is [clause.options] for clauses that the original reads with its declarative parser: that one words
// errors with the position in the text, and wraps what goes wrong inside a member.
func (c *clause) objectOptions(n *Node, query string, read func(key string, v *Node) (bool, error)) error {
	for i, key := range n.Keys {
		v := n.Items[i]
		ok, err := c.common(key, v)
		if !ok && err == nil {
			ok, err = read(key, v)
		}
		if err != nil {
			return v.FailedField(query, key, err)
		}
		if !ok {
			return v.UnknownField(query, key)
		}
	}
	return nil
}

// UnknownField refuses the member of which n is the value, as the original's declarative parsers do.
func (n *Node) UnknownField(parser, key string) *Error {
	return Errorf("x_content_parse_exception", "[%s] [%s] unknown field [%s]", n.keyAt(), parser, key)
}

// FailedField wraps an error inside the member of which n is the value, as the original's declarative parsers do.
func (n *Node) FailedField(parser, key string, err error) error {
	cause, ok := asError(err)
	if !ok {
		return err
	}
	at := n.At()
	if cause.Line > 0 {
		at = fmt.Sprintf("%d:%d", cause.Line, cause.Column)
	} else if strings.HasPrefix(cause.Reason, "[") && cause.Type == "x_content_parse_exception" {
		at, _, _ = strings.Cut(cause.Reason[1:], "]")
	}
	return &Error{Type: "x_content_parse_exception", Reason: fmt.Sprintf("[%s] [%s] failed to parse field [%s]", at, parser, key), CausedBy: cause}
}

// single returns the one field of a clause such as {"term":{"field":…}}. Common options may stand beside it.
func (c *clause) single(n *Node, query string) (field string, v *Node, err error) {
	for i, key := range n.Keys {
		if it := n.Items[i]; it.Kind != Object && it.Kind != Array {
			if ok, err := c.common(key, it); ok {
				if err != nil {
					return "", nil, err
				}
				continue
			}
		}
		if v != nil {
			return "", nil, n.Items[i].Parsing("[%s] query doesn't support multiple fields, found [%s] and [%s]", query, field, key)
		}
		field, v = key, n.Items[i]
	}
	if v == nil {
		return "", nil, illegal("fieldName must not be null or empty")
	}
	return field, v, nil
}

// namedQuery notes its matcher under its name, so that hits can tell which clauses they matched.
type namedQuery struct {
	Query
	name string
}

func (q namedQuery) bind(c *Context, w weight) (Matcher, error) {
	m, err := q.Query.bind(c, w)
	if err == nil && c.named != nil {
		*c.named = append(*c.named, named{name: q.name, match: m})
	}
	return m, err
}
