package sink

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// truncatedMark says in a document that values were cut.
const truncatedMark = "vigil_truncated"

// shrink cuts the longest strings of a JSON object, and takes out the largest members when there is nothing left to cut, until
// it fits the limit. The result is a JSON object that says so. What fits is returned as it is.
func shrink(doc []byte, limit int) []byte {
	if len(doc) <= limit {
		return doc
	}
	var root map[string]any
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if dec.Decode(&root) != nil || root == nil {
		root = map[string]any{}
	}
	root[truncatedMark] = true
	for {
		b := encodeObject(root)
		over := len(b) - limit
		if over <= 0 || len(root) <= 1 {
			return b
		}
		if !cutLongest(root, over) {
			dropLargest(root)
		}
	}
}

func encodeObject(v any) []byte {
	line, err := tree{"v": v}.line()
	if err != nil {
		return []byte("{}")
	}
	return line[len(`{"v":`) : len(line)-1]
}

// minCut is the length below which strings are not cut any more.
const minCut = 32

// cutLongest takes about n bytes, at most half of the string, from the longest string; false if none is long.
func cutLongest(root map[string]any, n int) bool {
	var longest string
	var replace func(string)
	var walk func(v any, set func(string))
	walk = func(v any, set func(string)) {
		switch v := v.(type) {
		case string:
			if len(v) > len(longest) {
				longest, replace = v, set
			}
		case []any:
			for i, e := range v {
				walk(e, func(s string) { v[i] = s })
			}
		case map[string]any:
			for k, e := range v {
				walk(e, func(s string) { v[k] = s })
			}
		}
	}
	walk(root, nil)
	if len(longest) <= minCut {
		return false
	}
	keep := max(len(longest)-n, len(longest)/2, minCut)
	for keep > 0 && !utf8.RuneStart(longest[keep]) {
		keep--
	}
	replace(longest[:keep])
	return true
}

// dropLargest takes out the member that is longest as JSON, but not the mark.
func dropLargest(root map[string]any) {
	name, size := "", -1
	for k, v := range root {
		if k == truncatedMark {
			continue
		}
		if n := len(encodeObject(v)) + len(k); n > size || n == size && k < name {
			name, size = k, n
		}
	}
	delete(root, name)
}
