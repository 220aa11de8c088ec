package gateway

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// readAggs reads definitions of aggregations.
func (s *search) readAggs(definitions []member) []aggregation {
	var list []aggregation
	for _, d := range definitions {
		a := aggregation{name: d.name}
		for _, m := range members(d.value) {
			switch m.name {
			case "meta":
			case "aggs", "aggregations":
				a.subs = append(a.subs, s.readAggs(members(m.value))...)
			case "top_hits":
				hits := s.newAsk(m.value, s.top.computed)
				put(s.tops, a.name, &hits)
			case "filter", "filters", "adjacency_matrix":
				// How many documents match is told of every query; only what a script makes of them is more.
				a.readScripts(s, m.value, m.name)
			default:
				if !m.value.Exists("buckets_path") { // else it reads what other aggregations show
					a.readFields(m.value, m.name)
				}
			}
		}
		for _, field := range a.fields {
			if script := s.top.computed[field]; script != "" {
				a.script = script
			}
		}
		list = append(list, a)
	}
	return list
}

// readFields notes the fields and scripts that a definition names, wherever in it.
func (a *aggregation) readFields(v *fastjson.Value, parent string) {
	for _, e := range v.GetArray() {
		a.readFields(e, parent)
	}
	for _, m := range members(v) {
		switch {
		case m.name == "field" || m.name == "fields":
			for _, f := range elements(m.value) {
				if name := text(f); name != "" && !slices.Contains(a.fields, name) {
					a.fields = append(a.fields, name)
				}
			}
			a.readFields(m.value, m.name)
		case isScript(m.name, m.value, parent):
			a.script = cut(scriptText(m.value))
		default:
			a.readFields(m.value, m.name)
		}
	}
}

func (a *aggregation) readScripts(s *search, v *fastjson.Value, parent string) {
	var q ask
	s.readQuery(&q, v, parent)
	a.script = q.script
}

// told calls f for each aggregation that tells something in one of the answers, with its path.
func told(asked []aggregation, answers []*fastjson.Value, outer string, f func(name string, a *aggregation)) {
	for i := range asked {
		a := &asked[i]
		var own, below []*fastjson.Value
		says := false
		for _, v := range answers {
			if result := result(v, a.name); result != nil {
				own = append(own, result)
				says = says || tells(result)
			}
		}
		if says {
			f(outer+a.name, a)
		}
		if len(a.subs) == 0 {
			continue
		}
		for _, v := range own {
			if buckets := v.Get("buckets"); buckets != nil {
				below = append(below, bucketsOf(buckets)...)
			} else {
				below = append(below, v)
			}
		}
		told(a.subs, below, outer+a.name+">", f)
	}
}

// result returns the result of an aggregation, which may have its type before its name.
func result(v *fastjson.Value, name string) *fastjson.Value {
	if found := v.Get(name); found != nil {
		return found
	}
	for _, m := range members(v) {
		if _, n, typed := strings.Cut(m.name, "#"); typed && n == name {
			return m.value
		}
	}
	return nil
}

func bucketsOf(v *fastjson.Value) []*fastjson.Value {
	if v.Type() == fastjson.TypeArray {
		return v.GetArray()
	}
	var list []*fastjson.Value
	for _, m := range members(v) {
		list = append(list, m.value)
	}
	return list
}

// silent are the members of a result that tell nothing of a field's values.
var silent = map[string]bool{
	"meta": true, "doc_count_error_upper_bound": true, "sum_other_doc_count": true, "hits": true, "interval": true, "after_key": true,
}

// tells reports whether a result has buckets or a value.
func tells(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeNull:
		return false
	case fastjson.TypeNumber:
		return v.GetFloat64() != 0
	case fastjson.TypeArray:
		return len(v.GetArray()) > 0
	case fastjson.TypeObject:
		if value := v.Get("value"); value != nil {
			return value.Type() != fastjson.TypeNull // a sum of zero is a value
		}
		if buckets := v.Get("buckets"); buckets != nil {
			return len(bucketsOf(buckets)) > 0
		}
		return slices.ContainsFunc(members(v), func(m member) bool { return !silent[m.name] && tells(m.value) })
	default:
		return true
	}
}
