package gateway

import (
	"bytes"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"

	"vigil/rest"

	"github.com/valyala/fastjson"
)

// watchedRead reports whether the answer may hold documents that compliance watches, and so must be read before it leaves.
func (x *exchange) watchedRead() bool {
	route := x.call.Route
	if route.Open || x.principal == nil || route.Op == "cat.count" {
		return false // the count of documents is text, and there is no document in it
	}
	if !strings.HasPrefix(string(route.Action), "indices:data/read/") && !x.asksUpdated() {
		return false
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

// asksUpdated reports whether the answer may hold documents as updates left them, or the error of a script that read them. A
// name in JSON may be written with escapes.
func (x *exchange) asksUpdated() bool {
	if op := x.call.Route.Op; !x.g.ReadDerived || op != "update" && op != "bulk" {
		return false
	}
	for name := range x.call.Query {
		if strings.HasPrefix(name, "_source") {
			return true
		}
	}
	return bytes.Contains(x.call.Body, []byte("_source")) || bytes.Contains(x.call.Body, []byte("script")) || bytes.Contains(x.call.Body, []byte(`\u`))
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
	r = x.forwarded().Clone(x.r.Context())
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

// noteReads reads the answer and notes one event for every document in it that shows a watched field, and one for every index
// of which it shows one without a document.
func (x *exchange) noteReads() error {
	// Derived reads are in the answer to an update that made the document, and in errors, too.
	ok, failed := x.w.status == http.StatusOK || x.w.status == http.StatusCreated && x.g.ReadDerived, x.w.status >= http.StatusBadRequest
	if op := x.call.Route.Op; ok && !x.g.ReadDerived && (op == "exists" || op == "exists_source") {
		x.newReader().noteStored(nil)
	}
	if !ok && (!failed || !x.g.ReadDerived) || len(x.w.buf) == 0 || x.r.Method == http.MethodHead {
		return nil
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(x.w.buf)
	if err != nil && failed {
		return nil // an error of something on the way
	}
	if err != nil {
		return rest.Errorf(http.StatusBadGateway, "compliance_exception", "the answer holds watched documents and cannot be read: %w", err)
	}
	r := x.newReader()
	if x.call.Route.Op == "get_source" && ok {
		r.noteStored(v)
		return nil
	}
	r.read(v)
	return nil
}

// noteSources notes the documents that a handler read on the way, as if they had been shown: where they went is not known
// here.
func (x *exchange) noteSources(reads []rest.Read) {
	var p fastjson.Parser
	r := x.newReader()
	for _, d := range reads {
		v, err := p.ParseBytes(d.Source)
		if err != nil {
			continue // there is no source
		}
		h := hit{index: d.Index, id: d.ID, shard: &d.Shard}
		r.noteHit(&h, r.source(&h, v))
	}
}

// flatten calls f for every member of an object under its dotted name, for what is within it too, and for array elements under
// name[i]: a list, an object, a null is itself a member, as the original's field names are. See
// compat/scenarios/audit/09c-read-wildcard.json and w02-reads-with-values.json.
func flatten(v *fastjson.Value, name string, f func(string, *fastjson.Value)) {
	if name != "" {
		f(name, v)
	}
	switch v.Type() {
	case fastjson.TypeObject:
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
	default:
	}
}

// javaString prints a value as the original does: strings as they are, objects as a Java map, numbers with a point as a
// Java double.
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
		return "{" + strings.Join(parts, ", ") + "}"
	case fastjson.TypeNumber:
		return javaNumber(v.String())
	default:
		return v.String()
	}
}

func javaNumber(raw string) string {
	n, err := strconv.ParseFloat(raw, 64)
	if !strings.ContainsAny(raw, ".eE") || err != nil {
		return raw
	}
	form := byte('f')
	if size := math.Abs(n); size != 0 && (size < 1e-3 || size >= 1e7) {
		form = 'e'
	}
	digits := strconv.FormatFloat(n, form, -1, 64)
	digits, exponent, _ := strings.Cut(digits, "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	if e, err := strconv.Atoi(exponent); err == nil {
		digits += "E" + strconv.Itoa(e)
	}
	return digits
}
