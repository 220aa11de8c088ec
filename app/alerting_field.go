package app

import (
	"slices"
	"strings"

	"vigil/alerting"
	"vigil/engine/segment"
)

// textFields of the audit index are cut into words; all other strings there are kept whole.
var textFields = []string{"audit_request_body", "audit_compliance_diff_content", "audit_request_exception_stacktrace"}

// fieldOf tells alerting what a name in a monitor's query means in the documents that it is shown.
func (s *Server) fieldOf(indices []string, name string) alerting.Field {
	if s.sharesStore() {
		return s.futureField(indices, name) // the mappings of the cluster's own indices are not asked for
	}
	concrete, missing := s.engine.Resolve(indices)
	opaque := alerting.Field{Path: name, Opaque: true}
	var found *alerting.Field
	everywhere := slices.Equal(slices.Sorted(slices.Values(concrete)), slices.Sorted(slices.Values(indices)))
	for _, index := range concrete {
		f := s.engine.Field(index, name)
		if f == nil {
			everywhere = false
			continue
		}
		if gathers(s.engine.Sources(index, name), name, f.Name) {
			return opaque
		}
		if here := fieldMeans(f); found == nil {
			found = &here
		} else if here != *found {
			return opaque
		}
	}
	switch {
	case found == nil && (len(concrete) == 0 || len(missing) > 0):
		// The first event makes its index; what its fields will be is known.
		return s.futureField(indices, name)
	case found == nil:
		return opaque
	case !everywhere && !strings.HasSuffix(name, ".keyword"):
		// An index that is to come may cut values into words; whole words are in whole values, too.
		found.Exact, found.Text = false, found.Text || found.Exact
	}
	return *found
}

// gathers reports whether a field has values of others: those that are copied to it.
func gathers(sources []string, name, target string) bool {
	return slices.ContainsFunc(sources, func(from string) bool {
		return from != target && !strings.HasPrefix(name, from+".") && !strings.HasPrefix(target, from+".")
	})
}

// fieldMeans is what a field of one index means.
func fieldMeans(f *segment.Field) alerting.Field {
	out := alerting.Field{Path: strings.TrimSuffix(f.Name, ".keyword")}
	switch f.Type {
	case segment.Keyword:
		out.Exact, out.Opaque = true, f.Normalizer != ""
	case segment.Text:
		out.Text, out.Opaque = true, f.Analyzer != "" && f.Analyzer != "standard" || f.SearchAnalyzer != ""
	case segment.FlatObject:
		out.Text = true
	case segment.Nested, segment.IP, segment.Date, segment.DateNanos, segment.ScaledFl, segment.HalfFloat:
		// One value is written in many ways, or rounded.
		out.Opaque = true
	default:
	}
	return out
}

// futureField is fieldOf for indices that do not exist yet.
func (s *Server) futureField(indices []string, name string) alerting.Field {
	for _, i := range indices {
		if !strings.HasPrefix(i, "security-auditlog-") {
			return alerting.Field{Path: name, Opaque: true}
		}
	}
	base, _ := strings.CutSuffix(name, ".keyword")
	switch {
	case base == "audit_utc_timestamp":
		return alerting.Field{Path: "@timestamp"}
	case !strings.HasPrefix(base, "audit_"), strings.Contains(base, "."):
		return alerting.Field{Path: name, Opaque: true}
	}
	return alerting.Field{Path: base, Exact: base != name || !slices.Contains(textFields, base)}
}
