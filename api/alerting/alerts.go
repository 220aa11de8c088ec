package alerting

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	core "vigil/alerting"
)

// maxWindow is how far a search can page, as in OpenSearch.
const maxWindow = 10_000

func (a *API) getAlerts(ctx context.Context, r *request) (answer, error) {
	q, err := a.alertQuery(ctx, r)
	if err != nil {
		return answer{}, err
	}
	q.MonitorID = r.param("monitorId", "")
	list, total, err := a.alerts(ctx, q)
	return ok(struct {
		Alerts []json.RawMessage `json:"alerts"`
		Total  int64             `json:"totalAlerts"`
	}{list, total}), err
}

// alertQuery reads the filters that lists of alerts have.
func (a *API) alertQuery(ctx context.Context, r *request) (core.AlertQuery, error) {
	q := core.AlertQuery{
		State: unlessAll(r.param("alertState", "ALL")), Severity: unlessAll(r.param("severityLevel", "ALL")),
		SearchString: r.param("searchString", ""),
		SortField:    r.param("sortString", "monitor_name.keyword"), Order: r.param("sortOrder", "asc"), Missing: r.param("missing", ""),
	}
	if w := r.param("workflowIds", ""); w != "" {
		q.WorkflowIDs = []string{w}
	}
	var err error
	if q.Size, q.From, err = window(r, "size", 20, "startIndex"); err != nil {
		return q, err
	}
	if q.Order != "asc" && q.Order != "desc" {
		return q, exception(http.StatusBadRequest, "java.lang.IllegalArgumentException",
			"No enum constant org.opensearch.search.sort.SortOrder."+q.Order)
	}
	q.BackendRoles, err = a.visible(ctx)
	return q, err
}

func (a *API) alerts(ctx context.Context, q core.AlertQuery) ([]json.RawMessage, int64, error) {
	alerts, total, err := a.o.Store.Alerts(ctx, q)
	if err != nil {
		if _, _, reason := describe(err); reason != "" {
			err = inputError(err, nil)
		}
		return nil, 0, err
	}
	list := make([]json.RawMessage, len(alerts))
	for i := range alerts {
		list[i] = alerts[i].JSON()
	}
	return list, total, nil
}

func unlessAll(v string) string {
	if v == "ALL" {
		return ""
	}
	return v
}

// window reads how many results are wanted, and from which one on.
func window(r *request, size string, standard int, from string) (n, start int, err error) {
	n = standard
	for name, into := range map[string]*int{size: &n, from: &start} {
		text, ok := r.call.Param(name)
		if !ok {
			continue
		}
		v, err := strconv.Atoi(text)
		if err != nil {
			return 0, 0, illegalArgument("Failed to parse int parameter [%s] with value [%s]", name, text)
		}
		if v < 0 || v > maxWindow {
			return 0, 0, illegalArgument("[%s] must be between 0 and %d but was [%d]", name, maxWindow, v)
		}
		*into = v
	}
	if n+start > maxWindow {
		return 0, 0, illegalArgument("[%s] + [%s] must be at most %d", from, size, maxWindow)
	}
	return n, start, nil
}

// checkParams refuses query parameters that mean nothing here, as OpenSearch does.
func checkParams(r *request, known []string) error {
	common := []string{"pretty", "human", "error_trace", "format", "filter_path", "source", "source_content_type"}
	for _, name := range slices.Sorted(maps.Keys(r.call.Query)) {
		if !slices.Contains(known, name) && !slices.Contains(common, name) {
			return illegalArgument("request [%s] contains unrecognized parameter: [%s]", r.URL.Path, name)
		}
	}
	return nil
}

func (a *API) acknowledge(ctx context.Context, r *request) (answer, error) {
	if err := r.object(); err != nil {
		return answer{}, err
	}
	var body struct {
		Alerts []string `json:"alerts"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return answer{}, illegalArgument("alerts must be a list of ids")
	}
	switch {
	case len(body.Alerts) == 0:
		return answer{}, illegalArgument("You must provide at least one alert id.")
	case len(body.Alerts) > maxWindow:
		return answer{}, illegalArgument("You can acknowledge at most %d alerts at once.", maxWindow)
	}
	if id, ok := r.call.Vars["workflowID"]; ok {
		if _, err := a.mayUseRead(ctx, id, a.o.Store.Workflow); err != nil {
			return answer{}, err
		}
		return acknowledged(a.o.Store.AcknowledgeChained(ctx, id, body.Alerts))
	}
	if _, err := a.mayUseStored(ctx, r.call.Vars["monitorID"]); err != nil {
		return answer{}, err
	}
	return acknowledged(a.o.Store.Acknowledge(ctx, r.call.Vars["monitorID"], body.Alerts))
}

func acknowledged(done []string, failed []core.AckFailure, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	type reason struct {
		Reason string `json:"failed_reason"`
	}
	out := struct {
		Success []string            `json:"success"`
		Failed  []map[string]reason `json:"failed"`
	}{done, []map[string]reason{}}
	if done == nil {
		out.Success = []string{}
	}
	for _, f := range failed {
		out.Failed = append(out.Failed, map[string]reason{f.ID: {f.Reason}})
	}
	return ok(out), nil
}
