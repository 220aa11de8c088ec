package security

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestJSONPatch(t *testing.T) {
	const doc = `{"a":{"b":[1,2,3],"c":"x"},"":{"":0},"m~n":1,"x/y":2,"n":null}`
	for name, c := range map[string]struct{ patch, want, err string }{
		"add member":            {`[{"op":"add","path":"/a/d","value":{"e":[]}}]`, `{"a":{"b":[1,2,3],"c":"x","d":{"e":[]}},"":{"":0},"m~n":1,"x/y":2,"n":null}`, ""},
		"add replaces":          {`[{"op":"add","path":"/a/c","value":1}]`, `{"a":{"b":[1,2,3],"c":1},"":{"":0},"m~n":1,"x/y":2,"n":null}`, ""},
		"add at an index":       {`[{"op":"add","path":"/a/b/1","value":9}]`, `{"a":{"b":[1,9,2,3],"c":"x"},"":{"":0},"m~n":1,"x/y":2,"n":null}`, ""},
		"add at the end":        {`[{"op":"add","path":"/a/b/-","value":9},{"op":"add","path":"/a/b/4","value":8}]`, `{"a":{"b":[1,2,3,9,8],"c":"x"},"":{"":0},"m~n":1,"x/y":2,"n":null}`, ""},
		"remove from a list":    {`[{"op":"remove","path":"/a/b/0"},{"op":"remove","path":"/a/b/1"}]`, `{"a":{"b":[2],"c":"x"},"":{"":0},"m~n":1,"x/y":2,"n":null}`, ""},
		"replace in a list":     {`[{"op":"replace","path":"/a/b/2","value":null}]`, `{"a":{"b":[1,2,null],"c":"x"},"":{"":0},"m~n":1,"x/y":2,"n":null}`, ""},
		"escapes":               {`[{"op":"remove","path":"/m~0n"},{"op":"replace","path":"/x~1y","value":3},{"op":"remove","path":"//"},{"op":"remove","path":"/n"}]`, `{"a":{"b":[1,2,3],"c":"x"},"":{},"x/y":3}`, ""},
		"the whole document":    {`[{"op":"replace","path":"","value":{"z":1}}]`, `{"z":1}`, ""},
		"steps build on steps":  {`[{"op":"add","path":"/q","value":{}},{"op":"add","path":"/q/r","value":[]},{"op":"add","path":"/q/r/-","value":1},{"op":"replace","path":"","value":{}},{"op":"add","path":"/k","value":[1]}]`, `{"k":[1]}`, ""},
		"missing to replace":    {`[{"op":"replace","path":"/a/z","value":1}]`, "", `Missing field "z"`},
		"missing to remove":     {`[{"op":"remove","path":"/z"}]`, "", `Missing field "z"`},
		"missing on the way":    {`[{"op":"add","path":"/z/y","value":1}]`, "", `Missing field "z"`},
		"past a scalar":         {`[{"op":"add","path":"/a/c/d","value":1}]`, "", "Can't reference past scalar value"},
		"out of bounds":         {`[{"op":"add","path":"/a/b/4","value":1}]`, "", "Array index 4 out of bounds"},
		"out of bounds replace": {`[{"op":"replace","path":"/a/b/3","value":1}]`, "", "Array index 3 out of bounds"},
		"end to remove":         {`[{"op":"remove","path":"/a/b/-"}]`, "", `Can't reference field "-" on array`},
		"leading zero":          {`[{"op":"remove","path":"/a/b/01"}]`, "", `Can't reference field "01" on array`},
		"negative":              {`[{"op":"remove","path":"/a/b/-1"}]`, "", `Can't reference field "-1" on array`},
		"bad escape":            {`[{"op":"remove","path":"/m~2n"}]`, "", `Invalid escape sequence in "/m~2n"`},
		"escape at the end":     {`[{"op":"remove","path":"/m~"}]`, "", `Invalid escape sequence in "/m~"`},
		"no slash":              {`[{"op":"remove","path":"a"}]`, "", "Missing leading slash"},
		"no path":               {`[{"op":"remove"}]`, "", "Invalid JSON Patch payload (missing 'path' field)"},
		"no value":              {`[{"op":"add","path":"/k"}]`, "", "Invalid JSON Patch payload (missing 'value' field)"},
		"no op in one of two":   {`[{"op":"remove","path":"/n"},{"path":"/n"}]`, "", "Invalid JSON Patch payload (missing 'op' field)"},
		"no op":                 {`[{"path":"/n"}]`, "", "Wrong request body"},
		"not a list":            {`{"op":"remove","path":"/n"}`, "", "Wrong request body"},
		"empty":                 {` `, "", "Wrong request body"},
		"other operations":      {`[{"op":"move","from":"/a","path":"/b"}]`, "", "Unsupported patch operation: move. Supported are: replace,add,remove"},
		"not JSON":              {`[{`, "", "Error in JSON patch: "},
		"too long":              {"[" + strings.Repeat(`{"op":"add","path":"/k","value":1},`, maxPatchOps) + `{"op":"add","path":"/k","value":1}]`, "", "A patch may have at most 1000 operations"},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := decodeAny([]byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			var got any
			ops, err := parsePatch([]byte(c.patch))
			if err == nil {
				got, err = applyPatch(before, ops)
			}
			if c.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.err) {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := decodeAny([]byte(c.want))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if again, _ := decodeAny([]byte(doc)); !reflect.DeepEqual(before, again) {
				t.Errorf("the document was changed: %v", before)
			}
		})
	}
}

func FuzzPatch(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `[{"op":"add","path":"/a/1/c","value":[]},{"op":"remove","path":"/a/0"}]`)
	f.Add(`{}`, `[{"op":"replace","path":"","value":1},{"op":"add","path":"/~1~0","value":1}]`)
	f.Fuzz(func(t *testing.T, doc, patch string) {
		before, err := decodeAny([]byte(doc))
		if err != nil {
			return
		}
		ops, err := parsePatch([]byte(patch))
		if err != nil {
			if _, ok := errors.AsType[patchError](err); !ok && !errors.Is(err, errNoLeadingSlash) {
				t.Fatalf("error %T is not worded for clients", err)
			}
			return
		}
		after, err := applyPatch(before, ops)
		if again, _ := decodeAny([]byte(doc)); !reflect.DeepEqual(before, again) {
			t.Fatal("the document was changed")
		}
		if err != nil {
			return
		}
		if _, err := encode(after); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseBody(f *testing.F) {
	f.Add(`{"cluster_permissions":["a"],"index_permissions":[{"index_patterns":["x"],"allowed_actions":["read"]}]}`)
	f.Add(`{"users":[null],"attributes":{"a":1},"hash":"x"}`)
	all, err := kinds()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, k := range all {
			v, err := k.parseBody([]byte(body), true)
			if err == nil {
				v, err = k.parse("name", v)
			}
			if err != nil {
				if _, ok := errors.AsType[*refusal](err); !ok {
					t.Fatalf("%s: error %v is not worded for clients", k.typ, err)
				}
				continue
			}
			again, err := k.parse("name", v)
			if err != nil || !reflect.DeepEqual(again, v) {
				t.Fatalf("%s: what is stored is not what is read: %v, %v, %v", k.typ, v, again, err)
			}
		}
	})
}
