package rest

import "slices"

// The actions that several cat requests run one after the other.

func stepStats() Step {
	return Step{Action: "indices:monitor/stats", Request: "IndicesStatsRequest", Indices: true}
}

func stepState() Step {
	return Step{Action: "cluster:monitor/state", Request: "ClusterStateRequest", Indices: true}
}

func stepHealth() Step {
	return Step{Action: "cluster:monitor/health", Request: "ClusterHealthRequest", Indices: true}
}

func stepNodesInfo() Step {
	return Step{Action: "cluster:monitor/nodes/info", Request: "NodesInfoRequest"}
}

func stepNodesStats() Step {
	return Step{Action: "cluster:monitor/nodes/stats", Request: "NodesStatsRequest"}
}

// below is a step whose task is below that of the request's action.
func below(s Step) Step {
	s.Below = true
	return s
}

// catState is a cat request that begins with the cluster state.
func catState(op string, steps ...Step) Route {
	return Route{Op: op, Action: stepState().Action, Request: stepState().Request, Targets: TargetPath, Steps: steps}
}

func catRows() []Route {
	indices := Route{
		Op: "cat.indices", Action: "indices:monitor/settings/get", Request: "GetSettingsRequest", Targets: TargetPath,
		Steps: []Step{stepState(), stepStats(), stepHealth()},
	}
	listIndices := indices
	listIndices.Op = "list.indices"
	shards := Route{
		Op: "cat.shards", Action: "cluster:monitor/shards", Request: "CatShardsRequest", Targets: TargetPath,
		Steps: []Step{below(stepState()), below(stepStats())},
	}
	listShards := shards
	listShards.Op = "list.shards"
	return slices.Concat(
		rows("GET", "/_cat", Route{Op: "cat.help"}),
		rows("GET", "/_cat/indices /_cat/indices/{index}", indices),
		rows("GET", "/_list/indices /_list/indices/{index}", listIndices),
		rows("GET", "/_cat/shards /_cat/shards/{index}", shards),
		rows("GET", "/_list/shards /_list/shards/{index}", listShards),
		rows("GET", "/_cat/health", Route{
			Op: "cat.health", Action: stepHealth().Action, Request: stepHealth().Request, Targets: TargetPath,
		}),
		rows("GET", "/_cat/aliases /_cat/aliases/{alias}", Route{
			Op: "cat.aliases", Action: "indices:admin/aliases/get", Request: "GetAliasesRequest", Targets: TargetPath,
		}),
		rows("GET", "/_cat/count /_cat/count/{index}", Route{
			Op: "cat.count", Action: "indices:data/read/search", Request: "SearchRequest", Targets: TargetPath,
		}),
		rows("GET", "/_cat/recovery /_cat/recovery/{index}", Route{
			Op: "cat.recovery", Action: "indices:monitor/recovery", Request: "RecoveryRequest", Targets: TargetPath,
		}),
		rows("GET", "/_cat/segments /_cat/segments/{index}", catState("cat.segments",
			Step{Action: "indices:monitor/segments", Request: "IndicesSegmentsRequest", Indices: true})),
		rows("GET", "/_cat/segment_replication /_cat/segment_replication/{index}", Route{
			Op: "cat.segment_replication", Action: "indices:monitor/segment_replication",
			Request: "SegmentReplicationStatsRequest", Targets: TargetPath,
		}),
		rows("GET", "/_cat/pit_segments /_cat/pit_segments/_all", Route{
			Op: "cat.pit_segments", Action: "indices:monitor/point_in_time/segments", Request: "PitSegmentsRequest", Body: BodyJSON, Targets: TargetPath,
		}),
		rows("GET", "/_cat/templates /_cat/templates/{name}", catState("cat.templates")),
	)
}

func catNodeRows() []Route {
	return slices.Concat(
		rows("GET", "/_cat/allocation /_cat/allocation/{nodes}", catState("cat.allocation", stepNodesStats())),
		rows("GET", "/_cat/fielddata /_cat/fielddata/{fields}", Route{
			Op: "cat.fielddata", Action: stepNodesStats().Action, Request: stepNodesStats().Request,
		}),
		rows("GET", "/_cat/master", catState("cat.master")),
		rows("GET", "/_cat/cluster_manager", catState("cat.cluster_manager")),
		rows("GET", "/_cat/nodes", catState("cat.nodes", stepNodesInfo(), stepNodesStats())),
		rows("GET", "/_cat/nodeattrs", catState("cat.nodeattrs", stepNodesInfo())),
		rows("GET", "/_cat/plugins", catState("cat.plugins", stepNodesInfo())),
		rows("GET", "/_cat/thread_pool /_cat/thread_pool/{thread_pool_patterns}",
			catState("cat.thread_pool", stepNodesInfo(), stepNodesStats())),
		rows("GET", "/_cat/pending_tasks", Route{
			Op: "cat.pending_tasks", Action: "cluster:monitor/task", Request: "PendingClusterTasksRequest",
		}),
		rows("GET", "/_cat/repositories", Route{
			Op: "cat.repositories", Action: "cluster:admin/repository/get", Request: "GetRepositoriesRequest",
		}),
		rows("GET", "/_cat/snapshots /_cat/snapshots/{repository}", Route{
			Op: "cat.snapshots", Action: "cluster:admin/snapshot/get", Request: "GetSnapshotsRequest",
		}),
		rows("GET", "/_cat/tasks", Route{
			Op: "cat.tasks", Action: "cluster:monitor/tasks/lists", Request: "ListTasksRequest",
		}),
	)
}
