package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

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

// livePeak returns the most bytes of reachable heap that a collection finds while f runs, with a collection for every tenth
// that the heap grows, and how much is reachable when f has ended.
func livePeak(f func()) (peak, after uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtime.GC()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(live)
			peak = max(peak, live[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	runtime.GC()
	metrics.Read(live)
	return peak, live[0].Value.Uint64()
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
		c.Audit.Sinks[0].MaxSize = 4 << 30 // one file
		c.Audit.Log.MaxBytes = 4 << 30
		c.HTTP.TrustedProxies = []string{"127.0.0.0/8"}
	})
	s.Must("PUT", "/docs", `{"mappings":{"properties":{"n":{"type":"keyword"}}}}`)
	s.Audit(audit)
	return s
}

// bulks are the audit configurations that make least and most of a bulk.
var bulks = map[string]string{"unaudited": `{"enabled":false}`, "everything": apptest.Everything}

// TestMemoryOfALargeBulkIsBounded sends 100,000 operations, or VIGIL_TEST_BULK. What they need beside their documents is the
// request, the answer, once on its way out of the engine and once in the gateway, and what does not grow with their number.
// Before bulks were executed in parts, an operation needed 1,300 to 1,700 bytes.
func TestMemoryOfALargeBulkIsBounded(t *testing.T) {
	n := number(t, "VIGIL_TEST_BULK", 100_000)
	line, err := io.ReadAll(&bulkLines{n: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, audit := range bulks {
		t.Run(name, func(t *testing.T) {
			s := bulkServer(t, audit)
			var answer int64
			peak, after := livePeak(func() { answer = sendBulk(t, s, n) })
			beside, request := int64(peak)-int64(after), int64(n*len(line))
			t.Logf("%d bytes beside the documents; the request has %d, the answer %d", beside, request, answer)
			const fixed = 64 << 20
			if want := request + 2*answer + fixed; beside > want {
				t.Errorf("needed %d bytes beside the documents, want at most %d", beside, want)
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
