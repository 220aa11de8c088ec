package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/rest"
)

// created lists the indices that a request makes beside those it is recorded with: the copy of a clone, the next index of a
// rollover. Each is judged as if it were created, and with aliases as if these were set.
func (x *exchange) created() []target {
	c := x.call
	var names []string
	switch c.Route.Op {
	case "indices.clone", "indices.shrink", "indices.split":
		names = []string{c.Vars["target"]}
	case "indices.rollover":
		if names = []string{c.Vars["new_index"]}; names[0] == "" {
			concrete, _ := x.g.Indices.Resolve(c.Indices)
			names = nextNames(c.Indices, concrete)
		}
	default:
		return nil
	}
	var extra []rest.ActionName
	if len(bodyAliases(c.Body)) > 0 {
		extra = []rest.ActionName{"indices:admin/aliases"}
	}
	list := make([]target, 0, len(names))
	for _, name := range names {
		if concrete, err := rest.ExpandDateMath(name, time.Now()); err == nil {
			name = concrete // what cannot be read is no index's name: the handler refuses it
		}
		list = append(list, target{extra: extra, action: rest.Action{
			Name: "indices:admin/create", Request: "CreateIndexRequest", Quiet: true, Indices: []string{name}, Resolved: []string{name},
		}})
	}
	return list
}

// nextNames lists what a rollover without a name may call the next index. Which index of the alias is written to is the
// engine's to know, so all of them count.
//
// The indices of a data stream are made under its name, as its first one was.
func nextNames(expressions, indices []string) []string {
	var names []string
	for _, old := range indices {
		if stream := slices.IndexFunc(expressions, func(e string) bool { return strings.HasPrefix(old, ".ds-"+e+"-") }); stream >= 0 {
			names = append(names, expressions[stream])
			continue
		}
		dash := strings.LastIndexByte(old, '-')
		if n, err := strconv.ParseUint(old[dash+1:], 10, 64); dash >= 0 && err == nil {
			names = append(names, fmt.Sprintf("%s-%06d", old[:dash], n+1))
		}
	}
	return names
}

// given lists the names that a request gives to aliases or matches with a template. They are judged because what has such a
// name takes what is meant for an index of that name.
func given(c *rest.Call) []string {
	switch c.Route.Op {
	case "indices.create", "indices.clone", "indices.shrink", "indices.split", "indices.rollover":
		return bodyAliases(c.Body)
	case "indices.create_data_stream":
		return rest.SplitIndices(c.Vars["name"])
	case "indices.update_aliases":
		return addedAliases(c.Body)
	case "indices.put_alias":
		return append(rest.SplitIndices(c.Vars["name"]), texts(c.Body, "alias")...)
	case "indices.put_template":
		patterns := append(texts(c.Body, "index_patterns"), texts(c.Body, "template")...)
		return append(patterns, placed(bodyAliases(c.Body), patterns)...)
	case "indices.put_index_template":
		patterns := texts(c.Body, "index_patterns")
		eachMember(c.Body, func(key string, v json.RawMessage) {
			if key == "template" {
				patterns = append(patterns, placed(bodyAliases(v), patterns)...)
			}
		})
		return patterns
	case "cluster.put_component_template":
		var names []string
		eachMember(c.Body, func(key string, v json.RawMessage) {
			if key == "template" {
				names = append(names, placed(bodyAliases(v), []string{"*"})...)
			}
		})
		return names
	}
	return nil
}

// placed puts the patterns of a template where its aliases have the index's name.
func placed(aliases, patterns []string) []string {
	var out []string
	for _, a := range aliases {
		if !strings.Contains(a, "{index}") {
			out = append(out, a)
			continue
		}
		for _, p := range patterns {
			out = append(out, strings.ReplaceAll(a, "{index}", p))
		}
	}
	return out
}

// bodyAliases lists the keys of the aliases of a body.
func bodyAliases(body []byte) []string {
	var names []string
	eachMember(body, func(key string, v json.RawMessage) {
		if key == "aliases" {
			eachName(v, func(name string, _ json.RawMessage) { names = append(names, name) })
		}
	})
	return names
}

// addedAliases lists what the add actions of an _aliases body name.
func addedAliases(body []byte) []string {
	var b struct {
		Actions []json.RawMessage `json:"actions"`
	}
	if json.Unmarshal(body, &b) != nil {
		return nil
	}
	var names []string
	for _, action := range b.Actions {
		eachMember(action, func(op string, v json.RawMessage) {
			if op == "add" {
				names = append(append(names, texts(v, "alias")...), texts(v, "aliases")...)
			}
		})
	}
	return names
}

// texts returns the strings of a member that holds one or a list of them.
func texts(object []byte, member string) []string {
	var all []string
	eachMember(object, func(key string, v json.RawMessage) {
		var list oneOrMore
		if key == member && json.Unmarshal(v, &list) == nil {
			all = append(all, list...)
		}
	})
	return all
}

// eachMember calls f for every member of an object, its key in lower case: a handler that does not mind the case must not
// read what was not judged. Up and down again is as encoding/json folds: ſ is an s there.
func eachMember(object []byte, f func(key string, v json.RawMessage)) {
	eachName(object, func(key string, v json.RawMessage) { f(strings.ToLower(strings.ToUpper(key)), v) })
}

// eachName calls f for every member of an object, those of the same name too. What is no object has none.
func eachName(object []byte, f func(name string, v json.RawMessage)) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return
	}
	for d.More() {
		key, err := d.Token()
		name, isText := key.(string)
		var v json.RawMessage
		if err != nil || !isText || d.Decode(&v) != nil {
			return
		}
		f(name, v)
	}
}
