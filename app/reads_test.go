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
		{"terms", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}`, index("ssn.keyword")},
		{"typed terms", "_search?typed_keys", `{"size":0,"aggs":{"m":{"terms":{"field":"social"}}}}`, index("social")},
		{"terms of a copy", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"copy"}}}}`, index("copy")},
		{"composite", "_search", `{"size":0,"aggs":{"m":{"composite":{"sources":[{"k":{"terms":{"field":"ssn.keyword"}}}]}}}}`, index("ssn.keyword")},
		{"terms of nothing", "_search", `{"size":0,"query":{"match_none":{}},"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}`, nil},
		{"other terms", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"x"}}}}`, nil},
		{"top hits", "_search", `{"size":0,"aggs":{"m":{"terms":{"field":"x"},"aggs":{"t":{"top_hits":{"_source":false,"sort":["ssn.keyword"]}}}}}}`, docs("ssn.keyword")},
		{"source beside a filtered answer", "_search?filter_path=aggregations", `{"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}`, append(index("ssn.keyword"), docs("ssn")...)},
		{"msearch", "_msearch", "{}\n" + `{"size":0,"aggs":{"m":{"terms":{"field":"ssn.keyword"}}}}` + "\n{}\n" + `{"_source":false,"sort":["social"]}` + "\n", append(index("ssn.keyword"), docs("social")...)},
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
					want = nil
					if strings.HasPrefix(c.name, "source") {
						want = docs("ssn")
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("with derived reads %t: got %q, want %q\n%s", derived, got, want, answer)
				}
				if shows := strings.Contains(answer, "-05-11"); shows != (len(c.want) > 0) && c.name != "script" {
					t.Errorf("the answer shows a value: %t\n%s", shows, answer)
				}
			})
		}
	}
}

// readsOf returns the read events of a request as "id body", sorted, and the answer.
func readsOf(t *testing.T, derived bool, path, body string) (events []string, answer string) {
	t.Helper()
	s := apptest.Start(t, func(c *config.Config) { c.Compliance.ReadDerived = derived })
	s.Audit(`{"enabled":true,"audit":{},"compliance":{"enabled":true,"read_metadata_only":true,"read_watched_fields":{"accounts":["ssn"]},"read_ignore_users":[]}}`)
	s.Must("PUT", "/accounts", `{"mappings":{"properties":{"ssn":{"type":"text","copy_to":"copy","fields":{"keyword":{"type":"keyword"}}},`+
		`"copy":{"type":"keyword"},"social":{"type":"alias","path":"ssn.keyword"},"x":{"type":"integer"}}}}`)
	s.Must("PUT", "/accounts/_doc/1", `{"ssn":"078-05-1120","x":1}`)
	s.Must("PUT", "/accounts/_doc/2?refresh=true", `{"ssn":"078-05-1121","x":2}`)
	answer = string(s.Must("POST", "/accounts/"+path, body).Body)
	for _, e := range recorded(t, s) {
		if e.Text("audit_category") == "COMPLIANCE_DOC_READ" {
			events = append(events, e.Text("audit_trace_doc_id")+" "+e.Text("audit_request_body"))
		}
	}
	slices.Sort(events)
	return events, answer
}
