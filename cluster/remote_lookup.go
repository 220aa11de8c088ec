package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"vigil/rest"
)

// lookups asks for every document that a query names in another index: terms lookups, more_like_this, indexed shapes,
// percolated documents. The cluster reads them under our credentials, so whether the caller may is decided here.
func (x *passage) lookups(body []byte, run int) error {
	// A name can only hide from the first look behind an escape.
	if !bytes.Contains(body, []byte(`index"`)) && !bytes.Contains(body, []byte(`indexed_shape"`)) && !bytes.Contains(body, []byte(`\u`)) {
		return nil
	}
	if !json.Valid(body) {
		return unreadableBody(fmt.Errorf("%d bytes", len(body)))
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return unreadableBody(err)
	}
	w := lookupWalk{x: x, run: run, seen: map[string]bool{}}
	w.value(v)
	return w.err
}

// defaultShapes is the index of a shape that is named without one.
const defaultShapes = "shapes"

type lookupWalk struct {
	x    *passage
	run  int
	seen map[string]bool
	err  error
}

func (w *lookupWalk) value(v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			w.value(e)
		}
	case fastjson.TypeObject:
		var index, id string
		document := false
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
			switch string(key) {
			case "index", "_index":
				index = string(child.GetStringBytes())
			case "target_index": // of a field that Elasticsearch looks up in another index
				index, document = string(child.GetStringBytes()), true
			case "indexed_shape":
				if child.Get("index") == nil {
					w.ask(defaultShapes, "")
				}
			case "id", "_id":
				id, document = strings.Trim(child.String(), `"`), true
			case "path", "like", "doc":
				document = true
			}
			w.value(child)
		})
		if index != "" && document {
			w.ask(index, id)
		}
	default:
	}
}

func (w *lookupWalk) ask(index, id string) {
	if w.err != nil || w.seen[index] {
		return
	}
	w.seen[index] = true
	resolved, missing := w.x.r.Resolve([]string{index})
	w.err = w.x.fx.Begin(rest.Action{
		Name: "indices:data/read/get", Request: "GetRequest", Parent: w.x.call.Route.Action, Run: w.run,
		Indices: []string{index}, Resolved: append(resolved, missing...), DocID: id,
	})
	if w.err == nil && len(w.x.hidden(resolved)) > 0 {
		w.err = noneLeft()
	}
}

// otherIndex asks for the index that the body of a term vectors request names: it wins over the one in the path.
func (x *passage) otherIndex() error {
	if len(x.call.Body) == 0 {
		return nil
	}
	var body struct {
		Index string `json:"_index"`
	}
	if err := json.Unmarshal(x.call.Body, &body); err != nil {
		return unreadableBody(err)
	}
	if body.Index == "" || body.Index == x.call.Vars["index"] {
		return nil
	}
	resolved, missing := x.r.Resolve([]string{body.Index})
	err := x.fx.Begin(rest.Action{
		Name: x.call.Route.Action, Request: x.call.Route.Request, Run: 1,
		Indices: []string{body.Index}, Resolved: append(resolved, missing...), DocID: x.call.Vars["id"],
	})
	if err == nil && len(x.hidden(resolved)) > 0 {
		err = noneLeft()
	}
	return err
}
