package query

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/valyala/fastjson"
)

// AppendLike appends a value of a script as JSON, with the members of objects in the order that they had in the original, and
// new ones after them in order of their names. The original may be nil.
func AppendLike(b []byte, v any, like *fastjson.Value) ([]byte, error) {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for _, k := range orderLike(v, like) {
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b = append(AppendString(b, k), ':')
			var sub *fastjson.Value
			if like != nil {
				sub = like.Get(k)
			}
			var err error
			if b, err = AppendLike(b, v[k], sub); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var sub *fastjson.Value
			if a := like.GetArray(); i < len(a) {
				sub = a[i]
			}
			var err error
			if b, err = AppendLike(b, e, sub); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case string:
		return AppendString(b, v), nil
	case time.Time:
		return AppendString(b, v.Format("2006-01-02T15:04:05.000Z07:00")), nil
	case float64:
		return AppendDouble(b, v), nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, illegal("the script made a value that is not JSON: %v", err)
	}
	return append(b, raw...), nil
}

func orderLike(v map[string]any, like *fastjson.Value) []string {
	keys := make([]string, 0, len(v))
	seen := make(map[string]bool, len(v))
	if like != nil && like.Type() == fastjson.TypeObject {
		like.GetObject().Visit(func(k []byte, _ *fastjson.Value) {
			if _, ok := v[string(k)]; ok && !seen[string(k)] {
				keys = append(keys, string(k))
				seen[string(k)] = true
			}
		})
	}
	for _, k := range slices.Sorted(maps.Keys(v)) {
		if !seen[k] {
			keys = append(keys, k)
		}
	}
	return keys
}
