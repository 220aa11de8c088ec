package query

import (
	"cmp"
	"slices"
	"strings"

	"vigil/engine/segment"
)

// InnerHits asks for the documents that made a hit one: the nested objects that matched, or those that a collapsed hit stands
// for. Its request has no query of its own.
type InnerHits struct {
	// Name is what the answer calls them; empty: by the path of the nested query.
	Name string
	*Request

	ignoreUnmapped bool
}

const maxInnerWindow = 100 // index.max_inner_result_window

func parseInnerHits(n *Node) (*InnerHits, error) {
	if n.Kind != Object {
		return nil, n.Parsing("[inner_hits] expects an object but found [%s]", n.Token())
	}
	h := &InnerHits{Request: &Request{From: -1, Size: -1}}
	for i, key := range n.Keys {
		v, ok := n.Items[i], true
		var err error
		switch key {
		case "name":
			h.Name, err = v.Text()
		case "ignore_unmapped":
			h.ignoreUnmapped, err = v.Bool()
		case "sort":
			if ok = !v.Scalar(); !ok {
				return nil, Errorf("x_content_parse_exception", "[%s] [inner_hits] sort doesn't support values of type: %s", v.At(), v.Token())
			}
			ok, err = h.member(key, v)
		case "from":
			h.From, err = v.notNegative(key)
		case "size":
			h.Size, err = v.notNegative(key)
		case "version", "seq_no_primary_term", "explain", "track_scores", "_source", "stored_fields", "docvalue_fields",
			"fields", "script_fields", "highlight", "collapse":
			ok, err = h.member(key, v)
		default:
			ok = false
		}
		if err != nil {
			return nil, v.FailedField("inner_hits", key, err)
		}
		if !ok {
			return nil, v.UnknownField("inner_hits", key)
		}
	}
	if h.CollapseInner != nil {
		return nil, n.Parsing("[inner_hits] [collapse] does not support [inner_hits]")
	}
	return h, nil
}

func (n *Node) notNegative(key string) (int, error) {
	i, err := n.Int()
	if err == nil && i < 0 {
		err = illegal("illegal %s value, at least 0 or higher", key)
	}
	return i, err
}

// window refuses inner hits of a nested query that are too many.
func (h *InnerHits) window() error {
	from, size := max(h.From, 0), h.Size
	if size < 0 {
		size = defaultInner
	}
	if from+size <= maxInnerWindow {
		return nil
	}
	return onShard(illegal("Inner result window is too large, the inner hit definition's [%s]'s from + size must be less than or equal to: [%d] but was [%d]. "+
		"This limit can be set by changing the [index.max_inner_result_window] index level setting.", cmp.Or(h.Name, "null"), maxInnerWindow, from+size))
}

// boundInner are the inner hits of a nested query in a shard.
type boundInner struct {
	*InnerHits
	name, path string
	match      Matcher
	c          *Context // of the documents below the path
}

// noteInner prepares the inner hits of a nested query: its query is bound once more, with scores and names of its own.
func (c *Context) noteInner(q *nestedQuery) error {
	if !c.notes || q.inner == nil {
		return nil
	}
	name := cmp.Or(q.inner.Name, q.path)
	if slices.ContainsFunc(c.inner, func(b boundInner) bool { return b.name == name }) {
		return onShard(illegal("[inner_hits] already contains an entry for key [%s]", name))
	}
	if err := q.inner.window(); err != nil {
		return err
	}
	if q.inner.SeqNo != nil && *q.inner.SeqNo {
		return onShard(Errorf("unsupported_operation_exception", "nested documents are not assigned sequence numbers"))
	}
	below := c.below(q.path)
	below.named, below.notes = &[]named{}, true
	m, err := q.query.bind(below, weight{boost: 1, scores: true})
	if err != nil {
		return err
	}
	below.notes = false
	asked := *q.inner.Request
	asked.Query, asked.Collapse = q.query, ""
	c.inner = append(c.inner, boundInner{
		InnerHits: &InnerHits{Name: name, Request: &asked}, name: name, path: q.path, match: m, c: below,
	})
	return nil
}

// InnerResult are the inner hits of one name.
type InnerResult struct {
	Name string
	*Result
}

// Place is where a nested object stands in its document: the object at Offset, from 0, of those in a field, and so on inward.
type Place struct {
	Path   string // from the root
	Offset int
}

// inside is a nested document with its places from the outermost to its own.
type inside struct {
	doc    *segment.Doc
	places []Place
}

// insides is [Nested] with the places of the documents, behind those of d itself.
func insides(d *segment.Doc, path string, at []Place) []inside {
	var out []inside
	for i, n := range d.Nested[path] {
		out = append(out, inside{n, append(slices.Clip(at), Place{path, i})})
	}
	if out != nil {
		return out
	}
	for p, ds := range d.Nested {
		if strings.HasPrefix(path, p+".") {
			for i, n := range ds {
				out = append(out, insides(n, path, append(slices.Clip(at), Place{p, i}))...)
			}
		}
	}
	return out
}

// innerHits adds the inner hits of nested queries to a hit, which is the document d: root itself or nested in it.
func (c *Context) innerHits(h *Hit, d, root *segment.Doc) error {
	for _, b := range c.inner {
		if err := c.running().Err(); err != nil {
			return err
		}
		if slices.ContainsFunc(h.Inner, func(in InnerResult) bool { return in.Name == b.name }) {
			continue // those of a collapse take the name
		}
		matched := Shard{Context: b.c}
		places := map[*segment.Doc][]Place{}
		for _, n := range insides(d, b.path, h.Nested) {
			if score, ok := b.match(n.doc); ok {
				matched.Docs, matched.Scores = append(matched.Docs, n.doc), append(matched.Scores, score)
				places[n.doc] = n.places
			}
		}
		res, err := Top(b.Request, []Shard{matched})
		if err == nil {
			err = c.whole().Err()
		}
		if err != nil {
			return c.raised(err)
		}
		var source *Node
		for _, inner := range res.Hits {
			n := inner.Doc
			inner.Doc, inner.Nested = root, places[n]
			if b.showsSource() {
				if source == nil {
					if source, err = ParseJSON(root.Source); err != nil {
						return err
					}
				}
				inner.Source = b.Source.below(source, inner.Nested)
			}
			if err := c.spend(inner.size()); err != nil {
				return err
			}
			if err := b.c.innerHits(inner, n, root); err != nil {
				return err
			}
		}
		h.Inner = append(h.Inner, InnerResult{b.name, res})
	}
	return nil
}

// below returns what the filter, nil for everything, lets through of the object that stands at the places of a source.
func (f *SourceFilter) below(n *Node, places []Place) []byte {
	path := ""
	for _, p := range places {
		if objects := n.objects(strings.TrimPrefix(strings.TrimPrefix(p.Path, path), ".")); p.Offset < len(objects) {
			n = objects[p.Offset]
		}
		path = p.Path
	}
	var filter pathFilter
	if f != nil {
		filter = pathFilter{includes: f.Includes, excludes: f.Excludes}
	}
	inside := len(filter.includes) == 0
	for at := range len(path) + 1 {
		if at == len(path) || path[at] == '.' {
			if filter.excluded(path[:at]) {
				return []byte("{}")
			}
			inside = inside || filter.included(path[:at])
		}
	}
	w := &Printer{}
	if !filter.object(w, n, path, inside) {
		return []byte("{}")
	}
	return w.Buf
}

// objects returns the objects at a dotted path below a value, through arrays and names that hold dots.
func (n *Node) objects(path string) []*Node {
	var out []*Node
	switch {
	case n.Kind == Array:
		for _, it := range n.Items {
			out = append(out, it.objects(path)...)
		}
	case n.Kind != Object:
	case path == "":
		out = append(out, n)
	default:
		for i, key := range n.Keys {
			if key == path {
				out = append(out, n.Items[i].objects("")...)
			} else if inner, ok := strings.CutPrefix(path, key+"."); ok {
				out = append(out, n.Items[i].objects(inner)...)
			}
		}
	}
	return out
}

func (w *Printer) innerHits(h *InnerHits) {
	no := false
	r := *h.Request
	for _, p := range []**bool{&r.Version, &r.SeqNo, &r.Explain} {
		if *p == nil {
			*p = &no
		}
	}
	if r.Size < 0 {
		r.Size = defaultInner
	}
	w.Open('{')
	w.TextField("name", h.Name)
	w.Key("ignore_unmapped")
	w.Bool(h.ignoreUnmapped)
	w.Key("from")
	w.Int(max(r.From, 0))
	w.Key("size")
	w.Int(r.Size)
	w.optional("version", r.Version)
	w.optional("seq_no_primary_term", r.SeqNo)
	w.optional("explain", r.Explain)
	w.Key("track_scores")
	w.Bool(r.TrackScores)
	r.printFetch(w)
	r.printSort(w)
	if r.Highlight != nil {
		w.Key("highlight")
		r.Highlight.print(w)
	}
	r.printCollapse(w)
	w.Close('}')
}
