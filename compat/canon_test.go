package compat

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Rule b: one form for search bodies, so that the client's form and the form that the node writes anew are equal.

type object = map[string]any

// defaults is what a clause has when nobody said anything.
var defaults = readDefaults(`{
"query_string":{"max_determinized_states":10000,"fuzziness":"AUTO","auto_generate_synonyms_phrase_query":true,"phrase_slop":0,
 "analyze_wildcard":false,"fuzzy_transpositions":true,"type":"best_fields","fuzzy_prefix_length":0,"default_operator":"or",
 "fuzzy_max_expansions":50,"enable_position_increments":true,"fields":[],"escape":false},
"simple_query_string":{"flags":-1,"default_operator":"or","fields":[],"analyze_wildcard":false,"lenient":false,
 "auto_generate_synonyms_phrase_query":true,"fuzzy_prefix_length":0,"fuzzy_max_expansions":50,"fuzzy_transpositions":true},
"match":{"operator":"or","prefix_length":0,"max_expansions":50,"fuzzy_transpositions":true,"lenient":false,
 "zero_terms_query":"none","auto_generate_synonyms_phrase_query":true},
"match_phrase":{"slop":0,"zero_terms_query":"none"},
"match_phrase_prefix":{"slop":0,"max_expansions":50,"zero_terms_query":"none"},
"multi_match":{"type":"best_fields","operator":"or","slop":0,"prefix_length":0,"max_expansions":50,"lenient":false,
 "zero_terms_query":"none","auto_generate_synonyms_phrase_query":true,"fuzzy_transpositions":true},
"bool":{"adjust_pure_negative":true},"term":{"case_insensitive":false},"prefix":{"case_insensitive":false},
"wildcard":{"case_insensitive":false},"fuzzy":{"fuzziness":"AUTO","prefix_length":0,"max_expansions":50,"transpositions":true},
"regexp":{"flags_value":255,"max_determinized_states":10000},"nested":{"ignore_unmapped":false,"score_mode":"avg"},
"ids":{"type":[]}}`)

var aggDefaults = readDefaults(`{
"terms":{"size":10,"min_doc_count":1,"shard_min_doc_count":0,"show_term_doc_count_error":false,"order":[{"_count":"desc"},{"_key":"asc"}]},
"composite":{"size":10},
"date_histogram":{"offset":0,"order":{"_key":"asc"},"keyed":false,"min_doc_count":0},
"histogram":{"offset":0,"order":{"_key":"asc"},"keyed":false,"min_doc_count":0}}`)

func readDefaults(text string) map[string]object {
	out := map[string]object{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		panic(err)
	}
	for _, o := range out {
		for k, v := range o {
			o[k] = plainNumbers(v)
		}
	}
	return out
}

// plainNumbers makes numbers comparable with those that decode reads.
func plainNumbers(v any) any {
	if f, ok := v.(float64); ok {
		return int(f)
	}
	return v
}

// mainMember is the member of a clause that its short form stands for.
var mainMember = map[string]string{
	"term": "value", "prefix": "value", "wildcard": "wildcard", "regexp": "value", "fuzzy": "value",
	"match": "query", "match_phrase": "query", "match_phrase_prefix": "query", "match_bool_prefix": "query",
}

func lower(v any) any {
	if s, ok := v.(string); ok {
		return strings.ToLower(s)
	}
	return v
}

func without(o, dflt object) object {
	out := object{}
	for k, v := range o {
		if d, ok := dflt[k]; !ok || !equal(lower(v), lower(d)) {
			out[k] = v
		}
	}
	return out
}

func canonQuery(q any) any {
	clauses, ok := q.(object)
	if !ok {
		return q
	}
	out := object{}
	for name, b := range clauses {
		body, ok := b.(object)
		if !ok {
			out[name] = b
			continue
		}
		dflt := object{"boost": 1}
		maps.Copy(dflt, defaults[name])
		switch {
		case name == "bool":
			out[name] = canonBool(body, dflt)
		case name == "range":
			out[name] = eachObject(without(body, object{"boost": 1}), canonRange)
		case mainMember[name] != "":
			c := eachObject(body, func(o object) any { return canonMain(o, dflt, mainMember[name]) })
			out[name] = without(c, object{"boost": 1})
		default:
			out[name] = canonNested(without(body, dflt))
		}
	}
	return out
}

func eachObject(o object, change func(object) any) object {
	out := object{}
	for k, v := range o {
		if inner, ok := v.(object); ok {
			v = change(inner)
		}
		out[k] = v
	}
	return out
}

func canonBool(body, dflt object) any {
	out := object{}
	for k, v := range body {
		if k == "must" || k == "filter" || k == "should" || k == "must_not" {
			v = canonAll(list(v))
		}
		out[k] = v
	}
	out = without(out, dflt)
	for k, v := range out {
		if l, ok := v.([]any); ok && len(l) == 0 {
			delete(out, k)
		} else if n, ok := v.(json.Number); ok && k == "minimum_should_match" {
			out[k] = string(n)
		}
	}
	return out
}

func canonMain(o, dflt object, main string) any {
	o = without(o, dflt)
	for _, alias := range []string{"value", "wildcard", "query"} {
		if v, ok := o[alias]; ok && alias != main {
			delete(o, alias)
			o[main] = v
		}
	}
	if v, ok := o[main]; ok && len(o) == 1 {
		return v
	}
	return o
}

func canonNested(body object) any {
	for k, v := range body {
		switch v := v.(type) {
		case object:
			if slices.Contains([]string{"query", "filter", "positive", "negative"}, k) {
				body[k] = canonQuery(v)
			}
		case []any:
			if k == "queries" || k == "filters" {
				body[k] = canonAll(v)
			}
		}
	}
	return body
}

func canonAll(l []any) []any {
	out := make([]any, len(l))
	for i, q := range l {
		out[i] = canonQuery(q)
	}
	return out
}

func canonRange(o object) any {
	o = without(o, object{"boost": 1})
	from, to := o["from"], o["to"]
	withLower, withUpper := o["include_lower"] != false, o["include_upper"] != false
	for _, k := range []string{"from", "to", "include_lower", "include_upper"} {
		delete(o, k)
	}
	put := func(v any, including bool, name string) {
		if including {
			name += "e"
		}
		if v != nil {
			o[name] = v
		}
	}
	put(from, withLower, "gt")
	put(to, withUpper, "lt")
	return o
}

func canonSort(v any) any {
	var out []any
	for _, s := range list(v) {
		if name, ok := s.(string); ok {
			s = object{name: object{}}
		}
		o, ok := s.(object)
		if !ok || len(o) == 0 {
			out = append(out, s)
			continue
		}
		field := slices.Sorted(maps.Keys(o))[0]
		by, ok := o[field].(object)
		if !ok {
			by = object{"order": o[field]}
		}
		by = maps.Clone(by)
		if _, ok := by["order"]; !ok {
			by["order"] = "asc"
			if field == "_score" {
				by["order"] = "desc"
			}
		}
		out = append(out, object{field: by})
	}
	return out
}

func canonAggs(v any) any {
	return eachOf(v, func(agg object) any {
		out := object{}
		for k, b := range agg {
			body, isObject := b.(object)
			switch {
			case k == "aggs" || k == "aggregations":
				out["aggs"] = canonAggs(b)
			case k == "filter":
				out[k] = canonQuery(b)
			case !isObject:
				out[k] = b
			default:
				body = without(body, aggDefaults[k])
				if k == "composite" {
					body["sources"] = canonSources(body["sources"])
				}
				out[k] = body
			}
		}
		return out
	})
}

func eachOf(v any, change func(object) any) any {
	if o, ok := v.(object); ok {
		return eachObject(o, change)
	}
	return v
}

func canonSources(v any) any {
	out := []any{}
	l, _ := v.([]any)
	for _, source := range l {
		out = append(out, eachOf(source, func(named object) any {
			return eachObject(named, func(o object) any { return without(o, object{"missing_bucket": false, "order": "asc"}) })
		}))
	}
	return out
}

func canonSearch(v any) any {
	in, ok := v.(object)
	if !ok {
		return v
	}
	o := maps.Clone(in)
	if a, ok := o["aggregations"]; ok {
		delete(o, "aggregations")
		o["aggs"] = a
	}
	if s, ok := o["sort"]; ok {
		o["sort"] = canonSort(s)
	}
	if dump(o["sort"]) == `[{"_doc": {"order": "asc"}}]` && equal(o["size"], 1000) { // the scan of a by-query request or reindex
		q, ok := o["query"]
		if !ok {
			q = object{"match_all": object{}}
		}
		return object{"scan": canonQuery(q)}
	}
	for _, k := range []string{"version", "explain", "seq_no_primary_term", "track_scores", "profile"} {
		if o[k] == false {
			delete(o, k)
		}
	}
	if equal(o["track_total_hits"], math.MaxInt32) {
		o["track_total_hits"] = true
	}
	for k, canon := range map[string]func(any) any{"query": canonQuery, "post_filter": canonQuery, "aggs": canonAggs, "_source": canonSource} {
		if v, ok := o[k]; ok {
			o[k] = canon(v)
		}
	}
	return o
}

func canonSource(v any) any {
	switch s := v.(type) {
	case string, []any:
		return object{"includes": list(s), "excludes": []any{}}
	case object:
		either := func(a, b string) any {
			for _, k := range []string{a, b} {
				if v, ok := s[k]; ok {
					return list(v)
				}
			}
			return []any{}
		}
		return object{"includes": either("includes", "include"), "excludes": either("excludes", "exclude")}
	}
	return v
}

// oneNumber writes 1.0 as 1.
func oneNumber(v any) any {
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) < 1e15 {
			return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	case object:
		out := object{}
		for k, e := range v {
			out[k] = oneNumber(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = oneNumber(e)
		}
		return out
	}
	return v
}
