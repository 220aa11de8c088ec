package rest

import "slices"

func indexRows() []Route {
	return slices.Concat(
		rows("PUT", "/{index}", Route{
			Op: "indices.create", Action: "indices:admin/create", Request: "CreateIndexRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("DELETE", "/{index}", Route{
			Op: "indices.delete", Action: "indices:admin/delete", Request: "DeleteIndexRequest", Targets: TargetPath, Changes: true,
		}),
		rows("GET", "/{index}", Route{
			Op: "indices.get", Action: "indices:admin/get", Request: "GetIndexRequest", Targets: TargetPath,
		}),
		rows("HEAD", "/{index}", Route{
			Op: "indices.exists", Action: "indices:admin/get", Request: "GetIndexRequest", Targets: TargetPath,
		}),
		rows("POST", "/_open /{index}/_open", Route{
			Op: "indices.open", Action: "indices:admin/open", Request: "OpenIndexRequest", Targets: TargetPath, Changes: true,
		}),
		rows("POST", "/_close /{index}/_close", Route{
			Op: "indices.close", Action: "indices:admin/close", Request: "CloseIndexRequest", Targets: TargetPath, Changes: true,
		}),
		rows("PUT", "/{index}/_block/{block}", Route{
			Op: "indices.add_block", Action: "indices:admin/block/add", Request: "AddIndexBlockRequest",
			Targets: TargetPath, Changes: true,
		}),
	)
}

func mappingRows() []Route {
	return slices.Concat(
		rows("PUT POST", "/{index}/_mapping /{index}/_mappings", Route{
			Op: "indices.put_mapping", Action: "indices:admin/mapping/put", Request: "PutMappingRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_mapping /_mappings /{index}/_mapping /{index}/_mappings", Route{
			Op: "indices.get_mapping", Action: "indices:admin/mappings/get", Request: "GetMappingsRequest", Targets: TargetPath,
		}),
		rows("GET", "/_mapping/field/{fields} /{index}/_mapping/field/{fields}", Route{
			Op: "indices.get_field_mapping", Action: "indices:admin/mappings/fields/get", Request: "GetFieldMappingsRequest",
			Targets: TargetPath,
		}),
		rows("GET", "/_settings /_settings/{name} /{index}/_settings /{index}/_settings/{name}", Route{
			Op: "indices.get_settings", Action: "indices:monitor/settings/get", Request: "GetSettingsRequest", Targets: TargetPath,
		}),
		rows("PUT", "/_settings /{index}/_settings", Route{
			Op: "indices.put_settings", Action: "indices:admin/settings/update", Request: "UpdateSettingsRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("GET POST", "/_analyze /{index}/_analyze", Route{
			Op: "indices.analyze", Action: "indices:admin/analyze", Request: "Request", Targets: TargetPath, Body: BodyJSON,
		}),
	)
}

// aliasRows name their indices in the body even where the path has some: a body of {"index":…} wins over the path.
func aliasRows() []Route {
	change := Route{
		Op: "indices.update_aliases", Action: "indices:admin/aliases", Request: "IndicesAliasesRequest",
		Targets: TargetBody, Body: BodyJSON, Changes: true,
	}
	put, remove := change, change
	put.Op = "indices.put_alias"
	remove.Op, remove.Targets, remove.Body = "indices.delete_alias", TargetPath, BodyNone
	get := Route{
		Op: "indices.get_alias", Action: "indices:admin/aliases/get", Request: "GetAliasesRequest", Targets: TargetPath,
	}
	exists := get
	exists.Op = "indices.exists_alias"
	return slices.Concat(
		rows("POST", "/_aliases", change),
		rows("PUT POST", "/_alias/{name} /_aliases/{name} /{index}/_alias/{name} /{index}/_aliases/{name}", put),
		rows("PUT", "/_alias /{index}/_alias /{index}/_aliases", put),
		rows("DELETE", "/{index}/_alias/{name} /{index}/_aliases/{name}", remove),
		rows("GET", "/_alias /_aliases /_alias/{name} /{index}/_alias /{index}/_alias/{name}", get),
		rows("HEAD", "/_alias/{name} /{index}/_alias /{index}/_alias/{name}", exists),
	)
}

func maintenanceRows() []Route {
	return slices.Concat(
		rows("GET POST", "/_refresh /{index}/_refresh", Route{
			Op: "indices.refresh", Action: "indices:admin/refresh", Request: "RefreshRequest", Targets: TargetPath,
		}),
		rows("GET POST", "/_flush /{index}/_flush", Route{
			Op: "indices.flush", Action: "indices:admin/flush", Request: "FlushRequest", Targets: TargetPath,
		}),
		rows("POST", "/_forcemerge /{index}/_forcemerge", Route{
			Op: "indices.forcemerge", Action: "indices:admin/forcemerge", Request: "ForceMergeRequest", Targets: TargetPath,
		}),
		rows("POST", "/_cache/clear /{index}/_cache/clear", Route{
			Op: "indices.clear_cache", Action: "indices:admin/cache/clear", Request: "ClearIndicesCacheRequest",
			Targets: TargetPath,
		}),
		rows("POST", "/_upgrade /{index}/_upgrade", Route{
			Op: "indices.upgrade", Action: "indices:admin/upgrade", Request: "UpgradeRequest", Targets: TargetPath, Changes: true,
		}),
		rows("GET", "/_upgrade /{index}/_upgrade", Route{
			Op: "indices.get_upgrade", Action: "indices:monitor/upgrade", Request: "UpgradeStatusRequest", Targets: TargetPath,
		}),
	)
}

// resizeRows ask for the sizes of the source before they act.
func resizeRows() []Route {
	stats := []Step{stepStats()}
	resize := func(op string) Route {
		return Route{
			Op: op, Action: "indices:admin/resize", Request: "ResizeRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true, Steps: stats,
		}
	}
	return slices.Concat(
		rows("POST", "/{index}/_rollover /{index}/_rollover/{new_index}", Route{
			Op: "indices.rollover", Action: "indices:admin/rollover", Request: "RolloverRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("PUT POST", "/{index}/_shrink/{target}", resize("indices.shrink")),
		rows("PUT POST", "/{index}/_split/{target}", resize("indices.split")),
		rows("PUT POST", "/{index}/_clone/{target}", resize("indices.clone")),
	)
}

func indexStateRows() []Route {
	return slices.Concat(
		rows("GET", "/_stats /_stats/{metric} /{index}/_stats /{index}/_stats/{metric}", Route{
			Op: "indices.stats", Action: "indices:monitor/stats", Request: "IndicesStatsRequest", Targets: TargetPath,
		}),
		rows("GET", "/_segments /{index}/_segments", Route{
			Op: "indices.segments", Action: "indices:monitor/segments", Request: "IndicesSegmentsRequest", Targets: TargetPath,
		}),
		rows("GET", "/_recovery /{index}/_recovery", Route{
			Op: "indices.recovery", Action: "indices:monitor/recovery", Request: "RecoveryRequest", Targets: TargetPath,
		}),
		rows("GET", "/_shard_stores /{index}/_shard_stores", Route{
			Op: "indices.shard_stores", Action: "indices:monitor/shard_stores", Request: "IndicesShardStoresRequest",
			Targets: TargetPath,
		}),
		rows("GET", "/_resolve/index/{name}", Route{
			Op: "indices.resolve_index", Action: "indices:admin/resolve/index", Request: "Request",
			Targets: TargetPath, IndexVar: "name",
		}),
	)
}

func dataStreamRows() []Route {
	row := func(op string, action ActionName, changes bool) Route {
		return Route{
			Op: op, Action: action, Request: "Request", Targets: TargetPath, IndexVar: "name", Changes: changes,
		}
	}
	return slices.Concat(
		rows("PUT", "/_data_stream/{name}", row("indices.create_data_stream", "indices:admin/data_stream/create", true)),
		rows("GET", "/_data_stream /_data_stream/{name}", row("indices.get_data_stream", "indices:admin/data_stream/get", false)),
		rows("DELETE", "/_data_stream/{name}", row("indices.delete_data_stream", "indices:admin/data_stream/delete", true)),
		rows("GET", "/_data_stream/_stats /_data_stream/{name}/_stats",
			row("indices.data_streams_stats", "indices:monitor/data_stream/stats", false)),
	)
}

// templateRows carry index patterns in their bodies, which the audit log reports as indices.
func templateRows() []Route {
	row := func(op string, action ActionName, request string) Route {
		return Route{Op: op, Action: action, Request: request}
	}
	put := func(op string, action ActionName, request string) Route {
		return Route{Op: op, Action: action, Request: request, Targets: TargetBody, Body: BodyJSON, Changes: true}
	}
	remove := func(op string, action ActionName, request string) Route {
		return Route{Op: op, Action: action, Request: request, Changes: true}
	}
	simulate := row("indices.simulate_template", "indices:admin/index_template/simulate", "Request")
	simulate.Body = BodyJSON
	simulateIndex := row("indices.simulate_index_template", "indices:admin/index_template/simulate_index",
		"SimulateIndexTemplateRequest")
	simulateIndex.Body = BodyJSON
	component := put("cluster.put_component_template", "cluster:admin/component_template/put", "Request")
	component.Targets = TargetNone
	return slices.Concat(
		rows("PUT POST", "/_template/{name}",
			put("indices.put_template", "indices:admin/template/put", "PutIndexTemplateRequest")),
		rows("GET", "/_template /_template/{name}",
			row("indices.get_template", "indices:admin/template/get", "GetIndexTemplatesRequest")),
		rows("HEAD", "/_template/{name}",
			row("indices.exists_template", "indices:admin/template/get", "GetIndexTemplatesRequest")),
		rows("DELETE", "/_template/{name}",
			remove("indices.delete_template", "indices:admin/template/delete", "DeleteIndexTemplateRequest")),
		rows("PUT POST", "/_index_template/{name}",
			put("indices.put_index_template", "indices:admin/index_template/put", "Request")),
		rows("GET", "/_index_template /_index_template/{name}",
			row("indices.get_index_template", "indices:admin/index_template/get", "Request")),
		rows("HEAD", "/_index_template /_index_template/{name}",
			row("indices.exists_index_template", "indices:admin/index_template/get", "Request")),
		rows("DELETE", "/_index_template/{name}",
			remove("indices.delete_index_template", "indices:admin/index_template/delete", "Request")),
		rows("POST", "/_index_template/_simulate /_index_template/_simulate/{name}", simulate),
		rows("POST", "/_index_template/_simulate_index/{name}", simulateIndex),
		rows("PUT POST", "/_component_template/{name}", component),
		rows("GET", "/_component_template /_component_template/{name}",
			row("cluster.get_component_template", "cluster:admin/component_template/get", "Request")),
		rows("HEAD", "/_component_template /_component_template/{name}",
			row("cluster.exists_component_template", "cluster:admin/component_template/get", "Request")),
		rows("DELETE", "/_component_template/{name}",
			remove("cluster.delete_component_template", "cluster:admin/component_template/delete", "Request")),
	)
}
