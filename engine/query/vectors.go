package query

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"vigil/engine/analysis"
	"vigil/engine/segment"
)

// VectorOptions say what is told of terms.
type VectorOptions struct{ Positions, Offsets, FieldStatistics, TermStatistics bool }

// ShardContext returns the context of one shard of an index, in which statistics are kept apart.
func ShardContext(ctx context.Context, t Target, shard int, now time.Time) *Context {
	for _, c := range t.shards(ctx, now) {
		if len(c.Docs) == 0 || c.Docs[0].Shard == shard {
			return c
		}
	}
	empty := t
	empty.Docs = nil
	return empty.shards(ctx, now)[0]
}

// vector is one term of a document.
type vector struct {
	freq   int
	tokens []analysis.Token
}

// Vectors returns the object that stands under "term_vectors": the terms of the document in each of the fields that have any.
func (c *Context) Vectors(d *segment.Doc, fields []*segment.Field, o VectorOptions) json.RawMessage {
	w := &Printer{}
	w.Open('{')
	for _, f := range fields {
		terms := c.vectorsOf(d, f)
		if len(terms) == 0 {
			continue
		}
		s := c.stats(f)
		w.Key(f.Name)
		w.Open('{')
		if o.FieldStatistics {
			df := 0
			for _, n := range s.df {
				df += n
			}
			w.Key("field_statistics")
			w.Open('{')
			w.Key("sum_doc_freq")
			w.Int(df)
			w.Key("doc_count")
			w.Int(s.docs)
			w.Key("sum_ttf")
			w.Int(s.total)
			w.Close('}')
		}
		w.Key("terms")
		w.Open('{')
		ttf := map[string]int{}
		if o.TermStatistics {
			ttf = c.totals(f, terms)
		}
		for _, term := range slices.Sorted(maps.Keys(terms)) {
			w.Key(term)
			w.vector(terms[term], o, s.df[term], ttf[term])
		}
		w.Close('}')
		w.Close('}')
	}
	w.Close('}')
	return w.Buf
}

func (w *Printer) vector(v *vector, o VectorOptions, df, ttf int) {
	w.Open('{')
	if o.TermStatistics && df > 0 {
		w.Key("doc_freq")
		w.Int(df)
		w.Key("ttf")
		w.Int(ttf)
	}
	w.Key("term_freq")
	w.Int(v.freq)
	if o.Positions || o.Offsets {
		w.Key("tokens")
		w.Open('[')
		for _, t := range v.tokens {
			w.Open('{')
			if o.Positions {
				w.Key("position")
				w.Int(t.Position)
			}
			if o.Offsets {
				w.Key("start_offset")
				w.Int(t.Start)
				w.Key("end_offset")
				w.Int(t.End)
			}
			w.Close('}')
		}
		w.Close(']')
	}
	w.Close('}')
}

// vectorsOf returns the terms of a document in a field, their places counted in UTF-16 units over all values.
func (c *Context) vectorsOf(d *segment.Doc, f *segment.Field) map[string]*vector {
	var a analysis.Analyzer = analysis.Func(func(s string) []analysis.Token { return []analysis.Token{{Term: s, End: len(s)}} })
	gap := 1
	if f.Type == segment.Text {
		var err error
		if a, err = analysis.New(f.Analyzer); err != nil {
			return nil // the mapping would not have been accepted
		}
		gap = 101
	}
	out := map[string]*vector{}
	position, offset := 0, 0
	for _, v := range d.Values[f.Name] {
		last := -1
		for _, t := range a.Tokens(v.Str) {
			last = t.Position
			t.Start, t.End = offset+utf16Len(v.Str[:t.Start]), offset+utf16Len(v.Str[:t.End])
			t.Position += position
			if out[t.Term] == nil {
				out[t.Term] = &vector{}
			}
			out[t.Term].freq++
			out[t.Term].tokens = append(out[t.Term].tokens, t)
		}
		if last >= 0 {
			position += last + gap
		}
		offset += utf16Len(v.Str) + 1
	}
	return out
}

func utf16Len(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0xffff {
			n++
		}
	}
	return n
}

// totals counts how often terms are in a field of all documents.
func (c *Context) totals(f *segment.Field, terms map[string]*vector) map[string]int {
	out := make(map[string]int, len(terms))
	for _, d := range c.Docs {
		for _, t := range c.terms(d, f) {
			if terms[t] != nil {
				out[t]++
			}
		}
	}
	return out
}

// Terms reports whether a field has terms that vectors tell of.
func Terms(f *segment.Field) bool { return f.Type == segment.Text || f.Type == segment.Keyword }
