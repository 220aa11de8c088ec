package wal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vigil/wal"
)

// BenchmarkAppend compares n writers of 1 KiB entries with the barest loop on the same disk: one write and one fdatasync per
// n entries into a preallocated file. It writes below TMPDIR, which should be a disk. An op is one entry; p50-ns is the
// median time of one call, for bare of one write and fdatasync.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("bare/writers=%d", writers), func(b *testing.B) { benchmarkBare(b, writers) })
		b.Run(fmt.Sprintf("log/writers=%d", writers), func(b *testing.B) { benchmarkLog(b, writers) })
	}
}

const benchEntryBytes = 1 << 10

func benchmarkBare(b *testing.B, writers int) {
	const size = 64 << 20
	dir := b.TempDir()
	f := preallocated(b, dir, size)
	buf := make([]byte, writers*benchEntryBytes)
	took := make([]time.Duration, 0, b.N/writers+1)
	var off int64
	b.SetBytes(benchEntryBytes)
	b.ResetTimer()
	for i := 0; i < b.N; i += writers {
		began := time.Now()
		if off+int64(len(buf)) > size {
			// A log moves on to a new file too, and a file that was written before syncs faster.
			f.Close()
			f, off = preallocated(b, dir, size), 0
		}
		if _, err := f.WriteAt(buf, off); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		off += int64(len(buf))
		took = append(took, time.Since(began))
	}
	report(b, took, len(took))
}

func preallocated(b *testing.B, dir string, size int64) wal.File {
	f, err := wal.OS().OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_TRUNC|os.O_RDWR)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if err := f.Preallocate(0, size); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return f
}

func benchmarkLog(b *testing.B, writers int) {
	l, err := wal.Open(wal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	took := make([][]time.Duration, writers)
	entry := make([]byte, benchEntryBytes)
	b.SetBytes(benchEntryBytes)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < b.N; i += writers {
				began := time.Now()
				if _, err := l.Append(context.Background(), entry); err != nil {
					b.Error(err)
					return
				}
				took[w] = append(took[w], time.Since(began))
			}
		})
	}
	wg.Wait()
	report(b, slices.Concat(took...), int(l.Stats().Syncs))
}

func report(b *testing.B, took []time.Duration, syncs int) {
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(b.N)/float64(syncs), "entries/sync")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
