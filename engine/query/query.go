// Package query is OpenSearch's search request: the query DSL, sorting, paging and what of a hit is returned.
//
// It parses requests, prints them back as OpenSearch normalises them, and answers them by scanning documents in memory.
// It must not decide mappings, change documents or know HTTP; what it refuses it refuses with an [Error] in OpenSearch's
// words. Read [Parse] and [Run] first.
package query

import (
	"encoding/json"
	"slices"

	"vigil/engine/segment"
)

// Query is one parsed clause. It is immutable and safe for concurrent use; [Context.Bind] makes it answer for a shard.
type Query interface {
	// bind prepares the clause for a shard. A matcher bound without scores returns any score.
	bind(c *Context, w weight) (Matcher, error)
	// print appends the clause as OpenSearch re-serialises it: {"name":{...}}.
	print(w *Printer)
	// meta returns what all clauses have.
	meta() clause
}

// clause is what all clauses have.
type clause struct {
	boost float32
	name  string
}

func (c clause) meta() clause { return c }

// times returns the weight of what stands inside the clause.
func (w weight) times(boost float32) weight { return weight{boost: w.boost * boost, scores: w.scores} }

// Matcher says whether a document matches and with which score.
type Matcher func(d *segment.Doc) (score float32, ok bool)

// weight is what a clause gets from those around it.
type weight struct {
	boost  float32
	scores bool
}

// The limits of what a client may ask, as in OpenSearch's defaults.
const (
	maxDepth   = 30
	maxClauses = 1024  // indices.query.bool.max_clause_count
	maxTerms   = 65536 // index.max_terms_count
	maxWindow  = 10000 // index.max_result_window
)

// Parse reads one query: {"match_all":{}}.
func Parse(body json.RawMessage) (Query, error) {
	n, err := ParseJSON(body)
	if err != nil {
		return nil, err
	}
	return ParseNode(n)
}

// ParseNode is [Parse] for a body that has been read already.
func ParseNode(n *Node) (Query, error) {
	p := &parser{}
	return p.query(n)
}

// String returns the query as OpenSearch would print it.
func String(q Query) string { return string(Print(q)) }

// Print returns the query in OpenSearch's normal form, every default written out.
func Print(q Query) json.RawMessage {
	w := &Printer{}
	q.print(w)
	return slices.Clip(w.Buf)
}
