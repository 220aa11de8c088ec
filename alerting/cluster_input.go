package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"vigil/cluster"
)

// ClusterInput is a question about the state of the cluster: one of the requests that monitors can make besides a search.
type ClusterInput struct {
	// API names the request, as in [clusterAPIs].
	API string
	// Path is where it goes, PathParams what follows the path: indices, nodes or a repository.
	Path, PathParams string
	// URL is both together, as OpenSearch answers and stores it: always that of localhost:9200, whoever is asked.
	URL string
}

// ClusterReader makes requests about the cluster's state with the rights of a user. The user is nil for monitors that have
// none. Errors are as those of a [Searcher].
type ClusterReader interface {
	Read(ctx context.Context, as *User, path string, query url.Values) (json.RawMessage, error)
}

// clusterAPI is a request that monitors can make. What the answer holds is that of the action behind the original's request,
// which is not always that of the path: the rows of a table stand in one member, tasks are not sorted by node.
type clusterAPI struct {
	name, path string
	// prefix is how a path with parameters begins, if it is not the path itself.
	prefix string
	// takes and needs say whether parameters may and must follow the path.
	takes, needs bool
	// request returns what is asked: path segments and parameters.
	request func(params string) ([]string, url.Values)
	// member is what holds the answer if it is a list.
	member string
}

const (
	catIndexColumns = "health,status,index,uuid,pri,rep,docs.count,docs.deleted,creation.date,creation.date.string,store.size,pri.store.size"
	catShardColumns = "index,shard,primaryOrReplica,state,docs,store,id,node,unassigned.at,unassigned.details,unassigned.for,unassigned.reason"
)

// clusterAPIs are all requests that monitors can make.
func clusterAPIs() []clusterAPI {
	get := func(segments ...string) func(string) ([]string, url.Values) {
		return func(params string) ([]string, url.Values) { return below(segments, params), nil }
	}
	table := func(columns string, segments ...string) func(string) ([]string, url.Values) {
		return func(params string) ([]string, url.Values) {
			return below(segments, params), url.Values{"format": {"json"}, "h": {columns}}
		}
	}
	return []clusterAPI{
		{name: "CAT_INDICES", path: "/_cat/indices", takes: true, request: table(catIndexColumns, "_cat", "indices"), member: "indices"},
		{name: "CAT_PENDING_TASKS", path: "/_cat/pending_tasks", request: get("_cluster", "pending_tasks")},
		{name: "CAT_RECOVERY", path: "/_cat/recovery", takes: true, request: func(params string) ([]string, url.Values) {
			if params == "" {
				return []string{"_recovery"}, nil
			}
			return []string{params, "_recovery"}, nil
		}},
		{name: "CAT_SHARDS", path: "/_cat/shards", takes: true, request: table(catShardColumns, "_cat", "shards"), member: "shards"},
		{name: "CAT_SNAPSHOTS", path: "/_cat/snapshots", takes: true, needs: true, request: func(params string) ([]string, url.Values) {
			return []string{"_snapshot", params, "_all"}, nil
		}},
		{name: "CAT_TASKS", path: "/_cat/tasks", request: func(string) ([]string, url.Values) {
			return []string{"_tasks"}, url.Values{"group_by": {"none"}}
		}},
		{name: "CLUSTER_HEALTH", path: "/_cluster/health", takes: true, request: get("_cluster", "health")},
		{name: "CLUSTER_SETTINGS", path: "/_cluster/settings", request: get("_cluster", "settings")},
		{name: "CLUSTER_STATS", path: "/_cluster/stats", takes: true, request: func(params string) ([]string, url.Values) {
			if params == "" {
				return []string{"_cluster", "stats"}, nil
			}
			return []string{"_cluster", "stats", "nodes", params}, nil
		}},
		{name: "NODES_STATS", path: "/_nodes/stats", prefix: "/_nodes", request: get("_nodes", "stats")},
	}
}

func below(segments []string, params string) []string {
	if params == "" {
		return segments
	}
	return append(slices.Clip(segments), params)
}

// clusterURL is before the path of every URL: no other host can be named.
const clusterURL = "http://localhost:9200"

// forbiddenInParams cannot be in parameters of a path.
const forbiddenInParams = ":\"+\\|?#>< "

func parseClusterInput(raw json.RawMessage) (*ClusterInput, error) {
	var w struct {
		API      string   `json:"api_type"`
		Path     string   `json:"path"`
		Params   string   `json:"path_params"`
		URL      string   `json:"url"`
		Clusters []string `json:"clusters"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, errorf(BadArgument, "uri input: %w", err)
	}
	if len(w.Clusters) > 0 {
		return nil, errorf(BadArgument, "uri input: clusters are not supported: %s", strings.Join(w.Clusters, ", "))
	}
	path := w.Path + w.Params
	if w.Params != "" && !strings.HasSuffix(w.Path, "/") && !strings.HasPrefix(w.Params, "/") {
		path = w.Path + "/" + w.Params
	}
	if w.URL != "" {
		named, err := pathOfURL(w.URL)
		if err != nil {
			return nil, err
		}
		if w.Path != "" && strings.TrimSuffix(named, "/") != strings.TrimSuffix(path, "/") && named != w.Path+w.Params {
			return nil, errorf(BadArgument, "The provided URL and URI fields form different URLs.")
		}
		path = named
	}
	if path == "" || w.Path == "" && w.URL == "" {
		return nil, errorf(BadArgument, "The uri.api_type field, uri.path field, or uri.uri field must be defined.")
	}
	api, err := apiOf(path)
	if err != nil {
		return nil, err
	}
	if w.API != "" && w.API != api.name {
		return nil, errorf(BadArgument, "The api_type [%s] is not that of the path, which is [%s].", w.API, api.name)
	}
	path = strings.TrimSuffix(path, "/")
	in := &ClusterInput{API: api.name, Path: w.Path, PathParams: w.Params, URL: clusterURL + path}
	if in.PathParams == "" {
		in.PathParams = api.paramsOf(path)
	}
	in.PathParams = strings.Trim(in.PathParams, "/")
	if err := api.checkParams(in.PathParams); err != nil {
		return nil, err
	}
	if in.Path == "" {
		in.Path = api.path
	}
	return in, nil
}

// pathOfURL takes a URL apart, which may name this cluster alone.
func pathOfURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", errorf(BadArgument, "Invalid URI constructed from the path and path_params inputs, or the url input.")
	}
	switch {
	case !strings.EqualFold(u.Hostname(), "localhost"):
		return "", errorf(BadArgument, "Only host 'localhost' is supported.")
	case u.Port() != "9200":
		return "", errorf(BadArgument, "Only port '9200' is supported.")
	}
	return u.Path, nil
}

func apiOf(path string) (clusterAPI, error) {
	var found *clusterAPI
	for _, api := range clusterAPIs() {
		if strings.HasPrefix(path, api.path) || api.prefix != "" && strings.HasPrefix(path, api.prefix) {
			found = &api
		}
	}
	if found == nil {
		return clusterAPI{}, errorf(BadArgument, "The API could not be determined from the provided URI.")
	}
	return *found, nil
}

// paramsOf cuts parameters out of a path.
func (a *clusterAPI) paramsOf(path string) string {
	if params, ok := strings.CutPrefix(path, a.path); ok {
		return params
	}
	return strings.TrimPrefix(path, a.prefix)
}

func (a *clusterAPI) checkParams(params string) error {
	switch {
	case strings.ContainsAny(params, forbiddenInParams):
		return errorf(BadArgument, "The provided path parameters contain invalid characters or spaces. Please omit: %s",
			strings.Join(strings.Split(forbiddenInParams, ""), " "))
	case a.needs && params == "":
		return errorf(BadArgument, "The API requires path parameters.")
	case !a.takes && params != "":
		return errorf(BadArgument, "The API does not use path parameters.")
	}
	return nil
}

func (in *ClusterInput) wire() any {
	type uri struct {
		API      string   `json:"api_type"`
		Path     string   `json:"path"`
		Params   string   `json:"path_params"`
		URL      string   `json:"url"`
		Clusters []string `json:"clusters"`
	}
	return map[string]uri{"uri": {in.API, in.Path, in.PathParams, in.URL, []string{}}}
}

// read asks the cluster.
func (in *ClusterInput) read(ctx context.Context, c ClusterReader, as *User) (json.RawMessage, error) {
	if c == nil {
		return nil, errorf(Unsupported, "the cluster's state cannot be asked for here: [%s]", in.API)
	}
	api, err := apiOf(in.Path)
	if err != nil {
		return nil, err
	}
	segments, query := api.request(in.PathParams)
	answer, err := c.Read(ctx, as, cluster.Path(segments...), query)
	if err != nil || api.member == "" {
		return answer, err
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(answer, &rows); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", in.API, err)
	}
	if rows == nil {
		rows = []json.RawMessage{}
	}
	return encode(map[string][]json.RawMessage{api.member: rows}), nil
}
