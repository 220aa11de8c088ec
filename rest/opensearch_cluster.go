package rest

import "slices"

// clusterRows with a target log all open indices where the request names none: their request classes can carry indices.
func clusterRows() []Route {
	state := Route{Op: "cluster.state", Action: "cluster:monitor/state", Request: "ClusterStateRequest", Targets: TargetPath}
	settings, stateOf := state, state
	stateOf.IndexVar = "indices"
	settings.Op = "cluster.get_settings"
	info := Route{Op: "info", Action: "cluster:monitor/main", Request: "MainRequest"}
	ping := info
	ping.Op = "ping"
	return slices.Concat(
		rows("GET", "/", info),
		rows("HEAD", "/", ping),
		rows("GET", "/_cluster/health /_cluster/health/{index}", Route{
			Op: "cluster.health", Action: "cluster:monitor/health", Request: "ClusterHealthRequest", Targets: TargetPath,
		}),
		rows("GET", "/_cluster/state /_cluster/state/{metric}", state),
		rows("GET", "/_cluster/state/{metric}/{indices}", stateOf),
		rows("GET", "/_cluster/stats /_cluster/stats/nodes/{nodeId} /_cluster/stats/{metric}/nodes/{nodeId}"+
			" /_cluster/stats/{metric}/{index_metric}/nodes/{nodeId}", Route{
			Op: "cluster.stats", Action: "cluster:monitor/stats", Request: "ClusterStatsRequest",
		}),
		rows("GET", "/_cluster/settings", settings),
		rows("PUT", "/_cluster/settings", Route{
			Op: "cluster.put_settings", Action: "cluster:admin/settings/update", Request: "ClusterUpdateSettingsRequest",
			Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_cluster/pending_tasks", Route{
			Op: "cluster.pending_tasks", Action: "cluster:monitor/task", Request: "PendingClusterTasksRequest",
		}),
		rows("GET POST", "/_cluster/allocation/explain", Route{
			Op: "cluster.allocation_explain", Action: "cluster:monitor/allocation/explain",
			Request: "ClusterAllocationExplainRequest", Body: BodyJSON,
		}),
		rows("GET", "/_remote/info", Route{
			Op: "cluster.remote_info", Action: "cluster:monitor/remote/info", Request: "RemoteInfoRequest",
		}),
	)
}

func clusterAdminRows() []Route {
	row := func(op string, action ActionName, request string) Route {
		return Route{Op: op, Action: action, Request: request, Changes: true}
	}
	read := func(op string, action ActionName, request string) Route {
		return Route{Op: op, Action: action, Request: request}
	}
	body := func(r Route) Route {
		r.Body = BodyJSON
		return r
	}
	return slices.Concat(
		rows("POST", "/_cluster/reroute",
			body(row("cluster.reroute", "cluster:admin/reroute", "ClusterRerouteRequest"))),
		rows("POST", "/_cluster/voting_config_exclusions", row("cluster.post_voting_config_exclusions",
			"cluster:admin/voting_config/add_exclusions", "AddVotingConfigExclusionsRequest")),
		rows("DELETE", "/_cluster/voting_config_exclusions", row("cluster.delete_voting_config_exclusions",
			"cluster:admin/voting_config/clear_exclusions", "ClearVotingConfigExclusionsRequest")),
		rows("PUT", "/_cluster/routing/awareness/{attribute}/weights", body(row("cluster.put_weighted_routing",
			"cluster:admin/routing/awareness/weights/put", "ClusterPutWeightedRoutingRequest"))),
		rows("GET", "/_cluster/routing/awareness/{attribute}/weights", read("cluster.get_weighted_routing",
			"cluster:admin/routing/awareness/weights/get", "ClusterGetWeightedRoutingRequest")),
		rows("DELETE", "/_cluster/routing/awareness/weights", body(row("cluster.delete_weighted_routing",
			"cluster:admin/routing/awareness/weights/delete", "ClusterDeleteWeightedRoutingRequest"))),
		rows("PUT", "/_cluster/decommission/awareness/{awareness_attribute_name}/{awareness_attribute_value}",
			row("cluster.put_decommission_awareness", "cluster:admin/decommission/awareness/put", "DecommissionRequest")),
		rows("GET", "/_cluster/decommission/awareness/{awareness_attribute_name}/_status",
			read("cluster.get_decommission_awareness", "cluster:admin/decommission/awareness/get",
				"GetDecommissionStateRequest")),
		rows("DELETE", "/_cluster/decommission/awareness", row("cluster.delete_decommission_awareness",
			"cluster:admin/decommission/awareness/delete", "DeleteDecommissionStateRequest")),
		rows("GET", "/_dangling", read("dangling_indices.list_dangling_indices",
			"cluster:admin/indices/dangling/list", "ListDanglingIndicesRequest")),
		rows("POST", "/_dangling/{index_uuid}", row("dangling_indices.import_dangling_index",
			"cluster:admin/indices/dangling/import", "ImportDanglingIndexRequest")),
		rows("DELETE", "/_dangling/{index_uuid}", row("dangling_indices.delete_dangling_index",
			"cluster:admin/indices/dangling/delete", "DeleteDanglingIndexRequest")),
		rows("POST", "/_remotestore/_restore", Route{
			Op: "remote_store.restore", Action: "cluster:admin/remotestore/restore", Request: "RestoreRemoteStoreRequest",
			Targets: TargetBody, Body: BodyJSON, Changes: true,
		}),
	)
}

func nodeRows() []Route {
	return slices.Concat(
		rows("GET", "/_nodes /_nodes/{nodeId} /_nodes/{nodeId}/{metrics} /_nodes/{nodeId}/info/{metrics}", Route{
			Op: "nodes.info", Action: "cluster:monitor/nodes/info", Request: "NodesInfoRequest",
		}),
		rows("GET", "/_nodes/stats /_nodes/stats/{metric} /_nodes/stats/{metric}/{index_metric}"+
			" /_nodes/{nodeId}/stats /_nodes/{nodeId}/stats/{metric} /_nodes/{nodeId}/stats/{metric}/{index_metric}", Route{
			Op: "nodes.stats", Action: "cluster:monitor/nodes/stats", Request: "NodesStatsRequest",
		}),
		rows("GET", "/_nodes/usage /_nodes/usage/{metric} /_nodes/{nodeId}/usage /_nodes/{nodeId}/usage/{metric}", Route{
			Op: "nodes.usage", Action: "cluster:monitor/nodes/usage", Request: "NodesUsageRequest",
		}),
		rows("GET", "/_nodes/hot_threads /_nodes/{nodeId}/hot_threads /_cluster/nodes/hot_threads"+
			" /_cluster/nodes/{nodeId}/hot_threads", Route{
			Op: "nodes.hot_threads", Action: "cluster:monitor/nodes/hot_threads", Request: "NodesHotThreadsRequest",
		}),
		rows("POST", "/_nodes/reload_secure_settings /_nodes/{nodeId}/reload_secure_settings", Route{
			Op: "nodes.reload_secure_settings", Action: "cluster:admin/nodes/reload_secure_settings",
			Request: "NodesReloadSecureSettingsRequest", Body: BodyJSON, Changes: true,
		}),
	)
}

func taskRows() []Route {
	return slices.Concat(
		rows("GET", "/_tasks", Route{
			Op: "tasks.list", Action: "cluster:monitor/tasks/lists", Request: "ListTasksRequest",
		}),
		rows("GET", "/_tasks/{task_id}", Route{
			Op: "tasks.get", Action: "cluster:monitor/task/get", Request: "GetTaskRequest",
		}),
		rows("POST", "/_tasks/_cancel /_tasks/{task_id}/_cancel", Route{
			Op: "tasks.cancel", Action: "cluster:admin/tasks/cancel", Request: "CancelTasksRequest", Changes: true,
		}),
	)
}
