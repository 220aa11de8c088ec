package rest

import "slices"

func searchRows() []Route {
	search := Route{
		Op: "search", Action: "indices:data/read/search", Request: "SearchRequest", Targets: TargetPath, Body: BodyJSON,
	}
	count := search
	count.Op = "count"
	return slices.Concat(
		rows("GET POST", "/_search /{index}/_search", search),
		rows("GET POST", "/_count /{index}/_count", count),
		rows("GET POST", "/_msearch /{index}/_msearch", Route{
			Op: "msearch", Action: "indices:data/read/msearch", Request: "MultiSearchRequest",
			Targets: TargetBody, Body: BodyNDJSON,
		}),
		rows("GET POST", "/_msearch/template /{index}/_msearch/template", Route{
			Op: "msearch_template", Action: "indices:data/read/msearch/template", Request: "MultiSearchTemplateRequest",
			Targets: TargetBody, Body: BodyNDJSON,
		}),
		rows("GET POST", "/_search/template /{index}/_search/template", Route{
			Op: "search_template", Action: "indices:data/read/search/template", Request: "SearchTemplateRequest",
			Targets: TargetPath, Body: BodyJSON,
		}),
		rows("GET POST", "/_render/template /_render/template/{id}", Route{
			Op: "render_search_template", Action: "indices:data/read/search/template/render", Request: "SearchTemplateRequest",
			Targets: TargetPath, Body: BodyJSON,
		}),
	)
}

func scrollRows() []Route {
	// Points in time are judged by the indices that their ids tell of.
	deletePit := Route{
		Op: "delete_pit", Action: "indices:data/read/point_in_time/delete", Request: "DeletePitRequest",
		Targets: TargetBody, Body: BodyJSON,
	}
	deleteAll := deletePit
	deleteAll.Op, deleteAll.Targets, deleteAll.Body = "delete_all_pits", TargetNone, BodyNone
	return slices.Concat(
		rows("GET POST", "/_search/scroll /_search/scroll/{scroll_id}", Route{
			Op: "scroll", Action: "indices:data/read/scroll", Request: "SearchScrollRequest", Body: BodyJSON,
		}),
		rows("DELETE", "/_search/scroll /_search/scroll/{scroll_id}", Route{
			Op: "clear_scroll", Action: "indices:data/read/scroll/clear", Request: "ClearScrollRequest", Body: BodyJSON,
		}),
		rows("POST", "/{index}/_search/point_in_time", Route{
			Op: "create_pit", Action: "indices:data/read/point_in_time/create", Request: "CreatePitRequest", Targets: TargetPath,
		}),
		rows("DELETE", "/_search/point_in_time", deletePit),
		rows("DELETE", "/_search/point_in_time/_all", deleteAll),
		rows("GET", "/_search/point_in_time/_all", Route{
			Op: "get_all_pits", Action: "indices:data/read/point_in_time/readall", Request: "GetAllPitNodesRequest",
		}),
	)
}

func searchHelpRows() []Route {
	return slices.Concat(
		rows("GET POST", "/{index}/_explain/{id}", Route{
			Op: "explain", Action: "indices:data/read/explain", Request: "ExplainRequest", Targets: TargetPath, Body: BodyJSON,
		}),
		rows("GET POST", "/_field_caps /{index}/_field_caps", Route{
			Op: "field_caps", Action: "indices:data/read/field_caps", Request: "FieldCapabilitiesRequest",
			Targets: TargetPath, Body: BodyJSON,
		}),
		rows("GET POST", "/_rank_eval /{index}/_rank_eval", Route{
			Op: "rank_eval", Action: "indices:data/read/rank_eval", Request: "RankEvalRequest", Targets: TargetPath, Body: BodyJSON,
		}),
		rows("GET POST", "/_search_shards /{index}/_search_shards", Route{
			Op: "search_shards", Action: "indices:admin/shards/search_shards", Request: "ClusterSearchShardsRequest",
			Targets: TargetPath,
		}),
		rows("GET POST", "/_validate/query /{index}/_validate/query", Route{
			Op: "indices.validate_query", Action: "indices:admin/validate/query", Request: "ValidateQueryRequest",
			Targets: TargetPath, Body: BodyJSON,
		}),
	)
}

func scriptRows() []Route {
	return slices.Concat(
		rows("PUT POST", "/_scripts/{id} /_scripts/{id}/{context}", Route{
			Op: "put_script", Action: "cluster:admin/script/put", Request: "PutStoredScriptRequest",
			Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_scripts/{id}", Route{
			Op: "get_script", Action: "cluster:admin/script/get", Request: "GetStoredScriptRequest",
		}),
		rows("DELETE", "/_scripts/{id}", Route{
			Op: "delete_script", Action: "cluster:admin/script/delete", Request: "DeleteStoredScriptRequest", Changes: true,
		}),
		rows("GET", "/_script_context", Route{
			Op: "get_script_context", Action: "cluster:admin/script_context/get", Request: "GetScriptContextRequest",
		}),
		rows("GET", "/_script_language", Route{
			Op: "get_script_languages", Action: "cluster:admin/script_language/get", Request: "GetScriptLanguageRequest",
		}),
		rows("GET POST", "/_scripts/painless/_execute", Route{
			Op: "scripts_painless_execute", Action: "cluster:admin/scripts/painless/execute", Request: "Request", Targets: TargetPath, Body: BodyJSON,
		}),
	)
}
