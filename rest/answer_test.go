package rest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const answer = `{"took":5,"hits":{"total":{"value":2},"hits":[{"_id":"1","_source":{"a":1,"b":{"c":"x"}}},{"_id":"2","_source":{"b":{}}}]},"_shards":{"total":1,"failed":0},"none":[]}`

func TestFilterPath(t *testing.T) {
	tests := []struct{ path, want string }{
		{"took", `{"took":5}`},
		{"took,_shards.total", `{"took":5,"_shards":{"total":1}}`},
		{"hits.hits._id", `{"hits":{"hits":[{"_id":"1"},{"_id":"2"}]}}`},
		{"hits.hits._source.a", `{"hits":{"hits":[{"_source":{"a":1}}]}}`},
		{"hits.hits._source", `{"hits":{"hits":[{"_source":{"a":1,"b":{"c":"x"}}},{"_source":{"b":{}}}]}}`},
		{"**.c", `{"hits":{"hits":[{"_source":{"b":{"c":"x"}}}]}}`},
		{"hits.**.c", `{"hits":{"hits":[{"_source":{"b":{"c":"x"}}}]}}`},
		{"**.took", `{"took":5}`},
		{"**.**.**.total", `{"hits":{"total":{"value":2}},"_shards":{"total":1}}`},
		{"_sh*.to*al", `{"_shards":{"total":1}}`},
		{"*.total", `{"hits":{"total":{"value":2}},"_shards":{"total":1}}`},
		{"nothing", `{}`},
		{"took.deeper", `{}`},
		{"-hits", `{"took":5,"_shards":{"total":1,"failed":0},"none":[]}`},
		{"-**.total,-hits.hits._source", `{"took":5,"hits":{"hits":[{"_id":"1"},{"_id":"2"}]},"_shards":{"failed":0},"none":[]}`},
		{"hits.hits,-hits.hits._source.b", `{"hits":{"hits":[{"_id":"1","_source":{"a":1}},{"_id":"2"}]}}`},
		{"**", answer},
		{"-**", `{}`},
		{" , ", answer},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			f, err := ParseFilter(test.path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Apply([]byte(answer))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFilterPathKeepsWhatWasWritten(t *testing.T) {
	f, err := ParseFilter("a")
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Apply([]byte(` { "\u0061" : {"n": 1e999, "s": "\ud800\u0001\\\""} , "b" : "}" } `))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"\u0061":{"n": 1e999, "s": "\ud800\u0001\\\""}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFilterPathIsLimited(t *testing.T) {
	for _, s := range []string{strings.Repeat("a,", 257), strings.Repeat("a.", 64) + "a"} {
		if _, err := ParseFilter(s); err == nil {
			t.Error("got a filter, want an error")
		}
	}
	f, err := ParseFilter("a.b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Apply([]byte(strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000))); err != nil {
		t.Errorf("got %v, want what is not looked at to be skipped at any depth", err)
	}
	f, err = ParseFilter("-**.b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Apply([]byte(strings.Repeat(`[`, 2000) + strings.Repeat("]", 2000))); err == nil {
		t.Error("got an answer, want an error for its depth")
	}
}

func FuzzFilter(f *testing.F) {
	for _, p := range []string{"took", "**.c", "-hits.*", "a,-b", "*"} {
		f.Add(p, answer)
	}
	f.Add("a", `{"a":[1,{"b":[]},"\u0000"],"a":null}`)
	f.Add("-a", `[`)
	f.Fuzz(func(t *testing.T, paths, body string) {
		filter, err := ParseFilter(paths)
		if err != nil {
			return
		}
		got, err := filter.Apply([]byte(body))
		if !json.Valid([]byte(body)) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if !json.Valid(got) {
			t.Fatalf("%s of %s is %s, not JSON", paths, body, got)
		}
	})
}

func call(query string) *Call {
	q, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	return &Call{Query: q}
}

func TestRender(t *testing.T) {
	v := json.RawMessage(`{"b":"<é>\"","a":[1,{"x":null}],"e":{},"l":[]}`)
	tests := []struct{ query, contentType, want string }{
		{"", "application/json; charset=UTF-8", string(v)},
		{"human", "application/json; charset=UTF-8", string(v)},
		{"filter_path=a", "application/json; charset=UTF-8", `{"a":[1,{"x":null}]}`},
		{
			"pretty", "application/json; charset=UTF-8",
			"{\n  \"b\" : \"<é>\\\"\",\n  \"a\" : [\n    1,\n    {\n      \"x\" : null\n    }\n  ],\n  \"e\" : { },\n  \"l\" : [ ]\n}\n",
		},
		{"pretty=false", "application/json; charset=UTF-8", string(v)},
		{"format=yaml", "application/yaml", "---\nb: \"<é>\\\"\"\na:\n  - 1\n  - x: null\ne: {}\nl: []\n"},
		{"format=yaml&filter_path=b", "application/yaml", "---\nb: \"<é>\\\"\"\n"},
	}
	for _, test := range tests {
		t.Run(test.query, func(t *testing.T) {
			got, contentType, err := Render(call(test.query), v)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if contentType != test.contentType {
				t.Errorf("got type %s, want %s", contentType, test.contentType)
			}
		})
	}
}

func TestRenderRefusesOtherFormats(t *testing.T) {
	for _, format := range []string{"cbor", "smile", "text", "x"} {
		if _, _, err := Render(call("format="+format), 1); err == nil || AsError(err).Status != http.StatusBadRequest ||
			!strings.Contains(err.Error(), "["+format+"]") {
			t.Errorf("%s: got %v, want a 400 that names it", format, err)
		}
	}
}

func TestAnswer(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(NewContext(r.Context(), call("filter_path=a&pretty")))

	w := httptest.NewRecorder()
	Answer(w, r, http.StatusCreated, map[string]any{"a": "<", "b": 2})
	if want := "{\n  \"a\" : \"<\"\n}\n"; w.Code != http.StatusCreated || w.Body.String() != want {
		t.Errorf("got %d %s, want 201 %s", w.Code, w.Body, want)
	}

	w = httptest.NewRecorder()
	AnswerError(w, r, &Error{Status: 405, Reason: "no", Header: http.Header{"Allow": {"GET"}}})
	if want := "{\n  \"error\" : \"no\",\n  \"status\" : 405\n}\n"; w.Code != 405 || w.Body.String() != want || w.Header().Get("Allow") != "GET" {
		t.Errorf("got %d %s, want 405 %s", w.Code, w.Body, want)
	}

	w = httptest.NewRecorder()
	Answer(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, func() {})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("got %d for what cannot be encoded, want 500", w.Code)
	}
}

func TestAnswerWithoutCallIsPlain(t *testing.T) {
	w := httptest.NewRecorder()
	Answer(w, httptest.NewRequest(http.MethodGet, "/?pretty", nil), http.StatusOK, json.RawMessage(`{"a":1}`))
	if w.Body.String() != `{"a":1}` {
		t.Errorf("got %s, want the value as it is", w.Body)
	}
}
