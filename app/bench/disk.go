package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"vigil/wal"
)

const (
	entryBytes   = 1 << 10
	segmentBytes = 64 << 20 // after which the log begins a new file
)

// written is what a round of writing came to.
type written struct {
	entries float64         // per second
	group   float64         // entries per sync
	took    []time.Duration // one Append of the log; one fdatasync of the bare loop
}

// manyWriters compares the log under load with a loop that does nothing but write and fdatasync groups of the same size.
func (b *bench) manyWriters(ctx context.Context) ([]figure, error) {
	const writers, rate, share = 64, 100e3, 80
	var logs, bares, shares, groups sample
	for range pick(b, 7, 3) {
		l, bare, err := b.diskRound(ctx, writers)
		if err != nil {
			return nil, err
		}
		logs, bares = append(logs, l.entries), append(bares, bare.entries)
		shares, groups = append(shares, 100*l.entries/bare.entries), append(groups, l.group)
	}
	return []figure{{
		what: "log, 64 writers of 1 KB entries",
		must: "≥ 100k entries/s, or ≥ 80 % of bare",
		is: fmt.Sprintf("%.0fk/s %s; bare %.0fk/s; %.0f %% %s; %.0f per sync",
			logs.median()/1e3, scaled(logs, 1e-3).spread("%.0fk"), bares.median()/1e3, shares.median(), shares.spread("%.0f"), groups.median()),
		met: logs.median() >= rate || shares.median() >= share,
	}}, nil
}

// oneWriter compares the time of one Append with that of one bare fdatasync, without the write before it.
func (b *bench) oneWriter(ctx context.Context) ([]figure, error) {
	var logs, bares, times sample
	for range pick(b, 7, 3) {
		l, bare, err := b.diskRound(ctx, 1)
		if err != nil {
			return nil, err
		}
		own, base := micros(percentile(l.took, 0.5)), micros(percentile(bare.took, 0.5))
		logs, bares, times = append(logs, own), append(bares, base), append(times, own/base)
	}
	return []figure{{
		what: "log, one writer: p50",
		must: "≤ 2 × p50 of a bare fdatasync",
		is: fmt.Sprintf("%.0f µs; bare %.0f µs; %.2f × %s",
			logs.median(), bares.median(), times.median(), times.spread("%.2f")),
		met: times.median() <= 2,
	}}, nil
}

func scaled(s sample, by float64) sample {
	out := make(sample, len(s))
	for i, v := range s {
		out[i] = v * by
	}
	return out
}

// diskRound writes with the log, then without it in groups as large as the log's were on average.
func (b *bench) diskRound(ctx context.Context, writers int) (l, bare written, err error) {
	took := pick(b, time.Second, 250*time.Millisecond)
	dir, err := os.MkdirTemp(b.dir, "disk-")
	if err != nil {
		return l, bare, fmt.Errorf("make a folder: %w", err)
	}
	if l, err = writeLog(ctx, filepath.Join(dir, "log"), writers, took); err == nil {
		bare, err = writeBare(ctx, dir, l.group, took)
	}
	return l, bare, errors.Join(err, os.RemoveAll(dir))
}

// entry is random, so that no disk makes it smaller.
func entry() []byte {
	e := make([]byte, entryBytes)
	_, _ = rand.Read(e) // never fails: it ends the process instead
	return e
}

func writeLog(ctx context.Context, dir string, writers int, during time.Duration) (written, error) {
	l, err := wal.Open(wal.Options{Dir: dir})
	if err != nil {
		return written{}, err
	}
	took, errs := make([][]time.Duration, writers), make([]error, writers)
	e := entry()
	began := time.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for at := time.Now(); at.Sub(began) < during && errs[w] == nil; {
				_, errs[w] = l.Append(ctx, e)
				now := time.Now()
				took[w] = append(took[w], now.Sub(at))
				at = now
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	s := l.Stats()
	if err := errors.Join(append(errs, l.Close())...); err != nil {
		return written{}, err
	}
	return written{
		entries: float64(s.Entries) / elapsed.Seconds(), group: float64(s.Entries) / float64(s.Syncs), took: slices.Concat(took...),
	}, nil
}

// writeBare writes and syncs groups of entries. It moves on to a fresh preallocated file where the log does, since a file that
// was written before syncs faster.
func writeBare(ctx context.Context, dir string, group float64, during time.Duration) (w written, err error) {
	var (
		f       wal.File
		off     = int64(segmentBytes)
		entries int
		owed    float64 // the group's fraction, which adds up
		e       = entry()
		buf     []byte
	)
	for range int(group) + 1 {
		buf = append(buf, e...)
	}
	began := time.Now()
	for n := 0; time.Since(began) < during && ctx.Err() == nil; n++ {
		owed += group
		size := int64(owed) * entryBytes
		owed -= float64(int64(owed))
		if off+size > segmentBytes {
			if f != nil {
				err = f.Close()
			}
			if f, off = nil, 0; err == nil {
				f, err = preallocated(filepath.Join(dir, "bare-"+strconv.Itoa(n)))
			}
			if err != nil {
				return written{}, err
			}
		}
		if _, err = f.WriteAt(buf[:size], off); err != nil {
			break
		}
		synced := time.Now()
		if err = f.Sync(); err != nil {
			break
		}
		w.took = append(w.took, time.Since(synced))
		off += size
		entries += int(size / entryBytes)
	}
	w.entries, w.group = float64(entries)/time.Since(began).Seconds(), group
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	return w, errors.Join(err, ctx.Err())
}

func preallocated(name string) (wal.File, error) {
	f, err := wal.OS().OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Preallocate(0, segmentBytes), f.Sync()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
