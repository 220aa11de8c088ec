package rest

import "slices"

// bulkStep is what OpenSearch runs behind every write of a single document, but for an update, whose handler knows whether there is
// anything to write. It carries no indices.
func bulkStep() []Step {
	return []Step{{Action: "indices:data/write/bulk", Request: "BulkRequest"}}
}

func documentRows() []Route {
	index := Route{
		Op: "index", Action: "indices:data/write/index", Request: "IndexRequest",
		Targets: TargetPath, Body: BodyJSON, Changes: true, Steps: bulkStep(),
	}
	create := index
	create.Op = "create"
	get := Route{Op: "get", Action: "indices:data/read/get", Request: "GetRequest", Targets: TargetPath}
	exists, getSource, existsSource := get, get, get
	exists.Op, getSource.Op, existsSource.Op = "exists", "get_source", "exists_source"
	return slices.Concat(
		rows("PUT POST", "/{index}/_doc/{id}", index),
		rows("POST", "/{index}/_doc", index),
		rows("PUT POST", "/{index}/_create/{id}", create),
		rows("DELETE", "/{index}/_doc/{id}", Route{
			Op: "delete", Action: "indices:data/write/delete", Request: "DeleteRequest",
			Targets: TargetPath, Changes: true, Steps: bulkStep(),
		}),
		rows("POST", "/{index}/_update/{id}", Route{
			Op: "update", Action: "indices:data/write/update", Request: "UpdateRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/{index}/_doc/{id}", get),
		rows("HEAD", "/{index}/_doc/{id}", exists),
		rows("GET", "/{index}/_source/{id}", getSource),
		rows("HEAD", "/{index}/_source/{id}", existsSource),
		rows("GET POST", "/_mget /{index}/_mget", Route{
			Op: "mget", Action: "indices:data/read/mget", Request: "MultiGetRequest", Targets: TargetBody, Body: BodyJSON,
		}),
		rows("GET POST", "/{index}/_termvectors /{index}/_termvectors/{id}", Route{
			Op: "termvectors", Action: "indices:data/read/tv", Request: "TermVectorsRequest", Targets: TargetPath, Body: BodyJSON,
		}),
		rows("GET POST", "/_mtermvectors /{index}/_mtermvectors", Route{
			Op: "mtermvectors", Action: "indices:data/read/mtv", Request: "MultiTermVectorsRequest",
			Targets: TargetBody, Body: BodyJSON,
		}),
	)
}

func bulkRows() []Route {
	bulk := Route{
		Op: "bulk", Action: "indices:data/write/bulk", Request: "BulkRequest",
		Targets: TargetBody, Body: BodyNDJSON, Changes: true,
	}
	stream := bulk
	stream.Op = "bulk_stream"
	rethrottle := Route{Action: "cluster:admin/reindex/rethrottle", Request: "RethrottleRequest", Changes: true}
	reindex, update, remove := rethrottle, rethrottle, rethrottle
	reindex.Op, update.Op, remove.Op = "reindex_rethrottle", "update_by_query_rethrottle", "delete_by_query_rethrottle"
	return slices.Concat(
		rows("POST PUT", "/_bulk /{index}/_bulk", bulk),
		rows("POST PUT", "/_bulk/stream /{index}/_bulk/stream", stream),
		rows("POST", "/{index}/_update_by_query", Route{
			Op: "update_by_query", Action: "indices:data/write/update/byquery", Request: "UpdateByQueryRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("POST", "/{index}/_delete_by_query", Route{
			Op: "delete_by_query", Action: "indices:data/write/delete/byquery", Request: "DeleteByQueryRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("POST", "/_reindex", Route{
			Op: "reindex", Action: "indices:data/write/reindex", Request: "ReindexRequest",
			Targets: TargetBody, Body: BodyJSON, Changes: true,
		}),
		rows("POST", "/_reindex/{taskId}/_rethrottle", reindex),
		rows("POST", "/_update_by_query/{taskId}/_rethrottle", update),
		rows("POST", "/_delete_by_query/{taskId}/_rethrottle", remove),
	)
}
