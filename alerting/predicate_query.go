package alerting

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// fieldsFunc resolves a field name of a query.
type fieldsFunc func(name string) Field

// harmless are members of a search body that do not make it see other documents than its query does. Scores are not: they depend on
// documents that do not match.
func harmless(name string) bool {
	switch name {
	case "size", "from", "query", "aggs", "aggregations", "sort", "_source", "track_total_hits", "fields", "docvalue_fields",
		"stored_fields", "timeout", "version", "seq_no_primary_term", "highlight", "explain", "script_fields", "search_after",
		"terminate_after", "collapse", "track_scores", "profile", "post_filter":
		return true
	}
	return false
}

// newPredicate returns what a document must have to change the result of a search body, as far as that can be told.
func newPredicate(body json.RawMessage, fields fieldsFunc) predicate {
	if fields == nil {
		fields = dynamicField
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var search map[string]any
	if d.Decode(&search) != nil {
		return always{}
	}
	for name := range search {
		if !harmless(name) {
			return always{}
		}
	}
	// Some aggregations look past the query.
	for _, name := range []string{"aggs", "aggregations"} {
		if looksPast(search[name], 0) {
			return always{}
		}
	}
	q, ok := search["query"]
	if !ok {
		return always{}
	}
	return queryParser{fields}.parse(q, 0)
}

func looksPast(v any, depth int) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if k == "global" || strings.HasPrefix(k, "significant_t") || depth > maxPredicateDepth || looksPast(x, depth+1) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if depth > maxPredicateDepth || looksPast(x, depth+1) {
				return true
			}
		}
	}
	return false
}

type queryParser struct{ fields fieldsFunc }

func (p queryParser) parse(q any, depth int) predicate {
	m, ok := q.(map[string]any)
	if !ok || len(m) != 1 || depth > maxPredicateDepth {
		return always{}
	}
	for name, arg := range m {
		body, ok := arg.(map[string]any)
		if !ok {
			return always{}
		}
		switch name {
		case "bool":
			return p.boolean(body, depth)
		case "constant_score":
			return p.parse(body["filter"], depth+1)
		case "function_score", "nested":
			if inner, ok := body["query"]; ok {
				return p.parse(inner, depth+1)
			}
		case "boosting":
			return p.parse(body["positive"], depth+1)
		case "dis_max":
			return p.either(body["queries"], depth)
		case "match_none":
			return never{}
		case "exists":
			if field, ok := body["field"].(string); ok {
				return p.leaf(name, field, nil)
			}
		case "term", "terms", "match", "match_phrase", "prefix", "wildcard", "regexp", "fuzzy", "range", "match_phrase_prefix":
			return p.fieldQuery(name, body)
		}
	}
	return always{}
}

// fieldQuery reads {field: arg} beside parameters of the query as a whole.
func (p queryParser) fieldQuery(name string, body map[string]any) predicate {
	var out predicate = always{}
	found := 0
	for field, arg := range body {
		if field == "boost" || field == "_name" {
			continue
		}
		found++
		out = p.leaf(name, field, arg)
	}
	if found != 1 {
		return always{}
	}
	return out
}

func (p queryParser) boolean(body map[string]any, depth int) predicate {
	var all allOf
	required := 0
	for _, name := range []string{"must", "filter"} {
		for _, q := range list(body[name]) {
			required++
			all = append(all, p.parse(q, depth+1))
		}
	}
	if should := list(body["should"]); len(should) > 0 && needsShould(body["minimum_should_match"], required) {
		all = append(all, p.either(should, depth))
	}
	// What must not match is left out: the predicate cannot say that something matches for certain.
	if len(all) == 1 {
		return all[0]
	}
	if len(all) == 0 {
		return always{}
	}
	return all
}

// needsShould reports whether one of the optional clauses must match for certain.
func needsShould(minimum any, required int) bool {
	switch v := minimum.(type) {
	case nil:
		return required == 0
	case json.Number:
		n, err := v.Int64()
		return err == nil && n > 0
	case string:
		n, err := strconv.Atoi(v)
		return err == nil && n > 0
	}
	return false
}

func (p queryParser) either(queries any, depth int) predicate {
	var out anyOf
	for _, q := range list(queries) {
		out = append(out, p.parse(q, depth+1))
	}
	if len(out) == 0 {
		return always{}
	}
	return out
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func (p queryParser) leaf(name, field string, arg any) predicate {
	if strings.HasPrefix(field, "_") || strings.ContainsAny(field, "*{") || field == "" {
		return always{}
	}
	f := p.fields(field)
	if f.Opaque || f.Path == "" {
		return always{}
	}
	switch name {
	case "term":
		return newEquals(f, []any{inner(arg, "value", "case_insensitive")}, false)
	case "terms":
		if values, ok := arg.([]any); ok && len(values) <= 1024 {
			return newEquals(f, values, false)
		}
		return always{}
	case "match":
		return p.match(f, arg, true)
	case "match_phrase":
		return p.match(f, arg, false)
	case "prefix":
		if text, ok := inner(arg, "value", "").(string); ok && !isTemplate(text) {
			return containsText{f.Path, fold(text)}
		}
	case "range":
		return newRange(f, arg)
	}
	if hasTemplate(arg) {
		return always{}
	}
	return present{f.Path}
}

// inner returns the value of {"value": v, …} or v itself; the parameter loose makes it unusable.
func inner(arg any, member, loose string) any {
	m, ok := arg.(map[string]any)
	if !ok {
		return arg
	}
	if _, ok := m[loose]; ok {
		return nil
	}
	return m[member]
}

func (p queryParser) match(f Field, arg any, words bool) predicate {
	if m, ok := arg.(map[string]any); ok {
		for name := range m {
			switch name {
			case "operator":
				if op, _ := m[name].(string); strings.EqualFold(op, "and") {
					words = false
				}
			case "query", "boost", "minimum_should_match", "slop", "lenient", "_name", "max_expansions",
				"prefix_length", "fuzzy_transpositions", "auto_generate_synonyms_phrase_query":
			case "zero_terms_query":
				if m[name] != "NONE" && m[name] != "none" {
					return always{}
				}
			default:
				return always{}
			}
		}
		arg = m["query"]
	}
	// What is searched for is analyzed as the field is: as one value if it is exact.
	return newEquals(f, []any{arg}, words)
}

func newRange(f Field, arg any) predicate {
	m, ok := arg.(map[string]any)
	if !ok {
		return always{}
	}
	out := between{f.Path, math.Inf(-1), math.Inf(1)}
	numbers := true
	for name, v := range m {
		text, ok := scalarText(v)
		switch name {
		case "gt", "gte", "lt", "lte", "from", "to":
		case "boost", "include_lower", "include_upper", "_name":
			continue
		default: // format, time_zone, relation
			if isTemplate(text) {
				return always{}
			}
			numbers = false
			continue
		}
		if v == nil {
			continue
		}
		// Bounds that move with the clock: the document's time is now.
		if strings.HasPrefix(text, "now") || strings.Contains(text, "||") || isTemplate(text) {
			return always{}
		}
		n, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			numbers = false
			continue
		}
		if name[0] == 'g' || name == "from" {
			out.lo = max(out.lo, n)
		} else {
			out.hi = min(out.hi, n)
		}
	}
	if !numbers || f.Exact || f.Text {
		return present{f.Path}
	}
	// Where documents hold floats, so are the bounds.
	out.lo, out.hi = min(out.lo, float64(float32(out.lo))), max(out.hi, float64(float32(out.hi)))
	return out
}

func isTemplate(s string) bool { return strings.Contains(s, "{{") }

func hasTemplate(v any) bool {
	switch v := v.(type) {
	case string:
		return isTemplate(v)
	case map[string]any:
		for _, x := range v {
			if hasTemplate(x) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasTemplate)
	}
	return false
}
