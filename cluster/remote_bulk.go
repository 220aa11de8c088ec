package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"vigil/rest"
)

// errShortBulk says that the cluster answered fewer operations than it was sent.
var errShortBulk = errors.New("the answer to a bulk has too few items")

// remoteBulk is the answer to a bulk.
type remoteBulk struct {
	Took       int64             `json:"took"`
	IngestTook *int64            `json:"ingest_took,omitempty"`
	Errors     bool              `json:"errors"`
	Items      []json.RawMessage `json:"items"`
}

// bulk passes on the operations that may run. Those that may not are answered here, in their place.
func (x *passage) bulk() error {
	var writes []*remoteWrite
	for item, err := range rest.Bulk(x.call.Body, x.call.Vars["index"]) {
		if err != nil {
			return err
		}
		writes = append(writes, &remoteWrite{BulkItem: item})
	}
	if err := x.prepare(writes); err != nil {
		return err
	}
	denied, told := 0, false
	for _, w := range writes {
		if w.err != nil {
			denied++
		}
		w.asks = w.err == nil && w.watch.Writes && x.mayAsk(w)
		told = told || w.tells()
	}
	if denied == 0 && !told {
		x.r.pass(x.w, x.req)
		return nil
	}
	answer := remoteBulk{}
	resp := Response{Status: http.StatusOK, Header: http.Header{}}
	if denied < len(writes) {
		body, err := x.bulkBody(writes)
		if err != nil {
			return err
		}
		if resp, err = x.fetch(body, nil); err != nil {
			return x.unsure(writes, err)
		}
		if resp.Status >= http.StatusBadRequest {
			x.answer(resp)
			return nil
		}
		if err := json.Unmarshal(resp.Body, &answer); err != nil {
			return unreachable(err)
		}
	}
	results, err := merge(&answer, writes)
	if err != nil {
		return unreachable(err)
	}
	if err := x.finish(writes, results); err != nil {
		return err
	}
	if resp.Body, err = json.Marshal(answer); err != nil {
		return err
	}
	x.answer(resp)
	return nil
}

// bulkBody is the body without the operations that may not run, and with the wish to see what updates make of documents.
func (x *passage) bulkBody(writes []*remoteWrite) ([]byte, error) {
	var body bytes.Buffer
	body.Grow(len(x.call.Body))
	lines := rawLines{rest: x.call.Body}
	for _, w := range writes {
		action := lines.at(w.Line)
		if w.err != nil {
			continue
		}
		if w.asks {
			var err error
			if action, err = asking(action); err != nil {
				return nil, err
			}
		}
		body.Write(action)
		if w.Op != "delete" {
			body.Write(w.Source)
			body.WriteByte('\n')
		}
	}
	return body.Bytes(), nil
}

// asking adds the wish to an action line.
func asking(line []byte) ([]byte, error) {
	var action map[string]map[string]json.RawMessage
	if err := json.Unmarshal(line, &action); err != nil {
		return nil, unreadableBody(err)
	}
	for _, params := range action {
		params["_source"] = json.RawMessage("true")
	}
	out, err := json.Marshal(action)
	return append(out, '\n'), err
}

// merge puts the refused operations between the answered ones, and returns what became of each; nil for failures.
func merge(answer *remoteBulk, writes []*remoteWrite) ([]*writeResult, error) {
	items := answer.Items
	answer.Items = make([]json.RawMessage, len(writes))
	results := make([]*writeResult, len(writes))
	for i, w := range writes {
		if w.err != nil {
			known := rest.AsError(w.err)
			raw, err := json.Marshal(map[string]any{w.Op: map[string]any{
				"_index": w.index, "_id": w.ID, "status": known.Status, "error": known.Object(),
			}})
			if err != nil {
				return nil, err
			}
			answer.Items[i], answer.Errors = raw, true
			continue
		}
		if len(items) == 0 {
			return nil, errShortBulk
		}
		answer.Items[i], items = items[0], items[1:]
		if !w.watch.Writes {
			continue
		}
		var err error
		if results[i], answer.Items[i], err = resultOfItem(w, answer.Items[i]); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// resultOfItem reads an item of the answer, and takes out of it what the client did not ask for.
func resultOfItem(w *remoteWrite, raw json.RawMessage) (*writeResult, json.RawMessage, error) {
	var item map[string]json.RawMessage
	if err := json.Unmarshal(raw, &item); err != nil {
		return nil, nil, err
	}
	for op, body := range item {
		var res writeResult
		if err := json.Unmarshal(body, &res); err != nil {
			return nil, nil, err
		}
		if w.asks {
			shown, err := withoutGet(body)
			if err != nil {
				return nil, nil, err
			}
			item[op] = shown
			if raw, err = json.Marshal(item); err != nil {
				return nil, nil, err
			}
		}
		if res.Result == "" {
			return nil, raw, nil
		}
		return &res, raw, nil
	}
	return nil, raw, nil
}
