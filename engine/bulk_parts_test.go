package engine

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/rest"
)

// TestBulkInPartsIsTheSameBulk compares a bulk that is executed two operations at a time with one that is executed at once.
func TestBulkInPartsIsTheSameBulk(t *testing.T) {
	uuids := regexp.MustCompile(`"index_uuid":"[^"]*",`)
	var body strings.Builder
	for i := range 7 {
		fmt.Fprintf(&body, `{"index":{"_index":"many","_id":"%d"}}`+"\n"+`{"n":%d}`+"\n", i, i)
	}
	body.WriteString(`{"create":{"_index":"many","_id":"0"}}` + "\n{}\n" + // there already
		`{"update":{"_index":"many","_id":"1","_source":true}}` + "\n" + `{"doc":{"n":11}}` + "\n" +
		`{"delete":{"_index":"many","_id":"2"}}` + "\n" +
		`{"index":{"_index":"made <here>","_id":"1"}}` + "\n{}\n" + // no name for an index
		`{"index":{"_index":"made","_id":"1"}}` + "\n{}\n")
	var answers [2]map[string]any
	var documents [2]string
	for i, part := range []int{100, 2} {
		e := open(t, Options{bulkPart: part})
		want(t, e, 200, "PUT", "/many", `{"settings":{"number_of_shards":3}}`)
		text := uuids.ReplaceAllString(want(t, e, 200, "POST", "/_bulk", body.String()), "")
		if err := json.Unmarshal([]byte(text), &answers[i]); err != nil {
			t.Fatal(err)
		}
		delete(answers[i], "took")
		documents[i] = want(t, e, 200, "GET", "/many,made/_search?filter_path=hits.hits._id,hits.hits._source", `{"size":100,"sort":["_id"]}`)
	}
	if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
		t.Errorf("answers differ (-at once +in parts):\n%s", diff)
	}
	if n := len(answers[1]["items"].([]any)); n != 12 {
		t.Errorf("got %d items, want 12", n)
	}
	if documents[0] != documents[1] {
		t.Errorf("got %s, want %s", documents[1], documents[0])
	}
}

func TestBulkInPartsIsJudgedAsAWhole(t *testing.T) {
	e := open(t, Options{bulkPart: 2})
	want(t, e, 200, "PUT", "/a", `{}`)
	var asked []string
	fx := &rest.Effects{Allow: func(a rest.Action) error {
		if a.Name != "indices:data/write/bulk[s]" {
			return nil
		}
		asked = append(asked, fmt.Sprintf("run %d items %d of %v continued %t", a.Run, len(a.Items), a.ItemOps, a.Continued))
		if slices.Contains(a.ItemOps, "delete") {
			return rest.Errorf(403, "security_exception", "no")
		}
		return nil
	}}
	_, text, _ := effects(e, fx, "POST", "/a/_bulk", strings.Repeat(`{"index":{}}`+"\n{}\n", 4)+`{"delete":{"_id":"x"}}`+"\n")
	if n := strings.Count(text, `"status":403`); n != 5 {
		t.Errorf("%d items are refused, want all 5: %s", n, text)
	}
	if diff := cmp.Diff([]string{
		"run 0 items 2 of [index delete] continued false", "run 0 items 2 of [index delete] continued true",
		"run 0 items 1 of [index delete] continued true",
	}, asked); diff != "" {
		t.Errorf("what was asked differs (-want +got):\n%s", diff)
	}
	if got := want(t, e, 200, "GET", "/a/_count", ""); !strings.Contains(got, `"count":0,`) {
		t.Errorf("something was written: %s", got)
	}
}

func TestBulkInPartsThatCannotBeReadDoesNothing(t *testing.T) {
	e := open(t, Options{bulkPart: 2})
	body := strings.Repeat(`{"index":{"_index":"a"}}`+"\n{}\n", 5) + `{"nonsense":{}}` + "\n"
	want(t, e, 400, "POST", "/_bulk", body)
	want(t, e, 404, "GET", "/a", "")
}

// TestIDsOfABulkInPartsStayTheSame lets the engine choose ids, of which the shards follow that are asked for beforehand.
func TestIDsOfABulkInPartsStayTheSame(t *testing.T) {
	e := open(t, Options{bulkPart: 3})
	want(t, e, 200, "PUT", "/a", `{"settings":{"number_of_shards":4}}`)
	want(t, e, 200, "POST", "/a/_bulk", strings.Repeat(`{"index":{}}`+"\n{}\n", 50))
	var found struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal([]byte(want(t, e, 200, "GET", "/a/_search", `{"size":100}`)), &found); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, h := range found.Hits.Hits {
		ids[h.ID] = true
		want(t, e, 200, "GET", "/a/_doc/"+h.ID, "")
	}
	if len(ids) != 50 {
		t.Errorf("got %d documents, want 50", len(ids))
	}
}
