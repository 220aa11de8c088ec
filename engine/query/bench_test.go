package query_test

import (
	"context"
	"fmt"
	"testing"

	"vigil/engine/query"
	"vigil/engine/query/querytest"
)

func BenchmarkSearch(b *testing.B) {
	var docs []string
	for i := range 10000 {
		docs = append(docs, fmt.Sprintf(`{"user":"u%d","at":%d,"msg":"login of user %d from host %d"}`, i%100, now.UnixMilli()-int64(i)*1000, i%100, i%7))
	}
	target := querytest.Index(b, "logs", querytest.Mapping{"user": "keyword", "at": "date", "msg": "text"}, docs...)
	for name, body := range map[string]string{
		"filter": `{"query":{"bool":{"filter":[{"term":{"user":"u7"}},{"range":{"at":{"gte":"now-1h"}}}]}},"sort":[{"at":"desc"}]}`,
		"match":  `{"query":{"match":{"msg":"login host"}}}`,
	} {
		r, err := query.ParseRequest([]byte(body))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := query.Run(context.Background(), r, []query.Target{target}, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
