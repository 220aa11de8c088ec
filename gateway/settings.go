package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"vigil/audit"
	"vigil/rest"
)

// Settings returns the settings in force by scope ("persistent" and "transient" of the cluster; "index" of the index, if one is
// named) and whole key.
type Settings func(ctx context.Context, index string) (map[string]map[string]string, error)

// noteSettings notes which settings a granted request changes, and what they were. As in OpenSearch 3.8 it says what was allowed,
// not what came of it; where the old values cannot be read they are told as unknown, which is null.
func (x *exchange) noteSettings(a rest.Action) {
	if x.g.Settings == nil || a.Name != x.call.Route.Action || a.Parent != "" {
		return
	}
	var category audit.Category
	switch a.Request {
	case "ClusterUpdateSettingsRequest":
		category = audit.ClusterSettingsChanged
	case "UpdateSettingsRequest":
		category = audit.IndexSettingsChanged
	default:
		return
	}
	if !x.policy.WantsTransport(category, x.principal.Name, string(a.Name), a.Request) {
		return
	}
	changes := settingsOf(category, x.call.Body)
	if len(changes) == 0 {
		return
	}
	e := x.event(category, audit.LayerTransport)
	e.RequestType, e.Action = a.Request, string(a.Name)
	e.TaskID, _ = x.task(a)
	index := ""
	if category == audit.IndexSettingsChanged {
		if e.Indices, e.Resolved = a.Indices, x.existing(a); len(e.Resolved) > 0 {
			index = e.Resolved[0]
		}
	}
	old, err := x.g.Settings(x.ctx, index)
	if err != nil {
		x.g.Log.WarnContext(x.ctx, "the event of a change of settings lacks the old values", "action", string(a.Name), "error", err)
	}
	for _, scope := range []string{"persistent", "transient", "index"} {
		e.Settings = append(e.Settings, audit.SettingChanges(scope, old[scope], changes[scope])...)
	}
	x.note(e)
}

// settingsOf reads the settings of a request by scope and whole key; nil removes one. A body that is none changes nothing.
func settingsOf(c audit.Category, body []byte) map[string]map[string]*string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v map[string]any
	if dec.Decode(&v) != nil {
		return nil
	}
	changes := map[string]map[string]*string{}
	flatten := func(scope, prefix string, v any) {
		flat := map[string]*string{}
		for key, value := range FlatSettings(v) {
			if !strings.HasPrefix(key, prefix) {
				key = prefix + key
			}
			flat[key] = value
		}
		if len(flat) > 0 {
			changes[scope] = flat
		}
	}
	if c == audit.IndexSettingsChanged {
		if inner, ok := v["settings"].(map[string]any); ok && len(v) == 1 {
			v = inner
		}
		flatten("index", "index.", v)
		return changes
	}
	flatten("persistent", "", v["persistent"])
	flatten("transient", "", v["transient"])
	return changes
}

// FlatSettings writes settings, nested or dotted, by their whole keys. Values are texts, lists as Java prints them; nil is null.
func FlatSettings(v any) map[string]*string {
	flat := map[string]*string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if path != "" {
					key = path + "." + key
				}
				walk(key, inner)
			}
		case nil:
			flat[path] = nil
		default:
			text := settingText(v)
			flat[path] = &text
		}
	}
	walk("", v)
	delete(flat, "") // what is no object at all
	return flat
}

func settingText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		texts := make([]string, len(v))
		for i, e := range v {
			texts[i] = settingText(e)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	default:
		return "null"
	}
}
