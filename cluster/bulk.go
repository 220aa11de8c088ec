package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	var answer struct {
		Items []map[string]struct {
			IndexResult
			Status int    `json:"status"`
			Error  *cause `json:"error"`
		} `json:"items"`
	}
	if err := c.call(ctx, http.MethodPost, Path("_bulk"), nil, body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(ops) {
		return nil, fmt.Errorf("bulk: %d results for %d operations", len(answer.Items), len(ops))
	}
	results := make([]BulkResult, len(ops))
	for i, item := range answer.Items {
		for op, r := range item {
			results[i] = BulkResult{IndexResult: r.IndexResult, Op: op, Status: r.Status}
			if r.Error != nil {
				results[i].Err = &Error{Status: r.Status, Type: r.Error.Type, Reason: r.Error.Reason}
			} else if r.Status >= http.StatusBadRequest {
				results[i].Err = &Error{Status: r.Status}
			}
		}
	}
	return results, nil
}

type bulkAction struct {
	Index         string `json:"_index"`
	ID            string `json:"_id,omitempty"`
	IfSeqNo       *int64 `json:"if_seq_no,omitempty"`
	IfPrimaryTerm *int64 `json:"if_primary_term,omitempty"`
}

func encodeBulk(ops []BulkOp) ([]byte, error) {
	var b bytes.Buffer
	for i, op := range ops {
		line, err := encode(map[string]bulkAction{op.Op: {
			Index: op.Index, ID: op.ID, IfSeqNo: op.IfSeqNo, IfPrimaryTerm: op.IfPrimaryTerm,
		}})
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		b.Write(line)
		b.WriteByte('\n')
		if op.Op == "delete" {
			continue
		}
		if bytes.IndexByte(op.Source, '\n') < 0 {
			b.Write(op.Source)
		} else if err := json.Compact(&b, op.Source); err != nil {
			return nil, fmt.Errorf("operation %d: the source: %w", i, err)
		}
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}
