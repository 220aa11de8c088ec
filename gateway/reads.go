package gateway

import (
	"maps"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"vigil/audit"
	"vigil/rest"

	"github.com/valyala/fastjson"
)

// watchedRead reports whether the answer may hold documents that compliance watches, and so must be read before it leaves.
func (x *exchange) watchedRead() bool {
	route := x.call.Route
	if route.Open || x.principal == nil || !strings.HasPrefix(string(route.Action), "indices:data/read/") || route.Op == "cat.count" {
		return false
	}
	if x.call.Route.Op == "cat.count" {
		return false // a number, as text: there is no document in it
	}
	if x.call.Route.Targets != rest.TargetPath {
		// Scroll pages name no index, msearch and mget name theirs in the body: anything may be in the answer.
		return x.policy.WatchesAnyRead(x.principal.Name)
	}
	for _, t := range x.targets {
		for _, index := range t.action.Resolved {
			if x.policy.WatchesRead(index, x.principal.Name) != nil {
				return true
			}
		}
	}
	return false
}

// readable takes out of the request and its call the parameters that take members out of an answer or write it in another
// format: what is shown of a document must be found in it, and be found to be that document's. The gateway applies them
// itself, as the call that it returns asked for them. What is decided on the way, such as [rest.Call.Hidden], reaches the
// handler all the same, for its call is the exchange's.
func (x *exchange) readable() (r *http.Request, asked *rest.Call) {
	asked = x.call
	call := *asked
	call.Query = maps.Clone(call.Query)
	delete(call.Query, "filter_path")
	delete(call.Query, "format")
	x.call = &call
	r = x.r.Clone(x.r.Context())
	r.URL.RawQuery = call.Query.Encode()
	r.RequestURI = r.URL.RequestURI()
	r.Header.Del("Accept-Encoding")
	r.Header.Set("Accept", "application/json")
	return r, asked
}

// shape gives an answer that was read the form that the client asked for. An error keeps its own, as in OpenSearch.
func (x *exchange) shape(asked *rest.Call) error {
	_, filtered := asked.Param("filter_path")
	_, formatted := asked.Param("format")
	if !filtered && !formatted || len(x.w.buf) == 0 || fastjson.Exists(x.w.buf, "error") {
		return nil
	}
	body, contentType, err := rest.Render(asked, x.w.buf)
	if err != nil {
		return err
	}
	x.w.buf = body
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Del("Content-Length")
	return nil
}

// noteReads reads the answer and notes one event for every document in it that shows a watched field.
func (x *exchange) noteReads() error {
	if x.w.status != http.StatusOK || len(x.w.buf) == 0 || x.r.Method == http.MethodHead {
		return nil
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(x.w.buf)
	if err != nil {
		return rest.Errorf(http.StatusBadGateway, "compliance_exception", "the answer holds watched documents and cannot be read: %w", err)
	}
	if x.call.Route.Op == "get_source" {
		if concrete, _ := x.g.Indices.Resolve(x.call.Indices); len(concrete) == 1 {
			x.noteRead(concrete[0], x.call.DocID, "", v)
		}
		return nil
	}
	x.findHits(v)
	return nil
}

// findHits walks the answer for documents, wherever they are: hits, inner hits, top hits, parts of a multi-search or -get.
func (x *exchange) findHits(v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			x.findHits(e)
		}
	case fastjson.TypeObject:
		index, id := v.GetStringBytes("_index"), v.GetStringBytes("_id")
		isHit := index != nil && id != nil
		if isHit {
			if src := v.Get("_source"); src != nil {
				x.noteRead(string(index), string(id), string(v.GetStringBytes("_routing")), src)
			}
		}
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
			if !isHit || string(key) != "_source" {
				x.findHits(child)
			}
		})
	default:
	}
}

// noteRead notes that a document was shown, if what was shown of it is watched.
func (x *exchange) noteRead(index, id, routing string, source *fastjson.Value) {
	watch := x.policy.WatchesRead(index, x.principal.Name)
	if watch == nil {
		return
	}
	shown := map[string]string{}
	category := audit.DocRead
	if index == x.g.SecurityIndex {
		// A document there is one section, which in the original is its one field. See compat/scenarios/audit/05a, admincert-search.
		category = audit.InternalConfigRead
		if o := source.GetObject(); o != nil && o.Len() > 0 {
			shown[id] = source.String()
		}
	} else {
		flatten(source, "", func(name string, value *fastjson.Value) {
			if watch.Match(name) {
				shown[name] = javaString(value)
			}
		})
	}
	if len(shown) == 0 {
		return
	}
	e := x.event(category, audit.LayerNone)
	e.DocID = id
	e.Indices, e.Resolved = []string{index}, []string{index}
	if routing == "" {
		routing = id
	}
	shard := rest.ShardOf(routing, x.g.Indices.Shards(index))
	e.ShardID = &shard
	x.policy.DescribeRead(e, shown)
	x.note(e)
}

// flatten calls f for every member of an object under its dotted name, for objects within it too, and for array elements
// under name[i], as the original's field names are. See compat/scenarios/audit/09c-read-wildcard.json.
func flatten(v *fastjson.Value, name string, f func(string, *fastjson.Value)) {
	switch v.Type() {
	case fastjson.TypeObject:
		if name != "" {
			f(name, v)
		}
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
			k := string(key)
			if name != "" {
				k = name + "." + k
			}
			flatten(child, k, f)
		})
	case fastjson.TypeArray:
		for i, child := range v.GetArray() {
			flatten(child, name+"["+strconv.Itoa(i)+"]", f)
		}
	case fastjson.TypeNull:
	default:
		f(name, v)
	}
}

// javaString prints a value as the original does: strings as they are, objects as a Java map.
func javaString(v *fastjson.Value) string {
	switch v.Type() {
	case fastjson.TypeString:
		return string(v.GetStringBytes())
	case fastjson.TypeArray:
		parts := make([]string, 0, len(v.GetArray()))
		for _, e := range v.GetArray() {
			parts = append(parts, javaString(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case fastjson.TypeObject:
		var parts []string
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
			parts = append(parts, string(key)+"="+javaString(child))
		})
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return v.String()
	}
}
