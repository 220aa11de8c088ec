// Package rest is the HTTP surface as data: which requests exist, what each of them means, and how an error is told.
//
// A row ([Route]) says method, path, action name, request class, where the indices are named. Routing, authorization,
// auditing, the compatibility page and the tests read the same rows. The package knows no behaviour: it neither executes
// requests nor decides about them, and it imports nothing of ours. Start reading at [Route] and [Call].
package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ActionName is the name of a transport action, such as "indices:data/read/search". It is what privileges are written in.
type ActionName string

// clusterActions are the actions outside the "cluster:" name space that are checked against cluster permissions,
// as the security plugin of OpenSearch 2.19 does.
var clusterActions = []ActionName{
	"indices:data/write/bulk", "indices:data/write/reindex", "indices:data/read/mget", "indices:data/read/mtv",
	"indices:data/read/search/template/render",
}

// IsCluster reports whether the action is checked against cluster permissions alone. All others are checked against the
// index permissions of every index that the request touches.
func (a ActionName) IsCluster() bool {
	for _, prefix := range []string{
		"cluster:", "indices:admin/template/", "indices:admin/index_template/",
		"indices:data/read/scroll", "indices:data/read/msearch",
	} {
		if strings.HasPrefix(string(a), prefix) {
			return true
		}
	}
	return slices.Contains(clusterActions, a)
}

// IsIndexAdmin reports whether the action makes an INDEX_EVENT when it is granted; reading administrative actions count,
// as in OpenSearch 2.19.
func (a ActionName) IsIndexAdmin() bool { return strings.HasPrefix(string(a), "indices:admin/") }

// Targets says where a request names its indices.
type Targets uint8

// The places where indices are named.
const (
	// TargetNone is for requests that cannot carry indices.
	TargetNone Targets = iota
	// TargetPath is for requests that name indices in the path variable {index}. If it is absent or empty the request
	// means all open indices.
	TargetPath
	// TargetBody is for requests whose body names the indices (bulk, mget, msearch, aliases, reindex).
	TargetBody
)

// Body says what a request's body is, and so how it may be read and reported.
type Body uint8

// The kinds of body.
const (
	// BodyNone is for requests that take no body.
	BodyNone Body = iota
	// BodyJSON is one JSON object (or YAML, CBOR, SMILE by content type).
	BodyJSON
	// BodyNDJSON is newline-delimited JSON: bulk and msearch.
	BodyNDJSON
)

// Step is an action that a request runs besides its first one and that is known from the row alone, like the BulkRequest
// behind every single-document write or the four actions of _cat/indices. Each step is authorized and audited like an
// action of its own, in the order of the row.
type Step struct {
	Action  ActionName
	Request string
	// Indices tells whether the step refers to the same indices as the route; a BulkRequest carries none.
	Indices bool
	// Below tells whether the step's task is below that of the action; else it has no task above it.
	Below bool
}

// Route is one row of the surface.
type Route struct {
	Method string
	// Path is a pattern such as "/{index}/_doc/{id}"; a variable spans one path segment.
	Path string
	// IndexVar is the path variable that holds the index expressions where it is not {index}: data streams are named {name}.
	IndexVar string
	// Op is the operation's name in the API's own specification ("cat.indices"). Several rows may share it.
	// Handlers are found by it.
	Op string
	// Action is empty for requests that run no action of their own (GET /_cat, the security API).
	Action ActionName
	// Request is the simple class name reported as audit_transport_request_type ("SearchRequest").
	Request string
	Targets Targets
	Body    Body
	// Steps run after the action itself.
	Steps []Step
	// Changes marks requests that can change something: the gateway notes an intent before it forwards them.
	Changes bool
	// Open marks the few rows that need no caller. They are neither authorized nor audited.
	Open bool
	// Admin names the endpoint ("AUDIT", "ROLES", …) of a security API row, which is authorized and audited on the REST
	// layer instead of by an action. Empty for all other rows.
	Admin string
	// Self marks rows that every authenticated caller may use (own account, authinfo): authenticated, not authorized.
	Self bool
	// Handler answers the request. Nil means that the cluster answers.
	Handler http.Handler
}

// Call is a request whose meaning is known. It is made by [Table.Resolve], completed by the gateway, and found by handlers
// with [FromContext]. After the gateway has forwarded it, it is read-only.
type Call struct {
	Route *Route
	// Vars holds the path variables, percent-decoded. A query parameter index stands in for {index} in rows without it.
	Vars map[string]string
	// Query holds the query parameters. Of repeated keys the last one counts, as in OpenSearch. In cat requests the header
	// Accept stands in for format.
	Query url.Values
	// Indices are the index expressions as the client wrote them, split at commas.
	Indices []string
	// DocID is the {id} of a single-document request.
	DocID string
	// Judged are the concrete indices, and the names that do not exist yet, that privileges were asked for. A handler that
	// understands the expressions otherwise must ask for what lies beyond, see [Effects.Begin]. Nil means that nobody judged:
	// a request of our own, or one whose parts are judged one by one.
	Judged []string
	// Hidden are the concrete indices, and patterns of some, whose documents the caller must not see although the request may run:
	// a search finds nothing in them, a get answers that there is nothing.
	Hidden []string
	// Caller is the name of the user who asks, set by the gateway; empty for calls from within.
	Caller string
	// Body is the decoded (unzipped) body, nil if there was none. It belongs to the call and must not be changed.
	Body []byte
	// Read is what the body was read as when it was checked, for whoever tells of it; nil if nobody kept it.
	Read any
}

// Param returns the last value of a query parameter, and whether it was given.
func (c *Call) Param(name string) (string, bool) {
	v := c.Query[name]
	if len(v) == 0 {
		return "", false
	}
	return v[len(v)-1], true
}

// Flag reports whether a boolean query parameter is on: given as "", "true"; everything else is off.
func (c *Call) Flag(name string) bool {
	v, ok := c.Param(name)
	return ok && (v == "" || v == "true")
}

type callKey struct{}

// NewContext returns a context that carries the call.
func NewContext(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// FromContext returns the call that NewContext put there, or nil.
func FromContext(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}
