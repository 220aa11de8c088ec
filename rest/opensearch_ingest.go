package rest

import "slices"

func pipelineRows() []Route {
	return slices.Concat(
		rows("PUT", "/_ingest/pipeline/{id}", Route{
			Op: "ingest.put_pipeline", Action: "cluster:admin/ingest/pipeline/put", Request: "PutPipelineRequest",
			Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_ingest/pipeline /_ingest/pipeline/{id}", Route{
			Op: "ingest.get_pipeline", Action: "cluster:admin/ingest/pipeline/get", Request: "GetPipelineRequest",
		}),
		rows("DELETE", "/_ingest/pipeline/{id}", Route{
			Op: "ingest.delete_pipeline", Action: "cluster:admin/ingest/pipeline/delete", Request: "DeletePipelineRequest",
			Changes: true,
		}),
		rows("GET POST", "/_ingest/pipeline/_simulate /_ingest/pipeline/{id}/_simulate", Route{
			Op: "ingest.simulate", Action: "cluster:admin/ingest/pipeline/simulate", Request: "SimulatePipelineRequest",
			Body: BodyJSON,
		}),
		rows("GET", "/_ingest/processor/grok", Route{
			Op: "ingest.processor_grok", Action: "cluster:admin/ingest/processor/grok/get", Request: "Request",
		}),
		rows("PUT", "/_search/pipeline/{id}", Route{
			Op: "search_pipeline.put", Action: "cluster:admin/search/pipeline/put", Request: "PutSearchPipelineRequest",
			Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_search/pipeline /_search/pipeline/{id}", Route{
			Op: "search_pipeline.get", Action: "cluster:admin/search/pipeline/get", Request: "GetSearchPipelineRequest",
		}),
		rows("DELETE", "/_search/pipeline/{id}", Route{
			Op: "search_pipeline.delete", Action: "cluster:admin/search/pipeline/delete", Request: "DeleteSearchPipelineRequest",
			Changes: true,
		}),
	)
}
