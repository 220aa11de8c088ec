package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sources are what the fields of every index in the tests show of other fields.
var sources = map[string][]string{
	"social": {"ssn"}, "everything": {"ssn", "x"}, "a.alias": {"other"},
}

// told returns the events as "index/id body", sorted.
func (w *world) told() []string {
	w.t.Helper()
	var list []string
	for _, e := range w.events {
		list = append(list, e.Resolved[0]+"/"+e.DocID+" "+*e.Body)
	}
	slices.Sort(list)
	return list
}

func names(list string) string {
	sorted := slices.Sorted(strings.FieldsSeq(list))
	return `{"field_names":["` + strings.Join(sorted, `","`) + `"]}`
}

func scripted(fields, script string) string {
	return strings.TrimSuffix(names(fields), "}") + `,"script":"` + script + `"}`
}

const (
	all      = "a.* ssn"
	unknown  = unknownScript
	hitStart = `{"hits":{"total":{"value":1},"hits":[{"_index":"accounts","_id":"1",`
	hitEnd   = `}]}}`
)

func TestDerivedReads(t *testing.T) {
	f := func(name, line, body, answer string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			w := newWorld(t, watched, answerJSON(answer))
			w.ReadDerived = true
			if rec := w.do(line, body); rec.Body.String() != answer {
				t.Errorf("the answer was changed: %s", rec.Body)
			}
			if diff := cmp.Diff(want, w.told()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
	hit := func(name, body, members string, want ...string) {
		t.Helper()
		f(name, "root POST /accounts/_search", body, hitStart+members+hitEnd, want...)
	}
	// What a hit shows.
	hit("nothing of it", `{"fields":["x"]}`, `"_source":{"x":1},"fields":{"x":[1]},"highlight":{"x":["<em>1</em>"]},"sort":[1]`,
		"accounts/1 "+scripted(all, unknown)) // a sort value that nobody asked for
	hit("only what is not watched", `{"fields":["x"],"sort":"x"}`, `"_source":{"x":1},"fields":{"x":[1]},"highlight":{"x":["<em>1</em>"]},"sort":[1]`)
	hit("fields", `{"fields":["*"]}`, `"fields":{"ssn":["1"],"x":[1]}`, "accounts/1 "+names("ssn"))
	hit("empty fields", `{"fields":["*"]}`, `"fields":{"ssn":[]}`)
	hit("object in fields", ``, `"fields":{"a":[{"b":["1"]}]}`, "accounts/1 "+names("a[0].b[0]"))
	hit("sub-field", `{"docvalue_fields":["ssn.keyword"]}`, `"fields":{"ssn.keyword":["1"]}`, "accounts/1 "+names("ssn.keyword"))
	hit("below a watched name", ``, `"fields":{"a.b.keyword":["1"]}`, "accounts/1 "+names("a.b.keyword"))
	hit("alias", ``, `"fields":{"social":["1"]}`, "accounts/1 "+names("social"))
	hit("copied", ``, `"fields":{"everything":["1"]}`, "accounts/1 "+names("everything"))
	hit("array", ``, `"_source":{"ssn":["1","2"]}`, "accounts/1 "+names("ssn ssn[0] ssn[1]"))
	hit("in an array", ``, `"_source":{"ssn":"0","a":[{"b":1}]}`, "accounts/1 "+names("a[0].b ssn"))
	hit("twice", ``, `"_source":{"ssn":"0"},"fields":{"ssn":["0"]}`, "accounts/1 "+names("ssn"))
	hit("highlight", ``, `"highlight":{"ssn":["<em>1</em>"]}`, "accounts/1 "+names("ssn"))
	hit("script field", `{"script_fields":{"c":{"script":{"source":"doc['x']"}}}}`, `"fields":{"c":[1]}`, "accounts/1 "+scripted(all+" c", `doc['x']`))
	hit("derived field", `{"derived":{"c":{"type":"long","script":{"source":"emit(1)"}}},"fields":["c"]}`, `"fields":{"c":[1]}`, "accounts/1 "+scripted(all+" c", "emit(1)"))
	hit("sort", `{"sort":["_score",{"ssn":{"order":"asc"}}]}`, `"sort":[1,"x"]`, "accounts/1 "+names("ssn"))
	hit("sort by a string", `{"sort":"ssn:desc"}`, `"sort":["x"]`, "accounts/1 "+names("ssn"))
	hit("sort by nothing", `{"sort":["ssn"]}`, `"sort":[null]`)
	hit("sort by a script", `{"sort":{"_script":{"type":"number","script":"doc.x"}}}`, `"sort":[1]`, "accounts/1 "+scripted(all, "doc.x"))
	hit("sort by a derived field", `{"derived":{"c":{"script":"e"}},"sort":"c"}`, `"sort":[1]`, "accounts/1 "+scripted(all, "e"))
	hit("sort by distance", `{"sort":[{"_geo_distance":{"order":"asc","a.place":[1,2]}}]}`, `"sort":[1]`, "accounts/1 "+names("a.place"))
	hit("script in the query", `{"query":{"script_score":{"query":{"match_all":{}},"script":{"id":"s1"}}}}`, `"_score":1`, "accounts/1 "+scripted(all, "id:s1"))
	hit("filter by a script", `{"query":{"bool":{"filter":[{"script":{"script":"true"}}]}}}`, `"_score":1`, "accounts/1 "+scripted(all, "true"))
	hit("a field called script", `{"query":{"bool":{"filter":[{"term":{"script":"true"}},{"match":{"script":{"query":"1"}}}]}}}`, `"_score":1`)
	hit("a long script", `{"script_fields":{"c":{"script":"`+strings.Repeat("é", maxScript)+`"}}}`, `"fields":{"c":[1]}`,
		"accounts/1 "+scripted(all+" c", strings.Repeat("é", maxScript/2)+"…"))
	hit("body that is not known", ``, `"fields":{"other":["1"]},"sort":[]`)
	f("fields without an id", "root POST /accounts/_search", `{"stored_fields":"_none_"}`, `{"hits":{"hits":[{"_index":"accounts","fields":{"ssn":["1"]}}]}}`,
		"accounts/ "+names("ssn"))
	f("other index", "root POST /logs-a,accounts/_search", ``, `{"hits":{"hits":[{"_index":"logs-a","_id":"1","fields":{"ssn":["1"]}}]}}`)
	f("parameters", "root GET /accounts/_search?sort=x,ssn:desc&docvalue_fields=ssn", ``, hitStart+`"sort":[1,"x"]`+hitEnd, "accounts/1 "+names("ssn"))
	// Hits within hits.
	hit("inner hits", `{"query":{"nested":{"path":"a","query":{"match_all":{}},"inner_hits":{"sort":"a.b"}}}}`,
		`"inner_hits":{"a":{"hits":{"hits":[{"_index":"accounts","_id":"1","_nested":{"field":"a","offset":0},"_source":{"c":1},"sort":["1"]}]}}}`,
		"accounts/1 "+names("a.b a.c"))
	hit("collapsed", `{"collapse":{"field":"ssn","inner_hits":[{"name":"i","sort":["x"]},{"name":"j","sort":["ssn"]}]}}`,
		`"fields":{"ssn":["1"]},"inner_hits":{"i":{"hits":{"hits":[{"_index":"accounts","_id":"2","sort":[1]}]}},"j":{"hits":{"hits":[{"_index":"accounts","_id":"3","sort":[1]}]}}}`,
		"accounts/1 "+names("ssn"), "accounts/3 "+names("ssn"))
	hit("inner hits of one name", `{"collapse":{"inner_hits":[{"name":"i","sort":["x"]},{"name":"i","sort":["ssn"]}]}}`,
		`"inner_hits":{"i":{"hits":{"hits":[{"_index":"accounts","_id":"2","sort":[1]}]}}}`, "accounts/2 "+scripted(all, unknown))
	f("top hits", "root POST /accounts/_search?typed_keys", `{"aggs":{"by":{"terms":{"field":"x"},"aggs":{"t":{"top_hits":{"sort":["ssn"],"script_fields":{"c":{"script":"s"}}}}}}}}`,
		`{"aggregations":{"lterms#by":{"buckets":[{"key":1,"top_hits#t":{"hits":{"hits":[{"_index":"accounts","_id":"1","_source":{},"sort":["1"]},{"_index":"accounts","_id":"2","fields":{"c":[1]}}]}}}]}}}`,
		"accounts/1 "+names("ssn"), "accounts/2 "+scripted(all+" c", "s"))
	// Single documents.
	f("get", "root GET /accounts/_doc/1?stored_fields=ssn", ``, `{"_index":"accounts","_id":"1","found":true,"fields":{"ssn":["1"]}}`, "accounts/1 "+names("ssn"))
	f("source", "root GET /accounts/_source/1", ``, `{"ssn":["1"]}`, "accounts/1 "+names("ssn ssn[0]"))
	f("mget", "root POST /_mget", `{"docs":[{"_index":"accounts","_id":"1"}]}`, `{"docs":[{"_index":"accounts","_id":"1","found":true,"fields":{"ssn":["1"]}}]}`, "accounts/1 "+names("ssn"))
	f("explain", "root POST /accounts/_explain/1?_source=true", `{"query":{"match_all":{}}}`, `{"_index":"accounts","_id":"1","matched":true,"get":{"found":true,"_source":{"ssn":"1"}}}`, "accounts/1 "+names("ssn"))
	f("term vectors", "root GET /accounts/_termvectors/1", ``, `{"_index":"accounts","_id":"1","term_vectors":{"ssn":{"terms":{"1":{}}}}}`, "accounts/1 "+names("ssn"))
	updated := `{"_index":"accounts","_id":"1","result":"updated","get":{"found":true,"_source":{"ssn":"1"}}}`
	f("updated", "root POST /accounts/_update/1", `{"doc":{},"_source":true}`, updated, "accounts/1 "+names("ssn"))
	f("updated, escaped", "root POST /accounts/_update/1", `{"doc":{},"\u005fsource":true}`, updated, "accounts/1 "+names("ssn"))
	f("updated, asked by a parameter", "root POST /accounts/_update/1?_source_includes=ssn", `{"doc":{}}`, updated, "accounts/1 "+names("ssn"))
	f("updated in a bulk", "root POST /_bulk", "{\"update\":{\"_index\":\"accounts\",\"_id\":\"1\"}}\n{\"doc\":{},\"_source\":true}\n", `{"items":[{"update":`+updated+`}]}`, "accounts/1 "+names("ssn"))
	f("updated elsewhere", "root POST /logs-a/_update/1", `{"doc":{},"_source":true}`, strings.Replace(updated, "accounts", "logs-a", 1))
	// Aggregations.
	agg := func(name, body, answer string, want ...string) {
		t.Helper()
		f("aggregation: "+name, "root POST /logs-a,accounts/_search", `{"size":0,"aggs":`+body+`}`, `{"hits":{"total":{"value":9}},"aggregations":`+answer+`}`, want...)
	}
	of := func(fields, list string) string {
		return "accounts/ " + strings.TrimSuffix(names(fields), "}") + `,"aggregations":["` + strings.ReplaceAll(list, " ", `","`) + `"]}`
	}
	agg("terms", `{"by":{"terms":{"field":"ssn.keyword"}}}`, `{"by":{"buckets":[{"key":"1"}]}}`, of("ssn.keyword", "by"))
	agg("no buckets", `{"by":{"terms":{"field":"ssn"}}}`, `{"by":{"sum_other_doc_count":3,"buckets":[]}}`)
	agg("not watched", `{"by":{"terms":{"field":"x"}}}`, `{"by":{"buckets":[{"key":"1"}]}}`)
	agg("metric", `{"m":{"max":{"field":"social"}}}`, `{"m":{"value":0.0}}`, of("social", "m"))
	agg("no value", `{"m":{"max":{"field":"ssn"}}}`, `{"m":{"value":null}}`)
	agg("stats", `{"m":{"stats":{"field":"ssn"}}}`, `{"m":{"count":1,"sum":0.0}}`, of("ssn", "m"))
	agg("stats of nothing", `{"m":{"stats":{"field":"ssn"}}}`, `{"m":{"count":0,"min":null,"sum":0.0}}`)
	agg("percentiles", `{"m":{"percentiles":{"field":"ssn"}}}`, `{"m":{"values":{"1.0":5.0}}}`, of("ssn", "m"))
	agg("below", `{"by":{"terms":{"field":"x"},"aggregations":{"m":{"avg":{"field":"ssn"}},"n":{"avg":{"field":"a.b"}}}}}`,
		`{"by":{"buckets":[{"m":{"value":null},"n":{"value":null}},{"m":{"value":1},"n":{"value":null}}]}}`, of("ssn", "by>m"))
	agg("below a filter", `{"f":{"filter":{"term":{"ssn":"1"}},"aggs":{"m":{"avg":{"field":"ssn"}}}}}`, `{"f":{"doc_count":1,"m":{"value":1}}}`, of("ssn", "f>m"))
	agg("below filters", `{"f":{"filters":{"filters":{"k":{"match_all":{}}}},"aggs":{"m":{"avg":{"field":"ssn"}}}}}`, `{"f":{"buckets":{"k":{"m":{"value":1}}}}}`, of("ssn", "f>m"))
	agg("composite", `{"c":{"composite":{"sources":[{"s":{"terms":{"field":"ssn"}}},{"x":{"terms":{"field":"x"}}}]}}}`, `{"c":{"buckets":[{"key":{"s":"1"}}]}}`, of("ssn", "c"))
	agg("several", `{"m":{"multi_terms":{"terms":[{"field":"ssn"},{"field":"a.b"}]}},"n":{"max":{"field":"ssn"}}}`, `{"m":{"buckets":[{}]},"n":{"value":1}}`, of("a.b ssn", "m n"))
	agg("script", `{"m":{"max":{"script":{"source":"doc.x"}}}}`, `{"m":{"value":1}}`,
		"accounts/ "+strings.TrimSuffix(scripted(all, "doc.x"), "}")+`,"aggregations":["m"]}`)
	agg("scripted metric", `{"m":{"scripted_metric":{"map_script":"s"}}}`, `{"m":{"value":[1]}}`,
		"accounts/ "+strings.TrimSuffix(scripted(all, "s"), "}")+`,"aggregations":["m"]}`)
	agg("pipeline", `{"h":{"histogram":{"field":"x"},"aggs":{"b":{"bucket_script":{"buckets_path":{"c":"_count"},"script":"params.c"}}}}}`, `{"h":{"buckets":[{"b":{"value":1}}]}}`)
	f("script and no hits", "root POST /accounts/_search", `{"size":0,"query":{"script":{"script":"s"}}}`, `{"hits":{"total":{"value":2},"hits":[]}}`, "accounts/ "+scripted(all, "s"))
	f("script that finds nothing", "root POST /accounts/_search", `{"query":{"script":{"script":"s"}}}`, `{"hits":{"total":{"value":0},"hits":[]}}`)
	f("count by a script", "root POST /accounts/_count", `{"query":{"script":{"script":"s"}}}`, `{"count":2}`, "accounts/ "+scripted(all, "s"))
	f("suggestion", "root POST /accounts/_search", `{"suggest":{"text":"1","s":{"term":{"field":"ssn"}},"x":{"term":{"field":"x"}},"n":{"term":{"field":"ssn"}}}}`,
		`{"suggest":{"s":[{"options":[{"text":"12"}]}],"x":[{"options":[{"text":"12"}]}],"n":[{"options":[]}]}}`,
		"accounts/ "+strings.TrimSuffix(names("ssn"), "}")+`,"suggestions":["s"]}`)
	// Several searches, and such as only the cluster knows.
	f("msearch", "root POST /_msearch", "{\"index\":\"logs-a\"}\n{\"aggs\":{\"m\":{\"max\":{\"field\":\"ssn\"}}}}\n{\"index\":\"accounts\"}\n{\"aggs\":{\"n\":{\"max\":{\"field\":\"ssn\"}}}}\n",
		`{"responses":[{"aggregations":{"m":{"value":1}}},{"aggregations":{"n":{"value":1}}}]}`, of("ssn", "n"))
	f("template", "root POST /accounts/_search/template", `{"id":"t"}`,
		`{"hits":{"hits":[{"_index":"accounts","_id":"1","sort":[1]}]},"aggregations":{"m":{"value":1},"n":{"value":null}}}`,
		"accounts/ "+strings.TrimSuffix(scripted(all, unknown), "}")+`,"aggregations":["m"]}`, "accounts/1 "+scripted(all, unknown))
	f("page of a scroll that is not known", "root POST /_search/scroll", `{"scroll_id":"s"}`, `{"_scroll_id":"s","hits":{"hits":[{"_index":"accounts","_id":"1","sort":[1]}]}}`,
		"accounts/1 "+scripted(all, unknown))
}

func TestPagesOfAScroll(t *testing.T) {
	answer := `{"_scroll_id":"s","hits":{"hits":[{"_index":"accounts","_id":"1","sort":["1"],"fields":{"c":[1]}}]}}`
	for _, c := range []struct{ body, want string }{
		{`{"sort":["ssn"]}`, names("ssn")},
		{`{"sort":["_doc"]}`, ""},
		{`{"sort":["_doc"],"script_fields":{"c":{"script":"s"}}}`, scripted(all+" c", "s")},
		{`{"sort":["ssn"],"x":"` + strings.Repeat("x", maxScrollBody) + `"}`, scripted(all, unknown)},
	} {
		w := newWorld(t, watched, answerJSON(answer))
		w.ReadDerived = true
		w.do("root POST /accounts/_search?scroll=1m", c.body)
		w.events = nil
		for _, line := range []string{"root POST /_search/scroll", "root GET /_search/scroll?scroll_id=s", "root GET /_search/scroll/s"} {
			body := ""
			if strings.Contains(line, "POST") {
				body = `{"scroll_id":"s"}`
			}
			w.events = nil
			w.do(line, body)
			var got string
			if len(w.events) == 1 {
				got = *w.events[0].Body
			}
			if got != c.want || len(w.events) > 1 {
				t.Errorf("%s, %.50s: got %v, want %s", line, c.body, w.told(), c.want)
			}
		}
	}
}

func TestScrollsAreForgottenOldestFirst(t *testing.T) {
	var m scrolls
	for i := range maxScrolls + 1 {
		m.put(strconv.Itoa(i), &search{}, 0)
	}
	if !m.get("0").top.unknown || m.get("1").top.unknown || len(m.order) != maxScrolls || len(m.of) != maxScrolls {
		t.Errorf("%d of %d are remembered", len(m.of), len(m.order))
	}
}

func TestDerivedReadsAreOffByConfiguration(t *testing.T) {
	w := newWorld(t, watched, answerJSON(
		`{"hits":{"hits":[{"_index":"accounts","_id":"1","fields":{"ssn":["1"]},"sort":["1"]}]},"aggregations":{"m":{"value":1}}}`))
	w.do("root POST /accounts/_search", `{"sort":"ssn","script_fields":{"c":{"script":"s"}},"aggs":{"m":{"max":{"field":"ssn"}}}}`)
	if got := w.told(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestValuesOfDerivedReads(t *testing.T) {
	w := newWorld(t, strings.Replace(watched, `"read_metadata_only":true`, `"read_metadata_only":false`, 1), answerJSON(
		`{"hits":{"hits":[{"_index":"accounts","_id":"1","_source":{"a":{"b":[7]}},"fields":{"ssn.keyword":["1"],"a.x":[1,2]}},`+
			`{"_index":"accounts","_id":"2","fields":{"c":["s"]}}]},"aggregations":{"m":{"value":1}}}`))
	w.ReadDerived = true
	w.do("root POST /accounts/_search", `{"script_fields":{"c":{"script":"e"}},"aggs":{"m":{"max":{"field":"ssn"}}}}`)
	want := []string{
		`accounts/ {"field_names":["ssn"],"aggregations":["m"]}`,
		`accounts/1 {"a.b":"[7]","a.b[0]":"7","a.x":"[1, 2]","ssn.keyword":"1"}`,
		`accounts/2 {"field_names":["a.*","c","ssn"],"script":"e","fields":{"c":"s"}}`,
	}
	if diff := cmp.Diff(want, w.told()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestNothingIsHeldBackWhenNothingIsWatched(t *testing.T) {
	f := func(config, line string, want int) {
		t.Helper()
		rec := &countingWriter{header: http.Header{}}
		seen := -1
		w := newWorld(t, config, func(rw http.ResponseWriter, _ *http.Request) {
			for range 8 {
				_, _ = rw.Write(bytes.Repeat([]byte(" "), holdBack))
			}
			seen = rec.written()
			_, _ = io.WriteString(rw, "{}")
		})
		w.ReadDerived = true
		w.ServeHTTP(rec, w.request(line, ""))
		if seen != want {
			t.Errorf("%s: %d bytes had left before the end, want %d", line, seen, want)
		}
	}
	f(defaults, "root GET /logs-a/_search", 7*holdBack)
	f(defaults, "root GET /_search/scroll?scroll_id=s", 7*holdBack)
	f(watched, "root GET /logs-a/_search", 7*holdBack)
	f(watched, "root GET /accounts/_search", 0)
	f(watched, "root GET /_search/scroll?scroll_id=s", 0)
}

func TestWithoutElements(t *testing.T) {
	for name, want := range map[string]string{
		"a.b": "a.b", "a[0]": "a", "a[0].b[12]": "a.b", "a[x].b": "a[x].b", "a[": "a[", "a[]": "a[]", "": "", "a[1": "a[1", "[[0]": "[",
	} {
		if got := withoutElements(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"sort":["ssn",{"_script":{"script":"s"}}],"aggs":{"a":{"terms":{"field":"ssn"}}}}`, `{"hits":{"hits":[{"_index":"accounts","_id":"1","sort":[1]}]},"aggregations":{"a":{"buckets":[{}]}}}`)
	f.Add(`{"query":{"nested":{"inner_hits":[{}]}},"suggest":1}`, `{"_index":"accounts","_id":"1","get":1,"_nested":{"_nested":1},"inner_hits":[],"fields":{"a[":[[]]}}`)
	f.Add(`{"sort":{"_geo_distance":null}}`, `{"suggest":{"a":[1]},"aggregations":[{"a":null}]}`)
	f.Add(`[]`, `[]`)
	w := newWorld(f, watched, answerJSON(`{}`))
	w.ReadDerived = true
	f.Fuzz(func(t *testing.T, body, answer string) {
		w.events = nil
		w.Cluster = answerJSON(answer)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, w.request("root POST /accounts/_search", body))
		for _, e := range w.events {
			if e.Body == nil || !json.Valid([]byte(*e.Body)) {
				t.Errorf("an event's body is not JSON: %v", e.Body)
			}
		}
	})
}
