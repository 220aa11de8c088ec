package script

import (
	"context"
	"errors"
	"slices"
)

// Program is a compiled Painless script. It is immutable and safe for concurrent use.
type Program struct {
	src       string
	body      *block
	frame     *frame
	functions map[string]*function
	starts    []int // where statements begin, sorted
	globals   []*globalVar
	fields    []globalField
}

// Doc is a document's indexed values, for the variable doc. doc['f'] reads the values of field f.
type Doc interface {
	// Values returns a field's values in order, and whether the mapping has the field at all.
	Values(field string) (values []any, mapped bool)
}

// Object is a value with fixed fields, such as the ctx of a trigger: reading a field that it does not have is a
// compile error, as it is for a Java class. Scripts may also call getName() and isName() for a field name.
type Object interface {
	// ClassName is what errors name, as Java would.
	ClassName() string
	Field(name string) (any, bool)
}

// run is one evaluation.
type run struct {
	p        *Program
	m        meter
	vars     map[string]any
	slots    []any
	result   any
	adopted  map[listKey]adopted
	writes   map[listKey]map[string]any
	readOnly map[string]any
}

// adopted is a list of the caller with the map that holds it.
type adopted struct {
	owner map[string]any
	list  *list
}

// Eval runs the program with vars as its variables and returns the value of its return statement or final expression.
//
// Variables may hold nil, bool, int, int32, int64, float32, float64, json.Number, string, time.Time, []any,
// map[string]any (and slices and maps of strings, and slices of maps), [Doc] and [Object]. The result holds nil, bool,
// int64, float64, string, time.Time, []any and map[string]any, and json.Number for integers beyond int64. A script that
// ends without a value returns nil.
//
// A script that assigns to a map or changes a list below vars (ctx._source.n += 1) changes the caller's maps in place,
// except params itself, which is read-only. Otherwise vars are only read, and any number of evaluations may share them.
// After an error the maps may hold part of the changes.
//
// Errors are [*Error], or the context's when it ends first.
func (p *Program) Eval(ctx context.Context, vars map[string]any, l Limits) (any, error) {
	r := &run{p: p, m: newMeter(ctx, l, defaultProgramBytes), vars: vars}
	if err := r.bind(); err != nil {
		return nil, err
	}
	if p.frame.size > 0 {
		r.slots = make([]any, p.frame.size)
	}
	_, err := p.body.exec(r)
	if err != nil {
		err = r.fail(0, err)
		r.m = newMeter(context.WithoutCancel(ctx), l, defaultProgramBytes)
		_ = r.giveBack() // the script's own error is the one to tell
		return nil, err
	}
	out, err := r.export(r.result)
	if err == nil {
		err = r.giveBack()
	}
	if err != nil {
		return nil, r.fail(0, err)
	}
	return out, nil
}

// bind checks that the variables which the script names exist.
func (r *run) bind() error {
	for _, g := range r.p.globals {
		if _, ok := r.vars[g.name]; ok || g.name == "params" {
			continue
		}
		symbol, at := g.name, g.pos
		if g.symbol != "" {
			symbol, at = g.symbol, g.symbolAt
		}
		return compileError("painless", r.p.src, at, "IllegalArgumentException", "cannot resolve symbol ["+symbol+"]")
	}
	for _, f := range r.p.fields {
		o, ok := r.vars[f.global].(Object)
		if !ok {
			continue
		}
		if _, ok := o.Field(f.field); !ok {
			return r.fail(f.pos, noField(o, f.field))
		}
	}
	r.readOnly, _ = r.vars["params"].(map[string]any)
	return nil
}

func noField(o Object, name string) error {
	return &fault{kind: KindCompile, class: "IllegalArgumentException", msg: "field [" + o.ClassName() + ", " + name + "] not found"}
}

// fail gives a fault its place.
func (r *run) fail(pos int, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	f, ok := asFault(err)
	if !ok {
		return err
	}
	e := compileError("painless", r.p.src, pos, f.class, f.msg)
	e.Kind, e.javaClass = f.kind, f.class
	if f.kind != KindCompile {
		e.start, e.end = r.statementAt(pos)
	}
	return e
}

// statementAt returns where the statement at pos begins and where the next one does.
func (r *run) statementAt(pos int) (start, end int) {
	i, found := slices.BinarySearch(r.p.starts, pos)
	if found {
		for i+1 < len(r.p.starts) && r.p.starts[i+1] == pos {
			i++
		}
		i++
	}
	end = len(r.p.src)
	if i < len(r.p.starts) {
		end = r.p.starts[i]
	}
	if i > 0 {
		start = r.p.starts[i-1]
	}
	return start, end
}

// written notes that the script has set or removed a key of a map of the caller.
func (r *run) written(m map[string]any, key string) {
	id := listKey{mapID(m), key}
	delete(r.adopted, id)
	if r.writes == nil {
		r.writes = map[listKey]map[string]any{}
	}
	r.writes[id] = m
}

// giveBack replaces our values in the maps that the script has changed by plain ones.
func (r *run) giveBack() error {
	var first error
	for id, m := range r.writes {
		v, ok := m[id.key]
		if !ok {
			continue
		}
		out, err := r.export(v)
		m[id.key] = out
		if first == nil {
			first = err
		}
	}
	for id, a := range r.adopted {
		if !a.list.dirty {
			continue
		}
		out, err := r.export(a.list)
		a.owner[id.key] = out
		if first == nil {
			first = err
		}
		if r.writes == nil {
			r.writes = map[listKey]map[string]any{}
		}
		r.writes[id] = a.owner
	}
	if first != nil {
		return first
	}
	for _, m := range r.writes {
		if err := r.checkCycles(m, map[uintptr]bool{}); err != nil {
			return err
		}
	}
	return nil
}

// checkCycles refuses maps that hold themselves, which no encoder could write.
func (r *run) checkCycles(v any, path map[uintptr]bool) error {
	if err := r.m.step(); err != nil {
		return err
	}
	switch x := v.(type) {
	case []any:
		for _, v := range x {
			if err := r.checkCycles(v, path); err != nil {
				return err
			}
		}
	case map[string]any:
		id := mapID(x)
		if path[id] {
			return argumentFault("Iterable object is self-referencing itself")
		}
		path[id] = true
		defer delete(path, id)
		for _, v := range x {
			if err := r.checkCycles(v, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// export turns a value of a run into one for the caller.
func (r *run) export(v any) (any, error) {
	if err := r.m.step(); err != nil {
		return nil, err
	}
	defer r.m.leave()
	if err := r.m.enter(); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case int32:
		return int64(x), nil
	case float32:
		return float64(x), nil
	case char, *builder, *exception, *pattern:
		return text(x), nil
	case *list:
		items, err := r.elems(x)
		if err != nil {
			return nil, err
		}
		return r.exportAll(items)
	case *docValues:
		return r.exportAll(x.values)
	case *stream:
		return r.exportAll(x.items)
	case *set:
		items, err := x.elems(r)
		if err != nil {
			return nil, err
		}
		return r.exportAll(items)
	case *dict:
		return r.exportDict(x)
	case Object, Doc, *lambda, *iterator, *matcher:
		return className(v), nil
	case *entry, *optional, localDate, localDateTime, zoned, duration, zone, formatter, chronoUnit, dayOfWeek, month:
		return r.str(v)
	}
	return v, nil
}

func (r *run) exportAll(items []any) ([]any, error) {
	out := make([]any, len(items))
	for i, v := range items {
		v, err := r.export(v)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (r *run) exportDict(d *dict) (map[string]any, error) {
	es, err := d.list(r)
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, len(es))
	for _, e := range es {
		k, err := r.str(e.key)
		if err != nil {
			return nil, err
		}
		if out[k], err = r.export(e.value); err != nil {
			return nil, err
		}
	}
	return out, nil
}
