package query

import (
	"slices"
	"strconv"
	"strings"

	"vigil/engine/segment"
)

// fieldBoost is a field, or a pattern of fields, with its weight: "title^2".
type fieldBoost struct {
	field string
	boost float32
}

func parseFieldBoosts(v *Node) ([]fieldBoost, error) {
	names, err := v.strings()
	if err != nil {
		return nil, err
	}
	out := make([]fieldBoost, 0, len(names))
	for _, n := range names {
		f, err := parseFieldBoost(n)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b fieldBoost) int { return strings.Compare(a.field, b.field) })
	return out, nil
}

func parseFieldBoost(s string) (fieldBoost, error) {
	field, boost, ok := strings.Cut(s, "^")
	if !ok {
		return fieldBoost{field, 1}, nil
	}
	f, err := strconv.ParseFloat(boost, 32)
	if err != nil {
		return fieldBoost{}, Errorf("number_format_exception", "For input string: \"%s\"", boost)
	}
	return fieldBoost{field, float32(f)}, nil
}

func (w *Printer) fieldBoosts(fs []fieldBoost) {
	w.Key("fields")
	w.Open('[')
	for _, f := range fs {
		w.Str(f.field + "^" + string(AppendFloat(nil, f.boost)))
	}
	w.Close(']')
}

// expandFields resolves patterns against the mapping. Of what a pattern finds only fields that can hold the text of a
// query remain.
func (c *Context) expandFields(fs []fieldBoost) (out []fieldBoost, patterns bool) {
	for _, fb := range fs {
		if !strings.Contains(fb.field, "*") {
			out = append(out, fb)
			continue
		}
		patterns = true
		for _, f := range c.Fields.Match(fb.field) {
			switch f.Type {
			case segment.Object, segment.Nested, segment.Alias, segment.GeoPoint, segment.Binary:
				continue
			default:
			}
			if !f.NotIndexed {
				out = append(out, fieldBoost{f.Name, fb.boost})
			}
		}
	}
	return out, patterns
}

// allFields is what a query without fields searches: index.query.default_field is "*".
func allFields() []fieldBoost { return []fieldBoost{{"*", 1}} }

type multiMatchQuery struct {
	clause
	textOptions
	text   *Node
	fields []fieldBoost
	kind   string // type
	tie    *float32
	lax    *bool // lenient, if given
}

func (p *parser) multiMatch(n *Node) (Query, error) {
	q := multiMatchQuery{clause: clause{boost: 1}, textOptions: textOptions{expansions: 50}, kind: "best_fields"}
	err := q.options(n, "multi_match", func(key string, v *Node) (bool, error) {
		var err error
		switch key {
		case "query":
			q.text = v
			return v.Scalar(), nil
		case "fields":
			q.fields, err = parseFieldBoosts(v)
		case "type":
			if q.kind, err = v.Text(); err == nil {
				err = checkMultiType(v, q.kind)
			}
		case "tie_breaker":
			q.tie, err = floatPointer(v)
		case "lenient":
			if q.lax, err = boolPointer(v); err == nil {
				q.lenient = *q.lax
			}
		default:
			return q.option(key, v)
		}
		return true, err
	})
	switch {
	case err != nil:
	case q.text == nil:
		err = n.Parsing("No text specified for multi_match query")
	case q.fuzziness != "" && (q.kind == "phrase" || q.kind == "phrase_prefix"):
		err = n.Parsing("Fuzziness not allowed for type [%s]", q.kind)
	}
	return q, err
}

func checkMultiType(v *Node, kind string) error {
	switch kind {
	case "best_fields", "most_fields", "phrase", "phrase_prefix", "bool_prefix":
		return nil
	case "cross_fields":
		return v.Parsing("[multi_match] type [cross_fields] is not supported")
	}
	return v.Parsing("failed to parse [multi_match] query type [%s]. unknown type.", kind)
}

func floatPointer(v *Node) (*float32, error) {
	f, err := v.Float()
	g := float32(f)
	return &g, err
}

func (q multiMatchQuery) bind(c *Context, w weight) (Matcher, error) {
	fields := q.fields
	if len(fields) == 0 {
		fields = allFields()
	}
	o := q.textOptions
	expanded, patterns := c.expandFields(fields)
	o.lenient = o.lenient || q.lax == nil && (patterns || len(q.fields) == 0)
	return c.multi(q.kind, q.text.Raw, expanded, o, q.tie, w.times(q.boost))
}

// multi answers a text in several fields.
func (c *Context) multi(kind, text string, fields []fieldBoost, o textOptions, tie *float32, w weight) (Matcher, error) {
	if len(fields) > maxClauses {
		return nil, illegal("field expansion matches too many fields, limit: %d, got: %d", maxClauses, len(fields))
	}
	if len(fields) == 0 {
		return constant(0, never), nil
	}
	as := map[string]matchKind{"phrase": kindPhrase, "phrase_prefix": kindPhrasePrefix, "bool_prefix": kindBoolPrefix}[kind]
	if as == "" {
		as = kindMatch
	}
	var ms []Matcher
	for _, fb := range fields {
		m, err := c.match(as, fb.field, text, o, w.times(fb.boost))
		if err != nil {
			if o.lenient {
				continue
			}
			return nil, err
		}
		ms = append(ms, m)
	}
	t := float32(0)
	if kind == "most_fields" || kind == "bool_prefix" {
		t = 1
	}
	if tie != nil {
		t = *tie
	}
	return best(ms, t), nil
}

func (q multiMatchQuery) print(w *Printer) {
	w.wrap("multi_match", func() {
		w.Key("query")
		w.Node(q.text)
		w.fieldBoosts(q.fields)
		w.TextField("type", q.kind)
		w.TextField("operator", q.operatorName())
		w.TextField("analyzer", q.analyzer)
		w.Key("slop")
		w.Int(q.slop)
		w.TextField("fuzziness", q.fuzziness)
		w.Key("prefix_length")
		w.Int(q.prefix)
		w.Key("max_expansions")
		w.Int(q.expansions)
		w.TextField("minimum_should_match", q.minimum)
		w.TextField("fuzzy_rewrite", q.fuzzyRewrite)
		if q.tie != nil {
			w.Key("tie_breaker")
			w.Float(*q.tie)
		}
		if q.lax != nil {
			w.Key("lenient")
			w.Bool(*q.lax)
		}
		w.TextField("zero_terms_query", q.zeroName())
		w.Key("auto_generate_synonyms_phrase_query")
		w.Bool(!q.noSynonyms)
		w.Key("fuzzy_transpositions")
		w.Bool(!q.noSwaps)
		w.nameBoost(q.clause)
	})
}
