package query

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"vigil/engine/analysis"
	"vigil/engine/segment"
)

// Context is one shard of one index as a search sees it. It caches what it learns about the documents, so it lives as
// long as one request. It is not safe for concurrent use.
type Context struct {
	// Index is the concrete index.
	Index  string
	Fields segment.Fields
	Now    time.Time
	// Docs are all live documents of the shard, in index order. Statistics for scores are taken over them.
	Docs []*segment.Doc

	ctx    context.Context // of the search; scripts end with it
	stored Stored
	failed error    // the first error of a matcher
	up     *Context // around a nested context
	path   string   // of the nested documents that are being matched; empty for whole documents
	named  *[]named
	notes  bool         // whether nested queries note their inner hits while they are bound
	inner  []boundInner // those that did
	made   *int         // bytes, see [Context.spend]; nil before the first
	tokens map[tokenKey][]analysis.Token
	room   int // how many tokens more are remembered; 0 before the first
	fields map[string]*fieldStats
}

type named struct {
	name  string
	match Matcher
}

type tokenKey struct {
	doc      *segment.Doc
	field    string
	analyzer string
}

// Bind prepares a query for the shard. The error is one that a shard would raise.
func (c *Context) Bind(q Query) (Matcher, error) { return c.bind(q, weight{boost: 1, scores: true}) }

// BindFilter is [Context.Bind] for those who do not need scores.
func (c *Context) BindFilter(q Query) (Matcher, error) { return c.bind(q, weight{boost: 1}) }

func (c *Context) bind(q Query, w weight) (Matcher, error) {
	m, err := q.bind(c, w)
	if err != nil {
		return nil, c.refuse(err)
	}
	return m, nil
}

// Err returns the first error that a matcher ran into, such as a script's. Who matches documents asks when done.
func (c *Context) Err() error { return c.failed }

func (c *Context) fail(err error) {
	if c = c.whole(); c.failed == nil {
		c.failed = c.refuse(err)
	}
}

func (c *Context) broken() bool { return c.whole().failed != nil }

// whole returns the context of whole documents.
func (c *Context) whole() *Context {
	for c.up != nil {
		c = c.up
	}
	return c
}

// running returns the context of the search, which ends its scripts.
func (c *Context) running() context.Context {
	if ctx := c.whole().ctx; ctx != nil {
		return ctx
	}
	return context.Background()
}

// within makes the search end with ctx from now on.
func (c *Context) within(ctx context.Context) { c.ctx = ctx }

// refuse words an error as the original's shard does: what is not about the shard already gets wrapped.
func (c *Context) refuse(err error) error {
	e, ok := asError(err)
	if !ok {
		return err
	}
	known := []string{"query_shard_exception", "parsing_exception", "parse_exception", "script_exception", "too_many_clauses"}
	if !e.Shard && !slices.Contains(known, e.Type) {
		e = &Error{Type: "query_shard_exception", Reason: "failed to create query: " + e.Reason, CausedBy: e}
	}
	return c.raised(e)
}

// raised says of an error that the shard raised it.
func (c *Context) raised(err error) error {
	e, ok := asError(err)
	if !ok {
		return err
	}
	out := *e
	out.Shard, out.Index = true, c.Index
	return &out
}

// Field returns the field of that name, also for the fields that every document has and for paths below a flat_object.
// It returns nil for names that the index does not know.
func (c *Context) Field(name string) *segment.Field {
	switch name {
	case "_id", "_index", "_routing":
		return &segment.Field{Name: name, Type: segment.Keyword}
	case "_seq_no", "_version", "_primary_term":
		return &segment.Field{Name: name, Type: segment.Long}
	}
	if f := c.Fields.Field(name); f != nil {
		return f
	}
	for parent := name; ; {
		dot := strings.LastIndexByte(parent, '.')
		if dot < 0 {
			return nil
		}
		parent = parent[:dot]
		if f := c.Fields.Field(parent); f != nil && f.Type == segment.FlatObject {
			return &segment.Field{Name: f.Name + name[dot:], Type: segment.FlatObject, NotIndexed: f.NotIndexed}
		}
	}
}

// Values returns a document's values of a field.
func (c *Context) Values(d *segment.Doc, f *segment.Field) []segment.Value {
	switch f.Name {
	case "_id":
		return []segment.Value{{Str: d.ID}}
	case "_index":
		return []segment.Value{{Str: c.Index}}
	case "_routing":
		if d.Routing == "" {
			return nil
		}
		return []segment.Value{{Str: d.Routing}}
	case "_seq_no":
		return []segment.Value{{Kind: segment.KindInt, Int: d.Seq}}
	case "_version":
		return []segment.Value{{Kind: segment.KindInt, Int: d.Version}}
	case "_primary_term":
		return []segment.Value{{Kind: segment.KindInt, Int: d.Term}}
	}
	return d.Values[f.Name]
}

// Nested returns the documents below a path, however deep, in document order.
func Nested(d *segment.Doc, path string) []*segment.Doc {
	if own := d.Nested[path]; own != nil {
		return own
	}
	var out []*segment.Doc
	for p, ds := range d.Nested {
		if strings.HasPrefix(path, p+".") {
			for _, n := range ds {
				out = append(out, Nested(n, path)...)
			}
		}
	}
	return out
}

// below returns the context in which the documents under path are matched.
func (c *Context) below(path string) *Context {
	n := &Context{Index: c.Index, Fields: c.Fields, Now: c.Now, path: path, named: c.named, up: c, stored: c.stored, made: c.made}
	for _, d := range c.Docs {
		n.Docs = append(n.Docs, Nested(d, path)...)
	}
	return n
}

// typeOf returns the type of a field or object, "" if the index has neither. Mappings tell of objects apart from fields.
func (c *Context) typeOf(path string) segment.Type {
	if f := c.Fields.Field(path); f != nil {
		return f.Type
	}
	if o, ok := c.Fields.(interface {
		Objects() map[string]segment.Type
	}); ok {
		return o.Objects()[path]
	}
	return ""
}

// maxTokens bounds the tokens that one shard remembers during a search; what is beyond is analyzed anew when it is needed.
const maxTokens = 1 << 20

// analyzed returns a document's tokens of a text field. Each value starts 100 positions behind the last, so that phrases
// do not span values.
func (c *Context) analyzed(d *segment.Doc, f *segment.Field) []analysis.Token {
	key := tokenKey{doc: d, field: f.Name, analyzer: f.Analyzer}
	if t, ok := c.tokens[key]; ok {
		return t
	}
	if c.tokens == nil {
		c.tokens, c.room = map[tokenKey][]analysis.Token{}, maxTokens
	}
	a, err := analysis.New(f.Analyzer)
	if err != nil {
		return nil // the mapping would not have been accepted
	}
	var out []analysis.Token
	next := 0
	for i, v := range d.Values[f.Name] {
		tokens := a.Tokens(v.Str)
		for j := range tokens {
			tokens[j].Position += next
		}
		if i == 0 {
			out = tokens
		} else {
			out = append(out, tokens...)
		}
		if len(out) > 0 {
			next = out[len(out)-1].Position + 101
		}
	}
	if len(out) <= c.room {
		c.tokens[key] = out
		c.room -= len(out)
	}
	return out
}

// terms returns the terms of a document under a field that has terms: tokens of text, values of everything else.
func (c *Context) terms(d *segment.Doc, f *segment.Field) []string {
	if f.Type == segment.Text {
		toks := c.analyzed(d, f)
		out := make([]string, len(toks))
		for i, t := range toks {
			out[i] = t.Term
		}
		return out
	}
	vs := c.Values(d, f)
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.Str
	}
	return out
}

// fieldStats are what BM25 needs to know of a field in a shard.
type fieldStats struct {
	docs  int // documents with the field
	total int // terms in all of them
	df    map[string]int
}

func (c *Context) stats(f *segment.Field) *fieldStats {
	if s := c.fields[f.Name]; s != nil {
		return s
	}
	if c.fields == nil {
		c.fields = map[string]*fieldStats{}
	}
	s := &fieldStats{df: map[string]int{}}
	last := map[string]*segment.Doc{} // the last one with a term
	for _, d := range c.Docs {
		n := 0
		count := func(term string) {
			if n++; last[term] != d {
				last[term] = d
				s.df[term]++
			}
		}
		if f.Type == segment.Text {
			for _, t := range c.analyzed(d, f) {
				count(t.Term)
			}
		} else {
			for _, v := range c.Values(d, f) {
				count(v.Str)
			}
		}
		if n > 0 {
			s.docs++
			s.total += n
		}
	}
	c.fields[f.Name] = s
	return s
}

// similarity scores one term, or one phrase, in a field: BM25 with k1 1.2 and b 0.75 as Lucene computes it in 32 bits,
// times k1+1 as OpenSearch keeps for the sake of old scores.
type similarity struct {
	weight, avg float32
	norms       bool
}

func (c *Context) similarity(f *segment.Field, boost float32, terms ...string) similarity {
	s := c.stats(f)
	dfs := make([]int, len(terms))
	for i, t := range terms {
		dfs[i] = s.df[t]
	}
	return c.similarityOf(f, boost, dfs...)
}

func (c *Context) similarityOf(f *segment.Field, boost float32, dfs ...int) similarity {
	s := c.stats(f)
	var idf float64
	for _, n := range dfs {
		df := float64(max(n, 1))
		idf += float64(float32(math.Log(1 + (float64(s.docs)-df+0.5)/(df+0.5))))
	}
	sim := similarity{weight: boost * 2.2 * float32(idf), avg: 1, norms: f.Type == segment.Text}
	if s.docs > 0 {
		sim.avg = float32(float64(s.total) / float64(s.docs))
	}
	return sim
}

func (s similarity) score(freq float32, length int) float32 {
	if !s.norms {
		length = 1
	}
	inverse := 1 / (1.2 * ((1 - 0.75) + 0.75*float32(quantize(length))/s.avg))
	return s.weight - s.weight/(1+freq*inverse)
}

// quantize rounds a field length down to what Lucene keeps of it in one byte.
func quantize(n int) int {
	const free = 24 // lengths below this are exact
	if n < free+16 {
		return n
	}
	v := n - free
	shift := 0
	for v>>shift >= 16 {
		shift++
	}
	return free + v>>shift<<shift
}
