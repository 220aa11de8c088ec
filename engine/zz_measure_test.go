package engine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func mem() uint64 { var m runtime.MemStats; runtime.GC(); runtime.ReadMemStats(&m); return m.HeapAlloc >> 20 }

func fill(e *Engine, index string, n int) {
	for at := 0; at < n; at += 1000 {
		var body strings.Builder
		for i := at; i < min(n, at+1000); i++ {
			body.WriteString("{\"index\":{}}\n" + auditLike(i) + "\n")
		}
		if s, text := call(e, "POST", "/"+index+"/_bulk", body.String()); s != 200 {
			panic(text)
		}
	}
}

func TestZPause(t *testing.T) {
	if os.Getenv("MEASURE") != "pause" { return }
	e, err := Open(Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil { t.Fatal(err) }
	defer e.Close()
	want(t, e, 200, "PUT", "/p", "")
	var stop atomic.Bool
	done := make(chan time.Duration)
	go func() {
		var worst time.Duration
		for !stop.Load() {
			s := time.Now()
			call(e, "PUT", "/p/_doc/1", `{"n":1}`)
			worst = max(worst, time.Since(s))
		}
		done <- worst
	}()
	s := time.Now()
	fill(e, "a", 240_000)
	fmt.Println("filled", time.Since(s), "heap", mem())
	time.Sleep(3*time.Second)
	stop.Store(true)
	fmt.Println("worst write", <-done)
	s = time.Now()
	e.Close()
	fmt.Println("close", time.Since(s))
}

func TestZStart(t *testing.T) {
	if os.Getenv("MEASURE") != "start" { return }
	dir := t.TempDir()
	e, err := Open(Options{Dir: dir, MinFree: -1})
	if err != nil { t.Fatal(err) }
	s := time.Now()
	fill(e, "a", 500_000)
	fmt.Println("filled", time.Since(s), "heap", mem())
	e.Close()
	e = nil
	runtime.GC()
	s = time.Now()
	e, err = Open(Options{Dir: dir, MinFree: -1})
	if err != nil { t.Fatal(err) }
	fmt.Println("open", time.Since(s), "heap", mem())
	e.Close()
}

func TestZBulk(t *testing.T) {
	if os.Getenv("MEASURE") != "bulk" { return }
	e, err := Open(Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil { t.Fatal(err) }
	defer e.Close()
	for _, c := range []struct{ n, size int }{{10_000, 20}, {10_000, 20}, {90_000, 1000}, {90, 1_100_000}, {900_000, 20}} {
		var body strings.Builder
		for i := range c.n {
			fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"n\":%d,\"s\":%q}\n", i, i, strings.Repeat("x ", c.size/2))
		}
		b := body.String()
		var peak atomic.Uint64
		var stop atomic.Bool
		fin := make(chan bool)
		base := mem()
		go func() {
			for !stop.Load() {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc>>20))
				time.Sleep(20*time.Millisecond)
			}
			fin <- true
		}()
		s := time.Now()
		st, text := call(e, "PUT", fmt.Sprintf("/x%d/_bulk", c.size), b)
		d := time.Since(s)
		stop.Store(true)
		<-fin
		fmt.Printf("%d x %d = %d MB: %d in %v; heap base %d peak %d after %d; answer %d MB\n", c.n, c.size, len(b)>>20, st, d, base, peak.Load(), mem(), len(text)>>20)
	}
	fmt.Printf("%+v\n", e.log.Stats())
}

func TestZSearch(t *testing.T) {
	if os.Getenv("MEASURE") != "search" { return }
	e, err := Open(Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil { t.Fatal(err) }
	defer e.Close()
	want(t, e, 200, "PUT", "/a", `{"mappings":{"properties":{"@timestamp":{"type":"date"},"audit_category":{"type":"keyword"},"audit_request_effective_user":{"type":"keyword"},"audit_request_body":{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}}}}`)
	fill(e, "a", 200_000)
	for name, body := range map[string]string{
		"match_all": `{}`,
		"size 0": `{"size":0}`,
		"term+sort": `{"query":{"bool":{"filter":[{"term":{"audit_category":"AUTHENTICATED"}},{"term":{"audit_request_effective_user":"user3"}}]}},"sort":[{"@timestamp":"desc"}],"size":10}`,
		"term all+sort": `{"query":{"bool":{"filter":[{"term":{"audit_category":"AUTHENTICATED"}}]}},"sort":[{"@timestamp":"desc"}],"size":10}`,
		"range+sort": `{"query":{"bool":{"filter":[{"range":{"@timestamp":{"gte":"2026-01-02T12:00:30Z","lt":"now"}}}]}},"sort":[{"@timestamp":"desc"}],"size":10}`,
		"query_string": `{"query":{"query_string":{"query":"audit_category:AUTHENTICATED AND audit_request_effective_user:user3"}},"size":10}`,
		"hist x terms": `{"size":0,"aggs":{"h":{"date_histogram":{"field":"@timestamp","fixed_interval":"10s"},"aggs":{"t":{"terms":{"field":"audit_request_effective_user"}}}}}}`,
		"match body": `{"size":1,"query":{"match":{"audit_request_body":"word"}}}`,
	} {
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s, text := call(e, "POST", "/a/_search", body); s != 200 { b.Fatal(text) }
			}
		})
		fmt.Printf("%-14s %8.1f ms %8d allocs %6d MB\n", name, float64(r.NsPerOp())/1e6, r.AllocsPerOp(), r.AllocedBytesPerOp()>>20)
	}
}
