package query

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/segment"
)

// fields returns the values asked for by docvalue_fields, script_fields and fields.
func (r *Request) fields(c *Context, d *segment.Doc) ([]Member, error) {
	var out []Member
	scripted, err := r.scriptFields(c, d)
	if err != nil {
		return nil, err
	}
	sets := [][]FieldFormat{r.DocValues, r.Fields}
	if r.Collapse != "" {
		sets = append(sets, []FieldFormat{{Field: r.Collapse}})
	}
	for i, set := range sets {
		if i == 1 { // a script's field does not stand for one of doc values
			out = append(out, slices.DeleteFunc(scripted, func(m Member) bool { return hasMember(out, m.Key) })...)
		}
		for _, ff := range set {
			fields := []*segment.Field{}
			if strings.Contains(ff.Field, "*") {
				fields = c.Fields.Match(ff.Field)
			} else if f := c.Field(ff.Field); f != nil {
				fields = append(fields, f)
			}
			for _, f := range fields {
				m, ok, err := c.shown(d, f, ff, len(fields) == 1)
				if err != nil {
					return nil, err
				}
				if ok && !hasMember(out, m.Key) {
					out = append(out, m)
				}
			}
		}
	}
	return out, nil
}

func hasMember(ms []Member, key string) bool {
	for _, m := range ms {
		if m.Key == key {
			return true
		}
	}
	return false
}

func (c *Context) shown(d *segment.Doc, f *segment.Field, ff FieldFormat, alone bool) (Member, bool, error) {
	vs := c.Values(d, f)
	if len(vs) == 0 {
		return Member{}, false, nil
	}
	w := &Printer{}
	w.Open('[')
	for _, v := range vs {
		if err := w.Value(f, v, ff.Format); err != nil {
			return Member{}, false, err
		}
	}
	w.Close(']')
	key := f.Name
	if alone {
		key = ff.Field // an alias answers under its own name
	}
	if strings.Contains(key, "*") {
		key = f.Name
	}
	return Member{Key: key, Value: w.Buf}, true, nil
}

// Value prints a field's value as docvalue_fields do; the format is for dates and may be empty.
func (w *Printer) Value(f *segment.Field, v segment.Value, format string) error {
	switch {
	case isDate(f.Type):
		formats := f.Formats
		if format != "" {
			formats = []string{format}
		}
		s, err := FormatDate(time.UnixMilli(v.Int), formats, nil)
		if err != nil {
			return err
		}
		w.Str(s)
	case f.Type == segment.Boolean:
		w.Bool(v.Int == 1)
	case v.Kind == segment.KindInt:
		w.Raw(strconv.FormatInt(v.Int, 10))
	case v.Kind == segment.KindFloat:
		w.Double(v.Float)
	default:
		w.Str(v.Str)
	}
	return nil
}

// ApplyParams puts URL parameters over the body, as the original does. Unknown parameters are not its business.
func (r *Request) ApplyParams(p url.Values) error {
	for _, o := range []struct {
		key  string
		read func(string) error
	}{
		{"q", func(s string) error { return r.paramQuery(s, p) }},
		{"from", func(s string) error { return r.paramInt("from", s, &r.From) }},
		{"size", func(s string) error { return r.paramInt("size", s, &r.Size) }},
		{"sort", r.paramSort},
		{"track_total_hits", func(s string) error { return r.trackTotal(&Node{Kind: Text, Raw: s}) }},
		{"version", func(s string) error { return paramBool("version", s, &r.Version) }},
		{"seq_no_primary_term", func(s string) error { return paramBool("seq_no_primary_term", s, &r.SeqNo) }},
		{"explain", func(s string) error { return paramBool("explain", s, &r.Explain) }},
		{"timeout", func(s string) (err error) { r.timeout = s; r.Timeout, err = ParseTime(s, "timeout"); return err }},
		{"terminate_after", func(s string) error { return r.paramInt("terminate_after", s, &r.TerminateAfter) }},
		{"_source", r.paramSource},
		{"_source_includes", func(s string) error { return r.paramSourceList(s, true) }},
		{"_source_excludes", func(s string) error { return r.paramSourceList(s, false) }},
		{"stored_fields", func(s string) error { r.Stored = strings.Split(s, ","); return nil }},
		{"docvalue_fields", r.paramDocValues},
		{"track_scores", func(s string) error {
			var b *bool
			err := paramBool("track_scores", s, &b)
			r.TrackScores = b != nil && *b
			return err
		}},
	} {
		if s, ok := p[o.key]; ok && len(s) > 0 {
			if err := o.read(s[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Request) paramInt(name, s string, into *int) error {
	v, err := strconv.Atoi(s)
	if err != nil {
		e := illegal("Failed to parse int parameter [%s] with value [%s]", name, s)
		e.CausedBy = Errorf("number_format_exception", "For input string: \"%s\"", s)
		return e
	}
	if v < 0 {
		if name == "size" {
			return illegal("[size] parameter cannot be negative, found [%d]", v)
		}
		return illegal("[%s] parameter cannot be negative", name)
	}
	*into = v
	return nil
}

func paramBool(_, s string, into **bool) error {
	b := s != "false"
	if s != "" && s != "true" && s != "false" {
		return illegal("Failed to parse value [%s] as only [true] or [false] are allowed.", s)
	}
	*into = &b
	return nil
}

func (r *Request) paramSort(s string) error {
	r.Sort = nil
	for part := range strings.SplitSeq(s, ",") {
		field, order, ok := strings.Cut(part, ":")
		switch {
		case !ok:
			r.Sort = append(r.Sort, plainSort(part, ""))
		case order == "asc" || order == "desc":
			r.Sort = append(r.Sort, plainSort(field, order))
		default:
			r.Sort = append(r.Sort, plainSort(field, "asc"))
		}
	}
	return nil
}

func (r *Request) source() *SourceFilter {
	if r.Source == nil {
		return &SourceFilter{}
	}
	c := *r.Source
	return &c
}

func (r *Request) paramSource(s string) error {
	f := &SourceFilter{}
	switch s {
	case "true":
	case "false":
		f.Off = true
	default:
		f.Includes = strings.Split(s, ",")
	}
	r.Source = f
	return nil
}

func (r *Request) paramSourceList(s string, includes bool) error {
	f := r.source()
	if includes {
		f.Includes = strings.Split(s, ",")
	} else {
		f.Excludes = strings.Split(s, ",")
	}
	r.Source = f
	return nil
}

func (r *Request) paramDocValues(s string) error {
	for f := range strings.SplitSeq(s, ",") {
		r.DocValues = append(r.DocValues, FieldFormat{Field: f})
	}
	return nil
}
