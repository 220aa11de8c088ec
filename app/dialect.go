package app

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"vigil/engine"
	"vigil/engine/aggs"
	"vigil/engine/query"
	"vigil/rest"
)

// dialect is what the gateway needs to know of the engine's language, without running it.
type dialect struct{ engine *engine.Engine }

// Check parses what OpenSearch parses before it starts an action: searches, and the action lines of a bulk. What is wrong in a
// document is found after privileges were asked.
func (d dialect) Check(r *http.Request, c *rest.Call) error {
	if err := d.engine.CheckParams(r, c); err != nil {
		return err
	}
	if err := d.engine.CheckBody(r, c); err != nil {
		return err
	}
	switch c.Route.Op {
	case "search", "count":
		if len(c.Body) == 0 {
			return nil
		}
		read, err := query.ParseRequest(c.Body)
		if err != nil {
			return engineError(err)
		}
		c.Read = read
	case "index", "create":
		return checkDocument(c)
	case "indices.create":
		return checkCreate(c.Body)
	case "bulk":
		for _, err := range rest.Bulk(c.Body, c.Vars["index"]) {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// maxID is how long the id of a document may be, in bytes.
const maxID = 512

// checkDocument refuses what OpenSearch refuses of a document before it starts the action.
func checkDocument(c *rest.Call) error {
	if n := len(c.DocID); n > maxID {
		return rest.Errorf(http.StatusBadRequest, "illegal_argument_exception",
			"id is too long, must be no longer than %d bytes but was: %d", maxID, n)
	}
	return nil
}

// checkCreate refuses members that the body of a new index cannot have.
func checkCreate(body []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil // what cannot be read is refused by the handler
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch name {
		case "settings", "mappings", "aliases":
		default:
			if strings.Contains(name, ".") || len(members) == 1 && name == "index" {
				return nil // all of it may be settings
			}
			return rest.Errorf(http.StatusBadRequest, "parse_exception", "unknown key [%s] for create index", name)
		}
	}
	return nil
}

// Body returns what the transport event of a request says as its body. As OpenSearch 2.19 does: documents as they came,
// searches written anew with all defaults, an update's partial document or script, the settings of an index with all leaves
// as strings; see compat/scenarios/audit/04b, 08a and 10b.
func (dialect) Body(c *rest.Call) (string, bool) {
	switch c.Route.Op {
	case "search", "count", "cat.count":
		return searchBody(c)
	case "index", "create":
		return string(c.Body), len(c.Body) > 0
	case "update":
		return updateBody(c.Body)
	case "indices.create":
		return settingsBody(c.Body, "settings")
	case "indices.put_settings":
		return settingsBody(c.Body, "")
	case "indices.put_mapping":
		return compact(c.Body)
	case "cluster.put_settings":
		return `{"persistent_settings":{},"transient_settings":{}}`, true
	}
	return "", false
}

// searchBody writes a search together with what the URL says of it; a count is a search that keeps no hits.
func searchBody(c *rest.Call) (string, bool) {
	r, err := searchOf(c)
	if err == nil {
		err = r.ApplyParams(c.Query)
	}
	if err != nil {
		return "", false
	}
	if c.Route.Op != "search" {
		all := math.MaxInt32
		r.Size, r.TrackTotal = 0, &all
	}
	w := &query.Printer{}
	if r.Aggs == nil {
		r.Print(w, nil)
		return string(w.Buf), true
	}
	r.Print(w, func(w *query.Printer) { w.Raw(string(r.Aggs)) })
	normal, err := aggs.Normalize(w.Buf)
	return string(normal), err == nil
}

// searchOf returns a copy of the search in a body, to which the parameters of the URL may be applied. Those may reach into what
// copies share.
func searchOf(c *rest.Call) (*query.Request, error) {
	if read, ok := c.Read.(*query.Request); ok && len(c.Query) == 0 {
		r := *read
		return &r, nil
	}
	return query.ParseRequest(c.Body)
}

func compact(raw []byte) (string, bool) {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "", false
	}
	return b.String(), true
}

// updateBody returns the partial document, or the script, which outweighs it.
func updateBody(raw []byte) (string, bool) {
	var u struct {
		Doc    json.RawMessage `json:"doc"`
		Script json.RawMessage `json:"script"`
	}
	if json.Unmarshal(raw, &u) != nil {
		return "", false
	}
	if u.Script != nil {
		return scriptBody(u.Script)
	}
	if u.Doc != nil {
		return compact(u.Doc)
	}
	return "", false
}

// scriptBody writes a script as OpenSearch does, with its language, and with parameters if there are any.
func scriptBody(raw json.RawMessage) (string, bool) {
	var s struct {
		ID      string          `json:"id,omitempty"`
		Source  json.RawMessage `json:"source,omitempty"`
		Lang    string          `json:"lang,omitempty"`
		Options json.RawMessage `json:"options,omitempty"`
		Params  map[string]any  `json:"params,omitempty"`
	}
	var source string
	if json.Unmarshal(raw, &source) == nil {
		s.Source = raw
	} else {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&s) != nil {
			return "", false
		}
	}
	if s.ID == "" && s.Lang == "" {
		s.Lang = "painless"
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return strings.TrimSuffix(out.String(), "\n"), err == nil
}

// settingsBody returns the settings of a body, all leaves as strings; {} if there are none.
func settingsBody(raw []byte, member string) (string, bool) {
	if len(raw) == 0 {
		return "{}", true
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var body map[string]any
	if dec.Decode(&body) != nil {
		return "", false
	}
	var settings any = body
	if member != "" {
		settings = body[member]
	} else if s, ok := body["settings"]; ok {
		settings = s
	}
	if settings == nil {
		return "{}", true
	}
	if m, ok := settings.(map[string]any); ok {
		settings = nested(m)
	}
	b, err := json.Marshal(leavesAsStrings(settings))
	return string(b), err == nil
}

// nested puts settings whose names have dots where those stand that are written as objects; see compat/scenarios/audit v50
// settings-all-put.
func nested(settings map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range settings {
		if m, ok := v.(map[string]any); ok {
			v = nested(m)
		}
		at, path := out, strings.Split(name, ".")
		for _, part := range path[:len(path)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		last := path[len(path)-1]
		into, isObject := at[last].(map[string]any)
		if m, ok := v.(map[string]any); ok && isObject {
			maps.Copy(into, m)
			continue
		}
		at[last] = v
	}
	return out
}

func leavesAsStrings(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = leavesAsStrings(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = leavesAsStrings(e)
		}
		return v
	case string, nil:
		return v
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return v
		}
		return string(b)
	}
}
