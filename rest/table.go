package rest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxSegments bounds the depth of a path. The longest row has fewer.
const maxSegments = 32

// Table finds the row of a request. It is immutable and safe for concurrent use.
type Table struct {
	root   node
	routes []*Route
}

// NewTable joins rows into a table. It refuses a pattern that is not an absolute path of literals and {variables}, the same
// method and path twice, and two names for a variable in one place.
func NewTable(routes ...[]Route) (*Table, error) {
	t := &Table{}
	for _, group := range routes {
		for i := range group {
			r := group[i]
			if err := t.root.insert(&r); err != nil {
				return nil, fmt.Errorf("route %s %s: %w", r.Method, r.Path, err)
			}
			t.routes = append(t.routes, &r)
		}
	}
	return t, nil
}

// Routes returns the rows in the order in which they were given. The caller must not change them.
func (t *Table) Routes() []*Route { return t.routes }

// Resolve says what a request means. It reads method, path and query, never the body. The error is an [Error]: 400 if no row
// has the path, 405 if none of those that do has the method. OPTIONS is answered by an open row of its own for every path,
// as OpenSearch does.
func (t *Table) Resolve(r *http.Request) (*Call, error) {
	segments, err := split(r.URL)
	if err != nil {
		return nil, err
	}
	query, err := ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	var allowed []string
	for m := range anywhere + 1 {
		n := t.root.find(segments, 0, m)
		if n == nil {
			continue
		}
		if route, ok := n.routes[r.Method]; ok {
			addAccepted(query, route, r.Header.Get("Accept"))
			return newCall(route, segments, query)
		}
		for method := range n.routes {
			if !slices.Contains(allowed, method) {
				allowed = append(allowed, method)
			}
		}
	}
	slices.Sort(allowed)
	switch {
	case r.Method == http.MethodOptions:
		return &Call{Route: optionsRoute(r.URL.Path, allowed), Query: query}, nil
	case len(allowed) > 0:
		return nil, wrongMethod(r, allowed)
	default:
		return nil, noHandler(r)
	}
}

// addAccepted lets the header Accept stand in for the parameter format of a cat request: without either it is a table of
// text, and clients that always ask for JSON expect JSON. As OpenSearch does, only a media type alone counts, no list.
func addAccepted(query url.Values, route *Route, accept string) {
	if !strings.HasPrefix(route.Op, "cat.") || query.Has("format") {
		return
	}
	kind, _, _ := strings.Cut(strings.ToLower(accept), ";")
	switch kind = strings.TrimSpace(kind); kind {
	case "application/json", "application/yaml":
		query.Set("format", kind)
	}
}

func noHandler(r *http.Request) *Error {
	return &Error{
		Status: http.StatusBadRequest,
		Reason: fmt.Sprintf("no handler found for uri [%s] and method [%s]", r.URL.Path, r.Method),
		Bare:   true,
	}
}

func wrongMethod(r *http.Request, allowed []string) *Error {
	return &Error{
		Status: http.StatusMethodNotAllowed,
		Reason: fmt.Sprintf("Incorrect HTTP method for uri [%s] and method [%s], allowed: [%s]",
			r.URL.RequestURI(), r.Method, strings.Join(allowed, ", ")),
		Header: http.Header{"Allow": {strings.Join(allowed, ",")}},
	}
}

func optionsRoute(path string, allowed []string) *Route {
	allow := strings.Join(allowed, ",")
	return &Route{
		Method: http.MethodOptions, Path: path, Op: "options", Open: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if allow != "" {
				w.Header().Set("Allow", allow)
			}
			w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
			w.WriteHeader(http.StatusOK)
		}),
	}
}

// newCall fills in what the path says.
func newCall(route *Route, segments []string, query url.Values) (*Call, error) {
	c := &Call{Route: route, Query: query}
	for i, part := range strings.Split(strings.Trim(route.Path, "/"), "/") {
		name, ok := variable(part)
		if !ok {
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil {
			return nil, Errorf(http.StatusBadRequest, "illegal_argument_exception", "cannot decode [%s]: %w", segments[i], err)
		}
		if c.Vars == nil {
			c.Vars = make(map[string]string, 3)
		}
		c.Vars[name] = value
	}
	c.addIndexParam()
	if err := checkTraversal(c.Vars); err != nil {
		return nil, err
	}
	c.Indices = SplitIndices(c.Vars[cmp.Or(route.IndexVar, "index")])
	if route.namesDocument() {
		c.DocID = c.Vars["id"]
		if index := c.Vars["index"]; index != "" {
			c.Indices = []string{index} // a document has one index, and a comma is part of its name
		}
	}
	return c, nil
}

// checkTraversal refuses "." and "..": between client, gateway and cluster somebody may take them for folders.
func checkTraversal(vars map[string]string) error {
	for name, value := range vars {
		if value != "." && value != ".." {
			continue
		}
		if name == "index" {
			return ValidateIndexName(value)
		}
		return Errorf(http.StatusBadRequest, "illegal_argument_exception", "[%s] is not a valid value for [%s]", value, name)
	}
	return nil
}

// addIndexParam takes ?index= for the variable {index} where the row has none, because OpenSearch keeps parameters and
// variables in one map.
func (c *Call) addIndexParam() {
	list, ok := c.Param("index")
	if !ok || c.Route.Targets == TargetNone || c.Route.IndexVar != "" {
		return
	}
	if _, ok := c.Vars["index"]; ok {
		return
	}
	if c.Vars == nil {
		c.Vars = make(map[string]string, 1)
	}
	c.Vars["index"] = list
}

// SplitIndices splits a list of index expressions at commas. Empty ones at the end do not count, so "" and "," are nil,
// which means all.
func SplitIndices(list string) []string {
	list = strings.TrimRight(list, ",")
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// namesDocument reports whether {id} is the document that the request is about. OpenSearch reports it for these classes
// alone: an explain has an {id} too, but no audit_trace_doc_id.
func (r *Route) namesDocument() bool {
	if !strings.HasPrefix(string(r.Action), "indices:data/") {
		return false
	}
	switch r.Request {
	case "IndexRequest", "GetRequest", "UpdateRequest", "DeleteRequest":
		return true
	}
	return false
}

// split cuts the path as the client sent it: an encoded slash does not separate, and an encoded literal is not that literal,
// because the cluster behind us would not take it for one. Slashes at the end do not count.
func split(u *url.URL) ([]string, error) {
	path := strings.TrimRight(u.EscapedPath(), "/")
	if path == "" {
		return nil, nil
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) > maxSegments {
		return nil, Errorf(http.StatusBadRequest, "illegal_argument_exception", "the path has more than [%d] segments", maxSegments)
	}
	return segments, nil
}

// ParseQuery keeps the last value of each key. A semicolon separates like an ampersand, as in OpenSearch. With an error, always
// an [Error], come the parameters that could be read.
func ParseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "&"))
	if err != nil {
		err = Errorf(http.StatusBadRequest, "illegal_argument_exception", "cannot decode the query string: %w", err)
	}
	for key, values := range query {
		if len(values) > 1 {
			query[key] = values[len(values)-1:]
		}
	}
	if values, ok := query[""]; ok {
		// A value without a name is a name without a value; see compat/scenarios/audit v31 param-empty-name.
		delete(query, "")
		if name := values[0]; name != "" && query[name] == nil {
			query[name] = []string{""}
		}
	}
	return query, err
}

// variable returns the name of a pattern's segment if it is one.
func variable(part string) (string, bool) {
	if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
		return part[1 : len(part)-1], true
	}
	return "", false
}

// node is one segment of the patterns.
type node struct {
	literals map[string]*node
	// wildcard is the child that spans any segment, and name the name of its variable.
	wildcard *node
	name     string
	routes   map[string]*Route
}

// wildcards says where a search may use variables. Searches are tried from the strictest on, which decides between rows like
// /{index}/_search and /_alias/{name}; so does OpenSearch.
type wildcards int

const (
	nowhere wildcards = iota
	first
	last
	anywhere
)

func (w wildcards) at(i, n int) bool {
	return w == anywhere || w == first && i == 0 || w == last && i == n-1
}

// find returns the node of a path, preferring literals. A literal that ends the path hides the variable beside it even if it
// lacks the method: DELETE /_search is a wrong method, not the deletion of an index.
func (n *node) find(segments []string, i int, w wildcards) *node {
	if i == len(segments) {
		if n.routes == nil {
			return nil
		}
		return n
	}
	if child := n.literals[segments[i]]; child != nil {
		if found := child.find(segments, i+1, w); found != nil {
			return found
		}
	}
	if n.wildcard != nil && w.at(i, len(segments)) {
		return n.wildcard.find(segments, i+1, w)
	}
	return nil
}

func (n *node) insert(r *Route) error {
	if r.Method == "" {
		return errors.New("no method")
	}
	if !strings.HasPrefix(r.Path, "/") || r.Path != "/" && strings.HasSuffix(r.Path, "/") {
		return errors.New("the pattern must begin and must not end with a slash")
	}
	var parts []string
	if r.Path != "/" {
		parts = strings.Split(r.Path[1:], "/")
	}
	seen := make(map[string]bool)
	for _, part := range parts {
		child, err := n.child(part, seen)
		if err != nil {
			return err
		}
		n = child
	}
	if n.routes[r.Method] != nil {
		return errors.New("there are two rows for it")
	}
	if n.routes == nil {
		n.routes = make(map[string]*Route)
	}
	n.routes[r.Method] = r
	return nil
}

// child returns the node behind one segment of a pattern, and makes it if there is none.
func (n *node) child(part string, seen map[string]bool) (*node, error) {
	name, ok := variable(part)
	if !ok {
		if part == "" || strings.ContainsAny(part, "{}*?#%") {
			return nil, fmt.Errorf("[%s] is neither a literal nor a variable", part)
		}
		if n.literals == nil {
			n.literals = make(map[string]*node)
		}
		if n.literals[part] == nil {
			n.literals[part] = &node{}
		}
		return n.literals[part], nil
	}
	if name == "" || strings.ContainsAny(name, "{}") || seen[name] {
		return nil, fmt.Errorf("[%s] is not a variable with a name of its own", part)
	}
	seen[name] = true
	if n.wildcard == nil {
		n.wildcard, n.name = &node{}, name
	}
	if n.name != name {
		return nil, fmt.Errorf("the variable is called both [%s] and [%s]", n.name, name)
	}
	return n.wildcard, nil
}
