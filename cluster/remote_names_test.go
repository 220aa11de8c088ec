package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"vigil/rest"
)

func TestRemoteResolvesNamesAsTheEngineDoes(t *testing.T) {
	f := newFixture(t)
	for path, body := range map[string]string{
		"/logs-a": `{"aliases":{"logs":{}}}`, "/logs-b": `{"settings":{"hidden":true,"number_of_shards":3},"aliases":{"logs":{"is_write_index":true}}}`,
		"/.sys": `{}`, "/logs-2026.01.02": `{}`,
	} {
		if status, text, _ := f.do(&rest.Effects{}, "PUT", path, body); status != 200 {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	all := []string{".sys", "logs-2026.01.02", "logs-a", "logs-b"}
	for _, tc := range []struct {
		exprs         string
		want, missing []string
	}{
		{"", all, nil},
		{"_all", all, nil},
		{"*", all, nil},
		{"logs-*,-logs-b", []string{"logs-2026.01.02", "logs-a"}, nil},
		{"logs", []string{"logs-a", "logs-b"}, nil},
		{"lo*s", []string{"logs-a", "logs-b"}, nil},
		{"logs-a,nope", []string{"logs-a"}, []string{"nope"}},
		{"-logs-a", nil, []string{"-logs-a"}},
		{"no*", nil, nil},
	} {
		var exprs []string
		if tc.exprs != "" {
			exprs = strings.Split(tc.exprs, ",")
		}
		got, missing := f.remote.Resolve(exprs)
		if !slices.Equal(got, tc.want) || !slices.Equal(missing, tc.missing) {
			t.Errorf("%q: got %q missing %q, want %q missing %q", tc.exprs, got, missing, tc.want, tc.missing)
		}
	}
	if got := f.remote.Shards("logs-b"); got != 3 {
		t.Errorf("got %d shards, want 3", got)
	}
	if got := f.remote.Aliases("logs-b"); !slices.Equal(got, []string{"logs"}) {
		t.Errorf("got aliases %q", got)
	}
	if _, _, said := f.do(watched(), "PUT", "/logs/_doc/1", `{"f":1}`); !strings.Contains(said[len(said)-1], "CREATE logs-b/1") {
		t.Errorf("a write to an alias: got %q", said)
	}
	f.do(&rest.Effects{}, "DELETE", "/logs-a", "")
	if got, _ := f.remote.Resolve([]string{"logs-a"}); got != nil {
		t.Errorf("a deleted index is still known: %q", got)
	}
}

func TestRemoteTakesADottedNameForASubField(t *testing.T) {
	f := newFixture(t)
	for field, want := range map[string][]string{"owner.keyword": {"owner"}, "a.b.c": {"a.b"}, "owner": nil, ".x": nil} {
		if got := f.remote.Sources("any", field); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
}
