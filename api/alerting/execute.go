package alerting

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	core "vigil/alerting"
)

func (a *API) executeStored(ctx context.Context, r *request) (answer, error) {
	end, err := periodEnd(r)
	if err != nil {
		return answer{}, err
	}
	id := r.call.Vars["monitorID"]
	m, err := a.o.Store.Monitor(ctx, id)
	if e := convert(err); err != nil && e.Status == http.StatusNotFound {
		return answer{}, exception(http.StatusNotFound, "org.opensearch.OpenSearchStatusException", "Can't find monitor with id: "+id)
	}
	if err != nil {
		return answer{}, err
	}
	if err := a.mayUse(ctx, m); err != nil {
		return answer{}, err
	}
	return a.execute(ctx, r, m, end)
}

func (a *API) executeInline(ctx context.Context, r *request) (answer, error) {
	end, err := periodEnd(r)
	if err != nil {
		return answer{}, err
	}
	m, err := a.parse(ctx, r)
	if err != nil {
		return answer{}, err
	}
	m = m.WithIDs()
	return a.execute(ctx, r, m, end)
}

func (a *API) execute(ctx context.Context, r *request, m *core.Monitor, end time.Time) (answer, error) {
	dry, err := flag(r, "dryrun")
	if err != nil {
		return answer{}, err
	}
	res, err := a.o.Runner.Run(ctx, core.Request{Monitor: m, Cause: core.Manual, PeriodEnd: end, DryRun: dry})
	if err != nil {
		return answer{}, err
	}
	if res.Workflow != nil {
		return ok(a.workflowRunBody(res)), nil
	}
	return ok(a.runBody(res)), nil
}

// flag reads a boolean parameter. What is neither true nor false is refused: a run that was meant to be dry must not send.
func flag(r *request, name string) (bool, error) {
	switch text, given := r.call.Param(name); text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "":
		return given, nil
	default:
		return false, illegalArgument("Failed to parse value [%s] as only [true] or [false] are allowed.", text)
	}
}

// periodEnd reads a time with its unit: a bare number is refused, see execute-period in compat/.
func periodEnd(r *request) (time.Time, error) {
	text, given := r.call.Param("period_end")
	if !given {
		return time.Time{}, nil
	}
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{
		{"nanos", time.Nanosecond},
		{"micros", time.Microsecond},
		{"ms", time.Millisecond},
		{"s", time.Second},
		{"m", time.Minute},
		{"h", time.Hour},
		{"d", 24 * time.Hour},
	} {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || n > int64(1<<62)/int64(u.unit) {
			return time.Time{}, illegalArgument("failed to parse [%s]", text)
		}
		return time.Unix(0, n*int64(u.unit)), nil
	}
	return time.Time{}, illegalArgument("failed to parse setting [period_end] with value [%s] as a time value: unit is missing or unrecognized", text)
}

type runAnswer struct {
	MonitorName  string         `json:"monitor_name"`
	PeriodStart  int64          `json:"period_start"`
	PeriodEnd    int64          `json:"period_end"`
	Error        *string        `json:"error"`
	InputResults inputAnswer    `json:"input_results"`
	Triggers     map[string]any `json:"trigger_results"`
}

type inputAnswer struct {
	Results []json.RawMessage `json:"results"`
	Error   *string           `json:"error"`
}

type triggerAnswer struct {
	Name      string                  `json:"name"`
	Triggered bool                    `json:"triggered"`
	Actions   map[string]actionAnswer `json:"action_results"`
	// Clusters are told of cluster-metrics monitors alone.
	Clusters []clusterAnswer `json:"cluster_results,omitzero"`
	Error    *string         `json:"error"`
}

type clusterAnswer struct {
	Cluster   string `json:"cluster"`
	Triggered bool   `json:"triggered"`
}

type actionAnswer struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Output        map[string]string `json:"output"`
	Throttled     bool              `json:"throttled"`
	ExecutionTime int64             `json:"executionTime"`
	Error         *string           `json:"error"`
}

func (a *API) runBody(res core.RunResult) runAnswer {
	out := runAnswer{
		MonitorName: res.MonitorName, PeriodStart: res.PeriodStart.UnixMilli(), PeriodEnd: res.PeriodEnd.UnixMilli(),
		Error: orNull(res.Error), InputResults: inputAnswer{res.Results, orNull(res.InputError)},
		Triggers: map[string]any{},
	}
	if out.InputResults.Results == nil {
		out.InputResults.Results = []json.RawMessage{}
	}
	for _, t := range res.Triggers {
		switch res.MonitorType {
		case core.BucketLevel:
			out.Triggers[t.ID] = bucketBody(t)
		case core.DocLevel:
			out.Triggers[t.ID] = documentBody(t)
		default:
			ta := triggerBody(t)
			if res.MonitorType == core.ClusterMetrics {
				ta.Clusters = a.clusterResults(t)
			}
			out.Triggers[t.ID] = ta
		}
	}
	return out
}

func triggerBody(t core.TriggerResult) triggerAnswer {
	out := triggerAnswer{t.Name, t.Triggered, map[string]actionAnswer{}, nil, orNull(t.Error)}
	for _, r := range t.Actions {
		out.Actions[r.ID] = actionBody(r)
	}
	return out
}

// clusterResults tells for which cluster a trigger fired: there is but one.
func (a *API) clusterResults(t core.TriggerResult) []clusterAnswer {
	if !t.Triggered || t.Error != "" {
		return []clusterAnswer{}
	}
	return []clusterAnswer{{a.o.ClusterName, true}}
}

func actionBody(r core.ActionResult) actionAnswer {
	output := map[string]string{}
	if r.Rendered {
		output["subject"], output["message"] = r.Subject, r.Message
	}
	if r.MessageID != "" {
		output["messageId"] = r.MessageID
	}
	return actionAnswer{r.ID, r.Name, output, r.Throttled, r.ExecutionTime.UnixMilli(), orNull(r.Error)}
}

// bucketTriggerAnswer is what a bucket-level trigger came to, by the keys of buckets.
type bucketTriggerAnswer struct {
	Name    string                             `json:"name"`
	Buckets map[string]bucketAnswer            `json:"agg_result_buckets"`
	Actions map[string]map[string]actionAnswer `json:"action_results"`
	Error   *string                            `json:"error"`
}

// documentTriggerAnswer is what a document-level trigger came to, by the ids of alerts.
type documentTriggerAnswer struct {
	Name      string                             `json:"name"`
	Documents []string                           `json:"triggeredDocs"`
	Actions   map[string]map[string]actionAnswer `json:"action_results"`
	Error     *string                            `json:"error"`
}

func documentBody(t core.TriggerResult) documentTriggerAnswer {
	out := documentTriggerAnswer{t.Name, t.Documents, actionsByKey(t), orNull(t.Error)}
	if out.Documents == nil {
		out.Documents = []string{}
	}
	return out
}

type bucketAnswer struct {
	Content core.AlertBucket `json:"agg_alert_content"`
}

func bucketBody(t core.TriggerResult) bucketTriggerAnswer {
	out := bucketTriggerAnswer{t.Name, map[string]bucketAnswer{}, actionsByKey(t), orNull(t.Error)}
	for _, b := range t.Buckets {
		out.Buckets[b.Key()] = bucketAnswer{b}
	}
	return out
}

func actionsByKey(t core.TriggerResult) map[string]map[string]actionAnswer {
	out := map[string]map[string]actionAnswer{}
	for _, r := range t.Actions {
		keys := r.Keys
		if keys == nil {
			keys = []string{""} // an error, which is about no bucket
		}
		for _, key := range keys {
			if out[key] == nil {
				out[key] = map[string]actionAnswer{}
			}
			out[key][r.ID] = actionBody(r)
		}
	}
	return out
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
