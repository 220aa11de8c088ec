package query

import (
	"slices"
	"strconv"
	"strings"

	"vigil/engine/segment"
)

// patternQuery is a prefix, wildcard or regexp clause.
type patternQuery struct {
	clause
	kind    string
	field   string
	value   string
	fold    bool
	rewrite string
	flags   int
	states  int // max_determinized_states
}

func (p *parser) patternOf(kind string) func(*Node) (Query, error) {
	return func(n *Node) (Query, error) {
		q := patternQuery{clause: clause{boost: 1}, kind: kind, flags: regexpAll, states: 10000}
		field, v, err := q.single(n, kind)
		if err != nil {
			return nil, err
		}
		q.field = field
		given := v.Scalar()
		if given {
			q.value = v.Raw
		} else if v.Kind == Object {
			err = q.options(v, kind, func(key string, v *Node) (bool, error) {
				if key == "value" || key == kind && kind != "regexp" {
					given = true
					q.value, err = v.Text()
					return true, err
				}
				return q.option(key, v)
			})
		}
		if err == nil && !given {
			err = illegal("value cannot be null")
		}
		if err == nil && len(q.value) > maxPattern {
			err = illegal("The length of regex [%d] used in the Regexp Query request has exceeded the allowed maximum of [%d]. "+
				"This maximum can be set by changing the [index.max_regex_length] index level setting.", len(q.value), maxPattern)
		}
		return q, err
	}
}

const maxPattern = 1000

func (q *patternQuery) option(key string, v *Node) (bool, error) {
	var err error
	switch {
	case key == "case_insensitive":
		q.fold, err = v.Bool()
	case key == "rewrite":
		v.Inert(q.kind, key)
		q.rewrite, err = v.Text()
	case key == "flags" && q.kind == "regexp":
		var s string
		if s, err = v.Text(); err == nil {
			q.flags, err = regexpFlags(s)
		}
	case key == "flags_value" && q.kind == "regexp":
		q.flags, err = v.Int()
	case key == "max_determinized_states" && q.kind == "regexp":
		v.Inert(q.kind, key)
		q.states, err = v.Int()
	default:
		return false, nil
	}
	return true, err
}

func (q patternQuery) bind(c *Context, w weight) (Matcher, error) {
	score := w.boost * q.boost
	f := c.Field(q.field)
	if f == nil {
		return constant(0, never), nil
	}
	if err := searchable(f); err != nil {
		return nil, err
	}
	if f.Name == "_index" && q.kind != "regexp" {
		ok, err := q.accepts(f)
		if err != nil || !ok(c.Index) {
			return constant(0, never), err
		}
		return constant(score, always), nil
	}
	if !hasTerms(f.Type) || f.Name == "_id" {
		return nil, c.shard("Can only use %s queries on keyword, text and wildcard fields - not on [%s] which is of type [%s]", q.kind, f.Name, fieldType(f))
	}
	ok, err := q.accepts(f)
	if err != nil {
		return nil, err
	}
	return constant(score, c.anyTerm(f, ok)), nil
}

func fieldType(f *segment.Field) string {
	if f.Name == "_id" {
		return "_id"
	}
	return string(f.Type)
}

// accepts returns the test of one term.
func (q patternQuery) accepts(f *segment.Field) (func(string) bool, error) {
	value := q.value
	if f.Type == segment.Keyword && q.kind != "regexp" {
		value = normalize(f, value)
	}
	switch q.kind {
	case "prefix":
		if q.fold {
			return func(t string) bool { return len(t) >= len(value) && strings.EqualFold(t[:len(value)], value) }, nil
		}
		return func(t string) bool { return strings.HasPrefix(t, value) }, nil
	case "wildcard":
		if q.fold {
			value = strings.ToLower(value)
			p := []rune(value)
			return func(t string) bool { return globRunes(p, []rune(strings.ToLower(t))) }, nil
		}
		p := []rune(value)
		return func(t string) bool { return globRunes(p, []rune(t)) }, nil
	}
	return luceneRegexp(value, q.flags, q.fold)
}

func (q patternQuery) print(w *Printer) {
	w.wrap(q.kind, func() {
		w.Key(q.field)
		w.Open('{')
		key := "value"
		if q.kind == "wildcard" {
			key = "wildcard"
		}
		w.Key(key)
		w.Str(q.value)
		if q.kind == "regexp" {
			w.Key("flags_value")
			w.Int(q.flags)
		}
		if q.kind == "prefix" {
			w.TextField("rewrite", q.rewrite)
		}
		if q.fold {
			w.Key("case_insensitive")
			w.Bool(true)
		}
		if q.kind == "regexp" {
			w.Key("max_determinized_states")
			w.Int(q.states)
		}
		if q.kind != "prefix" {
			w.TextField("rewrite", q.rewrite)
		}
		w.nameBoost(q.clause)
		w.Close('}')
	})
}

type fuzzyQuery struct {
	clause
	textOptions
	field   string
	value   *Node
	rewrite string
}

func (p *parser) fuzzyQuery(n *Node) (Query, error) {
	q := fuzzyQuery{clause: clause{boost: 1}, textOptions: textOptions{fuzziness: "AUTO", expansions: 50}}
	field, v, err := q.single(n, "fuzzy")
	if err != nil {
		return nil, err
	}
	q.field = field
	if v.Kind == Object {
		err = q.options(v, "fuzzy", func(key string, v *Node) (bool, error) {
			switch key {
			case "value", "term":
				q.value = v
				return v.Scalar(), nil
			case "rewrite":
				v.Inert("fuzzy", key)
				q.rewrite, err = v.Text()
				return true, err
			case "fuzziness", "prefix_length", "max_expansions", "transpositions":
				return q.option(key, v)
			}
			return false, nil
		})
	} else if v.Scalar() {
		q.value = v
	}
	if err == nil && q.value == nil {
		err = illegal("query value cannot be null")
	}
	return q, err
}

func (q fuzzyQuery) bind(c *Context, w weight) (Matcher, error) {
	f := c.Field(q.field)
	if f == nil {
		return constant(0, never), nil
	}
	if err := searchable(f); err != nil {
		return nil, err
	}
	if !hasTerms(f.Type) {
		return nil, illegal("Can only use fuzzy queries on keyword and text fields - not on [%s] which is of type [%s]", f.Name, f.Type)
	}
	return c.fuzzy(f, q.value.Raw, q.textOptions, w.times(q.boost))
}

// maxEdits evaluates a fuzziness for a term of so many characters: AUTO, AUTO:3,6, or 0, 1, 2.
func maxEdits(fuzziness string, length int) (int, error) {
	auto, limits, _ := strings.Cut(strings.ToUpper(fuzziness), ":")
	if auto == "AUTO" {
		low, high := 3, 6
		if limits != "" {
			a, b, ok := strings.Cut(limits, ",")
			var err1, err2 error
			low, err1 = strconv.Atoi(a)
			high, err2 = strconv.Atoi(b)
			if !ok || err1 != nil || err2 != nil || low < 0 || high < low {
				return 0, Errorf("parse_exception", "failed to find low and high distance values")
			}
		}
		switch {
		case length < low:
			return 0, nil
		case length < high:
			return 1, nil
		}
		return 2, nil
	}
	f, err := strconv.ParseFloat(fuzziness, 32)
	if err != nil {
		return 0, Errorf("number_format_exception", "For input string: \"%s\"", fuzziness)
	}
	if f < 0 || f > 2 {
		return 0, illegal("Valid edit distances are [0, 1, 2] but was [%s]", fuzziness)
	}
	return int(f), nil
}

// fuzzy matches the terms within the edit distance, scored as if all of them were as frequent as the most frequent.
func (c *Context) fuzzy(f *segment.Field, term string, o textOptions, w weight) (Matcher, error) {
	want := []rune(term)
	edits, err := maxEdits(o.fuzziness, len(want))
	if err != nil {
		return nil, err
	}
	if edits == 0 {
		return c.termMatcher(f, term, w)
	}
	type near struct {
		term  string
		boost float32
	}
	var found []near
	st := c.stats(f)
	df := 0
	for t := range st.df {
		r := []rune(t)
		if len(r) < len(want)-edits || len(r) > len(want)+edits || commonPrefix(r, want) < min(o.prefix, len(want)) {
			continue
		}
		if d := editDistance(want, r, !o.noSwaps); d <= edits {
			found = append(found, near{t, 1 - float32(d)/float32(min(len(r), len(want)))})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		if a.boost != b.boost {
			if a.boost > b.boost {
				return -1
			}
			return 1
		}
		return strings.Compare(a.term, b.term)
	})
	found = found[:min(len(found), max(o.expansions, 1))]
	for _, n := range found {
		df = max(df, st.df[n.term])
	}
	boosts := make(map[string]float32, len(found))
	for _, n := range found {
		boosts[n.term] = n.boost
	}
	if !w.scores {
		return constant(w.boost, c.anyTerm(f, func(t string) bool { _, ok := boosts[t]; return ok })), nil
	}
	return c.blended(f, boosts, df, w), nil
}

func (c *Context) blended(f *segment.Field, boosts map[string]float32, df int, w weight) Matcher {
	base := c.similarityOf(f, w.boost, df)
	return func(d *segment.Doc) (float32, bool) {
		terms := c.terms(d, f)
		freq := map[string]int{}
		for _, t := range terms {
			if _, ok := boosts[t]; ok {
				freq[t]++
			}
		}
		var sum float64
		for t, n := range freq {
			s := base
			s.weight *= boosts[t]
			sum += float64(s.score(float32(n), len(terms)))
		}
		return float32(sum), len(freq) > 0
	}
}

func commonPrefix(a, b []rune) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func (q fuzzyQuery) print(w *Printer) {
	w.wrap("fuzzy", func() {
		w.Key(q.field)
		w.Open('{')
		w.Key("value")
		w.Node(q.value)
		w.TextField("fuzziness", q.fuzziness)
		w.Key("prefix_length")
		w.Int(q.prefix)
		w.Key("max_expansions")
		w.Int(q.expansions)
		w.Key("transpositions")
		w.Bool(!q.noSwaps)
		w.TextField("rewrite", q.rewrite)
		w.nameBoost(q.clause)
		w.Close('}')
	})
}
