package authz

// Static returns the roles and action groups that are part of the program. They are those of OpenSearch 2.19's security
// plugin and, of the alerting and notifications plugins, the roles its demo configuration ships; security_manager is the
// name that Amazon's service gives to security_rest_api_access.
//
// The maps are the caller's.
func Static() (map[string]Role, map[string]ActionGroup) {
	return staticRoles(), staticActionGroups()
}

// role makes a static role. Its permissions are never null: clients iterate over them.
func role(description string, cluster []string, index ...IndexPermission) Role {
	if cluster == nil {
		cluster = []string{}
	}
	if index == nil {
		index = []IndexPermission{}
	}
	return Role{
		Reserved: true, Static: true, Description: description,
		ClusterPermissions: cluster, IndexPermissions: index, TenantPermissions: []TenantPermission{},
	}
}

func on(patterns []string, actions ...string) IndexPermission {
	return IndexPermission{IndexPatterns: patterns, FLS: []string{}, MaskedFields: []string{}, AllowedActions: actions}
}

func staticRoles() map[string]Role {
	all := []string{"*"}
	allAccess := role("Allow full access to all indices and all cluster APIs", all, on(all, "*"))
	allAccess.TenantPermissions = []TenantPermission{{TenantPatterns: all, AllowedActions: []string{"kibana_all_write"}}}
	roles := map[string]Role{
		"all_access": allAccess,
		"readall": role("Provide the minimum permissions for to readall indices",
			[]string{"cluster_composite_ops_ro"}, on(all, "read")),
		"readall_and_monitor": role("Provide the minimum permissions for to readall indices and monitor the cluster",
			[]string{"cluster_monitor", "cluster_composite_ops_ro"}, on(all, "read")),
		"own_index": role("Allow all for indices named like the current user",
			[]string{"cluster_composite_ops"}, on([]string{"${user_name}"}, "indices_all")),
		"logstash": role("Provide the minimum permissions for logstash and beats",
			[]string{
				"cluster_monitor", "cluster_composite_ops", "indices:admin/template/get", "indices:admin/template/put",
				"cluster:admin/ingest/pipeline/put", "cluster:admin/ingest/pipeline/get",
			},
			on([]string{"logstash-*", "ecs-logstash-*"}, "crud", "create_index"), on([]string{"*beat*"}, "crud", "create_index")),
		"manage_snapshots": role("Provide the minimum permissions for managing snapshots",
			[]string{"manage_snapshots"}, on(all, "indices:data/write/index", "indices:admin/create")),
		"kibana_user":              kibanaUser(),
		"security_rest_api_access": role("Allow access to the security REST API", nil),
		"security_manager":         role("Allow access to the security REST API", nil),
	}
	addAlertingRoles(roles)
	return roles
}

func kibanaUser() Role {
	dashboards := []string{
		".kibana", ".kibana-6", ".kibana_*", ".opensearch_dashboards", ".opensearch_dashboards-6", ".opensearch_dashboards_*",
	}
	return role("Provide the minimum permissions for a kibana user", []string{"cluster_composite_ops"},
		on(dashboards, "read", "delete", "manage", "index"),
		on([]string{".tasks", ".management-beats", "*:.tasks", "*:.management-beats"}, "indices_all"))
}

func addAlertingRoles(roles map[string]Role) {
	const (
		old     = "cluster:admin/opendistro/alerting/"
		current = "cluster:admin/opensearch/alerting/"
		notify  = "cluster:admin/opensearch/notifications/"
	)
	roles["alerting_read_access"] = role("Allow reading monitors, alerts and destinations", []string{
		old + "alerts/get", old + "destination/get", old + "monitor/get", old + "monitor/search",
		current + "comments/search", current + "findings/get", current + "remote/indexes/get", current + "workflow/get",
		current + "workflow_alerts/get",
	})
	roles["alerting_ack_alerts"] = role("Allow acknowledging alerts", []string{
		old + "alerts/*", old + "chained_alerts/*", old + "workflow_alerts/*", current + "comments/*",
	})
	roles["alerting_full_access"] = role("Allow everything of alerting",
		[]string{"cluster_monitor", old + "*", current + "*", notify + "feature/publish"},
		on([]string{"*"}, "indices_monitor", "indices:admin/aliases/get", "indices:admin/mappings/get"))
	roles["notifications_read_access"] = role("Allow reading notification channels",
		[]string{notify + "channels/get", notify + "configs/get", notify + "features"})
	roles["notifications_full_access"] = role("Allow everything of notifications", []string{notify + "*"})
}

func staticActionGroups() map[string]ActionGroup {
	groups := map[string]ActionGroup{}
	add := func(name, typ, description string, actions ...string) {
		groups[name] = ActionGroup{Reserved: true, Static: true, AllowedActions: actions, Type: typ, Description: description}
	}
	add("unlimited", "all", "Allow all", "*")
	add("cluster_all", "cluster", "Allow everything on cluster level", "cluster:*")
	add("cluster_monitor", "cluster", "Allow monitoring the cluster", "cluster:monitor/*")
	add("cluster_composite_ops", "cluster", "Allow bulk writes and everything of cluster_composite_ops_ro",
		"indices:data/write/bulk", "indices:admin/aliases*", "indices:data/write/reindex", "cluster_composite_ops_ro")
	add("cluster_composite_ops_ro", "cluster", "Allow reads of several indices at once",
		"indices:data/read/mget", "indices:data/read/msearch", "indices:data/read/mtv", "indices:admin/aliases/exists*",
		"indices:admin/aliases/get*", "indices:data/read/scroll", "indices:admin/resolve/index")
	add("cluster_manage_index_templates", "cluster", "Manage index templates",
		"indices:admin/template/*", "indices:admin/index_template/*", "cluster:admin/component_template/*")
	add("cluster_manage_pipelines", "cluster", "Manage pipelines", "cluster:admin/ingest/pipeline/*")
	add("manage_snapshots", "cluster", "Manage snapshots", "cluster:admin/snapshot/*", "cluster:admin/repository/*")
	add("indices_all", "index", "Allow everything on indices level", "indices:*")
	add("indices_monitor", "index", "Allow monitoring indices", "indices:monitor/*")
	add("manage", "index", "Allow managing indices", "indices:monitor/*", "indices:admin/*")
	add("manage_aliases", "index", "Allow managing index aliases", "indices:admin/aliases*")
	add("manage_data_streams", "index", "Allow managing data streams",
		"indices:admin/data_stream/*", "indices:monitor/data_stream/stats")
	add("manage_point_in_time", "index", "Manage points in time",
		"indices:data/read/point_in_time/create", "indices:data/read/point_in_time/delete",
		"indices:data/read/point_in_time/readall", "indices:data/read/search", "indices:monitor/point_in_time/segments")
	add("create_index", "index", "Allow creating indices and mappings", "indices:admin/create", "indices:admin/mapping/put")
	add("data_access", "index", "Allow all reads and writes of documents", "indices:data/*", "crud")
	add("crud", "index", "Allow all reads and writes of documents", "read", "write")
	add("read", "index", "Allow all reads of documents",
		"indices:data/read*", "indices:admin/mappings/fields/get*", "indices:admin/resolve/index")
	add("write", "index", "Allow all writes of documents", "indices:data/write*", "indices:admin/mapping/put")
	add("index", "index", "Allow indexing and updating documents",
		"indices:data/write/index*", "indices:data/write/update*", "indices:data/write/bulk*", "indices:admin/mapping/put")
	add("delete", "index", "Allow deleting documents", "indices:data/write/delete*")
	add("get", "index", "Allow get", "indices:data/read/get*", "indices:data/read/mget*")
	add("search", "index", "Allow searching",
		"indices:data/read/search*", "indices:data/read/msearch*", "indices:admin/resolve/index", "suggest")
	add("suggest", "index", "Allow suggestions", "indices:data/read/suggest*")
	add("kibana_all_read", "kibana", "Allow reading saved objects", "kibana:saved_objects/*/read")
	add("kibana_all_write", "kibana", "Allow writing saved objects", "kibana:saved_objects/*/write")
	return groups
}
