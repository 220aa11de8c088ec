package script

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf16"
)

// simpleName is how errors name the type of a def: int for an Integer.
func simpleName(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case int32:
		return "int"
	case int64:
		return "long"
	case float32:
		return "float"
	case float64:
		return "double"
	case char:
		return "char"
	}
	return className(v)
}

// convert makes v a value of type t the way an assignment does: numbers widen, nothing narrows.
func (r *run) convert(v any, t javaType) (any, error) {
	if t.kind == kindDef || t.kind == kindVoid {
		return v, nil
	}
	if t.dims > 0 || t.kind == kindReference || t.kind == kindString {
		return r.convertReference(v, t)
	}
	if v == nil {
		return nil, nullFault("value")
	}
	k := rank(v)
	switch {
	case t.kind == kindBoolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case t.kind == kindChar:
		if c, ok := toChar(v); ok {
			return c, nil
		}
	case k == 0 || k == 4 && t.kind != kindDouble || k == 3 && t.kind < kindFloat || k == 2 && t.kind < kindLong:
	case t.kind <= kindShort: // a script has no byte or short values but these; constants that fit are taken
		if n := narrow(v, t.kind); toLong(n) == toLong(v) {
			return n, nil
		}
	default:
		return narrow(v, t.kind), nil
	}
	if t.kind == kindBoolean {
		return nil, notBoolean(v)
	}
	return nil, castFault("cannot implicitly cast def [%s] to %s", simpleName(v), t)
}

func toChar(v any) (char, bool) {
	switch x := v.(type) {
	case char:
		return x, true
	case string:
		if u := utf16.Encode([]rune(x)); len(x) <= 4 && len(u) == 1 {
			return char(u[0]), true
		}
	}
	return 0, false
}

// narrow casts a number to a numeric type.
func narrow(v any, kind typeKind) any {
	switch kind {
	case kindByte:
		return int32(int8(toInt(v)))
	case kindShort:
		return int32(int16(toInt(v)))
	case kindChar:
		return char(toInt(v))
	case kindInt:
		return toInt(v)
	case kindLong:
		return toLong(v)
	case kindFloat:
		return float32(toDouble(v))
	default:
		return toDouble(v)
	}
}

// cast is an explicit cast.
func (r *run) cast(v any, t javaType) (any, error) {
	if t.dims == 0 && rank(v) > 0 && t.kind >= kindByte && t.kind <= kindDouble {
		return narrow(v, t.kind), nil
	}
	if c, ok := v.(char); ok && t.kind == kindString && t.dims == 0 {
		return string(utf16.Decode([]uint16{uint16(c)})), nil
	}
	out, err := r.convert(v, t)
	if err != nil && v != nil && plain(t) && t.kind != kindBoolean {
		err = castFault("cannot explicitly cast def [%s] to %s", simpleName(v), t.full())
	}
	return out, err
}

func (r *run) convertReference(v any, t javaType) (any, error) {
	if v == nil || instance(v, t) {
		return v, nil
	}
	if n, ok := boxed(v, t); ok {
		return n, nil
	}
	if t.kind == kindString && t.dims == 0 {
		return nil, castFault("cannot implicitly cast def [%s] to %s", simpleName(v), t.full())
	}
	return nil, castFault("class %s cannot be cast to class %s", className(v), qualified(t.String()))
}

// boxed lets an int become a Double and the like where a number's class is asked for.
func boxed(v any, t javaType) (any, bool) {
	kinds := map[string]typeKind{"Integer": kindInt, "Long": kindLong, "Float": kindFloat, "Double": kindDouble}
	kind, ok := kinds[t.name]
	if !ok || t.dims > 0 || rank(v) == 0 || rank(v) > rank(narrow(int32(0), kind)) {
		return nil, false
	}
	return narrow(v, kind), true
}

// instance tells whether v belongs to a class or an interface that it implements.
func instance(v any, t javaType) bool {
	if v == nil {
		return false
	}
	if l, ok := v.(*list); ok && l.array || t.dims > 0 {
		return ok && l.array && (t.dims > 0 || t.kind == kindDef)
	}
	if t.kind == kindDef {
		return true
	}
	return instanceOfClass(v, t.name)
}

func instanceOfClass(v any, name string) bool {
	if c := className(v); c == packageOf(name)+"."+name {
		return true
	}
	switch x := v.(type) {
	case string:
		return name == "CharSequence" || name == "Comparable"
	case int32, int64, float32, float64, json.Number:
		return name == "Number" || name == "Comparable"
	case *list:
		if x.view != nil {
			return name == "Collection" || name == "Iterable" || name == "Set" && x.view.what != "Values"
		}
		return name == "List" || name == "Collection" || name == "Iterable" || name == "LinkedList"
	case *docValues:
		return name == "List" || name == "Collection" || name == "Iterable"
	case *set:
		return name == "Set" || name == "Collection" || name == "Iterable"
	case map[string]any:
		return name == "Map"
	case *dict:
		return name == "Map" || name == "HashMap" && x.class == "LinkedHashMap"
	case Doc:
		return name == "Map"
	case *builder:
		return name == "CharSequence"
	case time.Time:
		return name == "ZonedDateTime" || name == "Date"
	case zone:
		return name == "ZoneOffset"
	case *exception:
		return catches(name, x.class)
	case *stream:
		return name == "IntStream" || name == "LongStream" || name == "DoubleStream"
	case *lambda:
		return packageOf(name) == "java.util.function" || name == "Comparator"
	}
	return false
}

// text is toString of the values that can be printed at no cost.
func text(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	case float32:
		return formatDouble(float64(x), 32)
	case float64:
		return formatDouble(x, 64)
	case json.Number:
		return string(x)
	case char:
		return string(utf16.Decode([]uint16{uint16(x)}))
	case *pattern:
		return x.source
	case *exception:
		return x.String()
	case *builder:
		return string(x.b)
	}
	return textOfTime(v)
}

// str is toString.
func (r *run) str(v any) (string, error) {
	switch x := v.(type) {
	case string:
		return x, nil
	case *list, *dict, *set, *stream, map[string]any, *entry, *optional, *docValues:
		p := &printer{r: r}
		err := p.print(v)
		return string(p.out), err
	}
	s := text(v)
	return s, r.m.alloc(len(s))
}

// printer writes collections as Java's toString does: [1, 2] and {a=1}.
type printer struct {
	r   *run
	out []byte
}

func (p *printer) write(s string) error {
	p.out = append(p.out, s...)
	return p.r.m.alloc(len(s))
}

func (p *printer) print(v any) error {
	if err := p.r.m.step(); err != nil {
		return err
	}
	defer p.r.m.leave()
	if err := p.r.m.enter(); err != nil {
		return err
	}
	switch x := v.(type) {
	case *list:
		items, err := p.r.elems(x)
		if err != nil {
			return err
		}
		return p.items(x, items)
	case *set:
		items, err := x.elems(p.r)
		if err != nil {
			return err
		}
		return p.items(x, items)
	case *docValues:
		return p.items(x, x.values)
	case *stream:
		return p.items(x, x.items)
	case *entry:
		return p.pair(x)
	case *optional:
		if !x.present {
			return p.write("Optional.empty")
		}
		return p.join("Optional[", []any{x.v}, "]")
	}
	if m, ok := asMapping(v); ok {
		return p.mapping(m)
	}
	return p.write(text(v))
}

func (p *printer) items(self any, items []any) error {
	for i, v := range items {
		if v == self {
			items[i] = "(this Collection)"
		}
	}
	return p.join("[", items, "]")
}

func (p *printer) join(open string, items []any, end string) error {
	if err := p.write(open); err != nil {
		return err
	}
	for i, v := range items {
		if i > 0 {
			if err := p.write(", "); err != nil {
				return err
			}
		}
		if err := p.print(v); err != nil {
			return err
		}
	}
	return p.write(end)
}

func (p *printer) pair(e *entry) error {
	if err := p.print(e.key); err != nil {
		return err
	}
	if err := p.write("="); err != nil {
		return err
	}
	return p.print(e.value)
}

func (p *printer) mapping(m mapping) error {
	es, err := m.list(p.r)
	if err != nil {
		return err
	}
	if err := p.write("{"); err != nil {
		return err
	}
	for i, e := range es {
		if i > 0 {
			if err := p.write(", "); err != nil {
				return err
			}
		}
		if err := p.pair(e); err != nil {
			return err
		}
	}
	return p.write("}")
}
