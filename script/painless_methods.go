package script

// dispatch finds the method of x's class; a notFound error means that there is none.
func (r *run) dispatch(x any, key string, args []any) (any, error) {
	switch key {
	case "equals/1":
		eq, err := r.same(x, args[0])
		return eq, err
	case "toString/0":
		return r.str(x)
	case "hashCode/0":
		h, err := r.hash(x)
		return h, err
	case "compareTo/1":
		n, err := r.compareNatural(x, args[0])
		return int32(n), err
	}
	switch v := x.(type) {
	case string:
		return r.stringMethod(v, key, args)
	case *list:
		if v.view != nil {
			return r.viewMethod(v, key, args)
		}
		return r.listMethod(v, key, args)
	case *set:
		return r.setMethod(v, key, args)
	case *stream:
		return r.streamMethod(v, key, args)
	case *lambda:
		return r.lambdaMethod(v, key, args)
	case *builder:
		return r.builderMethod(v, key, args)
	case Object:
		return r.objectMethod(v, key, args)
	case Doc:
		return r.docMethod(v, key, args)
	case *docValues:
		return r.docValuesMethod(v, key, args)
	}
	if m, ok := asMapping(x); ok {
		return r.mapMethod(m, key, args)
	}
	return r.valueMethod(x, key, args)
}

// hash is hashCode.
func (r *run) hash(x any) (int32, error) {
	if err := r.m.step(); err != nil {
		return 0, err
	}
	defer r.m.leave()
	if err := r.m.enter(); err != nil {
		return 0, err
	}
	var items []any
	var err error
	switch v := x.(type) {
	case *list:
		if items, err = r.elems(v); err != nil {
			return 0, err
		}
		h := int32(1)
		for _, item := range items {
			n, err := r.hash(item)
			if err != nil {
				return 0, err
			}
			h = 31*h + n
		}
		return h, nil
	case *set:
		if items, err = v.elems(r); err != nil {
			return 0, err
		}
		return r.hashSum(items)
	case *entry:
		k, err := r.hash(v.key)
		if err != nil {
			return 0, err
		}
		n, err := r.hash(v.value)
		return k ^ n, err
	}
	if m, ok := asMapping(x); ok {
		es, err := m.list(r)
		if err != nil {
			return 0, err
		}
		return r.hashSum(anys(es))
	}
	return hashCode(x), nil
}

func (r *run) hashSum(items []any) (int32, error) {
	sum := int32(0)
	for _, item := range items {
		n, err := r.hash(item)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// objectMethod serves getters of the fields that an Object has.
func (r *run) objectMethod(o Object, key string, _ []any) (any, error) {
	name, ok := getterField(key)
	if !ok {
		return nil, notFoundError{}
	}
	v, ok := o.Field(name)
	if !ok {
		return nil, notFoundError{}
	}
	return r.take(v)
}

// getterField is the field that getName/0 or isName/0 reads.
func getterField(key string) (string, bool) {
	for _, prefix := range []string{"get", "is"} {
		if len(key) > len(prefix)+2 && key[:len(prefix)] == prefix && key[len(key)-2:] == "/0" {
			name := []byte(key[len(prefix) : len(key)-2])
			if c := name[0]; c >= 'A' && c <= 'Z' {
				name[0] = c + 'a' - 'A'
				return string(name), true
			}
		}
	}
	return "", false
}

func (r *run) docMethod(d Doc, key string, args []any) (any, error) {
	if key != "containsKey/1" && key != "get/1" {
		return nil, notFoundError{}
	}
	name, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	if key == "get/1" {
		return r.docField(d, name)
	}
	_, ok := d.Values(name)
	return ok, nil
}

func (r *run) docValuesMethod(d *docValues, key string, args []any) (any, error) {
	switch key {
	case "getValue/0":
		return d.at(0)
	case "get/1":
		i, err := intArg(args, 0)
		if err != nil {
			return nil, err
		}
		return d.at(i)
	case "getValues/0":
		return d, nil
	case "size/0", "getLength/0":
		return int32(len(d.values)), nil
	case "isEmpty/0":
		return len(d.values) == 0, nil
	}
	return r.iterableMethod(d, d.values, key, args)
}

// valueMethod serves the remaining classes.
func (r *run) valueMethod(x any, key string, args []any) (any, error) {
	switch v := x.(type) {
	case int32, int64, float32, float64:
		return numberMethod(v, key)
	case bool:
		if key == "booleanValue/0" {
			return v, nil
		}
	case char:
		if key == "charValue/0" {
			return v, nil
		}
	case *entry:
		return r.entryMethod(v, key, args)
	case *exception:
		if key == "getMessage/0" || key == "getLocalizedMessage/0" {
			if v.msg == "" {
				return nil, nil
			}
			return v.msg, nil
		}
	case *optional:
		return r.optionalMethod(v, key, args)
	case *iterator:
		return v.method(key)
	case *pattern:
		return r.patternMethod(v, key, args)
	case *matcher:
		return r.matcherMethod(v, key, args)
	}
	return r.timeMethod(x, key, args)
}

func numberMethod(v any, key string) (any, error) {
	switch key {
	case "intValue/0":
		return toInt(v), nil
	case "longValue/0":
		return toLong(v), nil
	case "floatValue/0":
		return float32(toDouble(v)), nil
	case "doubleValue/0":
		return toDouble(v), nil
	case "byteValue/0":
		return narrow(v, kindByte), nil
	case "shortValue/0":
		return narrow(v, kindShort), nil
	case "isNaN/0":
		if rank(v) > 2 {
			return toDouble(v) != toDouble(v), nil
		}
	}
	return nil, notFoundError{}
}

func (r *run) entryMethod(e *entry, key string, args []any) (any, error) {
	switch key {
	case "getKey/0":
		return e.key, nil
	case "getValue/0":
		return e.value, nil
	case "setValue/1":
		if e.owner == nil {
			return nil, throwf("UnsupportedOperationException", "")
		}
		old := e.value
		e.value = args[0]
		return old, e.owner.put(r, e.key, args[0])
	}
	return nil, notFoundError{}
}

func (r *run) optionalMethod(o *optional, key string, args []any) (any, error) {
	switch key {
	case "isPresent/0":
		return o.present, nil
	case "get/0", "getAsInt/0", "getAsLong/0", "getAsDouble/0":
		if !o.present {
			return nil, throwf("NoSuchElementException", "No value present")
		}
		return o.v, nil
	case "orElse/1":
		if !o.present {
			return args[0], nil
		}
		return o.v, nil
	case "orElseGet/1":
		if !o.present {
			return r.invoke(args[0])
		}
		return o.v, nil
	case "ifPresent/1":
		if !o.present {
			return nil, nil
		}
		return r.invoke(args[0], o.v)
	case "map/1":
		if !o.present {
			return o, nil
		}
		v, err := r.invoke(args[0], o.v)
		return &optional{v: v, present: v != nil}, err
	case "filter/1":
		if !o.present {
			return o, nil
		}
		ok, err := r.test(args[0], o.v)
		if err != nil || ok {
			return o, err
		}
		return &optional{}, nil
	}
	return nil, notFoundError{}
}

func (it *iterator) method(key string) (any, error) {
	switch key {
	case "hasNext/0":
		return it.next < len(it.items), nil
	case "next/0":
		if it.next >= len(it.items) {
			return nil, throwf("NoSuchElementException", "")
		}
		it.next++
		return it.items[it.next-1], nil
	}
	return nil, notFoundError{}
}
