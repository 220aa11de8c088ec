package script

// lambdaMethod calls a function object by whatever its interface names the call, and combines comparators.
func (r *run) lambdaMethod(l *lambda, key string, args []any) (any, error) {
	switch key {
	case "apply/1", "apply/2", "applyAsInt/1", "applyAsInt/2", "applyAsLong/1", "applyAsLong/2", "applyAsDouble/1",
		"applyAsDouble/2", "test/1", "test/2", "accept/1", "accept/2", "get/0", "compare/2":
		return r.invoke(l, args...)
	case "reversed/0":
		return &lambda{call: func(r *run, a []any) (any, error) {
			if len(a) != 2 {
				return nil, argumentFault("a comparator takes two values")
			}
			return r.invoke(l, a[1], a[0])
		}}, nil
	case "thenComparing/1":
		return &lambda{call: func(r *run, a []any) (any, error) {
			v, err := r.invoke(l, a...)
			if err != nil || toLong(v) != 0 {
				return v, err
			}
			return r.compareBy(args[0], a)
		}}, nil
	case "negate/0":
		return &lambda{call: func(r *run, a []any) (any, error) {
			v, err := r.invoke(l, a...)
			if err != nil {
				return nil, err
			}
			return applyNot(v)
		}}, nil
	}
	return nil, notFoundError{}
}

func applyNot(v any) (any, error) {
	b, ok := v.(bool)
	if !ok {
		return nil, notBoolean(v)
	}
	return !b, nil
}

// compareBy compares two values by a comparator or by the key that a function of one value extracts.
func (r *run) compareBy(f any, a []any) (any, error) {
	l, ok := f.(*lambda)
	if !ok || len(a) != 2 {
		return nil, castFault("Cannot cast %s to java.util.Comparator", className(f))
	}
	if l.fn != nil && len(l.fn.params) == 1 {
		return r.invoke(r.comparing(f), a...)
	}
	return r.invoke(l, a...)
}

// comparing makes a comparator from a function that extracts the key.
func (r *run) comparing(key any) *lambda {
	return &lambda{call: func(r *run, a []any) (any, error) {
		if len(a) != 2 {
			return nil, argumentFault("a comparator takes two values")
		}
		x, err := r.invoke(key, a[0])
		if err != nil {
			return nil, err
		}
		y, err := r.invoke(key, a[1])
		if err != nil {
			return nil, err
		}
		n, err := r.compareNatural(x, y)
		return int32(n), err
	}}
}

// test calls a predicate.
func (r *run) test(f any, args ...any) (bool, error) {
	v, err := r.invoke(f, args...)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, notBoolean(v)
	}
	return b, nil
}
