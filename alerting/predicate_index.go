package alerting

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/valyala/fastjson"
)

// predicateIndex finds the monitors whose result a document may change. Every monitor is filed under keys of which a matching
// document must have one, so that a document costs what it matches and not what there is.
type predicateIndex struct {
	names func(index string) []string

	mu    sync.RWMutex
	keyed map[string][]*filed
	// free are the monitors without keys: any document of their indices may matter.
	free []*filed
	// byIndex remembers which of the free ones read an index of these names.
	byIndex map[string]readers
	wanted  map[string][]string
	uses    map[string]int // by path
	all     map[string]*filed
	// met are the indices whose mappings the monitors' queries were read with.
	met map[string]bool

	docs    sync.Pool
	parsers fastjson.ParserPool
}

type readers struct {
	names []string
	free  []*filed
}

// filed is a monitor in the index.
type filed struct {
	id       string
	patterns []string
	pred     predicate
	keys     []string
	paths    []string
}

func newPredicateIndex(names func(string) []string) *predicateIndex {
	x := &predicateIndex{
		names: names, keyed: map[string][]*filed{}, byIndex: map[string]readers{}, wanted: map[string][]string{},
		uses: map[string]int{}, all: map[string]*filed{}, met: map[string]bool{},
	}
	x.docs.New = func() any {
		return &document{values: map[string][]docValue{}, keys: map[string]struct{}{}, seen: map[*filed]struct{}{}}
	}
	return x
}

// prepare reads a monitor's query. It returns nil for a monitor without one.
func prepare(m *Monitor, fields func(indices []string, name string) Field) *filed {
	if len(m.Inputs) == 0 || len(m.Inputs[0].Indices()) == 0 {
		return nil
	}
	in := m.Inputs[0].Search
	if doc := m.Inputs[0].Doc; doc != nil {
		// Which queries a document matches is for the search to say.
		in = &SearchInput{Indices: doc.Indices, Query: json.RawMessage(`{}`)}
	}
	resolve := dynamicField
	if fields != nil {
		resolve = func(name string) Field { return fields(in.Indices, name) }
	}
	f := &filed{id: m.ID, patterns: in.Indices, pred: newPredicate(in.Query, resolve)}
	f.paths = f.pred.paths(nil)
	slices.Sort(f.paths)
	f.paths = slices.Compact(f.paths)
	return f
}

// put files a monitor, replacing what was filed for it.
func (x *predicateIndex) put(f *filed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(f.id)
	f.keys = f.pred.keys(x.cost)
	x.file(f)
}

// cost prefers keys that name values to those that name the mere presence of a field, and those under which little is filed.
func (x *predicateIndex) cost(keys []string) int {
	c := len(keys)
	for _, k := range keys {
		switch {
		case strings.HasSuffix(k, presence):
			c += 1_000_000
		case !strings.HasSuffix(k, nullKey):
			c += 10 * len(x.keyed[k])
		}
	}
	return c
}

func (x *predicateIndex) file(f *filed) {
	x.all[f.id] = f
	for _, p := range f.paths {
		if x.uses[p]++; x.uses[p] == 1 {
			x.want(p)
		}
	}
	if f.keys == nil {
		x.free = append(x.free, f)
		clear(x.byIndex)
		return
	}
	slices.Sort(f.keys)
	f.keys = slices.Compact(f.keys)
	for _, k := range f.keys {
		x.keyed[k] = append(x.keyed[k], f)
	}
}

// want has documents read at a path and, for sub-fields, at all above it.
func (x *predicateIndex) want(p string) {
	for at := p; ; {
		x.wanted[at] = append(x.wanted[at], p)
		i := strings.LastIndexByte(at, '.')
		if i < 0 {
			return
		}
		at = at[:i]
	}
}

func (x *predicateIndex) unwant(p string) {
	for at := p; ; {
		x.wanted[at] = slices.DeleteFunc(x.wanted[at], func(t string) bool { return t == p })
		if len(x.wanted[at]) == 0 {
			delete(x.wanted, at)
		}
		i := strings.LastIndexByte(at, '.')
		if i < 0 {
			return
		}
		at = at[:i]
	}
}

func (x *predicateIndex) remove(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(id)
}

func (x *predicateIndex) drop(id string) {
	f := x.all[id]
	if f == nil {
		return
	}
	delete(x.all, id)
	for _, p := range f.paths {
		if x.uses[p]--; x.uses[p] == 0 {
			delete(x.uses, p)
			x.unwant(p)
		}
	}
	same := func(o *filed) bool { return o == f }
	if f.keys == nil {
		x.free = slices.DeleteFunc(x.free, same)
		clear(x.byIndex)
	}
	for _, k := range f.keys {
		if x.keyed[k] = slices.DeleteFunc(x.keyed[k], same); len(x.keyed[k]) == 0 {
			delete(x.keyed, k)
		}
	}
}

// match returns the ids of the monitors whose result a document may change. Each id comes once.
func (x *predicateIndex) match(index string, source []byte) []string {
	x.mu.RLock()
	if len(x.all) == 0 {
		x.mu.RUnlock()
		return nil
	}
	if len(source) > maxDocument {
		x.mu.RUnlock()
		return x.over(index)
	}
	d := x.docs.Get().(*document)
	defer x.docs.Put(d)
	d.reset()
	ok := len(x.keyed) == 0 && len(x.free) == 0 || x.readDocument(d, source)
	if !ok || !d.whole {
		x.mu.RUnlock()
		return x.over(index)
	}
	var out []string
	for key := range d.keys {
		for _, f := range x.keyed[key] {
			if _, done := d.seen[f]; done {
				continue
			}
			d.seen[f] = struct{}{}
			if f.pred.matches(d) && x.reads(f, index) {
				out = append(out, f.id)
			}
		}
	}
	free, known := x.byIndex[index]
	x.mu.RUnlock()
	if names := x.namesOf(index); !known || !slices.Equal(free.names, names) {
		free = x.remember(index, names)
	}
	for _, f := range free.free {
		if f.pred.matches(d) {
			out = append(out, f.id)
		}
	}
	return out
}

// maxMet bounds how many indices are remembered.
const maxMet = 10_000

// meet reports whether an index is new, and remembers it.
func (x *predicateIndex) meet(index string) bool {
	x.mu.RLock()
	known := x.met[index]
	x.mu.RUnlock()
	if known {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.met) >= maxMet {
		clear(x.met)
	}
	known = x.met[index]
	x.met[index] = true
	return !known
}

// forget has an index be new again.
func (x *predicateIndex) forget(index string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.met, index)
}

func (x *predicateIndex) readDocument(d *document, source []byte) bool {
	p := x.parsers.Get()
	defer x.parsers.Put(p)
	v, err := p.ParseBytes(source)
	if err != nil {
		return false
	}
	d.read(v, x.wanted, 0)
	return true
}

// remember finds out which free monitors read an index.
func (x *predicateIndex) remember(index string, names []string) readers {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.byIndex) >= 1024 {
		clear(x.byIndex)
	}
	r := readers{names: names}
	for _, f := range x.free {
		if x.reads(f, index) {
			r.free = append(r.free, f)
		}
	}
	x.byIndex[index] = r
	return r
}

// namesOf returns the aliases and data streams that an index belongs to.
func (x *predicateIndex) namesOf(index string) []string {
	if x.names == nil {
		return nil
	}
	return x.names(index)
}

// over returns the ids of all monitors that read an index.
func (x *predicateIndex) over(index string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var out []string
	for id, f := range x.all {
		if x.reads(f, index) {
			out = append(out, id)
		}
	}
	return out
}

// reads reports whether a monitor's index expressions may mean an index.
func (x *predicateIndex) reads(f *filed, index string) bool {
	if len(f.patterns) == 0 || meansIndex(f.patterns, index) {
		return true
	}
	return slices.ContainsFunc(x.namesOf(index), func(name string) bool { return meansIndex(f.patterns, name) })
}

func meansIndex(patterns []string, name string) bool {
	for _, list := range patterns {
		for p := range strings.SplitSeq(list, ",") {
			switch {
			case p == name, p == "*", p == "", p == "_all", strings.HasPrefix(p, "<"):
				// Date math is resolved by the search; here it may mean any index.
				return true
			case strings.HasPrefix(p, "-"), !strings.Contains(p, "*"):
				continue
			}
			// Index names hold none of the characters that path.Match gives a meaning, but for the star.
			if ok, err := path.Match(p, name); ok || err != nil {
				return true
			}
		}
	}
	return false
}
