package alerting

import (
	"context"
	"net/http"
	"strings"
)

// stats tells how the scheduler does. It runs here, so there is one node.
func (a *API) stats(ctx context.Context, r *request) (answer, error) {
	if metric := r.call.Vars["metric"]; metric != "" {
		metrics := strings.Split(metric, ",")
		for _, m := range metrics {
			switch m {
			case "job_scheduling_metrics", "jobs_info":
			case "_all":
				if len(metrics) > 1 {
					return answer{}, illegalArgument("request [%s] contains _all and individual metrics [%s]", r.URL.Path, metric)
				}
			default:
				return answer{}, illegalArgument("request [%s] contains unrecognized metric: [%s]", r.URL.Path, m)
			}
		}
	}
	err := a.o.Store.Exists(ctx)
	e := convert(err)
	if err != nil && e.Status != http.StatusNotFound {
		return answer{}, err
	}
	exists := err == nil
	status := any(nil)
	if exists {
		status = "green"
	}
	settings, err := a.o.Store.Settings(ctx)
	if err != nil {
		return answer{}, err
	}
	name := a.o.NodeName
	return ok(map[string]any{
		"_nodes":                            map[string]int{"total": 1, "successful": 1, "failed": 0},
		"cluster_name":                      a.o.ClusterName,
		"opendistro.scheduled_jobs.enabled": settings.Scheduled,
		"plugins.scheduled_jobs.enabled":    settings.Scheduled,
		"scheduled_job_index_exists":        exists,
		"scheduled_job_index_status":        status,
		"nodes_on_schedule":                 1,
		"nodes_not_on_schedule":             0,
		"nodes": map[string]any{name: map[string]any{
			"name": name, "schedule_status": "green", "roles": []string{"DATA"}, "enabled_monitors": a.o.Scheduler.Running(),
		}},
	}), nil
}
