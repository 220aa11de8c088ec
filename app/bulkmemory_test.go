package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// bulkLines yields the lines of a bulk of n creates without holding it: the client must not be what is measured.
type bulkLines struct {
	next, n int
	buf     []byte
}

func (b *bulkLines) Read(p []byte) (int, error) {
	for len(b.buf) < len(p) && b.next < b.n {
		b.buf = fmt.Appendf(b.buf, `{"create":{"_index":"docs","_id":"%07d"}}`+"\n"+`{"n":"%07d"}`+"\n", b.next, b.next)
		b.next++
	}
	n := copy(p, b.buf)
	b.buf = append(b.buf[:0], b.buf[n:]...)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// livePeak returns the most bytes of reachable heap while f runs, as collection after collection finds it, and how much is
// reachable when it has ended.
func livePeak(f func()) (peak, after uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var (
		stats runtime.MemStats
		wg    sync.WaitGroup
		stop  = make(chan struct{})
	)
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			runtime.GC()
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapAlloc)
		}
	})
	f()
	close(stop)
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return peak, stats.HeapAlloc
}

// sendBulk sends a bulk of n creates and throws its answer away. It returns the answer's size.
func sendBulk(tb testing.TB, s *apptest.Server, n int) int64 {
	tb.Helper()
	line, err := io.ReadAll(&bulkLines{n: 1})
	if err != nil {
		tb.Fatal(err)
	}
	r := s.Request("POST", "/_bulk", "")
	r.Body, r.ContentLength, r.GetBody = io.NopCloser(&bulkLines{n: n}), int64(n*len(line)), nil
	r.SetBasicAuth("admin", apptest.Password)
	client := http.Transport{DisableCompression: true}
	defer client.CloseIdleConnections()
	resp, err := client.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	begin := make([]byte, 64)
	if _, err := io.ReadFull(resp.Body, begin); err != nil || !bytes.Contains(begin, []byte(`"errors":false`)) {
		tb.Fatalf("answered %s %s %v", resp.Status, begin, err)
	}
	rest, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return rest + int64(len(begin))
}

// bulkServer is a server for large bulks whose events are not documents: those would be in memory.
func bulkServer(tb testing.TB, audit string) *apptest.Server {
	tb.Helper()
	s := apptest.Start(tb, func(c *config.Config) {
		c.Audit.Sinks[0].Type, c.Audit.Sinks[0].Path = "file", "events.json"
		c.Audit.Log.MaxBytes = 4 << 30
	})
	s.Must("PUT", "/docs", `{"mappings":{"properties":{"n":{"type":"keyword"}}}}`)
	s.Audit(audit)
	return s
}

// bulks are the audit configurations that make least and most of a bulk.
var bulks = map[string]string{"unaudited": `{"enabled":false}`, "everything": apptest.Everything}

// TestMemoryOfALargeBulkIsBounded sends 10,000 operations and then 70,000, or VIGIL_TEST_BULK. What one more operation needs
// beside its document is its part of the request and of the answer, and little else: before bulks were executed in parts it
// was 1,300 to 1,600 bytes.
func TestMemoryOfALargeBulkIsBounded(t *testing.T) {
	few, many := 10_000, number(t, "VIGIL_TEST_BULK", 70_000)
	for name, audit := range bulks {
		t.Run(name, func(t *testing.T) {
			var beside [2]int64
			for i, n := range []int{few, many} {
				s := bulkServer(t, audit)
				peak, after := livePeak(func() { sendBulk(t, s, n) })
				beside[i] = int64(peak) - int64(after)
				s.Stop()
			}
			each := (beside[1] - beside[0]) / int64(many-few)
			t.Logf("%d bytes beside the documents for %d operations, %d for %d: %d bytes each", beside[0], few, beside[1], many, each)
			if each > 800 {
				t.Errorf("an operation needs %d bytes beside its document, want at most 800", each)
			}
		})
	}
}

// BenchmarkBulkMemory tells how many bytes of heap one operation of a large bulk needs beside the document that is stored.
func BenchmarkBulkMemory(b *testing.B) {
	const n = 100_000
	for name, audit := range bulks {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := bulkServer(b, audit)
				var answer int64
				peak, after := livePeak(func() { answer = sendBulk(b, s, n) })
				b.ReportMetric(float64(answer)/n, "answer-B/op")
				b.ReportMetric(float64(peak-after)/n, "beside-B/op")
				b.ReportMetric(float64(after)/n, "stored-B/op")
				s.Stop()
			}
		})
	}
}
