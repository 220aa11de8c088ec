package security

import (
	"maps"
	"slices"
)

// parseBody reads the JSON object that a PUT carries and checks it in the plugin's order: is it there, does it parse, are the
// keys right, have they the right types, are there nulls in lists. Compare compat/ 11-config-api.
func (k *kind) parseBody(body []byte, super bool) (map[string]any, error) {
	v, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	return v, k.checkKeys(v, super)
}

// parseObject reads a JSON object that has members.
func parseObject(body []byte) (map[string]any, error) {
	if len(trimSpace(body)) == 0 {
		return nil, bodyRequired()
	}
	v, err := decodeAny(body)
	if err != nil {
		return nil, notParsable()
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return nil, bodyRequired()
		}
		return v, nil
	case []any:
		if len(v) == 0 {
			return nil, bodyRequired()
		}
		return nil, notParsable()
	default: // the plugin's parser counts a scalar as empty
		return nil, bodyRequired()
	}
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// checkKeys checks the members of an entity. Only administrators by certificate (super) may set the flags.
func (k *kind) checkKeys(v map[string]any, super bool) error {
	fields := k.fields
	if super {
		fields = maps.Clone(k.fields)
		fields["reserved"], fields["hidden"] = aBoolean, aBoolean
	}
	var unknown, missing []string
	for key := range v {
		if _, ok := fields[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	for _, key := range k.mandatory {
		if _, ok := v[key]; !ok {
			missing = append(missing, key)
		}
	}
	noneOf := len(k.oneOf) > 0 && !slices.ContainsFunc(k.oneOf, func(key string) bool { _, ok := v[key]; return ok })
	var members []member
	if len(unknown) > 0 {
		members = append(members, member{"invalid_keys", keyList(unknown)})
	}
	if len(missing) > 0 {
		members = append(members, member{"missing_mandatory_keys", keyList(missing)})
	}
	if noneOf {
		members = append(members, member{"specify_one_of", keyList(slices.Clone(k.oneOf))})
	}
	if len(members) > 0 {
		return invalid("Invalid configuration", members...)
	}
	return checkTypes(v, fields)
}

func checkTypes(v map[string]any, fields map[string]dataType) error {
	var wrong []member
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if want := fields[key]; !hasType(v[key], want) {
			wrong = append(wrong, member{key, string(want)})
		}
	}
	if len(wrong) > 0 {
		return invalid("Wrong datatype", wrong...)
	}
	if nullInList(v) {
		return invalid("`null` is not allowed as json array element")
	}
	return nil
}

// hasType reports whether a member has its type. Null is a string that is not given.
func hasType(v any, want dataType) bool {
	switch v.(type) {
	case []any:
		return want == anArray
	case map[string]any:
		return want == anObject
	case bool:
		return want == aBoolean
	case string, nil:
		return want == aString
	default:
		return false
	}
}

func nullInList(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			if nullInList(e) {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if e == nil || nullInList(e) {
				return true
			}
		}
	}
	return false
}
