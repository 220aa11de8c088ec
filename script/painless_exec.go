package script

import (
	"cmp"
	"errors"
)

func (b *block) exec(r *run) (signal, error) {
	for _, s := range b.stmts {
		if sig, err := s.exec(r); err != nil || sig != goesOn {
			return sig, err
		}
	}
	return goesOn, nil
}

func (s *exprStmt) exec(r *run) (signal, error) {
	if err := r.m.step(); err != nil {
		return goesOn, r.fail(s.pos, err)
	}
	_, err := s.x.eval(r)
	return goesOn, err
}

func (s *declarations) exec(r *run) (signal, error) {
	for _, d := range s.vars {
		if err := d.declare(r); err != nil {
			return goesOn, err
		}
	}
	return goesOn, nil
}

func (s *declare) declare(r *run) error {
	if err := r.m.step(); err != nil {
		return r.fail(s.pos, err)
	}
	if s.init == nil {
		r.slots[s.slot] = s.typ.zero()
		return nil
	}
	v, err := s.init.eval(r)
	if err != nil {
		return err
	}
	if v, err = r.convert(v, s.typ); err != nil {
		return r.fail(cmp.Or(max(0, place(s.init)), s.pos), err)
	}
	r.slots[s.slot] = v
	return nil
}

// truth evaluates a condition.
func (r *run) truth(x expr, pos int) (bool, error) {
	v, err := x.eval(r)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, r.fail(cmp.Or(max(0, place(x)), pos), notBoolean(v))
	}
	return b, nil
}

func notBoolean(v any) error {
	if v == nil {
		return nullFault("value")
	}
	return castFault("cannot cast def [%s] to boolean", simpleName(v))
}

func (s *ifStmt) exec(r *run) (signal, error) {
	if err := r.m.step(); err != nil {
		return goesOn, r.fail(s.pos, err)
	}
	ok, err := r.truth(s.cond, s.pos)
	switch {
	case err != nil:
		return goesOn, err
	case ok:
		return s.then.exec(r)
	case s.other != nil:
		return s.other.exec(r)
	}
	return goesOn, nil
}

func (s *loop) exec(r *run) (signal, error) {
	for _, init := range s.init {
		if _, err := init.exec(r); err != nil {
			return goesOn, err
		}
	}
	for first := true; ; first = false {
		if err := r.m.step(); err != nil {
			return goesOn, r.fail(s.pos, err)
		}
		if s.cond != nil && (!first || !s.bodyFirst) {
			if ok, err := r.truth(s.cond, s.pos); err != nil || !ok {
				return goesOn, err
			}
		}
		if s.body != nil {
			if sig, err := s.body.exec(r); err != nil || sig == returns || sig == breaks {
				return sig & returns, err
			}
		}
		if s.step != nil {
			if _, err := s.step.eval(r); err != nil {
				return goesOn, err
			}
		}
	}
}

func (s *each) exec(r *run) (signal, error) {
	over, err := s.over.eval(r)
	if err != nil {
		return goesOn, err
	}
	items, err := r.iterate(over)
	if err != nil {
		return goesOn, r.fail(s.pos, err)
	}
	l, _ := over.(*list)
	changes := 0
	if l != nil {
		changes = l.changes
	}
	for _, v := range items {
		if err := r.m.step(); err != nil {
			return goesOn, r.fail(s.pos, err)
		}
		if l != nil && l.changes != changes {
			return goesOn, r.fail(s.pos, throwf("ConcurrentModificationException", ""))
		}
		if v, err = r.convert(v, s.typ); err != nil {
			return goesOn, r.fail(s.pos, err)
		}
		r.slots[s.slot] = v
		if s.body == nil {
			continue
		}
		if sig, err := s.body.exec(r); err != nil || sig == returns || sig == breaks {
			return sig & returns, err
		}
	}
	return goesOn, nil
}

// iterate returns what a for loop or a collection method goes through.
func (r *run) iterate(v any) ([]any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nullFault("callArgs[0]")
	case *list:
		return r.elems(x)
	case *set:
		return x.elems(r)
	case *docValues:
		return x.values, r.m.spend(len(x.values))
	case *stream:
		return x.items, nil
	}
	return nil, argumentFault("Cannot iterate over [%s]", className(v))
}

func (s *returnStmt) exec(r *run) (signal, error) {
	if err := r.m.step(); err != nil {
		return goesOn, r.fail(s.pos, err)
	}
	r.result = nil
	if s.x == nil {
		return returns, nil
	}
	v, err := s.x.eval(r)
	if err != nil {
		return goesOn, err
	}
	if s.typ.kind == kindVoid {
		return returns, nil
	}
	if v, err = r.convert(v, s.typ); err != nil {
		return goesOn, r.fail(s.pos, err)
	}
	r.result = v
	return returns, nil
}

func (s *throwStmt) exec(r *run) (signal, error) {
	v, err := s.x.eval(r)
	if err != nil {
		return goesOn, err
	}
	x, ok := v.(*exception)
	if !ok {
		if v == nil {
			return goesOn, r.fail(s.pos, nullFault("exception"))
		}
		return goesOn, r.fail(s.pos, castFault("class %s cannot be cast to class java.lang.Exception", className(v)))
	}
	return goesOn, r.fail(s.pos, &fault{kind: KindRuntime, class: x.class, msg: x.msg})
}

func (s *tryStmt) exec(r *run) (signal, error) {
	slots, depth := r.slots, r.m.depth
	sig, err := s.body.exec(r)
	var e *Error
	if err == nil || !errors.As(err, &e) || e.Kind != KindRuntime {
		return sig, err
	}
	r.slots, r.m.depth = slots, depth
	for _, t := range s.traps {
		if catches(t.class, e.javaClass) {
			r.slots[t.slot] = &exception{class: e.javaClass, msg: e.Msg}
			return t.body.exec(r)
		}
	}
	return sig, err
}

func (s *jump) exec(*run) (signal, error) { return s.sig, nil }
