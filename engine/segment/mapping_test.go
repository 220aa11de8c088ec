package segment

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustMap(t *testing.T, s string) *Mapping {
	t.Helper()
	m, err := ParseMapping(json.RawMessage(s))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDynamicTypes(t *testing.T) {
	text := `{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}`
	for _, tc := range []struct{ value, want string }{
		{`"x"`, text},
		{`"123"`, text},
		{`"1e5"`, text},
		{`""`, text},
		{`1`, `{"type":"long"}`},
		{`-7`, `{"type":"long"}`},
		{`1.5`, `{"type":"float"}`},
		{`1e3`, `{"type":"float"}`},
		{`true`, `{"type":"boolean"}`},
		{`[null,false]`, `{"type":"boolean"}`},
		{`[[1],[2]]`, `{"type":"long"}`},
		{`"2024-01-02"`, `{"type":"date"}`},
		{`"2024-01-02T03:04:05.678+01:00"`, `{"type":"date"}`},
		{`"2024-01"`, `{"type":"date"}`},
		{`"2024"`, text},
		{`"2024-13-01"`, text},
		{`"2024-1-2"`, text},
		{`"2024-01-02 03:04:05"`, text},
		{`"2024/01/02"`, `{"type":"date","format":"yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"}`},
		{`"2024/01/02 03:04:05"`, `{"type":"date","format":"yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"}`},
		{`{"a":1}`, `{"properties":{"a":{"type":"long"}}}`},
		{`{}`, `{"type":"object"}`},
		{`[{"a":1},{"b":true}]`, `{"properties":{"a":{"type":"long"},"b":{"type":"boolean"}}}`},
		{`null`, ``},
		{`[]`, ``},
		{`[null]`, ``},
	} {
		p, err := EmptyMapping().Parse("1", []byte(`{"f":`+tc.value+`}`), Limits{})
		if err != nil {
			t.Errorf("%s: %v", tc.value, err)
			continue
		}
		want := ""
		if tc.want != "" {
			want = `{"_doc":{"properties":{"f":` + tc.want + `}}}`
		}
		if string(p.Update) != want {
			t.Errorf("%s: got %s, want %s", tc.value, p.Update, want)
		}
	}
}

func TestUpdateHoldsOnlyWhatIsNew(t *testing.T) {
	m := mustMap(t, `{"properties":{"a":{"properties":{"b":{"type":"long"}}},"n":{"type":"nested"}}}`)
	p, err := m.Parse("1", []byte(`{"a":{"b":1,"c":2},"n":[{"x":1}],"d.e":"y"}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"_doc":{"properties":{"a":{"properties":{"c":{"type":"long"}}},` +
		`"d":{"properties":{"e":{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}}},` +
		`"n":{"type":"nested","properties":{"x":{"type":"long"}}}}}}`
	if diff := cmp.Diff(want, string(p.Update)); diff != "" {
		t.Error(diff)
	}
	again, err := p.Mapping.Parse("2", []byte(`{"a":{"c":2},"n":{"x":1},"d":{"e":"z"}}`), Limits{})
	if err != nil || again.Update != nil || again.Mapping != p.Mapping {
		t.Errorf("nothing is new the second time: got %s, %v", again.Update, err)
	}
	if _, known := m.fields["a.c"]; known {
		t.Error("the mapping that was parsed by has changed")
	}
}

func TestValues(t *testing.T) {
	m := mustMap(t, `{"properties":{
		"k":{"type":"keyword","ignore_above":4,"null_value":"none"},"low":{"type":"keyword","normalizer":"lowercase"},
		"t":{"type":"text","copy_to":"all","fields":{"raw":{"type":"keyword"}}},"all":{"type":"text"},
		"l":{"type":"long"},"i":{"type":"integer","ignore_malformed":true},"d":{"type":"double"},"f":{"type":"float"},
		"sf":{"type":"scaled_float","scaling_factor":10},"ul":{"type":"unsigned_long"},"b":{"type":"boolean"},
		"dt":{"type":"date"},"de":{"type":"date","format":"epoch_second"},"ip":{"type":"ip"},"g":{"type":"geo_point"},
		"off":{"type":"object","enabled":false},"no":{"dynamic":false,"properties":{"x":{"type":"long"}}},
		"fl":{"type":"flat_object"},"n":{"type":"nested","include_in_root":true,"properties":{"x":{"type":"keyword"}}},"bin":{"type":"binary"}}}`)
	str := func(s ...string) []Value {
		var out []Value
		for _, v := range s {
			out = append(out, Value{Str: v})
		}
		return out
	}
	num := func(n int64) []Value { return []Value{{Kind: KindInt, Int: n}} }
	flo := func(f float64) []Value { return []Value{{Kind: KindFloat, Float: f}} }
	for _, tc := range []struct {
		doc  string
		want map[string][]Value
	}{
		{`{"k":["ab","toolong",null,5,true]}`, map[string][]Value{"k": str("ab", "none", "5", "true")}},
		{`{"low":"ÄB"}`, map[string][]Value{"low": str("äb")}},
		{`{"t":"x"}`, map[string][]Value{"t": str("x"), "t.raw": str("x"), "all": str("x")}},
		{`{"l":"12","i":"x","d":1,"f":0.1}`, map[string][]Value{"l": num(12), "d": flo(1), "f": flo(float64(float32(0.1))), "_ignored": str("i")}},
		{`{"l":3.9,"sf":1.26,"ul":18446744073709551615}`, map[string][]Value{"l": num(3), "sf": flo(1.3), "ul": flo(18446744073709551615)}},
		{`{"l":9223372036854775807}`, map[string][]Value{"l": num(9223372036854775807)}},
		{`{"l":"","b":"false"}`, map[string][]Value{"b": num(0)}},
		{`{"dt":["2024-01-02T00:00:00Z",5],"de":"7"}`, map[string][]Value{"dt": append(num(1704153600000), num(5)...), "de": num(7000)}},
		{`{"ip":["::ffff:10.0.0.1","2001:DB8::1"],"g":[1.5,2]}`, map[string][]Value{"ip": str("10.0.0.1", "2001:db8::1"), "g": str("2,1.5")}},
		{`{"off":{"a":[1,"x"]},"no":{"x":1,"y":{"z":1}},"bin":"aGk="}`, map[string][]Value{"no.x": num(1)}},
		{`{"fl":{"a":{"b":"x"},"c":[1,2]}}`, map[string][]Value{"fl": str("x", "1", "2"), "fl.a.b": str("x"), "fl.c": str("1", "2")}},
		{`{"no.x":4}`, map[string][]Value{"no.x": num(4)}},
	} {
		p, err := m.Parse("1", []byte(tc.doc), Limits{})
		if err != nil {
			t.Errorf("%s: %v", tc.doc, err)
			continue
		}
		if diff := cmp.Diff(tc.want, p.Values); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.doc, diff)
		}
		if p.Update != nil {
			t.Errorf("%s: got update %s", tc.doc, p.Update)
		}
	}
	p, err := m.Parse("1", []byte(`{"n":[{"x":"a"},{"x":"b"}]}`), Limits{})
	if err != nil || len(p.Nested["n"]) != 2 || p.Nested["n"][1].Values["n.x"][0].Str != "b" || len(p.Values["n.x"]) != 2 {
		t.Errorf("nested: got %+v, %v", p, err)
	}
}

func TestRefusedDocuments(t *testing.T) {
	m := mustMap(t, `{"properties":{"l":{"type":"long"},"b":{"type":"byte"},"o":{"properties":{}},"s":{"dynamic":"strict","properties":{}},"k":{"type":"keyword"},"a":{"type":"alias","path":"l"}}}`)
	for _, tc := range []struct{ doc, want string }{
		{`{"l":"abc"}`, "mapper_parsing_exception: failed to parse field [l] of type [long] in document with id '1'. Preview of field's value: 'abc'"},
		{`{"b":200}`, "mapper_parsing_exception: failed to parse field [b] of type [byte] in document with id '1'. Preview of field's value: '200'"},
		{`{"l":true}`, "mapper_parsing_exception: failed to parse field [l] of type [long] in document with id '1'. Preview of field's value: 'true'"},
		{`{"l":{"x":[1,"y"]}}`, "mapper_parsing_exception: failed to parse field [l] of type [long] in document with id '1'. Preview of field's value: '{x=[1, y]}'"},
		{`{"o":"x"}`, "mapper_parsing_exception: object mapping for [o] tried to parse field [o] as object, but found a concrete value"},
		{`{"s":{"new":1}}`, "strict_dynamic_mapping_exception: mapping set to strict, dynamic introduction of [new] within [s] is not allowed"},
		{`{"a":1}`, "mapper_parsing_exception: Cannot write to a field alias [a]."},
		{`{"l.x":1}`, "mapper_parsing_exception: Could not dynamically add mapping for field [l.x]. Existing mapping for [l] must be of type object but found [long]."},
		{`{".x":1}`, "mapper_parsing_exception: object field starting or ending with a [.] makes object resolution ambiguous: [.x]"},
		{`{"k":1,"k":2}`, "mapper_parsing_exception: failed to parse"},
		{`{"n1":1,"n2":2,"n3":3,"n4":4}`, "illegal_argument_exception: Limit of total fields [9] has been exceeded"},
		{`{"o":{"a":{"b":{"c":1}}}}`, "illegal_argument_exception: Limit of mapping depth [3] has been exceeded due to object field [o.a.b]"},
		{`{"k":"` + strings.Repeat("x", 40000) + `"}`, "mapper_parsing_exception: failed to parse field [k]"},
		{`[1]`, "mapper_parsing_exception: failed to parse"},
	} {
		_, err := m.Parse("1", []byte(tc.doc), Limits{TotalFields: 9, Depth: 3})
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%.60s: got %v, want %s", tc.doc, err, tc.want)
		}
	}
	for _, bad := range []string{``, `{`, `{"a":}`, `{"a":1}x`, "{\"a\":\"\xff\"}", strings.Repeat(`{"a":`, 400) + `1` + strings.Repeat(`}`, 400)} {
		if _, err := m.Parse("1", []byte(bad), Limits{}); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.20q: got %v, want ErrSyntax", bad, err)
		}
	}
}

func TestMergeConflicts(t *testing.T) {
	base := `{"properties":{"l":{"type":"long"},"k":{"type":"keyword","ignore_above":5},"t":{"type":"text"},"o":{"properties":{"x":{"type":"ip"}}},"n":{"type":"nested"}}}`
	for _, tc := range []struct{ update, want string }{
		{`{"properties":{"l":{"type":"text"}}}`, "illegal_argument_exception: mapper [l] cannot be changed from type [long] to [text]"},
		{`{"properties":{"o":{"properties":{"x":{"type":"long"}}}}}`, "illegal_argument_exception: mapper [o.x] cannot be changed from type [ip] to [long]"},
		{`{"properties":{"o":{"type":"keyword"}}}`, "illegal_argument_exception: can't merge a non object mapping [o] with an object mapping"},
		{`{"properties":{"n":{"properties":{"x":{"type":"ip"}}}}}`, "illegal_argument_exception: object mapping [n] can't be changed from nested to non-nested"},
		{`{"properties":{"t":{"type":"text","analyzer":"english"}}}`, "illegal_argument_exception: Mapper for [t] conflicts with existing mapper:\n\tCannot update parameter [analyzer] from [default] to [english]"},
		{`{"properties":{"k":{"type":"keyword","ignore_above":9,"fields":{"t":{"type":"text"}}},"new":{"type":"ip"}}}`, ""},
	} {
		m := mustMap(t, base)
		merged, err := m.Merge(mustMap(t, tc.update), Limits{})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.update, got, tc.want)
		}
		if err == nil && (merged.Field("k").IgnoreAbove != 9 || merged.Field("k.t") == nil || merged.Field("new") == nil) {
			t.Errorf("%s: merge lost something", tc.update)
		}
		if m.Field("k").IgnoreAbove != 5 {
			t.Errorf("%s: the mapping itself was changed", tc.update)
		}
	}
	m := mustMap(t, base)
	if same, err := m.Merge(mustMap(t, `{"properties":{"l":{"type":"long"}}}`), Limits{}); err != nil || same != m {
		t.Errorf("a merge without news: got %p, %v, want %p", same, err, m)
	}
}

func TestReparseLeavesOutWhatDoesNotFit(t *testing.T) {
	m := mustMap(t, `{"dynamic":"strict","properties":{"l":{"type":"long"},"k":{"type":"keyword"}}}`)
	p, err := m.Reparse("1", []byte(`{"l":"abc","k":"x","unknown":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Value{"k": {{Str: "x"}}, "_ignored": {{Str: "l"}}}
	if diff := cmp.Diff(want, p.Values); diff != "" {
		t.Error(diff)
	}
}

func TestManyUnmappedNamesAddNoFields(t *testing.T) {
	m := mustMap(t, `{"properties":{"h":{"dynamic":false,"properties":{"Host":{"type":"keyword"}}}}}`)
	var doc strings.Builder
	doc.WriteString(`{"h":{"Host":"x"`)
	for i := range 10_000 {
		fmt.Fprintf(&doc, `,"X-%d":["v"]`, i)
	}
	doc.WriteString(`}}`)
	p, err := m.Parse("1", []byte(doc.String()), Limits{})
	if err != nil || p.Update != nil || len(p.Values) != 1 {
		t.Errorf("got %v, %s, %d values", err, p.Update, len(p.Values))
	}
}

func TestFieldsResolveAliasesAndPatterns(t *testing.T) {
	m := mustMap(t, `{"properties":{"a":{"type":"alias","path":"u.k"},"u":{"properties":{"k":{"type":"keyword"},"t":{"type":"text"}}},"fl":{"type":"flat_object"}}}`)
	if f := m.Field("a"); f == nil || f.Name != "u.k" {
		t.Errorf("alias: got %+v", f)
	}
	if f := m.Field("fl.x.y"); f == nil || f.Type != FlatObject || f.Name != "fl.x.y" {
		t.Errorf("path below flat_object: got %+v", f)
	}
	if f := m.Field("u"); f != nil {
		t.Errorf("object: got %+v", f)
	}
	var got []string
	for _, f := range m.Match("u.*") {
		got = append(got, f.Name)
	}
	if diff := cmp.Diff([]string{"u.k", "u.t"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseDate(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, tc := range []struct {
		formats, in string
		loc         *time.Location
		want        string // empty: refused
	}{
		{"", "2024-02-29", nil, "2024-02-29T00:00:00Z"},
		{"", "2024-02-29T10", nil, "2024-02-29T10:00:00Z"},
		{"", "2023-02-29", nil, ""},
		{"", "2024-01-02T03:04:05,5Z", nil, "2024-01-02T03:04:05.5Z"},
		{"", "2024-01-02T03:04:05.123456789-0230", nil, "2024-01-02T05:34:05.123456789Z"},
		{"", "2024-01-02", berlin, "2024-01-01T23:00:00Z"},
		{"", "1704153600000", nil, "2024-01-02T00:00:00Z"},
		{"", "-1", nil, "1969-12-31T23:59:59.999Z"},
		{"", "2024-01-02T25:00", nil, ""},
		{"", "2024-01-02T", nil, "2024-01-02T00:00:00Z"},
		{"", "24-01-02", nil, ""},
		{"", "2024-01-02T03:04:05+1", nil, ""},
		{"epoch_second", "1.5", nil, "1970-01-01T00:00:01.5Z"},
		{"epoch_second", "x", nil, ""},
		{"yyyy/MM/dd HH:mm:ss||yyyy/MM/dd", "2024/01/02", nil, "2024-01-02T00:00:00Z"},
		{"dd/MMM/yyyy:HH:mm:ss Z", "02/Jan/2024:03:04:05 +0100", nil, "2024-01-02T02:04:05Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSX", "2024-01-02T03:04:05.678Z", nil, "2024-01-02T03:04:05.678Z"},
		{"hh:mm a", "03:04 PM", nil, "1970-01-01T15:04:00Z"},
		{"basic_date", "20240102", nil, "2024-01-02T00:00:00Z"},
		{"yyyyMMdd", "2024010", nil, ""},
	} {
		var formats []string
		if tc.formats != "" {
			formats = strings.Split(tc.formats, "||")
		}
		got, err := ParseDate(formats, tc.in, tc.loc)
		text := ""
		if err == nil {
			text = got.Format(time.RFC3339Nano)
		}
		if text != tc.want {
			t.Errorf("%q as %q: got %q %v, want %q", tc.in, tc.formats, text, err, tc.want)
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	f.Add(`{"properties":{"a":{"type":"text","fields":{"k":{"type":"keyword"}}},"b.c":{"type":"nested"}},"dynamic_templates":[{"x":{"match":"*","mapping":{"type":"{dynamic_type}"}}}]}`, `{"a":1,"z":{"y":[{}]}}`)
	f.Add(`{"dynamic":"strict","properties":{"d":{"type":"date","format":"yyyy||epoch_millis"}}}`, `{"d":"2024"}`)
	f.Fuzz(func(t *testing.T, mapping, doc string) {
		m, err := ParseMapping(json.RawMessage(mapping))
		if err != nil {
			return
		}
		p, err := m.Parse("1", []byte(doc), Limits{})
		if err != nil {
			return
		}
		out, err := json.Marshal(p.Mapping)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseMapping(out)
		if err != nil {
			t.Fatalf("what was told is refused: %s: %v", out, err)
		}
		if back, _ := json.Marshal(again); string(back) != string(out) {
			t.Fatalf("told %s, and then %s", out, back)
		}
		if q, err := p.Mapping.Parse("1", []byte(doc), Limits{}); err != nil || q.Update != nil {
			t.Fatalf("the same document changes the mapping twice: %s %v", q.Update, err)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2024-01-02T03:04:05.678Z")
	f.Add("strict_date_optional_time", "2024-01-02")
	f.Fuzz(func(_ *testing.T, format, s string) {
		if checkDateFormats(format) == nil {
			_, _ = ParseDate(strings.Split(format, "||"), s, nil)
		}
	})
}
