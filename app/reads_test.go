package app_test

import (
	"slices"
	"strings"
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// TestReadsOfWatchedFields asks the engine in many ways for the field ssn, whose values hold "-05-11": an answer in which
// one is has the events, and no other answer has one.
func TestReadsOfWatchedFields(t *testing.T) {
	t.Parallel()
	const aggregation = `{"field_names":["%"],"aggregations":["m"]}`
	docs := func(names string) []string {
		body := `{"field_names":["` + strings.ReplaceAll(names, " ", `","`) + `"]}`
		return []string{"1 " + body, "2 " + body}
	}
	scripted := func(source string) []string {
		body := ` {"field_names":["f","ssn"],"script":"` + source + `"}`
		return []string{"1" + body, "2" + body}
	}
	const teams = "..//teams/_search"
	innerHits := func(asked string) string {
		return `{"_source":false,"query":{"nested":{"path":"people","query":{"match_all":{}},"inner_hits":` + asked + `}}}`
	}
	explained := []string{`1 {"field_names":["ssn"],"told_by":"explanation"}`, `2 {"field_names":["ssn"],"told_by":"explanation"}`}
	index := func(field string) []string { return []string{" " + strings.Replace(aggregation, "%", field, 1)} }
	for _, c := range []struct {
		name, path, body string
		want             []string
	}{
		{"source", "_search", `{}`, docs("ssn")},
		{"other source", "_search", `{"_source":"x"}`, nil},
		{"fields", "_search", `{"_source":false,"fields":["s*"]}`, docs("ssn ssn.keyword")},
		{"doc values", "_search", `{"_source":false,"docvalue_fields":["ssn.keyword"]}`, docs("ssn.keyword")},
		{"alias", "_search", `{"_source":false,"docvalue_fields":["social"]}`, docs("social")},
		{"target of a copy", "_search", `{"_source":false,"docvalue_fields":["copy"]}`, docs("copy")},
		{"sort", "_search", `{"_source":false,"sort":["x",{"ssn.keyword":"asc"}]}`, docs("ssn.keyword")},
		{"sort by a parameter", "_search?_source=false&sort=social:desc", ``, docs("social")},
		{"sort by another", "_search", `{"_source":false,"sort":["x"]}`, nil},
		{"highlight", "_search", `{"_source":false,"query":{"match":{"ssn":"078"}},"highlight":{"fields":{"ssn":{}}}}`, docs("ssn")},
		{"collapse", "_search", `{"_source":false,"collapse":{"field":"ssn.keyword"}}`, docs("ssn.keyword")},
		{"script field", "_search", `{"script_fields":{"f":{"script":"doc['ssn.keyword'].value"}}}`, scripted(`doc['ssn.keyword'].value`)},
		{"script field from the source", "_search", `{"_source":false,"script_fields":{"f":{"script":"params._source.ssn"}}}`, scripted(`params._source.ssn`)},
		{"stored script field", "_search", `{"script_fields":{"f":{"script":{"id":"ssn"}}}}`, scripted(`id:ssn`)},
		{"script field of something else", "_search", `{"script_fields":{"f":{"script":"doc['x'].value"}}}`, scripted(`doc['x'].value`)},
		{"script field of nothing", "_search", `{"script_fields":{"f":{"script":"doc['ssn.keyword'].value == '078-05-1120' ? 1 : null"}}}`, []string{
			`1 {"field_names":["f","ssn"],"script":"doc['ssn.keyword'].value == '078-05-1120' ? 1 : null"}`, `2 {"field_names":["ssn"],"script":"doc['ssn.keyword'].value == '078-05-1120' ? 1 : null"}`,
		}},
		{"script field that fails", "_search", `{"script_fields":{"f":{"script":{"source":"throw new Exception(doc['ssn.keyword'].value)"},"ignore_failure":true}}}`, []string{
			`1 {"field_names":["ssn"],"script":"throw new Exception(doc['ssn.keyword'].value)"}`, `2 {"field_names":["ssn"],"script":"throw new Exception(doc['ssn.keyword'].value)"}`,
		}},
		{"failed script field", "_search", `{"script_fields":{"f":{"script":"throw new Exception(doc['ssn.keyword'].value)"}}}`, []string{
			` {"field_names":["ssn"],"script":"throw new Exception(doc['ssn.keyword'].value)","told_by":"error"}`,
		}},
		{"script field of top hits", "_search", `{"size":0,"aggs":{"m":{"top_hits":{"script_fields":{"f":{"script":"doc['ssn.keyword'].value"}}}}}}`, scripted(`doc['ssn.keyword'].value`)},
		{"script field of inner hits", teams, innerHits(`{"script_fields":{"f":{"script":"doc['people.ssn'].value"}}}`), []string{
			`1 {"field_names":["f","people.ssn"],"script":"doc['people.ssn'].value"}`,
		}},
		{"inner hits", teams, innerHits(`{}`), docs("people.ssn")[:1]},
		{"inner hits without source", teams, innerHits(`{"_source":false}`), nil},
		{"other inner hits", teams, innerHits(`{"_source":"people.n"}`), nil},
		{"doc values of inner hits", teams, innerHits(`{"_source":false,"docvalue_fields":["people.ssn"]}`), docs("people.ssn")[:1]},
		{"sorted inner hits", teams, innerHits(`{"_source":false,"sort":["people.ssn"]}`), docs("people.ssn")[:1]},
		{"highlighted inner hits", teams, innerHits(`{"_source":false,"highlight":{"fields":{"people.ssn":{"highlight_query":{"prefix":{"people.ssn":"078"}}}}}}`), docs("people.ssn")[:1]},
		{"inner hits of a collapse", "_search", `{"_source":false,"collapse":{"field":"x","inner_hits":{"name":"i"}}}`, docs("ssn")},
		{"several inner hits of a collapse", "_search", `{"_source":false,"collapse":{"field":"x","inner_hits":[{"name":"i","_source":false},{"name":"j","_source":false,"sort":[{"ssn.keyword":"asc"}]}]}}`, docs("ssn.keyword")},
		{"terms", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}`, index("ssn.keyword")},
		{"typed terms", "_search?typed_keys", `{"size":0,"aggs":{"m":{"terms":{"field":"social"}}}}`, index("social")},
		{"terms of a copy", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"copy"}}}}`, index("copy")},
		{"composite", "_search", `{"size":0,"aggs":{"m":{"composite":{"sources":[{"k":{"terms":{"field":"ssn.keyword"}}}]}}}}`, index("ssn.keyword")},
		{"terms of nothing", "_search", `{"size":0,"query":{"match_none":{}},"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}`, nil},
		{"other terms", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"x"}}}}`, nil},
		{"top hits", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"x"},"aggs":{"t":{"top_hits":{"_source":false,"sort":["ssn.keyword"]}}}}}}`, docs("ssn.keyword")},
		{"source beside a filtered answer", "_search?filter_path=aggregations", `{"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}`, append(index("ssn.keyword"), docs("ssn")...)},
		{"msearch", "_msearch", "{}\n" + `{"size":0,"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}` + "\n{}\n" + `{"_source":false,"sort":["social"]}` + "\n", append(index("ssn.keyword"), docs("social")...)},
		{"template", "_search/template", `{"source":{"size":0,"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}}`, index("ssn.keyword")},
		{"source by template", "_search/template", `{"source":{"query":{"match_all":{}}}}`, docs("ssn")},
		{"fields by template", "_search/template", `{"source":{"_source":false,"docvalue_fields":["social"]}}`, docs("social")},
		{"templates", "_msearch/template", "{}\n" + `{"source":{"_source":false,"sort":["social"]}}` + "\n{}\n" + `{"source":{"size":0,"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}}` + "\n", append(index("ssn.keyword"), docs("social")...)},
		{"explanation", "_search", `{"_source":false,"explain":true,"query":{"match":{"ssn":"078"}}}`, explained},
		{"explanation of nothing", "_search", `{"_source":false,"explain":true,"query":{"match":{"ssn":"11"}}}`, nil},
		{"explain", "_explain/1?_source=true", `{"query":{"match":{"ssn":"078"}}}`, explained[:1]},
		{"failed script", "_search", `{"query":{"script":{"script":"throw new Exception(doc['ssn.keyword'].value)"}}}`, []string{
			` {"field_names":["ssn"],"script":"throw new Exception(doc['ssn.keyword'].value)","told_by":"error"}`,
		}},
		{"failed update", "_update/1", `{"script":"throw new Exception(ctx._source.ssn)"}`, []string{
			`1 {"field_names":["ssn"],"script":"throw new Exception(ctx._source.ssn)","told_by":"error"}`,
		}},
		{"failed bulk", "_bulk", `{"update":{"_id":"1"}}` + "\n" + `{"script":"throw new Exception(ctx._source.ssn)"}` + "\n", []string{
			`1 {"field_names":["ssn"],"script":"(request not known)","told_by":"error"}`,
		}},
		{"term vectors", "_termvectors/1?fields=ssn.keyword", ``, docs("ssn.keyword")[:1]},
		{"other term vectors", "_termvectors/1?fields=copy", ``, docs("copy")[:1]},
		{"many term vectors", "_mtermvectors", `{"ids":["1","2"],"parameters":{"fields":["copy"]}}`, docs("copy")},
		{"script", "_search", `{"_source":false,"query":{"script":{"script":"doc['ssn.keyword'].value.startsWith('0')"}}}`, []string{
			`1 {"field_names":["ssn"],"script":"doc['ssn.keyword'].value.startsWith('0')"}`, `2 {"field_names":["ssn"],"script":"doc['ssn.keyword'].value.startsWith('0')"}`,
		}},
	} {
		for _, derived := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				got, answer := readsOf(t, derived, c.path, c.body)
				want := slices.Sorted(slices.Values(c.want))
				if !derived {
					field := "ssn"
					if c.path == teams {
						field = "people.ssn"
					}
					want = docs(field)[:original(c.name)]
				}
				if !slices.Equal(got, want) {
					t.Errorf("with derived reads %t: got %q, want %q\n%s", derived, got, want, answer)
				}
				blind := []string{"script", "explanation", "script field of something else", "script field that fails", "script field of nothing"}
				if shows := strings.Contains(answer, "-05-11"); shows != (len(c.want) > 0) && !slices.Contains(blind, c.name) {
					t.Errorf("the answer shows a value: %t\n%s", shows, answer)
				}
			})
		}
	}
}

// TestReadsOnTheWay asks for documents that the answer does not show, but that are read all the same.
func TestReadsOnTheWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, body string }{
		{"update by query", "/accounts/_update_by_query", `{"query":{"term":{"x":1}}}`},
		{"script", "/accounts/_update_by_query", `{"query":{"term":{"x":1}},"script":"ctx.op = 'noop'"}`},
		{"script that fails", "/accounts/_update_by_query", `{"query":{"term":{"x":1}},"script":"throw new Exception(ctx._source.ssn)"}`},
		{"reindex", "/_reindex", `{"source":{"index":"accounts","query":{"term":{"x":1}}},"dest":{"index":"copy"}}`},
		{"refused reindex", "/_reindex", `{"source":{"index":"accounts","query":{"term":{"x":1}}},"dest":{"index":"narrow"}}`},
		{"reindex of something else", "/_reindex", `{"source":{"index":"accounts","_source":"x"},"dest":{"index":"copy"}}`},
		{"delete by query", "/accounts/_delete_by_query", `{"query":{"term":{"x":1}}}`},
	} {
		for _, derived := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				got, answer := readsOf(t, derived, "../"+c.path, c.body)
				want := []string{`1 {"field_names":["ssn"]}`}
				if c.name == "reindex of something else" || c.name == "delete by query" {
					want = nil
				}
				if !slices.Equal(got, want) {
					t.Errorf("with derived reads %t: got %q, want %q\n%s", derived, got, want, answer)
				}
			})
		}
	}
}

// original is how many documents OpenSearch would say were read: those whose source it loads.
func original(name string) int {
	switch name {
	case "source", "source by template", "source beside a filtered answer", "fields", "highlight", "many term vectors",
		"script field from the source", "inner hits of a collapse":
		return 2
	case "explain", "term vectors", "other term vectors", "inner hits", "other inner hits":
		return 1
	}
	return 0
}

// readsOf returns the read events of a request as "id body", sorted, and the answer.
func readsOf(t *testing.T, derived bool, path, body string) (events []string, answer string) {
	t.Helper()
	s := apptest.Start(t, func(c *config.Config) { c.Compliance.ReadDerived = derived })
	s.Audit(`{"enabled":true,"audit":{},"compliance":{"enabled":true,"read_metadata_only":true,"read_watched_fields":{"accounts":["ssn"],"teams":["people.ssn"]},"read_ignore_users":[]}}`)
	s.Must("PUT", "/accounts", `{"mappings":{"properties":{"ssn":{"type":"text","copy_to":"copy","fields":{"keyword":{"type":"keyword"}}},`+
		`"copy":{"type":"keyword"},"social":{"type":"alias","path":"ssn.keyword"},"x":{"type":"integer"}}}}`)
	s.Must("PUT", "/accounts/_doc/1", `{"ssn":"078-05-1120","x":1}`)
	s.Must("PUT", "/accounts/_doc/2?refresh=true", `{"ssn":"078-05-1121","x":2}`)
	s.Must("PUT", "/teams", `{"mappings":{"properties":{"people":{"type":"nested","properties":{"ssn":{"type":"keyword"},"n":{"type":"integer"}}}}}}`)
	s.Must("PUT", "/teams/_doc/1?refresh=true", `{"people":{"ssn":"078-05-1120","n":1}}`)
	s.Must("PUT", "/_scripts/ssn", `{"script":{"lang":"painless","source":"doc['ssn.keyword'].value"}}`)
	s.Must("PUT", "/narrow", `{"mappings":{"dynamic":"strict"}}`)
	path, outside := strings.CutPrefix(path, "../")
	if !outside {
		path = "/accounts/" + path
	}
	answer = string(s.Admin("POST", path, body).Body)
	for _, e := range recorded(t, s) {
		if e.Text("audit_category") == "COMPLIANCE_DOC_READ" {
			events = append(events, e.Text("audit_trace_doc_id")+" "+e.Text("audit_request_body"))
		}
	}
	slices.Sort(events)
	return events, answer
}
