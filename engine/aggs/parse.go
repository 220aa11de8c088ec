package aggs

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"vigil/engine/query"
)

// Parse reads the object under "aggs". Nothing at all is no aggregations.
func Parse(raw json.RawMessage) (Aggs, error) {
	if len(raw) == 0 {
		return Aggs{}, nil
	}
	n, err := query.ParseJSON(raw)
	if err != nil {
		return Aggs{}, err
	}
	out, err := parseLevel(n, 0)
	out.inert = n.Warnings()
	return out, err
}

func parseLevel(n *query.Node, depth int) (Aggs, error) {
	if n.Kind != query.Object {
		return Aggs{}, n.Parsing("Unexpected token %s in [aggs].", n.Token())
	}
	if depth > maxDepth {
		return Aggs{}, n.Parsing("aggregations are nested too deeply, limit is %d", maxDepth)
	}
	var out Aggs
	for i, name := range n.Keys {
		a, err := parseOne(name, n.Items[i], depth)
		if err != nil {
			return Aggs{}, err
		}
		out.list = append(out.list, a)
	}
	return out, out.checkPipelines(n)
}

func parseOne(name string, n *query.Node, depth int) (aggregation, error) {
	a := aggregation{name: name}
	if name == "" || strings.ContainsAny(name, "[]>") {
		return a, n.Parsing("Invalid aggregation name [%s]. Aggregation names can contain any character except '[', ']', and '>'", name)
	}
	if n.Kind != query.Object {
		return a, n.Parsing("Aggregation definition for [%s starts with a [%s], expected a [START_OBJECT].", name, n.Token())
	}
	for i, key := range n.Keys {
		v := n.Items[i]
		if v.Kind != query.Object {
			return a, v.Parsing("Expected [START_OBJECT] under [%s], but got a [%s] in [%s]", key, v.Token(), name)
		}
		var err error
		switch key {
		case "meta":
			a.meta = v
		case "aggs", "aggregations":
			if !a.subs.Empty() {
				return a, v.Parsing("Found two sub aggregation definitions under [%s]", name)
			}
			a.subs, err = parseLevel(v, depth+1)
		default:
			if a.typ != "" {
				return a, v.Parsing("Found two aggregation type definitions in [%s]: [%s] and [%s]", name, a.typ, key)
			}
			a.typ = key
			err = a.parseBody(v)
		}
		if err != nil {
			return a, err
		}
	}
	switch {
	case a.typ == "":
		return a, n.Parsing("Missing definition for aggregation [%s]", name)
	case a.subs.Empty():
	case a.pipe != nil:
		return a, n.Parsing("Aggregation [%s] cannot define sub-aggregations", name)
	case leaf(a.typ):
		return a, query.Errorf("aggregation_initialization_exception", "Aggregator [%s] of type [%s] cannot accept sub-aggregations", name, a.typ)
	}
	return a, nil
}

func leaf(typ string) bool {
	switch typ {
	case "value_count", "min", "max", "avg", "sum", "stats", "extended_stats", "cardinality", "percentiles", "top_hits":
		return true
	}
	return false
}

type kindParser func(n *query.Node) (kind, error)

func kinds() map[string]kindParser {
	return map[string]kindParser{
		"terms": parseTerms, "multi_terms": parseMultiTerms, "composite": parseComposite,
		"value_count": parseMetric("value_count"), "min": parseMetric("min"), "max": parseMetric("max"),
		"avg": parseMetric("avg"), "sum": parseMetric("sum"), "stats": parseMetric("stats"),
		"extended_stats": parseMetric("extended_stats"), "cardinality": parseMetric("cardinality"), "percentiles": parsePercentiles,
		"date_histogram": parseDateHistogram, "histogram": parseHistogram, "range": parseRange, "date_range": parseDateRange,
		"filter": parseFilter, "filters": parseFilters, "missing": parseMissing, "global": parseGlobal,
		"nested": parseNested, "reverse_nested": parseReverseNested, "top_hits": parseTopHits,
	}
}

func unsupported() []string {
	return []string{
		"adjacency_matrix", "auto_date_histogram", "boxplot", "children", "cumulative_cardinality", "diversified_sampler",
		"extended_stats_bucket", "geo_bounds", "geo_centroid", "geo_distance", "geohash_grid", "geotile_grid", "ip_range",
		"matrix_stats", "median_absolute_deviation", "moving_avg", "moving_fn", "parent", "percentile_ranks", "percentiles_bucket",
		"rare_terms", "sampler", "scripted_metric", "serial_diff", "significant_terms", "significant_text", "t_test",
		"variable_width_histogram", "weighted_avg",
	}
}

func (a *aggregation) parseBody(v *query.Node) error {
	all := kinds()
	pipes := pipelines()
	var err error
	switch {
	case all[a.typ] != nil:
		a.kind, err = all[a.typ](v)
	case pipes[a.typ] != nil:
		a.pipe, err = pipes[a.typ](v)
	case slices.Contains(unsupported(), a.typ):
		err = v.Parsing("aggregation type [%s] is not supported", a.typ)
	default:
		known := slices.Concat(slices.Collect(maps.Keys(all)), slices.Collect(maps.Keys(pipes)), unsupported())
		e := v.Parsing("Unknown aggregation type [%s]%s", a.typ, query.Suggest(a.typ, known))
		e.CausedBy = query.Errorf("named_object_not_found_exception", "[%s] unknown field [%s]", v.At(), a.typ)
		err = e
	}
	return err
}

// options calls read for every member; what it does not know is refused as the original's declarative parsers do.
func options(n *query.Node, parser string, read func(key string, v *query.Node) (bool, error)) error {
	for i, key := range n.Keys {
		v := n.Items[i]
		ok, err := read(key, v)
		if err != nil {
			return v.FailedField(parser, key, err)
		}
		if !ok {
			return v.UnknownField(parser, key)
		}
	}
	return nil
}
