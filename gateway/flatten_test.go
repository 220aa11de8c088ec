package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"
)

// As recorded in compat/scenarios/audit/v41-read-rich-values.json, steps get-1, get-2 and get-3.
func TestFieldsHaveTheOriginalsNamesAndValues(t *testing.T) {
	got := map[string]string{}
	flatten(fastjson.MustParse(`{"n":5,"f":1.50,"exp":1e3,"neg":-0.0,"big":12345678901,"huge":1.5e10,"small":0.00012,"b":true,"nul":null,
		"empty":[],"eobj":{},"tags":["a",null,["x"]],"items":[{"sku":"y","q":2}],"a.b":{"c":"d"}}`), "", func(name string, v *fastjson.Value) {
		got[name] = javaString(v)
	})
	want := map[string]string{
		"n": "5", "f": "1.5", "exp": "1000.0", "neg": "-0.0", "big": "12345678901", "huge": "1.5E10", "small": "1.2E-4", "b": "true", "nul": "null",
		"empty": "[]", "eobj": "{}", "tags": "[a, null, [x]]", "tags[0]": "a", "tags[1]": "null", "tags[2]": "[x]", "tags[2][0]": "x",
		"items": "[{sku=y, q=2}]", "items[0]": "{sku=y, q=2}", "items[0].sku": "y", "items[0].q": "2", "a.b": "{c=d}", "a.b.c": "d",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
