package alerting

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// BucketCondition says which buckets a trigger looks at and what its script knows of each.
type BucketCondition struct {
	// Parent is the path of the aggregation whose buckets are judged, names with ">" between them.
	Parent string
	// Paths are the values that the script gets, as they were written: {"name":"path"}, "path" or ["path", …].
	Paths json.RawMessage
	// GapPolicy is skip (a value that is not there is NaN) or insert_zeros.
	GapPolicy string
	// Composite and Filter restrict the buckets by their keys, as they were written; at most one is set.
	Composite, Filter json.RawMessage

	paths  map[string]string
	filter map[string]keyFilter
}

const (
	gapSkip       = "skip"
	gapZeros      = "insert_zeros"
	maxPaths      = 100
	maxKeyFilters = 1000
)

func parseBucketCondition(raw json.RawMessage) (*BucketCondition, error) {
	var w struct {
		Paths     json.RawMessage `json:"buckets_path"`
		Parent    string          `json:"parent_bucket_path"`
		GapPolicy *string         `json:"gap_policy"`
		Composite json.RawMessage `json:"composite_agg_filter"`
		Filter    json.RawMessage `json:"filter"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, errorf(BadArgument, "condition: %w", err)
	}
	b := &BucketCondition{Parent: w.Parent, Paths: w.Paths, GapPolicy: gapSkip}
	if w.GapPolicy != nil {
		b.GapPolicy = strings.ToLower(*w.GapPolicy)
	}
	switch {
	case isNull(w.Paths):
		return nil, errorf(BadArgument, "Missing required field [buckets_path] for bucket_selector aggregation")
	case w.Parent == "":
		return nil, errorf(BadArgument, "Missing required field [parent_bucket_path] for bucket_selector aggregation")
	case b.GapPolicy != gapSkip && b.GapPolicy != gapZeros:
		return nil, errorf(BadArgument, "Invalid gap policy: [%s], accepted values: [insert_zeros, skip]", b.GapPolicy)
	case !isNull(w.Composite) && !isNull(w.Filter):
		return nil, errorf(BadArgument, "only one of [composite_agg_filter] and [filter] may be given")
	}
	var err error
	if b.paths, err = parsePaths(w.Paths); err != nil {
		return nil, err
	}
	if !isNull(w.Composite) {
		b.Composite = w.Composite
		var filters map[string]json.RawMessage
		if err := json.Unmarshal(w.Composite, &filters); err != nil {
			return nil, errorf(BadArgument, "composite_agg_filter: %w", err)
		}
		b.filter = map[string]keyFilter{}
		for name, f := range filters {
			if b.filter[name], err = parseKeyFilter(f); err != nil {
				return nil, err
			}
		}
	}
	if !isNull(w.Filter) {
		b.Filter = w.Filter
		f, err := parseKeyFilter(w.Filter)
		if err != nil {
			return nil, err
		}
		b.filter = map[string]keyFilter{"": f}
	}
	return b, nil
}

// parsePaths reads the names of a script's values and where they come from. One that has no name is _value, several
// without names are _value0 and so on.
func parsePaths(raw json.RawMessage) (map[string]string, error) {
	var named map[string]string
	var list []string
	var one string
	switch {
	case json.Unmarshal(raw, &named) == nil:
	case json.Unmarshal(raw, &one) == nil:
		named = map[string]string{"_value": one}
	case json.Unmarshal(raw, &list) == nil:
		named = map[string]string{}
		for i, p := range list {
			named["_value"+strconv.Itoa(i)] = p
		}
	default:
		return nil, errorf(BadArgument, "buckets_path must be a path, a list of paths or an object of paths")
	}
	if len(named) > maxPaths {
		return nil, errorf(BadArgument, "buckets_path has more than %d paths", maxPaths)
	}
	return named, nil
}

// keyFilter is an include and exclude of keys.
type keyFilter struct{ include, exclude *keySet }

// keySet is a list of keys, or an expression for them.
type keySet struct {
	keys    []string
	pattern *regexp.Regexp
}

func (s *keySet) has(key string) bool {
	if s.pattern != nil {
		return s.pattern.MatchString(key)
	}
	return slices.Contains(s.keys, key)
}

func (f keyFilter) accepts(key string) bool {
	return (f.include == nil || f.include.has(key)) && (f.exclude == nil || !f.exclude.has(key))
}

func parseKeyFilter(raw json.RawMessage) (f keyFilter, err error) {
	var w map[string]json.RawMessage
	if err := json.Unmarshal(raw, &w); err != nil {
		return f, errorf(BadArgument, "filter: %w", err)
	}
	for name, set := range w {
		switch name {
		case "include":
			f.include, err = parseKeySet(set)
		case "exclude":
			f.exclude, err = parseKeySet(set)
		default:
			err = errorf(BadArgument, "filter: unknown field [%s]", name)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// lucene are the characters that mean something in Lucene's expressions and nothing in ours.
const lucene = "~&@<>#\""

func parseKeySet(raw json.RawMessage) (*keySet, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if strings.ContainsAny(text, lucene) {
			return nil, errorf(Unsupported, "filter: the operators %s are not supported in expressions", lucene)
		}
		p, err := regexp.Compile(`^(?s:` + text + `)$`)
		if err != nil {
			return nil, errorf(BadArgument, "filter: %w", err)
		}
		return &keySet{pattern: p}, nil
	}
	var list []any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&list); err != nil || len(list) > maxKeyFilters {
		return nil, errorf(BadArgument, "filter: include and exclude are an expression or a list of at most %d keys", maxKeyFilters)
	}
	s := &keySet{}
	for _, v := range list {
		s.keys = append(s.keys, keyText(plain(v)))
	}
	return s, nil
}

// hasAggregations reports whether the search has any.
func (in *SearchInput) hasAggregations() bool {
	var body struct {
		Aggs         map[string]json.RawMessage `json:"aggs"`
		Aggregations map[string]json.RawMessage `json:"aggregations"`
	}
	return json.Unmarshal(in.Query, &body) == nil && len(body.Aggs)+len(body.Aggregations) > 0
}

// value reads a path of names with ">" between them inside a bucket. What is there without a value is NaN, or 0 by the gap
// policy.
func (b *BucketCondition) value(bucket map[string]any, path string) (float64, error) {
	names := strings.Split(path, ">")
	at := bucket
	for i, name := range names[:len(names)-1] {
		next, ok := at[strings.TrimSpace(name)].(map[string]any)
		if !ok {
			return 0, errorf(BadArgument, "No aggregation found for path [%s]", strings.Join(names[:i+1], ">"))
		}
		at = next
	}
	n, err := metric(at, strings.TrimSpace(names[len(names)-1]))
	if err != nil {
		return 0, err
	}
	if math.IsNaN(n) || math.IsInf(n, 0) {
		n = math.NaN()
		if b.GapPolicy == gapZeros {
			n = 0
		}
	}
	return n, nil
}

// metric reads a value by its name: _count, name, name.value, name[percentile].
func metric(at map[string]any, name string) (float64, error) {
	if name == "_count" {
		return number(at["doc_count"]), nil
	}
	property := "value"
	agg, ok := at[name].(map[string]any)
	if !ok {
		var base string
		if base, property, ok = strings.Cut(strings.TrimSuffix(name, "]"), "["); !ok {
			i := strings.LastIndexByte(name, '.')
			if i < 0 {
				return 0, errorf(BadArgument, "No aggregation found for path [%s]", name)
			}
			base, property = name[:i], name[i+1:]
		}
		if agg, ok = at[base].(map[string]any); !ok {
			return 0, errorf(BadArgument, "No aggregation found for path [%s]", name)
		}
	}
	switch property {
	case "_count":
		return number(agg["doc_count"]), nil
	case "_bucket_count":
		list, _ := agg["buckets"].([]any)
		return float64(len(list)), nil
	}
	if v, ok := agg[property]; ok {
		return number(v), nil
	}
	values, ok := agg["values"].(map[string]any)
	if !ok {
		return 0, errorf(BadArgument, "No aggregation found for path [%s]", name)
	}
	for _, key := range []string{property, property + ".0"} {
		if v, ok := values[key]; ok {
			return number(v), nil
		}
	}
	return 0, errorf(BadArgument, "No aggregation found for path [%s]", name)
}

func number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}
