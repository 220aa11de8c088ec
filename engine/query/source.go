package query

import (
	"encoding/json"
	"strings"
)

// SourceFilter says what of the source is returned. Patterns are dotted paths with "*".
type SourceFilter struct {
	// Off leaves the source out.
	Off                bool
	Includes, Excludes []string
}

func parseSource(v *Node) (*SourceFilter, error) {
	f := &SourceFilter{}
	var err error
	switch v.Kind {
	case Bool:
		f.Off = v.Raw == "false"
	case Text:
		f.Includes = []string{v.Raw}
	case Array:
		f.Includes, err = v.strings()
	case Object:
		for i, key := range v.Keys {
			it := v.Items[i]
			switch key {
			case "includes", "include":
				f.Includes, err = it.strings()
			case "excludes", "exclude":
				f.Excludes, err = it.strings()
			default:
				err = it.Parsing("Unknown key for a %s in [%s].", it.Token(), key)
			}
			if err != nil {
				return nil, err
			}
		}
	default:
		return nil, v.Parsing("Expected one of [VALUE_BOOLEAN, START_OBJECT] but found [%s]", v.Token())
	}
	return f, err
}

func (f *SourceFilter) print(w *Printer) {
	if f.Off {
		w.Bool(false)
		return
	}
	w.Open('{')
	w.Key("includes")
	w.Strings(f.Includes)
	w.Key("excludes")
	w.Strings(f.Excludes)
	w.Close('}')
}

// FilterSource returns the part of a document that the patterns let through, members in their order. An object that loses
// all its members disappears, unless a pattern named it. A source that is no JSON object is returned as it is.
func FilterSource(source json.RawMessage, includes, excludes []string) json.RawMessage {
	if len(includes)+len(excludes) == 0 {
		return source
	}
	n, err := ParseJSON(source)
	if err != nil || n.Kind != Object {
		return source
	}
	f := pathFilter{includes: includes, excludes: excludes}
	w := &Printer{}
	if !f.object(w, n, "", len(includes) == 0) {
		return json.RawMessage("{}")
	}
	return w.Buf
}

type pathFilter struct{ includes, excludes []string }

// object prints what is let through and says whether anything was. Inside means that the object itself is included.
func (f pathFilter) object(w *Printer, n *Node, path string, inside bool) bool {
	mark := len(w.Buf)
	w.Open('{')
	any := inside && len(n.Keys) == 0
	for i, key := range n.Keys {
		p := key
		if path != "" {
			p = path + "." + key
		}
		if f.excluded(p) {
			continue
		}
		in := inside || f.included(p)
		if !in && !f.leadsTo(p) {
			continue
		}
		before := len(w.Buf)
		w.Key(key)
		if f.value(w, n.Items[i], p, in) {
			any = true
		} else {
			w.Buf = w.Buf[:before]
		}
	}
	w.Close('}')
	if !any && path != "" {
		w.Buf = w.Buf[:mark]
	}
	return any
}

func (f pathFilter) value(w *Printer, n *Node, path string, in bool) bool {
	switch n.Kind {
	case Object:
		return f.object(w, n, path, in)
	case Array:
		mark := len(w.Buf)
		w.Open('[')
		any := in && len(n.Items) == 0
		for _, it := range n.Items {
			if f.value(w, it, path, in) {
				any = true
			}
		}
		w.Close(']')
		if !any {
			w.Buf = w.Buf[:mark]
		}
		return any
	default:
		if in {
			w.Raw(n.JSON())
		}
		return in
	}
}

func (f pathFilter) included(path string) bool { return matchesAny(f.includes, path) }
func (f pathFilter) excluded(path string) bool { return matchesAny(f.excludes, path) }

func matchesAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if p == path || glob(p, path) {
			return true
		}
	}
	return false
}

// leadsTo says whether something below path may be included.
func (f pathFilter) leadsTo(path string) bool {
	for _, p := range f.includes {
		if leads(p, path+".") {
			return true
		}
	}
	return false
}

// leads says whether the pattern can match a text that begins with prefix.
func leads(pattern, prefix string) bool {
	if before, _, ok := strings.Cut(pattern, "*"); ok {
		head := before
		return strings.HasPrefix(head, prefix) || strings.HasPrefix(prefix, head)
	}
	return strings.HasPrefix(pattern, prefix)
}
