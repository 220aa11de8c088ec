package script

import (
	"math"
	"time"
	"unicode/utf16"
)

// equals is Java's equals, but numbers of different types compare by value, as Painless' == does for def.
func (r *run) equals(a, b any) (bool, error) {
	if err := r.m.step(); err != nil {
		return false, err
	}
	ra, rb := rank(a), rank(b)
	switch {
	case ra > 0 && rb > 0:
		if max(ra, rb) <= 2 {
			return toLong(a) == toLong(b), nil
		}
		return toDouble(a) == toDouble(b), nil
	case a == nil || b == nil:
		return a == nil && b == nil, nil
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y, r.m.spend(min(len(x), len(y)) / 16)
		}
		c, ok := b.(char)
		return ok && x == string(rune(c)), nil
	case char:
		y, ok := b.(string)
		return ok && y == string(rune(x)), nil
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y), nil
	case *builder, *lambda, *stream, *iterator, *pattern, *matcher, *docValues:
		return a == b, nil
	}
	return r.equalCollections(a, b)
}

func (r *run) equalCollections(a, b any) (bool, error) {
	defer r.m.leave()
	if err := r.m.enter(); err != nil {
		return false, err
	}
	switch x := a.(type) {
	case *list:
		y, ok := b.(*list)
		if !ok || x == y || len(x.items) != len(y.items) {
			return x == y, nil
		}
		return r.equalLists(x, y)
	case *set:
		y, ok := b.(*set)
		if !ok {
			return false, nil
		}
		return r.equalMaps(x.dict, y.dict)
	case *entry:
		y, ok := b.(*entry)
		if !ok {
			return false, nil
		}
		eq, err := r.same(x.key, y.key)
		if err != nil || !eq {
			return false, err
		}
		return r.same(x.value, y.value)
	}
	m, ok := asMapping(a)
	n, also := asMapping(b)
	if ok && also {
		return r.equalMaps(m, n)
	}
	if ok || also {
		return false, nil
	}
	ka, err := r.keyOf(a)
	if err != nil {
		return false, err
	}
	kb, err := r.keyOf(b)
	return ka == kb, err
}

func (r *run) equalLists(x, y *list) (bool, error) {
	for i := range min(len(x.items), len(y.items)) {
		a, err := r.at(x, i)
		if err != nil {
			return false, err
		}
		b, err := r.at(y, i)
		if err != nil {
			return false, err
		}
		if eq, err := r.same(a, b); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// same is Java's own equals, which tells an int from a long.
func (r *run) same(a, b any) (bool, error) {
	if rank(a) > 0 && rank(b) > 0 && className(a) != className(b) {
		return false, nil
	}
	return r.equals(a, b)
}

func (r *run) equalMaps(m, n mapping) (bool, error) {
	if m.size() != n.size() {
		return false, nil
	}
	es, err := m.list(r)
	if err != nil {
		return false, err
	}
	for _, e := range es {
		v, ok, err := n.get(r, e.key)
		if err != nil || !ok {
			return false, err
		}
		if eq, err := r.same(e.value, v); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// compareNatural is compareTo.
func (r *run) compareNatural(a, b any) (int, error) {
	if err := r.m.step(); err != nil {
		return 0, err
	}
	if a == nil || b == nil {
		return 0, nullFault("value")
	}
	if rank(a) > 0 && rank(b) > 0 {
		return compareNumbers(a, b), nil
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return compareStrings(x, y), r.m.spend(min(len(x), len(y)) / 16)
		}
	case bool:
		if y, ok := b.(bool); ok {
			return boolToInt(x) - boolToInt(y), nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y), nil
		}
	case zoned:
		if y, ok := b.(zoned); ok {
			return x.t.Compare(y.t), nil
		}
	case localDate:
		if y, ok := b.(localDate); ok {
			return x.t.Compare(y.t), nil
		}
	case localDateTime:
		if y, ok := b.(localDateTime); ok {
			return x.t.Compare(y.t), nil
		}
	case duration:
		if y, ok := b.(duration); ok {
			return compareNumbers(int64(x.d), int64(y.d)), nil
		}
	case dayOfWeek:
		if y, ok := b.(dayOfWeek); ok {
			return int(isoDay(x.day) - isoDay(y.day)), nil
		}
	case month:
		if y, ok := b.(month); ok {
			return int(x.m - y.m), nil
		}
	}
	return 0, castFault("class %s cannot be cast to class %s", className(a), className(b))
}

func compareNumbers(a, b any) int {
	if max(rank(a), rank(b)) <= 2 {
		x, y := toLong(a), toLong(b)
		return boolToInt(x > y) - boolToInt(x < y)
	}
	x, y := toDouble(a), toDouble(b)
	if math.IsNaN(x) || math.IsNaN(y) { // Double.compare puts NaN last
		return boolToInt(math.IsNaN(x)) - boolToInt(math.IsNaN(y))
	}
	return boolToInt(x > y) - boolToInt(x < y)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareStrings is String.compareTo: the difference of the first characters that differ, or of the lengths.
func compareStrings(a, b string) int {
	if !isASCII(a) || !isASCII(b) {
		x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				return int(x[i]) - int(y[i])
			}
		}
		return len(x) - len(y)
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}
