package gateway

import (
	"strings"

	"vigil/rest"

	"github.com/valyala/fastjson"
)

// searchPart is one search of a request with its answer.
type searchPart struct {
	search *search
	// indices are the expressions that it searched.
	indices []string
	answer  *fastjson.Value
}

// parts returns the searches that an answer answers.
func (r *reader) parts(v *fastjson.Value) []searchPart {
	c := r.x.call
	switch c.Route.Op {
	case "scroll":
		return []searchPart{{r.x.g.scrolls.get(scrollID(c)), nil, v}}
	case "msearch", "msearch_template":
		return r.manyParts(v.GetArray("responses"))
	case "search_template":
		return []searchPart{r.ran(r.runs()[0], nil, v)}
	}
	return []searchPart{{newSearch(c.Body, c.Query), c.Indices, v}}
}

// manyParts reads the searches of a multi-search beside their answers.
func (r *reader) manyParts(answers []*fastjson.Value) []searchPart {
	list := make([]searchPart, 0, len(answers))
	runs := r.runs()
	for item, err := range rest.Searches(r.x.call.Body, r.x.call.Indices) {
		if err != nil || len(list) == len(answers) {
			break
		}
		list = append(list, r.ran(runs[len(list)], &item, answers[len(list)]))
	}
	for _, v := range answers[len(list):] {
		list = append(list, searchPart{unknownSearch(), r.x.call.Indices, v})
	}
	return list
}

// runs are the searches that the handler said it runs, by their place in the request.
func (r *reader) runs() map[int]*rest.Action {
	runs := make(map[int]*rest.Action, len(r.x.searches))
	for i := range r.x.searches {
		runs[r.x.searches[i].Run] = &r.x.searches[i]
	}
	return runs
}

// ran returns a search as the handler said that it runs it, if it did, or as the request has it. A template's search is known
// to its handler alone.
func (r *reader) ran(a *rest.Action, item *rest.SearchItem, v *fastjson.Value) searchPart {
	p := searchPart{unknownSearch(), r.x.call.Indices, v}
	template := strings.HasSuffix(r.x.call.Route.Op, "_template")
	if item != nil {
		p.indices = item.Indices
		if !template {
			p.search = newSearch(item.Body, nil)
		}
	}
	if a == nil {
		return p
	}
	p.indices = a.Indices
	if template && len(a.Body) > 0 {
		p.search = newSearch(a.Body, nil)
	}
	return p
}
