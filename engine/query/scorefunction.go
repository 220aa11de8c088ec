package query

import (
	"hash/fnv"
	"math"
	"strconv"

	"vigil/engine/segment"
)

func (f *scoreFunction) option(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "weight":
		f.weight, err = floatPointer(v)
	case "field_value_factor":
		f.factor, f.modifier = 1, "none"
		err = v.each("field_value_factor", f.valueFactor)
	case "random_score":
		f.random = true
		err = v.each("random_score", func(key string, v *Node) (bool, error) {
			switch key {
			case "seed":
				f.seed = v.Raw
			case "field":
				f.by = v.Raw
			default:
				return false, nil
			}
			return v.Scalar(), nil
		})
	case "script_score", "gauss", "linear", "exp":
		err = v.Parsing("function [%s] of [function_score] is not supported", key)
	default:
		return false, nil
	}
	return true, err
}

func (f *scoreFunction) valueFactor(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "field":
		f.field, err = v.Text()
	case "factor":
		var x *float32
		if x, err = floatPointer(v); err == nil {
			f.factor = *x
		}
	case "missing":
		var x float64
		x, err = v.Float()
		f.missing = &x
	case "modifier":
		f.modifier, err = oneOf(v, "none", "log", "log1p", "log2p", "ln", "ln1p", "ln2p", "square", "sqrt", "reciprocal")
	default:
		return false, nil
	}
	return true, err
}

// each calls read for every member; what it does not know is refused.
func (n *Node) each(what string, read func(key string, v *Node) (bool, error)) error {
	if n.Kind != Object {
		return n.Parsing("[%s] expects an object but found [%s]", what, n.Token())
	}
	for i, key := range n.Keys {
		ok, err := read(key, n.Items[i])
		if err != nil {
			return err
		}
		if !ok {
			return n.Items[i].Parsing("[%s] query does not support [%s]", what, key)
		}
	}
	return nil
}

// valuation returns a function's value and weight for a document, if its filter matches.
type valuation func(d *segment.Doc) (value, weight float64, ok bool)

func (f scoreFunction) bind(c *Context) (valuation, error) {
	matches := always
	if f.filter != nil {
		m, err := f.filter.bind(c, weight{boost: 1})
		if err != nil {
			return nil, err
		}
		matches = anyOf([]Matcher{m})
	}
	weight := 1.0
	if f.weight != nil {
		weight = float64(*f.weight)
	}
	var field *segment.Field
	if f.field != "" {
		if field = c.Field(f.field); field == nil && f.missing == nil {
			return nil, Errorf("query_shard_exception", "Unable to find a field mapper for field [%s]. No 'missing' value defined.", f.field)
		}
	}
	return func(d *segment.Doc) (float64, float64, bool) {
		if !matches(d) {
			return 0, 0, false
		}
		x := 1.0
		switch {
		case f.random:
			x = f.randomScore(d)
		case f.field != "":
			v, ok := f.value(c, d, field)
			if !ok {
				return 0, 0, false
			}
			x = v
		}
		return x * weight, weight, true
	}, nil
}

func (f scoreFunction) randomScore(d *segment.Doc) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.seed + "\x00" + f.by + "\x00" + d.ID + "\x00" + strconv.FormatInt(d.Seq, 10)))
	return float64(h.Sum64()>>40) / (1 << 24)
}

func (f scoreFunction) value(c *Context, d *segment.Doc, field *segment.Field) (float64, bool) {
	var x float64
	vs := []segment.Value(nil)
	if field != nil {
		vs = c.Values(d, field)
	}
	switch {
	case len(vs) > 0:
		x = Float(vs[0])
	case f.missing != nil:
		x = *f.missing
	default:
		return 0, false
	}
	x *= float64(f.factor)
	switch f.modifier {
	case "log":
		x = math.Log10(x)
	case "log1p":
		x = math.Log10(x + 1)
	case "log2p":
		x = math.Log10(x + 2)
	case "ln":
		x = math.Log(x)
	case "ln1p":
		x = math.Log1p(x)
	case "ln2p":
		x = math.Log1p(x + 1)
	case "square":
		x *= x
	case "sqrt":
		x = math.Sqrt(x)
	case "reciprocal":
		x = 1 / x
	}
	return x, !math.IsNaN(x) && !math.IsInf(x, 0)
}

func (f scoreFunction) print(w *Printer) {
	w.Open('{')
	w.Key("filter")
	if f.filter != nil {
		f.filter.print(w)
	} else {
		matchAllQuery{clause{boost: 1}}.print(w)
	}
	if f.weight != nil {
		w.Key("weight")
		w.Float(*f.weight)
	}
	switch {
	case f.field != "":
		w.Key("field_value_factor")
		w.Open('{')
		w.Key("field")
		w.Str(f.field)
		w.Key("factor")
		w.Float(f.factor)
		if f.missing != nil {
			w.Key("missing")
			w.Double(*f.missing)
		}
		w.Key("modifier")
		w.Str(f.modifier)
		w.Close('}')
	case f.random:
		w.Key("random_score")
		w.Open('{')
		w.TextField("seed", f.seed)
		w.TextField("field", f.by)
		w.Close('}')
	}
	w.Close('}')
}
