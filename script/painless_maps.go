package script

import (
	"slices"
)

// mapping is what all maps can do. Keys and values are values of a run.
type mapping interface {
	get(r *run, key any) (any, bool, error)
	put(r *run, key, value any) error
	remove(r *run, key any) (any, bool, error)
	size() int
	// list returns the entries in the order of iteration; changes to the map do not show in it.
	list(r *run) ([]*entry, error)
}

// goMap is a map of the caller. Scripts change it in place.
type goMap map[string]any

func asMapping(v any) (mapping, bool) {
	switch x := v.(type) {
	case map[string]any:
		return goMap(x), true
	case *dict:
		return x, true
	}
	return nil, false
}

func (m goMap) get(r *run, key any) (any, bool, error) {
	k, ok := key.(string)
	if !ok {
		return nil, false, nil
	}
	if _, ok := m[k]; !ok {
		return nil, false, nil
	}
	v, err := r.takeFrom(m, k)
	return v, true, err
}

func (m goMap) put(r *run, key, value any) error {
	k, err := r.str(key)
	if err != nil {
		return err
	}
	if r.readOnly != nil && mapID(m) == mapID(r.readOnly) {
		return throwf("UnsupportedOperationException", "")
	}
	r.written(m, k)
	if _, ok := m[k]; !ok {
		err = r.m.alloc(64 + len(k))
	}
	m[k] = value
	return err
}

func (m goMap) remove(r *run, key any) (any, bool, error) {
	v, ok, err := m.get(r, key)
	if err != nil || !ok {
		return nil, false, err
	}
	if r.readOnly != nil && mapID(m) == mapID(r.readOnly) {
		return nil, false, throwf("UnsupportedOperationException", "")
	}
	k, err := r.str(key)
	if err != nil {
		return nil, false, err
	}
	r.written(m, k)
	delete(m, k)
	return v, true, nil
}

func (m goMap) size() int { return len(m) }

func (m goMap) list(r *run) ([]*entry, error) {
	if err := r.spendOn(len(m), 64); err != nil {
		return nil, err
	}
	out := make([]*entry, 0, len(m))
	for _, k := range hashOrder(m) {
		v, err := r.takeFrom(m, k)
		if err != nil {
			return nil, err
		}
		out = append(out, &entry{key: k, value: v, owner: m})
	}
	return out, nil
}

func (d *dict) get(r *run, key any) (any, bool, error) {
	k, err := r.keyOf(key)
	if err != nil {
		return nil, false, err
	}
	e, ok := d.entries[k]
	if !ok {
		return nil, false, nil
	}
	return e.value, true, nil
}

func (d *dict) put(r *run, key, value any) error {
	k, err := r.keyOf(key)
	if err != nil {
		return err
	}
	if e, ok := d.entries[k]; ok {
		e.value = value
		return nil
	}
	if err := r.m.alloc(96); err != nil {
		return err
	}
	e := &entry{key: key, value: value, owner: d}
	d.entries[k] = e
	d.order = append(d.order, e)
	d.capacity = max(d.capacity, hashCapacity(len(d.entries)))
	return nil
}

func (d *dict) remove(r *run, key any) (any, bool, error) {
	k, err := r.keyOf(key)
	if err != nil {
		return nil, false, err
	}
	e, ok := d.entries[k]
	if !ok {
		return nil, false, nil
	}
	delete(d.entries, k)
	e.dead = true
	if len(d.order) > 2*len(d.entries)+16 {
		d.order = slices.DeleteFunc(d.order, func(e *entry) bool { return e.dead })
	}
	return e.value, true, nil
}

func (d *dict) size() int { return len(d.entries) }

func (d *dict) clear() {
	clear(d.entries)
	d.order = nil
}

func (d *dict) list(r *run) ([]*entry, error) {
	if err := r.spendOn(len(d.order), 8); err != nil {
		return nil, err
	}
	out := make([]*entry, 0, len(d.entries))
	for _, e := range d.order {
		if !e.dead {
			out = append(out, e)
		}
	}
	switch d.class {
	case "HashMap":
		slices.SortStableFunc(out, func(a, b *entry) int {
			return hashBucket(hashCode(a.key), d.capacity) - hashBucket(hashCode(b.key), d.capacity)
		})
	case "TreeMap":
		return out, r.sortBy(len(out), func(less func(a, b any) (int, error)) error {
			return sortEntries(out, less)
		})
	}
	return out, nil
}

// spendOn takes n steps and n times size bytes.
func (r *run) spendOn(n, size int) error {
	if err := r.m.spend(n); err != nil {
		return err
	}
	return r.m.alloc(n * size)
}

func sortEntries(es []*entry, less func(a, b any) (int, error)) error {
	var failed error
	slices.SortStableFunc(es, func(a, b *entry) int {
		if failed != nil {
			return 0
		}
		c, err := less(a.key, b.key)
		failed = err
		return c
	})
	return failed
}

func (r *run) sortBy(n int, sort func(less func(a, b any) (int, error)) error) error {
	if err := r.m.spend(n); err != nil {
		return err
	}
	return sort(r.compareNatural)
}

func newSet(class string) *set { return &set{dict: newDict(class)} }

func (s *set) add(r *run, v any) (bool, error) {
	n := s.dict.size()
	err := s.dict.put(r, v, nil)
	return s.dict.size() > n, err
}

func (s *set) has(r *run, v any) (bool, error) {
	_, ok, err := s.dict.get(r, v)
	return ok, err
}

func (s *set) elems(r *run) ([]any, error) {
	es, err := s.dict.list(r)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(es))
	for i, e := range es {
		out[i] = e.key
	}
	return out, nil
}

// mapView makes a list a view of a map, for entrySet().removeIf(…) and its like. The list itself is a copy.
type mapView struct {
	m    mapping
	what string // KeySet, Values or EntrySet
	keys []any  // of the list's elements
}

// view returns the keys, values or entries of m.
func (r *run) view(m mapping, what string) (any, error) {
	es, err := m.list(r)
	if err != nil {
		return nil, err
	}
	if err := r.m.alloc(48 + 32*len(es)); err != nil {
		return nil, err
	}
	v := &mapView{m: m, what: what, keys: make([]any, len(es))}
	items := make([]any, len(es))
	for i, e := range es {
		v.keys[i] = e.key
		switch what {
		case "KeySet":
			items[i] = e.key
		case "Values":
			items[i] = e.value
		default:
			items[i] = e
		}
	}
	return &list{items: items, view: v}, nil
}
