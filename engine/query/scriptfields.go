package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"vigil/engine/segment"
	"vigil/script"
)

// ScriptField is a field of hits that a script computes.
type ScriptField struct {
	Name   string
	Script *Script
	// IgnoreFailure leaves the field out of a hit for which the script fails.
	IgnoreFailure bool

	raw *Node // the script as the client wrote it
}

const maxScriptFields = 32 // index.max_script_fields

func parseScriptFields(n *Node) ([]ScriptField, error) {
	var out []ScriptField
	for i, name := range n.Keys {
		v := n.Items[i]
		if v.Kind != Object {
			return nil, v.Parsing("Expected [START_OBJECT] in [%s] but found [%s]", name, v.Token())
		}
		f := ScriptField{Name: name}
		for j, key := range v.Keys {
			it := v.Items[j]
			var err error
			switch {
			case key == "script" && (it.Scalar() || it.Kind == Object):
				f.raw = it
				f.Script, err = ParseScript(it)
			case key == "ignore_failure" && it.Scalar():
				f.IgnoreFailure, err = it.Bool()
			default:
				err = it.Parsing("Unknown key for a %s in [%s].", it.Token(), key)
			}
			if err != nil {
				return nil, err
			}
		}
		if f.Script == nil {
			return nil, v.Parsing("[script_fields] [%s] requires a [script]", name)
		}
		out = append(out, f)
	}
	return out, nil
}

// tooManyScripts refuses more fields by scripts than may be asked for.
func (r *Request) tooManyScripts() error {
	if len(r.Scripts) <= maxScriptFields {
		return nil
	}
	return onShard(illegal("Trying to retrieve too many script_fields. Must be less than or equal to: [%d] but was [%d]. "+
		"This limit can be set by changing the [index.max_script_fields] index level setting.", maxScriptFields, len(r.Scripts)))
}

// scriptFields returns what scripts compute of a document: each a list, and what is no list as a list of one. A nested
// document has no source of its own: scripts see an empty one, as in OpenSearch.
func (r *Request) scriptFields(c *Context, d *segment.Doc) ([]Member, error) {
	if len(r.Scripts) == 0 {
		return nil, nil
	}
	source := map[string]any{}
	if len(d.Source) > 0 {
		dec := json.NewDecoder(bytes.NewReader(d.Source))
		dec.UseNumber()
		if err := dec.Decode(&source); err != nil {
			return nil, fmt.Errorf("decode the source of %s/%s: %w", c.Index, d.ID, err)
		}
	}
	var out []Member
	for _, f := range r.Scripts {
		v, err := c.compute(f.Script, d, source)
		if _, failed := errors.AsType[*script.Error](err); failed {
			if f.IgnoreFailure {
				continue
			}
			err = WordScript(err)
		}
		if err != nil {
			return nil, c.raised(err)
		}
		list, isList := v.([]any)
		if !isList {
			list = []any{v}
		}
		b, err := AppendLike(nil, list, nil)
		if err == nil {
			err = c.spend(len(b))
		}
		if err != nil {
			return nil, c.raised(err)
		}
		out = append(out, Member{Key: f.Name, Value: b})
	}
	return out, nil
}

// compute runs the script of a field. Its parameters hold the source of the document beside the client's own.
func (c *Context) compute(s *Script, d *segment.Doc, source map[string]any) (any, error) {
	program, err := s.Program(c.stored)
	if err != nil {
		return nil, err
	}
	params := map[string]any{}
	maps.Copy(params, s.Params)
	params["_source"] = source
	return program.Eval(c.running(), map[string]any{"doc": docValues{c, d}, "params": params}, script.Limits{})
}

func (w *Printer) scriptFields(fields []ScriptField) {
	w.Key("script_fields")
	w.Open('{')
	for _, f := range fields {
		w.Key(f.Name)
		w.Open('{')
		w.Key("script")
		PrintScript(w, f.raw)
		w.Key("ignore_failure")
		w.Bool(f.IgnoreFailure)
		w.Close('}')
	}
	w.Close('}')
}
