package query

import (
	"net/url"
	"strings"
	"time"
)

const maxQueryString = 32000 // search.query.max_query_string_length

// queryStringQuery is a query in Lucene's syntax. It is read when it is bound, because what a word means depends on the
// fields that an index has; errors in it are therefore a shard's.
type queryStringQuery struct {
	clause
	textOptions
	query        string
	defaultField string
	fields       []fieldBoost
	kind         string
	tie          *float32
	quote        string // quote_analyzer
	noLeading    *bool  // allow_leading_wildcard, if given
	increments   bool
	rewrite      string
	wildcards    bool // analyze_wildcard
	suffix       string
	lax          *bool
	zone         string
	loc          *time.Location
	escape       bool
	states       int
}

func newQueryString(query string) *queryStringQuery {
	return &queryStringQuery{
		clause: clause{boost: 1}, textOptions: textOptions{expansions: 50, fuzziness: "AUTO"}, query: query,
		kind: "best_fields", increments: true, states: 10000,
	}
}

func (p *parser) queryString(n *Node) (Query, error) {
	q := newQueryString("")
	given := false
	err := q.options(n, "query_string", func(key string, v *Node) (bool, error) {
		if key == "query" {
			given = true
			var err error
			q.query, err = v.Text()
			return true, err
		}
		return q.option(key, v)
	})
	switch {
	case err != nil:
	case !given:
		err = n.Parsing("[query_string] must be provided with a [query]")
	case q.defaultField != "" && q.fields != nil:
		err = illegal("cannot use [fields] parameter in conjunction with [default_field]")
	}
	return q, err
}

func (q *queryStringQuery) option(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "fields":
		q.fields, err = parseFieldBoosts(v)
	case "default_field":
		if v.Kind != Null {
			q.defaultField, err = v.Text()
		}
	case "default_operator":
		err = q.operator(v)
	case "type":
		if q.kind, err = v.Text(); err == nil {
			err = checkMultiType(v, q.kind)
		}
	case "tie_breaker":
		q.tie, err = floatPointer(v)
	case "quote_analyzer":
		q.quote, err = v.Text()
	case "allow_leading_wildcard":
		q.noLeading, err = boolPointer(v)
	case "enable_position_increments":
		if q.increments, err = v.Bool(); err == nil && !q.increments {
			v.Inert("query_string", key)
		}
	case "rewrite":
		v.Inert("query_string", key)
		q.rewrite, err = v.Text()
	case "analyze_wildcard":
		if q.wildcards, err = v.Bool(); err == nil && q.wildcards {
			v.Inert("query_string", key)
		}
	case "quote_field_suffix":
		q.suffix, err = v.Text()
	case "lenient":
		if q.lax, err = boolPointer(v); err == nil {
			q.lenient = *q.lax
		}
	case "time_zone":
		if q.zone, err = v.Text(); err == nil {
			q.loc, err = Zone(q.zone)
		}
	case "escape":
		q.escape, err = v.Bool()
	case "max_determinized_states":
		v.Inert("query_string", key)
		q.states, err = v.Int()
	case "operator", "slop", "zero_terms_query", "transpositions", "max_expansions", "prefix_length":
		return false, nil
	default:
		return q.textOptions.option(key, v)
	}
	return true, err
}

func (q *queryStringQuery) bind(c *Context, w weight) (Matcher, error) {
	text := q.query
	if len(text) > maxQueryString {
		return nil, illegal("Query string length exceeds max allowed length %d (search.query.max_query_string_length); actual length: %d", maxQueryString, len(text))
	}
	if q.escape {
		text = escapeQuery(text)
	}
	s := &syntax{c: c, q: q, w: w.times(q.boost), lenient: q.lenient}
	switch {
	case q.defaultField != "":
		f, err := parseFieldBoost(q.defaultField)
		if err != nil {
			return nil, err
		}
		s.fields = []fieldBoost{f}
	case q.fields != nil:
		s.fields = q.fields
	default:
		s.fields = allFields()
	}
	if len(s.fields) == 1 && s.fields[0].field == "*" && q.lax == nil {
		s.lenient = true
	}
	if strings.TrimSpace(text) == "" {
		return constant(0, never), nil
	}
	m, err := s.parse(text)
	if err != nil {
		e, ok := asError(err)
		if !ok || e.Type != "parse_exception" || !strings.HasPrefix(e.Reason, "Cannot parse") {
			return nil, err
		}
		out := c.shard("Failed to parse query [%s]", q.query)
		out.CausedBy = e
		return nil, out
	}
	return m, nil
}

func escapeQuery(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\+-!():^[]"{}~*?|&/`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (q *queryStringQuery) print(w *Printer) {
	w.wrap("query_string", func() {
		w.Key("query")
		w.Str(q.query)
		w.TextField("default_field", q.defaultField)
		w.fieldBoosts(q.fields)
		w.TextField("type", q.kind)
		if q.tie != nil {
			w.Key("tie_breaker")
			w.Float(*q.tie)
		}
		w.TextField("default_operator", strings.ToLower(q.operatorName()))
		w.TextField("analyzer", q.analyzer)
		w.TextField("quote_analyzer", q.quote)
		w.Key("max_determinized_states")
		w.Int(q.states)
		w.optional("allow_leading_wildcard", q.noLeading)
		w.Key("enable_position_increments")
		w.Bool(q.increments)
		w.TextField("fuzziness", q.fuzziness)
		w.Key("fuzzy_prefix_length")
		w.Int(q.prefix)
		w.Key("fuzzy_max_expansions")
		w.Int(q.expansions)
		w.TextField("fuzzy_rewrite", q.fuzzyRewrite)
		w.Key("phrase_slop")
		w.Int(q.slop)
		w.TextField("rewrite", q.rewrite)
		w.Key("analyze_wildcard")
		w.Bool(q.wildcards)
		w.TextField("quote_field_suffix", q.suffix)
		w.optional("lenient", q.lax)
		w.TextField("minimum_should_match", q.minimum)
		w.TextField("time_zone", q.zone)
		w.Key("escape")
		w.Bool(q.escape)
		w.Key("auto_generate_synonyms_phrase_query")
		w.Bool(!q.noSynonyms)
		w.Key("fuzzy_transpositions")
		w.Bool(!q.noSwaps)
		w.nameBoost(q.clause)
	})
}

func (w *Printer) optional(key string, b *bool) {
	if b != nil {
		w.Key(key)
		w.Bool(*b)
	}
}

// paramQuery reads the parameter q with those that belong to it.
func (r *Request) paramQuery(s string, p url.Values) error {
	q := newQueryString(s)
	q.defaultField = p.Get("df")
	for _, o := range []struct{ param, option string }{
		{"default_operator", "default_operator"}, {"analyzer", "analyzer"}, {"analyze_wildcard", "analyze_wildcard"}, {"lenient", "lenient"},
	} {
		if !p.Has(o.param) {
			continue
		}
		if _, err := q.option(o.option, &Node{Kind: Text, Raw: p.Get(o.param)}); err != nil {
			return err
		}
	}
	if q.wildcards {
		r.Inert("analyze_wildcard", "wildcards are matched as they are")
	}
	r.Query = q
	return nil
}
