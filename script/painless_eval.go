package script

func (n *literal) eval(*run) (any, error) { return n.v, nil }

func (n *localVar) eval(r *run) (any, error) { return r.slots[n.slot], nil }

func (n *globalVar) eval(r *run) (any, error) {
	if _, ok := r.vars[n.name]; !ok { // only params may be left out
		return map[string]any{}, nil
	}
	v, err := r.takeFrom(r.vars, n.name)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (n *typeRef) eval(r *run) (any, error) {
	return nil, r.fail(n.pos, argumentFault("a type is not a value: [%s]", n.typ))
}

func (n *fieldGet) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	if t, ok := n.x.(*typeRef); ok {
		v, err := staticField(t.typ.name, n.name)
		if err != nil {
			return nil, r.fail(n.pos, err)
		}
		return v, nil
	}
	x, err := n.x.eval(r)
	if err != nil || x == nil && n.safe {
		return nil, err
	}
	v, err := r.getField(x, n.name)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (n *indexGet) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	x, err := n.x.eval(r)
	if err != nil {
		return nil, err
	}
	i, err := n.index.eval(r)
	if err != nil {
		return nil, err
	}
	v, err := r.getIndex(x, i)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (r *run) evalAll(xs []expr) ([]any, error) {
	if len(xs) == 0 {
		return nil, nil
	}
	out := make([]any, len(xs))
	for i, x := range xs {
		v, err := x.eval(r)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (n *methodCall) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	if t, ok := n.x.(*typeRef); ok {
		args, err := r.evalAll(n.args)
		if err != nil {
			return nil, err
		}
		v, err := r.callStatic(t.typ.name, n.name, args)
		if err != nil {
			return nil, r.fail(n.pos, err)
		}
		return v, nil
	}
	x, err := n.x.eval(r)
	if err != nil || x == nil && n.safe {
		return nil, err
	}
	args, err := r.evalAll(n.args)
	if err != nil {
		return nil, err
	}
	v, err := r.callMethod(x, n.key, args)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (n *functionCall) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	args, err := r.evalAll(n.args)
	if err != nil {
		return nil, err
	}
	v, err := r.call(n.fn, nil, args)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

// call runs a function, or a lambda with the variables that it captured.
func (r *run) call(fn *function, captured, args []any) (any, error) {
	defer r.m.leave()
	if err := r.m.enter(); err != nil {
		return nil, err
	}
	if len(args) != len(fn.params) {
		return nil, argumentFault("Incorrect number of parameters for [%s] in [%s]: expected [%d], got [%d]",
			fn.name, fn.name, len(fn.params), len(args))
	}
	if err := r.m.spend(1 + fn.frame.size/8); err != nil {
		return nil, err
	}
	slots := make([]any, fn.frame.size)
	copy(slots, captured)
	for i, p := range fn.params {
		v, err := r.convert(args[i], p.typ)
		if err != nil {
			return nil, err
		}
		slots[p.slot] = v
	}
	saved := r.slots
	r.slots, r.result = slots, nil
	sig, err := fn.body.exec(r)
	r.slots = saved
	if err != nil {
		return nil, err
	}
	if sig != returns {
		return fn.result.zero(), nil
	}
	return r.result, nil
}

// invoke calls a function object.
func (r *run) invoke(f any, args ...any) (any, error) {
	l, ok := f.(*lambda)
	switch {
	case f == nil:
		return nil, nullFault("function")
	case !ok:
		return nil, castFault("Cannot cast %s to java.util.function.Function", className(f))
	}
	if err := r.m.step(); err != nil {
		return nil, err
	}
	if l.call != nil {
		defer r.m.leave()
		if err := r.m.enter(); err != nil {
			return nil, err
		}
		return l.call(r, args)
	}
	return r.call(l.fn, l.slots, args)
}

func (n *lambdaLiteral) eval(r *run) (any, error) {
	if err := r.m.spend(1 + len(r.slots)/8); err != nil {
		return nil, r.fail(n.pos, err)
	}
	captured := make([]any, len(r.slots))
	copy(captured, r.slots)
	return &lambda{fn: n.fn, slots: captured}, nil
}

func (n *methodRef) eval(r *run) (any, error) {
	switch {
	case n.fn != nil:
		return &lambda{call: func(r *run, args []any) (any, error) {
			call := functionCall{name: n.name, args: make([]expr, len(args))}
			fn := r.p.functions[call.key()]
			if fn == nil {
				return nil, argumentFault("Unknown call [%s] with [%d] arguments.", n.name, len(args))
			}
			return r.call(fn, nil, args)
		}}, nil
	case n.x != nil:
		x, err := n.x.eval(r)
		if err != nil {
			return nil, err
		}
		return &lambda{call: func(r *run, args []any) (any, error) {
			return r.callMethod(x, methodKey(n.name, len(args)), args)
		}}, nil
	case n.name == "new":
		return &lambda{call: func(r *run, args []any) (any, error) { return r.construct(n.typ, args) }}, nil
	}
	return &lambda{call: func(r *run, args []any) (any, error) {
		v, err := r.callStatic(n.typ.name, n.name, args)
		if isNotFound(err) && len(args) > 0 {
			return r.callMethod(args[0], methodKey(n.name, len(args)-1), args[1:])
		}
		return v, err
	}}, nil
}

func (n *newObject) eval(r *run) (any, error) {
	args, err := r.evalAll(n.args)
	if err != nil {
		return nil, err
	}
	v, err := r.construct(n.typ, args)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (n *newArray) eval(r *run) (any, error) {
	if n.elems != nil {
		items, err := r.evalAll(n.elems)
		if err != nil {
			return nil, err
		}
		for i, v := range items {
			if items[i], err = r.convert(v, n.typ); err != nil {
				return nil, r.fail(n.pos, err)
			}
		}
		l, err := r.newList(items)
		if err != nil {
			return nil, r.fail(n.pos, err)
		}
		l.array = true
		return l, nil
	}
	sizes, err := r.evalAll(n.sizes)
	if err != nil {
		return nil, err
	}
	v, err := r.array(n.typ, sizes)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (r *run) array(typ javaType, sizes []any) (any, error) {
	n, err := intArg(sizes, 0)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, throwf("NegativeArraySizeException", "%d", n)
	}
	if err := r.spendOn(n, 16); err != nil {
		return nil, err
	}
	l := &list{items: make([]any, n), array: true}
	for i := range l.items {
		l.items[i] = typ.zero()
		if len(sizes) > 1 {
			if l.items[i], err = r.array(typ, sizes[1:]); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

func (n *listLiteral) eval(r *run) (any, error) {
	items, err := r.evalAll(n.elems)
	if err != nil {
		return nil, err
	}
	l, err := r.newList(items)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return l, nil
}

func (n *mapLiteral) eval(r *run) (any, error) {
	if err := r.m.alloc(64); err != nil {
		return nil, r.fail(n.pos, err)
	}
	d := newDict("HashMap")
	for i := range n.keys {
		k, err := n.keys[i].eval(r)
		if err != nil {
			return nil, err
		}
		v, err := n.values[i].eval(r)
		if err != nil {
			return nil, err
		}
		if err := d.put(r, k, v); err != nil {
			return nil, r.fail(n.pos, err)
		}
	}
	return d, nil
}
