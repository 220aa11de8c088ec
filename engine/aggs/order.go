package aggs

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"vigil/engine/query"
)

// order is one criterion by which buckets are ordered: _count, _key or the path of a metric.
type order struct {
	by   string
	desc bool
}

func parseOrders(v *query.Node) ([]order, error) {
	items := []*query.Node{v}
	if v.Kind == query.Array {
		items = v.Items
	}
	var out []order
	for _, it := range items {
		if it.Kind != query.Object || len(it.Keys) != 1 {
			return nil, it.Parsing("Must specify at least one field for [order]")
		}
		by, dir := it.Keys[0], strings.ToLower(it.Items[0].Raw)
		if dir != "asc" && dir != "desc" {
			return nil, it.Items[0].Parsing("Unknown order direction [%s]", it.Items[0].Raw)
		}
		if by == "_term" || by == "_time" {
			by = "_key"
		}
		out = append(out, order{by: by, desc: dir == "desc"})
	}
	return out, nil
}

// tied adds the key as what decides when everything else is equal.
func tied(orders []order) []order {
	if len(orders) > 0 && orders[len(orders)-1].by == "_key" {
		return orders
	}
	return append(slices.Clone(orders), order{by: "_key"})
}

func printOrders(w *query.Printer, orders []order) {
	w.Key("order")
	if len(orders) != 1 {
		w.Open('[')
		defer w.Close(']')
	}
	for _, o := range orders {
		w.Open('{')
		w.Key(o.by)
		if o.desc {
			w.Str("desc")
		} else {
			w.Str("asc")
		}
		w.Close('}')
	}
}

// bySub says whether an order needs the aggregations below the buckets.
func bySub(orders []order) bool {
	return slices.ContainsFunc(orders, func(o order) bool { return o.by != "_count" && o.by != "_key" })
}

// sortBuckets orders buckets, given how keys compare.
func sortBuckets(list []*bucket, orders []order, keys func(a, b *bucket) int) error {
	for _, o := range orders {
		if o.by == "_count" || o.by == "_key" || len(list) == 0 {
			continue
		}
		if _, err := list[0].path(o.by); err != nil {
			return query.Errorf("aggregation_execution_exception", "Invalid aggregation order path [%s]. %s", o.by, reason(err))
		}
	}
	slices.SortStableFunc(list, func(a, b *bucket) int {
		for _, o := range orders {
			n := 0
			switch o.by {
			case "_count":
				n = cmp.Compare(a.count, b.count)
			case "_key":
				n = keys(a, b)
			default:
				n = comparePath(a, b, o)
				if n != 0 {
					return n
				}
				continue
			}
			if o.desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	return nil
}

// comparePath puts buckets without a number last in either direction.
func comparePath(a, b *bucket, o order) int {
	x, _ := a.path(o.by)
	y, _ := b.path(o.by)
	switch {
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	case math.IsNaN(y):
		return -1
	case o.desc:
		return cmp.Compare(y, x)
	}
	return cmp.Compare(x, y)
}

func reason(err error) string {
	if e, ok := err.(*query.Error); ok { //nolint:errorlint // made in this package, never wrapped
		return e.Reason
	}
	return err.Error()
}
