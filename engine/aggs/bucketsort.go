package aggs

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"vigil/engine/query"
)

// bucketSort orders, and cuts, the buckets of its parent.
type bucketSort struct {
	common
	orders     []order
	from, size int
}

func parseBucketSort(n *query.Node) (pipeline, error) {
	b := &bucketSort{common: common{typ: "bucket_sort"}, size: -1}
	err := b.parse(n, func(key string, v *query.Node) (bool, error) {
		var err error
		switch key {
		case "sort":
			b.orders, err = parseBucketOrders(v)
		case "from":
			b.from, err = positive(v, "from", 0)
		case "size":
			b.size, err = positive(v, "size", 1)
		case "buckets_path", "format":
			return true, v.UnknownField("bucket_sort", key)
		default:
			return false, nil
		}
		return true, err
	})
	for _, o := range b.orders {
		b.path = append(b.path, o.by)
	}
	if err == nil && b.orders == nil && b.size < 0 && b.from == 0 {
		err = query.Errorf("illegal_argument_exception", "[bucket_sort] is configured to perform nothing. Please set either of [sort, size, from] to use bucket_sort")
	}
	return b, err
}

func parseBucketOrders(v *query.Node) ([]order, error) {
	items := []*query.Node{v}
	if v.Kind == query.Array {
		items = v.Items
	}
	var out []order
	for _, it := range items {
		if it.Kind == query.Text {
			out = append(out, order{by: it.Raw})
			continue
		}
		for i, by := range it.Keys {
			dir := it.Items[i]
			if dir.Kind == query.Object {
				if dir = dir.Get("order"); dir == nil {
					return nil, it.Parsing("[bucket_sort] sort needs an [order]")
				}
			}
			d := strings.ToLower(dir.Raw)
			if d != "asc" && d != "desc" {
				return nil, it.Parsing("Unknown order direction [%s]", dir.Raw)
			}
			out = append(out, order{by: by, desc: d == "desc"})
		}
	}
	return out, nil
}

func (b *bucketSort) apply(_ *runner, _ aggregation, list []*bucket) ([]*bucket, error) {
	values := map[*bucket][]float64{}
	var kept []*bucket
	for _, x := range list {
		xs := make([]float64, len(b.orders))
		gaps := 0
		for i, o := range b.orders {
			var err error
			if xs[i], err = b.value(x, o.by); err != nil {
				return nil, err
			}
			if math.IsNaN(xs[i]) {
				gaps++
			}
		}
		if len(xs) == 0 || gaps < len(xs) {
			values[x] = xs
			kept = append(kept, x)
		}
	}
	slices.SortStableFunc(kept, func(x, y *bucket) int {
		for i, o := range b.orders {
			n := compareGaps(values[x][i], values[y][i], o.desc)
			if n != 0 {
				return n
			}
		}
		return 0
	})
	kept = kept[min(b.from, len(kept)):]
	if b.size >= 0 {
		kept = kept[:min(b.size, len(kept))]
	}
	return kept, nil
}

func compareGaps(x, y float64, desc bool) int {
	switch {
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	case math.IsNaN(y):
		return -1
	case desc:
		return cmp.Compare(y, x)
	}
	return cmp.Compare(x, y)
}

func (b *bucketSort) print(w *query.Printer) {
	w.Key("sort")
	w.Open('[')
	for _, o := range b.orders {
		w.Open('{')
		w.Key(o.by)
		w.Open('{')
		w.Key("order")
		if o.desc {
			w.Str("desc")
		} else {
			w.Str("asc")
		}
		w.Close('}')
		w.Close('}')
	}
	w.Close(']')
	w.Key("from")
	w.Int(b.from)
	if b.size >= 0 {
		w.Key("size")
		w.Int(b.size)
	}
	b.printGap(w)
}
