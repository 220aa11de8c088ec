package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var redactKey = []byte("0123456789abcdef")

func newRedactor(t testing.TB, rules ...RedactRule) *Redactor {
	t.Helper()
	r, err := NewRedactor(rules, redactKey)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedactedBodies(t *testing.T) {
	remove := func(field string) RedactRule { return RedactRule{Field: field, Action: RedactRemove} }
	mask := func(field string) RedactRule { return RedactRule{Field: field, Action: RedactMask} }
	f := func(name string, e *Event, body, want string, rules ...RedactRule) {
		t.Helper()
		c := *e
		c.Body = &body
		if got := newRedactor(t, rules...).Event(&c); *got.Body != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, *got.Body, want)
		}
		if *c.Body != body {
			t.Errorf("%s: the event was changed", name)
		}
	}
	doc := &Event{Category: DocWrite, Resolved: []string{"accounts"}}
	search := &Event{Category: GrantedPrivileges, Layer: LayerTransport, RequestType: "SearchRequest", Resolved: []string{"accounts"}}
	read := &Event{Category: DocRead, Resolved: []string{"accounts"}}
	rest := &Event{Category: Authenticated, Layer: LayerREST, REST: &REST{Path: "/_bulk"}}

	f("any depth", doc, `{"a": [{"ssn": 1}], "ssn": "2"}`, `{"a":[{}]}`, remove("ssn"))
	f("only below", doc, `{"a":{"ssn":1},"b":{"ssn":2}}`, `{"a":{"ssn":"__SENSITIVE__"},"b":{"ssn":2}}`, mask("a.ssn"))
	f("dotted name", doc, `{"a.ssn":1,"x":2}`, `{"a.ssn":"__SENSITIVE__","x":2}`, mask("a.ssn"))
	f("star", doc, `{"card_no":1,"card_cvc":{"x":2},"car":3}`, `{"car":3}`, remove("card_*"))
	f("twice", doc, `{"ssn":1,"ssn":2}`, `{"ssn":"__SENSITIVE__","ssn":"__SENSITIVE__"}`, mask("ssn"))
	f("escaped name", doc, `{"\u0073sn":1}`, `{}`, remove("ssn"))
	f("nothing to do stays as written", doc, `{"a" : 1.0, "s":"\u00e9"}`, `{"a" : 1.0, "s":"\u00e9"}`, mask("ssn"))
	f("null tells nothing", doc, `{"ssn":null}`, `{"ssn":null}`, mask("ssn"))
	f("a document may speak of a field", doc, `{"t":"my ssn: no"}`, `{"t":"my ssn: no"}`, mask("ssn"))
	f("cannot be read", doc, `{"ssn":1`, `__SENSITIVE__`, mask("ssn"))
	f("another index", doc, `{"ssn":1}`, `{"ssn":1}`, RedactRule{Index: "logs-*", Field: "ssn", Action: RedactMask})
	f("its index", doc, `{"ssn":1}`, `{}`, RedactRule{Index: "acc*", Field: "ssn", Action: RedactRemove})

	f("term", search, `{"query":{"term":{"ssn":{"value":"1"}}}}`, `{"query":{"term":{"ssn":"__SENSITIVE__"}}}`, mask("ssn"))
	f("sub-field", search, `{"query":{"term":{"ssn.keyword":"1"}}}`, `{"query":{"term":{}}}`, remove("ssn"))
	f("query string", search, `{"query":{"query_string":{"query":"ssn:123 AND x:1","boost":1.0}}}`,
		`{"query":{"query_string":{"query":"__SENSITIVE__","boost":"__SENSITIVE__"}}}`, mask("ssn"))
	f("named as value", search, `{"query":{"multi_match":{"query":"123","fields":["x","ssn^2"]}},"size":1}`,
		`{"query":{"multi_match":{"query":"__SENSITIVE__","fields":["x","ssn^2"]}},"size":1}`, mask("ssn"))
	f("all fields", search, `{"query":{"multi_match":{"query":"123","fields":["*"]}}}`, `{"query":{"multi_match":{"query":"__SENSITIVE__","fields":["*"]}}}`, mask("ssn"))
	f("what is shown", search, `{"query":{"match_all":{}},"_source":["ssn"],"fields":["ssn"]}`, `{"query":{"match_all":{}},"_source":["ssn"],"fields":["ssn"]}`, mask("ssn"))
	f("script", &Event{RequestType: "UpdateRequest", Layer: LayerTransport}, `{"source":"ctx._source.ssn = params.v","params":{"v":"123"}}`,
		`{"source":"__SENSITIVE__","params":"__SENSITIVE__"}`, mask("ssn"))

	f("read", read, `{"a[0].ssn":"1","x":"2"}`, `{"a[0].ssn":"__SENSITIVE__","x":"2"}`, mask("a.ssn"))
	f("read of an object", read, `{"a":"{ssn=1, b=2}"}`, `{"a":"__SENSITIVE__"}`, mask("a.ssn"))
	f("lines", rest, "{\"index\":{\"_index\":\"x\"}}\n{\"ssn\":1}\r\n\n{\"a\":1}", "{\"index\":{\"_index\":\"x\"}}\n{}\r\n\n{\"a\":1}", remove("ssn"))
	f("lines of an unknown index", rest, `{"ssn":1}`, `{}`, RedactRule{Index: "other", Field: "ssn", Action: RedactRemove})
	f("patch", rest, `[{"op":"replace","path":"/a/ssn/0","value":"1"},{"op":"add","path":"/b","value":{"ssn":2}}]`,
		`[{"op":"replace","path":"/a/ssn/0","value":"__SENSITIVE__"},{"op":"add","path":"/b","value":{"ssn":"__SENSITIVE__"}}]`, mask("ssn"))

	number := func(action RedactAction) RedactRule { return RedactRule{Pattern: `\b\d{4}-\d{4}\b`, Action: action} }
	f("pattern", doc, `{"t":"a 1234-5678 b","\u0031234-5678":1}`, `{"t":"a __SENSITIVE__ b","__SENSITIVE__":1}`, number(RedactMask))
	f("pattern over a number", doc, `{"n":12345678}`, `{"n":"__SENSITIVE__"}`, RedactRule{Pattern: `^\d{8}$`, Action: RedactMask})
	f("pattern in what is no JSON", doc, `a: 1234-5678`, `a: `, number(RedactRemove))

	hash := RedactRule{Field: "ssn", Action: RedactHash}
	h := `"` + newRedactor(t, hash).hash("1") + `"`
	f("hash", doc, `{"ssn":1}`, `{"ssn":`+h+`}`, hash)
	f("hash of a text", doc, `{"ssn":["1",{"a":"1"}]}`, `{"ssn":[`+h+`,{"a":`+h+`}]}`, hash)
	f("hash in a search", search, `{"query":{"match":{"ssn":{"query":"1"}}}}`, `{"query":{"match":{"ssn":{"query":`+h+`}}}}`, hash)
}

// TestRedactedDiffs shows that a difference stays a valid patch.
func TestRedactedDiffs(t *testing.T) {
	f := func(before, after, want string, rules ...RedactRule) {
		t.Helper()
		diff, err := Diff(json.RawMessage(before), json.RawMessage(after))
		if err != nil {
			t.Fatal(err)
		}
		got := newRedactor(t, rules...).Event(&Event{Category: DocWrite, DiffContent: diff}).DiffContent
		if got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s to %s:\ngot  %s\nwant %s", before, after, got, want)
		}
	}
	rule := func(a RedactAction) RedactRule { return RedactRule{Field: "a.ssn", Action: a} }
	f(`{"a":{"ssn":1},"b":1}`, `{"a":{"ssn":2},"b":2}`, `[{"op":"replace","path":"/b","value":2}]`, rule(RedactRemove))
	f(`{"a":{"ssn":1},"b":1}`, `{"a":{"ssn":2},"b":2}`, `[{"op":"replace","path":"/a/ssn","value":"__SENSITIVE__"},{"op":"replace","path":"/b","value":2}]`, rule(RedactMask))
	f(`{}`, `{"a":{"ssn":"2","c":3}}`, `[{"op":"add","path":"/a","value":{"c":3}}]`, rule(RedactRemove))
	f(`{"a":{"ssn":2}}`, `{"a":{"ssn":3}}`, `[]`, rule(RedactRemove))
	f(`{"x":"1234"}`, `{"x":"5678"}`, `[{"op":"replace","path":"/x","value":""}]`, RedactRule{Pattern: `\d+`, Action: RedactRemove})
}

// TestRedactedEvent shows the rules for what is not a body.
func TestRedactedEvent(t *testing.T) {
	r := newRedactor(t,
		RedactRule{Header: "x-customer*", Action: RedactRemove}, RedactRule{Header: "X_Plan", Action: RedactMask},
		RedactRule{Param: "Customer", Action: RedactMask}, RedactRule{Pattern: `S3CR3T`, Action: RedactMask},
		RedactRule{Header: "User-Agent", Action: RedactRemove}, RedactRule{Field: "ssn", Action: RedactMask},
	)
	value, other, masked, partly := "a S3CR3T", "x", "__SENSITIVE__", "a __SENSITIVE__"
	in := &Event{
		Category: FailedLogin, Layer: LayerREST, EffectiveUser: "S3CR3T", Exception: "no S3CR3T", Headers: map[string]string{"X-Customer": "1", "o": "S3CR3T"},
		REST: &REST{
			Header: map[string][]string{"X-Customer-Id": {"1"}, "x-plan": {"gold"}, "Other": {"S3CR3T", "x"}, "User-Agent": {"u"}},
			Params: map[string]string{"customer": "c", "q": "ssn:1", "sort": "ssn", "S3CR3T": "", "source": `{"ssn":1}`},
		},
		Request:  &Request{ID: "S3CR3T-1", UserAgent: "u"},
		Settings: []SettingChange{{Setting: "a.ssn", Old: &value, Scope: "index"}, {Setting: "b", New: &value, Old: &other}},
	}
	before := string(AppendJSON(nil, &Node{}, in))
	got := r.Event(in)
	want := &Event{
		Category: FailedLogin, Layer: LayerREST, EffectiveUser: "__SENSITIVE__", Exception: "no __SENSITIVE__", Headers: map[string]string{"o": "__SENSITIVE__"},
		REST: &REST{
			Header: map[string][]string{"x-plan": {"__SENSITIVE__"}, "Other": {"__SENSITIVE__", "x"}},
			Params: map[string]string{"customer": "__SENSITIVE__", "q": "__SENSITIVE__", "sort": "ssn", "__SENSITIVE__": "", "source": `{"ssn":"__SENSITIVE__"}`},
		},
		Request:  &Request{ID: "__SENSITIVE__-1"},
		Settings: []SettingChange{{Setting: "a.ssn", Old: &masked, Scope: "index"}, {Setting: "b", New: &partly, Old: &other}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event differs (-want +got):\n%s", diff)
	}
	if after := string(AppendJSON(nil, &Node{}, in)); before != after {
		t.Errorf("the event itself was changed:\n%s\n%s", before, after)
	}
	if e := (*Redactor)(nil).Event(in); e != in {
		t.Error("without rules the event was copied")
	}
}

func TestBadRedactRules(t *testing.T) {
	f := func(want string, rules ...RedactRule) {
		t.Helper()
		if _, err := NewRedactor(rules, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", rules, err, want)
		}
	}
	f("exactly one", RedactRule{Action: RedactMask})
	f("exactly one", RedactRule{Field: "a", Param: "b", Action: RedactMask})
	f(`action "" is not`, RedactRule{Field: "a"})
	f("needs a key", RedactRule{Field: "a", Action: RedactHash})
	f("pattern: error parsing", RedactRule{Pattern: "(", Action: RedactMask})
	f("empty text", RedactRule{Pattern: "a*", Action: RedactMask})
	f("longer than", RedactRule{Pattern: strings.Repeat("a", 1001), Action: RedactMask})
	f("index goes with", RedactRule{Index: "a", Header: "b", Action: RedactMask})
	f("index: ", RedactRule{Index: "/(/", Field: "b", Action: RedactMask})
	f("more than 100", make([]RedactRule, 101)...)
}

// FuzzRedact checks that a marked value never stays under a field that a rule names, and that JSON stays JSON.
func FuzzRedact(f *testing.F) {
	f.Add(`{"ssn":"x"}`, "x")
	f.Add(`[{"op":"add","path":"/ssn","value":"x"},{"op":"replace","path":"","value":{"ssn":[1]}}]`, "x")
	f.Add("{}\n{\"ssn\":{\"ssn\":1}}\n", "[0]")
	f.Fuzz(func(t *testing.T, body, value string) {
		r := newRedactor(t, RedactRule{Field: "ssn", Action: RedactRemove}, RedactRule{Pattern: "x+", Action: RedactMask})
		quoted, err := json.Marshal("CANARY" + value)
		if err != nil {
			t.Fatal(err)
		}
		doc := `{"a":` + body + `,"b":[{"ssn":` + string(quoted) + `}]}`
		got := r.Event(&Event{Category: DocWrite, Body: &doc}).Body
		if strings.Contains(*got, "CANARY") {
			t.Errorf("%s became %s", doc, *got)
		}
		if json.Valid([]byte(doc)) && *got != redactedBody && !json.Valid([]byte(*got)) {
			t.Errorf("%s became %s, which is not JSON", doc, *got)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	r := newRedactor(b, RedactRule{Field: "ssn", Action: RedactHash}, RedactRule{Pattern: `\b\d{4}-\d{4}-\d{4}\b`, Action: RedactMask})
	body := `{"name":"ada","ssn":"123-45-6789","address":{"street":"1 Main St","city":"London"},"notes":["one","two","1234-5678-9012"]}`
	e := &Event{Category: DocWrite, Resolved: []string{"accounts"}, Body: &body}
	b.ReportAllocs()
	for b.Loop() {
		r.Event(e)
	}
}
