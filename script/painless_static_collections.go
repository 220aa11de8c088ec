package script

import "math"

func (r *run) objectsStatic(name string, args []any) (any, error) {
	switch methodKey(name, len(args)) {
	case "equals/2":
		if args[0] == nil || args[1] == nil {
			return args[0] == nil && args[1] == nil, nil
		}
		return r.dispatch(args[0], "equals/1", args[1:])
	case "isNull/1":
		return args[0] == nil, nil
	case "nonNull/1":
		return args[0] != nil, nil
	case "toString/1":
		return r.str(args[0])
	case "hashCode/1":
		h, err := r.hash(args[0])
		return h, err
	case "requireNonNull/1":
		if args[0] == nil {
			return nil, throwf("NullPointerException", "")
		}
		return args[0], nil
	}
	return nil, notFoundError{}
}

func (r *run) collectionsStatic(class, name string, args []any) (any, error) {
	switch class + "." + methodKey(name, len(args)) {
	case "Collections.sort/1", "Collections.sort/2":
		l, ok := args[0].(*list)
		if !ok || l.array {
			return nil, badArgument(args[0], "java.util.List")
		}
		if len(args) == 1 {
			return nil, r.sortList(l, nil)
		}
		return nil, r.sortList(l, args[1])
	case "Collections.reverse/1":
		l, ok := args[0].(*list)
		if !ok || l.array {
			return nil, badArgument(args[0], "java.util.List")
		}
		return nil, r.reverse(l)
	case "Collections.emptyList/0":
		return &list{}, nil
	case "Collections.emptyMap/0":
		return newDict("HashMap"), nil
	case "Collections.emptySet/0":
		return newSet("HashMap"), nil
	case "Collections.singletonList/1":
		return r.newList(args)
	case "Collections.reverseOrder/0":
		return r.comparatorStatic("reverseOrder", nil)
	case "Collections.frequency/2":
		items, err := r.iterate(args[0])
		if err != nil {
			return nil, err
		}
		n := int32(0)
		for _, v := range items {
			eq, err := r.equals(v, args[1])
			if err != nil {
				return nil, err
			}
			n += int32(boolToInt(eq))
		}
		return n, nil
	case "Collections.max/1", "Collections.min/1", "Collections.max/2", "Collections.min/2":
		return r.extremeOf(name, args)
	case "Arrays.asList/1":
		l, ok := args[0].(*list)
		if !ok {
			return nil, badArgument(args[0], "def[]")
		}
		items, err := r.elems(l)
		return &list{items: items}, err
	}
	return nil, notFoundError{}
}

func (r *run) reverse(l *list) error {
	items, err := r.elems(l)
	if err != nil {
		return err
	}
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
	}
	l.change()
	l.items = items
	return nil
}

func (r *run) extremeOf(name string, args []any) (any, error) {
	items, err := r.iterate(args[0])
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, throwf("NoSuchElementException", "")
	}
	var comparator any
	if len(args) == 2 {
		comparator = args[1]
	}
	v, err := r.extreme(items, name, comparator)
	if o, ok := v.(*optional); ok {
		v = o.v
	}
	return v, err
}

func (r *run) comparatorStatic(name string, args []any) (any, error) {
	switch methodKey(name, len(args)) {
	case "comparing/1", "comparingInt/1", "comparingLong/1", "comparingDouble/1":
		return r.comparing(args[0]), nil
	case "naturalOrder/0", "reverseOrder/0":
		sign := int32(1)
		if name == "reverseOrder" {
			sign = -1
		}
		return &lambda{call: func(r *run, a []any) (any, error) {
			if len(a) != 2 {
				return nil, argumentFault("a comparator takes two values")
			}
			n, err := r.compareNatural(a[0], a[1])
			return sign * int32(n), err
		}}, nil
	case "comparingByKey/0":
		return r.comparing(getterOf("getKey/0")), nil
	case "comparingByValue/0":
		return r.comparing(getterOf("getValue/0")), nil
	}
	return nil, notFoundError{}
}

func getterOf(key string) *lambda {
	return &lambda{call: func(r *run, a []any) (any, error) { return r.callMethod(a[0], key, nil) }}
}

func optionalStatic(name string, args []any) (any, error) {
	switch methodKey(name, len(args)) {
	case "of/1", "ofNullable/1":
		if args[0] == nil && name == "of" {
			return nil, throwf("NullPointerException", "")
		}
		return &optional{v: args[0], present: args[0] != nil}, nil
	case "empty/0":
		return &optional{}, nil
	}
	return nil, notFoundError{}
}

func patternStatic(name string, args []any) (any, error) {
	if name != "quote" || len(args) != 1 { // as in Painless, patterns come from literals only
		return nil, notFoundError{}
	}
	s, err := strArg(args, 0)
	return `\Q` + s + `\E`, err
}

func (r *run) streamStatic(class, name string, args []any) (any, error) {
	kind := map[string]typeKind{"IntStream": kindInt, "LongStream": kindLong, "DoubleStream": kindDouble}[class]
	switch methodKey(name, len(args)) {
	case "empty/0":
		return &stream{prim: kind}, nil
	case "range/2", "rangeClosed/2":
		from, err := longArg(args, 0)
		if err != nil {
			return nil, err
		}
		to, err := longArg(args, 1)
		if err != nil {
			return nil, err
		}
		if name == "range" {
			to--
		}
		if kind == kindDef || kind == kindDouble || from < math.MinInt32 || to > math.MaxInt32 {
			return nil, notFoundError{}
		}
		n := int(max(0, to-from+1))
		if err := r.spendOn(n, 16); err != nil {
			return nil, err
		}
		items := make([]any, n)
		for i := range items {
			items[i] = narrow(from+int64(i), kind)
		}
		return &stream{items: items, prim: kind}, nil
	}
	return nil, notFoundError{}
}
