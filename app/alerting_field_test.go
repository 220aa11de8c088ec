package app

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vigil/alerting"
	"vigil/cluster"
	"vigil/engine"
)

// fielded is an engine whose monitors are nudged as the server does.
type fielded struct {
	*cluster.Client
	t     *testing.T
	store *alerting.Store
	sched *alerting.Scheduler
	// nudged are the monitors that the last documents nudged, by name.
	nudged map[string]bool
	names  map[string]string
}

func newFielded(t *testing.T) *fielded {
	f := &fielded{t: t, nudged: map[string]bool{}, names: map[string]string{}}
	e, err := engine.Open(engine.Options{
		Dir: t.TempDir(), MinFree: -1,
		OnWrite: func(index, _ string, before, after json.RawMessage) {
			if !isSystemIndex(index) {
				f.note(f.sched.Match(index, before, after))
			}
		},
		OnChange: func(index string, mapping bool) func() {
			if isSystemIndex(index) {
				return nil
			}
			before := f.sched.Over(index)
			return func() {
				f.sched.Changed(index)
				if !mapping {
					f.note(append(before, f.sched.Over(index)...))
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &Server{engine: e}
	f.Client = cluster.NewClient(e)
	f.store = alerting.NewStore(alerting.StoreOptions{Client: f.Client})
	f.sched = alerting.NewScheduler(alerting.SchedulerOptions{
		Store: f.store, Runner: alerting.NewRunner(alerting.RunnerOptions{Store: f.store}), Fields: s.fieldOf, Names: e.Aliases,
	})
	return f
}

func (f *fielded) note(ids []string) {
	for _, id := range ids {
		f.nudged[f.names[id]] = true
	}
}

// watch stores a monitor of that name over a query.
func (f *fielded) watch(name, index, query string) {
	f.t.Helper()
	m, err := f.store.CreateMonitor(f.t.Context(), &alerting.Monitor{
		Name: name, Type: alerting.QueryLevel, Enabled: true, Owner: "alerting",
		Schedule: alerting.Schedule{Period: &alerting.Period{Interval: 1, Unit: "DAYS"}},
		Inputs:   []alerting.Input{{Search: &alerting.SearchInput{Indices: []string{index}, Query: json.RawMessage(`{"query":` + query + `}`)}}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.names[m.ID] = name
}

func (f *fielded) do(method, path, body string) error {
	_, err := f.Do(f.t.Context(), method, path, nil, []byte(body))
	return err
}

// count returns how many documents a query finds, -1 if it fails.
func (f *fielded) count(index, query string) int {
	r, err := f.Search(f.t.Context(), []string{index}, json.RawMessage(`{"size":0,"track_total_hits":true,"query":`+query+`}`))
	if err != nil {
		return -1
	}
	return int(r.Total)
}

const oddMapping = `"properties":{
	"code":{"type":"keyword"},"text":{"type":"text","fields":{"raw":{"type":"keyword"},"en":{"type":"text","analyzer":"english"}}},
	"n":{"type":"long"},"f":{"type":"float"},"h":{"type":"half_float"},"s":{"type":"scaled_float","scaling_factor":10},"b":{"type":"boolean"},
	"when":{"type":"date"},"day":{"type":"date","format":"dd/MM/yyyy||epoch_second"},"ip":{"type":"ip"},"flat":{"type":"flat_object"},
	"list":{"type":"nested","properties":{"who":{"type":"keyword"},"n":{"type":"integer"}}},
	"other":{"type":"alias","path":"code"},"all":{"type":"text"},"from":{"type":"keyword","copy_to":"all"},"none":{"type":"keyword","null_value":"nil"},
	"low":{"type":"keyword","normalizer":"lowercase"}}`

// odd makes values and queries of the fields above, many of which mean the same and are written otherwise.
type odd struct{ *rand.Rand }

func (o odd) pick(list ...string) string { return list[o.IntN(len(list))] }

func (o odd) scalar() string {
	return o.pick(`"a"`, `"A"`, `"a b"`, `"100"`, `"5"`, `5`, `100`, `5.0`, `1.96`, `2`, `0.1`, `0.10000000149`, `true`, `"true"`, `""`, `false`, `null`,
		`"2024-01-01"`, `"2024"`, `1704067200000`, `1704067200`, `"01/01/2024"`, `"2024-01-01T00:00:00Z"`, `"10.0.0.1"`, `"::1"`, `"0:0::1"`, `"running runs"`,
		`"nil"`, `"`+strings.Repeat("w", 300)+`"`, `"`+strings.Repeat("w", 45)+`"`)
}

func (o odd) field() string {
	return o.pick("code", "text", "text.raw", "text.en", "n", "f", "h", "s", "b", "when", "day", "ip", "flat", "flat.x", "flat.x.y", "list.who", "list.n",
		"other", "all", "from", "none", "low", "dyn", "dyn.keyword", "list")
}

func (o odd) document() string {
	var parts []string
	add := func(name, value string) {
		if o.IntN(3) > 0 {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
	}
	for _, name := range []string{"code", "text", "n", "f", "h", "s", "b", "when", "day", "ip", "from", "none", "low", "dyn"} {
		if o.IntN(5) > 0 {
			continue // documents with few fields are taken more often
		}
		add(name, o.scalar())
	}
	add("flat", o.pick(`{"x":`+o.scalar()+`}`, `{"x":{"y":`+o.scalar()+`}}`, `{"x.y":`+o.scalar()+`}`, "null"))
	add("list", o.pick(`[{"who":`+o.scalar()+`}]`, `{"n":5,"who":["a","b"]}`))
	return "{" + strings.Join(parts, ",") + "}"
}

func (o odd) query(depth int) string {
	name := o.field()
	if name == "list.who" || name == "list.n" {
		return fmt.Sprintf(`{"nested":{"path":"list","query":%s}}`, o.leaf(name))
	}
	if depth == 0 && o.IntN(4) == 0 {
		return fmt.Sprintf(`{"bool":{%q:[%s,%s]}}`, o.pick("must", "should", "filter"), o.query(1), o.query(1))
	}
	return o.leaf(name)
}

func (o odd) leaf(name string) string {
	switch o.IntN(6) {
	case 0, 1:
		return fmt.Sprintf(`{"term":{%q:%s}}`, name, o.scalar())
	case 2:
		return fmt.Sprintf(`{"range":{%q:{%q:%s,%q:%s}}}`, name, o.pick("gt", "gte"), o.scalar(), o.pick("lt", "lte"), o.scalar())
	case 3:
		return fmt.Sprintf(`{"match":{%q:%s}}`, name, o.scalar())
	case 4:
		return fmt.Sprintf(`{"range":{%q:{%q:%s}}}`, name, o.pick("gt", "gte", "lt", "lte"), o.scalar())
	default:
		return o.pick(fmt.Sprintf(`{"exists":{"field":%q}}`, name), fmt.Sprintf(`{"prefix":{%q:%q}}`, name, o.pick("a", "1", "w")))
	}
}

// TestNoDocumentIsOverlooked writes random documents with fields of all kinds and demands that each monitor whose query finds another
// number of documents than before was nudged.
func TestNoDocumentIsOverlooked(t *testing.T) {
	for seed := range uint64(4) {
		o, f := odd{rand.New(rand.NewPCG(seed, 7))}, newFielded(t)
		if err := f.do("PUT", "/odd-1", `{"mappings":{`+oddMapping+`}}`); err != nil {
			t.Fatal(err)
		}
		queries := map[string]string{}
		for len(queries) < 150 {
			q := o.query(0)
			if f.count("odd-1", q) < 0 {
				continue
			}
			name := strconv.Itoa(len(queries))
			queries[name] = q
			f.watch(name, o.pick("odd-1", "odd-*"), q)
		}
		if err := f.do("PUT", "/odd-1/_doc/first", `{}`); err != nil {
			t.Fatal(err)
		}
		before, written := map[string]int{}, 0
		for i := range 300 {
			doc := o.document()
			clear(f.nudged)
			if f.do("PUT", fmt.Sprintf("/odd-1/_doc/%d", i), doc) != nil {
				continue
			}
			written++
			if err := f.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			for name, q := range queries {
				n := f.count("odd-1", q)
				// What fails from now on is told by the schedule.
				if n >= 0 && n != before[name] && !f.nudged[name] {
					t.Errorf("seed %d: %s changes the result of %s from %d to %d, and nobody is told", seed, doc, q, before[name], n)
				}
				before[name] = n
			}
		}
		if written < 100 {
			t.Errorf("only %d documents were taken", written)
		}
	}
}

// TestNamesAndIndicesThatChangeAreNotOverlooked has indices and names come and go.
func TestNamesAndIndicesThatChangeAreNotOverlooked(t *testing.T) {
	f := newFielded(t)
	for name, in := range map[string][2]string{
		"code":   {"logs-*", `{"term":{"code":"a b"}}`},
		"free":   {"logs-*", `{"match_all":{}}`},
		"alias":  {"everything", `{"match_all":{}}`},
		"keyed":  {"everything", `{"term":{"code.keyword":"x"}}`},
		"stream": {"flow", `{"match_all":{}}`},
		"math":   {"<logs-{now/d}>", `{"match_all":{}}`},
	} {
		f.watch(name, in[0], in[1])
	}
	for _, step := range []struct{ method, path, body, want string }{
		{"PUT", "/logs-1", `{"mappings":{"properties":{"code":{"type":"keyword"}}}}`, ""},
		{"PUT", "/logs-1/_doc/1", `{"code":"z"}`, "free math"},
		{"PUT", "/logs-1/_doc/2", `{"code":"z"}`, "free math"},
		{"PUT", "/logs-2/_doc/1", `{"code":"a b c"}`, "code free math"},
		{"PUT", "/logs-2/_doc/2", `{"code":"b a b"}`, "code free math"}, // text here, a keyword there
		{"PUT", "/logs-3", `{"mappings":{"properties":{"http":{"type":"keyword"},"code":{"type":"alias","path":"http"}}}}`, ""},
		{"PUT", "/logs-3/_doc/1", `{"http":"z"}`, "code free math"}, // code is elsewhere in each
		{"PUT", "/logs-3/_doc/2", `{"http":"a b"}`, "code free math"},
		{"PUT", "/logs-1/_mapping", `{"properties":{"late":{"type":"keyword","copy_to":"code"}}}`, ""},
		{"PUT", "/logs-1/_doc/3", `{"late":"z"}`, "code free math"}, // what others are copied to says nothing
		{"PUT", "/logs-1/_doc/4", `{"late":"a b"}`, "code free math"},
		{"PUT", "/plain/_doc/1", `{"code":"y"}`, "math"},
		{"PUT", "/plain/_doc/2", `{"code":"y"}`, "math"},
		{"POST", "/_aliases", `{"actions":[{"add":{"index":"plain","alias":"everything"}}]}`, "alias keyed math"},
		{"PUT", "/plain/_doc/3", `{"code":"y"}`, "alias math"},
		{"PUT", "/plain/_doc/4", `{"code":"y"}`, "alias math"},
		{"PUT", "/plain/_doc/5", `{"code":"x"}`, "alias keyed math"},
		{"POST", "/_aliases", `{"actions":[{"remove":{"index":"plain","alias":"everything"}}]}`, "alias keyed math"},
		{"DELETE", "/logs-1", "", "code free math"},
		{"PUT", "/_index_template/flow", `{"index_patterns":["flow"],"data_stream":{}}`, ""},
		{"PUT", "/_data_stream/flow", "", ""},
		{"PUT", "/flow/_create/1", `{"@timestamp":"2026-11-27T00:00:00Z"}`, "math stream"},
		{"POST", "/flow/_rollover", "", ""},
		{"PUT", "/flow/_create/2", `{"@timestamp":"2026-11-27T00:00:00Z"}`, "math stream"},
		{"DELETE", "/_data_stream/flow", "", "math stream"},
	} {
		clear(f.nudged)
		if err := f.do(step.method, step.path, step.body); err != nil {
			t.Fatalf("%s %s: %v", step.method, step.path, err)
		}
		var got []string
		for name := range f.nudged {
			got = append(got, name)
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != step.want {
			t.Errorf("%s %s %s nudges [%s], want [%s]", step.method, step.path, step.body, text, step.want)
		}
	}
}
