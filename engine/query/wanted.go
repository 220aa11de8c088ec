package query

import (
	"strings"

	"vigil/engine/segment"
)

// wanted collects the tests of terms by which a query would match a field: what a highlighter marks. With exact only
// clauses on that field count.
func wanted(c *Context, q Query, f *segment.Field, exact bool) []func(string) bool {
	on := func(name string) bool {
		if !exact {
			return true
		}
		other := c.Field(name)
		return other != nil && other.Name == f.Name
	}
	switch q := q.(type) {
	case namedQuery:
		return wanted(c, q.Query, f, exact)
	case boolQuery:
		var out []func(string) bool
		for _, list := range [][]Query{q.must, q.filter, q.should} {
			for _, inner := range list {
				out = append(out, wanted(c, inner, f, exact)...)
			}
		}
		return out
	case constantScoreQuery:
		return wanted(c, q.filter, f, exact)
	case boostingQuery:
		return wanted(c, q.positive, f, exact)
	case disMaxQuery:
		var out []func(string) bool
		for _, inner := range q.queries {
			out = append(out, wanted(c, inner, f, exact)...)
		}
		return out
	case functionScoreQuery:
		if q.query != nil {
			return wanted(c, q.query, f, exact)
		}
	case matchQuery:
		if on(q.field) {
			return wantedText(c, f, q.text.Raw, q.kind == kindPhrasePrefix || q.kind == kindBoolPrefix)
		}
	case multiMatchQuery:
		for _, fb := range q.fields {
			if on(fb.field) || glob(fb.field, f.Name) {
				return wantedText(c, f, q.text.Raw, q.kind == "phrase_prefix" || q.kind == "bool_prefix")
			}
		}
	case termQuery:
		if on(q.field) {
			return []func(string) bool{func(t string) bool { return t == q.value.Raw || q.fold && strings.EqualFold(t, q.value.Raw) }}
		}
	case termsQuery:
		if on(q.field) {
			set := map[string]bool{}
			for _, v := range q.values {
				set[v.Raw] = true
			}
			return []func(string) bool{func(t string) bool { return set[t] }}
		}
	case patternQuery:
		if on(q.field) {
			if ok, err := q.accepts(f); err == nil {
				return []func(string) bool{ok}
			}
		}
	case *queryStringQuery:
		return wantedSyntax(c, q, f, exact)
	}
	return nil
}

func wantedText(c *Context, f *segment.Field, text string, prefix bool) []func(string) bool {
	if f.Type != segment.Text {
		return []func(string) bool{func(t string) bool { return t == text }}
	}
	var out []func(string) bool
	tokens := c.searchTokens(f, "", text)
	for i, t := range tokens {
		out = append(out, func(s string) bool {
			return s == t.Term || prefix && i == len(tokens)-1 && strings.HasPrefix(s, t.Term)
		})
	}
	return out
}

// wantedSyntax takes the words of a query string that are not prohibited; a word behind another field counts for that.
func wantedSyntax(c *Context, q *queryStringQuery, f *segment.Field, exact bool) []func(string) bool {
	s := &syntax{c: c, q: q, text: q.query}
	if s.lex() != nil {
		return nil
	}
	var out []func(string) bool
	field, not := "", false
	for i, t := range s.toks {
		switch t.kind {
		case lexMinus, lexNot:
			not = true
			continue
		case lexColon, lexPlus, lexOpen, lexClose:
			continue
		case lexTerm, lexQuoted, lexWild:
		default:
			field, not = "", false
			continue
		}
		if s.toks[i+1].kind == lexColon {
			field = unescape(t.text)
			continue
		}
		if !not && (field == "" || !exact || c.sameField(field, f)) {
			if t.kind == lexWild {
				p := strings.ToLower(t.text)
				out = append(out, func(s string) bool { return glob(p, strings.ToLower(s)) })
			} else {
				out = append(out, wantedText(c, f, unescape(t.text), false)...)
			}
		}
		field, not = "", false
	}
	return out
}

func (c *Context) sameField(name string, f *segment.Field) bool {
	g := c.Field(name)
	return g != nil && g.Name == f.Name
}
