package script

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// Inside a run, values are: nil, bool, int32 (int, short, byte), int64 (long), float32, float64, char, string,
// map[string]any (of the caller), the types below, time.Time (an Instant that has the getters of a date too), and
// json.Number for integers beyond a long.

// char is Java's: one UTF-16 unit.
type char uint16

// list is a java.util.List or an array.
type list struct {
	items   []any
	array   bool  // of fixed length
	shared  bool  // items belong to the caller and are copied before the first change
	dirty   bool  // changed since it was taken from the caller
	parent  *list // the caller's list that holds it
	changes int
	view    *mapView // of a map's keys, values or entries
}

// change must come before every write to items.
func (l *list) change() {
	l.unshare()
	l.changes++
	for p := l; p != nil; p = p.parent {
		p.dirty = true
	}
}

func (l *list) unshare() {
	if l.shared {
		l.items, l.shared = slices.Clone(l.items), false
	}
}

type entry struct {
	key, value any
	owner      mapping // for setValue; nil makes the entry immutable
	dead       bool
}

// dict is a map that the script made.
type dict struct {
	class    string // HashMap, LinkedHashMap or TreeMap
	entries  map[any]*entry
	order    []*entry // by insertion, with dead ones until they outnumber the living
	capacity int
}

// set is a java.util.Set; its elements are the keys.
type set struct{ dict *dict }

type builder struct{ b []byte }

// exception is a throwable that a script made or caught.
type exception struct{ class, msg string }

// lambda is a function object: a lambda or a method reference.
type lambda struct {
	fn    *function
	slots []any                                          // captured
	call  func(r *run, args []any) (result any, e error) // in place of fn
}

// stream is a java.util.stream.Stream, evaluated eagerly. prim is int, long or double for the primitive ones.
type stream struct {
	items []any
	prim  typeKind
}

type optional struct {
	v       any
	present bool
}

type iterator struct {
	items []any
	next  int
}

type (
	localDate     struct{ t time.Time }
	localDateTime struct{ t time.Time }
	duration      struct{ d time.Duration }
	zoned         struct{ t time.Time }
	zone          struct{ loc *time.Location }
	formatter     struct{ layout string }
	chronoUnit    struct{ name string }
	dayOfWeek     struct{ day time.Weekday }
	month         struct{ m time.Month }
	docValues     struct{ values []any }
)

// compound stands for a key that Go cannot hash.
type compound struct{ text string }

func newDict(class string) *dict {
	return &dict{class: class, entries: map[any]*entry{}, capacity: 16}
}

func (r *run) newList(items []any) (*list, error) {
	return &list{items: items}, r.m.alloc(48 + 16*len(items))
}

// keyOf makes a value usable as a key of a Go map, distinct where Java's equals is.
func (r *run) keyOf(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, string, int32, int64, float32, float64, char, chronoUnit, dayOfWeek, month, localDate, localDateTime, duration:
		return x, nil
	case time.Time:
		return compound{"time " + x.UTC().String()}, nil
	}
	s, err := r.str(v)
	return compound{className(v) + " " + s}, err
}

func hashCode(v any) int32 {
	switch x := v.(type) {
	case string:
		return stringHash(x)
	case int32:
		return x
	case char:
		return int32(x)
	case int64:
		return int32(x ^ int64(uint64(x)>>32))
	case float64:
		b := math.Float64bits(x)
		return int32(b ^ b>>32)
	case float32:
		return int32(math.Float32bits(x))
	case bool:
		if x {
			return 1231
		}
		return 1237
	}
	return 0
}

// className is the Java class that errors name.
func className(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case bool:
		return "java.lang.Boolean"
	case int32:
		return "java.lang.Integer"
	case int64:
		return "java.lang.Long"
	case float32:
		return "java.lang.Float"
	case float64:
		return "java.lang.Double"
	case json.Number:
		return "java.math.BigInteger"
	case char:
		return "java.lang.Character"
	case string:
		return "java.lang.String"
	case *list:
		if x.array {
			return "def[]"
		}
		if x.view != nil {
			return "java.util.HashMap." + x.view.what
		}
		return "java.util.ArrayList"
	case map[string]any:
		return "java.util.HashMap"
	case *dict:
		return "java.util." + x.class
	case *set:
		return "java.util." + x.dict.setClass()
	case *exception:
		return exceptionPackage(x.class) + "." + x.class
	case Object:
		return x.ClassName()
	}
	return classNameOfLibrary(v)
}

func classNameOfLibrary(v any) string {
	switch v.(type) {
	case *builder:
		return "java.lang.StringBuilder"
	case *entry:
		return "java.util.Map.Entry"
	case *lambda:
		return "java.util.function.Function"
	case *stream:
		return "java.util.stream.Stream"
	case *optional:
		return "java.util.Optional"
	case *iterator:
		return "java.util.Iterator"
	case *pattern:
		return "java.util.regex.Pattern"
	case *matcher:
		return "java.util.regex.Matcher"
	case time.Time:
		return "java.time.Instant"
	case zoned:
		return "java.time.ZonedDateTime"
	case localDate:
		return "java.time.LocalDate"
	case localDateTime:
		return "java.time.LocalDateTime"
	case duration:
		return "java.time.Duration"
	case zone:
		return "java.time.ZoneId"
	case formatter:
		return "java.time.format.DateTimeFormatter"
	case chronoUnit:
		return "java.time.temporal.ChronoUnit"
	case dayOfWeek:
		return "java.time.DayOfWeek"
	case month:
		return "java.time.Month"
	case *docValues:
		return "org.opensearch.index.fielddata.ScriptDocValues"
	case Doc:
		return "org.opensearch.search.lookup.LeafDocLookup"
	}
	return "java.lang.Object"
}

func (d *dict) setClass() string {
	switch d.class {
	case "LinkedHashMap":
		return "LinkedHashSet"
	case "TreeMap":
		return "TreeSet"
	}
	return "HashSet"
}

// take makes a value of the caller one of ours, when it is not held by a map; see takeFrom.
func (r *run) take(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, string, int32, int64, float64, float32, char, map[string]any, *list, *dict, time.Time:
		return x, nil
	case json.Number:
		return parseNumber(x), nil
	case int:
		if x >= math.MinInt32 && x <= math.MaxInt32 {
			return int32(x), nil
		}
		return int64(x), nil
	case []any:
		return &list{items: x, shared: true}, r.m.alloc(64)
	case []string:
		return copied(r, x)
	case []map[string]any:
		return copied(r, x)
	case map[string]string:
		m := make(map[string]any, len(x))
		for k, v := range x {
			m[k] = v
		}
		return m, r.m.alloc(64 * len(x))
	case Object, Doc:
		return x, nil
	}
	if isOurs(v) {
		return v, nil
	}
	return nil, argumentFault("a variable holds a value that scripts do not know: %T", v)
}

func isOurs(v any) bool { return className(v) != "java.lang.Object" }

func copied[T any](r *run, xs []T) (any, error) {
	items := make([]any, len(xs))
	for i, x := range xs {
		items[i] = x
	}
	return r.newList(items)
}

// parseNumber gives a JSON number the Java type that OpenSearch's parser gives it.
func parseNumber(n json.Number) any {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		if i >= math.MinInt32 && i <= math.MaxInt32 {
			return int32(i)
		}
		return i
	}
	for i := range len(n) {
		if c := n[i]; c == '.' || c == 'e' || c == 'E' {
			if f, err := n.Float64(); err == nil {
				return f
			}
			break
		}
	}
	return n
}

// listKey names a list of the caller by the map that holds it.
type listKey struct {
	owner uintptr
	key   string
}

func mapID(m map[string]any) uintptr { return reflect.ValueOf(m).Pointer() }

// takeFrom returns the value at key of a map of the caller. A list is wrapped once, so that all who read it see each
// other's changes.
func (r *run) takeFrom(m map[string]any, key string) (any, error) {
	v := m[key]
	switch x := v.(type) {
	case map[string]any, string, nil, bool:
		return v, nil
	case json.Number:
		return parseNumber(x), nil
	case []any, []string, []map[string]any:
		id := listKey{mapID(m), key}
		if a, ok := r.adopted[id]; ok {
			return a.list, nil
		}
		w, err := r.take(v)
		if err != nil {
			return nil, err
		}
		l, ok := w.(*list)
		if !ok {
			return nil, argumentFault("a list was expected at [%s]", key)
		}
		if r.adopted == nil {
			r.adopted = map[listKey]adopted{}
		}
		r.adopted[id] = adopted{owner: m, list: l}
		return l, nil
	}
	return r.take(v)
}

// at returns an element; lists inside lists are wrapped in place.
func (r *run) at(l *list, i int) (any, error) {
	v := l.items[i]
	switch v.(type) {
	case []any, []string, []map[string]any:
		w, err := r.take(v)
		if err != nil {
			return nil, err
		}
		if inner, ok := w.(*list); ok {
			l.unshare()
			inner.parent = l
			l.items[i] = inner
		}
		return w, nil
	}
	return r.take(v)
}

// elems returns a copy of the elements, ready for use.
func (r *run) elems(l *list) ([]any, error) {
	if err := r.m.spend(len(l.items)); err != nil {
		return nil, err
	}
	if err := r.m.alloc(16 * len(l.items)); err != nil {
		return nil, err
	}
	out := make([]any, len(l.items))
	for i := range l.items {
		v, err := r.at(l, i)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (e *exception) String() string {
	if e.msg == "" {
		return className(e)
	}
	return fmt.Sprintf("%s: %s", className(e), e.msg)
}
