package script

import (
	"slices"
)

func (r *run) listMethod(l *list, key string, args []any) (any, error) {
	switch key {
	case "size/0", "getLength/0":
		return int32(len(l.items)), nil
	case "isEmpty/0":
		return len(l.items) == 0, nil
	case "get/1":
		return r.listGet(l, args)
	case "contains/1", "indexOf/1", "lastIndexOf/1":
		return r.search(l, key, args[0])
	}
	if !l.array {
		if v, err := r.changeList(l, key, args); !isNotFound(err) {
			return v, err
		}
	}
	items, err := r.elems(l)
	if err != nil {
		return nil, err
	}
	switch key {
	case "subList/2":
		from, to, err := bounds(args, len(items))
		if err != nil {
			return nil, err
		}
		return &list{items: items[from:to]}, nil
	}
	return r.iterableMethod(l, items, key, args)
}

func (r *run) listGet(l *list, args []any) (any, error) {
	i, err := intArg(args, 0)
	if err != nil {
		return nil, err
	}
	if err := l.within(i, len(l.items)); err != nil {
		return nil, err
	}
	return r.at(l, i)
}

func bounds(args []any, n int) (from, to int, err error) {
	if from, err = intArg(args, 0); err != nil {
		return 0, 0, err
	}
	if to, err = intArg(args, 1); err != nil {
		return 0, 0, err
	}
	if from < 0 || to > n || from > to {
		return 0, 0, throwf("IndexOutOfBoundsException", "fromIndex: %d, toIndex: %d, size: %d", from, to, n)
	}
	return from, to, nil
}

func (r *run) search(l *list, key string, v any) (any, error) {
	found := -1
	for i := range l.items {
		x, err := r.at(l, i)
		if err != nil {
			return nil, err
		}
		eq, err := r.same(x, v)
		if err != nil {
			return nil, err
		}
		if eq {
			found = i
			if key != "lastIndexOf/1" {
				break
			}
		}
	}
	if key == "contains/1" {
		return found >= 0, nil
	}
	return int32(found), nil
}

// changeList serves the methods that change a list.
func (r *run) changeList(l *list, key string, args []any) (any, error) {
	switch key {
	case "add/1":
		l.change()
		l.items = append(l.items, args[0])
		return true, r.m.alloc(24)
	case "add/2":
		i, err := intArg(args, 0)
		if err != nil {
			return nil, err
		}
		if i < 0 || i > len(l.items) {
			return nil, throwf("IndexOutOfBoundsException", "Index: %d, Size: %d", i, len(l.items))
		}
		l.change()
		l.items = slices.Insert(l.items, i, args[1])
		return nil, r.spendOn(1+len(l.items)/16, 24)
	case "addAll/1":
		more, err := r.iterate(args[0])
		if err != nil {
			return nil, err
		}
		l.change()
		l.items = append(l.items, more...)
		return len(more) > 0, r.spendOn(len(more), 24)
	case "set/2":
		i, err := intArg(args, 0)
		if err != nil {
			return nil, err
		}
		if err := l.within(i, len(l.items)); err != nil {
			return nil, err
		}
		old, err := r.at(l, i)
		l.set(i, args[1])
		return old, err
	case "remove/1":
		old, err := r.listGet(l, args)
		if err != nil {
			return nil, err
		}
		i, _ := intArg(args, 0)
		l.change()
		l.items = slices.Delete(l.items, i, i+1)
		return old, r.m.spend(len(l.items) / 16)
	case "clear/0":
		l.change()
		l.items = nil
		return nil, nil
	case "sort/1":
		return nil, r.sortList(l, args[0])
	case "removeIf/1", "removeAll/1", "retainAll/1", "replaceAll/1":
		return r.changeEach(l, key, args[0])
	}
	return nil, notFoundError{}
}

func (r *run) sortList(l *list, comparator any) error {
	items, err := r.sorted(l, comparator)
	if err != nil {
		return err
	}
	l.change()
	l.items = items
	return nil
}

func (r *run) sorted(over, comparator any) ([]any, error) {
	items, err := r.iterate(over)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	if err := r.spendOn(len(items), 16); err != nil {
		return nil, err
	}
	var failed error
	slices.SortStableFunc(items, func(a, b any) int {
		if failed != nil {
			return 0
		}
		var n int
		n, failed = r.compareWith(comparator, a, b)
		return n
	})
	return items, failed
}

// compareWith compares with a comparator, or naturally when it is null.
func (r *run) compareWith(comparator, a, b any) (int, error) {
	if comparator == nil {
		return r.compareNatural(a, b)
	}
	v, err := r.invoke(comparator, a, b)
	if err != nil {
		return 0, err
	}
	if k := rank(v); k == 0 {
		return 0, badArgument(v, "int")
	}
	return compareNumbers(v, int32(0)), nil
}

func (r *run) changeEach(l *list, key string, arg any) (any, error) {
	items, err := r.elems(l)
	if err != nil {
		return nil, err
	}
	if key == "replaceAll/1" {
		for i, v := range items {
			if items[i], err = r.invoke(arg, v); err != nil {
				return nil, err
			}
		}
		l.change()
		l.items = items
		return nil, nil
	}
	kept, err := r.kept(items, key, arg)
	if err != nil || len(kept) == len(items) {
		return false, err
	}
	l.change()
	l.items = kept
	return true, nil
}

// kept returns what removeIf, removeAll or retainAll leaves.
func (r *run) kept(items []any, key string, arg any) ([]any, error) {
	out := make([]any, 0, len(items))
	for _, v := range items {
		drop, err := r.drops(key, arg, v)
		if err != nil {
			return nil, err
		}
		if !drop {
			out = append(out, v)
		}
	}
	return out, nil
}

func (r *run) drops(key string, arg, v any) (bool, error) {
	if key == "removeIf/1" {
		return r.test(arg, v)
	}
	has, err := r.contains(arg, v)
	return has == (key == "removeAll/1"), err
}

// contains tells whether a collection has an element.
func (r *run) contains(c, v any) (bool, error) {
	if s, ok := c.(*set); ok {
		return s.has(r, v)
	}
	items, err := r.iterate(c)
	if err != nil {
		return false, err
	}
	for _, x := range items {
		if eq, err := r.same(x, v); err != nil || eq {
			return eq, err
		}
	}
	return false, nil
}

func (r *run) setMethod(s *set, key string, args []any) (any, error) {
	switch key {
	case "size/0":
		return int32(s.dict.size()), nil
	case "isEmpty/0":
		return s.dict.size() == 0, nil
	case "contains/1":
		return r.containsIn(s, args[0])
	case "add/1":
		return r.addTo(s, args[0])
	case "addAll/1":
		more, err := r.iterate(args[0])
		if err != nil {
			return nil, err
		}
		n := s.dict.size()
		for _, v := range more {
			if _, err := s.add(r, v); err != nil {
				return nil, err
			}
		}
		return s.dict.size() > n, nil
	case "remove/1":
		_, ok, err := s.dict.remove(r, args[0])
		return ok, err
	case "clear/0":
		s.dict.clear()
		return nil, nil
	}
	items, err := s.elems(r)
	if err != nil {
		return nil, err
	}
	switch key {
	case "removeIf/1", "removeAll/1", "retainAll/1":
		kept, err := r.kept(items, key, args[0])
		if err != nil || len(kept) == len(items) {
			return false, err
		}
		s.dict.clear()
		for _, v := range kept {
			if _, err := s.add(r, v); err != nil {
				return nil, err
			}
		}
		return true, nil
	}
	return r.iterableMethod(s, items, key, args)
}

func (r *run) containsIn(s *set, v any) (any, error) {
	ok, err := s.has(r, v)
	return ok, err
}

func (r *run) addTo(s *set, v any) (any, error) {
	ok, err := s.add(r, v)
	return ok, err
}

// viewMethod serves keySet(), values() and entrySet(): they read, and take elements out of the map.
func (r *run) viewMethod(l *list, key string, args []any) (any, error) {
	switch key {
	case "size/0":
		return int32(len(l.items)), nil
	case "isEmpty/0":
		return len(l.items) == 0, nil
	case "contains/1":
		return r.search(l, key, args[0])
	case "removeIf/1", "removeAll/1", "retainAll/1":
		return r.changeView(l, key, args[0])
	case "remove/1":
		one := &list{items: args}
		return r.changeView(l, "removeAll/1", one)
	case "add/1", "addAll/1":
		return nil, throwf("UnsupportedOperationException", "")
	}
	return r.iterableMethod(l, l.items, key, args)
}

func (r *run) changeView(l *list, key string, arg any) (any, error) {
	var items, keys []any
	for i, v := range l.items {
		drop, err := r.drops(key, arg, v)
		if err != nil {
			return nil, err
		}
		if !drop {
			items, keys = append(items, v), append(keys, l.view.keys[i])
			continue
		}
		if _, _, err := l.view.m.remove(r, l.view.keys[i]); err != nil {
			return nil, err
		}
	}
	changed := len(items) < len(l.items)
	l.items, l.view.keys = items, keys
	return changed, nil
}
