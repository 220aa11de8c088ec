package security

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxPatchOps bounds the operations of one patch.
const maxPatchOps = 1000

// operation is one step of a JSON patch (RFC 6902). Only add, remove and replace exist here, as in the plugin.
type operation struct {
	Op    string
	Path  string
	Value any
}

// errNoLeadingSlash is answered in the engine's error shape; see compat/ 11-config-api, patch-no-slash.
var errNoLeadingSlash = errors.New("Missing leading slash") //nolint:staticcheck // shown to clients as the plugin words it

// patchError is a refusal of a patch in the words that the plugin (or its patch library) uses.
type patchError string

func (e patchError) Error() string { return string(e) }

// parsePatch reads a patch. The error is errNoLeadingSlash or a patchError.
func parsePatch(body []byte) ([]operation, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, patchError("Wrong request body")
	}
	v, err := decodeAny(body)
	if err != nil {
		return nil, patchError("Error in JSON patch: " + syntaxText(body, err))
	}
	list, ok := v.([]any)
	if !ok || !anyHas(list, "op") {
		return nil, patchError("Wrong request body")
	}
	if len(list) > maxPatchOps {
		return nil, patchError(fmt.Sprintf("A patch may have at most %d operations", maxPatchOps))
	}
	ops := make([]operation, 0, len(list))
	for _, e := range list {
		op, err := parseOperation(e)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	for _, op := range ops {
		if op.Path != "" && op.Path[0] != '/' {
			return nil, errNoLeadingSlash
		}
	}
	return ops, nil
}

func anyHas(list []any, key string) bool {
	for _, e := range list {
		if o, ok := e.(map[string]any); ok && o[key] != nil {
			return true
		}
	}
	return false
}

func parseOperation(e any) (operation, error) {
	o, ok := e.(map[string]any)
	if !ok {
		return operation{}, patchError("Invalid JSON Patch payload (not an object)")
	}
	var op operation
	if op.Op, ok = o["op"].(string); !ok {
		return op, patchError("Invalid JSON Patch payload (missing 'op' field)")
	}
	if op.Op != "add" && op.Op != "remove" && op.Op != "replace" {
		return op, patchError("Unsupported patch operation: " + op.Op + ". Supported are: replace,add,remove")
	}
	if op.Path, ok = o["path"].(string); !ok {
		return op, patchError("Invalid JSON Patch payload (missing 'path' field)")
	}
	if op.Value, ok = o["value"]; !ok && op.Op != "remove" {
		return op, patchError("Invalid JSON Patch payload (missing 'value' field)")
	}
	return op, nil
}

// applyPatch returns the document with the operations applied. The document is not changed; on an error nothing is.
func applyPatch(doc any, ops []operation) (any, error) {
	doc = cloneAny(doc)
	for _, op := range ops {
		tokens, err := pointer(op.Path)
		if err != nil {
			return nil, err
		}
		if doc, err = applyAt(doc, tokens, op); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// pointer splits a JSON pointer (RFC 6901).
func pointer(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	tokens := strings.Split(path[1:], "/")
	for i, t := range tokens {
		for j := strings.IndexByte(t, '~'); j >= 0 && j < len(t); j++ {
			if t[j] == '~' && (j+1 == len(t) || t[j+1] != '0' && t[j+1] != '1') {
				return nil, patchError("Invalid escape sequence in " + strconv.Quote(path))
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// applyAt applies one operation below v and returns what v has become.
func applyAt(v any, tokens []string, op operation) (any, error) {
	if len(tokens) == 0 {
		if op.Op == "remove" {
			return nil, nil
		}
		return cloneAny(op.Value), nil
	}
	switch v := v.(type) {
	case map[string]any:
		return applyObject(v, tokens, op)
	case []any:
		return applyArray(v, tokens, op)
	default:
		return nil, patchError("Can't reference past scalar value")
	}
}

func applyObject(o map[string]any, tokens []string, op operation) (any, error) {
	name := tokens[0]
	member, exists := o[name]
	last := len(tokens) == 1
	switch {
	case !exists && (!last || op.Op != "add"):
		return nil, patchError(fmt.Sprintf("Missing field %q", name))
	case last && op.Op == "remove":
		delete(o, name)
	case last:
		o[name] = cloneAny(op.Value)
	default:
		changed, err := applyAt(member, tokens[1:], op)
		if err != nil {
			return nil, err
		}
		o[name] = changed
	}
	return o, nil
}

func applyArray(a []any, tokens []string, op operation) (any, error) {
	last := len(tokens) == 1
	if tokens[0] == "-" && last && op.Op == "add" {
		return append(a, cloneAny(op.Value)), nil
	}
	i, err := arrayIndex(tokens[0])
	if err != nil {
		return nil, err
	}
	limit := len(a)
	if last && op.Op == "add" {
		limit++
	}
	if i >= limit {
		return nil, patchError(fmt.Sprintf("Array index %d out of bounds", i))
	}
	switch {
	case last && op.Op == "add":
		a = append(a, nil)
		copy(a[i+1:], a[i:])
		a[i] = cloneAny(op.Value)
	case last && op.Op == "remove":
		a = append(a[:i], a[i+1:]...)
	case last:
		a[i] = cloneAny(op.Value)
	default:
		changed, err := applyAt(a[i], tokens[1:], op)
		if err != nil {
			return nil, err
		}
		a[i] = changed
	}
	return a, nil
}

// arrayIndex reads an array index: digits without leading zeros.
func arrayIndex(token string) (int, error) {
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || strconv.Itoa(i) != token {
		return 0, patchError(fmt.Sprintf("Can't reference field %q on array", token))
	}
	return i, nil
}

func cloneAny(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, e := range v {
			c[k] = cloneAny(e)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = cloneAny(e)
		}
		return c
	default:
		return v
	}
}
