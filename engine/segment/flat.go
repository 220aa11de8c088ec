package segment

import (
	"fmt"

	"github.com/valyala/fastjson"
)

// flat indexes the leaves of a flat_object as strings: all under the field's name, and each under its own path.
func (p *docParser) flat(m *mapper, v *fastjson.Value, into *Doc) *Error {
	switch v.Type() {
	case fastjson.TypeNull:
		return nil
	case fastjson.TypeObject:
		return p.visit(v, func(key []byte, v *fastjson.Value) *Error {
			p.flatValue(m.path, m.path+"."+string(key), v, into)
			return nil
		})
	default:
	}
	if p.lenient {
		return nil
	}
	return p.malformed(m, v, &Error{Type: "parsing_exception", Reason: fmt.Sprintf("[%s] unexpected token in flat_object field value", m.path)})
}

func (p *docParser) flatValue(root, full string, v *fastjson.Value, into *Doc) {
	switch v.Type() {
	case fastjson.TypeNull:
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			p.flatValue(root, full, e, into)
		}
	case fastjson.TypeObject:
		v.GetObject().Visit(func(k []byte, v *fastjson.Value) {
			p.flatValue(root, full+"."+string(k), v, into)
		})
	default:
		val := Value{Str: scalarText(v)}
		into.Values[root] = append(into.Values[root], val)
		into.Values[full] = append(into.Values[full], val)
	}
}
