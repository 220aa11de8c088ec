package script

import (
	"errors"
	"strconv"
	"unicode"
)

// getField is x.name: a key of a map, an element of a list, or a getter.
func (r *run) getField(x any, name string) (any, error) {
	switch v := x.(type) {
	case nil:
		return nil, nullFault("callArgs[0]")
	case map[string]any:
		if name == "empty" { // Painless looks for getters first
			return len(v) == 0, nil
		}
		return r.takeFrom(v, name)
	case *dict:
		if name == "empty" {
			return v.size() == 0, nil
		}
		value, _, err := v.get(r, name)
		return value, err
	case *list:
		return r.listField(v, name)
	case Object:
		value, ok := v.Field(name)
		if !ok {
			return nil, noField(v, name)
		}
		return r.take(value)
	case Doc:
		return r.docField(v, name)
	case *docValues:
		if name == "length" {
			return int32(len(v.values)), nil
		}
		if i, err := strconv.Atoi(name); err == nil {
			return v.at(i)
		}
	}
	return r.getter(x, name)
}

func (r *run) listField(l *list, name string) (any, error) {
	if name == "length" {
		return int32(len(l.items)), nil
	}
	if l.array {
		return nil, argumentFault("dynamic getter [%s, %s] not found", className(l), name)
	}
	if name == "empty" {
		return len(l.items) == 0, nil
	}
	i, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return nil, argumentFault("Illegal list shortcut value [%s].", name)
	}
	return r.getIndex(l, int32(i))
}

// getter calls getName() or isName().
func (r *run) getter(x any, name string) (any, error) {
	upper := string(unicode.ToUpper(rune(name[0]))) + name[1:]
	for _, prefix := range []string{"get", "is"} {
		v, err := r.callMethod(x, prefix+upper+"/0", nil)
		if !isNotFound(err) {
			return v, err
		}
	}
	return nil, argumentFault("dynamic getter [%s, %s] not found", className(x), name)
}

func (r *run) setField(x any, name string, v any) error {
	if x == nil {
		return nullFault("callArgs[0]")
	}
	if m, ok := asMapping(x); ok {
		return m.put(r, name, v)
	}
	if l, ok := x.(*list); ok && !l.array {
		i, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return argumentFault("Illegal list shortcut value [%s].", name)
		}
		return r.setIndex(l, int32(i), v)
	}
	return argumentFault("dynamic setter [%s, %s] not found", className(x), name)
}

// getIndex is x[i].
func (r *run) getIndex(x, i any) (any, error) {
	switch v := x.(type) {
	case nil:
		return nil, nullFault("callArgs[0]")
	case map[string]any:
		key, ok := i.(string)
		if !ok {
			return nil, nil
		}
		return r.takeFrom(v, key)
	case *dict:
		value, _, err := v.get(r, i)
		return value, err
	case *list:
		n, err := v.index(i)
		if err != nil {
			return nil, err
		}
		return r.at(v, n)
	case Doc:
		name, ok := i.(string)
		if !ok {
			return nil, castFault("Cannot cast %s to java.lang.String", className(i))
		}
		return r.docField(v, name)
	case *docValues:
		n, err := intArg([]any{i}, 0)
		if err != nil {
			return nil, err
		}
		return v.at(n)
	}
	return nil, argumentFault("Attempting to address a non-array-like type [%s] as an array.", className(x))
}

// index checks an index; negative ones count from the end.
func (l *list) index(i any) (int, error) {
	n, err := intArg([]any{i}, 0)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		n += len(l.items)
	}
	return n, l.within(n, len(l.items))
}

func (l *list) within(n, length int) error {
	if n >= 0 && n < length {
		return nil
	}
	class := "IndexOutOfBoundsException"
	if l.array {
		class = "ArrayIndexOutOfBoundsException"
	}
	return throwf(class, "Index %d out of bounds for length %d", n, length)
}

func (r *run) setIndex(x, i, v any) error {
	switch t := x.(type) {
	case nil:
		return nullFault("callArgs[0]")
	case *list:
		n, err := t.index(i)
		if err != nil {
			return err
		}
		t.set(n, v)
		return nil
	}
	if m, ok := asMapping(x); ok {
		return m.put(r, i, v)
	}
	return argumentFault("Attempting to address a non-array-like type [%s] as an array.", className(x))
}

func (l *list) set(i int, v any) {
	changes := l.changes
	l.change()
	l.items[i] = v
	l.changes = changes // Java does not count this as a modification
}

func (r *run) docField(d Doc, name string) (any, error) {
	raw, ok := d.Values(name)
	if !ok {
		return nil, argumentFault("No field found for [%s] in mapping", name)
	}
	values, err := r.elems(&list{items: raw, shared: true})
	return &docValues{values: values}, err
}

func (d *docValues) at(i int) (any, error) {
	if len(d.values) == 0 {
		return nil, throwf("IllegalStateException",
			"A document doesn't have a value for a field! Use doc[<field>].size()==0 to check if a document is missing a field!")
	}
	if i < 0 || i >= len(d.values) {
		return nil, throwf("IndexOutOfBoundsException", "Index %d out of bounds for length %d", i, len(d.values))
	}
	return d.values[i], nil
}

// notFoundError is what a method table answers for a name that it does not have.
type notFoundError struct{}

func (notFoundError) Error() string { return "not found" }

// missingError is the error of a missing method for those who have nowhere else to look for it.
type missingError struct{ error }

func (m *missingError) Unwrap() []error { return []error{m.error, notFoundError{}} }

func isNotFound(err error) bool {
	var n notFoundError
	return errors.As(err, &n)
}

func methodKey(name string, args int) string { return name + "/" + strconv.Itoa(args) }

// callMethod calls a method by its name and number of arguments, written name/number.
func (r *run) callMethod(x any, key string, args []any) (any, error) {
	if x == nil {
		return nil, nullFault("callArgs[0]")
	}
	v, err := r.dispatch(x, key, args)
	if isNotFound(err) {
		return nil, &missingError{argumentFault("dynamic method [%s, %s] not found", className(x), key)}
	}
	return v, err
}
