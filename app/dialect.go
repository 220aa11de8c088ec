package app

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"

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
	case "bulk":
		for _, err := range rest.Bulk(c.Body, c.Vars["index"]) {
			if err != nil {
				return err
			}
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
		return compact(u.Script)
	}
	if u.Doc != nil {
		return compact(u.Doc)
	}
	return "", false
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
	b, err := json.Marshal(leavesAsStrings(settings))
	return string(b), err == nil
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
