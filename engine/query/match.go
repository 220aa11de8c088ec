package query

import (
	"strings"

	"vigil/engine/analysis"
	"vigil/engine/segment"
)

// textOptions are what the clauses that analyze text have in common.
type textOptions struct {
	analyzer     string
	and          bool // operator
	minimum      string
	fuzziness    string
	prefix       int
	expansions   int
	noSwaps      bool
	lenient      bool
	zeroAll      bool // zero_terms_query: all
	noSynonyms   bool // auto_generate_synonyms_phrase_query: false
	slop         int
	fuzzyRewrite string
}

func (o *textOptions) option(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "analyzer":
		o.analyzer, err = v.Text()
	case "operator":
		err = o.operator(v)
	case "minimum_should_match":
		o.minimum, err = v.Text()
	case "fuzziness":
		if o.fuzziness, err = v.Text(); err == nil {
			_, err = maxEdits(o.fuzziness, 0)
		}
	case "prefix_length", "fuzzy_prefix_length":
		o.prefix, err = v.Int()
	case "max_expansions", "fuzzy_max_expansions":
		o.expansions, err = v.Int()
	case "fuzzy_transpositions", "transpositions":
		var b bool
		b, err = v.Bool()
		o.noSwaps = !b
	case "fuzzy_rewrite":
		v.Inert("match", key)
		o.fuzzyRewrite, err = v.Text()
	case "lenient":
		o.lenient, err = v.Bool()
	case "slop", "phrase_slop":
		if o.slop, err = v.Int(); err == nil && o.slop < 0 {
			err = illegal("No negative slop allowed.")
		}
	case "zero_terms_query":
		err = o.zeroTerms(v)
	case "auto_generate_synonyms_phrase_query":
		var b bool
		b, err = v.Bool()
		o.noSynonyms = !b
	default:
		return false, nil
	}
	return true, err
}

func (o *textOptions) operator(v *Node) error {
	s, err := v.Text()
	if err != nil {
		return err
	}
	switch strings.ToLower(s) {
	case "or":
		o.and = false
	case "and":
		o.and = true
	default:
		return illegal("No enum constant org.opensearch.index.query.Operator.%s", strings.ToUpper(s))
	}
	return nil
}

func (o *textOptions) zeroTerms(v *Node) error {
	s, err := v.Text()
	if err != nil {
		return err
	}
	switch strings.ToLower(s) {
	case "none":
		o.zeroAll = false
	case "all":
		o.zeroAll = true
	default:
		return v.Parsing("Unsupported zero_terms_query value [%s]", s)
	}
	return nil
}

func (o textOptions) operatorName() string {
	if o.and {
		return "AND"
	}
	return "OR"
}

func (o textOptions) zeroName() string {
	if o.zeroAll {
		return "ALL"
	}
	return "NONE"
}

type matchKind string

const (
	kindMatch        matchKind = "match"
	kindPhrase       matchKind = "match_phrase"
	kindPhrasePrefix matchKind = "match_phrase_prefix"
	kindBoolPrefix   matchKind = "match_bool_prefix"
)

func (k matchKind) takes(option string) bool {
	switch option {
	case "analyzer":
		return true
	case "zero_terms_query":
		return k != kindBoolPrefix
	case "slop":
		return k == kindPhrase || k == kindPhrasePrefix
	case "max_expansions":
		return k != kindPhrase
	case "lenient", "auto_generate_synonyms_phrase_query":
		return k == kindMatch
	}
	return k == kindMatch || k == kindBoolPrefix
}

type matchQuery struct {
	clause
	textOptions
	kind  matchKind
	field string
	text  *Node
}

func (p *parser) matchOf(kind matchKind) func(*Node) (Query, error) {
	return func(n *Node) (Query, error) {
		q := matchQuery{clause: clause{boost: 1}, textOptions: textOptions{expansions: 50}, kind: kind}
		field, v, err := q.single(n, string(kind))
		if err != nil {
			return nil, err
		}
		q.field = field
		if v.Kind == Array {
			return nil, v.Parsing("[%s] unknown token [START_ARRAY] after [%s]", kind, field)
		}
		if q.text = v; v.Kind == Object {
			q.text = nil
			err = q.options(v, string(kind), func(key string, v *Node) (bool, error) {
				if key == "query" && v.Scalar() {
					q.text = v
					return true, nil
				}
				if !kind.takes(key) || !v.Scalar() {
					return false, nil
				}
				return q.option(key, v)
			})
		}
		if err == nil && (q.text == nil || q.text.Kind == Null) {
			err = n.Parsing("No text specified for text query")
		}
		return q, err
	}
}

func (q matchQuery) bind(c *Context, w weight) (Matcher, error) {
	return c.match(q.kind, q.field, q.text.Raw, q.textOptions, w.times(q.boost))
}

// match answers a clause that analyzes text, for one field.
func (c *Context) match(kind matchKind, field, text string, o textOptions, w weight) (Matcher, error) {
	f := c.Field(field)
	if f == nil {
		return constant(0, never), nil
	}
	if err := searchable(f); err != nil {
		return nil, err
	}
	if f.Type != segment.Text {
		m, err := c.matchExact(kind, f, text, o, w)
		if err != nil && o.lenient {
			return constant(0, never), nil
		}
		return m, err
	}
	name := o.analyzer
	if name == "" {
		name = f.SearchAnalyzer
	}
	if name == "" {
		name = f.Analyzer
	}
	a, err := analysis.New(name)
	if err != nil {
		return nil, c.shard("[%s] analyzer [%s] not found", kind, name)
	}
	tokens := a.Tokens(text)
	if len(tokens) > maxClauses {
		return nil, tooManyClauses()
	}
	if len(tokens) == 0 {
		if o.zeroAll {
			return constant(w.boost, always), nil
		}
		return constant(0, never), nil
	}
	switch kind {
	case kindPhrase:
		return c.phrase(f, tokens, o, false, w), nil
	case kindPhrasePrefix:
		return c.phrase(f, tokens, o, true, w), nil
	default:
		return c.matchTokens(kind, f, tokens, o, w)
	}
}

// matchExact is for fields that are not analyzed.
func (c *Context) matchExact(kind matchKind, f *segment.Field, text string, o textOptions, w weight) (Matcher, error) {
	switch {
	case hasTerms(f.Type) && (kind == kindPhrasePrefix || kind == kindBoolPrefix):
		p := normalize(f, text)
		return constant(w.boost, c.anyTerm(f, func(t string) bool { return strings.HasPrefix(t, p) })), nil
	case kind == kindPhrasePrefix || kind == kindBoolPrefix && !hasTerms(f.Type):
		return nil, c.shard("Can only use phrase prefix queries on text fields - not on [%s] which is of type [%s]", f.Name, f.Type)
	case hasTerms(f.Type) && o.fuzziness != "" && kind == kindMatch:
		return c.fuzzy(f, normalize(f, text), o, w)
	}
	return c.termMatcher(f, text, w)
}

func (c *Context) matchTokens(kind matchKind, f *segment.Field, tokens []analysis.Token, o textOptions, w weight) (Matcher, error) {
	ms := make([]Matcher, len(tokens))
	for i, t := range tokens {
		var err error
		switch {
		case kind == kindBoolPrefix && i == len(tokens)-1:
			ms[i] = constant(w.boost, c.anyTerm(f, func(s string) bool { return strings.HasPrefix(s, t.Term) }))
		case o.fuzziness != "":
			ms[i], err = c.fuzzy(f, t.Term, o, w)
		default:
			ms[i], err = c.termMatcher(f, t.Term, w)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(ms) == 1 {
		return ms[0], nil
	}
	if o.and {
		return combine(ms, nil, nil, 0), nil
	}
	least, err := minimumShouldMatch(len(ms), o.minimum)
	if err != nil {
		return nil, err
	}
	return combine(nil, nil, ms, max(least, 1)), nil
}

func (q matchQuery) print(w *Printer) {
	w.wrap(string(q.kind), func() {
		w.Key(q.field)
		w.Open('{')
		w.Key("query")
		w.Node(q.text)
		switch q.kind {
		case kindMatch:
			w.TextField("operator", q.operatorName())
			w.TextField("analyzer", q.analyzer)
			q.printFuzzy(w)
			w.Key("lenient")
			w.Bool(q.lenient)
			w.TextField("zero_terms_query", q.zeroName())
			w.Key("auto_generate_synonyms_phrase_query")
			w.Bool(!q.noSynonyms)
		case kindBoolPrefix:
			w.TextField("analyzer", q.analyzer)
			w.TextField("operator", q.operatorName())
			q.printFuzzy(w)
		default:
			w.TextField("analyzer", q.analyzer)
			w.Key("slop")
			w.Int(q.slop)
			if q.kind == kindPhrasePrefix {
				w.Key("max_expansions")
				w.Int(q.expansions)
			}
			w.TextField("zero_terms_query", q.zeroName())
		}
		w.nameBoost(q.clause)
		w.Close('}')
	})
}

func (o textOptions) printFuzzy(w *Printer) {
	w.TextField("fuzziness", o.fuzziness)
	w.Key("prefix_length")
	w.Int(o.prefix)
	w.Key("max_expansions")
	w.Int(o.expansions)
	w.TextField("minimum_should_match", o.minimum)
	w.TextField("fuzzy_rewrite", o.fuzzyRewrite)
	w.Key("fuzzy_transpositions")
	w.Bool(!o.noSwaps)
}

// TextField prints a member unless it is empty.
func (w *Printer) TextField(key, value string) {
	if value != "" {
		w.Key(key)
		w.Str(value)
	}
}

// searchTokens analyzes a text as a query for the field does.
func (c *Context) searchTokens(f *segment.Field, analyzer, text string) []analysis.Token {
	for _, name := range []string{analyzer, f.SearchAnalyzer, f.Analyzer} {
		if name != "" {
			analyzer = name
			break
		}
	}
	a, err := analysis.New(analyzer)
	if err != nil {
		return []analysis.Token{{Term: text}} // the query itself will say so
	}
	return a.Tokens(text)
}
