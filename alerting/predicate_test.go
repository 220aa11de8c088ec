package alerting

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

func file(x *predicateIndex, id, index, query string) {
	x.put(prepare(&Monitor{ID: id, Inputs: []Input{{Search: &SearchInput{[]string{index}, json.RawMessage(query)}}}}, nil))
}

func TestPredicate(t *testing.T) {
	body := func(q string) string { return `{"query":` + q + `}` }
	tests := []struct {
		name, search string
		matches      []string
		refuses      []string
	}{
		{
			"seed", failedLogins,
			[]string{`{"audit_category":"FAILED_LOGIN"}`, `{"audit_category":["X","FAILED_LOGIN"]}`},
			[]string{`{"audit_category":"GRANTED_PRIVILEGES"}`, `{}`, `{"other":"FAILED_LOGIN"}`},
		},
		{
			"keyword sub-field", body(`{"term":{"audit_category.keyword":"FAILED_LOGIN"}}`),
			[]string{`{"audit_category":"FAILED_LOGIN"}`},
			[]string{`{"audit_category":"failed_login"}`, `{"audit_category":"X FAILED_LOGIN"}`},
		},
		{
			"normalized", body(`{"bool":{"filter":[{"term":{"a":{"value":"x","boost":1.0}}}],"adjust_pure_negative":true,"boost":1.0}}`),
			[]string{`{"a":"x"}`},
			[]string{`{"a":"y"}`},
		},
		{"words", body(`{"match":{"m":"Disk full"}}`), []string{`{"m":"the DISK is ok"}`, `{"m":"full"}`}, []string{`{"m":"memory"}`}},
		{"all words", body(`{"match":{"m":{"query":"Disk full","operator":"and"}}}`), []string{`{"m":"full is the disk"}`}, []string{`{"m":"disk"}`}},
		{"phrase", body(`{"match_phrase":{"m":"disk full"}}`), []string{`{"m":"disk full"}`}, []string{`{"m":"disk"}`}},
		{"term in parts", body(`{"term":{"u":"alice-7"}}`), []string{`{"u":"alice-7"}`}, []string{`{"u":"bob-7"}`}},
		{"terms", body(`{"terms":{"a":["x","y"]}}`), []string{`{"a":"y"}`}, []string{`{"a":"z"}`}},
		{"number", body(`{"term":{"n":5}}`), []string{`{"n":5}`, `{"n":5.0}`, `{"n":"5"}`, `{"n":5.7}`, `{"n":0.57e1}`}, []string{`{"n":6}`, `{"n":"55"}`}},
		{"boolean", body(`{"term":{"b":true}}`), []string{`{"b":true}`, `{"b":"true"}`}, []string{`{"b":false}`}},
		{"range of numbers", body(`{"range":{"n":{"gt":10,"lte":20}}}`), []string{`{"n":15}`, `{"n":20}`, `{"n":"2026-01-01"}`}, []string{`{"n":5}`, `{"n":21}`, `{}`}},
		{
			"range of the normalizer", body(`{"range":{"n":{"from":10,"to":null,"include_lower":true,"include_upper":true,"boost":1.0}}}`),
			[]string{`{"n":15}`},
			[]string{`{"n":5}`},
		},
		{"range of time", body(`{"range":{"t":{"gte":"now-5m"}}}`), []string{`{}`}, nil},
		{"range of the period", body(`{"range":{"t":{"gte":"{{period_end}}||-1h","lte":"{{period_end}}","format":"epoch_millis"}}}`), []string{`{}`}, nil},
		{"prefix", body(`{"prefix":{"p":"/adm"}}`), []string{`{"p":"/admin/x"}`}, []string{`{"p":"/user"}`, `{}`}},
		{"exists", body(`{"exists":{"field":"o"}}`), []string{`{"o":1}`, `{"o":{"x":1}}`, `{"o.x":1}`, `{"o":false}`}, []string{`{}`, `{"o":[]}`, `{"ox":1}`}},
		{"dots in names", body(`{"term":{"a.b":"x"}}`), []string{`{"a.b":"x"}`, `{"a":{"b":"x"}}`, `{"a":[{"b":"y"},{"b":"x"}]}`}, []string{`{"a":{"b":"y"}}`}},
		{"either", body(`{"bool":{"should":[{"term":{"a":"x"}},{"term":{"b":"y"}}]}}`), []string{`{"a":"x"}`, `{"b":"y"}`}, []string{`{"a":"y"}`}},
		{"optional", body(`{"bool":{"must":[{"term":{"a":"x"}}],"should":[{"term":{"b":"y"}}]}}`), []string{`{"a":"x"}`}, []string{`{"b":"y"}`}},
		{
			"both by number", body(`{"bool":{"must":[{"term":{"a":"x"}}],"should":[{"term":{"b":"y"}}],"minimum_should_match":1}}`),
			[]string{`{"a":"x","b":"y"}`},
			[]string{`{"a":"x"}`, `{"b":"y"}`},
		},
		{"not", body(`{"bool":{"must_not":[{"term":{"a":"x"}}]}}`), []string{`{"a":"y"}`, `{"a":"x"}`}, nil},
		{"constant score", body(`{"constant_score":{"filter":{"term":{"a":"x"}}}}`), []string{`{"a":"x"}`}, []string{`{"a":"y"}`}},
		{"nested", body(`{"nested":{"path":"a","query":{"term":{"a.b":"x"}}}}`), []string{`{"a":[{"b":"x"}]}`}, []string{`{"a":[{"b":"y"}]}`}},
		{"nothing", body(`{"match_none":{}}`), nil, []string{`{"a":1}`}},
		{"flat object", body(`{"term":{"h":"v"}}`), []string{`{"h":{"k":"v"}}`}, []string{`{"h":"w"}`}},
		{"null has a value in some mappings", body(`{"term":{"a":"NULL"}}`), []string{`{"a":null}`}, nil},
		{"dates are written in many ways", body(`{"term":{"t":"2026-11-21"}}`), []string{`{"t":1795255200000}`}, []string{`{}`}},
		{"date by number", body(`{"term":{"t":1795255200000}}`), []string{`{"t":"2026-11-21T10:00:00Z"}`}, []string{`{"t":"x"}`}},
		{"addresses", body(`{"term":{"ip":"10.0.0.0/8"}}`), []string{`{"ip":"10.1.2.3"}`}, []string{`{}`}},
		{"fuzzy", body(`{"match":{"a":{"query":"x","fuzziness":"AUTO"}}}`), []string{`{"a":"y"}`, `{}`}, nil},
		{"wildcard", body(`{"wildcard":{"a":"*x*"}}`), []string{`{"a":"axb"}`}, []string{`{}`}},
		{"unknown query", body(`{"query_string":{"query":"a:x"}}`), []string{`{}`}, nil},
		{"metadata", body(`{"term":{"_index":"x"}}`), []string{`{}`}, nil},
		{"no query", `{"size":0}`, []string{`{}`}, nil},
		{"runtime fields", `{"query":{"term":{"a":"x"}},"runtime_mappings":{"a":{}}}`, []string{`{}`}, nil},
		{"global aggregation", `{"query":{"term":{"a":"x"}},"aggs":{"all":{"global":{}}}}`, []string{`{}`}, nil},
		{"template in a value", body(`{"term":{"a":"{{x}}"}}`), []string{`{"a":"y"}`}, nil},
		{"scripts of other peoples", body(`{"match":{"m":"東京"}}`), []string{`{"m":"東京都"}`}, []string{`{"m":"大阪"}`}},
		{"broken document", body(`{"term":{"a":"x"}}`), []string{`{"a":`}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newPredicateIndex(nil)
			file(x, "m", "logs-*", tt.search)
			for _, d := range tt.matches {
				if x.match("logs-1", []byte(d)) == nil {
					t.Errorf("missed %s", d)
				}
			}
			for _, d := range tt.refuses {
				if x.match("logs-1", []byte(d)) != nil {
					t.Errorf("matched %s", d)
				}
			}
			if got := x.match("metrics-1", []byte(`{"a":"x"}`)); got != nil {
				t.Errorf("matched another index")
			}
			x.remove("m")
			if len(x.all)+len(x.keyed)+len(x.free)+len(x.wanted)+len(x.uses) != 0 {
				t.Errorf("something is left of a removed monitor: %+v", x)
			}
		})
	}
}

func TestIndexExpressions(t *testing.T) {
	names := func(index string) []string {
		if index == "logs-000001" {
			return []string{"logs"}
		}
		return nil
	}
	tests := []struct {
		patterns []string
		index    string
		want     bool
	}{
		{[]string{"a"}, "a", true},
		{[]string{"a"}, "ab", false},
		{[]string{"a*"}, "ab", true},
		{[]string{"x", "a*c"}, "abc", true},
		{[]string{"a,b"}, "b", true},
		{[]string{"_all"}, "b", true},
		{nil, "b", true},
		{[]string{"*", "-b"}, "b", true},
		{[]string{"<logs-{now/d}>"}, "b", true},
		{[]string{"logs"}, "logs-000001", true},
		{[]string{"log*"}, "logs-000001", true},
		{[]string{"remote:logs"}, "logs", false},
	}
	for _, tt := range tests {
		x := newPredicateIndex(names)
		f := &filed{patterns: tt.patterns}
		if got := x.reads(f, tt.index); got != tt.want {
			t.Errorf("%v, %s: got %t, want %t", tt.patterns, tt.index, got, tt.want)
		}
	}
}

// TestPredicateMissesNothing compares the index with a matcher that follows the rules of dynamic mappings: strings as text
// with a sub-field keyword, numbers, booleans.
func TestPredicateMissesNothing(t *testing.T) {
	matched, nudged, all := 0, 0, 0
	for seed := range uint64(400) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		x := newPredicateIndex(nil)
		queries := make([]any, 8)
		for i := range queries {
			queries[i] = g.query(3)
			raw, err := json.Marshal(map[string]any{"size": 0, "query": queries[i]})
			if err != nil {
				t.Fatal(err)
			}
			file(x, strconv.Itoa(i), "i", string(raw))
		}
		for range 40 {
			doc := g.document()
			raw, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			got := x.match("i", raw)
			if len(got) != len(slices.Compact(slices.Sorted(slices.Values(got)))) {
				t.Fatalf("a monitor comes twice: %v", got)
			}
			fields := map[string][]any{}
			flat("", doc, fields)
			for i, q := range queries {
				all++
				found := slices.Contains(got, strconv.Itoa(i))
				if found {
					nudged++
				}
				if !naive(q, fields) {
					continue
				}
				matched++
				if !found {
					query, _ := json.Marshal(q)
					t.Fatalf("seed %d: missed\nquery    %s\ndocument %s", seed, query, raw)
				}
			}
		}
	}
	if matched < all/50 || nudged > all*3/4 {
		t.Errorf("the test proves little: of %d pairs %d match and %d run", all, matched, nudged)
	}
	t.Logf("%d pairs, %d match, %d run", all, matched, nudged)
}

type generator struct{ *rand.Rand }

var (
	someFields = []string{"a", "b", "o.x", "o.y", "tags"}
	someWords  = []string{"Disk", "full", "error", "FAILED_LOGIN", "x-1", "10", "5", "müller", "東京", "é", "don't", "3.5", "true"}
)

func (g generator) pick(list []string) string { return list[g.IntN(len(list))] }

func (g generator) text() string {
	words := make([]string, 1+g.IntN(3))
	for i := range words {
		words[i] = g.pick(someWords)
	}
	return strings.Join(words, " ")
}

func (g generator) scalar() any {
	switch g.IntN(6) {
	case 0:
		return g.IntN(12)
	case 1:
		return float64(g.IntN(24)) / 2
	case 2:
		return g.IntN(2) == 0
	case 3:
		return g.pick(someWords)
	default:
		return g.text()
	}
}

func (g generator) document() map[string]any {
	doc := map[string]any{}
	for range 1 + g.IntN(4) {
		v := g.scalar()
		if g.IntN(4) == 0 {
			v = []any{g.scalar(), g.scalar()}
		}
		field := g.pick(someFields)
		if parent, child, ok := strings.Cut(field, "."); ok && g.IntN(2) == 0 {
			if doc[parent] == nil {
				doc[parent] = map[string]any{}
			}
			doc[parent].(map[string]any)[child] = v
		} else {
			doc[field] = v
		}
	}
	return doc
}

func (g generator) query(depth int) any {
	field := g.pick(someFields)
	if depth > 0 && g.IntN(3) == 0 {
		b := map[string]any{}
		for _, part := range []string{"must", "filter", "should", "must_not"} {
			for range g.IntN(3) {
				list, _ := b[part].([]any)
				b[part] = append(list, g.query(depth-1))
			}
		}
		if b["should"] != nil && g.IntN(2) == 0 {
			b["minimum_should_match"] = g.IntN(2)
		}
		return map[string]any{"bool": b}
	}
	if g.IntN(3) == 0 {
		field += ".keyword"
	}
	switch g.IntN(7) {
	case 0:
		return map[string]any{"term": map[string]any{field: g.scalar()}}
	case 1:
		return map[string]any{"terms": map[string]any{field: []any{g.scalar(), g.scalar()}}}
	case 2:
		return map[string]any{"match": map[string]any{field: g.text()}}
	case 3:
		return map[string]any{"match": map[string]any{field: map[string]any{"query": g.text(), "operator": "and"}}}
	case 4:
		return map[string]any{"prefix": map[string]any{field: string([]rune(g.pick(someWords))[:1])}}
	case 5:
		return map[string]any{"range": map[string]any{field: map[string]any{"gte": g.IntN(8), "lt": 4 + g.IntN(8)}}}
	default:
		return map[string]any{"exists": map[string]any{"field": strings.TrimSuffix(field, ".keyword")}}
	}
}

func flat(at string, v any, into map[string][]any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flat(strings.TrimPrefix(at+"."+k, "."), x, into)
		}
	case []any:
		for _, x := range v {
			flat(at, x, into)
		}
	default:
		into[at] = append(into[at], v)
	}
}

// naive is what a query means, without any index.
func naive(q any, doc map[string][]any) bool {
	for name, arg := range q.(map[string]any) {
		body := arg.(map[string]any)
		if name == "bool" {
			return naiveBool(body, doc)
		}
		if name == "exists" {
			return len(doc[body["field"].(string)]) > 0
		}
		for field, want := range body {
			path, exact := strings.CutSuffix(field, ".keyword")
			for _, v := range doc[path] {
				if naiveLeaf(name, v, want, exact) {
					return true
				}
			}
		}
	}
	return false
}

func naiveBool(body map[string]any, doc map[string][]any) bool {
	part := func(name string) []any { l, _ := body[name].([]any); return l }
	required := append(slices.Clone(part("must")), part("filter")...)
	for _, q := range required {
		if !naive(q, doc) {
			return false
		}
	}
	for _, q := range part("must_not") {
		if naive(q, doc) {
			return false
		}
	}
	need := 0
	if len(required) == 0 && len(part("should")) > 0 {
		need = 1
	}
	if m, ok := body["minimum_should_match"].(int); ok {
		need = m
	}
	for _, q := range part("should") {
		if naive(q, doc) {
			need--
		}
	}
	return need <= 0
}

func naiveLeaf(name string, v, want any, exact bool) bool {
	if m, ok := want.(map[string]any); ok && name == "match" {
		want = m["query"]
		for _, w := range standardWords(fmt.Sprint(want)) {
			if !naiveLeaf("match", v, w, exact) && !exact {
				return false
			}
		}
	}
	text, number := fmt.Sprint(v), toNumber(v)
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return naiveLeaf("term", v, w, exact) })
	}
	_, isText := v.(string)
	switch name {
	case "range":
		m := want.(map[string]any)
		return number != nil && *number >= float64(m["gte"].(int)) && *number < float64(m["lt"].(int))
	case "prefix":
		if exact || !isText {
			return strings.HasPrefix(text, want.(string))
		}
		return slices.ContainsFunc(standardWords(text), func(w string) bool { return strings.HasPrefix(w, want.(string)) })
	}
	if n := toNumber(want); !isText && n != nil && number != nil {
		return *n == *number
	}
	if exact || !isText {
		return text == fmt.Sprint(want)
	}
	words := standardWords(text)
	if name == "term" {
		return slices.Contains(words, fmt.Sprint(want))
	}
	return slices.ContainsFunc(standardWords(fmt.Sprint(want)), func(w string) bool { return slices.Contains(words, w) })
}

func toNumber(v any) *float64 {
	if _, ok := v.(bool); ok {
		return nil
	}
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		return nil
	}
	return &n
}

// standardWords is the standard analyzer for what the generator writes: apostrophes and points within a word stay.
func standardWords(text string) []string {
	var out []string
	for f := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return unicode.IsSpace(r) || r == '-' }) {
		if unicode.Is(unicode.Han, []rune(f)[0]) {
			for _, r := range f {
				out = append(out, string(r))
			}
			continue
		}
		out = append(out, f)
	}
	return out
}

func FuzzPredicate(f *testing.F) {
	f.Add(failedLogins, failedLogin)
	f.Add(`{"query":{"bool":{"should":[{"range":{"a":{"gt":1}}},{"prefix":{"b":"x"}}]}}}`, `{"a":[1,{"b":null}],"b":"xy"}`)
	f.Fuzz(func(_ *testing.T, search, document string) {
		x := newPredicateIndex(nil)
		file(x, "m", "i", search)
		x.match("i", []byte(document))
		x.remove("m")
	})
}

const auditEvent = `{"audit_cluster_name":"vigil","audit_transport_headers":{"_system_index_access_allowed":"false"},"audit_node_name":"node-1",
"audit_trace_task_id":"Z4ZpTEvLSr-ko1KcMvhqyw:1234","audit_transport_request_type":"SearchRequest","audit_category":"GRANTED_PRIVILEGES",
"audit_request_origin":"REST","audit_request_body":"{\"query\":{\"match_all\":{\"boost\":1.0}}}","audit_node_id":"Z4ZpTEvLSr-ko1KcMvhqyw",
"audit_request_layer":"TRANSPORT","@timestamp":"2026-11-21T10:00:00.000+00:00","audit_format_version":4,
"audit_request_remote_address":"127.0.0.1","audit_request_privilege":"indices:data/read/search","audit_node_host_address":"127.0.0.1",
"audit_request_effective_user":"user-%d","audit_trace_indices":["accounts"],"audit_trace_resolved_indices":["accounts"],"audit_node_host_name":"127.0.0.1"}`

// BenchmarkMatch is what an event that concerns nobody costs.
func BenchmarkMatch(b *testing.B) {
	for _, monitors := range []int{100, 10_000} {
		for _, kind := range []string{"one field", "common and own"} {
			b.Run(fmt.Sprintf("%s/%d", kind, monitors), func(b *testing.B) {
				x := newPredicateIndex(nil)
				for i := range monitors {
					q := fmt.Sprintf(`{"query":{"bool":{"filter":[{"range":{"@timestamp":{"gte":"now-5m"}}},{"term":{"audit_request_effective_user":"alice-%d"}}]}}}`, i)
					if kind != "one field" {
						q = fmt.Sprintf(`{"query":{"bool":{"filter":[{"term":{"audit_category":"GRANTED_PRIVILEGES"}},{"term":{"audit_request_effective_user":"alice-%d"}}]}}}`, i)
					}
					file(x, strconv.Itoa(i), "security-auditlog-*", q)
				}
				doc := []byte(fmt.Sprintf(auditEvent, 7))
				b.ReportAllocs()
				for b.Loop() {
					if got := x.match("security-auditlog-2026.11.21", doc); got != nil {
						b.Fatal(got)
					}
				}
			})
		}
	}
}
