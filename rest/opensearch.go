package rest

import (
	"slices"
	"strings"
)

// OpenSearch returns the rows of OpenSearch 2.19 itself, without those of its security, alerting and notifications plugins.
// Actions, classes and variables are as the node's own audit log names them. A row that the cluster behind us does not have
// is refused there.
//
// What a request does beyond its row depends on the run and is told by the handler through [Effects.Begin]: the shard parts
// of a bulk, mget, refresh or close, the searches of a msearch, indices and mappings made on the way, the inner actions of
// reindex and by-query requests.
func OpenSearch() []Route {
	return slices.Concat(
		documentRows(), bulkRows(),
		searchRows(), scrollRows(), searchHelpRows(), scriptRows(),
		indexRows(), mappingRows(), aliasRows(), maintenanceRows(), resizeRows(), indexStateRows(), dataStreamRows(),
		templateRows(),
		clusterRows(), clusterAdminRows(), nodeRows(), taskRows(),
		catRows(), catNodeRows(),
		pipelineRows(), snapshotRows(),
	)
}

// OtherPlugins returns rows of further plugins that are known by name: SQL, PPL, index state management, asynchronous search,
// anomaly detection. They belong into a table only if the cluster behind it has those plugins; a node without them answers
// that there is no handler.
func OtherPlugins() []Route {
	return slices.Concat(
		rows("POST", "/_plugins/_sql", Route{
			Op: "sql.query", Targets: TargetNone, Body: BodyJSON, Changes: true,
			Steps: []Step{
				{Action: "indices:data/read/search", Request: "SearchRequest", Indices: true},
				{Action: "indices:admin/mappings/get", Request: "GetMappingsRequest", Indices: true},
				{Action: "indices:monitor/settings/get", Request: "GetSettingsRequest", Indices: true},
			},
		}),
		rows("POST", "/_plugins/_ppl", Route{
			Op: "ppl.query", Action: "cluster:admin/opensearch/ppl", Request: "TransportPPLQueryRequest", Body: BodyJSON,
			Steps: []Step{{Action: "indices:data/read/search", Request: "SearchRequest", Indices: true}},
		}),
		rows("PUT", "/_plugins/_ism/policies/{policyID}", Route{
			Op: "ism.put_policy", Action: "cluster:admin/opendistro/ism/policy/write", Request: "IndexPolicyRequest",
			Body: BodyJSON, Changes: true,
		}),
		rows("POST", "/_plugins/_ism/add/{index}", Route{
			Op: "ism.add_policy", Action: "cluster:admin/opendistro/ism/managedindex/add", Request: "AddPolicyRequest",
			Targets: TargetPath, Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_plugins/_ism/explain/{index}", Route{
			Op: "ism.explain_policy", Action: "cluster:admin/opendistro/ism/managedindex/explain", Request: "ExplainRequest",
			Targets: TargetPath,
		}),
		rows("POST", "/_plugins/_asynchronous_search", Route{
			Op: "asynchronous_search.search", Action: "cluster:admin/opendistro/asynchronous_search/submit",
			Request: "SubmitAsynchronousSearchRequest", Targets: TargetPath, Body: BodyJSON, Changes: true,
			Steps: []Step{{Action: "indices:data/read/search", Request: "SearchRequest", Indices: true}},
		}),
		rows("POST", "/_plugins/_anomaly_detection/detectors", Route{
			Op: "anomaly_detection.create_detector", Action: "cluster:admin/opendistro/ad/detector/write",
			Request: "IndexAnomalyDetectorRequest", Body: BodyJSON, Changes: true,
		}),
	)
}

// rows returns one row for each pair of a method and a path; both lists are separated by blanks.
func rows(methods, paths string, r Route) []Route {
	var out []Route
	for path := range strings.FieldsSeq(paths) {
		for method := range strings.FieldsSeq(methods) {
			r.Method, r.Path = method, path
			out = append(out, r)
		}
	}
	return out
}
