package engine

import (
	"fmt"
	"strings"
	"testing"
)

// auditLike is a document of the size and shape of an audit event.
func auditLike(i int) string {
	return fmt.Sprintf(`{"@timestamp":"2026-01-02T12:00:%02d.%03dZ","audit_category":"AUTHENTICATED","audit_request_effective_user":"user%d",`+
		`"audit_rest_request_path":"/logs-%d/_search","audit_rest_request_method":"POST","audit_request_layer":"REST","audit_format_version":4,`+
		`"audit_request_remote_address":"10.0.0.%d","audit_request_body":"%s"}`, i%60, i%1000, i%50, i%7, i%250, strings.Repeat("word ", 200))
}

func BenchmarkBulkOfThousand(b *testing.B) {
	e, err := Open(Options{Dir: b.TempDir(), MinFree: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	var body strings.Builder
	for i := range 1000 {
		body.WriteString("{\"index\":{}}\n" + auditLike(i) + "\n")
	}
	b.ReportAllocs()
	for b.Loop() {
		if status, text := call(e, "POST", "/a/_bulk", body.String()); status != 200 {
			b.Fatal(text)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/doc")
}

func BenchmarkSingleDocument(b *testing.B) {
	e, err := Open(Options{Dir: b.TempDir(), MinFree: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	doc := auditLike(1)
	for b.Loop() {
		if status, text := call(e, "PUT", "/a/_doc/1", doc); status >= 300 {
			b.Fatal(text)
		}
	}
}

func BenchmarkSearchTenThousand(b *testing.B) {
	e, err := Open(Options{Dir: b.TempDir(), MinFree: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	var body strings.Builder
	for i := range 10_000 {
		body.WriteString("{\"index\":{}}\n" + auditLike(i) + "\n")
	}
	if status, text := call(e, "POST", "/a/_bulk", body.String()); status != 200 {
		b.Fatal(text)
	}
	for b.Loop() {
		if status, text := call(e, "POST", "/a/_search", `{"query":{"bool":{"filter":[{"term":{"audit_category.keyword":"AUTHENTICATED"}},{"range":{"@timestamp":{"gte":"2026-01-02T12:00:30Z"}}}]}}}`); status != 200 {
			b.Fatal(text)
		}
	}
}
