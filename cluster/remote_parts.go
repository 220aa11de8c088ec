package cluster

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"vigil/rest"
)

// refusedAnswer is the place of a search that was refused in the answer of a msearch.
func refusedAnswer(err error) (json.RawMessage, error) {
	return json.Marshal(rest.AsError(err).Body())
}

// searches asks for each search of a msearch. Those that are refused are answered here, in their place.
func (x *passage) searches() error {
	var kept bytes.Buffer
	var answers []json.RawMessage
	denied, changed := 0, false
	lines := rawLines{rest: x.call.Body}
	for item, err := range rest.Searches(x.call.Body, x.call.Indices) {
		if err != nil {
			return err
		}
		header := lines.at(item.Line)
		resolved, missing := x.r.Resolve(item.Indices)
		err := x.fx.Begin(rest.Action{
			Name: "indices:data/read/search", Request: "SearchRequest", Parent: x.call.Route.Action, Run: len(answers),
			Indices: item.Indices, Resolved: append(resolved, missing...), Body: item.Body,
		})
		if err == nil {
			err = x.lookups(item.Body, len(answers))
		}
		if hide := x.hidden(resolved); err == nil && len(hide) > 0 {
			header, err = x.headerWithout(header, item.Indices, hide)
			changed = true
		}
		if err != nil {
			refused, err := refusedAnswer(err)
			if err != nil {
				return err
			}
			answers = append(answers, refused)
			denied++
			continue
		}
		answers = append(answers, nil)
		kept.Write(header)
		kept.Write(item.Body)
		kept.WriteByte('\n')
	}
	if denied == 0 && !changed {
		x.r.pass(x.w, x.req)
		return nil
	}
	return x.partly(kept.Bytes(), answers, denied, "responses")
}

// hidden returns the indices whose documents the caller must not see.
func (x *passage) hidden(indices []string) []string {
	return slices.DeleteFunc(slices.Clone(indices), func(index string) bool { return !x.fx.Hides(index) })
}

// headerWithout returns a header line of a msearch whose expressions do not mean the hidden indices.
func (x *passage) headerWithout(line []byte, expressions, hide []string) ([]byte, error) {
	left := x.r.without(expressions, hide)
	if len(left) == 0 {
		return nil, noneLeft()
	}
	members := map[string]any{}
	if len(bytes.TrimSpace(line)) > 0 {
		if err := json.Unmarshal(line, &members); err != nil {
			return nil, unreadableBody(err)
		}
	}
	delete(members, "indices")
	members["index"] = left
	line, err := json.Marshal(members)
	return append(line, '\n'), err
}

// partly sends on what may run and puts its parts between the refused ones.
func (x *passage) partly(body []byte, answers []json.RawMessage, denied int, member string) error {
	out := map[string]json.RawMessage{}
	resp := Response{Status: http.StatusOK, Header: http.Header{}}
	if denied < len(answers) {
		var err error
		if resp, err = x.fetch(body, nil); err != nil {
			return err
		}
		if resp.Status >= http.StatusBadRequest {
			x.answer(resp)
			return nil
		}
		if err := json.Unmarshal(resp.Body, &out); err != nil {
			return unreachable(err)
		}
	} else if member == "responses" {
		out["took"] = json.RawMessage("0")
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(out[member], &parts); err != nil && denied < len(answers) {
		return unreachable(err)
	}
	for i, a := range answers {
		if a == nil && len(parts) > 0 {
			answers[i], parts = parts[0], parts[1:]
		}
	}
	var err error
	if out[member], err = json.Marshal(answers); err != nil {
		return err
	}
	if resp.Body, err = json.Marshal(out); err != nil {
		return err
	}
	x.answer(resp)
	return nil
}

// wantedDoc is one document of a mget or mtermvectors.
type wantedDoc struct {
	raw     json.RawMessage
	Index   string          `json:"_index"`
	ID      json.RawMessage `json:"_id"`
	Routing string          `json:"routing"`
	Old     string          `json:"_routing"`
}

func (d *wantedDoc) id() string {
	var s string
	if json.Unmarshal(d.ID, &s) == nil {
		return s
	}
	return string(d.ID)
}

// documents asks for every shard that the documents of a mget are in. Refused documents are answered here, in their place.
func (x *passage) documents() error {
	docs, members, err := x.wantedDocs()
	if err != nil {
		return err
	}
	denied := x.allowDocs(docs)
	if len(denied) == 0 {
		x.r.pass(x.w, x.req)
		return nil
	}
	answers := make([]json.RawMessage, len(docs))
	var kept []json.RawMessage
	for i, d := range docs {
		refused, ok := denied[i]
		if !ok {
			kept = append(kept, d.raw)
			continue
		}
		answers[i] = refused
	}
	members["docs"] = kept
	body, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return x.partly(body, answers, len(denied), "docs")
}

// wantedDocs reads the documents of the body, and its other members.
func (x *passage) wantedDocs() ([]wantedDoc, map[string]any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(x.call.Body, &members); err != nil {
		return nil, nil, unreadableBody(err)
	}
	others := map[string]any{}
	var raw []json.RawMessage
	for key, v := range members {
		var err error
		switch key {
		case "docs":
			var docs []json.RawMessage
			err = json.Unmarshal(v, &docs)
			raw = append(raw, docs...)
		case "ids":
			var ids []json.RawMessage
			err = json.Unmarshal(v, &ids)
			for _, id := range ids {
				raw = append(raw, json.RawMessage(`{"_id":`+string(id)+`}`))
			}
		case "parameters":
			var all wantedDoc
			if err = json.Unmarshal(v, &all); err == nil && all.Index != "" {
				return nil, nil, notBuilt("[parameters] that name an index cannot be judged in front of a remote cluster yet")
			}
			others[key] = v
		default:
			others[key] = v
		}
		if err != nil {
			return nil, nil, unreadableBody(err)
		}
	}
	docs := make([]wantedDoc, len(raw))
	for i, r := range raw {
		if err := json.Unmarshal(r, &docs[i]); err != nil {
			return nil, nil, unreadableBody(err)
		}
		docs[i].raw = r
		if docs[i].Index == "" {
			docs[i].Index = x.call.Vars["index"]
		}
		if docs[i].Routing == "" {
			docs[i].Routing = docs[i].Old
		}
	}
	return docs, others, nil
}

// allowDocs returns the answers for the documents that may not be read or seen.
func (x *passage) allowDocs(docs []wantedDoc) map[int]json.RawMessage {
	type part struct {
		index string
		shard int
	}
	name, request := rest.ActionName("indices:data/read/mget[shard]"), "MultiGetShardRequest"
	if x.call.Route.Op == "mtermvectors" {
		name, request = "indices:data/read/mtv[shard]", "MultiTermVectorsShardRequest"
	}
	asked := map[part]error{}
	denied := map[int]json.RawMessage{}
	for i, d := range docs {
		p := part{index: d.Index}
		if concrete, _ := x.r.Resolve([]string{d.Index}); len(concrete) == 1 {
			p.index = concrete[0]
		}
		routing := d.Routing
		if routing == "" {
			routing = d.id()
		}
		p.shard = rest.ShardOf(routing, x.r.Shards(p.index))
		err, known := asked[p]
		if !known {
			err = x.fx.Begin(rest.Action{
				Name: name, Request: request, Run: len(asked), Indices: []string{p.index}, Resolved: []string{p.index}, Shard: &p.shard,
			})
			asked[p] = err
		}
		about := map[string]any{"_index": p.index, "_id": d.id()}
		switch {
		case err != nil:
			about["error"] = rest.AsError(err).Body()["error"]
		case x.fx.Hides(p.index):
			about["found"] = false
		default:
			continue
		}
		answer, err := json.Marshal(about)
		if err != nil {
			answer = json.RawMessage(`{}`)
		}
		denied[i] = answer
	}
	return denied
}

// rawLines cuts NDJSON at newlines.
type rawLines struct {
	rest []byte
	line int
}

// at returns the line of that number, counting from 1, with its newline. Numbers must grow from call to call.
func (l *rawLines) at(n int) []byte {
	var line []byte
	for l.line < n && len(l.rest) > 0 {
		end := bytes.IndexByte(l.rest, '\n') + 1
		if end == 0 {
			end = len(l.rest)
		}
		line, l.rest = l.rest[:end], l.rest[end:]
		l.line++
	}
	return line
}
