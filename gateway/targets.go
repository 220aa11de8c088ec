package gateway

import (
	"bytes"
	"encoding/json"

	"github.com/valyala/fastjson"

	"vigil/rest"
)

// named is what a request's body says about indices.
type named struct {
	// exprs are the indices that the request's event names and that it is judged by.
	exprs []string
	// also are indices that it is judged by, but that its event does not name.
	also []string
	// extra are privileges that it needs beside its action.
	extra []rest.ActionName
}

// bodyTargets reads what a body names, for the actions that are judged by it. The parts of a bulk, mget or msearch are judged
// one by one when they run. A body that cannot be read names nothing: the handler refuses it.
func bodyTargets(c *rest.Call) named {
	switch c.Route.Op {
	case "indices.update_aliases":
		return aliasTargets(c)
	case "indices.put_alias":
		return putAliasTargets(c)
	case "reindex":
		return reindexTargets(c)
	case "delete_pit":
		return named{also: pitIndices(texts(c.Body, "pit_id"))}
	case "indices.put_template", "indices.put_index_template":
		var b struct {
			Patterns oneOrMore `json:"index_patterns"`
		}
		if json.Unmarshal(c.Body, &b) == nil {
			return named{exprs: b.Patterns}
		}
	case "snapshot.create", "snapshot.restore", "snapshot.clone", "remote_store.restore":
		var b struct {
			Indices oneOrMore `json:"indices"`
		}
		if json.Unmarshal(c.Body, &b) == nil {
			return named{exprs: b.Indices}
		}
	}
	return named{}
}

// oneOrMore reads a string, split at commas, or a list of strings.
type oneOrMore []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(l))
	}
	var one string
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = rest.SplitIndices(one)
	return nil
}

// aliasTargets lists the indices of an _aliases body. Removing an index needs the right to delete it.
func aliasTargets(c *rest.Call) named {
	var b struct {
		Actions []map[string]struct {
			Index   oneOrMore `json:"index"`
			Indices oneOrMore `json:"indices"`
		} `json:"actions"`
	}
	var n named
	if json.Unmarshal(c.Body, &b) != nil {
		return n
	}
	for _, action := range b.Actions {
		for op, t := range action {
			if op == "remove_index" {
				n.extra = append(n.extra, "indices:admin/delete")
			}
			n.exprs = append(append(n.exprs, t.Index...), t.Indices...)
		}
	}
	return n
}

// putAliasTargets lists the indices of a path, unless the body names others: it wins.
func putAliasTargets(c *rest.Call) named {
	var b struct {
		Index oneOrMore `json:"index"`
	}
	if len(c.Body) > 0 && json.Unmarshal(c.Body, &b) == nil && len(b.Index) > 0 {
		return named{exprs: b.Index}
	}
	return named{exprs: c.Indices}
}

// reindexTargets lists the destination, which the event names, and the sources, which are only judged.
func reindexTargets(c *rest.Call) named {
	var b struct {
		Source struct {
			Index  oneOrMore       `json:"index"`
			Remote json.RawMessage `json:"remote"`
		} `json:"source"`
		Dest struct {
			Index oneOrMore `json:"index"`
		} `json:"dest"`
	}
	if json.Unmarshal(c.Body, &b) != nil {
		return named{}
	}
	n := named{exprs: b.Dest.Index}
	if r := b.Source.Remote; r == nil || bytes.Equal(r, []byte("null")) { // as if it were not there
		n.also = b.Source.Index
	}
	return n
}

// pitIndices lists the indices of points in time. An id that cannot be read has none: the handler refuses it.
func pitIndices(ids []string) []string {
	names, err := rest.PITIndices(ids...)
	if err != nil {
		return nil
	}
	return names
}

// searchedPIT returns the indices of the point in time that a search names in its body instead of indices.
func searchedPIT(c *rest.Call) []string {
	if c.Route.Op != "search" || len(c.Indices) > 0 || !bytes.Contains(c.Body, []byte(`"pit"`)) {
		return nil
	}
	v, err := fastjson.ParseBytes(c.Body)
	if err != nil {
		return nil
	}
	return pitIndices([]string{text(v.Get("pit", "id"))})
}

// bulkTargets counts the items of a bulk by the index that they name.
func bulkTargets(c *rest.Call) map[string]int {
	items := map[string]int{}
	for item, err := range rest.Bulk(c.Body, c.Vars["index"]) {
		if err != nil {
			break // the handler tells the client
		}
		items[item.Index]++
	}
	return items
}

// pathExtras lists privileges that the body of a request on named indices demands beside its action.
func pathExtras(c *rest.Call) []rest.ActionName {
	if c.Route.Op != "indices.create" || len(c.Body) == 0 {
		return nil
	}
	var b struct {
		Aliases map[string]json.RawMessage `json:"aliases"`
	}
	if json.Unmarshal(c.Body, &b) == nil && len(b.Aliases) > 0 {
		return []rest.ActionName{"indices:admin/aliases"}
	}
	return nil
}
