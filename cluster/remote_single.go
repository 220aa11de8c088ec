package cluster

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"vigil/rest"
)

// single passes on the write of one document.
func (x *passage) single() error {
	if len(x.call.Indices) != 1 {
		x.r.pass(x.w, x.req) // the cluster says what is wrong with it
		return nil
	}
	w := &remoteWrite{BulkItem: x.item()}
	writes := []*remoteWrite{w}
	if w.Op == "update" {
		// Whether it comes to anything only the cluster knows.
		if err := x.fx.Begin(rest.Action{Name: "indices:data/write/bulk", Request: "BulkRequest", Internal: true}); err != nil {
			return err
		}
	}
	if err := x.prepare(writes); err != nil {
		return err
	}
	if w.err != nil {
		return w.err
	}
	if !w.tells() {
		x.r.pass(x.w, x.req)
		return nil
	}
	var more url.Values
	if w.watch.Writes && x.mayAsk(w) {
		w.asks, more = true, url.Values{"_source": {"true"}}
	}
	resp, err := x.fetch(x.call.Body, more)
	if err != nil {
		return x.unsure(writes, err)
	}
	if resp.Status >= http.StatusBadRequest {
		x.answer(resp)
		return nil
	}
	var res writeResult
	if err := json.Unmarshal(resp.Body, &res); err != nil {
		return unreachable(err)
	}
	if err := x.finish(writes, []*writeResult{&res}); err != nil {
		return err
	}
	if w.asks {
		if resp.Body, err = withoutGet(resp.Body); err != nil {
			return unreachable(err)
		}
	}
	x.answer(resp)
	return nil
}

// item is the request as an item of a bulk.
func (x *passage) item() rest.BulkItem {
	param := func(name string) string { v, _ := x.call.Param(name); return v }
	it := rest.BulkItem{
		Op: x.call.Route.Op, Index: x.call.Indices[0], ID: x.call.DocID, Routing: param("routing"), Pipeline: param("pipeline"),
		VersionType: param("version_type"), RequireAlias: x.call.Flag("require_alias"), Source: x.call.Body,
	}
	if it.Op == "index" && param("op_type") == "create" {
		it.Op = "create"
	}
	return it
}

// mayAsk reports whether the new document of an update can be had with the answer: the client did not choose what of it to see.
func (x *passage) mayAsk(w *remoteWrite) bool {
	if w.Op != "update" || w.SourceFilter != nil || w.update().Source != nil {
		return false
	}
	for _, name := range []string{"_source", "_source_includes", "_source_excludes"} {
		if _, ok := x.call.Param(name); ok {
			return false
		}
	}
	return true
}

// withoutGet takes the document out of the answer to an update that did not ask for it.
func withoutGet(body []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	delete(members, "get")
	return json.Marshal(members)
}

// unsure looks what became of watched writes that got no answer. What can be seen to have happened is noted; the error stays.
func (x *passage) unsure(writes []*remoteWrite, failed error) error {
	if rest.AsError(failed).Status == http.StatusServiceUnavailable {
		return failed // nothing was sent
	}
	var open []*remoteWrite
	for _, w := range writes {
		if w.err == nil && w.watch.Writes && w.ID != "" {
			open = append(open, w)
		}
	}
	docs, err := x.r.read(x.req.Context(), open)
	if err != nil {
		x.r.log.WarnContext(x.req.Context(), "what became of writes that got no answer is not known", "writes", len(open), "error", err)
		return failed
	}
	results := make([]*writeResult, len(open))
	for i, w := range open {
		now := docs[i]
		w.unanswered = true
		switch {
		case w.Op == "delete" && w.before.Found && !now.Found:
			results[i] = &writeResult{Index: now.Index, ID: now.ID, Version: w.before.Version + 1, Result: "deleted"}
		// Without a reading before, only a first version can be told from one that was there.
		case now.Found && !w.before.Found && now.Version == 1:
			results[i] = &writeResult{Index: now.Index, ID: now.ID, Version: 1, Result: "created"}
		case now.Found && w.before.Found && now.Version == w.before.Version+1:
			results[i] = &writeResult{Index: now.Index, ID: now.ID, Version: now.Version, Result: "updated"}
		}
	}
	if err := x.finish(open, results); err != nil {
		return err
	}
	return failed
}

// nodesInfo passes on what is known of the nodes, with our address in place of theirs: a client that looks for nodes to talk
// to must not find a way around.
func (x *passage) nodesInfo() error {
	if x.r.opts.PublishAddress == "" {
		x.r.pass(x.w, x.req)
		return nil
	}
	resp, err := x.fetch(nil, nil)
	if err != nil {
		return err
	}
	if resp.Status < http.StatusBadRequest {
		if resp.Body, err = published(resp.Body, x.r.opts.PublishAddress); err != nil {
			return unreachable(err)
		}
	}
	x.answer(resp)
	return nil
}

// published writes an address into the http section of every node.
func published(body []byte, address string) ([]byte, error) {
	var info map[string]json.RawMessage
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, err
	}
	var nodes map[string]map[string]json.RawMessage
	if info["nodes"] == nil {
		return body, nil
	}
	if err := json.Unmarshal(info["nodes"], &nodes); err != nil {
		return nil, err
	}
	quoted := json.RawMessage(strconv.Quote(address))
	for _, n := range nodes {
		var section map[string]json.RawMessage
		if n["http"] == nil || json.Unmarshal(n["http"], &section) != nil {
			continue
		}
		section["publish_address"] = quoted
		section["bound_address"] = json.RawMessage("[" + string(quoted) + "]")
		raw, err := json.Marshal(section)
		if err != nil {
			return nil, err
		}
		n["http"] = raw
	}
	var err error
	if info["nodes"], err = json.Marshal(nodes); err != nil {
		return nil, err
	}
	return json.Marshal(info)
}
