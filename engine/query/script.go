package query

import (
	"context"
	"errors"
	"time"

	"vigil/engine/segment"
	"vigil/script"
)

// scriptQuery matches the documents for which a Painless script returns true.
type scriptQuery struct {
	clause
	raw     *Node
	program *script.Program
	params  map[string]any
}

func (p *parser) script(n *Node) (Query, error) {
	q := &scriptQuery{clause: clause{boost: 1}}
	err := q.options(n, "script", func(key string, v *Node) (bool, error) {
		if key != "script" {
			return false, nil
		}
		q.raw = v
		var err error
		q.program, _, q.params, err = ParseScript(v)
		return true, err
	})
	if err == nil && q.program == nil {
		err = n.Parsing("script must be provided with a [script] query")
	}
	return q, err
}

// ParseScript reads a script of a search body, as a string or an object, and compiles it. Stored scripts and languages
// other than Painless are refused.
func ParseScript(v *Node) (p *script.Program, source string, params map[string]any, err error) {
	switch v.Kind {
	case Text:
		source = v.Raw
	case Object:
		err = v.each("script", func(key string, v *Node) (bool, error) {
			var err error
			switch key {
			case "source", "inline":
				source, err = v.Text()
			case "lang":
				if v.Raw != "painless" {
					err = illegal("script_lang not supported [%s]", v.Raw)
				}
			case "params":
				params, _ = v.Value().(map[string]any)
				return v.Kind == Object, nil
			case "id":
				err = illegal("stored scripts are not supported")
			default:
				return false, nil
			}
			return true, err
		})
	default:
		err = v.Parsing("unexpected token [%s] for a script", v.Token())
	}
	if err != nil {
		return nil, "", nil, err
	}
	p, err = script.Compile(source)
	if se, ok := errors.AsType[*script.Error](err); ok {
		err = ScriptError(se)
	}
	return p, source, params, err
}

// ScriptError words what is wrong with a script.
func ScriptError(se *script.Error) *Error {
	e := Errorf("script_exception", "%s", se.Reason())
	e.CausedBy = Errorf(se.Class, "%s", se.Msg)
	e.Script = se
	return e
}

// PrintScript prints a script as the original normalises it.
func PrintScript(w *Printer, v *Node) {
	w.Open('{')
	source := v
	if v.Kind == Object {
		if source = v.Get("source"); source == nil {
			source = v.Get("inline")
		}
	}
	w.Key("source")
	w.Str(source.Raw)
	w.Key("lang")
	w.Str("painless")
	if p := v.Get("params"); p != nil && len(p.Keys) > 0 {
		w.Key("params")
		w.Node(p)
	}
	w.Close('}')
}

func (q *scriptQuery) bind(c *Context, w weight) (Matcher, error) {
	score, ctx := w.boost*q.boost, c.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	return func(d *segment.Doc) (float32, bool) {
		if c.broken() {
			return 0, false
		}
		v, err := q.program.Eval(ctx, map[string]any{"doc": docValues{c, d}, "params": q.params}, script.Limits{})
		if err != nil {
			if se, ok := errors.AsType[*script.Error](err); ok {
				err = ScriptError(se)
			}
			c.fail(err)
			return 0, false
		}
		ok, isBool := v.(bool)
		if !isBool {
			c.fail(Errorf("class_cast_exception", "the script of a [script] query must return a boolean"))
		}
		return score, ok
	}, nil
}

func (q *scriptQuery) print(w *Printer) {
	w.wrap("script", func() {
		w.Key("script")
		PrintScript(w, q.raw)
		w.nameBoost(q.clause)
	})
}

// docValues are a document's values as scripts see them.
type docValues struct {
	c *Context
	d *segment.Doc
}

// Values returns a field's values in order and whether the mapping has the field.
func (v docValues) Values(name string) ([]any, bool) {
	f := v.c.Field(name)
	if f == nil || Aggregatable(f) != nil {
		return nil, false
	}
	vs := v.c.Values(v.d, f)
	out := make([]any, len(vs))
	for i, x := range vs {
		switch {
		case isDate(f.Type):
			out[i] = time.UnixMilli(x.Int).UTC()
		case f.Type == segment.Boolean:
			out[i] = x.Int == 1
		case x.Kind == segment.KindInt:
			out[i] = x.Int
		case x.Kind == segment.KindFloat:
			out[i] = x.Float
		default:
			out[i] = x.Str
		}
	}
	return out, true
}
