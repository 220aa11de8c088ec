package alerting

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	core "vigil/alerting"
)

type findingItem struct {
	Finding   core.Finding      `json:"finding"`
	Documents []findingDocument `json:"document_list"`
}

type findingDocument struct {
	Index    string `json:"index"`
	ID       string `json:"id"`
	Found    bool   `json:"found"`
	Document string `json:"document,omitempty"`
}

// searchFindings lists findings of monitors that the caller may use, with the documents that they are about, as far as the caller
// may see those.
func (a *API) searchFindings(ctx context.Context, r *request) (answer, error) {
	q := core.FindingQuery{
		ID: r.param("findingId", ""), SearchString: r.param("searchString", ""), SortField: r.param("sortString", "id"),
		Order: r.param("sortOrder", "asc"), Missing: r.param("missing", ""),
	}
	var err error
	if q.Size, q.From, err = window(r, "size", 20, "startIndex"); err != nil {
		return answer{}, err
	}
	if !slices.Contains([]string{"asc", "desc"}, q.Order) {
		return answer{}, exception(http.StatusBadRequest, "java.lang.IllegalArgumentException",
			"No enum constant org.opensearch.search.sort.SortOrder."+q.Order)
	}
	roles, err := a.visible(ctx)
	if err != nil {
		return answer{}, err
	}
	if roles != nil {
		if q.MonitorIDs, err = a.o.Store.MonitorIDs(ctx, roles); err != nil {
			return answer{}, err
		}
	}
	found, total, err := a.o.Store.Findings(ctx, q)
	if err != nil {
		if _, _, reason := describe(err); reason != "" {
			return answer{}, inputError(err, nil)
		}
		return answer{}, err
	}
	sources := a.documents(ctx, found)
	items := []findingItem{}
	for _, f := range found {
		item := findingItem{f, []findingDocument{}}
		for _, id := range f.RelatedDocIDs {
			source, ok := sources[f.Index][id]
			item.Documents = append(item.Documents, findingDocument{f.Index, id, ok, string(source)})
		}
		items = append(items, item)
	}
	return ok(struct {
		Total    int64         `json:"total_findings"`
		Findings []findingItem `json:"findings"`
	}{total, items}), nil
}

// documents fetches the documents of findings with the caller's rights. What the caller may not see is not found.
func (a *API) documents(ctx context.Context, found []core.Finding) map[string]map[string]json.RawMessage {
	ids := map[string][]string{}
	for _, f := range found {
		ids[f.Index] = append(ids[f.Index], f.RelatedDocIDs...)
	}
	user := a.o.Caller(ctx)
	out := map[string]map[string]json.RawMessage{}
	for index, list := range ids {
		body, err := json.Marshal(map[string]any{"size": len(list), "query": map[string]any{"ids": map[string]any{"values": list}}})
		if err != nil {
			continue
		}
		raw, err := a.o.Searcher.Search(ctx, &user, []string{index}, body)
		if err != nil {
			a.o.Log.DebugContext(ctx, "documents of findings cannot be read", "index", index, "error", err)
			continue
		}
		var answer searchAnswer
		if json.Unmarshal(raw, &answer) != nil {
			continue
		}
		out[index] = map[string]json.RawMessage{}
		for _, h := range answer.Hits.Hits {
			out[index][h.ID] = h.Source
		}
	}
	return out
}
