package script

import "strings"

func (r *run) streamMethod(s *stream, key string, args []any) (any, error) {
	if err := r.m.spend(len(s.items)); err != nil {
		return nil, err
	}
	switch key {
	case "map/1", "mapToInt/1", "mapToLong/1", "mapToDouble/1", "mapToObj/1", "flatMap/1":
		return r.streamMap(s, key, args[0])
	case "boxed/0":
		return &stream{items: s.items}, nil
	case "asDoubleStream/0", "asLongStream/0":
		kind := kindDouble
		if key == "asLongStream/0" {
			kind = kindLong
		}
		out, err := r.castAll(s.items, kind)
		return &stream{items: out, prim: kind}, err
	case "filter/1":
		out, err := r.filter(s.items, args[0])
		return &stream{items: out, prim: s.prim}, err
	case "anyMatch/1", "allMatch/1", "noneMatch/1":
		return r.streamMatch(s, key, args[0])
	case "sorted/0", "sorted/1":
		var comparator any
		if len(args) == 1 {
			comparator = args[0]
		}
		out, err := r.sorted(s, comparator)
		return &stream{items: out, prim: s.prim}, err
	case "distinct/0":
		return r.distinct(s)
	case "limit/1", "skip/1":
		return s.slice(key, args)
	case "peek/1", "forEach/1", "forEachOrdered/1":
		for _, v := range s.items {
			if _, err := r.invoke(args[0], v); err != nil {
				return nil, err
			}
		}
		if key == "peek/1" {
			return s, nil
		}
		return nil, nil
	}
	return r.streamEnd(s, key, args)
}

// streamEnd serves the methods that reduce a stream.
func (r *run) streamEnd(s *stream, key string, args []any) (any, error) {
	switch key {
	case "count/0":
		return int64(len(s.items)), nil
	case "findFirst/0", "findAny/0":
		if len(s.items) == 0 {
			return &optional{}, nil
		}
		return &optional{v: s.items[0], present: true}, nil
	case "collect/1":
		return r.invoke(args[0], s.items...)
	case "toArray/0":
		return &list{items: s.items, array: true}, r.m.alloc(16 * len(s.items))
	case "iterator/0":
		return &iterator{items: s.items}, nil
	case "min/1", "max/1":
		return r.extreme(s.items, key, args[0])
	case "reduce/1", "reduce/2":
		return r.reduce(s, args)
	}
	if s.prim == kindDef {
		return nil, notFoundError{}
	}
	switch key {
	case "min/0", "max/0":
		return r.extreme(s.items, key, nil)
	case "sum/0":
		return r.sum(s.items, s.prim)
	case "average/0":
		if len(s.items) == 0 {
			return &optional{}, nil
		}
		v, err := r.sum(s.items, kindDouble)
		return &optional{v: toDouble(v) / float64(len(s.items)), present: true}, err
	}
	return nil, notFoundError{}
}

func (r *run) streamMap(s *stream, key string, f any) (any, error) {
	out, err := r.mapped(s.items, f)
	if err != nil {
		return nil, err
	}
	prim := kindDef
	switch key {
	case "map/1":
		prim = s.prim
	case "mapToInt/1":
		prim = kindInt
	case "mapToLong/1":
		prim = kindLong
	case "mapToDouble/1":
		prim = kindDouble
	case "flatMap/1":
		var flat []any
		for _, v := range out {
			inner, ok := v.(*stream)
			if !ok {
				return nil, badArgument(v, "java.util.stream.Stream")
			}
			flat = append(flat, inner.items...)
			if err := r.spendOn(len(inner.items), 16); err != nil {
				return nil, err
			}
		}
		return &stream{items: flat}, nil
	}
	for i, v := range out {
		if out[i], err = r.convert(v, javaType{kind: prim, name: strings.ToLower(primName(prim))}); err != nil {
			return nil, err
		}
	}
	return &stream{items: out, prim: prim}, nil
}

func primName(kind typeKind) string { return simpleName(javaType{kind: kind}.zero()) }

func (r *run) castAll(items []any, kind typeKind) ([]any, error) {
	out := make([]any, len(items))
	for i, v := range items {
		if rank(v) == 0 {
			return nil, badArgument(v, primName(kind))
		}
		out[i] = narrow(v, kind)
	}
	return out, r.m.alloc(16 * len(items))
}

func (r *run) streamMatch(s *stream, key string, f any) (any, error) {
	for _, v := range s.items {
		ok, err := r.test(f, v)
		if err != nil {
			return nil, err
		}
		if ok != (key == "allMatch/1") {
			return key == "anyMatch/1", nil
		}
	}
	return key != "anyMatch/1", nil
}

func (r *run) distinct(s *stream) (any, error) {
	seen := newSet("LinkedHashMap")
	for _, v := range s.items {
		if _, err := seen.add(r, v); err != nil {
			return nil, err
		}
	}
	items, err := seen.elems(r)
	return &stream{items: items, prim: s.prim}, err
}

func (s *stream) slice(key string, args []any) (any, error) {
	n, err := longArg(args, 0)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, argumentFault("%d", n)
	}
	at := int(min(n, int64(len(s.items))))
	if key == "limit/1" {
		return &stream{items: s.items[:at], prim: s.prim}, nil
	}
	return &stream{items: s.items[at:], prim: s.prim}, nil
}

// extreme returns the smallest or the largest element, as an optional.
func (r *run) extreme(items []any, key string, comparator any) (any, error) {
	if len(items) == 0 {
		return &optional{}, nil
	}
	best := items[0]
	for _, v := range items[1:] {
		n, err := r.compareWith(comparator, v, best)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(key, "max") && n >= 0 || strings.HasPrefix(key, "min") && n < 0 {
			best = v
		}
	}
	return &optional{v: best, present: true}, nil
}

func (r *run) reduce(s *stream, args []any) (any, error) {
	f := args[len(args)-1]
	items := s.items
	var acc any
	if len(args) == 2 {
		acc = args[0]
	} else {
		if len(items) == 0 {
			return &optional{}, nil
		}
		acc, items = items[0], items[1:]
	}
	for _, v := range items {
		var err error
		if acc, err = r.invoke(f, acc, v); err != nil {
			return nil, err
		}
	}
	if len(args) == 2 {
		return acc, nil
	}
	return &optional{v: acc, present: true}, nil
}

// sum adds numbers up in the given type.
func (r *run) sum(items []any, kind typeKind) (any, error) {
	acc := javaType{kind: kind}.zero()
	for _, v := range items {
		if rank(v) == 0 {
			return nil, badArgument(v, primName(kind))
		}
		sum, err := r.apply("+", acc, narrow(v, kind))
		if err != nil {
			return nil, err
		}
		acc = sum
	}
	return acc, nil
}

// collector is a Collectors.name(…): a function of all elements.
func (r *run) collector(name string, args []any) (any, error) {
	of := func(f func(r *run, items []any) (any, error)) (any, error) { return &lambda{call: f}, nil }
	switch methodKey(name, len(args)) {
	case "toList/0":
		return of(func(r *run, items []any) (any, error) { return r.newList(items) })
	case "toSet/0":
		return of(func(r *run, items []any) (any, error) {
			s := newSet("HashMap")
			for _, v := range items {
				if _, err := s.add(r, v); err != nil {
					return nil, err
				}
			}
			return s, nil
		})
	case "joining/0":
		return of(func(r *run, items []any) (any, error) { return r.join(items, []any{""}) })
	case "joining/1":
		return of(func(r *run, items []any) (any, error) { return r.join(items, args) })
	case "joining/3":
		return of(func(r *run, items []any) (any, error) {
			s, err := r.join(items, args)
			if err == nil {
				s, err = r.concat(args[1], s)
			}
			if err == nil {
				s, err = r.concat(s, args[2])
			}
			return s, err
		})
	case "counting/0":
		return of(func(_ *run, items []any) (any, error) { return int64(len(items)), nil })
	case "groupingBy/1":
		return of(func(r *run, items []any) (any, error) { return r.groupBy(items, args[0], "HashMap", nil) })
	case "groupingBy/2":
		return of(func(r *run, items []any) (any, error) { return r.groupBy(items, args[0], "HashMap", args[1]) })
	case "mapping/2":
		return of(func(r *run, items []any) (any, error) {
			out, err := r.mapped(items, args[0])
			if err != nil {
				return nil, err
			}
			return r.invoke(args[1], out...)
		})
	case "toMap/2", "toMap/3":
		return of(func(r *run, items []any) (any, error) { return r.toMap(items, args) })
	}
	return r.numericCollector(name, args)
}

func (r *run) numericCollector(name string, args []any) (any, error) {
	kinds := map[string]typeKind{"Int": kindInt, "Long": kindLong, "Double": kindDouble}
	for suffix, kind := range kinds {
		average := name == "averaging"+suffix
		if len(args) != 1 || !average && name != "summing"+suffix {
			continue
		}
		return &lambda{call: func(r *run, items []any) (any, error) {
			values, err := r.mapped(items, args[0])
			if err != nil {
				return nil, err
			}
			if !average {
				return r.sum(values, kind)
			}
			v, err := r.sum(values, kindDouble)
			return toDouble(v) / float64(max(1, len(values))), err
		}}, nil
	}
	return nil, notFoundError{}
}

func (r *run) toMap(items, args []any) (any, error) {
	d := newDict("HashMap")
	for _, v := range items {
		key, err := r.invoke(args[0], v)
		if err != nil {
			return nil, err
		}
		value, err := r.invoke(args[1], v)
		if err != nil {
			return nil, err
		}
		old, ok, err := d.get(r, key)
		switch {
		case err != nil:
			return nil, err
		case ok && len(args) == 2:
			return nil, throwf("IllegalStateException", "Duplicate key %s", text(key))
		case ok:
			if value, err = r.invoke(args[2], old, value); err != nil {
				return nil, err
			}
		}
		if err := d.put(r, key, value); err != nil {
			return nil, err
		}
	}
	return d, nil
}
