package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// EnsureIndex creates an index unless there is one of that name. The body is that of a create index request and may be nil;
// of an index that exists nothing is changed.
func (c *Client) EnsureIndex(ctx context.Context, name string, body any) error {
	err := c.call(ctx, http.MethodPut, Path(name), nil, body, nil)
	if e, ok := errors.AsType[*Error](err); ok && e.Type == "resource_already_exists_exception" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating index %s: %w", name, err)
	}
	return nil
}

// EnsureDataStream creates a data stream unless there is one of that name. Its template must be there.
func (c *Client) EnsureDataStream(ctx context.Context, name string) error {
	err := c.call(ctx, http.MethodPut, Path("_data_stream", name), nil, nil, nil)
	if e, ok := errors.AsType[*Error](err); ok && e.Type == "resource_already_exists_exception" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating data stream %s: %w", name, err)
	}
	return nil
}

// PutIndexTemplate stores a composable index template, replacing one of that name.
func (c *Client) PutIndexTemplate(ctx context.Context, name string, body any) error {
	if err := c.call(ctx, http.MethodPut, Path("_index_template", name), nil, body, nil); err != nil {
		return fmt.Errorf("storing index template %s: %w", name, err)
	}
	return nil
}

// Targets returns the concrete indices that a name stands for, sorted: an index for itself, an alias for those behind it; none if
// nothing has that name.
func (c *Client) Targets(ctx context.Context, name string) ([]string, error) {
	var indices map[string]json.RawMessage
	// Asked by way of /_alias/NAME, the question would be for all indices, and so would the right to ask it.
	err := c.call(ctx, http.MethodGet, Path(name, "_alias"), nil, nil, &indices)
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what %s stands for: %w", name, err)
	}
	return slices.Sorted(maps.Keys(indices)), nil
}

// Refresh makes what was written to the indices visible to searches. None means all.
func (c *Client) Refresh(ctx context.Context, indices ...string) error {
	path := Path("_refresh")
	if len(indices) > 0 {
		path = Path(strings.Join(indices, ","), "_refresh")
	}
	return c.call(ctx, http.MethodPost, path, nil, nil, nil)
}
