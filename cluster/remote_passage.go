package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vigil/rest"
)

// passage is one request on its way through a [Remote].
type passage struct {
	r    *Remote
	w    http.ResponseWriter
	req  *http.Request
	call *rest.Call
	fx   *rest.Effects
}

// serve passes the request on, in the way that its operation needs. An error is the answer.
func (x *passage) serve() error {
	if x.call.Route.Changes {
		// Once the cluster has begun to change something, what became of it is recorded, whether the client waits or not.
		x.req = x.req.WithContext(context.WithoutCancel(x.req.Context()))
	}
	if x.fx == nil {
		x.r.pass(x.w, x.req)
		return nil
	}
	if err := x.hide(); err != nil {
		return err
	}
	if err := x.readable(); err != nil {
		return err
	}
	switch x.call.Route.Op {
	case "index", "create", "update", "delete":
		return x.single()
	case "bulk":
		return x.bulk()
	case "mget", "mtermvectors":
		return x.documents()
	case "msearch":
		return x.searches()
	case "termvectors":
		if err := x.otherIndex(); err != nil {
			return err
		}
	case "nodes.info":
		return x.nodesInfo()
	case "bulk_stream", "msearch_template", "search_template", "rank_eval":
		return notBuilt("[%s] cannot be judged in front of a remote cluster yet", x.call.Route.Op)
	case "update_by_query", "delete_by_query", "reindex":
		if err := x.unwatched(); err != nil {
			return err
		}
	}
	if err := x.lookups(x.call.Body, 0); err != nil {
		return err
	}
	x.r.pass(x.w, x.req)
	if x.call.Route.Changes {
		x.refresh()
	}
	return nil
}

func notBuilt(format string, args ...any) error {
	return rest.Errorf(http.StatusNotImplemented, "unsupported_operation_exception", format, args...)
}

// refresh reads the names anew after a request that may have changed them. The answer stands; a failure is for the log.
func (x *passage) refresh() {
	if err := x.r.Refresh(x.req.Context()); err != nil {
		x.r.log.WarnContext(x.req.Context(), "the names of the cluster could not be read", "error", err)
	}
}

// hide takes the indices out of the request whose documents the caller must not see.
func (x *passage) hide() error {
	if len(x.call.Hidden) == 0 {
		return nil
	}
	if x.call.Route.Targets != rest.TargetPath {
		return noneLeft()
	}
	left := x.r.without(x.call.Indices, x.call.Hidden)
	if len(left) == 0 && slices.Contains([]string{"search", "count"}, x.call.Route.Op) {
		left = []string{nothing}
	}
	if len(left) == 0 {
		return noneLeft()
	}
	call := *x.call
	call.Vars = maps.Clone(call.Vars)
	if call.Vars == nil {
		call.Vars = map[string]string{}
	}
	route := *call.Route
	if !strings.Contains(route.Path, "{index}") {
		route.Path = "/{index}" + route.Path
	}
	call.Route, call.Vars["index"], call.Indices = &route, strings.Join(left, ","), left
	x.call = &call
	x.req = x.req.WithContext(rest.NewContext(x.req.Context(), &call))
	return nil
}

// nothing is a pattern that no index matches: a search that must not see any finds nothing, as in the original.
const nothing = ".vigil-nothing-*"

// noneLeft refuses what has nothing to look at but what the caller must not see.
func noneLeft() error {
	return rest.Errorf(http.StatusForbidden, "security_exception", "no permissions for []")
}

// unwatched refuses requests that read or write documents within the cluster where somebody wants to know which.
func (x *passage) unwatched() error {
	read, written := x.call.Indices, x.call.Indices
	if x.call.Route.Op == "reindex" {
		var err error
		if read, written, err = reindexed(x.call.Body); err != nil {
			return err
		}
	}
	for _, index := range x.named(written) {
		if x.fx.Wants(index).Writes {
			return notBuilt("[%s] to [%s], whose writes are watched, is not possible in front of a remote cluster yet", x.call.Route.Op, index)
		}
	}
	if x.call.Route.Op == "delete_by_query" { // which looks at no document's source
		return nil
	}
	for _, index := range x.named(read) {
		if x.fx.Wants(index).Reads {
			return notBuilt("[%s] from [%s], whose reads are watched, is not possible in front of a remote cluster yet", x.call.Route.Op, index)
		}
	}
	return nil
}

// named returns the indices that expressions mean, those that are not there among them. None mean none.
func (x *passage) named(exprs []string) []string {
	if len(exprs) == 0 {
		return nil
	}
	concrete, missing := x.r.Resolve(exprs)
	return append(concrete, missing...)
}

// reindexed returns the indices that a reindex reads from, none if they are another cluster's, and the one that it writes to.
func reindexed(body []byte) (from, to []string, err error) {
	var b struct {
		Source struct {
			Index  json.RawMessage `json:"index"`
			Remote any             `json:"remote"` // null is none
		} `json:"source"`
		Dest struct {
			Index string `json:"index"`
		} `json:"dest"`
	}
	if err = json.Unmarshal(body, &b); err != nil {
		return nil, nil, unreadableBody(err)
	}
	to = []string{b.Dest.Index}
	if b.Source.Remote != nil || b.Source.Index == nil {
		return nil, to, nil
	}
	var one string
	if json.Unmarshal(b.Source.Index, &one) == nil {
		return rest.SplitIndices(one), to, nil
	}
	if err = json.Unmarshal(b.Source.Index, &from); err != nil {
		return nil, nil, unreadableBody(err)
	}
	return from, to, nil
}

func unreadableBody(err error) error {
	return rest.Errorf(http.StatusBadRequest, "parse_exception", "the request body is not JSON: %w", err)
}

// readable refuses a body that must be understood here and cannot be: in it the cluster might find names that nobody judged.
func (x *passage) readable() error {
	if len(x.call.Body) == 0 || x.call.Route.Body == rest.BodyNone {
		return nil
	}
	// OpenSearch recognises UTF-16 and UTF-32, in which nothing looks like what it is here.
	if bytes.IndexByte(x.call.Body, 0) >= 0 {
		return unreadableBody(errors.New("it is not in UTF-8"))
	}
	// It also skips comments, which the gateway does not: it has found no names then.
	if x.namesInBody() && !json.Valid(x.call.Body) {
		return unreadableBody(fmt.Errorf("%d bytes", len(x.call.Body)))
	}
	kind, _, _ := strings.Cut(x.req.Header.Get("Content-Type"), ";")
	if kind == "" {
		kind, _ = x.call.Param("source_content_type")
	}
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case kind == "application/json", kind == "application/x-ndjson", strings.HasPrefix(kind, "application/vnd.") && strings.HasSuffix(kind, "json"):
		return nil
	}
	return rest.Errorf(http.StatusNotAcceptable, "", "Content-Type header [%s] is not supported in front of a remote cluster", kind)
}

// namesInBody reports whether the gateway judged the request by names that it looked for in the body: of indices, aliases,
// templates. Documents and searches can be long, and name what is looked for elsewhere.
func (x *passage) namesInBody() bool {
	route := x.call.Route
	return route.Body == rest.BodyJSON && (route.Targets == rest.TargetBody ||
		strings.HasPrefix(route.Op, "indices.") || strings.HasPrefix(route.Op, "cluster.") || strings.HasPrefix(route.Op, "snapshot."))
}

// fetch sends the request on, with another body, and reads the answer whole: as plain JSON without what takes members out of it.
// more are query parameters to add.
func (x *passage) fetch(body []byte, more url.Values) (Response, error) {
	call := *x.call
	call.Query = maps.Clone(call.Query)
	if call.Query == nil {
		call.Query = url.Values{}
	}
	for _, name := range []string{"filter_path", "format", "pretty", "source", "source_content_type"} {
		delete(call.Query, name)
	}
	maps.Copy(call.Query, more)
	ctx, cancel := context.WithTimeout(x.req.Context(), x.r.opts.RequestTimeout)
	defer cancel()
	if !call.Route.Changes {
		ctx = repeatable(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, x.req.Method, "http://cluster/", bytes.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	address(req.URL, &call)
	for _, name := range passedHeaders {
		if v := x.req.Header.Values(name); len(v) > 0 && name != "Accept-Encoding" {
			req.Header[name] = v
		}
	}
	req.Header.Set("Accept", "application/json")
	if kind, ok := x.call.Param("source_content_type"); ok && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := x.r.nodes.RoundTrip(req)
	if err != nil {
		return Response{}, unreachable(err)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	err = errors.Join(err, resp.Body.Close())
	if err == nil && len(b) > maxAnswer {
		err = errors.New("the answer is too long to be read")
	}
	if err == nil {
		err = received(resp)
	}
	if err != nil {
		return Response{}, unreachable(err)
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: b}, nil
}

// connectionHeaders are those of an answer that was read and is written anew.
var connectionHeaders = []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Trailer", "Upgrade", "Content-Length", "Content-Encoding", "Content-Type"}

// answer writes an answer that was read, with the filter and format that the client asked for.
func (x *passage) answer(resp Response) {
	for name, v := range resp.Header {
		if !slices.Contains(connectionHeaders, name) {
			x.w.Header()[name] = v
		}
	}
	if resp.Status >= http.StatusBadRequest || !json.Valid(resp.Body) {
		x.w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		x.w.WriteHeader(resp.Status)
		// The status line has left; a client that went away is all that can fail here.
		_, _ = x.w.Write(resp.Body)
		return
	}
	rest.Answer(x.w, x.req, resp.Status, json.RawMessage(resp.Body))
}
