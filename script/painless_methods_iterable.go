package script

// iterableMethod serves what all collections can do without changing; items are its elements.
func (r *run) iterableMethod(self any, items []any, key string, args []any) (any, error) {
	if err := r.m.spend(len(items)); err != nil {
		return nil, err
	}
	switch key {
	case "stream/0":
		return &stream{items: items}, nil
	case "iterator/0", "listIterator/0":
		return &iterator{items: items}, nil
	case "toArray/0":
		return &list{items: items, array: true}, r.m.alloc(16 * len(items))
	case "asList/0", "asCollection/0":
		return self, nil
	case "forEach/1", "each/1":
		for _, v := range items {
			if _, err := r.invoke(args[0], v); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case "eachWithIndex/1":
		for i, v := range items {
			if _, err := r.invoke(args[0], v, int32(i)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case "contains/1":
		ok, err := r.contains(self, args[0])
		return ok, err
	case "containsAll/1":
		return r.containsAll(self, args[0])
	case "sum/0", "sum/1":
		return r.sumOf(items, args)
	case "join/1":
		return r.join(items, args)
	}
	return r.groovyMethod(items, key, args)
}

// groovyMethod serves the methods that Painless borrowed from Groovy.
func (r *run) groovyMethod(items []any, key string, args []any) (any, error) {
	switch key {
	case "any/1", "every/1":
		for _, v := range items {
			ok, err := r.test(args[0], v)
			if err != nil {
				return nil, err
			}
			if ok == (key == "any/1") {
				return ok, nil
			}
		}
		return key == "every/1", nil
	case "find/1":
		for _, v := range items {
			if ok, err := r.test(args[0], v); err != nil || ok {
				return v, err
			}
		}
		return nil, nil
	case "findAll/1":
		out, err := r.filter(items, args[0])
		return &list{items: out}, err
	case "collect/1":
		out, err := r.mapped(items, args[0])
		return &list{items: out}, err
	case "groupBy/1":
		return r.groupBy(items, args[0], "LinkedHashMap", nil)
	}
	return nil, notFoundError{}
}

func (r *run) containsAll(self, other any) (any, error) {
	want, err := r.iterate(other)
	if err != nil {
		return nil, err
	}
	for _, v := range want {
		if ok, err := r.contains(self, v); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (r *run) sumOf(items, args []any) (any, error) {
	sum := 0.0
	for _, v := range items {
		if len(args) == 1 {
			var err error
			if v, err = r.invoke(args[0], v); err != nil {
				return nil, err
			}
		}
		f, err := doubleArg([]any{v}, 0)
		if err != nil {
			return nil, err
		}
		sum += f
	}
	return sum, nil
}

func (r *run) join(items, args []any) (any, error) {
	sep, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	var out []byte
	for i, v := range items {
		s, err := r.str(v)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, sep...)
		}
		out = append(out, s...)
		if err := r.m.alloc(len(sep) + len(s)); err != nil {
			return nil, err
		}
	}
	return string(out), nil
}

func (r *run) filter(items []any, predicate any) ([]any, error) {
	var out []any
	for _, v := range items {
		ok, err := r.test(predicate, v)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, v)
		}
	}
	return out, r.m.alloc(16 * len(out))
}

func (r *run) mapped(items []any, f any) ([]any, error) {
	if err := r.m.alloc(16 * len(items)); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, v := range items {
		v, err := r.invoke(f, v)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// groupBy collects items under the key that f gives them; downstream, when it is not nil, reduces each group.
func (r *run) groupBy(items []any, f any, class string, downstream any) (any, error) {
	groups := newDict(class)
	for _, v := range items {
		k, err := r.invoke(f, v)
		if err != nil {
			return nil, err
		}
		g, ok, err := groups.get(r, k)
		if err != nil {
			return nil, err
		}
		l, _ := g.(*list)
		if !ok {
			l = &list{}
			if err := groups.put(r, k, l); err != nil {
				return nil, err
			}
		}
		l.items = append(l.items, v)
		if err := r.m.alloc(16); err != nil {
			return nil, err
		}
	}
	if downstream == nil {
		return groups, nil
	}
	for _, e := range groups.order {
		l, ok := e.value.(*list)
		if !ok {
			continue
		}
		var err error
		if e.value, err = r.invoke(downstream, l.items...); err != nil {
			return nil, err
		}
	}
	return groups, nil
}
