package query

import (
	"strings"
	"testing"

	"vigil/engine/segment"
)

func TestTokensAreRememberedUpToALimit(t *testing.T) {
	const each = maxTokens / 4
	f := &segment.Field{Name: "s", Type: segment.Text}
	text := strings.Repeat("a ", each)
	c := &Context{}
	for i := range 6 {
		d := &segment.Doc{Values: map[string][]segment.Value{"s": {{Str: text}, {Str: "end"}}}}
		for range 2 {
			got := c.analyzed(d, f)
			if len(got) != each+1 || got[each].Term != "end" || got[each].Position != each+100 {
				t.Fatalf("document %d: got %d tokens, the last %+v", i, len(got), got[len(got)-1])
			}
		}
	}
	if len(c.tokens) != 3 {
		t.Errorf("the tokens of %d documents are remembered, want 3", len(c.tokens))
	}
}
