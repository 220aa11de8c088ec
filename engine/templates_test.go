package engine

import (
	"strings"
	"testing"
)

func TestATemplateForEverythingIsNotForNamesWithADot(t *testing.T) {
	for _, put := range []string{
		`/_template/t {"index_patterns":["*"],"aliases":{"all":{}}}`,
		`/_index_template/t {"index_patterns":["*"],"template":{"aliases":{"all":{}}}}`,
	} {
		e := open(t, Options{})
		path, body, _ := strings.Cut(put, " ")
		want(t, e, 200, "PUT", path, body)
		want(t, e, 200, "PUT", "/.kept", "")
		want(t, e, 200, "PUT", "/plain", "")
		if got := want(t, e, 200, "GET", "/_alias/all", ""); strings.Contains(got, ".kept") || !strings.Contains(got, "plain") {
			t.Errorf("%s: got %s", path, got)
		}
	}
}
