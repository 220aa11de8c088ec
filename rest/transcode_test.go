package rest

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

func TestToJSON(t *testing.T) {
	fromHex := func(s string) string {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, c := range map[string]struct{ kind, body, want string }{
		"json as it is":    {"json", "{ ", "{ "},
		"order":            {"yaml", "b: 1\na: [x, 'y', {z: null}]\n", `{"b":1,"a":["x","y",{"z":null}]}`},
		"scalars":          {"yaml", "---\n- 1.50\n- 0x10\n- true\n- .inf\n- 2024-01-02\n- ''\n- é<\n", `[1.50,16,true,".inf","2024-01-02","","é<"]`},
		"alias":            {"yaml", "a: &x {b: 1}\nc: *x\n", `{"a":{"b":1},"c":{"b":1}}`},
		"cbor map":         {"cbor", fromHex("a2636d7367646362" + "6f72616e07"), `{"msg":"cbor","n":7}`},
		"cbor kinds":       {"cbor", fromHex("8a20f4f6f93e00fb3ff80000000000004201021bffffffffffffffffc249010000000000000000d81863616263f97e00"), `[-1,false,null,1.5,1.5,"AQI=",18446744073709551615,18446744073709551616,"abc","NaN"]`},
		"cbor indefinite":  {"cbor", fromHex("bf61619f0102ff61627f61786179ffff"), `{"a":[1,2],"b":"xy"}`},
		"cbor cut":         {"cbor", fromHex("a26161"), ""},
		"cbor rest":        {"cbor", fromHex("0101"), ""},
		"cbor long string": {"cbor", fromHex("7bffffffffffffff00"), ""},
		"yaml broken":      {"yaml", "a: [", ""},
		"yaml bomb":        {"yaml", "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n", ""},
		"cbor deep":        {"cbor", strings.Repeat("\x81", 5000), ""},
		"smile":            {"smile", "x", ""},
	} {
		got, err := ToJSON(c.kind, []byte(c.body), 500)
		if c.want == "" {
			if err == nil || AsError(err).Status != 400 {
				t.Errorf("%s: got %.100s, %v, want a refusal", name, got, err)
			}
			continue
		}
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
}

func FuzzToJSON(f *testing.F) {
	f.Add("yaml", []byte("a: &x [1]\nb: *x\n"))
	f.Add("cbor", []byte("\xa1\x61a\x9f\x01\xff"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if kind == "json" {
			return
		}
		if got, err := ToJSON(kind, body, 1<<16); err == nil && len(got) > 0 && !json.Valid(got) {
			t.Errorf("%s %q became %q", kind, body, got)
		}
	})
}
