package gateway

import (
	"net/http"
	"slices"
	"strings"

	"vigil/audit"
	"vigil/rest"
)

// target is one action of the request with the indices it refers to.
type target struct {
	action rest.Action
	extra  []rest.ActionName
}

// resolve gives the request its meaning. The error is what a client reads who is allowed to know.
func (x *exchange) resolve() error {
	call, err := x.g.Routes.Resolve(x.r)
	if err != nil {
		return err
	}
	x.call = call
	return x.checkContentType()
}

// checkContentType refuses a body of a kind that OpenSearch 2.19 does not read, before the request runs, as that does. See
// compat/scenarios/audit/11-config-api.json, steps put-content-type-text and put-yaml. Whoever reads the body refuses what
// is not JSON in fact.
func (x *exchange) checkContentType() error {
	if x.r.ContentLength == 0 || x.r.Body == nil || x.call.Route.Open || x.origin != audit.OriginREST {
		return nil
	}
	given := x.r.Header.Values("Content-Type")
	switch len(given) {
	case 0:
		return rest.Errorf(http.StatusNotAcceptable, "", "Content-Type header is missing")
	case 1:
	default:
		return rest.Errorf(http.StatusBadRequest, "", "only one Content-Type header should be provided")
	}
	kind, _, _ := strings.Cut(given[0], ";")
	switch strings.Replace(strings.ToLower(strings.TrimSpace(kind)), "/vnd.opensearch+", "/", 1) {
	case "application/json", "application/x-ndjson", "application/*", "application/yaml", "application/cbor", "application/smile":
		return nil
	}
	return rest.Errorf(http.StatusNotAcceptable, "", "Content-Type header [%s] is not supported", given[0])
}

// check lets the engine's language refuse what it cannot read before privileges are asked, as OpenSearch does.
func (x *exchange) check() error {
	if err := rest.CheckExpressions(x.call.Indices); err != nil {
		return err
	}
	if x.call.Route.Action == "" {
		return nil
	}
	return x.g.Dialect.Check(x.r, x.call)
}

// actions lists what the row says the request will run: its own action, what that makes, then the steps.
func (x *exchange) actions() []target {
	route := x.call.Route
	if route.Action == "" || strings.HasPrefix(route.Op, "cat.") && x.call.Flag("help") {
		return nil // the columns of a table are no action; see compat/scenarios/audit v31 cat-help
	}
	if pit := searchedPIT(x.call); pit != nil {
		x.call.Indices = pit // as OpenSearch does: the search is one of the indices that its point in time is of
	}
	own := x.ownTarget()
	list := append(append(make([]target, 0, 1+len(route.Steps)), own), x.created()...)
	for _, s := range route.Steps {
		t := target{action: rest.Action{Name: s.Action, Request: s.Request}}
		if shares := s.Request == "BulkRequest"; shares || s.Below {
			// The bulk behind the write of a single document runs in its task; see compat/scenarios/audit/10b-matrix-all.json.
			t.action.Parent, t.action.Shares = route.Action, shares
		}
		if s.Indices {
			t.action.Indices, t.action.Resolved = own.action.Indices, own.action.Resolved
		}
		list = append(list, t)
	}
	return list
}

// ownTarget is the request's own action with its indices.
func (x *exchange) ownTarget() target {
	c, route := x.call, x.call.Route
	t := target{action: rest.Action{Name: route.Action, Request: route.Request, DocID: c.DocID}}
	exprs, judged := c.Indices, c.Indices
	switch route.Targets {
	case rest.TargetNone:
		return t
	case rest.TargetBody:
		n := bodyTargets(c)
		exprs, judged, t.extra = n.exprs, append(slices.Clip(n.exprs), n.also...), n.extra
		if len(judged) == 0 && route.Action.IsCluster() {
			return t
		}
	case rest.TargetPath:
		t.extra = pathExtras(c)
	}
	concrete, missing := x.g.Indices.Resolve(judged)
	t.action.Indices = exprs
	t.action.Resolved = concrete
	if len(missing) > 0 {
		// A name that does not exist yet (a create, the first document) is judged by itself and reported as written only.
		t.action.Resolved = append(slices.Clip(concrete), missing...)
	}
	if c.Judged = t.action.Resolved; c.Judged == nil {
		c.Judged = []string{} // judged, and nothing was found
	}
	return t
}
