package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Doc is a document as it is stored.
type Doc struct {
	Index  string
	ID     string
	Source json.RawMessage
	// SeqNo and PrimaryTerm are what a conditional write names.
	SeqNo       int64
	PrimaryTerm int64
	Version     int64
}

// wireDoc is a document in the answers of get, mget and search.
type wireDoc struct {
	Index       string          `json:"_index"`
	ID          string          `json:"_id"`
	Found       bool            `json:"found"`
	Source      json.RawMessage `json:"_source"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Version     int64           `json:"_version"`
	Error       *cause          `json:"error"`
}

func (d wireDoc) doc() Doc {
	return Doc{
		Index: d.Index, ID: d.ID, Source: d.Source,
		SeqNo: d.SeqNo, PrimaryTerm: d.PrimaryTerm, Version: d.Version,
	}
}

// Get returns a document, or [ErrNotFound] if it or its index does not exist. It sees every acknowledged write.
func (c *Client) Get(ctx context.Context, index, id string) (Doc, error) {
	var d wireDoc
	if err := c.call(ctx, http.MethodGet, Path(index, "_doc", id), nil, nil, &d); err != nil {
		return Doc{}, err
	}
	if !d.Found {
		return Doc{}, fmt.Errorf("get %s/%s: %w", index, id, ErrNotFound)
	}
	return d.doc(), nil
}

// GetMany returns those of the documents that exist, by id. It sees every acknowledged write. A missing index has none.
func (c *Client) GetMany(ctx context.Context, index string, ids []string) (map[string]Doc, error) {
	var answer struct {
		Docs []wireDoc `json:"docs"`
	}
	in := map[string]any{"ids": ids}
	if err := c.call(ctx, http.MethodPost, Path(index, "_mget"), nil, in, &answer); err != nil {
		if errors.Is(err, ErrNotFound) {
			return map[string]Doc{}, nil
		}
		return nil, err
	}
	docs := make(map[string]Doc, len(answer.Docs))
	for _, d := range answer.Docs {
		if d.Error != nil && d.Error.Type != "index_not_found_exception" {
			// An answer of 200 does not say which status a part of it would have had; what fails here is a shard.
			return nil, fmt.Errorf("get %s/%s: %w", index, d.ID, &Error{http.StatusServiceUnavailable, d.Error.Type, d.Error.Reason})
		}
		if d.Found {
			docs[d.ID] = d.doc()
		}
	}
	return docs, nil
}

// IndexOptions refine a write. The zero value writes unconditionally.
type IndexOptions struct {
	// IfSeqNo and IfPrimaryTerm make the write conditional on the document's last change; on a mismatch it is [ErrConflict].
	IfSeqNo, IfPrimaryTerm *int64
	// OpType is "index", the default, or "create".
	OpType string
	// Refresh is "true", "wait_for" or empty.
	Refresh string
	// Pipeline names an ingest pipeline.
	Pipeline string
	// RequireAlias refuses to write to a name that is no alias, where an index would be made.
	RequireAlias bool
}

func (o IndexOptions) params() map[string]string {
	p := map[string]string{"op_type": o.OpType, "refresh": o.Refresh, "pipeline": o.Pipeline}
	if o.RequireAlias {
		p["require_alias"] = "true"
	}
	if o.IfSeqNo != nil {
		p["if_seq_no"] = strconv.FormatInt(*o.IfSeqNo, 10)
	}
	if o.IfPrimaryTerm != nil {
		p["if_primary_term"] = strconv.FormatInt(*o.IfPrimaryTerm, 10)
	}
	return p
}

// IndexResult is what a write of one document did.
type IndexResult struct {
	Index string `json:"_index"`
	ID    string `json:"_id"`
	// Result is "created", "updated", "deleted" or "noop".
	Result      string `json:"result"`
	SeqNo       int64  `json:"_seq_no"`
	PrimaryTerm int64  `json:"_primary_term"`
	Version     int64  `json:"_version"`
}

// Index stores a document; without an id the cluster chooses one. A doc that is not bytes is encoded as JSON.
func (c *Client) Index(ctx context.Context, index, id string, doc any, o IndexOptions) (IndexResult, error) {
	method, path := http.MethodPut, Path(index, "_doc", id)
	if id == "" {
		method, path = http.MethodPost, Path(index, "_doc")
	}
	var r IndexResult
	err := c.call(ctx, method, path, with(o.params()), doc, &r)
	return r, err
}

// Create stores a document that must not exist yet: if it does, the error is [ErrConflict].
func (c *Client) Create(ctx context.Context, index, id string, doc any) (IndexResult, error) {
	return c.Index(ctx, index, id, doc, IndexOptions{OpType: "create"})
}

// Update changes a document by the body of an update request: {"doc":…}, {"script":…}, {"doc_as_upsert":true} and so on.
// OpType of the options has no meaning here.
func (c *Client) Update(ctx context.Context, index, id string, body any, o IndexOptions) (IndexResult, error) {
	o.OpType = ""
	var r IndexResult
	err := c.call(ctx, http.MethodPost, Path(index, "_update", id), with(o.params()), body, &r)
	return r, err
}

// Delete removes a document. One that does not exist is [ErrNotFound]. OpType and Pipeline of the options have no meaning here.
func (c *Client) Delete(ctx context.Context, index, id string, o IndexOptions) (IndexResult, error) {
	o.OpType, o.Pipeline = "", ""
	var r IndexResult
	err := c.call(ctx, http.MethodDelete, Path(index, "_doc", id), with(o.params()), nil, &r)
	return r, err
}

// Hit is a document that a search found.
type Hit struct {
	Doc
	// Score is nil if the search was sorted by something else.
	Score *float64
	Sort  []json.RawMessage
}

// SearchResult is the answer to a search.
type SearchResult struct {
	// Total counts all matching documents; it is a lower bound unless Exact.
	Total int64
	Exact bool
	Hits  []Hit
	// Aggregations holds the answer's aggregations by name, as the cluster told them.
	Aggregations map[string]json.RawMessage
	TimedOut     bool
	// FailedShards are those whose documents the result lacks.
	FailedShards int
}

// Search runs a search over the indices; none means all. It sees writes after a refresh.
func (c *Client) Search(ctx context.Context, indices []string, body any) (SearchResult, error) {
	var answer struct {
		TimedOut bool `json:"timed_out"`
		Shards   struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Total struct {
				Value    int64  `json:"value"`
				Relation string `json:"relation"`
			} `json:"total"`
			Hits []struct {
				wireDoc
				Score *float64          `json:"_score"`
				Sort  []json.RawMessage `json:"sort"`
			} `json:"hits"`
		} `json:"hits"`
		Aggregations map[string]json.RawMessage `json:"aggregations"`
	}
	if err := c.call(ctx, http.MethodPost, searchPath(indices), nil, body, &answer); err != nil {
		return SearchResult{}, err
	}
	r := SearchResult{
		Total: answer.Hits.Total.Value, Exact: answer.Hits.Total.Relation == "eq",
		Hits: make([]Hit, len(answer.Hits.Hits)), Aggregations: answer.Aggregations, TimedOut: answer.TimedOut,
		FailedShards: answer.Shards.Failed,
	}
	for i, h := range answer.Hits.Hits {
		r.Hits[i] = Hit{Doc: h.doc(), Score: h.Score, Sort: h.Sort}
	}
	return r, nil
}

// SearchRaw runs a search like [Client.Search] and returns the answer as it came.
func (c *Client) SearchRaw(ctx context.Context, indices []string, body any) (json.RawMessage, error) {
	var answer json.RawMessage
	err := c.call(ctx, http.MethodPost, searchPath(indices), nil, body, &answer)
	return answer, err
}

func searchPath(indices []string) string {
	if len(indices) == 0 {
		return Path("_search")
	}
	return Path(strings.Join(indices, ","), "_search")
}
