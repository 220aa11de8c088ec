package script

func (r *run) mapMethod(m mapping, key string, args []any) (any, error) {
	switch key {
	case "size/0":
		return int32(m.size()), nil
	case "isEmpty/0":
		return m.size() == 0, nil
	case "get/1":
		v, _, err := m.get(r, args[0])
		return v, err
	case "getOrDefault/2":
		v, ok, err := m.get(r, args[0])
		if !ok {
			v = args[1]
		}
		return v, err
	case "containsKey/1":
		_, ok, err := m.get(r, args[0])
		return ok, err
	case "keySet/0":
		return r.view(m, "KeySet")
	case "values/0":
		return r.view(m, "Values")
	case "entrySet/0":
		return r.view(m, "EntrySet")
	case "put/2", "putIfAbsent/2", "replace/2":
		return r.putMethod(m, key, args)
	case "remove/1":
		v, _, err := m.remove(r, args[0])
		return v, err
	case "computeIfAbsent/2", "computeIfPresent/2", "compute/2", "merge/3":
		return r.computeMethod(m, key, args)
	}
	return r.wholeMapMethod(m, key, args)
}

func (r *run) putMethod(m mapping, key string, args []any) (any, error) {
	old, ok, err := m.get(r, args[0])
	if err != nil {
		return nil, err
	}
	if key == "putIfAbsent/2" && ok && old != nil || key == "replace/2" && !ok {
		return old, nil
	}
	return old, m.put(r, args[0], args[1])
}

func (r *run) computeMethod(m mapping, key string, args []any) (any, error) {
	old, _, err := m.get(r, args[0])
	if err != nil {
		return nil, err
	}
	var v any
	switch {
	case key == "computeIfAbsent/2":
		if old != nil {
			return old, nil
		}
		v, err = r.invoke(args[1], args[0])
	case key == "merge/3" && old == nil:
		v = args[1]
	case key == "merge/3":
		v, err = r.invoke(args[2], old, args[1])
	case key == "computeIfPresent/2" && old == nil:
		return nil, nil
	default:
		v, err = r.invoke(args[1], args[0], old)
	}
	if err != nil {
		return nil, err
	}
	if v == nil {
		_, _, err := m.remove(r, args[0])
		return nil, err
	}
	return v, m.put(r, args[0], v)
}

// wholeMapMethod serves the methods that go through all entries.
func (r *run) wholeMapMethod(m mapping, key string, args []any) (any, error) {
	switch key {
	case "putAll/1":
		other, ok := asMapping(args[0])
		if !ok {
			return nil, badArgument(args[0], "java.util.Map")
		}
		return nil, r.putAll(m, other)
	case "containsValue/1", "clear/0", "forEach/1", "each/1", "replaceAll/1", "any/1", "every/1", "find/1", "findAll/1",
		"collect/1", "count/1":
	default:
		return nil, notFoundError{}
	}
	es, err := m.list(r)
	if err != nil {
		return nil, err
	}
	switch key {
	case "find/1", "findAll/1", "every/1", "any/1", "count/1", "collect/1":
		return r.searchMap(es, key, args[0])
	}
	for _, e := range es {
		switch key {
		case "containsValue/1":
			if eq, err := r.equals(e.value, args[0]); err != nil || eq {
				return eq, err
			}
		case "clear/0":
			_, _, err = m.remove(r, e.key)
		case "replaceAll/1":
			var v any
			if v, err = r.invoke(args[0], e.key, e.value); err == nil {
				err = m.put(r, e.key, v)
			}
		default:
			_, err = r.invoke(args[0], e.key, e.value)
		}
		if err != nil {
			return nil, err
		}
	}
	if key == "containsValue/1" {
		return false, nil
	}
	return nil, nil
}

func (r *run) putAll(m, other mapping) error {
	es, err := other.list(r)
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := m.put(r, e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) searchMap(es []*entry, key string, f any) (any, error) {
	found, collected := newDict("LinkedHashMap"), &list{}
	for _, e := range es {
		v, err := r.invoke(f, e.key, e.value)
		if err != nil {
			return nil, err
		}
		if key == "collect/1" {
			collected.items = append(collected.items, v)
			continue
		}
		ok, isBool := v.(bool)
		switch {
		case !isBool:
			return nil, notBoolean(v)
		case key == "find/1" && ok:
			return e, nil
		case key == "every/1" && !ok, key == "any/1" && ok:
			return ok, nil
		case ok:
			if err := found.put(r, e.key, e.value); err != nil {
				return nil, err
			}
		}
	}
	switch key {
	case "collect/1":
		return collected, r.m.alloc(16 * len(collected.items))
	case "count/1":
		return int32(found.size()), nil
	case "every/1", "any/1":
		return key == "every/1", nil
	case "find/1":
		return nil, nil
	}
	return found, nil
}
