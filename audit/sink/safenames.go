package sink

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// chosen are the objects whose member names clients choose.
var chosen = []string{"audit_rest_request_headers", "audit_rest_request_params", "audit_transport_headers"}

// safeNames rewrites the member names that clients chose so that any index takes them: OpenSearch reads dots in a name as a
// path, and refuses a document with an empty step in one ("a..b") or a step below a field that is no object ("Host.x").
// Without it a caller could keep an event out of the index by sending a header of such a name. It returns false if
// nothing had to be rewritten.
func safeNames(doc []byte) ([]byte, bool) {
	var event map[string]json.RawMessage
	if json.Unmarshal(doc, &event) != nil {
		return nil, false
	}
	changed := false
	for _, field := range chosen {
		var members map[string]json.RawMessage
		if event[field] == nil || json.Unmarshal(event[field], &members) != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			safe := safeName(name)
			if safe == name {
				continue
			}
			for members[safe] != nil {
				safe += "%"
			}
			members[safe] = members[name]
			delete(members, name)
			changed = true
		}
		event[field] = marshal(members)
	}
	if !changed {
		return nil, false
	}
	return marshal(event), true
}

// marshal cannot fail: every value is JSON that was read before.
func marshal(members map[string]json.RawMessage) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(members) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func safeName(name string) string {
	if strings.TrimSpace(name) == "" {
		return "%" + strings.ReplaceAll(name, " ", "%20")
	}
	return strings.ReplaceAll(name, ".", "%2E")
}
