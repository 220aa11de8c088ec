package query

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is the body of a search. Nothing in it changes while it runs; [Request.ApplyParams] changes it before.
type Request struct {
	// Query and PostFilter are nil if absent.
	Query, PostFilter Query
	// From and Size are -1 if absent; see [Request.Window].
	From, Size int
	Sort       []Sort
	// SearchAfter holds the sort values after which hits begin, one for each sort.
	SearchAfter []*Node
	Source      *SourceFilter // nil: the source is returned as it is
	Fields      []FieldFormat
	DocValues   []FieldFormat
	Stored      []string // stored_fields; nil if absent
	Scripts     []ScriptField
	Highlight   *Highlight
	Collapse    string
	// CollapseInner are the documents wanted beside each collapsed hit that it stands for.
	CollapseInner []*InnerHits
	// TrackTotal is up to where hits are counted: nil the default, -1 not at all, MaxInt32 exactly.
	TrackTotal *int
	MinScore   *float32
	Version    *bool
	SeqNo      *bool // seq_no_primary_term
	Explain    *bool
	// TrackScores asks for scores even where hits are sorted by something else.
	TrackScores bool
	// Timeout is how long documents are matched before the search answers with what it has found; not positive: for ever.
	Timeout        time.Duration
	TerminateAfter int
	// Aggs are the aggregations as the client wrote them; package aggs reads them. Nil if absent.
	Aggs json.RawMessage
	// PIT is the point in time as the client wrote it; the engine reads it. Nil if absent.
	PIT json.RawMessage
	// Warnings name what was accepted without effect.
	Warnings []string

	timeout string
	stats   []string
	profile bool
	// collapseSearches is printed back; groups are searched one after the other.
	collapseSearches int
}

const trackDefault = 10000

// ParseRequest reads the body of a search. An empty body asks for everything.
func ParseRequest(body []byte) (*Request, error) {
	r := &Request{From: -1, Size: -1}
	if strings.TrimSpace(string(body)) == "" {
		return r, nil
	}
	n, err := ParseJSON(body)
	if err != nil {
		return nil, err
	}
	if n.Kind != Object {
		return nil, n.Parsing("Expected [START_OBJECT] but found [%s]", n.Token())
	}
	for i, key := range n.Keys {
		v := n.Items[i]
		ok, err := r.member(key, v)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, v.Parsing("Unknown key for a %s in [%s].", v.Token(), key)
		}
	}
	r.Warnings = append(r.Warnings, n.Warnings()...)
	return r, nil
}

// Inert notes that a member or parameter of the search is accepted without effect, and why it has none.
func (r *Request) Inert(name, why string) {
	r.Warnings = append(r.Warnings, "["+name+"] has no effect: "+why)
}

func (r *Request) member(key string, v *Node) (bool, error) {
	switch {
	case v.Scalar():
		return r.scalar(key, v)
	case v.Kind == Object:
		return r.object(key, v)
	case v.Kind == Array:
		return r.array(key, v)
	}
	return false, nil
}

func (r *Request) scalar(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "from":
		if r.From, err = v.Int(); err == nil && r.From < 0 {
			err = illegal("[from] parameter cannot be negative")
		}
	case "size":
		if r.Size, err = v.Int(); err == nil && r.Size < 0 {
			err = illegal("[size] parameter cannot be negative, found [%d]", r.Size)
		}
	case "timeout":
		r.timeout = v.Raw
		r.Timeout, err = ParseTime(v.Raw, "timeout")
	case "terminate_after":
		if r.TerminateAfter, err = v.Int(); err == nil && r.TerminateAfter < 0 {
			err = illegal("terminateAfter must be > 0")
		}
	case "min_score":
		var f float64
		f, err = v.Float()
		m := float32(f)
		r.MinScore = &m
	case "version":
		r.Version, err = boolPointer(v)
	case "seq_no_primary_term":
		r.SeqNo, err = boolPointer(v)
	case "explain":
		r.Explain, err = boolPointer(v)
	case "track_scores":
		r.TrackScores, err = v.Bool()
	case "track_total_hits":
		err = r.trackTotal(v)
	case "_source":
		r.Source, err = parseSource(v)
	case "stored_fields":
		r.Stored, err = v.strings()
	case "sort":
		r.Sort = append(r.Sort, plainSort(v.Raw, ""))
	case "profile":
		if r.profile, err = v.Bool(); err == nil && r.profile {
			err = v.Parsing("[profile] is not supported")
		}
	default:
		return false, v.notSupported(key, "search_pipeline", "verbose_pipeline", "include_named_queries_score")
	}
	return true, err
}

// notSupported refuses what the original knows and this package does not.
func (n *Node) notSupported(key string, known ...string) error {
	if slices.Contains(known, key) {
		return n.Parsing("[%s] is not supported", key)
	}
	return nil
}

func boolPointer(v *Node) (*bool, error) {
	b, err := v.Bool()
	return &b, err
}

func (r *Request) trackTotal(v *Node) error {
	n := math.MaxInt32
	switch v.Raw {
	case "true":
	case "false":
		n = -1
	default:
		var err error
		if n, err = v.Int(); err != nil {
			return err
		}
		if n < -1 {
			return illegal("[track_total_hits] parameter must be positive or equals to -1, got %d", n)
		}
	}
	r.TrackTotal = &n
	return nil
}

func (r *Request) object(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "query":
		r.Query, err = ParseNode(v)
	case "post_filter":
		r.PostFilter, err = ParseNode(v)
	case "_source":
		r.Source, err = parseSource(v)
	case "aggs", "aggregations":
		r.Aggs = json.RawMessage(v.JSON())
	case "highlight":
		r.Highlight, err = parseHighlight(v)
	case "sort":
		r.Sort, err = parseSorts(v)
	case "collapse":
		err = r.collapse(v)
	case "pit":
		r.PIT = json.RawMessage(v.JSON())
	case "script_fields":
		r.Scripts, err = parseScriptFields(v)
	default:
		return false, v.notSupported(key, "indices_boost", "suggest", "rescore", "ext", "slice", "search_pipeline", "derived")
	}
	return true, err
}

func (r *Request) array(key string, v *Node) (bool, error) {
	var err error
	switch key {
	case "_source":
		r.Source, err = parseSource(v)
	case "stored_fields":
		r.Stored, err = v.strings()
	case "docvalue_fields":
		r.DocValues, err = parseFieldFormats(v, "docvalue_fields")
	case "fields":
		r.Fields, err = parseFieldFormats(v, "fields")
	case "sort":
		r.Sort, err = parseSorts(v)
	case "search_after":
		r.SearchAfter, err = parseSearchAfter(v)
	case "stats":
		r.stats, err = v.strings()
	default:
		return false, v.notSupported(key, "indices_boost", "rescore")
	}
	return true, err
}

func parseSearchAfter(v *Node) ([]*Node, error) {
	if len(v.Items) == 0 {
		return nil, illegal("Values must contains at least one value.")
	}
	for _, it := range v.Items {
		if it.Kind == Array || it.Kind == Object {
			return nil, it.Parsing("Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] but found [%s] inside search_after.", it.Token())
		}
	}
	return v.Items, nil
}

// FieldFormat is a field, or a pattern of fields, whose values are wanted, and the format for dates.
type FieldFormat struct{ Field, Format string }

func parseFieldFormats(v *Node, parser string) ([]FieldFormat, error) {
	out := make([]FieldFormat, 0, len(v.Items))
	for _, it := range v.Items {
		var f FieldFormat
		if it.Kind != Object {
			s, err := it.Text()
			if err != nil {
				return nil, err
			}
			out = append(out, FieldFormat{Field: s})
			continue
		}
		for i, key := range it.Keys {
			s, err := it.Items[i].Text()
			switch {
			case err != nil:
				return nil, err
			case key == "field":
				f.Field = s
			case key == "format":
				f.Format = s
			default:
				return nil, it.Items[i].UnknownField(parser, key)
			}
		}
		if f.Field == "" {
			return nil, illegal("Required [field]")
		}
		out = append(out, f)
	}
	return out, nil
}

// Window returns which hits are wanted, defaults applied, or the refusal of a window that is too deep.
func (r *Request) Window() (from, size int, err error) {
	from, size = max(r.From, 0), 10
	if r.Size >= 0 {
		size = r.Size
	}
	if from+size > maxWindow {
		return 0, 0, onShard(illegal("Result window is too large, from + size must be less than or equal to: [%d] but was [%d]. "+
			"See the scroll api for a more efficient way to request large data sets. "+
			"This limit can be set by changing the [index.max_result_window] index level setting.", maxWindow, from+size))
	}
	if from > 0 && r.SearchAfter != nil {
		return 0, 0, Errorf("action_request_validation_exception", "Validation Failed: 1: `from` parameter must be set to 0 when `search_after` is used.;")
	}
	return from, size, nil
}

// ParseTime reads a length of time such as 5m or 100ms; the name is what refusals call it.
func ParseTime(s, name string) (time.Duration, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	if t == "-1" {
		return -1, nil
	}
	if t == "0" {
		return 0, nil
	}
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{
		{"nanos", 1},
		{"micros", time.Microsecond},
		{"ms", time.Millisecond},
		{"s", time.Second},
		{"m", time.Minute},
		{"h", time.Hour},
		{"d", 24 * time.Hour},
	} {
		digits, ok := strings.CutSuffix(t, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || v < 0 || v > math.MaxInt64/int64(u.unit) {
			return 0, illegal("failed to parse [%s]", s)
		}
		return time.Duration(v) * u.unit, nil
	}
	return 0, illegal("failed to parse setting [%s] with value [%s] as a time value: unit is missing or unrecognized", name, s)
}
