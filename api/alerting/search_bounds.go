package alerting

import (
	"bytes"
	"encoding/json"
	"slices"
)

// contained refuses what would have a search over our own indices show other documents than its query finds: global aggregations,
// suggestions, points in time, and whatever is looked up in a document elsewhere. The body is written anew, so that what is sent is
// what was looked at.
func contained(body map[string]json.RawMessage) error {
	for name, raw := range body {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return illegalArgument("[%s] is not valid: %v", name, err)
		}
		switch name {
		case "suggest", "pit":
			return illegalArgument("[%s] is not supported here: it could show what others have", name)
		case "aggs", "aggregations":
			if hasGlobal(v) {
				return illegalArgument("[%s] must not be global: it could show what others have", name)
			}
		}
		if looksElsewhere(v) {
			return illegalArgument("[%s] must not look into other documents", name)
		}
		b, err := json.Marshal(v)
		if err != nil {
			return illegalArgument("[%s] is not valid: %v", name, err)
		}
		body[name] = b
	}
	return nil
}

// hasGlobal looks through aggregations by name for one that is global.
func hasGlobal(aggs any) bool {
	byName, _ := aggs.(map[string]any)
	for _, agg := range byName {
		parts, _ := agg.(map[string]any)
		if _, found := parts["global"]; found || hasGlobal(parts["aggs"]) || hasGlobal(parts["aggregations"]) {
			return true
		}
	}
	return false
}

// looksElsewhere finds an object that names a document by its index and id.
func looksElsewhere(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if (isScalar(v["index"]) || isScalar(v["_index"])) && (isScalar(v["id"]) || isScalar(v["_id"])) {
			return true
		}
		for _, x := range v {
			if looksElsewhere(x) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, looksElsewhere)
	}
	return false
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, json.Number:
		return true
	}
	return false
}
