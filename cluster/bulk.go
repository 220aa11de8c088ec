package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/valyala/fastjson"
)

// BulkOp is one write of a bulk.
type BulkOp struct {
	// Op is "index", "create", "update" or "delete".
	Op    string
	Index string
	// ID may be empty for index and create.
	ID                     string
	IfSeqNo, IfPrimaryTerm *int64
	// Source is the document; of an update {"doc":…} or {"script":…}; nil for a delete.
	Source json.RawMessage
}

// BulkResult is what became of a [BulkOp].
type BulkResult struct {
	IndexResult
	Op     string
	Status int
	// Err is set if the write was refused. The other writes of the bulk are not affected.
	Err *Error
}

// Bulk sends writes in one request and returns one result for each, in their order. The error tells that the request as a
// whole was refused or that it is not known what became of it.
func (c *Client) Bulk(ctx context.Context, ops []BulkOp) ([]BulkResult, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	body, err := encodeBulk(ops)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(ctx, http.MethodPost, Path("_bulk"), nil, body)
	if err != nil {
		return nil, err
	}
	p := c.parsers.Get()
	defer c.parsers.Put(p)
	items, err := bulkItems(p, resp.Body)
	if err != nil {
		return nil, fmt.Errorf("bulk: reading the answer: %w", err)
	}
	if len(items) != len(ops) {
		return nil, fmt.Errorf("bulk: %d results for %d operations", len(items), len(ops))
	}
	return items, nil
}

// bulkItems reads the answer to a bulk. It is not decoded by reflection, because every audit event is an item of one.
func bulkItems(p *fastjson.Parser, answer []byte) ([]BulkResult, error) {
	v, err := p.ParseBytes(answer)
	if err != nil {
		return nil, err
	}
	list := v.GetArray("items")
	results := make([]BulkResult, len(list))
	index := ""
	for i, item := range list {
		o, err := item.Object()
		if err != nil {
			return nil, err
		}
		o.Visit(func(op []byte, v *fastjson.Value) {
			r := &results[i]
			if name := v.GetStringBytes("_index"); string(name) != index {
				index = string(name)
			}
			r.Op, r.Index, r.ID = string(op), index, string(v.GetStringBytes("_id"))
			r.Version, r.SeqNo, r.PrimaryTerm = v.GetInt64("_version"), v.GetInt64("_seq_no"), v.GetInt64("_primary_term")
			r.Result, r.Status = string(v.GetStringBytes("result")), v.GetInt("status")
			if e := v.Get("error"); e != nil && e.Type() != fastjson.TypeNull {
				r.Err = &Error{Status: r.Status, Type: string(e.GetStringBytes("type")), Reason: string(e.GetStringBytes("reason"))}
			} else if r.Status >= http.StatusBadRequest {
				r.Err = &Error{Status: r.Status}
			}
		})
	}
	return results, nil
}

func encodeBulk(ops []BulkOp) ([]byte, error) {
	n := 0
	for _, op := range ops {
		n += len(op.Source) + len(op.Index) + len(op.ID) + 128
	}
	b := make([]byte, 0, n)
	for i, op := range ops {
		b = append(appendAction(b, op), '\n')
		if op.Op == "delete" {
			continue
		}
		if bytes.IndexByte(op.Source, '\n') < 0 {
			b = append(append(b, op.Source...), '\n')
			continue
		}
		var line bytes.Buffer
		if err := json.Compact(&line, op.Source); err != nil {
			return nil, fmt.Errorf("operation %d: the source: %w", i, err)
		}
		b = append(append(b, line.Bytes()...), '\n')
	}
	return b, nil
}

// appendAction appends {"create":{"_index":…}}.
func appendAction(b []byte, op BulkOp) []byte {
	b = append(appendText(append(b, '{'), op.Op), `:{"_index":`...)
	b = appendText(b, op.Index)
	if op.ID != "" {
		b = appendText(append(b, `,"_id":`...), op.ID)
	}
	if op.IfSeqNo != nil {
		b = strconv.AppendInt(append(b, `,"if_seq_no":`...), *op.IfSeqNo, 10)
	}
	if op.IfPrimaryTerm != nil {
		b = strconv.AppendInt(append(b, `,"if_primary_term":`...), *op.IfPrimaryTerm, 10)
	}
	return append(b, "}}"...)
}

// appendText appends a string as JSON. Names and ids rarely need escapes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string never fails
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
