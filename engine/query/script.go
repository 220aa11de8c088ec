package query

import (
	"errors"
	"time"

	"vigil/engine/segment"
	"vigil/script"
)

// scriptQuery matches the documents for which a Painless script returns true.
type scriptQuery struct {
	clause
	raw    *Node
	script *Script
}

func (p *parser) script(n *Node) (Query, error) {
	q := &scriptQuery{clause: clause{boost: 1}}
	err := q.options(n, "script", func(key string, v *Node) (bool, error) {
		if key != "script" {
			return false, nil
		}
		q.raw = v
		var err error
		q.script, err = ParseScript(v)
		return true, err
	})
	if err == nil && q.script == nil {
		err = n.Parsing("script must be provided with a [script] query")
	}
	return q, err
}

// Script is a script of a search body: its own code, or the name of a stored one.
type Script struct {
	// ID is the name of a stored script, Source the code of one that is not stored.
	ID, Source string
	Params     map[string]any
	program    *script.Program // nil if it is stored
}

// Stored finds a stored script by its name.
type Stored func(id string) (*script.Program, error)

// Program returns the script that is to run.
func (s *Script) Program(find Stored) (*script.Program, error) {
	switch {
	case s.program != nil:
		return s.program, nil
	case find == nil:
		return nil, illegal("stored scripts are not supported here")
	}
	return find(s.ID)
}

// ParseScript reads a script of a search body, as a string or an object, and compiles it if it is not stored. Languages
// other than Painless are refused.
func ParseScript(v *Node) (*Script, error) {
	s := &Script{}
	lang, err := "", error(nil)
	switch v.Kind {
	case Text:
		s.Source = v.Raw
	case Object:
		err = v.each("script", func(key string, v *Node) (bool, error) {
			var err error
			switch key {
			case "source", "inline":
				s.Source, err = v.Text()
			case "lang":
				if lang, err = v.Text(); lang != "painless" {
					err = illegal("script_lang not supported [%s]", v.Raw)
				}
			case "params":
				s.Params, _ = v.Value().(map[string]any)
				return v.Kind == Object, nil
			case "id":
				s.ID, err = v.Text()
			default:
				return false, nil
			}
			return true, err
		})
	default:
		err = v.Parsing("unexpected token [%s] for a script", v.Token())
	}
	switch {
	case err != nil:
	case s.ID == "" && s.Source == "":
		err = illegal("must specify either [source] for an inline script or [id] for a stored script")
	case s.ID != "" && s.Source != "":
		err = illegal("illegally specified both [source] and [id]")
	case s.ID != "" && lang != "":
		err = illegal("illegally specified <lang> for a stored script")
	case s.ID == "":
		s.program, err = CompileScript(s.Source)
	}
	return s, err
}

// CompileScript compiles Painless. What is wrong with it is worded as OpenSearch does.
func CompileScript(source string) (*script.Program, error) {
	p, err := script.Compile(source)
	if err != nil {
		return nil, WordScript(err)
	}
	return p, nil
}

// WordScript words an error of package script as OpenSearch does; others it returns as they are.
func WordScript(err error) error {
	if se, ok := errors.AsType[*script.Error](err); ok {
		return ScriptError(se)
	}
	return err
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
	if source == nil {
		w.Key("id")
		w.Str(v.Get("id").Raw)
	} else {
		w.Key("source")
		w.Str(source.Raw)
		w.Key("lang")
		w.Str("painless")
	}
	if p := v.Get("params"); p != nil && len(p.Keys) > 0 {
		w.Key("params")
		w.Node(p)
	}
	w.Close('}')
}

func (q *scriptQuery) bind(c *Context, w weight) (Matcher, error) {
	score := w.boost * q.boost
	program, err := q.script.Program(c.stored)
	if err != nil {
		return nil, err
	}
	return func(d *segment.Doc) (float32, bool) {
		if c.broken() {
			return 0, false
		}
		v, err := program.Eval(c.running(), map[string]any{"doc": docValues{c, d}, "params": q.script.Params}, script.Limits{})
		if err != nil {
			c.fail(WordScript(err))
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
