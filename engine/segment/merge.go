package segment

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Merge returns the mapping with what update adds or changes. Types do not change, and most parameters neither. If nothing
// is different the receiver itself is returned. The error is an [*Error].
func (m *Mapping) Merge(update *Mapping, limits Limits) (*Mapping, error) {
	root, err := m.root.merge(update.root)
	if err != nil {
		return nil, err
	}
	meta := maps.Clone(m.meta)
	maps.Copy(meta, update.meta)
	out := &Mapping{root: root, meta: meta}
	a, _ := m.MarshalJSON()
	b, _ := out.MarshalJSON()
	if string(a) == string(b) {
		return m, nil
	}
	out.index()
	if err := out.checkTargets(); err != nil {
		return nil, err
	}
	if err := out.check(limits); err != nil {
		return nil, err
	}
	return out, nil
}

// Check refuses a mapping that passes the limits.
func (m *Mapping) Check(limits Limits) error {
	if err := m.check(limits); err != nil {
		return err
	}
	return nil
}

func (m *Mapping) check(l Limits) *Error {
	or := func(n, def int) int {
		if n <= 0 {
			return def
		}
		return n
	}
	total, depth, nested := or(l.TotalFields, 1000), or(l.Depth, 20), or(l.NestedFields, 50)
	if m.count > total {
		return illegalArgument(fmt.Sprintf("Limit of total fields [%d] has been exceeded", total))
	}
	var err *Error
	found := 0
	m.walk(m.root, func(n *mapper) {
		if n.typ == Nested {
			found++
		}
		if n.isObject() && strings.Count(n.path, ".")+2 > depth && err == nil {
			err = illegalArgument(fmt.Sprintf("Limit of mapping depth [%d] has been exceeded due to object field [%s]", depth, n.path))
		}
	})
	if err == nil && found > nested {
		err = illegalArgument(fmt.Sprintf("Limit of nested fields [%d] has been exceeded", nested))
	}
	return err
}

// merge returns m with what is new or changed in u. Neither is modified.
func (m *mapper) merge(u *mapper) (*mapper, *Error) {
	switch {
	case m.isObject() && u.isObject():
		return m.mergeObject(u)
	case m.isObject():
		return nil, illegalArgument("can't merge a non object mapping [" + m.path + "] with an object mapping")
	case u.isObject():
		return nil, illegalArgument("can't merge a non object mapping [" + m.path + "] with an object mapping")
	case m.typ != u.typ:
		return nil, illegalArgument(fmt.Sprintf("mapper [%s] cannot be changed from type [%s] to [%s]", m.path, m.typ, u.typ))
	}
	return m.mergeLeaf(u)
}

func (m *mapper) mergeObject(u *mapper) (*mapper, *Error) {
	if m.typ != u.typ {
		from, to := "non-nested", "nested"
		if m.typ == Nested {
			from, to = to, from
		}
		return nil, illegalArgument(fmt.Sprintf("object mapping [%s] can't be changed from %s to %s", m.path, from, to))
	}
	if m.disabled != u.disabled && (len(u.props) == 0 || u.disabled) && m.path != "" {
		return nil, &Error{Type: "mapper_exception", Reason: "the [enabled] parameter can't be updated for the object mapping [" + m.path + "]"}
	}
	out := *m
	out.props = maps.Clone(m.props)
	if u.dynamic != "" {
		out.dynamic = u.dynamic
	}
	for _, name := range slices.Sorted(maps.Keys(u.props)) {
		child := u.props[name]
		if old := m.props[name]; old != nil {
			var err *Error
			if child, err = old.merge(child); err != nil {
				return nil, err
			}
		}
		out.props[name] = child
	}
	return &out, nil
}

func (m *mapper) mergeLeaf(u *mapper) (*mapper, *Error) {
	out := *m
	out.params = maps.Clone(m.params)
	out.subs = maps.Clone(m.subs)
	var conflicts []string
	for _, name := range paramOrder {
		p, ok := lookupParam(m.typ, name)
		was, is := string(m.params[name]), string(u.params[name])
		if !ok || was == is {
			continue
		}
		if !p.updatable {
			conflicts = append(conflicts, fmt.Sprintf("Cannot update parameter [%s] from [%s] to [%s]", name, p.shown(was), p.shown(is)))
			continue
		}
		if is == "" {
			delete(out.params, name)
		} else {
			out.params[name] = json.RawMessage(is)
		}
	}
	if len(conflicts) > 0 {
		return nil, illegalArgument(fmt.Sprintf("Mapper for [%s] conflicts with existing mapper:\n\t%s", m.path, strings.Join(conflicts, "\n\t")))
	}
	for name, sub := range u.subs {
		if old := m.subs[name]; old != nil {
			var err *Error
			if sub, err = old.merge(sub); err != nil {
				return nil, err
			}
		}
		if out.subs == nil {
			out.subs = map[string]*mapper{}
		}
		out.subs[name] = sub
	}
	return &out, out.makeField()
}

func (p param) shown(v string) string {
	if v == "" {
		v = p.def
	}
	return strings.Trim(v, `"`)
}
