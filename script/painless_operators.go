package script

func (n *unary) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	if n.op == "!" {
		b, err := r.truth(n.x, n.pos)
		return !b, err
	}
	x, err := n.x.eval(r)
	if err != nil {
		return nil, err
	}
	v, err := applyUnary(n.op, x)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func applyUnary(op string, x any) (any, error) {
	if x == nil {
		return nil, nullFault("unary")
	}
	switch v := x.(type) {
	case char:
		return applyUnary(op, int32(v))
	case int32:
		switch op {
		case "-":
			return -v, nil
		case "~":
			return ^v, nil
		}
		return v, nil
	case int64:
		switch op {
		case "-":
			return -v, nil
		case "~":
			return ^v, nil
		}
		return v, nil
	case float32:
		if op == "-" {
			return -v, nil
		}
		if op == "+" {
			return v, nil
		}
	case float64:
		if op == "-" {
			return -v, nil
		}
		if op == "+" {
			return v, nil
		}
	}
	return nil, castFault("Cannot apply [%s] operation to type [%s].", op, className(x))
}

func (n *binary) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	a, err := n.l.eval(r)
	if err != nil {
		return nil, err
	}
	b, err := n.r.eval(r)
	if err != nil {
		return nil, err
	}
	v, err := r.apply(n.op, a, b)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

func (n *logical) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	a, err := r.truth(n.l, n.pos)
	if err != nil || a != n.and {
		return a, err
	}
	return r.truthOf(n.r, n.pos)
}

// truthOf is truth for a node that must return any.
func (r *run) truthOf(x expr, pos int) (any, error) {
	b, err := r.truth(x, pos)
	return b, err
}

func (n *conditional) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	ok, err := r.truth(n.cond, n.pos)
	if err != nil {
		return nil, err
	}
	if ok {
		return n.then.eval(r)
	}
	return n.other.eval(r)
}

func (n *elvis) eval(r *run) (any, error) {
	v, err := n.x.eval(r)
	if err != nil || v != nil {
		return v, err
	}
	return n.other.eval(r)
}

func (n *instanceOf) eval(r *run) (any, error) {
	v, err := n.x.eval(r)
	if err != nil {
		return nil, err
	}
	return instance(v, boxedType(n.typ)), nil
}

// boxedType makes x instanceof int mean Integer.
func boxedType(t javaType) javaType {
	names := map[typeKind]string{
		kindBoolean: "Boolean", kindByte: "Byte", kindShort: "Short", kindChar: "Character", kindInt: "Integer",
		kindLong: "Long", kindFloat: "Float", kindDouble: "Double",
	}
	if name, ok := names[t.kind]; ok && t.dims == 0 {
		return javaType{kind: kindReference, name: name}
	}
	return t
}

func (n *castExpr) eval(r *run) (any, error) {
	v, err := n.x.eval(r)
	if err != nil {
		return nil, err
	}
	if v, err = r.cast(v, n.typ); err != nil {
		return nil, r.fail(n.pos, err)
	}
	return v, nil
}

// reference is a place that can be read and written; its parts are evaluated once.
type reference struct {
	local *localVar
	x     any
	field string
	index any
	pos   int
}

func (r *run) reference(target expr) (reference, error) {
	switch t := target.(type) {
	case *localVar:
		return reference{local: t, pos: t.pos}, nil
	case *fieldGet:
		x, err := t.x.eval(r)
		return reference{x: x, field: t.name, pos: t.pos}, err
	case *indexGet:
		x, err := t.x.eval(r)
		if err != nil {
			return reference{}, err
		}
		i, err := t.index.eval(r)
		return reference{x: x, index: i, pos: t.pos}, err
	}
	return reference{}, argumentFault("cannot assign a value to this expression")
}

func (r *run) read(ref reference) (any, error) {
	switch {
	case ref.local != nil:
		return r.slots[ref.local.slot], nil
	case ref.field != "":
		return r.getField(ref.x, ref.field)
	}
	return r.getIndex(ref.x, ref.index)
}

func (r *run) write(ref reference, v any) error {
	switch {
	case ref.local != nil:
		v, err := r.convert(v, ref.local.typ)
		if err != nil {
			return err
		}
		r.slots[ref.local.slot] = v
		return nil
	case ref.field != "":
		return r.setField(ref.x, ref.field, v)
	}
	return r.setIndex(ref.x, ref.index, v)
}

func (n *assign) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	ref, err := r.reference(n.target)
	if err != nil {
		return nil, err
	}
	var old any
	if n.op != "" {
		if old, err = r.read(ref); err != nil {
			return nil, r.fail(ref.pos, err)
		}
	}
	v, err := n.value.eval(r)
	if err != nil {
		return nil, err
	}
	if n.op != "" {
		if v, err = r.apply(n.op, old, v); err != nil {
			return nil, r.fail(n.pos, err)
		}
		v = fit(v, ref)
	}
	if err := r.write(ref, v); err != nil {
		return nil, r.fail(ref.pos, err)
	}
	return v, nil
}

// fit narrows the result of a compound assignment to the variable's type, as Java does without a cast.
func fit(v any, ref reference) any {
	if ref.local == nil || rank(v) == 0 || ref.local.typ.dims > 0 {
		return v
	}
	if k := ref.local.typ.kind; k >= kindByte && k <= kindDouble {
		return narrow(v, k)
	}
	return v
}

func (n *increment) eval(r *run) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, r.fail(n.pos, err)
	}
	ref, err := r.reference(n.target)
	if err != nil {
		return nil, err
	}
	old, err := r.read(ref)
	if err != nil {
		return nil, r.fail(ref.pos, err)
	}
	v, err := r.apply("+", old, n.delta)
	if err != nil {
		return nil, r.fail(n.pos, err)
	}
	if _, ok := old.(char); ok {
		v = narrow(v, kindChar)
	}
	v = fit(v, ref)
	if err := r.write(ref, v); err != nil {
		return nil, r.fail(ref.pos, err)
	}
	if n.prefix {
		return v, nil
	}
	return old, nil
}
