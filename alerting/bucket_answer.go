package alerting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// rawBucket is a bucket of an answer.
type rawBucket struct {
	raw  json.RawMessage
	keys []bucketKey
}

// bucketKey is a part of a bucket's key; source is its name in a composite aggregation.
type bucketKey struct{ source, text string }

func (b *rawBucket) texts() []string {
	out := make([]string, len(b.keys))
	for i, k := range b.keys {
		out[i] = k.text
	}
	return out
}

// parentBuckets finds the buckets of the aggregation at a path.
func parentBuckets(answer json.RawMessage, path string) ([]rawBucket, error) {
	var top struct {
		Aggregations map[string]json.RawMessage `json:"aggregations"`
	}
	if err := json.Unmarshal(answer, &top); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	at := top.Aggregations
	for name := range strings.SplitSeq(path, ">") {
		raw, ok := at[strings.TrimSpace(name)]
		at = nil
		if !ok || json.Unmarshal(raw, &at) != nil {
			return nil, fmt.Errorf("no aggregation found for path [%s]", path)
		}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(at["buckets"], &list); err != nil {
		return nil, fmt.Errorf("aggregation [%s] has no list of buckets", path)
	}
	out := make([]rawBucket, len(list))
	for i, raw := range list {
		keys, err := bucketKeys(raw)
		if err != nil {
			return nil, fmt.Errorf("aggregation [%s]: %w", path, err)
		}
		out[i] = rawBucket{raw, keys}
	}
	return out, nil
}

func bucketKeys(raw json.RawMessage) ([]bucketKey, error) {
	var b struct {
		Key  json.RawMessage `json:"key"`
		Text *string         `json:"key_as_string"`
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	switch {
	case len(b.Key) == 0:
		return nil, errors.New("a bucket has no key")
	case b.Text != nil:
		return []bucketKey{{"", *b.Text}}, nil
	case b.Key[0] != '{':
		return []bucketKey{{"", keyText(decodeValue(b.Key))}}, nil
	}
	// The order of the members is that of the sources.
	d := json.NewDecoder(bytes.NewReader(b.Key))
	d.UseNumber()
	var keys []bucketKey
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("bucket key: %w", err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("bucket key: %w", err)
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("bucket key: %w", err)
		}
		keys = append(keys, bucketKey{fmt.Sprint(name), keyText(plain(v))})
	}
	return keys, nil
}

func keyText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// addAggregations puts what triggers selected beside the aggregations of the first answer, as OpenSearch shows it.
func addAggregations(results []json.RawMessage, add map[string]json.RawMessage) []json.RawMessage {
	if len(results) == 0 || len(add) == 0 {
		return results
	}
	var answer, aggs map[string]json.RawMessage
	if json.Unmarshal(results[0], &answer) != nil || json.Unmarshal(answer["aggregations"], &aggs) != nil || aggs == nil {
		return results
	}
	maps.Copy(aggs, add)
	answer["aggregations"] = encode(aggs)
	return append([]json.RawMessage{encode(answer)}, results[1:]...)
}
