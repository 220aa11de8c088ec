package analysis_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/engine/analysis"
)

func terms(t *testing.T, name, text string) []string {
	t.Helper()
	a, err := analysis.New(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, tok := range a.Tokens(text) {
		out = append(out, tok.Term)
	}
	return out
}

func TestAnalyzers(t *testing.T) {
	for _, tc := range []struct{ analyzer, text, want string }{
		{"standard", "The QUICK-brown Fox's 3.14 jumps, over x_y!", "the quick brown fox's 3.14 jumps over x_y"},
		{"standard", "GET /_search?q=a&b=1,000 10.0.0.1", "get _search q a b 1,000 10.0.0.1"},
		{"standard", "user@example.com indices:data/read", "user example.com indices:data read"},
		{"standard", "Müller Straße ΑΒΓ", "müller straße αβγ"},
		{"standard", "日本語テスト ひら", "日 本 語 テスト ひ ら"},
		{"standard", "e\u0301a 👍 ok", "e\u0301a 👍 ok"},
		{"standard", "--- ___ ...", ""},
		{"simple", "Fox's 3 jumps", "fox s jumps"},
		{"whitespace", "The fox-trot  x", "The fox-trot x"},
		{"keyword", "New York", "New York"},
		{"stop", "The fox and THE hound", "fox hound"},
		{"english", "The runner's cats were running happily", "runner cat were run happili"},
	} {
		if got := strings.Join(terms(t, tc.analyzer, tc.text), " "); got != tc.want {
			t.Errorf("%s %q: got %q, want %q", tc.analyzer, tc.text, got, tc.want)
		}
	}
}

func TestTokensKnowWhereTheyStood(t *testing.T) {
	a, err := analysis.New("stop")
	if err != nil {
		t.Fatal(err)
	}
	want := []analysis.Token{{Term: "fox", Position: 1, Start: 4, End: 7}, {Term: "hound", Position: 4, Start: 16, End: 21}}
	if diff := cmp.Diff(want, a.Tokens("the fox and the hound")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLongWordsAreCut(t *testing.T) {
	got := terms(t, "standard", strings.Repeat("ä", 600))
	if len(got) != 3 || len([]rune(got[0])) != 255 || len([]rune(got[2])) != 90 {
		t.Errorf("got %d tokens", len(got))
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	if _, err := analysis.New("klingon"); !errors.Is(err, analysis.ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
	if _, err := analysis.Normalizer("klingon"); !errors.Is(err, analysis.ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("The quick 3.14 fox's 日本 x_y\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, name := range []string{"standard", "simple", "whitespace", "stop", "english"} {
			a, err := analysis.New(name)
			if err != nil {
				t.Fatal(err)
			}
			end := 0
			for _, tok := range a.Tokens(s) {
				if tok.Start < end || tok.End <= tok.Start || tok.End > len(s) {
					t.Fatalf("%s %q: token %+v after %d", name, s, tok, end)
				}
				end = tok.End
			}
		}
	})
}
