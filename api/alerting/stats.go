package alerting

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// nodeStats is what one node tells about its jobs.
type nodeStats struct {
	Name    string             `json:"name"`
	Status  string             `json:"schedule_status"`
	Roles   []string           `json:"roles"`
	Metrics *sweepStats        `json:"job_scheduling_metrics,omitempty"`
	Jobs    map[string]jobStat `json:"jobs_info,omitzero"`
}

// sweepStats are about the plugin's sweeper. Here changes count at once, so it is always on time.
type sweepStats struct {
	Last   int64 `json:"last_full_sweep_time_millis"`
	OnTime bool  `json:"full_sweep_on_time"`
}

type jobStat struct {
	Last   int64 `json:"last_execution_time,omitempty"`
	OnTime bool  `json:"running_on_time"`
}

// metricsOf reads which metrics a request wants; all if it says nothing.
func metricsOf(r *request) (sweeper, jobs bool, err error) {
	metric := r.call.Vars["metric"]
	if metric == "" || metric == "_all" {
		return true, true, nil
	}
	var unknown []string
	for name := range strings.SplitSeq(metric, ",") {
		switch name {
		case "job_scheduling_metrics":
			sweeper = true
		case "jobs_info":
			jobs = true
		case "_all":
			return false, false, illegalArgument("request [%s] contains _all and individual metrics [%s]", r.URL.Path, metric)
		default:
			unknown = append(unknown, "["+name+"]")
		}
	}
	slices.Sort(unknown)
	switch len(unknown) {
	case 0:
		return sweeper, jobs, nil
	case 1:
		return false, false, illegalArgument("request [%s] contains unrecognized metric: %s", r.URL.Path, unknown[0])
	}
	return false, false, illegalArgument("request [%s] contains unrecognized metrics: %s", r.URL.Path, strings.Join(unknown, ", "))
}

// stats tells how the scheduler of this node keeps to its schedules.
func (a *API) stats(ctx context.Context, r *request) (answer, error) {
	sweeper, jobs, err := metricsOf(r)
	if err != nil {
		return answer{}, err
	}
	err = a.o.Store.Exists(ctx)
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
	nodes := map[string]nodeStats{}
	onTime, late := 0, 0
	if a.names(r.call.Vars["nodeId"]) {
		n := a.nodeStats(sweeper, jobs, settings.Scheduled)
		if nodes[a.o.NodeName] = n; n.Status == "green" {
			onTime++
		} else {
			late++
		}
	}
	return ok(map[string]any{
		"_nodes":                            map[string]int{"total": len(nodes), "successful": len(nodes), "failed": 0},
		"cluster_name":                      a.o.ClusterName,
		"opendistro.scheduled_jobs.enabled": settings.Scheduled,
		"plugins.scheduled_jobs.enabled":    settings.Scheduled,
		"scheduled_job_index_exists":        exists,
		"scheduled_job_index_status":        status,
		"nodes_on_schedule":                 onTime,
		"nodes_not_on_schedule":             late,
		"nodes":                             nodes,
	}), nil
}

// names reports whether a list of nodes means this one.
func (a *API) names(list string) bool {
	if list == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(list, ","), func(n string) bool {
		return n == a.o.NodeName || n == "_all" || n == "_local" || n == "*"
	})
}

func (a *API) nodeStats(sweeper, jobs, enabled bool) nodeStats {
	n := nodeStats{Name: a.o.NodeName, Status: "green", Roles: []string{"DATA"}}
	if sweeper {
		n.Metrics = &sweepStats{0, true}
		if !enabled {
			n.Metrics.Last = -1
		}
	}
	if jobs {
		n.Jobs = map[string]jobStat{}
	}
	for _, j := range a.o.Scheduler.Jobs() {
		if !j.OnTime && enabled {
			n.Status = "red"
		}
		if !jobs {
			continue
		}
		stat := jobStat{OnTime: j.OnTime}
		if !j.Last.IsZero() {
			stat.Last = j.Last.UnixMilli()
		}
		n.Jobs[j.ID] = stat
	}
	return n
}
