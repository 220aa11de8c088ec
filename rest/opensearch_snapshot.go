package rest

import "slices"

func snapshotRows() []Route {
	return slices.Concat(repositoryRows(),
		rows("PUT POST", "/_snapshot/{repository}/{snapshot}", Route{
			Op: "snapshot.create", Action: "cluster:admin/snapshot/create", Request: "CreateSnapshotRequest",
			Targets: TargetBody, Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_snapshot/{repository}/{snapshot}", Route{
			Op: "snapshot.get", Action: "cluster:admin/snapshot/get", Request: "GetSnapshotsRequest",
		}),
		rows("DELETE", "/_snapshot/{repository}/{snapshot}", Route{
			Op: "snapshot.delete", Action: "cluster:admin/snapshot/delete", Request: "DeleteSnapshotRequest", Changes: true,
		}),
		rows("PUT", "/_snapshot/{repository}/{snapshot}/_clone/{target_snapshot}", Route{
			Op: "snapshot.clone", Action: "cluster:admin/snapshot/clone", Request: "CloneSnapshotRequest",
			Targets: TargetBody, Body: BodyJSON, Changes: true,
		}),
		rows("POST", "/_snapshot/{repository}/{snapshot}/_restore", Route{
			Op: "snapshot.restore", Action: "cluster:admin/snapshot/restore", Request: "RestoreSnapshotRequest",
			Targets: TargetBody, Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_snapshot/_status /_snapshot/{repository}/_status /_snapshot/{repository}/{snapshot}/_status", Route{
			Op: "snapshot.status", Action: "cluster:admin/snapshot/status", Request: "SnapshotsStatusRequest",
		}),
	)
}

func repositoryRows() []Route {
	return slices.Concat(
		rows("PUT POST", "/_snapshot/{repository}", Route{
			Op: "snapshot.create_repository", Action: "cluster:admin/repository/put", Request: "PutRepositoryRequest",
			Body: BodyJSON, Changes: true,
		}),
		rows("GET", "/_snapshot /_snapshot/{repository}", Route{
			Op: "snapshot.get_repository", Action: "cluster:admin/repository/get", Request: "GetRepositoriesRequest",
		}),
		rows("DELETE", "/_snapshot/{repository}", Route{
			Op: "snapshot.delete_repository", Action: "cluster:admin/repository/delete", Request: "DeleteRepositoryRequest",
			Changes: true,
		}),
		rows("POST", "/_snapshot/{repository}/_verify", Route{
			Op: "snapshot.verify_repository", Action: "cluster:admin/repository/verify", Request: "VerifyRepositoryRequest",
		}),
		rows("POST", "/_snapshot/{repository}/_cleanup", Route{
			Op: "snapshot.cleanup_repository", Action: "cluster:admin/repository/_cleanup", Request: "CleanupRepositoryRequest",
			Changes: true,
		}),
	)
}
