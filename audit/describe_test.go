package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribeDerivedRead(t *testing.T) {
	for _, c := range []struct {
		name, id string
		metadata bool
		read     DerivedRead
		want     string
	}{
		{"aggregation", "", false, DerivedRead{Fields: []string{"ssn"}, Aggregations: []string{"a", "a>b"}}, `{"field_names":["ssn"],"aggregations":["a","a>b"]}`},
		{"suggestion", "", true, DerivedRead{Fields: []string{"ssn"}, Suggestions: []string{"s"}}, `{"field_names":["ssn"],"suggestions":["s"]}`},
		{"script", "1", true, DerivedRead{Fields: []string{"ssn", "a.*"}, Shown: map[string]string{"ssn": "1"}, Script: `doc["x"]`}, `{"field_names":["a.*","ssn"],"script":"doc[\"x\"]"}`},
		{"script with values", "1", false, DerivedRead{Fields: []string{"ssn"}, Shown: map[string]string{"b": "2", "a": "1"}, Script: "s"}, `{"field_names":["a","b","ssn"],"script":"s","fields":{"a":"1","b":"2"}}`},
		{"hashes", "internalusers", false, DerivedRead{Fields: []string{"*"}, Shown: map[string]string{"x": "$2y$12$88IFVl6IfIwCFh5aQYfOmuXVL9j2hz/GusQb35o.4sdTDAEMTOD.K"}, Script: "s"}, `{"field_names":["*","x"],"script":"s","fields":{"x":"__HASH__"}}`},
	} {
		cfg, err := ParseConfig([]byte(`{"compliance":{"read_metadata_only":` + map[bool]string{true: "true", false: "false"}[c.metadata] + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPolicy(cfg, Indices{})
		if err != nil {
			t.Fatal(err)
		}
		e := &Event{DocID: c.id}
		p.DescribeDerivedRead(e, c.read)
		if *e.Body != c.want {
			t.Errorf("%s: got %s, want %s", c.name, *e.Body, c.want)
		}
	}
}

func TestNamesOfWatchedFields(t *testing.T) {
	cfg, err := ParseConfig([]byte(`{"compliance":{"enabled":true,"read_watched_fields":{"a*":["z","b?","/c+/"," "],"ab":["*"],"/a[bc]/":["z","d.e"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPolicy(cfg, Indices{})
	if err != nil {
		t.Fatal(err)
	}
	w := p.WatchesRead("ac", "bob")
	if diff := cmp.Diff([]string{"/c+/", "b?", "d.e", "z"}, w.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"d.e", "z"}, w.Literals()); diff != "" {
		t.Errorf("literals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"*", "/c+/", "b?", "d.e", "z"}, p.WatchesRead("ab", "bob").Names()); diff != "" {
		t.Errorf("with a star (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"*"}, (&FieldWatch{all: true}).Names()); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
}
