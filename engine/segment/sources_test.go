package segment

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSources(t *testing.T) {
	m := mustMap(t, `{"properties":{
		"ssn":{"type":"text","copy_to":["all","o.more"],"fields":{"keyword":{"type":"keyword"}}},
		"all":{"type":"text","fields":{"raw":{"type":"keyword"}}},
		"social":{"type":"alias","path":"ssn.keyword"},
		"o":{"properties":{"a":{"type":"keyword","copy_to":"all"},"more":{"type":"keyword"}}}}}`)
	for _, c := range []struct {
		field string
		want  []string
	}{
		{"ssn", nil},
		{"ssn.keyword", []string{"ssn"}},
		{"social", []string{"ssn", "ssn.keyword"}},
		{"all", []string{"o.a", "ssn"}},
		{"all.raw", []string{"all", "o.a", "ssn"}},
		{"o.more", []string{"ssn"}},
		{"o.a", nil},
		{"nothing", nil},
		{"nothing.below", nil},
	} {
		if diff := cmp.Diff(c.want, m.Sources(c.field)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.field, diff)
		}
	}
}
