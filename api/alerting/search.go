package alerting

import (
	"context"
	"encoding/json"
	"net/http"

	core "vigil/alerting"
	"vigil/rest"
)

// searchAnswer is a search's answer, its members in OpenSearch's order.
type searchAnswer struct {
	Took         json.RawMessage `json:"took"`
	TimedOut     bool            `json:"timed_out"`
	Shards       json.RawMessage `json:"_shards"`
	Hits         searchHits      `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations,omitempty"`
}

type searchHits struct {
	Total    json.RawMessage `json:"total,omitempty"`
	MaxScore json.RawMessage `json:"max_score"`
	Hits     []searchHit     `json:"hits"`
}

type searchHit struct {
	Index       string          `json:"_index"`
	ID          string          `json:"_id"`
	Version     int64           `json:"_version"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Score       json.RawMessage `json:"_score"`
	Source      json.RawMessage `json:"_source,omitempty"`
	Sort        json.RawMessage `json:"sort,omitempty"`
}

func (a *API) searchMonitors(ctx context.Context, r *request) (answer, error) {
	ix := a.o.Store.Indices()
	index := r.param("index", ix.Config)
	alerts := index == ".opendistro-alerting-alert*" || index == ix.Alerts+"*"
	if !alerts && index != ix.Config {
		return answer{}, exception(http.StatusBadRequest, "java.lang.IllegalArgumentException", "Invalid index name.")
	}
	roles, err := a.visible(ctx)
	if err != nil {
		return answer{}, err
	}
	body, err := searchBody(r, !alerts, roles)
	if err != nil {
		return answer{}, err
	}
	raw, err := a.o.Store.Search(ctx, alerts, body)
	found, err := readFound(raw, err, index)
	if err != nil {
		return answer{}, err
	}
	for i := range found.Hits.Hits {
		h := &found.Hits.Hits[i]
		if alerts {
			h.Source = core.ShowAlert(h.Source)
			continue
		}
		if err := showMonitor(h, viewOf(r)); err != nil {
			return answer{}, err
		}
	}
	return ok(found), nil
}

// readFound reads what a search in an index came to.
func readFound(raw json.RawMessage, err error, indices ...string) (found searchAnswer, _ error) {
	if err != nil {
		if _, _, reason := describe(err); reason != "" {
			err = inputError(err, indices)
		}
		return found, err
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return found, err
	}
	if found.Hits.Hits == nil {
		found.Hits.Hits = []searchHit{}
	}
	return found, nil
}

// showMonitor unwraps a hit's monitor or workflow and leaves out what is stored only. A source that was filtered stays as it is.
func showMonitor(h *searchHit, v core.View) error {
	var doc struct {
		Monitor  map[string]json.RawMessage `json:"monitor"`
		Workflow map[string]json.RawMessage `json:"workflow"`
	}
	if len(h.Source) == 0 {
		return nil
	}
	if err := json.Unmarshal(h.Source, &doc); err != nil {
		return err
	}
	parse := core.ParseMonitor
	if doc.Monitor == nil {
		parse, doc.Monitor = core.ParseWorkflow, doc.Workflow
	}
	if doc.Monitor == nil {
		return nil
	}
	if m, err := parse(mustJSON(doc.Monitor)); err == nil {
		h.Source = m.JSON(v)
		return nil
	}
	delete(doc.Monitor, "user")
	if v == core.ViewClient {
		delete(doc.Monitor, "ui_metadata")
	}
	h.Source = mustJSON(doc.Monitor)
	return nil
}

// mustJSON encodes a map of raw values, which cannot fail.
func mustJSON(m map[string]json.RawMessage) json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

// readSearch takes the body of a search, or the parameter source, refuses what looks past the query, and has it show versions.
func readSearch(r *request) (map[string]json.RawMessage, error) {
	text := r.body
	if len(text) == 0 {
		text = []byte(r.param("source", "{}"))
	}
	if err := validJSON(text); err != nil {
		return nil, err
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, rest.Errorf(http.StatusBadRequest, "parsing_exception", "the body is not an object")
	}
	body["seq_no_primary_term"], body["version"] = json.RawMessage("true"), json.RawMessage("true")
	return body, contained(body)
}

// searchBody has a search find monitors and workflows alone, and of those, or of alerts, what the roles may see.
func searchBody(r *request, monitors bool, roles []string) (json.RawMessage, error) {
	body, err := readSearch(r)
	if err != nil {
		return nil, err
	}
	if roles != nil {
		var oneOf []any
		fields := []string{"monitor_user.backend_roles.keyword"}
		if monitors {
			fields = []string{"monitor.user.backend_roles.keyword", "workflow.user.backend_roles.keyword"}
		}
		for _, f := range fields {
			oneOf = append(oneOf, map[string]any{"terms": map[string]any{f: roles}})
		}
		if err := only(body, map[string]any{"bool": map[string]any{"should": oneOf}}); err != nil {
			return nil, err
		}
	}
	if !monitors {
		return mustJSON(body), nil
	}
	err = only(body, json.RawMessage(`{"bool":{"should":[{"exists":{"field":"monitor.type"}},{"exists":{"field":"workflow.type"}}]}}`))
	return mustJSON(body), err
}

// only has a search find what another query does, too.
func only(body map[string]json.RawMessage, too any) error {
	must := []any{too}
	if q, ok := body["query"]; ok {
		must = []any{q, too}
	}
	q, err := json.Marshal(map[string]any{"bool": map[string]any{"must": must}})
	if err != nil {
		return illegalArgument("the query is not valid: %v", err)
	}
	body["query"] = q
	return nil
}
