package query

import (
	"math"
	"strconv"
)

// Print appends the body as OpenSearch re-serialises it. Aggs prints what stands under "aggregations"; nil if there are
// none.
func (r *Request) Print(w *Printer, aggs func(*Printer)) {
	w.Open('{')
	r.printPaging(w)
	r.printFetch(w)
	r.printSort(w)
	if r.TrackScores {
		w.Key("track_scores")
		w.Bool(true)
	}
	if r.TrackTotal != nil {
		w.Key("track_total_hits")
		w.Int(*r.TrackTotal)
	}
	if r.SearchAfter != nil {
		w.Key("search_after")
		w.Open('[')
		for _, n := range r.SearchAfter {
			w.Node(n)
		}
		w.Close(']')
	}
	if aggs != nil {
		w.Key("aggregations")
		aggs(w)
	}
	if r.Highlight != nil {
		w.Key("highlight")
		r.Highlight.print(w)
	}
	if r.stats != nil {
		w.Key("stats")
		w.Strings(r.stats)
	}
	r.printCollapse(w)
	if r.PIT != nil {
		w.Key("pit")
		w.Raw(string(r.PIT))
	}
	w.Close('}')
}

func (r *Request) printPaging(w *Printer) {
	for _, o := range []struct {
		key   string
		value int
		given bool
	}{{"from", r.From, r.From >= 0}, {"size", r.Size, r.Size >= 0}} {
		if o.given {
			w.Key(o.key)
			w.Int(o.value)
		}
	}
	if r.Timeout >= 0 {
		w.TextField("timeout", r.timeout)
	}
	if r.TerminateAfter != 0 {
		w.Key("terminate_after")
		w.Int(r.TerminateAfter)
	}
	if r.Query != nil {
		w.Key("query")
		r.Query.print(w)
	}
	if r.PostFilter != nil {
		w.Key("post_filter")
		r.PostFilter.print(w)
	}
	if r.MinScore != nil {
		w.Key("min_score")
		w.Float(*r.MinScore)
	}
	w.optional("version", r.Version)
	w.optional("seq_no_primary_term", r.SeqNo)
	w.optional("explain", r.Explain)
}

func (r *Request) printFetch(w *Printer) {
	if r.Source != nil {
		w.Key("_source")
		r.Source.print(w)
	}
	switch {
	case len(r.Stored) == 1:
		w.Key("stored_fields")
		w.Str(r.Stored[0])
	case r.Stored != nil:
		w.Key("stored_fields")
		w.Strings(r.Stored)
	}
	for _, o := range []struct {
		key    string
		fields []FieldFormat
	}{{"docvalue_fields", r.DocValues}, {"fields", r.Fields}} {
		if o.fields == nil {
			continue
		}
		w.Key(o.key)
		w.Open('[')
		for _, f := range o.fields {
			w.Open('{')
			w.Key("field")
			w.Str(f.Field)
			w.TextField("format", f.Format)
			w.Close('}')
		}
		w.Close(']')
	}
	if len(r.Scripts) > 0 {
		w.scriptFields(r.Scripts)
	}
}

func (r *Request) printSort(w *Printer) {
	if len(r.Sort) == 0 {
		return
	}
	w.Key("sort")
	w.Open('[')
	for _, s := range r.Sort {
		s.print(w)
	}
	w.Close(']')
}

func (s Sort) print(w *Printer) {
	w.Open('{')
	w.Key(s.Field)
	w.Open('{')
	w.Key("order")
	if s.Desc {
		w.Str("desc")
	} else {
		w.Str("asc")
	}
	if s.Missing != nil {
		w.Key("missing")
		w.Node(s.Missing)
	}
	w.TextField("unmapped_type", s.Unmapped)
	w.TextField("mode", s.Mode)
	if s.Nested != "" {
		w.Key("nested")
		w.Open('{')
		w.Key("path")
		w.Str(s.Nested)
		if s.filter != nil {
			w.Key("filter")
			s.filter.print(w)
		}
		w.Key("max_children")
		w.Raw(strconv.Itoa(math.MaxInt32))
		w.Close('}')
	}
	w.TextField("numeric_type", s.Numeric)
	w.TextField("format", s.Format)
	w.Close('}')
	w.Close('}')
}
