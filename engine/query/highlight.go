package query

import (
	"slices"
	"strings"

	"vigil/engine/analysis"
	"vigil/engine/segment"
)

// Highlight says which fragments of which fields are wanted and how matches are marked.
type Highlight struct {
	highlightOptions
	fields []highlightField
}

type highlightField struct {
	highlightOptions
	name string
}

// highlightOptions can stand for all fields and for one. Nil and negative values are not given.
type highlightOptions struct {
	pre, post    []string
	size, number int
	exact        *bool // require_field_match
	kind, order  string
	query        Query
	noMatch      int
}

func parseHighlight(v *Node) (*Highlight, error) {
	h := &Highlight{highlightOptions: highlightOptions{size: -1, number: -1, noMatch: -1}}
	for i, key := range v.Keys {
		it := v.Items[i]
		if key == "fields" {
			if err := h.parseFields(it); err != nil {
				return nil, err
			}
			continue
		}
		if err := h.option(key, it, "highlight"); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *Highlight) parseFields(v *Node) error {
	objects := []*Node{v}
	if v.Kind == Array {
		objects = v.Items
	}
	for _, o := range objects {
		for i, name := range o.Keys {
			f := highlightField{name: name, highlightOptions: highlightOptions{size: -1, number: -1, noMatch: -1}}
			it := o.Items[i]
			if it.Kind != Object {
				return it.UnknownField("highlight", name)
			}
			for j, key := range it.Keys {
				if err := f.option(key, it.Items[j], "highlight_field"); err != nil {
					return err
				}
			}
			h.fields = append(h.fields, f)
		}
	}
	return nil
}

func (h *highlightOptions) option(key string, v *Node, parser string) error {
	var err error
	switch key {
	case "pre_tags":
		h.pre, err = v.tags()
	case "post_tags":
		h.post, err = v.tags()
	case "fragment_size":
		h.size, err = v.Int()
	case "number_of_fragments":
		h.number, err = v.Int()
	case "require_field_match":
		h.exact, err = boolPointer(v)
	case "no_match_size":
		h.noMatch, err = v.Int()
	case "type":
		if h.kind, err = v.Text(); err == nil && !slices.Contains([]string{"plain", "unified", "fvh"}, h.kind) {
			err = illegal("unknown highlighter type [%s] for the field", h.kind)
		}
		if h.kind != "unified" {
			v.Inert("highlight", key)
		}
	case "order":
		if h.order, err = v.Text(); h.order != "none" {
			v.Inert("highlight", key)
		}
	case "highlight_query":
		h.query, err = ParseNode(v)
	case "encoder", "tags_schema", "boundary_scanner", "boundary_chars", "boundary_max_scan", "fragmenter", "force_source",
		"phrase_limit", "matched_fields", "fragment_offset", "options", "max_analyzer_offset", "boundary_scanner_locale":
		err = v.Parsing("[highlight] [%s] is not supported", key)
	default:
		err = v.UnknownField(parser, key)
	}
	return err
}

func (n *Node) tags() ([]string, error) {
	s, err := n.strings()
	if err == nil && len(s) == 0 {
		err = n.Parsing("[highlight] tags must not be empty")
	}
	return s, err
}

// over fills what a field leaves out.
func (h highlightOptions) over(o highlightOptions) highlightOptions {
	if h.pre == nil {
		h.pre = o.pre
	}
	if h.post == nil {
		h.post = o.post
	}
	if h.size < 0 {
		h.size = o.size
	}
	if h.number < 0 {
		h.number = o.number
	}
	if h.exact == nil {
		h.exact = o.exact
	}
	if h.query == nil {
		h.query = o.query
	}
	if h.noMatch < 0 {
		h.noMatch = o.noMatch
	}
	return h
}

func (r *Request) highlights(c *Context, d *segment.Doc) []Member {
	if r.Highlight == nil {
		return nil
	}
	var out []Member
	defaults := highlightOptions{pre: []string{"<em>"}, post: []string{"</em>"}, size: 100, number: 5, noMatch: 0}
	for _, hf := range r.Highlight.fields {
		o := hf.over(r.Highlight.highlightOptions).over(defaults)
		q := o.query
		if q == nil {
			q = r.Query
		}
		if q == nil {
			continue
		}
		fields := []*segment.Field{}
		if strings.Contains(hf.name, "*") {
			fields = c.Fields.Match(hf.name)
		} else if f := c.Field(hf.name); f != nil {
			fields = append(fields, f)
		}
		for _, f := range fields {
			if !hasTerms(f.Type) || hasMember(out, f.Name) {
				continue
			}
			if fragments := c.fragments(d, f, q, o); len(fragments) > 0 {
				w := &Printer{}
				w.Strings(fragments)
				out = append(out, Member{Key: f.Name, Value: w.Buf})
			}
		}
	}
	return out
}

// fragments marks the matches in one field's values and cuts them out.
func (c *Context) fragments(d *segment.Doc, f *segment.Field, q Query, o highlightOptions) []string {
	exact := o.exact == nil || *o.exact
	accepts := wanted(c, q, f, exact)
	var out []string
	for _, v := range c.Values(d, f) {
		tokens := []analysis.Token{{Term: v.Str, End: len(v.Str)}}
		if f.Type == segment.Text {
			tokens = c.searchTokens(&segment.Field{Analyzer: f.Analyzer}, "", v.Str)
		}
		var hits []analysis.Token
		for _, t := range tokens {
			if slices.ContainsFunc(accepts, func(ok func(string) bool) bool { return ok(t.Term) }) {
				hits = append(hits, t)
			}
		}
		out = append(out, o.cut(v.Str, hits, tokens)...)
		if o.number > 0 && len(out) >= o.number {
			return out[:o.number]
		}
	}
	return out
}

// cut returns the fragments of a text that hold hits, or the whole text if no number of fragments was asked for.
func (h highlightOptions) cut(text string, hits, tokens []analysis.Token) []string {
	if len(hits) == 0 {
		if h.noMatch > 0 && text != "" {
			return []string{text[:wordEnd(tokens, min(h.noMatch, len(text)), len(text))]}
		}
		return nil
	}
	if h.number == 0 || h.size == 0 || len(text) <= h.size {
		return []string{h.mark(text, 0, len(text), hits)}
	}
	var out []string
	for i := 0; i < len(hits); {
		start := 0
		for start+h.size <= hits[i].Start {
			next := wordEnd(tokens, start+h.size, len(text))
			if next <= start || next > hits[i].Start {
				break
			}
			start = next
		}
		end := wordEnd(tokens, min(start+max(h.size, hits[i].End-start), len(text)), len(text))
		end = max(end, hits[i].End)
		j := i
		for j < len(hits) && hits[j].End <= end {
			j++
		}
		out = append(out, h.mark(text, start, end, hits[i:j]))
		i = max(j, i+1)
	}
	return out
}

// wordEnd moves a position that falls into a word behind it, as far as the text goes.
func wordEnd(tokens []analysis.Token, at, limit int) int {
	for _, t := range tokens {
		if t.Start < at && at < t.End {
			return t.End
		}
		if t.Start >= at {
			return min(t.Start, limit)
		}
	}
	return limit
}

func (h highlightOptions) mark(text string, start, end int, hits []analysis.Token) string {
	var b strings.Builder
	at := start
	for _, t := range hits {
		if t.Start < at || t.End > end {
			continue
		}
		b.WriteString(text[at:t.Start] + h.pre[0] + text[t.Start:t.End] + h.post[0])
		at = t.End
	}
	b.WriteString(text[at:end])
	return b.String()
}

func (h *Highlight) print(w *Printer) {
	w.Open('{')
	h.highlightOptions.print(w)
	w.Key("fields")
	w.Open('{')
	for _, f := range h.fields {
		w.Key(f.name)
		w.Open('{')
		f.print(w)
		w.Close('}')
	}
	w.Close('}')
	w.Close('}')
}

func (h *highlightOptions) print(w *Printer) {
	if h.pre != nil {
		w.Key("pre_tags")
		w.Strings(h.pre)
	}
	if h.post != nil {
		w.Key("post_tags")
		w.Strings(h.post)
	}
	for _, o := range []struct {
		key   string
		value int
	}{{"fragment_size", h.size}, {"number_of_fragments", h.number}} {
		if o.value >= 0 {
			w.Key(o.key)
			w.Int(o.value)
		}
	}
	w.TextField("type", h.kind)
	w.TextField("order", h.order)
	if h.query != nil {
		w.Key("highlight_query")
		h.query.print(w)
	}
	if h.noMatch >= 0 {
		w.Key("no_match_size")
		w.Int(h.noMatch)
	}
	w.optional("require_field_match", h.exact)
}
