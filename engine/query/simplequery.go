package query

import (
	"strconv"
	"strings"
)

// simpleQuery is simple_query_string: a syntax that knows no errors.
type simpleQuery struct {
	clause
	textOptions
	query     string
	fields    []fieldBoost
	flags     int
	lax       *bool
	wildcards bool
	suffix    string
}

// The operators that flags can switch off.
const (
	simpleAnd = 1 << iota
	simpleNot
	simpleOr
	simplePrefix
	simplePhrase
	simplePrecedence
	simpleEscape
	simpleWhitespace
	simpleFuzzy
	simpleNear
)

func (p *parser) simpleQueryString(n *Node) (Query, error) {
	q := &simpleQuery{clause: clause{boost: 1}, textOptions: textOptions{expansions: 50}, flags: -1}
	given := false
	err := q.options(n, "simple_query_string", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "query":
			given = true
			q.query, err = v.Text()
		case "fields":
			q.fields, err = parseFieldBoosts(v)
		case "default_operator":
			err = q.operator(v)
		case "flags":
			q.flags, err = simpleFlags(v)
		case "lenient":
			if q.lax, err = boolPointer(v); err == nil {
				q.lenient = *q.lax
			}
		case "analyze_wildcard":
			if q.wildcards, err = v.Bool(); err == nil && q.wildcards {
				v.Inert("simple_query_string", key)
			}
		case "quote_field_suffix":
			q.suffix, err = v.Text()
		case "analyzer", "minimum_should_match", "auto_generate_synonyms_phrase_query", "fuzzy_prefix_length", "fuzzy_max_expansions", "fuzzy_transpositions":
			return q.option(key, v)
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil && !given {
		err = n.Parsing("[simple_query_string] query text missing")
	}
	return q, err
}

func simpleFlags(v *Node) (int, error) {
	if v.Kind == Number {
		n, err := v.Int()
		if n < 0 {
			n = -1
		}
		return n, err
	}
	s, err := v.Text()
	if err != nil {
		return 0, err
	}
	bits := map[string]int{
		"ALL": -1, "NONE": 0, "AND": simpleAnd, "NOT": simpleNot, "OR": simpleOr, "PREFIX": simplePrefix, "PHRASE": simplePhrase,
		"PRECEDENCE": simplePrecedence, "ESCAPE": simpleEscape, "WHITESPACE": simpleWhitespace, "FUZZY": simpleFuzzy,
		"NEAR": simpleNear, "SLOP": simpleNear,
	}
	out := 0
	for f := range strings.SplitSeq(s, "|") {
		b, ok := bits[strings.ToUpper(f)]
		if !ok {
			return 0, illegal("Unknown simple_query_string flag [%s]", f)
		}
		out |= b
	}
	return out, nil
}

func (q *simpleQuery) bind(c *Context, w weight) (Matcher, error) {
	if len(q.query) > maxQueryString {
		return nil, illegal("Query string length exceeds max allowed length %d (search.query.max_query_string_length); actual length: %d", maxQueryString, len(q.query))
	}
	inner := newQueryString(q.query)
	inner.textOptions = q.textOptions
	inner.fuzziness, inner.suffix = "AUTO", q.suffix
	s := &syntax{c: c, q: inner, w: w.times(q.boost), fields: q.fields, lenient: q.lenient}
	if len(q.fields) == 0 {
		s.fields, s.lenient = allFields(), q.lax == nil || *q.lax
	}
	p := &simpleParser{syntax: s, flags: q.flags, text: q.query}
	m, err := p.group(0)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return constant(0, never), nil
	}
	return m, nil
}

type simpleParser struct {
	*syntax
	flags int
	text  string
	i     int
}

func (p *simpleParser) on(flag int) bool { return p.flags&flag != 0 }

// group reads up to the closing parenthesis. An operator holds between two clauses; the default operator elsewhere.
func (p *simpleParser) group(depth int) (Matcher, error) {
	var all []occurrence
	and := p.q.and
	negative := false
	for p.i < len(p.text) && len(all) <= maxClauses {
		c := p.text[p.i]
		switch {
		case lexSpace(rune(c)):
			p.i++
			continue
		case c == ')' && p.on(simplePrecedence) && depth > 0:
			p.i++
			return p.joinAll(all)
		case c == '+' && p.on(simpleAnd):
			p.i++
			and = true
			if n := len(all); n > 0 && !all[n-1].not {
				all[n-1].required = true
			}
			continue
		case c == '|' && p.on(simpleOr):
			p.i++
			and = false
			if n := len(all); n > 0 && !all[n-1].not {
				all[n-1].required = false
			}
			continue
		case c == '-' && p.on(simpleNot):
			p.i++
			negative = !negative
			continue
		}
		m, err := p.one(c, depth)
		if err != nil {
			return nil, err
		}
		if m != nil {
			all = append(all, occurrence{match: m, required: and && !negative, not: negative})
		}
		and, negative = p.q.and, false
	}
	if len(all) > maxClauses {
		return nil, tooManyClauses()
	}
	return p.joinAll(all)
}

func (p *simpleParser) joinAll(all []occurrence) (Matcher, error) {
	m, negative, err := p.join(all, p.q.minimum)
	if negative != nil {
		m = constant(0, negative)
	}
	return m, err
}

func (p *simpleParser) one(c byte, depth int) (Matcher, error) {
	switch {
	case c == '(' && p.on(simplePrecedence) && depth < maxDepth:
		p.i++
		return p.group(depth + 1)
	case c == '"' && p.on(simplePhrase):
		if end := strings.IndexByte(p.text[p.i+1:], '"'); end >= 0 {
			text := p.text[p.i+1 : p.i+1+end]
			p.i += end + 2
			t := lexeme{kind: lexQuoted, text: text}
			slop := p.number(simpleNear)
			return p.anyField(p.fields, p.w, func(f fieldBoost) (Matcher, error) { return p.leafIn(f, t, slop, p.w) })
		}
		p.i++
		return nil, nil
	case strings.IndexByte(`()"|+`, c) >= 0:
		p.i++
		return nil, nil
	}
	return p.word()
}

// number reads ~2 behind a word or phrase.
func (p *simpleParser) number(flag int) *lexeme {
	if !p.on(flag) || p.i >= len(p.text) || p.text[p.i] != '~' {
		return nil
	}
	j := p.i + 1
	for j < len(p.text) && p.text[j] >= '0' && p.text[j] <= '9' {
		j++
	}
	t := &lexeme{kind: lexFuzzy, text: p.text[p.i+1 : j]}
	if _, err := strconv.Atoi(t.text); err != nil && t.text != "" {
		return nil
	}
	p.i = j
	return t
}

func (p *simpleParser) word() (Matcher, error) {
	start := p.i
	var b strings.Builder
	for p.i < len(p.text) {
		c := p.text[p.i]
		if c == '\\' && p.on(simpleEscape) && p.i+1 < len(p.text) {
			b.WriteByte(p.text[p.i+1])
			p.i += 2
			continue
		}
		if lexSpace(rune(c)) || strings.IndexByte(`()"|+`, c) >= 0 || c == '~' && p.i > start && p.on(simpleFuzzy) {
			break
		}
		b.WriteByte(c)
		p.i++
	}
	text := b.String()
	fuzzy := p.number(simpleFuzzy)
	if p.i == start {
		p.i++ // an operator that is switched off
		return nil, nil
	}
	prefix, isPrefix := strings.CutSuffix(text, "*")
	return p.anyField(p.fields, p.w, func(f fieldBoost) (Matcher, error) {
		switch {
		case isPrefix && prefix != "" && p.on(simplePrefix):
			return p.pattern(f.field, prefix+"*", p.w.times(f.boost))
		case fuzzy != nil:
			return p.fuzzyIn(f.field, text, fuzzy.text, p.w.times(f.boost))
		}
		return p.textIn(f, text, kindMatch, p.w)
	})
}

func (q *simpleQuery) print(w *Printer) {
	w.wrap("simple_query_string", func() {
		w.Key("query")
		w.Str(q.query)
		w.fieldBoosts(q.fields)
		w.TextField("analyzer", q.analyzer)
		w.Key("flags")
		w.Int(q.flags)
		w.TextField("default_operator", strings.ToLower(q.operatorName()))
		w.optional("lenient", q.lax)
		w.Key("analyze_wildcard")
		w.Bool(q.wildcards)
		w.TextField("quote_field_suffix", q.suffix)
		w.TextField("minimum_should_match", q.minimum)
		w.Key("auto_generate_synonyms_phrase_query")
		w.Bool(!q.noSynonyms)
		w.Key("fuzzy_prefix_length")
		w.Int(q.prefix)
		w.Key("fuzzy_max_expansions")
		w.Int(q.expansions)
		w.Key("fuzzy_transpositions")
		w.Bool(!q.noSwaps)
		w.nameBoost(q.clause)
	})
}
