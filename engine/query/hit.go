package query

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/segment"
)

// Hit is one document of a result. It prints itself as OpenSearch does.
type Hit struct {
	Index string
	Doc   *segment.Doc
	// Score is nil where scores were not computed.
	Score *float32
	// Source is the filtered source; nil if it was not wanted.
	Source json.RawMessage
	// Sort holds the sort values, each as JSON; nil if hits are in order of score.
	Sort []json.RawMessage
	// Fields and Highlight hold what was asked for, by field in the order of the answer; each value is a JSON array.
	Fields, Highlight []Member
	// Matched are the names of the clauses that matched.
	Matched []string
	// Explanation says how the score came about; nil if it was not wanted. Node is the id of the node that is told with it.
	Explanation *Explanation
	Node        string
	// Nested is where in the document the object stands that is the hit; nil if the hit is the document.
	Nested []Place
	// Inner are what [InnerHits] asked for.
	Inner []InnerResult
	// ShowVersion and ShowSeqNo print the version, and sequence number with primary term.
	ShowVersion, ShowSeqNo bool
}

// Member is one member of a JSON object whose order matters.
type Member struct {
	Key   string
	Value json.RawMessage
}

// MarshalJSON returns the hit as it stands in hits.hits.
func (h *Hit) MarshalJSON() ([]byte, error) { return h.AppendJSON(nil), nil }

// AppendJSON appends the hit as it stands in hits.hits.
func (h *Hit) AppendJSON(b []byte) []byte { return h.appendJSON(b, false) }

func (h *Hit) appendJSON(b []byte, totalAsInt bool) []byte {
	w := &Printer{Buf: b}
	w.Buf = append(w.Buf, '{')
	if h.Explanation != nil {
		w.Key("_shard")
		w.Str("[" + h.Index + "][" + strconv.Itoa(h.Doc.Shard) + "]")
		w.Key("_node")
		w.Str(h.Node)
	}
	w.Key("_index")
	w.Str(h.Index)
	w.Key("_id")
	w.Str(h.Doc.ID)
	w.places(h.Nested)
	if h.ShowVersion {
		w.Key("_version")
		w.Raw(strconv.FormatInt(h.Doc.Version, 10))
	}
	if h.ShowSeqNo {
		w.Key("_seq_no")
		w.Raw(strconv.FormatInt(h.Doc.Seq, 10))
		w.Key("_primary_term")
		w.Raw(strconv.FormatInt(h.Doc.Term, 10))
	}
	w.Key("_score")
	w.score(h.Score)
	if h.Doc.Routing != "" && h.Nested == nil {
		w.Key("_routing")
		w.Str(h.Doc.Routing)
	}
	if h.Source != nil {
		w.Key("_source")
		w.Raw(string(h.Source))
	}
	w.members("fields", h.Fields)
	w.members("highlight", h.Highlight)
	if h.Sort != nil {
		w.Key("sort")
		w.Open('[')
		for _, v := range h.Sort {
			w.Raw(string(v))
		}
		w.Close(']')
	}
	if h.Matched != nil {
		w.Key("matched_queries")
		w.Strings(h.Matched)
	}
	if h.Explanation != nil {
		w.Key("_explanation")
		w.explanation(h.Explanation)
	}
	w.inner(h.Inner, totalAsInt)
	w.Close('}')
	return w.Buf
}

func (w *Printer) inner(list []InnerResult, totalAsInt bool) {
	if list == nil {
		return
	}
	w.Key("inner_hits")
	w.Open('{')
	for _, in := range list {
		w.Key(in.Name)
		w.Open('{')
		w.Key("hits")
		w.Raw(string(in.AppendHits(nil, totalAsInt)))
		w.Close('}')
	}
	w.Close('}')
}

// places prints where a nested object stands, each place by its path below the one around it.
func (w *Printer) places(list []Place) {
	around := ""
	for _, p := range list {
		w.Key("_nested")
		w.Open('{')
		w.Key("field")
		w.Str(strings.TrimPrefix(p.Path, around))
		w.Key("offset")
		w.Int(p.Offset)
		around = p.Path + "."
	}
	for range list {
		w.Close('}')
	}
}

// OnNode names the node that the hit's explanation, and those of its inner hits, are told with.
func (h *Hit) OnNode(id string) {
	h.Node = id
	for _, in := range h.Inner {
		for _, sub := range in.Hits {
			sub.OnNode(id)
		}
	}
}

// size is about how many bytes the hit takes in an answer, its inner hits aside.
func (h *Hit) size() int {
	n := 100 + len(h.Index) + len(h.Doc.ID) + len(h.Source)
	for _, list := range [][]Member{h.Fields, h.Highlight} {
		for _, m := range list {
			n += len(m.Key) + len(m.Value)
		}
	}
	return n
}

func (w *Printer) score(s *float32) {
	if s == nil {
		w.Null()
		return
	}
	w.Float(*s)
}

func (w *Printer) members(key string, ms []Member) {
	if len(ms) == 0 {
		return
	}
	w.Key(key)
	w.Open('{')
	for _, m := range ms {
		w.Key(m.Key)
		w.Raw(string(m.Value))
	}
	w.Close('}')
}

// AppendHits appends the object that stands under "hits" in the answer of a search. TotalAsInt prints the total as a
// number, as rest_total_hits_as_int asks for.
func (res *Result) AppendHits(b []byte, totalAsInt bool) []byte {
	w := &Printer{Buf: append(b, '{')}
	switch {
	case totalAsInt:
		w.Key("total")
		if res.Relation == "" {
			w.Int(-1)
		} else {
			w.Int(res.Total)
		}
	case res.Relation != "":
		w.Key("total")
		w.Open('{')
		w.Key("value")
		w.Int(res.Total)
		w.Key("relation")
		w.Str(res.Relation)
		w.Close('}')
	}
	w.Key("max_score")
	w.score(res.MaxScore)
	w.Key("hits")
	w.Open('[')
	for _, h := range res.Hits {
		w.sep()
		w.Buf = h.appendJSON(w.Buf, totalAsInt)
	}
	w.Close(']')
	w.Close('}')
	return w.Buf
}

func (s *search) hit(c candidate) (*Hit, error) {
	h := &Hit{Index: c.shard.Context.Index, Doc: c.doc}
	if s.Request.scored() {
		h.Score = &c.score
	}
	h.ShowVersion = s.Version != nil && *s.Version
	h.ShowSeqNo = s.SeqNo != nil && *s.SeqNo
	for i, o := range s.Sort {
		v, err := o.show(c.shard.Context, c.keys[i])
		if err != nil {
			return nil, err
		}
		h.Sort = append(h.Sort, v)
	}
	if s.Explain != nil && *s.Explain {
		var err error
		if h.Explanation, err = c.shard.Context.explainHit(s.Query, c.doc); err != nil {
			return nil, err
		}
	}
	return h, s.fetch(c.shard.Context, h)
}

// showsSource says whether the source is wanted: if asked for, and else if nothing is that stands for it.
func (r *Request) showsSource() bool {
	switch {
	case r.Source != nil:
		return !r.Source.Off
	case r.Stored != nil:
		return slices.Contains(r.Stored, "_source")
	}
	return len(r.Scripts) == 0
}

// fetch adds what of the document is wanted.
func (r *Request) fetch(c *Context, h *Hit) error {
	d := h.Doc
	switch {
	case !r.showsSource():
	case r.Source == nil:
		h.Source = d.Source
	default:
		h.Source = FilterSource(d.Source, r.Source.Includes, r.Source.Excludes)
	}
	var err error
	if h.Fields, err = r.fields(c, d); err != nil {
		return err
	}
	h.Highlight = r.highlights(c, d)
	if c.named != nil {
		for _, n := range *c.named {
			if _, ok := n.match(d); ok && !slices.Contains(h.Matched, n.name) {
				h.Matched = append(h.Matched, n.name)
			}
		}
	}
	return nil
}

// show returns a sort value as the answer holds it.
func (o Sort) show(c *Context, k sortKey) (json.RawMessage, error) {
	w := &Printer{}
	f := c.Field(o.Field)
	switch {
	case k.kind == keyMissing && f != nil && (isInteger(f.Type) || isDate(f.Type) || f.Type == segment.Boolean):
		// The original prints the extreme that it sorted by.
		low := o.Desc != (o.Missing != nil && o.Missing.Raw == "_first")
		if low {
			w.Raw("-9223372036854775808")
		} else {
			w.Raw("9223372036854775807")
		}
	case k.kind == keyMissing && f != nil && isFloating(f.Type):
		if o.Desc != (o.Missing != nil && o.Missing.Raw == "_first") {
			w.Str("-Infinity")
		} else {
			w.Str("Infinity")
		}
	case k.kind == keyMissing:
		w.Null()
	case o.Field == "_score":
		w.Float(float32(k.f))
	case f != nil && isDate(f.Type) && o.Format != "":
		s, err := FormatDate(time.UnixMilli(k.i), []string{o.Format}, nil)
		if err != nil {
			return nil, err
		}
		w.Str(s)
	case k.kind == keyInt:
		w.Raw(strconv.FormatInt(k.i, 10))
	case k.kind == keyFloat && f != nil && f.Type == segment.Float:
		w.Float(float32(k.f))
	case k.kind == keyFloat:
		w.Double(k.f)
	case f != nil && f.Type == segment.IP && len(k.str) == 16:
		w.Str(netip.AddrFrom16([16]byte([]byte(k.str))).Unmap().String())
	default:
		w.Str(k.str)
	}
	return w.Buf, nil
}
