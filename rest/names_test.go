package rest

import (
	"strings"
	"testing"
	"time"
)

func TestValidateIndexName(t *testing.T) {
	const characters = `must not contain the following characters [ , ", *, \, <, |, ,, >, /, ?]`
	tests := []struct{ name, want string }{
		{"a", ""},
		{".hidden", ""},
		{"logs-2026.11.21_x+y", ""},
		{"ünïcode", ""},
		{strings.Repeat("a", 255), ""},
		{strings.Repeat("a", 256), "index name is too long, (256 > 255)"},
		{strings.Repeat("ü", 128), "index name is too long, (256 > 255)"},
		{"", "must not be empty"},
		{".", "must not be '.' or '..'"},
		{"..", "must not be '.' or '..'"},
		{"_a", "must not start with '_', '-', or '+'"},
		{"-a", "must not start with '_', '-', or '+'"},
		{"+a", "must not start with '_', '-', or '+'"},
		{"A", "must be lowercase"},
		{"É", "must be lowercase"},
		{"a#b", "must not contain '#'"},
		{"a:b", "must not contain ':'"},
		{"a/b", characters},
		{"../a", characters},
		{`a\b`, characters},
		{"a b", characters},
		{"a,b", characters},
		{"a*", characters},
		{"<a>", characters},
		{`a"`, characters},
		{"a|b", characters},
		{"a?", characters},
	}
	for _, test := range tests {
		err := ValidateIndexName(test.name)
		if test.want == "" {
			if err != nil {
				t.Errorf("%q: got %v, want no error", test.name, err)
			}
			continue
		}
		want := "invalid_index_name_exception: Invalid index name [" + test.name + "], " + test.want
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", test.name, err, want)
		}
	}
}

func TestValidateAliasName(t *testing.T) {
	for name, want := range map[string]string{
		"a": "", "A": "",
		" ":  "illegal_argument_exception: alias name is required",
		"_a": "invalid_alias_name_exception: Invalid alias name [_a]: must not start with '_', '-', or '+'",
	} {
		got := ""
		if err := ValidateAliasName(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestCheckExpressions(t *testing.T) {
	if err := CheckExpressions([]string{"a*", "-b", "_all", "*", "<x-{now}>"}); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	err := CheckExpressions([]string{"a", "_no_such_api"})
	if want := "invalid_index_name_exception: Invalid index name [_no_such_api], must not start with '_'."; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestExpandDateMath(t *testing.T) {
	now := time.Date(2026, 3, 31, 23, 4, 5, 678e6, time.UTC) // a Tuesday
	tests := []struct{ expr, want string }{
		{"logs", "logs"},
		{"<logs>", "logs"},
		{"<logs-{now/d}>", "logs-2026.03.31"},
		{"<logs-{now-1d}>", "logs-2026.03.30"},
		{"<logs-{now/M{uuuu.MM}}-x>", "logs-2026.03-x"},
		{"<logs-{now-1M/M{yyyy-MM-dd}}>", "logs-2026-02-01"},
		{"<logs-{now-1M}>", "logs-2026.02.28"},
		{"<logs-{now+1y/y{yyyy}}>", "logs-2027"},
		{"<logs-{now/w{YYYY.ww}}>", "logs-2026.14"},
		{"<logs-{now/d{yyyy.MM.dd|+02:00}}>", "logs-2026.04.01"},
		{"<logs-{now/h{HH|-05:30}}>", "logs-17"},
		{"<{now/d}-{now+1d/d{dd}}>", "2026.03.31-01"},
		{"<a\\{b\\}-{now{yy MMM 'at' HH:mm:ss.SSS}}>", "a{b}-26 Mar at 23:04:05.678"},
	}
	for _, test := range tests {
		got, err := ExpandDateMath(test.expr, now)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.expr, got, err, test.want)
		}
	}
}

func TestExpandDateMathRefuses(t *testing.T) {
	for expr, want := range map[string]string{
		"<a-{now/d>":            "date math placeholder is open ended",
		"<a-{now/d{}>":          "date math placeholder is open ended",
		"<a-{now/d{}}>":         "missing date format",
		"<a-{now{yyyy}x}>":      "missing closing `}` for date math format",
		"<a}b>":                 "invalid character at position [2]",
		"<a{now{{yyyy}}}>":      "invalid character in placeholder at position [7]",
		"<>":                    "nothing captured",
		"<a-{2026||/d}>":        "must begin with now",
		"<a-{now/}>":            "truncated date math [now/]",
		"<a-{now/2d}>":          "can only be used on single unit types",
		"<a-{now*1d}>":          "operator not supported",
		"<a-{now+1q}>":          "unit [q] not supported",
		"<a-{now/q}>":           "unit [q] not supported",
		"<a-{now+99999999999d}": "",
		"<a-{now+999999999d}>":  "too large",
		"<a-{now{QQQQ}}>":       "the date format [QQQQ] is not supported",
		"<a-{now{yyyy|Moon}}>":  "unknown time zone [Moon]",
		"<a-{now{yyyy|Local}}>": "unknown time zone [Local]",
		"<a-{now{'x}}>":         "open quote",
	} {
		got, err := ExpandDateMath(expr, time.Now())
		if want == "" {
			if err != nil || got != expr {
				t.Errorf("%s: got %q, %v, want it as it is", expr, got, err)
			}
			continue
		}
		if err == nil || AsError(err).Type != "parse_exception" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v, want a parse_exception with %q", expr, got, err, want)
		}
	}
}

func FuzzExpandDateMath(f *testing.F) {
	for _, s := range []string{"<a-{now/d}>", "<a-{now-1M/M{yyyy.MM|+02:00}}>", "<\\", "<{now{'''}}>", "<{now{SSSSSSSSSS}}>"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expr string) {
		got, err := ExpandDateMath(expr, now)
		if (err == nil) == (got == "" && expr != "") {
			t.Fatalf("%q: got %q and error %v", expr, got, err)
		}
	})
}

// The hashes are those of OpenSearch's own tests of its routing function, where they are Java ints.
func TestMurmur3(t *testing.T) {
	for s, want := range map[string]uint32{
		"":                           0,
		"h":                          0x3fb8ba02,
		"he":                         0xce30a49f,
		"hel":                        0x0c7cee6b,
		"hell":                       0x5a0cb7c3,
		"hello":                      0xd7c31989,
		"hello world":                0x64b256a4,
		"Γειά σου Κόσμε":             0x8ded82be,
		"Supplementary planes too 🙂": 0x8274606c,
		"The quick brown fox jumps over the lazy dog": 0xe07db09c,
		"The quick brown fox jumps over the lazy cog": 0x4e63d2ad,
	} {
		if got := uint32(murmur3(s)); got != want {
			t.Errorf("%q: got %#x, want %#x", s, got, want)
		}
	}
}

func TestShardOf(t *testing.T) {
	tests := []struct {
		routing       string
		shards, shard int
	}{
		{"hello", 0, 0}, {"hello", 1, 0}, {"hello", 3, 2}, {"hello", 5, 4}, {"hell", 5, 1},
	}
	for _, test := range tests {
		if got := ShardOf(test.routing, test.shards); got != test.shard {
			t.Errorf("%s of %d: got %d, want %d", test.routing, test.shards, got, test.shard)
		}
	}
	for shards := 1; shards < 1100; shards += 7 {
		if got := ShardOf("The quick brown fox", shards); got < 0 || got >= shards {
			t.Fatalf("got shard %d of %d", got, shards)
		}
	}
}
